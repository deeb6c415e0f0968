import assert from "node:assert/strict";
import { test } from "node:test";

import { relationAt } from "#compare/sentences.js";
import { labelPlace } from "#kit/labels.js";
import { areaPath } from "#kit/plots.js";
import { otherModes } from "#write/alternatives.js";

const overlap = (a, b) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const frame = { x: 0, y: 0, width: 400, height: 300 };
const width = (text) => 7 * text.length;

test("a name stands above its box, inside the picture", () => {
  const place = labelPlace("1  cup", { x: 50, y: 80, width: 100, height: 60 }, frame, [], 12, width);
  assert.deepEqual(place, { x: 49, y: 63, width: 52, height: 17 });
  const corner = labelPlace("1  cup", { x: 390, y: 2, width: 10, height: 10 }, frame, [], 12, width);
  assert.ok(corner.x + corner.width <= frame.width && corner.y >= 0);
});

test("names of boxes upon one another do not cover each other", () => {
  const taken = [];
  for (let i = 0; i < 6; i += 1) {
    const place = labelPlace(`${i}  cup`, { x: 100, y: 100, width: 120, height: 120 }, frame, taken, 12, width);
    assert.ok(!taken.some((other) => overlap(place, other)), `name ${i}`);
    taken.push(place);
  }
});

test("no peak of a distribution is lost where a column holds many bins", () => {
  for (const peak of [0, 499, 999]) {
    const values = new Array(1000).fill(0);
    values[peak] = 0.5;
    assert.match(areaPath(values, 100, 40, 0.5), / 0\.0 L/, `bin ${peak} reaches the top`);
  }
  assert.doesNotMatch(areaPath([0, 0, 0], 90, 40, 0), /NaN/);
});

test("other edges are peaks away from the written one", () => {
  const modes = [{ id: 500, mass: 0.5 }, { id: 505, mass: 0.1 }, { id: 900, mass: 0.2 }];
  assert.deepEqual(otherModes({ vocab: { bins: 1000 } }, 501, modes), [{ id: 900, mass: 0.2 }]);
});

test("sentences are the same until they part, then only where they agree", () => {
  const at = (index, parted, equal = false) => relationAt(index, { parted, together: 5, equal });
  assert.deepEqual([at(4, null), at(5, null)], ["same", ""], "nothing is known beyond the shorter one");
  assert.deepEqual([at(1, 2), at(2, 2), at(3, 2, true), at(3, 2)], ["same", "first", "same", "different"]);
  assert.equal(at(7, 7), "first", "one goes on where the other ends");
});
