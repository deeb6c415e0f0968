"""How near this is to what the machine can do: one table of figures and goals."""

from pix2seq.bench.machine import describe_machine
from pix2seq.bench.row import Row, compared, table
from pix2seq.bench.run import all_rows

__all__ = ["Row", "all_rows", "compared", "describe_machine", "table"]
