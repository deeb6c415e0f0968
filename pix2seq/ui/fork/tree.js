// The tree of sentences: where the model hesitates, what it could say instead, where that leads. Ghost
// edges stand on the photo, lanes along the tokens; sentences that say the same set are marked so.

import { clear, h, set } from "#kit/elements.js";
import { plural, probability } from "#kit/numbers.js";
import { Metronome, onceAFrame, reducedMotion } from "#kit/timing.js";
import { glossary } from "#fork/card.js";
import { destination, Ghosts } from "#fork/ghosts.js";
import { Lanes, laneOrder, pathOf } from "#fork/lanes.js";
import { Sums } from "#fork/sums.js";
import { firstDoubt, headline, letter } from "#fork/verdict.js";

/** @import {Dock} from "#fork/dock.js" */
/** @import {Alternative, Tree, TreeToken} from "#fork/lanes.js" */

const ROW = 24;
const PACE = 70; // ms a token, when a path is followed

const WORDS = /** @type {[string, string][]} */ ([
  ["hesitation", "a token whose second choice leads elsewhere: to another object, edge or name, or to the end"],
  ["mass", "the probability of all bins under one peak: they all mean the same edge"],
  ["Σ −ln p", "what a whole sentence costs in nats: the surprise of all its tokens, added up"],
  ["set", "the objects that a sentence names, whatever their order; same class, IoU above one half"],
  ["path", "a sentence to its end, which is where the model itself says EOS, also where the settings put EOS off; the decoder alone writes it, no draft pulls"],
  ["beam", "keeps the four cheapest beginnings at every token, where argmax keeps one"],
]);

/** @param {{name: string}[]} objects in the order that a path names them */
const namesSaid = (objects) => objects.map(({ name }) => name).join(", ") || "nothing";

export class TreePanel {
  /** @param {Dock} dock */
  constructor(dock) {
    this.name = "tree";
    this.title = "Tree of sentences";
    this.dock = dock;
    /** @type {Tree | null} */
    this.tree = null;
    /** @type {number[]} */
    this.order = [];
    /** @type {number | null} */
    this.chosen = null;
    /** @type {number | null} the hesitation that is looked at */
    this.at = null;
    this.count = 0; // tokens of the chosen path on the photo
    this.leaves = 12;
    this.asked = 0;
    /** @type {{run: string | null, found: Tree["rivals"]}} */
    this.rivals = { run: null, found: [] };
    this.player = new Metronome(() => this.advance());
    this.paint = onceAFrame(() => this.dock.shown === this && this.draw());
    this.soon = onceAFrame(() => this.lay());
    this.ghosts = new Ghosts(this.dock, (way, path, index) => this.choose(way, path, index));
    this.lanes = new Lanes((branch, index) => this.look(branch, index));
    this.sums = new Sums((branch) => this.follow(branch));
    this.headline = h("p", { class: "fork-headline", "data-fork-headline": "", role: "status" });
    this.readout = h("p", { class: "fork-readout p2s-small", "data-fork-readout": "", "aria-live": "polite" });
    this.first = this.button("From the first word", () => this.grow(0), { "data-fork-from": "first" });
    this.here = this.button("From the chosen token", () => this.grow(this.selected()), { "data-fork-from": "token" });
    this.take = this.button("Write this path", () => this.write(), {
      "data-fork-take": "",
      title: "The stage writes this sentence, and the model goes on behind it",
    });
    this.many = h(
      "select",
      {
        class: "p2s-select",
        "aria-label": "Paths at most",
        "data-fork-leaves": "",
        onchange: () => {
          this.leaves = Number(this.many.value);
          this.grow(this.given());
        },
      },
      [6, 12, 24].map((n) => h("option", { value: n, selected: n === this.leaves }, `${n} paths`))
    );
    this.rows = h("ol", { class: "fork-paths", "aria-label": "Paths, with their cost and their set", "data-arrows": "" });
    this.rows.addEventListener("keydown", (event) => this.key(event));
    this.chart = h("div", { class: "fork-chart" }, this.lanes.svg);
    new ResizeObserver(() => this.soon()).observe(this.chart);
    this.node = h(
      "section",
      { class: "fork-tree", "aria-label": "Tree of sentences" },
      h(
        "div",
        { class: "fork-side" },
        this.headline,
        this.readout,
        this.sums.node,
        h("div", { class: "p2s-row fork-row" }, this.first, this.here, this.many, this.take),
        glossary(WORDS)
      ),
      h("div", { class: "fork-grid" }, this.chart, this.rows)
    );
  }

