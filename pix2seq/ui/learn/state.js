// What all lessons are about: a picture, its boxes, the checkpoint's vocabulary, and how training
// pairs are made of them.

/** @import {Frame, Picture} from "#kit/photo.js" */
/** @import {LearnBoard, LearnBox} from "#learn/board.js" */
/** @import {Exercise} from "#learn/exercises.js" */
/** @import {Row} from "#learn/lines.js" */
/** @import {Plan} from "#learn/predict.js" */

/** @typedef {{kind: string, first: number, last: number, count: number, text: string}} Part of a vocabulary */

/**
 * @typedef {object} LearnVocabulary
 * @property {number} bins
 * @property {number} size
 * @property {[width: number, height: number]} input what the model sees, in pixels
 * @property {boolean} noise whether it has the noise class
 * @property {number} maxObjects
 * @property {string[]} classes
 * @property {Part[]} layout
 */

/** @typedef {{picture: Picture, frame: Frame, vocabulary: LearnVocabulary}} Opened */
/** @typedef {{title: string, images: number, text: string}} Measured what the experiments found */
/** @typedef {{threshold: number, top_p: number, score: string}} Recommended settings of a checkpoint */

/**
 * How a training pair is made (`AugmentConfig` in Python).
 * @typedef {object} Augmenting
 * @property {boolean} noise_objects
 * @property {number} jitter
 * @property {string} class_corruption
 * @property {boolean} eos_at_first_noise
 */

/**
 * @typedef {object} State
 * @property {string | null} checkpoint
 * @property {boolean} model whether the checkpoint could be read
 * @property {string} problem why not
 * @property {Picture | null} picture
 * @property {Frame | null} frame where coordinates 0 and 1 lie in it
 * @property {Row[] | null} truth its true boxes, where they are known
 * @property {LearnVocabulary | null} vocabulary
 * @property {Recommended} recommended
 * @property {Measured[]} measured with these weights; empty if nobody did
 * @property {LearnBox[]} boxes
 * @property {"truth" | "model" | "visitor"} boxesBy whose they are
 * @property {number | null} selected
 * @property {string | null} source the picture of *Write* that was taken over
 * @property {number} scene
 * @property {number} objects of a training pair
 * @property {number} seed
 * @property {Augmenting} augment
 */

/**
 * A lesson's page. What it paints on the picture comes in place of the boxes if it says "own".
 * @typedef {object} Page
 * @property {HTMLElement} node
 * @property {() => Promise<void>} update ask anew
 * @property {() => void} [opened] another picture, or vocabulary
 * @property {(board: LearnBoard) => "own" | null} [paint]
 * @property {Plan} [plan] what is predicted before anybody looks
 * @property {string[]} [words] of the glossary
 * @property {() => Exercise[]} [exercises] two, or none while there is nothing to ask about
 */

/** @typedef {State & Opened & {error?: string}} Answer to a picture that is asked for */
/** @typedef {{picture?: string, example?: string, scene?: number}} Where a picture is from */

/** @returns {State} */
export const newState = () => ({
  checkpoint: null,
  model: false,
  problem: "",
  picture: null,
  frame: null,
  truth: null,
  vocabulary: null,
  measured: [],
  recommended: { threshold: 0, top_p: 0.4, score: "class" },
  boxes: [],
  boxesBy: "visitor",
  selected: null,
  source: null,
  scene: 6,
  objects: 8,
  seed: 0,
  augment: {
    noise_objects: true,
    jitter: 0.1,
    class_corruption: "rand_n_fake",
    eos_at_first_noise: false,
  },
});

/** @type {(row: Row) => LearnBox} */
export const asBox = ([x0, y0, x1, y1, name]) => ({ x0, y0, x1, y1, name });

/**
 * Boxes as they stay: corners in order, nothing without area, whole pixels.
 * @param {LearnBox[]} boxes
 */
export const settled = (boxes) =>
  boxes
    .map((box) => ({
      x0: Math.round(Math.min(box.x0, box.x1)),
      y0: Math.round(Math.min(box.y0, box.y1)),
      x1: Math.round(Math.max(box.x0, box.x1)),
      y1: Math.round(Math.max(box.y0, box.y1)),
      name: box.name,
    }))
    .filter((box) => box.x1 - box.x0 >= 2 && box.y1 - box.y0 >= 2);
