// The tree along the tokens: a lane per sentence, in an order in which no connection crosses another,
// thick by probability. Pure: from a tree to places, and from places to SVG.

import { clear, set, svg } from "#kit/elements.js";
import { SLOTS } from "#kit/roles.js";

const SIZE = SLOTS.length;

/**
 * As `pix2seq.branching.SentenceTree` says it.
 * @typedef {{id: number, text: string, kind: string, prob: number, mass: number, pixel: number | null,
 *   label: number | null, branch: number | null}} Alternative
 * @typedef {{index: number, id: number, slot: string, text: string, logprob: number,
 *   pixel: number | null, label: number | null, forced: boolean, alternatives: Alternative[],
 *   rest: number}} TreeToken
 * @typedef {{object: number, box: number[], label: number, name: string, score: number}} TreeObject
 * @typedef {{parent: number | null, tokens: TreeToken[], surprise: number, objects: TreeObject[],
 *   group: number}} Branch
 * @typedef {{kind: string, seed: number | null, surprise: number}} Rival
 * @typedef {{branches: Branch[], rivals: Rival[], checkpoint: string, num_bins: number}} Tree
 */

/**
 * The whole sentence of a branch.
 * @param {Tree} tree
 * @param {number} number
 * @returns {TreeToken[]}
 */
export const pathOf = (tree, number) => {
  const { parent, tokens } = tree.branches[number];
  if (parent === null) return tokens;
  return [...pathOf(tree, parent).slice(0, tokens[0].index), ...tokens];
};

/**
 * Branches in the order of their lanes: each parent above its children, the latest child first.
 * @param {Tree} tree
 * @returns {number[]}
 */
export const laneOrder = (tree) => {
  /** @type {number[][]} */
  const children = tree.branches.map(() => []);
  tree.branches.forEach(({ parent }, number) => {
    if (parent !== null) children[parent].push(number);
  });
  const start = (/** @type {number} */ n) => tree.branches[n].tokens[0].index;
  /** @type {(n: number) => number[]} */
  const below = (n) => [n, ...children[n].sort((a, b) => start(b) - start(a) || a - b).flatMap(below)];
  return below(0);
};

/**
 * How probable a path still is at each of its places: the masses of what was chosen, multiplied.
 * @param {Tree} tree
 * @param {number} number
 * @returns {Map<number, number>} from the index of a hesitation to the share that goes on behind it
 */
export const sharesOf = (tree, number) => {
  const { parent, tokens } = tree.branches[number];
  const first = tokens[0].index;
  const shares = new Map();
  let share = 1;
  if (parent !== null) {
    for (const [index, value] of sharesOf(tree, parent)) {
      if (index >= first) break;
      shares.set(index, value);
      share = value;
    }
    const fork = tree.branches[parent].tokens.find((token) => token.index === first);
    const own = fork?.alternatives.find((alternative) => alternative.branch === number);
    share *= own ? own.mass : 0;
    shares.set(first, share);
  }
  for (const token of tokens) {
    if (!token.alternatives.length || token.forced) continue;
    const own = token.alternatives.find((alternative) => alternative.branch === number);
    if (own) shares.set(token.index, (share *= own.mass));
  }
  return shares;
};

/** @param {number} share */
export const thickness = (share) => 1.5 + 8 * share;

/** Rows of a tree in one drawing; `rows` are the tops of the lanes. */
export class Lanes {
  /**
   * @param {(branch: number, index: number) => void} point a hesitation was chosen
   */
  constructor(point) {
    this.point = point;
    this.svg = svg("svg", { class: "fork-lanes", "aria-hidden": "true" });
  }

  /**
   * @param {Tree} tree
   * @param {number[]} order
   * @param {{width: number, row: number, chosen: number | null, at: number | null}} look
   */
  draw(tree, order, { width, row, chosen, at }) {
    clear(this.svg);
    const longest = Math.max(...tree.branches.map(({ tokens }) => tokens[tokens.length - 1].index + 1));
    const step = (width - 8) / longest;
    const height = order.length * row;
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    const x = (/** @type {number} */ index) => 4 + index * step;
    const y = (/** @type {number} */ branch) => (order.indexOf(branch) + 0.5) * row;
    this.bands(x, height, longest);
    const line = chosen === null ? [] : ancestors(tree, chosen);
    for (const number of [...order].reverse()) {
      const look = line.includes(number) ? " on" : "";
      this.lane(tree, number, { x, y, look });
    }
    for (const number of order) {
      for (const token of tree.branches[number].tokens) {
        if (!token.alternatives.length) continue;
        const here = number === chosen && token.index === at ? " here" : "";
        this.svg.append(
          svg("circle", {
            class: `fork-knot${here}`,
            cx: x(token.index),
            cy: y(number),
            r: 5,
            "data-knot": `${number}:${token.index}`,
            onclick: () => this.point(number, token.index),
          })
        );
      }
    }
  }

  /**
   * Every other object of a sentence, as a band behind all lanes.
   * @param {(index: number) => number} x
   * @param {number} height
   * @param {number} longest
   */
  bands(x, height, longest) {
    for (let first = SIZE; first < longest; first += 2 * SIZE) {
      const last = Math.min(first + SIZE, longest);
      const place = { x: x(first), width: x(last) - x(first), y: 0, height };
      this.svg.append(svg("rect", { class: "fork-band", ...place }));
    }
  }

  /**
   * @param {Tree} tree
   * @param {number} number
   * @param {{x: (index: number) => number, y: (branch: number) => number, look: string}} place
   */
  lane(tree, number, { x, y, look }) {
    const { parent, tokens } = tree.branches[number];
    const shares = sharesOf(tree, number);
    let share = 1;
    const first = tokens[0].index;
    if (parent !== null) {
      share = shares.get(first) || 0;
      const d = `M${x(first)} ${y(parent)} V${y(number)}`;
      this.svg.append(
        svg("path", { class: `fork-branch${look}`, d, "data-slot": tokens[0].slot, "stroke-width": thickness(share) })
      );
    }
    for (const token of tokens) {
      if (token.index !== first) share = shares.get(token.index) ?? share;
      this.svg.append(
        svg("line", {
          class: `fork-token${look}${token.forced ? " given" : ""}`,
          "data-slot": token.slot,
          x1: x(token.index),
          x2: x(token.index + 1) - 1,
          y1: y(number),
          y2: y(number),
          "stroke-width": thickness(share),
        })
      );
    }
  }
}

/**
 * A branch and those that it left.
 * @param {Tree} tree
 * @param {number} number
 * @returns {number[]}
 */
function ancestors(tree, number) {
  const { parent } = tree.branches[number];
  return parent === null ? [number] : [number, ...ancestors(tree, parent)];
}
