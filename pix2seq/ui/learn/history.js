// A recorded training, read: bytes to probabilities, ids to boxes. Pure; the file's layout is in
// `pix2seq/snapshots.py`.

import { SLOTS } from "#kit/roles.js";

/**
 * @typedef {{name: string, width: number, height: number, source: string, token_ids: number[],
 *   slots: string[], texts: string[], src: string}} HistoryPicture
 * @typedef {{step: number, loss: number, coord_loss: number, class_loss: number}} CurvePoint
 * @typedef {{name: string, noise_objects: boolean, curve: CurvePoint[],
 *   snapshots: {step: number, rows: {data: string, own: number[]}[]}[]}} RunHistory
 * @typedef {{num_bins: number, num_classes: number, coord_offset: number, class_offset: number,
 *   vocab_size: number, eos_id: number, noise_id: number | null}} Vocabulary
 * @typedef {{tokenizer: Vocabulary, pictures: HistoryPicture[], runs: RunHistory[], classes: string[]}} Recording
 */

export class History {
  /** @param {Recording} recording */
  constructor(recording) {
    this.recording = recording;
    /** @type {Map<string, Uint8Array>} */
    this.bytes = new Map();
  }

  get last() {
    return Math.max(...this.recording.runs.flatMap((run) => run.snapshots.map(({ step }) => step)));
  }

  /** All steps at which any run was kept, in order. */
  get steps() {
    const all = this.recording.runs.flatMap((run) => run.snapshots.map(({ step }) => step));
    return [...new Set(all)].sort((a, b) => a - b);
  }

  /**
   * The snapshot of a run that is nearest to a step.
   * @param {number} run
   * @param {number} step
   */
  at(run, step) {
    const { snapshots } = this.recording.runs[run];
    let best = 0;
    snapshots.forEach((one, i) => {
      if (Math.abs(one.step - step) < Math.abs(snapshots[best].step - step)) best = i;
    });
    return best;
  }

  /**
   * Raw probabilities over the vocabulary at a token of a picture's sentence; the one behind the last
   * token is what would come next.
   * @param {number} run
   * @param {number} snapshot
   * @param {number} picture
   * @param {number} token
   */
  row(run, snapshot, picture, token) {
    const { vocab_size: size } = this.recording.tokenizer;
    const key = `${run}:${snapshot}:${picture}`;
    if (!this.bytes.has(key)) {
      const text = atob(this.recording.runs[run].snapshots[snapshot].rows[picture].data);
      this.bytes.set(key, Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
    }
    const bytes = /** @type {Uint8Array} */ (this.bytes.get(key)).subarray(token * size, (token + 1) * size);
    const squares = Array.from(bytes, (byte) => byte * byte); // a byte is 255 √p
    const sum = squares.reduce((total, value) => total + value, 0) || 1;
    return squares.map((value) => value / sum);
  }

  /**
   * What an id is called.
   * @param {number} id
   */
  text(id) {
    const { coord_offset: coord, num_bins: bins, class_offset: first, noise_id: noise, eos_id: eos } = this.recording.tokenizer;
    if (id >= coord && id < coord + bins) return String(id - coord);
    if (id === noise) return "noise";
    if (id === eos) return "EOS";
    return this.recording.classes[id - first] ?? `#${id}`;
  }

  /**
   * The objects that a sentence names, in pixels of its picture; what has no area is left out.
   * @param {number[]} ids
   * @param {HistoryPicture} picture
   */
  objects(ids, { width, height }) {
    const { coord_offset: coord, num_bins: bins, noise_id: noise } = this.recording.tokenizer;
    const side = Math.max(width, height); // the input is a padded square
    const found = [];
    for (let at = 0; at + SLOTS.length <= ids.length; at += SLOTS.length) {
      const [ymin, xmin, ymax, xmax] = ids.slice(at, at + 4).map((id) => ((id - coord) / (bins - 1)) * side);
      const name = ids[at + 4];
      if (xmax > xmin && ymax > ymin) {
        const box = [xmin, ymin, Math.min(xmax, width), Math.min(ymax, height)];
        found.push({ box, name: this.text(name), noise: name === noise });
      }
    }
    return found;
  }

  /**
   * How a picture's sentence fares along the training of a run: the mean probability of its names, of
   * noise where the names stand, and of EOS behind it.
   * @param {number} run
   * @param {number} picture
   */
  course(run, picture) {
    const { snapshots } = this.recording.runs[run];
    const { token_ids: ids, slots } = this.recording.pictures[picture];
    const { eos_id: eos, noise_id: noise } = this.recording.tokenizer;
    const names = slots.flatMap((slot, index) => (slot === "class" ? [index] : []));
    const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
    return snapshots.map(({ step }, snapshot) => {
      const rows = names.map((index) => this.row(run, snapshot, picture, index));
      return {
        step,
        name: mean(rows.map((row, i) => row[ids[names[i]]])),
        noise: noise === null ? 0 : mean(rows.map((row) => row[noise])),
        eos: this.row(run, snapshot, picture, ids.length)[eos],
      };
    });
  }
}
