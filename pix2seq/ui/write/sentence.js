// The sentence: one line per object, five chips in fixed columns. A chip's thick side is the edge of
// the box that it names, its fill strength is the token's probability. Arrow keys walk the tokens.

import { h, set } from "#kit/elements.js";
import { plural, probability } from "#kit/numbers.js";
import { ROLE_MEANING } from "#kit/roles.js";
import { goTo } from "#kit/tabs.js";
import { fateOf } from "#write/fates.js";
import { surpriseOf } from "#write/surprise.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Slot, Token} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

const NATS = "Σ −ln p: how improbable the model found what stands here, in nats; sums compare rows and sentences";
const FOLDS = 2; // rows of noise from which on they are folded

/** @typedef {{row: HTMLElement, nats: HTMLElement, note: HTMLElement}} Line of the sentence */

export class Sentence {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.open = false; // the fold of noise
    this.lines = h("div", { class: "p2s-lines", role: "rowgroup" });
    this.heads = h("div", { class: "p2s-line head", role: "row" });
    this.node = h(
      "div",
      { class: "p2s-sentence", role: "grid", "aria-label": "The sentence, one object per line" },
      this.heads,
      this.lines
    );
    this.fold = h("button", {
      type: "button",
      class: "p2s-fold",
      "data-fold": "",
      onclick: () => {
        this.open = !this.open;
        stage.changed();
      },
    });
    this.foldRow = h("div", { role: "row", hidden: "" }, h("span", { role: "gridcell" }, this.fold));
    this.foot = h("div", { class: "p2s-soft", "data-sentence-nats": "", title: NATS });
    /** @type {HTMLElement[]} */
    this.chips = [];
    /** @type {number | null} the token at which an edited sentence parts from the old one */
    this.held = null;
    /** @type {Map<number, Line>} by object */
    this.rows = new Map();
    /** @type {string | null | undefined} */
    this.run = undefined;
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("mouseleave", () => stage.hover(null));
    this.lines.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.lines;
      this.follow = scrollHeight - scrollTop - clientHeight < 24;
    });
    this.follow = true;
  }

  /**
   * The sentence above a line about all of it.
   * @param {...HTMLElement} more
   */
  frame(...more) {
    return h("div", { class: "p2s-sentence-frame" }, this.node, h("div", { class: "p2s-foot" }, this.foot, ...more));
  }

  draw() {
    const { record, shown, selected } = this.stage;
    const slots = record.vocab.slots;
    if (record.run !== this.run || this.chips.length > record.tokens.length) this.restart(slots);
    this.run = record.run;
    for (let i = this.chips.length; i < record.tokens.length; i += 1) this.add(record.tokens[i]);
    this.chips.forEach((chip, index) => {
      chip.hidden = index >= shown;
      const here = index === selected;
      chip.tabIndex = here || (selected === null && index === 0) ? 0 : -1;
      chip.toggleAttribute("data-inspect", here);
      set(chip, { "aria-selected": here ? "true" : "false" });
      chip.classList.toggle("shared", index < this.stage.forkOnView());
    });
    this.notes();
    this.folded();
    const seen = record.tokens.slice(0, shown);
    this.foot.textContent = seen.length ? `whole sentence: ${plural(seen.length, "token")}, ${surpriseOf(seen).toFixed(2)} nats` : "";
    this.holdEdit();
    if (selected !== null) this.follow = false; // what is looked at stays in view
    if (this.follow) this.lines.scrollTop = this.lines.scrollHeight;
    if (this.stage.keepInView !== undefined) this.reveal();
  }

  /** @param {Slot[]} slots */
  restart(slots) {
    this.lines.replaceChildren();
    this.rows.clear();
    this.chips = [];
    this.open = false;
    this.foldRow.hidden = true;
    this.node.style.setProperty("--digits", String(this.stage.record.vocab.bins - 1).length.toString());
    // An edit is what one wants to see: what is written behind it may leave the view.
    this.held = this.stage.forkOnView() > 0 ? this.stage.forkOnView() : null;
    this.follow = this.held === null;
    this.heads.replaceChildren(
      h("span", { class: "p2s-line-number", role: "columnheader" }, "#"),
      ...slots.map((slot) =>
        h(
          "span",
          { class: "p2s-column", role: "columnheader", "data-slot": slot, title: ROLE_MEANING[slot] },
          slot
        )
      ),
      h("span", { class: "p2s-nats", role: "columnheader", title: NATS }, "nats"),
      h("span", { class: "p2s-note", role: "columnheader" }, h("span", { class: "p2s-visually-hidden" }, "note"))
    );
  }

  /** Bring the token at which an edited sentence parts from the old one into view, once. */
  holdEdit() {
    if (this.held === null || this.chips.length <= this.held || this.stage.shown <= this.held) return;
    this.stage.keepInView = this.held;
    this.held = null;
  }

  /** Once a sentence is finished, its rows of noise are one line: it ends with its objects. */
  folded() {
    const { stage } = this;
    const { record, shown, selected } = stage;
    const done = Boolean(record.end) && !stage.playing && shown === record.tokens.length;
    const chosen = selected === null ? null : record.tokens[selected]?.object;
    const noise = done ? [...this.rows.keys()].filter((object) => this.isNoise(object)) : [];
    if (noise.some((object) => object === chosen)) this.open = true;
    const fold = noise.length >= FOLDS;
    this.foldRow.hidden = !fold;
    if (!fold) return;
    const closed = !this.open;
    for (const object of noise) if (closed) this.row(object).row.hidden = true;
    const text = `${noise.length} more, called noise${closed ? "" : ": fold"}`;
    if (this.fold.textContent !== text) this.fold.textContent = text;
    set(this.fold, { "aria-expanded": closed ? "false" : "true" });
    if (this.lines.lastChild !== this.foldRow) this.lines.append(this.foldRow);
    if (closed && this.follow) this.lines.scrollTop = 0;
    if (closed) this.follow = false;
  }

  /**
   * Whether a row is a box that the model itself calls noise, and that nobody gave or shows.
   * @param {number} object
   */
  isNoise(object) {
    const found = this.stage.objectOnView(object);
    const word = this.stage.record.tokensOf(object, Infinity).class;
    const noise = word !== undefined && this.stage.record.kind(word.id) === "noise";
    return noise && !(found && (found.forced || found.state === "noise" || found.state === "ok"));
  }

  /** @type {(object: number) => Line} */
  row(object) {
    const known = this.rows.get(object);
    if (known) return known;
    const nats = h("span", { class: "p2s-nats", role: "gridcell" });
    const note = h("span", { class: "p2s-note", role: "gridcell" });
    const row = h(
      "div",
      { class: "p2s-line", role: "row", "data-line": object },
      h("span", { class: "p2s-line-number", role: "rowheader" }, String(object + 1)),
      nats,
      note
    );
    row.addEventListener("mouseenter", () => this.stage.hover(object));
    const line = { row, nats, note };
    this.rows.set(object, line);
    this.lines.append(row);
    return line;
  }

  /** @param {Token} token */
  add(token) {
    const { record } = this.stage;
    const { row, nats } = this.row(token.object);
    const end = token.slot === "eos";
    if (end) row.classList.add("end");
    const chip = h(
      "button",
      {
        type: "button",
        class: `p2s-chip${token.forced ? " given" : ""}`,
        role: "gridcell",
        "data-token": token.index,
        "data-id": token.id,
        "aria-label": this.spoken(token),
        ...record.chip(token),
        onclick: () => this.stage.select(token.index),
        onfocus: () => this.stage.hover(end ? null : token.object),
        onmouseenter: () => this.stage.hover(end ? null : token.object),
      },
      h("span", { class: "p2s-chip-text" }, end ? "EOS" : record.text_of(token.id)),
      " ", // between the two for whoever reads the text
      token.slot === "class" || end
        ? h("span", { class: "p2s-chip-p" }, probability(token.raw))
        : null
    );
    row.insertBefore(chip, nats);
    this.chips.push(chip);
  }

  notes() {
    const { record, shown } = this.stage;
    for (const [object, { row, nats, note }] of this.rows) {
      const first = Number(row.querySelector("[data-token]")?.getAttribute("data-token") ?? 0);
      row.hidden = first >= shown;
      const written = record.tokens.slice(first, shown).filter((token) => token.object === object);
      const sum = written.length ? surpriseOf(written).toFixed(2) : "";
      if (nats.textContent !== sum) nats.textContent = sum;
      const found = this.stage.objectOnView(object);
      const [text, title] = this.noteOn(object, found);
      if (note.dataset.text !== text) {
        note.dataset.text = text;
        note.replaceChildren(...withLink(text));
        note.title = title;
        note.classList.toggle("plain", text === "noise" || !text); // the chip says it already
      }
      row.classList.toggle("gone", Boolean(found && !["ok", "noise"].includes(found.state)));
      row.classList.toggle("focus", this.stage.focus() === object);
    }
  }

  /**
   * The chip's own text first, then what it is and how sure.
   * @param {Token} token
   */
  spoken(token) {
    const { record } = this.stage;
    const end = token.slot === "eos";
    const text = end ? "EOS" : record.text_of(token.id);
    const words = token.slot === "class" || end ? `${text} ${probability(token.raw)}` : text;
    const place = end ? "end of the sentence" : `${token.slot} of object ${token.object + 1}`;
    return `${words}, ${place}, ${record.describe(token)}`;
  }

  /**
   * What is worth saying beside a line: its fate, that the model would rather have stopped, or what
   * stood there before the sentence was edited.
   * @type {(object: number, found: Found | null) => [text: string, title: string]}
   */
  noteOn(object, found) {
    const { record, shown } = this.stage;
    const { slots } = record.vocab;
    const [fate, why] = found ? fateOf(record, found) : ["", ""];
    if (fate) return [fate, why];
    const first = record.tokensOf(object, shown)[slots[0]];
    if (first && first.eosProb > 0.5) {
      const p = probability(first.eosProb);
      return [`EOS ${p} before it`, "the model would rather have ended the sentence here"];
    }
    const parent = this.stage.branches.parent();
    const edited = parent && first && first.index + slots.length > this.stage.forkOnView();
    return edited ? this.before(parent, object) : ["", ""];
  }

  /**
   * What an edit has changed in a line: only the tokens that differ.
   * @type {(parent: Record, object: number) => [text: string, title: string]}
   */
  before(parent, object) {
    const { record, shown } = this.stage;
    const old = parent.tokensOf(object, parent.tokens.length);
    const now = record.tokensOf(object, shown);
    const words = Object.values(old)
      .filter((token) => now[token.slot] && now[token.slot]?.id !== token.id)
      .map((token) => `${token.slot} ${parent.text_of(token.id)}`)
      .join(", ");
    return words ? [`was ${words}`, `before the edit: ${words}`] : ["", ""];
  }

  reveal() {
    const chip = this.chips[this.stage.keepInView ?? -1];
    this.stage.keepInView = undefined;
    const row = chip?.parentElement;
    if (!chip || !row) return;
    const top = row.offsetTop - this.lines.offsetTop;
    if (top < this.lines.scrollTop) this.lines.scrollTop = top;
    const bottom = top + row.offsetHeight;
    if (bottom > this.lines.scrollTop + this.lines.clientHeight) {
      this.lines.scrollTop = bottom - this.lines.clientHeight;
    }
    if (this.node.contains(document.activeElement)) chip.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { record, shown, selected } = this.stage;
    const here = event.target instanceof Element ? event.target.getAttribute("data-token") : null;
    const at = selected ?? Number(here ?? 0);
    const width = record.vocab.slots.length;
    /** @type {{[key: string]: number}} */
    const moves = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - width,
      ArrowDown: at + width,
      Home: 0,
      End: shown - 1,
    };
    if (event.key === "Escape") this.stage.select(null);
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = Math.min(Math.max(moves[event.key], 0), shown - 1);
    if (next >= 0) this.stage.select(next);
  }
}

/**
 * A note whose mark "again n" leads to where it is counted how often that happens.
 * @param {string} text
 */
const withLink = (text) => {
  const parts = text.split(" · ");
  const mark = parts.find((part) => part.startsWith("again "));
  if (!mark) return [text];
  const link = h(
    "button",
    {
      type: "button",
      class: "p2s-link",
      "data-how-often": "",
      title: "how often one object is shown twice, on photos and on scenes, with the noise class and without",
      onclick: () => goTo("lab", ".p2s-doubles"),
    },
    mark
  );
  return [link, ...parts.filter((part) => part !== mark).map((part) => ` · ${part}`)];
};
