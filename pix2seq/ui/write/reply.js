// What the model answers to "what is here?", in words: as the first words of a sentence of its own,
// and behind the objects that were on view, where it knows what it has said already.

import { h } from "#kit/elements.js";
import { probability } from "#kit/numbers.js";

/** @import {Token} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

// Measured with `mini` (benchmarks/mini/asking.py); other checkpoints have not been asked.
/** @type {{[checkpoint: string]: string}} */
const OFTEN = {
  mini:
    "On 706 true boxes of 100 labelled photos the first answer was right for 71 %; behind the model's " +
    "own sentence it answered noise for 78 % of them and was right for 17 %.",
};

/** @typedef {{classes: {name: string, prob: number}[], noise: number, isNoise: boolean}} Said about a box */

export class Reply {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {Map<string | null, string>} by run */
    this.known = new Map();
    this.node = h("p", { class: "p2s-reply", role: "status", "data-reply": "", hidden: "" });
  }

  /**
   * Ask once about a sentence that begins with a drawn box, when its class is there.
   * @type {(record: Record, word: Token) => Promise<void>}
   */
  async ask(record, word) {
    const box = record.tokens.slice(0, record.vocab.slots.length - 1);
    if (word.forced || !box.every((token) => token.forced) || this.known.has(record.run)) return;
    this.known.set(record.run, "");
    /** @type {{first?: Said, behind?: Said}} */
    const answer = await this.stage.ask("asked", { run: record.run });
    this.known.set(record.run, answer.first ? this.words(answer.first, answer.behind) : "");
    this.stage.changed();
  }

  /** @type {(first: Said, behind: Said | undefined) => string} */
  words(first, behind) {
    const [best, second] = first.classes;
    const also = second && second.prob >= 0.1 && !first.isNoise ? `, or ${second.name} ${probability(second.prob)}` : "";
    const said = first.isNoise
      ? `nothing it has a word for (noise ${probability(first.noise)}; likeliest class ${best.name} ${probability(best.prob)})`
      : `${best.name}, ${probability(best.prob)}${also}`;
    if (!behind) return `You asked: ${said}.`;
    const later = behind.isNoise
      ? `${first.isNoise ? "noise, too" : "already written"} (noise ${probability(behind.noise)})`
      : `${behind.classes[0].name}, ${probability(behind.classes[0].prob)}: not written before`;
    return `You asked: ${said}. Behind the sentence on view: ${later}.`;
  }

  /** @param {Record} record */
  draw(record) {
    const words = this.known.get(record.run) || "";
    this.node.hidden = !words;
    this.node.title = OFTEN[record.header.checkpoint ?? ""] || "";
    if (this.node.textContent !== words) this.node.textContent = words;
  }
}
