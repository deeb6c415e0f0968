"""Learning from a teacher: an encoder, a decoder, or both beside a detector that has seen more."""

from pix2seq.distill.loop import run

__all__ = ["run"]
