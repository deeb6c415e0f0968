"""The stage as pixels: photo, growing boxes and the sentence, at any point of the writing.

Lines and text are drawn at twice the size on a transparent layer and scaled down, which smooths
them; the photo's own pixels stay exact, so that two frames differ only where something was drawn.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pix2seq.render.fields import RecordToken
from pix2seq.render.layout import (
    MARGIN,
    TAG_HEIGHT,
    TAG_PADDING,
    Edge,
    Rect,
    Stage,
    StageObject,
    box_color,
    chip_color,
    chip_strength,
    chip_text,
    edges,
    fitted,
)
from pix2seq.render.palette import INK, PAPER, QUIET, ROLE_COLORS, rgb, wash
from pix2seq.render.record import RunRecord

_ZOOM = 2
_LINE = 2.4
_NOISE_DASH = 7.0
_TAG_FONT = ("DejaVuSans-Bold", 11)


@cache
def _font(name: str, size: float) -> ImageFont.FreeTypeFont:
    """A font that matplotlib brings along: DejaVu has every glyph that a label may need."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size * _ZOOM)


class Painter:
    """Draws one record over its photo.

    Args:
        image: the photo, any size with the record's aspect ratio.
        record: the run.
        width: of the stage in pixels.
    """

    def __init__(self, image: Image.Image, record: RunRecord, width: int = 720) -> None:
        self.record = record
        self.stage = Stage(record, width)
        self.tags = self.stage.tags(lambda text: _font(*_TAG_FONT).getlength(text) / _ZOOM)
        self.backdrop = self._backdrop(image)
        self._settled = self.backdrop  # objects that are complete, painted once
        self._settled_upto = 0

    def paint(self, upto: int | None = None, growth: float = 1.0) -> Image.Image:
        """The stage after ``upto`` tokens, RGB.

        Args:
            upto: tokens written so far; all by default.
            growth: how far the newest line has come, in (0, 1].
        """
        count = len(self.record.tokens)
        upto = count if upto is None else max(0, min(upto, count))
        if upto < self._settled_upto:
            self._settled, self._settled_upto = self.backdrop, 0
        for item in self.stage.objects:
            last = item.tokens[-1].index
            if self._settled_upto <= last < upto - 1:
                layer = _Layer(self.stage, self.tags)
                layer.object(item, upto, 1.0)
                self._settled = layer.over(self._settled)
                self._settled_upto = last + 1
        layer = _Layer(self.stage, self.tags)
        for item in self.stage.objects:
            if self._settled_upto <= item.tokens[0].index < upto:
                layer.object(item, upto, growth)
        if self.stage.eos is not None and self.stage.eos.index < upto:
            layer.eos(self.stage.eos)
        names = _Layer(self.stage, self.tags)  # a later box's lines run below an earlier one's name
        for item in self.stage.objects:
            names.tag(item, upto)
        return names.over(layer.over(self._settled))

    def _backdrop(self, image: Image.Image) -> Image.Image:
        stage = self.stage
        paper = Image.new("RGB", (stage.width, stage.height), PAPER)
        size = (max(1, round(stage.photo.width)), max(1, round(stage.photo.height)))
        photo = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        paper.paste(photo, (round(stage.photo.x), round(stage.photo.y)))
        layer = _Layer(stage, self.tags)
        layer.legend()
        return layer.over(paper)


