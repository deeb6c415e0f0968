// Two settings, one picture, one seed. Each side is a photo with its own record; between them stand
// the two sentences, token beside token, and the reason why they part: one random number, read off
// two distributions. (The text format is in runs.py.)

import { decoratePairs, Recorded } from "#compare/recorded.js";
import { AlignedSentences } from "#compare/sentences.js";
import { Verdict } from "#compare/verdict.js";
import { Wipe } from "#compare/wipe.js";
import { h, partOf, set } from "#kit/elements.js";
import { beforeYou, plural, probability } from "#kit/numbers.js";
import { Photo } from "#kit/photo.js";
import { onceAFrame } from "#kit/timing.js";
import { asked } from "#visit/address.js";
import { PictureFollower } from "#visit/follower.js";
import { ask } from "#visit/questions.js";
import { Record } from "#visit/record.js";

/** @import {Recording} from "#compare/recorded.js" */
/** @import {Found} from "#kit/boxes.js" */
/** @import {Message} from "#kit/photo.js" */
/** @import {Bridge} from "#visit/questions.js" */
/** @import {Setting} from "#visit/record.js" */

/** @typedef {"a" | "b"} SideName */
/** @typedef {{token: number, below: number, prob: number, segments: Segment[]}} Bar of one side's distribution */
/** @typedef {[first: number, last: number, prob: number]} Segment token ids that share a part of the bar */
/** @typedef {{index: number, number: number, a: Bar, b: Bar}} Why one number, two tokens */

/**
 * What there is to say when both have ended.
 * @typedef {object} Outcome
 * @property {[relation: string, shift: number | null][]} pairs token by token
 * @property {number | null} parted
 * @property {Why | null} why
 * @property {[a: number, b: number, iou: number][]} matches objects that both sides have
 */

/** @type {{[name: string]: (value: Setting) => string | undefined}} */
const SETTING_WORDS = {
  temperature: (v) => (v === 0 ? "argmax" : `temperature ${v}`),
  top_p: (v) => (v === 1 ? "no top-p" : `top-p ${v}`),
  top_k: (v) => `top-k ${v}`,
  num_bins: (v) => `${v} bins`,
  max_objects: (v) => `${plural(Number(v), "object")} at most`,
  eos: (v) => (v === "delay" ? "keeps going" : "stops at EOS"),
  noise: (v) => ({ paper: "noise hidden", drop: "noise dropped", show: "noise shown" })[String(v)],
  grammar: (v) => (v ? "grammar" : "no grammar"),
  follow_drafts: (v) => (v ? "follows drafts" : "follows no drafts"),
  score: (v) => (v === "box" ? "scored by class and edges" : "scored by class"),
  score_threshold: (v) => `score at least ${v}`,
};

/** @type {(name: string, value: Setting) => string} */
export const settingWords = (name, value) =>
  SETTING_WORDS[name]?.(value) || `${name} ${value}`;

/** One side: what `Photo` asks of a stage, read-only. */
export class Side {
  /**
   * @param {Comparison} comparison
   * @param {SideName} name
   */
  constructor(comparison, name) {
    this.comparison = comparison;
    this.name = name;
    this.record = new Record();
    /** @type {number | null} */
    this.selected = null;
    /** @type {number | null} */
    this.hovered = null;
    this.changed = comparison.changed;
    this.photo = new Photo(this);
    this.settings = h("span", { class: "p2s-side-settings" });
    this.status = h("span", { class: "p2s-small p2s-soft p2s-side-status" });
    this.node = h(
      "figure",
      { class: "p2s-compare-side", "data-side": name },
      h(
        "figcaption",
        {},
        h("strong", { class: "p2s-side-name" }, name.toUpperCase()),
        this.settings,
        this.status
      ),
      this.photo.node
    );
    this.photo.svg.addEventListener("mousemove", (event) => {
      const point = this.photo.pointer(event);
      comparison.hover(this, point.inside ? this.photo.boxes.at(point) : null);
    });
    this.photo.svg.addEventListener("mouseleave", () => comparison.hover(this, null));
  }

  get shown() {
    return this.record.tokens.length;
  }

  /** @type {(name: string, question: object) => Promise<any>} */
  ask(name, question) {
    return this.comparison.ask(name, question);
  }

  /** @param {string} text */
  notice(text) {
    this.status.textContent = text;
  }

  focus() {
    return this.hovered;
  }

  /** @type {(object: number) => Found | null} */
  objectOnView(object) {
    return this.record.objects.get(object) ?? null;
  }

  visibleObjects() {
    const found = [...this.record.objects.values()];
    return found.filter((object) => object.state === "ok" || object.state === "noise");
  }

  /** @returns {Message | null} */
  stateMessage() {
    const { record } = this;
    if (record.state === "error") {
      return { tone: "error", title: "This did not work", text: record.end?.message };
    }
    if (!record.image) {
      return { title: "No picture yet", text: "Choose one in Write; both sides look at it." };
    }
    if (record.state === "done" && record.tokens.length === 1 && record.end?.reason === "eos") {
      const p = probability(record.tokens[0].raw);
      return { tone: "note", title: `EOS at once: p = ${p}.` };
    }
    return null;
  }

  words() {
    const { record } = this;
    const tokens = plural(record.tokens.length, "token");
    switch (record.state) {
      case "encoding":
        return record.before ? beforeYou(record.before) : "looking…";
      case "writing":
        return `${tokens}…`;
      case "stopped":
        return `${tokens}, stopped`;
      case "done": {
        const seen = this.visibleObjects();
        const noise = seen.filter((found) => found.state === "noise").length;
        const objects = plural(seen.length - noise, "object") + (noise ? `, ${noise} shown as noise` : "");
        return `${objects}, ${tokens}`;
      }
      default:
        return "";
    }
  }

