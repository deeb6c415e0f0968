// What a branch is called: where it parts from its parent and which settings differ. Sentences from
// the start are told apart by what differs among them, so that no two names are alike.

/** @import {Options, Record} from "#visit/record.js" */

/** @type {[option: keyof Options, word: (value: Options[keyof Options]) => string][]} */
const WORDS = [
  ["seed", (value) => `seed ${value}`],
  ["temperature", (value) => `T ${value}`],
  ["top_p", (value) => `top-p ${value}`],
  ["top_k", (value) => (value ? `top-k ${value}` : "no top-k")],
  ["num_bins", (value) => `${value} bins`],
  ["max_objects", (value) => `${value} objects at most`],
  ["eos", (value) => (value === "delay" ? "keep going" : "stop at EOS")],
  ["grammar", (value) => (value === false ? "no grammar" : "grammar")],
  ["follow_drafts", (value) => (value ? "follows drafts" : "follows no drafts")],
];

/** @type {(options: Options | undefined, name: keyof Options) => string} */
const key = (options, name) => JSON.stringify((name === "follow_drafts" ? Boolean(options?.[name]) : options?.[name]) ?? null);

/**
 * What a person calls forbidden classes.
 * @param {Record} record
 */
const never = (record) =>
  (record.header.options?.forbidden_labels || []).map((/** @type {number} */ label) => `never ${record.className(label)}`);

/**
 * @param {Record} record
 * @param {Record[]} others that it is to be told apart from
 */
function differences(record, others) {
  const mine = record.header.options || {};
  const differ = (/** @type {keyof Options} */ name) => others.some((other) => key(other.header.options, name) !== key(mine, name));
  const words = WORDS.filter(([name]) => differ(name)).map(([name, word]) => word(mine[name]));
  if (differ("forbidden_labels")) words.push(...(never(record).length ? never(record) : ["all classes"]));
  if (others.some((other) => other.header.checkpoint !== record.header.checkpoint)) words.unshift(record.header.checkpoint ?? "");
  return words;
}

/**
 * Where a branch parts from its parent.
 * @param {Record} record
 */
function parting(record) {
  const { fork = 0 } = record.header;
  const token = record.tokens[fork];
  if (record.tokens.length && fork === 0 && record.tokens.slice(0, 2).every((one) => one.forced)) return "asked about a place";
  if (!token) return `from token ${fork + 1}`;
  return `${token.slot} ${record.text_of(token.id)} at ${fork + 1}`;
}

/**
 * Names of a family of sentences about one picture, all different.
 * @param {Record[]} family
 * @returns {string[]}
 */
export function branchNames(family) {
  const byRun = new Map(family.map((record) => [record.run, record]));
  const firsts = family.filter((record) => !byRun.get(record.header.parent ?? null));
  const names = family.map((record) => {
    const parent = byRun.get(record.header.parent ?? null);
    if (parent) return [parting(record), ...differences(record, [parent])].join(" · ");
    const words = differences(record, firsts);
    return words.length ? words.join(" · ") : record.recorded ? "as recorded" : "first";
  });
  /** @type {Map<string, number>} */
  const seen = new Map();
  return names.map((name) => {
    const times = (seen.get(name) || 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} · again ${times - 1}`;
  });
}
