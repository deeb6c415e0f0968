"""The stage as SVG: sharp at any size, selectable text, boxes and tokens that scripts can find.

Every text that could come from outside (labels, names, links) is escaped, and characters that XML
does not know are left out.
"""

from __future__ import annotations

import base64
import io
from xml.sax.saxutils import escape, quoteattr

from PIL import Image

from pix2seq.render.fields import RecordToken
from pix2seq.render.layout import (
    MARGIN,
    TAG_HEIGHT,
    TAG_PADDING,
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
from pix2seq.render.palette import INK, PAPER, QUIET, ROLE_COLORS, wash
from pix2seq.render.record import RunRecord

_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace"
_SANS = "system-ui,-apple-system,Segoe UI,DejaVu Sans,sans-serif"
_ROOM_PER_LETTER = 6.6  # average advance at 11 px
_ROUNDING = 1e-6  # a tag is as wide as its text: sums of floats must not cut it


def stage_svg(
    record: RunRecord,
    image: Image.Image | None = None,
    href: str | None = None,
    width: int = 720,
) -> str:
    """Draw a finished run.

    Args:
        record: the run.
        image: the photo, to be embedded; without it ``href`` is linked, or else the record's own
            picture is used, or a grey field if it has none.
        href: address of the photo.
        width: of the stage in pixels.

    Returns:
        An XML document with ``data-box``, ``data-name`` (a box's label) and ``data-token`` handles.
    """
    stage = Stage(record, width)
    tags = stage.tags(_width)
    title = f"{len(record.detections)} objects written by {record.checkpoint}"
    told = "; ".join(
        f"{found.caption} at {', '.join(str(round(value)) for value in found.box)}"
        for found in record.detections
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{stage.width}" height="{stage.height}" '
        f'viewBox="0 0 {stage.width} {stage.height}" role="img" '
        f'aria-labelledby="title desc" font-family={_attr(_SANS)}>',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="desc">{_text(told or "no object")}</desc>',
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        _photo(stage, _source(record, image, href)),
        *(_box(stage, item) for item in stage.objects if item.on_photo(len(record.tokens))),
        *(_tag(item, *tags[item.number]) for item in stage.objects if item.number in tags),
        _legend(stage),
        *(_row(stage, item) for item in stage.objects),
    ]
    if stage.eos is not None:
        parts.append(_chip(stage, stage.eos, None, len(stage.objects), 0))
    parts.append(
        f'<text x="{MARGIN}" y="{stage.height - 9}" font-size="9.5" fill="{QUIET}">'
        f"{_text(stage.footer())}</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def _text(value: str) -> str:
    """Character data: markup is escaped, and what XML 1.0 forbids is dropped."""
    return escape("".join(letter for letter in value if _is_xml(ord(letter))))


def _attr(value: str) -> str:
    """A quoted attribute value."""
    return quoteattr("".join(letter for letter in value if _is_xml(ord(letter))))


def _is_xml(code: int) -> bool:
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )


def _source(record: RunRecord, image: Image.Image | None, href: str | None) -> str | None:
    if image is None:
        return href or record.image.data
    file = io.BytesIO()
    picture = image.convert("RGB")
    picture.thumbnail((1600, 1600))
    picture.save(file, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _photo(stage: Stage, source: str | None) -> str:
    place = (
        f'x="{stage.photo.x:.2f}" y="{stage.photo.y:.2f}" '
        f'width="{stage.photo.width:.2f}" height="{stage.photo.height:.2f}"'
    )
    if source is None:
        return f'<rect {place} fill="#E6E8EB"/>'
    return f'<image {place} preserveAspectRatio="none" href={_attr(source)}/>'


def _width(text: str) -> float:
    return len(text) * _ROOM_PER_LETTER


def _box(stage: Stage, item: StageObject) -> str:
    """The sides that were written, each in its role's colour; once it is named, in the class's."""
    known = item.known(len(stage.record.tokens))
    own = box_color(item)
    dash = ' stroke-dasharray="7 7"' if item.is_noise else ""
    score = f"{item.detection.score:.4f}" if item.detection else ""
    label = item.detection.name if item.detection else ""
    lines = [
        f'<g data-box="{item.number}" data-label={_attr(label)} data-score="{score}" '
        f'stroke-width="2.4" stroke-linecap="square">'
    ]
    sides = edges(known, stage.record.image.width, stage.record.image.height)
    for halo in (True, False):
        for edge in sides:
            (x0, y0), (x1, y1) = stage.place(*edge.start), stage.place(*edge.end)
            color = own or ROLE_COLORS[edge.slot]
            style = (
                'stroke="#FFF" stroke-opacity="0.65" stroke-width="4.4"'
                if halo
                else f'stroke="{color}"{dash}'
            )
            lines.append(f'<path d="M{x0:.2f} {y0:.2f}L{x1:.2f} {y1:.2f}" {style}/>')
    return "".join([*lines, "</g>"])


def _tag(item: StageObject, rect: Rect, text: str) -> str:
    """The name of a reported object, above the lines of all boxes."""
    color = box_color(item)
    shown = fitted(text, lambda one: _width(one) <= rect.width - TAG_PADDING + _ROUNDING)
    return (
        f'<g data-name="{item.number}"><rect x="{rect.x:.2f}" y="{rect.y:.2f}" '
        f'width="{rect.width:.2f}" height="{TAG_HEIGHT}" rx="3" fill="{color}"/>'
        f'<text x="{rect.x + TAG_PADDING / 2:.2f}" y="{rect.y + 13:.2f}" font-size="11" '
        f'font-weight="700" fill="#FFF">{_text(shown)}</text></g>'
    )


def _legend(stage: Stage) -> str:
    words = []
    for column in range(stage.columns):
        for order, slot in enumerate(stage.slots()):
            chip = stage.chip(column * stage.rows, order)
            words.append(
                f'<text x="{chip.x + chip.width / 2:.1f}" y="{stage.sentence_y + 15:.1f}" '
                f'font-size="10" font-weight="700" text-anchor="middle" '
                f'fill="{ROLE_COLORS[slot]}">{slot}</text>'
            )
    return "".join(words)


def _row(stage: Stage, item: StageObject) -> str:
    x, y = stage.cell(item.number)
    number = (
        f'<text x="{x + 8:.1f}" y="{y + 15:.1f}" font-size="10" text-anchor="middle" '
        f'fill="{QUIET}" font-family={_attr(_MONO)}>{item.number + 1}</text>'
    )
    chips = [_chip(stage, t, item, item.number, i) for i, t in enumerate(item.tokens)]
    return number + "".join(chips)


def _chip(
    stage: Stage, token: RecordToken, item: StageObject | None, position: int, order: int
) -> str:
    rect = stage.chip(position, order)
    color = chip_color(token, item)
    fill = wash(color, chip_strength(token))
    text = chip_text(token)
    shown = fitted(text, lambda one: _width(one) <= rect.width - 8)
    told = (
        f"{token.slot} {token.text}: probability {chip_strength(token):.3f}, "
        f"entropy {token.entropy:.2f} nats"
    )
    underline = (
        f'<path d="M{rect.x + 4:.1f} {rect.y + rect.height - 3:.1f}h{rect.width - 8:.1f}" '
        f'stroke="{INK}" stroke-width="1.5"/>'
        if token.forced
        else ""
    )
    return (
        f'<g data-token="{token.index}" data-id="{token.id}" data-slot={_attr(token.slot)}>'
        f"<title>{_text(told)}</title>"
        f'<rect x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" '
        f'height="{rect.height:.1f}" rx="5" fill="{fill}" stroke="{color}"/>'
        f'<text x="{rect.x + rect.width / 2:.1f}" y="{rect.y + 15:.1f}" font-size="11" '
        f'text-anchor="middle" fill="{INK}" font-family={_attr(_MONO)}>{_text(shown)}</text>'
        f"{underline}</g>"
    )
