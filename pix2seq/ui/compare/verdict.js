// Why two sentences part. Both sides drew the same random number; laid out from 0 to 1 in the order of
// token ids, their distributions put different tokens under it.

import { clear, h, set, svg } from "#kit/elements.js";
import { plural, probability } from "#kit/numbers.js";

/** @import {Comparison, Outcome, Side, SideName, Why} from "#compare/comparison.js" */
/** @import {Written} from "#kit/photo.js" */

const BAR = 26;
const GAP = 20;
const TOP = 20;
const LETTER = 7; // px of a digit at 12 px mono

export class Verdict {
  /** @param {Comparison} comparison */
  constructor(comparison) {
    this.comparison = comparison;
    this.title = h("p", { class: "p2s-verdict-title", role: "status" });
    this.text = h("p", { class: "p2s-verdict-text p2s-soft" });
    this.chart = svg("svg", { class: "p2s-cdf", role: "img" });
    this.node = h(
      "section",
      { class: "p2s-verdict", "aria-label": "Where and why the sentences part" },
      this.title,
      this.text,
      this.chart
    );
    /** @type {Outcome | null | undefined} */
    this.drawn = undefined;
    new ResizeObserver(() => this.drawBars(true)).observe(this.node);
  }

  draw() {
    const { verdict } = this.comparison;
    const [title, text] = this.words();
    if (this.title.textContent !== title) this.title.textContent = title;
    this.text.textContent = text;
    this.node.hidden = !title && !text;
    this.node.classList.toggle("written", Boolean(title));
    this.drawBars(verdict !== this.drawn);
    this.drawn = verdict;
  }

  words() {
    const { a, b, parted, verdict } = this.comparison;
    const { record } = a;
    if (!record.run) {
      const hint = "Write both: two sentences about this picture, from the same random numbers.";
      return ["", record.image ? hint : ""];
    }
    if (!verdict) {
      if (parted === null) return ["The same so far", "Same picture, same seed, token by token."];
      return [this.place(parted), "Each sentence now follows its own past."];
    }
    const both = verdict.matches.length;
    /** @type {(side: Side, noise: boolean) => number} */
    const count = (side, noise) => side.visibleObjects().filter((o) => (o.state === "noise") === noise).length;
    const [onlyA, onlyB] = [a, b].map((side) => count(side, false) - both);
    const noise = ["A", "B"].flatMap((name, i) => {
      const shown = count([a, b][i], true);
      return shown ? [`${shown} boxes shown as noise in ${name}`] : [];
    });
    const objects =
      `${plural(both, "object")} in both, ${onlyA} only in A, ${onlyB} only in B` +
      ` (same class, IoU above 0.5)${noise.map((words) => `, ${words}`).join("")}.`;
    if (parted === null) {
      return [
        "Both wrote the same sentence, token by token",
        onlyA || onlyB || noise.length ? `Only the reading differs: ${objects}` : objects,
      ];
    }
    if (!verdict.why) {
      const [longer, shorter] = a.shown > b.shown ? ["A", "B"] : ["B", "A"];
      return [
        `${longer} goes on where ${shorter} ends, after ${plural(parted, "token")}`,
        objects,
      ];
    }
    const { why } = verdict;
    const [left, right] = [a, b].map((side) => side.record.text_of(why[side.name].token));
    return [
      this.place(parted),
      `Both drew the number ${why.number.toFixed(3)}. It falls on ${left} in A's distribution and on ` +
        `${right} in B's; from there each sentence follows its own past. ${objects}`,
    ];
  }

  /** @type {(index: number) => string} */
  place(index) {
    const { a, b } = this.comparison;
    const token = a.record.tokens[index] || b.record.tokens[index];
    const slots = a.record.vocab.slots;
    const slot = slots[index % slots.length];
    const object = token ? token.object + 1 : "?";
    return `The sentences part at token ${index + 1}: ${slot} of object ${object}`;
  }

