// Page 1, quantisation: the snapped box over the true one, two corners under a magnifier, and the
// overlap that a number of bins allows.

import { clear, h, set, svg } from "#kit/elements.js";
import { fixed } from "#kit/numbers.js";
import { COORDINATES } from "#kit/roles.js";
import { Loupe } from "#learn/loupe.js";
import * as widgets from "#learn/widgets.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Answer, LearnBoard} from "#learn/board.js" */
/** @import {Lesson} from "#learn/lesson.js" */

/** @typedef {{bins: number[], snapped: Frame, errors: Frame, worst: number, iou: number}} Snapped a box */
/** @typedef {{iou: number[], worst: number[]}} Errors by number of bins */
/** @typedef {{bins: number[], round: Errors, floor: Errors}} Curve */
/** @typedef {{bins: number, bin_px: [x: number, y: number], slots: Coordinate[], boxes: Snapped[]}} Grid */
/** @typedef {Answer & Grid & {worst: number | null, mean_iou: number | null, curve?: Curve}} View */

const PRESETS = [8, 32, 100, 500, 1000, 2000];

class Quantize {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    this.bins = 32;
    this.quantizer = "round";
    /** @type {string | null} */
    this.boxesKey = null;
    /** @type {View | null} */
    this.view = null;
    this.slider = widgets.slider({
      label: "Bins per axis",
      min: 8,
      max: 2000,
      value: this.bins,
      log: true,
      oninput: (value) => this.setBins(value),
    });
    this.presets = h("div", { class: "learn-row" });
    this.choice = widgets.choice({
      label: "Nearest bin",
      value: "round",
      options: [
        ["round", "round", "to the nearest bin, as the official code does"],
        ["floor", "floor", "to the bin below, as the paper's appendix on quantization writes it"],
      ],
      onchange: (value) => {
        this.quantizer = value;
        this.lesson.soon();
      },
    });
    this.pitch = widgets.readout("one bin, in pixels of this picture");
    this.worst = widgets.readout("worst edge error, pixels");
    this.iou = widgets.readout("mean IoU, snapped with true box");
    this.loupes = [new Loupe("top left", "ymin", "xmin"), new Loupe("bottom right", "ymax", "xmax")];
    this.table = h("tbody");
    this.plot = new Plot((bins) => {
      this.slider.set(bins);
      this.setBins(bins);
    });
    this.node = h(
      "div",
      {},
      h("h2", {}, "A coordinate becomes a word ", widgets.source("§2.1")),
      h(
        "p",
        {},
        "A language has a finite vocabulary; a box has real-valued edges. So each axis of the model's input is cut into B bins, and ",
        "an edge is written as the number of its bin. The same B tokens serve x and y."
      ),
      h(
        "p",
        { class: "learn-formula p2s-mono" },
        h("span", {}, "bin = round(x · (B − 1))"),
        h("span", {}, "x′ = bin / (B − 1)")
      ),
      h("div", { class: "learn-controls" }, this.slider.node, this.choice.node),
      this.presets,
      h("div", { class: "learn-readouts" }, this.pitch.node, this.worst.node, this.iou.node),
      h(
        "div",
        { class: "learn-split" },
        h("div", { class: "learn-loupes" }, this.loupes.map((loupe) => loupe.node)),
        this.plot.node
      ),
      h(
        "p",
        { class: "p2s-soft p2s-small" },
        "Black: the true edge. Colour: the edge that is read back. Small boxes suffer first. The paper finds 500 bins or more sufficient ",
        widgets.source("ablation on sequence construction"),
        "; bins are fixed at training."
      ),
      h(
        "div",
        { class: "p2s-table-scroll" },
        h(
          "table",
          { class: "p2s-table" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["box", "ymin", "xmin", "ymax", "xmax", "error, px", "IoU"].map((name) =>
                h("th", { scope: "col" }, name)
              )
            )
          ),
          this.table
        )
      )
    );
  }

  opened() {
    const own = this.lesson.opened().vocabulary.bins;
    const values = [...new Set([...PRESETS, own])].sort((a, b) => a - b);
    clear(this.presets).append(
      ...values.map((value) =>
        widgets.button(
          value === own ? `${value}: this checkpoint` : String(value),
          () => {
            this.slider.set(value);
            this.setBins(value);
          },
          { "data-bins": value }
        )
      )
    );
    this.loupes.forEach((loupe) => loupe.load(this.lesson.opened().picture));
  }

  /** @param {number} value */
  setBins(value) {
    this.bins = value;
    this.lesson.soon();
  }

  async update() {
    const { lesson } = this;
    const key = JSON.stringify([lesson.state.picture?.id, lesson.state.checkpoint, lesson.state.boxes]);
    const more = { bins: this.bins, quantizer: this.quantizer, curve: key !== this.boxesKey };
    /** @type {View | null} */
    const view = await lesson.ask("learn_quantize", more);
    if (!view) return;
    this.boxesKey = key;
    if (view.curve) this.plot.load(view.curve);
    this.view = view;
    this.fill(view);
    lesson.board.draw();
  }

  /** @param {View} view */
  fill(view) {
    for (const button of this.presets.children) {
      button.setAttribute("aria-pressed", String(Number(button.getAttribute("data-bins")) === view.bins));
    }
    const [x, y] = view.bin_px;
    this.pitch.set(Math.abs(x - y) < 0.005 ? fixed(x) : `${fixed(x)} × ${fixed(y)}`);
    this.worst.set(fixed(view.worst));
    this.iou.set(fixed(view.mean_iou, 3));
    this.plot.mark(view);
    const { state } = this.lesson;
    const chosen = Math.max(view.kept.indexOf(state.selected ?? 0), 0);
    const boxes = view.kept.map((index) => state.boxes[index]);
    clear(this.table).append(
      ...view.boxes.map((box, i) =>
        h(
          "tr",
          { class: i === chosen ? "focus" : null },
          h("th", { scope: "row" }, `${view.kept[i] + 1} ${boxes[i] ? boxes[i].name : ""}`),
          box.bins.map((bin) => h("td", { class: "p2s-mono" }, bin)),
          h("td", { class: "p2s-mono" }, fixed(box.worst)),
          h("td", { class: "p2s-mono" }, fixed(box.iou, 3))
        )
      )
    );
    this.loupes.forEach((loupe) => {
      loupe.node.hidden = !view.boxes[chosen] || !boxes[chosen];
      if (!loupe.node.hidden) loupe.show(boxes[chosen], view.boxes[chosen], view, this.lesson.opened().frame);
    });
  }

  /** @type {(board: LearnBoard) => "own" | null} */
  paint(board) {
    const { view } = this;
    if (!view) return null;
    this.grid(board, view.bin_px);
    board.drawBoxes();
    const chosen = this.lesson.state.selected;
    view.boxes.forEach((box, i) => {
      const look = chosen === null || chosen === view.kept[i] ? "" : "faint";
      for (const slot of COORDINATES) {
        board.layers.over.append(board.edge(box.snapped, slot, look));
      }
    });
    return "own";
  }

  /**
   * The bins' places, as long as they can be told apart.
   * @type {(board: LearnBoard, pitch: [x: number, y: number]) => void}
   */
  grid(board, [px, py]) {
    if (Math.min(px, py) * board.scale < 5) return;
    const { picture, frame } = this.lesson.opened();
    const strength = Math.min(0.6, (Math.min(px, py) * board.scale) / 60);
    let d = "";
    for (let x = frame[0]; x <= picture.w + 0.01; x += px) d += `M${x * board.scale} 0V${picture.h * board.scale}`;
    for (let y = frame[1]; y <= picture.h + 0.01; y += py) d += `M0 ${y * board.scale}H${picture.w * board.scale}`;
    board.layers.under.append(svg("path", { class: "learn-grid", d, opacity: strength }));
  }
}

/** Mean IoU over the number of bins for both quantisers; a click chooses the number. */
class Plot {
  /** @param {(bins: number) => void} choose */
  constructor(choose) {
    /** @type {SVGCircleElement | null} */
    this.dot = null;
    this.size = { w: 360, h: 168, left: 34, bottom: 24, top: 8, right: 8 };
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
      svg("text", { class: "learn-axis-name", x: w - right, y: this.y(0) - 8, "text-anchor": "end" }, "IoU over bins: round ―, floor ┄")
    );
    this.dot = svg("circle", { class: "learn-dot", r: 4.5, cx: -9, cy: -9 });
    this.svg.append(this.dot);
  }

  /** @param {View} view */
  mark(view) {
    if (this.dot && view.mean_iou !== null) {
      set(this.dot, { cx: this.x(view.bins), cy: this.y(view.mean_iou) });
    }
  }
}

export const quantize = {
  name: "quantize",
  title: "Quantisation",
  mount: (/** @type {Lesson} */ lesson) => new Quantize(lesson),
};
