// Panels that look at the picture of *Write*.

import { currentStage } from "#visit/places.js";

/** Keeps a panel at the picture of *Write*: `look` is asked for when the panel comes into view, or
    ends what it was doing, with another picture than the one it shows. */
export class PictureFollower {
  /**
   * @param {HTMLElement} panel
   * @param {{shown: () => unknown, busy: () => boolean, look: () => void}} hooks `shown` is the id of
   *   the picture that the panel shows.
   */
  constructor(panel, { shown, busy, look }) {
    this.panel = panel;
    this.shown = shown;
    this.busy = busy;
    this.look = look;
    /** @type {unknown} */
    this.source = undefined;
    new ResizeObserver(() => this.check()).observe(panel);
  }

  check() {
    const stage = currentStage();
    if (!stage || !this.panel.clientWidth || this.busy()) return;
    const { image } = stage.record;
    const source = image ? image.id : null;
    if (source === this.source) return;
    this.source = source;
    if (source === null || this.shown() !== source) this.look();
  }
}
