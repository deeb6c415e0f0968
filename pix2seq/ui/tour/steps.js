// The tour: one story on one picture, the recording that the page opens with. Each step shows what its
// text says; the numbers in it are read off the sentence on view (`tools.js`).

import { usePhoto } from "#kit/actions.js";
import { nats, percent, plural, probability } from "#kit/numbers.js";
import { currentLesson } from "#visit/places.js";
import {
  likeliest,
  line,
  openPart,
  openTab,
  panel,
  query,
  readAloud,
  stage,
  story,
  tally,
  text,
  token,
  until,
} from "#tour/tools.js";

/** @typedef {(words: string) => void} Say a line on the card */

/**
 * What a step may do for the visitor; `look` is where to look afterwards.
 * @typedef {object} Act
 * @property {string} label
 * @property {(say: Say) => Promise<void>} run
 * @property {string} [done]
 * @property {string} [look]
 */

/**
 * @typedef {object} Step
 * @property {string} id
 * @property {string} title
 * @property {string | (() => string)} text what stands on view decides, once the step is prepared
 * @property {string | (() => Element | null)} target
 * @property {(say: Say) => Promise<void>} [prepare]
 * @property {Act} [act]
 */

const OBJECT = 5; // words
const ALL = 10000;

/** What is told of the chosen token. */
const inspected = () => query("[data-inspecting] .p2s-token-panel") || query(".p2s-sentence");

/** The token whose ways on stand on the photo. */
const hesitation = () => Number(query(".fork-tree")?.dataset.at);
const ghosts = () => [...document.querySelectorAll(".fork-way text")].map((one) => one.textContent || "");

/** @type {Step[]} */
export const tourSteps = [
  {
    id: "idea",
    title: "A detector that writes",
    text: "No anchors, no boxes to regress. The model looked at this picture once, and then wrote a sentence about it, word by word. The tour follows this one sentence, which was recorded; you can press everything yourself.",
    target: ".p2s-photo",
    prepare: () => story(ALL),
  },
  {
    id: "object",
    title: "Five words are an object",
    text: () => `The first line reads “${line(0)}”: top, left, bottom and right edge, each a number from 0 to ${stage().record.vocab.bins - 1}, and a name.`,
    target: ".p2s-photo",
    prepare: () => story(OBJECT),
    act: { label: "Write it slowly", run: () => readAloud(OBJECT), done: "A line, a corner, a box, a name." },
  },
  {
    id: "hesitation",
    title: "Where it hesitated",
    text: () =>
      `A bar is a token’s surprise. The first word of all cost ${nats(-token(0).logprob)}. It is a top edge, and it also decides which of the ${tally().objects} objects comes first, and their order is free: ln ${tally().objects} = ${Math.log(tally().objects).toFixed(2)} nats if all are as likely.`,
    target: ".p2s-timeline",
    prepare: () => story(OBJECT),
  },
  {
    id: "bell",
    title: "An edge is a bell",
    text: () =>
      `For the first left edge ${likeliest(1, 3)}. These are neighbours: the loss knows no ruler, any wrong bin costs the same, and yet the model has learned that bins lie beside each other.`,
    target: inspected,
    prepare: async () => {
      await story(OBJECT);
      stage().select(1);
    },
  },
  {
    id: "fork",
    title: "Two peaks",
    text: () => `After the top edge ${text(hesitation() - 1)} the left edge could stand in two places: two objects begin at that height. Ghosts on the photo: ${ghosts().join("; ")}.`,
    target: ".p2s-photo",
    prepare: async () => {
      await story(ALL);
      panel("tree");
      await until(() => ghosts().length > 1);
    },
  },
  {
    id: "paths",
    title: "A sentence is a path",
    text: "Take the other way, and other objects come first. Nothing is lost, only the order has changed: all of these paths name one set of objects.",
    target: ".p2s-fork",
    prepare: async () => {
      if (ghosts().length > 1) return;
      await story(ALL);
      panel("tree");
      await until(() => ghosts().length > 1);
    },
    act: {
      label: "Follow the other way",
      run: async () => {
        const other = [...document.querySelectorAll(".fork-way")][1];
        other.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        await until(() => document.querySelectorAll(".fork-box").length >= tally().objects, 15000);
      },
      done: "The same objects, in another order.",
      look: ".p2s-photo",
    },
  },
  {
    id: "name",
    title: "A name comes last",
    text: () => {
      const name = token(2 * OBJECT - 1);
      return `The fifth word is drawn from the classes: “${text(name.index)}” has ${probability(name.raw)}. With top-p the nucleus left ${plural(name.kept, "word")} to draw from.`;
    },
    target: inspected,
    prepare: async () => {
      await story(2 * OBJECT);
      stage().select(2 * OBJECT - 1);
    },
  },
  {
    id: "eos",
    title: "Here it would have stopped",
    text: () => {
      const next = token(tally().first);
      return `After ${tally().objects} objects it gave EOS, the end of the sentence, ${percent(next.eosProb)}. EOS was forbidden, so it had to say something else: a top edge at ${text(next.index)}, which cost ${nats(-next.logprob)}.`;
    },
    target: ".p2s-timeline",
    prepare: async () => {
      await story(ALL);
      stage().seek(tally().first + 1);
    },
  },
  {
    id: "noise",
    title: "It says so itself",
    text: () => `It went on for ${plural(tally().noise, "box", "boxes")} more and called every one “noise”, at ${probability(token(tally().first + OBJECT - 1).raw)} for the first. In training, boxes of nothing stood behind the objects under that name; that is what the noise class is for.`,
    target: ".p2s-sentence",
    prepare: () => story(ALL),
  },
  {
    id: "argument",
    title: "Does that help?",
    text: () => `Not here: ${tally().objects} objects before, ${tally().objects} after. So it was measured, on twins of which only one was trained with noise. ${query(".p2s-conclusion")?.textContent || query(".p2s-argument")?.textContent || ""}`,
    target: ".p2s-argument-steps",
    prepare: async () => {
      await openTab("lab");
      await until(() => query(".p2s-conclusion")?.textContent);
    },
  },
  {
    id: "way",
    title: "The way of a token",
    text: "Photo, cells, memory, decoder, a bar over the whole vocabulary, a word: press a part to open it, and another word in the sentence to follow that one.",
    target: ".p2s-fork",
    prepare: async () => {
      await story(ALL);
      panel("way");
      await until(() => query(".way-strip"));
      stage().select(OBJECT + 1);
    },
  },
  {
    id: "compare",
    title: "Compare two settings",
    text: "The same picture and the same random numbers under two settings. Where the sentences part, the page says at which token, and why.",
    target: "#tab-compare",
    prepare: async () => {
      panel(null);
      await openTab("compare");
      await openPart("Two settings", "[data-compare]");
    },
  },
  {
    id: "learn",
    title: "Learn how it is trained",
    text: "Bins, sentence, noise objects, loss, inference: predict first, then look. Drag a box and everything follows.",
    target: ".p2s-learn",
    prepare: async () => {
      await openTab("learn");
      await until(() => currentLesson()?.state.picture, 15000);
    },
  },
  {
    id: "photo",
    title: "Now your own photo",
    text: "Drop a picture, paste one or use the camera: it is written about at once. It stays on the computer that serves this page.",
    target: () => {
      const button = query("[data-use-photo]"); // not there where the picture's own field is beside it
      return button?.getClientRects().length ? button : query("#image");
    },
    prepare: async () => {
      await story(ALL);
    },
    act: { label: "Choose a photo", run: async () => usePhoto() },
  },
];
