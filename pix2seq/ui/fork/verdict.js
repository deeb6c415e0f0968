// What a tree shows, in words.

import { fixed } from "#kit/numbers.js";
import { isCoordinate } from "#kit/roles.js";

/** @import {Tree, TreeToken} from "#fork/lanes.js" */

/** @param {number} group */
export const letter = (group) => String.fromCharCode(65 + (group % 26));

/**
 * Pixels of the coordinates among some tokens, by slot.
 * @param {TreeToken[]} tokens
 */
export const coordinatesOf = (tokens) => {
  /** @type {{[slot: string]: number}} */
  const found = {};
  for (const token of tokens) if (isCoordinate(token.slot) && token.pixel !== null) found[token.slot] = token.pixel;
  return found;
};

/**
 * The first place where paths part, the given tokens left out.
 * @param {Tree} tree
 * @returns {[number, TreeToken | undefined]}
 */
export const firstDoubt = (tree) => {
  const token = tree.branches[0].tokens.find((one) => one.alternatives.length && !one.forced);
  return [0, token];
};

/**
 * What the tree shows, in one sentence.
 * @param {Tree} tree
 */
export const headline = (tree) => {
  const paths = tree.branches.length;
  if (paths === 1) return "One path: nowhere does the model hesitate.";
  const sizes = new Map();
  for (const { group } of tree.branches) sizes.set(group, (sizes.get(group) || 0) + 1);
  const [[largest, size]] = [...sizes].sort((a, b) => b[1] - a[1]);
  const names = tree.branches.find(({ group }) => group === largest)?.objects.map((object) => object.name) || [];
  const said = names.join(", ") || "nothing";
  if (sizes.size === 1) return `${paths} paths, one set: ${said}. Only the order differs.`;
  return `${paths} paths, ${sizes.size} sets; ${size} of them say ${said}.`;
};

/**
 * Whether the likeliest tokens make the likeliest sentence, in one sentence.
 * @param {Tree} tree
 */
export const verdict = (tree) => {
  const argmax = tree.rivals.find((rival) => rival.kind === "argmax");
  const beam = tree.rivals.find((rival) => rival.kind === "beam");
  if (!argmax) return "";
  const costs = tree.branches.map((branch) => branch.surprise);
  const least = Math.min(...costs);
  const text = `The likeliest token at every step: ${fixed(argmax.surprise)} nats. `;
  const others = [
    [least, `path ${costs.indexOf(least) + 1}`],
    [beam ? beam.surprise : Infinity, "the beam"],
  ].sort((a, b) => Number(a[0]) - Number(b[0]));
  const [cost, who] = others[0];
  if (Number(cost) < argmax.surprise - 0.005) return `${text}Not the likeliest sentence: ${who} costs ${fixed(Number(cost))}.`;
  return `${text}Nothing here is cheaper.`;
};
