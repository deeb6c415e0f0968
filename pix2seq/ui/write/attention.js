// Where the decoder looked when it wrote the inspected token: a map over the photo (`heat.js`), which stays
// visible, and outlines of the encoder's drafts that it looked at, if the network has any. Or, from a place that is
// clicked on the photo, where the encoder looks. Fetched only while switched on; the mean over layers and heads, or any
// one of them.

import { clear, h, set, svg } from "#kit/elements.js";
import { labelAll, labelNode } from "#kit/labels.js";
import { percent, plural } from "#kit/numbers.js";
import { drawHeat } from "#write/heat.js";

/** @import {Point} from "#kit/photo.js" */
/** @import {Token} from "#kit/roles.js" */
/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

const STEP = 0.04; // of the picture, per key press
/** @typedef {{layers: number, heads: number, rows: number, columns: number, peak: number, cells: string}} Map */
/** @typedef {{box: [number, number, number, number], name: string | null, sure: number, share: number}} Draft */
/** @typedef {{count: number, share: number, most: Draft[]}} Drafts */
/** @typedef {Map & {inside?: number, drafts?: Drafts, error?: string}} Answer the cells are grey values, base64 */

/** @type {{[key: string]: [right: number, down: number]}} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FROM_TOKEN = "Where the decoder looked when it wrote this token.";
const FROM_PLACE = "Where the encoder looks from the ring. Click another place, or move it with the arrow keys.";

export class Attention {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.on = false;
    this.picking = false; // a place on the photo
    /** @type {string | null} */
    this.asked = null;
    this.toggle = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "aria-pressed": "false",
        "data-attention": "",
        onclick: () => {
          this.on = this.picking || !this.on;
          this.picking = false;
          this.refresh();
        },
      },
      "Where it looked"
    );
    /** @type {Point | null} of the picture, for the encoder's view */
    this.place = null;
    this.around = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "aria-pressed": "false",
        "data-look-around": "",
        title: "Where does the encoder look from a place on the photo?",
        onkeydown: (event) => this.key(event),
        onclick: () => {
          this.picking = !this.picking;
          this.place = this.picking ? this.start() : null;
          this.on = this.picking || this.on;
          this.refresh();
        },
      },
      "Encoder, from a place"
    );
    const change = () => this.refresh();
    this.layer = h("select", { class: "p2s-select", "aria-label": "Layer", onchange: change });
    this.head = h("select", { class: "p2s-select", "aria-label": "Head", onchange: change });
    this.note = h("p", { class: "p2s-small p2s-soft" });
    this.most = h("span");
    this.scale = h(
      "div",
      { class: "p2s-attention-scale", hidden: "" },
      h("span", {}, "a cell: 0"),
      h("i", { "aria-hidden": "true" }),
      this.most,
      h("span", { class: "p2s-soft" }, "lines at ¼, ½, ¾ of it")
    );
    this.node = h(
      "div",
      { class: "p2s-attention-panel" },
      h("div", { class: "p2s-row" }, this.toggle, this.around, h("span", { class: "p2s-row" }, this.layer, this.head)),
      this.scale,
      this.note
    );
    this.mark = svg("circle", { class: "p2s-place", r: 6, visibility: "hidden", "data-place": "" });
    this.outlines = svg("g", { class: "p2s-drafts", "data-drafts": "" });
    this.names = svg("g", { class: "p2s-drafts" });
    /** @type {Draft[]} on view */
    this.drafts = [];
    this.outlined = ""; // at which size
    stage.photo.layers.looked.append(this.outlines); // under the name of every box
    stage.photo.layers.prompt.append(this.mark, this.names);
    this.options(this.layer, "all layers", 0);
    this.options(this.head, "all heads", 0);
  }

  /** @type {(select: HTMLSelectElement, all: string, count: number) => void} */
  options(select, all, count) {
    if (select.options.length === count + 1) return;
    const kept = select.value;
    clear(select).append(h("option", { value: "" }, all));
    for (let i = 0; i < count; i += 1) {
      select.append(h("option", { value: i }, `${all.slice(4, -1)} ${i + 1}`));
    }
    select.value = kept;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }

  /** The middle of the inspected object, or of the picture. */
  start() {
    const { stage } = this;
    const focus = stage.focus();
    const found = focus === null ? null : stage.objectOnView(focus);
    const { w, h: tall } = stage.record.image ?? { w: 0, h: 0 };
    const [x0, y0, x1, y1] = found && found.state !== "flat" ? found.box : [0, 0, w, tall];
    return { x: Math.round((x0 + x1) / 2), y: Math.round((y0 + y1) / 2) };
  }

  /**
   * Arrow keys move the place.
   * @param {KeyboardEvent} event
   */
  key(event) {
    const [right, down] = MOVES[event.key] || [0, 0];
    const { place } = this;
    const { image } = this.stage.record;
    if (!this.picking || !place || !image || (!right && !down)) return;
    event.preventDefault();
    const { w, h: tall } = image;
    /** @type {(value: number, most: number) => number} */
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    this.pick({ x: within(place.x + right * w * STEP, w), y: within(place.y + down * tall * STEP, tall) });
  }

  /**
   * A click on the photo while picking.
   * @param {Point} point
   */
  pick(point) {
    this.place = { x: Math.round(point.x), y: Math.round(point.y) };
    this.refresh();
  }

  /** Off: another picture, or another question, is on the photo. */
  leave() {
    this.on = false;
    this.picking = false;
    this.refresh();
  }

  refresh() {
    this.asked = null;
    this.stage.changed();
  }

  /** @param {Token | null} token */
  draw(token) {
    const { canvas } = this;
    const { record } = this.stage;
    set(this.toggle, { "aria-pressed": this.on && !this.picking ? "true" : "false" });
    set(this.around, { "aria-pressed": this.picking ? "true" : "false" });
    if (!token) this.picking = false;
    const { photo } = this.stage;
    if (this.picking && this.place) set(this.mark, { cx: photo.x(this.place.x), cy: photo.y(this.place.y) });
    set(this.mark, { visibility: this.picking ? "visible" : "hidden" });
    this.stage.photo.node.classList.toggle("picking", Boolean(this.picking));
    this.outline();
    if (!token || !this.on) {
      this.show([]);
      this.note.textContent = "";
      this.scale.hidden = true;
      canvas.style.opacity = "0";
      this.asked = null;
      return;
    }
    const subject = this.picking ? JSON.stringify(this.place) : token.index;
    const question = [record.run, subject, this.layer.value, this.head.value].join();
    if (question === this.asked) return;
    this.asked = question;
    this.show([]);
    this.fetch(question, record, token);
  }

  get canvas() {
    return this.stage.photo.attention;
  }

  /** @type {(question: string, record: Record, token: Token) => Promise<void>} */
  async fetch(question, record, token) {
    const number = (/** @type {HTMLSelectElement} */ select) => (select.value === "" ? null : Number(select.value));
    /** @type {Answer} */
    const answer = await this.stage.ask(this.picking ? "look_around" : "attention", {
      run: record.run,
      ...(this.picking ? this.place : { index: token.index, box: this.stage.objectOnView(token.object)?.box }),
      layer: number(this.layer),
      head: number(this.head),
    });
    if (this.asked !== question) return;
    this.note.textContent = answer.error || (this.picking ? FROM_PLACE : lookedSaid(answer));
    this.scale.hidden = Boolean(answer.error);
    this.most.textContent = answer.error ? "" : `${percent(answer.peak, 1)} of the attention`;
    if (answer.error) {
      this.canvas.style.opacity = "0";
      return;
    }
    this.options(this.layer, "all layers", answer.layers);
    this.options(this.head, "all heads", answer.heads);
    this.paint(record, answer);
    this.show(answer.drafts?.most ?? []);
  }

  /** @param {Draft[]} drafts */
  show(drafts) {
    if (drafts === this.drafts || !(drafts.length || this.drafts.length)) return;
    this.drafts = drafts;
    this.outlined = "";
    this.outline();
  }

  /** The drafts' outlines, drawn anew when the photo has another size; a name stands where there is room. */
  outline() {
    const { photo } = this.stage;
    const { x, y, w, h: tall } = photo.rect;
    const focus = this.stage.focus();
    const own = focus === null ? undefined : photo.boxes.places.get(focus); // the object's name is on view
    const key = JSON.stringify([photo.rect, photo.text, own]);
    if (key === this.outlined) return;
    this.outlined = key;
    const boxes = this.drafts.map(({ box: [x0, y0, x1, y1] }) => ({
      x: photo.x(x0),
      y: photo.y(y0),
      width: photo.x(x1) - photo.x(x0),
      height: photo.y(y1) - photo.y(y0),
    }));
    const wanted = this.drafts.map((draft, i) => ({ texts: [draftSaid(draft), percent(draft.share)], box: boxes[i], spare: i > 0 }));
    const labels = labelAll(wanted, { x, y, width: w, height: tall }, photo.text, { taken: own ? [own] : [] });
    const strengths = this.drafts.map(({ share }) => ({ opacity: 0.35 + 0.65 * Math.sqrt(share / this.drafts[0].share) }));
    clear(this.outlines).append(
      ...boxes.flatMap((box, i) => [svg("rect", { class: "halo", ...box, ...strengths[i] }), svg("rect", { ...box, ...strengths[i] })])
    );
    clear(this.names).append(
      ...labels.flatMap((label) => (label ? [labelNode(label.text, label.place, "p2s-draft-name")] : []))
    );
  }

  /** @type {(record: Record, answer: Map) => void} */
  paint(record, answer) {
    const { rows, columns } = answer;
    const cells = Uint8Array.from(atob(answer.cells), (letter) => letter.charCodeAt(0));
    const { frame, image } = record.placed();
    drawHeat(this.canvas, { rows, columns, cells, frame }, image, this.stage.photo.rect.w * window.devicePixelRatio);
    this.canvas.style.opacity = "1";
  }
}

/**
 * A draft in a few words: what the encoder took it for and what it got of the attention.
 * @type {(draft: Draft) => string}
 */
export const draftSaid = ({ name, share }) => (name ? `${name} ${percent(share)}` : percent(share));

/**
 * What the decoder's attention went to.
 * @type {(answer: Pick<Answer, "inside" | "drafts">) => string}
 */
export const lookedSaid = ({ inside, drafts }) => {
  const copied = drafts
    ? ` ${percent(drafts.share)} of the attention went to ${plural(drafts.count, "draft")}: what the encoder took for objects stands ` +
      "in the memory, too, and can be copied. Those looked at most are outlined. The rest went to the cells."
    : "";
  if (inside === undefined) return FROM_TOKEN + copied;
  const [all, counted] = drafts ? ["all of it", " (a draft counts as spread over its own)"] : ["it", ""];
  return `${FROM_TOKEN}${copied} ${percent(inside)} of ${all} fell inside the object's box${counted}.`;
};
