// The stage: owns what is on view (record, cursor, selection, branches) and tells its parts to draw.
// It decides nothing about sampling; it asks the server and shows the answer.

import { emit } from "#kit/bus.js";
import { Photo } from "#kit/photo.js";
import { Metronome, onceAFrame, onPhone } from "#kit/timing.js";
import { ask } from "#visit/questions.js";
import { Record } from "#visit/record.js";
import { Branches } from "#write/branches.js";
import { Forbidden } from "#write/forbidden.js";
import { Inspector } from "#write/inspector.js";
import { layOut } from "#write/layout.js";
import { stateMessage } from "#write/messages.js";
import { Notice } from "#write/notice.js";
import { Objects } from "#write/objects.js";
import { Opening } from "#write/opening.js";
import { Pointer } from "#write/pointer.js";
import { Presenter } from "#write/present.js";
import { Prompt } from "#write/prompt.js";
import { Reply } from "#write/reply.js";
import { Sentence } from "#write/sentence.js";
import { Share } from "#write/share.js";
import { Timeline } from "#write/timeline.js";
import { Toolbar } from "#write/toolbar.js";
import { Waiting } from "#write/waiting.js";

/** @import {Found} from "#kit/boxes.js" */
/** @import {Units} from "#kit/units.js" */
/** @import {Edit} from "#visit/places.js" */
/** @import {Bridge} from "#visit/questions.js" */
/** @import {Settings} from "#visit/record.js" */

