// Small plots for numbers that the server sent: a distribution over the image axis, bars of
// alternatives, sparklines. Pure functions from numbers to SVG or HTML.

import { h, svg } from "#kit/elements.js";

/**
 * Points of a filled curve: the largest value in each pixel column, so that no peak is lost.
 * @type {(values: number[], width: number) => number[]}
 */
function columns(values, width) {
  const count = Math.max(Math.min(Math.floor(width), values.length), 1);
  const best = new Array(count).fill(0);
  values.forEach((value, i) => {
    const at = Math.min(Math.floor((i * count) / values.length), count - 1);
    if (value > best[at]) best[at] = value;
  });
  return best;
}

/** @type {(values: number[], width: number, height: number, peak: number) => string} */
export const areaPath = (values, width, height, peak) => {
  const best = columns(values, width);
  const step = width / best.length;
  const points = best.map((value, i) => {
    const y = height - (peak > 0 ? Math.min(value / peak, 1) * height : 0);
    return `L${(i * step).toFixed(1)} ${y.toFixed(1)} L${((i + 1) * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M0 ${height} ${points.join(" ")} L${width} ${height} Z`;
};

/**
 * A sparkline of one stage of the pipeline.
 * @type {(values: number[], slot: string, width?: number, height?: number) => SVGSVGElement}
 */
export const spark = (values, slot, width = 120, height = 22) =>
  svg(
    "svg",
    { class: "p2s-spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", "data-slot": slot },
    svg("path", { d: areaPath(values, width, height, Math.max(...values, 1e-9)) })
  );

/**
 * Horizontal stacked bar of shares.
 * @type {(parts: {label: string, role: string, value: number}[]) => HTMLDivElement}
 */
export const shares = (parts) =>
  h(
    "div",
    { class: "p2s-shares", role: "img", "aria-label": parts.map((p) => `${p.label} ${p.value.toFixed(3)}`).join(", ") },
    ...parts
      .filter((part) => part.value > 0.0005)
      .map((part) =>
        h("span", {
          class: "p2s-share",
          "data-role": part.role,
          title: `${part.label}: ${part.value.toFixed(4)}`,
          style: { "flex-grow": part.value },
        })
      )
  );

/**
 * Bars over a list of values in [0, 1]; `marks` are indices to emphasise.
 * @type {(values: number[], role: string, marks?: number[]) => SVGSVGElement}
 */
export const bars = (values, role, marks = []) => {
  const width = Math.max(values.length * 8, 40);
  const chart = svg("svg", {
    class: "p2s-bars",
    viewBox: `0 0 ${width} 36`,
    preserveAspectRatio: "none",
    "data-role": role,
    "aria-hidden": "true",
  });
  values.forEach((value, i) => {
    const tall = Math.max(value * 34, 0.7);
    chart.append(
      svg(
        "rect",
        {
          x: i * (width / values.length) + 1,
          y: 36 - tall,
          width: Math.max(width / values.length - 2, 1),
          height: tall,
          class: marks.includes(i) ? "marked" : "",
        },
        svg("title", {}, value.toFixed(4))
      )
    );
  });
  return chart;
};
