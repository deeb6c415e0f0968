"""Colours of the roles that a token can have, the same in every view (Okabe-Ito, safe for
colour-blind readers). Shapes and labels say the same thing once more."""

from __future__ import annotations

ROLE_COLORS = {
    "ymin": "#0072B2",
    "xmin": "#D55E00",
    "ymax": "#56B4E9",
    "xmax": "#E69F00",
    "class": "#009E73",
    "eos": "#777777",
    "noise": "#8A8A8A",
}
"""Hex colour by slot; ``noise`` is for objects that the model itself disowns."""

INK = "#1B1F24"
QUIET = "#6A737D"
PAPER = "#FFFFFF"


def rgb(color: str) -> tuple[int, int, int]:
    """``"#0072B2"`` to ``(0, 114, 178)``."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def wash(color: str, strength: float) -> str:
    """``color`` thinned over white: 0 is faint, 1 is as strong as dark text on it allows.

    The strength of a chip is its token's probability.
    """
    share = 0.12 + 0.60 * min(max(strength, 0.0), 1.0)
    mixed = (round(255 + (channel - 255) * share) for channel in rgb(color))
    return "#{:02X}{:02X}{:02X}".format(*mixed)
