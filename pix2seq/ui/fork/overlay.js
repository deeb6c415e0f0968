// What a panel draws on the photo: edges that might be, boxes of another sentence, a bell. It has a
// layer of its own and uses the photo's scale, so that everything stays in place when that changes.
// Names stand above the lines of all, and find their places when all lines are known.

import { clear, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { labelAll, labelNode } from "#kit/labels.js";
import { isVertical } from "#kit/roles.js";

/** @import {Attributes} from "#kit/elements.js" */
/** @import {Place} from "#kit/labels.js" */
/** @import {StageOnView} from "#visit/places.js" */

/**
 * A box in pixels of the original picture: xyxy.
 * @typedef {number[]} Box
 */

/** @typedef {{go: () => void, data: Attributes}} Way something to press: what happens, and its attributes */

/**
 * A name that waits for its place.
 * @typedef {object} Named
 * @property {string} text
 * @property {Place} box
 * @property {string} look
 * @property {Attributes} more
 * @property {SVGGElement} node
 * @property {boolean} [spare] left out where there is no room
 */

export class Overlay {
  /** @param {StageOnView} stage */
  constructor(stage) {
    this.stage = stage;
    this.lines = svg("g");
    this.names = svg("g");
    this.layer = svg("g", { class: "fork-layer", "data-fork-layer": "" }, this.lines, this.names);
    stage.photo.svg.append(this.layer);
    /** @type {string} */
    this.rect = "";
    /** @type {Place[]} */
    this.boxes = [];
    /** @type {Named[]} */
    this.waiting = [];
  }

  get photo() {
    return this.stage.photo;
  }

  /** Whether the photo has another place or size than when this was last asked. */
  moved() {
    const rect = JSON.stringify(this.photo.rect);
    const other = rect !== this.rect;
    this.rect = rect;
    return other;
  }

  clear() {
    clear(this.lines);
    clear(this.names);
    this.boxes = [];
    this.waiting = [];
  }

  /**
   * Fade what the stage itself draws, while another sentence is on the photo.
   * @param {boolean} yes
   */
  alone(yes) {
    this.photo.node.classList.toggle("fork-alone", yes);
  }

  /**
   * A coordinate's place on the screen.
   * @param {string} slot
   * @param {number} pixel
   */
  at(slot, pixel) {
    return isVertical(slot) ? this.photo.y(pixel) : this.photo.x(pixel);
  }

  /**
   * An edge of an object that has only some of its coordinates: it reaches as far as they tell.
   * @param {string} slot
   * @param {number} pixel
   * @param {{known?: {[slot: string]: number}, width?: number, look?: string, text?: string, way?: Way}} more
   */
  edge(slot, pixel, { known = {}, width = 3, look = "", text = "", way } = {}) {
    const { rect } = this.photo;
    const along = this.at(slot, pixel);
    const [low, high] = isVertical(slot) ? ["xmin", "xmax"] : ["ymin", "ymax"];
    const ends = isVertical(slot) ? [rect.x, rect.x + rect.w] : [rect.y, rect.y + rect.h];
    const from = low in known ? this.at(low, known[low]) : ends[0];
    const to = Math.max(high in known ? this.at(high, known[high]) : ends[1], from);
    const place = isVertical(slot)
      ? { x1: from, x2: to, y1: along, y2: along }
      : { x1: along, x2: along, y1: from, y2: to };
    const lines = svg(
      "g",
      {},
      svg("line", { class: "fork-halo", ...place, "stroke-width": width + 2 }),
      svg("line", { class: `fork-edge ${look}`, "data-slot": slot, ...place, "stroke-width": width })
    );
    const box = { x: place.x1, y: place.y1, width: place.x2 - place.x1, height: place.y2 - place.y1 };
    this.draw(lines, { text, box, look: `fork-tag ${look}`, more: { "data-slot": slot } }, way);
  }

  /**
   * A box in its class's colour; noise is grey and dashed, and goes without a name where boxes crowd.
   * @param {Box} box
   * @param {string} name of its class, or "noise"
   * @param {{text?: string, look?: string, way?: Way}} [more] what is written beside it: the name, unless said otherwise
   */
  box([x0, y0, x1, y1], name, { text = name, look = "", way } = {}) {
    const kind = `${look}${name === "noise" ? " noise" : ""}`;
    const place = {
      x: this.photo.x(x0),
      y: this.photo.y(y0),
      width: Math.max((x1 - x0) * this.photo.rect.scale, 0),
      height: Math.max((y1 - y0) * this.photo.rect.scale, 0),
    };
    this.boxes.push(place);
    const lines = svg(
      "g",
      {},
      svg("rect", { class: `fork-box-halo ${kind}`, ...place }),
      svg("rect", { class: `fork-box ${kind}`, ...inHue(name), ...place })
    );
    this.draw(lines, { text, box: place, look: `fork-box-label ${kind}`, more: inHue(name), spare: text === "noise" }, way);
  }

  /**
   * Lines now, their name once all lines are there; with a way, both are something to press.
   * @type {(lines: SVGGElement, name: Omit<Named, "node">, way?: Way) => void}
   */
  draw(lines, name, way) {
    this.lines.append(lines);
    if (!name.text) return;
    const node = svg("g", way ? { class: "fork-way", role: "button", ...way.data } : {});
    this.names.append(node);
    if (way) this.reach([lines, node], way.go);
    if (!this.waiting.length) queueMicrotask(() => this.settle());
    this.waiting.push({ ...name, node });
  }

  /** Names to their places. */
  settle() {
    const { x, y, w, h } = this.photo.rect;
    const names = this.waiting;
    this.waiting = [];
    const wanted = names.map(({ text, box, spare }) => ({ texts: [text], box, spare }));
    const labels = labelAll(wanted, { x, y, width: w, height: h }, this.photo.text, { more: this.boxes });
    labels.forEach((label, i) => {
      const { node, look, more } = names[i];
      if (!label) return;
      if (label.leader) node.append(set(svg("line", { class: "p2s-leader", ...label.leader }), more));
      node.append(set(labelNode(label.text, label.place, look), more));
    });
  }

  /**
   * Make shapes, which belong together, something to press.
   * @param {SVGGElement[]} parts
   * @param {() => void} go
   */
  reach(parts, go) {
    const here = (/** @type {boolean} */ yes) => parts.forEach((part) => part.classList.toggle("here", yes));
    const stop = (/** @type {Event} */ event) => event.stopPropagation();
    for (const part of parts) {
      part.classList.add("fork-reach");
      for (const type of ["pointerdown", "pointerup", "mousedown", "click"]) part.addEventListener(type, stop);
      part.addEventListener("click", go);
      part.addEventListener("pointerenter", () => here(true));
      part.addEventListener("pointerleave", () => here(false));
    }
  }
}
