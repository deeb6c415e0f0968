// The Learn tab: one picture with boxes on the left, six pages about it on the right. Everything
// that is computed comes from the server (`answers.py`); sentences that the model writes
// arrive as lines of JSON in the component's value (`tab.py`).

import { on } from "#kit/bus.js";
import { clear, h, partOf } from "#kit/elements.js";
import { latest, onceAFrame } from "#kit/timing.js";
import { augment } from "#learn/augmentation.js";
import { LearnBoard } from "#learn/board.js";
import { Contents } from "#learn/contents.js";
import { LessonFrame } from "#learn/frame.js";
import { Tally } from "#learn/guess.js";
import { infer } from "#learn/inference.js";
import { Lines } from "#learn/lines.js";
import { objective } from "#learn/objective.js";
import { quantize } from "#learn/quantisation.js";
import { sentence } from "#learn/sequence.js";
import { asBox, newState, settled } from "#learn/state.js";
import { LearnTools } from "#learn/tools.js";
import { training } from "#learn/training.js";
import { currentStage, enterLesson } from "#visit/places.js";

/** @import {Point} from "#kit/photo.js" */
/** @import {LearnBox} from "#learn/board.js" */
/** @import {Line, Row} from "#learn/lines.js" */
/** @import {Answer, Opened, Page, State, Where} from "#learn/state.js" */
/** @import {Bridge} from "#visit/questions.js" */

const LESSONS = [quantize, sentence, augment, objective, infer, training];
const ORDER = LESSONS.map((lesson) => lesson.name);
const PATIENCE = 20000; // ms of silence after which a question may be asked anew

