// The page's tabs, whose bar is Gradio's: where there is no room, it lists some of them in a menu.

/** @type {{[name: string]: string}} */
const TITLES = {
  write: "Write",
  compare: "Compare",
  lab: "Experiments",
  learn: "Learn",
  about: "About the model",
};

export const TABS = Object.keys(TITLES);

/** @param {string} name */
const onView = (name) => Boolean(document.querySelector(`#tab-${name}`)?.getClientRects().length);

/** The tab on view. */
export const currentTab = () => TABS.find(onView) || "write";

const PATIENCE = 10_000; // ms that a part may take to be made
const AGAIN = 400; // ms after which a press that led nowhere is made again
let pressed = 0;

/**
 * Press a tab; returns whether it is on view. Gradio measures its bar anew whenever it changes, and a
 * press may get lost meanwhile: ask until it is there.
 * @param {string} name
 */
export const pressTab = (name) => {
  if (onView(name)) return true;
  if (Date.now() - pressed < AGAIN) return false;
  pressed = Date.now();
  const listed = [...document.querySelectorAll("#tabs .overflow-dropdown button")];
  const button = /** @type {HTMLElement | null | undefined} */ (
    document.querySelector(`#tab-${name}-button`) ||
      listed.find((one) => one.textContent?.trim() === TITLES[name])
  );
  button?.click();
  return false;
};

/**
 * Open a tab at one of its parts, as soon as Gradio has made it.
 * @param {string} name
 * @param {string} part a selector; the first that is on view is meant
 */
export const goTo = (name, part) => {
  const started = Date.now();
  const look = () => {
    const node = pressTab(name) && [...document.querySelectorAll(part)].find((one) => one.getClientRects().length);
    if (node instanceof HTMLElement) {
      node.tabIndex = -1;
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: "start" });
    } else if (Date.now() - started < PATIENCE) setTimeout(look, 100);
  };
  look();
};

const LATER = [250, 1500]; // ms in which Gradio makes a panel that is opened for the first time

/**
 * Be told when another tab comes into view; the header stands before there are any.
 * @param {() => void} callback
 */
export const onTab = (callback) => {
  const bar = document.querySelector("#tabs > .tab-wrapper");
  if (!bar) {
    setTimeout(() => onTab(callback), LATER[0]);
    return;
  }
  new MutationObserver(() => {
    callback();
    for (const wait of LATER) setTimeout(callback, wait);
  }).observe(bar, { attributes: true, childList: true, subtree: true });
};
