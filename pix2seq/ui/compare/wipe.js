// One photo instead of two: A's boxes left of a line, B's right of it, and the line can be dragged.
// Both photos stand in one place; each shows its share of it.

import { h, set } from "#kit/elements.js";

const MIDDLE = 50;

export class Wipe {
  /** @param {HTMLElement} photos where both sides stand */
  constructor(photos) {
    this.photos = photos;
    this.button = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "data-wipe-switch": "",
        "aria-pressed": "false",
        title: "Both on one photo, with a line between them to drag",
        onclick: () => this.switch(!this.on),
      },
      "One photo, wiped"
    );
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 100,
      value: MIDDLE,
      "data-wipe": "",
      "aria-label": "Left of the line is A, right of it is B",
      oninput: () => this.move(),
    });
    this.row = h("div", { class: "p2s-wipe-row", hidden: "" }, h("strong", {}, "A"), this.slider, h("strong", {}, "B"));
    this.line = h("div", { class: "p2s-wipe-line", "aria-hidden": "true", hidden: "" });
    this.on = false;
    photos.append(this.line);
    photos.addEventListener("pointermove", (event) => {
      if (this.on && event.buttons === 1) this.drag(event.clientX);
    });
    photos.addEventListener("pointerdown", (event) => {
      if (this.on) this.drag(event.clientX);
    });
    this.move();
  }

  /** @param {boolean} on */
  switch(on) {
    this.on = on;
    set(this.button, { "aria-pressed": on ? "true" : "false" });
    this.photos.classList.toggle("wiped", on);
    this.row.hidden = !on;
    this.line.hidden = !on;
  }

  /**
   * A pointer's place over the photos becomes the slider's.
   * @param {number} x
   */
  drag(x) {
    const { left, width } = this.photos.getBoundingClientRect();
    this.slider.value = String(Math.round((100 * (x - left)) / Math.max(width, 1)));
    this.move();
  }

  move() {
    const value = Number(this.slider.value);
    this.photos.style.setProperty("--wipe", `${value}%`);
    set(this.slider, { "aria-valuetext": `${value} % of the photo is A` });
  }
}
