// The first minute: the first object of the page's opening sentence is written at reading speed, each
// token with a caption on the photo; the rest follows fast, in a room at its pace, and then it rests
// until touched.

import { h } from "#kit/elements.js";

const READING = [2000, 2000, 1000, 1000, 2200]; // ms after each token of the first object
const FAST = 1000 / 90;

export class Opening {
  /** @param {any} stage */
  constructor(stage) {
    this.stage = stage;
    this.active = false;
    this.rest = false; // of the same sentence, fast
    this.seen = false;
    this.node = h("p", { class: "p2s-caption", "data-caption": "", hidden: "" });
    stage.photo.node.append(this.node);
  }

  /** A recording begins to play; only the visit's first one is read aloud. */
  play() {
    this.active = !this.seen;
    this.seen = true;
    this.stage.togglePlay();
  }

  /** Whoever touches the sentence has understood. */
  end() {
    this.active = false;
    this.rest = false;
    this.node.hidden = true;
  }

  /** ms to the next token. */
  wait() {
    const { pace, shown } = this.stage;
    if (shown <= 1 && !this.active) this.rest = false; // played again, at the visitor's own pace
    if (this.active) {
      this.caption(shown);
      if (shown <= READING.length) return READING[shown - 1];
      this.active = false;
      this.rest = true;
    }
    return this.rest && !this.stage.presenter.on ? FAST : 1000 / (pace || 120);
  }

  /** @param {number} shown */
  caption(shown) {
    const { record } = this.stage;
    const token = record.tokens[shown - 1];
    const text = token && shown <= READING.length ? words(token.slot, record.text_of(token.id)) : "";
    this.node.hidden = !text;
    if (text) this.node.textContent = text;
  }
}

/** @type {(slot: string, text: string) => string} */
const words = (slot, text) =>
  ({
    ymin: `First word: a top edge, at ${text}.`,
    xmin: `Second: a left edge, at ${text}. Now it is a corner.`,
    ymax: `A bottom edge, at ${text} …`,
    xmax: `… and a right edge, at ${text}: a box.`,
    class: `Last its name: ${text}. That is one object.`,
  })[slot] || "";
