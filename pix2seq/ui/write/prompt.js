// A prompt that people draw: "what is here?" A drag on the photo gives the first coordinates of an
// object, as many as chosen, and a sentence of its own begins with them. With the keyboard, arrows move
// a box that is there to begin with.

import { h, set, svg } from "#kit/elements.js";
import { isCoordinate, isVertical, ROLE_MEANING } from "#kit/roles.js";

/** @import {Point} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Edit} from "#visit/places.js" */
/** @import {Stage} from "#write/stage.js" */

const LEAST = 2; // px of the picture between two sides that are given
const STEP = 0.02; // of the picture, per key press
/** @typedef {{[slot in Coordinate]: number}} Box in pixels of the picture */

/** @type {{[key: string]: [right: number, down: number]}} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Prompt {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.active = false;
    /** @type {Box | null} */
    this.box = null;
    /** @type {Point} where a drag began */
    this.from = { x: 0, y: 0 };
    this.button = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "aria-pressed": "false",
        "data-prompt": "",
        title: "Draw a box, or its beginning: a sentence of its own begins with it, and the model says what it is",
        onclick: () => this.switch(!this.active),
      },
      "Ask about a place"
    );
    this.share = h("select", {
      class: "p2s-select",
      "aria-label": "How much of the box you give",
      "data-prompt-share": "",
      onchange: () => this.draw(),
    });
    this.share.hidden = true;
    this.rect = svg("rect", { class: "p2s-prompt-rect" });
    this.sides = svg("g", { class: "p2s-prompt-sides" });
    stage.photo.layers.prompt.append(this.rect, this.sides);
    this.node = h("span", { class: "p2s-row" }, this.button, this.share);
    this.node.addEventListener("keydown", (event) => this.key(event));
  }

  /** The shares to choose from, in words that fit the order in which this vocabulary writes. */
  options() {
    const { slots } = this.stage.record.vocab;
    const kept = this.share.value || "4";
    const words = [`${ROLE_MEANING[slots[0]]} only`, "corner", "three sides", "whole box: what is it?"];
    this.share.replaceChildren(
      ...words.map((text, i) => h("option", { value: i + 1 }, text)).reverse()
    );
    this.share.value = kept;
  }

  /** @param {boolean} on */
  switch(on) {
    this.active = on;
    this.box = null;
    set(this.button, { "aria-pressed": on ? "true" : "false" });
    this.share.hidden = !on;
    if (on) {
      this.options();
      this.stage.inspector.attention.leave();
    }
    this.stage.photo.node.classList.toggle("prompting", on);
    this.draw();
    this.stage.changed();
  }

  hint() {
    return "Drag on the photo, or use arrow keys (Shift sizes) and Enter. Esc leaves.";
  }

  /** @param {Point} point */
  start(point) {
    this.from = point;
    this.move(point);
  }

  /** @param {Point} point */
  move(point) {
    const [x0, x1] = [this.from.x, point.x].sort((a, b) => a - b);
    const [y0, y1] = [this.from.y, point.y].sort((a, b) => a - b);
    this.box = { ymin: y0, xmin: x0, ymax: y1, xmax: x1 };
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.active) return;
    if (event.key === "Escape") {
      this.switch(false);
      this.button.focus();
    }
    if (event.target === this.share) return; // its arrows choose
    if (event.key === "Enter" && this.box) {
      event.preventDefault();
      this.finish();
    }
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    this.nudge(MOVES[event.key], event.shiftKey);
  }

  /** @type {(by: [right: number, down: number], sizing: boolean) => void} */
  nudge([right, down], sizing) {
    const { image } = this.stage.record;
    if (!image) return;
    const { w, h: tall } = image;
    const from = this.box || { ymin: tall / 4, xmin: w / 4, ymax: (3 * tall) / 4, xmax: (3 * w) / 4 };
    /** @type {(value: number, least: number, most: number) => number} */
    const within = (value, least, most) => Math.min(Math.max(value, least), most);
    const by = { x: right * STEP * w, y: down * STEP * tall };
    let { ymin, xmin, ymax, xmax } = from;
    if (sizing) {
      xmax = within(xmax + by.x, xmin + LEAST, w);
      ymax = within(ymax + by.y, ymin + LEAST, tall);
    } else {
      by.x = within(by.x, -xmin, w - xmax);
      by.y = within(by.y, -ymin, tall - ymax);
      [xmin, xmax, ymin, ymax] = [xmin + by.x, xmax + by.x, ymin + by.y, ymax + by.y];
    }
    this.box = { ymin, xmin, ymax, xmax };
    this.draw();
  }

  given() {
    const slots = this.stage.record.vocab.slots.filter(isCoordinate);
    return slots.slice(0, Number(this.share.value) || 4);
  }

  /** The drawn box, and in their colours the sides of it that the model is given. */
  draw() {
    const { box } = this;
    this.rect.classList.toggle("on", Boolean(box));
    this.sides.replaceChildren();
    if (!box) return;
    const { photo } = this.stage;
    const at = { ymin: photo.y(box.ymin), ymax: photo.y(box.ymax), xmin: photo.x(box.xmin), xmax: photo.x(box.xmax) };
    set(this.rect, { x: at.xmin, y: at.ymin, width: at.xmax - at.xmin, height: at.ymax - at.ymin });
    for (const slot of this.given()) {
      const line = isVertical(slot)
        ? { x1: at.xmin, x2: at.xmax, y1: at[slot], y2: at[slot] }
        : { x1: at[slot], x2: at[slot], y1: at.ymin, y2: at.ymax };
      this.sides.append(svg("line", { "data-slot": slot, ...line }));
    }
  }

  finish() {
    const { box, stage } = this;
    const slots = this.given();
    this.switch(false);
    if (!box) return;
    /** @type {(low: Coordinate, high: Coordinate) => boolean} */
    const flat = (low, high) => slots.includes(low) && slots.includes(high) && box[high] - box[low] < LEAST;
    if (flat("xmin", "xmax") || flat("ymin", "ymax")) {
      stage.notice("This box has no area. Press the button again and drag over what you mean.");
      return;
    }
    /** @type {Edit["box"]} */
    const given = {};
    for (const slot of slots) given[slot] = Math.round(box[slot] * 10) / 10;
    stage.writeOn({ box: given, shown: this.place() });
  }

  /** How many tokens the same question is asked behind: the objects on view, without hidden ones. */
  place() {
    const { record } = this.stage;
    const last = Math.max(-1, ...this.stage.visibleObjects().map((found) => found.object));
    return record.tokens.filter((token) => token.object <= last && token.slot !== "eos").length;
  }
}
