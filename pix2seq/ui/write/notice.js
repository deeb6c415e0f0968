// A line that tells of a mistake on the stage, and goes by itself.

import { h } from "#kit/elements.js";

const STAYS = 8000; // ms

export class Notice {
  constructor() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.node = h("div", { class: "p2s-notice", role: "status", hidden: "" });
  }

  /** @param {string} text */
  say(text) {
    this.node.textContent = text;
    this.node.hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.node.hidden = true;
    }, STAYS);
  }
}
