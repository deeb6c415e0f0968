// Page 3, sequence augmentation: noise objects fill the sentence, their coordinates carry no loss,
// and the input hides every class. The controls are shared with page 4, which prices the same pair.

import { clear, h } from "#kit/elements.js";
import { percent, plural } from "#kit/numbers.js";
import { boxNumber } from "#learn/board.js";
import { augmentationExercises } from "#learn/exercises.js";
import * as widgets from "#learn/widgets.js";

/** @import {LearnBoard} from "#learn/board.js" */
/** @import {Lesson} from "#learn/lesson.js" */
/** @import {Augmenting, State} from "#learn/state.js" */
/** @import {PairView} from "#learn/widgets.js" */

/** The controls of a training pair; both pages show them, over one state. */
class PairControls {
  /**
   * @param {Lesson} lesson
   * @param {boolean} [brief] without those that only page 3 shows
   */
  constructor(lesson, brief) {
    const { state } = lesson;
    /** @type {<Key extends keyof Augmenting>(key: Key, value: Augmenting[Key]) => void} */
    const change = (key, value) => {
      state.augment = { ...state.augment, [key]: value };
      lesson.soon();
    };
    this.lesson = lesson;
    this.objects = widgets.slider({
      label: "Objects per sentence",
      min: 1,
      max: 20,
      value: state.objects,
      oninput: (value) => {
        state.objects = value;
        lesson.soon();
      },
    });
    this.jitter = widgets.slider({
      label: "Jitter of duplicates",
      min: 0,
      max: 0.5,
      step: 0.01,
      value: state.augment.jitter,
      format: (value) => percent(value),
      hint: "how far an edge of a duplicate may move, relative to the box",
      oninput: (value) => change("jitter", value),
    });
    this.noise = widgets.check({
      label: "noise objects",
      checked: state.augment.noise_objects,
      hint: "off: the sentence ends after the real objects",
      onchange: (value) => change("noise_objects", value),
    });
    this.eos = widgets.check({
      label: "ask for EOS where noise begins",
      checked: state.augment.eos_at_first_noise,
      hint: "this project's addition; the paper leaves that position to the noise object",
      onchange: (value) => change("eos_at_first_noise", value),
    });
    this.corruption = h(
      "label",
      { class: "learn-select" },
      h("span", {}, "Classes in the input"),
      h(
        "select",
        { class: "p2s-select", onchange: (event) => change("class_corruption", /** @type {HTMLSelectElement} */ (event.target).value) },
        [
          ["rand_n_fake", "½ random, ½ noise (official)"],
          ["rand", "random"],
          ["real_n_fake", "½ true, ½ noise"],
          ["real_n_rand_n_fake", "½ true, ¼ random, ¼ noise"],
          ["none", "true"],
        ].map(([value, text]) =>
          h("option", { value, selected: value === state.augment.class_corruption }, text)
        )
      )
    );
    this.again = widgets.button("Draw again", () => {
      state.seed += 1;
      lesson.soon();
    });
    this.node = brief
      ? h("div", { class: "learn-row" }, this.objects.node, this.again)
      : h(
          "div",
          {},
          h("div", { class: "learn-controls" }, this.objects.node, this.jitter.node, this.corruption),
          h("div", { class: "learn-row" }, this.noise, this.eos, this.again)
        );
  }

  /** Another checkpoint or another page may have changed the limits. */
  opened() {
    const { state } = this.lesson;
    const { maxObjects } = this.lesson.opened().vocabulary;
    this.objects.set(state.objects);
    this.objects.range(1, Math.min(maxObjects, 20));
    state.objects = this.objects.value;
  }
}

/**
 * Real boxes solid, noise boxes dashed and hatched; one of them may be pointed at.
 * @param {LearnBoard} board
 * @param {PairView} view
 * @param {number | null} pointed
 * @returns {"own"}
 */
export const paintPair = (board, view, pointed) => {
  view.objects.forEach((object, number) => {
    const dim = pointed !== null && pointed !== number ? "dim" : "";
    const own = object.real ? `${boxNumber(view, object.place)}  ` : "";
    const label = object.real || pointed === number ? `${own}${object.text}` : "";
    board.layers.boxes.prepend(board.box(object.box, object.real ? object.text : "noise", { look: dim, label }));
  });
  return "own";
};

