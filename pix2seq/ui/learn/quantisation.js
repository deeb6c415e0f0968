// Page 1, quantisation: the snapped box over the true one, two corners under a magnifier, and the
// overlap that a number of bins allows.

import { clear, h, svg } from "#kit/elements.js";
import { fixed } from "#kit/numbers.js";
import { COORDINATES } from "#kit/roles.js";
import { BinPlot } from "#learn/binplot.js";
import { sizesSaid } from "#learn/captions.js";
import { quantisationExercises } from "#learn/exercises.js";
import { Loupe } from "#learn/loupe.js";
import * as widgets from "#learn/widgets.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Answer, LearnBoard} from "#learn/board.js" */
/** @import {Curve} from "#learn/binplot.js" */
/** @import {Lesson} from "#learn/lesson.js" */

/** @typedef {{bins: number[], snapped: Frame, errors: Frame, worst: number, iou: number}} Snapped a box */
/** @typedef {{bins: number, bin_px: [x: number, y: number], slots: Coordinate[], boxes: Snapped[]}} Grid */
/** @typedef {Answer & Grid & {worst: number | null, mean_iou: number | null, curve?: Curve}} View */

const PRESETS = [8, 32, 100, 500, 1000, 2000];
const COARSE = 8; // bins of the prediction: errors that a hand can see

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
    this.worst = widgets.readout("worst edge error, pixels of this picture");
    this.worstBins = widgets.readout("the same, bins: at most ½ when rounding, 1 when flooring");
    this.onPhoto = widgets.readout("bins on this picture, across × down: the rest of the square is padding");
    this.words = ["bin", "padded square", "token", "IoU"];
    this.plan = {
      ask: () => this.question(),
      look: () => ({
        range: /** @type {[number, number]} */ ([0, this.lesson.opened().picture.w]),
        start: this.lesson.opened().picture.w / 2,
        unit: "px",
        slot: /** @type {Coordinate} */ ("xmin"),
        known: { slot: /** @type {Coordinate} */ ("xmin"), at: this.box.x0 },
      }),
      answer: () => this.answer(),
    };
    this.sizes = h("span", { "data-learn-sizes": "" });
    this.iou = widgets.readout("mean IoU, snapped with true box");
    this.loupes = [new Loupe("top left", "ymin", "xmin"), new Loupe("bottom right", "ymax", "xmax")];
    this.table = h("tbody");
    this.plot = new BinPlot((bins) => {
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
        h("span", {}, "x ∈ [0, 1]: the edge as a share of the padded square"),
        h("span", {}, "bin = round(x · (B − 1))"),
        h("span", {}, "x′ = bin / (B − 1)"),
        h("span", {}, "|x′ − x| ≤ ½ bin")
      ),
      h("div", { class: "learn-controls" }, this.slider.node, this.choice.node),
      this.presets,
      h("div", { class: "learn-readouts" }, this.pitch.node, this.worst.node, this.worstBins.node, this.iou.node, this.onPhoto.node),
      h(
        "div",
        { class: "learn-split" },
        h("div", { class: "learn-loupes" }, this.loupes.map((loupe) => loupe.node)),
        this.plot.node
      ),
      h(
        "p",
        { class: "p2s-soft p2s-small" },
        "Black: the true edge. Colour: the edge that is read back. ",
        this.sizes,
        " The paper finds 500 bins or more sufficient ",
        widgets.source("ablation on sequence construction"),
        "; bins are fixed at training."
      ),
      h(
        "div",
        { class: "p2s-table-scroll", tabindex: 0, role: "region", "aria-label": "The boxes in bins" },
        h(
          "table",
          { class: "p2s-table" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["box", "ymin, bin", "xmin, bin", "ymax, bin", "xmax, bin", "error, px", "IoU"].map((name) =>
                h("th", { scope: "col" }, name)
              )
            )
          ),
          this.table
        )
      )
    );
  }

  /** The box that is asked about: the chosen one. */
  get box() {
    const { state } = this.lesson;
    return this.lesson.chosen || state.boxes[0];
  }

  question() {
    if (!this.box) return "";
    const number = this.lesson.state.boxes.indexOf(this.box) + 1;
    return (
      `Box ${number}, ${this.box.name}, begins at xmin = ${Math.round(this.box.x0)} px. Written with ${COARSE} bins ` +
      "and read back, where will that edge, dotted, be? Drag the line."
    );
  }

  async answer() {
    const at = this.lesson.state.boxes.indexOf(this.box);
    /** @type {View | null} */
    const view = await this.lesson.ask("learn_quantize", { bins: COARSE, quantizer: "round" });
    const found = view ? view.boxes[view.kept.indexOf(at)] : undefined;
    return found ? found.snapped[0] : null;
  }

  exercises() {
    if (!this.box) return [];
    const { frame, vocabulary } = this.lesson.opened();
    const number = this.lesson.state.boxes.indexOf(this.box) + 1;
    return quantisationExercises({
      bins: vocabulary.bins,
      input: vocabulary.input[0],
      edge: {
        name: `xmin of box ${number}`,
        share: Math.min(Math.max((this.box.x0 - frame[0]) / (frame[2] - frame[0]), 0), 1),
      },
    });
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
    this.worstBins.set(view.worst === null ? "–" : fixed(Math.max(...view.boxes.map((box) => worstInBins(box, view)))));
    const { picture } = this.lesson.opened();
    const across = [picture.w / x, picture.h / y].map((steps) => Math.min(Math.floor(steps + 0.01) + 1, view.bins));
    this.onPhoto.set(across.join(" × "));
    this.iou.set(fixed(view.mean_iou, 3));
    this.plot.mark(view);
    const { state } = this.lesson;
    const chosen = Math.max(view.kept.indexOf(state.selected ?? 0), 0);
    const boxes = view.kept.map((index) => state.boxes[index]);
    this.sizes.textContent = sizesSaid(
      view.boxes.flatMap(({ iou }, i) => {
        const box = boxes[i];
        return box ? [{ name: `${view.kept[i] + 1} ${box.name}`, iou, area: (box.x1 - box.x0) * (box.y1 - box.y0) }] : [];
      })
    );
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

/**
 * A box's worst edge in bins; the bins of both axes are of one size but for rounding.
 * @type {(box: Snapped, view: View) => number}
 */
const worstInBins = ({ errors }, { bin_px: [x, y] }) =>
  Math.max(...errors.map((error, i) => Math.abs(error) / (i % 2 ? x : y)));

export const quantize = {
  name: "quantize",
  title: "Quantisation",
  mount: (/** @type {Lesson} */ lesson) => new Quantize(lesson),
};
