// The dock under the stage: one panel at a time about the sentence on view. It stays at the bottom of
// the window, so that photo and panel are seen together; closed, it is one line.

import { on } from "#kit/bus.js";
import { clear, h, set } from "#kit/elements.js";
import { BetPanel } from "#fork/bet.js";
import { DialectsPanel } from "#fork/dialects.js";
import { MemoryPanel } from "#fork/memory.js";
import { Overlay } from "#fork/overlay.js";
import { TreePanel } from "#fork/tree.js";
import { WayPanel } from "#fork/way.js";
import { asked } from "#visit/address.js";
import { currentStage } from "#visit/places.js";
import { ask } from "#visit/questions.js";

/** @import {Bridge} from "#visit/questions.js" */
/** @import {StageOnView} from "#visit/places.js" */

/**
 * A panel of the dock.
 * @typedef {object} Panel
 * @property {string} name
 * @property {string} title
 * @property {HTMLElement} node
 * @property {() => void} open it came into view, or what it is about has changed
 * @property {() => void} close
 * @property {() => void} [draw] the stage has drawn a frame
 */

const PANELS = [TreePanel, MemoryPanel, BetPanel, WayPanel, DialectsPanel];

export class Dock {
  /**
   * @param {Element} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    /** @type {Overlay | null} */
    this.paper = null;
    /** @type {Panel | null} */
    this.shown = null;
    /** @type {string} */
    this.subject = "";
    this.arrived = false;
    /** @type {Panel[]} */
    this.panels = PANELS.map((Kind) => new Kind(this));
    this.tabs = this.panels.map((panel) =>
      h(
        "button",
        {
          type: "button",
          class: "fork-tab",
          "data-fork-tab": panel.name,
          "aria-expanded": "false",
          "aria-controls": "fork-panel",
          onclick: () => this.show(panel === this.shown ? null : panel.name),
        },
        panel.title
      )
    );
    this.body = h("div", { class: "fork-body", id: "fork-panel", hidden: "" });
    const bar = h(
      "div",
      { class: "fork-bar", role: "group", "aria-label": "More about this sentence" },
      h("span", { class: "fork-lead p2s-soft" }, "A sentence is a path:"),
      this.tabs
    );
    clear(root).append(bar, this.body);
    root.addEventListener("keydown", (event) => this.key(/** @type {KeyboardEvent} */ (event)));
    on("drawn", () => this.drawn());
    on("panel", (number) => this.toggle(number));
    this.size = new ResizeObserver(() => this.reserve());
    this.size.observe(root);
  }

  /** @returns {StageOnView | null} */
  get stage() {
    return currentStage();
  }

  /** The photo's layer for what a panel draws; `null` before there is a stage. */
  get overlay() {
    if (!this.paper && this.stage) this.paper = new Overlay(this.stage);
    return this.paper;
  }

  /**
   * Open a panel by its name; `null` closes the dock.
   * @param {string | null} name
   */
  show(name) {
    const next = this.panels.find((panel) => panel.name === name) || null;
    if (this.shown && this.shown !== next) this.leave(this.shown);
    this.shown = next;
    this.tabs.forEach((tab) => {
      const here = tab.dataset.forkTab === name;
      set(tab, { "aria-expanded": String(here) });
    });
    this.body.hidden = !next;
    document.body.classList.toggle("p2s-docked", Boolean(next));
    if (next) {
      clear(this.body).append(next.node);
      this.subject = this.about();
      next.open();
    }
    this.reserve();
    this.stage?.changed();
  }

  /**
   * Open a panel by its number and go there, or close it: how presenter mode asks.
   * @param {number} number
   */
  toggle(number) {
    const panel = this.panels[number];
    if (!panel) return;
    this.show(panel === this.shown ? null : panel.name);
    this.tabs[number].focus();
  }

  /** For panels about the whole sentence: a replay stops, and all of it is on view. */
  still() {
    this.stage?.pause();
    if (!this.stage?.busy()) this.stage?.seek(Infinity);
  }

  /** @param {Panel} panel */
  leave(panel) {
    panel.close();
    this.overlay?.clear();
    this.overlay?.alone(false);
  }

  /** How much of the window's height the dock takes from the stage. */
  reserve() {
    const height = this.root.getBoundingClientRect().height;
    document.documentElement.style.setProperty("--p2s-dock", `${Math.round(height)}px`);
  }

  /** What a panel is about: another sentence or picture means that it opens anew. */
  about() {
    const record = this.stage?.record;
    if (!record) return "";
    const { image, run, state } = record;
    return [image && image.id, run, state === "done" || state === "stopped"].join();
  }

  /** A link to a game opens it, once its sentence is written. */
  arrive() {
    const seed = asked("bet");
    const record = this.stage?.record;
    if (this.arrived || (seed !== null && record?.state !== "done")) return;
    this.arrived = true;
    const bet = this.panels.find((panel) => panel instanceof BetPanel);
    if (seed === null || !(bet instanceof BetPanel)) return;
    bet.seed = Number(seed);
    this.show(bet.name);
  }

  drawn() {
    this.arrive();
    if (!this.shown) return;
    const subject = this.about();
    if (subject !== this.subject) {
      this.subject = subject;
      this.overlay?.clear();
      this.overlay?.alone(false);
      this.shown.open();
    } else if (this.overlay?.moved()) this.shown.draw?.();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "Escape" || !this.shown) return;
    const tab = this.tabs[this.panels.indexOf(this.shown)];
    this.show(null);
    tab.focus();
  }

  /**
   * @param {string} name
   * @param {object} question
   */
  ask(name, question) {
    return ask(this.bridge.server, `fork_${name}`, question);
  }
}

/**
 * Called by the component's load hook.
 * @param {Element} element
 * @param {Bridge} bridge
 */
export const mountFork = (element, bridge) => {
  const root = element.querySelector("[data-fork]");
  if (root) enterDock(new Dock(root, bridge));
};

/** @type {Dock | null} */
let dock = null;

/** @param {Dock} one */
function enterDock(one) {
  dock = one;
}

/** The dock on the page, for the console and for tests. */
export const currentDock = () => dock;
