// The loss knows no distance: a target that can be moved along its axis, what each place would cost, and
// what it would do to the box. Beside it the bell, which the loss never asked for.

import { clear, h, set, svg } from "#kit/elements.js";
import { fixed } from "#kit/numbers.js";
import { isCoordinate } from "#kit/roles.js";
import { bellSaid, movedSaid } from "#learn/captions.js";
import * as widgets from "#learn/widgets.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Lesson} from "#learn/lesson.js" */
/** @import {PairView} from "#learn/widgets.js" */

/** @typedef {{loss: number, bell: [bin: number, prob: number][] | null}} Token */

const SIZE = { w: 420, h: 120, left: 44, right: 8, top: 8, bottom: 34 };
const LEAST = 5e-5; // probabilities below it were not sent
/** @type {{[slot in Coordinate]: number}} where a slot stands in a frame */
const EDGE = { ymin: 1, xmin: 0, ymax: 3, xmax: 2 };

/** @type {(a: Frame, b: Frame) => number} */
export const overlap = (a, b) => {
  const area = (/** @type {number[]} */ [x0, y0, x1, y1]) => Math.max(x1 - x0, 0) * Math.max(y1 - y0, 0);
  const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  const all = area(a) + area(b) - both;
  return all > 0 ? both / all : 0;
};

export class Bell {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    this.lesson = lesson;
    this.chart = svg("svg", { role: "img" });
    this.slider = widgets.slider({ label: "Move the target, bins", min: 0, max: 1, value: 0, oninput: () => this.moved() });
    this.said = h("p", { class: "p2s-small", "data-learn-moved": "" });
    this.shape = h("p", { class: "p2s-small", "data-learn-bell": "" });
    this.title = h("h3", {});
    this.node = h(
      "section",
      { class: "learn-bell learn-answer", "aria-label": "What another target would cost", hidden: "" },
      this.title,
      this.chart,
      this.slider.node,
      this.said,
      this.shape
    );
    /** @type {((bin: number) => number) | null} */
    this.x = null;
    /** @type {SVGElement | null} */
    this.mark = null;
    /** @type {{bell: Map<number, number>, bin: number, box: Frame, edge: number, pitch: number, start: number} | null} */
    this.at = null;
  }

  /**
   * The distribution at a position; nothing where no coordinate is asked for.
   * @param {PairView & {tokens: Token[]}} view
   * @param {number} index
   */
  show(view, index) {
    const column = view.columns[index];
    const { bell } = view.tokens[index];
    const object = view.objects[column.object];
    const { slot } = column;
    this.node.hidden = !bell || !object || !isCoordinate(slot);
    if (!bell || !object || !isCoordinate(slot)) return;
    const { frame, vocabulary } = this.lesson.opened();
    const bin = Number(column.target.text);
    const edge = EDGE[slot];
    const [from, to] = edge % 2 ? [frame[1], frame[3]] : [frame[0], frame[2]];
    this.at = { bell: new Map(bell), bin, box: object.box, edge, pitch: (to - from) / (vocabulary.bins - 1), start: from };
    this.title.textContent = `The loss has no ruler: ${slot} of ${object.text}`;
    this.node.dataset.slot = slot;
    this.shape.textContent = bellSaid(bell);
    this.draw(bell, vocabulary.bins);
    this.slider.range(0, vocabulary.bins - 1);
    this.slider.set(bin);
    this.moved();
  }

  /** @type {(bell: [number, number][], bins: number) => void} */
  draw(bell, bins) {
    const { h: tall, left, right, top, bottom } = SIZE;
    const w = this.chart.clientWidth || SIZE.w; // its type is as large as the style says
    const most = Math.max(...bell.map(([, p]) => p), LEAST);
    const x = (/** @type {number} */ bin) => left + (bin / (bins - 1)) * (w - left - right);
    this.x = x;
    const y = (/** @type {number} */ p) => top + (1 - p / most) * (tall - top - bottom);
    const text = (/** @type {number} */ across, /** @type {number} */ down, /** @type {string} */ words, anchor = "middle") =>
      svg("text", { x: across, y: down, "text-anchor": anchor }, words);
    this.mark = svg("line", { class: "learn-bell-mark", y1: top, y2: y(0) });
    set(clear(this.chart), { viewBox: `0 0 ${w} ${tall}`, "aria-label": `Probability over ${bins} bins, highest ${fixed(most)}` });
    this.chart.append(
      svg("path", { class: "learn-axis", d: `M${left} ${top}V${y(0)}H${w - right}`, fill: "none" }),
      text(left - 5, top + 8, fixed(most), "end"),
      text(left - 5, y(0) + 4, "0", "end"),
      text(left, y(0) + 15, "0"),
      text(w - right, y(0) + 15, String(bins - 1), "end"),
      text((left + w - right) / 2, tall - 3, "bin"),
      ...bell.map(([bin, p]) =>
        svg("line", { class: "learn-bell-bar", x1: x(bin), x2: x(bin), y1: y(0), y2: y(p) })
      ),
      this.mark
    );
  }

  moved() {
    const { at } = this;
    if (!at || !this.x || !this.mark) return;
    const bin = this.slider.value;
    set(this.mark, { x1: this.x(bin), x2: this.x(bin) });
    const price = (/** @type {number} */ one) => -Math.log(at.bell.get(one) ?? LEAST);
    const other = /** @type {Frame} */ ([...at.box]);
    other[at.edge] = at.start + bin * at.pitch;
    this.said.textContent = movedSaid(bin - at.bin, price(bin), price(at.bin), overlap(at.box, other));
  }
}
