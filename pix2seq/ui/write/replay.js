// Playing a saved record (the JSON export) without any model: its numbers become the same `Record` that
// a live run fills. A file is data from anywhere, so every field is checked or coerced, and its texts
// reach the page as text only.

import { isCoordinate, isVertical, SLOTS } from "#kit/roles.js";
import { Record } from "#visit/record.js";

/** @import {Frame} from "#kit/photo.js" */
/** @import {Pull, Slot, Vocabulary} from "#kit/roles.js" */
/** @import {Options} from "#visit/record.js" */

const LARGEST = 32 * 1024 * 1024;
/**
 * What a saved record should hold; whatever it does hold is checked where it is read.
 * @typedef {object} Saved
 * @property {string} checkpoint
 * @property {Options} options
 * @property {number} num_bins
 * @property {SavedToken[]} tokens
 * @property {SavedObject[]} detections
 */
/** @typedef {{id: number, text: string, prob: number, final_prob: number}} SavedCandidate */

/**
 * @typedef {object} SavedToken
 * @property {number} id
 * @property {Slot} slot
 * @property {string} text
 * @property {number} [label]
 * @property {number} [pixel]
 * @property {number} logprob
 * @property {number} prob
 * @property {number} entropy
 * @property {number} kept
 * @property {number} kept_mass
 * @property {number} grammar_mass
 * @property {number} eos_prob
 * @property {boolean} forced
 * @property {SavedCandidate[]} [candidates]
 * @property {Pull | null} [pull]
 */

/**
 * @typedef {object} SavedObject
 * @property {number} object
 * @property {Frame} box
 * @property {number} label_id
 * @property {string} label
 * @property {number} score
 * @property {number} noise_probability
 * @property {number} [edge_score]
 * @property {boolean} is_noise
 * @property {boolean} forced
 * @property {number | null} again
 */

/** @type {(value: unknown, fallback?: number) => number} */
const number = (value, fallback = 0) => (typeof value === "number" && Number.isFinite(value) ? value : fallback);
const words = (/** @type {unknown} */ value) => String(value ?? "").slice(0, 80);

/** @type {(value: unknown) => Pull | null} */
const pulled = (value) => {
  if (typeof value !== "object" || value === null) return null;
  const { centre, width, draft, sure } = /** @type {{[name: string]: unknown}} */ (value);
  return { centre: number(centre), width: number(width), draft: number(draft), sure: number(sure) };
};

/**
 * The vocabulary, as far as the record's own tokens tell it.
 * @param {Saved} data
 */
