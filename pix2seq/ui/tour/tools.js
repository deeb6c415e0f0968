// What the tour can do on the page, and what it can say about the sentence on it: every number in its
// texts is read off the record that the visitor sees.

import { toggleSheet } from "#kit/actions.js";
import { pressTab } from "#kit/tabs.js";
import { probability } from "#kit/numbers.js";
import { currentStage } from "#visit/places.js";

/** @import {Token} from "#kit/roles.js" */

const PATIENCE = 60000; // ms for what a slow computer makes in its own time
const ARRIVAL = 10000; // ms for the opening's recording
const READING = 700; // ms a token, for people who follow with their eyes
export const STORY = "scene-275";

/** @type {(selector: string) => HTMLElement | null} */
export const query = (selector) => document.querySelector(selector);

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

export const closeSheet = () => {
  if (document.body.classList.contains("p2s-sheet")) toggleSheet();
};

/** @param {string} name */
export const openTab = async (name) => {
  closeSheet();
  await until(() => pressTab(name));
};

/**
 * Open a part of a tab, which may have been left at another.
 * @param {string} title of its own tab
 * @param {string} shown what is then on view
 */
export const openPart = async (title, shown) => {
  const parts = [...document.querySelectorAll("[role=tab]")];
  /** @type {HTMLElement | undefined} */ (parts.find((one) => one.textContent?.trim() === title))?.click();
  await until(() => query(shown)?.getClientRects().length, ARRIVAL);
};

/** What the page's other scripts, and its tests, may ask of the tour. */
export const tools = { tab: openTab, closeSheet };

/** A panel of the dock under the stage; `null` closes what is open. */
export const panel = (/** @type {string | null} */ name) => {
  const open = /** @type {HTMLElement | null} */ (document.querySelector("[data-fork-tab][aria-expanded=true]"));
  if ((open?.dataset.forkTab ?? null) === name) return;
  if (name === null) open?.click();
  else query(`[data-fork-tab=${name}]`)?.click();
};

/** Write with the story on the stage: the recording that the page opened with, to token `shown`. */
export const story = async (/** @type {number} */ shown) => {
  await openTab("write");
  const one = stage();
  await until(() => one.record.run, ARRIVAL).catch(() => {}); // a page that has just opened
  const told = (/** @type {any} */ record) => record.recorded && record.image?.example === STORY;
  if (!told(one.record)) {
    const kept = [...one.records.values()].find(told);
    if (kept) one.open(kept);
    else {
      location.assign(`${location.pathname}?ex=${STORY}&tour=1`); // the tour opens again where it was
      await new Promise(() => {});
    }
  }
  await until(() => one.record.tokens.length && one.record.end);
  one.pause();
  one.select(null);
  panel(null);
  one.seek(Math.min(shown, one.record.tokens.length));
};

/** Play the tokens up to `last` at reading speed. */
export const readAloud = async (/** @type {number} */ last) => {
  const one = stage();
  one.pause();
  for (let shown = 0; shown <= last; shown += 1) {
    one.seek(shown);
    await new Promise((resolve) => setTimeout(resolve, READING));
  }
};

// ---- what the record says ---------------------------------------------------------------------

/** @type {(index: number) => Token} */
export const token = (index) => {
  const found = stage().record.tokens[index];
  if (!found) throw new Error("This sentence has no such token; go on to the next step.");
  return found;
};

/** @type {(index: number) => string} */
export const text = (index) => stage().record.text_of(token(index).id);

/** The five words of an object, as they stand in its line. */
export const line = (/** @type {number} */ object) => [0, 1, 2, 3, 4].map((slot) => text(5 * object + slot)).join(" ");

/** The likeliest words at a token, with their probabilities. */
export const likeliest = (/** @type {number} */ index, /** @type {number} */ count) =>
  token(index)
    .candidates.slice(0, count)
    .map((one) => `${stage().record.text_of(one.id)} has ${probability(one.prob)}`)
    .join(", ");

/** Objects by what became of them. */
export const tally = () => {
  const { record } = stage();
  const slots = record.vocab.slots.length;
  const words = record.tokens.filter((one) => one.slot === "class");
  const noise = words.filter((one) => record.kind(one.id) === "noise").length;
  return { objects: words.length - noise, noise, first: (words.length - noise) * slots };
};
