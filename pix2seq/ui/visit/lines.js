// One line of the record to plain values (the formats are in ui/visit/record.py).

/** @import {Found} from "#kit/boxes.js" */
/** @import {Pull, Slot, Token} from "#kit/roles.js" */

/** @type {Slot[]} */
const SLOT_BY_CODE = ["ymin", "xmin", "ymax", "xmax", "class", "eos"];
const PART = 1e-4; // probabilities travel as whole ten-thousandths

/**
 * A token's line; `null` where it is no token's.
 * @param {string[]} fields
 * @param {Slot} first the slot that an object begins with
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
    pull: null,
    candidates: fields.slice(11).map((text) => {
      const [id, prob, final] = text.split(":").map(Number);
      return { id, prob: prob * PART, final: final * PART };
    }),
    object: (before ? before.object : -1) + (starts || !before ? 1 : 0),
  };
}

/**
 * What pulled a token.
 * @param {string[]} fields
 * @returns {Pull}
 */
export function parsePull(fields) {
  const [, centre, width, draft, sure] = fields.map(Number);
  return { centre, width, draft, sure: sure * PART };
}

/**
 * @param {string[]} fields
 * @returns {Found}
 */
export function parseObject(fields) {
  return {
    object: Number(fields[0]),
    box: [Number(fields[1]), Number(fields[2]), Number(fields[3]), Number(fields[4])],
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
