// One colour per class, the same on every page, in every picture that leaves it and for every
// checkpoint: it follows from the class's name alone, as in `render/palette.py`. Noise has no class; it
// is grey and dashed.

/** @import {Attributes} from "#kit/elements.js" */

const SEED = 4294050339;
const LIGHT = [0.46, 0.52, 0.4]; // white reads on all of them
const CHROMA = 0.13;

/**
 * A number that follows from a name, spread evenly.
 * @param {string} name
 */
function hash(name) {
  let value = SEED;
  for (const letter of name) value = Math.imul(value ^ Number(letter.codePointAt(0)), 16777619);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d);
  return (value ^ (value >>> 12)) >>> 0;
}

/**
 * A channel of linear light as two hexadecimal digits of sRGB.
 * @param {number} light
 */
function digits(light) {
  const inside = Math.min(Math.max(light, 0), 1);
  const value = inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055;
  return Math.floor(255 * value + 0.5).toString(16).padStart(2, "0").toUpperCase();
}

/**
 * A class's colour as `#RRGGBB`, for lines on a photo and for grounds under white text.
 * @param {string} name
 */
export function classColour(name) {
  const number = hash(name);
  const angle = ((number % 360) * Math.PI) / 180;
  const light = LIGHT[Math.floor(number / 360) % LIGHT.length];
  const [a, b] = [CHROMA * Math.cos(angle), CHROMA * Math.sin(angle)];
  const long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3; // OKLab to linear sRGB (Ottosson)
  const middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short;
  const green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short;
  const blue = -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short;
  return `#${digits(red)}${digits(green)}${digits(blue)}`;
}

/**
 * How full a chip's colour is: its token's probability.
 * @param {number} share
 */
export const filled = (share) => ({ "--fill": `${Math.round(6 + 34 * share)}%` });

/**
 * What marks an element as one of a class: `--class` on a photo, `--hue` beside it (lighter on a dark
 * page). What is called noise gets neither, and so stays grey.
 * @param {string} name
 * @param {{[property: string]: string}} [style] what else it wants
 * @returns {Attributes}
 */
export const inHue = (name, style = {}) =>
  name === "noise" ? { style } : { "data-class": name, style: { ...style, "--class": classColour(name) } };
