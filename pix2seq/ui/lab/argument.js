// The lab's opening: why noise objects, in three steps. Numbers, sentences and boxes are those of one
// recorded file; a score threshold moves through all of them.

import { clear, h, partOf } from "#kit/elements.js";
import { messageOf } from "#kit/errors.js";
import { plural } from "#kit/numbers.js";
import { byPlace, calibration, curves } from "#lab/charts.js";
import { claims, conclusion, sideAt } from "#lab/claims.js";
import { Gallery } from "#lab/gallery.js";
import { asked, say } from "#visit/address.js";
import { ask } from "#visit/questions.js";

/** @import {Claim, Labelled, Recorded, SideName, Verdict} from "#lab/claims.js" */
/** @import {Bridge} from "#visit/questions.js" */

/** @typedef {Verdict | "missed"} Kind of box */
/** @typedef {ReturnType<typeof sideAt>} Counts */

/** @type {{[side in SideName]: [number: string, heading: string, what: string]}} */
const STEPS = {
  stop: ["1", "Stop early", "A model that was shown complete sentences only writes until it would say EOS."],
  on: ["2", "Keep going", "The same model, EOS forbidden: it must name what it writes, and knows real classes only."],
  noise: ["3", "Keep going, with noise", "Its twin was trained with noise objects: it goes on, too, and may call a box noise."],
};
/** @type {Kind[]} */
const KINDS = ["right", "double", "wrong", "missed"];
const OPENING_SCORE = 0.3;
const FORMAT = "pix2seq-argument";

/**
 * Read a file that `pix2seq argument` wrote; throws what to tell the visitor.
 * @type {(text: string) => Recorded}
 */
export const argumentFromFile = (text) => {
  let record;
  try {
    record = JSON.parse(text);
  } catch (error) {
    throw new Error("This is no JSON file; make one with the command above.", { cause: error });
  }
  if (record?.format !== FORMAT || record.version !== 1 || !Array.isArray(record.sets)) {
    throw new Error("This file was not written by “pix2seq argument”.");
  }
  for (const set of record.sets) {
    for (const picture of set.gallery) {
      if (!String(picture.image).startsWith("data:image/")) throw new Error("A picture in it is no picture.");
    }
  }
  return record;
};

