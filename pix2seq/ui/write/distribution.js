// A coordinate's distribution: in the inspector as a plot over the whole axis, and on the photo as a
// density that grows from the edge on which that coordinate is read. Clicking a place chooses its bin.

import { clear, h, set, svg } from "#kit/elements.js";
import { percent } from "#kit/numbers.js";
import { areaPath } from "#kit/plots.js";
import { isVertical } from "#kit/roles.js";
import { placeText, UNIT } from "#kit/units.js";
import { otherModes } from "#write/alternatives.js";

/** @import {Pull, Slot} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Mode} from "#write/alternatives.js" */
/** @import {Explained} from "#write/inspector.js" */
/** @import {Stage} from "#write/stage.js" */

const HEIGHT = 96; // of the plot; its axis is below
const AXIS = 34;
const DEPTH = 84; // px that the density may reach into the photo

/** @type {{[key: string]: number}} */
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -1e6, End: 1e6 };

/** @typedef {{slot: Slot, index: number, token: number, first: number, axis: number[][], modes: Mode[]}} Spread */

/**
 * The distribution over the bins, stage by stage, where there is one.
 * @param {Explained | {axis: null}} answer
 * @returns {Spread | null}
 */
const spreadOf = (answer) =>
  answer.axis && answer.first !== null ? { ...answer, axis: answer.axis, first: answer.first } : null;

/**
 * Where a draft pulled: a mark that hangs from the top of the plot and points at the bin.
 * @type {(x: number) => string}
 */
const markAt = (x) => `M${x - 6} 0h12l-6 10z`;

