// Ten chips to lay on class names, by pointer or keyboard. Whatever is kept back is spread over all.

import { clear, h, set } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { plural, probability } from "#kit/numbers.js";

export class Chips {
  /** @param {() => void} moved */
  constructor(moved) {
    this.moved = moved;
    /** @type {string[]} */
    this.names = [];
    /** @type {Map<number, number>} */
    this.laid = new Map();
    this.most = 10;
    this.open = false;
    this.search = h("input", {
      type: "search",
      class: "fork-search",
      placeholder: "find a name",
      "aria-label": "Find a class name",
      "data-chip-search": "",
      oninput: () => this.filter(),
    });
    this.left = h("span", { class: "p2s-small", role: "status" });
    this.pile = h("div", { class: "fork-pile", role: "group", "aria-label": "Your chips" });
    this.board = h("div", { class: "fork-board", role: "group", "aria-label": "Class names" });
    this.node = h("div", { class: "fork-chips" }, h("div", { class: "fork-row" }, this.search, this.left), this.pile, this.board);
  }

  /**
   * @param {string[]} names
   * @param {number} most
   */
  start(names, most) {
    this.names = names;
    this.most = most;
    this.laid.clear();
    this.open = true;
    this.search.value = "";
    const order = names.map((name, place) => /** @type {[string, number]} */ ([name, place]));
    order.sort(([a], [b]) => a.localeCompare(b));
    clear(this.board).append(
      ...order.map(([name, place]) =>
        h("button", { type: "button", class: "fork-name", "data-chip": place, ...inHue(name), onclick: () => this.lay(place, 1) }, name)
      )
    );
    this.show();
  }

  stop() {
    this.open = false;
    this.show();
  }

  get used() {
    return [...this.laid.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * @param {number} place
   * @param {number} count
   */
  lay(place, count) {
    if (!this.open || (count > 0 && this.used >= this.most)) return;
    const now = (this.laid.get(place) || 0) + count;
    if (now > 0) this.laid.set(place, now);
    else this.laid.delete(place);
    this.show();
    this.moved();
  }

  filter() {
    const text = this.search.value.trim().toLowerCase();
    for (const button of this.board.querySelectorAll("button")) {
      button.hidden = !(button.textContent || "").toLowerCase().includes(text);
    }
  }

  show() {
    this.left.textContent = `${plural(this.most - this.used, "chip")} left; one more lies on all names alike`;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.pile : undefined;
    clear(this.pile).append(
      ...[...this.laid].map(([place, count]) => {
        const step = (/** @type {string} */ sign, /** @type {number} */ by) =>
          h(
            "button",
            {
              type: "button",
              class: "p2s-button",
              "data-pile": `${place}${sign}`,
              "aria-label": `${sign === "+" ? "one more chip on" : "take a chip from"} ${this.names[place]}`,
              disabled: !this.open,
              onclick: () => this.lay(place, by),
            },
            sign
          );
        return h("span", { class: "fork-stake" }, step("−", -1), `${this.names[place]} ${count}`, step("+", 1));
      })
    );
    if (focused) /** @type {HTMLElement | null} */ (this.pile.querySelector(`[data-pile="${focused}"]`))?.focus();
    for (const button of this.board.querySelectorAll("button")) {
      const count = this.laid.get(Number(button.dataset.chip)) || 0;
      set(button, { "data-count": String(count) });
      button.disabled = !this.open;
    }
  }

  /**
   * What came: the likeliest names of the model beside the chips.
   * @param {{you: number[], model: number[], written: number, truth: number | null}} outcome
   */
  reveal({ you, model, written, truth }) {
    const best = model.map((p, place) => /** @type {[number, number]} */ ([p, place])).sort((a, b) => b[0] - a[0]).slice(0, 6);
    const shown = new Set([written, ...this.laid.keys(), ...best.map(([, place]) => place)]);
    if (truth !== null) shown.add(truth);
    const rows = [...shown].sort((a, b) => model[b] - model[a]).map((place) => {
      const marks = [place === written ? "written" : "", place === truth ? "true" : ""].filter(Boolean).join(", ");
      return h(
        "li",
        { "data-role": this.names[place] === "noise" ? "noise" : "class", ...inHue(this.names[place]), class: place === written ? "written" : null },
        h("span", {}, this.names[place], marks ? h("small", {}, ` ${marks}`) : ""),
        h("i", { class: "model", style: { width: `${100 * model[place]}%` } }),
        h("i", { class: "you", style: { width: `${100 * you[place]}%` } }),
        h("b", { class: "p2s-mono" }, `${probability(model[place])} · you ${probability(you[place])}`)
      );
    });
    clear(this.board).append(h("ul", { class: "fork-outcome" }, rows));
  }
}
