// Names beside boxes: each at the first place around its box where no other name stands. Where boxes
// crowd, a name shrinks to its number, and moves away on a line, before it hides what another names.

import { svg } from "#kit/elements.js";

const SIZE = 13; // px of a name's text, unless asked for otherwise: as in the style sheets
const HIDES = 0.3; // of a box that a name may cover
const ROOMY = 0.12; // of its own box that a name may take inside it
const FAR = [24, 44, 70, 100, 140]; // px that a number may move away

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
 * @param {number} [size] of its type
 */
function measured(text, size = SIZE) {
  brush = brush || document.createElement("canvas").getContext("2d");
  if (!brush) return 0.58 * size * text.length; // no canvas: about a digit each
  brush.font = `600 ${size}px system-ui, sans-serif`;
  return brush.measureText(text).width;
}

/**
 * Where a name may stand, given the names that stand already.
 * @param {string} text
 * @param {Place} box
 * @param {Place} frame the picture
 * @param {Place[]} taken
 * @param {number} [size] px of the type
 * @param {(text: string, size?: number) => number} [widthOf]
 * @returns {Place}
 */
export const labelPlace = (text, box, frame, taken, size = SIZE, widthOf = measured) => {
  const width = widthOf(text, size) + 10;
  const height = Math.round(size * 1.4);
  const right = frame.x + frame.width - width;
  const bottom = frame.y + frame.height - height;
  const within = (/** @type {number} */ x, /** @type {number} */ y) => ({
    x: Math.max(frame.x, Math.min(x, right)),
    y: Math.max(frame.y, Math.min(y, bottom)),
    width,
    height,
  });
  const end = box.x + box.width - width;
  const places = [
    within(box.x - 1, box.y - height),
    within(box.x + 1, box.y + 1),
    within(end, box.y - height),
    within(box.x + 1, box.y + box.height - height - 1),
    within(box.x - 1, box.y + box.height),
    within(end, box.y + 1),
    ...[2, 3, 4, 5].map((line) => within(box.x + 1, box.y + line * height)),
  ];
  return places.find((place) => !taken.some((other) => overlap(place, other))) || places[0];
};

/**
 * @typedef {object} Label
 * @property {string} text
 * @property {Place} place
 * @property {{x1: number, y1: number, x2: number, y2: number} | null} leader from the name to its box
 */

/**
 * How much of `box` lies under `place`.
 * @param {Place} place
 * @param {Place} box
 */
function covered(place, box) {
  const wide = Math.min(place.x + place.width, box.x + box.width) - Math.max(place.x, box.x);
  const tall = Math.min(place.y + place.height, box.y + box.height) - Math.max(place.y, box.y);
  const area = Math.max(wide, 0) * Math.max(tall, 0);
  return area / Math.max(box.width * box.height, 1);
}

/**
 * A name for a box among others: the first of `texts` (full, then short) that finds a place beside the
 * box where it lies on no other name and hides no box; else the last of them further away, on a line.
 * @param {string[]} texts
 * @param {Place} box
 * @param {Place} frame the picture
 * @param {Place[]} taken
 * @param {Place[]} others the other boxes
 * @param {number} [size] px of the type
 * @param {(text: string, size?: number) => number} [widthOf]
 * @returns {Label}
 */
export const labelAmong = (texts, box, frame, taken, others, size = SIZE, widthOf = measured) => {
  const height = Math.round(size * 1.4);
  const inFrame = (/** @type {Place} */ place) =>
    place.x >= frame.x && place.y >= frame.y &&
    place.x + place.width <= frame.x + frame.width && place.y + place.height <= frame.y + frame.height;
  const free = (/** @type {Place} */ place) =>
    inFrame(place) &&
    !taken.some((other) => overlap(place, other)) &&
    covered(place, box) <= ROOMY &&
    others.every((other) => covered(place, other) <= HIDES);
  for (const text of texts) {
    const width = widthOf(text, size) + 10;
    const at = (/** @type {number} */ x, /** @type {number} */ y) => ({ x, y, width, height });
    const left = Math.max(Math.min(box.x - 1, frame.x + frame.width - width), frame.x);
    const end = Math.max(box.x + box.width - width, frame.x);
    const place = [
      at(left, box.y - height),
      at(left, box.y + box.height),
      at(end, box.y - height),
      at(end, box.y + box.height),
      at(box.x + 1, box.y + 1),
      at(end, box.y + 1),
      at(box.x + 1, box.y + box.height - height - 1),
      at(box.x + box.width, box.y),
      at(box.x - width, box.y),
    ].find(free);
    if (place) return { text, place, leader: null };
  }
  const text = texts[texts.length - 1];
  const width = widthOf(text, size) + 10;
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const within = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
    Math.min(Math.max(value, low), high);
  for (const away of FAR) {
    for (let turn = 0; turn < 12; turn += 1) {
      const angle = (turn * Math.PI) / 6 - Math.PI / 2;
      const x = middle.x + Math.cos(angle) * (box.width / 2 + away);
      const y = middle.y + Math.sin(angle) * (box.height / 2 + away);
      const place = { x: x - width / 2, y: y - height / 2, width, height };
      if (!free(place)) continue;
      const end = { x: within(x, box.x, box.x + box.width), y: within(y, box.y, box.y + box.height) };
      return { text, place, leader: { x1: x, y1: y, x2: end.x, y2: end.y } };
    }
  }
  return { text, place: labelPlace(text, box, frame, taken, size, widthOf), leader: null };
};

/**
 * @typedef {object} Wanted a name that is to stand beside a box
 * @property {string[]} texts full, then short
 * @property {Place} box
 * @property {boolean} [spare] it comes last, and is left out where there is no room
 */

/**
 * Names for all boxes of a picture, the first ones first; `null` for one that is left out. There may be
 * other boxes (`more`), and names that stand already (`taken`).
 * @type {(names: Wanted[], frame: Place, size: number, already?: {more?: Place[], taken?: Place[]}, widthOf?: (text: string, size?: number) => number) => (Label | null)[]}
 */
export const labelAll = (names, frame, size, { more = [], taken: first = [] } = {}, widthOf = measured) => {
  const taken = [...first];
  /** @type {(Label | null)[]} */
  const labels = names.map(() => null);
  const boxes = [...names.map(({ box }) => box), ...more];
  const order = names.map((_, i) => i).sort((a, b) => Number(names[a].spare ?? false) - Number(names[b].spare ?? false));
  for (const i of order) {
    const { texts, box, spare } = names[i];
    const others = boxes.filter((other) => other !== box);
    const label = labelAmong(texts, box, frame, taken, others, size, widthOf);
    if (spare && (label.leader || taken.some((other) => overlap(label.place, other)))) continue;
    labels[i] = label;
    taken.push(label.place);
  }
  return labels;
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
    svg("text", { x: 5, y: place.height * 0.74 }, text)
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
