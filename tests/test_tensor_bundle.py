"""TensorFlow's checkpoint files, read with numpy: whole, damaged, and of odd kinds."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.config import ConfigError
from pix2seq.convert.crc32c import crc32c, masked_crc32c
from pix2seq.convert.tensor_bundle import TensorBundle, find_prefix, latest_checkpoint

OFFICIAL = Path(__file__).parent / "fixtures" / "official"
SMALL = OFFICIAL / "vit_mlpratio"
STEP = "global_step/.ATTRIBUTES/VARIABLE_VALUE"


# ---- checksums ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "wanted"),
    # RFC 3720, appendix B.4, and the customary check value.
    [
        (b"", 0x00000000),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_checksums_are_those_of_the_standard(data, wanted):
    assert crc32c(data) == wanted


@given(st.binary(max_size=700), st.integers(0, 40))
def test_large_buffers_are_summed_like_small_pieces(piece, repeats):
    """Byte by byte, by the definition."""
    data = piece * repeats
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF


# ---- the recorded checkpoints ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["resnet", "resnetc", "vit", "vit_options", "vit_mlpratio"])
def test_names_shapes_and_sizes_are_read(kind):
    bundle = TensorBundle(find_prefix(OFFICIAL / kind))
    assert bundle.shards == 1
    assert bundle.shard_size(0) == bundle.shard_path(0).stat().st_size
    assert bundle.read(STEP) == 12345 and bundle.read(STEP).dtype == np.int64
    config = json.loads((OFFICIAL / kind / "config.json").read_text())["model"]
    norm = bundle.entries["model/decoder/output_ln/gamma/.ATTRIBUTES/VARIABLE_VALUE"]
    assert norm.shape == (config["dim_att_dec"],) and norm.dtype == "<f4"


def test_text_is_listed_but_not_read():
    bundle = TensorBundle(find_prefix(SMALL))
    assert bundle.entries["_CHECKPOINTABLE_OBJECT_GRAPH"].dtype == "string"
    with pytest.raises(ConfigError, match="text, not numbers"):
        bundle.read("_CHECKPOINTABLE_OBJECT_GRAPH")
    with pytest.raises(ConfigError, match="no tensor 'nothing'"):
        bundle.read("nothing")


@pytest.fixture
def copy(tmp_path) -> Path:
    for path in SMALL.glob("ckpt*"):
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path / "ckpt-12345"


def index_of(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


@given(st.data())
def test_no_single_damaged_byte_of_an_index_goes_unnoticed(tmp_path_factory, data):
    content = (SMALL / "ckpt-12345.index").read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flip = data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("bundle")
    damaged = content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
    (folder / "ckpt.index").write_bytes(damaged)
    whole = TensorBundle(SMALL / "ckpt-12345")
    try:
        bundle = TensorBundle(folder / "ckpt")
    except ConfigError as error:
        assert "ckpt.index" in str(error) and "fetch it again" in str(error)
    else:  # unused space: the meta index and the footer's padding
        assert bundle.entries == whole.entries


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_an_index_cut_off_is_refused(copy, share):
    content = index_of(copy).read_bytes()
    index_of(copy).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ConfigError, match="not a whole TensorFlow checkpoint index"):
        TensorBundle(copy)


def test_damaged_short_and_missing_data_are_told_apart(copy):
    data = TensorBundle(copy).shard_path(0)
    content = bytearray(data.read_bytes())
    content[TensorBundle(copy).entries[STEP].offset] ^= 1
    data.write_bytes(content)
    with pytest.raises(ConfigError, match=f"checksum of {STEP}"):
        TensorBundle(copy).read(STEP)
    data.write_bytes(content[:-1])
    with pytest.raises(ConfigError, match="its index needs"):
        TensorBundle(copy).read(STEP)
    data.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        TensorBundle(copy).read(STEP)


def test_a_missing_index_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"ckpt-1\.index' cannot be read"):
        TensorBundle(tmp_path / "ckpt-1")


@pytest.mark.parametrize("name", ["A" * 5000, "ckpt\0", "ckpt\x1b[31m"])
def test_a_pointer_to_what_is_no_files_name_is_refused_in_a_line(name):
    with pytest.raises(ConfigError, match="no file's name") as refused:
        latest_checkpoint(f'model_checkpoint_path: "{name}"', "checkpoint")
    assert len(str(refused.value)) < 200 and str(refused.value).isprintable()


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    with pytest.raises(ConfigError, match="null byte"):
        TensorBundle(tmp_path / "ckpt\0")


# ---- which checkpoint is meant --------------------------------------------------------------


def test_prefix_index_and_folder_mean_the_same(copy):
    assert find_prefix(copy) == find_prefix(index_of(copy)) == copy
    assert find_prefix(copy.parent) == copy, "the only index in the folder"
    (copy.parent / "checkpoint").write_text('model_checkpoint_path: "ckpt-99"\n')
    assert find_prefix(copy.parent) == copy.parent / "ckpt-99"
    # A prefix may hold dots; only the known ending is cut.
    assert find_prefix(copy.parent / "model.ckpt") == copy.parent / "model.ckpt"


def test_a_folder_of_several_checkpoints_must_be_told_which(copy):
    shutil.copyfile(index_of(copy), copy.with_name("ckpt-2.index"))
    with pytest.raises(ConfigError, match=r"2 \.index files"):
        find_prefix(copy.parent)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('model_checkpoint_path: "ckpt-1"\nall_model_checkpoint_paths: "ckpt-0"', "ckpt-1"),
        ('model_checkpoint_path: "gs://pix2seq/a/b/ckpt-1"', "ckpt-1"),
        ("model_checkpoint_path: '/tmp/x'", "x'"),
    ],
)
def test_the_checkpoint_file_names_the_latest(text, name):
    assert latest_checkpoint(text, "checkpoint") == name


@pytest.mark.parametrize("text", ["", "<html>", 'model_checkpoint_path: ""', "model_checkpoint: x"])
def test_a_checkpoint_file_that_names_none_is_refused(text):
    with pytest.raises(ConfigError, match="names no model_checkpoint_path"):
        latest_checkpoint(text, "somewhere")


# ---- odd but legal, and illegal bundles -----------------------------------------------------


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    """A protobuf field: bytes, a varint, or (number 6) a fixed checksum."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if number == 6:
        return varint(number << 3 | 5) + struct.pack("<I", value)
    return varint(number << 3) + varint(value)


