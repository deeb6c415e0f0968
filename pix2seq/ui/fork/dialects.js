// The same boxes in other models' languages, side by side, and a box for another model's output: it is
// drawn on the photo and checked in words.

import { clear, h, set } from "#kit/elements.js";
import { nameOf } from "#kit/naming.js";
import { fixed, plural } from "#kit/numbers.js";
import { latest } from "#kit/timing.js";
import { glossary } from "#fork/card.js";

/** @import {Dock} from "#fork/dock.js" */

/**
 * @typedef {{name: string, title: string, source: string, bins: number[], error: number[], text: string,
 *   fault?: string, cost?: {place: number, marks: number, name: number | null}}} Dialect
 * @typedef {{title: string, things: {box: number[], label: string}[], faults: string[]}} Reading
 */

const WORDS = /** @type {[string, string][]} */ ([
  ["tokens an object", "those of its place and of the marks around it; a name takes one token in Pix2Seq, one or more words elsewhere"],
  ["bins", "places that an edge can have along this picture's width and height"],
  ["off by", "how far an edge can be from where it was, after writing and reading it"],
]);

export class DialectsPanel {
  /** @param {Dock} dock */
  constructor(dock) {
    this.name = "dialects";
    this.title = "Dialects";
    this.dock = dock;
    this.asked = 0;
    /** @type {Reading | null} */
    this.reading = null;
    this.read = latest(() => this.check());
    this.headline = h("p", { class: "fork-headline", role: "status", "data-dialects-headline": "" });
    this.paste = h("textarea", {
      class: "fork-paste",
      rows: 4,
      "aria-label": "Another model's output",
      placeholder: "Paste another model's output here, for example <loc0178><loc0601><loc0741><loc1020> donut",
      spellcheck: "false",
      "data-paste": "",
      oninput: () => this.read(),
    });
    this.verdict = h("p", { class: "p2s-small", role: "status", "data-paste-verdict": "" });
    this.faults = h("ul", { class: "fork-faults p2s-small" });
    this.rows = h("tbody");
    this.node = h(
      "section",
      { class: "fork-dialects", "aria-label": "Dialects" },
      h(
        "div",
        { class: "fork-side" },
        this.headline,
        this.paste,
        this.verdict,
        this.faults,
        glossary(WORDS)
      ),
      h(
        "div",
        { class: "fork-spoken", tabindex: 0, role: "group", "aria-label": "The objects in every dialect" },
        h(
          "table",
          { class: "p2s-table" },
          h("thead", {}, h("tr", {}, ["model", "tokens an object", "bins", "off by, px", "the sentence"].map((text) => h("th", { scope: "col" }, text)))),
          this.rows
        )
      )
    );
  }

  async open() {
    this.dock.still();
    const record = this.dock.stage?.record;
    const turn = (this.asked += 1);
    this.reading = null;
    clear(this.rows);
    clear(this.faults);
    this.verdict.textContent = "";
    if (!record?.image) {
      this.headline.textContent = "There is no picture yet.";
      return;
    }
    const objects = this.objects();
    const answer = await this.dock.ask("written", { picture: record.image.id, run: record.run, bins: record.run ? record.vocab.bins : undefined, objects });
    if (turn !== this.asked) return;
    if (answer.error) {
      this.headline.textContent = answer.error;
      return;
    }
    this.headline.textContent = objects.length
      ? `${plural(objects.length, "object")}, written as six models write them.`
      : "No object is on view; paste what another model says about this picture.";
    clear(this.rows).append(...answer.dialects.map((/** @type {Dialect} */ one) => this.row(one)));
    this.draw();
    if (this.paste.value) this.read();
  }

  close() {
    this.asked += 1;
  }

  /** Objects on view: `[x0, y0, x1, y1, name]`. */
  objects() {
    const record = this.dock.stage?.record;
    const all = record ? [...record.objects.values()].filter((found) => found.state === "ok") : [];
    return all.map((found) => [...found.box, record ? nameOf(record, found) : ""]);
  }

  /** @param {Dialect} one */
  row({ name, title, source, bins, error, text, fault, cost }) {
    const tokens = cost ? `${cost.place + cost.marks + (cost.name || 0)}${cost.name === null ? " + name" : ""}` : "–";
    return h(
      "tr",
      { "data-dialect": name },
      h("th", { scope: "row", title: source }, title),
      h("td", { class: "p2s-mono", title: cost ? `${cost.place} for the place, ${cost.marks} marks` : null }, tokens),
      h("td", { class: "p2s-mono" }, bins[0] === bins[1] ? bins[0] : `${bins[0]} × ${bins[1]}`),
      h("td", { class: "p2s-mono" }, `${fixed(error[0], 1)} × ${fixed(error[1], 1)}`),
      h(
        "td",
        {},
        h(
          "div",
          { class: "fork-text" },
          fault ? h("span", { class: "p2s-soft" }, fault) : h("code", { tabindex: 0 }, text || "–"),
          text
            ? h("button", { type: "button", class: "p2s-button", title: "Read it back: what is left of the boxes", "data-read-back": name, onclick: () => this.back(text) }, "Read back")
            : null
        )
      )
    );
  }

  /** @param {string} text */
  back(text) {
    this.paste.value = text;
    this.read();
  }

  async check() {
    const record = this.dock.stage?.record;
    const text = this.paste.value;
    this.reading = null;
    clear(this.faults);
    set(this.paste, { "aria-invalid": "false" });
    if (!text.trim() || !record?.image) {
      this.verdict.textContent = "";
      this.draw();
      return;
    }
    const answer = await this.dock.ask("read", { picture: record.image.id, run: record.run, bins: record.run ? record.vocab.bins : undefined, text });
    if (this.dock.shown !== this) return;
    if (answer.error) {
      set(this.paste, { "aria-invalid": "true" });
      this.verdict.textContent = answer.error;
    } else {
      this.reading = answer;
      const faults = answer.faults.length ? plural(answer.faults.length, "fault") : "no fault";
      this.verdict.textContent = `${answer.title}: ${plural(answer.things.length, "object")}, ${faults}.`;
      clear(this.faults).append(...answer.faults.map((/** @type {string} */ fault) => h("li", {}, fault)));
    }
    this.draw();
  }

  draw() {
    const { reading } = this;
    const paper = this.dock.overlay;
    const record = this.dock.stage?.record;
    if (!paper || !record) return;
    paper.moved();
    paper.clear();
    paper.alone(true);
    for (const [x0, y0, x1, y1, name] of this.objects()) {
      paper.box([Number(x0), Number(y0), Number(x1), Number(y1)], String(name), reading ? { text: "", look: "faint" } : {});
    }
    for (const { box, label } of reading ? reading.things : []) paper.box(box, label || "no name", { look: "pasted" });
  }
}
