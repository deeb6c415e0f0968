// The photo with everything drawn over it: bin rulers and heat strips on its four edges, finished
// boxes, the box being written with its moving guides. Pixels of the original picture come in; the
// browser's pixels are known only here.

import { Boxes } from "#kit/boxes.js";
import { clear, h, set, svg } from "#kit/elements.js";
import { Guides } from "#kit/guides.js";
import { plural } from "#kit/numbers.js";
import { Rulers } from "#kit/rulers.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Token, TokensBySlot, Vocabulary} from "#kit/roles.js" */
/** @import {Units} from "#kit/units.js" */

/** @typedef {[number, number, number, number]} Frame xyxy in pixels of the original picture */
/** @typedef {{x: number, y: number}} Point in pixels of the original picture */
/** @typedef {{x: number, y: number, w: number, h: number, scale: number}} Rect in the browser's pixels */
/** @typedef {{id: string, w: number, h: number, example?: string | null, src?: string}} Picture */
/** @typedef {{title: string, text?: string, tone?: string, quiet?: boolean}} Message over the photo */

/**
 * What is drawn of a sentence and its picture; the record is one.
 * @typedef {object} Written
 * @property {string | null} run
 * @property {string} state
 * @property {Picture | null} image
 * @property {Frame | null} frame where coordinates 0 and 1 lie
 * @property {Vocabulary} vocab
 * @property {Token[]} tokens
 * @property {(object: number, shown: number) => TokensBySlot} tokensOf
 * @property {(id: number) => string} text_of
 * @property {(label: number) => string} className
 * @property {(value: number, slot: string) => number} pixel
 * @property {(token: Pick<Token, "id" | "slot">) => number} tokenPixel
 */

/**
 * Who shows a photo, and what the photo asks of it.
 * @typedef {object} PhotoOwner
 * @property {Written} record
 * @property {number} shown tokens on view
 * @property {number | null} selected
 * @property {Units} [units] of its axes; bins where it does not say
 * @property {() => void} changed
 * @property {() => number | null} focus the object that the eye should be on
 * @property {() => Found[]} visibleObjects
 * @property {(object: number) => Found | null} objectOnView
 * @property {() => Message | null} stateMessage
 * @property {(text: string) => void} notice
 * @property {(name: string, question: object) => Promise<{src?: string, error?: string}>} ask
 */

const TEXT = 13; // px of type on the photo, where the page does not say otherwise

export class Photo {
  /** @param {PhotoOwner} stage */
  constructor(stage) {
    this.stage = stage;
    this.text = TEXT;
    this.whole = false; // the model's square input, with its padding
    this.rect = { x: 0, y: 0, w: 1, h: 1, scale: 1 };
    this.image = h("img", { class: "p2s-photo-image", alt: "", draggable: "false" });
    this.attention = h("canvas", { class: "p2s-attention", "aria-hidden": "true" });
    const layer = (/** @type {string} */ name) => svg("g", { class: `p2s-layer-${name}` });
    this.layers = {
      strips: layer("strips"),
      rulers: layer("rulers"),
      density: layer("density"),
      ghosts: layer("ghosts"),
      boxes: layer("boxes"),
      looked: layer("looked"), // outlines of what was looked at
      names: layer("names"), // above the lines of every box
      guides: layer("guides"),
      prompt: layer("prompt"),
    };
    this.svg = svg("svg", { class: "p2s-photo-svg", role: "img", "aria-label": "" });
    this.svg.append(...Object.values(this.layers));
    this.message = h("div", { class: "p2s-photo-message", role: "status" });
    this.node = h(
      "div",
      { class: "p2s-photo" },
      this.image,
      this.attention,
      this.svg,
      this.message
    );
    this.rulers = new Rulers(this);
    this.boxes = new Boxes(this);
    this.guides = new Guides(this);
    new ResizeObserver(() => this.resize()).observe(this.node);
    /** @type {string | null} */
    this.loaded = null;
    /** @type {Picture | null} */
    this.lastImage = null;
    /** @type {string | undefined} */
    this.shownMessage = undefined;
    /** @type {((ratio: number, margins: {x: number, y: number}) => void) | null} */
    this.shaped = null;
  }

  /** The picture's pixels as an address; empty while they are on their way. */
  get source() {
    return this.image.getAttribute("src") ?? "";
  }

  /**
   * What is to be seen, xyxy in pixels of the picture: the picture, or all that the model sees.
   * @returns {Frame}
   */
  extent() {
    const image = this.stage.record.image || this.lastImage || { w: 4, h: 3 };
    const { frame } = this.stage.record;
    if (!this.whole || !frame) return [0, 0, image.w, image.h];
    const [x0, y0, x1, y1] = frame;
    return [Math.min(x0, 0), Math.min(y0, 0), Math.max(x1, image.w), Math.max(y1, image.h)];
  }

