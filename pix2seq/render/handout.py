"""The printable sheet of the lesson: the opening scene with its rulers, and the questions.

``make handout`` runs it. The questions are those of the plan's last section, so that plan and sheet
cannot differ.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from pix2seq import files
from pix2seq.config import ConfigError
from pix2seq.examples import example_image

SCENE = "scene-275"
BINS = 256
TOP_EDGE = 46  # at which two objects begin
_A4 = (8.27, 11.69)  # inches
_SECTION = re.compile(r"^## The sheet\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"^(\d+)\. (.*?)(?=^\d+\. |\Z)", re.MULTILINE | re.DOTALL)
_LETTERS = 88
_FIRST_PAGE = 2  # questions beside the picture; the others are on the second page


def questions_of(plan: str) -> list[str]:
    """The numbered questions of a plan's section *The sheet*.

    Raises:
        ConfigError: there are none.
    """
    section = _SECTION.search(plan)
    found = _QUESTION.findall(section[1]) if section else []
    if not found:
        raise ConfigError('the plan has no numbered questions under "## The sheet"; add some')
    return [" ".join(text.split()) for _, text in found]


def draw_handout(questions: Sequence[str]) -> list[Figure]:
    """The sheet's pages: the picture with its rulers, an empty axis, then lines to write on."""
    first = Figure(figsize=_A4)
    first.text(0.08, 0.955, "A detector that writes", size=18, weight="bold")
    first.text(0.08, 0.932, "Name:                                        Date:", size=10)
    photo = first.add_axes((0.2, 0.5, 0.6, 0.4))
    photo.imshow(example_image(SCENE), extent=(0, BINS - 1, BINS - 1, 0))
    ticks = range(0, BINS, 15)
    for axis in (photo.xaxis, photo.yaxis):
        axis.set_ticks(ticks, labels=[str(tick) if tick % 45 == 0 else "" for tick in ticks])
    photo.tick_params(top=True, labeltop=True, labelbottom=False, labelsize=8)
    photo.axhline(TOP_EDGE, color="#0072B2", linewidth=1, linestyle=(0, (4, 3)))
    photo.set_ylabel("ymin, ymax (bins)", size=9)
    photo.set_title("xmin, xmax (bins)", size=9)
    _question(first, 0.455, 1, questions[0])
    for place, slot in enumerate(("ymin", "xmin", "ymax", "xmax", "class")):
        first.add_artist(_box(0.1 + 0.16 * place, 0.36, 0.13, 0.04))
        first.text(0.105 + 0.16 * place, 0.405, slot, size=9)
    if len(questions) > 1:
        _question(first, 0.315, 2, questions[1])
    bell = first.add_axes((0.12, 0.1, 0.78, 0.17))
    bell.set_xlim(0, BINS - 1)
    bell.set_ylim(0, 1)
    bell.set_xticks(ticks)
    bell.tick_params(labelsize=8)
    bell.set_xlabel(f"left edge (xmin) after top edge {TOP_EDGE}", size=9)
    bell.set_ylabel("probability", size=9)
    second = Figure(figsize=_A4)
    rest = questions[_FIRST_PAGE:]
    room = 0.9 / max(len(rest), 1)
    for place, question in enumerate(rest):
        top = 0.95 - place * room
        lines = _question(second, top, place + _FIRST_PAGE + 1, question)
        for y in range(1, int((room - 0.03 * lines) / 0.03)):
            at = top - 0.022 * lines - 0.03 * y
            second.add_artist(_line(at))
    return [first, second]


def _question(figure: Figure, top: float, number: int, text: str) -> int:
    """Write one question; returns how many lines it took."""
    lines = textwrap.wrap(text, _LETTERS)
    figure.text(0.08, top, f"{number}", size=11, weight="bold", va="top")
    figure.text(0.11, top, "\n".join(lines), size=11, va="top", linespacing=1.4)
    return len(lines)


def _box(x: float, y: float, width: float, height: float) -> Rectangle:
    return Rectangle((x, y), width, height, fill=False, linewidth=1)


def _line(y: float) -> Line2D:
    return Line2D([0.11, 0.92], [y, y], color="#bbbbbb", linewidth=0.7)


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m pix2seq.render.handout PLAN OUT``."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 2:
        print("use: python -m pix2seq.render.handout PLAN.md OUT.pdf", file=sys.stderr)
        return 2
    plan, out = words
    try:
        text = Path(plan).read_text(encoding="utf-8")
        pages = draw_handout(questions_of(text))
        with files.replacing(out) as (part,), PdfPages(part) as pdf:
            for page in pages:
                pdf.savefig(page)
    except (ConfigError, OSError, UnicodeDecodeError) as error:
        print(f"handout: {error}", file=sys.stderr)
        return 2
    print(f"{out}: {len(pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
