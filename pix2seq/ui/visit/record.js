// Reading the record (`lines.js` reads a line of it). A record only grows, so `feed` parses the new
// tail; a text that does not continue the old one starts over.

import { filled, inHue } from "#kit/hues.js";
import { isVertical, SLOTS } from "#kit/roles.js";
import { json, parseObject, parsePull, parseToken } from "#visit/lines.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Attributes} from "#kit/elements.js" */
/** @import {Frame, Picture} from "#kit/photo.js" */
/** @import {Token, TokensBySlot, Vocabulary} from "#kit/roles.js" */

/** @typedef {number | string | boolean} Setting */
/** @typedef {{[control: string]: Setting | number[] | null}} Settings of the page, by the controls' names */

/**
 * What a sentence was written with, as far as the page speaks of it.
 * @typedef {object} Options
 * @property {number} [temperature]
 * @property {number} [top_p]
 * @property {number} [top_k]
 * @property {number} [seed]
 * @property {number} [num_bins]
 * @property {number} [max_objects]
 * @property {string} [eos]
 * @property {boolean} [grammar]
 * @property {boolean} [follow_drafts] missing in what earlier versions wrote: they could not
 * @property {string} [score]
 * @property {number[]} [forbidden_labels]
 */

/**
 * A record's first line; without a run it shows a picture, or says why there is none.
 * @typedef {object} Header
 * @property {string | null} [run]
 * @property {Picture | null} [image]
 * @property {string} [message]
 * @property {string} [checkpoint]
 * @property {Vocabulary} [vocab]
 * @property {Options} [options]
 * @property {string | null} [parent] the run that it was edited from
 * @property {number} [fork] the token from which on it is its own
 * @property {boolean} [replay] written earlier, or elsewhere
 */

/** @typedef {{reason: string, message?: string, rate?: number, tokens?: number, seconds?: number}} Ending */

/** A record's first line, and the rest. @type {(text: string) => [string, string]} */
const parted = (text) => {
  const start = text.indexOf("\n") + 1;
  return [text.slice(0, start), text.slice(start)];
};

export class Record {
  constructor() {
    this.reset();
  }

  reset() {
    /** @type {string} */
    this.text = "";
    /** @type {Header} */
    this.header = {};
    /** @type {Vocabulary} */
    this.vocab = { slots: SLOTS, classes: [], bins: 2, coord: 0, cls: 0 };
    /** @type {string} */
    this.state = "idle";
    /** @type {number} pictures that are looked at before this one */
    this.before = 0;
    /** @type {{seconds: number, frame?: Frame, remark?: string} | null} */
    this.encoder = null;
    /** @type {Frame | null} where coordinates 0 and 1 lie: xyxy in pixels of the picture */
    this.frame = null;
    /** @type {Token[]} */
    this.tokens = [];
    /** @type {number} */
    this.grouped = -1;
    /** @type {Token[][]} */
    this.groups = [];
    /** @type {Map<number, Found>} */
    this.objects = new Map();
    /** @type {Ending | null} */
    this.end = null;
  }

  /**
   * Take in the record so far; returns whether anything is new.
   * @param {string} text
   */
  feed(text) {
    if (typeof text !== "string" || text === this.text) return false;
    if (!text.startsWith(this.text)) this.reset();
    const complete = text.lastIndexOf("\n") + 1;
    const tail = text.slice(this.text.length, complete);
    this.text = text.slice(0, complete);
    for (const line of tail.split("\n")) this.line(line);
    return true;
  }

  /**
   * Take over the name that the server has for this recording, which nobody could ask about before;
   * returns whether the text is of this one.
   * @param {string} text
   */
  named(text) {
    const [own, body] = parted(this.text);
    const [head, sameBody] = parted(text);
    const { run, image, replay } = json(head.slice(1)) || {};
    const same = own && !this.run && this.recorded && replay && image?.example === this.image?.example;
    if (!same || !run || sameBody !== body) return false;
    this.header = json(head.slice(1)) || {};
    this.text = text;
    return true;
  }

  /** @param {string} line */
  line(line) {
    const rest = line.slice(1);
    switch (line[0]) {
      case "R":
        this.header = json(rest) || {};
        this.vocab = this.header.vocab || this.vocab;
        break;
      case "S":
        this.state = rest.startsWith("writing") ? "writing" : "encoding";
        this.end = null;
        this.before = this.state === "encoding" ? Number(rest.slice(9)) || 0 : 0;
        if (this.state === "writing") {
          this.encoder = json(rest.slice(8));
          this.frame = (this.encoder && this.encoder.frame) || this.frame;
        }
        break;
      case "T": {
        const before = this.tokens[this.tokens.length - 1];
        const token = parseToken(rest.split(" "), this.vocab.slots[0], before);
        if (token) this.tokens.push(token);
        break;
      }
      case "P": {
        const token = this.tokens[this.tokens.length - 1];
        if (token) token.pull = parsePull(rest.split(" "));
        break;
      }
      case "B": {
        const found = parseObject(rest.split(" "));
        this.objects.set(found.object, found);
        break;
      }
      case "M": {
        const [object, forced, again] = rest.split(" ").map(Number);
        const found = this.objects.get(object);
        if (found) Object.assign(found, { forced: forced === 1, again: again < 0 ? null : again });
        break;
      }
      case "E": {
        const space = rest.indexOf(" ");
        const reason = space < 0 ? rest : rest.slice(0, space);
        this.end = { reason, ...(json(rest.slice(space + 1)) || {}) };
        this.state = reason === "error" || reason === "stopped" ? reason : "done";
        break;
      }
      default:
    }
  }

