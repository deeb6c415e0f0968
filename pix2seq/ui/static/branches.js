// Every sentence written in this visit is kept as a branch: go back to any of them, see the one that
// the current branch left as ghosts over the photo.

(() => {
  const { h, svg, clear } = P2S;

  P2S.Branches = class Branches {
    constructor(stage) {
      this.stage = stage;
      this.list = h("ol", { class: "p2s-branch-list" });
      this.undo = h(
        "button",
        { type: "button", class: "p2s-button", "data-undo": "", onclick: () => this.back() },
        "Undo"
      );
      this.ghosts = h(
        "button",
        {
          type: "button",
          class: "p2s-button",
          "aria-pressed": "true",
          "data-ghosts": "",
          onclick: () => {
            this.showGhosts = !this.showGhosts;
            stage.changed();
          },
        },
        "Ghost of the old one"
      );
      this.showGhosts = true;
      this.node = h(
        "section",
        { class: "p2s-section p2s-branches", "aria-label": "Branches", hidden: "" },
        h("h2", {}, "Branches"),
        this.list,
        h("div", { class: "p2s-row" }, this.undo, this.ghosts)
      );
    }

    /** Runs about the picture on view, oldest first. The example's recording counts only where it is
        on view or was written on from. */
    family() {
      const { record, records } = this.stage;
      const id = record.image && record.image.id;
      const all = [...records.values()].filter((other) => other.image && other.image.id === id);
      const wrote = new Set(all.map((other) => other.header.parent));
      return all.filter((r) => !r.header.replay || r === record || wrote.has(r.run));
    }

    parent() {
      const { record, records } = this.stage;
      return records.get(record.header.parent) || null;
    }

    back() {
      const parent = this.parent();
      if (parent) this.stage.open(parent);
    }

    draw() {
      const { record, shown } = this.stage;
      const family = this.family();
      this.node.hidden = family.length < 2;
      const parent = this.parent();
      this.undo.hidden = !parent;
      this.ghosts.hidden = !parent;
      P2S.set(this.ghosts, { "aria-pressed": this.showGhosts ? "true" : "false" });
      const key = family.map((r) => `${r.run}${r.tokens.length}${r.state}`).join() + record.run;
      if (key !== this.drawn) {
        clear(this.list);
        family.forEach((other, i) => this.list.append(this.item(other, i, record)));
      }
      this.drawn = key;
      this.drawGhosts(record, parent, shown);
    }

    item(other, number, current) {
      return h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: "p2s-branch",
            "data-branch": other.run,
            "aria-current": other === current ? "true" : null,
            onclick: () => this.stage.open(other),
          },
          h("span", { class: "p2s-mono" }, `${number + 1}`),
          h("span", {}, this.name(other)),
          h("span", { class: "p2s-mono p2s-soft" }, `${other.tokens.length}`)
        )
      );
    }

    name(other) {
      const { parent, fork, options } = other.header;
      if (!parent) return this.settings(options || {});
      const token = other.tokens[fork];
      if (!token) return `from token ${fork}`;
      return `token ${fork}: ${token.slot} ${other.text_of(token.id)}`;
    }

    /** What a sentence from the start was written with. */
    settings(options) {
      const parts = [`seed ${options.seed}`, `T ${options.temperature}`, `top-p ${options.top_p}`];
      if (options.top_k) parts.push(`top-k ${options.top_k}`);
      if (options.eos === "delay") parts.push("keep going");
      if (options.grammar === false) parts.push("no grammar");
      return parts.join(" · ");
    }

    /** Objects of the parent that the current branch does not share, dashed. */
    drawGhosts(record, parent, shown) {
      const { photo } = this.stage;
      const layer = photo.layers.ghosts;
      const wanted = parent && this.showGhosts;
      const key = wanted ? `${record.run}:${parent.run}:${shown}:${JSON.stringify(photo.rect)}` : "";
      if (key === this.ghostKey) return;
      this.ghostKey = key;
      clear(layer);
      if (!wanted) return;
      const shared = Math.floor(record.header.fork / record.vocab.slots.length);
      for (const found of parent.objects.values()) {
        if (found.object < shared || !["ok", "noise"].includes(found.state)) continue;
        const [x0, y0, x1, y1] = found.box;
        layer.append(
          svg(
            "rect",
            {
              class: "p2s-ghost",
              "data-ghost": found.object,
              x: photo.x(x0),
              y: photo.y(y0),
              width: (x1 - x0) * photo.rect.scale,
              height: (y1 - y0) * photo.rect.scale,
            },
            svg("title", {}, `before: ${parent.className(found.label)}`)
          )
        );
      }
    }
  };
})();
