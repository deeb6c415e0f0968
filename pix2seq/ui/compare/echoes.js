// The same object in many samples: thin boxes as single samples wrote it, a thick one that is their mean,
// heavier the more samples agree. Names stand above the lines of all.

import { clear, svg } from "#kit/elements.js";
import { inHue } from "#kit/hues.js";
import { labelAll, labelNode } from "#kit/labels.js";

/** @import {Listed} from "#compare/samples.js" */
/** @import {Attributes} from "#kit/elements.js" */
/** @import {Label, Place} from "#kit/labels.js" */
/** @import {Frame, Photo} from "#kit/photo.js" */

export class Echoes {
  /**
   * @param {Photo} photo
   * @param {(number: number | null) => void} hover somebody points at a cluster, or leaves it
   */
  constructor(photo, hover) {
    this.photo = photo;
    this.hover = hover;
    this.samples = 0;
    this.key = "";
  }

  /** @type {(found: Listed[], samples: number, hovered: number | null) => void} */
  draw(found, samples, hovered) {
    const { rect, text } = this.photo;
    const { ghosts, names } = this.photo.layers;
    const key = JSON.stringify([found, samples, rect, text]);
    if (key !== this.key) {
      this.samples = samples;
      // The most agreed on comes first: its name has the choice, its lines lie on top.
      const wanted = found.map((one) => ({ texts: [`${one.label} ${one.count}/${samples}`, one.label], box: this.onScreen(one.box) }));
      const labels = labelAll(wanted, { x: rect.x, y: rect.y, width: rect.w, height: rect.h }, text);
      clear(ghosts).append(...found.map((one) => this.lines(one)).reverse());
      clear(names).append(...found.map((one, i) => this.name(one, labels[i])));
    }
    this.key = key;
    for (const node of [...ghosts.children, ...names.children]) {
      const here = Number(node.getAttribute("data-number")) === hovered;
      node.classList.toggle("focus", here);
      node.classList.toggle("dim", hovered !== null && !here);
    }
  }

  /** @type {(box: Frame) => Place} */
  onScreen([x0, y0, x1, y1]) {
    const { photo } = this;
    const { scale } = photo.rect;
    return {
      x: photo.x(x0),
      y: photo.y(y0),
      width: Math.max((x1 - x0) * scale, 0),
      height: Math.max((y1 - y0) * scale, 0),
    };
  }

  /** @type {(found: Listed) => Attributes} */
  both({ number, count, label }) {
    const share = count / Math.max(this.samples, 1);
    return {
      class: "p2s-echo",
      "data-number": number,
      ...inHue(label, { "--share": share.toFixed(3) }),
      onmouseenter: () => this.hover(number),
      onmouseleave: () => this.hover(null),
    };
  }

  /** @param {Listed} found */
  lines(found) {
    const shape = (/** @type {Frame} */ box, /** @type {string} */ look) => svg("rect", { ...this.onScreen(box), class: look });
    return svg(
      "g",
      { ...this.both(found), "data-cluster": found.number, "data-label": found.label, "data-count": found.count },
      ...found.members.map(([, ...box]) => shape(box, "p2s-echo-member")),
      shape(found.box, "p2s-echo-halo"),
      shape(found.box, "p2s-echo-mean")
    );
  }

  /** @type {(found: Listed, label: Label | null) => SVGGElement} */
  name(found, label) {
    if (!label) return svg("g");
    const leader = label.leader && svg("line", { class: "p2s-leader", ...label.leader });
    return svg("g", this.both(found), leader, labelNode(label.text, label.place, "p2s-echo-label"));
  }
}
