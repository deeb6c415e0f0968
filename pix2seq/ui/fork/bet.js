// You are the decoder: five bets on the next token, scored in nats beside the model and a guess that
// knows nothing. A bell for a coordinate, chips for a name.

import { clear, h, set } from "#kit/elements.js";
import { fixed, probability } from "#kit/numbers.js";
import { ROLE_MEANING } from "#kit/roles.js";
import { Bell, WIDTHS } from "#fork/bell.js";
import { glossary } from "#fork/card.js";
import { Chips } from "#fork/chips.js";
import { lesson } from "#fork/prices.js";

/** @import {Dock} from "#fork/dock.js" */
/** @import {Price, Score} from "#fork/prices.js" */

const PLAYERS = ["you", "model", "uniform"];

const WORDS = /** @type {[string, string][]} */ ([
  ["nats", "−ln of the probability that a bet put on what came: 0 for a sure win, more for a surprise"],
  ["bell", "a bet on neighbouring bins; narrow is bold, wide is careful; a hundredth of it lies on all bins alike, which caps the price of a miss"],
  ["uniform", "a guess that puts the same on everything: ln of the number of possibilities"],
  ["truth", "the label of a generated scene, which need not be what the model wrote"],
]);

const meaning = (/** @type {string} */ slot) => /** @type {{[slot: string]: string}} */ (ROLE_MEANING)[slot];

export class BetPanel {
  /** @param {Dock} dock */
  constructor(dock) {
    this.name = "bet";
    this.title = "You are the decoder";
    this.dock = dock;
    this.seed = 1;
    /** @type {{rounds: {index: number, slot: string}[], bins: number, names: string[], chips: number, spare: number} | null} */
    this.game = null;
    /** @type {Score[][]} */
    this.scores = [];
    this.asked = 0;
    this.betting = false;
    this.bell = new Bell(dock, () => this.readBell());
    this.chips = new Chips(() => this.words());
    this.headline = h("p", { class: "fork-headline", "data-bet-headline": "", role: "status" });
    this.readout = h("p", { class: "fork-readout p2s-small", "data-bet-readout": "", "aria-live": "polite" });
    this.place = this.range("Place, in bins", { min: 0, max: 255, step: 1, "data-bet-place": "" });
    this.width = this.range("Width, in bins", { min: 0, max: 100, step: 1, "data-bet-width": "" });
    this.go = h("button", { type: "button", class: "p2s-button primary", "data-bet-go": "", onclick: () => this.advance() }, "Bet");
    /** @type {HTMLInputElement} */
    this.number = h("input", {
      type: "number",
      class: "fork-number",
      min: 1,
      max: 9999,
      value: 1,
      "aria-label": "Number of the game",
      "data-bet-seed": "",
      onchange: () => this.start(Number(this.number.value)),
    });
    this.table = h("table", { class: "p2s-table fork-scores" });
    this.text = h("textarea", { class: "p2s-code", rows: 4, readonly: "", hidden: "", "aria-label": "What was copied" });
    const again = (/** @type {string} */ text, /** @type {() => void} */ onclick, /** @type {object} */ more) =>
      h("button", { type: "button", class: "p2s-button", onclick, ...more }, text);
    this.axis = h("div", { class: "fork-axis-bet" }, this.bell.node, this.place.node, this.width.node);
    this.node = h(
      "section",
      { class: "fork-bet", "aria-label": "You are the decoder" },
      h(
        "div",
        { class: "fork-side" },
        this.headline,
        this.readout,
        h("div", { class: "fork-row" }, this.go),
        glossary(WORDS)
      ),
      h("div", { class: "fork-middle" }, this.axis, this.chips.node),
      h(
        "div",
        { class: "fork-side" },
        this.table,
        h(
          "div",
          { class: "fork-row" },
          h("label", { class: "fork-game" }, "Game ", this.number),
          again("Copy the link", () => this.copyLink(), { "data-bet-link": "" }),
          again("Copy the result", () => this.copyResult(), { "data-bet-copy": "" })
        ),
        this.text
      )
    );
  }

