"""The detector of ``ncnn_teacher.py`` in PyTorch: it answers for a whole batch, on any device.

    teacher = load(device, (416, 416), "FILE.param", "FILE.bin", BLOB8, BLOB16, BLOB32, BLOB64)
    said = teacher(frames)  # (B, 3, 416, 416) uint8 RGB, on that device

ncnn's files are read as they are: each line of FILE.param is a layer (its type and name, the blobs
that it reads and makes, numbered parameters), FILE.bin holds the weights in the same order. Only
the layers and parameters of such detectors are known; what is not known is refused, by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STRIDES = (8, 16, 32, 64)
MEAN_BGR = [103.53, 116.28, 123.675]
SCALE_BGR = [0.017429, 0.017507, 0.017125]
MAGIC = "7767517"  # FILE.param starts with it and the number of layers
FP32, FP16 = 0, 0x01306B47  # what stands before a layer's weights
ARRAY = -23300  # parameter 10 is written -23310 where its value is an array
REST = -233  # of a slice: an equal share of what is left

Step = Callable[..., "Tensor | tuple[Tensor, ...]"]


def load(
    device: torch.device, size: tuple[int, int], param: str, bin: str, *maps: str
) -> Callable[[Tensor], dict[str, Tensor]]:
    """The teacher for frames of ``size`` (height, width), multiples of 32; see ``Network``.

    Args:
        param, bin: the network's two files.
        maps: the blobs of the head's last features at strides 8 to 64.

    Raises:
        ValueError: the files do not fit each other or hold what is not known here.
    """
    return Network(device, size, param, bin, list(maps))


class Weights:
    """FILE.bin, read from its start to its end."""

    def __init__(self, path: str, device: torch.device) -> None:
        self.data, self.offset, self.device = Path(path).read_bytes(), 0, device

    def take(self, kind: type, *shape: int) -> Tensor:
        """The next numbers, as float32. The next layer's start at a multiple of four bytes."""
        count = int(np.prod(shape))
        size = -(-count * np.dtype(kind).itemsize // 4) * 4
        left = len(self.data) - self.offset
        if left < size:
            raise ValueError(
                f"its weights need {size:,} more bytes of the .bin, which has {left:,}"
            )
        values = np.frombuffer(self.data, kind, count, self.offset).reshape(shape)
        self.offset += size
        return torch.from_numpy(values.astype(np.float32)).to(self.device)

    def take_tagged(self, *shape: int) -> Tensor:
        """Numbers after a word that says how they are stored."""
        tag = int.from_bytes(self.data[self.offset : self.offset + 4], "little")
        self.take(np.uint32, 1)
        if tag not in (FP32, FP16):
            raise ValueError(f"its weights are tagged {tag:#x}; only fp32 and fp16 are known")
        return self.take(np.float16 if tag == FP16 else np.float32, *shape)


def _pair(params: dict, key: int, *default: int) -> tuple[int, int]:
    """(vertical, horizontal); a vertical one that is not given equals the horizontal one."""
    horizontal = params.pop(key, *default)
    return params.pop(key + 10, horizontal), horizontal


def _choice(params: dict, key: int, default: int, known: dict) -> object:
    value = params.pop(key, default)
    if value not in known:
        raise ValueError(f"{key}={value} is not known, only {', '.join(map(str, known))}")
    return known[value]


def _convolution(params: dict, weights: Weights) -> Step:
    width, groups = params.pop(0), params.pop(7, 1)
    kernel, dilation, stride = _pair(params, 1), _pair(params, 2, 1), _pair(params, 3, 1)
    padding = _pair(params, 4, 0)
    if min(padding) < 0:
        raise ValueError(f"padding {padding} is not known, only zero and more pixels")
    weight = weights.take_tagged(width, params.pop(6) // (width * kernel[0] * kernel[1]), *kernel)
    weight = weight.contiguous(memory_format=torch.channels_last)
    bias = weights.take(np.float32, width) if params.pop(5, 0) else None
    slope = _choice(params, 9, 0, {0: None, 1: 0.0, 2: "given"})
    if slope == "given":
        slope = params.pop(10)[0]

    def run(x: Tensor) -> Tensor:
        x = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
        return x if slope is None else F.leaky_relu(x, slope, inplace=True)

    return run


def _pooling(params: dict, _: Weights) -> Step:
    pool = _choice(params, 0, 0, {0: F.max_pool2d})
    _choice(params, 5, 0, {1: "no more than the padding"})
    kernel, stride, padding = _pair(params, 1), _pair(params, 2, 1), _pair(params, 3, 0)
    return lambda x: pool(x, kernel, stride, padding)


def _interp(params: dict, _: Weights) -> Step:
    mode = _choice(params, 0, 0, {1: "nearest", 2: "bilinear"})
    scale = float(params.pop(1)), float(params.pop(2))
    _choice(params, 6, 0, {0: "half pixels"})
    return lambda x: F.interpolate(x, scale_factor=scale, mode=mode)


def _relu(params: dict, _: Weights) -> Step:
    slope = params.pop(0, 0.0)
    return lambda x: F.leaky_relu(x, slope)


def _shuffle_channel(params: dict, _: Weights) -> Step:
    groups = params.pop(0, 1)
    _choice(params, 1, 0, {0: "forth"})

    def run(x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1).unflatten(3, (groups, -1))  # so that the copy is channels-last
        return x.transpose(3, 4).flatten(3).permute(0, 3, 1, 2)

    return run


def _axis(params: dict, key: int) -> int:
    """Among a tensor's axes, of which ncnn does not count the batch's."""
    axis = params.pop(key, 0)
    return axis + 1 if axis >= 0 else axis


def _slice(params: dict, _: Weights) -> Step:
    shares, axis = params.pop(0), _axis(params, 1)

    def run(x: Tensor) -> tuple[Tensor, ...]:
        sizes, left = [], x.shape[axis]
        for index, share in enumerate(shares):
            sizes.append(left // (len(shares) - index) if share == REST else share)
            left -= sizes[-1]
        return x.split(sizes, axis)

    return run


def _concat(params: dict, _: Weights) -> Step:
    axis = _axis(params, 0)
    return lambda *parts: torch.cat(parts, axis)


def _binary(params: dict, _: Weights) -> Step:
    return _choice(params, 0, 0, {0: torch.add, 1: torch.sub, 2: torch.mul, 3: torch.div})


def _reshape(params: dict, _: Weights) -> Step:
    shape = [params.pop(key) for key in (2, 1, 0) if key in params]  # channels, rows, columns
    if 0 in shape:
        raise ValueError("a side of 0, as long as before, is not known")
    return lambda x: x.reshape(len(x), *shape)


def _permute(params: dict, _: Weights) -> Step:
    _choice(params, 0, 0, {1: "rows and columns"})
    return lambda x: x.transpose(-1, -2)


KINDS: dict[str, Callable[[dict, Weights], Step]] = {
    "Convolution": _convolution,
    "ConvolutionDepthWise": _convolution,
    "Pooling": _pooling,
    "Interp": _interp,
    "ReLU": _relu,
    "ShuffleChannel": _shuffle_channel,
    "Slice": _slice,
    "Concat": _concat,
    "BinaryOp": _binary,
    "Reshape": _reshape,
    "Permute": _permute,
}


def _parameters(words: list[str]) -> dict[int, int | float | list]:
    """``0=24 -23310=1,0.1`` as {0: 24, 10: [0.1]}."""
    said = {}
    for word in words:
        key, value = word.split("=")
        numbers = [float(v) if set(v) & set(".e") else int(v) for v in value.split(",")]
        if int(key) <= ARRAY:
            said[ARRAY - int(key)] = numbers[1:]
        else:
            (said[int(key)],) = numbers
    return said


class Network:
    """The network that the two files describe, and what its output means.

    ``layers`` are in the order of the file: a function, the blobs that it reads, those that it
    makes, and those of both that nobody needs after it.
    """

    def __init__(
        self,
        device: torch.device,
        size: tuple[int, int],
        param: str,
        bin: str,
        maps: list[str],
        output: str = "output",
        classes: int = 80,
    ) -> None:
        if any(side % 32 for side in size):
            raise ValueError(f"frames of {size} are not known, only multiples of 32")
        self.size, self.maps, self.output, self.classes = tuple(size), maps, output, classes
        self.layers = self._read(param, bin, device)
        places = []
        for stride in STRIDES:
            y, x = (torch.arange(-(-side // stride), device=device) * stride for side in size)
            places.append(torch.cartesian_prod(y, x).flip(1))
            places[-1] = F.pad(places[-1], (0, 1), value=stride)
        self.places = torch.cat(places).float()  # (places, 3): x, y, stride
        self.mean = torch.tensor(MEAN_BGR, device=device).view(3, 1, 1)
        self.scale = torch.tensor(SCALE_BGR, device=device).view(3, 1, 1)

    def _read(self, param: str, bin: str, device: torch.device) -> list[tuple]:
        weights = Weights(bin, device)
        text = Path(param).read_text(errors="replace").strip()
        lines = text.splitlines()[2:]
        if text.split()[:2] != [MAGIC, str(len(lines))]:
            raise ValueError(f"{param} does not hold a whole network in ncnn's text format")
        layers, known = [], set()
        for number, line in enumerate(lines, 1):
            try:
                kind, _, reads, makes, *words = line.split()
                blobs = words[: int(reads) + int(makes)]
                reads, makes = blobs[: int(reads)], blobs[int(reads) :]
                step = self._step(kind, _parameters(words[len(blobs) :]), len(makes), weights)
                if missing := set(reads) - known:
                    raise ValueError(f"no layer before it makes {', '.join(sorted(missing))}")
            except ValueError as error:
                where = f"layer {number}, {' '.join(line.split()[:2])}"
                raise ValueError(f"{param}: {where}: {error}") from error
            layers.append((step, reads, makes))
            known.update(makes)
        if left := len(weights.data) - weights.offset:
            raise ValueError(f"{bin} holds {left:,} more bytes than the layers of {param} need")
        needed = {*self.maps, self.output}
        if missing := needed - known:
            raise ValueError(f"{param} has no blob {', '.join(sorted(missing))}")
        for index, (step, reads, makes) in reversed(list(enumerate(layers))):
            layers[index] = step, reads, makes, {*reads, *makes} - needed
            needed.update(reads)
        return layers

    @staticmethod
    def _step(kind: str, params: dict, makes: int, weights: Weights) -> Step:
        if kind in ("Input", "Split"):
            return lambda x: (x,) * makes
        if kind not in KINDS:
            raise ValueError(f"this type is not known, only Input, Split, {', '.join(KINDS)}")
        try:
            step = KINDS[kind](params, weights)
        except KeyError as key:
            raise ValueError(f"it lacks parameter {key}") from key
        if params:
            said = " ".join(f"{key}={value}" for key, value in params.items())
            raise ValueError(f"what {said} asks for is not known")
        return step

    @torch.no_grad()
    def __call__(self, frames: Tensor) -> dict[str, Tensor]:
        """What it says about frames, (B, 3, H, W) uint8 RGB.

        Returns:
            float32: ``map8`` to ``map64``, (B, channels, rows, columns); ``classes``, (B, places,
            classes) probabilities; ``boxes``, (B, places, 4) ``xyxy`` in pixels of the frame;
            places stride by stride, row by row.
        """
        if frames.dtype != torch.uint8 or frames.shape[1:] != (3, *self.size):
            raise ValueError(
                f"frames are {frames.dtype} {tuple(frames.shape)}; "
                f"they must be uint8 (B, 3, {self.size[0]}, {self.size[1]})"
            )
        blobs = self._run(frames)
        out = blobs[self.output].float()
        bins = out[..., self.classes :].unflatten(2, (4, -1)).softmax(3)
        distance = (bins * torch.arange(bins.shape[3], device=bins.device)).sum(3)
        left_top, right_bottom = (distance * self.places[:, 2:]).split(2, 2)
        centre = self.places[:, :2]
        said = {f"map{s}": blobs[name].float() for s, name in zip(STRIDES, self.maps, strict=True)}
        said["classes"] = out[..., : self.classes].sigmoid()
        said["boxes"] = torch.cat([centre - left_top, centre + right_bottom], 2)
        return said

    def _run(self, frames: Tensor) -> dict[str, Tensor]:
        """Those blobs that are asked for."""
        pixels = frames.to(memory_format=torch.channels_last).flip(1)
        blobs = {}
        for step, reads, makes, done in self.layers:
            made = step(*[blobs[name] for name in reads] or [(pixels - self.mean) * self.scale])
            blobs.update(zip(makes, made if isinstance(made, tuple) else (made,), strict=True))
            del made
            for name in done:
                del blobs[name]
        return blobs
