// What is on the page now: the stage of *Write* and the lesson of *Learn*, for the rooms that look at
// them (Compare, Learn, the tour) without knowing the rooms that they live in.

/** @import {Photo, Picture} from "#kit/photo.js" */
/** @import {Slot} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */

/**
 * Another continuation (`edits.py`), asked from token `index` on, or behind `shown` tokens.
 * @typedef {object} Edit
 * @property {number} [index]
 * @property {number} [shown]
 * @property {number} [token] in its place
 * @property {number} [pixel] the coordinate's
 * @property {number} [label] the class's
 * @property {number} [forbid] a class that may not follow
 * @property {number[]} [ids] that it begins with
 * @property {string} [eos]
 * @property {{[slot in Slot]?: number}} [box] its first coordinates, in pixels
 */

/**
 * What other rooms ask of the stage.
 * @typedef {object} StageOnView
 * @property {Record} record
 * @property {Photo} photo
 * @property {number | null} selected the token under the glass
 * @property {number} shown tokens on view
 * @property {{tabs: {show: (name: string) => void}}} inspector
 * @property {() => boolean} busy
 * @property {() => void} changed
 * @property {{values: () => Iterable<Record>}} records of this visit
 * @property {(record: Record) => void} open put another record on view
 * @property {(index: number | null) => void} select
 * @property {() => void} pause stop a replay
 * @property {(count: number) => void} seek put so many tokens on view
 * @property {(name: string, question: object) => Promise<any>} ask
 * @property {(edit: Edit) => void} writeOn ask for another continuation
 */
/** @typedef {{state: {picture: Picture | null}}} LessonOnView */

/** @type {StageOnView | null} */
let stage = null;
/** @type {LessonOnView | null} */
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
 * @template {LessonOnView} T
 * @param {T} one
 */
export const enterLesson = (one) => {
  lesson = one;
  return one;
};
