// Where Gradio's components and the page's scripts meet.

(() => {
  let stage = null;

  /** Called by the stage component's load hook. */
  P2S.mountStage = (element, bridge) => {
    stage = new P2S.Stage(element.querySelector("[data-stage]"), bridge);
    stage.receive(bridge.props.value);
    document.addEventListener("click", (event) => {
      if (!event.target.closest("#run, #step")) return;
      document.body.classList.remove("p2s-sheet");
      stage.waiting.begin("run");
    });
    bridge.watch("value", () => stage.receive(bridge.props.value));
  };

  P2S.stage = () => stage;
  P2S.settings = (values, checkpoint) => stage && stage.settings(values, checkpoint);
  P2S.settled = () => stage && stage.waiting.end("run");
  P2S.loading = (name) => {
    if (!stage) return;
    stage.waiting.checkpoint = name;
    stage.waiting.begin("checkpoint");
  };
  P2S.loaded = () => stage && stage.waiting.end("checkpoint");
  P2S.setPace = (pace) => {
    if (stage) stage.pace = Number(pace) || 0;
  };
  P2S.cursor = (more) => (stage ? stage.cursor(more) : "{}");
})();
