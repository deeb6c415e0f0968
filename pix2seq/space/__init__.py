"""A Hugging Face Space of this app: the exact tree of its repository, and its upload."""

from pix2seq.space.plan import HARDWARE, SpacePlan, plan_for
from pix2seq.space.tree import assemble, tree_size, upload_space

__all__ = ["HARDWARE", "SpacePlan", "assemble", "plan_for", "tree_size", "upload_space"]
