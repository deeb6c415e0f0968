// What whole sentences cost: Σ −ln p of every sample and of the likeliest token at every step, the
// likeliest sentence first.

import { costsSaid } from "#compare/captions.js";
import { clear, h } from "#kit/elements.js";

/** @import {Cost} from "#compare/captions.js" */

const NATS = "Σ −ln p of all its tokens, noise and EOS included: the smaller, the likelier the sentence";

export class Costs {
  constructor() {
    this.words = h("p", { class: "p2s-small", "data-costs-words": "" });
    this.body = h("tbody");
    const head = ["sentence", "tokens", "nats"].map((text) =>
      h("th", { scope: "col", title: text === "nats" ? NATS : null }, text)
    );
    this.node = h(
      "section",
      { class: "p2s-section p2s-costs", "aria-label": "What whole sentences cost", hidden: "" },
      h("h2", { title: NATS }, "What whole sentences cost"),
      this.words,
      h("table", { class: "p2s-table", "data-costs": "" }, h("thead", {}, h("tr", {}, ...head)), this.body)
    );
    this.key = "";
  }

  /** @param {{costs?: Cost[], argmax?: Cost}} data */
  draw({ costs = [], argmax }) {
    const key = JSON.stringify([costs, argmax]);
    if (key === this.key) return;
    this.key = key;
    this.node.hidden = !costs.length;
    this.words.textContent = costsSaid(argmax, costs);
    const rows = argmax ? [argmax, ...costs] : [...costs];
    rows.sort((a, b) => a.nats - b.nats);
    clear(this.body).append(...rows.map((one) => this.row(one)));
  }

  /** @param {Cost} one */
  row({ seed, tokens, nats }) {
    const greedy = seed === undefined;
    return h(
      "tr",
      { "data-cost": greedy ? "argmax" : seed, class: greedy ? "focus" : null },
      h("th", { scope: "row" }, greedy ? "likeliest tokens (argmax)" : `seed ${seed}`),
      h("td", { class: "p2s-mono" }, tokens),
      h("td", { class: "p2s-mono", title: nats }, nats.toFixed(2))
    );
  }
}
