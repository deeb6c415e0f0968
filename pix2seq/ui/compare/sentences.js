// The two sentences of a comparison, one line per object, left and right token beside token. What is
// the same is quiet, the first divergence is framed, what follows is plain; rows that both call noise are
// folded in the end.

import { clear, h, set } from "#kit/elements.js";
import { probability } from "#kit/numbers.js";

/** @import {Comparison, Side, SideName} from "#compare/comparison.js" */
/** @import {Token} from "#kit/roles.js" */

/** @typedef {{node: HTMLElement, note: HTMLElement}} Half of a line */
/** @typedef {{row: HTMLElement, mark: HTMLElement, a: Half, b: Half}} Line an object on both sides */
/** @typedef {{a: Side, b: Side, parted: number | null, shared: Comparison["shared"]}} Known */

const FOLDS = 2; // rows of noise from which on they are folded

/** @type {{[state: string]: string}} */
const FATES = { dropped: "noise", below: "low score", flat: "no area" };

/**
 * How two tokens at one place relate: nothing is known beyond the shorter sentence until the two have
 * parted; from there on a place is the same only where the tokens are equal.
 * @param {number} index
 * @param {{parted: number | null, together: number, equal: boolean}} known `together` tokens are
 *   there on both sides.
 * @returns {"" | "same" | "first" | "different"}
 */
export const relationAt = (index, { parted, together, equal }) => {
  if (parted === null) return index < together ? "same" : "";
  if (index === parted) return "first";
  return index < parted || equal ? "same" : "different";
};

/**
 * Whether a side has nothing in a row, or what it calls noise and does not show.
 * @type {(side: Side, object: number) => boolean}
 */
const quiet = ({ record }, object) => {
  const word = record.tokensOf(object, Infinity).class;
  if (!record.tokens.some((token) => token.object === object)) return true;
  const found = record.objects.get(object);
  return word !== undefined && record.kind(word.id) === "noise" && found?.state !== "ok" && found?.state !== "noise";
};

export class AlignedSentences {
  /** @param {Comparison} comparison */
  constructor(comparison) {
    this.comparison = comparison;
    this.lines = h("div", { class: "p2s-aligned-lines", tabindex: 0, role: "group", "aria-label": "Objects of both sentences" });
    this.head = h("div", { class: "p2s-aligned-line head" });
    this.open = false; // the fold of noise
    this.fold = h("button", {
      type: "button",
      class: "p2s-fold",
      "data-aligned-fold": "",
      onclick: () => {
        this.open = !this.open;
        this.folded();
      },
    });
    this.node = h(
      "section",
      {
        class: "p2s-aligned p2s-panel",
        "aria-label": "Both sentences, token beside token",
        tabindex: "0",
        hidden: "",
      },
      this.head,
      this.lines
    );
  }

  restart() {
    clear(this.lines);
    /** @type {Line[]} */
    this.rows = [];
    /** @type {{[side in SideName]: HTMLElement[]}} */
    this.chips = { a: [], b: [] };
    /** @type {string | null} */
    this.key = null;
    this.headed = false;
    this.open = false;
  }

  draw() {
    const { a, b, parted, verdict } = this.comparison;
    this.node.hidden = !a.shown && !b.shown;
    if (this.node.hidden) return;
    if (!this.headed) this.drawHead();
    for (const side of [a, b]) {
      const chips = this.chips[side.name];
      while (chips.length < side.shown) this.add(side, side.record.tokens[chips.length]);
    }
    const key = `${parted}:${Boolean(verdict)}:${a.shown}:${b.shown}`;
    if (key !== this.key) this.relate();
    this.key = key;
    this.rows.forEach(({ row }, object) => {
      row.classList.toggle("focus", a.hovered === object || b.hovered === object);
    });
  }

  drawHead() {
    const slots = this.comparison.a.record.vocab.slots;
    const names = () =>
      slots.map((slot) => h("span", { class: "p2s-column", "data-slot": slot }, slot));
    clear(this.head).append(
      h("span", {}, "#"),
      h("span", { class: "p2s-aligned-half" }, ...names(), h("span", {})),
      h("span", {}),
      h("span", { class: "p2s-aligned-half" }, ...names(), h("span", {}))
    );
    this.headed = true;
  }

