import assert from "node:assert/strict";
import { test } from "node:test";

import { argumentFromFile } from "#lab/argument.js";
import { claims, conclusion } from "#lab/claims.js";
import { chosenBoxes } from "#lab/gallery.js";

const side = (right, double, wrong, precision, recall) => ({
  counts: { right: [right], double: [double], wrong: [wrong] },
  precision: precision === null ? [[null], [null], [null]] : [[precision], [precision - 0.05], [precision + 0.05]],
  recall: [[recall], [recall - 0.05], [recall + 0.05]],
});

const ends = (low, high) => [[low], [high]];

const table = (changes) => ({
  images: 10,
  objects: 100,
  sides: { stop: side(50, 2, 8, 0.83, 0.5), on: side(60, 30, 60, 0.4, 0.6), noise: side(60, 3, 12, 0.8, 0.6) },
  differences: {
    "on-stop": { recall: ends(0.05, 0.15), precision: ends(-0.5, -0.36) },
    "noise-stop": { recall: ends(0.05, 0.15), precision: ends(-0.07, 0.02) },
    "noise-on": { recall: ends(-0.02, 0.02), precision: ends(0.3, 0.45) },
    ...changes,
  },
});

test("where the intervals hold it, the page says what the paper says", () => {
  const said = claims(table({}), 0);
  assert.match(said.stop.text, /6\.0 boxes a picture, where 10\.0 objects are, and finds 50\u00a0% of them/);
  assert.match(said.on.text, /Recall rises by 10\.0 points .*Precision falls by 43\.0 points/);
  assert.equal(said.on.holds, true);
  assert.equal(said.noise.holds, true);
  assert.match(conclusion(table({}), 0), /shows here/);
});

test("an interval that holds zero is no effect, and the conclusion takes nothing for granted", () => {
  const none = table({ "on-stop": { recall: ends(-0.01, 0.2), precision: ends(-0.5, -0.36) } });
  assert.match(claims(none, 0).on.text, /Recall does not move measurably/);
  assert.equal(claims(none, 0).on.holds, false);
  assert.match(conclusion(none, 0), /does not show here/);
});

test("an effect the other way is said as such", () => {
  const other = table({ "on-stop": { recall: ends(-0.2, -0.1), precision: ends(0.1, 0.2) } });
  other.sides.on.recall[0][0] = 0.35;
  other.sides.on.precision[0][0] = 0.98;
  assert.match(claims(other, 0).on.text, /Recall falls by 15\.0 points .*Precision rises by 15\.0 points/);
});

test("where nothing is shown nothing is claimed", () => {
  const empty = table({});
  empty.sides.stop = side(0, 0, 0, null, 0);
  const said = claims(empty, 0);
  assert.match(said.stop.text, /nothing is shown/);
  assert.match(said.on.text, /Precision cannot be compared/);
  assert.equal(said.on.holds, null);
  assert.equal(conclusion(empty, 0), "");
});

test("the gallery holds the boxes that the counts are about, and what they leave unfound", () => {
  const row = (score, verdict, object) => ({ score, verdict, object, box: [0, 0, 1, 1], name: "cup", place: 0 });
  const set = {
    gallery: [
      {
        truth: [[[0, 0, 1, 1], "cup"], [[2, 2, 3, 3], "dog"]],
        sides: { on: [row(0.9, "right", 0), row(0.6, "double", 0), row(0.2, "wrong", -1)] },
      },
    ],
  };
  const count = (kind, threshold) => chosenBoxes(set, "on", kind, threshold).length;
  assert.deepEqual(["right", "double", "wrong", "missed"].map((kind) => count(kind, 0.5)), [1, 1, 0, 1]);
  assert.equal(count("missed", 0.95), 2);
  assert.equal(count("wrong", 0.1), 1);
});

test("a file of something else is refused in words", () => {
  assert.throws(() => argumentFromFile("{"), /no JSON/);
  assert.throws(() => argumentFromFile('{"format": "coco"}'), /not written by/);
  const picture = { image: "javascript:alert(1)" };
  const file = { format: "pix2seq-argument", version: 1, sets: [{ gallery: [picture] }] };
  assert.throws(() => argumentFromFile(JSON.stringify(file)), /no picture/);
});
