// Curves over the steps of a training, with one cursor. The axis is √step: much happens early.

import { onDrag } from "#kit/dragging.js";
import { clear, h, set, svg } from "#kit/elements.js";

const HEIGHT = 130;
const PAD = { left: 36, right: 10, top: 8, bottom: 22 };

/** @typedef {{points: [step: number, value: number][], look: string, role?: string}} Curve */

export class Curves {
  /**
   * @param {string} title
   * @param {(step: number) => void} choose
   */
  constructor(title, choose) {
    this.svg = svg("svg", { class: "machine-curves", role: "img", "aria-label": title });
    this.cursor = svg("line", { class: "machine-cursor", y1: PAD.top, y2: HEIGHT - PAD.bottom });
    this.node = h("figure", { class: "machine-figure" }, h("figcaption", {}, title), this.svg);
    this.width = 320;
    this.last = 1;
    this.step = 0;
    /** @type {Curve[]} */
    this.curves = [];
    this.top = 1;
    new ResizeObserver(() => {
      this.width = Math.max(this.node.clientWidth, 160);
      this.frame();
    }).observe(this.node);
    onDrag(this.svg, (event) => {
      const box = this.svg.getBoundingClientRect();
      const share = (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right);
      choose(this.last * Math.min(Math.max(share, 0), 1) ** 2);
    });
  }

  /**
   * @param {Curve[]} curves
   * @param {{last: number, top: number}} axes
   */
  show(curves, { last, top }) {
    Object.assign(this, { curves, last: Math.max(last, 1), top });
    this.frame();
  }

  /** @param {number} step */
  x(step) {
    return PAD.left + Math.sqrt(step / this.last) * (this.width - PAD.left - PAD.right);
  }

  /** @param {number} value */
  y(value) {
    return PAD.top + (1 - Math.min(value / this.top, 1)) * (HEIGHT - PAD.top - PAD.bottom);
  }

  frame() {
    if (!this.curves.length) return; // no axis before there is something on it
    const ticks = [0, 0.1, 0.3, 1].map((share) => Math.round(share * this.last));
    set(this.svg, { viewBox: `0 0 ${this.width} ${HEIGHT}`, width: this.width, height: HEIGHT });
    clear(this.svg).append(
      ...[0, this.top / 2, this.top].flatMap((value) => [
        svg("line", { class: "machine-axis", x1: PAD.left, x2: this.width - PAD.right, y1: this.y(value), y2: this.y(value) }),
        svg("text", { x: PAD.left - 5, y: this.y(value) + 4, "text-anchor": "end" }, Number(value.toFixed(1))),
      ]),
      ...ticks.map((step, i) =>
        svg("text", { x: this.x(step), y: HEIGHT - 5, "text-anchor": i === 0 ? "start" : i === 3 ? "end" : "middle" }, step)
      ),
      ...this.curves.map(({ points, look, role }) =>
        svg("polyline", {
          class: `machine-curve ${look}`,
          "data-role": role,
          points: points.map(([step, value]) => `${this.x(step)},${this.y(value)}`).join(" "),
        })
      ),
      this.cursor
    );
    this.mark(this.step);
  }

  /** @param {number} step */
  mark(step) {
    this.step = step;
    set(this.cursor, { x1: this.x(step), x2: this.x(step) });
  }
}
