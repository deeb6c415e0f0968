// The sentence: one line per object, five chips in fixed columns. A chip's thick side is the edge of
// the box that it names, its fill strength is the token's probability. Arrow keys walk the tokens.

import { h, set } from "#kit/elements.js";
import { marksOf, nameOf, writtenOf } from "#kit/naming.js";
import { probability } from "#kit/numbers.js";
import { ROLE_MEANING } from "#kit/roles.js";

const FATES = {
  dropped: ["noise", "written as noise; the filter drops it"],
  flat: ["no area", "the box has no area"],
  noise: ["noise", "written as noise, shown because you asked for it"],
};

export class Sentence {
  constructor(stage) {
    this.stage = stage;
    this.lines = h("div", { class: "p2s-lines", role: "rowgroup" });
    this.heads = h("div", { class: "p2s-line head", role: "row" });
    this.node = h(
      "div",
      { class: "p2s-sentence", role: "grid", "aria-label": "The sentence, one object per line" },
      this.heads,
      this.lines
    );
    this.chips = [];
    this.rows = new Map();
    this.run = undefined;
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("mouseleave", () => stage.hover(null));
    this.lines.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.lines;
      this.follow = scrollHeight - scrollTop - clientHeight < 24;
    });
    this.follow = true;
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
    if (this.follow) this.lines.scrollTop = this.lines.scrollHeight;
    if (this.stage.keepInView !== undefined) this.reveal();
  }

  restart(slots) {
    this.lines.replaceChildren();
    this.rows.clear();
    this.chips = [];
    this.follow = true;
    this.heads.replaceChildren(
      h("span", { class: "p2s-line-number", role: "columnheader" }, "#"),
      ...slots.map((slot) =>
        h(
          "span",
          { class: "p2s-column", role: "columnheader", "data-slot": slot, title: ROLE_MEANING[slot] },
          slot
        )
      ),
      h("span", { class: "p2s-note", role: "columnheader" }, "")
    );
  }

  row(object) {
    if (!this.rows.has(object)) {
      const note = h("span", { class: "p2s-note", role: "gridcell" });
      const row = h(
        "div",
        { class: "p2s-line", role: "row", "data-line": object },
        h("span", { class: "p2s-line-number", role: "rowheader" }, String(object + 1)),
        note
      );
      row.addEventListener("mouseenter", () => this.stage.hover(object));
      this.rows.set(object, { row, note });
      this.lines.append(row);
    }
    return this.rows.get(object);
  }

  add(token) {
    const { record } = this.stage;
    const { row, note } = this.row(token.object);
    const end = token.slot === "eos";
    if (end) row.classList.add("end");
    const isNoise = record.kind(token.id) === "noise";
    const chip = h(
      "button",
      {
        type: "button",
        class: `p2s-chip${token.forced ? " given" : ""}`,
        role: "gridcell",
        "data-token": token.index,
        "data-id": token.id,
        "data-slot": token.slot,
        "data-role": isNoise ? "noise" : null,
        "aria-label": this.spoken(token),
        title: record.describe(token),
        style: { "--fill": `${Math.round(6 + 34 * token.raw)}%` },
        onclick: () => this.stage.select(token.index),
        onfocus: () => this.stage.hover(end ? null : token.object, token.index),
        onmouseenter: () => this.stage.hover(end ? null : token.object, token.index),
      },
      h("span", { class: "p2s-chip-text" }, end ? "EOS" : record.text_of(token.id)),
      token.slot === "class" || end
        ? h("span", { class: "p2s-chip-p" }, probability(token.raw))
        : null
    );
    row.insertBefore(chip, note);
    this.chips.push(chip);
  }

  notes() {
    const { shown } = this.stage;
    for (const [object, { row, note }] of this.rows) {
      const first = Number(row.querySelector("[data-token]")?.dataset.token ?? 0);
      row.hidden = first >= shown;
      const found = this.stage.objectOnView(object);
      const [text, title] = this.noteOn(object, found);
      if (note.textContent !== text) {
        note.textContent = text;
        note.title = title;
      }
      row.classList.toggle("gone", Boolean(found && !["ok", "noise"].includes(found.state)));
      row.classList.toggle("focus", this.stage.focus() === object);
    }
  }

  /** The chip's own text first, then what it is and how sure. */
  spoken(token) {
    const { record } = this.stage;
    const end = token.slot === "eos";
    const text = end ? "EOS" : record.text_of(token.id);
    const words = token.slot === "class" || end ? `${text} ${probability(token.raw)}` : text;
    const place = end ? "end of the sentence" : `${token.slot} of object ${token.object + 1}`;
    return `${words}, ${place}, ${record.describe(token)}`;
  }

  /** What is worth saying beside a line: its fate, that the model would rather have stopped, or what
      stood there before the sentence was edited. */
  noteOn(object, found) {
    const { record, shown } = this.stage;
    const { slots } = record.vocab;
    const [fate, why] = found ? this.fate(record, found) : ["", ""];
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

  /** What became of a finished object, and how it reads where that is not what was written. */
  fate(record, found) {
    const marks = marksOf(record, found);
    const yours = found.forced ? " · yours" : "";
    if (FATES[found.state]) {
      const [text, why] = FATES[found.state];
      return [text + yours, found.forced && found.state === "noise" ? "the model calls what you gave noise" : why];
    }
    const name = nameOf(record, found);
    if (found.state === "below") {
      if (name === "noise") return [name, "written as noise; its likeliest class scores below “Score at least”"];
      const edges = found.edges === null ? "" : `; its edges were ${probability(found.edges)} sure`;
      const renamed = writtenOf(record, found) === name ? "" : ` as ${name}`;
      return [`score ${probability(found.score)}${renamed}`, `hidden: below “Score at least”${edges}`];
    }
    if (!marks.length) return ["", ""];
    const renamed = writtenOf(record, found) === name ? "" : `read as ${name} ${probability(found.score)}`;
    const words = [renamed, ...marks.filter((mark) => !mark.startsWith("written "))].filter(Boolean);
    const told = [
      renamed ? `the box is called ${name}, the likeliest class here, whatever was drawn (§2.3)` : "",
      found.forced ? "you gave a token of it, so it is shown whatever its score" : "",
      found.again === null ? "" : `the same class and place as object ${found.again + 1}`,
    ];
    return [words.join(" · "), told.filter(Boolean).join("; ")];
  }

  /** What an edit has changed in a line: only the tokens that differ. */
  before(parent, object) {
    const { record, shown } = this.stage;
    const old = parent.tokensOf(object, parent.tokens.length);
    const now = record.tokensOf(object, shown);
    const words = Object.values(old)
      .filter((token) => now[token.slot] && now[token.slot].id !== token.id)
      .map((token) => `${token.slot} ${parent.text_of(token.id)}`)
      .join(", ");
    return words ? [`was ${words}`, `before the edit: ${words}`] : ["", ""];
  }

  reveal() {
    const chip = this.chips[this.stage.keepInView];
    this.stage.keepInView = undefined;
    if (!chip) return;
    const row = chip.parentElement;
    const top = row.offsetTop - this.lines.offsetTop;
    if (top < this.lines.scrollTop) this.lines.scrollTop = top;
    const bottom = top + row.offsetHeight;
    if (bottom > this.lines.scrollTop + this.lines.clientHeight) {
      this.lines.scrollTop = bottom - this.lines.clientHeight;
    }
    if (this.node.contains(document.activeElement)) chip.focus({ preventScroll: true });
  }

  key(event) {
    const { record, shown, selected } = this.stage;
    const at = selected ?? Number(event.target.dataset?.token ?? 0);
    const width = record.vocab.slots.length;
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
