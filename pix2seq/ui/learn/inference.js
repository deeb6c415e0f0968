// Page 5, inference: the same picture and seed written three ways, side by side, while it happens.

import { clear, h } from "#kit/elements.js";
import { plural } from "#kit/numbers.js";
import { choiceSaid, sumsSaid, waysSaid } from "#learn/captions.js";
import { inferenceExercises } from "#learn/exercises.js";
import { OnStage } from "#learn/onstage.js";
import { Pane } from "#learn/pane.js";
import * as widgets from "#learn/widgets.js";

/** @import {Lesson} from "#learn/lesson.js" */
/** @import {Line} from "#learn/lines.js" */
/** @import {Facts, Shown} from "#learn/pane.js" */

/**
 * The finished runs, read under the page's filters; one entry per pane.
 * @typedef {object} Readings
 * @property {Shown[][]} panes
 * @property {number[]} flat objects without area
 * @property {number} true boxes that could be found
 * @property {(number | null)[]} diverge the token at which each parts from argmax
 * @property {Facts[]} facts
 */

const WAYS = [
  ["Argmax", "§2.2", "always the likeliest token; stops at EOS"],
  ["Nucleus", "§2.2", "samples among the likeliest; stops at EOS"],
  ["Altered", "§2.3", "nucleus, but EOS is put off; the noise class tells which boxes to drop"],
];

