// How far scores can be trusted: what a score says against how often it is right, for all objects and
// by their place in the sentence. A dot on the dashed line keeps its promise.

import { clear, h, svg } from "#kit/elements.js";

/** @typedef {[low: number, high: number, count: number, said: number, right: number]} Bin of scores */
/** @typedef {{group: string, shown: number, right: number, bins: Bin[]}} Group of places in the sentence */
/** @typedef {{name: string, trust: Group[], trusted: string}} Trusted a row's calibration, and its words */

const SIDE = 210;
const FRAME = { left: 54, right: 8, top: 8, bottom: 40 };
const INNER = SIDE - FRAME.left - FRAME.right;
const TALL = INNER + FRAME.top + FRAME.bottom;
const DOT = { least: 2.5, most: 9 };

/** @param {number} value */
const x = (value) => FRAME.left + value * INNER;
/** @param {number} value */
const y = (value) => FRAME.top + (1 - value) * INNER;

/**
 * A dot's size: by area, as many boxes lie in its bin.
 * @param {number} count
 * @param {number} most boxes in the fullest bin
 */
export const radius = (count, most) => Math.max(DOT.most * Math.sqrt(count / most), DOT.least);

/**
 * A bin in words.
 * @param {Bin} bin
 */
export const binWords = ([low, high, count, said, right]) =>
  `score ${low.toFixed(1)} to ${high.toFixed(1)}: ${count} boxes say ${said.toFixed(2)}, ` +
  `${right.toFixed(2)} of them are right`;

export class TrustPlot {
  constructor() {
    this.title = h("h3", {});
    this.words = h("p", { "data-lab-trust": "" });
    this.plots = h("div", { class: "p2s-trust-plots" });
    this.node = h(
      "section",
      { class: "p2s-trust", "aria-label": "How far scores can be trusted", hidden: "" },
      this.title,
      this.words,
      this.plots,
      h(
        "p",
        { class: "p2s-small p2s-soft" },
        "Each dot is the boxes of a tenth of the scores, as large as they are many. Right: the class of a true box, IoU 0.5 or more."
      )
    );
  }

  /** @param {Trusted | null} row */
  draw(row) {
    this.node.hidden = !row || !row.trust.length;
    if (!row || this.node.hidden) return;
    this.title.textContent = `How far can scores be trusted? “${row.name}”`;
    this.words.textContent = row.trusted;
    clear(this.plots).append(...row.trust.map((group) => this.plot(group)));
  }

  /** @param {Group} group */
  plot(group) {
    const most = Math.max(...group.bins.map((bin) => bin[2]));
    /** @type {(at: {[name: string]: number | string}, words: string, more: {[name: string]: string}) => SVGElement} */
    const text = (at, words, more) => svg("text", { ...at, ...more }, words);
    const chart = svg(
      "svg",
      { viewBox: `0 0 ${SIDE} ${TALL}`, role: "img", "aria-label": `${group.group}: ${group.bins.map(binWords).join("; ")}` },
      svg("path", { class: "p2s-trust-axis", d: `M${x(0)} ${y(1)}V${y(0)}H${x(1)}` }),
      svg("line", { class: "p2s-trust-honest", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
      ...[0, 0.5, 1].flatMap((value) => [
        text({ x: x(value), y: y(0) + DOT.most + 11 }, value.toFixed(1), { "text-anchor": value === 1 ? "end" : "middle" }),
        text({ x: x(0) - DOT.most - 2, y: y(value) + 4 }, value.toFixed(1), { "text-anchor": "end" }),
      ]),
      text({ x: x(0.5), y: TALL - 4 }, "score", { "text-anchor": "middle" }),
      text({ x: 0, y: 0, transform: `translate(13 ${y(0.5)}) rotate(-90)` }, "share right", { "text-anchor": "middle" }),
      ...group.bins.map((bin) =>
        svg(
          "circle",
          { class: "p2s-trust-dot", cx: x(bin[3]), cy: y(bin[4]), r: radius(bin[2], most) },
          svg("title", {}, binWords(bin))
        )
      )
    );
    const shown = group.shown ? `${group.shown} shown, ${group.right.toFixed(2)} right` : "none shown";
    return h("figure", { "data-trust": group.group }, h("figcaption", {}, `${group.group}: ${shown}`), chart);
  }
}
