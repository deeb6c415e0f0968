// What the server says while a model writes for a lesson: lines of JSON that are appended to the
// component's value (`views.py` makes them).

/** @import {Frame} from "#kit/photo.js" */
/** @import {Slot} from "#kit/roles.js" */

/** @typedef {[...box: Frame, name: string]} Row a box and its class */

/**
 * One line, told apart by `k`; `p` is the pane that it belongs to.
 * @typedef {{k: "start", id: string, ask: string}
 *   | {k: "panes", runs: string[]}
 *   | {k: "t", p: number, slot: Slot, text: string, noise: boolean, prob: number}
 *   | {k: "o", p: number, boxes: Row[], noise: boolean}
 *   | {k: "boxes", boxes: Row[]}
 *   | {k: "error", message: string}
 *   | {k: "end"}} Line
 */

/** Reads the component's value; a text that is not a continuation restarts. */
export class Lines {
  /** @param {(line: Line) => void} receive */
  constructor(receive) {
    this.text = "";
    this.receive = receive;
  }

  /** @param {unknown} text */
  feed(text) {
    if (typeof text !== "string" || text === this.text) return;
    if (!text.startsWith(this.text)) this.text = "";
    const complete = text.lastIndexOf("\n") + 1;
    const tail = text.slice(this.text.length, complete);
    this.text = text.slice(0, complete);
    for (const line of tail.split("\n")) if (line) this.receive(JSON.parse(line));
  }
}
