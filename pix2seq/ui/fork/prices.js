// What a bet's price teaches, in a sentence or two.

import { fixed } from "#kit/numbers.js";

/**
 * @typedef {{player: string, written: number, truth: number | null}} Score
 * @typedef {{off: number, spike: number, bell: number, iou: number}} Miss
 * @typedef {{scores: Score[], you: number[], model: number[], written: number, truth: number | null,
 *   most: number, even: {objects: number, nats: number} | null, misses: Miss[] | null}} Price
 */

/**
 * @param {Price} price
 * @param {boolean} named
 * @param {number} bins
 */
export const lesson = (price, named, bins) => {
  const [you, , uniform] = price.scores;
  const parts = [];
  if (price.even && price.even.objects > 1) {
    const { objects, nats } = price.even;
    parts.push(`The first token also chooses one of ${objects} objects: up to ln ${objects} = ${fixed(nats)} nats of its price are that choice, which nobody can know.`);
  }
  if (you.written > uniform.written + 0.5) {
    const even = named ? "the same on every name" : `the same on all ${bins} bins`;
    parts.push(
      `A certain bet that misses costs more than ${even} (${fixed(uniform.written)}): the loss punishes certainty. ` +
        `What lies on all alike caps it at ${fixed(price.most, 1)}; without that, a sure miss would cost infinity.`
    );
  } else if (price.misses && price.misses.length === 2) {
    const [near, far] = price.misses;
    parts.push(
      `The loss knows no ruler: a spike ${near.off} bin off costs ${fixed(near.spike, 1)} nats (IoU ${fixed(near.iou)}), ` +
        `${Math.abs(far.off)} off the same ${fixed(far.spike, 1)} (IoU ${fixed(far.iou)}). A bell costs ${fixed(near.bell, 1)} and ${fixed(far.bell, 1)}: the model learned its ruler.`
    );
  }
  return parts.join(" ") || "The nearer your bet to what the model has learned, the cheaper.";
};
