// What people wait for before anything is written: a place in the queue, or a checkpoint that is
// being downloaded or read. The stage then says which, and how far it is.

import { beforeYou } from "#kit/numbers.js";

/** @import {Message} from "#kit/photo.js" */
/** @import {Stage} from "#write/stage.js" */

const QUIET = 600; // ms without an answer that need no words
const EVERY = 500;

/** @typedef {"run" | "checkpoint"} Reason */
/** @typedef {{loading?: boolean, done?: number, total?: number | null, looking?: number}} Loading how much of a file is there, and how many pictures wait to be looked at */

const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0);

/** How many requests have no place at the model yet, as Gradio's own queue tells. */
async function queued() {
  const { root = "", api_prefix: prefix = "" } = window.gradio_config || {};
  try {
    const answer = await fetch(`${root}${prefix}/queue/status`);
    return (await answer.json()).queue_size || 0;
  } catch (error) {
    return 0; // the run itself will say that the server is gone
  }
}

/**
 * What is said to whom others are before.
 * @type {(count: number) => Message}
 */
export const inLine = (count) => ({
  title: beforeYou(count),
  text: "The model looks at one picture at a time.",
});

export class Waiting {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {string | null} the menu's */
    this.checkpoint = null;
    /** @type {Set<Reason>} */
    this.reasons = new Set();
    /** @type {Message | null} */
    this.message = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {number | null} people before this visitor in the queue, once known */
    this.before = null;
  }

  /** @param {Reason} reason */
  begin(reason) {
    this.reasons.add(reason);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), QUIET);
  }

  /** @param {Reason} reason */
  end(reason) {
    this.reasons.delete(reason);
    if (this.reasons.size) return;
    this.before = null;
    clearTimeout(this.timer);
    if (this.message) this.stage.changed();
    this.message = null;
  }

  async look() {
    const { checkpoint } = this;
    const [loading, ahead] = await Promise.all([
      this.stage.ask("loading", { checkpoint }),
      queued(),
    ]);
    if (!this.reasons.size) return;
    this.message = this.words(checkpoint, loading, ahead);
    this.stage.changed();
    this.timer = setTimeout(() => this.look(), EVERY);
  }

  /** @type {(checkpoint: string | null, file: Loading, ahead: number) => Message | null} */
  words(checkpoint, { loading, done, total, looking = 0 }, ahead) {
    if (loading && done && (!total || done < total)) {
      const size = total ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`;
      return {
        title: `Downloading ${checkpoint}: ${size}`,
        text: "Once is enough: it is kept, and goes on where it broke off.",
      };
    }
    if (loading) return { title: `Loading ${checkpoint}`, text: "Its weights are being read." };
    if (ahead) {
      // Whoever comes later stands behind: as long as one waits, fewer and fewer are before them.
      this.before = Math.min(this.before ?? Infinity, ahead - 1 + looking);
      return inLine(this.before);
    }
    return this.reasons.has("run") ? { title: "Waiting for the model…", quiet: true } : null;
  }
}
