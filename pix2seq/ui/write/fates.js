// What became of a finished object, as the sentence tells it beside the object's line.

import { marksOf, nameOf, writtenOf } from "#kit/naming.js";
import { probability } from "#kit/numbers.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Record} from "#visit/record.js" */

/** @type {{[state: string]: [text: string, why: string]}} */
const FATES = {
  dropped: ["noise", "written as noise; the filter drops it"],
  flat: ["no area", "the box has no area"],
  noise: ["noise", "written as noise, shown because you asked for it"],
};

/**
 * What became of a finished object, and how it reads where that is not what was written.
 * @type {(record: Record, found: Found) => [text: string, title: string]}
 */
export const fateOf = (record, found) => {
  const marks = marksOf(record, found);
  const yours = found.forced ? " · yours" : "";
  if (FATES[found.state]) {
    const [text, why] = FATES[found.state];
    return [text + yours, found.forced && found.state === "noise" ? "the model calls what you gave noise" : why];
  }
  const name = nameOf(record, found);
  if (found.state === "below") {
    if (name === "noise") return [name, "written as noise; its likeliest class scores below “Score at least”"];
    const edges = found.edges === null ? "" : `; its edges were ${probability(found.edges)} sure`;
    const renamed = writtenOf(record, found) === name ? "" : ` as ${name}`;
    return [`score ${probability(found.score)}${renamed}`, `hidden: below “Score at least”${edges}`];
  }
  if (!marks.length) return ["", ""];
  const renamed = writtenOf(record, found) === name ? "" : `read as ${name} ${probability(found.score)}`;
  const words = [renamed, ...marks.filter((mark) => !mark.startsWith("written "))].filter(Boolean);
  const told = [
    renamed ? `the box is called ${name}, the likeliest class here, whatever was drawn (§2.3)` : "",
    found.forced ? "you gave a token of it, so it is shown whatever its score" : "",
    found.again === null ? "" : `the same class and place as object ${found.again + 1}`,
  ];
  return [words.join(" · "), told.filter(Boolean).join("; ")];
};
