// The words that lessons use, each defined once; a lesson shows a card of its own. A card is text on the
// page, not a tooltip, so that a finger and a beamer can read it.

import { h } from "#kit/elements.js";

/** @type {{[word: string]: string}} */
const GLOSSARY = {
  bin: "One of B places along an axis of the model's input, as a word of the vocabulary.",
  IoU: "Overlap of two boxes: the area they share over the area they cover together, 0 to 1.",
  "padded square": "What the model sees: the photo scaled to fit its input, the rest filled up. Coordinates are shares of this square, in [0, 1].",
  token: "One word of the sentence: a bin, a class, noise or EOS.",
  vocabulary: "All words there are. Bins, classes and specials share one list of ids.",
  "ymin, why first": "An object is ymin, xmin, ymax, xmax, class. That y comes before x is a habit of the reference code; what matters is that it never changes. That the edges come before the name matters more: the name is then said about a box that stands.",
  BOS: "Beginning of sequence: what stands in front of the first word, so that it, too, has something before it.",
  EOS: "End of sequence: the word after which nothing is written.",
  "noise object": "A box of nothing that training puts behind the real ones. Its class is the word noise.",
  weight: "How much a position counts in the loss. At 0 nothing is asked and nothing is learned there.",
  input: "What the decoder reads at a position while training: the word before the one that it must say.",
  target: "The word that it must say there.",
  nat: "The unit of −ln p. A word of probability 1 costs 0 nats, of ½ 0.69, of 1/100 4.61.",
  surprise: "−ln p of the word that was written, in nats.",
  entropy: "Mean surprise before anything is written: how open the choice is, in nats.",
  "likelihood of a sentence": "The product of its words' probabilities. Σ −ln p is the same on a scale that can be added up: smaller is likelier.",
  argmax: "Always take the likeliest word.",
  nucleus: "Draw from the likeliest words that hold a share top-p of the probability together; cut off the rest.",
  temperature: "Divides the logits before drawing: below 1 sharpens, above 1 flattens.",
  edges: "How sure the four coordinates were: the probability that lies near each written edge, all four together. Times the class's probability it is the score of a box.",
  score: "Of an object: the probability of its class, times edges where the checkpoint recommends it. No promise; the experiments show what it is worth.",
  recall: "Of the true objects, how many were found.",
  precision: "Of the boxes shown, how many are right.",
  memory: "What the encoder made of the photo: one vector per cell of a grid. The decoder reads it at every word.",
  encoder: "The part that looks, once: photo in, memory out.",
  decoder: "The part that writes: memory and the words so far in, a probability for each word of the vocabulary out.",
  attention: "How strongly a word looks at each cell of the memory, and at each word before it.",
};

/**
 * A card with some of the words.
 * @param {string[]} words keys of `GLOSSARY`
 */
export const glossaryCard = (words) =>
  h(
    "details",
    { class: "learn-words" },
    h("summary", {}, `Words used here: ${words.join(", ")}`),
    h(
      "dl",
      {},
      words.map((word) => h("div", {}, h("dt", {}, word), h("dd", {}, GLOSSARY[word])))
    )
  );

export { GLOSSARY };
