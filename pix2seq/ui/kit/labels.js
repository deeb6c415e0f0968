// Names beside boxes: each at the first place around its box where no other name stands.

import { svg } from "#kit/elements.js";

const HEIGHT = 17;

/** @typedef {{x: number, y: number, width: number, height: number}} Place */

/**
 * @param {Place} a
 * @param {Place} b
 */
function overlap(a, b) {
  const across = a.x < b.x + b.width && b.x < a.x + a.width;
  return across && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** @type {CanvasRenderingContext2D | null} */
let brush = null;

/**
 * Pixels that a name takes, as the browser draws it.
 * @param {string} text
 */
function measured(text) {
  brush = brush || document.createElement("canvas").getContext("2d");
  if (!brush) return 7 * text.length; // no canvas: about a digit each
  brush.font = "600 12px system-ui, sans-serif";
  return brush.measureText(text).width;
}

/**
 * Where a name may stand, given the names that stand already.
 * @param {string} text
 * @param {Place} box
 * @param {Place} frame the picture
 * @param {Place[]} taken
 * @param {(text: string) => number} widthOf
 * @returns {Place}
 */
export const labelPlace = (text, box, frame, taken, widthOf = measured) => {
  const width = widthOf(text) + 10;
  const right = frame.x + frame.width - width;
  const bottom = frame.y + frame.height - HEIGHT;
  const within = (/** @type {number} */ x, /** @type {number} */ y) => ({
    x: Math.max(frame.x, Math.min(x, right)),
    y: Math.max(frame.y, Math.min(y, bottom)),
    width,
    height: HEIGHT,
  });
  const end = box.x + box.width - width;
  const places = [
    within(box.x - 1, box.y - HEIGHT),
    within(box.x + 1, box.y + 1),
    within(end, box.y - HEIGHT),
    within(box.x + 1, box.y + box.height - HEIGHT - 1),
    within(box.x - 1, box.y + box.height),
    within(end, box.y + 1),
    ...[2, 3, 4, 5].map((line) => within(box.x + 1, box.y + line * HEIGHT)),
  ];
  return places.find((place) => !taken.some((other) => overlap(place, other))) || places[0];
};

/**
 * A name at its place.
 * @param {string} text
 * @param {Place} place
 * @param {string} look
 */
export const labelNode = (text, place, look) => {
  const node = svg(
    "g",
    { class: look, transform: `translate(${place.x} ${place.y})` },
    svg("rect", { width: place.width, height: place.height, rx: 2 }),
    svg("text", { x: 5, y: 12.5 }, text)
  );
  return Object.assign(node, { p2sPlace: place });
};

/**
 * The places of the names that a layer holds.
 * @param {Element} layer
 * @param {string} look
 * @returns {Place[]}
 */
export const labelsIn = (layer, look) => [...layer.querySelectorAll(`.${look}`)].map(
    (node) => /** @type {Element & {p2sPlace: Place}} */ (node).p2sPlace
  );