  draw() {
    this.photo.draw();
    this.status.textContent = this.words();
    const { shared } = this.comparison;
    const mine = shared?.[this.name];
    this.photo.boxes.look("shared", (object) => Boolean(mine?.has(object)));
    this.photo.boxes.look("only", (object) => Boolean(mine && !mine.has(object)));
  }
}

export class Comparison {
  /**
   * @param {HTMLElement} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    this.wish = asked("pair"); // what the link names, until anything has come
    this.changed = onceAFrame(() => this.draw());
    this.a = new Side(this, "a");
    this.b = new Side(this, "b");
    this.recordedNode = new Recorded(this);
    this.verdictNode = new Verdict(this);
    this.sentences = new AlignedSentences(this);
    const photos = h("div", { class: "p2s-compare-photos" }, this.a.node, this.b.node);
    this.wipe = new Wipe(photos);
    root.replaceChildren(
      h("div", { class: "p2s-wipe-tools" }, this.recordedNode.node, this.wipe.button, this.wipe.row),
      photos,
      this.verdictNode.node,
      this.sentences.node
    );
    this.reset();
    this.follower = new PictureFollower(root, {
      shown: () => this.a.record.image && this.a.record.image.id,
      busy: () => ["encoding", "writing"].includes(this.state()),
      look: () => bridge.trigger(this.wish ? "wish" : "look", { pair: this.wish }),
    });
    new ResizeObserver(() => this.changed()).observe(root);
  }

  reset() {
    /** @type {string} */
    this.text = "";
    /** @type {[name: string, a: Setting, b: Setting][]} */
    this.differ = [];
    /** @type {Recording | null} what is on view, if it was not written now */
    this.recorded = null;
    /** @type {number | null} */
    this.parted = null;
    /** @type {Outcome | null} */
    this.verdict = null;
    /** @type {{[side in SideName]: Map<number, number>} | null} the twin of an object */
    this.shared = null;
    this.a.record.reset();
    this.b.record.reset();
    this.sentences.restart();
  }

  /** @param {string} text */
  receive(text) {
    if (typeof text !== "string" || text === this.text) return;
    this.recordedNode.pause();
    if (!this.text || !text.startsWith(this.text)) this.reset();
    const complete = text.lastIndexOf("\n") + 1;
    const tail = text.slice(this.text.length, complete);
    this.text = text.slice(0, complete);
    for (const line of tail.split("\n")) this.line(line);
    this.changed();
    if (this.follower) this.follower.check();
  }

  /** @param {string} line */
  line(line) {
    const rest = line.slice(1);
    if (line[0] === "a") this.a.record.line(rest);
    else if (line[0] === "b") this.b.record.line(rest);
    else if (line[0] === "P") this.parted = Number(rest);
    else if (line[0] === "C") {
      const { differ, recorded = null } = JSON.parse(rest);
      this.differ = differ;
      this.recorded = recorded;
    } else if (line[0] === "V") {
      /** @type {Outcome} */
      const outcome = JSON.parse(rest);
      this.verdict = outcome;
      this.parted = outcome.parted;
      this.shared = {
        a: new Map(outcome.matches.map(([a, b]) => [a, b])),
        b: new Map(outcome.matches.map(([a, b]) => [b, a])),
      };
    }
  }

  /** @type {(name: string, question: object) => Promise<any>} */
  ask(name, question) {
    return ask(this.bridge.server, name, question);
  }

  /** @param {Side} side */
  other(side) {
    return side === this.a ? this.b : this.a;
  }

  /**
   * Point at an object of one side; the same object of the other side is pointed at, too.
   * @type {(side: Side, object: number | null) => void}
   */
  hover(side, object) {
    const twin = this.shared && object !== null ? this.shared[side.name].get(object) : null;
    this.point(side, object);
    this.point(this.other(side), twin ?? null);
  }

  /** @type {(side: Side, object: number | null) => void} */
  point(side, object) {
    if (side.hovered === object) return;
    side.hovered = object;
    this.changed();
  }

  state() {
    const states = [this.a.record.state, this.b.record.state];
    for (const state of ["error", "writing", "encoding", "stopped"]) {
      if (states.includes(state)) return state;
    }
    return states[0];
  }

  draw() {
    this.root.dataset.state = this.state();
    set(this.root, {
      "data-parted": this.parted ?? "",
      "data-runs": `${this.a.record.run}:${this.b.record.run}`,
      "data-verdict": this.verdict ? "true" : "false",
    });
    if (this.recorded) this.root.dataset.recorded = this.recorded.preset;
    else delete this.root.dataset.recorded;
    [this.a, this.b].forEach((side, place) => {
      const { temperature } = side.record.header.options || {};
      const words = this.differ
        .filter(([name]) => temperature !== 0 || !["top_p", "top_k"].includes(name)) // argmax cuts nothing
        .map(([name, a, b]) => settingWords(name, place === 0 ? a : b));
      side.settings.textContent = words.join(" · ");
      side.draw();
    });
    this.recordedNode.draw();
    this.verdictNode.draw();
    this.sentences.draw();
  }
}

/** @type {Comparison | null} */
let comparison = null;

/**
 * The widgets of both sides have moved.
 * @type {(names: string[], values: Setting[]) => void}
 */
export const compared = (names, values) => comparison?.recordedNode.settings(names, values);

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountCompare = (element, bridge) => {
  const made = new Comparison(partOf(element, "[data-compare]"), bridge);
  comparison = made;
  made.receive(bridge.props.value);
  bridge.watch("value", () => {
    made.wish = null; // granted
    made.receive(bridge.props.value);
  });
  made.ask("thumbnails", {}).then(decoratePairs);
};
