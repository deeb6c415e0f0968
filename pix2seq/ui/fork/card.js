// A glossary card: the words that a panel uses, one line each, readable by touch and on a beamer.

import { h } from "#kit/elements.js";

/**
 * @param {[word: string, meaning: string][]} words
 */
export const glossary = (words) =>
  h(
    "details",
    { class: "fork-card" },
    h("summary", {}, "Words on this panel"),
    h("dl", {}, words.map(([word, meaning]) => [h("dt", {}, word), h("dd", {}, meaning)]))
  );
