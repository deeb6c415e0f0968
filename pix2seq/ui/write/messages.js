// What the stage says about its state: one line under the photo, and a message on it where there is
// nothing else to see. Every state has words that say what to do next.

import { nameOf } from "#kit/naming.js";
import { plural, probability } from "#kit/numbers.js";

const ENDINGS = {
  eos: "the model said EOS",
  full: "as many objects as you asked for",
  stopped: "stopped before its end",
};

/** The message over the photo: `{title, text, tone}`, or `null`. */
export const stateMessage = (stage) => {
  const { record } = stage;
  const { message } = stage.waiting;
  if (message && !message.quiet) return message;
  if (record.state === "error") {
    return { tone: "error", title: "This did not work", text: record.end.message };
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

/** What to do when objects were written and all of them score too low to be seen. */
const unsure = (stage) => {
  const { record } = stage;
  if (stage.visibleObjects().length || stage.shown < record.tokens.length) return "";
  const hidden = stage.hiddenObjects();
  const below = hidden.filter((found) => found.state === "below" && nameOf(record, found) !== "noise").length;
  if (below) return `${plural(below, "object")} hidden: lower “Score at least”`;
  const noise = hidden.filter((found) => nameOf(record, found) === "noise").length;
  return noise ? `nothing found: ${noise === 1 ? "the one box" : `all ${noise} boxes`} written as noise` : "";
};

/** The line under the photo. */
export const statusLine = (stage) => {
  const { record } = stage;
  const { end } = record;
  const seconds = record.encoder ? record.encoder.seconds : 0;
  const looked = seconds ? `looked for ${(1000 * seconds).toFixed(0)} ms` : "";
  const line = (...parts) => parts.filter(Boolean).join(" · ");
  if (stage.waiting.message) return stage.waiting.message.title;
  if (stage.prompt.active) return stage.prompt.hint();
  switch (record.state) {
    case "encoding":
      return "Looking at the picture…";
    case "writing":
      return line(looked, `writing token ${record.tokens.length}…`);
    case "stopped":
      return stage.midObject()
        ? "Stopped in the middle of an object. Step writes one more token, Write on finishes."
        : "Stopped. Step writes one more token, Write on goes on.";
    case "done":
      return line(
        record.encoder?.remark || "",
        unsure(stage),
        record.recorded ? "a recorded run" : looked,
        plural(record.tokens.length, "token"),
        !record.recorded && end.rate ? `${end.rate} tokens/s` : "",
        ENDINGS[end.reason] || ""
      );
    case "error":
      return "Nothing was written.";
    default:
      return record.image ? "Run: the model looks at the picture and writes about it." : "";
  }
};
