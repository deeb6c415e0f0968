// The training time machine: one slider from the first step to the last. A flat bar becomes a bell,
// then two peaks, then names; how far the recorded runs came is read off the recording. With and
// without sequence augmentation, side by side.

import { clear, h, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { fixed, probability } from "#kit/numbers.js";
import { areaPath } from "#kit/plots.js";
import { onceAFrame } from "#kit/timing.js";
import { Curves } from "#learn/curves.js";
import { ending, History, standing } from "#learn/history.js";
import { ask } from "#visit/questions.js";

/** @import {Bridge} from "#visit/questions.js" */
/** @import {Recording} from "#learn/history.js" */

const PLOT = 118;
const BASE = 20;
const WORDS = /** @type {[string, string][]} */ ([
  ["snapshot", "the model as it was at one step; here its answers are recorded, not its weights"],
  ["the sentence", "what every snapshot reads: a scene's labels, or what the last one writes; it is asked for each next token"],
  ["sequence augmentation", "noise objects behind the real ones while training, with a class of their own"],
  ["EOS, noise", "without augmentation EOS must end the list; with it, noise takes what is no object"],
]);

/** What one run thought: its own sentence on the picture, and the distribution at the chosen token. */
class Pane {
  /** @param {string} title */
  constructor(title) {
    this.image = h("img", { alt: "" });
    this.boxes = svg("svg", { "aria-hidden": "true" });
    this.own = h("p", { class: "p2s-small machine-own" });
    this.plot = svg("svg", { class: "machine-plot", role: "img" });
    this.area = svg("path", { class: "machine-area" });
    this.right = svg("line", { class: "machine-right", y1: 0, y2: PLOT - BASE });
    this.bars = h("ul", { class: "learn-bars" });
    this.chart = h("div", { class: "machine-chart" }, this.plot, this.bars);
    this.words = h("p", { class: "p2s-small" });
    this.width = 320;
    this.drawn = 0; // the width that the axis has
    this.node = h(
      "section",
      { class: "machine-pane", "aria-label": title },
      h("h3", {}, title),
      h("div", { class: "machine-photo" }, this.image, this.boxes),
      this.own,
      this.chart,
      this.words
    );
    new ResizeObserver(() => {
      this.width = Math.max(this.chart.clientWidth, 160);
      this.resized?.();
    }).observe(this.chart);
    /** @type {(() => void) | undefined} */
    this.resized = undefined;
  }

  /**
   * @param {History} history
   * @param {{run: number, snapshot: number, picture: number, token: number}} place
   */
  draw(history, { run, snapshot, picture, token }) {
    const { recording } = history;
    const about = recording.pictures[picture];
    const { own } = recording.runs[run].snapshots[snapshot].rows[picture];
    this.drawOwn(history, own, picture);
    const row = history.row(run, snapshot, picture, token);
    const slot = about.slots[token] || "eos";
    const named = slot === "class" || slot === "eos";
    this.plot.style.display = named ? "none" : "";
    this.bars.hidden = !named;
    set(this.chart, { "data-slot": slot });
    const id = about.token_ids[token] ?? recording.tokenizer.eos_id;
    this.words.textContent = `${slot === "eos" ? "EOS behind the sentence" : `${slot} ${history.text(id)}`}: p ${probability(row[id])}, ${fixed(-Math.log(Math.max(row[id], 1e-9)))} nats.`;
    if (named) this.drawNames(history, row, id);
    else this.drawAxis(history, row, id);
  }

  /**
   * @param {History} history
   * @param {number[]} own
   * @param {number} picture
   */
  drawOwn(history, own, picture) {
    const about = history.recording.pictures[picture];
    if (this.image.getAttribute("src") !== about.src) this.image.src = about.src;
    set(this.boxes, { viewBox: `0 0 ${about.width} ${about.height}` });
    const unit = about.width / 300;
    const found = history.objects(own, about);
    clear(this.boxes).append(
      ...found.flatMap(({ box: [x0, y0, x1, y1], name, noise }) => [
        svg("rect", { class: `machine-box${noise ? " noise" : ""}`, ...inHue(name), x: x0, y: y0, width: x1 - x0, height: y1 - y0, "stroke-width": 2 * unit }),
        svg("text", { class: `machine-name${noise ? " noise" : ""}`, ...inHue(name), x: x0 + 3 * unit, y: Math.max(y0 - 3 * unit, 13 * unit), "font-size": 13 * unit }, name),
      ])
    );
    const names = found.map(({ name }) => name);
    this.own.textContent = `It writes: ${names.length ? names.join(", ") : own.length ? "boxes without area" : "EOS at once"}.`;
  }

  /**
   * @param {History} history
   * @param {Float64Array} row
   * @param {number} id
   */
  drawAxis(history, row, id) {
    const { coord_offset: first, num_bins: bins } = history.recording.tokenizer;
    const axis = Array.from(row.subarray(first, first + bins));
    const { width } = this;
    const x = (/** @type {number} */ bin) => ((bin + 0.5) / bins) * width;
    if (this.drawn !== width) {
      const ticks = [0, 64, 128, 191, 255].filter((bin) => bin < bins);
      set(this.plot, { viewBox: `0 0 ${width} ${PLOT}`, width, height: PLOT });
      clear(this.plot).append(
        svg("line", { class: "machine-axis", x1: 0, x2: width, y1: PLOT - BASE, y2: PLOT - BASE }),
        ...ticks.map((bin, i) => svg("text", { x: x(bin), y: PLOT - 5, "text-anchor": i === 0 ? "start" : bin === bins - 1 ? "end" : "middle" }, bin)),
        this.area,
        this.right
      );
    }
    this.drawn = width;
    const peak = Math.max(...axis, 4 / bins);
    set(this.area, { d: areaPath(axis, width, PLOT - BASE, peak) });
    set(this.right, { x1: x(id - first), x2: x(id - first) });
    set(this.plot, { "aria-label": `Distribution over ${bins} bins, its top ${probability(Math.max(...axis))}` });
  }

  /**
   * @param {History} history
   * @param {Float64Array} row
   * @param {number} id
   */
  drawNames(history, row, id) {
    const { eos_id: eos, noise_id: noise } = history.recording.tokenizer;
    const best = Array.from(row, (p, i) => /** @type {[number, number]} */ ([p, i])).sort((a, b) => b[0] - a[0]).slice(0, 5);
    const shown = [...new Set([id, ...best.map(([, i]) => i)])].sort((a, b) => row[b] - row[a]).slice(0, 6);
    clear(this.bars).append(
      ...shown.map((i) =>
        h(
          "li",
          { class: i === id ? "target" : null, "data-role": i === noise ? "noise" : i === eos ? "eos" : "class", ...(i === eos ? {} : inHue(history.text(i))) },
          h("span", {}, history.text(i)),
          h("i", { style: { width: `${100 * row[i]}%` } }),
          h("span", { class: "p2s-mono" }, probability(row[i]))
        )
      )
    );
  }
}

class TimeMachine {
  /**
   * @param {Element} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    this.picture = 0;
    this.token = 1;
    this.place = 0; // of `steps`
    /** @type {History | null} */
    this.history = null;
    this.asked = false;
    /** @type {number[]} */
    this.steps = [];
    /** @type {Pane[]} */
    this.panes = [];
    this.soon = onceAFrame(() => this.draw());
    this.words = h("p", { class: "machine-words", role: "status", "data-machine-words": "" });
    /** @type {HTMLInputElement} */
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 0,
      step: 1,
      value: 0,
      "aria-label": "Step of the training",
      "data-machine-step": "",
      oninput: () => this.go(Number(this.slider.value)),
    });
    this.standing = h("p", { class: "machine-standing", "data-machine-standing": "" });
    this.end = h("span", { "data-machine-end": "" });
    this.choice = h("div", { class: "machine-pictures", role: "group", "aria-label": "Picture" });
    this.sentence = h("div", { class: "machine-sentence", role: "group", "aria-label": "Token to look at" });
    this.body = h("div", { class: "machine-panes" });
    const choose = (/** @type {number} */ step) => this.go(nearest(this.steps, step));
    this.losses = new Curves("Loss, nats a token: with augmentation ―, without ┄", choose);
    this.course = new Curves("Along the training: the names (green), noise in their place (grey), EOS behind the sentence (thin)", choose);
    clear(root).append(
      h("h2", {}, "The training time machine"),
      h(
        "p",
        {},
        "The bundled model's history was not kept, so a small one was trained for this panel, twice: with noise objects in its sentences and without. Move the slider and read what it thought, one token at a time. ",
        this.end
      ),
      h("div", { class: "machine-time" }, this.slider, this.words, this.standing),
      h("div", { class: "machine-about" }, this.choice, this.sentence),
      this.body,
      h("div", { class: "machine-panes" }, this.losses.node, this.course.node),
      h("details", { class: "machine-card" }, h("summary", {}, "Words on this panel"), h("dl", {}, WORDS.map(([word, meaning]) => [h("dt", {}, word), h("dd", {}, meaning)])))
    );
    new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.load();
    }).observe(root);
  }

  async load() {
    if (this.asked) return;
    this.asked = true;
    const answer = await ask(this.bridge.server, "learn_history", {});
    if (answer.error) {
      this.words.textContent = answer.error;
      this.asked = false;
      return;
    }
    this.show(answer);
  }

  /** @param {Recording} recording */
  show(recording) {
    this.history = new History(recording);
    this.steps = this.history.steps;
    this.panes = recording.runs.map((run) => {
      const pane = new Pane(run.noise_objects ? "With sequence augmentation" : "Without");
      pane.resized = this.soon;
      return pane;
    });
    clear(this.body).append(...this.panes.map((pane) => pane.node));
    set(this.slider, { max: this.steps.length - 1 });
    clear(this.choice).append(
      ...recording.pictures.map((picture, i) =>
        h(
          "button",
          { type: "button", class: "machine-thumb", "data-machine-picture": i, "aria-label": picture.name.replace("example:", ""), onclick: () => this.look(i) },
          h("img", { src: picture.src, alt: "" })
        )
      )
    );
    const losses = recording.runs.map((run) => ({
      points: run.curve.map(({ step, loss }) => /** @type {[number, number]} */ ([step, loss])),
      look: run.noise_objects ? "" : "without",
    }));
    const top = Math.max(1, ...losses.flatMap(({ points }) => points.map(([, loss]) => loss)));
    this.losses.show(losses, { last: this.history.last, top: Math.ceil(top) });
    this.look(0);
    this.go(0);
    const { history } = this;
    setTimeout(() => (this.end.textContent = ending(history))); // behind the first frame
  }

  /** @param {number} picture */
  look(picture) {
    const { history } = this;
    if (!history) return;
    this.picture = picture;
    const about = history.recording.pictures[picture];
    this.token = Math.min(this.token, about.token_ids.length);
    for (const button of this.choice.querySelectorAll("button")) {
      set(button, { "aria-pressed": String(button.dataset.machinePicture === String(picture)) });
    }
    const chips = [...about.texts.map((text, i) => [text, about.slots[i]]), ["EOS", "eos"]];
    clear(this.sentence).append(
      ...chips.map(([text, slot], index) =>
        h(
          "button",
          { type: "button", class: "p2s-chip", "data-slot": slot, "data-machine-token": index, "aria-pressed": "false", ...inHue(slot === "class" ? text : "noise", { "--fill": "12%" }), onclick: () => this.point(index) },
          h("span", { class: "p2s-chip-text" }, text)
        )
      )
    );
    const curves = history.recording.runs.flatMap((run, i) => {
      const course = history.course(i, picture);
      const curve = (/** @type {"name" | "noise" | "eos"} */ what, /** @type {string} */ role) => ({
        points: course.flatMap((one) => (one[what] === null ? [] : [/** @type {[number, number]} */ ([one.step, one[what]])])),
        look: `${run.noise_objects ? "" : "without"}${what === "eos" ? " thin" : ""}`,
        role,
      });
      return [curve("name", "class"), curve("noise", "noise"), curve("eos", "eos")];
    });
    this.course.show(curves, { last: history.last, top: 1 });
    this.point(this.token);
  }

  /** @param {number} token */
  point(token) {
    this.token = token;
    for (const chip of this.sentence.querySelectorAll("button")) {
      set(chip, { "aria-pressed": String(chip.dataset.machineToken === String(token)) });
    }
    this.soon();
  }

  /** @param {number} place */
  go(place) {
    this.place = Math.min(Math.max(place, 0), this.steps.length - 1);
    this.slider.value = String(this.place);
    this.soon();
  }

  draw() {
    const { history, picture, token } = this;
    if (!history || !this.root.clientWidth) return;
    const step = this.steps[this.place];
    let logged = step; // the loss was written down every few steps
    const parts = history.recording.runs.map((run, i) => {
      const snapshot = history.at(i, step);
      this.panes[i].draw(history, { run: i, snapshot, picture, token });
      const point = run.curve[nearest(run.curve.map((one) => one.step), step)];
      if (!point) return "";
      logged = point.step;
      return `${run.noise_objects ? "with" : "without"} ${fixed(point.loss)}`;
    });
    const when = logged === step ? "" : ` at step ${logged}`;
    this.words.textContent = `Step ${step} of ${history.last}. Loss${when}: ${parts.filter(Boolean).join(", ")} nats a token.`;
    this.standing.textContent = standing(history, step, picture);
    set(this.slider, { "aria-valuetext": `step ${step}` });
    this.losses.mark(step);
    this.course.mark(step);
  }
}

/**
 * @param {number[]} steps
 * @param {number} step
 */
const nearest = (steps, step) =>
  steps.reduce((best, one, i) => (Math.abs(one - step) < Math.abs(steps[best] - step) ? i : best), 0);

/** @type {TimeMachine | null} */
let machine = null;

/**
 * Called by the component's load hook.
 * @param {Element} element
 * @param {Bridge} bridge
 */
export const mountMachine = (element, bridge) => {
  const root = element.querySelector("[data-machine]");
  if (root) machine = new TimeMachine(root, bridge);
};

/** The panel on the page, for the console and for tests. */
export const currentMachine = () => machine;
