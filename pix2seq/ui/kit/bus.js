// A tiny event bus between rooms that do not know each other.

const listeners = new Map();
export const on = (name, callback) => {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(callback);
  return () => listeners.get(name).delete(callback);
};
export const emit = (name, detail) => {
  for (const callback of listeners.get(name) || []) callback(detail);
};