  /** Whether it was written earlier: its times say nothing about this machine. */
  get recorded() {
    return Boolean(this.header.replay);
  }

  get run() {
    return this.header.run || null;
  }

  /** @returns {Picture | null} */
  get image() {
    return this.header.image || null;
  }

  /** The picture and where coordinates lie on it, which are there once something is written. */
  placed() {
    const { frame, image } = this;
    if (!frame || !image) throw new Error("nothing is written on a picture yet");
    return { frame, image };
  }

  /**
   * Which kind of token an id is.
   * @param {number} id
   */
  kind(id) {
    const vocab = this.vocab;
    if (id >= vocab.coord && id < vocab.coord + vocab.bins) return "coord";
    if (id >= vocab.cls && id < vocab.cls + vocab.classes.length) return "class";
    if (id === vocab.noise) return "noise";
    return id === vocab.eos ? "eos" : "other";
  }

  /**
   * What people read for an id.
   * @param {number} id
   */
  text_of(id) {
    const vocab = this.vocab;
    const kind = this.kind(id);
    if (kind === "coord") return String(id - vocab.coord);
    if (kind === "class") return this.className(id - vocab.cls);
    if (kind === "noise") return "noise";
    return kind === "eos" ? "EOS" : `#${id}`;
  }

  /** @param {number} label */
  className(label) {
    return this.vocab.classes[label] || `class ${label}`;
  }

  /**
   * A coordinate token's place in [0, 1] of the model's input; other ids clamp to its ends.
   * @param {number} id
   */
  coordinate(id) {
    return Math.min(Math.max((id - this.vocab.coord) / (this.vocab.bins - 1), 0), 1);
  }

  /**
   * The coordinate token that a pixel of the original picture falls on.
   * @param {number} pixel
   * @param {string} slot
   */
  tokenAt(pixel, slot) {
    const [x0, y0, x1, y1] = this.placed().frame;
    const { w, h } = this.placed().image;
    const [from, to, limit] = isVertical(slot) ? [y0, y1, h] : [x0, x1, w];
    const share = (Math.min(Math.max(pixel, 0), limit) - from) / (to - from);
    const place = Math.min(Math.max(share, 0), 1) * (this.vocab.bins - 1);
    return this.vocab.coord + (this.vocab.quantizer === "floor" ? Math.floor(place) : Math.round(place));
  }

  /**
   * A place in [0, 1] in pixels of the original picture.
   * @param {number} value
   * @param {string} slot
   */
  pixel(value, slot) {
    const [x0, y0, x1, y1] = this.placed().frame;
    return isVertical(slot) ? y0 + value * (y1 - y0) : x0 + value * (x1 - x0);
  }

  /**
   * Pixel of a token's coordinate, clipped to the picture as boxes are.
   * @param {Pick<Token, "id" | "slot">} token
   */
  tokenPixel(token) {
    const { w, h } = this.placed().image;
    const limit = isVertical(token.slot) ? h : w;
    return Math.min(Math.max(this.pixel(this.coordinate(token.id), token.slot), 0), limit);
  }

  /**
   * Tokens of one object, by slot, among the first `shown`.
   * @param {number} object
   * @param {number} shown
   */
  tokensOf(object, shown) {
    if (this.grouped !== this.tokens.length) {
      this.groups = [];
      for (const token of this.tokens) (this.groups[token.object] ||= []).push(token);
      this.grouped = this.tokens.length;
    }
    /** @type {TokensBySlot} */
    const bySlot = {};
    for (const token of this.groups[object] || []) {
      if (token.index < shown && token.slot !== "eos") bySlot[token.slot] = token;
    }
    return bySlot;
  }

  /**
   * One sentence about a token, for tooltips and screen readers.
   * @param {Token} token
   */
  describe(token) {
    const what = `${token.slot} ${this.text_of(token.id)}`;
    const given = token.forced ? ", yours" : "";
    const surprise = (-token.logprob).toFixed(2);
    return (
      `token ${token.index + 1}: ${what}${given}, probability ${token.raw.toFixed(4)}, ` +
      `surprise ${surprise} nats`
    );
  }

  /**
   * What a token's chip looks like wherever it stands, and what a pointer is told.
   * @param {Token} token
   * @returns {Attributes}
   */
  chip(token) {
    const kind = this.kind(token.id);
    const fill = filled(token.raw);
    return {
      "data-slot": token.slot,
      "data-role": kind === "noise" ? "noise" : null,
      title: this.describe(token),
      ...(kind === "class" ? inHue(this.text_of(token.id), fill) : { style: fill }),
    };
  }
}
