// The objects as a table: the text alternative of the photo, and the live region that announces each
// finished object.

import { clear, h } from "#kit/elements.js";
import { captionOf, marksOf, nameOf } from "#kit/naming.js";
import { plural, probability } from "#kit/numbers.js";
import { edgeText } from "#kit/units.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

const LINES = 40; // announcements that are kept
const HEADS = {
  "#": "in the order of the sentence",
  class: "the likeliest real class at its class token; a class that you gave stays",
  score: "what “Score at least” is compared with",
  edges: "how sure the edges behind the first one were: the probability within a tenth of the box's side, on average",
  noise: "probability of the noise class at the class token",
  x0: "left", y0: "top", x1: "right", y1: "bottom",
};
const EDGES = ["xmin", "ymin", "xmax", "ymax"];

export class Objects {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.body = h("tbody");
    this.caption = h("p", { class: "p2s-small p2s-soft p2s-objects-note" });
    this.live = h("div", { class: "p2s-visually-hidden", role: "log", "aria-live": "polite", "data-live": "" });
    /** @type {WeakMap<Record, Set<number>>} objects that were announced */
    this.heard = new WeakMap();
    /** @type {Record | null} */
    this.followed = null;
    /** @type {string | undefined} */
    this.drawn = undefined;
    /** @type {string | undefined} */
    this.said = undefined;
    this.node = h(
      "details",
      { class: "p2s-section p2s-objects" },
      h("summary", {}, h("h2", {}, "Objects as a table")),
      h(
        "div",
        { class: "p2s-table-scroll", tabindex: 0, role: "region", "aria-label": "Table of objects" },
        h(
          "table",
          { class: "p2s-table", "data-objects": "" },
          h(
            "thead",
            {},
            h("tr", {}, ...Object.entries(HEADS).map(([text, title]) => h("th", { scope: "col", title }, text)))
          ),
          this.body
        )
      ),
      this.caption
    );
  }

  draw() {
    const { record } = this.stage;
    const visible = this.stage.visibleObjects();
    const { units } = this.stage;
    const key = `${units}:${record.run}:${visible.map((o) => `${o.object}${captionOf(record, o)}`).join()}`;
    if (key !== this.drawn) {
      clear(this.body);
      for (const found of visible) this.body.append(this.row(record, found));
    }
    this.drawn = key;
    const summary = this.summary(visible);
    this.caption.textContent = `${summary}. Edges in ${units === "pixels" ? "pixels of the original picture" : "bins"}.`;
    this.announce(record, visible, summary);
    for (const row of this.body.children) {
      row.classList.toggle("focus", Number(row.getAttribute("data-row")) === this.stage.focus());
    }
  }

  /** @type {(record: Record, found: Found) => HTMLTableRowElement} */
  row(record, found) {
    const name = nameOf(record, found);
    const marks = marksOf(record, found).join(" · ");
    const score = name === "noise" ? "–" : probability(found.score);
    const mode = (this.stage.values || record.header.options || {}).score;
    const parts =
      mode === "box" && found.edges
        ? ` = class ${(found.score / found.edges).toFixed(4)} × edges ${found.edges.toFixed(4)}`
        : "";
    const cells = found.box.map((value, i) =>
      h("td", { class: "p2s-mono", title: `${value} px` }, edgeText(record, value, EDGES[i], this.stage.units)));
    return h(
      "tr",
      {
        "data-row": found.object,
        class: found.state,
        onmouseenter: () => this.stage.hover(found.object),
        onmouseleave: () => this.stage.hover(null),
      },
      h("td", {}, found.object + 1),
      h(
        "th",
        { scope: "row" },
        name,
        marks ? h("span", { class: "p2s-small p2s-soft p2s-marks" }, ` ${marks}`) : null
      ),
      h("td", { class: "p2s-mono", title: found.score.toFixed(4) + parts }, score),
      found.edges === null
        ? h("td", { class: "p2s-mono", title: "an older record does not say" }, "n/a")
        : h("td", { class: "p2s-mono", title: found.edges.toFixed(4) }, probability(found.edges)),
      h("td", { class: "p2s-mono", title: found.noise.toFixed(4) }, probability(found.noise)),
      ...cells
    );
  }

  /** @param {Found[]} visible */
  summary(visible) {
    const hidden = this.stage.hiddenObjects();
    const count = (/** @type {string} */ state) => hidden.filter((found) => found.state === state).length;
    const noise = visible.filter((found) => found.state === "noise").length;
    const doubles = visible.filter((found) => found.again !== null).length;
    const parts = [plural(visible.length - noise, "object")];
    if (doubles) parts.push(`${doubles} of them again`);
    if (noise) parts.push(`${noise} shown as noise`);
    const { record } = this.stage;
    const hiddenNoise = hidden.filter((found) => found.state === "below" && nameOf(record, found) === "noise").length;
    const below = count("below") - hiddenNoise;
    if (below) parts.push(`${below} below the score`);
    if (hiddenNoise) parts.push(`${hiddenNoise} written as noise`);
    if (count("dropped")) parts.push(`${count("dropped")} dropped as noise`);
    if (count("flat")) parts.push(`${count("flat")} without area`);
    return parts.join(" · ");
  }

  // ---- for screen readers -------------------------------------------------------------------

  /**
   * Announce what this record still finishes; one that is merely put on view stays quiet.
   * @param {Record} record
   */
  follow(record) {
    this.followed = record;
    if (!this.heard.has(record)) this.heard.set(record, new Set());
  }

  /** @type {(record: Record, visible: Found[], summary: string) => void} */
  announce(record, visible, summary) {
    if (record !== this.followed) {
      // Other filters show other objects: say how many, not each of them.
      if (this.stage.filtered && this.said !== summary) this.say(summary);
      return;
    }
    const heard = this.heard.get(record) ?? new Set();
    const here = new Set(visible.map((found) => found.object));
    for (const object of heard) if (!here.has(object)) heard.delete(object); // rewound
    for (const found of visible) {
      if (heard.has(found.object)) continue;
      heard.add(found.object);
      this.say(`object ${found.object + 1}: ${captionOf(record, found)}`);
    }
    if (this.stage.busy() || this.stage.playing || !record.end) return;
    this.followed = null;
    const end = record.state === "error" ? "failed" : record.state === "stopped" ? "stopped" : "done";
    this.say(`${end}: ${summary}`);
  }

  /** @param {string} words */
  say(words) {
    this.said = words;
    this.live.append(h("p", {}, words));
    while (this.live.children.length > LINES) this.live.firstChild?.remove();
  }
}
