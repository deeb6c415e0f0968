import assert from "node:assert/strict";
import { test } from "node:test";

import { Metronome } from "#kit/timing.js";

/** A machine on which a call takes `cost` ms, and timers come when the work is done. */
const machine = (context, cost) => {
  const state = { now: 0, calls: [], next: null };
  context.mock.method(globalThis, "setTimeout", (task, ms) => {
    state.next = [state.now + Math.max(ms, 0), task];
    return 1;
  });
  context.mock.method(globalThis, "clearTimeout", () => (state.next = null));
  state.run = (until) => {
    while (state.next && state.next[0] <= until) {
      const [at, task] = state.next;
      state.next = null;
      state.now = Math.max(state.now, at);
      task();
      state.now += cost;
    }
  };
  return state;
};

for (const cost of [0, 90, 300, 700]) {
  test(`eight a second are eight a second where a frame takes ${cost} ms`, (context) => {
    const slow = machine(context, cost);
    const metronome = new Metronome(() => {
      slow.calls.push(slow.now);
      return 125;
    }, () => slow.now);
    metronome.start();
    slow.run(20000);
    assert.ok(Math.abs(slow.calls.length - 160) <= 1 + 700 / 125, String(slow.calls.length));
  });
}

test("what was missed for long is not made up for: nothing leaps", (context) => {
  const slow = machine(context, 0);
  let calls = 0;
  const metronome = new Metronome(() => {
    calls += 1;
    return 100;
  }, () => slow.now);
  metronome.start();
  slow.now = 60000; // the computer slept
  slow.run(60000);
  assert.ok(calls <= 1 + 9, String(calls));
});

test("what is to be read is never skipped, and the end is the end", (context) => {
  const slow = machine(context, 900);
  const at = [];
  const metronome = new Metronome(() => {
    at.push(slow.now);
    return at.length < 4 ? 1000 : null;
  }, () => slow.now);
  metronome.start();
  slow.run(20000);
  assert.equal(at.length, 4);
  assert.equal(new Set(at).size, 4, "one at a time");
  metronome.start();
  metronome.stop();
  slow.run(40000);
  assert.equal(at.length, 5);
});
