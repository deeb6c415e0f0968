// What buttons in several rooms do to the page.

/** Open the file chooser of the photo widget. */
export const usePhoto = () => {
  const find = (/** @type {string} */ what) =>
    /** @type {HTMLElement | null} */ (document.querySelector(`#image ${what}`));
  (find("input[type=file]") || find("button"))?.click();
};

/** On a phone the controls are a sheet over the page. */
export const toggleSheet = () => {
  const open = document.body.classList.toggle("p2s-sheet");
  document.querySelector("#sheet")?.setAttribute("aria-expanded", String(open));
};
