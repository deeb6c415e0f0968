// What *Many samples* says about its curve: different names are not found objects, and where the truth
// is known, right ones and others are counted apart.

import { beforeYou, percent, plural } from "#kit/numbers.js";

/** @import {Sampled} from "#compare/samples.js" */

/**
 * A scene's objects, the share of them that k samples find, and how many of the different objects that
 * all samples name are right.
 * @typedef {{objects: number, recall: number[], right: number, others: number}} Truth
 */

/** @typedef {{tokens: number, nats: number, seed?: number}} Cost Σ −ln p of a whole sentence */

/**
 * Whether the likeliest token at every step makes the likeliest sentence, among those written here.
 * @param {Cost | undefined} argmax
 * @param {Cost[]} samples
 */
export const costsSaid = (argmax, samples) => {
  if (!argmax || !samples.length) return "";
  const same = (/** @type {Cost} */ one) => Math.abs(one.nats - argmax.nats) < 0.005;
  const greedy = `The likeliest token at every step: ${argmax.nats.toFixed(2)} nats.`;
  if (samples.every(same)) return `${greedy} Every sample is as likely.`;
  const best = samples.reduce((a, b) => (b.nats < a.nats ? b : a));
  const likelier = samples.filter((one) => one.nats < argmax.nats && !same(one)).length;
  const least = `seed ${best.seed}, ${best.nats.toFixed(2)}`;
  return likelier
    ? `${greedy} ${likelier} of ${plural(samples.length, "sample")} ${likelier === 1 ? "is a likelier sentence" : "are likelier sentences"} ` +
        `(${least}): the likeliest tokens do not make the likeliest sentence.`
    : `${greedy} None of ${plural(samples.length, "sample")} is a likelier sentence (the best: ${least}); the tree of sentences under Write searches on.`;
};

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

/**
 * The line under the samples: how far they are, and what they have in common.
 * @param {Sampled & {done: number, objects: number[], clusters: {count: number}[]}} data
 */
export const samplingSaid = ({ state, before, wanted, done, objects, clusters, options }) => {
  if (state === "idle" || state === "error") return "";
  if (state === "encoding") return before ? beforeYou(before) : "Looking at the picture…";
  const head = { writing: "Writing", stopped: "Stopped", done: "Wrote" }[state];
  const count = state === "done" ? plural(done, "sample") : `${done} of ${wanted} samples`;
  if (!done) return `${head}: ${count}`;
  const mean = objects.reduce((sum, n) => sum + n, 0) / done;
  const always = clusters.filter((found) => found.count === done).length;
  const once = clusters.filter((found) => found.count === 1).length;
  const argmax =
    options?.temperature === 0 && done > 1
      ? " Temperature is 0 in Write, so every seed writes the same sentence."
      : "";
  return (
    `${head} ${count}: ${mean.toFixed(1)} objects each, ${clusters.length} different ones; ` +
    `${always} in every sample, ${once} in one only.${argmax}`
  );
};
