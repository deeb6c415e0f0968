// For a room: stage and sentence alone, in large type. Arrow keys go token by token, Space plays at a
// pace that can be followed, figures open a panel of the dock; the address keeps `present=1`, so that a
// link opens like this.

import { emit, on as listen } from "#kit/bus.js";
import { h } from "#kit/elements.js";
import { addressOf, asked } from "#visit/address.js";

/** @import {Stage} from "#write/stage.js" */

const PACE = 8; // tokens a second
const HINT = "← → a token · Space plays · R writes anew · 1 to 5 a panel · Esc leaves";

const byTouch = () => window.matchMedia("(pointer: coarse)").matches;

/** @param {EventTarget | null} target */
const typing = (target) =>
  target instanceof Element && Boolean(target.closest("input:not([type=range]), textarea, select, [contenteditable]"));

/**
 * Whether the dock needs a key where the focus is: sliders and lists take arrows, buttons take Space,
 * Escape closes the panel. Whatever is left moves the stage.
 * @param {KeyboardEvent} event
 */
const docked = ({ target, key }) =>
  target instanceof Element &&
  Boolean(target.closest("[data-fork]")) &&
  (key === " " || (key === "Escape" && document.body.classList.contains("p2s-docked")) || (key !== "p" && Boolean(target.closest("input, summary, [data-arrows]"))));

export class Presenter {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.on = false;
    this.pace = 0; // what to go back to
    const leave = h("button", { type: "button", class: "p2s-button", onclick: () => this.switch(false) }, "Leave");
    const play = h("button", { type: "button", class: "p2s-button", onclick: () => stage.togglePlay() }, "Play");
    this.hint = h("p", { class: "p2s-present-hint", hidden: "" }, ...(byTouch() ? [play, leave] : [HINT]));
    listen("present", () => this.switch(true));
    document.addEventListener("keydown", (event) => this.key(event), true); // before the sentence takes its arrows
    if (asked("present") === "1") this.switch(true);
  }

  /** @param {boolean} on */
  switch(on) {
    if (on === this.on) return;
    const { stage } = this;
    if (on) /** @type {HTMLElement | null} */ (document.querySelector("#tab-write-button"))?.click();
    this.on = on;
    this.hint.hidden = !on;
    document.body.classList.toggle("p2s-present", on);
    stage.root.toggleAttribute("data-present", on);
    if (on) {
      this.pace = stage.pace;
      stage.pace = PACE;
      stage.select(null);
    } else stage.pace = this.pace;
    history.replaceState(history.state, "", addressOf(location.href, { present: on ? 1 : null }));
    stage.photo.resize();
    stage.changed();
  }

  /** A sentence that is being written is shown at the room's pace, however fast it comes. */
  begin() {
    const { stage } = this;
    if (!this.on || stage.playing) return;
    stage.seek(0);
    stage.togglePlay();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { stage } = this;
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || docked(event) || !stage.root.offsetParent) return;
    if (!this.on) {
      if (event.key.toLowerCase() === "p") this.switch(true);
      return;
    }
    const { length } = stage.record.tokens;
    /** @type {{[key: string]: () => void}} */
    const keys = {
      ArrowRight: () => this.step(stage.shown + 1),
      ArrowLeft: () => this.step(stage.shown - 1),
      Home: () => this.step(0),
      End: () => this.step(length),
      " ": () => stage.togglePlay(),
      r: () => /** @type {HTMLElement | null} */ (document.querySelector("#run"))?.click(),
      p: () => this.switch(false),
      Escape: () => this.switch(false),
    };
    const figure = /^[1-9]$/.test(event.key) ? () => emit("panel", Number(event.key) - 1) : undefined;
    const act = figure || keys[event.key] || keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** @param {number} count tokens on view */
  step(count) {
    this.stage.pause();
    this.stage.select(null);
    this.stage.seek(count);
  }
}
