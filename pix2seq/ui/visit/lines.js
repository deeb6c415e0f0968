// One line of the record to plain values (the formats are in ui/visit/record.py).

const SLOT_BY_CODE = ["ymin", "xmin", "ymax", "xmax", "class", "eos"];
const PART = 1e-4; // probabilities travel as whole ten-thousandths

/**
 * @typedef {object} Vocabulary
 * @property {string[]} slots the five places of an object, in this model's order
 * @property {(string | null)[]} classes names by label
 * @property {number} bins
 * @property {number} coord id of the first bin
 * @property {number} cls id of the first class
 * @property {number} [eos]
 * @property {number | null} [noise]
 * @property {string} [quantizer]
 * @property {number} [maxObjects]
 */

/**
 * @typedef {object} Token probabilities in 0 to 1, `entropy` in nats
 * @property {number} index in the sentence
 * @property {number} id in the vocabulary
 * @property {string} slot
 * @property {number} logprob
 * @property {number} raw what the model itself gave it
 * @property {number} prob after the settings
 * @property {number} entropy
 * @property {number} kept tokens that could be drawn
 * @property {number} keptMass
 * @property {number} grammarMass
 * @property {number} eosProb
 * @property {boolean} forced given by a person
 * @property {{id: number, prob: number, final: number}[]} candidates
 * @property {number} object
 */

/**
 * @typedef {object} Found a finished object; `box` is xyxy in pixels of the original picture
 * @property {number} object
 * @property {number[]} box
 * @property {number} label
 * @property {number} score
 * @property {number} noise
 * @property {number | null} edges
 * @property {string} state `ok`, `noise`, `dropped`, `below` or `flat`
 * @property {boolean} forced a person gave at least one of its tokens
 * @property {number | null} again the earlier object that it repeats
 */

/**
 * A token's line; `null` where it is no token's.
 * @param {string[]} fields
 * @param {string} first the slot that an object begins with
 * @param {Token | undefined} before the token in front of it
 * @returns {Token | null}
 */
export function parseToken(fields, first, before) {
  const slot = SLOT_BY_CODE[Number(fields[2])];
  if (!slot) return null;
  const starts = slot === first || slot === "eos";
  return {
    index: Number(fields[0]),
    id: Number(fields[1]),
    slot,
    logprob: Number(fields[3]),
    raw: Math.exp(Number(fields[3])),
    prob: Number(fields[4]) * PART,
    entropy: Number(fields[5]),
    kept: Number(fields[6]),
    keptMass: Number(fields[7]) * PART,
    grammarMass: Number(fields[8]) * PART,
    eosProb: Number(fields[9]) * PART,
    forced: fields[10] === "1",
    candidates: fields.slice(11).map((text) => {
      const [id, prob, final] = text.split(":").map(Number);
      return { id, prob: prob * PART, final: final * PART };
    }),
    object: (before ? before.object : -1) + (starts || !before ? 1 : 0),
  };
}

/**
 * @param {string[]} fields
 * @returns {Found}
 */
export function parseObject(fields) {
  return {
    object: Number(fields[0]),
    box: fields.slice(1, 5).map(Number),
    label: Number(fields[5]),
    score: Number(fields[6]) * PART,
    noise: Number(fields[7]) * PART,
    edges: Number(fields[8]) * PART,
    state: ["ok", "noise", "dropped", "below", "flat"].includes(fields[9]) ? fields[9] : "flat",
    forced: false,
    again: null,
  };
}

/** @param {string} text */
export function json(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return null;
  }
}
