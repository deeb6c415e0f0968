// A tiny event bus between rooms that do not know each other.

/** @type {Map<string, Set<(detail: any) => void>>} */
const listeners = new Map();

/**
 * Be told; returns what ends it.
 * @param {string} name
 * @param {(detail: any) => void} callback
 */
export const on = (name, callback) => {
  const told = listeners.get(name) || new Set();
  listeners.set(name, told.add(callback));
  return () => told.delete(callback);
};

/**
 * @param {string} name
 * @param {unknown} [detail]
 */
export const emit = (name, detail) => {
  for (const callback of listeners.get(name) || []) callback(detail);
};
