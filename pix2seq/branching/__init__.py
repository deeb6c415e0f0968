"""The tree of sentences: where the model hesitates, what it could say instead, where that leads.

Order is free and a sentence is a path: most branches end in the same set of objects. No pixels and
no page here; a ``SentenceTree`` is plain data.
"""

from pix2seq.branching.choices import Choice, choices
from pix2seq.branching.grow import LEAVES, grow_tree
from pix2seq.branching.peaks import peaks
from pix2seq.branching.rivals import beam_search, with_rivals, write_rivals
from pix2seq.branching.sets import group_by_set, same_set
from pix2seq.branching.tree import Alternative, Branch, Rival, SentenceTree, TreeObject, TreeToken

__all__ = [
    "LEAVES",
    "Alternative",
    "Branch",
    "Choice",
    "Rival",
    "SentenceTree",
    "TreeObject",
    "TreeToken",
    "beam_search",
    "choices",
    "group_by_set",
    "grow_tree",
    "peaks",
    "same_set",
    "with_rivals",
    "write_rivals",
]
