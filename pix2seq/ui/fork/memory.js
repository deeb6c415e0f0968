// Memory on trial: the same box as the first word and behind the sentence, dragged through it, and one
// object blanked out: does it return? Why there is no suppression of duplicates.

import { on } from "#kit/bus.js";
import { clear, h, set } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { nameOf } from "#kit/naming.js";
import { percent, probability } from "#kit/numbers.js";
import { glossary } from "#fork/card.js";
import { PlacePlot } from "#fork/places.js";

/** @import {Dock} from "#fork/dock.js" */
/** @import {Trial, Said} from "#fork/places.js" */

/**
 * @typedef {{object: number, returned: number | null, iou: number | null,
 *   written: {box: number[], name: string, before_end: boolean}[]}} Blanked
 * @typedef {{count: number, share: number | null, interval: number[] | null}} Share
 * @typedef {{images: number, right: {objects: number, returned: Share, again: Share}}} Figure
 */

const WORDS = /** @type {[string, string][]} */ ([
  ["behind the sentence", "the box stands where the next object would, after everything that was said"],
  ["noise", "the class that a trained model gives to a box that is no new object; without it a double would need a name"],
  ["blanked", "taken out of the sentence, so that the model cannot read that it has said it"],
  ["NMS", "other detectors delete boxes that overlap better ones afterwards; here the memory of the sentence does it"],
]);

