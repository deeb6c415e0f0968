import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ending, History, standing } from "#learn/history.js";

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

test("the captions are the recording's own numbers, and follow them where they change", () => {
  const last = history.last;
  const start = history.progress(0, 0, 0);
  const end = history.progress(0, recording.runs[0].snapshots.length - 1, 0);
  assert.ok(end.name > start.name && end.place < start.place);
  assert.match(standing(history, last, 0), new RegExp(`${Math.round(end.spread)} with augmentation, .*place ${Math.round(end.place)} of 80, with augmentation`));
  assert.match(ending(history), new RegExp(`After ${last} steps .*end before the names come`));

  const sure = structuredClone(recording);
  const { vocab_size: size } = sure.tokenizer;
  sure.pictures.forEach((picture, p) => {
    const bytes = new Uint8Array((picture.token_ids.length + 1) * size);
    picture.token_ids.forEach((id, token) => (bytes[token * size + id] = 255));
    sure.runs.forEach((run) => (run.snapshots.at(-1).rows[p].data = Buffer.from(bytes).toString("base64")));
  });
  const knows = new History(sure);
  assert.match(ending(knows), /have p 1\.00 with augmentation, 1\.00 without .*\)\.$/);
  assert.match(standing(knows, last, 0), /spread over so many of 256 bins: 1 with augmentation, 1 without\. The right names: p 1\.00, place 1 of 80, with augmentation/);
});

test("noise in a name's place is no name", () => {
  const { noise_id: noise } = recording.tokenizer;
  recording.pictures.forEach(({ token_ids: ids }, picture) => {
    assert.ok(history.names(picture).every((index) => ids[index] !== noise));
    if (!history.names(picture).length) {
      assert.equal(history.course(0, picture)[0].name, null);
      assert.match(standing(history, 0, picture), /no name in it/);
    }
  });
});
