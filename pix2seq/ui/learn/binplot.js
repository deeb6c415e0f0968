// Lesson 1's plot: what overlap a number of bins allows.

import { clear, h, set, svg } from "#kit/elements.js";

/** @typedef {{iou: number[], worst: number[]}} Errors by number of bins */
/** @typedef {{bins: number[], round: Errors, floor: Errors}} Curve */

/** Mean IoU over the number of bins for both quantisers; a click chooses the number. */
export class BinPlot {
  /** @param {(bins: number) => void} choose */
  constructor(choose) {
    /** @type {SVGCircleElement | null} */
    this.dot = null;
    this.size = { w: 360, h: 184, left: 50, bottom: 40, top: 8, right: 8 };
    this.svg = svg("svg", {
      viewBox: `0 0 ${this.size.w} ${this.size.h}`,
      role: "img",
      "aria-label": "Mean IoU over the number of bins",
    });
    this.node = h("figure", { class: "learn-plot" }, this.svg);
    this.svg.addEventListener("click", (event) => {
      const at = this.svg.getBoundingClientRect();
      const x = ((event.clientX - at.left) / at.width) * this.size.w;
      const share = (x - this.size.left) / (this.size.w - this.size.left - this.size.right);
      choose(Math.round(8 * 250 ** Math.min(Math.max(share, 0), 1)));
    });
  }

  /** @param {number} bins */
  x(bins) {
    const { w, left, right } = this.size;
    return left + (Math.log(bins / 8) / Math.log(250)) * (w - left - right);
  }

  /** @param {number} iou */
  y(iou) {
    const { h: tall, bottom, top } = this.size;
    return top + (1 - iou) * (tall - bottom - top);
  }

  /** @param {Curve} curve */
  load(curve) {
    const path = (/** @type {number[]} */ values) =>
      values.map((iou, i) => `${i ? "L" : "M"}${this.x(curve.bins[i])} ${this.y(iou)}`).join("");
    const { w, h: tall, left, bottom, right } = this.size;
    clear(this.svg).append(
      ...[0, 0.5, 1].flatMap((value) => [
        svg("line", { class: "learn-axis", x1: left, x2: w - right, y1: this.y(value), y2: this.y(value) }),
        svg("text", { x: left - 6, y: this.y(value) + 4, "text-anchor": "end" }, value.toFixed(1)),
      ]),
      ...[8, 32, 100, 500, 2000].map((value) =>
        svg("text", { x: this.x(value), y: tall - bottom + 15, "text-anchor": value === 2000 ? "end" : "middle" }, value)
      ),
      svg("path", { class: "learn-curve", d: path(curve.round.iou) }),
      svg("path", { class: "learn-curve dashed", d: path(curve.floor.iou) }),
      svg("text", { class: "learn-axis-name", x: w - right, y: this.y(0) - 8, "text-anchor": "end" }, "round ―, floor ┄"),
      svg("text", { class: "learn-axis-name", x: (left + w - right) / 2, y: tall - 4, "text-anchor": "middle" }, "bins per axis"),
      svg(
        "text",
        { class: "learn-axis-name", transform: `translate(12 ${this.y(0.5)}) rotate(-90)`, "text-anchor": "middle" },
        "mean IoU"
      )
    );
    this.dot = svg("circle", { class: "learn-dot", r: 4.5, cx: -9, cy: -9 });
    this.svg.append(this.dot);
  }

  /** @param {{bins: number, mean_iou: number | null}} view */
  mark(view) {
    if (this.dot && view.mean_iou !== null) {
      set(this.dot, { cx: this.x(view.bins), cy: this.y(view.mean_iou) });
    }
  }
}
