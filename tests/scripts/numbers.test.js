import assert from "node:assert/strict";
import { test } from "node:test";

import { fixed, memorySaid, nats, percent, plural, probability } from "#kit/numbers.js";

test("a probability keeps its meaning at both ends", () => {
  const shown = [0, 0.004, 0.005, 0.934, 0.995, 0.9951, 1, NaN].map(probability);
  assert.deepEqual(shown, ["0.00", "<0.01", "0.01", "0.93", "0.99", ">0.99", "1.00", "–"]);
});

test("a noun follows its number", () => {
  assert.equal(plural(1, "box", "boxes"), "1 box");
  assert.equal(plural(0, "token"), "0 tokens");
  assert.equal(plural(2, "box", "boxes"), "2 boxes");
});

test("what was not measured is a dash", () => {
  assert.deepEqual([fixed(null), fixed(undefined), fixed(Infinity), nats(NaN)], ["–", "–", "–", "–"]);
  assert.deepEqual([fixed(1.005, 1), percent(0.5), nats(1)], ["1.0", "50\u00a0%", "1.00 nats"]);
});

test("a memory is its cells, and five vectors for each draft", () => {
  assert.equal(memorySaid({ cells: 1024, drafts: 0 }), "1024 vectors");
  assert.equal(memorySaid({ cells: 676, drafts: 32 }), "836 vectors (676 cells, 32 drafts of 5)");
});
