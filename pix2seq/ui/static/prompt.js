// A prompt that people draw: "what is here?" A drag on the photo gives the first coordinates of a new
// object, as many as chosen, and the model writes the rest.

(() => {
  const { h, svg, set } = P2S;
  const SHARES = [
    ["4", "whole box: what is it?"],
    ["3", "three sides"],
    ["2", "corner"],
    ["1", "top line"],
  ];

  P2S.Prompt = class Prompt {
    constructor(stage) {
      this.stage = stage;
      this.active = false;
      this.button = h(
        "button",
        {
          type: "button",
          class: "p2s-button",
          "aria-pressed": "false",
          "data-prompt": "",
          title: "Draw the beginning of an object on the photo; the model writes on",
          onclick: () => this.switch(!this.active),
        },
        "Ask about a place"
      );
      this.share = h(
        "select",
        { class: "p2s-select", "aria-label": "How much of the box you give", "data-prompt-share": "" },
        ...SHARES.map(([value, text]) => h("option", { value }, text))
      );
      this.share.hidden = true;
      this.rect = svg("rect", { class: "p2s-prompt-rect" });
      stage.photo.layers.prompt.append(this.rect);
      this.node = h("span", { class: "p2s-row" }, this.button, this.share);
    }

    switch(on) {
      this.active = on;
      set(this.button, { "aria-pressed": on ? "true" : "false" });
      this.share.hidden = !on;
      this.stage.photo.node.classList.toggle("prompting", on);
      this.rect.classList.remove("on");
    }

    start(point) {
      this.from = point;
      this.to = point;
      this.rect.classList.add("on");
      this.move(point);
    }

    move(point) {
      const { photo } = this.stage;
      this.to = point;
      const [x0, x1] = [this.from.x, point.x].sort((a, b) => a - b);
      const [y0, y1] = [this.from.y, point.y].sort((a, b) => a - b);
      this.box = { ymin: y0, xmin: x0, ymax: y1, xmax: x1 };
      set(this.rect, {
        x: photo.x(x0),
        y: photo.y(y0),
        width: (x1 - x0) * photo.rect.scale,
        height: (y1 - y0) * photo.rect.scale,
      });
    }

    finish() {
      const { box } = this;
      this.switch(false);
      if (box.xmax - box.xmin < 2 || box.ymax - box.ymin < 2) return;
      const slots = this.stage.record.vocab.slots.slice(0, Number(this.share.value));
      const given = {};
      for (const slot of slots) given[slot] = Math.round(box[slot] * 10) / 10;
      this.stage.writeOn({ box: given });
    }
  };
})();
