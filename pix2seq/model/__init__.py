"""The network: image in, token logits out. It knows ``vocab_size``, never a token's meaning."""

from pix2seq.model.cache import KVCache
from pix2seq.model.pix2seq import Pix2Seq

__all__ = ["KVCache", "Pix2Seq"]
