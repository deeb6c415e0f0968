// A path of the tree on the photo: its finished objects, the edges of the one being written and, where
// it hesitates, every way on as a ghost, thick by mass.

import { probability } from "#kit/numbers.js";
import { isCoordinate, SLOTS } from "#kit/roles.js";
import { pathOf, thickness } from "#fork/lanes.js";
import { coordinatesOf } from "#fork/verdict.js";

/** @import {Dock} from "#fork/dock.js" */
/** @import {Alternative, Tree, TreeToken} from "#fork/lanes.js" */

const SIZE = SLOTS.length;

/**
 * What the object is called that a way leads to; empty where nobody followed it.
 * @param {Tree} tree
 * @param {Alternative} way
 * @param {number} index
 */
export const destination = (tree, way, index) => {
  if (way.branch === null) return "";
  const end = Math.floor(index / SIZE) * SIZE + SIZE - 1;
  return pathOf(tree, way.branch)[end]?.text || "";
};

export class Ghosts {
  /**
   * @param {Dock} dock
   * @param {(way: Alternative, path: TreeToken[], index: number) => void} choose
   */
  constructor(dock, choose) {
    this.dock = dock;
    this.choose = choose;
  }

  /**
   * @param {Tree} tree
   * @param {{chosen: number, count: number, at: number | null}} place `count` tokens of the path are
   *   on the photo; `at` is the hesitation that is looked at.
   */
  draw(tree, { chosen, count, at }) {
    const paper = this.dock.overlay;
    if (!paper) return;
    paper.moved();
    paper.clear();
    paper.alone(true);
    const path = pathOf(tree, chosen);
    const open = Math.floor(count / SIZE) * SIZE;
    for (let first = 0; first < open; first += SIZE) this.object(path.slice(first, first + SIZE));
    const known = coordinatesOf(path.slice(open, count));
    for (const [slot, pixel] of Object.entries(known)) paper.edge(slot, pixel, { known });
    if (at !== null) this.ways(tree, path, path[at], known);
  }

  /**
   * A finished object of a path.
   * @param {TreeToken[]} tokens
   */
  object(tokens) {
    const { xmin, ymin, xmax, ymax } = coordinatesOf(tokens);
    const name = tokens[SIZE - 1];
    if (name && xmax !== undefined && ymax !== undefined) {
      this.dock.overlay?.box([xmin, ymin, xmax, ymax], name.label === null ? "noise" : name.text);
    }
  }

  /**
   * @param {Tree} tree
   * @param {TreeToken[]} path
   * @param {TreeToken} token
   * @param {{[slot: string]: number}} known
   */
  ways(tree, path, token, known) {
    const paper = this.dock.overlay;
    if (!paper) return;
    for (const way of token.alternatives) {
      const to = destination(tree, way, token.index);
      const text = `${way.text} · ${probability(way.mass)}${to && to !== way.text ? ` → ${to}` : ""}`;
      const more = { text, look: "ghost", way: { go: () => this.choose(way, path, token.index), data: { "data-way": way.id } } };
      if (isCoordinate(token.slot) && way.pixel !== null) {
        paper.edge(token.slot, way.pixel, { known, width: thickness(way.mass), ...more });
      } else if (token.slot === "class") {
        const { xmin, ymin, xmax, ymax } = known;
        paper.box([xmin, ymin, xmax, ymax], way.text, more);
      }
    }
  }
}
