// What the tour shows: where to look, what to say, what it can do for the visitor (`tools.js`).

import { usePhoto } from "#kit/actions.js";
import { currentLesson } from "#visit/places.js";
import { OTHER, query, stage, tools, until } from "#tour/tools.js";

/** @import {Say} from "#tour/tools.js" */

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
 * @property {string} text
 * @property {string | (() => Element | null)} target
 * @property {(say: Say) => Promise<void>} [prepare]
 * @property {Act} [act]
 */

const page = async () => {
  tools.closeSheet();
  await tools.tab("write");
};
const control = async () => {
  await tools.tab("write");
  tools.openSheet();
};

/** @type {Step[]} */
export const tourSteps = [
  {
    id: "idea",
    title: "A detector that writes",
    text: "No anchors, no boxes to regress. The model looks at the picture once and then writes a sentence: for each object four coordinates and a class. This tour uses the real page; you can press its buttons yourself or let the tour do it.",
    target: () => (query(".p2s-hero")?.getClientRects().length ? query(".p2s-hero") : query(".p2s-photo")),
    prepare: page,
  },
  {
    id: "run",
    title: "Let it write",
    text: "Each token changes the picture at once: ymin draws a line across, xmin makes it a corner, ymax adds a side, xmax closes the box, and the class names it.",
    target: ".p2s-photo",
    prepare: page,
    act: { label: "Run", run: (say) => tools.run(say), done: "Written." },
  },
  {
    id: "sentence",
    title: "Read the sentence",
    text: "One object per line. The thick side of a chip tells which edge it is; the stronger its colour, the more probable the model found the token.",
    target: ".p2s-sentence",
    prepare: async (say) => {
      await page();
      await tools.live(say);
    },
  },
  {
    id: "timeline",
    title: "Where it hesitated",
    text: "Bars show how surprising each token was. An object's first coordinate often is, because it also decides which object comes next. Drag to replay.",
    target: ".p2s-timeline",
    prepare: async (say) => {
      await page();
      await tools.live(say);
    },
  },
  {
    id: "token",
    title: "Ask about one token",
    text: "Every coordinate was drawn from a distribution over the whole axis. Choose a token to see it: on the edge of the photo, and in the inspector.",
    target: () => query("[data-inspect]") || query("[data-token]"),
    prepare: async (say) => {
      await page();
      await tools.live(say);
    },
    act: { label: "Inspect an xmin", run: (say) => tools.select("xmin", say) },
  },
  {
    id: "inspector",
    title: "From logits to the token",
    text: "The coloured part is the nucleus that could be drawn, the grey tail was cut. Peaks elsewhere are other edges the model had in mind.",
    target: ".p2s-token-panel",
    prepare: async (say) => {
      await page();
      stage().inspector.tabs.show("why");
      if (!query("[data-inspect]")) await tools.select("xmin", say);
    },
  },
  {
    id: "top-p",
    title: "Change the nucleus",
    text: "Top-p decides how much probability may be drawn from (§2.2). The inspected token is recomputed at once, without running the model.",
    target: "#top-p",
    prepare: async (say) => {
      await page();
      if (!query("[data-inspect]")) await tools.select("xmin", say);
      tools.openSheet();
    },
    act: { label: "Set top-p to 0.1", run: async () => tools.number("top-p", 0.1), done: "Look at the inspector.", look: ".p2s-token-panel" },
  },
  {
    id: "intervene",
    title: "Put other words in its mouth",
    text: "Choose another token and the model writes on from there. What it wrote before stays on the photo as a ghost.",
    target: OTHER,
    prepare: async (say) => {
      await page();
      await tools.offer(say);
    },
    act: {
      label: "Take this one",
      run: (say) => tools.take(say),
      done: "A new branch.",
      look: ".p2s-photo",
    },
  },
  {
    id: "branches",
    title: "Nothing is lost",
    text: "Every sentence of this visit is kept as a branch. Go back to any of them, or undo the last change.",
    target: ".p2s-branches",
    prepare: async (say) => {
      await page();
      stage().select(null);
      if (!query(".p2s-branches:not([hidden])")) await tools.branch(say);
    },
  },
  {
    id: "eos",
    title: "Keep going",
    text: "Left to itself, the model tends to stop early and to miss objects. Forbid EOS and it goes on: more is found, and boxes of nothing, too (§2.3).",
    target: "#eos",
    prepare: async () => {
      await page();
      stage().select(null);
      await control();
    },
    act: {
      label: "Keep going, and run",
      run: async (say) => {
        tools.restore("top-p");
        tools.radio("eos", "delay");
        await tools.run(say);
      },
      done: "Count the objects.",
      look: ".p2s-photo",
    },
  },
  {
    id: "noise",
    title: "The noise class",
    text: "That is why training mixes in noise objects: the model learned to name boxes of nothing, and their probability lowers the score. Show them, or hide them as the paper does.",
    target: "#noise",
    prepare: control,
    act: {
      label: "Show noise objects",
      run: async () => tools.radio("noise", "show"),
      done: "Grey and dashed: what the model itself calls noise.",
      look: ".p2s-photo",
    },
  },
  {
    id: "compare",
    title: "Compare two settings",
    text: "Same picture, same seed, two settings side by side; the first token at which they part is marked.",
    target: "#tab-compare",
    prepare: async () => {
      tools.closeSheet();
      await tools.tab("compare");
    },
  },
  {
    id: "learn",
    title: "Learn how it is trained",
    text: "Five pages on your own picture: bins, sentence, noise objects, loss, inference. Drag a box and everything follows.",
    target: ".p2s-learn",
    prepare: async () => {
      tools.closeSheet();
      await tools.tab("learn");
      await until(() => currentLesson()?.state.picture, 15000);
    },
  },
  {
    id: "photo",
    title: "Now your own photo",
    text: "Drop a picture, paste one or use the camera. It stays on the computer that serves this page.",
    target: () => query("[data-use-photo]:not([hidden])")?.getClientRects().length ? query(".p2s-hero-buttons") : query("#image"),
    prepare: page,
    act: { label: "Choose a photo", run: async () => usePhoto() },
  },
];
