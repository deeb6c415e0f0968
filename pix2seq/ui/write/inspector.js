// One token under the glass: what the model thought there, what the settings made of it, what else
// it might have written. Numbers come from the server's `explain`; moving a slider asks again.

import { clear, h } from "#kit/elements.js";
import { nats, plural, probability } from "#kit/numbers.js";
import { spark } from "#kit/plots.js";
import { isCoordinate } from "#kit/roles.js";
import { placeText } from "#kit/units.js";
import { Alternatives } from "#write/alternatives.js";
import { Attention } from "#write/attention.js";
import { Distribution } from "#write/distribution.js";
import { Lens } from "#write/lens.js";
import { Tabs } from "#write/tabs.js";

/** @import {Slot, Token} from "#kit/roles.js" */
/** @import {Record, Settings} from "#visit/record.js" */
/** @import {Choices, Mode} from "#write/alternatives.js" */
/** @import {Stage} from "#write/stage.js" */

/**
 * How many tokens could be drawn, in words.
 * @param {number[]} counts tokens with some probability, stage by stage
 * @param {boolean} forced
 */
export const leftInWords = (counts, forced) => {
  const all = counts[0];
  const left = counts[counts.length - 1];
  if (forced) return `You gave this token; of ${all}, ${left} could have been drawn.`;
  if (left === 1) return `Of ${all} tokens one was left: no seed would have written another, and temperature changes nothing here.`;
  return `Of ${all} tokens ${left} were left to draw from.`;
};

/**
 * Which draft of the encoder pulled a token, and where to; empty where none did.
 * @type {(record: Record, token: Token) => string}
 */
export const pullSaid = (record, { pull, slot, forced }) => {
  if (!pull) return "";
  const draft = `draft ${pull.draft + 1} (${probability(pull.sure)})`;
  const place = `${slot} ${record.text_of(pull.centre)} ± ${plural(Math.round(pull.width), "bin")}`;
  return forced ? `You gave this token; ${draft} would have pulled it: ${place}.` : `Pulled to ${draft}: ${place}. Raw numbers are after the pull.`;
};

const STAGES = ["raw", "grammar, bins", "temperature", "top-k, top-p"];

/** @typedef {{place: string, key: string, record: Record, token: Token}} Subject */

/**
 * What the server says about a token (`answers.py`); lists go stage by stage.
 * @typedef {object} Explanation
 * @property {number} index
 * @property {number} token
 * @property {Slot} slot
 * @property {number} rank
 * @property {number[]} entropies
 * @property {number[]} counts tokens with some probability
 * @property {number[]} chosen probability of the token
 * @property {number | null} first id of the first bin; without bins it is no coordinate
 * @property {number[][] | null} axis
 * @property {{[kind: string]: number}} kinds probability by kind of token
 * @property {string} note
 * @property {Settings} settings
 * @property {Mode[]} modes
 * @property {number} drawn what the settings would write
 * @property {"compiled" | "PyTorch"} arithmetic who computed the logits
 */
/** @typedef {Explanation & Choices} Explained */

