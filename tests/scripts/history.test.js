import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { History } from "#learn/history.js";

const file = new URL("../../assets/learn/snapshots.json", import.meta.url);
const recording = { classes: [], ...JSON.parse(readFileSync(file, "utf8")) };
const history = new History(recording);

test("a recorded row is a distribution over the vocabulary", () => {
  recording.runs.forEach((run, r) => {
    for (const snapshot of [0, run.snapshots.length - 1]) {
      recording.pictures.forEach((picture, p) => {
        for (const token of [0, picture.token_ids.length]) {
          const row = history.row(r, snapshot, p, token);
          assert.equal(row.length, recording.tokenizer.vocab_size);
          assert.ok(Math.abs(row.reduce((sum, one) => sum + one, 0) - 1) < 1e-9);
        }
      });
    }
  });
});

test("training makes the true sentence likelier, with augmentation and without", () => {
  recording.runs.forEach((run, r) => {
    const cost = (snapshot) =>
      recording.pictures[0].token_ids.reduce((sum, id, token) => sum - Math.log(history.row(r, snapshot, 0, token)[id] + 1e-6), 0);
    assert.ok(cost(run.snapshots.length - 1) < cost(0));
  });
});

test("a step finds the nearest snapshot of each run", () => {
  recording.runs.forEach((run, r) => {
    run.snapshots.forEach(({ step }, i) => assert.equal(history.at(r, step), i));
    assert.equal(history.at(r, 1e9), run.snapshots.length - 1);
  });
});

test("ids are boxes in pixels, without the padding and without what has no area", () => {
  const { coord_offset: at, num_bins: bins, class_offset: first, noise_id: noise } = recording.tokenizer;
  const last = at + bins - 1;
  const ids = [at, at, last, last, first, at, at, at, last, first, at, at, last, last, noise, at];
  const found = history.objects(ids, { width: 400, height: 200 });
  assert.deepEqual(found.map(({ box }) => box), [[0, 0, 400, 200], [0, 0, 400, 200]]);
  assert.deepEqual(found.map((one) => one.noise), [false, true]);
});
