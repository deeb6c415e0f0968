// The tour: a card that points at parts of the real page and can act for the visitor. It blocks
// nothing: whoever prefers to press the real button just does. Arrow keys turn pages, Escape leaves,
// and the next start resumes where it was left. What it says and does is in `steps.js`.

import { h } from "#kit/elements.js";
import { messageOf } from "#kit/errors.js";
import { reducedMotion } from "#kit/timing.js";
import { tourSteps } from "#tour/steps.js";
import { tools as tourTools } from "#tour/tools.js";

/** @import {Attributes} from "#kit/elements.js" */

const KEY = "p2s-tour";
const GAP = 12;

/** @param {number} index */
function remember(index) {
  try {
    localStorage.setItem(KEY, String(index));
  } catch (error) {
    // storage may be blocked; the tour then starts over next time
  }
}

function remembered() {
  try {
    return Number(localStorage.getItem(KEY)) || 0;
  } catch (error) {
    return 0;
  }
}

class Tour {
  constructor() {
    this.steps = tourSteps;
    this.title = h("h2", { id: "tour-title" });
    this.text = h("p", { id: "tour-text" });
    this.count = h("span", { class: "p2s-small p2s-soft p2s-mono" });
    this.state = h("p", { class: "p2s-small tour-state", role: "status" });
    /** @type {(text: string, onclick: () => void, more?: Attributes) => HTMLButtonElement} */
    const button = (text, onclick, more) =>
      h("button", { type: "button", class: "p2s-button", onclick, ...more }, text);
    this.act = button("", () => this.perform(), { "data-tour-act": "" });
    this.back = button("Back", () => this.go(this.index - 1), { "data-tour-back": "" });
    this.next = button("Next", () => this.go(this.index + 1), {
      class: "p2s-button primary",
      "data-tour-next": "",
    });
    this.spot = h("div", { class: "tour-spot", "aria-hidden": "true" });
    this.card = h(
      "section",
      {
        class: "p2s tour-card",
        role: "dialog",
        "aria-labelledby": "tour-title",
        "aria-describedby": "tour-text",
        tabindex: -1,
      },
      h(
        "div",
        { class: "tour-head" },
        this.count,
        button("Close", () => this.close(), { class: "p2s-button tour-close", "data-tour-close": "" })
      ),
      this.title,
      this.text,
      this.state,
      h("div", { class: "tour-buttons" }, this.act, h("span", { class: "tour-space" }), this.back, this.next)
    );
    this.card.addEventListener("keydown", (event) => this.key(event));
    this.onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.target === document.body) this.key(event);
    };
    this.index = 0;
    this.open = false;
    /** @type {Element | null} what had the focus before */
    this.before = null;
    /** @type {string | null} where to look after an act */
    this.look = null;
    this.frame = 0;
  }

  start() {
    if (this.open) return;
    this.open = true;
    this.before = document.activeElement;
    document.body.append(this.spot, this.card);
    document.addEventListener("keydown", this.onKey);
    const at = remembered();
    this.go(at < this.steps.length ? at : 0);
    this.follow();
  }

  close() {
    this.open = false;
    cancelAnimationFrame(this.frame);
    document.removeEventListener("keydown", this.onKey);
    tourTools.closeSheet();
    this.spot.remove();
    this.card.remove();
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {{[key: string]: number}} */
    const moves = { ArrowRight: 1, ArrowLeft: -1 };
    if (event.key === "Escape") this.close();
    else if (event.key in moves) this.go(this.index + moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} index */
  async go(index) {
    if (index < 0) return;
    if (index >= this.steps.length) {
      remember(0); // seen to the end: the next start begins anew
      this.close();
      return;
    }
    this.index = index;
    remember(index);
    const step = this.steps[index];
    this.card.dataset.tourStep = step.id;
    this.card.dataset.ready = "false";
    this.title.textContent = step.title;
    this.text.textContent = typeof step.text === "string" ? step.text : "";
    this.count.textContent = `${index + 1} of ${this.steps.length}`;
    this.state.textContent = "";
    this.back.disabled = index === 0;
    this.next.textContent = index === this.steps.length - 1 ? "Finish" : "Next";
    this.act.hidden = !step.act;
    this.act.disabled = false;
    if (step.act) this.act.textContent = step.act.label;
    this.look = null;
    this.card.focus({ preventScroll: true });
    try {
      if (step.prepare) await step.prepare((words) => this.say(index, words));
    } catch (error) {
      this.say(index, messageOf(error));
    }
    if (this.index !== index || !this.open) return;
    this.say(index, "");
    if (typeof step.text === "function") this.text.textContent = step.text();
    this.reveal();
    this.card.dataset.ready = "true";
  }

  /** @type {(index: number, words: string) => void} */
  say(index, words) {
    if (this.index === index) this.state.textContent = words;
  }

  /** Bring the step's part of the page into sight. */
  reveal() {
    const target = this.find();
    if (!target) return;
    const at = target.getBoundingClientRect();
    const out = at.top < 0 || at.bottom > window.innerHeight;
    if (out) {
      const behavior = reducedMotion() ? "auto" : "smooth";
      target.scrollIntoView({ block: at.height > window.innerHeight / 2 ? "start" : "center", behavior });
    }
  }

  find() {
    const wanted = this.look || this.steps[this.index].target;
    const target = typeof wanted === "string" ? document.querySelector(wanted) : wanted();
    return target && target.getClientRects().length ? target : null;
  }

  async perform() {
    const { index } = this;
    const { act, id } = this.steps[index];
    if (!act) return;
    this.act.disabled = true;
    this.card.dataset.acted = "false";
    try {
      await act.run((words) => this.say(index, words));
      if (act.done) this.say(index, act.done);
    } catch (error) {
      this.say(index, messageOf(error));
    }
    if (this.index !== index || !this.open) return;
    if (act.look) {
      tourTools.closeSheet();
      this.look = act.look; // from the control to what it changed
      this.reveal();
    }
    this.card.dataset.acted = id;
    this.act.disabled = false;
    this.next.focus({ preventScroll: true });
  }

  /** Keep the light on the target and the card beside it, wherever the page moves. */
  follow() {
    if (!this.open) return;
    this.place(this.find());
    this.frame = requestAnimationFrame(() => this.follow());
  }

  /** @param {Element | null} target */
  place(target) {
    this.card.dataset.found = String(Boolean(target));
    this.spot.hidden = !target;
    const width = window.innerWidth;
    const height = window.innerHeight;
    const card = this.card.getBoundingClientRect();
    if (!target) {
      this.move(this.card, (width - card.width) / 2, height - card.height - 24);
      return;
    }
    const at = target.getBoundingClientRect();
    const left = Math.max(at.left - 6, 2);
    const top = Math.max(at.top - 6, 2);
    const right = Math.min(at.right + 6, width - 2);
    const bottom = Math.min(at.bottom + 6, height - 2);
    this.move(this.spot, left, top);
    this.spot.style.width = `${Math.max(right - left, 0)}px`;
    this.spot.style.height = `${Math.max(bottom - top, 0)}px`;
    /** @type {(value: number, most: number) => number} */
    const clamp = (value, most) => Math.max(8, Math.min(value, most - 8));
    const x = clamp(left, width - card.width);
    const y = clamp(top, height - card.height);
    /** @type {[x: number, y: number, fits: boolean][]} */
    const places = [
      [right + GAP, y, right + GAP + card.width < width],
      [left - GAP - card.width, y, left - GAP - card.width > 0],
      [x, bottom + GAP, bottom + GAP + card.height < height],
      [x, top - GAP - card.height, top - GAP - card.height > 0],
      // No free side: the half of the window that the target does not begin in.
      [x, at.top < height / 3 ? height - card.height - 12 : 12, true],
    ];
    const place = places.find(([, , fits]) => fits);
    if (place) this.move(this.card, place[0], place[1]);
  }

  /** @type {(node: HTMLElement, x: number, y: number) => void} */
  move(node, x, y) {
    const to = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
    if (node.style.transform !== to) node.style.transform = to;
  }
}

/** @type {Tour | null} */
let tour = null;

/** Begin, or go on where it was left. */
export const openTour = () => {
  tour = tour || new Tour();
  tour.start();
};
