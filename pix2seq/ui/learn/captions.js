// What the lessons say about their tables and plots. Every sentence takes its numbers and its
// direction from what it stands over, and is empty where that does not tell.

import { fixed, percent, plural } from "#kit/numbers.js";

const SAME_IOU = 0.005; // closer than this, two overlaps are read as one number
const NEAR = 2; // bins on each side of a peak that a bell may spread over

/** @typedef {{name: string, iou: number, area: number}} Snapped a box and how well it came back */

/**
 * Whether small boxes suffer from coarse bins.
 * @param {Snapped[]} boxes
 */
export const sizesSaid = (boxes) => {
  if (boxes.length < 2) return "";
  const sorted = [...boxes].sort((a, b) => a.area - b.area);
  const [small, large] = [sorted[0], sorted[sorted.length - 1]];
  if (Math.abs(small.iou - large.iou) < SAME_IOU) return "";
  const numbers =
    `The smallest box, ${small.name}, comes back with an IoU of ${fixed(small.iou, 3)}, ` +
    `the largest, ${large.name}, with ${fixed(large.iou, 3)}`;
  return small.iou < large.iou ? `${numbers}: small boxes suffer first.` : `${numbers}: here the large one suffers more.`;
};

/** @typedef {{name: string, hits: number, nats: number}} Way a way to write, and what came of it */

/**
 * A sentence that is there already, and by which of the ways it was written.
 * @typedef {object} Written
 * @property {string[]} names of the objects that it shows
 * @property {number} noise boxes called noise
 * @property {number} tokens
 * @property {number} nats Σ −ln p
 * @property {{temperature?: number, top_p?: number, eos?: string, follow_drafts?: boolean, seed?: number}} options
 * @property {"recorded" | "edited" | "live"} origin
 */

/** @param {Written} written */
export const stageSaid = ({ names, noise, tokens, nats, options, origin }) => {
  const { temperature = 1, top_p: topP = 1, eos, follow_drafts: follows, seed } = options;
  const what = { recorded: "a recorded sentence", edited: "a sentence that was edited by hand", live: "your last sentence" }[origin];
  const settings = [
    temperature === 0 ? "always the likeliest token" : `top-p ${fixed(topP)}, temperature ${temperature}`,
    eos === "delay" ? "EOS put off" : "stopping at EOS",
    follows ? "following the encoder's drafts" : "",
    seed === undefined || temperature === 0 ? "" : `seed ${seed}`,
  ].filter(Boolean);
  const way = origin === "edited" || follows ? "" : wayOf(temperature, eos);
  const shows = names.length ? names.join(", ") : "no object";
  return (
    `On the stage of Write stands ${what} about this picture (${settings.join(", ")}): ${shows}` +
    `${noise ? `, and ${plural(noise, "box", "boxes")} called noise` : ""}. ` +
    `${plural(tokens, "token")}, Σ −ln p ${fixed(nats, 1)} nats.${way ? ` ${way}` : ""}`
  );
};

/** @type {(temperature: number, eos: string | undefined) => string} */
const wayOf = (temperature, eos) => {
  if (temperature === 0) return eos === "delay" ? "" : "That is the first way below.";
  return eos === "delay" ? "That is the third way below." : "That is the second way below.";
};

/** @param {number} a @param {number} b */
const compared = (a, b) => (a > b ? "more" : a < b ? "fewer" : "as many");

/**
 * What three sentences found of what there is, each against the first.
 * @param {Way[]} ways
 * @param {number} truth true objects; 0 where nobody knows them
 */
export const waysSaid = (ways, truth) => {
  if (!truth || ways.length < 2) return "";
  const [first, ...others] = ways;
  const told = others.map((way) => `${way.name} ${compared(way.hits, first.hits)} (${way.hits})`);
  return `On this picture, with this seed, ${first.name} finds ${first.hits} of ${truth}; ${told.join(", ")}. One picture proves nothing.`;
};

/**
 * Whether the likeliest token at each step made the likeliest sentence. Both must be free to end.
 * @param {Way} argmax
 * @param {Way} sampled
 */
