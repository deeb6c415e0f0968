// What stands under the picture: where picture and boxes come from, and the boxes as a list that the
// keyboard can reach: arrows move the chosen box, Shift makes the step ten pixels, Alt stretches.

import { clear, h } from "#kit/elements.js";
import * as widgets from "#learn/widgets.js";

/** @import {LearnBox} from "#learn/board.js" */
/** @import {Lesson} from "#learn/lesson.js" */

/** @type {{[key: string]: [right: number, down: number]}} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class LearnTools {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    /** @type {(text: string, hint: string, action: () => void) => HTMLButtonElement} */
    const button = (text, hint, action) => widgets.button(text, action, { title: hint });
    this.truth = button("True boxes", "the boxes that this picture is known to have", () =>
      lesson.setBoxes(lesson.state.truth || [], "truth")
    );
    this.model = button("The model's boxes", "let the chosen checkpoint look for objects", () =>
      this.detect()
    );
    this.list = h("div", { class: "learn-boxes", role: "group", "aria-label": "Boxes" });
    this.hint = h(
      "p",
      { class: "p2s-soft p2s-small learn-hint" },
      "Drag on the picture to draw a box. On a chosen box, arrow keys move it, Alt + arrows stretch it."
    );
    this.node = h(
      "div",
      { class: "learn-tools" },
      h(
        "div",
        { class: "learn-row" },
        button("Another scene", "a generated scene, with its true boxes", () => this.scene()),
        this.truth,
        this.model,
        button("Clear", "remove all boxes", () => lesson.setBoxes([], "visitor"))
      ),
      this.list,
      this.hint
    );
  }

  scene() {
    this.lesson.state.scene += 1;
    this.lesson.open({ scene: this.lesson.state.scene });
  }

  detect() {
    this.lesson.write("boxes", {}, (line) => {
      if (line.k !== "boxes" || !line.boxes) return;
      this.lesson.setBoxes(line.boxes, "model");
      if (!line.boxes.length) this.lesson.say("The model wrote no object here. Draw one yourself.");
    });
  }

  fill() {
    const { state } = this.lesson;
    this.truth.disabled = !state.truth;
    this.model.disabled = !state.model;
    const hadFocus = this.list.contains(document.activeElement);
    clear(this.list).append(
      ...state.boxes.map((box, index) => this.item(box, index)),
      widgets.button("+ box", () => this.lesson.addBox(), { "aria-label": "Add a box" })
    );
    if (hadFocus && state.selected !== null) {
      const chosen = this.list.querySelector(`[data-learn-box="${state.selected}"]`);
      if (chosen instanceof HTMLElement) chosen.focus();
    }
  }

  /** @type {(box: LearnBox, index: number) => HTMLElement} */
  item(box, index) {
    const { lesson } = this;
    const here = index === lesson.state.selected;
    const button = h(
      "button",
      {
        type: "button",
        class: "p2s-button learn-box-name",
        "data-learn-box": index,
        "aria-pressed": String(here),
        onclick: () => lesson.choose(here ? null : index),
        onkeydown: (event) => this.key(event, index),
      },
      h("span", { class: "learn-number" }, index + 1),
      here ? "" : box.name
    );
    if (!here) return button;
    return h(
      "span",
      { class: "learn-chosen" },
      button,
      this.select(box, index),
      widgets.button("×", () => lesson.removeBox(index), { "aria-label": `Remove box ${index + 1}` })
    );
  }

  /** @type {(box: LearnBox, index: number) => HTMLSelectElement} */
  select(box, index) {
    const { classes } = this.lesson.opened().vocabulary;
    const names = classes.includes(box.name) ? classes : [box.name, ...classes];
    const select = h(
      "select",
      {
        class: "p2s-select",
        "aria-label": `Class of box ${index + 1}`,
        onchange: () => {
          this.lesson.state.boxes[index] = { ...box, name: select.value };
          this.lesson.boxesChanged();
        },
      },
      names.map((name) => h("option", { value: name, selected: name === box.name }, name))
    );
    return select;
  }

  /** @type {(event: KeyboardEvent, index: number) => void} */
  key(event, index) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.lesson.removeBox(index);
    }
    if (!(event.key in MOVES) || index !== this.lesson.state.selected) return;
    event.preventDefault();
    const step = event.shiftKey ? 10 : 1;
    const [dx, dy] = MOVES[event.key].map((sign) => sign * step);
    const { w, h: tall } = this.lesson.board.size;
    const box = { ...this.lesson.state.boxes[index] };
    if (event.altKey) {
      box.x1 = Math.min(Math.max(box.x1 + dx, box.x0 + 2), w);
      box.y1 = Math.min(Math.max(box.y1 + dy, box.y0 + 2), tall);
    } else this.lesson.board.shift(box, { ...box }, dx, dy);
    this.lesson.setBox(index, box);
  }
}
