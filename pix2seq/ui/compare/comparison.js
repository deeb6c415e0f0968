// Two settings, one picture, one seed. Each side is a photo with its own record; between them stand
// the two sentences, token beside token, and the reason why they part: one random number, read off
// two distributions. (The text format is in ui/compare_runs.py.)

import { AlignedSentences } from "#compare/sentences.js";
import { Verdict } from "#compare/verdict.js";
import { h, set } from "#kit/elements.js";
import { plural, probability } from "#kit/numbers.js";
import { Photo } from "#kit/photo.js";
import { onceAFrame } from "#kit/timing.js";
import { PictureFollower } from "#visit/follower.js";
import { ask } from "#visit/questions.js";
import { Record } from "#visit/record.js";

const SETTING_WORDS = {
  temperature: (v) => (v === 0 ? "argmax" : `temperature ${v}`),
  top_p: (v) => (v === 1 ? "no top-p" : `top-p ${v}`),
  top_k: (v) => `top-k ${v}`,
  num_bins: (v) => `${v} bins`,
  max_objects: (v) => `${plural(v, "object")} at most`,
  eos: (v) => (v === "delay" ? "keeps going" : "stops at EOS"),
  noise: (v) => ({ paper: "noise hidden", drop: "noise dropped", show: "noise shown" })[v],
  grammar: (v) => (v ? "grammar" : "no grammar"),
  score: (v) => (v === "box" ? "scored by class and edges" : "scored by class"),
  score_threshold: (v) => `score at least ${v}`,
};

export const settingWords = (name, value) =>
  (SETTING_WORDS[name] || ((v) => `${name} ${v}`))(value) || `${name} ${value}`;

/** One side: what `Photo` asks of a stage, read-only. */
class Side {
  constructor(comparison, name) {
    this.comparison = comparison;
    this.name = name;
    this.record = new Record();
    this.selected = null;
    this.hovered = null;
    this.changed = comparison.changed;
    this.photo = new Photo(this);
    this.settings = h("span", { class: "p2s-side-settings" });
    this.status = h("span", { class: "p2s-small p2s-soft p2s-side-status" });
    this.node = h(
      "figure",
      { class: "p2s-compare-side", "data-side": name },
      h(
        "figcaption",
        {},
        h("strong", { class: "p2s-side-name" }, name.toUpperCase()),
        this.settings,
        this.status
      ),
      this.photo.node
    );
    this.photo.svg.addEventListener("mousemove", (event) => {
      const point = this.photo.pointer(event);
      comparison.hover(this, point.inside ? this.photo.boxes.at(point) : null);
    });
    this.photo.svg.addEventListener("mouseleave", () => comparison.hover(this, null));
  }

  get shown() {
    return this.record.tokens.length;
  }

  ask(name, question) {
    return this.comparison.ask(name, question);
  }

  notice(text) {
    this.status.textContent = text;
  }

  focus() {
    return this.hovered;
  }

  visibleObjects() {
    const found = [...this.record.objects.values()];
    return found.filter((object) => object.state === "ok" || object.state === "noise");
  }

  stateMessage() {
    const { record } = this;
    if (record.state === "error") {
      return { tone: "error", title: "This did not work", text: record.end.message };
    }
    if (!record.image) {
      return { title: "No picture yet", text: "Choose one in Write; both sides look at it." };
    }
    if (record.state === "done" && record.tokens.length === 1 && record.end.reason === "eos") {
      const p = probability(record.tokens[0].raw);
      return { tone: "note", title: `EOS at once: p = ${p}.` };
    }
    return null;
  }

  words() {
    const { record } = this;
    const tokens = plural(record.tokens.length, "token");
    switch (record.state) {
      case "encoding":
        return "looking…";
      case "writing":
        return `${tokens}…`;
      case "stopped":
        return `${tokens}, stopped`;
      case "done": {
        const seen = this.visibleObjects();
        const noise = seen.filter((found) => found.state === "noise").length;
        const objects = plural(seen.length - noise, "object") + (noise ? `, ${noise} shown as noise` : "");
        return `${objects}, ${tokens}`;
      }
      default:
        return "";
    }
  }

