// Bins or pixels: one choice for everything on the page that has an axis. Tokens themselves are bins.

import { isVertical } from "#kit/roles.js";

/** @import {Written} from "#kit/photo.js" */
/** @import {Slot} from "#kit/roles.js" */
/** @typedef {"bins" | "pixels"} Units */

/** @type {{[units in Units]: string}} what stands at an axis */
export const UNIT = { bins: "bin", pixels: "px" };

/**
 * A coordinate token's place as a number on an axis, with its unit where `named`.
 * @param {Written} record
 * @param {number} id
 * @param {string} slot
 * @param {Units} units
 * @param {boolean} [named]
 */
export const placeText = (record, id, slot, units, named = false) => {
  const pixels = units === "pixels" && record.frame;
  const number = pixels ? record.tokenPixel({ id, slot: /** @type {Slot} */ (slot) }).toFixed(0) : record.text_of(id);
  if (!named) return number;
  return pixels ? `${isVertical(slot) ? "y" : "x"} ${number} px` : `bin ${number}`;
};

/**
 * An edge of a box as a number on an axis: pixels of the picture, or the bin that they fall on.
 * @param {Written & {tokenAt: (pixel: number, slot: string) => number}} record
 * @param {number} pixel
 * @param {string} slot
 * @param {Units} units
 */
export const edgeText = (record, pixel, slot, units) =>
  units === "pixels" || !record.frame ? pixel.toFixed(0) : record.text_of(record.tokenAt(pixel, slot));
