// What Gradio calls on the stage: the component's load hook, and the events of the controls.

import { partOf } from "#kit/elements.js";
import { asked } from "#visit/address.js";
import { currentStage, enterStage } from "#visit/places.js";
import { Stage } from "#write/stage.js";

/** @import {Bridge} from "#visit/questions.js" */
/** @import {Settings} from "#visit/record.js" */

const stageHere = () => /** @type {Stage | null} */ (currentStage());

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountStage = (element, bridge) => {
  const stage = enterStage(new Stage(partOf(element, "[data-stage]"), bridge));
  if (asked("ex") === null) stage.receive(bridge.props.value); // else another picture is on its way
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("#run, #step")) return;
    document.body.classList.remove("p2s-sheet");
    begun();
  });
  bridge.watch("value", () => stage.receive(bridge.props.value));
};

/**
 * The controls have moved, or the menu of checkpoints.
 * @type {(values: Settings, checkpoint: string | null) => void}
 */
export const settings = (values, checkpoint) => stageHere()?.settings(values, checkpoint);

/** A sentence is asked for. */
export const begun = () => stageHere()?.waiting.begin("run");

/** A request has ended, however. */
export const settled = () => stageHere()?.waiting.end("run");

/**
 * A checkpoint was chosen, and is being loaded.
 * @param {string} name
 */
export const loading = (name) => {
  const stage = stageHere();
  if (!stage) return;
  stage.waiting.checkpoint = name;
  stage.waiting.begin("checkpoint");
};

export const loaded = () => stageHere()?.waiting.end("checkpoint");

/**
 * Tokens per second of a replay; 0 is as fast as it goes.
 * @param {number} pace
 */
export const setPace = (pace) => {
  const stage = stageHere();
  if (stage) stage.pace = Number(pace) || 0;
};

/**
 * Where the visitor is, as JSON, with what is asked for there.
 * @param {object} more
 */
export const cursor = (more) => stageHere()?.cursor(more) ?? "{}";
