// What a recorded pair says about its controls.

import assert from "node:assert/strict";
import { test } from "node:test";

import { moved } from "#compare/recorded.js";

const NAMES = ["seed", "temperature", "eos"];
const OPTIONS = {
  a: { seed: 0, temperature: 0, eos: "delay", top_k: 0 },
  b: { seed: 0, temperature: 1, eos: "delay", top_k: 0 },
};

test("controls that say what was recorded have not moved", () => {
  assert.deepEqual(moved(NAMES, [0, 0, "delay", 1, "delay"], OPTIONS), []);
});

test("a control that moved on either side is named, and the seed with it", () => {
  assert.deepEqual(moved(NAMES, [0, 0, "model", 1, "delay"], OPTIONS), ["eos"]);
  assert.deepEqual(moved(NAMES, [0, 0, "delay", 0.5, "delay"], OPTIONS), ["temperature"]);
  assert.deepEqual(moved(NAMES, [9, 0, "delay", 1, "delay"], OPTIONS), ["seed"]);
});
