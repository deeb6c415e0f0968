// What Gradio's components and events call on the page, by name: `P2S.call("mountStage", element, …)`
// in Python. Apart from `P2S` nothing of ours is global.

import { mountAbout } from "#about/about.js";
import { compared, mountCompare } from "#compare/comparison.js";
import { mountSamples } from "#compare/samples.js";
import { currentDock, mountFork } from "#fork/dock.js";
import { toggleSheet } from "#kit/actions.js";
import { emit, on } from "#kit/bus.js";
import { mountArgument } from "#lab/argument.js";
import { mountDoubles } from "#lab/doubles.js";
import { mountLab } from "#lab/sheet.js";
import { mountLearn } from "#learn/lesson.js";
import { currentMachine, mountMachine } from "#learn/machine.js";
import { mountActions } from "#page/header.js";
import { mindManners } from "#page/manners.js";
import { tools as tourTools } from "#tour/tools.js";
import { openTour } from "#tour/tour.js";
import { say } from "#visit/address.js";
import { currentLesson, currentStage } from "#visit/places.js";
import * as stage from "#write/hooks.js";

on("tour", openTour);
mindManners();

/** By the name that Python calls. */
export const hooks = {
  compared,
  mountAbout,
  mountActions,
  mountArgument,
  mountCompare,
  mountDoubles,
  mountFork,
  mountLab,
  mountLearn,
  mountMachine,
  mountSamples,
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
  machine: currentMachine,
  tourTools,
  on,
};
