// The box being written. ymin draws a horizontal line, xmin makes it a corner, ymax three sides,
// xmax closes it. Every coordinate has a thin guide across the photo and a thick edge that reaches as
// far as the other coordinates are known. They slide to their place and fade when the class is there.

import { set, svg } from "#kit/elements.js";
import { isVertical } from "#kit/roles.js";
import { EDGE_OF } from "#kit/rulers.js";

const THICK = 3;
const COORDINATES = ["ymin", "xmin", "ymax", "xmax"];

/** A coordinate's number beside the photo, at the edge on which that coordinate is read. */
export class CoordinateTag {
  constructor(slot) {
    this.box = svg("rect", { rx: 2, height: 16 });
    this.words = svg("text", { "text-anchor": "middle", y: 12 });
    this.node = svg("g", { class: "p2s-tag", "data-slot": slot }, this.box, this.words);
  }

  /** Show `text` at `at`, a place along the edge, of a photo that fills `rect`. */
  place(rect, at, text) {
    const width = 8 + 7 * text.length;
    set(this.box, { width });
    set(this.words, { x: width / 2 });
    this.words.textContent = text;
    const edge = EDGE_OF[this.node.dataset.slot];
    const x = { left: rect.x - width - 2, right: rect.x + rect.w + 2 }[edge] ?? at - width / 2;
    const y = { top: rect.y - 18, bottom: rect.y + rect.h + 2 }[edge] ?? at - 8;
    set(this.node, { transform: `translate(${x} ${y})` });
  }
}

export class Guides {
  constructor(photo) {
    this.photo = photo;
    this.parts = {};
    for (const slot of COORDINATES) {
      this.parts[slot] = {
        guide: svg("rect", { class: "p2s-guide", "data-slot": slot }),
        edge: svg("rect", { class: "p2s-edge", "data-slot": slot }),
        tag: new CoordinateTag(slot),
      };
      const { guide, edge, tag } = this.parts[slot];
      photo.layers.guides.append(guide, edge, tag.node);
    }
    this.object = null;
  }

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

  place(record, slot, tokens, fresh) {
    const { guide, edge, tag } = this.parts[slot];
    const token = tokens[slot];
    const visible = Boolean(token);
    for (const node of [guide, edge, tag.node]) node.classList.toggle("on", visible);
    if (!visible) return;
    const { photo } = this;
    const { rect } = photo;
    const pixel = record.tokenPixel(token);
    const closed = COORDINATES.every((name) => tokens[name]);
    const at = isVertical(slot) ? photo.y(pixel) : photo.x(pixel);
    if (fresh || !guide.dataset.shown) this.jump(slot); // slide in from the photo's edge
    guide.classList.toggle("closed", closed);
    const known = (name, fallback) => {
      if (!tokens[name]) return fallback;
      const value = record.tokenPixel(tokens[name]);
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
    tag.place(rect, at, record.text_of(token.id));
  }

  shape(node, x, y, width, height) {
    const style = { x, y, width, height };
    for (const [name, value] of Object.entries(style)) {
      node.style.setProperty(name, `${Math.max(value, 0)}px`);
    }
  }

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
