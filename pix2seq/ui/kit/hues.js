// One colour per class, the same on every page. It follows from the class's number alone, so a dog is
// the same colour in every picture, panel and visit; noise has no class and stays grey.

// Degrees from one class to the next: prime to 360, so that no two of COCO's classes share a hue, and
// among such steps one that keeps those apart that stand together on tables, streets and our scenes.
const TURN = 149;
const LIGHT = [0.46, 0.52, 0.4]; // white reads on all of them

/**
 * A class's colour, for lines and for grounds under white text.
 * @param {number} label
 */
export const classColour = (label) => `oklch(${LIGHT[label % LIGHT.length]} 0.13 ${(label * TURN + 155) % 360})`;
