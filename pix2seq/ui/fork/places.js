// What a box is called at every place of the sentence: p(class) and p(noise) against the place, with
// its own mention and without. A pointer drags the place along.

import { onDrag } from "#kit/dragging.js";
import { clear, h, set, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";

/**
 * @typedef {{prob: number, noise: number, likeliest: string, likeliest_prob: number}} Said
 * @typedef {{after: number, said: Said | null, unsaid: Said | null}} Place
 * @typedef {{object: number, name: string, noise: boolean, places: Place[]}} Trial
 */

const HEIGHT = 170;
const PAD = { left: 34, right: 10, top: 10, bottom: 24 };

export class PlacePlot {
  /** @param {(place: number) => void} drag */
  constructor(drag) {
    this.svg = svg("svg", { class: "fork-places", role: "img" });
    this.width = 460;
    this.cursor = svg("g", { class: "fork-cursor" });
    this.count = 1;
    this.place = 0;
    /** @type {Trial | null} */
    this.trial = null;
    this.node = h("div", { class: "fork-plot" }, this.svg);
    onDrag(this.svg, (event) => {
      const box = this.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * this.width;
      drag(Math.round(((x - PAD.left) / (this.width - PAD.left - PAD.right)) * (this.count - 1)));
    });
    new ResizeObserver(() => {
      this.width = Math.max(this.node.clientWidth, 200);
      if (this.trial) this.show(this.trial);
    }).observe(this.node);
  }

  /** @param {number} place */
  x(place) {
    return PAD.left + (place / Math.max(this.count - 1, 1)) * (this.width - PAD.left - PAD.right);
  }

  /** @param {number} p */
  y(p) {
    return PAD.top + (1 - p) * (HEIGHT - PAD.top - PAD.bottom);
  }

  /** @param {Trial} trial */
  show(trial) {
    this.trial = trial;
    this.count = trial.places.length;
    const own = { x: this.x(trial.object), width: this.x(trial.object + 1) - this.x(trial.object) };
    const size = { viewBox: `0 0 ${this.width} ${HEIGHT}`, width: this.width, height: HEIGHT };
    set(this.svg, { ...size, ...inHue(trial.name), "aria-label": `p(${trial.name}) and p(noise) against the place in the sentence` });
    clear(this.svg).append(
      svg("rect", { class: "fork-own", ...own, y: PAD.top, height: HEIGHT - PAD.top - PAD.bottom }),
      ...[0, 0.5, 1].flatMap((p) => [
        svg("line", { class: "fork-axis", x1: PAD.left, x2: this.width - PAD.right, y1: this.y(p), y2: this.y(p) }),
        svg("text", { x: PAD.left - 5, y: this.y(p) + 4, "text-anchor": "end" }, p),
      ]),
      ...trial.places.map(({ after }) => svg("text", { x: this.x(after), y: HEIGHT - 8, "text-anchor": "middle" }, after)),
      ...(trial.noise ? [this.line("unsaid", "noise"), this.line("said", "noise")] : []),
      this.line("unsaid", "prob"),
      this.line("said", "prob"),
      own.width > 64
        ? svg("text", { class: "fork-own-name", x: own.x + own.width / 2, y: this.y(0.75), "text-anchor": "middle" }, "said here")
        : "",
      this.cursor
    );
    this.mark(this.place);
  }

  /**
   * @param {"said" | "unsaid"} with_
   * @param {"prob" | "noise"} what
   */
  line(with_, what) {
    const points = (this.trial?.places || []).flatMap((place) => {
      const answer = place[with_];
      return answer ? [`${this.x(place.after)},${this.y(answer[what])}`] : [];
    });
    const role = what === "prob" ? "class" : "noise";
    return svg("polyline", { class: `fork-curve ${with_}`, "data-role": role, points: points.join(" ") });
  }

  /** @param {number} place */
  mark(place) {
    this.place = place;
    const here = this.trial?.places[place];
    const dot = (/** @type {Said | null | undefined} */ answer, /** @type {"prob" | "noise"} */ what) =>
      answer ? svg("circle", { class: "fork-dot", "data-role": what === "prob" ? "class" : "noise", cx: this.x(place), cy: this.y(answer[what]), r: 5 }) : "";
    clear(this.cursor).append(
      svg("line", { x1: this.x(place), x2: this.x(place), y1: PAD.top, y2: HEIGHT - PAD.bottom }),
      dot(here?.said, "prob"),
      this.trial?.noise ? dot(here?.said, "noise") : ""
    );
  }
}