export class Argument {
  /**
   * @param {HTMLElement} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.bridge = bridge;
    this.root = root;
    /** @type {{side: SideName, verdict: Kind}} */
    this.kind = { side: "on", verdict: "double" };
    /** @type {Recorded | null} */
    this.record = null;
    /** @type {Labelled | null} */
    this.set = null;
    this.at = 0; // index of the threshold
    /** @type {ReturnType<typeof curves> | null} */
    this.curves = null;
    this.about = h("p", { class: "p2s-soft" });
    this.sets = h("div", { class: "p2s-row", role: "group", "aria-label": "Labelled set" });
    this.steps = h("div", { class: "p2s-steps" });
    this.verdict = h("p", { class: "p2s-conclusion", role: "status" });
    this.threshold = h("input", { type: "range", min: 0, step: 1, "aria-label": "Score at least", "data-argument-score": "" });
    this.threshold.addEventListener("input", () => this.move(Number(this.threshold.value)));
    this.score = h("output", { class: "p2s-mono" });
    this.plot = h("div", { class: "p2s-argument-plot" });
    this.gallery = new Gallery();
    this.trust = h("div", { class: "p2s-argument-trust" });
    this.note = h("p", { class: "p2s-small", role: "status" });
    this.legend = h("p", { class: "p2s-sides" });
    root.replaceChildren(
      h("h2", {}, "Why a detector is taught to write noise"),
      this.about,
      this.sets,
      h(
        "div",
        { class: "p2s-argument-body" },
        h(
          "div",
          { class: "p2s-argument-figure" },
          this.legend,
          this.plot,
          h("label", { class: "p2s-argument-score" }, h("span", {}, "score at least "), this.score, this.threshold)
        ),
        h("div", { class: "p2s-argument-steps" }, this.steps, this.verdict)
      ),
      this.gallery.node,
      this.trust,
      this.own(),
      this.note
    );
    // Once its tab is on view, wherever the page is scrolled to.
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        this.load();
      },
      { rootMargin: "10000px" }
    );
    seen.observe(root);
  }

  /** A visitor's own labelled photos: a command, and the file that it writes. */
  own() {
    const input = h("input", {
      type: "file",
      accept: "application/json,.json",
      class: "p2s-visually-hidden",
      "data-open-argument": "",
      "aria-label": "Open a recorded argument",
      tabindex: -1,
    });
    input.addEventListener("change", async () => {
      const file = input.files?.[0];
      input.value = "";
      if (!file) return;
      try {
        this.take(argumentFromFile(await file.text()));
        this.note.textContent = `Showing ${file.name}.`;
      } catch (error) {
        this.note.textContent = messageOf(error);
      }
    });
    return h(
      "details",
      { class: "p2s-section" },
      h("summary", {}, h("h3", {}, "On your own labelled photos")),
      h("p", {}, "This measures the same on any COCO-format folder; nothing leaves your machine:"),
      h("pre", { class: "p2s-mono", tabindex: 0 }, this.bridge.props.value),
      h(
        "div",
        { class: "p2s-row" },
        h("button", { type: "button", class: "p2s-button", onclick: () => input.click() }, "Open the file it wrote"),
        input
      )
    );
  }

  async load() {
    this.about.textContent = "Reading the recording…";
    const answer = await ask(this.bridge.server, "argument_recorded", {});
    if (answer.error) this.about.textContent = answer.error;
    else this.take(answer.record);
  }

  /** @param {Recorded} record */
  take(record) {
    this.record = record;
    clear(this.sets).append(
      ...record.sets.map((set) =>
        h(
          "button",
          { type: "button", class: "p2s-button", "data-argument-set": set.title, onclick: () => this.choose(record, set) },
          set.title
        )
      )
    );
    this.sets.hidden = record.sets.length < 2;
    this.threshold.max = String(record.thresholds.length - 1);
    const above = Number.parseFloat(asked("above") ?? "");
    const wanted = above >= 0 && above <= 1 ? above : OPENING_SCORE;
    const at = record.thresholds.findIndex((value) => value >= wanted);
    this.threshold.value = String(at);
    clear(this.legend).append(
      ...record.sides.map(({ name, title }) => h("span", { "data-side": name }, title)),
      h("span", { class: "p2s-soft" }, "crosses: 95\u00a0% intervals")
    );
    this.choose(record, record.sets.find((set) => set.title === asked("set")) || record.sets[0]);
  }

  /** @type {(record: Recorded, set: Labelled) => void} */
  choose(record, set) {
    this.set = set;
    for (const button of this.sets.children) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-argument-set") === set.title));
    }
    const { plain, control } = record;
    const missing = set.missing.length ? ` ${plural(set.missing.length, "class", "classes")} of the set are unknown to them.` : "";
    this.about.textContent =
      `Two twins, ${plain.name} and ${control.name}, differ in nothing but sequence augmentation. Measured on ` +
      `${set.images} ${set.title} with ${set.objects} objects, at IoU 0.5; intervals are 95\u00a0% of a bootstrap over the pictures.${missing}`;
    this.curves = curves(record, set);
    clear(this.plot).append(this.curves.node);
    clear(this.trust).append(
      h("h3", {}, "Does a score mean what it says?"),
      h(
        "div",
        { class: "p2s-argument-trustplots" },
        h("figure", {}, calibration(record, set), h("figcaption", {}, "On the diagonal, boxes of score 0.8 are right 8 times in 10. Larger dots hold more boxes.")),
        h("figure", {}, byPlace(record, set), h("figcaption", {}, "By place in the sentence: share that is right (thick) and mean score (thin). Where the lines part, the score cannot be trusted."))
      )
    );
    this.move(Number(this.threshold.value));
  }

  /**
   * Everything at another threshold.
   * @param {number} at
   */
  move(at) {
    const { record, set } = this;
    if (!record || !set) return;
    this.at = at;
    const value = record.thresholds[at];
    const words = value < 0.01 || value === 0.995 ? String(value) : value.toFixed(2);
    this.score.textContent = words;
    this.threshold.setAttribute("aria-valuetext", words);
    this.curves?.move(at);
    this.drawSteps();
    this.verdict.textContent = conclusion(set, at);
    this.showGallery();
    say("set", set.title);
    say("above", words);
  }

  drawSteps() {
    const { record, set, at } = this;
    if (!record || !set) return;
    const said = claims(set, at);
    const counts = record.sides.map(({ name }) => sideAt(set, name, at));
    const longest = Math.max(...counts.map((one) => KINDS.reduce((sum, kind) => sum + one[kind], 0)), 1);
    const focused = this.steps.querySelector("button:focus");
    const focus = focused && `[data-count="${focused.getAttribute("data-count")}"]`;
    clear(this.steps).append(
      ...record.sides.map(({ name, title }, i) => this.step(name, title, said[name], counts[i], longest))
    );
    if (focus) /** @type {HTMLElement | null} */ (this.steps.querySelector(focus))?.focus();
  }

  /**
   * @type {(name: SideName, title: string, said: Claim, counts: Counts, longest: number) => HTMLElement}
   */
  step(name, title, said, counts, longest) {
    const [number, heading, what] = STEPS[name];
    const holds = said.holds === null ? null : said.holds ? "as the paper says" : "not as the paper says";
    return h(
      "article",
      { class: "p2s-step", "data-step": name, "data-side": name },
      h("h3", {}, h("span", { class: "p2s-step-number" }, number), heading, holds && h("span", { class: "p2s-step-holds", "data-holds": String(said.holds) }, holds)),
      h("p", { class: "p2s-soft" }, what),
      h("p", { "data-claim": name }, said.text),
      h(
        "div",
        { class: "p2s-tallies", role: "group", "aria-label": `${title}: boxes by verdict` },
        ...KINDS.map((kind) => {
          const pressed = this.kind.side === name && this.kind.verdict === kind;
          return h(
            "button",
            {
              type: "button",
              class: "p2s-tally",
              "data-verdict": kind,
              "data-count": `${name}-${kind}`,
              "aria-pressed": String(pressed),
              onclick: () => this.pick(name, kind),
            },
            h("span", { class: "p2s-tally-bar", style: { width: `${(100 * counts[kind]) / longest}%` } }),
            h("span", { class: "p2s-tally-text" }, h("strong", {}, counts[kind]), ` ${kind}`)
          );
        })
      )
    );
  }

  /** @type {(side: SideName, verdict: Kind) => void} */
  pick(side, verdict) {
    this.kind = { side, verdict };
    this.drawSteps();
    this.showGallery();
  }

  showGallery() {
    const { record, set } = this;
    if (!record || !set) return;
    const side = record.sides.find(({ name }) => name === this.kind.side);
    if (side) this.gallery.show(set, side, this.kind.verdict, record.thresholds[this.at]);
  }
}

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountArgument = (element, bridge) => {
  new Argument(partOf(element, "[data-argument]"), bridge);
};
