// Two exercises per lesson, made from what is on the page, and how an answer is judged. Pure functions:
// the lessons hand in their numbers, `frame.js` draws.

import { fixed } from "#kit/numbers.js";

/**
 * @typedef {object} Exercise
 * @property {string} ask
 * @property {number} answer
 * @property {number} tolerance how far an answer may be off and still be right
 * @property {string} why what is shown once it has been judged
 */

/**
 * An answer as people type it: "1,79", "1.79 nats", "1/2"; NaN if there is no number in it.
 * @param {string} text
 */
export const readNumber = (text) => {
  const plain = text.trim().replace(/^(-?\d+),(\d+)/, "$1.$2").replace("−", "-");
  const fraction = /^(-?\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)/.exec(plain);
  if (fraction) return Number(fraction[1]) / Number(fraction[2]);
  const number = /^-?\d+(?:\.\d+)?/.exec(plain);
  return number ? Number(number[0]) : NaN;
};

/**
 * @param {Exercise} exercise
 * @param {string} text
 * @returns {"right" | "wrong" | "unread"}
 */
export const judge = ({ answer, tolerance }, text) => {
  const value = readNumber(text);
  if (Number.isNaN(value)) return "unread";
  return Math.abs(value - answer) <= tolerance + 1e-9 ? "right" : "wrong";
};

/**
 * @param {{bins: number, input: number, edge: {name: string, share: number}}} facts `share` is in [0, 1]
 * @returns {Exercise[]}
 */
export const quantisationExercises = ({ bins, input, edge }) => [
  {
    ask: `The model's input is ${input} pixels wide and has ${bins} bins. How many pixels lie between two bins?`,
    answer: input / (bins - 1),
    tolerance: 0.02 * (input / (bins - 1)),
    why: `${input} / (${bins} − 1) = ${fixed(input / (bins - 1))}. An edge that is rounded is off by half of that at most.`,
  },
  {
    ask: `${edge.name} lies at x = ${fixed(edge.share, 3)} of the input. Which of ${bins} bins is that, rounded?`,
    answer: Math.round(Number(fixed(edge.share, 3)) * (bins - 1)),
    tolerance: 0,
    why: `${fixed(edge.share, 3)} · (${bins} − 1) = ${fixed(Number(fixed(edge.share, 3)) * (bins - 1), 1)}, rounded.`,
  },
];

/**
 * @param {{objects: number, most: number, coordinate: number, bin: number}} facts `coordinate`: id of bin 0
 * @returns {Exercise[]}
 */
export const sequenceExercises = ({ objects, most, coordinate, bin }) => [
  {
    ask: `${objects} objects, and EOS: how many tokens?`,
    answer: 5 * objects + 1,
    tolerance: 0,
    why: `5 × ${objects} + 1. At ${most} objects this model's sentence is full: ${5 * most} tokens.`,
  },
  {
    ask: `Bin 0 has id ${coordinate}. Which id has bin ${bin}?`,
    answer: coordinate + bin,
    tolerance: 0,
    why: `${coordinate} + ${bin}: the same for x and y, since both use the same words.`,
  },
];

/**
 * @param {{real: number, noise: number}} facts objects of the sentence
 * @returns {Exercise[]}
 */
export const augmentationExercises = ({ real, noise }) => [
  {
    ask: `${noise} noise objects stand in this sentence. How many of their ${5 * noise} targets carry a weight?`,
    answer: noise,
    tolerance: 0,
    why: "Only the word noise is asked for, once per noise object; its four coordinates are n/a.",
  },
  {
    ask: `How many tokens would the target have without noise objects (${real} real ones, EOS included)?`,
    answer: 5 * real + 1,
    tolerance: 0,
    why: `5 × ${real} + 1: then the model would also learn to stop there.`,
  },
];

/**
 * @param {{objects: number, vocabulary: number}} facts
 * @returns {Exercise[]}
 */
export const objectiveExercises = ({ objects, vocabulary }) => [
  {
    ask: "A target had probability 1/4. What does it cost, in nats?",
    answer: Math.log(4),
    tolerance: 0.01,
    why: "−ln ¼ = 1.39.",
  },
  {
    ask: `${objects} objects, each as likely to be first. How many nats of the first ymin's loss are that choice, at most?`,
    answer: Math.log(objects),
    tolerance: 0.01,
    why: `ln ${objects} = ${fixed(Math.log(objects))}, of ln ${vocabulary} = ${fixed(Math.log(vocabulary))} for no idea at all.`,
  },
];

/**
 * @param {{topP: number, most: number}} facts
 * @returns {Exercise[]}
 */
export const inferenceExercises = ({ topP, most }) => {
  const shares = [0.35, 0.3, 0.2, 0.1, 0.05];
  let held = 0;
  const kept = shares.findIndex((share) => (held += share) >= topP - 1e-9) + 1;
  return [
    {
      ask: `Five words have probability ${shares.join(", ")}. How many of them may be drawn with top-p ${topP.toFixed(2)}?`,
      answer: kept,
      tolerance: 0,
      why: `The first ${kept} hold ${fixed(shares.slice(0, kept).reduce((sum, share) => sum + share, 0))}, at least ${topP.toFixed(2)}.`,
    },
    {
      ask: `EOS is put off until ${most} objects are written. How many tokens is that?`,
      answer: 5 * most,
      tolerance: 0,
      why: `5 × ${most}. EOS itself is not written: the limit ends the sentence.`,
    },
  ];
};

/**
 * @param {{cells: number, longest: number, input: number[]}} facts
 * @returns {Exercise[]}
 */
export const trainingExercises = ({ cells, longest, input }) => [
  {
    ask: `The memory has ${cells} cells for ${input[0]} × ${input[1]} pixels. How many pixels does one cell stand for?`,
    answer: (input[0] * input[1]) / cells,
    tolerance: 0.5,
    why: `${input[0]} · ${input[1]} / ${cells} = ${fixed((input[0] * input[1]) / cells, 0)}.`,
  },
  {
    ask: `How often does the decoder run for the longest sentence of ${longest} tokens, and the encoder beside it: both together?`,
    answer: longest + 1,
    tolerance: 0,
    why: `Once per token, and once for the photo: ${longest} + 1.`,
  },
];
