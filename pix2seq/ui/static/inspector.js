// One token under the glass: what the model thought there, what the settings made of it, what else
// it might have written. Numbers come from the server's `explain`; moving a slider asks again.

(() => {
  const { h, clear } = P2S;
  const STAGES = ["raw", "grammar, bins", "temperature", "top-k, top-p"];

  P2S.Inspector = class Inspector {
    constructor(stage) {
      this.stage = stage;
      this.distribution = new P2S.Distribution(stage);
      this.attention = new P2S.Attention(stage);
      this.lens = new P2S.Lens(stage);
      this.title = h("h2", { "data-inspector-title": "" });
      this.numbers = h("p", { class: "p2s-small p2s-soft" });
      this.note = h("p", { class: "p2s-small p2s-whatif", "data-what-if": "" });
      this.pipeline = h("table", { class: "p2s-table p2s-pipeline", "data-pipeline": "" });
      this.list = h("div", { class: "p2s-alternatives", role: "list" });
      this.detail = h(
        "div",
        { class: "p2s-detail" },
        this.numbers,
        this.distribution.node,
        this.note,
        this.fold("From logits to the token", true, this.pipeline),
        this.fold("It could have written", true, this.list),
        this.fold("Where it looked", false, this.attention.node),
        this.lens.node
      );
      this.close = h(
        "button",
        {
          type: "button",
          class: "p2s-button p2s-close",
          "aria-label": "Close the inspector",
          onclick: () => stage.select(null),
        },
        "Close"
      );
      this.node = h(
        "section",
        { class: "p2s-section p2s-token-panel", "aria-label": "Inspected token" },
        h("div", { class: "p2s-panel-head" }, this.title, this.close),
        this.detail
      );
      this.asked = null;
    }

    fold(title, open, ...content) {
      return h("details", { open }, h("summary", {}, title), ...content);
    }

    settingsChanged() {
      this.asked = null;
      this.stage.changed();
    }

    draw() {
      const { record, selected } = this.stage;
      const token = selected === null ? null : record.tokens[selected];
      this.stage.root.toggleAttribute("data-inspecting", Boolean(token));
      this.detail.hidden = !token;
      this.close.hidden = !token;
      if (!token) {
        this.title.textContent = "Inspector";
        this.node.classList.add("empty");
        this.asked = null;
        this.distribution.answer = null;
        this.distribution.drawOnPhoto();
        this.attention.draw(null);
        this.empty();
        return;
      }
      this.hint?.remove();
      this.node.classList.remove("empty");
      this.title.textContent = this.heading(record, token);
      const question = `${record.run}:${selected}`;
      if (this.asked !== question) {
        this.asked = question;
        this.fetch(question, record, token);
      }
      this.distribution.drawOnPhoto();
      this.attention.draw(token);
      this.lens.draw(record, token);
    }

    empty() {
      this.hint = this.hint || h(
        "p",
        { class: "p2s-small p2s-soft" },
        "Click a token, a box or the timeline: see what else the model considered there, where it " +
          "looked, and write on from another choice. Arrow keys walk along the sentence."
      );
      if (!this.hint.isConnected) this.node.append(this.hint);
    }

    heading(record, token) {
      const text = record.text_of(token.id);
      const place = P2S.isCoordinate(token.slot) && record.frame
        ? ` = ${P2S.isVertical(token.slot) ? "y" : "x"} ${record.tokenPixel(token).toFixed(0)} px`
        : "";
      const what = P2S.isCoordinate(token.slot) ? `bin ${text}${place}` : text;
      return `Token ${token.index} · ${token.slot} · ${what}`;
    }

    async fetch(question, record, token) {
      const answer = await this.stage.ask("explain", {
        run: record.run,
        index: token.index,
        values: this.stage.values,
      });
      if (this.asked !== question) return;
      if (answer.error) {
        this.fallback(record, token, answer.error);
        return;
      }
      this.show(record, token, answer);
      this.stage.changed();
    }

    /** Without the server's memory of this run, the record itself still knows five candidates. */
    fallback(record, token, message) {
      this.distribution.show({ axis: null });
      clear(this.pipeline);
      clear(this.list);
      this.numbers.textContent = record.describe(token);
      this.note.textContent = message;
      for (const candidate of token.candidates) {
        this.list.append(
          this.alternative(record, token, {
            id: candidate.id,
            text: record.text_of(candidate.id),
            stages: [candidate.prob, candidate.prob, candidate.prob, candidate.final],
          })
        );
      }
    }

    show(record, token, answer) {
      this.answer = answer;
      const raw = answer.chosen[0];
      this.numbers.textContent =
        `p ${raw.toFixed(4)} · rank ${answer.rank} · surprise ${P2S.nats(-Math.log(raw))} · ` +
        `entropy ${P2S.nats(answer.entropies[0])}${token.forced ? " · given, not sampled" : ""}`;
      const { settings } = answer;
      this.note.textContent = answer.whatIf
        ? `What if: recomputed with the controls' values (temperature ${settings.temperature}, ` +
          `top-p ${settings.top_p}, top-k ${settings.top_k || "off"}), without running the model.`
        : "";
      this.distribution.show(answer);
      this.showPipeline(answer);
      clear(this.list).append(
        h("p", { class: "p2s-small p2s-soft" }, "Probability before → after the settings; click to write on.")
      );
      for (const item of answer.best) this.list.append(this.alternative(record, token, item));
    }

    showPipeline(answer) {
      const head = h("tr", {}, ...["", "", "left", "nats", "p of it"].map((text) =>
        h("th", { scope: "col" }, text)
      ));
      const rows = STAGES.map((name, i) => {
        const values = answer.axis ? answer.axis[i] : answer.best.map((item) => item.stages[i]);
        return h(
          "tr",
          {},
          h("th", { scope: "row" }, name),
          h("td", {}, P2S.spark(values, answer.slot, 72)),
          h("td", { class: "p2s-mono" }, answer.counts[i]),
          h("td", { class: "p2s-mono" }, answer.entropies[i].toFixed(2)),
          h("td", { class: "p2s-mono" }, P2S.probability(answer.chosen[i]))
        );
      });
      clear(this.pipeline).append(h("thead", {}, head), h("tbody", {}, ...rows));
    }

    alternative(record, token, item) {
      const [raw, , , final] = item.stages;
      const kind = record.kind(item.id);
      const role = { coord: token.slot, class: "class", noise: "noise" }[kind] || "eos";
      const chosen = item.id === token.id;
      const label = `${item.text}: raw ${raw.toFixed(4)}, ${final > 0 ? `drawn with ${final.toFixed(4)}` : "cut"}`;
      const numbers = `${P2S.probability(raw)} → ${final > 0 ? P2S.probability(final) : "cut"}`;
      const shown = `${item.text} ${numbers}`;
      const row = h(
        "div",
        { class: "p2s-alternative-row", role: "listitem" },
        h(
          "button",
          {
            type: "button",
            class: `p2s-alternative${final > 0 ? "" : " cut"}`,
            "data-alternative": item.id,
            "data-role": role,
            title: label,
            "aria-label": `${shown}${chosen ? ", written" : ", write on from it"}`,
            "aria-current": chosen ? "true" : null,
            style: { "--share": `${100 * raw}%` },
            onclick: () => {
              if (!chosen) this.stage.writeOn({ index: token.index, token: item.id });
            },
          },
          h("span", { class: "p2s-alternative-text" }, item.text),
          h("span", { class: "p2s-mono" }, numbers)
        )
      );
      if (kind === "class") {
        const labelId = item.id - record.vocab.cls;
        row.append(
          h(
            "button",
            {
              type: "button",
              class: "p2s-button p2s-forbid",
              "aria-label": `never ${item.text}: forbid the class and write again from here`,
              title: `never “${item.text}”, from here on`,
              "data-forbid": labelId,
              onclick: () => this.stage.forbid(labelId, token.index),
            },
            "never"
          )
        );
      }
      return row;
    }
  };
})();
