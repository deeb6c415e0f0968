"""The detector that `benchmarks/training/torch_teacher.py` reads from ncnn's files."""

from __future__ import annotations

import importlib.util
import struct
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

ROOT = Path(__file__).parents[1]
CLASSES, BINS = 2, 4
HEAD = CLASSES + 4 * BINS
SIZE = (64, 96)
MAPS = ["c", "d", "e", "f"]

CONV = "1=3 4=1 5=1 3=2"  # 3 x 3, a pixel of padding, a bias, stride 2
GRAPH = f"""
Input input 0 1 data
Convolution stem 1 1 data a 0=6 {CONV} 6=162 9=2 -23310=1,1.000000e-01
Pooling pool 1 1 a a2 0=0 1=3 2=2 3=1 5=1
Split split 1 3 a2 b0 b1 b2
Slice halves 1 2 b0 l r -23300=2,-233,-233 1=0
ConvolutionDepthWise deep 1 1 r r2 0=3 1=5 11=3 4=2 14=1 5=1 6=45 7=3
Concat cat 2 1 l r2 s 0=0
ShuffleChannel shuffle 1 1 s t 0=2 1=0
ReLU relu 1 1 b1 u 0=0.25
ConvolutionDepthWise small 1 1 t t2 0=6 {CONV} 6=54 7=6 9=1
Interp up 1 1 t2 up 0=2 1=2.000000e+00 2=2.000000e+00 6=0
BinaryOp add 2 1 up u v 0=0
BinaryOp times 2 1 v b2 w 0=2
Convolution at8 1 1 w c 0=3 {CONV} 6=162
Convolution at16 1 1 c d 0=3 {CONV} 6=81
Convolution at32 1 1 d e 0=3 {CONV} 6=81
Convolution at64 1 1 e f 0=3 {CONV} 6=81
Convolution head8 1 1 c h8 0={HEAD} 1=1 5=1 6={HEAD * 3}
Convolution head16 1 1 d h16 0={HEAD} 1=1 5=1 6={HEAD * 3}
Convolution head32 1 1 e h32 0={HEAD} 1=1 5=1 6={HEAD * 3}
Convolution head64 1 1 f h64 0={HEAD} 1=1 5=1 6={HEAD * 3}
Reshape flat8 1 1 h8 g8 0=-1 1={HEAD}
Reshape flat16 1 1 h16 g16 0=-1 1={HEAD}
Reshape flat32 1 1 h32 g32 0=-1 1={HEAD}
Reshape flat64 1 1 h64 g64 0=-1 1={HEAD}
Concat rows 4 1 g8 g16 g32 g64 g 0=1
Permute turn 1 1 g output 0=1
"""
SHAPES = {
    "stem": (6, 3, 3, 3),
    "deep": (3, 1, 3, 5),
    "small": (6, 1, 3, 3),
    "at8": (3, 6, 3, 3),
    **{f"at{stride}": (3, 3, 3, 3) for stride in (16, 32, 64)},
    **{f"head{stride}": (HEAD, 3, 1, 1) for stride in (8, 16, 32, 64)},
}
FULL = "stem"  # its weights are in fp32, the others' in fp16


