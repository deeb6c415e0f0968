// What the argument page says, filled from its numbers: a sentence claims what its intervals hold, says
// the opposite where they say so, and that nothing can be told where they hold zero.

import { percent } from "#kit/numbers.js";

/** @import {Shown} from "#lab/gallery.js" */

/** @typedef {[value: number, low: number, high: number]} Interval of 95 % */
/** @typedef {"stop" | "on" | "noise"} SideName */
/** @typedef {"right" | "double" | "wrong"} Verdict on a box */
/** @typedef {"precision" | "recall"} Measure */
/** @typedef {(number | null)[]} ByThreshold */

/**
 * One way to write. A measure is its value and the ends of its interval.
 * @typedef {object} Side
 * @property {{[verdict in Verdict]: number[]}} counts of boxes, by threshold
 * @property {ByThreshold[]} precision
 * @property {ByThreshold[]} recall
 * @property {[score: number, right: number, boxes: number][]} calibration
 * @property {[score: number, right: number][]} by_place in the sentence
 */

/**
 * @typedef {object} Labelled a set of pictures whose objects are known
 * @property {string} title
 * @property {number} images
 * @property {number} objects
 * @property {string[]} missing classes that the twins do not know
 * @property {{[side in SideName]: Side}} sides
 * @property {{[later_earlier: string]: {[measure in Measure]: ByThreshold[]}}} differences low and high
 * @property {Shown[]} gallery
 */

/**
 * What `pix2seq argument` writes.
 * @typedef {object} Recorded
 * @property {{name: string}} plain
 * @property {{name: string}} control
 * @property {number[]} thresholds
 * @property {{name: SideName, title: string}[]} sides
 * @property {Labelled[]} sets
 */

/** @typedef {{text: string, holds: boolean | null}} Claim and whether it is the paper's; null: nothing is said */

const points = (/** @type {number} */ value) => Math.abs(100 * value).toFixed(1);
const signed = (/** @type {number} */ value) => `${value < 0 ? "−" : "+"}${points(value)}`;

/**
 * How surely something moved: 1 up, -1 down, 0 cannot be told.
 * @type {(low: number, high: number) => -1 | 0 | 1}
 */
export const moved = (low, high) => (low > 0 ? 1 : high < 0 ? -1 : 0);

/**
 * Everything about a side at one threshold.
 * @param {Labelled} set
 * @param {SideName} name
 * @param {number} at
 */
export const sideAt = (set, name, at) => {
  const side = set.sides[name];
  const count = (/** @type {Verdict} */ kind) => side.counts[kind][at];
  const interval = (/** @type {ByThreshold[]} */ rows) =>
    /** @type {Interval} */ (rows.map((row) => row[at])); // numbers where a box is shown
  const right = count("right");
  return {
    right,
    double: count("double"),
    wrong: count("wrong"),
    missed: set.objects - right,
    precision: interval(side.precision),
    recall: interval(side.recall),
  };
};

/**
 * A difference between two sides at one threshold: value, low, high; null where one shows nothing.
 * @param {Labelled} set
 * @param {SideName} later
 * @param {SideName} earlier
 * @param {Measure} what
 * @param {number} at
 * @returns {Interval | null}
 */
export const difference = (set, later, earlier, what, at) => {
  const interval = set.differences[`${later}-${earlier}`][what].map((row) => row[at]);
  const values = [set.sides[later][what][0][at], set.sides[earlier][what][0][at], ...interval];
  const known = values.filter((one) => typeof one === "number");
  if (known.length < 4) return null;
  const [after, before, low, high] = known;
  return [after - before, low, high];
};

/** @type {(what: string, change: Interval | null, than: string) => string} */
const told = (what, change, than) => {
  if (!change) return `${what} cannot be compared here.`;
  const [value, low, high] = change;
  const range = `[${signed(low)}, ${signed(high)}]`;
  const way = moved(low, high);
  if (way > 0) return `${what} rises by ${points(value)} points ${range}${than}.`;
  if (way < 0) return `${what} falls by ${points(value)} points ${range}${than}.`;
  return `${what} does not move measurably: ${signed(value)} points ${range}${than}.`;
};

/** @type {(set: Labelled, at: number) => Claim} */
const stop = (set, at) => {
  const side = sideAt(set, "stop", at);
  const boxes = side.right + side.double + side.wrong;
  if (!boxes) return { text: "No box scores that high: nothing is shown.", holds: null };
  const [recall, low, high] = side.recall;
  const each = (boxes / set.images).toFixed(1);
  const there = (set.objects / set.images).toFixed(1);
  return {
    text:
      `It shows ${each} boxes a picture, where ${there} objects are, and finds ${percent(recall)} of them ` +
      `[${percent(low)}, ${percent(high)}]; ${percent(side.precision[0])} of its boxes are right.`,
    holds: null,
  };
};

/** @type {(set: Labelled, at: number) => Claim} */
const goOn = (set, at) => {
  const recall = difference(set, "on", "stop", "recall", at);
  const precision = difference(set, "on", "stop", "precision", at);
  const up = recall && moved(recall[1], recall[2]) > 0;
  const down = precision && moved(precision[1], precision[2]) < 0;
  return {
    text: `${told("Recall", recall, "")} ${told("Precision", precision, "")}`,
    holds: recall && precision ? Boolean(up && down) : null,
  };
};

/** @type {(set: Labelled, at: number) => Claim} */
const noise = (set, at) => {
  const recall = difference(set, "noise", "stop", "recall", at);
  const precision = difference(set, "noise", "stop", "precision", at);
  const gained = difference(set, "noise", "on", "precision", at);
  const up = recall && moved(recall[1], recall[2]) > 0;
  const kept = precision && moved(precision[1], precision[2]) >= 0;
  const better = gained && moved(gained[1], gained[2]) > 0;
  const than = " against stopping early";
  return {
    text:
      `${told("Recall", recall, than)} ${told("Precision", precision, than)} ` +
      told("Against going on without the noise class, precision", gained, ""),
    holds: recall && precision && gained ? Boolean(up && kept && better) : null,
  };
};

/**
 * The three steps: a text, and whether it is what the paper says (null: it says nothing).
 * @type {(set: Labelled, at: number) => {[side in SideName]: Claim}}
 */
export const claims = (set, at) => ({ stop: stop(set, at), on: goOn(set, at), noise: noise(set, at) });

/**
 * One line under the steps: does the argument hold here?
 * @type {(set: Labelled, at: number) => string}
 */
export const conclusion = (set, at) => {
  const { on, noise: last } = claims(set, at);
  if (on.holds === null || last.holds === null) return "";
  if (on.holds && last.holds) {
    return "The paper’s argument shows here: going on finds more and costs precision, the noise class gives the precision back.";
  }
  const missing = [];
  if (!on.holds) missing.push("going on does not both find more and cost precision");
  if (!last.holds) missing.push("the noise class does not both keep what was found and give precision back");
  return `At this score the paper’s argument does not show here as a whole: ${missing.join("; ")}.`;
};