export class MemoryPanel {
  /** @param {Dock} dock */
  constructor(dock) {
    this.name = "memory";
    this.title = "Memory on trial";
    this.dock = dock;
    /** @type {number | null} */
    this.object = null;
    /** @type {Trial | null} */
    this.trial = null;
    /** @type {Blanked | null} */
    this.blank = null;
    this.place = 0;
    this.asked = 0;
    /** @type {string | null} the run whose checkpoint the figure is about */
    this.measuredFor = null;
    this.plot = new PlacePlot((place) => this.drag(place));
    this.headline = h("p", { class: "fork-headline", "data-memory-headline": "", role: "status" });
    this.readout = h("p", { class: "fork-readout p2s-small", "data-memory-readout": "", "aria-live": "polite" });
    this.objects = h("div", { class: "fork-row", role: "group", "aria-label": "Object on trial" });
    /** @type {HTMLInputElement} */
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 0,
      value: 0,
      "aria-label": "Place in the sentence",
      "data-memory-place": "",
      oninput: () => this.drag(Number(this.slider.value)),
    });
    this.button = h(
      "button",
      { type: "button", class: "p2s-button", "data-memory-blank": "", "aria-pressed": "false", onclick: () => this.blankIt() },
      "Blank it out"
    );
    this.figure = h("div", { class: "fork-figure" });
    this.sentence = h("div", { class: "fork-said", "aria-label": "The sentence up to there" });
    this.node = h(
      "section",
      { class: "fork-memory", "aria-label": "Memory on trial" },
      h(
        "div",
        { class: "fork-side" },
        this.headline,
        this.objects,
        h("div", { class: "fork-row" }, this.button),
        this.readout,
        glossary(WORDS)
      ),
      h("div", { class: "fork-middle" }, this.plot.node, this.slider, this.sentence),
      this.figure
    );
    on("select", (index) => this.pick(index));
  }

  /**
   * A box or token of the stage was chosen: its object is put on trial.
   * @param {number | null} index
   */
  pick(index) {
    const token = index === null ? null : this.dock.stage?.record.tokens[index];
    const shown = this.dock.shown === this && token && token.object !== this.object;
    if (shown && this.said().some(([number]) => number === token.object)) this.choose(token.object);
  }

  async open() {
    this.dock.still();
    const stage = this.dock.stage;
    const record = stage?.record;
    this.trial = null;
    this.blank = null;
    this.node.classList.add("empty");
    clear(this.objects);
    const ended = record?.state === "done" || record?.state === "stopped";
    const said = ended ? this.said() : [];
    if (!stage || !record?.image || !ended) this.headline.textContent = "Has the sentence already said this? Press Run first.";
    else if (!said.length) this.headline.textContent = "This sentence names no object that could be put on trial.";
    else {
      this.headline.textContent = "";
      this.objects.append(
        ...said.map(([number, name]) =>
          h(
            "button",
            {
              type: "button",
              class: "p2s-button",
              "data-memory-object": number,
              "aria-pressed": "false",
              onclick: () => this.choose(number),
            },
            `${number + 1} ${name}`
          )
        )
      );
      const token = stage.selected === null ? null : record.tokens[stage.selected];
      const known = said.find(([number]) => number === token?.object) || said[0];
      this.choose(known[0]);
    }
    this.measured();
  }

  /**
   * Objects that are called by a class, in the order of the sentence.
   * @returns {[number, string][]}
   */
  said() {
    const record = this.dock.stage?.record;
    if (!record) return [];
    const all = [...record.objects.values()].filter((found) => found.state !== "flat");
    return all.map((found) => /** @type {[number, string]} */ ([found.object, nameOf(record, found)])).filter(([, name]) => name !== "noise");
  }

  close() {
    this.asked += 1;
  }

  /** @param {number} object */
  async choose(object) {
    const turn = (this.asked += 1);
    this.object = object;
    this.blank = null;
    for (const button of this.objects.querySelectorAll("button")) {
      set(button, { "aria-pressed": String(button.dataset.memoryObject === String(object)) });
    }
    const answer = await this.dock.ask("trial", { run: this.dock.stage?.record.run, object });
    if (turn !== this.asked) return;
    if (answer.error) {
      this.headline.textContent = answer.error;
      return;
    }
    this.trial = answer;
    this.node.classList.remove("empty");
    set(this.slider, { max: answer.places.length - 1 });
    this.plot.show(answer);
    this.headline.textContent = verdict(answer);
    this.drag(0);
  }

  names() {
    const record = this.dock.stage?.record;
    const last = Math.max(...this.said().map(([number]) => number));
    const all = record ? [...record.objects.values()].filter(({ object }) => object <= last) : [];
    return all.map((found) => (record ? nameOf(record, found) : ""));
  }

  /**
   * Ask the box behind the first `place` objects; everything is here already.
   * @param {number} place
   */
  drag(place) {
    const { trial } = this;
    if (!trial) return;
    this.blank = null;
    set(this.button, { "aria-pressed": "false" });
    this.place = Math.min(Math.max(place, 0), trial.places.length - 1);
    this.slider.value = String(this.place);
    set(this.slider, { "aria-valuetext": `behind ${this.place} objects` });
    this.plot.mark(this.place);
    const { said, unsaid } = trial.places[this.place];
    const spoken = this.place > trial.object;
    const here = said || unsaid;
    if (!here) return;
    const text = (/** @type {Said} */ one) => `${trial.name} ${probability(one.prob)}, noise ${probability(one.noise)}`;
    this.readout.textContent =
      `Behind ${this.place} of ${trial.places.length - 1} objects${spoken ? ", itself among them" : ""}: ${text(here)}.` +
      (spoken && unsaid ? ` Without its own mention: ${text(unsaid)}.` : "");
    this.retell();
    this.draw();
  }

  /** The sentence up to the place, with the asked box at its end. */
  retell() {
    const { trial, place } = this;
    if (!trial) return;
    const chips = this.names().map((name, number) =>
      h(
        "span",
        { class: `fork-word${number >= place ? " later" : ""}${number === trial.object ? " own" : ""}`, "data-role": name === "noise" ? "noise" : "class", ...inHue(name) },
        `${number + 1} ${name}`
      )
    );
    chips.splice(place, 0, h("span", { class: "fork-word asked" }, `${trial.name}?`));
    clear(this.sentence).append(...chips);
  }

  async blankIt() {
    const { trial } = this;
    if (!trial) return;
    const turn = (this.asked += 1);
    const answer = await this.dock.ask("blanked", { run: this.dock.stage?.record.run, object: trial.object });
    if (turn !== this.asked) return;
    if (answer.error) {
      this.readout.textContent = answer.error;
      return;
    }
    this.blank = answer;
    set(this.button, { "aria-pressed": "true" });
    this.readout.textContent = outcome(trial, answer);
    const others = this.names().map((name, number) =>
      h("span", { class: `fork-word${number === trial.object ? " blanked" : ""}` }, `${number + 1} ${name}`)
    );
    const written = answer.written.map((/** @type {Blanked["written"][0]} */ one, /** @type {number} */ i) =>
      h("span", { class: `fork-word new${i === answer.returned ? " own" : ""}`, "data-role": one.name === "noise" ? "noise" : "class", ...inHue(one.name) }, one.name)
    );
    clear(this.sentence).append(...others, h("span", { class: "p2s-soft" }, "→"), ...written);
    this.draw();
  }

  draw() {
    const { trial, blank, dock } = this;
    const paper = dock.overlay;
    const record = dock.stage?.record;
    if (!trial || !paper || !record) return;
    paper.moved();
    paper.clear();
    paper.alone(true);
    for (const found of record.objects.values()) {
      if (found.object === trial.object || found.state === "flat" || nameOf(record, found) === "noise") continue;
      const later = !blank && found.object >= this.place;
      paper.box(found.box, nameOf(record, found), later ? { text: "", look: "faint" } : {});
    }
    const own = record.objects.get(trial.object);
    if (!own) return;
    if (!blank) {
      const here = trial.places[this.place].said || trial.places[this.place].unsaid;
      const noise = here && here.noise > here.prob;
      const text = here ? (noise ? `noise ${probability(here.noise)}` : `${trial.name} ${probability(here.prob)}`) : trial.name;
      paper.box(own.box, noise ? "noise" : trial.name, { text, look: "asked" });
      return;
    }
    paper.box(own.box, trial.name, { text: "", look: "faint" });
    blank.written.forEach((one, place) => {
      if (place === blank.returned) paper.box(one.box, one.name, { text: `${one.name}, again`, look: "asked" });
      else if (one.before_end && one.name !== "noise") paper.box(one.box, one.name, { look: "ghost" });
    });
  }

  /** The same over many pictures, as measured with the checkpoint of this run. */
  async measured() {
    const run = this.dock.stage?.record.run;
    if (!run || run === this.measuredFor) return;
    this.measuredFor = run;
    const answer = await this.dock.ask("repetition", { run });
    if (run === this.measuredFor) clear(this.figure).append(...(answer.error ? [] : figure(answer)));
  }
}

