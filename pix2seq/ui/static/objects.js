// The objects as a table: the text alternative of the photo, and the live region that announces each
// finished object.

(() => {
  const { h, clear } = P2S;

  P2S.Objects = class Objects {
    constructor(stage) {
      this.stage = stage;
      this.body = h("tbody");
      this.caption = h("p", { class: "p2s-small p2s-soft p2s-objects-note" });
      this.live = h("div", { class: "p2s-visually-hidden", "aria-live": "polite", "data-live": "" });
      this.node = h(
        "section",
        { class: "p2s-section p2s-objects", "aria-label": "Objects" },
        h("h2", {}, "Objects"),
        h(
          "div",
          { class: "p2s-table-scroll", tabindex: 0, role: "region", "aria-label": "Table of objects" },
          h(
            "table",
            { class: "p2s-table", "data-objects": "" },
            h(
              "thead",
              {},
              h("tr", {}, ...["#", "class", "score", "noise", "x0", "y0", "x1", "y1"].map((text) =>
                h("th", { scope: "col" }, text)
              ))
            ),
            this.body
          )
        ),
        this.caption,
        this.live
      );
    }

    draw() {
      const { record } = this.stage;
      const visible = this.stage.visibleObjects();
      const key = `${record.run}:${visible.map((o) => `${o.object}${o.state}${o.score}`).join()}`;
      if (key !== this.drawn) {
        clear(this.body);
        for (const found of visible) this.body.append(this.row(record, found));
        this.announce(record, visible);
      }
      this.drawn = key;
      this.caption.textContent = this.summary(visible);
      for (const row of this.body.children) {
        row.classList.toggle("focus", Number(row.dataset.row) === this.stage.focus());
      }
    }

    row(record, found) {
      const cells = found.box.map((value) => h("td", { class: "p2s-mono", title: value }, value.toFixed(0)));
      return h(
        "tr",
        {
          "data-row": found.object,
          class: found.state,
          onmouseenter: () => this.stage.hover(found.object),
          onmouseleave: () => this.stage.hover(null),
        },
        h("td", {}, found.object + 1),
        h("th", { scope: "row" }, record.className(found.label)),
        h("td", { class: "p2s-mono", title: found.score.toFixed(4) }, P2S.probability(found.score)),
        h("td", { class: "p2s-mono", title: found.noise.toFixed(4) }, P2S.probability(found.noise)),
        ...cells
      );
    }

    summary(visible) {
      const hidden = this.stage.hiddenObjects();
      const count = (state) => hidden.filter((found) => found.state === state).length;
      const parts = [P2S.count(visible.length, "object")];
      if (count("below")) parts.push(`${count("below")} below the score`);
      if (count("dropped")) parts.push(`${count("dropped")} dropped as noise`);
      if (count("flat")) parts.push(`${count("flat")} without area`);
      return `${parts.join(" · ")}. Coordinates are pixels of the original picture.`;
    }

    announce(record, visible) {
      const last = visible[visible.length - 1];
      if (!last || this.stage.playing) return;
      const words = `object ${last.object + 1}: ${record.className(last.label)}, ${P2S.probability(last.score)}`;
      if (this.live.textContent !== words) this.live.textContent = words;
    }
  };
})();