  draw() {
    this.photo.draw();
    this.status.textContent = this.words();
    const { shared } = this.comparison;
    for (const [object, node] of this.photo.boxes.nodes) {
      node.classList.toggle("shared", Boolean(shared && shared[this.name].has(object)));
      node.classList.toggle("only", Boolean(shared && !shared[this.name].has(object)));
    }
  }
}

export class Comparison {
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    this.changed = onceAFrame(() => this.draw());
    this.a = new Side(this, "a");
    this.b = new Side(this, "b");
    this.verdictNode = new Verdict(this);
    this.sentences = new AlignedSentences(this);
    root.replaceChildren(
      h("div", { class: "p2s-compare-photos" }, this.a.node, this.b.node),
      this.verdictNode.node,
      this.sentences.node
    );
    this.reset();
    this.follower = new PictureFollower(root, {
      shown: () => this.a.record.image && this.a.record.image.id,
      busy: () => ["encoding", "writing"].includes(this.state()),
      look: () => bridge.trigger("look", {}),
    });
    new ResizeObserver(() => this.changed()).observe(root);
  }

  reset() {
    this.text = "";
    this.differ = [];
    this.parted = null;
    this.verdict = null;
    this.shared = null;
    this.a.record.reset();
    this.b.record.reset();
    this.sentences.restart();
  }

  receive(text) {
    if (typeof text !== "string" || text === this.text) return;
    if (!this.text || !text.startsWith(this.text)) this.reset();
    const complete = text.lastIndexOf("\n") + 1;
    const tail = text.slice(this.text.length, complete);
    this.text = text.slice(0, complete);
    for (const line of tail.split("\n")) this.line(line);
    this.changed();
    if (this.follower) this.follower.check();
  }

  line(line) {
    const rest = line.slice(1);
    if (line[0] === "a") this.a.record.line(rest);
    else if (line[0] === "b") this.b.record.line(rest);
    else if (line[0] === "P") this.parted = Number(rest);
    else if (line[0] === "C") this.differ = JSON.parse(rest).differ;
    else if (line[0] === "V") {
      this.verdict = JSON.parse(rest);
      this.parted = this.verdict.parted;
      this.shared = {
        a: new Map(this.verdict.matches.map(([a, b]) => [a, b])),
        b: new Map(this.verdict.matches.map(([a, b]) => [b, a])),
      };
    }
  }

  ask(name, question) {
    return ask(this.bridge.server, name, question);
  }

  other(side) {
    return side === this.a ? this.b : this.a;
  }

  /** Point at an object of one side; the same object of the other side is pointed at, too. */
  hover(side, object) {
    const twin = this.shared && object !== null ? this.shared[side.name].get(object) : null;
    this.point(side, object);
    this.point(this.other(side), twin ?? null);
  }

  point(side, object) {
    if (side.hovered === object) return;
    side.hovered = object;
    this.changed();
  }

  state() {
    const states = [this.a.record.state, this.b.record.state];
    for (const state of ["error", "writing", "encoding", "stopped"]) {
      if (states.includes(state)) return state;
    }
    return states[0];
  }

  draw() {
    this.root.dataset.state = this.state();
    set(this.root, {
      "data-parted": this.parted ?? "",
      "data-runs": `${this.a.record.run}:${this.b.record.run}`,
      "data-verdict": this.verdict ? "true" : "false",
    });
    [this.a, this.b].forEach((side, place) => {
      const { temperature } = side.record.header.options || {};
      const words = this.differ
        .filter(([name]) => temperature !== 0 || !["top_p", "top_k"].includes(name)) // argmax cuts nothing
        .map((item) => settingWords(item[0], item[1 + place]));
      side.settings.textContent = words.join(" · ");
      side.draw();
    });
    this.verdictNode.draw();
    this.sentences.draw();
  }
}

export const mountCompare = (element, bridge) => {
  const comparison = new Comparison(element.querySelector("[data-compare]"), bridge);
  comparison.receive(bridge.props.value);
  bridge.watch("value", () => comparison.receive(bridge.props.value));
};
