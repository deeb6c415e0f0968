// What stands around every lesson: its prediction before it, its words and its exercises behind it. Until
// somebody has looked, what would give the answer away is blurred (`.learn-answer`).

import { h } from "#kit/elements.js";
import { judge } from "#learn/exercises.js";
import { glossaryCard } from "#learn/glossary.js";
import { Predict } from "#learn/predict.js";

/** @import {Exercise} from "#learn/exercises.js" */
/** @import {Lesson} from "#learn/lesson.js" */
/** @import {Page} from "#learn/state.js" */

/** One exercise: a question, a field, and what is said about the answer. */
class Task {
  /** @param {number} number */
  constructor(number) {
    /** @type {Exercise | null} */
    this.exercise = null;
    this.ask = h("label", { for: `learn-task-${number}` });
    this.input = h("input", { type: "text", inputmode: "decimal", autocomplete: "off", class: "p2s-field" });
    this.said = h("p", { class: "learn-said", role: "status" });
    this.node = h(
      "form",
      {
        class: "learn-task",
        "data-task": number,
        onsubmit: (event) => {
          event.preventDefault();
          this.check();
        },
      },
      this.ask,
      h("div", { class: "learn-row" }, this.input, h("button", { type: "submit", class: "p2s-button" }, "Check")),
      this.said
    );
  }

  /** @param {Exercise} exercise @param {string} id */
  show(exercise, id) {
    if (this.exercise && this.exercise.ask === exercise.ask) return;
    this.exercise = exercise;
    this.input.id = id;
    this.input.value = "";
    this.ask.setAttribute("for", id);
    this.ask.textContent = exercise.ask;
    this.said.textContent = "";
    delete this.node.dataset.result;
  }

  check() {
    if (!this.exercise) return;
    const result = judge(this.exercise, this.input.value);
    this.node.dataset.result = result;
    this.said.textContent = {
      right: `Right. ${this.exercise.why}`,
      wrong: "Not yet. Try again.",
      unread: "Write a number.",
    }[result];
  }
}

export class LessonFrame {
  /**
   * @param {Lesson} lesson
   * @param {string} name
   * @param {Page} page
   */
  constructor(lesson, name, page) {
    this.page = page;
    this.name = name;
    this.predict = page.plan ? new Predict(lesson, name, page.plan, () => this.looked()) : null;
    this.seen = !this.predict;
    this.tasks = [0, 1].map((number) => new Task(number));
    this.exercises = h(
      "section",
      { class: "learn-exercises", "aria-label": "Exercises", hidden: "" },
      h("h3", {}, "Two exercises"),
      this.tasks.map((task) => task.node)
    );
    this.node = h(
      "div",
      { class: "learn-frame", "data-looked": this.predict ? "false" : "true" },
      this.predict && this.predict.node,
      page.node,
      page.words ? glossaryCard(page.words) : null,
      this.exercises
    );
  }

  /** What the lesson is about is on view, guessed or not. */
  looked() {
    this.seen = true;
    this.node.dataset.looked = "true";
    this.predict?.open();
  }

  /** What the lesson is about has changed. */
  refresh() {
    if (this.predict) {
      this.predict.refresh();
      const nothing = this.predict.node.hidden; // to guess, so there is nothing to hide
      this.node.dataset.looked = String(this.seen || nothing);
    }
    const exercises = this.page.exercises ? this.page.exercises() : [];
    this.exercises.hidden = !exercises.length;
    exercises.forEach((exercise, i) => this.tasks[i].show(exercise, `learn-answer-${this.name}-${i}`));
  }
}
