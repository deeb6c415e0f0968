// What people wait for before anything is written: a place in the queue, or a checkpoint that is
// being downloaded or read. The stage then says which, and how far it is.

import { plural } from "#kit/numbers.js";

const QUIET = 600; // ms without an answer that need no words
const EVERY = 500;

const megabytes = (bytes) => (bytes / 1e6).toFixed(0);

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

export class Waiting {
  constructor(stage) {
    this.stage = stage;
    this.checkpoint = null; // the menu's
    this.reasons = new Set(); // "run", "checkpoint"
    this.message = null;
  }

  begin(reason) {
    this.reasons.add(reason);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), QUIET);
  }

  end(reason) {
    this.reasons.delete(reason);
    if (this.reasons.size) return;
    clearTimeout(this.timer);
    if (this.message) this.stage.changed();
    this.message = null;
  }

  async look() {
    const { checkpoint } = this;
    const [loading, ahead] = await Promise.all([
      checkpoint ? this.stage.ask("loading", { checkpoint }) : {},
      queued(),
    ]);
    if (!this.reasons.size) return;
    this.message = this.words(checkpoint, loading, ahead);
    this.stage.changed();
    this.timer = setTimeout(() => this.look(), EVERY);
  }

  words(checkpoint, { loading, done, total }, ahead) {
    if (loading && done && (!total || done < total)) {
      const size = total ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`;
      return {
        title: `Downloading ${checkpoint}: ${size}`,
        text: "Once is enough: it is kept, and goes on where it broke off.",
      };
    }
    if (loading) return { title: `Loading ${checkpoint}`, text: "Its weights are being read." };
    if (ahead) {
      return {
        title: `In the queue: ${plural(ahead, "request")} waiting`,
        text: "The model writes about a few pictures at a time.",
      };
    }
    return this.reasons.has("run") ? { title: "Waiting for the model…", quiet: true } : null;
  }
}
