// What a token says about its object: its place in the sentence, as the page shows and names it.

export const SLOTS = ["ymin", "xmin", "ymax", "xmax", "class"];
/** @param {string} slot */
export const isVertical = (slot) => slot === "ymin" || slot === "ymax"; // measures along y

/** @param {string} slot */
export const isCoordinate = (slot) => SLOTS.indexOf(slot) >= 0 && slot !== "class";

/** @type {{[slot: string]: string}} */
export const ROLE_MEANING = {
  ymin: "top edge",
  xmin: "left edge",
  ymax: "bottom edge",
  xmax: "right edge",
  class: "what it is",
  eos: "end of the sentence",
};
