// The address says what is on the page: rooms tell it their part of the scene under a key, and find
// there what a link asks for. Nothing is sent anywhere; the server reads only the keys that it knows.

import { onceAFrame } from "#kit/timing.js";

/** @typedef {{[key: string]: string | number | null}} Part what is left out or null leaves the address */

/** @type {Map<string, () => Part>} */
const rooms = new Map();
const arrived = new URLSearchParams(typeof location === "undefined" ? "" : location.search);

/**
 * What the link that the visitor came by asks for; `null` if it says nothing.
 * @param {string} key
 */
export const asked = (key) => arrived.get(key);

/**
 * A whole number that the link asks for, within limits.
 * @type {(key: string, least: number, most: number) => number | null}
 */
export const askedNumber = (key, least, most) => {
  const text = asked(key);
  const value = text === null || !/^\d{1,6}$/.test(text) ? NaN : Number(text);
  return value >= least && value <= most ? value : null;
};

/** The keys and values that all rooms have now. */
export const scene = () => {
  /** @type {Part} */
  const all = {};
  for (const read of rooms.values()) Object.assign(all, read());
  return all;
};

/**
 * The address of a scene: what it says replaces what `before` says, other keys stay.
 * @type {(before: string, said: Part) => string}
 */
export const addressOf = (before, said) => {
  const address = new URL(before);
  for (const [key, value] of Object.entries(said)) {
    if (value === null) address.searchParams.delete(key);
    else address.searchParams.set(key, String(value));
  }
  return address.href;
};

/** Bring the address up to date, at the next frame; the visitor's history does not grow. */
export const addressChanged = onceAFrame(() => {
  const address = addressOf(location.href, scene());
  if (address !== location.href) history.replaceState(history.state, "", address);
});

/** @type {Map<string, string | number>} */
const words = new Map();

/**
 * A widget's word for the address.
 * @type {(key: string, value: string | number) => void}
 */
export const say = (key, value) => {
  words.set(key, value);
  addressChanged();
};

/** @param {string} key */
export const said = (key) => words.get(key);

/**
 * A room's part of the scene.
 * @param {string} room
 * @param {() => Part} read
 */
export const inAddress = (room, read) => {
  rooms.set(room, read);
};
