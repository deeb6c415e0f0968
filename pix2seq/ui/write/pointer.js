// The pointer over the photo: pointing at a box focuses it, a click inspects its class, dragging an
// edge of the focused box chooses another bin for that coordinate, and in prompt mode a drag draws
// the beginning of an object.

import { set, svg } from "#kit/elements.js";
import { CoordinateTag } from "#kit/guides.js";
import { COORDINATES, isVertical } from "#kit/roles.js";
import { placeText } from "#kit/units.js";

/** @import {Point} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Stage} from "#write/stage.js" */

// px around an edge that count as the edge, and px that a drag goes before it is one
/** @type {{[device: string]: number}} */
const REACH = { mouse: 7, pen: 10, touch: 18 };
/** @type {{[device: string]: number}} */
const SLOP = { mouse: 2, pen: 4, touch: 8 };
const EDGES = { ymin: 1, xmin: 0, ymax: 3, xmax: 2 };

/** @typedef {{slot: Coordinate, index: number}} Edge of a box: the token that wrote it */
/** @typedef {Edge & {from: PointerEvent, moved: boolean, pixel: number}} Drag */

export class Pointer {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.surface = stage.photo.svg;
    this.line = svg("line", { class: "p2s-drag" });
    this.tag = new CoordinateTag("ymin", stage.photo); // the bin that a drag would write
    stage.photo.layers.prompt.append(this.line, this.tag.node);
    /** @type {Drag | null} */
    this.drag = null;
    this.drawing = false; // a prompt
    this.surface.addEventListener("pointermove", (event) => this.move(event));
    this.surface.addEventListener("pointerdown", (event) => this.down(event));
    this.surface.addEventListener("pointerup", (event) => this.up(event));
    this.surface.addEventListener("pointercancel", () => this.cancel());
    // A finger on the photo scrolls the page, unless `pointerdown`, which comes first, began a drag.
    this.surface.addEventListener("touchstart", (event) => this.drag && event.preventDefault(), { passive: false });
    this.surface.addEventListener("pointerleave", () => {
      if (!this.drag) stage.hover(null);
    });
  }

  /** @param {PointerEvent} event */
  move(event) {
    const point = this.stage.photo.pointer(event);
    if (this.drawing) {
      this.stage.prompt.move(point);
      return;
    }
    if (this.drag) {
      const { from } = this.drag;
      const gone = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
      if (this.drag.moved || gone > (SLOP[event.pointerType] || SLOP.mouse)) this.dragTo(this.drag, point);
      return;
    }
    const edge = this.edgeAt(point, event.pointerType);
    this.surface.style.cursor = edge ? (isVertical(edge.slot) ? "ns-resize" : "ew-resize") : "";
    if (!edge) this.stage.hover(point.inside ? this.stage.photo.boxes.at(point) : null);
  }

  /** @param {PointerEvent} event */
  down(event) {
    const point = this.stage.photo.pointer(event);
    if (this.stage.prompt.active) {
      this.drawing = true;
      this.stage.prompt.start(point);
      this.surface.setPointerCapture(event.pointerId);
      event.preventDefault();
      return;
    }
    if (this.stage.inspector.attention.picking) {
      if (point.inside) this.stage.inspector.attention.pick(point);
      return;
    }
    const edge = this.edgeAt(point, event.pointerType);
    if (!edge || this.stage.busy()) return;
    this.drag = { ...edge, from: event, moved: false, pixel: 0 };
    this.surface.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  /** @type {(drag: Drag, point: Point) => void} */
  dragTo(drag, point) {
    const { photo, record } = this.stage;
    const vertical = isVertical(drag.slot);
    const { rect } = photo;
    if (!record.run) return this.cancel();
    drag.moved = true;
    drag.pixel = Math.round(10 * (vertical ? point.y : point.x)) / 10;
    const at = vertical ? photo.y(point.y) : photo.x(point.x);
    const token = record.tokenAt(drag.pixel, drag.slot);
    this.tag.node.dataset.slot = drag.slot;
    this.tag.place(rect, at, placeText(record, token, drag.slot, this.stage.units));
    set(this.line, {
      "data-slot": drag.slot,
      x1: vertical ? rect.x : at,
      x2: vertical ? rect.x + rect.w : at,
      y1: vertical ? at : rect.y,
      y2: vertical ? at : rect.y + rect.h,
    });
    for (const node of [this.line, this.tag.node]) node.classList.add("on");
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { drag } = this;
    if (this.drawing) {
      this.drawing = false;
      this.stage.prompt.finish();
      return;
    }
    this.cancel();
    if (this.stage.inspector.attention.picking) return;
    if (drag && drag.moved) {
      this.stage.writeOn({ index: drag.index, pixel: drag.pixel });
      return;
    }
    const point = this.stage.photo.pointer(event);
    const object = this.stage.photo.boxes.at(point);
    if (object === null) return;
    const token = this.stage.record.tokensOf(object, this.stage.shown).class;
    if (token) this.stage.select(token.index);
  }

  cancel() {
    this.drawing = false;
    this.drag = null;
    for (const node of [this.line, this.tag.node]) node.classList.remove("on");
  }

  /**
   * The focused box's nearest edge within the device's reach, as the token that wrote it.
   * @type {(point: Point, device: string) => Edge | null}
   */
  edgeAt(point, device) {
    const { stage } = this;
    const object = stage.focus();
    const found = object === null ? null : stage.objectOnView(object);
    if (object === null || !found || !stage.record.run) return null;
    const [x0, y0, x1, y1] = found.box;
    const reach = (REACH[device] || REACH.mouse) / stage.photo.rect.scale;
    const near = point.x > x0 - reach && point.x < x1 + reach && point.y > y0 - reach && point.y < y1 + reach;
    if (!near) return null;
    const tokens = stage.record.tokensOf(object, stage.shown);
    const edges = COORDINATES.flatMap((slot) => {
      const token = tokens[slot];
      const away = Math.abs((isVertical(slot) ? point.y : point.x) - found.box[EDGES[slot]]);
      return token && away <= reach ? [{ slot, index: token.index, away }] : [];
    });
    return edges.sort((a, b) => a.away - b.away)[0] || null;
  }
}
