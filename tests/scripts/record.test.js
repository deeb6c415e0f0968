import assert from "node:assert/strict";
import { test } from "node:test";

import { captionOf } from "#kit/naming.js";
import { Record } from "#visit/record.js";

const HEADER = {
  v: 1,
  run: "r",
  image: { id: "p", w: 200, h: 100 },
  vocab: {
    bins: 11, quantizer: "round", coord: 100, cls: 0, eos: 99, noise: 98, size: 111,
    slots: ["ymin", "xmin", "ymax", "xmax", "class"], classes: ["person", "cup"], maxObjects: 4,
  },
};
const LINES = [
  `R${JSON.stringify(HEADER)}\n`,
  "Sencoding\n",
  'Swriting {"seconds": 0.5, "grid": [2, 2], "frame": [0, 0, 200, 200]}\n',
  "T0 101 0 -0.105 9000 0.325 3 9500 9900 12 0 101:9000:9500 102:500:500\n",
  "T1 102 1 -0.693 5000 0.7 2 9000 10000 0 0\n",
  "T2 103 2 -0.693 5000 0.7 2 9000 10000 0 0\n",
  "T3 104 3 -0.693 5000 0.7 2 9000 10000 0 1\n",
  "T4 1 4 -0.223 8000 0.6 2 9000 10000 0 0\n",
  "B0 40.0 20.0 80.0 60.0 1 8000 100 9000 ok\n",
  "T5 99 5 -0.357 7000 0.4 1 10000 10000 7000 0\n",
  'Eeos {"tokens": 6, "rate": 9.5}\n',
];
const read = (text) => {
  const record = new Record();
  record.feed(text);
  return record;
};

test("a record is read line by line", () => {
  const record = read(LINES.join(""));
  assert.deepEqual(record.tokens.map((token) => token.object), [0, 0, 0, 0, 0, 1]);
  assert.deepEqual(record.tokens.map((token) => record.text_of(token.id)), ["1", "2", "3", "4", "cup", "EOS"]);
  assert.equal(record.tokens[0].candidates[0].final, 0.9500000000000001);
  assert.ok(record.tokens[3].forced);
  assert.deepEqual(record.objects.get(0).box, [40, 20, 80, 60]);
  assert.deepEqual([record.state, record.end.reason, record.end.rate], ["done", "eos", 9.5]);
});

test("a token knows which draft pulled it, and where to; without a line nobody did", () => {
  const pulled = [...LINES.slice(0, 5), "P1 104 6.4 2 4600\n", ...LINES.slice(5)];
  const record = read(pulled.join(""));
  assert.deepEqual(record.tokens[1].pull, { centre: 104, width: 6.4, draft: 2, sure: 0.46 });
  assert.ok(record.tokens.every(({ pull }, index) => index === 1 || pull === null));
  assert.ok(read(LINES.join("")).tokens.every(({ pull }) => pull === null));
});

test("however the text is cut, the same record comes out", () => {
  const text = LINES.join("");
  const whole = read(text);
  for (let cut = 1; cut < text.length; cut += 7) {
    const record = read(text.slice(0, cut));
    record.feed(text);
    assert.deepEqual(record.tokens, whole.tokens);
    assert.equal(record.state, whole.state);
  }
});

test("a picture in line knows how many are before it, until it is looked at", () => {
  const waiting = read(`${LINES[0]}Sencoding\nSencoding 12\nSencoding 3\n`);
  assert.deepEqual([waiting.state, waiting.before], ["encoding", 3]);
  assert.equal(read(LINES.slice(0, 3).join("")).before, 0);
});

test("another text starts over", () => {
  const record = read(LINES.join(""));
  record.feed(LINES[0].replace('"r"', '"other"'));
  assert.deepEqual([record.run, record.tokens.length, record.objects.size, record.state], ["other", 0, 0, "idle"]);
});

test("a bin is a pixel of the picture, and back, without the padding", () => {
  const record = read(LINES.join(""));
  assert.equal(record.tokenPixel(record.tokens[0]), 20);
  assert.equal(record.tokenPixel({ id: 110, slot: "ymax" }), 100, "clipped to the picture");
  assert.equal(record.tokenAt(20, "ymin"), 101);
  assert.equal(record.tokenAt(9999, "ymin"), 105, "the picture ends half way down the input");
});

test("an unknown line, slot or fate does no harm", () => {
  const record = read(`${LINES[0]}Xwhat\nT0 101 9 0\nB0 1 2 3 4 0 0 0 0 new\n`);
  assert.equal(record.tokens.length, 0);
  assert.equal(record.objects.get(0).state, "flat");
});

test("an object says its name, what was written, whose it is and what it repeats", () => {
  const lines = LINES.slice(0, -2);
  lines[8] = "B0 40.0 20.0 80.0 60.0 0 6000 100 9000 ok\n"; // read as a person, written as a cup
  lines.push("M0 1 -1\n");
  const five = (first, word) => [11, 12, 13, 14].map((bin, i) => `T${first + i} 10${bin % 10} ${i} -0.1 9000 0.3 2 9000 10000 0 0\n`)
    .concat(`T${first + 4} ${word} 4 -0.2 8000 0.6 2 9000 10000 0 0\n`);
  lines.push(...five(5, 0), "B1 40.0 20.0 80.0 60.0 0 7000 100 9000 ok\n", "M1 0 0\n");
  lines.push(...five(10, 98), "B2 10.0 20.0 80.0 60.0 1 10 9900 9000 noise\n");
  lines.push(...five(15, 98), "B3 10.0 20.0 80.0 60.0 1 10 9900 9000 below\n");
  const record = read(lines.join(""));
  const captions = [...record.objects.values()].map((found) => captionOf(record, found));
  assert.deepEqual(captions, ["person 0.60 · written cup · yours", "person 0.70 · again 1", "noise", "noise"]);
});

test("a recording that begins before the server has named it goes on under its name, and no other record does", () => {
  const headed = (more) => [`R${JSON.stringify({ ...HEADER, ...more })}\n`, ...LINES.slice(1)].join("");
  const image = { ...HEADER.image, example: "scene-1" };
  const record = read(headed({ run: null, replay: true, image }));
  const { tokens } = record;
  assert.ok(!record.named(headed({ run: "x", replay: false, image })));
  assert.ok(!record.named(headed({ run: "x", replay: true, image: { ...image, example: "scene-2" } })));
  assert.ok(!record.named(`${headed({ run: "x", replay: true, image })}T6 99 0 -0.3 7000 0.4 1 10000 10000 7000 0\n`));
  assert.equal(record.run, null);
  assert.ok(record.named(headed({ run: "x", replay: true, image: { ...image, id: "q" } })));
  assert.deepEqual([record.run, record.image.id, record.tokens], ["x", "q", tokens]);
  assert.ok(!record.named(headed({ run: "y", replay: true, image })), "it has a name already");
  assert.ok(!record.feed(record.text), "nothing of it is read again");
  assert.ok(!new Record().named(headed({ run: "x", replay: true, image })));
});
