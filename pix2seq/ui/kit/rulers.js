// The photo's four edges. Left and right carry y bins, top and bottom x bins; each edge collects the
// marks of one role: ymin left, ymax right, xmin top, xmax bottom.

import { clear, set, svg } from "#kit/elements.js";
import { isCoordinate } from "#kit/roles.js";
import { UNIT } from "#kit/units.js";

/** @import {Frame, Photo, Picture, Written} from "#kit/photo.js" */
/** @import {Coordinate, Token} from "#kit/roles.js" */
/** @typedef {"x" | "y"} Axis */

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 250, 500, 1000, 2000];
export const STRIP = 6; // px of the strip on each edge that collects the marks
const LABEL_SPACE = 46; // px between two tick labels

/** @type {{[slot in Coordinate]: "left" | "right" | "top" | "bottom"}} */
export const EDGE_OF = { ymin: "left", ymax: "right", xmin: "top", xmax: "bottom" };

export class Rulers {
  /** @param {Photo} photo */
  constructor(photo) {
    this.photo = photo;
    this.stale = true;
    /** @type {string | undefined} */
    this.key = undefined;
    /** @type {string | undefined} */
    this.drawnMarks = undefined;
  }

  /** @type {(record: Written, shown: number) => void} */
  draw(record, shown) {
    const key = [record.run, record.frame, record.image && record.image.id, this.units()].join();
    if (this.stale || key !== this.key) {
      this.drawTicks(record);
      this.drawnMarks = undefined;
    }
    this.key = key;
    this.stale = false;
    const selected = this.photo.stage.selected;
    const marks = `${shown}:${selected}:${record.run}`;
    if (marks !== this.drawnMarks) this.drawMarks(record, shown, selected);
    this.drawnMarks = marks;
  }

  units() {
    return this.photo.stage.units || "bins";
  }

  /** @param {Written} record */
  drawTicks(record) {
    const layer = clear(this.photo.layers.rulers);
    const { x, y, w, h, scale } = this.photo.rect;
    if (!record.image) return;
    layer.append(svg("rect", { class: "p2s-frame", x, y, width: w, height: h }));
    if (!record.frame) return;
    const [x0, y0, x1, y1] = record.frame;
    if (this.photo.whole) this.drawPadding(layer, record.frame, record.image);
    const last = record.vocab.bins - 1;
    for (const axis of /** @type {Axis[]} */ (["x", "y"])) {
      const [from, to] = axis === "x" ? [x0, x1] : [y0, y1];
      const pixels = this.units() === "pixels";
      const one = pixels ? scale : ((to - from) * scale) / last;
      const space = Math.max(LABEL_SPACE, 3.4 * this.photo.text);
      const step = STEPS.find((s) => s * one >= space) || STEPS[STEPS.length - 1];
      const limit = axis === "y" ? record.image.h : record.image.w;
      const end = pixels ? to : last;
      for (let at = 0; at <= end; at += step) {
        this.tick(layer, axis, pixels ? at : from + (at / last) * (to - from), at, limit);
      }
    }
    const unit = svg("text", { class: "p2s-unit", x: x - STRIP - 9, y: y - STRIP - 10, "text-anchor": "end" });
    unit.textContent = UNIT[this.units()];
    layer.append(unit);
  }

  /**
   * What the model gets beyond the picture.
   * @param {SVGGElement} layer
   * @param {Frame} frame
   * @param {Picture} image
   */
  drawPadding(layer, [x0, y0, x1, y1], { w, h }) {
    const { photo } = this;
    const corners = (/** @type {number[]} */ [left, top, right, bottom]) =>
      `M${photo.x(left)} ${photo.y(top)} H${photo.x(right)} V${photo.y(bottom)} H${photo.x(left)} Z`;
    const below = y1 - h > x1 - w;
    // The square without the picture: what is drawn here lies over the photo.
    const d = corners([x0, y0, x1, y1]) + corners([0, 0, w, h]);
    layer.prepend(svg("path", { class: "p2s-padding", d, "fill-rule": "evenodd" }));
    if (Math.max(y1 - h, x1 - w) < 0.02 * Math.max(w, h)) return;
    const place = below
      ? { x: photo.x(w / 2), y: photo.y((h + y1) / 2) }
      : { x: photo.x((w + x1) / 2), y: photo.y(h / 2) };
    layer.append(svg("text", { class: "p2s-padding-note", ...place, "text-anchor": "middle" }, "padding"));
  }

