// The argument page's figures: precision against recall with a dot at one threshold, scores against
// hits, and the same by place in the sentence.

import { svg } from "#kit/elements.js";
import { percent } from "#kit/numbers.js";

/** @import {Labelled, Recorded} from "#lab/claims.js" */
/** @typedef {[x: number, y: number]} At a place on the chart */

const W = 520;
const H = 408;
const PAD = { left: 52, right: 14, top: 36, bottom: 54 };

/** @type {(width: number, value: number, most?: number) => number} */
const scaleX = (width, value, most = 1) => PAD.left + (value / most) * (width - PAD.left - PAD.right);
/** @type {(height: number, value: number) => number} */
const scaleY = (height, value) => height - PAD.bottom - value * (height - PAD.top - PAD.bottom);

/**
 * @param {number} width
 * @param {number} height
 * @param {string} x
 * @param {string} y
 * @param {number[]} ticks
 * @param {number} [most]
 * @returns {SVGSVGElement}
 */
const frame = (width, height, x, y, ticks, most = 1) => {
  const chart = svg("svg", { class: "p2s-chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
  // However wide the chart is, its type has the page's size.
  const fit = () => chart.style.setProperty("--unit", String(width / (chart.clientWidth || width)));
  new ResizeObserver(fit).observe(chart);
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    const at = scaleY(height, tick);
    chart.append(
      svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: at, y2: at }),
      svg("text", { x: PAD.left - 8, y: at + 4, "text-anchor": "end" }, tick)
    );
  }
  for (const tick of ticks) {
    const at = scaleX(width, tick, most);
    chart.append(svg("text", { x: at, y: height - PAD.bottom + 18, "text-anchor": "middle" }, tick));
  }
  chart.append(
    svg("text", { class: "axis", x: (PAD.left + width) / 2, y: height - 6, "text-anchor": "middle" }, x),
    svg("text", { class: "axis", x: 4, y: 16 }, y) // above its axis: beside it, a phone's ticks reach into it
  );
  return chart;
};

/** @param {At[]} points */
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(" ");

/**
 * Precision against recall, one line per side; `move(at)` puts the dots.
 * @param {Recorded} record
 * @param {Labelled} set
 */
export const curves = (record, set) => {
  const chart = frame(W, H, "recall", "precision", [0, 0.25, 0.5, 0.75, 1]);
  chart.setAttribute("aria-label", "Precision against recall of the three ways to write");
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    /** @type {At} */ ([scaleX(W, x), scaleY(H, y)]);
  const dots = record.sides.map(({ name, title }) => {
    const { recall, precision } = set.sides[name];
    const points = recall[0]
      .map((value, place) => ({ x: value, y: precision[0][place] }))
      .flatMap(({ x, y }) => (x === null || y === null ? [] : [at(x, y)]));
    const dot = svg("g", { class: "dot", "data-side": name }, svg("path", {}), svg("circle", { r: 6.5 }));
    chart.append(svg("path", { class: "curve", "data-side": name, d: path(points) }, svg("title", {}, title)), dot);
    return { name, dot };
  });
  const move = (/** @type {number} */ threshold) => {
    for (const { name, dot } of dots) {
      const recall = set.sides[name].recall.map((row) => row[threshold]);
      const precision = set.sides[name].precision.map((row) => row[threshold]);
      const middle = precision[0];
      dot.toggleAttribute("hidden", middle === null);
      dot.style.display = middle === null ? "none" : "";
      if (middle === null) continue;
      const [x, left, right] = recall.map((value) => scaleX(W, value ?? 0));
      const [y, low, high] = precision.map((value) => scaleY(H, value ?? middle));
      const [cross, circle] = /** @type {SVGElement[]} */ ([...dot.children]);
      cross.setAttribute("d", `M${left} ${y} H${right} M${x} ${low} V${high}`);
      circle.setAttribute("cx", String(x));
      circle.setAttribute("cy", String(y));
    }
  };
  return { node: chart, move };
};

/**
 * Score against the share that is right; on the diagonal a score means what it says.
 * @type {(record: Recorded, set: Labelled) => SVGSVGElement}
 */
export const calibration = (record, set) => {
  const chart = frame(W, H, "score", "share that is right", [0, 0.25, 0.5, 0.75, 1]);
  chart.setAttribute("aria-label", "How often boxes of a score are right");
  chart.append(
    svg("line", { class: "diagonal", x1: scaleX(W, 0), y1: scaleY(H, 0), x2: scaleX(W, 1), y2: scaleY(H, 1) })
  );
  for (const { name } of record.sides) {
    const points = set.sides[name].calibration.map(([score, right, boxes]) => ({
      at: /** @type {At} */ ([scaleX(W, score), scaleY(H, right)]),
      words: `score ${score.toFixed(2)}: ${percent(right)} of ${boxes} boxes are right`,
      boxes,
    }));
    chart.append(
      svg("path", { class: "curve", "data-side": name, d: path(points.map((one) => one.at)) }),
      ...points.map(({ at: [cx, cy], words, boxes }) =>
        svg(
          "circle",
          { class: "mark", "data-side": name, cx, cy, r: Math.min(2 + Math.sqrt(boxes) / 6, 8) },
          svg("title", {}, words)
        )
      )
    );
  }
  return chart;
};

/**
 * By place in the sentence: the share that is right (thick), what the score says (thin).
 * @type {(record: Recorded, set: Labelled) => SVGSVGElement}
 */
export const byPlace = (record, set) => {
  const most = Math.max(...record.sides.map(({ name }) => set.sides[name].by_place.length), 2);
  const ticks = [1, Math.round(most / 2), most];
  const chart = frame(W, H, "place in the sentence", "share that is right, mean score", ticks, most);
  chart.setAttribute("aria-label", "Hits and scores by place in the sentence");
  for (const { name } of record.sides) {
    const rows = set.sides[name].by_place;
    const line = (/** @type {0 | 1} */ which) =>
      path(rows.map((row, i) => [scaleX(W, i + 1, most), scaleY(H, row[which])]));
    chart.append(
      svg("path", { class: "curve thin", "data-side": name, d: line(0) }),
      svg("path", { class: "curve", "data-side": name, d: line(1) })
    );
  }
  return chart;
};
