// The bar of lessons, and the links at a lesson's end to the one before and the one after.

import { h } from "#kit/elements.js";
import * as widgets from "#learn/widgets.js";

/** @typedef {{name: string, title: string}} Named lesson */

export class Contents {
  /**
   * @param {Named[]} lessons
   * @param {(name: string) => void} show
   */
  constructor(lessons, show) {
    this.lessons = lessons;
    this.show = show;
    this.tabs = lessons.map((lesson, i) => this.tab(lesson, i));
    this.node = h("div", { class: "learn-nav", role: "tablist", "aria-label": "Lessons" }, this.tabs);
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.marked = false;
  }

  /** @type {(lesson: Named, number: number) => HTMLButtonElement} */
  tab({ name, title }, number) {
    return h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `learn-tab-${name}`,
        "data-lesson": name,
        "aria-controls": "learn-panel",
        onclick: () => this.show(name),
      },
      h("span", { class: "learn-number" }, number + 1),
      title
    );
  }

  /**
   * The lesson on view; what the page opens with does not scroll.
   * @param {string} name
   */
  mark(name) {
    for (const tab of this.tabs) {
      const here = tab.dataset.lesson === name;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
      if (here && this.marked) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.marked = true;
  }

  /** @param {string} name */
  steps(name) {
    const at = this.lessons.findIndex((lesson) => lesson.name === name);
    const link = (/** @type {number} */ to, /** @type {string} */ text) =>
      widgets.button(text, () => {
        this.show(this.lessons[to].name);
        this.tabs[to].focus({ preventScroll: true });
        this.node.scrollIntoView({ block: "start" });
      });
    const [before, after] = [this.lessons[at - 1], this.lessons[at + 1]];
    return h(
      "div",
      { class: "learn-steps" },
      before ? link(at - 1, `← ${before.title}`) : h("span", {}),
      after ? link(at + 1, `${after.title} →`) : h("span", {})
    );
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const at = this.tabs.findIndex((tab) => tab.contains(/** @type {Node} */ (event.target)));
    /** @type {{[key: string]: number}} */
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this.tabs.length - 1 };
    const to = moves[event.key];
    if (at < 0 || to === undefined || !this.tabs[to]) return;
    event.preventDefault();
    this.show(this.lessons[to].name);
    this.tabs[to].focus();
  }
}
