// What whole sentences cost, on one axis: the paths of the tree, argmax, the beam, samples.

import { clear, h, set, svg } from "#kit/elements.js";
import { verdict } from "#fork/verdict.js";

/** @import {Tree} from "#fork/lanes.js" */

const WIDTH = 300;
const HEIGHT = 64;
const PAD = 14;
const LINES = /** @type {{[kind: string]: number}} */ ({ path: 14, argmax: 28, beam: 28, sample: 42 });

export class Sums {
  /** @param {(branch: number) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.svg = svg("svg", { class: "fork-sums", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    this.words = h("figcaption", { class: "p2s-small", "data-fork-verdict": "" });
    const legend = h("p", { class: "fork-legend p2s-small p2s-soft", "aria-hidden": "true" }, "▮ path · ▼ argmax · ◇ beam · ○ sample");
    this.node = h("figure", { class: "fork-costs" }, this.svg, legend, this.words);
  }

  /** @param {Tree} tree */
  show(tree) {
    const paths = tree.branches.map(({ surprise }, branch) => ({ kind: "path", surprise, branch }));
    const all = [...paths, ...tree.rivals.map((rival) => ({ branch: -1, ...rival }))];
    const costs = all.map((one) => one.surprise);
    const low = Math.floor(Math.min(...costs));
    const high = Math.max(Math.ceil(Math.max(...costs)), low + 1);
    const x = (/** @type {number} */ cost) => PAD + ((cost - low) / (high - low)) * (WIDTH - 2 * PAD);
    clear(this.svg).append(
      svg("line", { class: "fork-axis", x1: PAD, x2: WIDTH - PAD, y1: 50, y2: 50 }),
      svg("text", { x: PAD, y: 62 }, low),
      svg("text", { x: WIDTH - PAD, y: 62, "text-anchor": "end" }, `${high} nats`),
      svg("text", { x: WIDTH / 2, y: 62, "text-anchor": "middle" }, "Σ −ln p"),
      ...all.map((one) => this.mark_of(one, x(one.surprise)))
    );
    this.words.textContent = verdict(tree);
    set(this.svg, { "aria-label": `What sentences cost, from ${low} to ${high} nats. ${this.words.textContent}` });
  }

  /**
   * @param {{kind: string, surprise: number, branch: number}} one
   * @param {number} x
   */
  mark_of({ kind, surprise, branch }, x) {
    const y = LINES[kind];
    const title = svg("title", {}, `${kind === "path" ? `path ${branch + 1}` : kind}: ${surprise.toFixed(2)} nats`);
    if (kind === "argmax") return svg("path", { class: "fork-sum argmax", d: `M${x} ${y + 5} l-5 -9 h10 Z` }, title);
    if (kind === "beam") return svg("path", { class: "fork-sum beam", d: `M${x} ${y - 6} l6 6 l-6 6 l-6 -6 Z` }, title);
    if (kind === "sample") return svg("circle", { class: "fork-sum sample", cx: x, cy: y, r: 3.5 }, title);
    return svg(
      "rect",
      { class: "fork-sum path", x: x - 1.5, y: y - 8, width: 3, height: 14, "data-sum": branch, onclick: () => this.choose(branch) },
      title
    );
  }

  /** @param {number | null} branch */
  mark(branch) {
    for (const node of this.svg.querySelectorAll("[data-sum]")) {
      node.classList.toggle("on", node.getAttribute("data-sum") === String(branch));
    }
  }
}
