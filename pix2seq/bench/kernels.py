"""Reading as machine code, as fast as one thread can."""

from __future__ import annotations

import numpy as np

from pix2seq.model.compiled import compiled
from pix2seq.model.kernels import ANY_ORDER


@compiled(ANY_ORDER)
def total(numbers):
    """The sum of float32 numbers (n,), taken in four parts side by side."""
    part = len(numbers) // 4
    a = b = c = d = np.float32(0)
    for i in range(part):
        a += numbers[i]
        b += numbers[part + i]
        c += numbers[2 * part + i]
        d += numbers[3 * part + i]
    for i in range(4 * part, len(numbers)):
        a += numbers[i]
    return a + b + c + d
