"""``CompiledRules``: a run's rules, ready for drawing a token, or telling about one, in one call of
compiled code.

Numba's and PyTorch's ``exp`` and sums differ in the last bit of a float64, so the two ways part
only where a mass meets ``top_p``, or a number the border between two tokens, to sixteen digits.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from pix2seq.model import compiled, native
from pix2seq.sampling import guide
from pix2seq.sampling.filters import (
    CoarseBins,
    FilterChain,
    Forbid,
    Grammar,
    Temperature,
    TopK,
    TopP,
)


class CompiledRules:
    """What a ``FilterChain`` does to one row of logits on the CPU.

    Args:
        chain: of the rules that ``build_chain`` knows.
        vocab_size: V.

    Raises:
        ImportError: Numba does not work here.
    """

    def __init__(self, chain: FilterChain, vocab_size: int) -> None:
        from pix2seq.sampling.kernels import pick_token
        from pix2seq.sampling.telling import tell_token

        self._pick, self._tell = pick_token, tell_token
        every = torch.arange(vocab_size)
        first, last, cells = every.clone(), every + 1, every
        if chain.coarse is not None:
            members, centres = chain.coarse.members, chain.coarse.centres
            first[centres] = members[:, 0]
            last[centres] = members[:, 0] + (members < vocab_size).sum(-1)
            bins = chain.coarse.coords
            cells = torch.cat([every[: bins.start], centres, every[bins.stop :]])

        def standing_for(ids: torch.Tensor) -> list[np.ndarray]:
            return [part.contiguous().numpy() for part in (ids, first[ids], last[ids])]

        self._cells = standing_for(cells)
        self._slots = [standing_for(cells if ids is None else ids) for ids in chain.open_ids]
        top_k = next((cut.k for cut in chain.cuts if isinstance(cut, TopK)), 0)
        top_p = next((cut for cut in chain.cuts if isinstance(cut, TopP)), None)
        self._cuts = (
            float(chain.temperature.temperature),
            int(top_k),
            1.0 if top_p is None else float(top_p.p),
            top_p is not None and top_p.rule == "official",
        )

    def pick(
        self, logits: np.ndarray, index: int, number: float, margin: float = 0.0
    ) -> tuple[int, bool]:
        """Draw token ``index`` from raw logits, a float32 array (V,), with a number in [0, 1).

        Returns:
            The token, -1 if the logits are not numbers; and whether all logits within ``margin``
            times the spread of these would have given it.
        """
        slot = self._slots[index % len(self._slots)]
        return self._pick(logits, *slot, *self._cuts, number, margin)

    def tell(
        self,
        logits: np.ndarray,
        index: int,
        token_id: int,
        drawn: bool,
        allowed: np.ndarray,
        eos_id: int,
        count: int,
    ) -> tuple[tuple[float, ...], list[int], list[list[float]]]:
        """What there is to say about token ``index``; see ``StepNumbers``.

        Args:
            allowed: (V,) bool, what the grammar lets stand here.
            count: of candidates.

        Returns:
            All its numbers but the candidates, whose ids come next, and then their raw and their
            final probabilities.
        """
        count = min(count, len(logits))
        best, probs = np.empty(count, np.int64), np.empty((2, count))
        slot = self._slots[index % len(self._slots)]
        told = self._tell(
            logits, *self._cells, *slot, *self._cuts, allowed, eos_id, token_id, drawn, best, probs
        )
        return told, best.tolist(), probs.tolist()


def compiled_rules(chain: FilterChain, vocab_size: int) -> CompiledRules | None:
    """The same rules compiled; ``None`` where Numba is missing or not wanted, or where there is a
    rule that is not written there."""
    if not (native.is_wanted() and _is_known(chain) and works()):
        return None
    return CompiledRules(chain, vocab_size)


@cache
def works() -> bool:
    """Whether this can be compiled here, or was before: tried once, when ``native.works``."""

    def draw_one_token() -> None:
        rules = CompiledRules(FilterChain((), Temperature(1), (), None, [None]), 2)
        logits = np.zeros(2, np.float32)
        rules.pick(logits, 0, 0.5)
        rules.tell(logits, 0, 0, True, np.ones(2, np.bool_), 0, 2)

    return native.works() and compiled.works("pick", draw_one_token)


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
        guide.arithmetic()
