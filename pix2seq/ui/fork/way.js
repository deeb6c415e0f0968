// The way of a token: photo, cells, memory, decoder, a bar over the whole vocabulary, the token. It
// follows the sentence while it is written; each part opens and says what happens there.

import { on } from "#kit/bus.js";
import { clear, h, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { memorySaid, plural, probability } from "#kit/numbers.js";
import { glossary } from "#fork/card.js";

/** @import {Dock} from "#fork/dock.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Token} from "#kit/roles.js" */

/**
 * What the server knows about the network; without one only what the record says.
 * @typedef {object} Facts
 * @property {[number, number]} grid
 * @property {[number, number]} [size]
 * @property {[number, number]} [share]
 * @property {number} [dim]
 * @property {number} [drafts] ahead of the cells
 * @property {string} [cells]
 * @property {string} [backbone]
 * @property {{layers: number, heads: number}} [encoder]
 * @property {{layers: number, heads: number}} [decoder]
 */

const PARTS = ["photo", "cells", "memory", "decoder", "bar", "token"];
const TITLES = /** @type {{[part: string]: string}} */ ({
  photo: "photo",
  cells: "cells",
  memory: "memory",
  decoder: "decoder",
  bar: "every word’s probability",
  token: "token",
});
const SIDE = 120;
const BAR = { width: 480, height: 96, floor: 78 }; // px; it is as wide as its part, once that has a width
const WORDS = /** @type {[string, string][]} */ ([
  ["cell", "a small square of the input; the encoder turns each into a vector"],
  ["memory", "all of these vectors: everything that the decoder can know about the picture"],
  ["decoder", "reads the sentence so far, looks into the memory, and gives every word a probability"],
  ["vocabulary", "all words there are: a few special ones, one per bin, one per class"],
]);

export class WayPanel {
  /** @param {Dock} dock */
  constructor(dock) {
    this.name = "way";
    this.title = "Way of a token";
    this.dock = dock;
    /** @type {Facts | null} */
    this.facts = null;
    /** @type {string} */
    this.part = "bar";
    this.opened = false;
    this.figures = Object.fromEntries(PARTS.map((part) => [part, h("span", { class: "way-figure" })]));
    this.buttons = PARTS.map((part) =>
      h(
        "button",
        {
          type: "button",
          class: "way-part",
          "data-way": part,
          "aria-controls": "way-text",
          onclick: () => this.choose(part),
        },
        h("span", { class: "way-title" }, TITLES[part]),
        this.figures[part]
      )
    );
    this.text = h("p", { class: "way-text", id: "way-text", role: "status" });
    this.node = h(
      "section",
      { class: "fork-way-of-a-token", "aria-label": "The way of a token" },
      h("div", { class: "way-strip" }, this.buttons),
      this.text,
      glossary(WORDS)
    );
    on("drawn", () => this.opened && this.draw());
  }

  open() {
    this.opened = true;
    this.ask();
    this.draw();
  }

  close() {
    this.opened = false;
  }

  /** The network's part, which is the same for all tokens of a picture. */
  async ask() {
    const record = this.dock.stage?.record;
    if (!record) return;
    const { grid, drafts } = /** @type {{grid?: [number, number], drafts?: number}} */ (record.encoder || {});
    this.facts = grid ? { grid, drafts } : null;
    this.still();
    if (!record.run) return;
    const answer = await this.dock.ask("way", { run: record.run });
    if (record.run !== this.dock.stage?.record.run || answer.error) return;
    this.facts = answer;
    this.still();
    this.draw();
  }

  /** @param {string} part */
  choose(part) {
    this.part = part;
    this.draw();
  }

  /** Photo, cells and memory do not change while a sentence is written. */
  still() {
    const { stage } = this.dock;
    const source = stage?.photo.image.src || "";
    const [down, across] = this.facts?.share || [1, 1];
    const image = () => {
      const sized = { width: SIDE * across, height: SIDE * down, preserveAspectRatio: "none" };
      return source.startsWith("data:image/") ? svg("image", { href: source, ...sized }) : svg("rect", sized);
    };
    const square = (/** @type {unknown[]} */ ...children) =>
      svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" }, svg("rect", { class: "way-pad", width: SIDE, height: SIDE }), ...children);
    clear(this.figures.photo).append(square(image()));
    const [rows, columns] = this.facts?.grid || [0, 0];
    const lines = [];
    for (let i = 1; i < rows; i += 1) lines.push(`M0 ${(SIDE * i) / rows}H${SIDE}`);
    for (let i = 1; i < columns; i += 1) lines.push(`M${(SIDE * i) / columns} 0V${SIDE}`);
    clear(this.figures.cells).append(square(image(), svg("path", { class: "way-grid", d: lines.join("") })));
    clear(this.figures.memory).append(this.memory(rows, columns));
  }

  /**
   * The memory's vectors by their length, one cell each.
   * @type {(rows: number, columns: number) => HTMLElement}
   */
  memory(rows, columns) {
    const canvas = h("canvas", { width: Math.max(columns, 1), height: Math.max(rows, 1), "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const { cells } = this.facts || {};
    if (!context || !cells) return canvas;
    const grey = Uint8Array.from(atob(cells), (letter) => letter.charCodeAt(0));
    const pixels = context.createImageData(columns, rows);
    grey.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i));
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  /** The token under the glass, else the last one on view; of a whole sentence the last name in it,
      since noise is folded away. */
  token() {
    const { stage } = this.dock;
    if (!stage) return null;
    const { record, selected, shown } = stage;
    const whole = record.end && shown === record.tokens.length;
    const name = whole ? record.tokens.findLast((one) => one.slot === "class" && record.kind(one.id) !== "noise") : null;
    return record.tokens[selected ?? name?.index ?? shown - 1] || null;
  }

  draw() {
    const { stage } = this.dock;
    if (!stage) return;
    const { record } = stage;
    const token = this.token();
    clear(this.figures.decoder).append(...this.past(record, token));
    const { bar } = this.figures;
    clear(bar).append(vocabularyBar(record, token, bar.clientWidth || BAR.width));
    clear(this.figures.token).append(token ? chip(record, token) : "");
    for (const button of this.buttons) {
      set(button, { "aria-pressed": String(button.getAttribute("data-way") === this.part) });
    }
    const said = this.words(record, token);
    if (this.text.textContent !== said) this.text.textContent = said;
  }

  /**
   * What the decoder reads: the end of the sentence so far.
   * @type {(record: Record, token: Token | null) => HTMLElement[]}
   */
  past(record, token) {
    const before = record.tokens.slice(0, token ? token.index : 0);
    const rest = before.length > 6 ? [h("span", { class: "way-more" }, `… ${before.length - 6} more`)] : [];
    return [...rest, ...before.slice(-6).map((one) => chip(record, one))];
  }

  /** @type {(record: Record, token: Token | null) => string} */
  words(record, token) {
    const { facts } = this;
    const vocab = record.vocab;
    const size = /** @type {{size?: number}} */ (vocab).size || vocab.bins + vocab.classes.length;
    const [rows, columns] = facts?.grid || [0, 0];
    const [height, width] = facts?.size || [0, 0];
    const layers = (/** @type {{layers: number, heads: number} | undefined} */ one) =>
      one && one.layers ? ` (${plural(one.layers, "layer")}, ${plural(one.heads, "head")})` : "";
    const image = record.image;
    switch (this.part) {
      case "photo":
        return (
          (image ? `${image.w} × ${image.h} pixels` : "The picture") +
          (height ? `, scaled to fit a square of ${height} × ${width}; what is left is padding.` : ".") +
          " Coordinates count across the square, not across the photo."
        );
      case "cells":
        return (
          `${rows} × ${columns} cells` +
          (height ? ` of ${height / rows} × ${width / columns} pixels each. ` : ". ") +
          (facts?.backbone ? `${facts.backbone} looks at each and its surroundings.` : "The encoder looks at each of them.")
        );
      case "memory":
        return (
          memorySaid({ cells: rows * columns, drafts: facts?.drafts || 0 }) +
          (facts?.dim ? ` of ${facts.dim} numbers, after the encoder’s attention${layers(facts.encoder)}` : "") +
          ". They are made once; every word is written from them. Bright: a long vector."
        );
      case "decoder":
        return (
          `Reads ${token ? plural(token.index, "token") : "nothing yet"} and the start mark, looks into the memory` +
          `${layers(facts?.decoder)}, and asks: which word comes next?`
        );
      case "bar":
        return token
          ? `${size} words, one bar each. Here it wants ${article(token.slot)} ${token.slot}: ` +
              `“${record.text_of(token.id)}” has ${probability(token.raw)}; ` +
              `the five likeliest together ${probability(token.candidates.reduce((sum, one) => sum + one.prob, 0))}.`
          : `${size} words, one bar each.`;
      default:
        return token
          ? `“${record.text_of(token.id)}” was drawn. It joins the sentence, and the decoder reads on: the way begins again at the decoder.`
          : "Nothing has been written yet.";
    }
  }
}

/** @param {string} slot */
const article = (slot) => (slot.startsWith("x") || slot === "eos" ? "an" : "a");

/** @type {(record: Record, token: Token) => HTMLElement} */
const chip = (record, token) =>
  h(
    "span",
    {
      class: "way-chip",
      "data-slot": token.slot,
      "data-role": record.kind(token.id) === "noise" ? "noise" : null,
      ...inHue(token.slot === "class" ? record.text_of(token.id) : "noise"),
    },
    record.text_of(token.id)
  );

/**
 * The whole vocabulary as one bar: where specials, bins and classes are, and the likeliest words.
 * @type {(record: Record, token: Token | null, width: number) => SVGElement}
 */
export const vocabularyBar = (record, token, width) => {
  const { vocab } = record;
  const size = /** @type {{size?: number}} */ (vocab).size || vocab.cls + vocab.classes.length;
  const x = (/** @type {number} */ id) => (id / Math.max(size, 1)) * width;
  const chart = svg("svg", { class: "way-bar", viewBox: `0 0 ${width} ${BAR.height}`, "aria-hidden": "true" });
  const stretches = [
    { from: vocab.coord, to: vocab.coord + vocab.bins, words: `${vocab.bins} bins`, role: token && token.slot !== "class" ? token.slot : "xmin" },
    { from: vocab.cls, to: vocab.cls + vocab.classes.length, words: `${vocab.classes.length} classes`, role: "class" },
  ];
  let room = width; // left of the words that stand
  for (const { from, to, words, role } of stretches.reverse()) {
    const half = 4.2 * words.length;
    const at = Math.min((x(from) + x(to)) / 2, room - half);
    room = at - half - 4;
    chart.append(
      svg("rect", { class: "way-stretch", "data-role": role, x: x(from), y: BAR.floor, width: x(to) - x(from), height: 4 }),
      svg("text", { x: at, y: BAR.height - 1, "text-anchor": "middle" }, words)
    );
  }
  for (const one of token ? token.candidates : []) {
    const tall = Math.max(one.prob * (BAR.floor - 16), 1);
    const written = token !== null && one.id === token.id;
    chart.append(
      svg("rect", {
        class: written ? "way-spike written" : "way-spike",
        "data-role": record.kind(one.id) === "noise" ? "noise" : token?.slot,
        x: x(one.id) - 1,
        y: BAR.floor - tall,
        width: Math.max(width / Math.max(size, 1), 2.5),
        height: tall,
      })
    );
    if (written) {
      const name = record.text_of(one.id);
      const half = 4.5 * name.length;
      const at = Math.min(Math.max(x(one.id), half), width - half); // all of it is on the bar
      chart.append(svg("text", { class: "written", x: at, y: BAR.floor - tall - 4, "text-anchor": "middle" }, name));
    }
  }
  return chart;
};
