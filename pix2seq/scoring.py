"""How sure the model was of a box's edges: what the probability of a class leaves out.

The paper ranks boxes by the probability of their class alone (section 2.3). A small model is often
sure *that* there is a person and unsure *where*; the distributions of the four coordinate tokens
say so, and a score that listens to them ranks boxes better (``benchmarks/mini``).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.tokenizer import Tokenizer

REACH = 0.2
"""How far an edge may be off, as a share of the box's side: alone, it leaves an IoU of 0.8."""


def edge_scores(
    logits: Tensor,
    token_ids: Tensor,
    tokenizer: Tokenizer,
    num_bins: int | None = None,
    forced: Tensor | None = None,
) -> Tensor:
    """The certainty of each object's edges.

    For one edge it is the raw probability of all bins within ``REACH`` of the box's side (height
    for ``ymin`` and ``ymax``, width for the others) around the written one, which always counts;
    for the object it is the geometric mean of its four.

    Args:
        logits: (L, V) raw, of the tokens after the prompt.
        token_ids: (L,) what was written; an unfinished last object is left out.
        num_bins: cells that the coordinates were written in, by default the model's own bins.
        forced: (L,) bool, tokens that were given: they are certain.

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
    sides = (written[:, 2:] - written[:, :2]).abs().repeat(1, 2)  # (N, 4)
    cell = tokenizer.num_bins / (num_bins or tokenizer.num_bins)
    reach = REACH * sides + cell / 2
    distance = (torch.arange(tokenizer.num_bins) - written[..., None]).abs()  # (N, 4, bins)
    mass = (probs * (distance <= reach[..., None])).sum(-1).clamp(max=1)
    if forced is not None:
        mass = mass.masked_fill(forced[:used].view(objects, SLOTS_PER_OBJECT)[:, edges], 1.0)
    return mass.prod(-1) ** (1 / 4)
