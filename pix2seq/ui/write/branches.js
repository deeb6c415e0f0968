// Every sentence written in this visit is kept as a branch: go back to any of them, see the one that
// the current branch left as ghosts over the photo.

import { clear, h, set, svg } from "#kit/elements.js";
import { branchNames } from "#write/branchnames.js";
import { surpriseOf } from "#write/surprise.js";

/** @import {Record} from "#visit/record.js" */
/** @import {Stage} from "#write/stage.js" */

export class Branches {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.showGhosts = true;
    this.list = h("ol", { class: "p2s-branch-list" });
    this.undo = h(
      "button",
      { type: "button", class: "p2s-button", "data-undo": "", onclick: () => this.back() },
      "Undo"
    );
    this.redo = h(
      "button",
      { type: "button", class: "p2s-button", "data-redo": "", onclick: () => this.forward() },
      "Redo"
    );
    /** @type {Map<string | null, string | null>} by run: the branch that Undo left */
    this.left = new Map();
    /** @type {string | undefined} */
    this.drawn = undefined;
    /** @type {string | undefined} */
    this.ghostKey = undefined;
    this.ghosts = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "aria-pressed": "true",
        "data-ghosts": "",
        title: "The boxes of the sentence that this one left, dashed on the photo",
        onclick: () => {
          this.showGhosts = !this.showGhosts;
          stage.changed();
        },
      },
      "Ghosts"
    );
    this.node = h(
      "section",
      { class: "p2s-branches", "aria-label": "Branches", hidden: "" },
      h("h2", {}, "Branches"),
      this.list,
      this.undo,
      this.redo,
      this.ghosts
    );
    document.addEventListener("keydown", (event) => this.key(event));
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
    return records.get(record.header.parent ?? null) || null;
  }

  back() {
    const { record } = this.stage;
    const parent = this.parent();
    if (!parent) return;
    this.left.set(parent.run, record.run);
    this.go(parent);
  }

  next() {
    const { record, records } = this.stage;
    return records.get(this.left.get(record.run) ?? null) || null;
  }

  forward() {
    const next = this.next();
    if (next) this.go(next);
  }

  /**
   * Put another sentence on view, with the classes that were forbidden in it.
   * @param {Record} record
   */
  go(record) {
    const { stage } = this;
    const before = stage.record.header;
    stage.open(record);
    const { checkpoint, options } = record.header;
    const labels = (options && options.forbidden_labels) || [];
    const changed = String(labels) !== String((before.options || {}).forbidden_labels || []);
    if (changed && checkpoint === before.checkpoint) stage.bridge.trigger("forbid", { labels });
  }

  /**
   * Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y), except where a text is edited.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (!this.stage.root.offsetParent) return; // another tab of the page
    const key = event.key.toLowerCase();
    const redo = key === "y" || (key === "z" && event.shiftKey);
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (redo) this.forward();
    else this.back();
  }

  draw() {
    const { record, shown } = this.stage;
    const family = this.family();
    this.node.hidden = family.length < 2;
    this.stage.root.toggleAttribute("data-branched", !this.node.hidden);
    const parent = this.parent();
    this.undo.hidden = !parent;
    this.redo.hidden = !this.next();
    this.ghosts.hidden = !parent;
    set(this.ghosts, { "aria-pressed": this.showGhosts ? "true" : "false" });
    const key = family.map((r) => `${r.run}${r.tokens.length}${r.state}`).join() + record.run;
    if (key !== this.drawn) {
      const names = branchNames(family);
      clear(this.list);
      family.forEach((other, i) => this.list.append(this.item(other, i, record, names[i])));
      this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.drawn = key;
    this.drawGhosts(record, parent, shown);
  }

  /** @type {(other: Record, number: number, current: Record, name: string) => HTMLLIElement} */
  item(other, number, current, name) {
    const nats = surpriseOf(other.tokens);
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
          title: `${name}: ${other.tokens.length} tokens, ${nats.toFixed(2)} nats (Σ −ln p)`,
          onclick: () => this.go(other),
        },
        h("span", { class: "p2s-mono p2s-soft" }, `${number + 1}`),
        h("span", {}, name),
        h("span", { class: "p2s-mono p2s-soft" }, `${nats.toFixed(1)} nats`)
      )
    );
  }

  /**
   * Objects of the parent that the current branch does not share, dashed.
   * @type {(record: Record, parent: Record | null, shown: number) => void}
   */
  drawGhosts(record, parent, shown) {
    const { photo } = this.stage;
    const layer = photo.layers.ghosts;
    const wanted = this.showGhosts ? parent : null;
    const key = wanted ? `${record.run}:${wanted.run}:${shown}:${JSON.stringify(photo.rect)}` : "";
    if (key === this.ghostKey) return;
    this.ghostKey = key;
    clear(layer);
    if (!wanted) return;
    const shared = Math.floor((record.header.fork ?? 0) / record.vocab.slots.length);
    for (const found of wanted.objects.values()) {
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
          svg("title", {}, `before: ${wanted.className(found.label)}`)
        )
      );
    }
  }
}
