// What the argument page says, filled from its numbers: a sentence claims what its intervals hold, says
// the opposite where they say so, and that nothing can be told where they hold zero.

/** @typedef {[number, number, number]} Interval a value, and the ends of its 95 % interval */

const points = (value) => Math.abs(100 * value).toFixed(1);
const share = (value) => `${(100 * value).toFixed(0)} %`;
const signed = (value) => `${value < 0 ? "−" : "+"}${points(value)}`;

/** How surely something moved: 1 up, -1 down, 0 cannot be told. */
export const moved = (low, high) => (low > 0 ? 1 : high < 0 ? -1 : 0);

/** Everything about a side at one threshold. */
export const sideAt = (set, name, at) => {
  const side = set.sides[name];
  const count = (kind) => side.counts[kind][at];
  const interval = (which) => which.map((row) => row[at]);
  const right = count("right");
  return {
    right,
    double: count("double"),
    wrong: count("wrong"),
    missed: set.objects - right,
    precision: interval(side.precision),
    recall: interval(side.recall),
  };
};

/** A difference between two sides at one threshold: value, low, high; null where one shows nothing. */
export const difference = (set, later, earlier, what, at) => {
  const value = set.sides[later][what][0][at] - set.sides[earlier][what][0][at];
  const [low, high] = set.differences[`${later}-${earlier}`][what].map((row) => row[at]);
  const known = [set.sides[later][what][0][at], set.sides[earlier][what][0][at], low, high];
  return known.some((one) => one === null || one === undefined) ? null : [value, low, high];
};

const told = (what, change, than) => {
  if (!change) return `${what} cannot be compared here.`;
  const [value, low, high] = change;
  const range = `[${signed(low)}, ${signed(high)}]`;
  const way = moved(low, high);
  if (way > 0) return `${what} rises by ${points(value)} points ${range}${than}.`;
  if (way < 0) return `${what} falls by ${points(value)} points ${range}${than}.`;
  return `${what} does not move measurably: ${signed(value)} points ${range}${than}.`;
};

const stop = (set, at) => {
  const side = sideAt(set, "stop", at);
  const boxes = side.right + side.double + side.wrong;
  if (!boxes) return { text: "No box scores that high: nothing is shown.", holds: null };
  const [recall, low, high] = side.recall;
  const each = (boxes / set.images).toFixed(1);
  const there = (set.objects / set.images).toFixed(1);
  return {
    text:
      `It shows ${each} boxes a picture, where ${there} objects are, and finds ${share(recall)} of them ` +
      `[${share(low)}, ${share(high)}]; ${share(side.precision[0])} of its boxes are right.`,
    holds: null,
  };
};

const goOn = (set, at) => {
  const recall = difference(set, "on", "stop", "recall", at);
  const precision = difference(set, "on", "stop", "precision", at);
  const ways = [recall, precision].map((change) => change && moved(change[1], change[2]));
  return {
    text: `${told("Recall", recall, "")} ${told("Precision", precision, "")}`,
    holds: recall && precision ? ways[0] > 0 && ways[1] < 0 : null,
  };
};

const noise = (set, at) => {
  const recall = difference(set, "noise", "stop", "recall", at);
  const precision = difference(set, "noise", "stop", "precision", at);
  const gained = difference(set, "noise", "on", "precision", at);
  const up = recall && moved(recall[1], recall[2]) > 0;
  const kept = precision && moved(precision[1], precision[2]) >= 0;
  const better = gained && moved(gained[1], gained[2]) > 0;
  const than = " against stopping early";
  return {
    text:
      `${told("Recall", recall, than)} ${told("Precision", precision, than)} ` +
      told("Against going on without the noise class, precision", gained, ""),
    holds: recall && precision && gained ? Boolean(up && kept && better) : null,
  };
};

/** The three steps: a text, and whether it is what the paper says (null: it says nothing). */
export const claims = (set, at) => ({ stop: stop(set, at), on: goOn(set, at), noise: noise(set, at) });

/** One line under the steps: does the argument hold here? */
export const conclusion = (set, at) => {
  const { on, noise: last } = claims(set, at);
  if (on.holds === null || last.holds === null) return "";
  if (on.holds && last.holds) {
    return "The paper’s argument shows here: going on finds more and costs precision, the noise class gives the precision back.";
  }
  const missing = [];
  if (!on.holds) missing.push("going on does not both find more and cost precision");
  if (!last.holds) missing.push("the noise class does not both keep what was found and give precision back");
  return `At this score the paper’s argument does not show here as a whole: ${missing.join("; ")}.`;
};