  /** @param {boolean} stale */
  drawBars(stale) {
    const { verdict } = this.comparison;
    const why = verdict && verdict.why;
    this.chart.classList.toggle("empty", !why);
    this.chart.classList.toggle("none", Boolean(verdict && !why)); // nothing to explain: no hole either
    if (!stale || !why) return;
    const width = this.node.clientWidth;
    const height = TOP + 2 * BAR + GAP + 4;
    const left = 24;
    const span = width - left - 8;
    if (span <= 0) return;
    const label = this.text.textContent;
    set(clear(this.chart), { viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": label });
    /** @type {SideName[]} */ (["a", "b"]).forEach((name, row) => {
      const y = TOP + row * (BAR + GAP);
      this.chart.append(
        svg("text", { class: "p2s-cdf-name", x: 4, y: y + BAR / 2 + 4 }, name.toUpperCase())
      );
      this.bar(this.comparison[name].record, why, name, { left, span, y });
    });
    const x = left + why.number * span;
    this.chart.append(
      svg("line", { class: "p2s-cdf-drawn", x1: x, x2: x, y1: TOP - 4, y2: height }),
      svg(
        "text",
        {
          class: "p2s-cdf-drawn-text",
          x: Math.min(Math.max(x, left + 34), left + span - 34),
          y: TOP - 8,
          "text-anchor": "middle",
        },
        `drawn ${why.number.toFixed(3)}`
      )
    );
  }

  /**
   * @param {Written & {kind: (id: number) => string}} record
   * @param {Why} why
   * @param {SideName} name
   * @param {{left: number, span: number, y: number}} at
   */
  bar(record, why, name, { left, span, y }) {
    const side = why[name];
    const slots = record.vocab.slots;
    const slot = slots[why.index % slots.length];
    let below = 0;
    side.segments.forEach(([first, last, prob], place) => {
      const x = left + below * span;
      const width = Math.max(prob * span, 0.5);
      const chosen = first === side.token && last === side.token;
      const eos = record.kind(first) === "eos" && first === last;
      const node = svg(
        "g",
        { "data-slot": eos ? "eos" : slot, class: `p2s-cdf-part${chosen ? " chosen" : ""}` },
        svg("rect", {
          x,
          y,
          width: Math.max(width - 1, 0.5),
          height: BAR,
          class: first !== last ? "few" : place % 2 ? "odd" : "even",
        }),
        svg("title", {}, this.meaning(record, first, last, prob))
      );
      const text = first === last ? record.text_of(first) : "";
      if (text && width > LETTER * text.length + 8) {
        const at = chosen ? this.beside(left + why.number * span, x, width, text) : x + width / 2;
        node.append(svg("text", { x: at, y: y + BAR / 2 + 4, "text-anchor": "middle" }, text));
      }
      this.chart.append(node);
      if (chosen && width <= LETTER * text.length + 8) {
        this.chart.append(
          svg("text", { class: "p2s-cdf-chosen-text", x: x + width / 2, y: y + BAR + 13, "text-anchor": "middle" }, text)
        );
      }
      below += prob;
    });
  }

  /**
   * The middle of a label in a segment, moved aside where the drawn number's line would cross it.
   * @type {(line: number, x: number, width: number, text: string) => number}
   */
  beside(line, x, width, text) {
    const half = (LETTER * text.length) / 2 + 5;
    const middle = x + width / 2;
    if (Math.abs(middle - line) >= half) return middle;
    const sides = [line - half, line + half].filter((at) => at - half >= x && at + half <= x + width);
    return sides.length ? sides[0] : middle;
  }

  /** @type {(record: Written, first: number, last: number, prob: number) => string} */
  meaning(record, first, last, prob) {
    const p = probability(prob);
    if (first === last) return `${record.text_of(first)}: ${p}`;
    return `${record.text_of(first)} to ${record.text_of(last)}, each unlikely: ${p} together`;
  }
}