  /**
   * @param {string} text
   * @param {() => void} onclick
   * @param {object} more
   */
  button(text, onclick, more) {
    return h("button", { type: "button", class: "p2s-button", onclick, ...more }, text);
  }

  // ---- getting a tree -----------------------------------------------------------------------

  /** A recorded tree where there is one, else a fresh one. */
  async open() {
    this.dock.still();
    this.player.stop();
    const record = this.dock.stage?.record;
    this.tree = null;
    this.chosen = null;
    this.at = null;
    this.say("");
    const turn = (this.asked += 1);
    const ended = record?.state === "done" || record?.state === "stopped";
    if (!record?.image) this.say("There is no picture yet.");
    else if (!ended) this.say("The tree grows when a sentence has been written: press Run.");
    else {
      const found = record.recorded ? await this.dock.ask("recorded", { picture: record.image.id }) : {};
      if (turn !== this.asked) return;
      if (found.tree) this.show(found.tree, "recorded");
      else this.grow(0);
    }
  }

  close() {
    this.player.stop();
    this.asked += 1; // what is on its way comes too late
  }

  selected() {
    return this.dock.stage?.selected ?? 0;
  }

  /** Tokens that all paths of the tree begin with. */
  given() {
    const tokens = this.tree ? this.tree.branches[0].tokens : [];
    return tokens.filter((token) => token.forced).length;
  }

  /**
   * Grow behind the first `at` tokens of the sentence on view.
   * @param {number} at
   */
  grow(at) {
    const record = this.dock.stage?.record;
    return this.growBehind(record ? record.tokens.slice(0, at).map((token) => token.id) : []);
  }

  /** @param {number[]} ids */
  async growBehind(ids) {
    const record = this.dock.stage?.record;
    const turn = (this.asked += 1);
    this.say("Growing…");
    this.node.dataset.busy = "true";
    const answer = await this.dock.ask("tree", { run: record?.run, ids, leaves: this.leaves });
    if (turn !== this.asked) return;
    this.node.dataset.busy = "false";
    if (answer.error) this.say(answer.error);
    else {
      this.show(answer.tree, "fresh");
      this.compare(record?.run ?? null, turn);
    }
  }

  /**
   * The sums of other ways to write come when the tree is on view; they are the same for every tree
   * about a run.
   * @param {string | null} run
   * @param {number} turn
   */
  async compare(run, turn) {
    if (run !== this.rivals.run) {
      const answer = await this.dock.ask("rivals", { run });
      if (turn !== this.asked || !this.tree) return;
      if (!answer.rivals) return;
      this.rivals = { run, found: answer.rivals };
    }
    if (this.tree) this.sums.show({ ...this.tree, rivals: this.rivals.found });
    this.sums.mark(this.chosen);
  }

  /** @param {string} text */
  say(text) {
    this.headline.textContent = text;
    this.node.classList.toggle("empty", !this.tree);
  }

  /**
   * @param {Tree} tree
   * @param {string} from
   */
  show(tree, from) {
    this.tree = tree;
    this.order = laneOrder(tree);
    this.node.dataset.from = from;
    this.say(headline(tree));
    this.fill(tree);
    const [branch, token] = firstDoubt(tree);
    if (token) this.look(branch, token.index);
    else this.follow(0);
    this.sums.show(tree);
  }

  // ---- rows and lanes -----------------------------------------------------------------------

