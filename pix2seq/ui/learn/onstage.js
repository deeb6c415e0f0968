// What *Write* has on its stage about the lesson's picture, recorded or live: a lesson about sentences
// shows it at once, with the settings that it was written with, whether a model is here or not.

import { clear, h } from "#kit/elements.js";
import { nameOf } from "#kit/naming.js";
import { stageSaid } from "#learn/captions.js";
import { ShownPicture } from "#learn/pane.js";
import * as widgets from "#learn/widgets.js";
import { currentStage } from "#visit/places.js";

/** @import {Picture} from "#kit/photo.js" */
/** @import {Record} from "#visit/record.js" */

export class OnStage {
  constructor() {
    this.picture = new ShownPicture("Boxes of the sentence on the stage");
    this.said = h("p", {}, "");
    this.tokens = h("div", { class: "learn-tokens", tabindex: 0, role: "group", "aria-label": "Its tokens" });
    this.node = h(
      "section",
      { class: "learn-onstage", "data-learn-onstage": "", "aria-label": "Written already" },
      this.picture.node,
      h("div", {}, h("h3", {}, "Written already"), this.said, this.tokens)
    );
    this.shown = "";
  }

  /**
   * The sentence on the stage, if it is about this picture.
   * @param {Picture} picture
   * @returns {Record | null}
   */
  sentence(picture) {
    const record = currentStage()?.record;
    return record && record.image?.id === picture.id && record.tokens.length ? record : null;
  }

  /**
   * Show it; `asked` says whether the lesson asks for what an argmax sentence would tell.
   * @type {(picture: Picture, asked: boolean) => void}
   */
  draw(picture, asked) {
    const record = this.sentence(picture);
    this.node.hidden = !record;
    if (!record) return;
    const { options = {}, parent } = record.header;
    this.node.classList.toggle("learn-answer", asked && options.temperature === 0);
    const key = JSON.stringify([picture.id, record.run, record.tokens.length, [...record.objects.values()]]);
    if (key === this.shown) return;
    this.shown = key;
    const found = [...record.objects.values()].filter(({ state }) => state === "ok");
    this.picture.load(picture);
    this.picture.show(found.map((one) => ({ box: one.box, text: nameOf(record, one), score: one.score, again: one.again })));
    this.said.textContent = stageSaid({
      names: found.map((one) => nameOf(record, one)),
      noise: record.tokens.filter((token) => record.kind(token.id) === "noise").length,
      tokens: record.tokens.length,
      nats: record.tokens.reduce((sum, token) => sum - token.logprob, 0),
      options,
      origin: record.recorded ? "recorded" : parent ? "edited" : "live",
    });
    clear(this.tokens).append(...record.tokens.map((token) => tokenChip(record, token)));
  }
}

/** @type {(record: Record, token: Record["tokens"][0]) => HTMLElement} */
function tokenChip(record, token) {
  const chip = widgets.chip({ text: record.text_of(token.id), kind: record.kind(token.id) }, token.slot, token.raw);
  chip.title = record.describe(token);
  return chip;
}
