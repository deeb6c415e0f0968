// What the stage says about its state: one line under the photo, and a message on it where there is
// nothing else to see. Every state has words that say what to do next.

import { nameOf } from "#kit/naming.js";
import { beforeYou, plural, probability } from "#kit/numbers.js";
import { inLine } from "#write/waiting.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Message} from "#kit/photo.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

/** @type {{[reason: string]: string}} */
const ENDINGS = {
  eos: "the model said EOS",
  full: "ended by the limit of objects",
  stopped: "stopped before its end",
};

/**
 * The message over the photo.
 * @type {(stage: Stage) => Message | null}
 */
export const stateMessage = (stage) => {
  const { record } = stage;
  const { message } = stage.waiting;
  if (message && !message.quiet) return message;
  if (record.state === "encoding" && record.before) return inLine(record.before);
  if (record.state === "error") {
    return { tone: "error", title: "This did not work", text: record.end?.message };
  }
  if (record.header.message && !record.run) {
    return { tone: "note", title: record.header.message };
  }
  if (!record.image) {
    return {
      title: "No picture yet",
      text: "Use your own photo, paste one, or pick an example.",
    };
  }
  const [first] = record.tokens;
  if (record.state === "done" && record.tokens.length === 1 && first.slot === "eos") {
    return {
      tone: "note",
      title: `The model wrote EOS at once: p = ${probability(first.raw)}.`,
      text: "It sees no object it has a word for. Try “keep going”.",
    };
  }
  return null;
};

/**
 * Why nothing is to be seen where objects were written.
 * @type {(stage: Stage) => string}
 */
const unseen = (stage) => {
  const { record } = stage;
  if (stage.visibleObjects().length || stage.shown < record.tokens.length) return "";
  const hidden = stage.hiddenObjects();
  const below = belowScore(stage).length;
  if (below) return `${plural(below, "object")} hidden`;
  const noise = hidden.filter((found) => nameOf(record, found) === "noise").length;
  return noise ? `nothing found: ${noise === 1 ? "the one box" : `all ${noise} boxes`} written as noise` : "";
};

/** @type {(stage: Stage) => Found[]} */
const belowScore = (stage) =>
  stage.hiddenObjects().filter((found) => found.state === "below" && nameOf(stage.record, found) !== "noise");

/**
 * How an encoder's look at the picture is told: its time, or that an earlier sentence used the same.
 * @type {(stage: Stage) => string}
 */
const look = (stage) => {
  const { record } = stage;
  if (record.recorded) return "a recorded run";
  if (!record.encoder || !record.encoder.seconds) return "";
  const runs = [...stage.records.values()];
  const before = runs.slice(0, Math.max(runs.indexOf(record), 0)).some(
    (other) =>
      !other.recorded &&
      other.image?.id === record.image?.id &&
      other.header.checkpoint === record.header.checkpoint
  );
  return before ? "the same look" : `looked for ${(1000 * record.encoder.seconds).toFixed(0)} ms`;
};

/**
 * How long the model wrote, and how fast that was shown where that is slower.
 * @type {(stage: Stage) => string}
 */
const told = (stage) => {
  const { record, pace } = stage;
  const { end } = record;
  const fresh = end?.tokens ?? record.tokens.length;
  if (record.recorded || !end?.rate || !fresh) return plural(record.tokens.length, "token");
  const seconds = fresh / end.rate;
  const shown = pace && pace < end.rate ? `, shown at ${pace} a second` : "";
  return `${plural(fresh, "token")} written in ${seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0)} s${shown}`;
};

/**
 * The controls that would write another sentence than the one on view, as words.
 * @type {(stage: Stage) => string[]}
 */
export const changedControls = (stage) => {
  const { values, record, bridge } = stage;
  const written = record.header.options;
  if (!values || !written || record.header.checkpoint !== stage.waiting.checkpoint) return [];
  const plain = (/** @type {unknown} */ value) => JSON.stringify(value ?? null);
  return Object.entries(bridge.writing || {})
    .filter(([name, { option }]) => option in written && plain(values[name]) !== plain(written[option]))
    .map(([, { label }]) => label);
};

/**
 * What to do next, as a button.
 * @type {(stage: Stage) => {text: string, act: () => void} | null}
 */
export const adviceOf = (stage) => {
  const { record } = stage;
  if (record.state !== "done" || stage.playing || stage.waiting.message || stage.prompt.active) return null;
  const below = stage.visibleObjects().length ? [] : belowScore(stage);
  if (!below.length || stage.shown < record.tokens.length) return null;
  const best = Math.max(...below.map((found) => found.score));
  const least = Math.floor(100 * best) / 100;
  return {
    text: `Show them: score at least ${least}`,
    act: () => stage.bridge.trigger("score_at_least", { score: least }),
  };
};

/**
 * Whether a sentence ends inside an object.
 * @param {Record} record
 */
const endsInside = (record) => {
  const last = record.tokens[record.tokens.length - 1];
  return Boolean(last && last.slot !== "class" && last.slot !== "eos");
};

/**
 * The lines under the photo.
 * @type {(stage: Stage) => string}
 */
export const statusLine = (stage) => {
  const { record } = stage;
  const { end } = record;
  const line = (/** @type {string[]} */ ...parts) => parts.filter(Boolean).join(" · ");
  if (stage.waiting.message) return stage.waiting.message.title;
  if (stage.prompt.active) return stage.prompt.hint();
  const changed = changedControls(stage);
  const now = changed.length ? `${changed.join(", ")} changed: Run writes with ${changed.length > 1 ? "them" : "it"}` : "";
  switch (record.state) {
    case "encoding":
      return record.before ? beforeYou(record.before) : "Looking at the picture…";
    case "writing":
      return line(look(stage), `writing token ${record.tokens.length}…`);
    case "stopped":
      return endsInside(record)
        ? "Stopped in the middle of an object. Step writes one more token, Write on finishes."
        : "Stopped. Step writes one more token, Write on goes on.";
    case "done":
      return line(now, record.encoder?.remark || "", look(stage), told(stage), ENDINGS[end?.reason ?? ""] || "", unseen(stage));
    case "error":
      return "Nothing was written.";
    default:
      return record.image ? "Run: the model looks at the picture and writes about it." : "";
  }
};
