// What is on view before anybody has pressed a button: a recording, and how it relates to what a press
// would write. The pairs to choose from carry thumbnails of their recordings.

import { h } from "#kit/elements.js";
import { Metronome } from "#kit/timing.js";
import { currentStage } from "#visit/places.js";

/** @import {Comparison} from "#compare/comparison.js" */
/** @import {Setting} from "#visit/record.js" */

/** @typedef {{preset: string, checkpoint: string, example: string}} Recording */

const PACE = 12; // tokens a second on either side

/**
 * Which of the controls a recording was not written with.
 * @param {string[]} names both sides' values follow that of the seed
 * @param {Setting[]} values
 * @param {{a: object, b: object}} options
 */
export const moved = (names, values, options) => {
  const [seed, ...settings] = names;
  /** @type {(options: object, name: string) => unknown} */
  const of = (written, name) => /** @type {{[name: string]: unknown}} */ (written)[name];
  const count = settings.length;
  const own = settings.filter(
    (name, place) => of(options.a, name) !== values[1 + place] || of(options.b, name) !== values[1 + count + place]
  );
  return of(options.a, seed) === values[0] ? own : [seed, ...own];
};

/** The picture of *Write*, small: what a press of the button would be about. */
const pictureOfWrite = () => {
  const src = currentStage()?.photo.source;
  return src ? h("img", { class: "p2s-recorded-picture", src, alt: "the picture in Write" }) : "the picture in Write";
};

/** What changes when *Write* has another picture. */
const keyOfWrite = () => {
  const source = currentStage()?.photo.source ?? "";
  return `${source.length} ${source.slice(-40)}`;
};

/** The line over recorded samples. */
export class Origin {
  constructor() {
    this.node = h("p", { class: "p2s-recorded", hidden: "" });
    /** @type {string | undefined} */
    this.key = undefined;
  }

  /** @param {{recorded?: {checkpoint: string, example: string}, done: number, options?: {seed: number}}} data */
  draw({ recorded, done, options }) {
    this.node.hidden = !recorded;
    const key = JSON.stringify([recorded, keyOfWrite()]);
    if (!recorded || key === this.key) return;
    this.key = key;
    const first = options?.seed ?? 0;
    this.node.replaceChildren(
      h("strong", {}, "Recorded"),
      ` with ${recorded.checkpoint} on ${recorded.example}, seeds ${first} to ${first + done - 1}, ` +
        "settings as the page opens. Write samples writes about ",
      pictureOfWrite(),
      "."
    );
  }
}

export class Recorded {
  /** @param {Comparison} comparison */
  constructor(comparison) {
    this.comparison = comparison;
    /** @type {string[]} */
    this.names = [];
    /** @type {Setting[]} */
    this.values = [];
    /** @type {string[]} lines of the recording that are not on view yet */
    this.left = [];
    this.player = new Metronome(() => this.advance());
    this.text = h("p", { role: "status" });
    this.play = h(
      "button",
      { type: "button", class: "p2s-button", "data-recorded-play": "", onclick: () => this.replay() },
      "Play"
    );
    this.again = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "data-recorded-again": "",
        title: "Write both sides about this picture, with the settings above",
        onclick: () => this.comparison.bridge.trigger("again", { pair: this.comparison.recorded?.preset }),
      },
      "Write about it"
    );
    this.node = h("div", { class: "p2s-recorded", hidden: "" }, this.text, this.play, this.again);
    /** @type {string | undefined} */
    this.key = undefined;
  }

  /** @type {(names: string[], values: Setting[]) => void} */
  settings(names, values) {
    Object.assign(this, { names, values });
    this.comparison.changed();
  }

  draw() {
    const { recorded, a, b } = this.comparison;
    this.node.hidden = !recorded;
    if (!recorded) return;
    const { header } = a.record;
    const options = { a: header.options ?? {}, b: b.record.header.options ?? {} };
    const other = this.names.length > 0 && moved(this.names, this.values, options).length > 0;
    const here = currentStage()?.record.image?.example === recorded.example;
    const key = JSON.stringify([recorded, other, here, keyOfWrite()]);
    if (key === this.key) return;
    this.key = key;
    this.again.hidden = here;
    this.node.dataset.moved = String(other);
    this.text.replaceChildren(
      h("strong", {}, "Recorded"),
      ` with ${recorded.checkpoint} on ${recorded.example}, seed ${header.options?.seed}. `,
      other ? "Your settings differ from it. " : "",
      ...(here
        ? [`Write both writes ${other ? "with them" : "it again"}, now.`]
        : ["Write both writes about ", pictureOfWrite(), "."])
    );
  }

  /** Both sentences again, a token of each side at a time. */
  replay() {
    const { comparison } = this;
    const { text } = comparison;
    this.pause();
    this.left = text.split("\n");
    comparison.reset();
    comparison.text = text;
    this.player.start();
  }

  advance() {
    while (this.left.length) {
      const line = this.left.shift() ?? "";
      this.comparison.line(line);
      if (line.startsWith("bT")) break;
    }
    this.comparison.changed();
    return this.left.length ? 1000 / PACE : null;
  }

  pause() {
    this.player.stop();
  }
}

/**
 * Give the pairs' radio buttons their thumbnails.
 * @param {{[preset: string]: string}} thumbnails
 */
export const decoratePairs = (thumbnails) => {
  for (const [preset, src] of Object.entries(thumbnails)) {
    const button = document.querySelector(`#compare-preset input[value="${CSS.escape(preset)}"]`);
    const label = button?.closest("label");
    if (label && !label.querySelector("img")) label.prepend(h("img", { src, alt: "" }));
  }
};
