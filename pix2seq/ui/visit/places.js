// What is on the page now: the stage of *Write* and the lesson of *Learn*, for the rooms that look at
// them (Compare, Learn, the tour) without knowing the rooms that they live in.

/** @import {Record} from "#visit/record.js" */
/** @typedef {{record: Record, [more: string]: any}} StageOnView */

/** @type {StageOnView | null} */
let stage = null;
/** @type {any} */
let lesson = null;

export const currentStage = () => stage;
export const currentLesson = () => lesson;

/**
 * @template {StageOnView} T
 * @param {T} one
 */
export const enterStage = (one) => {
  stage = one;
  return one;
};

/**
 * @template T
 * @param {T} one
 */
export const enterLesson = (one) => {
  lesson = one;
  return one;
};
