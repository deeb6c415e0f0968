// What Gradio calls on the stage: the component's load hook, and the events of the controls.

import { currentStage, enterStage } from "#visit/places.js";
import { Stage } from "#write/stage.js";

export const mountStage = (element, bridge) => {
  const stage = enterStage(new Stage(element.querySelector("[data-stage]"), bridge));
  stage.receive(bridge.props.value);
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("#run, #step")) return;
    document.body.classList.remove("p2s-sheet");
    stage.waiting.begin("run");
  });
  bridge.watch("value", () => stage.receive(bridge.props.value));
};

/** The controls have moved, or the menu of checkpoints. */
export const settings = (values, checkpoint) => currentStage()?.settings(values, checkpoint);

/** A request has ended, however. */
export const settled = () => currentStage()?.waiting.end("run");

/** A checkpoint was chosen, and is being loaded. */
export const loading = (name) => {
  const stage = currentStage();
  if (!stage) return;
  stage.waiting.checkpoint = name;
  stage.waiting.begin("checkpoint");
};

export const loaded = () => currentStage()?.waiting.end("checkpoint");

/** Tokens per second of a replay; 0 is as fast as it goes. */
export const setPace = (pace) => {
  const stage = currentStage();
  if (stage) stage.pace = Number(pace) || 0;
};

/** Where the visitor is, as JSON, with what is asked for there. */
export const cursor = (more) => currentStage()?.cursor(more) ?? "{}";
