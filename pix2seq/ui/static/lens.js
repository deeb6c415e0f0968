// The grammar and EOS lens: which kind of token the model wanted at this place, how much probability
// the grammar took away along the sentence, and how near the model was to stopping at each object.

(() => {
  const { h, clear } = P2S;
  const KINDS = [
    ["coord", "a number", "ymin"],
    ["class", "a class", "class"],
    ["noise", "noise", "noise"],
    ["eos", "EOS", "eos"],
  ];

  P2S.Lens = class Lens {
    constructor(stage) {
      this.stage = stage;
      this.kinds = h("div");
      this.eos = h("div", { "data-eos-lens": "" });
      this.grammar = h("div");
      this.node = h(
        "details",
        {},
        h("summary", {}, "Grammar and end of sentence"),
        h("p", { class: "p2s-small p2s-soft" }, "What kind of token the model wanted here:"),
        this.kinds,
        h("p", { class: "p2s-small p2s-soft" }, "Probability of EOS where each object starts:"),
        this.eos,
        h("p", { class: "p2s-small p2s-soft" }, "Probability that the grammar forbids, token by token:"),
        this.grammar
      );
      this.node.addEventListener("toggle", () => stage.changed());
    }

    draw(record, token) {
      if (!this.node.open) return;
      const answer = this.stage.inspector.answer;
      const key = [record.run, record.tokens.length, token.index, answer && answer.index].join();
      if (key === this.drawn) return;
      this.drawn = key;
      clear(this.kinds);
      if (answer && answer.index === token.index) {
        const { kinds } = answer;
        const known = KINDS.map(([name]) => kinds[name]).reduce((a, b) => a + b, 0);
        const parts = KINDS.map(([name, label, role]) => ({ label, role, value: kinds[name] }));
        parts.push({ label: "other", role: "eos", value: Math.max(1 - known, 0) });
        const words = parts.filter((part) => part.value >= 0.005);
        this.kinds.append(
          P2S.shares(parts),
          h("p", { class: "p2s-small" }, words.map((p) => `${p.label} ${P2S.probability(p.value)}`).join(" · "))
        );
      }
      const first = record.vocab.slots[0];
      const boundaries = record.tokens.filter((t) => t.slot === first || t.slot === "eos");
      const wanted = boundaries.findIndex((t) => t.eosProb > 0.5);
      clear(this.eos).append(P2S.bars(boundaries.map((t) => t.eosProb), "eos", wanted < 0 ? [] : [wanted]));
      if (wanted >= 0 && boundaries[wanted].slot !== "eos") {
        this.eos.append(h("p", { class: "p2s-small" }, this.afterStop(record, boundaries[wanted].object)));
      }
      clear(this.grammar).append(P2S.bars(record.tokens.map((t) => 1 - t.grammarMass), "noise"));
    }

    /** What was found after the place where the model would rather have stopped. */
    afterStop(record, object) {
      const later = this.stage.allObjects().filter((found) => found.object >= object);
      const noise = later.filter((found) => {
        const word = record.tokensOf(found.object, this.stage.shown).class;
        return word && record.kind(word.id) === "noise";
      });
      return (
        `EOS had more than half of the probability before object ${object + 1}. ` +
        `${P2S.count(later.length, "object")} came after it, ${noise.length} of them written as noise.`
      );
    }
  };
})();