  /** @param {Tree} tree */
  fill(tree) {
    const cheapest = Math.min(...tree.branches.map((branch) => branch.surprise));
    const rows = this.order.map((number) => {
      const { surprise, group, objects } = tree.branches[number];
      return h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: "fork-path",
            "data-path": number,
            "data-group": group,
            title: `path ${number + 1}: ${surprise.toFixed(2)} nats, set ${letter(group)}`,
            onclick: () => this.follow(number),
          },
          h("span", { class: `p2s-mono fork-cost${surprise === cheapest ? " least" : ""}` }, surprise.toFixed(2)),
          h("span", { class: "fork-set", "data-set": group }, letter(group)),
          h("span", { class: "fork-names" }, namesSaid(objects))
        )
      );
    });
    clear(this.rows).append(...rows);
  }

  /** Draw lanes and rows as they are now. */
  lay() {
    const { tree, chart } = this;
    if (!tree || !chart.clientWidth) return;
    this.lanes.draw(tree, this.order, { width: chart.clientWidth, row: ROW, chosen: this.chosen, at: this.at });
    for (const button of this.rows.querySelectorAll("button")) {
      const here = button.dataset.path === String(this.chosen);
      set(button, { "aria-pressed": String(here) });
      button.tabIndex = here || (this.chosen === null && button === this.rows.querySelector("button")) ? 0 : -1;
    }
    const { stage } = this.dock;
    this.here.disabled = !stage || stage.selected === null;
    this.take.disabled = this.chosen === null || !stage?.record.run;
    this.sums.mark(this.chosen);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.tree || this.chosen === null) return;
    const place = this.order.indexOf(this.chosen);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.order[place + step] !== undefined) {
      event.preventDefault();
      this.follow(this.order[place + step]);
      /** @type {HTMLElement | null} */ (this.rows.querySelector(`[data-path="${this.chosen}"]`))?.focus();
    }
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    event.preventDefault();
    const doubts = pathOf(this.tree, this.chosen).filter((token) => token.alternatives.length);
    const now = doubts.findIndex((token) => token.index === this.at);
    const next = doubts[now < 0 && turn < 0 ? doubts.length - 1 : now + turn];
    if (next) this.look(this.chosen, next.index);
  }

  // ---- on the photo -------------------------------------------------------------------------

  /**
   * Write a path on the photo, token by token, from where it leaves its parent.
   * @param {number} number
   */
  follow(number) {
    const { tree } = this;
    if (!tree) return;
    this.chosen = number;
    this.at = null;
    const path = pathOf(tree, number);
    this.count = reducedMotion() ? path.length : tree.branches[number].tokens[0].index;
    const { surprise, group, objects } = tree.branches[number];
    const same = tree.branches.filter((branch) => branch.group === group).length;
    this.readout.textContent =
      `Path ${number + 1}, ${namesSaid(objects)}: ${surprise.toFixed(2)} nats for ${plural(path.length, "token")}. ` +
      (same > 1 ? `${plural(same, "path")} end in set ${letter(group)}.` : `Only this path ends in set ${letter(group)}.`);
    this.draw();
    this.player.start();
    this.soon();
  }

  /** One token more of the path that is followed; returns ms to the next. */
  advance() {
    const { tree, chosen, count } = this;
    if (!tree || chosen === null || count >= pathOf(tree, chosen).length) return null;
    this.count += 1;
    this.paint();
    return PACE;
  }

  /**
   * Stand at a hesitation: what is known so far, and every way on.
   * @param {number} number
   * @param {number} index
   */
  look(number, index) {
    const { tree } = this;
    if (!tree) return;
    this.player.stop();
    this.chosen = number;
    this.at = index;
    this.node.dataset.at = String(index); // the tour tells of this token
    this.count = index;
    const token = pathOf(tree, number)[index];
    const ways = token.alternatives.map((way) => {
      const to = destination(tree, way, index);
      return `${way.text} (${probability(way.mass)})${to && to !== way.text ? ` leads to ${to}` : ""}`;
    });
    this.readout.textContent =
      `Token ${index + 1}, ${token.slot}: ${ways.join("; ")}; anything else ${probability(token.rest)}.`;
    this.draw();
    this.soon();
  }

  draw() {
    const { tree, chosen, count, at } = this;
    if (tree && chosen !== null) this.ghosts.draw(tree, { chosen, count, at });
  }

  /**
   * @param {Alternative} way
   * @param {TreeToken[]} path
   * @param {number} index
   */
  choose(way, path, index) {
    if (way.branch !== null) this.follow(way.branch);
    else this.growBehind([...path.slice(0, index).map((token) => token.id), way.id]);
  }

  /** Hand the chosen path to the stage, which writes it and goes on. */
  write() {
    const { tree, chosen } = this;
    if (!tree || chosen === null) return;
    this.dock.overlay?.alone(false);
    this.dock.stage?.writeOn({ ids: pathOf(tree, chosen).map((token) => token.id) });
  }
}
