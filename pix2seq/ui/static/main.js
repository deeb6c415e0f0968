// Mount points called by the components' load hooks.
(() => {
  P2S.mountStage = (element, bridge) => { console.log("stage", bridge.props.value); };
  P2S.mountActions = () => {};
  P2S.settings = () => {};
  P2S.setPace = () => {};
  P2S.stopped = () => {};
  P2S.cursor = () => "{}";
})();
