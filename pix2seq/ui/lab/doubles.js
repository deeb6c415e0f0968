// How often one object is shown twice: the honest figures, for photos and for scenes, with the noise
// class and without, and what the model's memory of its own sentence does about it.

import { clear, h, partOf } from "#kit/elements.js";
import { percent } from "#kit/numbers.js";
import { followJson } from "#visit/json.js";

/** @import {Bridge} from "#visit/questions.js" */

/** @typedef {{share: number, interval: number[]}} Share with its 95 % interval */
/** @typedef {{name: string, shown: number, doubles: number} & Share} Row of a setting */
/** @typedef {{objects: number, returned: Share, again: Share, again_late: Share,
 *   mean_probability: {first: number, behind: number, noise: number}}} Trial what blanking objects out,
 *   and writing on behind them, has shown */
/** @typedef {{words: string, shown: {images: number, rows: Row[]}, objects: Trial}} Counted on one kind
 *   of picture */

/**
 * A share with its interval.
 * @param {number} share
 * @param {number[]} interval
 */
export const shareWords = (share, interval) =>
  `${percent(share, 1)} (95\u00a0%: ${(100 * interval[0]).toFixed(1)} to ${(100 * interval[1]).toFixed(1)})`;

/** @param {Trial} trial */
export const memoryWords = (trial) => {
  const { first, behind, noise } = trial.mean_probability;
  return (
    `Memory on trial, ${trial.objects} objects: blanked out of its sentence, ` +
    `${shareWords(trial.returned.share, trial.returned.interval)} come back; left in it, ` +
    `${shareWords(trial.again.share, trial.again.interval)} are written once more before the model would stop, ` +
    `${percent(trial.again_late.share, 1)} when it may not. The same box asked as the first word is called its ` +
    `class with ${first.toFixed(2)} on average, behind its own sentence with ${behind.toFixed(2)}, and noise with ${noise.toFixed(2)}.`
  );
};

export class Doubles {
  constructor() {
    this.body = h("div", {});
    this.node = h(
      "section",
      { class: "p2s-doubles", "aria-label": "Doubles" },
      h("h3", {}, "How often is one object shown twice?"),
      h(
        "p",
        { class: "p2s-soft" },
        "Nothing removes duplicates afterwards. The model reads its own sentence, so what is written need not be written again; when it is not allowed to stop, the noise class takes what is left over."
      ),
      this.body
    );
  }

  /** @param {{[kind: string]: Counted}} doubles */
  draw(doubles) {
    const counted = Object.entries(doubles).map(([kind, data]) => this.kind(kind, data));
    clear(this.body).append(...(counted.length ? counted : [h("p", {}, "With these weights nobody has counted them yet.")]));
  }

  /** @type {(kind: string, data: Counted) => HTMLElement} */
  kind(kind, data) {
    const head = ["setting", "boxes shown", "of them doubles", "share"];
    return h(
      "div",
      { "data-doubles": kind },
      h("h4", {}, `${data.shown.images} ${kind}`),
      h("p", {}, data.words),
      h(
        "div",
        { class: "p2s-lab-table", tabindex: 0, role: "region", "aria-label": `Doubles on ${kind}` },
        h(
          "table",
          { class: "p2s-table" },
          h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
          h(
            "tbody",
            {},
            data.shown.rows.map((row) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, row.name),
                [row.shown, row.doubles, shareWords(row.share, row.interval)].map((value, i) =>
                  h("td", { class: "p2s-mono", "data-name": head[i + 1] }, value)
                )
              )
            )
          )
        )
      ),
      h("p", { class: "p2s-small p2s-soft" }, memoryWords(data.objects))
    );
  }
}

/**
 * @param {HTMLElement} element
 * @param {Bridge} bridge
 */
export const mountDoubles = (element, bridge) => {
  const doubles = new Doubles();
  partOf(element, "[data-doubles-root]").replaceChildren(doubles.node);
  followJson(bridge, (data) => doubles.draw(data));
};
