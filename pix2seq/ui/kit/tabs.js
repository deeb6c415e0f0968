// The page's tabs, whose bar is Gradio's: where there is no room, it lists some of them in a menu.

/** @type {{[name: string]: string}} */
const TITLES = {
  write: "Write",
  compare: "Compare",
  lab: "P-R lab",
  learn: "Learn",
  about: "About the model",
};

export const TABS = Object.keys(TITLES);

/** @param {string} name */
const onView = (name) => Boolean(document.querySelector(`#tab-${name}`)?.getClientRects().length);

/** The tab on view. */
export const currentTab = () => TABS.find(onView) || "write";

/**
 * Press a tab; returns whether it is there to be pressed.
 * @param {string} name
 */
export const pressTab = (name) => {
  if (onView(name)) return true;
  const listed = [...document.querySelectorAll("#tabs .overflow-dropdown button")];
  const button = /** @type {HTMLElement | null | undefined} */ (
    document.querySelector(`#tab-${name}-button`) ||
      listed.find((one) => one.textContent?.trim() === TITLES[name])
  );
  button?.click();
  return Boolean(button);
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
