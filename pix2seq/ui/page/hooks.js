// What Gradio's components and events call on the page, by name: `P2S.call("mountStage", element, …)`
// in Python. Here is what the opening page needs; `later.js` has the rest. Apart from `P2S` nothing of
// ours is global.

import { currentDock, mountFork } from "#fork/dock.js";
import { toggleSheet } from "#kit/actions.js";
import { emit, on } from "#kit/bus.js";
import { mountActions } from "#page/header.js";
import { mindManners } from "#page/manners.js";
import { tools as tourTools } from "#tour/tools.js";
import { say } from "#visit/address.js";
import { currentLesson, currentStage } from "#visit/places.js";
import * as stage from "#write/hooks.js";

mindManners();

/** By the name that Python calls. */
export const hooks = {
  mountActions,
  mountFork,
  said: say,
  ...stage,
  checkpoint: (/** @type {string} */ name) => emit("checkpoint", name),
  toggleSheet,
};

/** What a person at the console, and a browser test, may look at. */
export const windows = {
  stage: currentStage,
  get lesson() {
    return currentLesson();
  },
  dock: currentDock,
  tourTools,
  on,
};
