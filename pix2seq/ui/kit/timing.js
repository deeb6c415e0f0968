// When to draw, and how often.

export const reducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Run `task` once per frame however often it is asked for; it also runs in hidden tabs.
 * @param {() => void} task
 */
export const onceAFrame = (task) => {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    const go = () => {
      if (!waiting) return;
      waiting = false;
      task();
    };
    requestAnimationFrame(go);
    setTimeout(go, 120);
  };
};

/**
 * Wrap an async task so that it never runs twice at once; calls meanwhile collapse into one.
 * @param {() => unknown} task
 */
export const latest = (task) => {
  let running = false;
  let again = false;
  return async function run() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      do {
        again = false;
        await task();
      } while (again);
    } finally {
      running = false;
    }
  };
};
