import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, inAddress, scene } from "#visit/address.js";

test("a scene replaces its own keys and leaves the others alone", () => {
  const before = "http://host/page?tab=write&present=1&token=3#top";
  assert.equal(
    addressOf(before, { tab: "learn", token: null, lesson: "objective" }),
    "http://host/page?tab=learn&present=1&lesson=objective#top"
  );
});

test("what a visitor's text may hold stays one value", () => {
  const address = addressOf("http://host/", { ex: "a&b=c d" });
  assert.equal(new URL(address).searchParams.get("ex"), "a&b=c d");
});

test("every room tells its part", () => {
  inAddress("one", () => ({ tab: "lab" }));
  inAddress("two", () => ({ score: 30, token: null }));
  assert.deepEqual(scene(), { tab: "lab", score: 30, token: null });
});
