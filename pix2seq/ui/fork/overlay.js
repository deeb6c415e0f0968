// What a panel draws on the photo: edges that might be, boxes of another sentence, a bell. It has a
// layer of its own and uses the photo's scale, so that everything stays in place when that changes.

import { clear, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { labelNode, labelPlace } from "#kit/labels.js";
import { isVertical } from "#kit/roles.js";

/** @import {Place} from "#kit/labels.js" */
/** @import {StageOnView} from "#visit/places.js" */

/**
 * A box in pixels of the original picture: xyxy.
 * @typedef {number[]} Box
 */

export class Overlay {
  /** @param {StageOnView} stage */
  constructor(stage) {
    this.stage = stage;
    this.layer = svg("g", { class: "fork-layer", "data-fork-layer": "" });
    stage.photo.svg.append(this.layer);
    /** @type {string} */
    this.rect = "";
    /** @type {Place[]} */
    this.taken = [];
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
    clear(this.layer);
    this.taken = [];
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
   * @param {{known?: {[slot: string]: number}, width?: number, look?: string, text?: string}} more
   */
  edge(slot, pixel, { known = {}, width = 3, look = "", text = "" } = {}) {
    const { rect } = this.photo;
    const along = this.at(slot, pixel);
    const [low, high] = isVertical(slot) ? ["xmin", "xmax"] : ["ymin", "ymax"];
    const ends = isVertical(slot) ? [rect.x, rect.x + rect.w] : [rect.y, rect.y + rect.h];
    const from = low in known ? this.at(low, known[low]) : ends[0];
    const to = Math.max(high in known ? this.at(high, known[high]) : ends[1], from);
    const place = isVertical(slot)
      ? { x1: from, x2: to, y1: along, y2: along }
      : { x1: along, x2: along, y1: from, y2: to };
    this.layer.append(
      svg("line", { class: "fork-halo", ...place, "stroke-width": width + 2 }),
      svg("line", { class: `fork-edge ${look}`, "data-slot": slot, ...place, "stroke-width": width })
    );
    if (text) {
      const box = { x: place.x1, y: place.y1, width: place.x2 - place.x1, height: 0 };
      this.label(text, box, `fork-tag ${look}`, slot);
    }
  }

  /**
   * A box in its class's colour; noise is grey and dashed.
   * @param {Box} box
   * @param {string} name of its class, or "noise"
   * @param {{text?: string, look?: string}} [more] what is written beside it: the name, unless said otherwise
   */
  box([x0, y0, x1, y1], name, { text = name, look = "" } = {}) {
    const kind = `${look}${name === "noise" ? " noise" : ""}`;
    const place = {
      x: this.photo.x(x0),
      y: this.photo.y(y0),
      width: Math.max((x1 - x0) * this.photo.rect.scale, 0),
      height: Math.max((y1 - y0) * this.photo.rect.scale, 0),
    };
    this.layer.append(
      svg("rect", { class: `fork-box-halo ${kind}`, ...place }),
      svg("rect", { class: `fork-box ${kind}`, ...inHue(name), ...place })
    );
    if (text) set(this.label(text, place, `fork-box-label ${kind}`), inHue(name));
  }

  /**
   * @param {string} text
   * @param {Place} box
   * @param {string} look
   * @param {string} [slot]
   */
  label(text, box, look, slot) {
    const { x, y, w, h: tall } = this.photo.rect;
    const place = labelPlace(text, box, { x, y, width: w, height: tall }, this.taken, this.photo.text);
    this.taken.push(place);
    const node = labelNode(text, place, look);
    if (slot) node.setAttribute("data-slot", slot);
    this.layer.append(node);
    return node;
  }

  /**
   * Make what was drawn last (its shape and its label) something to press.
   * @param {() => void} onclick
   * @param {object} more attributes
   */
  reach(onclick, more) {
    const nodes = [...this.layer.children].slice(-3);
    const group = svg("g", { class: "fork-way", role: "button", ...more }, nodes);
    const stop = (/** @type {Event} */ event) => event.stopPropagation();
    for (const type of ["pointerdown", "pointerup", "mousedown", "click"]) group.addEventListener(type, stop);
    group.addEventListener("click", onclick);
    this.layer.append(group);
  }
}