def block(entries: list[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """A table's block without shared prefixes, with its trailer."""
    content = b"".join(
        b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in entries
    )
    content += struct.pack("<II", 0, 1) + bytes([compression])
    return content + struct.pack("<I", masked_crc32c(content))


def write_bundle(prefix: Path, tensors: dict, shards: int = 1, compression: int = 0) -> None:
    """``tensors``: name -> (dtype number, array, extra fields); they take turns in the shards."""
    data = [b""] * shards
    rows = [(b"", field(1, shards))]
    for i, (name, (dtype, array, extra)) in enumerate(sorted(tensors.items())):
        shard, raw = i % shards, array.tobytes()
        shape = b"".join(field(2, field(1, side)) for side in array.shape)
        where = field(3, shard) + field(4, len(data[shard])) + field(5, len(raw))
        value = field(1, dtype) + field(2, shape) + where + field(6, masked_crc32c(raw)) + extra
        rows.append((name.encode(), value))
        data[shard] += raw
    body = block(rows, compression)
    handle = varint(0) + varint(len(body) - 5)
    index = block([(b"\xff", handle)])
    footer = varint(0) + varint(0) + varint(len(body)) + varint(len(index) - 5)
    footer = footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    index_of(prefix).write_bytes(body + index + footer)
    for shard in range(shards):
        name = f"{prefix.name}.data-{shard:05d}-of-{shards:05d}"
        prefix.with_name(name).write_bytes(data[shard])


def test_shards_and_other_number_formats_are_read(tmp_path):
    values = np.array([[1.0, -2.5, 0.125]], dtype=np.float32)
    brain = (values.view(np.uint32) >> 16).astype(np.uint16)  # exact for these values
    prefix = tmp_path / "ckpt"
    write_bundle(
        prefix,
        {
            "a": (1, values, b""),
            "b": (14, brain, b""),
            "c": (19, values.astype(np.float16), b""),
            "d": (3, np.arange(4, dtype=np.int32), b""),
            "e": (1, np.zeros((0, 3), np.float32), b""),
        },
        shards=2,
    )
    bundle = TensorBundle(prefix)
    for name in "abc":
        assert np.array_equal(bundle.read(name).astype(np.float32), values), name
    assert bundle.read("d").tolist() == [0, 1, 2, 3]
    assert bundle.read("e").shape == (0, 3)
    assert bundle.shard_path(1).name == "ckpt.data-00001-of-00002"


@pytest.mark.parametrize(
    ("tensor", "settings", "complaint"),
    [
        ((99, np.zeros(2, np.float32), b""), {}, "data type 99"),
        ((1, np.zeros(2, np.float64), b""), {}, "cannot have 16 bytes"),
        ((1, np.zeros(2, np.float32), field(7, b"x")), {}, "partitioned"),
        ((1, np.zeros(2, np.float32), b""), {"compression": 1}, "compressed"),
    ],
)
def test_what_no_released_checkpoint_has_is_refused(tmp_path, tensor, settings, complaint):
    write_bundle(tmp_path / "ckpt", {"a": tensor}, **settings)
    with pytest.raises(ConfigError, match=complaint):
        TensorBundle(tmp_path / "ckpt")


def test_an_empty_bundle_is_refused(tmp_path):
    write_bundle(tmp_path / "ckpt", {})
    with pytest.raises(ConfigError, match="lists no tensors"):
        TensorBundle(tmp_path / "ckpt")
