// A recorded training, read: bytes to probabilities, ids to boxes. Pure; the file's layout is in
// `pix2seq/snapshots.py`.

import { probability } from "#kit/numbers.js";
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
    const bytes = /** @type {Uint8Array} */ (this.bytes.get(key));
    const row = new Float64Array(size); // hundreds of rows are read before the first frame
    let sum = 0;
    for (let id = 0; id < size; id += 1) sum += row[id] = bytes[token * size + id] ** 2; // a byte is 255 √p
    for (let id = 0; id < size; id += 1) row[id] /= sum || 1;
    return row;
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
   * Where real names stand in a picture's sentence; noise in a name's place is none.
   * @param {number} picture
   */
  names(picture) {
    const { token_ids: ids, slots } = this.recording.pictures[picture];
    return ids.flatMap((id, index) => (slots[index] === "class" && id !== this.recording.tokenizer.noise_id ? [index] : []));
  }

  /**
   * How a picture's sentence fares along the training of a run: the mean probability of its names
   * (`null` where it has none), of noise where they stand, and of EOS behind it.
   * @param {number} run
   * @param {number} picture
   */
  course(run, picture) {
    const { snapshots } = this.recording.runs[run];
    const { token_ids: ids } = this.recording.pictures[picture];
    const { eos_id: eos, noise_id: noise } = this.recording.tokenizer;
    const names = this.names(picture);
    return snapshots.map(({ step }, snapshot) => {
      const rows = names.map((index) => this.row(run, snapshot, picture, index));
      return {
        step,
        name: rows.length ? mean(rows.map((row, i) => row[ids[names[i]]])) : null,
        noise: noise === null || !rows.length ? null : mean(rows.map((row) => row[noise])),
        eos: this.row(run, snapshot, picture, ids.length)[eos],
      };
    });
  }

  /**
   * How far a run has come at a snapshot: over how many bins its coordinates are spread (e to their
   * mean entropy; all of them when it knows nothing), and how likely the right names are, and at which
   * place among all names they stand (`null` where the sentence has none).
   * @param {number} run
   * @param {number} snapshot
   * @param {number} picture
   * @returns {Progress}
   */
  progress(run, snapshot, picture) {
    const { token_ids: ids, slots } = this.recording.pictures[picture];
    const { coord_offset: coord, num_bins: bins, class_offset: first, num_classes: classes } = this.recording.tokenizer;
    const axes = slots.flatMap((slot, index) => (slot === "class" ? [] : [this.row(run, snapshot, picture, index).slice(coord, coord + bins)]));
    const spread = Math.exp(mean(axes.map(entropy)));
    const told = this.names(picture).map((index) => {
      const row = this.row(run, snapshot, picture, index);
      const rivals = row.slice(first, first + classes);
      return { p: row[ids[index]], place: 1 + rivals.filter((p) => p > row[ids[index]]).length };
    });
    if (!told.length) return { spread, name: null, place: null };
    return { spread, name: mean(told.map(({ p }) => p)), place: mean(told.map(({ place }) => place)) };
  }
}

/** @typedef {{spread: number, name: number | null, place: number | null}} Progress */

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / (values.length || 1);

/**
 * In nats, of what is on the axis.
 * @param {Float64Array} axis
 */
const entropy = (axis) => {
  const sum = axis.reduce((total, p) => total + p, 0) || 1;
  return -axis.reduce((total, p) => total + (p > 0 ? (p / sum) * Math.log(p / sum) : 0), 0);
};

/**
 * How far the runs have come, in words; every number is read off the recording.
 * @param {History} history
 * @param {number} step
 * @param {number} picture
 */
export const standing = (history, step, picture) => {
  const { runs, tokenizer } = history.recording;
  const found = runs.map((run, i) => ({
    ...history.progress(i, history.at(i, step), picture),
    kind: run.noise_objects ? "with augmentation" : "without",
  }));
  const spread = found.map(({ spread: wide, kind }) => `${Math.round(wide)} ${kind}`).join(", ");
  const text = `A coordinate is spread over so many of ${tokenizer.num_bins} bins: ${spread}.`;
  const named = found.filter(({ name }) => name !== null);
  if (!named.length) return `${text} This sentence has no name in it, only noise.`;
  const told = named.map(({ name, place, kind }) => `${probability(Number(name))}, place ${Math.round(Number(place))} of ${tokenizer.num_classes}, ${kind}`);
  return `${text} The right names: p ${told.join("; ")}.`;
};

/**
 * Whether names have come by the end, in words: the mean of all labelled sentences, per run.
 * @param {History} history
 */
export const ending = (history) => {
  const { runs, pictures, tokenizer } = history.recording;
  const labelled = pictures.flatMap(({ source }, picture) => (source === "truth" && history.names(picture).length ? [picture] : []));
  if (!labelled.length) return "";
  const ends = runs.map((run, i) => {
    const all = labelled.map((picture) => history.progress(i, run.snapshots.length - 1, picture));
    return { kind: run.noise_objects ? "with augmentation" : "without", name: mean(all.map(({ name }) => Number(name))) };
  });
  const told = ends.map(({ kind, name }) => `${probability(name)} ${kind}`).join(", ");
  const come = ends.some(({ name }) => name >= 0.5);
  const text = `After ${history.last} steps the right names of the labelled scenes have p ${told} (chance: ${probability(1 / tokenizer.num_classes)})`;
  return come ? `${text}.` : `${text}: these runs end before the names come, which is the last thing that such a model learns.`;
};
