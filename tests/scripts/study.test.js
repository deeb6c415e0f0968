// Predictions and exercises: how a guess is scored, what an answer is, and that exercises are made of the
// numbers on the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { overlap } from "#learn/bell.js";
import * as made from "#learn/exercises.js";
import { GLOSSARY } from "#learn/glossary.js";
import { points, scoreWords, Tally } from "#learn/guess.js";

test("a hit has all points, and they fall with the distance", () => {
  assert.equal(points(0, 512), 100);
  const falling = [1, 10, 60, 200, 512].map((distance) => points(distance, 512));
  assert.deepEqual(falling, [...falling].sort((a, b) => b - a));
  assert.ok(falling[0] > 95 && falling[4] === 0);
  assert.equal(points(-64, 512), points(64, 512), "to either side");
  assert.equal(points(1, 0), 0);
});

test("a score says guess, answer and distance", () => {
  const how = { range: [0, 512], unit: "px" };
  assert.match(scoreWords(120, 144, how), /You said 120 px, it is 144 px: 24 px off, \d+ of 100 points/);
  assert.match(scoreWords(144.2, 144, how), /a hit/);
  assert.match(scoreWords(1, 2.98, { range: [0, 5.8], unit: "nats", digits: 1 }), /1\.0 nats, it is 3\.0 nats: 2\.0 nats off/);
});

test("points add up over lessons, and a new try replaces the old one", () => {
  const tally = new Tally();
  tally.add("quantize", 40);
  assert.equal(tally.words, "");
  tally.add("sentence", 60);
  tally.add("quantize", 90);
  assert.equal(tally.words, "150 points in 2 lessons.");
});

test("answers are read as people write them", () => {
  for (const [text, value] of [["1.79", 1.79], ["1,79", 1.79], [" 31 tokens", 31], ["1/4", 0.25], ["−3", -3]]) {
    assert.equal(made.readNumber(text), value, text);
  }
  const task = { ask: "", answer: 1.3863, tolerance: 0.01, why: "" };
  assert.equal(made.judge(task, "1.39"), "right");
  assert.equal(made.judge(task, "1.45"), "wrong");
  assert.equal(made.judge(task, "two"), "unread");
  assert.equal(made.judge(task, ""), "unread");
});

const sets = {
  quantisationExercises: { bins: 256, input: 512, edge: { name: "xmin", share: 0.3 } },
  sequenceExercises: { objects: 6, most: 16, coordinate: 4, bin: 85 },
  augmentationExercises: { real: 6, noise: 2 },
  objectiveExercises: { objects: 6, vocabulary: 340 },
  inferenceExercises: { topP: 0.4, most: 16 },
  trainingExercises: { cells: 1024, longest: 80, input: [512, 512] },
};

for (const [name, facts] of Object.entries(sets)) {
  test(`${name}: two, right with their own answer, wrong beside it`, () => {
    const exercises = made[name](facts);
    assert.equal(exercises.length, 2);
    for (const { ask, answer, tolerance, why } of exercises) {
      assert.ok(ask.endsWith("?") && why, ask);
      const exercise = { ask, answer, tolerance, why };
      assert.equal(made.judge(exercise, String(answer)), "right");
      assert.equal(made.judge(exercise, answer.toFixed(2)), "right", "two digits are enough");
      assert.equal(made.judge(exercise, String(answer + 1 + tolerance)), "wrong");
    }
  });
}

test("the answers are those of the method", () => {
  const answers = (name, facts) => made[name](facts).map(({ answer }) => answer);
  assert.deepEqual(answers("sequenceExercises", sets.sequenceExercises), [31, 89]);
  assert.deepEqual(answers("augmentationExercises", sets.augmentationExercises), [2, 31]);
  assert.deepEqual(answers("inferenceExercises", { topP: 0.4, most: 16 }), [2, 80]);
  assert.deepEqual(answers("inferenceExercises", { topP: 0.3, most: 16 }), [1, 80]);
  assert.deepEqual(answers("inferenceExercises", { topP: 1, most: 16 }), [5, 80]);
  const [pitch, bin] = answers("quantisationExercises", sets.quantisationExercises);
  assert.ok(Math.abs(pitch - 512 / 255) < 1e-9);
  assert.equal(bin, Math.round(0.3 * 255));
});

test("overlap is shared over all area", () => {
  assert.equal(overlap([0, 0, 10, 10], [0, 0, 10, 10]), 1);
  assert.equal(overlap([0, 0, 10, 10], [5, 0, 15, 10]), 50 / 150);
  assert.equal(overlap([0, 0, 10, 10], [10, 0, 5, 10]), 0, "an edge moved past the other");
});

test("every word of the glossary has a sentence", () => {
  for (const [word, meaning] of Object.entries(GLOSSARY)) assert.match(meaning, /\.$/, word);
});
