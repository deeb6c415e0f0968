// The grammar and EOS lens: which kind of token the model wanted at this place, how much probability
// the grammar took away along the sentence, and how near the model was to stopping at each object.

import { clear, h } from "#kit/elements.js";
import { captionOf } from "#kit/naming.js";
import { plural, probability } from "#kit/numbers.js";
import { bars, shares } from "#kit/plots.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Token} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Explained} from "#write/inspector.js" */
/** @import {Stage} from "#write/stage.js" */

const KINDS = [
  ["coord", "a number", "ymin"],
  ["class", "a class", "class"],
  ["noise", "noise", "noise"],
  ["eos", "EOS", "eos"],
];

/** @type {{[state: string]: string}} */
const FATES = {
  ok: "stays",
  noise: "shown as noise",
  dropped: "dropped",
  below: "below score",
  flat: "no area",
};

export class Lens {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {string | undefined} */
    this.drawn = undefined;
    /** @type {Map<number, Found> | null} */
    this.drawnFilter = null;
    this.kinds = h("div");
    this.eos = h("div", { "data-eos-lens": "" });
    this.grammar = h("div");
    this.node = h(
      "details",
      {},
      h("summary", {}, "Grammar and end of sentence"),
      h("p", { class: "p2s-small p2s-soft" }, "What kind of token the model wanted here:"),
      this.kinds,
      h("p", { class: "p2s-small p2s-soft" }, "Probability of EOS where each object starts:"),
      this.eos,
      h("p", { class: "p2s-small p2s-soft" }, "Probability that the grammar forbids, token by token:"),
      this.grammar
    );
    this.node.addEventListener("toggle", () => stage.changed());
  }

  /** @type {(record: Record, token: Token, answer: Explained | null) => void} */
  draw(record, token, answer) {
    if (!this.node.open) return;
    const { shown, filtered } = this.stage;
    const key = [record.run, record.tokens.length, record.state, shown, token.index, Boolean(answer)].join();
    if (key === this.drawn && filtered === this.drawnFilter) return;
    this.drawn = key;
    this.drawnFilter = filtered;
    clear(this.kinds);
    if (answer) this.drawKinds(answer.kinds);
    this.drawEos(record);
    this.drawGrammar(record, token);
  }

  /** @param {Explained["kinds"]} kinds */
  drawKinds(kinds) {
    const known = KINDS.map(([name]) => kinds[name]).reduce((a, b) => a + b, 0);
    const parts = KINDS.map(([name, label, role]) => ({ label, role, value: kinds[name] }));
    parts.push({ label: "other", role: "eos", value: Math.max(1 - known, 0) });
    const words = parts.filter((part) => part.value >= 0.005);
    this.kinds.append(
      shares(parts),
      h("p", { class: "p2s-small" }, words.map((p) => `${p.label} ${probability(p.value)}`).join(" · "))
    );
  }

  /** @type {(record: Record, token: Token) => void} */
  drawGrammar(record, token) {
    const taken = record.tokens.map((t) => 1 - t.grammarMass);
    const most = taken.reduce((best, value, i) => (value > taken[best] ? i : best), 0);
    clear(this.grammar).append(
      bars(taken, "noise", [token.index]),
      h(
        "p",
        { class: "p2s-small" },
        `Here ${probability(taken[token.index])}; most at token ${most + 1}: ${probability(taken[most])}.`
      )
    );
  }

  /** @param {Record} record */
  drawEos(record) {
    const first = record.vocab.slots[0];
    const boundaries = record.tokens.filter((t) => t.slot === first || t.slot === "eos");
    const wanted = boundaries.findIndex((t) => t.eosProb > 0.5);
    clear(this.eos).append(bars(boundaries.map((t) => t.eosProb), "eos", wanted < 0 ? [] : [wanted]));
    if (wanted < 0) {
      const best = boundaries.reduce((a, b) => (b.eosProb > a.eosProb ? b : a), boundaries[0]);
      this.eos.append(
        this.say(
          `EOS never had half of the probability; most, ${probability(best ? best.eosProb : 0)}, ` +
            `before object ${best ? best.object + 1 : 1}.`
        )
      );
    } else if (boundaries[wanted].slot === "eos") this.stoppedHere(boundaries[wanted]);
    else this.wentOn(record, boundaries[wanted]);
  }

  /** @param {string} text */
  say(text) {
    return h("p", { class: "p2s-small" }, text);
  }

  /** @param {Token} token */
  stoppedHere(token) {
    this.eos.append(
      this.say(
        `The sentence ended where EOS had ${probability(token.eosProb)}. What would more objects be?`
      ),
      h(
        "button",
        {
          type: "button",
          class: "p2s-button",
          "data-keep-going": "",
          disabled: this.stage.busy() || !this.stage.record.run,
          onclick: () => this.stage.keepGoing(token.index),
        },
        "Keep going from here"
      )
    );
  }

  /**
   * Every object that putting EOS off has added, and what became of it.
   * @type {(record: Record, token: Token) => void}
   */
  wentOn(record, token) {
    const { stage } = this;
    const added = stage.allObjects().filter((found) => found.object >= token.object);
    const isNoise = (/** @type {Found} */ found) => {
      const word = record.tokensOf(found.object, stage.shown).class;
      return word !== undefined && record.kind(word.id) === "noise";
    };
    const noise = added.filter(isNoise);
    const hidden = (/** @type {Found} */ found) => found.state !== "ok" && found.state !== "noise";
    const kept = added.filter((found) => !hidden(found));
    this.eos.append(
      this.say(
        `EOS had ${probability(token.eosProb)} before object ${token.object + 1}. Going on added ` +
          `${plural(added.length, "object")}: ${noise.length} written as noise, of which ` +
          `${noise.filter(hidden).length} removed; ${kept.length} of the added stay on the photo.`
      ),
      h("ol", { class: "p2s-added" }, ...added.map((found) => this.added(record, found)))
    );
  }

  /** @type {(record: Record, found: Found) => HTMLLIElement} */
  added(record, found) {
    const word = record.tokensOf(found.object, this.stage.shown).class;
    const name = captionOf(record, found);
    const fate = FATES[found.state];
    return h(
      "li",
      { "data-added": found.object, "data-fate": found.state },
      h(
        "button",
        { type: "button", class: "p2s-added-object", onclick: () => word && this.stage.select(word.index) },
        h("span", { class: "p2s-mono" }, String(found.object + 1)),
        h("span", { class: "p2s-alternative-text" }, name),
        h("span", { class: "p2s-soft" }, fate)
      )
    );
  }
}
