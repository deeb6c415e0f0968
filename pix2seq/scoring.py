"""How sure the model was of a box's edges: what the probability of a class leaves out.

The paper ranks boxes by the probability of their class alone (section 2.3). A small model is often
sure *that* there is a person and unsure *where*; the distributions of the four coordinate tokens
say so, and a score that listens to them ranks boxes better (``benchmarks/mini``).

The same distributions also say which object comes next: the first coordinate has a peak for every
object that is left, the last one of a sentence only one. That is no doubt about the edge, so the
score does not listen to it, and the same box has the same certainty wherever it stands.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.tokenizer import Tokenizer

REACH = 0.1
"""How far an edge may be off, as a share of the box's side: alone, it leaves an IoU of 0.9."""


def edge_scores(
    logits: Tensor,
    token_ids: Tensor,
    tokenizer: Tokenizer,
    num_bins: int | None = None,
    forced: Tensor | None = None,
) -> Tensor:
    """The certainty of each object's edges.

    For one edge it is the raw probability of all bins within ``REACH`` of the box's side (height
    for ``ymin`` and ``ymax``, width for the others) around the written one, which always counts.
    The first edge chooses the object and is left out. Where several objects share it, the second
    one chooses among them: it is judged by the bins within a whole side of the written one, its own
    surroundings. For the object it is the geometric mean of these three.

    Args:
        logits: (L, V) raw, of the tokens after the prompt.
        token_ids: (L,) what was written; an unfinished last object is left out.
        num_bins: cells that the coordinates were written in, by default the model's own bins.
        forced: (L,) bool, tokens that a person gave: they are certain.

    Returns:
        (L // 5,) float32 in [0, 1].
    """
    objects = len(token_ids) // SLOTS_PER_OBJECT
    used = objects * SLOTS_PER_OBJECT
    edges = slice(0, SLOTS_PER_OBJECT - 1)
    first = tokenizer.coord_ids.start
    written = token_ids[:used].view(objects, SLOTS_PER_OBJECT)[:, edges] - first  # (N, 4)
    written = written.clamp(0, tokenizer.num_bins - 1)
    rows = logits[:used].view(objects, SLOTS_PER_OBJECT, logits.shape[-1])[:, edges]  # (N, 4, V)
    probs = rows.softmax(-1)[..., first : tokenizer.coord_ids.stop]  # (N, 4, bins)
    sides = (written[:, 2:] - written[:, :2]).abs().repeat(1, 2)[..., None]  # (N, 4, 1)
    cell = tokenizer.num_bins / (num_bins or tokenizer.num_bins)
    distance = (torch.arange(tokenizer.num_bins) - written[..., None]).abs()  # (N, 4, bins)
    mass = (probs * (distance <= REACH * sides + cell / 2)).sum(-1).clamp(max=1)  # (N, 4)
    around = (probs * (distance <= sides + cell / 2)).sum(-1).clamp(max=1)
    second = (mass[:, 1] / around[:, 1].clamp(min=torch.finfo(mass.dtype).tiny)).clamp(max=1)
    certain = torch.stack([second, mass[:, 2], mass[:, 3]], dim=1)  # (N, 3)
    if forced is not None:
        given = forced[:used].view(objects, SLOTS_PER_OBJECT)[:, edges]
        certain = certain.masked_fill(given[:, 1:], 1.0)
    return certain.prod(-1) ** (1 / 3)
