// The lab's sheet: the question, how far the sweep is, and one row per finished setting. The curves
// beside it are plotly's.

import { clear, h, partOf } from "#kit/elements.js";
import { download } from "#kit/files.js";
import { TrustPlot } from "#lab/trust.js";
import { asked } from "#visit/address.js";
import { followJson } from "#visit/json.js";

/** @import {Trusted} from "#lab/trust.js" */
/** @import {Bridge} from "#visit/questions.js" */

/** @typedef {"AP" | "AP50" | "AR100" | "precision" | "recall" | "objects" | "seconds"} Column */
/** @typedef {"AP" | "AP50" | "AR100" | "precision" | "recall"} Compared a column whose rows are compared */
/** @typedef {[number | null, number | null] | undefined} Span a 95 % interval */
/** @typedef {{[column in Column]: number | null} & {name: string, spans: {[column: string]: Span}} & Trusted} Row
 *   of a finished setting */

/**
 * The sheet's value, one JSON text; the numbers are there once a sweep has begun.
 * @typedef {object} Sweep
 * @property {string} state
 * @property {string} knob the setting that is swept
 * @property {string} question
 * @property {string} expect
 * @property {string[]} settings
 * @property {string} setting at work
 * @property {Row[]} rows
 * @property {string} [finding] what the whole table says
 * @property {{[column: string]: number | null}} [best] the row that may be bold, by column
 * @property {number} images
 * @property {number} done of them
 * @property {number} objects
 * @property {number} threshold
 * @property {string} checkpoint
 * @property {string[]} [missing] classes of the scenes that the checkpoint does not know
 * @property {string} [message] of an error
 */

/** @type {[name: Column, title: string][]} */
const COLUMNS = [
  ["AP", "average precision over IoU 0.50 to 0.95, as COCO defines it"],
  ["AP50", "average precision at IoU 0.5"],
  ["AR100", "average recall with at most 100 boxes per image"],
  ["precision", "of the boxes that Write would show"],
  ["recall", "of the boxes that Write would show"],
  ["objects", "boxes per image, whatever their score"],
  ["seconds", "writing about all images; – means: the sentences were there already"],
];

/**
 * Half of a 95 % interval, for behind a number; empty where there is none.
 * @param {Span} span
 */
export const halfWidth = (span) =>
  span && span[0] !== null && span[1] !== null ? `± ${((span[1] - span[0]) / 2).toFixed(3)}` : "";

