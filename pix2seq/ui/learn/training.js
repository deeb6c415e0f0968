// Page 6, architecture and training: what the network is made of, how its loss fell, and what other
// detectors do in its place.

import { clear, h, set, svg } from "#kit/elements.js";
import { fixed, memorySaid, plural } from "#kit/numbers.js";
import { lossSaid } from "#learn/captions.js";
import { trainingExercises } from "#learn/exercises.js";
import * as widgets from "#learn/widgets.js";

/** @import {Lesson} from "#learn/lesson.js" */

/** @typedef {{name: string, curve: [step: number, coordinates: number, classes: number][]}} Run */

/**
 * @typedef {object} Network in numbers
 * @property {[width: number, height: number]} input
 * @property {[rows: number, columns: number]} grid of the memory
 * @property {number} cells in it
 * @property {number} drafts ahead of them
 * @property {number} dim numbers per cell
 * @property {number} vocabulary
 * @property {number} longest sentence, tokens
 * @property {number} objects in it
 * @property {number} weights
 * @property {{encoder: number | null, decoder: number | null}} parts weights of each
 * @property {number | null} layers of the decoder
 * @property {number | null} heads
 */

const SIZE = { most: 720, h: 220, left: 44, right: 12, top: 10, bottom: 36 }; // px, its type as it is
const KINDS = ["anchors and NMS (YOLO, Faster R-CNN)", "set prediction (DETR)", "Pix2Seq"];
const OTHERS = [
  ["what goes in", "the photo", "the photo", "the photo, and the words written so far"],
  ["what comes out", "a class and an offset for each of thousands of anchors", "a class and four numbers for each of 100 queries", "one word after the other"],
  ["boxes are", "regressed", "regressed", "words, like the names"],
  ["the loss", "classification and regression, anchors assigned to objects by overlap", "classification, L1 and IoU, after matching predictions to objects", "how likely the right next word was"],
  ["one object twice", "non-maximum suppression removes it afterwards", "the queries see each other", "what is written is read again; nothing is removed"],
  ["how many objects", "what is left above a score", "100 queries, most of them empty", "until EOS, or the longest sentence"],
];