  /** Room for the rulers: px left and above of the picture, and on both sides together. */
  margins() {
    const { record } = this.stage;
    const largest = this.stage.units === "pixels" ? Math.max(...this.extent()) : record.vocab?.bins || 0;
    const digits = largest > 999 ? 4 : 3;
    const left = Math.round(16 + 0.62 * this.text * digits);
    const top = Math.round(2 * this.text + 4);
    return { left, top, x: left + this.text, y: top + Math.round(1.6 * this.text) };
  }

  /** Fit the picture into the space there is, rulers around it. */
  resize() {
    const said = parseFloat(getComputedStyle(this.node).getPropertyValue("--p2s-mark"));
    this.text = said || TEXT;
    const image = this.stage.record.image || this.lastImage;
    const [x0, y0, x1, y1] = this.extent();
    const margins = this.margins();
    this.shaped?.((x1 - x0) / (y1 - y0), margins); // who holds the photo may give it other room
    const width = this.node.clientWidth;
    const height = this.node.clientHeight;
    if (!width || !height) return;
    set(this.svg, { viewBox: `0 0 ${width} ${height}` });
    const scale = Math.max(
      Math.min((width - margins.x) / (x1 - x0), (height - margins.y) / (y1 - y0)),
      1e-6
    );
    const spare = { x: width - margins.x - (x1 - x0) * scale, y: height - margins.y - (y1 - y0) * scale };
    const size = { w: (image ? image.w : 4) * scale, h: (image ? image.h : 3) * scale };
    this.rect = {
      x: Math.round(margins.left + spare.x / 2 - x0 * scale),
      y: Math.round(margins.top + spare.y / 2 - y0 * scale),
      ...size,
      scale,
    };
    for (const node of [this.image, this.attention]) {
      Object.assign(node.style, {
        left: `${this.rect.x}px`,
        top: `${this.rect.y}px`,
        width: `${size.w}px`,
        height: `${size.h}px`,
      });
    }
    this.rulers.stale = true;
    this.boxes.stale = true;
    this.stage.changed();
  }

  /**
   * Original pixels to the browser's.
   * @param {number} pixel
   */
  x(pixel) {
    return this.rect.x + pixel * this.rect.scale;
  }

  /** @param {number} pixel */
  y(pixel) {
    return this.rect.y + pixel * this.rect.scale;
  }

  /**
   * A pointer event to original pixels, clipped to the picture.
   * @type {(event: MouseEvent) => Point & {inside: boolean}}
   */
  pointer(event) {
    const at = this.svg.getBoundingClientRect();
    const image = this.stage.record.image || { w: 1, h: 1 };
    const x = (event.clientX - at.left - this.rect.x) / this.rect.scale;
    const y = (event.clientY - at.top - this.rect.y) / this.rect.scale;
    const inside = x >= 0 && y >= 0 && x <= image.w && y <= image.h;
    return {
      x: Math.min(Math.max(x, 0), image.w),
      y: Math.min(Math.max(y, 0), image.h),
      inside,
    };
  }

  /** @param {Picture | null} image */
  async load(image) {
    const id = image && image.id;
    if (this.loaded === id) return;
    this.loaded = id;
    this.lastImage = image;
    this.image.style.visibility = "hidden";
    this.image.removeAttribute("src");
    this.resize();
    if (!image) return;
    const answer = image.src ? { src: image.src, error: "" } : await this.stage.ask("picture", { id });
    if (this.loaded !== id) return; // another picture came meanwhile
    if (answer.src && answer.src.startsWith("data:image/")) {
      this.image.src = answer.src;
      this.image.style.visibility = "visible";
    } else if (answer.error) this.stage.notice(answer.error);
  }

  draw() {
    const { record, shown } = this.stage;
    this.load(record.image);
    this.image.style.opacity = record.state === "encoding" ? "0.55" : "";
    set(this.svg, { "aria-label": this.summary() });
    this.node.dataset.busy = record.state === "encoding" ? "true" : "false";
    this.rulers.draw(record, shown);
    this.boxes.draw(record);
    this.guides.draw(record, shown);
    this.drawMessage();
  }

  summary() {
    const { record } = this.stage;
    if (!record.image) return "No picture yet";
    const found = this.stage.visibleObjects();
    const names = found.map((object) => record.className(object.label));
    return found.length
      ? `The picture with ${plural(found.length, "box", "boxes")}: ${names.join(", ")}`
      : "The picture, no box yet";
  }

  drawMessage() {
    const message = this.stage.stateMessage();
    const key = JSON.stringify(message);
    if (key === this.shownMessage) return; // the region speaks up only when there is news
    this.shownMessage = key;
    clear(this.message);
    this.message.hidden = !message;
    if (message) {
      this.message.append(
        h("strong", {}, message.title),
        message.text ? h("span", {}, message.text) : ""
      );
      this.message.dataset.tone = message.tone || "plain";
    }
  }
}
