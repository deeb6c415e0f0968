// Page 5, inference: the same picture and seed written three ways, side by side, while it happens.

import { clear, h } from "#kit/elements.js";
import { plural, probability } from "#kit/numbers.js";
import { LearnPicture } from "#learn/board.js";
import * as widgets from "#learn/widgets.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Lesson} from "#learn/lesson.js" */
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
 * The finished runs, read under the page's filters; one entry per pane.
 * @typedef {object} Readings
 * @property {Shown[][]} panes
 * @property {number[]} flat objects without area
 * @property {number} true boxes that could be found
 * @property {(number | null)[]} diverge the token at which each parts from argmax
 */

const SURE = 0.25; // boxes below this score fade, or a picture full of doubt cannot be read
const WAYS = [
  ["Argmax", "§2.2", "always the likeliest token; stops at EOS"],
  ["Nucleus", "§2.2", "samples among the likeliest; stops at EOS"],
  ["Altered", "§2.3", "nucleus, but EOS is put off; the noise class tells which boxes to drop"],
];

// What the boxes on the picture are good for: only true ones can be found or missed.
/** @type {{[whose: string]: string}} */
const WHOSE = {
  truth: "true boxes found",
  model: "of the model's own boxes written again (they are no truth)",
  visitor: "of your boxes found",
};

class Pane {
  /** @param {string[]} way */
  constructor([name, section, what]) {
    this.picture = new LearnPicture(`Boxes by ${name}`);
    this.picture.draw = () => this.draw();
    this.tokens = h("div", { class: "learn-tokens" });
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
    this.draw();
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
    this.draw();
  }

  /**
   * What was found, read under the page's filters.
   * @type {(found: Shown[], flat: number, truth: number, by: string, diverge: number | null) => void}
   */
  read(found, flat, truth, by, diverge) {
    this.found = found;
    const real = found.filter((one) => !one.noise);
    const hits = found.filter((one) => one.hit !== null).length;
    const again = found.filter((one) => one.again !== null).length;
    const parts = [
      plural(real.length, "object", "objects"),
      flat ? `${flat} without area` : "",
      truth ? `${hits} of ${truth} ${WHOSE[by]}` : "",
      again ? `${again} of them again` : "",
      `${plural(this.written, "token", "tokens")}, ${this.ended || "stopped at the limit"}`,
      diverge === null ? "" : `parts from argmax at token ${diverge + 1}`,
    ];
    this.status.textContent = parts.filter(Boolean).join(" · ");
    [...this.tokens.children].forEach((chip, i) => chip.classList.toggle("parts", i === diverge));
    this.draw();
  }

  draw() {
    const { picture } = this;
    if (!picture.picture) return;
    clear(picture.layers.boxes);
    const list = this.found || this.boxes;
    for (const one of [...list].reverse()) {
      const score = one.score === undefined ? "" : ` ${probability(one.score)}`;
      const mark = one.again !== null && one.again !== undefined ? ` again ${one.again + 1}` : one.hit === null || one.hit === undefined ? "" : " ✓";
      const look = one.noise ? "noise" : one.hit === null ? "miss" : "";
      const label = `${one.text}${score}${mark}`;
      const faint = one.score !== undefined && one.score < SURE && !mark;
      const box = picture.box(one.box, { look, label: one.noise || faint ? "" : label });
      if (faint && !one.noise) box.style.opacity = String(Math.max(Number(one.score) / SURE, 0.12));
      picture.layers.boxes.append(box);
    }
  }
}

class Infer {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    this.topP = 0.4;
    this.noise = "paper";
    this.threshold = 0;
    /** @type {string[] | null} runs that are complete */
    this.runs = null;
    /** @type {string[] | null} runs that are being written */
    this.pending = null;
    /** @type {string | null} */
    this.shownPicture = null;
    this.panes = WAYS.map((way) => new Pane(way));
    this.slider = widgets.slider({
      label: "Top-p",
      min: 0.05,
      max: 1,
      step: 0.05,
      value: this.topP,
      format: (value) => value.toFixed(2),
      hint: "the likeliest tokens that hold this much probability may be drawn",
      oninput: (value) => (this.topP = value),
    });
    this.slider.input.addEventListener("change", () => this.write());
    this.least = widgets.slider({
      label: "Score at least",
      min: 0,
      max: 1,
      step: 0.01,
      value: 0,
      format: (value) => value.toFixed(2),
      oninput: (value) => {
        this.threshold = value;
        lesson.soon();
      },
    });
    this.filter = widgets.choice({
      label: "Noise objects",
      value: this.noise,
      options: [
        ["paper", "as the paper", "score by the likeliest real class; noise makes it small"],
        ["drop", "drop", "remove what the model itself called noise"],
        ["show", "show", "grey and dashed"],
      ],
      onchange: (value) => {
        this.noise = value;
        lesson.soon();
      },
    });
    this.go = widgets.button("Write all three", () => this.write(), {
      class: "p2s-button primary",
      "data-learn-write": "",
    });
    this.seed = widgets.button("Another seed", () => {
      lesson.state.seed += 1;
      this.write();
    });
    this.node = h(
      "div",
      {},
      h("h2", {}, "Three ways to read the model out ", widgets.source("§2.2, §2.3")),
      h(
        "p",
        {},
        "Sampling from the nucleus finds more than always taking the likeliest token. Putting off EOS finds more still, and also writes boxes of nothing; ",
        "a model trained with noise objects gives those little score, so recall rises without giving up precision. Same picture, same seed."
      ),
      h("div", { class: "learn-controls" }, this.slider.node, this.least.node, this.filter.node),
      h("div", { class: "learn-row" }, this.go, this.seed),
      h("div", { class: "learn-panes" }, this.panes.map((pane) => pane.node))
    );
  }

  opened() {
    const { model } = this.lesson.state;
    const { picture } = this.lesson.opened();
    this.go.disabled = this.seed.disabled = !model;
    if (this.shownPicture !== picture.id) {
      this.shownPicture = picture.id;
      this.runs = null;
      this.panes.forEach((pane) => {
        pane.start();
        pane.status.textContent = "";
        pane.picture.load(picture);
      });
    }
  }

  write() {
    const more = { top_p: this.topP, seed: this.lesson.state.seed };
    if (!this.lesson.write("compare", more, (line) => this.line(line))) return;
    this.runs = null;
    this.panes.forEach((pane) => pane.start());
  }

  /** @param {Line} line */
  line(line) {
    if (line.k === "panes") this.pending = line.runs;
    if (line.k === "t") this.panes[line.p].token(line);
    if (line.k === "o") this.panes[line.p].object(line);
    if (line.k === "end") {
      this.runs = this.pending;
      this.lesson.soon();
    }
  }

  async update() {
    if (!this.lesson.state.model) {
      this.lesson.say(`This page asks a model. ${this.lesson.state.problem}`, true);
      return;
    }
    if (!this.runs) return;
    const more = { runs: this.runs, noise: this.noise, threshold: this.threshold };
    const by = this.lesson.state.boxesBy;
    /** @type {Readings | null} */
    const view = await this.lesson.ask("learn_read", more);
    if (!view) return;
    view.panes.forEach((found, i) => this.panes[i].read(found, view.flat[i], view.true, by, view.diverge[i]));
  }
}

export const infer = {
  name: "infer",
  title: "Inference",
  mount: (/** @type {Lesson} */ lesson) => new Infer(lesson),
};
