// What *Many samples* says about its curve: different names are not found objects, and where the truth
// is known, right ones and others are counted apart.

import { percent, plural } from "#kit/numbers.js";

/**
 * A scene's objects, the share of them that k samples find, and how many of the different objects that
 * all samples name are right.
 * @typedef {{objects: number, recall: number[], right: number, others: number}} Truth
 */

/**
 * @param {number[]} curve different objects that k samples name together, k = 1 …
 * @param {Truth | undefined} truth
 */
export const samplesSaid = (curve, truth) => {
  const [one, all] = [curve[0], curve[curve.length - 1]];
  const count = curve.length;
  const named =
    all > one + 0.05
      ? `One sample names ${one.toFixed(1)} objects, ${count} together ${all.toFixed(0)} different ones.`
      : `One sample names ${one.toFixed(1)} objects, and ${count} together no others.`;
  if (!truth) return `${named} Named is not found: here nobody knows the true objects.`;
  const [first, last] = [truth.recall[0], truth.recall[truth.recall.length - 1]];
  const share =
    last > first + 0.005
      ? `${percent(first)} with one sample, ${percent(last)} with all`
      : `${percent(last)}, with one sample as with all`;
  return (
    `${named} ${truth.right} of them right, ${truth.others} not. ` +
    `Found of this scene's ${plural(truth.objects, "object")} (dashed): ${share}.`
  );
};
