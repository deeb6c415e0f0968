// The lab's words about numbers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryWords, shareWords } from "#lab/doubles.js";
import { halfWidth } from "#lab/sheet.js";
import { binWords, radius } from "#lab/trust.js";

test("half of an interval stands behind a number", () => {
  assert.equal(halfWidth([0.8, 0.86]), "± 0.030");
  assert.equal(halfWidth([null, null]), "");
  assert.equal(halfWidth(undefined), "");
});

test("a bin of scores says what it promised and what it kept", () => {
  assert.equal(binWords([0.8, 0.9, 12, 0.85, 0.5]), "score 0.8 to 0.9: 12 boxes say 0.85, 0.50 of them are right");
  assert.equal(radius(100, 100), 9);
  assert.equal(radius(25, 100), 4.5);
  assert.ok(radius(1, 10000) >= 2.5, "one box can still be seen");
});

test("memory on trial is told from its counts", () => {
  const share = (value) => ({ share: value, interval: [value - 0.01, value + 0.01] });
  const trial = {
    objects: 300,
    returned: share(0.8),
    again: share(0.02),
    again_late: share(0.1),
    mean_probability: { first: 0.7, behind: 0.01, noise: 0.95 },
  };
  const words = memoryWords(trial);
  for (const part of ["300 objects", "80.0\u00a0% (95\u00a0%: 79.0 to 81.0) come back", "2.0\u00a0%", "10.0\u00a0% when", "0.70", "0.01", "0.95"]) {
    assert.ok(words.includes(part), part);
  }
  assert.equal(shareWords(0.5, [0.4, 0.6]), "50.0\u00a0% (95\u00a0%: 40.0 to 60.0)");
});
