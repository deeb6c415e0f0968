import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { destination } from "#fork/ghosts.js";
import { laneOrder, pathOf, sharesOf } from "#fork/lanes.js";
import { firstDoubt, headline, verdict } from "#fork/verdict.js";

const tree = (name) =>
  JSON.parse(readFileSync(new URL(`../../assets/examples/trees/${name}.json`, import.meta.url), "utf8"));
const SCENE = tree("scene-275");
const COFFEE = tree("coffee");
const number = (_, n) => n;

for (const [name, one] of [["scene", SCENE], ["coffee", COFFEE]]) {
  test(`every path of the ${name} has a lane, below its parent's, and no connection crosses a lane`, () => {
    const order = laneOrder(one);
    assert.deepEqual([...order].sort((a, b) => a - b), one.branches.map(number));
    const lane = one.branches.map((_, n) => order.indexOf(n));
    one.branches.forEach(({ parent, tokens }, n) => {
      if (parent === null) return;
      assert.ok(lane[parent] < lane[n]);
      for (const between of order.slice(lane[parent] + 1, lane[n])) {
        const first = one.branches[between].tokens[0].index;
        assert.ok(first >= tokens[0].index, `lane of ${between} is crossed by the connection to ${n}`);
      }
    });
  });

  test(`a path of the ${name} costs the surprise of its tokens, and its share only shrinks`, () => {
    one.branches.forEach(({ surprise }, n) => {
      const path = pathOf(one, n);
      assert.deepEqual(path.map(({ index }) => index), path.map(number));
      const sum = path.reduce((total, { logprob }) => total - logprob, 0);
      assert.ok(Math.abs(sum - surprise) < 1e-3 * surprise);
      const shares = [...sharesOf(one, n).values()];
      shares.forEach((share, i) => assert.ok(share > 0 && share <= (i ? shares[i - 1] : 1)));
    });
  });
}

test("at the fork of the opening scene one xmin leads to one object, another to another, and the set is the same", () => {
  const [branch, token] = firstDoubt(SCENE);
  assert.equal(branch, 0);
  assert.equal(token.slot, "xmin");
  const ends = token.alternatives.map((way) => destination(SCENE, way, token.index)).filter(Boolean);
  assert.ok(ends.length > 1 && new Set(ends).size === ends.length, ends.join());
  const said = headline(SCENE);
  assert.match(said, new RegExp(`^${SCENE.branches.length} paths, one set: .* Only the order differs\\.$`));
  for (const name of ends) assert.ok(said.includes(name));
});

test("on the cup of coffee paths end in several sets; argmax is the cheapest sentence, or it is said which is cheaper", () => {
  const sets = new Set(COFFEE.branches.map(({ group }) => group)).size;
  assert.ok(sets > 1);
  assert.match(headline(COFFEE), new RegExp(`^${COFFEE.branches.length} paths, ${sets} sets; \\d+ of them say [a-z, ]+\\.$`));
  const least = Math.min(...COFFEE.branches.map(({ surprise }) => surprise), ...COFFEE.rivals.map(({ surprise }) => surprise));
  const argmaxAt = (surprise) => ({
    ...COFFEE,
    rivals: COFFEE.rivals.map((rival) => (rival.kind === "argmax" ? { ...rival, surprise } : rival)),
  });
  assert.match(verdict(argmaxAt(least)), /Nothing here is cheaper\.$/);
  assert.match(verdict(argmaxAt(least + 1)), /Not the likeliest sentence: (path \d+|the beam) costs/);
  const cheap = { ...COFFEE, branches: COFFEE.branches.slice(0, 1) };
  assert.equal(headline(cheap), "One path: nowhere does the model hesitate.");
});
