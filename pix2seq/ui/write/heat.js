// A map of attention over the photo: what got little lies in a shade, what got much keeps the photo's own
// colours, and lines, as on a map of heights, run where a quarter, a half and three quarters of the most
// is reached. So a white patch stays white, a black one has its lines.

const SHADE = 0.34; // of the light, taken where nothing was looked at
const LEVELS = [0.25, 0.5, 0.75];
const MOST = 1280; // px of the drawing's side

/** What of the photo's light is taken from a place that got `share` of the most. @type {(share: number) => number} */
export const shade = (share) => SHADE * (1 - share ** 0.6);

/** How many lines lie between a place and the lowland. @type {(share: number) => number} */
export const levelOf = (share) => LEVELS.filter((level) => share >= level).length;

/**
 * Where lines run between places of different levels: 2 on a line, 1 beside it, 0 elsewhere.
 * @param {Uint8Array} levels row by row
 * @param {number} width
 */
export const linesOf = (levels, width) => {
  const height = levels.length / width;
  const lines = new Uint8Array(levels.length);
  const differs = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ far) => {
    const here = levels[y * width + x];
    return (
      (x + far < width && levels[y * width + x + far] !== here) || (x >= far && levels[y * width + x - far] !== here) ||
      (y + far < height && levels[(y + far) * width + x] !== here) || (y >= far && levels[(y - far) * width + x] !== here)
    );
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (differs(x, y, 1)) lines[y * width + x] = 2;
      else if (differs(x, y, 2)) lines[y * width + x] = 1;
    }
  }
  return lines;
};

/**
 * @typedef {object} Heat
 * @property {number} rows
 * @property {number} columns
 * @property {Uint8Array} cells share of the most, 0 to 255
 * @property {[number, number, number, number]} frame where the cells lie, xyxy in pixels of the picture
 */

/**
 * Draw a map; the canvas gets as many pixels as it is large on the screen.
 * @type {(canvas: HTMLCanvasElement, heat: Heat, picture: {w: number, h: number}, size: number) => void}
 */
export const drawHeat = (canvas, { rows, columns, cells, frame }, picture, size) => {
  canvas.width = Math.max(Math.min(Math.round(size), MOST), 1);
  canvas.height = Math.max(Math.round((canvas.width / picture.w) * picture.h), 1);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  if (!brush) return;
  brush.imageSmoothingQuality = "high";
  const scale = canvas.width / picture.w;
  const [x0, y0, x1, y1] = frame;
  brush.drawImage(grey(cells, columns, rows), x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
  const picked = brush.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = picked;
  const levels = new Uint8Array(data.length / 4);
  for (let i = 0; i < levels.length; i += 1) levels[i] = levelOf(data[4 * i] / 255);
  const lines = linesOf(levels, canvas.width);
  for (let i = 0; i < levels.length; i += 1) data.set(INKS[lines[i]] ?? [0, 0, 0, 255 * shade(data[4 * i] / 255)], 4 * i);
  brush.putImageData(picked, 0, 0);
};

/** @type {{[kind: number]: [number, number, number, number]}} */
const INKS = { 1: [20, 20, 20, 150], 2: [255, 214, 10, 255] };

/** @type {(cells: Uint8Array, columns: number, rows: number) => HTMLCanvasElement} */
function grey(cells, columns, rows) {
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const pixels = new ImageData(columns, rows);
  cells.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i));
  small.getContext("2d")?.putImageData(pixels, 0, 0);
  return small;
}