  /**
   * A labelled range of the bell.
   * @param {string} text
   * @param {object} more
   */
  range(text, more) {
    /** @type {HTMLInputElement} */
    const input = h("input", { type: "range", "aria-label": text, oninput: () => this.steer(), ...more });
    const output = h("output", { class: "p2s-mono" });
    return { input, output, node: h("label", { class: "fork-range" }, h("span", {}, text), input, output) };
  }

  // ---- the game -----------------------------------------------------------------------------

  open() {
    this.dock.still();
    return this.start(this.seed);
  }

  close() {
    this.asked += 1;
    this.betting = false;
    this.bell.stop(null);
    this.dock.stage?.seek(Infinity);
  }

  /** @param {number} seed */
  async start(seed) {
    this.seed = Math.min(Math.max(Math.round(seed) || 1, 1), 9999);
    this.number.value = String(this.seed);
    this.scores = [];
    this.game = null;
    this.betting = false;
    this.bell.stop(null);
    this.text.hidden = true;
    this.node.classList.add("empty");
    const record = this.dock.stage?.record;
    const turn = (this.asked += 1);
    if (!record?.run || (record.state !== "done" && record.state !== "stopped")) {
      this.headline.textContent = "A game is about a sentence: press Run first.";
      return;
    }
    const answer = await this.dock.ask("rounds", { run: record.run, seed: this.seed });
    if (turn !== this.asked) return;
    if (answer.error) {
      this.headline.textContent = answer.error;
      return;
    }
    this.game = answer;
    this.node.classList.remove("empty");
    this.round();
  }

  /** The token that is bet on now; `undefined` when all are played. */
  now() {
    return this.game?.rounds[this.scores.length];
  }

  round() {
    const { game } = this;
    const now = this.now();
    if (!game || !now) return;
    this.betting = true;
    this.dock.stage?.seek(now.index);
    const named = now.slot === "class";
    this.axis.hidden = named;
    this.chips.node.hidden = !named;
    if (named) {
      this.bell.stop(null);
      this.chips.start(game.names, game.chips);
    } else {
      set(this.place.input, { max: game.bins - 1 });
      this.bell.start(now.slot, game.bins);
      this.bell.set((game.bins - 1) / 2, 12);
    }
    const count = `Round ${this.scores.length + 1} of ${game.rounds.length}`;
    this.headline.textContent = `${count}: token ${now.index + 1} is ${named ? "a name" : now.slot}, ${meaning(now.slot)}. Your bet?`;
    this.go.textContent = "Bet";
    this.fill();
    this.words();
  }

  /** Bet, or go on to the next round. */
  async advance() {
    const now = this.now();
    if (!this.betting) {
      if (now) this.round();
      else this.start(this.seed + 1);
      return;
    }
    if (!now || !this.game) return;
    const turn = (this.asked += 1);
    const named = now.slot === "class";
    const bet = named ? { chips: Object.fromEntries(this.chips.laid) } : { bell: { place: this.bell.place, width: this.bell.width } };
    const answer = await this.dock.ask("price", { run: this.dock.stage?.record.run, index: now.index, ...bet });
    if (turn !== this.asked) return;
    if (answer.error) {
      this.readout.textContent = answer.error;
      return;
    }
    this.reveal(answer, named);
  }

  /**
   * @param {Price} price
   * @param {boolean} named
   */
  reveal(price, named) {
    this.betting = false;
    this.scores.push(price.scores);
    if (named) {
      this.chips.stop();
      this.chips.reveal(price);
    } else this.bell.stop(price);
    this.fill();
    const over = !this.now();
    this.go.textContent = over ? "Another game" : "Next round";
    const [you, model] = price.scores;
    this.headline.textContent = over
      ? this.verdict()
      : `You paid ${fixed(you.written)} nats, the model ${fixed(model.written)}.`;
    this.readout.textContent = lesson(price, named, this.game?.bins || 2);
    this.go.focus();
  }

  /** @param {string} player */
  total(player) {
    return this.scores.flat().filter((score) => score.player === player).reduce((sum, score) => sum + score.written, 0);
  }