/**
 * The answer to the question, in one sentence.
 * @param {Trial} trial
 */
export const verdict = (trial) => {
  const first = trial.places[0].said;
  const behind = trial.places.map((place) => place.said).filter(Boolean).pop();
  if (!first || !behind) return trial.name;
  const noise = trial.noise ? `, where noise has ${probability(behind.noise)}` : "";
  return `${trial.name}: ${probability(first.prob)} as the first word, ${probability(behind.prob)} behind the sentence${noise}.`;
};

/**
 * What became of a blanked object.
 * @param {Trial} trial
 * @param {Blanked} answer
 */
export const outcome = (trial, answer) => {
  const { returned, iou, written } = answer;
  if (returned === null) return `Blanked out, the ${trial.name} does not return.`;
  const place = returned === 0 ? "at once" : `as object ${returned + 1} of what follows`;
  const late = written[returned].before_end ? "" : ", but only because the end is forbidden";
  return `Blanked out, the ${trial.name} returns ${place}, IoU ${Number(iou).toFixed(2)}${late}.`;
};

/**
 * The figure, and whose it is; without one, how to make it.
 * @param {{checkpoint: string, figure: {[kind: string]: Figure} | null, command?: string}} measured
 */
export function figure({ checkpoint, figure: kinds, command }) {
  const title = h("h3", {}, "Over many pictures");
  if (!kinds) {
    return [
      title,
      h("p", { class: "p2s-small", "data-memory-unmeasured": "" }, `The weights of ${checkpoint} have not been measured here. In the repository's folder, with labelled photos in COCO's format:`),
      h("code", { class: "fork-command" }, command),
    ];
  }
  const bar = (/** @type {string} */ text, /** @type {Share} */ { share, interval }, /** @type {string} */ role) =>
    h(
      "div",
      { class: "fork-share", "data-role": role },
      h("span", {}, text),
      h("i", { style: { width: `${100 * (share || 0)}%` } }),
      h("b", { class: "p2s-mono" }, share === null ? "–" : percent(share)),
      h("small", { class: "p2s-soft" }, interval ? `${Math.round(100 * interval[0])} to ${percent(interval[1])}` : "")
    );
  return [
    title,
    h("p", { class: "p2s-small", "data-memory-whose": "" }, `Measured with ${checkpoint}.`),
    ...Object.entries(kinds).flatMap(([kind, { images, right }]) => [
      h("p", { class: "p2s-small p2s-soft" }, `${images} ${kind}, ${right.objects} right objects`),
      bar("blanked, it returns", right.returned, "class"),
      bar("written, written again", right.again, "noise"),
    ]),
    h("p", { class: "p2s-small p2s-soft" }, "Before the model would end the sentence; 95\u00a0% intervals."),
  ];
}
