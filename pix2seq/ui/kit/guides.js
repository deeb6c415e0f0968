// The box being written. ymin draws a horizontal line, xmin makes it a corner, ymax three sides,
// xmax closes it. Every coordinate has a thin guide across the photo and a thick edge that reaches as
// far as the other coordinates are known. They slide to their place and fade when the class is there.

import { set, svg } from "#kit/elements.js";
import { COORDINATES, isVertical } from "#kit/roles.js";
import { EDGE_OF } from "#kit/rulers.js";
import { placeText } from "#kit/units.js";

/** @import {Photo, Rect, Written} from "#kit/photo.js" */
/** @import {Coordinate, TokensBySlot} from "#kit/roles.js" */

/** @typedef {{guide: SVGRectElement, edge: SVGRectElement, tag: CoordinateTag}} Guide of a coordinate */

const THICK = 3;

/** A coordinate's number beside the photo, at the edge on which that coordinate is read. */
export class CoordinateTag {
  /**
   * @param {Coordinate} slot
   * @param {Photo} photo
   */
  constructor(slot, photo) {
    this.photo = photo;
    this.box = svg("rect", { rx: 2 });
    this.words = svg("text", { "text-anchor": "middle" });
    this.node = svg("g", { class: "p2s-tag", "data-slot": slot }, this.box, this.words);
  }

  /**
   * Show `text` at `at`, a place along the edge, of a photo that fills `rect`.
   * @type {(rect: Rect, at: number, text: string) => void}
   */
  place(rect, at, text) {
    const size = this.photo.text;
    const width = 8 + 0.62 * size * text.length;
    const height = Math.round(1.35 * size);
    set(this.box, { width, height });
    set(this.words, { x: width / 2, y: 1.02 * size });
    this.words.textContent = text;
    const edge = EDGE_OF[/** @type {Coordinate} */ (this.node.dataset.slot)];
    const middle = { x: at - width / 2, y: at - height / 2 };
    const { x, y } = {
      left: { ...middle, x: rect.x - width - 2 },
      right: { ...middle, x: rect.x + rect.w + 2 },
      top: { ...middle, y: rect.y - height - 2 },
      bottom: { ...middle, y: rect.y + rect.h + 2 },
    }[edge];
    // On the narrow sides it lies on the photo's edge rather than outside of the window.
    const { clientWidth, clientHeight } = this.photo.node;
    const within = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(Math.min(value, most), 0);
    set(this.node, { transform: `translate(${within(x, clientWidth - width)} ${within(y, clientHeight - height)})` });
  }
}

export class Guides {
  /** @param {Photo} photo */
  constructor(photo) {
    this.photo = photo;
    this.parts = {
      ymin: this.guide("ymin"),
      xmin: this.guide("xmin"),
      ymax: this.guide("ymax"),
      xmax: this.guide("xmax"),
    };
    /** @type {string | null} */
    this.object = null;
  }

  /** @type {(slot: Coordinate) => Guide} */
  guide(slot) {
    const guide = svg("rect", { class: "p2s-guide", "data-slot": slot });
    const edge = svg("rect", { class: "p2s-edge", "data-slot": slot });
    const tag = new CoordinateTag(slot, this.photo);
    this.photo.layers.guides.append(guide, edge, tag.node);
    return { guide, edge, tag };
  }

  /** @type {(record: Written, shown: number) => void} */
  draw(record, shown) {
    const last = record.tokens[shown - 1];
    const open = last && last.slot !== "class" && last.slot !== "eos" && record.frame;
    const tokens = open ? record.tokensOf(last.object, shown) : {};
    const fresh = !open || this.object !== `${record.run}:${last.object}`;
    this.object = open ? `${record.run}:${last.object}` : null;
    const still = this.photo.stage.record.state === "stopped" && shown === record.tokens.length;
    this.photo.layers.guides.classList.toggle("stopped", still);
    for (const slot of COORDINATES) this.place(record, slot, tokens, fresh);
  }

  /** @type {(record: Written, slot: Coordinate, tokens: TokensBySlot, fresh: boolean) => void} */
  place(record, slot, tokens, fresh) {
    const { guide, edge, tag } = this.parts[slot];
    const token = tokens[slot];
    for (const node of [guide, edge, tag.node]) node.classList.toggle("on", Boolean(token));
    if (!token) return;
    const { photo } = this;
    const { rect } = photo;
    const pixel = record.tokenPixel(token);
    const closed = COORDINATES.every((name) => tokens[name]);
    const at = isVertical(slot) ? photo.y(pixel) : photo.x(pixel);
    if (fresh || !guide.dataset.shown) this.jump(slot); // slide in from the photo's edge
    guide.classList.toggle("closed", closed);
    /** @type {(name: Coordinate, fallback: number) => number} */
    const known = (name, fallback) => {
      const other = tokens[name];
      if (!other) return fallback;
      const value = record.tokenPixel(other);
      return isVertical(name) ? photo.y(value) : photo.x(value);
    };
    if (isVertical(slot)) {
      const from = known("xmin", rect.x);
      const to = Math.max(known("xmax", rect.x + rect.w), from);
      this.shape(guide, rect.x, at - 0.5, rect.w, 1);
      this.shape(edge, from - 1.5, at - THICK / 2, to - from + 3, THICK);
    } else {
      const from = known("ymin", rect.y);
      const to = Math.max(known("ymax", rect.y + rect.h), from);
      this.shape(guide, at - 0.5, rect.y, 1, rect.h);
      this.shape(edge, at - THICK / 2, from - 1.5, THICK, to - from + 3);
    }
    guide.dataset.shown = "true";
    tag.place(rect, at, placeText(record, token.id, slot, this.photo.stage.units || "bins"));
  }

  /** @type {(node: SVGElement, x: number, y: number, width: number, height: number) => void} */
  shape(node, x, y, width, height) {
    const style = { x, y, width, height };
    for (const [name, value] of Object.entries(style)) {
      node.style.setProperty(name, `${Math.max(value, 0)}px`);
    }
  }

  /** @param {Coordinate} slot */
  jump(slot) {
    const { guide, edge } = this.parts[slot];
    const { rect } = this.photo;
    for (const node of [guide, edge]) {
      node.style.transition = "none";
      const across = isVertical(slot);
      const far = slot.endsWith("max");
      this.shape(
        node,
        across || !far ? rect.x : rect.x + rect.w,
        !across || !far ? rect.y : rect.y + rect.h,
        across ? rect.w : 1,
        across ? 1 : rect.h
      );
      node.getBoundingClientRect(); // settle before the transition starts
      node.style.transition = "";
    }
  }
}
