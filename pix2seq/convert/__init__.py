"""Foreign checkpoints to our folders: one reader per format, one explicit key map each.

Nothing is dropped silently: every tensor of the source is either mapped, or listed as known and
unneeded (optimiser slots, bookkeeping), or an error that names it. ``fetch`` downloads what others
have published and converts it once.
"""

from pix2seq.convert.converted import Converted
from pix2seq.convert.fetch import ensure, fetch
from pix2seq.convert.google import read_google
from pix2seq.convert.report import ConversionReport
from pix2seq.convert.shariatnia import read_shariatnia

__all__ = [
    "ConversionReport",
    "Converted",
    "ensure",
    "fetch",
    "read_google",
    "read_shariatnia",
]
