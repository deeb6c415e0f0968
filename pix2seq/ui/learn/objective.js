// Page 4, the objective: the chosen checkpoint reads page 3's sentence, and every token is priced.

import { clear, h, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { fixed, probability } from "#kit/numbers.js";
import { paintPair, PairControls, pairQuestion } from "#learn/augmentation.js";
import { Bell } from "#learn/bell.js";
import { orderSaid } from "#learn/captions.js";
import { objectiveExercises } from "#learn/exercises.js";
import * as widgets from "#learn/widgets.js";

/** @import {LearnBoard} from "#learn/board.js" */
/** @import {Lesson} from "#learn/lesson.js" */
/** @import {Column, PairView, Word} from "#learn/widgets.js" */

/** @typedef {{loss: number, prob: number, rank: number, best: (Word & {prob: number})[],
 *   bell: [bin: number, prob: number][] | null}} Priced token; `bell` where a coordinate is asked for */
/** @typedef {{tokens: Priced[], mean: number | null, coord: number | null, class: number | null}} Prices */
/** @typedef {PairView & Prices & {uniform: number}} View means by kind of token, in nats */

const STRIP = 56;

class Objective {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    /** @type {number | null} */
    this.pointed = null;
    this.index = 0;
    /** @type {View | null} */
    this.view = null;
    /** @type {SVGRectElement | null} */
    this.head = null;
    this.controls = new PairControls(lesson, true);
    this.mean = widgets.readout("mean loss, nats", "over all weights: what training minimises");
    this.coord = widgets.readout("coordinates");
    this.classes = widgets.readout("classes");
    this.sum = widgets.readout("Σ −ln p of all weighted targets, nats", "how unlikely this whole sentence is");
    this.uniform = widgets.readout("if all tokens were equally likely", "ln of the vocabulary's size");
    this.strip = svg("svg", { class: "learn-strip", role: "img", preserveAspectRatio: "none" });
    this.strip.addEventListener("pointermove", (event) => this.pointAt(event));
    this.detail = h("div", { class: "learn-detail learn-answer" });
    this.bell = new Bell(lesson);
    this.order = h("p", { class: "p2s-small", "data-learn-order": "" });
    this.drawn = h("p", { class: "p2s-small p2s-soft" });
    /** @type {Map<number, number>} mean loss of the orders drawn so far, by seed */
    this.means = new Map();
    this.meansKey = "";
    this.words = ["nat", "surprise", "likelihood of a sentence", "entropy"];
    this.plan = {
      ask: () => this.question(),
      look: () => ({
        range: /** @type {[number, number]} */ ([0, Number(fixed(this.view ? this.view.uniform : 1, 1))]),
        start: 0,
        unit: "nats",
        digits: 1,
      }),
      answer: async () => (this.view ? this.view.tokens[0].loss : null),
    };
    this.tables = h("div", { class: "learn-pairs" });
    this.node = h(
      "div",
      {},
      h("h2", {}, "What the model is paid for ", widgets.source("§2.2")),
      h(
        "p",
        {},
        "Training maximises the weighted log-likelihood of the target, each token given the picture and the true tokens before it. ",
        "No box regression, no matching of predictions to objects: only how likely the right word was."
      ),
      h(
        "p",
        {},
        "Added up over a sentence, Σ −ln p is how unlikely the whole sentence is. Cross-entropy has no ruler: the bin beside the right one counts as wrong as the farthest. That the model puts its probability around the edge all the same, it has learned from the data."
      ),
      h(
        "p",
        { class: "learn-formula p2s-mono" },
        h("span", {}, "maximise Σⱼ wⱼ · log P(ỹⱼ | picture, y₁ … yⱼ₋₁)"),
        h("span", { class: "p2s-soft" }, "loss = −log P, in nats")
      ),
      this.controls.node,
      h(
        "div",
        { class: "learn-readouts learn-answer" },
        this.mean.node,
        this.coord.node,
        this.classes.node,
        this.sum.node,
        this.uniform.node
      ),
      h("div", { class: "learn-answer" }, this.order, this.drawn),
      h("h3", {}, "Probability of each target token"),
      h(
        "div",
        { class: "learn-strip-frame" },
        h("span", { class: "learn-strip-y" }, h("i", {}, "1"), h("i", {}, "0")),
        h("div", { class: "learn-strip-box learn-answer" }, this.strip),
        h("span", { class: "learn-strip-x" }, "position in the sentence; height: probability of the target")
      ),
      this.detail,
      this.bell.node,
      widgets.pairLegend(),
      this.tables
    );
  }

  opened() {
    this.controls.opened();
  }

  question() {
    const { view } = this;
    if (!view || !view.objects.length) return "";
    return (
      `The model has seen the picture and not one word. What will the first ymin, ${view.columns[0].target.text}, cost it, in nats? ` +
      `0: it was sure. ${fixed(view.uniform, 1)}: it had no idea at all.`
    );
  }

  exercises() {
    const { view } = this;
    if (!view || view.num_real < 2) return [];
    return objectiveExercises({ objects: view.num_real, vocabulary: this.lesson.opened().vocabulary.size });
  }

  /**
   * The mean losses of the orders that were drawn for these boxes, and how far apart they are.
   * @param {View} view
   */
  compareOrders(view) {
    const { state } = this.lesson;
    const key = JSON.stringify([state.picture?.id, state.checkpoint, state.boxes, state.objects, state.augment]);
    if (key !== this.meansKey) this.means.clear();
    this.meansKey = key;
    if (view.mean !== null) this.means.set(state.seed, view.mean);
    const all = [...this.means.values()];
    this.drawn.textContent =
      all.length < 2
        ? "Draw again: the objects in another order, with other noise. What does that cost?"
        : `${all.length} draws so far: mean loss ${fixed(Math.min(...all))} to ${fixed(Math.max(...all))} nats.`;
  }

  async update() {
    const { lesson } = this;
    if (!lesson.state.model) {
      lesson.say(`This page asks a model. ${lesson.state.problem}`, true);
      return;
    }
    this.node.dataset.busy = "true";
    /** @type {View | null} */
    const view = await lesson.ask("learn_objective", pairQuestion(lesson.state));
    this.node.dataset.busy = "false";
    if (!view) return;
    this.view = view;
    this.index = Math.min(this.index, view.tokens.length - 1);
    this.fill(view);
    lesson.board.draw();
  }

  /** @param {View} view */
  fill(view) {
    this.mean.set(fixed(view.mean));
    this.coord.set(fixed(view.coord));
    this.classes.set(fixed(view.class));
    this.uniform.set(fixed(view.uniform));
    this.sum.set(fixed(view.tokens.reduce((all, token, i) => all + view.columns[i].weight * token.loss, 0), 1));
    const free = view.num_real && view.columns[0].weight > 0;
    this.order.textContent = free ? orderSaid(view.tokens[0].loss, view.num_real) : "";
    this.compareOrders(view);
    this.drawStrip(view);
    this.select(this.index);
    clear(this.tables).append(
      ...widgets.pairTables(view, {
        extraName: "loss",
        extra: (column, index) => this.lossCell(view, column, index),
        onfocus: (number) => {
          this.pointed = number;
          this.lesson.board.draw();
        },
      })
    );
  }

  /** @type {(view: View, column: Column, index: number) => HTMLTableCellElement} */
  lossCell(view, column, index) {
    const token = view.tokens[index];
    if (column.weight === 0) return h("td", { class: "na" }, "–");
    const share = Math.min(token.loss / view.uniform, 1);
    return h(
      "td",
      {
        class: "loss",
        "data-loss": index,
        title: `probability ${token.prob.toFixed(4)}, ${this.rankWords(token.rank)}`,
        style: { "--share": `${Math.round(100 * share)}%` },
        onmouseenter: () => this.select(index),
      },
      token.loss.toFixed(2)
    );
  }

  /**
   * A rank in words: 1 is the likeliest.
   * @param {number} rank
   */
  rankWords(rank) {
    const { size } = this.lesson.opened().vocabulary;
    return rank === 1 ? `the likeliest of ${size} words` : `${rank - 1} of ${size} words were likelier`;
  }

  /** @param {View} view */
  drawStrip({ columns, tokens, objects }) {
    const n = tokens.length;
    set(this.strip, { viewBox: `0 0 ${n} ${STRIP}`, "aria-label": `Probabilities of ${n} target tokens` });
    clear(this.strip);
    columns.forEach((column, i) => {
      const of = objects[column.object];
      const na = column.weight === 0;
      if (column.object % 2 === 0) {
        this.strip.append(svg("rect", { class: "learn-band", x: i, y: 0, width: 1, height: STRIP }));
      }
      const tall = na ? STRIP * 0.04 : Math.max(STRIP * tokens[i].prob, 0.8);
      const role = na || (of && !of.real) ? "noise" : column.target.kind === "eos" ? "eos" : column.slot;
      this.strip.append(
        svg("rect", { class: "learn-bar", "data-role": role, x: i + 0.1, y: STRIP - tall, width: 0.8, height: tall })
      );
    });
    this.head = svg("rect", { class: "learn-head", y: 0, width: 1, height: STRIP });
    this.strip.append(this.head);
  }

  /** @param {PointerEvent} event */
  pointAt(event) {
    if (!this.view) return;
    const at = this.strip.getBoundingClientRect();
    const n = this.view.tokens.length;
    const index = Math.floor(((event.clientX - at.left) / at.width) * n);
    this.select(Math.min(Math.max(index, 0), n - 1));
  }

  /**
   * What the model thought at one position.
   * @param {number} index
   */
  select(index) {
    const { head, view } = this;
    if (!head || !view) return;
    this.index = index;
    const token = view.tokens[index];
    const column = view.columns[index];
    set(head, { x: index });
    this.bell.show(view, index);
    const shown = token.best.some((one) => one.id === column.target.id);
    const most = token.best[0].prob;
    const rows = shown ? token.best : [...token.best, { ...column.target, prob: token.prob }];
    clear(this.detail).append(
      h(
        "p",
        { class: "p2s-small" },
        `Position ${index + 1}, ${column.slot}. `,
        column.weight === 0
          ? "Not asked (weight 0). "
          : `Target “${column.target.text}”: probability ${probability(token.prob)}, ${this.rankWords(token.rank)}, loss ${token.loss.toFixed(2)} nats × weight ${Number(column.weight.toFixed(2))}. `,
        "The model's own favourites:"
      ),
      h(
        "ul",
        { class: "learn-bars" },
        rows.map((one) =>
          h(
            "li",
            { class: one.id === column.target.id && column.weight > 0 ? "target" : null },
            h("span", { class: "p2s-mono" }, one.text),
            h("i", { "data-role": one.kind === "noise" ? "noise" : column.slot, ...inHue(one.kind === "class" ? one.text : "noise", { width: `${Math.max((100 * one.prob) / most, 0.5)}%` }) }),
            h("span", { class: "p2s-mono p2s-soft" }, probability(one.prob))
          )
        )
      )
    );
  }

  /** @param {LearnBoard} board */
  paint(board) {
    return this.view ? paintPair(board, this.view, this.pointed) : null;
  }
}

export const objective = {
  name: "objective",
  title: "Objective",
  mount: (/** @type {Lesson} */ lesson) => new Objective(lesson),
};
