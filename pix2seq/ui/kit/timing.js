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

const LATE = 800; // ms behind the clock that are made up for; more would be a leap

/** Calls in time: on a machine that draws slowly several come in a row, so that the pace is the clock's. */
export class Metronome {
  /**
   * @param {() => number | null} tick says in how many ms it wants the next call, `null` when it is done
   * @param {() => number} clock in ms
   */
  constructor(tick, clock = () => performance.now()) {
    this.tick = tick;
    this.clock = clock;
    this.due = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  start() {
    this.stop();
    this.due = this.clock();
    this.run();
  }

  stop() {
    clearTimeout(this.timer);
  }

  run() {
    const now = this.clock();
    this.due = Math.max(this.due, now - LATE);
    do {
      const wait = this.tick();
      if (wait === null) return;
      this.due += wait;
    } while (this.due <= now);
    this.timer = setTimeout(() => this.run(), this.due - now);
  }
}

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