  /**
   * @param {SVGGElement} layer
   * @param {Axis} axis
   * @param {number} pixel of the picture
   * @param {number} number what stands there
   * @param {number} limit of the picture
   */
  tick(layer, axis, pixel, number, limit) {
    const { photo } = this;
    const { x, y, w, h } = photo.rect;
    if (!photo.whole && pixel > limit + 0.5) return; // the padding beyond the picture
    const from = STRIP + 2;
    const label = String(number);
    if (axis === "x") {
      const at = photo.x(pixel);
      layer.append(
        svg("line", { x1: at, x2: at, y1: y - from - 5, y2: y - from }),
        svg("line", { x1: at, x2: at, y1: y + h + from, y2: y + h + from + 4 }),
        svg("text", { x: at, y: y - from - 8, "text-anchor": "middle" }, label)
      );
    } else {
      const at = photo.y(pixel);
      layer.append(
        svg("line", { y1: at, y2: at, x1: x - from - 5, x2: x - from }),
        svg("line", { y1: at, y2: at, x1: x + w + from, x2: x + w + from + 4 }),
        svg("text", { x: x - from - 7, y: at + 0.35 * photo.text, "text-anchor": "end" }, label)
      );
    }
  }

  /**
   * A short bar per sampled coordinate on its role's edge; the current token's is bright.
   * @type {(record: Written, shown: number, selected: number | null) => void}
   */
  drawMarks(record, shown, selected) {
    const layer = clear(this.photo.layers.strips);
    if (!record.frame) return;
    const { x, y, w, h } = this.photo.rect;
    layer.append(
      svg("rect", { class: "p2s-strip", x: x - STRIP - 1, y, width: STRIP, height: h }),
      svg("rect", { class: "p2s-strip", x: x + w + 1, y, width: STRIP, height: h }),
      svg("rect", { class: "p2s-strip", x, y: y - STRIP - 1, width: w, height: STRIP }),
      svg("rect", { class: "p2s-strip", x, y: y + h + 1, width: w, height: STRIP })
    );
    const current = selected === null ? shown - 1 : selected;
    for (const token of record.tokens.slice(0, shown)) {
      const { slot } = token;
      if (!isCoordinate(slot)) continue;
      layer.append(this.mark(record, { ...token, slot }, token.index === current));
    }
  }

  /** @type {(record: Written, token: Token & {slot: Coordinate}, current: boolean) => SVGRectElement} */
  mark(record, token, current) {
    const { photo } = this;
    const { x, y, w, h } = photo.rect;
    const thick = current ? 3 : 2;
    const long = current ? STRIP + 3 : STRIP;
    const node = svg("rect", {
      class: current ? "p2s-mark current" : "p2s-mark",
      "data-slot": token.slot,
      opacity: current ? 1 : 0.25 + 0.5 * token.raw,
    });
    const pixel = record.tokenPixel(token);
    const edge = EDGE_OF[token.slot];
    if (edge === "left" || edge === "right") {
      const left = edge === "left" ? x - long - 1 : x + w + 1;
      return set(node, { x: left, y: photo.y(pixel) - thick / 2, width: long, height: thick });
    }
    const top = edge === "top" ? y - long - 1 : y + h + 1;
    return set(node, { x: photo.x(pixel) - thick / 2, y: top, width: thick, height: long });
  }
}
