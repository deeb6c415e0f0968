// The very boxes that the argument page counts: crops of one verdict of one side, and behind each the
// whole picture with the sentence that it comes from. A box has its class's colour, as on every page; its
// verdict is in its line (right drawn through, wrong in long dashes, double in short ones, missed dotted) and in words.

import { clear, h, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { plural, probability } from "#kit/numbers.js";

/** @import {Attributes} from "#kit/elements.js" */
/** @import {Frame} from "#kit/photo.js" */
/** @import {Labelled, Recorded, SideName} from "#lab/claims.js" */

/**
 * A box that was written; `object` is the true one that it finds.
 * @typedef {object} Row
 * @property {number} place in the sentence
 * @property {Frame} box
 * @property {string} name
 * @property {number} score
 * @property {string} verdict
 * @property {number} [object]
 * @property {string[]} words of the sentence
 */

/**
 * A picture of the gallery and what each side wrote about it.
 * @typedef {object} Shown
 * @property {string} image
 * @property {[height: number, width: number]} size
 * @property {{[side in SideName]: Row[]}} sides
 * @property {[box: Frame, name: string][]} truth
 */

/** @typedef {{number: number, box: Frame, name: string, row?: Row}} Chosen a missed object has no row */

const MOST = 24;
/** @type {{[verdict: string]: string}} */
const WORDS = {
  right: "right",
  double: "a double",
  wrong: "wrong",
  crowd: "in a crowd",
};

/**
 * The boxes, or the missed objects, of one kind that a threshold leaves: [{picture, row | truth}].
 * @type {(set: Labelled, side: SideName, kind: string, threshold: number) => Chosen[]}
 */
export const chosenBoxes = (set, side, kind, threshold) =>
  set.gallery.flatMap((picture, number) => chosenIn(picture, number, side, kind, threshold));

/** @type {(picture: Shown, number: number, side: SideName, kind: string, least: number) => Chosen[]} */
const chosenIn = (picture, number, side, kind, threshold) => {
  const rows = picture.sides[side].filter((row) => row.score >= threshold);
  if (kind !== "missed") {
    return rows.filter((row) => row.verdict === kind).map((row) => ({ number, box: row.box, name: row.name, row }));
  }
  const found = new Set(rows.filter((row) => row.verdict === "right").map((row) => row.object));
  return picture.truth
    .map(([box, name], object) => ({ number, box, name, object }))
    .filter((one) => !found.has(one.object));
};

/** @type {(box: Frame, attributes: Attributes) => SVGRectElement} */
const rect = ([x0, y0, x1, y1], attributes) =>
  svg("rect", { x: x0, y: y0, width: Math.max(x1 - x0, 1), height: Math.max(y1 - y0, 1), ...attributes });

/**
 * A box in its class's colour; its line says the verdict.
 * @type {(box: Frame, name: string, verdict: string, more?: Attributes) => SVGGElement}
 */
const judged = (box, name, verdict, more = {}) =>
  svg(
    "g",
    { class: "p2s-judged", "data-verdict": verdict, ...inHue(name), ...more },
    rect(box, { class: "p2s-judged-halo" }),
    rect(box, { class: "p2s-verdict-box" })
  );

/** @type {(picture: Shown, view: number[], ...more: SVGElement[]) => SVGSVGElement} */
const shown = (picture, view, ...more) => {
  const [height, width] = picture.size;
  return svg(
    "svg",
    { viewBox: view.join(" "), preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" },
    svg("image", { href: picture.image, width, height, preserveAspectRatio: "none" }),
    ...more
  );
};

/**
 * A square around a box, with half of its side again on each side, inside the picture's plane.
 * @type {(box: Frame, size: Shown["size"]) => number[]}
 */
const around = ([x0, y0, x1, y1], [height, width]) => {
  const side = Math.min(Math.max(x1 - x0, y1 - y0, 16) * 1.8, Math.max(width, height));
  return [(x0 + x1 - side) / 2, (y0 + y1 - side) / 2, side, side];
};

export class Gallery {
  constructor() {
    this.key = "";
    /** @type {Labelled | null} */
    this.set = null;
    this.title = h("h3", {});
    this.crops = h("div", { class: "p2s-crops" });
    this.detail = h("div", { class: "p2s-crop-detail", hidden: "" });
    this.node = h("section", { class: "p2s-gallery" }, this.title, this.crops, this.detail);
  }

  /**
   * Show one kind of one side.
   * @type {(set: Labelled, side: Recorded["sides"][0], kind: string, threshold: number) => void}
   */
  show(set, side, kind, threshold) {
    const boxes = chosenBoxes(set, side.name, kind, threshold);
    const key = JSON.stringify([side.name, kind, boxes.map((one) => [one.number, one.box])]);
    this.node.hidden = !set.gallery.length;
    if (key === this.key && set === this.set) return;
    [this.key, this.set] = [key, set];
    const what = kind === "missed" ? "missed objects" : kind === "double" ? "doubles" : `${kind} boxes`;
    const more = boxes.length > MOST ? `, the first ${MOST} here` : "";
    this.title.textContent = `${side.title}: ${boxes.length} ${what} in the first ${plural(set.gallery.length, "picture")}${more}`;
    clear(this.crops).append(...boxes.slice(0, MOST).map((one) => this.crop(set, side, kind, one)));
    this.detail.hidden = true;
  }

  /**
   * @type {(set: Labelled, side: Recorded["sides"][0], kind: string, one: Chosen) => HTMLButtonElement}
   */
  crop(set, side, kind, one) {
    const picture = set.gallery[one.number];
    const words = one.row ? `${one.name} ${probability(one.row.score)}` : one.name;
    return h(
      "button",
      {
        type: "button",
        class: "p2s-crop",
        "data-verdict": kind,
        "aria-label": `${words}, picture ${one.number + 1}: show its sentence`,
        onclick: (event) => this.open(set, side, one, event.currentTarget),
      },
      shown(picture, around(one.box, picture.size), judged(one.box, one.name, kind)),
      h("span", {}, words)
    );
  }

  /**
   * The whole picture and the sentence, with this box in it.
   * @type {(set: Labelled, side: Recorded["sides"][0], one: Chosen, button: EventTarget | null) => void}
   */
  open(set, side, one, button) {
    for (const other of this.crops.children) other.setAttribute("aria-pressed", String(other === button));
    const picture = set.gallery[one.number];
    const rows = picture.sides[side.name];
    const [height, width] = picture.size;
    const boxes = rows.map((row) =>
      judged(row.box, row.name, row.verdict, { "data-row": row.place, "data-focus": String(row === one.row) })
    );
    if (!one.row) boxes.push(judged(one.box, one.name, "missed", { "data-focus": "true" }));
    const lines = rows.map((row) =>
      h(
        "tr",
        { "data-row": row.place, "data-focus": String(row === one.row), "data-verdict": row.verdict },
        h("th", { scope: "row" }, row.place + 1),
        ...row.words.map((word) => h("td", { class: "p2s-mono" }, word)),
        h("td", { class: "p2s-mono" }, probability(row.score)),
        h("td", {}, WORDS[row.verdict])
      )
    );
    const about = one.row
      ? `Object ${one.row.place + 1} of the sentence about picture ${one.number + 1} is ${WORDS[one.row.verdict]}.`
      : `Nothing in the sentence about picture ${one.number + 1} is this ${one.name}.`;
    const heads = ["ymin", "xmin", "ymax", "xmax", "class", "score", "verdict"];
    clear(this.detail).append(
      h("figure", {}, shown(picture, [0, 0, width, height], ...boxes)),
      h(
        "div",
        { class: "p2s-crop-sentence", tabindex: 0, role: "region", "aria-label": "Its sentence" },
        h("p", { role: "status" }, about),
        h(
          "table",
          { class: "p2s-table" },
          h("thead", {}, h("tr", {}, ["#", ...heads].map((name) => h("th", { scope: "col", "data-slot": name }, name)))),
          h("tbody", {}, lines)
        )
      )
    );
    this.detail.hidden = false;
    this.detail.querySelector("tr[data-focus=true]")?.scrollIntoView({ block: "nearest" });
  }
}