export class Inspector {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.distribution = new Distribution(stage);
    this.attention = new Attention(stage);
    this.lens = new Lens(stage);
    this.title = h("h2", { "data-inspector-title": "" });
    this.numbers = h("dl", { class: "p2s-numbers" });
    this.note = h("p", { class: "p2s-small p2s-whatif", "data-what-if": "" });
    this.pipeline = h("table", { class: "p2s-table p2s-pipeline", "data-pipeline": "" });
    this.alternatives = new Alternatives(stage);
    this.left = h("p", { "data-left": "" });
    this.pull = h("p", { class: "p2s-small p2s-pull", "data-pull": "" });
    const why = h(
      "div",
      {},
      this.numbers,
      this.left,
      this.pull,
      this.distribution.node,
      this.note,
      this.attention.node,
      this.fold("From logits to the token", true, this.pipeline),
      this.lens.node
    );
    this.tabs = new Tabs("About the token", [
      ["why", "Why this token", why],
      ["change", "Change it", this.alternatives.node],
    ]);
    this.detail = h("div", { class: "p2s-detail" }, this.tabs.node);
    this.close = h(
      "button",
      {
        type: "button",
        class: "p2s-button p2s-close",
        "aria-label": "Close the inspector",
        onclick: () => this.leave(),
      },
      "Close"
    );
    this.node = h(
      "section",
      { class: "p2s-section p2s-token-panel", "aria-label": "Inspected token" },
      h("div", { class: "p2s-panel-head" }, this.title, this.close),
      this.detail
    );
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && stage.selected !== null) this.leave();
    });
    this.version = 0; // of the settings
    /** @type {Subject | null} what is asked about */
    this.subject = null;
    /** @type {Explained | null} */
    this.answer = null;
    /** @type {string | undefined} the place that the answer is about */
    this.shownPlace = undefined;
    /** @type {string | undefined} */
    this.asked = undefined;
    this.asking = false;
    /** @type {HTMLElement | null} */
    this.hint = null;
  }

  /** Close, and leave the keyboard where it came from. */
  leave() {
    const { selected, sentence } = this.stage;
    this.stage.select(null);
    if (selected !== null) sentence.chips[selected]?.focus();
  }

  /** @type {(title: string, open: boolean, ...content: Element[]) => HTMLDetailsElement} */
  fold(title, open, ...content) {
    return h("details", { open }, h("summary", {}, title), ...content);
  }

  settingsChanged() {
    this.version += 1;
    this.stage.changed();
  }

  draw() {
    const { record, selected } = this.stage;
    const token = selected === null ? null : record.tokens[selected];
    this.stage.root.toggleAttribute("data-inspecting", Boolean(token));
    this.detail.hidden = !token;
    this.close.hidden = !token;
    if (!token) {
      this.title.textContent = "Inspector";
      this.node.classList.add("empty");
      this.subject = null;
      this.distribution.drawOnPhoto(null);
      this.attention.draw(null);
      this.empty();
      return;
    }
    this.hint?.remove();
    this.node.classList.remove("empty");
    this.title.textContent = this.heading(record, token);
    const place = `${record.run}:${selected}`;
    this.subject = { place, key: `${place}:${this.version}`, record, token };
    this.catchUp();
    const answer = this.answerOnView();
    this.detail.classList.toggle("stale", this.shownPlace !== place);
    this.distribution.drawOnPhoto(answer);
    this.attention.draw(token);
    this.lens.draw(record, token, answer);
  }

  empty() {
    this.hint = this.hint || h(
      "p",
      { class: "p2s-small p2s-soft" },
      "Choose a token, a box or a place on the timeline: why it was written, where the model looked, and " +
        "what comes of another choice."
    );
    if (!this.hint.isConnected) this.node.append(this.hint);
  }

  /** @type {(record: Record, token: Token) => string} */
  heading(record, token) {
    const what = isCoordinate(token.slot)
      ? placeText(record, token.id, token.slot, this.stage.units, true)
      : record.text_of(token.id);
    return `Token ${token.index + 1} · ${token.slot} · ${what}`;
  }

  /** What the server said about the token on view; `null` while it has not, or cannot. */
  answerOnView() {
    return this.subject && this.subject.place === this.shownPlace ? this.answer : null;
  }

  /** One question at a time; whatever changed meanwhile is asked next. */
  async catchUp() {
    if (this.asking) return;
    this.asking = true;
    while (this.subject && this.subject.key !== this.asked) {
      const { key, place, record, token } = this.subject;
      this.asked = key;
      /** @type {Explained & {error?: string}} */
      const answer = await this.stage.ask("explain", {
        run: record.run,
        index: token.index,
        values: this.stage.values,
        checkpoint: this.stage.waiting.checkpoint,
      });
      if (!this.subject || this.subject.place !== place) continue;
      this.shownPlace = place;
      if (answer.error) this.fallback(record, token, answer.error);
      else this.show(record, token, answer);
      this.stage.changed();
    }
    this.asking = false;
  }

  /**
   * Without the server's memory of this run, the record itself still knows five candidates.
   * @type {(record: Record, token: Token, message: string) => void}
   */
  fallback(record, token, message) {
    this.answer = null;
    this.pull.textContent = pullSaid(record, token);
    this.distribution.show({ axis: null }, null);
    clear(this.pipeline);
    this.left.textContent = "";
    this.measures(token, token.raw, null, token.entropy);
    this.note.textContent =
      `Only what the record itself holds: ${message}`;
    const best = token.candidates.map((candidate) => ({
      id: candidate.id,
      text: record.text_of(candidate.id),
      stages: [candidate.prob, candidate.prob, candidate.prob, candidate.final],
    }));
    this.alternatives.show(record, token, { best });
  }

  /** @type {(token: Token, raw: number, rank: number | null, entropy: number) => void} */
  measures(token, raw, rank, entropy) {
    /** @type {[name: string, value: string | number, title: string][]} */
    const items = [
      ["probability", token.forced ? `${raw.toFixed(4)}, yours` : raw.toFixed(4), `What the model itself gave this token${token.pull ? ", after the draft's pull" : ""}`],
      ["rank", rank === null ? "–" : rank, "1: no token was likelier"],
      ["surprise", nats(-Math.log(raw)), "−ln of the probability: the rarer, the more surprising"],
      ["entropy", nats(entropy), "How undecided the model was between all tokens"],
    ];
    clear(this.numbers).append(
      ...items.map(([name, value, title]) => h("div", { title }, h("dt", {}, name), h("dd", {}, value)))
    );
  }

  /** @type {(record: Record, token: Token, answer: Explained) => void} */
  show(record, token, answer) {
    this.answer = answer;
    this.measures(token, answer.chosen[0], answer.rank, answer.entropies[0]);
    this.note.textContent = [answer.note, answer.whatIf ? this.whatIf(record, token, answer) : ""]
      .filter(Boolean)
      .join(" ");
    this.left.textContent = leftInWords(answer.counts, token.forced);
    this.pull.textContent = pullSaid(record, token);
    this.distribution.show(answer, token.pull);
    this.showPipeline(answer);
    this.alternatives.show(record, token, answer);
  }

  /**
   * What the moved controls would have changed here: the same seed, another distribution.
   * @type {(record: Record, token: Token, answer: Explained) => string}
   */
  whatIf(record, token, answer) {
    const { temperature, top_p: topP, top_k: topK, seed } = answer.settings;
    const outcome =
      answer.drawn === token.id
        ? `seed ${seed} would still write ${record.text_of(token.id)} here.`
        : `seed ${seed} would write ${record.text_of(answer.drawn)} here, not ${record.text_of(token.id)}.`;
    return (
      `What if, without running the model: with temperature ${temperature}, top-p ${topP}, ` +
      `top-k ${topK || "off"}, ${outcome}`
    );
  }

  /** @param {Explained} answer */
  showPipeline(answer) {
    const head = h("tr", {}, ...["", "", "tokens", "nats", "p of it"].map((text) =>
      h("th", { scope: "col" }, text)
    ));
    const rows = STAGES.map((name, i) => {
      const values = answer.axis ? answer.axis[i] : answer.best.map((item) => item.stages[i]);
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, spark(values, answer.slot, 72)),
        h("td", { class: "p2s-mono" }, answer.counts[i]),
        h("td", { class: "p2s-mono" }, answer.entropies[i].toFixed(2)),
        h("td", { class: "p2s-mono" }, probability(answer.chosen[i]))
      );
    });
    clear(this.pipeline).append(h("thead", {}, head), h("tbody", {}, ...rows));
    this.pipeline.title =
      answer.arithmetic === "compiled"
        ? "The logits were computed by compiled code, which rounds otherwise than PyTorch's operations in the last bits."
        : "The logits were computed by PyTorch's operations.";
  }
}
