// About the loaded checkpoint: facts, the picture of its vocabulary, and the table of all checkpoints.

import { clear, h, partOf, set, svg } from "#kit/elements.js";
import { followJson } from "#visit/json.js";

/** @import {Bridge} from "#visit/questions.js" */

/** @typedef {{kind: string, first: number, count: number, text: string}} Stretch of ids of one kind */

/**
 * A row of the table; `ap` is in percent.
 * @typedef {object} Checkpoint
 * @property {string} name
 * @property {string} title
 * @property {string} family
 * @property {number | null} ap
 * @property {string} note
 * @property {number | null} megabytes
 * @property {string} licence
 * @property {boolean} here
 */

/**
 * The page's value, one JSON text.
 * @typedef {object} Facts
 * @property {string | null} loaded
 * @property {string} problem why no checkpoint is loaded
 * @property {[term: string, text: string][]} facts
 * @property {{size: number, slots: string[], stretches: Stretch[]} | null} vocabulary
 * @property {Checkpoint[]} checkpoints
 */

/** @type {{[kind: string]: string}} */
const NAMES = { coord: "bins", class: "classes" };
/** @type {{[kind: string]: string}} */
const ROLE = { coord: "ymin", class: "class", noise: "noise", eos: "eos", bos: "eos", pad: "eos", other: "" };
const BAR = 34;
const LEAST = 7; // px of the narrowest stretch, so that a single id can be seen
const LINE = 20;
const HEAD = ["what it is", "made by", "AP", "measured on", "MB", "licence", "here"];

export class About {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    /** @type {Facts | null} */
    this.data = null;
    this.facts = h("dl", { class: "p2s-facts" });
    this.ribbon = svg("svg", { class: "p2s-ribbon", role: "img" });
    this.legend = h("ul", { class: "p2s-ribbon-legend" });
    this.body = h("tbody");
    this.problem = h("p", { class: "p2s-about-problem", role: "status" });
    const head = ["checkpoint", ...HEAD];
    this.ribbonFrame = h("div", { class: "p2s-ribbon-frame" }, this.ribbon);
    this.model = h(
      "section",
      { class: "p2s-section", "aria-label": "The loaded checkpoint" },
      h("h2", {}, "The loaded checkpoint"),
      this.facts
    );
    this.vocabulary = h(
      "section",
      { class: "p2s-section", "aria-label": "Its vocabulary" },
      h("h2", {}, "Its vocabulary"),
      this.ribbonFrame,
      this.legend
    );
    root.replaceChildren(
      this.problem,
      h("div", { class: "p2s-about-top" }, this.model, this.vocabulary),
      h(
        "section",
        { class: "p2s-section", "aria-label": "Checkpoints" },
        h("h2", {}, "Checkpoints"),
        h(
          "div",
          { class: "p2s-about-table", tabindex: 0, role: "region", "aria-label": "Table of checkpoints" },
          h(
            "table",
            { class: "p2s-table", "data-checkpoints": "" },
            h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
            this.body
          )
        ),
        h(
          "p",
          { class: "p2s-small p2s-soft" },
          "Published numbers are on COCO val2017 unless the table says otherwise. A checkpoint that is " +
            "not here is downloaded when you choose it, and converted once."
        )
      )
    );
    new ResizeObserver(() => this.data && this.drawRibbon(this.data)).observe(this.ribbonFrame);
  }

  /** @param {Facts} data */
  receive(data) {
    this.data = data;
    this.problem.textContent = data.problem ? `No checkpoint is loaded: ${data.problem}` : "";
    this.problem.hidden = !data.problem;
    this.model.hidden = !data.facts.length;
    this.vocabulary.hidden = !data.vocabulary;
    clear(this.facts).append(
      ...data.facts.map(([term, text]) => h("div", {}, h("dt", {}, term), h("dd", {}, text)))
    );
    clear(this.body).append(...data.checkpoints.map((row) => this.row(row, data.loaded)));
    this.drawRibbon(data);
  }

  /** @type {(one: Checkpoint, inUse: string | null) => HTMLTableRowElement} */
  row(one, inUse) {
    const loaded = one.name === inUse;
    return h(
      "tr",
      { class: loaded ? "focus" : "", "data-checkpoint": one.name },
      h("th", { scope: "row" }, one.name, loaded ? " (loaded)" : ""),
      ...[
        one.title,
        one.family,
        one.ap === null ? "–" : one.ap.toFixed(1),
        one.note || "–",
        one.megabytes === null ? "–" : String(one.megabytes),
        one.licence || "–",
        one.here || loaded ? "yes" : "no",
      ].map((text, i) => h("td", { "data-head": HEAD[i], class: ["AP", "MB"].includes(HEAD[i]) ? "p2s-mono" : null }, text))
    );
  }

  /** @param {Facts} data */
  drawRibbon({ vocabulary }) {
    const width = this.ribbonFrame.clientWidth;
    if (!vocabulary || !width) return;
    const { stretches, size } = vocabulary;
    const spare = width - LEAST * stretches.length;
    const height = BAR + 2 * LINE;
    set(clear(this.ribbon), {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "aria-label": `${size} token ids: ${stretches.map((s) => s.text).join("; ")}`,
    });
    let x = 0;
    let free = 0; // where the next number has room
    for (const stretch of stretches) {
      const wide = LEAST + (spare * stretch.count) / size;
      this.ribbon.append(this.stretch(stretch, x, wide));
      const first = String(stretch.first);
      if (x >= free) {
        this.ribbon.append(
          svg("line", { class: "p2s-ribbon-tick", x1: x + 0.5, x2: x + 0.5, y1: BAR, y2: BAR + 5 }),
          svg("text", { class: "p2s-ribbon-id", x, y: BAR + 17 }, first)
        );
        free = x + 8 * first.length + 10;
      }
      x += wide;
    }
    this.ribbon.append(
      svg("text", { class: "p2s-ribbon-id", x: width, y: BAR + 34, "text-anchor": "end" }, `${size} ids in all`)
    );
    clear(this.legend).append(...stretches.map((stretch) => this.legendItem(stretch)));
  }

  /** @type {(stretch: Stretch, x: number, wide: number) => SVGGElement} */
  stretch(stretch, x, wide) {
    const label = NAMES[stretch.kind] ?? "";
    const node = svg(
      "g",
      { class: `p2s-ribbon-part ${stretch.kind}`, "data-role": ROLE[stretch.kind] || null },
      svg("rect", { x, y: 0, width: Math.max(wide - 1, 1), height: BAR }),
      svg("title", {}, stretch.text)
    );
    if (label && wide > 60) {
      node.append(svg("text", { x: x + wide / 2, y: BAR / 2 + 4, "text-anchor": "middle" }, label));
    }
    return node;
  }

  /** @param {Stretch} stretch */
  legendItem(stretch) {
    const last = stretch.first + stretch.count - 1;
    const ids = stretch.count === 1 ? `${stretch.first}` : `${stretch.first}–${last}`;
    return h(
      "li",
      { "data-role": ROLE[stretch.kind] || null, class: stretch.kind },
      h("span", { class: "p2s-ribbon-swatch", "aria-hidden": "true" }),
      h("span", { class: "p2s-mono" }, ids),
      h("span", {}, stretch.text)
    );
  }
}

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountAbout = (element, bridge) => {
  const about = new About(partOf(element, "[data-about]"));
  followJson(bridge, (/** @type {Facts} */ data) => about.receive(data));
};
