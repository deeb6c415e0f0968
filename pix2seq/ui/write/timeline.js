// Surprise and entropy in token order, in nats on one scale, banded by object; it is also the scrubber:
// the handle is the last token on view. Play walks through a record that is already here, without a model.

import { clear, h, set, svg } from "#kit/elements.js";
import { plural } from "#kit/numbers.js";
import { scaleTop } from "#write/surprise.js";

/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

const HEIGHT = 44;

export class Timeline {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {string | null} */
    this.drawn = null;
    this.chart = svg("svg", { class: "p2s-timeline-chart", "aria-hidden": "true" });
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 0,
      value: 0,
      class: "p2s-scrub",
      "aria-label": "Tokens on view",
      "data-scrub": "",
    });
    this.slider.addEventListener("input", () => {
      stage.pause();
      stage.seek(Number(this.slider.value));
    });
    this.play = h("button", {
      type: "button",
      class: "p2s-button p2s-play",
      "data-replay": "",
      onclick: () => {
        stage.togglePlay();
        if (stage.playing) stage.objects.follow(stage.record);
      },
    });
    this.count = h("span", { class: "p2s-mono" });
    const legend = h(
      "div",
      { class: "p2s-legend p2s-soft", title: "In nats: how rare the written token was, and how undecided the model was" },
      this.count,
      h("span", {}, h("i", { class: "bar" }), "surprise"),
      h("span", {}, h("i", { class: "curve" }), "entropy")
    );
    this.top = h("span");
    this.scale = h("div", { class: "p2s-timeline-scale p2s-mono p2s-soft", "aria-hidden": "true" }, this.top, h("span", {}, "0 nats"));
    this.plot = h("div", { class: "p2s-timeline-plot" }, this.chart, this.slider);
    this.node = h(
      "div",
      { class: "p2s-timeline", role: "group", "aria-label": "Timeline" },
      this.play,
      this.scale,
      this.plot,
      legend
    );
    this.chart.addEventListener("click", (event) => {
      const token = this.tokenAt(event);
      if (token !== null) stage.select(token);
    });
    new ResizeObserver(() => {
      this.drawn = null;
      stage.changed();
    }).observe(this.plot);
  }

  /** @param {MouseEvent} event */
  tokenAt(event) {
    const box = this.chart.getBoundingClientRect();
    const count = this.stage.record.tokens.length;
    if (!count) return null;
    const index = Math.floor(((event.clientX - box.left) / box.width) * count);
    return Math.min(Math.max(index, 0), count - 1);
  }

  draw() {
    const { record, shown, selected, playing } = this.stage;
    const count = record.tokens.length;
    set(this.slider, { max: count });
    this.slider.value = String(shown);
    this.slider.disabled = count === 0;
    set(this.slider, { "aria-valuetext": `${shown} of ${plural(count, "token")}` });
    const label = playing ? "Pause" : "Replay";
    if (this.play.textContent !== label) this.play.textContent = label;
    this.play.disabled = count === 0 || this.stage.busy();
    this.count.textContent = `${shown}/${count}`;
    const key = [record.run, count, shown, selected, this.stage.focus()].join();
    if (key !== this.drawn) this.drawChart(record, shown, selected);
    this.drawn = key;
  }

  /** @type {(record: Record, shown: number, selected: number | null) => void} */
  drawChart(record, shown, selected) {
    const chart = clear(this.chart);
    const width = this.plot.clientWidth;
    const count = record.tokens.length;
    set(chart, { viewBox: `0 0 ${width} ${HEIGHT}` });
    if (!count || !width) return;
    const step = width / count;
    const top = scaleTop(record.tokens.flatMap((token) => [-token.logprob, token.entropy]));
    this.top.textContent = `${top} nats`;
    const height = (/** @type {number} */ nats) => (nats / top) * (HEIGHT - 2);
    /** @type {{object: number} | null} */
    let band = null;
    const focus = this.stage.focus();
    for (const token of record.tokens) {
      const x = token.index * step;
      if (band === null || band.object !== token.object) {
        band = { object: token.object };
        const odd = token.object % 2 ? " odd" : "";
        const on = token.object === focus ? " focus" : "";
        const length = record.tokens.filter((t) => t.object === token.object).length;
        chart.append(
          svg("rect", { class: `p2s-band${odd}${on}`, x, y: 0, width: length * step, height: HEIGHT })
        );
      }
      const tall = Math.max(height(-token.logprob), 1);
      chart.append(
        svg("rect", {
          class: `p2s-surprise${token.index >= shown ? " later" : ""}`,
          x: x + step * 0.14,
          y: HEIGHT - tall,
          width: Math.max(step * 0.72, 0.6),
          height: tall,
        })
      );
    }
    const points = record.tokens.map(
      (token) => `${(token.index + 0.5) * step},${HEIGHT - height(token.entropy) - 1}`
    );
    chart.append(svg("polyline", { class: "p2s-entropy", points: points.join(" ") }));
    if (selected !== null && selected < count) {
      chart.append(
        svg("rect", { class: "p2s-chosen", x: selected * step, y: 0.5, width: step, height: HEIGHT - 1 })
      );
    }
    chart.append(
      svg("line", { class: "p2s-head", x1: shown * step, x2: shown * step, y1: 0, y2: HEIGHT })
    );
  }
}