  verdict() {
    const [you, model, uniform] = PLAYERS.map((player) => this.total(player));
    const against = you < model ? "better than the model" : you < uniform ? "better than knowing nothing" : "worse than knowing nothing";
    return `${fixed(you)} nats in all, ${against}: the model ${fixed(model)}, uniform ${fixed(uniform)}.`;
  }

  // ---- what the hands do --------------------------------------------------------------------

  steer() {
    const width = WIDTHS.least * (WIDTHS.most / WIDTHS.least) ** (Number(this.width.input.value) / 100);
    this.bell.set(Number(this.place.input.value), width);
  }

  readBell() {
    const { place, width } = this.bell;
    this.place.input.value = String(place);
    this.place.output.textContent = String(place);
    const share = Math.log(width / WIDTHS.least) / Math.log(WIDTHS.most / WIDTHS.least);
    this.width.input.value = String(Math.round(100 * share));
    this.width.output.textContent = width < 10 ? width.toFixed(1) : width.toFixed(0);
    set(this.width.input, { "aria-valuetext": `${this.width.output.textContent} bins` });
  }

  words() {
    if (!this.betting) return;
    const named = this.now()?.slot === "class";
    this.readout.textContent = named
      ? "Lay chips on the names that you expect. All on one is bold; a miss then costs ln of what is left."
      : "Drag along the photo's edge, or here: along to move the bell, across to widen it. Arrow keys move the sliders. " +
        `${probability(this.game?.spare || 0)} of every bell lies on all bins alike, as a spare chip does on names.`;
  }

  draw() {
    if (this.betting || this.bell.outcome) this.bell.frame();
  }

  // ---- the running table --------------------------------------------------------------------

  fill() {
    const rounds = this.game?.rounds || [];
    const truth = this.scores.flat().some((score) => score.truth !== null);
    const head = ["", "token", ...PLAYERS, ...(truth ? ["you*", "model*"] : [])];
    const cell = (/** @type {string} */ text) => h("td", { class: "p2s-mono" }, text);
    const rows = rounds.map(({ index, slot }, number) => {
      const scores = this.scores[number];
      const values = PLAYERS.map((_, i) => cell(scores ? fixed(scores[i].written) : ""));
      return h(
        "tr",
        { class: number === this.scores.length ? "focus" : null },
        h("th", { scope: "row" }, number + 1),
        h("td", { "data-slot": slot }, h("span", { class: "p2s-role" }, slot), ` ${index + 1}`),
        values,
        truth ? [0, 1].map((i) => cell(scores ? fixed(scores[i].truth) : "")) : null
      );
    });
    const sum = h("tr", { class: "fork-total" }, h("th", { scope: "row", colspan: 2 }, "nats"), PLAYERS.map((player) => cell(fixed(this.total(player)))), truth ? [cell(""), cell("")] : null);
    clear(this.table).append(
      h("thead", {}, h("tr", {}, head.map((text) => (text ? h("th", { scope: "col" }, text) : h("td", {}))))),
      h("tbody", {}, rows, sum)
    );
    if (truth) this.table.append(h("caption", {}, "* against the label, where a scene has one"));
  }

  // ---- the same game for everybody ----------------------------------------------------------

  async copyLink() {
    const stage = this.dock.stage;
    const answer = await stage?.ask("snippets", { run: stage.record.run });
    if (!answer?.link) {
      this.readout.textContent = answer?.error || "Only games on our own examples can be linked: your picture stays on this server.";
      return;
    }
    this.hand(`${location.origin}${location.pathname}${answer.link}&bet=${this.seed}`);
  }

  async copyResult() {
    const answer = await this.dock.ask("result", { run: this.dock.stage?.record.run, seed: this.seed, scores: this.scores });
    if (answer.error) this.readout.textContent = answer.error;
    else this.hand(answer.text);
  }

  /** @param {string} content */
  async hand(content) {
    this.text.value = content;
    this.text.hidden = false;
    try {
      await navigator.clipboard.writeText(content);
      this.readout.textContent = "Copied.";
    } catch (error) {
      this.text.select();
      this.readout.textContent = "Below: copy it with Ctrl+C.";
    }
  }
}
