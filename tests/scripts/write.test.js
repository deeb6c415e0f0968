import assert from "node:assert/strict";
import { test } from "node:test";

import { classColour, inHue } from "#kit/hues.js";
import { labelAll, labelAmong } from "#kit/labels.js";
import { edgeText, placeText } from "#kit/units.js";
import { Record } from "#visit/record.js";
import { draftSaid, lookedSaid } from "#write/attention.js";
import { branchNames } from "#write/branchnames.js";
import { shelfFor } from "#write/distribution.js";
import { levelOf, linesOf, shade } from "#write/heat.js";
import { leftInWords, pullSaid } from "#write/inspector.js";
import { scaleTop, surpriseOf } from "#write/surprise.js";

const frame = { x: 0, y: 0, width: 400, height: 300 };
const width = (text, size = 12) => 0.6 * size * text.length;
const meets = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** A record of a sentence, as branches know it. */
const branch = (run, options = {}, more = {}) => {
  const record = new Record();
  record.header = { run, options: { seed: 0, temperature: 1, top_p: 0.4, forbidden_labels: [], ...options }, checkpoint: "mini", ...more };
  record.vocab = { slots: ["ymin", "xmin", "ymax", "xmax", "class"], classes: ["dog", "cat"], bins: 10, coord: 0, cls: 10 };
  record.tokens = Array.from({ length: 5 }, (_, index) => ({ index, id: index, slot: record.vocab.slots[index], logprob: -1 }));
  return record;
};

test("no two branches share a name, and a name lists what differs", () => {
  const family = [
    branch("a"),
    branch("b", { temperature: 1.8 }),
    branch("c", {}),
    branch("d", { forbidden_labels: [1] }, { parent: "a", fork: 2 }),
    branch("e", {}, { parent: "a", fork: 2 }),
  ];
  const names = branchNames(family);
  assert.equal(new Set(names).size, names.length, names.join(" | "));
  assert.equal(names[1], "T 1.8");
  assert.equal(names[0], "T 1");
  assert.equal(names[2], "T 1 · again 1");
  assert.equal(names[3], "ymax 2 at 3 · never cat");
  assert.equal(names[4], "ymax 2 at 3");
});

test("a lone sentence has a name, too", () => {
  assert.deepEqual(branchNames([branch("a")]), ["first"]);
  assert.deepEqual(branchNames([branch("a", {}, { replay: true })]), ["as recorded"]);
});

test("where boxes crowd, a name becomes its number and hides no other box", () => {
  const boxes = [];
  for (let i = 0; i < 14; i += 1) boxes.push({ x: 40 + 24 * (i % 7), y: 60 + 40 * Math.floor(i / 7), width: 22, height: 34 });
  const taken = [];
  let short = 0;
  boxes.forEach((box, i) => {
    const others = boxes.filter((other) => other !== box);
    const { text, place, leader } = labelAmong([`${i + 1} person 0.97`, String(i + 1)], box, frame, taken, others, 13, width);
    assert.ok(!taken.some((other) => meets(place, other)), `name ${i + 1} stands on another`);
    const apart = Math.max(box.x - place.x - place.width, place.x - box.x - box.width, box.y - place.y - place.height, place.y - box.y - box.height);
    assert.ok(apart <= 1 || leader, `name ${i + 1} has lost its box`);
    if (text === String(i + 1)) short += 1;
    taken.push(place);
  });
  assert.ok(short > 0);
});

test("a name among few boxes is whole and lies on none of them", () => {
  const label = labelAmong(["1 cup 0.97", "1"], { x: 100, y: 100, width: 80, height: 60 }, frame, [], [], 13, width);
  assert.equal(label.text, "1 cup 0.97");
  assert.equal(label.leader, null);
  assert.ok(label.place.y + label.place.height <= 100);
});

