// The hooks of the pages that a visit does not open with: read when the browser has nothing else to
// do, or when one of them is called.

import { mountAbout } from "#about/about.js";
import { compared, mountCompare } from "#compare/comparison.js";
import { mountSamples } from "#compare/samples.js";
import { mountArgument } from "#lab/argument.js";
import { mountDoubles } from "#lab/doubles.js";
import { mountLab } from "#lab/sheet.js";
import { mountLearn } from "#learn/lesson.js";
import { currentMachine, mountMachine } from "#learn/machine.js";
import { openTour } from "#tour/tour.js";

/** By the name that Python calls. */
export const hooks = {
  compared,
  mountAbout,
  mountArgument,
  mountCompare,
  mountDoubles,
  mountLab,
  mountLearn,
  mountMachine,
  mountSamples,
  openTour,
};

/** What a person at the console, and a browser test, may look at. */
export const windows = { machine: currentMachine };
