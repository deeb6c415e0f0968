// When to draw, how often, and on what.

/** Whether the page is one column, as on a phone. */
export const onPhone = () => window.matchMedia("(max-width: 760px)").matches;

/** Whether the settings are in a sheet that opens. */
export const sheeted = () => window.matchMedia("(max-width: 1199px)").matches;

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
