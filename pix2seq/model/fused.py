"""Convolutions for looking only: batch norm, activation and shortcut are part of each.

oneDNN computes ``act(conv(x))`` or ``conv(x) + shortcut`` while a value is still in a register, and
keeps weights in the order in which it reads them. Folding a batch norm into its convolution changes
the last bits of the result, and nothing else; the tests hold both ways together.
"""

from __future__ import annotations

import contextlib
import platform

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.device import one_thread

HAS_ONEDNN = (
    torch.backends.mkldnn.is_available()
    and platform.machine().lower() in ("x86_64", "amd64")
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
)
"""Whether oneDNN's fused kernels are there (float32 on a CPU)."""


def can_fuse(x: Tensor) -> bool:
    """Whether ``x`` can go through fused convolutions here."""
    return (
        HAS_ONEDNN
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


def alone(x: Tensor) -> contextlib.AbstractContextManager[None]:
    """Work on ``x`` in one thread of a CPU, where nothing is learnt: oneDNN splits sums of many
    channels among its threads, PyTorch rounds a sigmoid by where a thread's share ends, and what an
    image looks like must not depend on how many cores a machine has."""
    here = x.device.type == "cpu" and not torch.is_grad_enabled()
    return one_thread() if here else contextlib.nullcontext()


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's "same" padding: as little as needed, and the odd row and column come last."""
    missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:]]
    top, left = (total // 2 for total in missing)
    return F.pad(x, (left, missing[1] - left, top, missing[0] - top))


class Versions:
    """Which weights a module had: where each is and how often it was written to.

    Asked for every image and every sentence, so the module's parts are walked once: what is kept is
    where each of them stands, and what stood there.
    """

    def __init__(self, module: nn.Module) -> None:
        holders = [
            holder
            for part in module.modules()
            for holder in (part._modules, part._parameters, part._buffers)
        ]
        held = [one for holder in holders for one in holder.values()]
        self._held = held, [one.detach() for one in held if isinstance(one, Tensor)]
        self._holders = holders
        self._tensors = [one for one in held if isinstance(one, Tensor)]
        self._written = [tensor for tensor in self._tensors if not tensor.is_inference()]
        self._seen = self._look()

    def current(self, module: nn.Module) -> bool:
        """Whether it still has them."""
        return module._modules is self._holders[0] and self._look() == self._seen

    def _look(self) -> tuple[list[int], list[int], list[int]]:
        """What stands where, and the versions of what can have one. All of it is held, and its
        memory, so that nothing else is given its identity or its address."""
        return (
            [id(one) for holder in self._holders for one in holder.values()],
            [tensor.data_ptr() for tensor in self._tensors],
            [tensor._version for tensor in self._written],
        )


class FusedLinear:
    """A linear map of rows, alone, under an activation, or added to something.

    A row's result is the same in any company, and many rows take half of what they take in
    PyTorch's default (MKL, on a processor that is not Intel's).

    Args:
        weight, bias: as they are now.
        rows: for about how many the weight is laid out; any number works.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, rows: int) -> None:
        ops = torch.ops.mkldnn
        self.weight = ops._reorder_linear_weight.default(weight.detach().contiguous(), rows)
        self.bias = None if bias is None else bias.detach()
        # Without an overload's name PyTorch tries several, which takes longer than the map.
        self.run, self.run_and_add = ops._linear_pointwise.default, ops._linear_pointwise.binary

    def __call__(self, x: Tensor, activation: str = "none") -> Tensor:
        """x (M, K) to (M, N)."""
        exact = "none" if activation == "gelu" else ""
        return self.run(x, self.weight, self.bias, activation, [], exact)

    def added(self, x: Tensor, stream: Tensor) -> Tensor:
        """The same, added to ``stream`` (M, N)."""
        return self.run_and_add(x, stream, self.weight, self.bias, "add")


def joined(*linears: nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight and bias of several maps of one input as one."""
    weights, biases = zip(
        *[(one.weight.detach(), one.bias.detach()) for one in linears], strict=True
    )
    return torch.cat(weights), torch.cat(biases)


class FusedConv:
    """A square convolution and what follows it.

    Args:
        conv: has ``weight``, ``bias``, ``stride`` and ``padding`` as ``nn.Conv2d`` has. Without
            padding, one that is wider than a pixel pads as TensorFlow does.
        norm: a batch norm with ``act``, or an activation alone: ReLU6 or none.
    """

    def __init__(self, conv: nn.Module, norm: nn.Module) -> None:
        weight, bias = conv.weight.detach(), conv.bias
        act = norm
        if isinstance(norm, nn.BatchNorm2d):
            act = norm.act
            scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
            weight = weight * scale[:, None, None, None]
            bias = norm.bias - norm.running_mean * scale
        self.bias = None if bias is None else bias.detach()
        self.kernel, self.stride, self.padding = weight.shape[-1], conv.stride[0], conv.padding[0]
        self.groups = 1 if weight.shape[1] > 1 else weight.shape[0]
        self.act = ("hardtanh", [0.0, 6.0]) if isinstance(act, nn.ReLU6) else ("none", [])
        self.same = self.padding == 0 and self.kernel > 1
        self.weight = weight
        self.packed: dict[tuple[int, int], Tensor] = {}  # by padding and kernel

    def __call__(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        weight, padding = self.weight, self.padding
        if self.same:
            x, weight, padding = self._padded(x)
        key = padding, weight.shape[-1]
        where = [padding] * 2, [self.stride] * 2, [1, 1], self.groups
        if key not in self.packed:
            plain = weight.contiguous(memory_format=torch.channels_last).to_mkldnn()
            self.packed[key] = torch._C._nn.mkldnn_reorder_conv2d_weight(
                plain, *where, list(x.shape)
            )
        weight, run = self.packed[key], torch.ops.mkldnn._convolution_pointwise
        if shortcut is None:
            return run.default(x, weight, self.bias, *where, *self.act, "")
        return run.binary(x, shortcut, weight, self.bias, *where, "add", 1.0, None, [], None)

    def _padded(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        """TensorFlow's padding as one that is alike on all sides, with the kernel for it.

        A stride of 2 over an even side needs one row less at the top than at the bottom. A kernel
        that begins with a row of zeros needs as many: no copy of the image is made.
        """
        reach = (self.kernel - 1) // 2
        odd = {side % 2 for side in x.shape[-2:]}
        if self.stride == 2 and odd == {0}:
            return x, F.pad(self.weight, (1, 0, 1, 0)), reach
        if self.stride == 1 or (self.stride == 2 and odd == {1}):
            return x, self.weight, reach
        return pad_same(x, self.kernel, self.stride), self.weight, 0
