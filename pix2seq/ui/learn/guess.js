// How far off a guess was, in words and in points. Pure numbers.

const FALL = 8; // a guess that is an eighth of the range off keeps 37 points of 100

/**
 * Points for a guess: 100 for a hit, falling with the distance.
 * @param {number} distance
 * @param {number} range what could have been guessed, from end to end
 */
export const points = (distance, range) =>
  range > 0 ? Math.round(100 * Math.exp((-FALL * Math.abs(distance)) / range)) : 0;

/**
 * @param {number} guess
 * @param {number} answer
 * @param {{range: [number, number], unit: string, digits?: number}} how
 */
export const scoreWords = (guess, answer, { range, unit, digits = 0 }) => {
  const shown = (/** @type {number} */ value) => `${value.toFixed(digits)}${unit ? ` ${unit}` : ""}`;
  const off = Math.abs(guess - answer);
  const won = points(off, range[1] - range[0]);
  const far = off < 0.5 * 10 ** -digits ? "a hit" : `${shown(off)} off`;
  return `You said ${shown(guess)}, it is ${shown(answer)}: ${far}, ${won} of 100 points.`;
};

/** Every prediction of this visit: points by lesson; a new try counts instead of the old one. */
export class Tally {
  constructor() {
    /** @type {Map<string, number>} */
    this.won = new Map();
  }

  /** @param {string} lesson @param {number} count */
  add(lesson, count) {
    this.won.set(lesson, count);
  }

  get words() {
    if (this.won.size < 2) return "";
    const sum = [...this.won.values()].reduce((all, one) => all + one, 0);
    return `${sum} points in ${this.won.size} lessons.`;
  }
}
