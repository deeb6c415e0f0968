// What Gradio's widgets owe to a keyboard: one tab stop per group with arrows inside, menus that close
// when they are left, examples with names, and a way past the controls to the sentence.

import { on } from "#kit/bus.js";
import { h } from "#kit/elements.js";
import { currentStage } from "#visit/places.js";

/** @type {[group: string, item: string, chosen: string][]} groups that are one stop each */
const GROUPS = [
  ["fieldset.block", "input[type=radio]", ":checked"],
  ["#tabs > .tab-wrapper > [role=tablist]", "[role=tab]", "[aria-selected=true]"],
  ["#examples", ".thumbnail-item", "[aria-pressed=true]"],
  ["#image .source-selection", "button", ".selected"],
];
const STEPS = new Map([["ArrowRight", 1], ["ArrowDown", 1], ["ArrowLeft", -1], ["ArrowUp", -1]]);

/**
 * @param {Element} group
 * @param {string} item
 * @returns {HTMLElement[]}
 */
const itemsOf = (group, item) =>
  [.../** @type {NodeListOf<HTMLElement>} */ (group.querySelectorAll(item))].filter((one) => one.getClientRects().length);

/** Tab stops and names, as they should be now: Gradio draws its widgets anew as it likes. */
function tidy() {
  for (const [where, item, chosen] of GROUPS) {
    for (const group of document.querySelectorAll(where)) {
      const items = itemsOf(group, item);
      const stop = items.find((one) => one === document.activeElement) || items.find((one) => one.matches(chosen)) || items[0];
      for (const one of items) one.tabIndex = one === stop ? 0 : -1;
    }
  }
  for (const example of document.querySelectorAll("#examples .thumbnail-item")) {
    const name = example.querySelector("img")?.alt;
    if (name) example.setAttribute("aria-label", `Example: ${name}`);
    if (name) example.setAttribute("title", name);
  }
}

/** @param {KeyboardEvent} event */
function arrows(event) {
  const step = STEPS.get(event.key);
  const from = event.target;
  if (!step || !(from instanceof HTMLElement)) return;
  for (const [where, item] of GROUPS) {
    const group = from.closest(where);
    if (!group || !from.matches(item)) continue;
    const items = itemsOf(group, item);
    const next = items[(items.indexOf(from) + step + items.length) % items.length];
    event.preventDefault();
    next.focus();
    if (next.matches("input, [role=tab]")) next.click(); // to be on it is to choose it
    tidy();
    return;
  }
}

let lastKey = "";

/**
 * A menu that has lost the keyboard closes, as Escape would close it; a choice by Enter leaves the
 * keyboard on its menu.
 * @param {FocusEvent} event
 */
function leave(event) {
  const menu = event.target;
  if (!(menu instanceof HTMLElement) || menu.getAttribute("role") !== "combobox") return;
  setTimeout(() => {
    const open = menu.getAttribute("aria-expanded") === "true" && menu !== document.activeElement;
    if (open) menu.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    if (document.activeElement === document.body && lastKey === "Enter") menu.focus();
  }, 150); // a choice by the pointer comes first
}

function skip() {
  const chip = /** @type {HTMLElement | null} */ (document.querySelector("[data-token][tabindex='0']"));
  (chip || /** @type {HTMLElement | null} */ (document.querySelector("#stage button")))?.focus();
}

/** Begin to mind them; once per page. */
export function mindManners() {
  document.addEventListener("keydown", (event) => {
    lastKey = event.key;
    if (event.key === "Tab") tidy();
    else arrows(event);
  });
  document.addEventListener("focusin", tidy);
  document.addEventListener("focusout", leave);
  on("stage", () => {
    for (const wait of [0, 500, 2000]) setTimeout(tidy, wait); // widgets come one after another
    if (document.querySelector(".p2s-skip")) return;
    const link = h("a", { class: "p2s p2s-skip", href: "#stage", "data-skip": "" }, "Skip to the sentence");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      if (currentStage()) skip();
    });
    document.body.prepend(link);
  });
}
