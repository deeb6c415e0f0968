"""Foreign checkpoints to our folders: one module per format, one explicit key map each.

Nothing is dropped silently: every tensor of the source is either mapped, or listed as known and
unneeded (optimiser slots, bookkeeping), or an error that names it.
"""

from pix2seq.convert.google import convert_google
from pix2seq.convert.report import ConversionReport
from pix2seq.convert.shariatnia import convert_shariatnia

__all__ = ["ConversionReport", "convert_google", "convert_shariatnia"]
