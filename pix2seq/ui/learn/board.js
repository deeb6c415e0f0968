// A picture with boxes over it. `LearnPicture` only shows; `LearnBoard` also lets people draw, move
// and stretch boxes with pointer or keyboard. Boxes are {x0, y0, x1, y1, name} in picture pixels.

import { clear, h, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { labelNode, labelPlace, labelsIn } from "#kit/labels.js";

/** @import {Place} from "#kit/labels.js" */
/** @import {Frame, Picture, Point} from "#kit/photo.js" */
/** @import {Coordinate} from "#kit/roles.js" */
/** @import {Lesson} from "#learn/lesson.js" */

/** @typedef {{x0: number, y0: number, x1: number, y1: number, name: string}} LearnBox */
/** @typedef {{kept: number[]}} Answer about boxes: the places in the list of those that it knows */
/** @typedef {["x0" | "x1", "y0" | "y1"]} Corner */
/** @typedef {{kind: string, start: Point, corner: Corner | null, before: LearnBox | null, moved: boolean}} Drag */

const HANDLE = 10; // reach of a corner in browser pixels
const LEAST = 4; // a drag shorter than this is a click

/**
 * The number of a box in the list beside the picture: it keeps it wherever it stands in a sentence.
 * `place` counts the boxes that an answer was about; `kept` are their places in the list.
 * @type {(view: Answer, place: number) => number}
 */
export const boxNumber = (view, place) => view.kept[place] + 1;

export class LearnPicture {
  /** @param {string} label */
  constructor(label) {
    /** @type {Picture | null} */
    this.picture = null;
    this.size = { w: 1, h: 1 }; // of the picture
    this.scale = 1;
    this.image = h("img", { alt: "", draggable: "false" });
    this.svg = svg("svg", { role: "img", "aria-label": label });
    const layer = (/** @type {string} */ name) => svg("g", { class: `learn-layer-${name}` });
    this.layers = { under: layer("under"), boxes: layer("boxes"), names: layer("names"), over: layer("over") };
    this.svg.append(...Object.values(this.layers));
    this.node = h("div", { class: "learn-board" }, this.image, this.svg);
    new ResizeObserver(() => this.fit()).observe(this.node);
  }

  /** @param {Picture} picture */
  load(picture) {
    this.picture = picture;
    this.size = picture;
    this.image.src = picture.src ?? "";
    this.node.style.aspectRatio = `${picture.w} / ${picture.h}`;
    this.node.style.setProperty("--ratio", String(picture.w / picture.h));
    this.fit();
  }

  fit() {
    if (!this.picture || !this.node.clientWidth) return;
    this.scale = this.node.clientWidth / this.picture.w;
    const { w, h: tall } = this.picture;
    set(this.svg, { viewBox: `0 0 ${w * this.scale} ${tall * this.scale}` });
    this.draw();
  }

  draw() {}

  /**
   * One box in its class's colour, to be put into a layer, its name already above the lines of all;
   * `look` is a list of classes, `label` may be empty.
   * @param {Frame} edges
   * @param {string} name of its class, or "noise"
   * @param {{look?: string, label?: string, data?: {[name: string]: unknown}}} [more]
   */
  box([x0, y0, x1, y1], name, { look = "", label = "", data = {} } = {}) {
    const at = {
      x: x0 * this.scale,
      y: y0 * this.scale,
      width: Math.max(x1 - x0, 0) * this.scale,
      height: Math.max(y1 - y0, 0) * this.scale,
    };
    const kind = `${look}${name === "noise" ? " noise" : ""}`;
    if (label) this.layers.names.append(svg("g", { class: `learn-box ${kind}`, ...inHue(name) }, this.tag(label, at)));
    return svg(
      "g",
      { class: `learn-box ${kind}`, ...inHue(name), ...data },
      svg("rect", { class: "learn-box-halo", ...at }),
      svg("rect", { class: "learn-box-line", ...at })
    );
  }

  /** @type {(text: string, at: Place) => SVGGElement} */
  tag(text, at) {
    const frame = { x: 0, y: 0, width: this.size.w * this.scale, height: this.size.h * this.scale };
    const taken = labelsIn(this.layers.names, "learn-tag");
    return labelNode(text, labelPlace(text, at, frame, taken), "learn-tag");
  }

  /**
   * A line along one edge of a box, in the edge's role colour.
   * @param {Frame} edges
   * @param {Coordinate} slot
   * @param {string} [look]
   */
  edge([x0, y0, x1, y1], slot, look = "") {
    const s = this.scale;
    const ends = {
      ymin: [x0, y0, x1, y0],
      ymax: [x0, y1, x1, y1],
      xmin: [x0, y0, x0, y1],
      xmax: [x1, y0, x1, y1],
    }[slot];
    const [ax, ay, bx, by] = ends.map((value) => value * s);
    return svg("line", { class: `learn-edge ${look}`, "data-slot": slot, x1: ax, y1: ay, x2: bx, y2: by });
  }
}

export class LearnBoard extends LearnPicture {
  /** @param {Lesson} lesson */
  constructor(lesson) {
    super("The picture with its boxes. Drag to draw a box.");
    this.lesson = lesson;
    /** @type {Drag | null} */
    this.drag = null;
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.up(event));
    this.svg.addEventListener("pointercancel", () => (this.drag = null));
  }

  draw() {
    if (!this.picture) return;
    const { page, chosen } = this.lesson;
    for (const layer of Object.values(this.layers)) clear(layer);
    const hidesBoxes = page && page.paint && page.paint(this) === "own";
    if (!hidesBoxes) this.drawBoxes();
    if (chosen) this.drawHandles(chosen);
  }

  drawBoxes() {
    const { state } = this.lesson;
    state.boxes.forEach((box, index) => {
      const look = index === state.selected ? "chosen" : "";
      const label = `${index + 1}  ${box.name}`;
      const data = { "data-true-box": index };
      this.layers.boxes.append(this.box([box.x0, box.y0, box.x1, box.y1], box.name, { look, label, data }));
    });
  }

  /** @param {LearnBox} box */
  drawHandles(box) {
    for (const x of [box.x0, box.x1]) {
      for (const y of [box.y0, box.y1]) {
        this.layers.over.append(
          svg("rect", {
            class: "learn-handle",
            x: x * this.scale - 4,
            y: y * this.scale - 4,
            width: 8,
            height: 8,
          })
        );
      }
    }
  }

  /** @param {MouseEvent} event */
  point(event) {
    const at = this.svg.getBoundingClientRect();
    /** @type {(value: number, top: number) => number} */
    const clamp = (value, top) => Math.min(Math.max(value, 0), top);
    return {
      x: clamp((event.clientX - at.left) / this.scale, this.size.w),
      y: clamp((event.clientY - at.top) / this.scale, this.size.h),
    };
  }

  /**
   * The corner of the chosen box under a point, as [x key, y key].
   * @type {(point: Point) => Corner | null}
   */
  cornerAt(point) {
    const box = this.lesson.chosen;
    if (!box) return null;
    /** @type {(a: number, b: number) => boolean} */
    const near = (a, b) => Math.abs(a - b) * this.scale <= HANDLE;
    const x = near(point.x, box.x0) ? "x0" : near(point.x, box.x1) ? "x1" : null;
    const y = near(point.y, box.y0) ? "y0" : near(point.y, box.y1) ? "y1" : null;
    return x && y ? [x, y] : null;
  }

  /**
   * Index of the smallest box around a point, so that nested boxes stay reachable.
   * @param {Point} point
   */
  boxAt(point) {
    /** @type {number | null} */
    let best = null;
    let least = Infinity;
    this.lesson.state.boxes.forEach((box, index) => {
      const inside =
        point.x >= box.x0 && point.x <= box.x1 && point.y >= box.y0 && point.y <= box.y1;
      const area = (box.x1 - box.x0) * (box.y1 - box.y0);
      if (inside && area < least) [best, least] = [index, area];
    });
    return best;
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!this.picture || event.button !== 0) return;
    const start = this.point(event);
    const { state, chosen } = this.lesson;
    const corner = this.cornerAt(start);
    const inChosen = state.selected !== null && this.boxAt(start) === state.selected;
    const kind = corner ? "stretch" : inChosen ? "move" : "draw";
    const before = chosen ? { ...chosen } : null;
    this.drag = { kind, start, corner, before, moved: false };
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.picture) return;
    const point = this.point(event);
    const { drag } = this;
    if (!drag) {
      const { selected } = this.lesson.state;
      const inside = selected !== null && this.boxAt(point) === selected;
      this.svg.style.cursor = this.cornerAt(point) ? "nwse-resize" : inside ? "move" : "crosshair";
      return;
    }
    const dx = point.x - drag.start.x;
    const dy = point.y - drag.start.y;
    if (!drag.moved && Math.max(Math.abs(dx), Math.abs(dy)) * this.scale < LEAST) return;
    if (!drag.moved && drag.kind === "draw") this.lesson.beginBox(drag.start);
    drag.moved = true;
    const { chosen, state } = this.lesson;
    if (!chosen || state.selected === null) return;
    const box = { ...chosen };
    if (drag.kind === "move" && drag.before) this.shift(box, drag.before, dx, dy);
    else if (drag.corner) {
      box[drag.corner[0]] = point.x;
      box[drag.corner[1]] = point.y;
    } else {
      box.x0 = Math.min(drag.start.x, point.x);
      box.x1 = Math.max(drag.start.x, point.x);
      box.y0 = Math.min(drag.start.y, point.y);
      box.y1 = Math.max(drag.start.y, point.y);
    }
    this.lesson.setBox(state.selected, box);
  }

  /** @type {(box: LearnBox, before: LearnBox, dx: number, dy: number) => void} */
  shift(box, before, dx, dy) {
    const { w, h: tall } = this.size;
    const x = Math.min(Math.max(dx, -before.x0), w - before.x1);
    const y = Math.min(Math.max(dy, -before.y0), tall - before.y1);
    Object.assign(box, { x0: before.x0 + x, x1: before.x1 + x, y0: before.y0 + y, y1: before.y1 + y });
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (!drag.moved) this.lesson.choose(this.boxAt(this.point(event)));
    else this.lesson.settleBox();
  }
}