export class Lesson {
  /**
   * @param {HTMLElement} root
   * @param {Bridge} bridge
   */
  constructor(root, bridge) {
    this.bridge = bridge;
    this.root = root;
    this.state = newState();
    /** @type {{[name: string]: Page}} that were looked at */
    this.pages = {};
    /** @type {Page | null} */
    this.page = null;
    /** @type {{[name: string]: LessonFrame}} around the pages */
    this.frames = {};
    this.tally = new Tally();
    /** @type {((line: Line) => void) | null} who follows what the model writes */
    this.receive = null;
    this.heard = 0; // when it last wrote
    this.lines = new Lines((line) => this.line(line));
    this.update = latest(async () => {
      const { frame, page } = this;
      if (!page) return;
      await page.update();
      frame.refresh();
    });
    this.soon = onceAFrame(() => {
      this.board.draw();
      this.update();
    });
    this.board = new LearnBoard(this);
    this.tools = new LearnTools(this);
    this.notice = h("p", { class: "learn-notice", role: "status" });
    this.panel = h("section", { class: "learn-page", role: "tabpanel", id: "learn-panel" });
    this.contents = new Contents(LESSONS, (name) => this.show(name));
    this.build();
    bridge.watch("value", () => this.lines.feed(bridge.props.value));
    on("checkpoint", (name) => this.useCheckpoint(name));
    new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.appear();
    }).observe(root);
  }

  /**
   * What is open; pages ask only when something is.
   * @returns {Opened}
   */
  opened() {
    const { picture, frame, vocabulary } = this.state;
    if (!picture || !frame || !vocabulary) throw new Error("no picture is open yet");
    return { picture, frame, vocabulary };
  }

  /** What stands around the page on view. */
  get frame() {
    return this.frames[this.root.dataset.page || ORDER[0]];
  }

  get chosen() {
    const { boxes, selected } = this.state;
    return selected === null ? undefined : boxes[selected];
  }

  // ---- talking to the server ----------------------------------------------------------------

  /**
   * The question's common part and `more`; an error is shown and comes back as `null`.
   * @type {(name: string, more: object) => Promise<any>}
   */
  async ask(name, more) {
    const answer = await this.bridge.server[name](this.question(more));
    if (!answer || answer.error) {
      this.say((answer && answer.error) || "the server did not answer", true);
      return null;
    }
    const unknown = answer.unknown || [];
    if (unknown.length) this.say(`This checkpoint has no class ${unknown.join(", ")}.`);
    else this.say(this.whose());
    return answer;
  }

  /** Whose boxes these are, where they are not the true ones. */
  whose() {
    const { boxes, boxesBy } = this.state;
    if (!boxes.length) return "No box yet. Drag on the picture to draw one.";
    return boxesBy === "model"
      ? "These are the model's own boxes, taken from Write or asked for now: correct them where they are wrong."
      : "";
  }

  /** @param {object} more */
  question(more) {
    const { state } = this;
    return {
      checkpoint: state.checkpoint,
      picture: state.picture && state.picture.id,
      boxes: state.boxes.map((box) => [box.x0, box.y0, box.x1, box.y1, box.name]),
      ...more,
    };
  }

  /**
   * Ask the model to write; lines come back through `line`.
   * @type {(ask: string, more: object, receive: (line: Line) => void) => boolean}
   */
  write(ask, more, receive) {
    if (this.receive && Date.now() - this.heard < PATIENCE) return false;
    this.receive = receive;
    this.heard = Date.now();
    this.root.dataset.busy = "true";
    this.bridge.trigger(this.bridge.events[0], this.question({ ask, ...more }));
    return true;
  }

  /** @param {Line} line */
  line(line) {
    this.heard = Date.now();
    if (line.k === "error") this.say(line.message, true);
    if (this.receive) this.receive(line);
    if (line.k === "end" || line.k === "error") {
      this.receive = null;
      this.root.dataset.busy = "false";
    }
  }

  /** @type {(message: string, bad?: boolean) => void} */
  say(message, bad) {
    if (this.notice.textContent !== message) this.notice.textContent = message;
    this.notice.dataset.tone = bad ? "error" : "plain";
  }

  // ---- picture and boxes --------------------------------------------------------------------

  /** The first look at the tab, and each return to it: take over what is on the Write tab. */
  appear() {
    const stage = currentStage();
    const image = stage && stage.record.image;
    const source = image ? image.id : null;
    if (this.state.picture && (!source || source === this.state.source)) {
      this.soon(); // another sentence may be on the stage
      return;
    }
    this.state.source = source;
    this.open(image ? { picture: image.id } : {}, false, image?.example);
  }

  /**
   * The picture that is asked for; if the server has forgotten it, its example; else a scene.
   * @type {(where: Where, example: string | null | undefined) => Promise<Partial<Answer>>}
   */
  async find(where, example) {
    const ways = [where, example ? { example } : {}, { scene: this.state.scene }];
    /** @type {Partial<Answer>} */
    let answer = { error: "there is no picture" };
    for (const way of ways) {
      if (!Object.keys(way).length) continue;
      answer = await this.bridge.server.learn_open({ checkpoint: this.state.checkpoint, ...way });
      if (!answer.error) break;
    }
    return answer;
  }

  /** @type {(where: Where, keepBoxes?: boolean, example?: string | null) => Promise<void>} */
  async open(where, keepBoxes, example) {
    const answer = await this.find(where, example);
    if (answer.error) {
      this.say(answer.error, true);
      return;
    }
    const { state } = this;
    const { truth, model, problem } = answer;
    Object.assign(state, answer);
    const written = keepBoxes || truth ? [] : this.written();
    if (!keepBoxes) {
      state.boxes = (truth || written).map(asBox);
      state.boxesBy = truth ? "truth" : written.length ? "model" : "visitor";
      state.selected = state.boxes.length ? 0 : null;
    }
    this.board.load(this.opened().picture);
    this.tools.fill();
    for (const page of Object.values(this.pages)) if (page.opened) page.opened();
    this.say(model ? (state.boxes.length ? this.whose() : "") : `No checkpoint: pages 1 to 3 use the paper's vocabulary. ${problem}`);
    this.soon();
    if (!keepBoxes && !truth && model && !state.boxes.length) this.tools.detect();
  }

  /**
   * What the model has written in *Write* about this picture, as boxes: a lesson opens with them where
   * nobody knows the true ones.
   * @returns {Row[]}
   */
  written() {
    const stage = currentStage();
    const { picture } = this.state;
    if (!stage || !picture || stage.record.image?.id !== picture.id) return [];
    const { record } = stage;
    return [...record.objects.values()]
      .filter((found) => found.state === "ok")
      .map(({ box: [x0, y0, x1, y1], label }) => [x0, y0, x1, y1, record.className(label)]);
  }

  /** @param {string} name */
  useCheckpoint(name) {
    this.state.checkpoint = name;
    if (this.state.picture) this.open({ picture: this.state.picture.id }, true);
  }

  /**
   * Put other boxes on the picture; `by` says whose they are: truth, model or visitor.
   * @type {(rows: Row[], by: State["boxesBy"]) => void}
   */
  setBoxes(rows, by) {
    this.state.boxes = rows.map(asBox);
    this.state.boxesBy = by;
    this.state.selected = rows.length ? 0 : null;
    this.boxesChanged();
  }

  /** @param {Point} point */
  beginBox(point) {
    const { state } = this;
    const name = state.boxes.length ? state.boxes[state.boxes.length - 1].name : "person";
    state.boxes.push({ x0: point.x, y0: point.y, x1: point.x, y1: point.y, name });
    state.selected = state.boxes.length - 1;
  }

  /** @type {(index: number, box: LearnBox) => void} */
  setBox(index, box) {
    this.state.boxes[index] = box;
    this.soon();
  }

  /** After a drag. */
  settleBox() {
    const { state } = this;
    state.boxes = settled(state.boxes);
    if (state.selected !== null && state.selected >= state.boxes.length) {
      state.selected = state.boxes.length ? state.boxes.length - 1 : null;
    }
    this.boxesChanged();
  }

  /** @param {number | null} index */
  choose(index) {
    this.state.selected = index;
    this.boxesChanged();
  }

  boxesChanged() {
    this.tools.fill();
    this.soon();
  }

  /** @param {number} index */
  removeBox(index) {
    const { state } = this;
    state.boxes.splice(index, 1);
    state.selected = state.boxes.length ? Math.min(index, state.boxes.length - 1) : null;
    this.boxesChanged();
  }

  addBox() {
    const { w, h: tall } = this.opened().picture;
    this.beginBox({ x: Math.round(w * 0.35), y: Math.round(tall * 0.35) });
    if (this.chosen) Object.assign(this.chosen, { x1: Math.round(w * 0.65), y1: Math.round(tall * 0.65) });
    this.boxesChanged();
  }

  // ---- page ---------------------------------------------------------------------------------

  build() {
    const left = h(
      "section",
      { class: "learn-picture", "aria-label": "Your picture and boxes" },
      this.board.node,
      this.tools.node,
      this.notice
    );
    clear(this.root).append(this.contents.node, h("div", { class: "learn-body" }, left, this.panel));
    this.show(ORDER[0]);
  }

  /** @param {string} name */
  show(name) {
    if (!this.pages[name]) {
      this.pages[name] = LESSONS[ORDER.indexOf(name)].mount(this);
      this.frames[name] = new LessonFrame(this, name, this.pages[name]);
    }
    this.page = this.pages[name];
    this.root.dataset.page = name;
    this.contents.mark(name);
    this.panel.setAttribute("aria-labelledby", `learn-tab-${name}`);
    clear(this.panel).append(this.frames[name].node, this.contents.steps(name));
    if (this.page.opened && this.state.picture) this.page.opened();
    if (this.state.picture) this.soon();
  }
}

/**
 * Called by the component's load hook.
 * @type {(element: Element, bridge: Bridge) => void}
 */
export const mountLearn = (element, bridge) => {
  enterLesson(new Lesson(partOf(element, "[data-learn]"), bridge));
};
