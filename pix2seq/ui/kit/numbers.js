// Numbers for reading.

/**
 * 0.934 -> "0.93"; very small and very large probabilities keep their meaning.
 * @param {number} p
 */
export const probability = (p) => {
  if (!Number.isFinite(p)) return "–";
  if (p > 0 && p < 0.005) return "<0.01";
  if (p < 1 && p > 0.995) return ">0.99";
  return p.toFixed(2);
};

/** @param {number} value */
export const nats = (value) => (Number.isFinite(value) ? `${value.toFixed(2)} nats` : "–");

/**
 * 1 box, 2 boxes.
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/**
 * What the decoder looks into: a vector per cell, and five per draft of an encoder that has them.
 * @type {(memory: {cells: number, drafts: number}) => string}
 */
export const memorySaid = ({ cells, drafts }) =>
  drafts
    ? `${cells + 5 * drafts} vectors (${plural(cells, "cell")}, ${plural(drafts, "draft")} of 5)`
    : plural(cells, "vector");

/**
 * A place in a line.
 * @param {number} n
 */
export const beforeYou = (n) =>
  n > 0 ? `${plural(n, "person", "people")} ${n === 1 ? "is" : "are"} before you` : "You are next";

/**
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export const fixed = (value, digits = 2) =>
  value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);

/**
 * A share; its sign never begins a line.
 * @param {number} value
 * @param {number} [digits]
 */
export const percent = (value, digits = 0) => `${(100 * value).toFixed(digits)}\u00a0%`;