export const sumsSaid = (argmax, sampled) => {
  const gap = sampled.nats - argmax.nats;
  if (Math.abs(gap) < 0.005) return "";
  const numbers = `Σ −ln p: ${argmax.name} ${fixed(argmax.nats, 1)}, ${sampled.name} ${fixed(sampled.nats, 1)} nats`;
  return gap > 0
    ? `${numbers}: ${argmax.name}'s sentence is the likelier one. That need not be so: it takes the likeliest token at each step, not the likeliest sentence.`
    : `${numbers}: ${sampled.name}'s sentence is the likelier one, though each token of ${argmax.name}'s was the likeliest.`;
};

/**
 * What a nucleus leaves to chance: (tokens with one candidate left, all of them) of names and edges.
 * @param {{names: number[], edges: number[]}} facts
 * @param {string} nucleus
 */
export const choiceSaid = ({ names, edges }, nucleus) => {
  if (!names[1] || !edges[1]) return "";
  const shares = [names[0] / names[1], edges[0] / edges[1]];
  const numbers = `With ${nucleus}, ${names[0]} of ${names[1]} names and ${edges[0]} of ${edges[1]} edges had one candidate left`;
  if (shares[0] > shares[1]) return `${numbers}: seed and temperature move edges rather than names.`;
  if (shares[0] < shares[1]) return `${numbers}: seed and temperature move names rather than edges.`;
  return "";
};

/**
 * Whether the model has learned that bins are neighbours, which the loss never told it.
 * @param {[number, number][]} bell (bin, probability), only what can be seen
 */
export const bellSaid = (bell) => {
  const [peak] = bell.reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0]);
  const near = bell.filter(([bin]) => Math.abs(bin - peak) <= NEAR).reduce((sum, [, p]) => sum + p, 0);
  const numbers = `${percent(near)} of the probability lies within ${NEAR} bins of the likeliest, ${peak}`;
  return near > 0.5
    ? `${numbers}: a bell. The loss never said that ${peak} and ${peak + 1} are neighbours; the model found out.`
    : `${numbers}: no single bell; it hesitates between places.`;
};

/**
 * Which part of a first ymin's loss is not the model's fault: which object comes next, nobody knows.
 * @param {number} loss of that token, nats
 * @param {number} objects that could be next
 */
export const orderSaid = (loss, objects) => {
  if (objects < 2) return "";
  const most = Math.log(objects);
  const start = `The first ymin costs ${fixed(loss)} nats. Any of ${objects} objects might be first, which nobody can know:`;
  return loss >= most
    ? `${start} up to ln ${objects} = ${fixed(most)} of them are that choice, not the edge.`
    : `${start} that alone could cost ln ${objects} = ${fixed(most)}, so this order is one that the model expects.`;
};

/**
 * Moving a target: what it costs, and what it does to the box.
 * @param {number} bins from the true one
 * @param {number} loss there
 * @param {number} before at the true bin
 * @param {number} iou of the box with the true one
 */
export const movedSaid = (bins, loss, before, iou) => {
  if (!bins) return "This is the true bin. Move the target.";
  const change = loss - before;
  const price = Math.abs(change) < 0.05 ? "costs the same" : change > 0 ? `costs ${fixed(change)} nats more` : `costs ${fixed(-change)} nats less`;
  return `${plural(Math.abs(bins), "bin")} off ${price}; the box still overlaps with ${fixed(iou)}. The price is the model's doubt, not the distance.`;
};

/**
 * How the loss changed from the first report to the last.
 * @param {{curve: number[][]}[]} runs rows of (step, coordinate loss, class loss)
 */
export const lossSaid = (runs) => {
  const rows = runs.flatMap((run) => run.curve);
  if (rows.length < 2) return "";
  const [first, last] = [rows[0], rows[rows.length - 1]];
  const told = ["Coordinates", "Classes"].flatMap((what, i) => {
    const [before, after] = [first[i + 1], last[i + 1]];
    if (Math.abs(after - before) < 0.01) return [];
    return [`${what} ${after < before ? "fell" : "rose"} from ${fixed(before)} to ${fixed(after)} nats a token`];
  });
  return told.length ? `${told.join("; ")}, in ${last[0].toLocaleString("en")} steps.` : "";
};