class Augment {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    /** @type {number | null} */
    this.pointed = null;
    /** @type {PairView | null} */
    this.view = null;
    this.controls = new PairControls(lesson);
    this.tables = h("div", { class: "learn-pairs" });
    this.words = ["noise object", "input", "target", "weight", "BOS"];
    this.plan = {
      ask: () => this.question(),
      look: () => ({
        range: /** @type {[number, number]} */ ([0, this.view ? this.view.columns.length : 1]),
        start: 0,
        unit: "positions",
      }),
      answer: async () => (this.view ? this.view.columns.filter((column) => column.weight > 0).length : null),
    };
    this.count = h("p", { class: "p2s-soft p2s-small", role: "status" });
    this.node = h(
      "div",
      {},
      h("h2", {}, "Noise teaches when to doubt ", widgets.source("§2.3")),
      h(
        "p",
        {},
        "Trained on complete sentences only, the model says EOS too early and misses objects. So each sentence is filled up with noise objects: ",
        "near-duplicates of real boxes, real boxes moved elsewhere, random boxes. Their class is ",
        h("b", {}, "noise"),
        "; their coordinates are n/a: nothing was ever asked there. Only the word noise is learned."
      ),
      h(
        "p",
        {},
        "Who then writes the noise boxes of a finished sentence? The model, where it may not stop: it was never taught which coordinates follow the last object, so most likely it falls back on what it knows, the edges of objects. Hence the near-copies. Going on behind them, it has learned to say noise."
      ),
      h(
        "p",
        {},
        "Why does another class stand before an object, dotted? The reference code replaces each class in the input, half by a random one, half by noise, so that what follows does not lean on a name that may be wrong when the model writes itself. ",
        h("b", {}, "Classes in the input: true"),
        " shows the sentence without that."
      ),
      this.controls.node,
      widgets.pairLegend(),
      this.tables,
      this.count
    );
  }

  opened() {
    this.controls.opened();
  }

  question() {
    const { view } = this;
    if (!view || !view.objects.length) return "";
    const noise = view.objects.length - view.num_real;
    return (
      `${plural(view.num_real, "real object")} and ${plural(noise, "noise object")} make ${view.columns.length} positions. ` +
      "At how many of them is the model asked for a word, with a weight above 0?"
    );
  }

  exercises() {
    const { view } = this;
    if (!view || !view.objects.length) return [];
    const noise = view.objects.length - view.num_real;
    return noise ? augmentationExercises({ real: view.num_real, noise }) : [];
  }

  async update() {
    const { state } = this.lesson;
    /** @type {PairView | null} */
    const view = await this.lesson.ask("learn_pair", pairQuestion(state));
    if (!view) return;
    this.view = view;
    this.fill(view);
    this.lesson.board.draw();
  }

  /** @param {PairView} view */
  fill(view) {
    clear(this.tables).append(
      ...widgets.pairTables(view, {
        onfocus: (number) => {
          this.pointed = number;
          this.lesson.board.draw();
        },
      })
    );
    const noise = view.objects.length - view.num_real;
    const hasNoise = this.lesson.opened().vocabulary.noise;
    this.count.textContent =
      `${plural(view.num_real, "real object", "real objects")}, ${plural(noise, "noise object", "noise objects")}. ` +
      "The target is the input one step later: at each position the model must say the next token." +
      (hasNoise ? "" : " This checkpoint's vocabulary has no noise class, so nothing is added.");
  }

  /** @param {LearnBoard} board */
  paint(board) {
    return this.view ? paintPair(board, this.view, this.pointed) : null;
  }
}

export { PairControls };

/**
 * What both pages ask: the pair that the state describes.
 * @param {State} state
 */
export const pairQuestion = (state) => ({
  objects: state.objects,
  seed: state.seed,
  augment: state.augment,
});

export const augment = {
  name: "augment",
  title: "Augmentation",
  mount: (/** @type {Lesson} */ lesson) => new Augment(lesson),
};