class Training {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    /** @type {Network | null} */
    this.network = null;
    this.words = ["encoder", "memory", "decoder", "attention"];
    this.plan = {
      ask: () =>
        this.network && this.network.parts.encoder !== null
          ? `The network has ${millions(this.network.weights)} weights. Which share of them is in the encoder, the part that looks, in per cent?`
          : "",
      look: () => ({ range: /** @type {[number, number]} */ ([0, 100]), start: 50, unit: "%" }),
      answer: async () =>
        this.network && this.network.parts.encoder !== null
          ? (100 * this.network.parts.encoder) / this.network.weights
          : null,
    };
    this.way = h("ol");
    this.parts = h("p", { class: "learn-answer", "data-learn-parts": "" });
    this.chart = svg("svg", { class: "learn-loss", role: "img" });
    /** @type {Run[]} */
    this.runs = [];
    this.lossWords = h("p", { "data-learn-loss": "" });
    this.loss = h(
      "section",
      { "aria-label": "The loss while training" },
      h("h3", {}, "How the loss fell while training"),
      this.lossWords,
      this.chart,
      h(
        "p",
        { class: "p2s-small p2s-soft" },
        "Coordinates: solid, classes: dashed, both in nats per token. Each vertical line begins another run, with other pictures: compare a stretch with itself."
      )
    );
    new ResizeObserver(() => this.draw(this.runs)).observe(this.loss);
    this.node = h(
      "div",
      {},
      h("h2", {}, "What looks, what writes, and how it learned ", widgets.source("§2.2, §3")),
      h(
        "p",
        {},
        "The decoder never sees pixels or box coordinates as numbers. The encoder turns the photo, once, into a grid of vectors, the memory. The decoder reads that memory and the words so far, each as a vector of a table, and gives a probability for every word of the vocabulary. One is drawn, and it begins again."
      ),
      h("div", { class: "learn-way" }, this.way),
      this.parts,
      this.loss,
      h("h3", {}, "What others do in its place"),
      h(
        "div",
        { class: "learn-others-frame" },
        h(
          "table",
          { class: "p2s-table learn-others", "aria-label": "Three kinds of detectors" },
          h(
            "thead",
            {},
            h("tr", {}, ["", ...KINDS].map((text) => h("th", { scope: "col" }, text)))
          ),
          h(
            "tbody",
            {},
            OTHERS.map(([what, ...cells]) => h("tr", {}, h("th", { scope: "row" }, what), cells.map((cell, i) => h("td", { "data-head": KINDS[i] }, cell))))
          )
        )
      ),
      h("h3", {}, "Can it answer in words, as chat models do?"),
      h(
        "p",
        {},
        "No. Its vocabulary has bins and class names, and it has read no text. The idea is the same, though, and models that chat about pictures use it: they write a box as digits or as bins within their sentence. What Pix2Seq shows is that nothing but next-word prediction is needed for that."
      )
    );
  }

  exercises() {
    const { network } = this;
    return network ? trainingExercises(network) : [];
  }

  async update() {
    if (!this.lesson.state.model) {
      this.lesson.say(`This page asks a model. ${this.lesson.state.problem}`, true);
      return;
    }
    /** @type {{network: Network, runs: Run[] | null} | null} */
    const view = await this.lesson.ask("learn_training", {});
    if (!view) return;
    this.network = view.network;
    this.fill(view.network);
    this.loss.hidden = !view.runs;
    if (view.runs) this.draw(view.runs);
  }

  /** @param {Network} network */
  fill({ input, grid, cells, drafts, dim, vocabulary, longest, objects, weights, parts, layers, heads }) {
    const drafted = drafts ? `, and ${plural(drafts, "draft")}, guesses of objects that the decoder may copy` : "";
    const step = (/** @type {string} */ name, /** @type {string} */ text) =>
      h("li", {}, h("strong", {}, name), h("span", {}, text));
    clear(this.way).append(
      step("photo", `scaled into a square of ${input[0]} × ${input[1]} pixels, the rest padded`),
      step("encoder", `looks once: ${grid.join(" × ")} cells${drafted}`),
      step("memory", `${memorySaid({ cells, drafts })} of ${dim} numbers`),
      step("decoder", layers === null ? "reads memory and words" : `${layers} layers, ${heads} heads: reads memory and words`),
      step("bar", `a probability for each of ${vocabulary} words`),
      step("token", `one is drawn; up to ${longest} of them, ${objects} objects`)
    );
    this.parts.textContent =
      parts.encoder === null || parts.decoder === null
        ? ""
        : `${millions(parts.encoder)} weights look, ${millions(parts.decoder)} write, of ${millions(weights)}.`;
  }

  /** @param {Run[]} runs */
  draw(runs) {
    this.runs = runs;
    const w = Math.min(this.loss.clientWidth, SIZE.most);
    if (!runs.length || !w) return;
    this.lossWords.textContent = lossSaid(runs);
    const { h: tall, left, right, top, bottom } = SIZE;
    set(this.chart, { viewBox: `0 0 ${w} ${tall}`, width: w, height: tall });
    const rows = runs.flatMap((run) => run.curve);
    const last = rows[rows.length - 1][0];
    const most = Math.ceil(Math.max(...rows.map(([, coordinates, classes]) => Math.max(coordinates, classes))));
    const x = (/** @type {number} */ step) => left + (step / last) * (w - left - right);
    const y = (/** @type {number} */ nats) => top + (1 - nats / most) * (tall - top - bottom);
    const line = (/** @type {Run} */ run, /** @type {1 | 2} */ column) =>
      run.curve.map((row, i) => `${i ? "L" : "M"}${x(row[0]).toFixed(1)} ${y(row[column]).toFixed(1)}`).join("");
    const text = (/** @type {number} */ at, /** @type {number} */ down, /** @type {string} */ words, anchor = "middle") =>
      svg("text", { x: at, y: down, "text-anchor": anchor }, words);
    clear(this.chart).append(
      ...[0, most / 2, most].flatMap((nats) => [
        svg("line", { class: "learn-axis", x1: left, x2: w - right, y1: y(nats), y2: y(nats) }),
        text(left - 5, y(nats) + 4, fixed(nats, 1), "end"),
      ]),
      ...runs.slice(1).map((run) => svg("line", { class: "learn-axis", x1: x(run.curve[0][0]), x2: x(run.curve[0][0]), y1: top, y2: y(0) })),
      ...runs.flatMap((run) => [
        svg("path", { class: "learn-curve", d: line(run, 1) }),
        svg("path", { class: "learn-curve dashed", d: line(run, 2) }),
      ]),
      ...[0, 0.5, 1].map((share) => text(x(share * last), y(0) + 15, Math.round(share * last).toLocaleString("en"), share === 1 ? "end" : "middle")),
      text((left + w - right) / 2, tall - 4, "training steps"),
      svg("text", { transform: `translate(12 ${y(most / 2)}) rotate(-90)`, "text-anchor": "middle" }, "nats a token")
    );
    this.chart.setAttribute("aria-label", lossSaid(runs));
  }
}

const millions = (/** @type {number} */ count) => `${(count / 1e6).toFixed(1)} million`;

export const training = {
  name: "training",
  title: "Architecture and training",
  mount: (/** @type {Lesson} */ lesson) => new Training(lesson),
};
