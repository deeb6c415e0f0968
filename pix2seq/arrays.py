"""Arrays of numbers as pictures of 8 bits a channel."""

from __future__ import annotations

import numpy as np

from pix2seq.config import ConfigError

_ROUNDING = 1e-3  # a quarter of a grey level: how far floats may overshoot [0, 1]
_EIGHT_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)  # 65535 / 257 = 255


def eight_bits(array: np.ndarray, name: str) -> np.ndarray:
    """Scale to 0..255, contiguous uint8 of the same shape.

    The type decides the scale, except for wide integers (which is how Pillow holds some 16-bit
    files): they count as 8-bit if they fit and as 16-bit otherwise.

    Args:
        name: what messages call it.

    Raises:
        ConfigError: the values are no grey levels of any kind.
    """
    return np.ascontiguousarray(_scaled(array, name))


def _scaled(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
        raise ConfigError(f"{name} holds {array.dtype} values; use uint8, uint16 or float")
    low, high = array.min(), array.max()
    if np.issubdtype(array.dtype, np.floating):
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # NaN is refused as well
            raise ConfigError(
                f"{name} holds floats from {low:.6g} to {high:.6g}; "
                "scale them to [0, 1] or use uint8"
            )
        return np.rint(array.clip(0, 1) * 255).astype(np.uint8)
    if low < 0 or high > 65535:
        raise ConfigError(f"{name} holds integers from {low} to {high}; scale them to 0..255")
    if array.dtype.newbyteorder("=") != np.uint16 and high <= 255:
        return array.astype(np.uint8)
    return _EIGHT_BITS[array]
