// Many samples of one setting over one another. Thin boxes are what single samples wrote, a thick box
// is their mean; its weight is the share of samples that agree.

import { samplingSaid } from "#compare/captions.js";
import { Costs } from "#compare/costs.js";
import { DiscoveryCurve } from "#compare/curve.js";
import { Echoes } from "#compare/echoes.js";
import { Origin } from "#compare/recorded.js";
import { clear, h, partOf, set } from "#kit/elements.js";
import { probability } from "#kit/numbers.js";
import { Photo } from "#kit/photo.js";
import { onceAFrame } from "#kit/timing.js";
import { PictureFollower } from "#visit/follower.js";
import { followJson } from "#visit/json.js";
import { ask } from "#visit/questions.js";
import { Record } from "#visit/record.js";

/** @import {Cost} from "#compare/captions.js" */
/** @import {Discovery} from "#compare/curve.js" */
/** @import {Found} from "#kit/boxes.js" */
/** @import {Frame, Message} from "#kit/photo.js" */
/** @import {Bridge} from "#visit/questions.js" */

/**
 * An object that samples agree on.
 * @typedef {object} Cluster
 * @property {string} label
 * @property {number} count samples that hold it
 * @property {number} score
 * @property {Frame} box their mean
 * @property {Frame} spread standard deviation of each side
 * @property {[sample: number, ...box: Frame][]} members
 */

/** @typedef {Cluster & {number: number}} Listed a cluster and its place in the list */

/**
 * The panel's value; what is written about comes with `record`.
 * @typedef {object} Sampled
 * @property {string} state
 * @property {number} [before] pictures that are looked at before this one
 * @property {string} [record]
 * @property {string} [message] of an error
 * @property {{temperature: number, seed: number}} [options]
 * @property {number} [done] samples, of those that are `wanted`
 * @property {number} [wanted]
 * @property {number[]} [objects] in each sample
 * @property {Cluster[]} [clusters]
 * @property {Cost[]} [costs] of each sample's sentence
 * @property {Cost} [argmax] of the sentence of likeliest tokens
 * @property {{checkpoint: string, example: string}} [recorded] at another time, about that picture
 */

