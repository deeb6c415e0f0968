// How many different objects k samples name together, and, where the truth is known, which share of it: the
// mean over all choices of k samples.

import { samplesSaid } from "#compare/captions.js";
import { clear, h, set, svg } from "#kit/elements.js";

const HEIGHT = 150;
/** @import {Truth} from "#compare/captions.js" */
/** @typedef {{curve?: number[], truth?: Truth}} Discovery mean counts by number of samples */
/** @typedef {{x: (k: number) => number, y: (v: number) => number}} Places of the chart's values */

const FRAME = { left: 34, right: 50, top: 10, bottom: 26 };

export class DiscoveryCurve {
  constructor() {
    this.chart = svg("svg", { class: "p2s-curve", role: "img" });
    this.legend = h("p", { class: "p2s-small p2s-soft" });
    this.node = h(
      "section",
      { class: "p2s-section p2s-discovery", "aria-label": "What more samples name", hidden: "" },
      h("h2", {}, "What more samples name"),
      this.chart,
      this.legend
    );
    /** @type {Discovery | null} */
    this.data = null;
    new ResizeObserver(() => this.data && this.draw(this.data, true)).observe(this.node);
  }

  /** @type {(data: Discovery, stale?: boolean) => void} */
  draw(data, stale = false) {
    const { curve, truth } = data;
    this.node.hidden = !curve || curve.length < 2;
    if (!curve || this.node.hidden || (data === this.data && !stale)) return;
    this.data = data;
    const width = this.node.clientWidth;
    if (!width) return;
    /** @type {Places} */
    const at = {
      x: (k) => FRAME.left + ((k - 1) / (curve.length - 1)) * (width - FRAME.left - FRAME.right),
      y: (v) => FRAME.top + (1 - v) * (HEIGHT - FRAME.top - FRAME.bottom),
    };
    const most = Math.max(...curve, 1);
    set(clear(this.chart), {
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
      "aria-label": samplesSaid(curve, truth),
    });
    this.axis(at, curve.length, width, most);
    this.line(at, curve.map((v) => v / most), "found");
    if (truth) this.line(at, truth.recall, "recall");
    this.legend.textContent = samplesSaid(curve, truth);
  }

  /** @type {(at: Places, samples: number, width: number, most: number) => void} */
  axis(at, samples, width, most) {
    const [y0, y1] = [at.y(0), at.y(1)];
    /** @type {(x: number, y: number, anchor: string, words: string) => SVGTextElement} */
    const text = (x, y, anchor, words) =>
      svg("text", { x, y, "text-anchor": anchor, class: "p2s-curve-text" }, words);
    this.chart.append(
      svg("path", { class: "p2s-curve-axis", d: `M${at.x(1)} ${y1} V${y0} H${at.x(samples)}` }),
      text(at.x(1) - 5, y1 + 4, "end", most.toFixed(most < 10 ? 1 : 0)),
      text(at.x(1) - 5, y0 + 4, "end", "0"),
      text(at.x(1), y0 + 15, "middle", "1"),
      text(at.x(samples), y0 + 15, "middle", String(samples)),
      text((at.x(1) + at.x(samples)) / 2, y0 + 15, "middle", "samples")
    );
    if (this.data?.truth) {
      this.chart.append(
        text(width - FRAME.right + 5, y1 + 4, "start", "100 %"),
        text(width - FRAME.right + 5, y0 + 4, "start", "0 %")
      );
    }
  }

  /** @type {(at: Places, values: number[], name: string) => void} */
  line(at, values, name) {
    const points = values.map((v, k) => `${at.x(k + 1).toFixed(1)} ${at.y(v).toFixed(1)}`);
    this.chart.append(svg("path", { class: `p2s-curve-line ${name}`, d: `M${points.join(" L")}` }));
    values.forEach((v, k) => {
      this.chart.append(
        svg("circle", { class: `p2s-curve-point ${name}`, cx: at.x(k + 1), cy: at.y(v), r: 2.5 })
      );
    });
  }
}
