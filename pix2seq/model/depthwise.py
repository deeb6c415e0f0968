"""Depthwise convolutions whose gradient with respect to the input is a convolution as well.

On a CPU in bf16 the libraries' own backward pass of a depthwise convolution takes far longer than
its forward pass, and with it two thirds of a whole training step. The same numbers come from a
forward pass with the kernel turned around; with a stride, over a gradient with zeros in between.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Depthwise(torch.autograd.Function):
    """``F.conv2d`` with as many groups as channels; stride and padding alike on both sides."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int):
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        channels = weight.shape[0]
        return F.conv2d(x, weight, bias, stride, padding, groups=channels)

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        grad = grad.contiguous(memory_format=torch.channels_last)
        of_x = _input_gradient(grad, weight, x, stride, padding) if wants_x else None
        of_weight = None
        if wants_weight:
            of_weight = torch.nn.grad.conv2d_weight(
                x.float(),
                weight.shape,
                grad.float(),
                stride,
                padding,
                groups=weight.shape[0],
            ).to(weight)
        of_bias = grad.sum((0, 2, 3)).to(weight) if wants_bias else None
        return of_x, of_weight, of_bias, None, None


def _input_gradient(grad: Tensor, weight: Tensor, x: Tensor, stride: int, padding: int) -> Tensor:
    rows, columns = x.shape[-2:]
    reach = weight.shape[-1] - 1 - padding
    if stride > 1:
        height, width = (side + 2 * padding - weight.shape[-1] + 1 for side in (rows, columns))
        spread = grad.new_zeros(*grad.shape[:2], height, width).to(
            memory_format=torch.channels_last
        )
        spread[..., ::stride, ::stride] = grad
        grad = spread
    turned = weight.flip(2, 3).to(grad.dtype)
    return F.conv2d(grad, turned, padding=reach, groups=weight.shape[0])


def depthwise(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1, padding: int = 0
) -> Tensor:
    """A depthwise convolution.

    Args:
        x: (B, C, H, W).
        weight: (C, 1, k, k).
        stride, padding: the same for rows and columns.
    """
    if x.device.type != "cpu":
        return F.conv2d(x, weight, bias, stride, padding, groups=weight.shape[0])
    if torch.is_autocast_enabled("cpu"):
        kind = torch.get_autocast_dtype("cpu")
        x, weight = x.to(kind), weight.to(kind)
        bias = None if bias is None else bias.to(kind)
    return _Depthwise.apply(x, weight, bias, stride, padding)


class DepthwiseConv(nn.Conv2d):
    """A square depthwise convolution, ``nn.Conv2d`` by its weights."""

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, channels, kernel, stride, kernel // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        return depthwise(x, self.weight, self.bias, self.stride[0], self.padding[0])