export class Lab {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.question = h("p", { class: "p2s-lab-question" });
    this.expect = h("p", { class: "p2s-soft p2s-lab-expect" });
    this.finding = h("p", { class: "p2s-lab-finding", "data-lab-finding": "" });
    this.note = h(
      "p",
      { class: "p2s-small p2s-soft" },
      "±: half of the 95 % interval over resampled scenes. Bold: above every other row by more than chance. " +
        "Choose a row to see how far its scores can be trusted."
    );
    this.trust = new TrustPlot();
    /** @type {number | null} the row whose calibration is shown; the last one by default */
    this.chosen = null;
    this.knob = "";
    this.status = h("p", { class: "p2s-small p2s-lab-status", role: "status" });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Progress of the sweep" });
    this.body = h("tbody");
    this.save = h(
      "button",
      { type: "button", class: "p2s-button", "data-lab-csv": "", onclick: () => this.download() },
      "Save as CSV"
    );
    this.table = h(
      "div",
      { class: "p2s-lab-table", tabindex: 0, role: "region", "aria-label": "Results by setting" },
      h(
        "table",
        { class: "p2s-table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "setting"),
            ...COLUMNS.map(([name, title]) => h("th", { scope: "col", title }, name))
          )
        ),
        this.body
      )
    );
    root.replaceChildren(
      this.question,
      this.expect,
      this.finding,
      this.bar,
      h("div", { class: "p2s-lab-progress" }, this.status, this.save),
      this.table,
      this.note,
      this.trust.node
    );
  }

  /** @param {Sweep} data */
  receive(data) {
    if (data.knob !== this.knob) this.chosen = null;
    this.knob = data.knob;
    /** @type {Sweep} */
    this.data = data;
    this.draw();
  }

  draw() {
    const { data } = this;
    const busy = data.state === "looking" || data.state === "writing";
    this.root.dataset.state = data.state;
    this.question.textContent = data.question;
    this.expect.textContent = data.expect;
    this.finding.textContent = data.finding || "";
    this.note.hidden = !data.rows.length;
    this.status.textContent = this.words();
    this.status.classList.toggle("error", data.state === "error");
    this.bar.value = this.share();
    this.bar.classList.toggle("idle", !busy);
    this.save.hidden = !data.rows.length;
    this.table.hidden = !data.rows.length && !busy;
    this.drawRows(busy);
    const row = data.rows[this.chosen ?? data.rows.length - 1];
    this.trust.draw(row || null);
  }

  /** @param {number} place */
  choose(place) {
    this.chosen = place;
    this.draw();
    const row = this.body.children[place];
    const button = row && row.querySelector("button");
    if (button) button.focus();
  }

  share() {
    const { data } = this;
    if (!data.settings.length) return 0;
    const here = data.done / data.images;
    if (data.state === "looking") return 0.2 * here;
    const under = data.setting === data.settings[data.rows.length] ? here : 0;
    return 0.2 + 0.8 * ((data.rows.length + under) / data.settings.length);
  }

  words() {
    const { data } = this;
    const scenes = data.images ? `${data.images} scenes` : "";
    const missing = data.missing && data.missing.length;
    const unknown = missing ? ` ${missing} of their classes are unknown to this checkpoint.` : "";
    switch (data.state) {
      case "looking":
        return `Looking at ${scenes}: ${data.done} done. All settings will share what is seen now.`;
      case "writing":
        return `Writing about ${scenes}: ${data.settings[data.rows.length] || "scoring"}, ${data.done} done.`;
      case "stopped":
        return `Stopped after ${data.rows.length} of ${data.settings.length} settings; what was finished stays.`;
      case "done":
        return `${scenes}, ${data.objects} true objects, checkpoint ${data.checkpoint}.${unknown} A dot on a curve is what Write shows (score at least ${data.threshold}).`;
      case "recorded":
        return `Recorded with ${data.checkpoint} on ${scenes} (${data.objects} true objects), at the settings that it recommends. Run the sweep to measure it here, at yours. A dot on a curve is what Write shows (score at least ${data.threshold}).`;
      case "error":
        return data.message ?? "";
      default:
        return "Everything else is as in Write. The scenes are generated, so their true boxes are known.";
    }
  }

  /** @param {boolean} busy */
  drawRows(busy) {
    const { data } = this;
    clear(this.body);
    data.settings.forEach((name, place) => {
      const row = data.rows[place];
      if (!row && !busy) return;
      this.body.append(
        h(
          "tr",
          { "data-lab-row": row ? name : null, class: row ? "" : "waiting" },
          h("th", { scope: "row" }, row ? this.name(name, place) : name),
          ...COLUMNS.map(([column]) => this.cell(row, column, Boolean(data.best && data.best[column] === place)))
        )
      );
    });
  }

  /**
   * A row's name, which shows its calibration.
   * @param {string} name
   * @param {number} place
   */
  name(name, place) {
    const here = place === (this.chosen ?? this.data.rows.length - 1);
    return h(
      "button",
      {
        type: "button",
        class: "p2s-lab-name",
        "aria-pressed": String(here),
        title: "how far can its scores be trusted?",
        onclick: () => this.choose(place),
      },
      name
    );
  }

  /** @type {(row: Row | undefined, column: Column, best: boolean) => HTMLTableCellElement} */
  cell(row, column, best) {
    if (!row) return h("td", { class: "p2s-mono", "data-name": column }, "·");
    const value = row[column];
    const digits = column === "objects" || column === "seconds" ? 1 : 3;
    const empty = value === null || (column === "seconds" && value === 0);
    const span = empty ? "" : halfWidth(row.spans[column]);
    return h(
      "td",
      { class: best ? "p2s-mono best" : "p2s-mono", "data-name": column, title: empty ? null : value },
      value === null || empty ? "–" : value.toFixed(digits),
      span ? h("span", { class: "p2s-lab-span" }, ` ${span}`) : null
    );
  }

  download() {
    const { data } = this;
    const quote = (/** @type {string} */ text) => `"${String(text).replaceAll('"', '""')}"`;
    const names = COLUMNS.map(([name]) => name);
    const lines = [["setting", ...names].join(",")];
    for (const row of data.rows) {
      lines.push([quote(row.name), ...names.map((name) => row[name] ?? "")].join(","));
    }
    const file = new Blob([`${lines.join("\n")}\n`], { type: "text/csv" });
    download(`pix2seq-${data.knob}.csv`, file);
  }
}

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountLab = (element, bridge) => {
  const lab = new Lab(partOf(element, "[data-lab]"));
  followJson(bridge, (/** @type {Sweep} */ data) => lab.receive(data));
  const sweep = asked("sweep");
  if (sweep) bridge.trigger("wish", { sweep });
};
