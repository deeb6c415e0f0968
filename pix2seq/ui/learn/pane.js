// One of lesson 5's ways to write: its boxes on the picture, its tokens, and what they come to.

import { clear, h } from "#kit/elements.js";
import { plural, probability } from "#kit/numbers.js";
import { LearnPicture } from "#learn/board.js";
import * as widgets from "#learn/widgets.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Line} from "#learn/lines.js" */

/**
 * An object as read at the end: `hit` is the box that it finds, `again` the object that it repeats.
 * While the model writes neither is known, nor the score.
 * @typedef {object} Shown
 * @property {Frame} box
 * @property {string} text
 * @property {boolean} [noise]
 * @property {number} [score]
 * @property {number | null} [hit]
 * @property {number | null} [again]
 */

/**
 * A sentence, whatever is read into it: Σ −ln p, boxes written as noise, and of names and edges how
 * many had one candidate left.
 * @typedef {{nats: number, noise: number, names: [lone: number, all: number], edges: [lone: number, all: number]}} Facts
 */

const SURE = 0.25; // boxes below this score fade, or a picture full of doubt cannot be read

// What the boxes on the picture are good for: only true ones can be found or missed.
/** @type {{[whose: string]: string}} */
const WHOSE = {
  truth: "true boxes found",
  model: "of the model's own boxes written again (they are no truth)",
  visitor: "of your boxes found",
};

/** A picture with objects as a sentence shows them: what is right is ticked, what is doubtful faint. */
export class ShownPicture extends LearnPicture {
  /** @param {string} label */
  constructor(label) {
    super(label);
    /** @type {Shown[]} */
    this.list = [];
  }

  /** @param {Shown[]} list */
  show(list) {
    this.list = list;
    this.draw();
  }

  draw() {
    if (!this.picture) return;
    clear(this.layers.boxes);
    clear(this.layers.names);
    for (const one of [...this.list].reverse()) {
      const score = one.score === undefined ? "" : ` ${probability(one.score)}`;
      const mark = typeof one.again === "number" ? ` again ${one.again + 1}` : typeof one.hit === "number" ? " ✓" : "";
      const look = !one.noise && one.hit === null ? "miss" : "";
      const label = `${one.text}${score}${mark}`;
      const faint = one.score !== undefined && one.score < SURE && !mark;
      const box = this.box(one.box, one.noise ? "noise" : one.text, { look, label: one.noise || faint ? "" : label });
      if (faint && !one.noise) box.style.opacity = String(Math.max(Number(one.score) / SURE, 0.12));
      this.layers.boxes.append(box);
    }
  }
}

export class Pane {
  /** @param {string[]} way */
  constructor([name, section, what]) {
    this.picture = new ShownPicture(`Boxes by ${name}`);
    this.tokens = h("div", { class: "learn-tokens", tabindex: 0, role: "group", "aria-label": `Tokens of ${name}` });
    this.status = h("p", { class: "p2s-small learn-pane-status", role: "status" });
    /** @type {Shown[]} */
    this.boxes = [];
    /** @type {Shown[] | null} */
    this.found = null;
    this.written = 0;
    this.ended = "";
    this.node = h(
      "section",
      { class: "learn-pane", "data-pane": name.toLowerCase() },
      h("h3", {}, name, " ", widgets.source(section)),
      h("p", { class: "p2s-small p2s-soft" }, what),
      this.picture.node,
      this.status,
      this.tokens
    );
  }

  start() {
    this.boxes = [];
    this.found = null;
    this.written = 0;
    this.ended = "";
    clear(this.tokens);
    this.status.textContent = "waiting for the model";
    this.picture.show([]);
  }

  /** @param {Extract<Line, {k: "t"}>} line */
  token(line) {
    this.written += 1;
    if (line.slot === "eos") this.ended = "ended with EOS";
    const token = { text: line.text, kind: line.noise ? "noise" : "coord" };
    const chip = widgets.chip(token, line.slot, line.prob);
    chip.title = `${line.slot} ${line.text}, probability ${probability(line.prob)}`;
    this.tokens.append(chip);
    this.status.textContent = `writing, ${plural(this.written, "token", "tokens")}`;
  }

  /** @param {Extract<Line, {k: "o"}>} line */
  object(line) {
    for (const [x0, y0, x1, y1, name] of line.boxes) {
      this.boxes.push({ box: [x0, y0, x1, y1], text: name, noise: line.noise });
    }
    this.picture.show(this.boxes);
  }

  /**
   * What was found, read under the page's filters.
   * @type {(found: Shown[], flat: number, truth: number, by: string, diverge: number | null, facts: Facts) => void}
   */
  read(found, flat, truth, by, diverge, { nats, noise }) {
    this.found = found;
    const real = found.filter((one) => !one.noise);
    const hits = this.hits;
    const again = found.filter((one) => one.again !== null).length;
    const parts = [
      plural(real.length, "object", "objects"),
      flat ? `${flat} without area` : "",
      truth ? `${hits} of ${truth} ${WHOSE[by]}` : "",
      again ? `${again} of them again` : "",
      noise ? `${plural(noise, "box was", "boxes were")} written as noise` : "",
      `Σ −ln p ${nats.toFixed(1)} nats`,
      `${plural(this.written, "token", "tokens")}, ${this.ended || "stopped at the limit"}`,
      diverge === null ? "" : `parts from argmax at token ${diverge + 1}`,
    ];
    this.status.textContent = parts.filter(Boolean).join(" · ");
    [...this.tokens.children].forEach((chip, i) => chip.classList.toggle("parts", i === diverge));
    this.picture.show(found);
  }

  /** How many of the boxes that there are it has found. */
  get hits() {
    return (this.found || []).filter((one) => one.hit !== null).length;
  }
}