class _Layer:
    """A transparent sheet of twice the stage's size."""

    def __init__(self, stage: Stage, tags: dict[int, tuple[Rect, str]]) -> None:
        self.stage = stage
        self.tags = tags
        size = (stage.width * _ZOOM, stage.height * _ZOOM)
        self.sheet = Image.new("RGBA", size, (255, 255, 255, 0))
        self.draw = ImageDraw.Draw(self.sheet)

    def over(self, picture: Image.Image) -> Image.Image:
        """This sheet, scaled down, on top of a copy of ``picture``."""
        result = picture.copy()
        split = int(self.stage.sentence_y)
        for top, bottom in ((0, split), (split, self.stage.height)):
            self._put(result, top, bottom)
        return result

    def _put(self, picture: Image.Image, top: int, bottom: int) -> None:
        """Lay the used part of rows ``top`` to ``bottom`` over ``picture``."""
        strip = (0, top * _ZOOM, self.sheet.width, bottom * _ZOOM)
        used = self.sheet.crop(strip).getchannel("A").getbbox()
        if used is None:
            return
        x0, y0 = used[0] // _ZOOM, top + used[1] // _ZOOM
        x1, y1 = -(-used[2] // _ZOOM), top - (-used[3] // _ZOOM)
        drawn = self.sheet.crop((x0 * _ZOOM, y0 * _ZOOM, x1 * _ZOOM, y1 * _ZOOM))
        small = drawn.resize((x1 - x0, y1 - y0), Image.Resampling.BOX)
        below = picture.crop((x0, y0, x1, y1)).convert("RGBA")
        picture.paste(Image.alpha_composite(below, small).convert("RGB"), (x0, y0))

    def legend(self) -> None:
        """Slot names above the columns of chips, and the footer."""
        stage = self.stage
        for column in range(stage.columns):
            for order, slot in enumerate(stage.slots()):
                chip = stage.chip(column * stage.rows, order)
                at = (chip.x + chip.width / 2, stage.sentence_y + 12)
                self.text(at, slot, ROLE_COLORS[slot], "DejaVuSans-Bold", 10, "mm")
        at = (MARGIN, stage.height - 12)
        self.text(at, stage.footer(), QUIET, "DejaVuSans", 9.5, "lm", stage.width - 2 * MARGIN)

    def object(self, item: StageObject, upto: int, growth: float) -> None:
        """The box as far as it is written, without its label, and its row of chips."""
        written = [t for t in item.tokens if t.index < upto]
        newest = written[-1]
        known = item.known(upto)
        named = item.named(upto)
        noise = named and item.is_noise
        own = box_color(item) if named else None
        size = self.stage.record.image.width, self.stage.record.image.height
        for edge in edges(known, *size) if item.on_photo(upto) else ():
            self.edge(edge, growth if edge.slot == newest.slot else 1.0, own, noise)
        self.row(item, written, growth)

    def edge(self, edge: Edge, growth: float, own: str | None, noise: bool) -> None:
        """One side of a box, drawn from its start, in its role's colour until the box has its
        ``own``; noise is dashed."""
        x0, y0 = self.stage.place(*edge.start)
        x1, y1 = self.stage.place(*edge.end)
        x1, y1 = x0 + (x1 - x0) * growth, y0 + (y1 - y0) * growth
        color = rgb(own or ROLE_COLORS[edge.slot])
        self.line((x0, y0, x1, y1), (255, 255, 255, 170), _LINE + 2, dashed=False)
        self.line((x0, y0, x1, y1), (*color, 255), _LINE, dashed=noise)

    def line(
        self,
        ends: tuple[float, float, float, float],
        color: tuple[int, ...],
        width: float,
        dashed: bool,
    ) -> None:
        """A straight line in stage pixels with square ends."""
        x0, y0, x1, y1 = (value * _ZOOM for value in ends)
        length = max(abs(x1 - x0), abs(y1 - y0))
        dash = _NOISE_DASH * _ZOOM
        pieces = [(0.0, 1.0)]
        if dashed and length > dash:
            count = int(length // (2 * dash)) + 1
            pieces = [
                (i * 2 * dash / length, min(1.0, (i * 2 + 1) * dash / length)) for i in range(count)
            ]
        half = width * _ZOOM / 2
        for a, b in pieces:
            if a >= 1:
                continue
            xs = sorted((x0 + (x1 - x0) * a, x0 + (x1 - x0) * b))
            ys = sorted((y0 + (y1 - y0) * a, y0 + (y1 - y0) * b))
            self.draw.rectangle((xs[0] - half, ys[0] - half, xs[1] + half, ys[1] + half), color)

    def tag(self, item: StageObject, upto: int) -> None:
        """The label of a reported object, once it is named."""
        color = box_color(item) if item.named(upto) else None
        if color is None:
            return
        rect, text = self.tags[item.number]
        self.box(rect, (*rgb(color), 235), None, 3)
        at = (rect.x + TAG_PADDING / 2, rect.y + TAG_HEIGHT / 2 + 0.5)
        self.text(at, text, "#FFFFFF", *_TAG_FONT, "lm", rect.width - TAG_PADDING)

    def row(self, item: StageObject, written: list[RecordToken], growth: float) -> None:
        """The object's number and its chips; the newest fades in."""
        x, y = self.stage.cell(item.number)
        self.text((x + 8, y + 11.5), str(item.number + 1), QUIET, "DejaVuSansMono", 10, "mm")
        for order, token in enumerate(written):
            rect = self.stage.chip(item.number, order)
            fresh = growth if token is written[-1] else 1.0
            color = chip_color(token, item)
            self.chip(rect, chip_text(token), color, chip_strength(token), fresh, token.forced)

    def eos(self, token: RecordToken) -> None:
        """The end of the sentence, in a row of its own."""
        rect = self.stage.chip(len(self.stage.objects), 0)
        self.chip(rect, token.text, ROLE_COLORS["eos"], chip_strength(token), 1.0, token.forced)

    def chip(
        self, rect: Rect, text: str, color: str, prob: float, fresh: float, forced: bool
    ) -> None:
        """One token: fill strength is its probability, a bar marks forced ones."""
        alpha = round(255 * fresh)
        self.box(rect, (*rgb(wash(color, prob)), alpha), (*rgb(color), alpha), 5)
        if forced:
            bar = Rect(rect.x + 4, rect.y + rect.height - 3.5, rect.width - 8, 1.5)
            self.box(bar, (*rgb(INK), alpha), None, 1)
        wide = len(text) > 5
        at = (rect.x + (7 if wide else rect.width / 2), rect.y + rect.height / 2 + 0.5)
        face = "DejaVuSans" if wide else "DejaVuSansMono"
        self.text(at, text, INK, face, 11, "lm" if wide else "mm", rect.width - 12)

    def box(
        self,
        rect: Rect,
        fill: tuple[int, ...],
        outline: tuple[int, ...] | None,
        radius: float,
    ) -> None:
        corners = (rect.x, rect.y, rect.x + rect.width, rect.y + rect.height)
        self.draw.rounded_rectangle(
            [value * _ZOOM for value in corners], radius * _ZOOM, fill, outline, width=_ZOOM
        )

    def text(
        self,
        at: tuple[float, float],
        text: str,
        color: str,
        face: str,
        size: float,
        anchor: str,
        room: float | None = None,
    ) -> None:
        """One line of text, cut with an ellipsis where there is no room for all of it."""
        font = _font(face, size)
        text = " ".join(text.split())
        if room is not None:
            text = fitted(text, lambda one: font.getlength(one) <= room * _ZOOM)
        self.draw.text((at[0] * _ZOOM, at[1] * _ZOOM), text, rgb(color), font, anchor)


def stage_image(image: Image.Image, record: RunRecord, width: int = 720) -> Image.Image:
    """The finished stage as an RGB picture; save it as PNG."""
    return Painter(image, record, width).paint()
