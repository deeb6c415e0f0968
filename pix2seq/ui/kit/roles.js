// What a token says about its object: its place in the sentence, as the page shows and names it.

/** @typedef {"ymin" | "xmin" | "ymax" | "xmax"} Coordinate */
/** @typedef {Coordinate | "class" | "eos"} Slot */

/**
 * @typedef {object} Vocabulary
 * @property {Slot[]} slots the five places of an object, in this model's order
 * @property {(string | null)[]} classes names by label
 * @property {number} bins
 * @property {number} coord id of the first bin
 * @property {number} cls id of the first class
 * @property {number} [eos]
 * @property {number | null} [noise]
 * @property {string} [quantizer]
 * @property {number} [maxObjects]
 */

/** @typedef {{id: number, prob: number, final: number}} Candidate before and after the settings */

/**
 * @typedef {object} Pull where a draft of the encoder pulled a coordinate
 * @property {number} centre id of the draft's edge
 * @property {number} width standard deviation of the bell around it, in bins
 * @property {number} draft which of them it is, surest first, from 0
 * @property {number} sure its probability
 */

/**
 * @typedef {object} Token probabilities in 0 to 1, `entropy` in nats
 * @property {number} index in the sentence
 * @property {number} id in the vocabulary
 * @property {Slot} slot
 * @property {number} logprob
 * @property {number} raw what the model itself gave it, after the pull if there is one
 * @property {number} prob after the settings
 * @property {number} entropy
 * @property {number} kept tokens that could be drawn
 * @property {number} keptMass
 * @property {number} grammarMass
 * @property {number} eosProb
 * @property {boolean} forced given by a person
 * @property {Pull | null} pull
 * @property {Candidate[]} candidates
 * @property {number} object
 */

/** @typedef {{[slot in Slot]?: Token}} TokensBySlot of one object */

/** @type {Coordinate[]} */
export const COORDINATES = ["ymin", "xmin", "ymax", "xmax"];

/** @type {Slot[]} */
export const SLOTS = [...COORDINATES, "class"];

/** @param {string} slot */
export const isVertical = (slot) => slot === "ymin" || slot === "ymax"; // measures along y

/**
 * @param {string} slot
 * @returns {slot is Coordinate}
 */
export const isCoordinate = (slot) => COORDINATES.some((name) => name === slot);

/** @type {{[slot in Slot]: string}} */
export const ROLE_MEANING = {
  ymin: "top edge",
  xmin: "left edge",
  ymax: "bottom edge",
  xmax: "right edge",
  class: "what it is",
  eos: "end of the sentence",
};
