// What the tour can do for a visitor: it presses the same buttons and moves the same sliders as a
// person would.

import { toggleSheet } from "#kit/actions.js";
import { partOf } from "#kit/elements.js";
import { sheeted } from "#kit/timing.js";
import { currentStage } from "#visit/places.js";

/** @import {Slot} from "#kit/roles.js" */

/** @typedef {(words: string) => void} Say a line on the card */

const PATIENCE = 60000; // ms for a sentence on a slow computer
export const OTHER = "[data-alternative]:not([aria-current])";

/** @type {(selector: string) => HTMLElement | null} */
export const query = (selector) => document.querySelector(selector);

/** @type {(selector: string) => HTMLElement} */
const there = (selector) => partOf(document, selector);

/** @type {(selector: string) => HTMLInputElement} */
const input = (selector) => /** @type {HTMLInputElement} */ (there(selector));

/** The stage, which is there before anybody can start the tour. */
export const stage = () => {
  const one = currentStage();
  if (!one) throw new Error("The stage is not there yet.");
  return one;
};

/** @type {(condition: () => unknown, patience?: number) => Promise<void>} */
export function until(condition, patience = PATIENCE) {
  const start = Date.now();
  return new Promise((resolve, reject) => {
    const look = () => {
      if (condition()) resolve();
      else if (Date.now() - start > patience) reject(new Error("That takes longer than expected; go on if you like."));
      else setTimeout(look, 60);
    };
    look();
  });
}

/** @type {{[name: string]: string}} */
const TITLES = { write: "Write", compare: "Compare", learn: "Learn" };

export const tools = {
  /**
   * Choose a tab of the page; where there is no room for it, Gradio lists it in a menu.
   * @param {string} name
   */
  async tab(name) {
    /** @type {NodeListOf<HTMLElement>} */
    const listed = document.querySelectorAll("#tabs .overflow-dropdown button");
    const button =
      query(`#tab-${name}-button`) || [...listed].find((one) => one.textContent?.trim() === TITLES[name]);
    if (!button) throw new Error("This part of the page is not there.");
    if (button.getAttribute("aria-selected") !== "true") button.click();
    await until(() => query(`#tab-${name}`)?.getClientRects().length);
  },

  /** On a phone the controls are in a sheet. */
  openSheet() {
    if (sheeted() && !document.body.classList.contains("p2s-sheet")) toggleSheet();
  },

  closeSheet() {
    if (document.body.classList.contains("p2s-sheet")) toggleSheet();
  },

  /** @param {string} id */
  press(id) {
    const node = there(`#${id}`);
    (node.matches("button") ? node : partOf(node, "button")).click();
  },

  /**
   * What the tour changed, by control, to put it back when it ends.
   * @type {Map<string, () => void>}
   */
  changed: new Map(),

  /**
   * Set a slider or number of Gradio's.
   * @type {(id: string, value: number | string) => void}
   */
  number(id, value) {
    const field = input(`#${id} input[type=number]`);
    const before = field.value;
    if (!tools.changed.has(id)) tools.changed.set(id, () => tools.number(id, before));
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, value);
    for (const type of ["input", "change", "blur"]) field.dispatchEvent(new Event(type, { bubbles: true }));
  },

  /** @type {(id: string, value: string) => void} */
  radio(id, value) {
    const before = input(`#${id} input[type=radio]:checked`).value;
    if (!tools.changed.has(id)) tools.changed.set(id, () => tools.radio(id, before));
    const choice = input(`#${id} input[type=radio][value="${value}"]`);
    if (!choice.checked) choice.click();
  },

  /**
   * Give the visitor their settings back.
   * @param {...string} ids
   */
  restore(...ids) {
    for (const id of ids.length ? ids : [...tools.changed.keys()]) {
      const undo = tools.changed.get(id);
      if (undo) undo();
      tools.changed.delete(id);
    }
  },

  /**
   * Run and wait until the new sentence is complete.
   * @param {Say} say
   */
  async run(say) {
    const before = stage().record.run;
    say("The model is writing…");
    tools.press("run");
    await until(() => stage().record.run !== before && stage().record.end);
    if (stage().record.state === "error") throw new Error(stage().record.end?.message);
    say("");
  },

  /**
   * A sentence of this visit: a recorded one cannot be questioned or continued.
   * @param {Say} say
   */
  async live(say) {
    await tools.tab("write");
    const { record } = stage();
    const fresh = record.run && !record.header.replay && record.tokens.length > 5;
    if (!fresh || stage().busy()) await tools.run(say);
  },

  /** @type {(slot: Slot, say: Say) => Promise<void>} */
  async select(slot, say) {
    await tools.live(say);
    const token = stage().record.tokens.find((one) => one.slot === slot);
    if (!token) throw new Error("This sentence has no such token; go on to the next step.");
    stage().select(token.index);
    await until(() => query("[data-inspect]"));
  },

  /**
   * Lay the alternatives of the first class before the visitor.
   * @param {Say} say
   */
  async offer(say) {
    await tools.select("class", say);
    stage().inspector.tabs.show("change");
    await until(() => query(OTHER)?.getClientRects().length);
  },

  /**
   * Write on from the first of them.
   * @param {Say} say
   */
  async take(say) {
    const before = stage().record.run;
    say("Writing on from there…");
    there(OTHER).click();
    await until(() => stage().record.run !== before && stage().record.end);
    say("");
  },

  /**
   * A second sentence, where the visitor has written none: there is nothing to go back to else.
   * @param {Say} say
   */
  async branch(say) {
    await tools.offer(say);
    await tools.take(say);
    stage().select(null);
    await until(() => query(".p2s-branches:not([hidden])"));
  },
};