/** The photo's owner: read-only, with ghosts instead of objects. */
export class Samples {
  /**
   * @param {HTMLElement} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    this.record = new Record();
    /** @type {Sampled & Discovery & {clusters: Cluster[], objects: number[], done: number}} */
    this.data = { state: "idle", clusters: [], objects: [], done: 0 };
    /** @type {number | null} */
    this.selected = null;
    this.shown = 0;
    this.least = 1;
    /** @type {number | null} */
    this.hovered = null;
    this.changed = onceAFrame(() => this.draw());
    this.photo = new Photo(this);
    this.echoes = new Echoes(this.photo, (number) => this.hover(number));
    /** @type {string | undefined} */
    this.rowKey = undefined;
    this.status = h("p", { class: "p2s-samples-status", role: "status" });
    this.origin = new Origin();
    this.slider = h("input", {
      type: "range",
      min: 1,
      max: 1,
      value: 1,
      "data-least": "",
      "aria-label": "Show objects that at least this many samples agree on",
      oninput: () => {
        this.least = Number(this.slider.value);
        this.changed();
      },
    });
    this.sliderText = h("span", { class: "p2s-small" });
    this.body = h("tbody");
    this.curve = new DiscoveryCurve();
    this.costs = new Costs();
    root.replaceChildren(
      h("div", { class: "p2s-samples-main" }, this.origin.node, this.photo.node, this.status),
      h(
        "div",
        { class: "p2s-samples-side" },
        h(
          "section",
          { class: "p2s-section", "aria-label": "Objects and how many samples agree" },
          h("h2", {}, "Agreement"),
          h("label", { class: "p2s-least" }, this.sliderText, this.slider),
          this.table()
        ),
        this.curve.node,
        this.costs.node
      )
    );
    this.follower = new PictureFollower(root, {
      shown: () => this.record.image && this.record.image.id,
      busy: () => ["encoding", "writing"].includes(this.data.state),
      look: () => bridge.trigger("look", {}),
    });
    new ResizeObserver(() => this.changed()).observe(root);
  }

  table() {
    const head = ["object", "in samples", "mean score", "wobble"].map((text) =>
      h("th", { scope: "col" }, text)
    );
    return h(
      "div",
      { class: "p2s-table-scroll", tabindex: 0, role: "region", "aria-label": "Table of objects" },
      h("table", { class: "p2s-table", "data-clusters": "" }, h("thead", {}, h("tr", {}, ...head)), this.body)
    );
  }

  /** @param {Sampled} data */
  receive(data) {
    if (!data.record) return;
    const { done = 0 } = data;
    const fresh = data.record !== this.data.record || !(done > 0);
    if (fresh) {
      this.record.reset();
      for (const line of data.record.split("\n")) this.record.line(line);
      this.hovered = null;
    }
    const all = this.least <= 1;
    this.data = { clusters: [], objects: [], ...data, done };
    this.record.state = data.state === "encoding" ? "encoding" : "idle";
    if (all || this.least > done) this.least = 1;
    this.changed();
    if (this.follower) this.follower.check();
  }

  // ---- what Photo asks for ---------------------------------------------------------------

  /** @type {(name: string, question: object) => Promise<any>} */
  ask(name, question) {
    return ask(this.bridge.server, name, question);
  }

  /** @param {string} text */
  notice(text) {
    this.status.textContent = text;
  }

  focus() {
    return null;
  }

  objectOnView() {
    return null;
  }

  /** @returns {Found[]} */
  visibleObjects() {
    return [];
  }

  /** @returns {Message | null} */
  stateMessage() {
    if (this.data.state === "error") {
      return { tone: "error", title: "This did not work", text: this.data.message };
    }
    if (!this.record.image) {
      return { title: "No picture yet", text: "Choose one in Write; the samples look at it." };
    }
    const nothing = this.data.state === "done" && !this.data.clusters.length;
    if (nothing) {
      return { tone: "note", title: "No sample holds an object", text: "Try “keep going” in Write." };
    }
    return null;
  }

  // ---- drawing -------------------------------------------------------------------------------

  draw() {
    const { data } = this;
    const { done } = data;
    this.root.dataset.state = data.state;
    this.photo.draw();
    this.origin.draw(data);
    if (data.recorded) this.root.dataset.recorded = data.recorded.example;
    else delete this.root.dataset.recorded;
    this.status.textContent = samplingSaid(data);
    set(this.slider, { max: Math.max(done, 1) });
    this.slider.value = String(this.least);
    this.slider.disabled = done < 2;
    this.sliderText.textContent =
      done < 2 ? "in how many samples" : `in at least ${this.least} of ${done}`;
    this.echoes.draw(this.listed(), done, this.hovered);
    this.drawRows();
    this.curve.draw(data);
    this.costs.draw(data);
    set(this.photo.svg, { "aria-label": this.summary() });
  }

  listed() {
    const all = this.data.clusters.map((found, number) => ({ ...found, number }));
    return all.filter((found) => found.count >= this.least);
  }

  summary() {
    const names = this.listed().map((found) => `${found.label} in ${found.count}`);
    return names.length ? `The picture with objects by agreement: ${names.join(", ")}` : "The picture";
  }

  /** @param {number | null} number */
  hover(number) {
    if (this.hovered === number) return;
    this.hovered = number;
    this.changed();
  }

  drawRows() {
    const listed = this.listed();
    const key = JSON.stringify([listed, this.data.done]);
    if (key !== this.rowKey) {
      clear(this.body);
      for (const found of listed) this.body.append(this.row(found));
    }
    this.rowKey = key;
    for (const row of this.body.children) {
      row.classList.toggle("focus", Number(row.getAttribute("data-row")) === this.hovered);
    }
  }

  /** @param {Listed} found */
  row(found) {
    const { done } = this.data;
    const share = (100 * found.count) / done;
    const wobble = Math.max(...found.spread);
    const [left, top, right, bottom] = found.spread;
    return h(
      "tr",
      {
        "data-row": found.number,
        onmouseenter: () => this.hover(found.number),
        onmouseleave: () => this.hover(null),
      },
      h("th", { scope: "row" }, found.label),
      h(
        "td",
        { class: "p2s-mono p2s-agree", style: { "--share": `${share}%` } },
        `${found.count} of ${done}`
      ),
      h("td", { class: "p2s-mono", title: found.score }, probability(found.score)),
      h(
        "td",
        {
          class: "p2s-mono",
          title: `standard deviation: xmin ${left}, ymin ${top}, xmax ${right}, ymax ${bottom} px`,
        },
        found.members.length > 1 ? `±${wobble.toFixed(1)} px` : "–"
      )
    );
  }
}

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountSamples = (element, bridge) => {
  const samples = new Samples(partOf(element, "[data-samples]"), bridge);
  followJson(bridge, (/** @type {Sampled} */ data) => samples.receive(data));
};
