// What an object is called: one name, one set of marks and one caption in every view. The words of the
// marks are those of `object_marks` in Python.

import { probability } from "#kit/numbers.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Written} from "#kit/photo.js" */

/**
 * What the class token of an object says.
 * @param {Written} record
 * @param {Found} found
 */
export const writtenOf = (record, found) => {
  const token = record.tokensOf(found.object, Infinity).class;
  return token ? record.text_of(token.id) : "";
};

/**
 * Its name: noise is called noise, whatever its likeliest class.
 * @param {Written} record
 * @param {Found} found
 */
export const nameOf = (record, found) => {
  const asNoise = ["noise", "dropped", "below"].includes(found.state);
  return asNoise && writtenOf(record, found) === "noise" ? "noise" : record.className(found.label);
};

/**
 * What else there is to say: another word was written, a person gave it, it repeats another one.
 * @param {Written} record
 * @param {Found} found
 */
export const marksOf = (record, found) => {
  const written = writtenOf(record, found);
  return [
    written && written !== nameOf(record, found) ? `written ${written}` : "",
    found.forced ? "yours" : "",
    found.again === null ? "" : `again ${found.again + 1}`,
  ].filter(Boolean);
};

/**
 * Its name with the score and its marks; noise has no class, and so no score.
 * @param {Written} record
 * @param {Found} found
 */
export const captionOf = (record, found) => {
  const name = nameOf(record, found);
  const said = name === "noise" ? name : `${name} ${probability(found.score)}`;
  return [said, ...marksOf(record, found)].join(" · ");
};
