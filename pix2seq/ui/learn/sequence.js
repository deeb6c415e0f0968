// Page 2, sequence construction: objects in some order, five tokens each, then EOS; and where each
// token lives in the vocabulary.

import { clear, h, set, svg } from "#kit/elements.js";
import { plural } from "#kit/numbers.js";
import { isCoordinate, isVertical, ROLE_MEANING, SLOTS } from "#kit/roles.js";
import { boxNumber } from "#learn/board.js";
import { sequenceExercises } from "#learn/exercises.js";
import * as widgets from "#learn/widgets.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Coordinate, Slot} from "#kit/roles.js" */
/** @import {Answer, LearnBoard} from "#learn/board.js" */
/** @import {Lesson} from "#learn/lesson.js" */
/** @import {Part} from "#learn/state.js" */
/** @import {Word} from "#learn/widgets.js" */

/** @typedef {Word & {slot: Slot, object: number | null}} Written a token of the sentence */
/** @typedef {Answer & {order: number[], left_out: number, tokens: Written[]}} View */

class Sentence {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    this.order = "random";
    this.asIds = false;
    this.size = 0; // of the vocabulary
    /** @type {View | null} */
    this.view = null;
    /** @type {number | null} */
    this.pointed = null;
    this.orders = widgets.choice({
      label: "Order of the objects",
      value: this.order,
      options: [
        ["random", "random", "a new order each time: the paper's choice"],
        ["area", "area", "largest first"],
        ["origin", "distance to origin", "nearest to the top left corner first"],
        ["left", "left to right", "by the left edge"],
      ],
      onchange: (value) => {
        this.order = value;
        this.again.disabled = value !== "random";
        lesson.soon();
      },
    });
    this.again = widgets.button("Shuffle again", () => {
      lesson.state.seed += 1;
      lesson.soon();
    });
    this.show = widgets.choice({
      label: "Show tokens as",
      value: "text",
      options: [
        ["text", "text", "bins and class names"],
        ["ids", "ids", "the numbers that the network reads"],
      ],
      onchange: (value) => {
        this.asIds = value === "ids";
        this.fill();
      },
    });
    this.words = ["token", "vocabulary", "ymin, why first", "EOS"];
    this.plan = {
      ask: () => this.question(),
      look: () => this.asked(),
      answer: async () => this.first()?.x0 ?? null,
    };
    this.lines = h("ol", { class: "learn-sentence learn-answer", "aria-label": "The sentence" });
    this.lines.addEventListener("pointerleave", () => this.point(null));
    this.count = h("p", { class: "p2s-soft p2s-small", role: "status" });
    this.shelf = h("div", { class: "learn-vocabulary" });
    this.pointedText = h("p", { class: "p2s-small p2s-soft learn-pointed" });
    this.node = h(
      "div",
      {},
      h("h2", {}, "Objects become a sentence ", widgets.source("§2.1")),
      h(
        "p",
        {},
        "Every object is five tokens, ",
        this.slots(),
        ". A picture's objects are a set, a sentence needs an order, and no order is the right one: a new random order for every training step worked best in the paper ",
        widgets.source("ablation on sequence construction"),
        ". EOS ends the sentence. y comes before x by habit of the reference code; what matters is that the order within an object never changes."
      ),
      h(
        "p",
        {},
        "What if they are written in another order? Shuffle: it is the same picture, so the same objects. In Write, put another ymin in place of the first one, and the model writes the others behind it: nothing is lost, only the order."
      ),
      h("div", { class: "learn-controls" }, this.orders.node, this.show.node),
      h("div", { class: "learn-row" }, this.again),
      this.lines,
      this.count,
      h("h3", {}, "One vocabulary for everything"),
      this.shelf,
      this.pointedText
    );
  }

  slots() {
    return SLOTS.flatMap((slot, i) => [
      i ? " " : "",
      h("span", { class: "p2s-role", "data-slot": slot }, slot),
    ]);
  }

  /** The box that the sentence begins with. */
  first() {
    const { view } = this;
    return view && view.order.length ? this.lesson.state.boxes[view.kept[view.order[0]]] : undefined;
  }

  question() {
    const box = this.first();
    if (!box) return "";
    return (
      `The sentence begins with ymin: its first object begins ${Math.round(box.y0)} px from the top, the line that is drawn. ` +
      "Which object is it, and where will xmin be? Drag the other line."
    );
  }

  asked() {
    const { picture } = this.lesson.opened();
    const box = this.first();
    return {
      range: /** @type {[number, number]} */ ([0, picture.w]),
      start: picture.w / 2,
      unit: "px",
      slot: /** @type {Coordinate} */ ("xmin"),
      known: { slot: /** @type {Coordinate} */ ("ymin"), at: box ? box.y0 : 0 },
    };
  }

  exercises() {
    const { view } = this;
    if (!view || !view.order.length) return [];
    const { vocabulary } = this.lesson.opened();
    const coordinates = vocabulary.layout.find((part) => part.kind === "coord");
    return sequenceExercises({
      objects: view.order.length,
      most: vocabulary.maxObjects,
      coordinate: coordinates ? coordinates.first : 0,
      bin: Math.round(vocabulary.bins / 3),
    });
  }

  opened() {
    const { layout, size } = this.lesson.opened().vocabulary;
    clear(this.shelf).append(
      ...layout.map((part) =>
        h(
          "div",
          {
            class: `learn-shelf ${part.kind}`,
            style: { "flex-grow": Math.sqrt(part.count) },
            title: `${part.text}: ${part.count === 1 ? "id" : "ids"} ${ids(part)}`,
            "data-first": part.first,
          },
          h("span", {}, part.kind === "unused" ? "" : part.text),
          h("small", { class: "p2s-mono" }, ids(part)),
          h("i", { class: "learn-here", hidden: true })
        )
      )
    );
    this.size = size;
    this.point(null);
  }

  async update() {
    const { state } = this.lesson;
    /** @type {View | null} */
    const view = await this.lesson.ask("learn_sentence", { order: this.order, seed: state.seed });
    if (!view) return;
    this.view = view;
    this.fill();
    this.lesson.board.draw();
  }

  fill() {
    const { view } = this;
    if (!view) return;
    /** @type {[Written, number][][]} */
    const groups = [];
    view.tokens.forEach((token, index) => {
      if (token.slot === "eos" || token.object === groups.length) groups.push([]);
      groups[groups.length - 1].push([token, index]);
    });
    clear(this.lines).append(
      ...groups.map((group, number) =>
        h(
          "li",
          { class: group.length === 1 ? "end" : null },
          h(
            "span",
            { class: "learn-number" },
            number < view.order.length ? boxNumber(view, view.order[number]) : ""
          ),
          group.map(([token, index]) => this.token(token, index))
        )
      )
    );
    const objects = view.order.length;
    const { maxObjects } = this.lesson.opened().vocabulary;
    this.count.textContent =
      `${plural(objects, "object", "objects")} × 5 + EOS = ${view.tokens.length} tokens, of a vocabulary of ${this.size}.` +
      ` At ${maxObjects} objects this checkpoint's sentence is full: it learned from sentences that long.` +
      (view.left_out ? ` ${view.left_out} left out.` : "");
  }

  /** @type {(token: Written, index: number) => HTMLElement} */
  token(token, index) {
    const shown = this.asIds ? { ...token, text: String(token.id) } : token;
    const chip = widgets.chip(shown, token.slot);
    const what = token.slot === "eos" ? "end of the sentence" : ROLE_MEANING[token.slot];
    set(chip, {
      tabindex: 0,
      "data-learn-token": index,
      "data-id": token.id,
      "aria-label": `${token.slot} ${token.text}, ${what}, id ${token.id}`,
      onpointerenter: () => this.point(index),
      onfocus: () => this.point(index),
      onblur: () => this.point(null),
    });
    return chip;
  }

  /**
   * Show a token's edge on the picture and its place in the vocabulary.
   * @param {number | null} index
   */
  point(index) {
    this.pointed = index;
    const token = index === null || !this.view ? null : this.view.tokens[index];
    for (const part of this.shelf.children) {
      const mark = /** @type {HTMLElement} */ (part.querySelector(".learn-here"));
      const first = Number(part.getAttribute("data-first"));
      const ids = this.lesson.opened().vocabulary.layout.find((one) => one.first === first);
      const here = token && ids && token.id >= ids.first && token.id <= ids.last;
      mark.hidden = !here;
      part.classList.toggle("here", Boolean(here));
      if (here) mark.style.left = `${(100 * (token.id - first + 0.5)) / ids.count}%`;
    }
    this.pointedText.textContent = token
      ? `${token.slot} ${token.text}: id ${token.id}`
      : "Point at a token: its edge on the picture, its place in the vocabulary. Widths are not to scale.";
    this.lesson.board.draw();
  }

  /** @type {(board: LearnBoard) => "own" | null} */
  paint(board) {
    const { view } = this;
    if (!view) return null;
    const { boxes } = this.lesson.state;
    view.order.forEach((place, number) => {
      const box = boxes[view.kept[place]];
      if (!box) return;
      const token = this.pointed === null ? null : view.tokens[this.pointed];
      /** @type {Frame} */
      const edges = [box.x0, box.y0, box.x1, box.y1];
      const mine = token && token.object === number;
      const look = token && token.object !== null && !mine ? "dim" : "";
      board.layers.boxes.append(board.box(edges, box.name, { look, label: `${boxNumber(view, place)}  ${box.name}` }));
      if (mine && isCoordinate(token.slot)) {
        board.layers.over.append(this.axis(board, edges, token.slot), board.edge(edges, token.slot));
      }
    });
    return "own";
  }

  /**
   * The whole line through an edge: a coordinate alone is a line across the picture.
   * @type {(board: LearnBoard, edges: Frame, slot: Coordinate) => SVGLineElement}
   */
  axis(board, edges, slot) {
    const at = edges[{ ymin: 1, xmin: 0, ymax: 3, xmax: 2 }[slot]] * board.scale;
    const { w, h: tall } = board.size;
    const ends = isVertical(slot)
      ? { x1: 0, x2: w * board.scale, y1: at, y2: at }
      : { x1: at, x2: at, y1: 0, y2: tall * board.scale };
    return svg("line", { class: "learn-axis-line", "data-slot": slot, ...ends });
  }
}

const ids = (/** @type {Part} */ part) => (part.first === part.last ? String(part.first) : `${part.first}–${part.last}`);

export const sentence = {
  name: "sentence",
  title: "Sequence",
  mount: (/** @type {Lesson} */ lesson) => new Sentence(lesson),
};
