"""``ConversionReport``: what became of every tensor of a foreign checkpoint."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pix2seq.files import write_text

REPORT_FILE = "conversion.json"


@dataclass(frozen=True)
class ConversionReport:
    """The account of one conversion; ``write`` leaves it beside the weights.

    Attributes:
        source: the file that was read.
        kind: which architecture it holds, for people.
        parameters: numbers in the mapped tensors.
        mapped: our tensor's name -> the source's.
        ignored: the source's tensors that are known and unneeded, e.g. optimiser slots.
    """

    source: str
    kind: str
    parameters: int
    mapped: dict[str, str]
    ignored: tuple[str, ...]

    def summary(self) -> str:
        """One line for the terminal."""
        return (
            f"{self.kind}: {len(self.mapped)} tensors, {self.parameters:,} numbers converted; "
            f"{len(self.ignored)} not needed (optimiser state and bookkeeping)"
        )

    def write(self, folder: Path) -> None:
        """Leave the whole account in ``folder`` as JSON."""
        write_text(folder / REPORT_FILE, json.dumps(asdict(self), indent=1) + "\n")
