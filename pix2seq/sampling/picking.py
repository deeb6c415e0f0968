"""``CompiledPick``: a run's rules, ready for drawing one token in one call of compiled code.

Numba's and PyTorch's ``exp`` and sums differ in the last bit of a float64, so the two ways part
only where a mass meets ``top_p``, or a number the border between two tokens, to sixteen digits.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from pix2seq.model import compiled, native
from pix2seq.sampling.filters import (
    CoarseBins,
    FilterChain,
    Forbid,
    Grammar,
    Temperature,
    TopK,
    TopP,
)


class CompiledPick:
    """What ``FilterChain.pick`` does for one row of logits on the CPU.

    Args:
        chain: of the rules that ``build_chain`` knows.
        vocab_size: V.

    Raises:
        ImportError: Numba does not work here.
    """

    def __init__(self, chain: FilterChain, vocab_size: int) -> None:
        from pix2seq.sampling.kernels import pick_token

        self._pick = pick_token
        self._slots = []
        for open_ids in chain.open_ids:
            ids = torch.arange(vocab_size) if open_ids is None else open_ids
            first, last = torch.arange(vocab_size), torch.arange(vocab_size) + 1
            if chain.coarse is not None:
                members = chain.coarse.members
                first[chain.coarse.centres] = members[:, 0]
                last[chain.coarse.centres] = members[:, 0] + (members < vocab_size).sum(-1)
            self._slots.append([part.contiguous().numpy() for part in (ids, first[ids], last[ids])])
        top_k = next((cut.k for cut in chain.cuts if isinstance(cut, TopK)), 0)
        top_p = next((cut for cut in chain.cuts if isinstance(cut, TopP)), None)
        self._cuts = (
            float(chain.temperature.temperature),
            int(top_k),
            1.0 if top_p is None else float(top_p.p),
            top_p is not None and top_p.rule == "official",
        )

    def __call__(
        self, logits: np.ndarray, index: int, number: float, margin: float = 0.0
    ) -> tuple[int, bool]:
        """Draw token ``index`` from raw logits, a float32 array (V,), with a number in [0, 1).

        Returns:
            The token, -1 if the logits are not numbers; and whether all logits within ``margin``
            times the spread of these would have given it.
        """
        slot = self._slots[index % len(self._slots)]
        return self._pick(logits, *slot, *self._cuts, number, margin)


def compiled_pick(chain: FilterChain, vocab_size: int) -> CompiledPick | None:
    """The same rules compiled; ``None`` where Numba is missing or not wanted, or where there is a
    rule that is not written there."""
    if not (native.is_wanted() and _is_known(chain) and works()):
        return None
    return CompiledPick(chain, vocab_size)


@cache
def works() -> bool:
    """Whether drawing can be compiled here, or was before: tried once, when ``native.works``."""
    chain = FilterChain((), Temperature(1), (), None, [None])
    return native.works() and compiled.works(
        "pick", lambda: CompiledPick(chain, 2)(torch.zeros(2).numpy(), 0, 0.5)
    )


def _is_known(chain: FilterChain) -> bool:
    return (
        all(type(rule) in (Grammar, Forbid, CoarseBins) for rule in chain.rules)
        and type(chain.temperature) is Temperature
        and [type(cut) for cut in chain.cuts] in ([], [TopK], [TopP], [TopK, TopP])
    )


def compile_ahead() -> None:
    """Compile all that writing runs now, or read it from the cache, so that no first sentence waits
    for it."""
    if native.is_wanted():
        works()
