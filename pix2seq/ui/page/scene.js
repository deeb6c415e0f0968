// A scene as a link: which tab, lesson, picture, settings, token, panel, comparison, sweep. The address
// follows what is on view, and a page opened by such an address comes to show the same. (Presenter mode
// keeps its own key.)

import { currentDock } from "#fork/dock.js";
import { emit, on } from "#kit/bus.js";
import { currentTab, onTab, pressTab, TABS } from "#kit/tabs.js";
import { addressChanged, asked, askedNumber, inAddress, said } from "#visit/address.js";
import { currentStage } from "#visit/places.js";

/** @import {Part} from "#visit/address.js" */
/** @import {StageOnView} from "#visit/places.js" */
/** @typedef {{[option: string]: string}} Links the key of every option in a link */

const PATIENCE = 30000; // ms for what a link asks for to be there
const SOON = 100;
/** Keys that widgets of Gradio's say, and the tab that they belong to. */
const SAID = { pair: "compare", sweep: "lab", set: "lab", above: "lab" };

/**
 * Wait for something that the page makes in its own time.
 * @param {() => unknown} condition
 */
const until = (condition) =>
  /** @type {Promise<boolean>} */ (
    new Promise((resolve) => {
      const start = Date.now();
      const look = () => {
        if (condition()) resolve(true);
        else if (Date.now() - start > PATIENCE) resolve(false);
        else setTimeout(look, SOON);
      };
      look();
    })
  );

/** @param {unknown} value */
const plain = (value) => {
  if (typeof value === "boolean") return Number(value);
  if (Array.isArray(value)) return value.length ? value.join(",") : null;
  return value === undefined ? null : /** @type {string | number | null} */ (value);
};

/**
 * What is on the stage, as far as a link can bring it back: an example with the settings it was written
 * with; a recorded run plays by its example's name alone.
 * @type {(stage: StageOnView, links: Links) => Part}
 */
export const stagePart = (stage, links) => {
  const { record, selected } = stage;
  const { options, checkpoint, parent } = record.header;
  const example = record.image?.example || null;
  const keys = Object.values(links);
  /** @type {Part} */
  const part = { ex: example, ckpt: null, token: null, ...Object.fromEntries(keys.map((key) => [key, null])) };
  if (!example || parent) return part; // an own photo stays here, an edited sentence is nobody's settings
  if (selected !== null) part.token = selected + 1;
  if (record.recorded || !record.run || !options) return part;
  part.ckpt = checkpoint ?? null;
  const values = /** @type {{[option: string]: unknown}} */ (options);
  for (const [option, key] of Object.entries(links)) part[key] = plain(values[option]);
  return part;
};

/**
 * Follow the page, and open what the address asks for.
 * @param {Links} links
 */
export const startScene = (links) => {
  inAddress("tab", () => {
    const tab = currentTab();
    return { tab: tab === "write" ? null : tab };
  });
  inAddress("stage", () => {
    const stage = currentStage();
    // Before anything is written the server may not have read yet what the address asks for.
    return stage && stage.record.run ? stagePart(stage, links) : {};
  });
  inAddress("lesson", () => ({
    lesson: currentTab() === "learn" ? lessonOnView() : null,
  }));
  inAddress("panel", () => ({ panel: currentDock()?.shown?.name ?? null }));
  inAddress("said", () => {
    const tab = currentTab();
    return Object.fromEntries(
      Object.entries(SAID).map(([key, where]) => [key, where === tab ? (said(key) ?? null) : null])
    );
  });
  const arrived = arrive();
  arrived.then(() => {
    onTab(addressChanged);
    for (const event of ["record", "select", "place"]) on(event, addressChanged);
    document.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("[data-lesson], [data-fork-tab]")) addressChanged();
    });
    addressChanged();
  });
};

const lessonOnView = () =>
  document.querySelector("[data-lesson][aria-selected=true]")?.getAttribute("data-lesson") ?? null;

/** The tab that a link names, or that what it names is on: people leave `tab` out. */
const tabAsked = () => {
  const home = Object.entries({ lesson: "learn", ...SAID }).find(([key]) => asked(key) !== null);
  const tab = asked("tab") ?? home?.[1];
  return tab && TABS.includes(tab) ? tab : null;
};

/** Open what the address asks for, part by part; what is not there is left out. */
async function arrive() {
  const tab = tabAsked();
  if (tab) await until(() => pressTab(tab));
  const lesson = asked("lesson");
  if (lesson && tab === "learn" && /^[a-z]+$/.test(lesson)) {
    await until(() => document.querySelector("[data-lesson]"));
    /** @type {HTMLElement | null} */ (document.querySelector(`[data-lesson=${lesson}]`))?.click();
  }
  const panel = asked("panel");
  if (panel && /^[a-z]+$/.test(panel) && (await until(() => currentDock() && currentStage()?.record.run))) {
    currentDock()?.show(panel);
  }
  if (asked("tour") === "1" && (await until(() => currentStage()?.record.run))) emit("tour");
  const token = askedNumber("token", 1, 5000);
  if (token === null) return;
  const written = () => {
    const record = currentStage()?.record;
    return record?.run && record.end && !currentStage()?.busy();
  };
  await until(written);
  if (token <= (currentStage()?.record.tokens.length ?? 0)) currentStage()?.select(token - 1);
}
