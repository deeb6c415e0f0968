// What *Many samples* says about its curve: different names are not found objects, and where the truth
// is known, right ones and others are counted apart.

import { percent, plural } from "#kit/numbers.js";

/**
 * @param {number[]} curve different objects that k samples name together, k = 1 …
 * @param {{objects: number, recall: number[], right: number, others: number} | undefined} truth of a
 *   scene: its objects, the share that k samples find, how many of the different ones are right
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
 * Whether a sampled sentence was likelier than the one that takes the likeliest token each time.
 * @param {number} argmax Σ −ln p of argmax's sentence, nats
 * @param {number[]} samples of the sampled ones
 */
export const likelierSaid = (argmax, samples) => {
  const better = samples.filter((nats) => nats < argmax - 0.005).length;
  const [least, most] = [Math.min(...samples), Math.max(...samples)];
  const numbers = `Σ −ln p of a sentence, EOS included: ${least.toFixed(1)} to ${most.toFixed(1)} nats, argmax ${argmax.toFixed(1)}`;
  return better
    ? `${numbers}. ${plural(better, "sample is", "samples are")} likelier than argmax's sentence: the likeliest token at each step does not make the likeliest sentence.`
    : `${numbers}. None is likelier than argmax's here, though it looks at one token at a time.`;
};
