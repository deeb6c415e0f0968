// "Predict, then look": a lesson's first question. A line is dragged over the picture, or a slider moved;
// looking shows the answer beside it and scores the guess by its distance.

import { onDrag } from "#kit/dragging.js";
import { clear, h, set, svg } from "#kit/elements.js";
import { isVertical } from "#kit/roles.js";
import { LearnPicture } from "#learn/board.js";
import { points, scoreWords } from "#learn/guess.js";
import * as widgets from "#learn/widgets.js";

/** @import {Picture} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Lesson} from "#learn/lesson.js" */

/**
 * @typedef {object} Plan what a lesson asks
 * @property {() => string} ask the question; empty while there is nothing to ask about
 * @property {() => Look} look
 * @property {() => Promise<number | null>} answer
 * @property {() => void} [show] what there is to see for who does not guess, where it has to be made
 */

/**
 * @typedef {object} Look how it is asked
 * @property {[number, number]} range
 * @property {number} start
 * @property {string} unit
 * @property {number} [digits]
 * @property {Coordinate} [slot] of the coordinate that is guessed: the guess is a line on the picture
 * @property {{slot: Coordinate, at: number}} [known] a line that is given
 */

/** A picture with a line that can be dragged, by pointer or by arrow keys. */
class GuessLine extends LearnPicture {
  /** @param {() => void} moved */
  constructor(moved) {
    super("The picture, with your line");
    this.moved = moved;
    /** @type {(Look & {slot: Coordinate}) | null} */
    this.look = null;
    this.value = 0;
    /** @type {number | null} */
    this.truth = null;
    this.node.classList.add("learn-guess");
    set(this.svg, { tabindex: 0, role: "slider" });
    onDrag(this.svg, (event) => this.follow(event));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /** @type {(picture: Picture, look: Look & {slot: Coordinate}) => void} */
  ask(picture, look) {
    this.look = look;
    this.value = look.start;
    this.truth = null;
    this.load(picture);
    this.draw();
  }

  /** @param {PointerEvent} event */
  follow(event) {
    if (!this.look || this.truth !== null) return;
    const at = this.svg.getBoundingClientRect();
    const across = isVertical(this.look.slot);
    this.put(across ? (event.clientY - at.top) / this.scale : (event.clientX - at.left) / this.scale);
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {{[key: string]: number}} */
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    const step = steps[event.key];
    if (!step || !this.look || this.truth !== null) return;
    this.put(this.value + step * (event.shiftKey ? 10 : 1));
    event.preventDefault();
  }

  /** @param {number} value */
  put(value) {
    if (!this.look) return;
    const [least, most] = this.look.range;
    this.value = Math.min(Math.max(value, least), most);
    this.draw();
    this.moved();
  }

  draw() {
    if (!this.picture || !this.look) return;
    const { slot, known, range } = this.look;
    clear(this.layers.over);
    if (known) this.layers.over.append(this.line(known.slot, known.at, "known"));
    this.layers.over.append(this.line(slot, this.value, "guess"));
    if (this.truth !== null) this.layers.over.append(this.line(slot, this.truth, "truth"));
    set(this.svg, {
      "aria-label": `Your line for ${slot}`,
      "aria-valuemin": range[0],
      "aria-valuemax": Math.round(range[1]),
      "aria-valuenow": Math.round(this.value),
      "aria-valuetext": `${Math.round(this.value)} pixels`,
      "aria-orientation": isVertical(slot) ? "vertical" : "horizontal",
    });
  }

  /** @type {(slot: Coordinate, at: number, look: string) => SVGElement} */
  line(slot, at, look) {
    const { w, h: tall } = this.size;
    const s = this.scale;
    const ends = isVertical(slot)
      ? { x1: 0, x2: w * s, y1: at * s, y2: at * s }
      : { x1: at * s, x2: at * s, y1: 0, y2: tall * s };
    return svg(
      "g",
      { class: `learn-guess-line ${look}`, "data-slot": slot },
      svg("line", { class: "learn-true-halo", ...ends }),
      svg("line", { class: "learn-edge", "data-slot": slot, ...ends })
    );
  }
}

export class Predict {
  /**
   * @param {Lesson} lesson
   * @param {string} name
   * @param {Plan} plan
   * @param {() => void} looked
   */
  constructor(lesson, name, plan, looked) {
    this.lesson = lesson;
    this.name = name;
    this.plan = plan;
    this.looked = looked;
    this.question = h("p", { class: "learn-ask" });
    this.result = h("p", { class: "learn-score", role: "status" });
    this.line = new GuessLine(() => this.say());
    this.slider = widgets.slider({ label: "Your guess", min: 0, max: 1, value: 0, oninput: () => this.say() });
    this.go = widgets.button("Look", () => this.look(), { class: "p2s-button primary", "data-learn-look": "" });
    this.skip = widgets.button("Show me without guessing", () => this.reveal(), { "data-learn-skip": "" });
    this.again = widgets.button("Guess again", () => this.restart(), { "data-learn-again": "" });
    this.node = h(
      "section",
      { class: "learn-predict", "aria-label": "Predict, then look" },
      h("h2", {}, "Predict, then look"),
      this.question,
      this.line.node,
      this.slider.node,
      h("div", { class: "learn-row" }, this.go, this.skip, this.again),
      this.result
    );
    /** @type {string | null} the question that is asked now */
    this.key = null;
    this.done = false;
    this.revealed = false;
    /** @type {Look} */
    this.how = { range: [0, 1], start: 0, unit: "" };
  }

