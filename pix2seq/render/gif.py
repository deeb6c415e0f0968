"""The writing as an animated GIF: every token draws its line, and the sentence grows with it.

A GIF has 256 colours. The photo is dithered once, and each frame only replaces the pixels that
differ from it, so that unchanged parts stay identical from frame to frame: no flicker, small files.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageChops

from pix2seq.render.layout import box_color
from pix2seq.render.palette import INK, PAPER, QUIET, ROLE_COLORS, rgb, wash
from pix2seq.render.raster import Painter
from pix2seq.render.record import RunRecord

_TRANSPARENT = 255
"""The colour index of pixels that stay as they were; the other 255 are real colours."""
_GROWTH = (0.4, 0.8, 1.0)
_FEW_TOKENS = 120
"""Up to here a line slides in over three frames; longer runs show one frame a token."""
_MOST_TOKENS = 400
"""Beyond it, one frame an object: the file stays loadable."""


def writing_gif(
    image: Image.Image,
    record: RunRecord,
    width: int = 720,
    token_ms: int = 160,
    hold_ms: int = 3000,
) -> bytes:
    """Animate a run.

    Args:
        image: the photo.
        record: the run.
        width: of the stage in pixels.
        token_ms: how long a token takes to appear.
        hold_ms: how long the finished picture stays.

    Returns:
        The file's bytes; it loops forever.
    """
    painter = Painter(image, record, width)
    palette = _Palette(painter)
    base = painter.backdrop
    calm = palette.indices(base, Image.Dither.FLOYDSTEINBERG)
    before, now = base, calm
    shown = np.full_like(calm, _TRANSPARENT)
    frames, durations = [], []
    for picture, duration in _frames(painter, token_ms, hold_ms):
        region = ImageChops.difference(picture, before).getbbox()
        if region is not None:
            now = now.copy()
            rows, columns = slice(region[1], region[3]), slice(region[0], region[2])
            part = picture.crop(region)
            changed = (np.asarray(part) != np.asarray(base)[rows, columns]).any(axis=2)
            crisp = palette.indices(part, Image.Dither.NONE)
            now[rows, columns] = np.where(changed, crisp, calm[rows, columns])
        before = picture
        frame = Image.fromarray(np.where(now == shown, _TRANSPARENT, now).astype(np.uint8), "P")
        shown = now
        frame.putpalette(palette.colors)
        frames.append(frame)
        durations.append(duration)
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        transparency=_TRANSPARENT,
        optimize=False,
        disposal=1,
    )
    return file.getvalue()


def _frames(painter: Painter, token_ms: int, hold_ms: int) -> Iterator[tuple[Image.Image, int]]:
    tokens = painter.record.tokens
    yield painter.paint(0), max(token_ms, 500)
    for upto in range(1, len(tokens) + 1):
        last = upto == len(tokens)
        ends_object = last or tokens[upto].object != tokens[upto - 1].object
        if len(tokens) > _MOST_TOKENS and not ends_object:
            continue
        growths = _GROWTH if len(tokens) <= _FEW_TOKENS else (1.0,)
        for growth in growths:
            done = growth == growths[-1]
            pause = token_ms if done and ends_object else 0  # a closed box rests for a moment
            duration = hold_ms if last and done else token_ms // len(growths) + pause
            yield painter.paint(upto, growth), duration


class _Palette:
    """255 colours for all frames: paper, roles, classes exactly, the rest learned from the last."""

    def __init__(self, painter: Painter) -> None:
        fixed = {rgb(PAPER), rgb(QUIET), rgb(INK)}
        for color in ROLE_COLORS.values():
            fixed |= {rgb(color), *(rgb(wash(color, strength / 4)) for strength in range(5))}
        fixed |= {rgb(box_color(item) or QUIET) for item in painter.stage.objects}
        exact = sorted(fixed)
        free = _TRANSPARENT - len(exact)
        learned = painter.paint().quantize(free, method=Image.Quantize.MEDIANCUT)
        self.colors = [channel for color in exact for channel in color]
        self.colors += learned.getpalette()[: 3 * free]
        self._exact = np.array([(r << 16) | (g << 8) | b for r, g, b in exact])  # ascending
        self._holder = Image.new("P", (1, 1))
        self._holder.putpalette(self.colors)

    def indices(self, picture: Image.Image, dither: Image.Dither) -> np.ndarray:
        """(H, W) uint8. Pillow searches the palette roughly, so exact colours are set again."""
        found = np.array(picture.quantize(palette=self._holder, dither=dither))
        channels = np.asarray(picture).astype(np.int64)
        codes = (channels[..., 0] << 16) | (channels[..., 1] << 8) | channels[..., 2]
        at = np.searchsorted(self._exact, codes).clip(max=len(self._exact) - 1)
        return np.where(self._exact[at] == codes, at, found).astype(np.uint8)
