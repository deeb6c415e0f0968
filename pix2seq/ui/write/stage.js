// The stage: owns what is on view (record, cursor, selection, branches) and tells its parts to draw.
// It decides nothing about sampling; it asks the server and shows the answer.

import { emit } from "#kit/bus.js";
import { h, set } from "#kit/elements.js";
import { Photo } from "#kit/photo.js";
import { onceAFrame } from "#kit/timing.js";
import { ask } from "#visit/questions.js";
import { Record } from "#visit/record.js";
import { Branches } from "#write/branches.js";
import { hero } from "#write/hero.js";
import { Inspector } from "#write/inspector.js";
import { stateMessage, statusLine } from "#write/messages.js";
import { Notice } from "#write/notice.js";
import { Objects } from "#write/objects.js";
import { Opening } from "#write/opening.js";
import { Pointer } from "#write/pointer.js";
import { Prompt } from "#write/prompt.js";
import { Reply } from "#write/reply.js";
import { Sentence } from "#write/sentence.js";
import { Share } from "#write/share.js";
import { Timeline } from "#write/timeline.js";
import { Waiting } from "#write/waiting.js";

export class Stage {
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    this.record = new Record();
    this.records = new Map(); // run id -> Record, for branches and undo
    this.shown = 0;
    this.following = true;
    this.playing = false;
    this.selected = null;
    this.hovered = null;
    this.values = null; // of the controls, by name
    this.filtered = null; // objects as re-read under other filters
    this.pace = 25;
    this.changed = onceAFrame(() => this.draw());
    this.build();
  }

  build() {
    this.photo = new Photo(this);
    this.opening = new Opening(this);
    this.sentence = new Sentence(this);
    this.timeline = new Timeline(this);
    this.objects = new Objects(this);
    this.inspector = new Inspector(this);
    this.branches = new Branches(this);
    this.share = new Share(this);
    this.prompt = new Prompt(this);
    this.reply = new Reply(this);
    this.pointer = new Pointer(this);
    this.waiting = new Waiting(this);
    this.toast = new Notice();
    this.status = h("div", { class: "p2s-status p2s-small p2s-soft" });
    this.aside = h(
      "aside",
      { class: "p2s-inspector", "aria-label": "Inspector" },
      this.inspector.node,
      this.branches.node,
      this.objects.node,
      this.share.node
    );
    this.main = h(
      "div",
      { class: "p2s-main" },
      hero(),
      this.photo.node,
      this.tools(),
      this.timeline.node,
      this.sentence.node
    );
    this.root.replaceChildren(this.main, this.aside, this.toast.node);
    emit("stage", this);
  }

  /** The line under the photo: what is going on, and what can be done on the photo. */
  tools() {
    this.resume = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "data-write-on": "",
        hidden: "",
        onclick: () => this.writeOn({}),
      },
      "Write on"
    );
    this.drawer = h(
      "button",
      {
        type: "button",
        class: "p2s-button",
        "data-drawer-switch": "",
        "aria-expanded": "false",
        onclick: () => {
          this.drawerOpen = !this.drawerOpen;
          this.changed();
        },
      },
      "Inspector"
    );
    return h("div", { class: "p2s-tools" }, this.status, this.resume, this.prompt.node, this.drawer, this.reply.node);
  }

  // ---- the record coming in ----------------------------------------------------------------

  receive(text) {
    if (typeof text !== "string" || text[0] !== "R") return;
    this.waiting.end("run");
    const head = text.slice(0, text.indexOf("\n") + 1);
    const known = this.record.text.startsWith(head) && head.length > 0;
    if (!known && this.busy() && head.includes('"replay":true')) return; // came too late
    if (!known) {
      const late = [...this.records.values()].find((old) => old.text.startsWith(head));
      if (late && late.run !== null) {
        late.feed(text); // a run that was overtaken ends in the background
        return;
      }
      this.open(new Record());
    }
    this.record.feed(text);
    if (this.record.run) this.records.set(this.record.run, this.record);
    if (this.following && !this.playing) this.shown = this.record.tokens.length;
    this.filtered = null;
    const { replay } = this.record.header;
    if (!replay && (!known || this.busy())) this.objects.follow(this.record);
    this.changed();
    if (!known && replay) this.opening.play();
    this.showAnswer();
    emit("record", this.record);
  }

  /** The class that a person gave, or asked for by drawing, goes under the glass once it stands
      there: its box may well be one that the filters hide. */
  showAnswer() {
    const { record } = this;
    if (!this.questioned || !record.run) return;
    const given = record.tokens.find((t) => t.forced && t.index >= (record.header.fork || 0));
    const answer = given && record.tokensOf(given.object, record.tokens.length).class;
    if (answer || !this.busy()) this.questioned = false;
    if (!answer) return;
    this.reply.ask(record, answer);
    this.select(answer.index);
    this.aside.scrollTop = 0;
  }

  /** Put another record on view: a new one, a branch, a replay. */
  open(record) {
    this.record = record;
    this.shown = record.tokens.length;
    this.following = true;
    this.playing = false;
    this.selected = null;
    this.hovered = null;
    this.filtered = null;
    this.opening.end();
    clearTimeout(this.timer);
    this.changed();
  }

  draw() {
    this.root.dataset.state = this.state();
    if (this.record.run) this.root.dataset.run = this.record.run;
    this.root.toggleAttribute("data-drawer", Boolean(this.drawerOpen));
    set(this.drawer, { "aria-expanded": this.drawerOpen ? "true" : "false" });
    this.photo.draw();
    this.sentence.draw();
    this.timeline.draw();
    this.objects.draw();
    this.inspector.draw();
    this.branches.draw();
    this.share.draw();
    this.reply.draw(this.record);
    this.resume.hidden = !(this.record.state === "stopped" && this.record.run);
    this.prompt.button.disabled = !this.record.image || this.busy();
    const status = statusLine(this);
    this.status.textContent = status;
    this.status.title = status; // it may be cut off
    emit("drawn", this);
  }

  // ---- state -------------------------------------------------------------------------------

  state() {
    return this.record.state;
  }

  busy() {
    return this.record.state === "encoding" || this.record.state === "writing";
  }

  stateMessage() {
    return stateMessage(this);
  }

  /** Whether the sentence ends inside an object. */
  midObject() {
    const last = this.record.tokens[this.record.tokens.length - 1];
    return Boolean(last && last.slot !== "class" && last.slot !== "eos");
  }

  // ---- objects on view ---------------------------------------------------------------------

  objectOnView(object) {
    const { record, shown } = this;
    const found = (this.filtered || record.objects).get(object);
    if (!found) return null;
    const tokens = record.tokensOf(object, shown);
    return Object.keys(tokens).length === record.vocab.slots.length ? found : null;
  }

  allObjects() {
    const keys = [...this.record.objects.keys()];
    return keys.map((object) => this.objectOnView(object)).filter(Boolean);
  }

  visibleObjects() {
    return this.allObjects().filter((found) => found.state === "ok" || found.state === "noise");
  }

  hiddenObjects() {
    return this.allObjects().filter((found) => found.state !== "ok" && found.state !== "noise");
  }

  /** Which object the eye should be on: what is pointed at, else what is inspected. */
  focus() {
    if (this.hovered !== null) return this.hovered;
    if (this.selected === null) return null;
    const token = this.record.tokens[this.selected];
    return token && token.slot !== "eos" ? token.object : null;
  }

  forkOnView() {
    return this.record.header.parent ? this.record.header.fork : 0;
  }

  hover(object) {
    if (object === this.hovered) return;
    this.hovered = object;
    this.changed();
  }

  select(index) {
    if (index === null) this.drawerOpen = false;
    this.selected = index;
    if (index !== null) {
      this.pause();
      this.drawerOpen = true;
      if (index >= this.shown) this.seek(index + 1);
      this.keepInView = index;
    }
    this.changed();
    emit("select", index);
  }

  // ---- scrubbing and replay ----------------------------------------------------------------

  seek(count) {
    this.shown = Math.min(Math.max(count, 0), this.record.tokens.length);
    this.following = this.shown === this.record.tokens.length;
    if (this.selected !== null && this.selected >= this.shown) this.selected = null;
    this.changed();
  }

  pause() {
    this.playing = false;
    this.opening.end();
    clearTimeout(this.timer);
    this.changed();
  }

  togglePlay() {
    if (this.playing) {
      this.pause();
      return;
    }
    if (this.shown >= this.record.tokens.length) this.seek(0);
    this.playing = true;
    this.following = false;
    this.selected = null;
    this.advance();
  }

  advance() {
    if (!this.playing) return;
    this.seek(this.shown + 1);
    if (this.shown >= this.record.tokens.length) {
      this.playing = false;
      return;
    }
    this.timer = setTimeout(() => this.advance(), this.opening.wait());
  }

  // ---- talking to Python -------------------------------------------------------------------

  ask(name, question) {
    return ask(this.bridge.server, name, question);
  }

  /** Where the visitor is, as JSON, for Step. */
  cursor(more) {
    return JSON.stringify({ run: this.record.run, shown: this.shown, ...more });
  }

  /** Ask for another continuation: an edit (see ui/edits.py), or none to go on. */
  writeOn(edit) {
    const token = this.record.tokens[edit.index];
    this.questioned = "box" in edit || (token && token.slot === "class" && !("forbid" in edit));
    this.pause();
    this.waiting.begin("run");
    this.bridge.trigger("write_on", { run: this.record.run, shown: this.shown, ...edit });
  }

  /** Never again that class, from token `index` on. */
  forbid(label, index) {
    this.bridge.trigger("forbid", { label });
    this.writeOn({ index, forbid: label });
  }

  /** The end of the sentence was put off: keep going from there, with the control set so. */
  keepGoing(index) {
    this.bridge.trigger("keep_going", {});
    this.writeOn({ index, eos: "delay" });
  }

  async settings(values, checkpoint) {
    const before = this.values;
    this.values = values;
    this.waiting.checkpoint = checkpoint;
    this.inspector.settingsChanged();
    const same = before && this.bridge.reading.every((name) => before[name] === values[name]);
    if (same || !this.record.run || this.busy()) return;
    const { record } = this;
    const answer = await this.ask("reread", { run: record.run, values });
    if (record !== this.record || values !== this.values || !answer.lines) return;
    const copy = new Record();
    for (const line of answer.lines.split("\n")) copy.line(line);
    this.filtered = copy.objects;
    this.changed();
  }

  notice(text) {
    this.toast.say(text);
  }
}