  /** The picture or its boxes may have changed: then it is another question. */
  refresh() {
    const { picture } = this.lesson.state;
    const ask = picture ? this.plan.ask() : "";
    this.node.hidden = !ask;
    if (!ask || ask === this.key) return;
    this.key = ask;
    this.question.textContent = ask;
    this.restart();
  }

  restart() {
    const look = this.plan.look();
    const { slot } = look;
    this.how = look;
    this.done = false;
    this.line.node.hidden = !slot;
    this.slider.node.hidden = Boolean(slot);
    if (slot) this.line.ask(this.lesson.opened().picture, { ...look, slot });
    else {
      const step = 10 ** -(look.digits || 0);
      set(this.slider.input, { step });
      this.slider.input.max = String(look.range[1]); // before a value beyond the old end is set
      this.slider.range(...look.range);
      this.slider.set(look.start);
    }
    this.result.textContent = "";
    this.buttons();
    this.say();
  }

  get guess() {
    return this.how.slot ? this.line.value : this.slider.value;
  }

  say() {
    if (this.done) return;
    const { unit, slot } = this.how;
    if (slot) this.result.textContent = `Your line: ${Math.round(this.guess)} ${unit}`;
  }

  buttons() {
    this.go.hidden = this.done;
    this.again.hidden = !this.done;
    this.skip.hidden = this.done || this.revealed;
  }

  /** Show what the lesson keeps out of sight, without a guess. */
  reveal() {
    this.looked();
    this.plan.show?.();
  }

  /** What was out of sight has been shown, here or by another button. */
  open() {
    this.revealed = true;
    this.buttons();
  }

  async look() {
    const { guess } = this; // nobody guesses while the answer is being written
    this.go.disabled = true;
    const answer = await this.plan.answer();
    this.go.disabled = false;
    if (answer === null) return;
    this.done = true;
    const { range } = this.how;
    const won = points(guess - answer, range[1] - range[0]);
    this.lesson.tally.add(this.name, won);
    if (this.how.slot) {
      this.line.truth = answer;
      this.line.draw();
    }
    this.result.textContent = `${scoreWords(guess, answer, this.how)} ${this.lesson.tally.words}`.trim();
    this.looked();
  }
}