function vocabulary(data) {
  const tokens = data.tokens;
  /** @type {Vocabulary} */
  const vocab = {
    bins: Math.max(number(data.num_bins, 2), 2),
    coord: 0,
    cls: 0,
    eos: -1,
    noise: -2,
    slots: SLOTS,
    classes: [],
  };
  const slots = tokens.slice(0, 5).map((token) => token.slot);
  if (SLOTS.every((slot) => slots.includes(slot))) vocab.slots = slots;
  for (const token of tokens) {
    if (isCoordinate(token.slot) && /^\d+$/.test(token.text)) vocab.coord = token.id - Number(token.text);
    if (token.slot === "eos") vocab.eos = token.id;
    if (token.slot !== "class") continue;
    if (token.label !== undefined && Number.isInteger(token.label)) {
      vocab.cls = token.id - token.label;
      vocab.classes[token.label] = words(token.text);
    } else if (token.text === "noise") vocab.noise = token.id;
  }
  const known = tokens.flatMap((token) => token.candidates || []);
  for (const candidate of known) {
    const label = candidate.id - vocab.cls;
    const isClass = vocab.cls > 0 && label >= 0 && label < 2000 && !/^(\d+|#|EOS|BOS|PAD|noise)/.test(candidate.text);
    if (isClass) vocab.classes[label] = words(candidate.text);
  }
  for (const found of data.detections) {
    if (Number.isInteger(found.label_id) && found.label_id >= 0 && found.label_id < 2000) {
      vocab.classes[found.label_id] = words(found.label);
    }
  }
  return vocab;
}

/**
 * Where the last bin lies, from any token that was not clipped at the picture's edge.
 * @type {(data: Saved, vocab: Vocabulary, vertical: boolean, limit: number) => number}
 */
function reach(data, vocab, vertical, limit) {
  let best = [0, limit];
  for (const token of data.tokens) {
    if (!isCoordinate(token.slot) || isVertical(token.slot) !== vertical) continue;
    const share = (token.id - vocab.coord) / (vocab.bins - 1);
    const pixel = number(token.pixel, -1);
    if (pixel > 0 && pixel < limit - 0.5 && share > best[0]) best = [share, pixel / share];
  }
  return best[1];
}

/**
 * What ended a saved sentence: EOS, the limit of objects, or somebody who stopped it.
 * @type {(data: Saved, record: Record) => string}
 */
function ending(data, record) {
  const last = record.tokens[record.tokens.length - 1];
  if (last && last.slot === "eos") return "eos";
  const limit = number((data.options || {}).max_objects, Infinity);
  return record.tokens.length >= limit * record.vocab.slots.length ? "full" : "stopped";
}

let opened = 0;

/**
 * Turn an exported JSON text into a `Record`; throws an `Error` with one plain line.
 * @param {string} text
 */
export const recordFromFile = (text) => {
  if (text.length > LARGEST) throw new Error("This file is larger than any record.");
  /** @type {Saved & {image: {width: number, height: number, data?: unknown}}} */
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new Error("This file is not JSON.", { cause: error });
  }
  const { image } = data || {};
  const usable =
    data && Array.isArray(data.tokens) && Array.isArray(data.detections) && image &&
    number(image.width) > 0 && number(image.height) > 0;
  if (!usable) throw new Error("This JSON is not a record that the Explorer saved.");
  const record = new Record();
  opened += 1;
  record.vocab = vocabulary(data);
  record.text = `file ${opened}`;
  record.header = {
    run: `file-${opened}`,
    checkpoint: words(data.checkpoint),
    options: data.options || {},
    parent: null,
    fork: 0,
    replay: true,
    image: {
      id: `file-${opened}`,
      w: image.width,
      h: image.height,
      example: null,
      src: typeof image.data === "string" ? image.data : "",
    },
  };
  record.frame = [
    0,
    0,
    reach(data, record.vocab, false, image.width),
    reach(data, record.vocab, true, image.height),
  ];
  record.tokens = data.tokens.slice(0, 5000).map((token, index) => ({
    index,
    id: number(token.id),
    slot: [...SLOTS, "eos"].includes(token.slot) ? token.slot : "eos",
    logprob: number(token.logprob),
    raw: Math.exp(number(token.logprob)),
    prob: number(token.prob),
    entropy: number(token.entropy),
    kept: number(token.kept),
    keptMass: number(token.kept_mass),
    grammarMass: number(token.grammar_mass, 1),
    eosProb: number(token.eos_prob),
    forced: token.forced === true,
    pull: pulled(token.pull),
    object: Math.floor(index / record.vocab.slots.length),
    candidates: (Array.isArray(token.candidates) ? token.candidates : []).slice(0, 5).map((c) => ({
      id: number(c.id),
      prob: number(c.prob),
      final: number(c.final_prob),
    })),
  }));
  for (const found of data.detections) {
    if (!Array.isArray(found.box) || found.box.length !== 4) continue;
    record.objects.set(number(found.object), {
      object: number(found.object),
      box: [number(found.box[0]), number(found.box[1]), number(found.box[2]), number(found.box[3])],
      label: number(found.label_id),
      score: number(found.score),
      noise: number(found.noise_probability),
      edges: typeof found.edge_score === "number" ? found.edge_score : null,
      state: found.is_noise === true ? "noise" : "ok",
      forced: found.forced === true,
      again: Number.isInteger(found.again) ? found.again : null,
    });
  }
  record.state = "done";
  record.end = { reason: ending(data, record), message: "" };
  return record;
};
