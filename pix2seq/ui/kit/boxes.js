// Finished objects: a box in its class's colour with a number and a name. Objects of one class are told
// apart by number and by focus: pointing at one dims the others. Noise is grey, dashed, hatched.

import { svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { labelAmong, labelNode } from "#kit/labels.js";
import { captionOf, nameOf } from "#kit/naming.js";

/** @import {Place} from "#kit/labels.js" */
/** @import {Frame, Photo, PhotoOwner, Point, Written} from "#kit/photo.js" */

/**
 * @typedef {object} Found a finished object; `box` is xyxy in pixels of the original picture
 * @property {number} object
 * @property {Frame} box
 * @property {number} label
 * @property {number} score
 * @property {number} noise
 * @property {number | null} edges
 * @property {string} state `ok`, `noise`, `dropped`, `below` or `flat`
 * @property {boolean} forced a person gave at least one of its tokens
 * @property {number | null} again the earlier object that it repeats
 */

/** @typedef {{key: string, parts: SVGGElement[]}} Drawn an object's lines, and its name above the lines of all */

export class Boxes {
  /** @param {Photo} photo */
  constructor(photo) {
    this.photo = photo;
    /** @type {Map<number, Drawn>} */
    this.nodes = new Map();
    /** @type {Map<number, Place>} object -> where its name stands */
    this.places = new Map();
    /** @type {string | null} */
    this.run = null;
    this.stale = true;
    const hatch = svg(
      "pattern",
      { id: "p2s-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      svg("path", { d: "M0 6 L6 0", class: "p2s-hatch-line" })
    );
    photo.svg.prepend(svg("defs", {}, hatch));
  }

  /** @param {Written} record */
  draw(record) {
    const { stage } = this.photo;
    if (record.run !== this.run) {
      this.nodes.forEach(({ parts }) => parts.forEach((part) => part.remove()));
      this.nodes.clear();
      this.places.clear();
      this.run = record.run;
    }
    const visible = [...stage.visibleObjects(), ...this.peek(stage)];
    const wanted = new Set(visible.map((found) => found.object));
    for (const [object, { parts }] of this.nodes) {
      if (!wanted.has(object)) {
        parts.forEach((part) => part.remove());
        this.nodes.delete(object);
        this.places.delete(object);
      }
    }
    for (const found of visible) this.place(record, found);
    this.focus(stage.focus());
    this.stale = false;
  }

  /**
   * An object that the filters hide, as long as somebody looks at its tokens.
   * @type {(stage: PhotoOwner) => Found[]}
   */
  peek(stage) {
    const focus = stage.focus();
    const found = focus === null ? null : stage.objectOnView(focus);
    return found && ["below", "dropped"].includes(found.state) ? [found] : [];
  }

  /** @type {(record: Written, found: Found) => void} */
  place(record, found) {
    const box = this.onScreen(found);
    const name = nameOf(record, found);
    const caption = captionOf(record, found);
    const key = JSON.stringify([box, caption, found.score, found.state]);
    const old = this.nodes.get(found.object);
    if (old?.key === key) return;
    old?.parts.forEach((part) => part.remove());
    const peeked = ["below", "dropped"].includes(found.state);
    const fate = peeked ? " · hidden" : "";
    const text = `${found.object + 1}  ${caption}${fate}`;
    const look = { class: `p2s-box ${found.state}${found.forced ? " yours" : ""}`, ...inHue(name) };
    const lines = svg(
      "g",
      {
        ...look,
        [peeked ? "data-peek" : "data-box"]: found.object,
        "data-label": name,
        "data-score": found.score.toFixed(4),
        "data-state": found.state,
      },
      svg("rect", { class: "p2s-box-halo", ...box }),
      svg("rect", { class: "p2s-box-line", ...box })
    );
    const named = { ...look, "data-box-name": found.object };
    const label = svg("g", named, ...this.label(text, box, found.object));
    this.photo.layers.boxes.append(lines);
    this.photo.layers.names.append(label);
    this.nodes.set(found.object, { key, parts: [lines, label] });
  }

  /**
   * A box in the browser's pixels.
   * @param {Found} found
   */
  onScreen(found) {
    const [x0, y0, x1, y1] = found.box;
    const { photo } = this;
    const { scale } = photo.rect;
    return { x: photo.x(x0), y: photo.y(y0), width: (x1 - x0) * scale, height: (y1 - y0) * scale };
  }

  /**
   * The name where it hides nothing, its number alone where boxes crowd; whole while looked at.
   * @type {(text: string, box: Place, object: number) => SVGElement[]}
   */
  label(text, box, object) {
    const { x, y, w, h } = this.photo.rect;
    const frame = { x, y, width: w, height: h };
    const size = this.photo.text;
    const taken = [...this.places].filter(([other]) => other !== object).map(([, place]) => place);
    const others = this.photo.stage.visibleObjects().filter((found) => found.object !== object);
    const short = String(object + 1);
    const label = labelAmong([text, short], box, frame, taken, others.map((found) => this.onScreen(found)), size);
    this.places.set(object, label.place);
    /** @type {SVGElement[]} */
    const nodes = [labelNode(label.text, label.place, `p2s-box-label${label.text === text ? "" : " short"}`)];
    if (label.leader) nodes.unshift(svg("line", { class: "p2s-leader", ...label.leader }));
    if (label.text !== text) nodes.push(labelNode(text, labelAmong([text], box, frame, [], [], size).place, "p2s-box-label whole"));
    return nodes;
  }

  /**
   * Dim all but one object; `null` shows all alike.
   * @param {number | null} object
   */
  focus(object) {
    this.look("focus", (key) => key === object);
    this.look("dim", (key) => object !== null && key !== object);
    const front = object === null ? undefined : this.nodes.get(object);
    front?.parts.forEach((part) => part.parentNode?.append(part));
  }

  /**
   * Give a look to the objects that it is for, line and name.
   * @type {(look: string, holds: (object: number) => boolean) => void}
   */
  look(look, holds) {
    for (const [object, { parts }] of this.nodes) for (const part of parts) part.classList.toggle(look, holds(object));
  }

  /**
   * The smallest box under a point of the picture, so that nested objects stay reachable.
   * @param {Point} point
   */
  at(point) {
    /** @type {number | null} */
    let best = null;
    let least = Infinity;
    for (const found of this.photo.stage.visibleObjects()) {
      const [x0, y0, x1, y1] = found.box;
      const inside = point.x >= x0 && point.x <= x1 && point.y >= y0 && point.y <= y1;
      const area = (x1 - x0) * (y1 - y0);
      if (inside && area < least) [best, least] = [found.object, area];
    }
    return best;
  }
}
