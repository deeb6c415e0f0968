// A finding to hand in, as text: which picture, which settings, what was written, what was looked at,
// and the link that shows it again.

import { nameOf } from "#kit/naming.js";
import { probability } from "#kit/numbers.js";

const SETTINGS = ["temperature", "top_p", "top_k", "num_bins", "max_objects", "eos", "follow_drafts", "noise", "score_threshold", "seed"];

/** @type {(stage: any, address: string) => string} */
export const findingOf = (stage, address) => {
  const { record, selected, shown } = stage;
  const { image, header } = record;
  const picture = image?.example ? `example:${image.example}` : "an own photo (not in the link)";
  const options = header.options || {};
  const settings = SETTINGS.filter((name) => options[name] !== undefined).map((name) => `${name}=${options[name]}`);
  const lines = [
    `Picture: ${picture}`,
    `Checkpoint: ${header.checkpoint || "unknown"}`,
    `Settings: ${settings.join(", ")}`,
    `Sentence (${shown} tokens):`,
    ...rowsOf(record, shown),
  ];
  const token = selected === null ? null : record.tokens[selected];
  if (token) lines.push(`Looked at: ${record.describe(token)}`);
  if (header.parent) lines.push("Edited by hand; the link shows the picture without the edit.");
  lines.push(`Link: ${address}`, "What I found: ");
  return lines.join("\n");
};

/** @type {(record: any, shown: number) => string[]} */
const rowsOf = (record, shown) => {
  const rows = new Map();
  for (const token of record.tokens.slice(0, shown)) {
    const row = rows.get(token.object) || [];
    rows.set(token.object, [...row, token.slot === "eos" ? "EOS" : record.text_of(token.id)]);
  }
  return [...rows].map(([object, words]) => {
    const found = record.objects.get(object);
    const read = found && found.state === "ok" ? `  (${nameOf(record, found)} ${probability(found.score)})` : "";
    return `  ${object + 1}  ${words.join(" ")}${read}`;
  });
};