  /** @param {number} object */
  row(object) {
    while (this.rows.length <= object) {
      const number = this.rows.length;
      /** @param {SideName} name */
      const half = (name) => {
        const note = h("span", { class: "p2s-note" });
        const node = h("span", { class: "p2s-aligned-half", "data-half": name }, note);
        return { node, note };
      };
      const [left, right] = [half("a"), half("b")];
      const mark = h("span", { class: "p2s-aligned-mark" });
      const row = h(
        "div",
        { class: "p2s-aligned-line", "data-aligned": number },
        h("span", { class: "p2s-line-number" }, String(number + 1)),
        left.node,
        mark,
        right.node
      );
      row.addEventListener("mouseenter", () => this.pointAt(number));
      row.addEventListener("mouseleave", () => this.pointAt(null));
      this.rows.push({ row, mark, a: left, b: right });
      this.lines.append(row);
    }
    return this.rows[object];
  }

  /** @param {number | null} object */
  pointAt(object) {
    const { comparison } = this;
    for (const side of [comparison.a, comparison.b]) comparison.point(side, object);
  }

  /** @type {(side: Side, token: Token) => void} */
  add(side, token) {
    const { record, name } = side;
    const end = token.slot === "eos";
    const chip = h(
      "span",
      {
        class: "p2s-chip",
        "data-side-token": `${name}${token.index}`,
        ...record.chip(token),
      },
      h("span", { class: "p2s-chip-text" }, record.text_of(token.id)),
      token.slot === "class" || end
        ? h("span", { class: "p2s-chip-p" }, probability(token.raw))
        : null
    );
    const half = this.row(token.object)[name];
    half.node.insertBefore(chip, half.note);
    this.chips[name].push(chip);
  }

  /** Mark what is the same, where the sentences part, and what became of each object. */
  relate() {
    const { a, b, parted, verdict, shared } = this.comparison;
    const count = Math.max(a.shown, b.shown);
    const together = Math.min(a.shown, b.shown);
    for (let index = 0; index < count; index += 1) {
      const relation = relationAt(index, { parted, together, equal: this.equal(index) });
      const shift = verdict && verdict.pairs[index] ? verdict.pairs[index][1] : null;
      for (const chips of [this.chips.a, this.chips.b]) {
        const chip = chips[index];
        if (!chip) continue;
        chip.dataset.relation = relation;
        if (shift) chip.dataset.shift = String(shift);
      }
    }
    this.rows.forEach((row, object) => this.mark(row, object, { a, b, parted, shared }));
    this.folded();
  }

  /** Once both sentences are finished, rows that are noise on both sides are one line. */
  folded() {
    const { a, b, verdict } = this.comparison;
    const noise = verdict ? this.rows.filter(({ row }, object) => !row.classList.contains("parts") && quiet(a, object) && quiet(b, object)) : [];
    const fold = noise.length >= FOLDS;
    this.rows.forEach((line) => (line.row.hidden = fold && !this.open && noise.includes(line)));
    if (!fold) {
      this.fold.remove();
      return;
    }
    this.fold.textContent = `${noise.length} rows more, called noise${this.open ? ": fold" : " on both sides"}`;
    set(this.fold, { "aria-expanded": String(this.open) });
    this.lines.append(this.fold);
  }

  /** @param {number} index */
  equal(index) {
    const { a, b } = this.comparison;
    const [left, right] = [a.record.tokens[index], b.record.tokens[index]];
    return Boolean(left && right && left.id === right.id);
  }

  /** @type {(line: Line, object: number, known: Known) => void} */
  mark({ row, mark, a: left, b: right }, object, { a, b, parted, shared }) {
    const width = a.record.vocab.slots.length;
    const here = parted !== null && Math.floor(parted / width) === object;
    const before = parted === null || object < Math.floor(parted / width);
    row.classList.toggle("parts", here);
    row.classList.toggle("same", before);
    mark.textContent = here ? "≠" : before ? "=" : "";
    mark.title = here ? "here the sentences part" : before ? "the same on both sides" : "";
    this.note(left.note, a, object, shared && shared.a, "B");
    this.note(right.note, b, object, shared && shared.b, "A");
  }

  /**
   * Which object of the other side this is, after the sentences have parted.
   * @param {HTMLElement} node
   * @param {Side} side
   * @param {number} object
   * @param {Map<number, number> | null} twins
   * @param {string} other
   */
  note(node, side, object, twins, other) {
    const found = side.record.objects.get(object);
    const seen = found && (found.state === "ok" || found.state === "noise");
    const twin = twins && twins.get(object);
    let text = "";
    if (found && !seen) text = FATES[found.state];
    else if (twins && seen && twin === undefined) text = `not in ${other}`;
    else if (twins && seen && twin !== object) text = `${other} has it as ${Number(twin) + 1}`;
    node.textContent = text;
    node.classList.toggle("only", Boolean(twins && seen && twin === undefined));
  }
}
