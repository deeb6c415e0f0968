// A bell over an axis, to be dragged: along the axis it moves, across it gets wider. It stands in the
// panel and on the photo's edge; moving it asks nothing and draws two paths.

import { clear, h, set, svg } from "#kit/elements.js";
import { areaPath } from "#kit/plots.js";
import { isVertical } from "#kit/roles.js";
import { onceAFrame } from "#kit/timing.js";

/** @import {Dock} from "#fork/dock.js" */

const HEIGHT = 150;
const BASE = 22;
const DEPTH = 84; // px that a bell reaches into the photo
export const WIDTHS = { least: 0.25, most: 64 };

/**
 * @typedef {object} Outcome what a bet is compared with
 * @property {number[]} you
 * @property {number[]} model
 * @property {number} written
 * @property {number | null} truth
 */

export class Bell {
  /**
   * @param {Dock} dock
   * @param {() => void} moved
   */
  constructor(dock, moved) {
    this.dock = dock;
    this.moved = moved;
    this.slot = "ymin";
    this.bins = 256;
    this.place = 128;
    this.width = 8;
    /** @type {Outcome | null} */
    this.outcome = null;
    this.open = false; // whether it may be dragged
    this.soon = onceAFrame(() => this.draw());
    this.svg = svg("svg", { class: "fork-bell", role: "img" });
    this.shape = svg("path", { class: "fork-bell-you" });
    this.stem = svg("line", { class: "fork-bell-stem" });
    this.node = h("div", { class: "fork-plot" }, this.svg);
    this.onPhoto = svg("path", { class: "fork-bell-you" });
    this.photoStem = svg("line", { class: "fork-bell-stem" });
    this.size = 460;
    new ResizeObserver(() => {
      this.size = Math.max(this.node.clientWidth, 200);
      this.frame();
    }).observe(this.node);
    this.follow(this.svg, (event) => {
      const box = this.svg.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * this.bins - 0.5, -event.clientY];
    });
  }

  /**
   * Drag on `surface`; `read` gives the place in bins, and how far across in pixels.
   * @param {Element} surface
   * @param {(event: PointerEvent) => [number, number]} read
   */
  follow(surface, read) {
    /** @type {{across: number, width: number} | null} */
    let from = null;
    const take = (/** @type {Event} */ event) => {
      if (!this.open) return;
      const pointer = /** @type {PointerEvent} */ (event);
      if (event.type === "pointerdown") {
        surface.setPointerCapture(pointer.pointerId);
        from = { across: read(pointer)[1], width: this.width };
      }
      event.stopImmediatePropagation();
      if (!from) return;
      if (event.type === "pointerup" || event.type === "pointercancel") from = null;
      else {
        const [place, across] = read(pointer);
        this.set(place, from.width * 2 ** ((across - from.across) / 40));
      }
    };
    for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      surface.addEventListener(type, take, { capture: true });
    }
    surface.addEventListener("touchstart", (event) => this.open && event.preventDefault(), { passive: false });
  }

  /** The photo is a surface, too, as soon as there is one. */
  takePhoto() {
    const paper = this.dock.overlay;
    if (!paper || this.surface) return;
    this.surface = paper.photo.svg;
    this.follow(this.surface, (event) => {
      const vertical = isVertical(this.slot);
      const point = paper.photo.pointer(event);
      const record = paper.stage.record;
      const place = record.tokenAt(vertical ? point.y : point.x, this.slot) - record.vocab.coord;
      return [place, (vertical ? event.clientX : event.clientY) * (this.slot.endsWith("max") ? -1 : 1)];
    });
  }

  /**
   * @param {number} place
   * @param {number} width
   */
  set(place, width) {
    this.place = Math.min(Math.max(Math.round(place), 0), this.bins - 1);
    this.width = Math.min(Math.max(width, WIDTHS.least), WIDTHS.most);
    this.moved();
    this.soon();
  }

  /**
   * A new round on this axis.
   * @param {string} slot
   * @param {number} bins
   */
  start(slot, bins) {
    this.takePhoto();
    Object.assign(this, { slot, bins, outcome: null, open: true });
    this.dock.overlay?.photo.node.classList.add("fork-betting");
    this.frame();
  }

  /** @param {Outcome | null} outcome what came; `null` takes the bell off the photo */
  stop(outcome) {
    this.open = false;
    this.outcome = outcome;
    this.dock.overlay?.photo.node.classList.remove("fork-betting");
    this.frame();
  }

  /** Heights of the bell over all bins, its top 1. */
  heights() {
    return Array.from({ length: this.bins }, (_, bin) => Math.exp(-0.5 * ((bin - this.place) / this.width) ** 2));
  }

  // ---- drawing ------------------------------------------------------------------------------

  /** Everything that stays while the bell is dragged, then the bell. */
  frame() {
    const { size, bins, outcome } = this;
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (bins - 1)));
    set(this.svg, { viewBox: `0 0 ${size} ${HEIGHT}`, width: size, height: HEIGHT, "data-slot": this.slot });
    set(this.svg, { "aria-label": `Your bell over the ${bins} bins of ${this.slot}` });
    clear(this.svg).append(
      svg("line", { class: "fork-axis", x1: 0, x2: size, y1: HEIGHT - BASE, y2: HEIGHT - BASE }),
      ...ticks.map((bin, i) =>
        svg("text", { x: this.x(bin), y: HEIGHT - 6, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle" }, bin)
      )
    );
    if (outcome) {
      const peak = Math.max(...outcome.model, 1e-9);
      this.svg.append(svg("path", { class: "fork-bell-model", d: areaPath(outcome.model, size, HEIGHT - BASE, peak) }));
      for (const [name, bin] of /** @type {[string, number | null][]} */ ([["truth", outcome.truth], ["written", outcome.written]])) {
        if (bin === null) continue;
        const x = this.x(bin);
        this.svg.append(svg("line", { class: `fork-bell-${name}`, x1: x, x2: x, y1: 0, y2: HEIGHT - BASE }));
      }
    }
    this.svg.append(this.shape, this.stem);
    this.photoFrame();
    this.draw();
  }

  /** @param {number} bin */
  x(bin) {
    return ((bin + 0.5) / this.bins) * this.size;
  }

  /** The layer on the photo, in the axis' own coordinates: bins along, height across. */
  photoFrame() {
    const paper = this.dock.overlay;
    if (!paper) return;
    paper.moved();
    paper.clear();
    const { record } = paper.stage;
    if (!(this.open || this.outcome) || !record.frame) return;
    const vertical = isVertical(this.slot);
    const { rect } = paper.photo;
    const [x0, y0, x1, y1] = record.frame;
    const far = this.slot.endsWith("max");
    const start = vertical ? paper.photo.y(y0) : paper.photo.x(x0);
    const length = (vertical ? y1 - y0 : x1 - x0) * rect.scale;
    const place = vertical
      ? `translate(${far ? rect.x + rect.w : rect.x} ${start}) rotate(90) scale(1 ${far ? 1 : -1})`
      : `translate(${start} ${far ? rect.y + rect.h : rect.y}) scale(1 ${far ? -1 : 1})`;
    const group = svg("g", { "data-slot": this.slot, transform: `${place} translate(0 ${DEPTH}) scale(1 -1)` });
    this.along = length;
    if (this.outcome) {
      const { model, written } = this.outcome;
      const x = ((written + 0.5) / this.bins) * length;
      group.append(
        svg("path", { class: "fork-bell-model", d: areaPath(model, length, DEPTH, Math.max(...model, 1e-9)) }),
        svg("line", { class: "fork-bell-written", x1: x, x2: x, y1: -2000, y2: DEPTH })
      );
    }
    group.append(this.onPhoto, this.photoStem);
    const clip = svg("clipPath", { id: "fork-photo-clip" }, svg("rect", { x: rect.x, y: rect.y, width: rect.w, height: rect.h }));
    paper.lines.append(clip, svg("g", { "clip-path": "url(#fork-photo-clip)" }, group));
  }

  /** The bell as it is now; called once a frame while it is dragged. */
  draw() {
    const { outcome } = this;
    const heights = this.heights();
    const you = outcome ? Math.min(Math.max(...outcome.you) / Math.max(...outcome.model, 1e-9), 1) : 1;
    const scale = outcome ? Math.max(you, 0.04) : 1;
    set(this.shape, { d: areaPath(heights, this.size, HEIGHT - BASE, 1 / scale) });
    const x = this.x(this.place);
    set(this.stem, { x1: x, x2: x, y1: 0, y2: HEIGHT - BASE });
    if (!this.along) return;
    set(this.onPhoto, { d: areaPath(heights, this.along, DEPTH, 1 / scale) });
    const at = ((this.place + 0.5) / this.bins) * this.along;
    set(this.photoStem, { x1: at, x2: at, y1: -2000, y2: DEPTH });
  }
}
