// What might stand in a token's place: the likeliest tokens, the other edges that a coordinate was
// weighed at, any class of the vocabulary. Choosing one lets the model write on from it.

import { clear, h } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { percent, probability } from "#kit/numbers.js";

/** @import {Written} from "#kit/photo.js" */
/** @import {Token} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

/** @typedef {{id: number, text: string, stages: number[]}} Item a token and its probability, stage by stage */
/** @typedef {{id: number, mass: number}} Mode a peak of the distribution and what lies under it */

/**
 * What might be written; without the server's memory of the run only `best` is known.
 * @typedef {object} Choices
 * @property {Item[]} best
 * @property {Mode[]} [modes]
 * @property {number | null} [cells] how many coarse bins there are
 * @property {boolean} [whatIf] the controls have moved
 * @property {number} [drawn] what they would write
 */

export class Alternatives {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.index = 0; // the token's
    /** @type {string | undefined} names in the menu */
    this.known = undefined;
    /** @type {string | undefined} the token that the menu last offered another class for */
    this.offered = undefined;
    this.list = h("div", { class: "p2s-alternatives", role: "list", "aria-label": "It could have written" });
    this.modes = h("div", { class: "p2s-row p2s-mode-list", "data-modes": "" });
    this.choice = h("select", { class: "p2s-select", "aria-label": "Any class", "data-class-choice": "" });
    this.classes = h(
      "div",
      { class: "p2s-row" },
      this.choice,
      h(
        "button",
        {
          type: "button",
          class: "p2s-button",
          "data-class-write": "",
          onclick: () => stage.writeOn({ index: this.index, label: Number(this.choice.value) }),
        },
        "Write on with it"
      )
    );
    this.hint = h("p", { class: "p2s-small p2s-soft" });
    this.node = h("div", {}, this.hint, this.modes, this.list, this.classes);
  }

  /** @type {(record: Record, token: Token, answer: Choices) => void} */
  show(record, token, answer) {
    this.index = token.index;
    this.hint.textContent =
      `${answer.cells ? `The ${answer.cells} cells that can be written. ` : ""}` +
      "Probability before → after the settings; choose one to write on from it.";
    this.showModes(record, token, answer.modes || []);
    const items = answer.best.map((item) => this.alternative(record, token, item, answer));
    clear(this.list).append(...items);
    this.showClasses(record, token, answer);
  }

  /**
   * The distribution's other peaks, by name.
   * @type {(record: Record, token: Token, modes: Mode[]) => void}
   */
  showModes(record, token, modes) {
    const others = otherModes(record, token.id, modes);
    clear(this.modes).hidden = others.length === 0;
    if (others.length) this.modes.append(h("span", { class: "p2s-small p2s-soft" }, "Other edges it weighed:"));
    for (const mode of others) {
      const text = `${record.text_of(mode.id)} · ${percent(mode.mass)}`;
      this.modes.append(
        h(
          "button",
          {
            type: "button",
            class: "p2s-button p2s-mode",
            "data-mode": mode.id,
            "data-slot": token.slot,
            title: "The dashed line on the photo; choose it to write on from there",
            onclick: () => this.stage.writeOn({ index: token.index, token: mode.id }),
          },
          text
        )
      );
    }
  }

  /**
   * Any class, beginning with the likeliest that was not written.
   * @type {(record: Record, token: Token, answer: Choices) => void}
   */
  showClasses(record, token, answer) {
    const { classes } = record.vocab;
    this.classes.hidden = token.slot !== "class" || classes.length === 0;
    if (this.classes.hidden) return;
    const key = classes.join("\n");
    if (key !== this.known) {
      const named = classes.flatMap((name, label) => (name ? [{ name, label }] : []));
      named.sort((a, b) => a.name.localeCompare(b.name));
      clear(this.choice).append(...named.map(({ name, label }) => h("option", { value: label }, name)));
      this.known = key;
    }
    const place = `${record.run}:${token.index}`;
    if (place === this.offered) return; // a choice that somebody made stays
    this.offered = place;
    const next = answer.best.find((item) => item.id !== token.id && record.kind(item.id) === "class");
    if (next) this.choice.value = String(next.id - record.vocab.cls);
  }

  /** @type {(record: Record, token: Token, item: Item, answer: Choices) => HTMLElement} */
  alternative(record, token, item, answer) {
    const [raw, , , final] = item.stages;
    const kind = record.kind(item.id);
    const role = kind === "coord" ? token.slot : kind === "class" || kind === "noise" ? kind : "eos";
    const chosen = item.id === token.id;
    const drawn = answer.whatIf && item.id === answer.drawn && !chosen;
    const label = `${item.text}: raw ${raw.toFixed(4)}, ${final > 0 ? `drawn with ${final.toFixed(4)}` : "cut"}`;
    const numbers = `${probability(raw)} → ${final > 0 ? probability(final) : "cut"}`;
    const shown = `${item.text} ${numbers}`;
    const row = h(
      "div",
      { class: "p2s-alternative-row", role: "listitem" },
      h(
        "button",
        {
          type: "button",
          class: `p2s-alternative${final > 0 ? "" : " cut"}${drawn ? " drawn" : ""}`,
          "data-alternative": item.id,
          "data-role": role,
          title: label,
          "aria-label": `${shown}${chosen ? ", written" : ", write on from it"}`,
          "aria-current": chosen ? "true" : null,
          ...inHue(kind === "class" ? item.text : "noise", { "--share": `${100 * raw}%` }),
          onclick: () => {
            if (!chosen) this.stage.writeOn({ index: token.index, token: item.id });
          },
        },
        h("span", { class: "p2s-alternative-text" }, item.text),
        " ",
        h("span", { class: "p2s-mono" }, numbers)
      )
    );
    if (kind === "class") row.append(this.never(item.id - record.vocab.cls, item.text, token.index));
    return row;
  }

  /** @type {(label: number, text: string, index: number) => HTMLButtonElement} */
  never(label, text, index) {
    return h(
      "button",
      {
        type: "button",
        class: "p2s-button p2s-forbid",
        "aria-label": `never ${text}: forbid the class and write again from here`,
        title: `never “${text}”, from here on`,
        "data-forbid": label,
        onclick: () => this.stage.forbid(label, index),
      },
      "never"
    );
  }
}

/**
 * The peaks that are not the one of the written token.
 * @type {(record: Written, id: number, modes: Mode[]) => Mode[]}
 */
export const otherModes = (record, id, modes) =>
  modes.filter((mode) => Math.abs(mode.id - id) > record.vocab.bins / 50);
