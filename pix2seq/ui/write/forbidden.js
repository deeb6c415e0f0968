// Classes that the model may not write, above the photo where they cannot be overlooked: their control
// is in a fold that is closed. Each is let in again by a press.

import { clear, h } from "#kit/elements.js";

/** @import {Stage} from "#write/stage.js" */

export class Forbidden {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.node = h("div", { class: "p2s-row p2s-never", role: "group", "aria-label": "Forbidden classes", hidden: "" });
    this.drawn = "";
  }

  draw() {
    const { values, record } = this.stage;
    const forbid = values && values.forbid;
    const labels = Array.isArray(forbid) ? forbid : [];
    const key = labels.map((label) => `${label} ${record.className(label)}`).join();
    if (key === this.drawn) return;
    this.drawn = key;
    clear(this.node).hidden = labels.length === 0;
    if (!labels.length) return;
    this.node.append(
      h("span", {}, "May not be written:"),
      ...labels.map((label) => {
        const name = record.className(label);
        return h(
          "button",
          {
            type: "button",
            class: "p2s-button",
            "data-allow": label,
            title: `Let the model write “${name}” again; Run writes with it`,
            onclick: () => this.stage.bridge.trigger("forbid", { labels: labels.filter((one) => one !== label) }),
          },
          `${name} ×`
        );
      })
    );
  }
}
