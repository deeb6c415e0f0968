// One token under the glass.
(() => {
  const { h } = P2S;
  P2S.Inspector = class Inspector {
    constructor(stage) {
      this.stage = stage;
      this.node = h("section", { class: "p2s-section" });
    }
    draw() {}
    settingsChanged() {}
  };
  P2S.Branches = class Branches {
    constructor(stage) {
      this.stage = stage;
      this.node = h("section", { class: "p2s-section" });
    }
    draw() {}
  };
})();
