// Taking a run away: files drawn by the server's render package, a link with example, settings and
// seed, and code that writes the same tokens again.

import { h } from "#kit/elements.js";
import { messageOf } from "#kit/errors.js";
import { download } from "#kit/files.js";
import { addressOf, scene } from "#visit/address.js";
import { findingOf } from "#write/finding.js";
import { recordFromFile } from "#write/replay.js";

/** @import {Stage} from "#write/stage.js" */

const KINDS = [
  ["png", "PNG", "the stage as a picture"],
  ["svg", "SVG", "the stage as a vector drawing"],
  ["gif", "GIF", "the writing, token by token"],
  ["json", "JSON", "the full record; it replays without a model"],
  ["coco", "COCO", "the boxes as COCO results"],
];
const COPIES = [
  ["finding", "My finding"],
  ["link", "Link"],
  ["python", "Python"],
  ["command", "Command"],
];

export class Share {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.note = h("p", { class: "p2s-small p2s-soft", role: "status", "data-share-note": "" });
    const files = KINDS.map(([kind, text, title]) =>
      h(
        "button",
        { type: "button", class: "p2s-button", title, "data-export": kind, onclick: () => this.save(kind, text) },
        text
      )
    );
    const copies = COPIES.map(([kind, text]) =>
      h(
        "button",
        { type: "button", class: "p2s-button", "data-copy": kind, onclick: () => this.copy(kind, text) },
        text
      )
    );
    this.code = h("textarea", {
      class: "p2s-code",
      rows: 5,
      readonly: "",
      hidden: "",
      "aria-label": "What was copied",
    });
    this.node = h(
      "details",
      { class: "p2s-section p2s-share" },
      h("summary", {}, h("h2", {}, "Take it away")),
      h("div", { class: "p2s-row" }, h("span", { class: "p2s-small p2s-soft" }, "Save"), ...files),
      h("div", { class: "p2s-row" }, h("span", { class: "p2s-small p2s-soft" }, "Copy"), ...copies),
      h("div", { class: "p2s-row" }, h("span", { class: "p2s-small p2s-soft" }, "Open"), this.opener()),
      this.note,
      this.code
    );
  }

  /** A saved record plays again here, whoever saved it; no model is needed. */
  opener() {
    const input = h("input", {
      type: "file",
      accept: "application/json,.json",
      class: "p2s-visually-hidden",
      "data-open-record": "",
      "aria-label": "Open a saved record",
      tabindex: -1,
    });
    input.addEventListener("change", async () => {
      const file = input.files?.[0];
      input.value = "";
      if (!file) return;
      try {
        const record = recordFromFile(await file.text());
        this.stage.records.set(record.run, record);
        this.stage.open(record);
        this.stage.objects.follow(record);
        this.stage.togglePlay();
        this.note.textContent = "";
      } catch (error) {
        this.note.textContent = messageOf(error);
      }
    });
    const button = h(
      "button",
      { type: "button", class: "p2s-button", "data-open": "", onclick: () => input.click() },
      "Saved record (JSON)"
    );
    return h("span", {}, button, input);
  }

  draw() {
    const none = !this.stage.record.run || this.stage.record.tokens.length === 0;
    for (const button of this.node.querySelectorAll("[data-export], [data-copy]")) {
      button.toggleAttribute("disabled", none);
    }
  }

  /** @type {(kind: string, text: string) => Promise<void>} */
  async save(kind, text) {
    const { record, shown, values } = this.stage;
    this.note.textContent = `Drawing the ${text}…`;
    const answer = await this.stage.ask("export", { run: record.run, kind, shown, values });
    if (answer.error) {
      this.note.textContent = answer.error;
      return;
    }
    const bytes = Uint8Array.from(atob(answer.data), (letter) => letter.charCodeAt(0));
    download(answer.name, new Blob([bytes], { type: answer.type }));
    this.note.textContent = `Saved ${answer.name}.`;
  }

  /** @type {(kind: string, text: string) => Promise<void>} */
  async copy(kind, text) {
    if (kind === "finding") {
      await this.give(findingOf(this.stage, addressOf(location.href, scene())), text);
      return;
    }
    const { record, values } = this.stage;
    const answer = await this.stage.ask("snippets", { run: record.run, values });
    if (answer.error) {
      this.code.hidden = true;
      this.note.textContent = answer.error;
      return;
    }
    let content = answer[kind];
    if (kind === "link") {
      if (!content) {
        this.code.hidden = true; // what was copied before is no answer to this
        this.note.textContent =
          "Only runs on our own examples can be linked: your picture stays on this server, and an " +
          "edited sentence is copied as Python.";
        return;
      }
      content = `${location.origin}${location.pathname}${content}`;
    }
    await this.give(content, text);
  }

  /**
   * Copy, or show for copying by hand.
   * @param {string} content
   * @param {string} text what it is
   */
  async give(content, text) {
    this.code.value = content;
    this.code.hidden = false;
    try {
      await navigator.clipboard.writeText(content);
      this.note.textContent = `${text} copied.`;
    } catch (error) {
      this.code.select();
      this.note.textContent = `${text} below: copy it with Ctrl+C.`;
    }
  }
}