def torch_teacher():
    path = ROOT / "benchmarks" / "training" / "torch_teacher.py"
    spec = importlib.util.spec_from_file_location("torch_teacher", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TEACHER = torch_teacher()


def weights() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """A kernel, exact in fp16, and a bias of every convolution."""
    generator = torch.Generator().manual_seed(3)
    made = {}
    for name, shape in SHAPES.items():
        kernel = torch.randn(shape, generator=generator) / np.prod(shape[1:]) ** 0.5
        made[name] = kernel.half().float(), torch.randn(shape[0], generator=generator)
    return made


def packed(**changes: tuple[torch.Tensor, torch.Tensor]) -> bytes:
    data = b""
    for name, (kernel, bias) in (weights() | changes).items():
        if name == FULL:
            data += struct.pack("<I", 0) + kernel.numpy().tobytes()
        else:
            half = kernel.numpy().astype("<f2").tobytes()
            data += struct.pack("<I", 0x01306B47) + half + bytes(-len(half) % 4)
        data += bias.numpy().tobytes()
    return data


def write(folder: Path, graph: str = GRAPH, data: bytes | None = None) -> tuple[str, str]:
    lines = graph.strip().splitlines()
    blobs = {word for line in lines for word in line.split()[4:] if "=" not in word}
    param, bin = folder / "tiny.param", folder / "tiny.bin"
    param.write_text("\n".join(["7767517", f"{len(lines)} {len(blobs)}", *lines]) + "\n")
    bin.write_bytes(packed() if data is None else data)
    return str(param), str(bin)


def read(folder: Path, graph: str = GRAPH, data: bytes | None = None, size=SIZE):
    cpu = torch.device("cpu")
    return TEACHER.Network(cpu, size, *write(folder, graph, data), MAPS, classes=CLASSES)


def frames(count: int = 2, size: tuple[int, int] = SIZE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randint(256, (count, 3, *size), generator=generator, dtype=torch.uint8)


def by_hand(rgb: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The maps and the output, (B, places, HEAD), of GRAPH."""
    at = weights()
    mean = torch.tensor([103.53, 116.28, 123.675]).view(3, 1, 1)
    scale = torch.tensor([0.017429, 0.017507, 0.017125]).view(3, 1, 1)
    bgr = torch.stack([rgb[:, 2], rgb[:, 1], rgb[:, 0]], 1)
    x = F.conv2d((bgr - mean) * scale, *at["stem"], stride=2, padding=1)
    x = F.max_pool2d(torch.where(x > 0, x, x * 0.1), 3, 2, 1)
    left, right = x[:, :3], x[:, 3:]
    right = F.conv2d(right, *at["deep"], padding=(1, 2), groups=3)
    mixed = torch.stack(
        [left[:, 0], right[:, 0], left[:, 1], right[:, 1], left[:, 2], right[:, 2]], 1
    )
    small = F.conv2d(mixed, *at["small"], stride=2, padding=1, groups=6).clamp(min=0)
    x = (F.interpolate(small, scale_factor=2, mode="bilinear") + F.leaky_relu(x, 0.25)) * x
    maps, out = [], []
    for stride in (8, 16, 32, 64):
        x = F.conv2d(x, *at[f"at{stride}"], stride=2, padding=1)
        maps.append(x)
        out.append(F.conv2d(x, *at[f"head{stride}"]).flatten(2).transpose(1, 2))
    return maps, torch.cat(out, 1)


def test_it_computes_what_the_layers_mean(tmp_path):
    said = read(tmp_path)(frames())
    maps, out = by_hand(frames())
    for stride, expected in zip((8, 16, 32, 64), maps, strict=True):
        torch.testing.assert_close(said[f"map{stride}"], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(said["classes"], out[..., :CLASSES].sigmoid(), rtol=1e-4, atol=1e-5)


def test_boxes_reach_the_expected_distance_from_the_place_on_each_side(tmp_path):
    """Places (column, row) of the map at 16: 8 x 12 places of stride 8 come before them."""
    boxes = read(tmp_path)(frames())["boxes"]
    _, out = by_hand(frames())
    assert boxes.shape == (2, 8 * 12 + 4 * 6 + 2 * 3 + 1 * 2, 4)
    for column, row in ((0, 0), (5, 2)):
        place = 8 * 12 + row * 6 + column
        chances = out[1, place, CLASSES:].view(4, BINS).double().softmax(1)
        left, top, right, bottom = (chances @ torch.arange(BINS).double() * 16).tolist()
        x, y = column * 16, row * 16
        expected = [x - left, y - top, x + right, y + bottom]
        assert boxes[1, place].tolist() == pytest.approx(expected, abs=1e-3)


def test_a_frame_is_answered_alike_alone_and_in_a_batch_and_without_gradients(tmp_path):
    teacher = read(tmp_path)
    together, alone = teacher(frames(3)), teacher(frames(3)[1:2])
    for name, values in together.items():
        assert values.dtype == torch.float32 and not values.requires_grad
        torch.testing.assert_close(values[1:2], alone[name], rtol=1e-4, atol=1e-4)


def test_autocast_changes_roundings_only(tmp_path):
    teacher = read(tmp_path)
    exact = teacher(frames())
    with torch.autocast("cpu", torch.bfloat16):
        rough = teacher(frames())
    assert rough["map8"].dtype == torch.float32 and not rough["map8"].equal(exact["map8"])
    for name, values in exact.items():
        assert (rough[name] - values).abs().mean() < 0.05 * values.std(), name


def test_load_expects_the_80_classes_of_coco(tmp_path):
    wide = GRAPH.replace(f"0={HEAD} ", "0=112 ").replace(f"6={HEAD * 3}\n", "6=336\n")
    wide = wide.replace(f"1={HEAD}", "1=112")
    silent = torch.zeros(112, 3, 1, 1), torch.zeros(112)
    data = packed(head8=silent, head16=silent, head32=silent, head64=silent)
    files = write(tmp_path, wide, data)
    said = TEACHER.load(torch.device("cpu"), SIZE, *files, *MAPS)(frames())
    assert said["classes"].shape == (2, 128, 80) and (said["classes"] == 0.5).all()
    assert said["boxes"][0, 0].tolist() == [-28, -28, 28, 28]  # 0 to 7 strides, all as likely


def test_blobs_that_nobody_reads_later_are_freed(tmp_path, monkeypatch):
    count = 12
    chain = "".join(f"ReLU r{i} 1 1 x{i} x{i + 1} 0=0.5\n" for i in range(count))
    graph = GRAPH.replace("Input input 0 1 data", f"Input input 0 1 x0\n{chain}".strip())
    graph = graph.replace("stem 1 1 data", f"stem 1 1 x{count}")
    teacher, real, made, alive = read(tmp_path, graph), F.leaky_relu, [], []

    def watched(x, *args, **kwargs):
        alive.append(sum(ref() is not None for ref in made))
        result = real(x, *args, **kwargs)
        made.append(weakref.ref(result))
        return result

    monkeypatch.setattr(TEACHER.F, "leaky_relu", watched)
    teacher(frames())
    assert len(alive) > count and max(alive[:count]) == 1  # the one that is being read


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("ReLU relu 1 1 b1 u 0=0.25", "Swish relu 1 1 b1 u", "layer 9, Swish relu: this type"),
        (" 6=45 7=3", " 6=45 7=3 8=1", "layer 6, ConvolutionDepthWise deep: what 8=1 asks for"),
        ("3=1 5=1\n", "3=1 5=0\n", "layer 3, Pooling pool: 5=0 is not known, only 1"),
        ("9=2 -23310=1,1.000000e-01", "9=4", "layer 2, Convolution stem: 9=4 is not known"),
        (" 6=162 9=2", " 9=2", "layer 2, Convolution stem: it lacks parameter 6"),
        ("4=2 14=1", "4=-233", "layer 6, ConvolutionDepthWise deep: padding"),
        ("at8 1 1 w c", "at8 1 1 w2 c", "layer 14, Convolution at8: no layer before it makes w2"),
        ("g output 0=1", "g out 0=1", "no blob output"),
        ("0=-1 1=18\n", "0=0 1=18\n", "layer 22, Reshape flat8: a side of 0"),
    ],
)
def test_what_is_not_known_is_refused_by_name(tmp_path, line, instead, message):
    assert line in GRAPH
    with pytest.raises(ValueError, match=message):
        read(tmp_path, GRAPH.replace(line, instead, 1))


def test_a_file_of_another_length_is_refused_where_it_ends(tmp_path):
    stem = 4 + 162 * 4 + 6 * 4
    for length, layer in [
        (0, "layer 2, Convolution stem"),
        (stem - 1, "layer 2, Convolution stem"),
        (stem + 2, "layer 6, ConvolutionDepthWise deep"),
        (stem + 4 + 89, "layer 6, ConvolutionDepthWise deep"),
        (len(packed()) - 1, "layer 21, Convolution head64"),
    ]:
        with pytest.raises(ValueError, match=f"{layer}: its weights need .* more bytes"):
            read(tmp_path, data=packed()[:length])
    with pytest.raises(ValueError, match="holds 4 more bytes than the layers"):
        read(tmp_path, data=packed() + bytes(4))
    with pytest.raises(ValueError, match="stem: its weights are tagged 0xd4b38"):
        read(tmp_path, data=struct.pack("<I", 0x000D4B38) + packed()[4:])


def test_a_graph_that_was_cut_off_is_refused(tmp_path):
    param, bin = write(tmp_path)
    Path(param).write_text("\n".join(Path(param).read_text().splitlines()[:-1]))
    for text in (Path(param).read_text(), "7767517\n", "", "<html>\n"):
        Path(param).write_text(text)
        with pytest.raises(ValueError, match="does not hold a whole network"):
            TEACHER.load(torch.device("cpu"), SIZE, param, bin, *MAPS)
    with pytest.raises(ValueError, match=r"tiny\.bin does not hold a whole network"):
        TEACHER.load(torch.device("cpu"), SIZE, bin, param, *MAPS)


def test_frames_of_another_size_or_type_are_refused(tmp_path):
    teacher = read(tmp_path)
    with pytest.raises(ValueError, match=r"must be uint8 \(B, 3, 64, 96\)"):
        teacher(frames(size=(96, 64)))
    with pytest.raises(ValueError, match=r"frames are torch\.float32"):
        teacher(frames().float())
    with pytest.raises(ValueError, match="multiples of 32"):
        read(tmp_path, size=(64, 100))