export class Distribution {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {Spread | null} of the token under the glass */
    this.answer = null;
    /** @type {number | null} the bin that is looked at */
    this.at = null;
    this.width = 316; // px, until it is known
    this.readout = h("div", { class: "p2s-small p2s-soft p2s-readout" });
    this.plot = svg("svg", {
      class: "p2s-distribution",
      role: "slider",
      tabindex: 0,
      "aria-valuemin": 0,
      "data-distribution": "",
    });
    this.node = h("div", {}, this.plot, this.readout);
    this.pointer = svg("line", { class: "pointer", y1: 0, y2: HEIGHT });
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.point(null));
    this.plot.addEventListener("click", (event) => this.choose(this.binUnder(event)));
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("blur", () => this.point(null));
  }

  /**
   * @param {Explained | {axis: null}} answer
   * @param {Pull | null} pull where a draft pulled the token
   */
  show(answer, pull) {
    this.answer = spreadOf(answer);
    clear(this.plot);
    this.node.hidden = !this.answer;
    this.width = this.plot.clientWidth || this.width;
    set(this.plot, { viewBox: `0 0 ${this.width} ${HEIGHT + AXIS}`, height: HEIGHT + AXIS });
    if (!this.answer) return;
    const { slot, axis, first } = this.answer;
    const [raw, , tempered, final] = axis;
    const peak = Math.max(...raw, ...final, 1e-9);
    const chosen = this.written();
    const x = (/** @type {number} */ bin) => ((bin + 0.5) / raw.length) * this.width;
    const pulledTo = pull && x(pull.centre - first);
    set(this.plot, {
      "data-slot": slot,
      "aria-label": `Distribution of ${slot} over ${raw.length} bins; ${chosen === null ? "none" : `bin ${chosen}`} was written. Arrow keys look at others, Enter writes on from one`,
      "aria-valuemax": raw.length - 1,
    });
    this.plot.append(
      svg("path", { class: "cut", d: areaPath(raw, this.width, HEIGHT, peak) }),
      svg("path", { class: "tempered", d: areaPath(tempered, this.width, HEIGHT, peak) }),
      svg("path", { class: "kept", d: areaPath(final, this.width, HEIGHT, peak) }),
      chosen === null ? "" : svg("line", { class: "chosen", x1: x(chosen), x2: x(chosen), y1: 0, y2: HEIGHT }),
      pulledTo === null ? "" : svg("path", { class: "pull", d: markAt(pulledTo) })
    );
    const free = pulledTo !== null && pulledTo < 70 ? pulledTo + 9 : 2; // right of the mark
    this.plot.append(this.axes(this.answer, raw.length, peak, free), this.pointer);
    this.point(null);
  }

  /**
   * What the plot counts: places along the photo, and the probability of the highest bin, at `free`.
   * @type {(answer: Spread, bins: number, peak: number, free: number) => SVGGElement}
   */
  axes(answer, bins, peak, free) {
    const { record, units } = this.stage;
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const bin = Math.round(share * (bins - 1));
      const x = ((bin + 0.5) / bins) * this.width;
      const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
      const text = placeText(record, answer.first + bin, answer.slot, units);
      return [
        svg("line", { class: "tick", x1: x, x2: x, y1: HEIGHT, y2: HEIGHT + 4 }),
        svg("text", { x, y: HEIGHT + 16, "text-anchor": anchor }, text),
      ];
    });
    return svg(
      "g",
      { class: "axes" },
      ...ticks.flat(),
      svg("line", { class: "tick", x1: 0, x2: this.width, y1: HEIGHT, y2: HEIGHT }),
      svg("text", { x: this.width / 2, y: HEIGHT + 31, "text-anchor": "middle" }, `${answer.slot}, ${UNIT[units]}`),
      svg("text", { x: free, y: 12 }, `p ${peak.toFixed(2)}`)
    );
  }

  /** The written token's bin; `null` for EOS, or a token that the grammar would not have let in. */
  written() {
    if (!this.answer) return null;
    const { token, first, axis } = this.answer;
    const bin = token - first;
    return bin >= 0 && bin < axis[0].length ? bin : null;
  }

  /** @param {MouseEvent} event */
  binUnder(event) {
    const bins = this.answer?.axis[0].length ?? 0;
    const box = this.plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(Math.max(Math.floor(share * bins), 0), bins - 1);
  }

  /**
   * Read the bin under the pointer, the bin `at`, or else the one that was written.
   * @type {(event: MouseEvent | null, at?: number | null) => void}
   */
  point(event, at = null) {
    const { answer } = this;
    if (!answer) return;
    const [raw, , , final] = answer.axis;
    this.at = event ? this.binUnder(event) : at;
    const bin = this.at ?? this.written();
    this.pointer.style.visibility = this.at === null ? "hidden" : "visible";
    if (bin === null) {
      this.readout.textContent = "Written here: no bin. Point at one to read its probability.";
      return;
    }
    const x = ((bin + 0.5) / raw.length) * this.width;
    set(this.pointer, { x1: x, x2: x });
    const what = final[bin] > 0 ? `can be drawn with p ${final[bin].toFixed(4)}` : "is cut";
    const place = placeText(this.stage.record, answer.first + bin, answer.slot, this.stage.units, true);
    const text = `${place}: raw p ${raw[bin].toFixed(4)}, ${what}`;
    set(this.plot, { "aria-valuenow": bin, "aria-valuetext": text });
    const hint = event ? " · click to write on from it" : " · Enter writes on from it";
    this.readout.textContent = this.at === null ? text : text + hint;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { answer } = this;
    if (!answer) return;
    const written = this.written();
    if (event.key in STEPS) {
      event.preventDefault();
      const last = answer.axis[0].length - 1;
      this.point(null, Math.min(Math.max((this.at ?? written ?? 0) + STEPS[event.key], 0), last));
    } else if (event.key === "Enter" && this.at !== null && this.at !== written) {
      this.choose(this.at);
    }
  }

  /** @param {number} bin */
  choose(bin) {
    const { answer } = this;
    if (!answer) return;
    this.stage.writeOn({ index: answer.index, token: answer.first + bin });
  }

  // ---- on the photo ------------------------------------------------------------------------

  /** @param {Explained | null} answer */
  drawOnPhoto(answer) {
    const { stage } = this;
    const layer = clear(stage.photo.layers.density);
    const { record } = stage;
    const spread = answer && spreadOf(answer);
    if (!spread || !record.frame) return;
    const { slot } = spread;
    const vertical = isVertical(slot);
    const { rect } = stage.photo;
    const [x0, y0, x1, y1] = record.frame;
    const start = vertical ? stage.photo.y(y0) : stage.photo.x(x0);
    const length = (vertical ? y1 - y0 : x1 - x0) * rect.scale;
    const [raw, , , final] = spread.axis;
    const peak = Math.max(...raw, ...final, 1e-9);
    const far = slot.endsWith("max");
    const place = vertical
      ? `translate(${far ? rect.x + rect.w : rect.x} ${start}) rotate(90) scale(1 ${far ? 1 : -1})`
      : `translate(${start} ${far ? rect.y + rect.h : rect.y}) scale(1 ${far ? -1 : 1})`;
    /** @type {(values: number[], name: string) => SVGPathElement} */
    const shape = (values, name) =>
      svg("path", {
        class: `p2s-density ${name}`,
        d: areaPath(values, length, DEPTH, peak),
        transform: `${place} translate(0 ${DEPTH}) scale(1 -1)`,
      });
    layer.append(
      svg("clipPath", { id: "p2s-photo-clip" }, svg("rect", { x: rect.x, y: rect.y, width: rect.w, height: rect.h })),
      svg("g", { "clip-path": "url(#p2s-photo-clip)", "data-slot": slot }, shape(raw, "cut"), shape(final, "kept"), this.modes(record, spread))
    );
  }

  /**
   * The other peaks, as edges that the box might have had.
   * @param {Record} record
   * @param {Spread} answer
   */
  modes(record, answer) {
    const { rect } = this.stage.photo;
    const group = svg("g", { class: "p2s-modes" });
    const vertical = isVertical(answer.slot);
    const far = answer.slot.endsWith("max");
    /** @type {[number, number][][]} */
    const shelves = [];
    const { text } = this.stage.photo;
    const line = text + 2;
    for (const mode of otherModes(record, answer.token, answer.modes)) {
      const pixel = record.pixel(record.coordinate(mode.id), answer.slot);
      const at = vertical ? this.stage.photo.y(pixel) : this.stage.photo.x(pixel);
      const words = `${placeText(record, mode.id, answer.slot, this.stage.units)} · ${percent(mode.mass)}`;
      const wide = 0.62 * text * words.length;
      const turned = !vertical && at + 3 + wide > rect.x + rect.w; // no room right of its line
      const from = turned ? at - 3 - wide : at + 3;
      const shelf = shelfFor(shelves, vertical ? [at - line, at] : [from, from + wide]);
      const down = at < rect.y + 16 ? at + 12 : at - 3;
      group.append(
        svg("line", {
          x1: vertical ? rect.x : at,
          x2: vertical ? rect.x + rect.w : at,
          y1: vertical ? at : rect.y,
          y2: vertical ? at : rect.y + rect.h,
        }),
        svg(
          "text",
          vertical
            ? {
                x: far ? rect.x + 4 + shelf * wide : rect.x + rect.w - 4 - shelf * wide,
                y: down,
                "text-anchor": far ? "start" : "end",
              }
            : {
                x: turned ? at - 3 : at + 3,
                y: far ? rect.y + 12 + shelf * line : rect.y + rect.h - 4 - shelf * line,
                "text-anchor": turned ? "end" : "start",
              },
          words
        )
      );
    }
    return group;
  }
}

/**
 * The first shelf on which a label of this stretch lies on no other; it is put there.
 * @type {(shelves: [number, number][][], stretch: [number, number]) => number}
 */
export const shelfFor = (shelves, [from, to]) => {
  let place = 0;
  while (shelves[place]?.some(([a, b]) => from < b && a < to)) place += 1;
  (shelves[place] ||= []).push([from, to]);
  return place;
};