test("a class's colour follows from its name; noise has none", () => {
  assert.match(classColour("dog"), /^#[0-9A-F]{6}$/);
  assert.notEqual(classColour("dog"), classColour("cat"));
  assert.deepEqual(inHue("dog", { width: "1px" }), {
    "data-class": "dog",
    style: { width: "1px", "--class": classColour("dog") },
  });
  assert.deepEqual(inHue("noise"), { style: {} });
});

test("a scale holds its largest value, whatever that is", () => {
  for (const most of [0, 3.9, 4.1, 6.5, 11, 30, 50, 130]) assert.ok(scaleTop([1, most]) >= most, String(most));
  assert.equal(scaleTop([]), 4);
});

test("a row's surprise is the sum of its tokens'", () => {
  assert.equal(surpriseOf([{ logprob: -1.5 }, { logprob: -0.25 }]), 1.75);
  assert.equal(surpriseOf([]), 0);
});

test("a pull is one sentence: which draft, and where to", () => {
  const record = { text_of: (id) => String(id - 4) };
  const token = { slot: "xmin", forced: false, pull: { centre: 122, width: 6.2, draft: 2, sure: 0.46 } };
  assert.equal(pullSaid(record, token), "Pulled to draft 3 (0.46): xmin 118 ± 6 bins. Raw numbers are after the pull.");
  const narrow = { ...token, pull: { ...token.pull, width: 1 } };
  assert.match(pullSaid(record, narrow), /± 1 bin\./);
  assert.match(pullSaid(record, { ...token, forced: true }), /^You gave this token; draft 3 \(0\.46\) would have pulled it: xmin 118/);
  assert.equal(pullSaid(record, { ...token, pull: null }), "");
});

test("what was left to draw from is said in words", () => {
  assert.match(leftInWords([340, 256, 256, 1], false), /^Of 340 tokens one was left: no seed/);
  assert.match(leftInWords([340, 256, 256, 5], false), /^Of 340 tokens 5 were left/);
  assert.match(leftInWords([340, 256, 256, 5], true), /^You gave this token/);
});

test("one switch decides between bins and pixels", () => {
  const record = branch("a");
  record.header.image = { id: "x", w: 90, h: 90 };
  record.frame = [0, 0, 90, 90];
  assert.equal(placeText(record, 3, "xmin", "bins"), "3");
  assert.equal(placeText(record, 3, "xmin", "pixels", true), "x 30 px");
  assert.equal(placeText(record, 3, "ymin", "bins", true), "bin 3");
  assert.equal(edgeText(record, 30, "xmin", "bins"), "3");
  assert.equal(edgeText(record, 30, "xmin", "pixels"), "30");
});

test("names of peaks that would lie on each other stand on shelves", () => {
  const shelves = [];
  assert.equal(shelfFor(shelves, [10, 60]), 0);
  assert.equal(shelfFor(shelves, [40, 90]), 1);
  assert.equal(shelfFor(shelves, [50, 80]), 2);
  assert.equal(shelfFor(shelves, [60, 70]), 0, "beside the first one there is room");
});

test("attention is said by what it went to: cells alone, or drafts as well", () => {
  assert.match(lookedSaid({ inside: 0.341 }), /token\. 34\u00a0% of it fell inside the object's box\.$/);
  assert.doesNotMatch(lookedSaid({}), /inside|draft/);
  const drafts = { count: 32, share: 0.62, most: [] };
  assert.match(lookedSaid({ inside: 0.5, drafts }), / 62\u00a0% of the attention went to 32 drafts: .* 50\u00a0% of all of it .*spread/);
  assert.equal(draftSaid({ name: "dog", share: 0.304, sure: 0.9, box: [0, 0, 1, 1] }), "dog 30\u00a0%");
  assert.equal(draftSaid({ name: null, share: 0.05, sure: 0.9, box: [0, 0, 1, 1] }), "5\u00a0%");
});

test("where it looked most the photo keeps its own colours, elsewhere most of its light", () => {
  assert.equal(shade(1), 0, "nothing is put over white, black or any colour");
  for (let share = 0; share < 1; share += 0.05) {
    assert.ok(shade(share) > shade(share + 0.05), "the more it got, the lighter it is");
    assert.ok(shade(share) <= 0.35, "the photo stays");
  }
  assert.deepEqual([0, 0.2, 0.25, 0.6, 0.75, 1].map(levelOf), [0, 0, 1, 2, 3, 3]);
});

test("lines run where a level ends, and nowhere else", () => {
  const width = 9;
  const hill = Uint8Array.from({ length: width * 7 }, (_, i) => Number(i % width >= 4));
  const lines = linesOf(hill, width);
  for (let i = 0; i < lines.length; i += 1) {
    const away = Math.min(Math.abs((i % width) - 3), Math.abs((i % width) - 4));
    assert.equal(lines[i], away === 0 ? 2 : away === 1 ? 1 : 0);
  }
  assert.ok(linesOf(new Uint8Array(30), 6).every((one) => one === 0), "no line in a plain");
});

test("names of many boxes lie on no other name; noise goes without where there is no room", () => {
  const crowd = Array.from({ length: 20 }, (_, i) => ({
    texts: [i < 4 ? `object ${i}` : "noise"],
    box: { x: 150 + 3 * i, y: 120 + 2 * i, width: 60, height: 40 },
    spare: i >= 4,
  }));
  const labels = labelAll(crowd, frame, 13, {}, width);
  const stand = labels.filter((label) => label !== null);
  assert.ok(labels.slice(0, 4).every((label) => label !== null), "an object has its name");
  assert.ok(stand.length < crowd.length, "noise that crowds has none");
  stand.forEach((one, i) => assert.ok(!stand.some((other, j) => j > i && meets(one.place, other.place))));
});
