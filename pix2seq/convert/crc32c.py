"""CRC-32C (Castagnoli) in numpy, fast enough for a checkpoint: some 200 MB a second on one core.

TensorFlow stores a checksum with every tensor, so that a damaged download is found before its
weights are used. A CRC is linear: rows of a buffer are summed side by side, one table look-up per
two bytes for all rows at once, and their sums are then folded pairwise.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_ROW = 256  # bytes per row: few steps for small tensors, little folding for large ones
_ROWS = 8192  # rows summed side by side


def _byte_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


_TABLE = _byte_table()
_TABLE_LIST = _TABLE.tolist()
# One step over two bytes: the low byte first, then the high one.
_WORDS = np.arange(65536, dtype=np.uint32)
_TABLE_16 = _TABLE[_TABLE[_WORDS & 255] & 255 ^ _WORDS >> 8] ^ _TABLE[_WORDS & 255] >> 8


def crc32c(data: bytes | memoryview | np.ndarray) -> int:
    """The checksum of a buffer, e.g. ``crc32c(b"123456789") == 0xE3069283``."""
    flat = np.frombuffer(data, dtype=np.uint8)
    rows = len(flat) // _ROW
    total = _sum_rows(flat[: rows * _ROW].reshape(rows, _ROW)) if rows else 0
    state = total ^ 0xFFFFFFFF
    for byte in flat[rows * _ROW :].tolist():
        state = _TABLE_LIST[(state ^ byte) & 255] ^ state >> 8
    return state ^ 0xFFFFFFFF


def masked_crc32c(data: bytes | memoryview | np.ndarray) -> int:
    """The form in which TensorFlow and LevelDB store it (rotated, plus a constant)."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _sum_rows(rows: np.ndarray) -> int:
    """Checksum of all rows one after the other, (N, _ROW) uint8."""
    sums = []
    for start in range(0, len(rows), _ROWS):
        words = np.ascontiguousarray(rows[start : start + _ROWS].view("<u2").T)  # (_ROW / 2, rows)
        state = np.full(words.shape[1], 0xFFFFFFFF, dtype=np.uint32)
        for word in words:
            state = _TABLE_16[state.astype(np.uint16) ^ word] ^ state >> 16
        sums.append(state ^ np.uint32(0xFFFFFFFF))
    return _fold(np.concatenate(sums))


def _fold(sums: np.ndarray) -> int:
    """Join the checksums of neighbouring rows of equal length until one is left."""
    shift = _shift_matrix(_ROW)
    while len(sums) > 1:
        if len(sums) % 2:
            # The checksum of nothing is 0, and stays 0 however far it is shifted.
            sums = np.concatenate([np.zeros(1, np.uint32), sums])
        sums = _apply(shift, sums[0::2]) ^ sums[1::2]
        shift = _apply(shift, shift)  # twice the distance for the next round
    return int(sums[0])


@cache
def _shift_matrix(size: int) -> np.ndarray:
    """What ``size`` zero bytes do to each of the 32 bits of a checksum, (32,) uint32."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(size):
        bits = _TABLE[bits & 255] ^ bits >> 8
    return bits


def _apply(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Multiply every value with a matrix over GF(2)."""
    out = np.zeros_like(values)
    for bit in range(32):
        out ^= np.where(values >> np.uint32(bit) & np.uint32(1), matrix[bit], np.uint32(0))
    return out
