// A magnifier for quantisation: a corner of a box, where the true edges and those that the bins allow
// lie apart.

import { clear, h, set, svg } from "#kit/elements.js";
import { isVertical } from "#kit/roles.js";

/** @import {Frame, Picture} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {LearnBox} from "#learn/board.js" */
/** @import {Grid, Snapped} from "#learn/quantisation.js" */

const LOUPE = 168;
const PITCH = 56; // a bin in the loupe: even a whole bin of error stays in view
const EDGES = { ymin: 1, xmin: 0, ymax: 3, xmax: 2 };

const signed = (/** @type {number} */ value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** A corner of a box, magnified until bins can be seen. */
export class Loupe {
  /**
   * @param {string} name
   * @param {Coordinate} vertical
   * @param {Coordinate} horizontal
   */
  constructor(name, vertical, horizontal) {
    /** @type {[Coordinate, Coordinate]} */
    this.slots = [vertical, horizontal];
    this.size = { w: 1, h: 1 }; // of the picture
    this.image = svg("image", { preserveAspectRatio: "none" });
    this.marks = svg("g");
    this.caption = h("figcaption", { class: "p2s-small p2s-soft" });
    this.name = name;
    this.node = h(
      "figure",
      { class: "learn-loupe", hidden: true },
      svg(
        "svg",
        { viewBox: `0 0 ${LOUPE} ${LOUPE}`, role: "img", "aria-label": `The ${name} corner, magnified` },
        this.image,
        this.marks
      ),
      this.caption
    );
  }

  /** @param {Picture} picture */
  load(picture) {
    this.size = picture;
    set(this.image, { href: picture.src });
  }

  /** @type {(box: LearnBox, of: Snapped, view: Grid, frame: Frame) => void} */
  show(box, { snapped, errors }, view, frame) {
    const [vertical, horizontal] = this.slots;
    const edges = [box.x0, box.y0, box.x1, box.y1];
    const [x, y] = [edges[EDGES[horizontal]], edges[EDGES[vertical]]];
    const [px, py] = view.bin_px;
    const zoom = Math.min(PITCH / Math.min(px, py), 48);
    const ax = (/** @type {number} */ value) => LOUPE / 2 + (value - x) * zoom;
    const ay = (/** @type {number} */ value) => LOUPE / 2 + (value - y) * zoom;
    const size = { width: this.size.w * zoom, height: this.size.h * zoom };
    set(this.image, { x: ax(0), y: ay(0), ...size });
    clear(this.marks).append(
      svg("path", { class: "learn-grid", d: this.lines(x, y, zoom, view, frame), opacity: 0.7 }),
      svg("path", { class: "learn-true-halo", d: `M${LOUPE / 2} 0V${LOUPE}M0 ${LOUPE / 2}H${LOUPE}` }),
      svg("path", { class: "learn-true", d: `M${LOUPE / 2} 0V${LOUPE}M0 ${LOUPE / 2}H${LOUPE}` }),
      this.line(horizontal, ax(snapped[EDGES[horizontal]])),
      this.line(vertical, ay(snapped[EDGES[vertical]]))
    );
    const slots = view.slots;
    const error = (/** @type {Coordinate} */ slot) => `${slot} ${signed(errors[slots.indexOf(slot)])} px`;
    this.caption.textContent = `${this.name}, × ${zoom < 10 ? zoom.toFixed(1) : Math.round(zoom)}: ${error(vertical)}, ${error(horizontal)}`;
  }

  /** @type {(slot: Coordinate, at: number) => SVGLineElement} */
  line(slot, at) {
    const along = isVertical(slot)
      ? { x1: 0, x2: LOUPE, y1: at, y2: at }
      : { y1: 0, y2: LOUPE, x1: at, x2: at };
    return svg("line", { class: "learn-edge", "data-slot": slot, ...along });
  }

  /** @type {(x: number, y: number, zoom: number, view: Grid, frame: Frame) => string} */
  lines(x, y, zoom, view, frame) {
    const [px, py] = view.bin_px;
    const reach = LOUPE / 2 / zoom;
    let d = "";
    for (let i = Math.ceil((x - reach - frame[0]) / px); frame[0] + i * px <= x + reach; i += 1) {
      d += `M${LOUPE / 2 + (frame[0] + i * px - x) * zoom} 0V${LOUPE}`;
    }
    for (let i = Math.ceil((y - reach - frame[1]) / py); frame[1] + i * py <= y + reach; i += 1) {
      d += `M0 ${LOUPE / 2 + (frame[1] + i * py - y) * zoom}H${LOUPE}`;
    }
    return d;
  }
}
