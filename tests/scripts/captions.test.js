// Captions over tables: the opposite table turns the sentence, and one that tells nothing silences it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { costsSaid, samplesSaid } from "#compare/captions.js";
import {
  bellSaid,
  choiceSaid,
  lossSaid,
  movedSaid,
  orderSaid,
  sizesSaid,
  stageSaid,
  sumsSaid,
  waysSaid,
} from "#learn/captions.js";

const box = (name, area, iou) => ({ name, area, iou });

test("small boxes suffer first only where they do", () => {
  assert.match(sizesSaid([box("cup", 9, 0.7), box("cow", 900, 0.9)]), /cup.*0\.700.*cow.*0\.900: small boxes suffer first/);
  assert.match(sizesSaid([box("cup", 9, 0.9), box("cow", 900, 0.7)]), /large one suffers more/);
  assert.equal(sizesSaid([box("cup", 9, 0.9), box("cow", 900, 0.9)]), "");
  assert.equal(sizesSaid([box("cup", 9, 0.9)]), "");
});

const way = (name, hits, nats = 1) => ({ name, hits, nats });

test("three ways are compared by what they found here", () => {
  const said = (a, b) => waysSaid([way("argmax", a), way("nucleus", b)], 6);
  assert.match(said(4, 6), /argmax finds 4 of 6; nucleus more \(6\)/);
  assert.match(said(6, 4), /nucleus fewer \(4\)/);
  assert.match(said(6, 6), /nucleus as many \(6\)/);
  assert.equal(waysSaid([way("argmax", 0), way("nucleus", 1)], 0), "", "nobody knows the truth");
});

test("the likeliest tokens make the likeliest sentence only where nothing is likelier", () => {
  const said = (argmax, ...samples) => costsSaid({ tokens: 9, nats: argmax }, samples.map((nats, seed) => ({ tokens: 9, nats, seed })));
  assert.match(said(34, 33, 35, 33.5), /34\.00 nats\. 2 of 3 samples are likelier sentences \(seed 0, 33\.00\): .*do not make/);
  assert.match(said(34, 35, 33), /1 of 2 samples is a likelier sentence \(seed 1/);
  assert.match(said(33, 34, 35), /None of 2 samples is a likelier sentence \(the best: seed 0, 34\.00\)/);
  assert.match(said(33, 33.001, 33), /Every sample is as likely/);
  assert.equal(said(33), "");
  assert.equal(costsSaid(undefined, [{ tokens: 9, nats: 3, seed: 0 }]), "");
});

test("the likelier sentence is the one with the smaller sum", () => {
  const said = (a, b) => sumsSaid(way("argmax", 0, a), way("nucleus", 0, b));
  assert.match(said(20, 24), /argmax's sentence is the likelier/);
  assert.match(said(24, 20), /nucleus's sentence is the likelier/);
  assert.equal(said(20, 20), "");
});

test("what a nucleus leaves to chance", () => {
  const said = (names, edges) => choiceSaid({ names, edges }, "top-p 0.40");
  assert.match(said([6, 6], [3, 24]), /6 of 6 names and 3 of 24 edges.*edges rather than names/);
  assert.match(said([1, 6], [24, 24]), /names rather than edges/);
  assert.equal(said([3, 6], [12, 24]), "");
  assert.equal(said([0, 0], [0, 0]), "");
});

test("a bell is called one only where it is one", () => {
  assert.match(bellSaid([[149, 0.2], [150, 0.4], [151, 0.2], [15, 0.05]]), /80\s%.*150: a bell/);
  assert.match(bellSaid([[15, 0.3], [80, 0.2], [150, 0.35]]), /35\s%.*no single bell/);
});

test("the order's share of a loss is ln n at most", () => {
  assert.match(orderSaid(2.98, 6), /up to ln 6 = 1\.79 of them/);
  assert.match(orderSaid(0.5, 6), /this order is one that the model expects/);
  assert.equal(orderSaid(0.5, 1), "");
});

test("a moved target costs what the model doubts", () => {
  assert.match(movedSaid(0, 1, 1, 1), /true bin/);
  assert.match(movedSaid(1, 1.42, 1.4, 0.99), /1 bin off costs the same.*0\.99/);
  assert.match(movedSaid(-130, 9, 1.4, 0.4), /130 bins off costs 7\.60 nats more/);
  assert.match(movedSaid(3, 1, 1.4, 0.9), /0\.40 nats less/);
});

test("a loss fell or rose", () => {
  const run = (...rows) => [{ name: "a", curve: rows }];
  assert.match(lossSaid(run([100, 6, 3], [2000, 3.33, 0.4])), /Coordinates fell from 6\.00 to 3\.33.*Classes fell.*2,000 steps/);
  assert.match(lossSaid(run([100, 3, 3], [200, 6, 3])), /Coordinates rose/);
  assert.equal(lossSaid(run([100, 3, 3], [200, 3, 3])), "");
  assert.equal(lossSaid([]), "");
});

test("samples name, and find only where the truth is known", () => {
  assert.match(samplesSaid([2.5, 3, 4], undefined), /names 2\.5 objects, 3 together 4 different ones\. Named is not found/);
  assert.match(samplesSaid([2, 2, 2], undefined), /no others/);
  const truth = (recall) => ({ objects: 6, recall, right: 5, others: 2 });
  assert.match(samplesSaid([5, 7], truth([0.5, 0.8])), /5 of them right, 2 not.*50\u00a0% with one sample, 80\u00a0% with all/);
  assert.match(samplesSaid([5, 7], truth([0.8, 0.8])), /80\s%, with one sample as with all/);
});

test("the sentence on the stage is told with its settings, and only a whole one names its way", () => {
  const written = { names: ["dog", "cup"], noise: 3, tokens: 25, nats: 31.26, options: { temperature: 1, top_p: 0.4, eos: "delay", seed: 7 }, origin: "recorded" };
  const said = stageSaid(written);
  assert.match(said, /a recorded sentence .*top-p 0\.40, temperature 1, EOS put off, seed 7\): dog, cup, and 3 boxes called noise\./);
  assert.match(said, /25 tokens, Σ −ln p 31\.3 nats\. That is the third way below\.$/);
  const likeliest = stageSaid({ ...written, options: { temperature: 0, eos: "model" }, origin: "live" });
  assert.match(likeliest, /your last sentence .*always the likeliest token, stopping at EOS\).* first way/);
  assert.doesNotMatch(likeliest, /seed|top-p/);
  assert.match(stageSaid({ ...written, options: { temperature: 1, eos: "model" } }), /second way/);
  assert.doesNotMatch(stageSaid({ ...written, origin: "edited" }), /way below/);
  const followed = stageSaid({ ...written, options: { temperature: 1, eos: "delay", follow_drafts: true } });
  assert.match(followed, /EOS put off, following the encoder's drafts/);
  assert.doesNotMatch(followed, /way below/);
  assert.doesNotMatch(stageSaid({ ...written, options: { temperature: 0, eos: "delay" } }), /way below/);
  assert.match(stageSaid({ ...written, names: [], noise: 0 }), /: no object\. /);
});