export class Stage {
  /**
   * @param {HTMLElement} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.root = root;
    this.bridge = bridge;
    this.record = new Record();
    /** @type {Map<string | null, Record>} by run, for branches and undo */
    this.records = new Map();
    this.shown = 0;
    this.following = true;
    this.playing = false;
    /** @type {number | null} */
    this.selected = null;
    /** @type {number | null} */
    this.hovered = null;
    /** @type {Settings | null} of the controls, by name */
    this.values = null;
    /** @type {Map<number, Found> | null} objects as re-read under other filters */
    this.filtered = null;
    /** @type {number | undefined} a token to scroll to */
    this.keepInView = undefined;
    /** @type {string | undefined} the picture that was drawn last */
    this.pictured = undefined;
    /** @type {Record | null} a complete sentence that Step was asked to go on from */
    this.overAgain = null;
    this.questioned = false; // an answer is waited for
    this.player = new Metronome(() => this.advance());
    this.pace = 25;
    /** @type {Units} of every axis */
    this.units = "bins";
    this.changed = onceAFrame(() => this.draw());
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
    this.forbidden = new Forbidden(this);
    this.toolbar = new Toolbar(this);
    this.presenter = new Presenter(this);
    this.aside = layOut(this);
    emit("stage", this);
  }

  // ---- the record coming in ----------------------------------------------------------------

  /** @param {string} text */
  receive(text) {
    if (typeof text !== "string" || text[0] !== "R") return;
    this.waiting.end("run");
    const head = text.slice(0, text.indexOf("\n") + 1);
    const known = this.record.named(text) || (this.record.text.startsWith(head) && head.length > 0);
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
    if (!known && !replay) this.presenter.begin();
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

  /**
   * Put another record on view: a new one, a branch, a replay.
   * @param {Record} record
   */
  open(record) {
    this.record = record;
    this.shown = record.tokens.length;
    this.following = true;
    this.playing = false;
    this.selected = null;
    this.hovered = null;
    this.filtered = null;
    this.opening.end();
    this.player.stop();
    this.changed();
  }

  draw() {
    const picture = this.record.image?.id;
    if (picture !== this.pictured) this.inspector.attention.leave();
    this.pictured = picture;
    this.root.dataset.state = this.state();
    if (this.record.run) this.root.dataset.run = this.record.run;
    this.photo.draw();
    this.sentence.draw();
    this.timeline.draw();
    this.objects.draw();
    this.inspector.draw();
    this.branches.draw();
    this.share.draw();
    this.forbidden.draw();
    this.reply.draw(this.record);
    this.toolbar.draw();
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

  // ---- objects on view ---------------------------------------------------------------------

  /** @type {(object: number) => Found | null} */
  objectOnView(object) {
    const { record, shown } = this;
    const found = (this.filtered || record.objects).get(object);
    if (!found) return null;
    const tokens = record.tokensOf(object, shown);
    return Object.keys(tokens).length === record.vocab.slots.length ? found : null;
  }

  allObjects() {
    const keys = [...this.record.objects.keys()];
    return keys.map((object) => this.objectOnView(object)).filter((found) => found !== null);
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
    const { parent, fork = 0 } = this.record.header;
    return parent ? fork : 0;
  }

  /** @param {number | null} object */
  hover(object) {
    if (object === this.hovered) return;
    this.hovered = object;
    this.changed();
  }

  /** @param {number | null} index */
  select(index) {
    this.selected = index;
    if (index !== null) {
      this.pause();
      if (index >= this.shown) this.seek(index + 1);
      this.keepInView = index;
      if (onPhone()) this.photo.node.scrollIntoView({ block: "nearest" }); // both on view, token and photo
    }
    this.changed();
    emit("select", index);
  }

  // ---- scrubbing and replay ----------------------------------------------------------------

  /** @param {number} count */
  seek(count) {
    this.shown = Math.min(Math.max(count, 0), this.record.tokens.length);
    this.following = this.shown === this.record.tokens.length;
    if (this.selected !== null && this.selected >= this.shown) this.selected = null;
    this.changed();
  }

  pause() {
    this.playing = false;
    this.opening.end();
    this.player.stop();
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
    this.player.start();
  }

  /** The next token comes on view; returns ms to the one after it. */
  advance() {
    if (!this.playing) return null;
    this.seek(this.shown + 1);
    if (this.shown >= this.record.tokens.length && !this.busy()) {
      this.playing = false;
      return null;
    }
    return this.opening.wait();
  }

  // ---- talking to Python -------------------------------------------------------------------

  /** @type {(name: string, question: object) => Promise<any>} */
  ask(name, question) {
    return ask(this.bridge.server, name, question);
  }

  /**
   * Where the visitor is, as JSON, for Step. Behind the end there is no next token: a first press
   * says so and asks, a second one begins anew.
   * @param {object} more
   */
  cursor(more) {
    const { record, shown } = this;
    const over = record.state === "done" && shown === record.tokens.length;
    const hold = over && this.overAgain !== record;
    this.overAgain = hold ? record : null;
    if (hold) this.notice("This sentence is complete. Step once more to begin a new one, token by token.");
    return JSON.stringify({ run: record.run, shown, hold, ...more });
  }

  /**
   * Ask for another continuation: an edit (see ui/edits.py), or none to go on.
   * @param {Edit} edit
   */
  writeOn(edit) {
    const token = edit.index === undefined ? undefined : this.record.tokens[edit.index];
    this.questioned = "box" in edit || (token?.slot === "class" && !("forbid" in edit));
    this.pause();
    this.waiting.begin("run");
    this.bridge.trigger("write_on", { run: this.record.run, shown: this.shown, ...edit });
  }

  /**
   * Never again that class, from token `index` on.
   * @type {(label: number, index: number) => void}
   */
  forbid(label, index) {
    this.bridge.trigger("forbid", { label });
    this.writeOn({ index, forbid: label });
  }

  /**
   * The end of the sentence was put off: keep going from there, with the control set so.
   * @param {number} index
   */
  keepGoing(index) {
    this.bridge.trigger("keep_going", {});
    this.writeOn({ index, eos: "delay" });
  }

  /** @type {(values: Settings, checkpoint: string | null) => Promise<void>} */
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

  /** @param {string} text */
  notice(text) {
    this.toast.say(text);
  }
}
