// The lines under the photo: what is going on, what to do about it, and what can be done on the photo.

import { h, set } from "#kit/elements.js";
import { adviceOf, statusLine } from "#write/messages.js";

/** @import {Stage} from "#write/stage.js" */

export class Toolbar {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.status = h("div", { class: "p2s-status p2s-soft" });
    this.resume = this.button("Write on", { "data-write-on": "", hidden: "" }, () => stage.writeOn({}));
    this.advice = this.button("", { "data-advice": "", hidden: "" }, () => this.act?.());
    this.units = this.button("", { "data-units": "" }, () => {
      stage.units = stage.units === "bins" ? "pixels" : "bins";
      stage.photo.resize();
      stage.changed();
    });
    this.whole = this.button(
      "Model's view",
      { "data-whole": "", title: "What the model sees: the square that goes into the model, with its padding" },
      () => {
        stage.photo.whole = !stage.photo.whole;
        stage.photo.resize();
        stage.changed();
      }
    );
    this.node = h(
      "div",
      { class: "p2s-tools" },
      this.status,
      this.advice,
      this.resume,
      stage.prompt.node,
      this.whole,
      stage.reply.node
    );
    /** @type {(() => void) | null} */
    this.act = null;
  }

  /**
   * @param {string} text
   * @param {{[name: string]: string}} more
   * @param {() => void} onclick
   */
  button(text, more, onclick) {
    return h("button", { type: "button", class: "p2s-button", ...more, onclick }, text);
  }

  draw() {
    const { stage } = this;
    const { record } = stage;
    this.resume.hidden = !(record.state === "stopped" && record.run);
    stage.prompt.button.disabled = !record.image || stage.busy();
    const status = statusLine(stage);
    if (this.status.textContent !== status) this.status.textContent = status;
    const advice = adviceOf(stage);
    this.act = advice ? advice.act : null;
    this.advice.hidden = !advice;
    if (advice && this.advice.textContent !== advice.text) this.advice.textContent = advice.text;
    const pixels = stage.units === "pixels";
    const text = pixels ? "Axes: pixels" : "Axes: bins";
    if (this.units.textContent !== text) this.units.textContent = text;
    set(this.units, { title: `Every axis counts ${stage.units}; press for ${pixels ? "bins" : "pixels"}` });
    set(this.whole, { "aria-pressed": stage.photo.whole ? "true" : "false" });
    this.whole.disabled = !record.frame;
  }
}
