"""Colours, the same in every view: of the roles that a token can have (Okabe-Ito, safe for
colour-blind readers), and one for each class. Shapes and labels say the same thing once more."""

from __future__ import annotations

import math

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


_SEED = 4294050339
"""Chosen among many so that classes that stand together, on tables, in streets, in our scenes, are
told apart, and no two of COCO's share a colour."""
_LIGHT = (0.46, 0.52, 0.40)
"""White reads on all of them."""
_CHROMA = 0.13


def class_color(name: str) -> str:
    """The colour of a class, ``"#RRGGBB"``: the same in every view and for every checkpoint,
    because it follows from the name alone. The page has the same rule in ``kit/hues.js``."""
    number = _hash(name)
    angle = math.radians(number % 360)
    light = _LIGHT[number // 360 % len(_LIGHT)]
    a, b = _CHROMA * math.cos(angle), _CHROMA * math.sin(angle)
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3  # OKLab to linear sRGB (Ottosson)
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.291485548 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short
    return "#" + "".join(_digits(channel) for channel in (red, green, blue))


def _hash(name: str) -> int:
    """32 bits that follow from a name, spread evenly (FNV-1a, stirred once more)."""
    value = _SEED
    for letter in name:
        value = (value ^ ord(letter)) * 16777619 & 0xFFFFFFFF
    value ^= value >> 15
    value = value * 0x2C1B3C6D & 0xFFFFFFFF
    return value ^ value >> 12


def _digits(light: float) -> str:
    """A channel of linear light as two hexadecimal digits of sRGB."""
    inside = min(max(light, 0.0), 1.0)
    value = 12.92 * inside if inside <= 0.0031308 else 1.055 * inside ** (1 / 2.4) - 0.055
    return f"{math.floor(255 * value + 0.5):02X}"


def rgb(color: str) -> tuple[int, int, int]:
    """``"#0072B2"`` to ``(0, 114, 178)``."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def wash(color: str, strength: float) -> str:
    """``color`` thinned over white: 0 is faint, 1 is as strong as dark text on it allows, which is
    less for the darker colours of classes.

    The strength of a chip is its token's probability.
    """
    most = 0.60 if color in ROLE_COLORS.values() else 0.30
    share = 0.12 + most * min(max(strength, 0.0), 1.0)
    mixed = (round(255 + (channel - 255) * share) for channel in rgb(color))
    return "#{:02X}{:02X}{:02X}".format(*mixed)