class Infer {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    this.topP = 0.4;
    this.noise = "paper";
    this.threshold = 0; // the checkpoint's own once it is known
    /** @type {string[] | null} runs that are complete */
    this.runs = null;
    /** @type {string[] | null} runs that are being written */
    this.pending = null;
    /** @type {string | null} */
    this.shownPicture = null;
    /** @type {string | null} whose recommended settings are on view */
    this.shownCheckpoint = null;
    this.panes = WAYS.map((way) => new Pane(way));
    this.onStage = new OnStage();
    this.folded = h("p", { class: "p2s-soft learn-folded", "data-learn-folded": "" });
    this.three = h("div", { class: "learn-panes" }, this.panes.map((pane) => pane.node));
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
    this.measured = h("div", { class: "learn-measured", "data-learn-measured": "" });
    this.said = h("div", { "data-learn-said": "" });
    this.words = ["argmax", "nucleus", "temperature", "score", "edges", "recall", "precision", "likelihood of a sentence"];
    /** @type {(() => void) | null} waits for the sentences that were asked for */
    this.finished = null;
    this.plan = {
      ask: () => this.question(),
      look: () => ({
        range: /** @type {[number, number]} */ ([0, this.most()]),
        start: 0,
        unit: this.truth() ? "boxes" : "objects",
      }),
      answer: () => this.answer(),
      show: () => this.write(),
    };
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
        "The paper reports that sampling from the nucleus finds more than always taking the likeliest token, and that putting off EOS finds more still: ",
        "what a model trained with noise objects writes then gets little score. Whether that holds here is measured. Same picture, same seed, and the decoder writes alone."
      ),
      this.onStage.node,
      this.measured,
      h("div", { class: "learn-controls" }, this.slider.node, this.least.node, this.filter.node),
      h("div", { class: "learn-row" }, this.go, this.seed),
      this.folded,
      this.three,
      this.said,
      h(
        "p",
        { class: "p2s-soft p2s-small" },
        "Scores are read as in Write: the probability of the class, times how sure the four edges were where the checkpoint recommends that. ",
        "Why is nothing found twice, and why sometimes is it? The model reads what it has written; Experiments counts the doubles, with the noise class and without. ",
        "A small decoder whose EOS is put off varies what it is sure of. In Write, where the encoder makes drafts, edges may be pulled ",
        "towards the surest draft that nothing covers yet; About says how."
      )
    );
  }

  truth() {
    const { boxes, boxesBy } = this.lesson.state;
    return boxesBy === "truth" ? boxes.length : 0;
  }

  most() {
    return this.truth() || this.lesson.opened().vocabulary.maxObjects;
  }

  question() {
    if (!this.lesson.state.model) return "";
    return this.truth()
      ? `${plural(this.truth(), "true box", "true boxes")} on this picture. How many of them will argmax find, always taking the likeliest word?`
      : "How many objects will argmax write about this picture, before it says EOS?";
  }

  async answer() {
    if (!this.write()) return null;
    await new Promise((resolve) => (this.finished = () => resolve(null)));
    const [argmax] = this.panes;
    if (!argmax.found) return null;
    return this.truth() ? argmax.hits : argmax.found.filter((one) => !one.noise).length;
  }

  exercises() {
    if (!this.lesson.state.model) return [];
    return inferenceExercises({ topP: this.topP, most: this.lesson.opened().vocabulary.maxObjects });
  }

  opened() {
    const { model, checkpoint, measured, recommended } = this.lesson.state;
    const { picture } = this.lesson.opened();
    this.go.disabled = this.seed.disabled = !model;
    if (this.shownCheckpoint !== checkpoint) {
      this.shownCheckpoint = checkpoint;
      this.topP = recommended.top_p;
      this.slider.set(this.topP);
      this.threshold = recommended.threshold; // as in Write, so that both show the same boxes
      this.least.set(this.threshold);
    }
    clear(this.measured).append(
      ...measured.map(({ title, images, text }) =>
        h("p", {}, h("b", {}, `Measured, ${title}, ${images} scenes: `), text)
      )
    );
    if (this.shownPicture !== picture.id) {
      this.shownPicture = picture.id;
      this.runs = null;
      this.fold(true);
      this.panes.forEach((pane) => {
        pane.start();
        pane.status.textContent = "";
        pane.picture.load(picture);
      });
    }
  }

  /**
   * Until somebody has guessed, or asks for them, there are no sentences to see: words say so.
   * @param {boolean} yes
   */
  fold(yes) {
    this.three.hidden = yes;
    this.folded.hidden = !yes;
    this.folded.textContent = this.lesson.state.model
      ? "The three sentences are not written yet: Look writes them, and so does Write all three."
      : "Without a checkpoint no other sentence can be written here.";
  }

  write() {
    const more = { top_p: this.topP, seed: this.lesson.state.seed };
    if (!this.lesson.write("compare", more, (line) => this.line(line))) return false;
    this.runs = null;
    clear(this.said);
    this.fold(false);
    this.lesson.frames.infer.looked();
    this.panes.forEach((pane) => pane.start());
    return true;
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
    if (line.k === "error") this.done();
  }

  done() {
    if (this.finished) this.finished();
    this.finished = null;
  }

  async update() {
    const asked = Boolean(this.question()) && !this.lesson.frames.infer.seen;
    this.onStage.draw(this.lesson.opened().picture, asked);
    if (!this.lesson.state.model) {
      this.lesson.say(`This page asks a model. ${this.lesson.state.problem}`, true);
      return;
    }
    if (!this.runs) return;
    const more = { runs: this.runs, noise: this.noise, threshold: this.threshold };
    const by = this.lesson.state.boxesBy;
    /** @type {Readings | null} */
    const view = await this.lesson.ask("learn_read", more);
    if (view) this.fill(view, by);
    this.done();
  }

  /** @type {(view: Readings, by: string) => void} */
  fill(view, by) {
    view.panes.forEach((found, i) =>
      this.panes[i].read(found, view.flat[i], view.true, by, view.diverge[i], view.facts[i])
    );
    const ways = WAYS.map(([name], i) => ({
      name: name.toLowerCase(),
      hits: this.panes[i].hits,
      nats: view.facts[i].nats,
    }));
    const said = [
      waysSaid(ways, by === "truth" ? view.true : 0),
      sumsSaid(ways[0], ways[1]),
      choiceSaid(view.facts[1], `top-p ${this.topP.toFixed(2)}`),
    ];
    clear(this.said).append(...said.filter(Boolean).map((text) => h("p", {}, text)));
  }
}

export const infer = {
  name: "infer",
  title: "Inference",
  mount: (/** @type {Lesson} */ lesson) => new Infer(lesson),
};
