// Panels of which one is on view, chosen by a tab: arrow keys go from tab to tab, one tab stop for all.

import { h, set } from "#kit/elements.js";

export class Tabs {
  /**
   * @param {string} label what a screen reader calls the list
   * @param {[name: string, title: string, panel: HTMLElement][]} pages
   */
  constructor(label, pages) {
    this.pages = pages;
    this.buttons = pages.map(([name, title]) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          class: "p2s-tab",
          id: `p2s-tab-${name}`,
          "aria-controls": `p2s-panel-${name}`,
          "data-panel-tab": name,
          onclick: () => this.show(name),
        },
        title
      )
    );
    for (const [name, , panel] of pages) {
      set(panel, { role: "tabpanel", id: `p2s-panel-${name}`, "aria-labelledby": `p2s-tab-${name}` });
    }
    this.list = h("div", { class: "p2s-tabs", role: "tablist", "aria-label": label }, ...this.buttons);
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.node = h("div", {}, this.list, ...pages.map(([, , panel]) => panel));
    this.show(pages[0][0]);
  }

  /** @param {string} wanted */
  show(wanted) {
    this.shown = wanted;
    this.pages.forEach(([name, , panel], i) => {
      panel.hidden = name !== wanted;
      set(this.buttons[i], { "aria-selected": name === wanted ? "true" : "false" });
      this.buttons[i].tabIndex = name === wanted ? 0 : -1;
    });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = this.pages.findIndex(([name]) => name === this.shown);
    const next = (at + step + this.pages.length) % this.pages.length;
    this.show(this.pages[next][0]);
    this.buttons[next].focus();
  }
}
