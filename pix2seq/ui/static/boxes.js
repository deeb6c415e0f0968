// Finished objects: a box in the class colour with a number and a name. Objects are told apart by
// number and by focus: pointing at one dims the others. Noise is grey, dashed, hatched.

(() => {
  const { svg, set, h } = P2S;
  const measure = document.createElement("canvas").getContext("2d");

  function textWidth(text) {
    measure.font = "600 12px system-ui, sans-serif";
    return measure.measureText(text).width;
  }

  function overlap(a, b) {
    const across = a.x < b.x + b.width && b.x < a.x + a.width;
    return across && a.y < b.y + b.height && b.y < a.y + a.height;
  }

  P2S.Boxes = class Boxes {
    constructor(photo) {
      this.photo = photo;
      this.nodes = new Map();
      this.places = new Map(); // object -> where its name stands
      this.run = null;
      this.stale = true;
      const hatch = svg(
        "pattern",
        { id: "p2s-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
        svg("path", { d: "M0 6 L6 0", class: "p2s-hatch-line" })
      );
      photo.svg.prepend(svg("defs", {}, hatch));
    }

    draw(record, shown) {
      const { stage } = this.photo;
      if (record.run !== this.run) {
        this.nodes.forEach((node) => node.remove());
        this.nodes.clear();
        this.places.clear();
        this.run = record.run;
      }
      const visible = [...stage.visibleObjects(), ...this.peek(stage)];
      const wanted = new Set(visible.map((found) => found.object));
      for (const [object, node] of this.nodes) {
        if (!wanted.has(object)) {
          node.remove();
          this.nodes.delete(object);
          this.places.delete(object);
        }
      }
      for (const found of visible) this.place(record, found);
      this.focus(stage.focus());
      this.stale = false;
    }

    /** An object that the filters hide, as long as somebody looks at its tokens. */
    peek(stage) {
      const focus = stage.focus();
      const found = focus === null ? null : stage.objectOnView(focus);
      return found && ["below", "dropped"].includes(found.state) ? [found] : [];
    }

    place(record, found) {
      const [x0, y0, x1, y1] = found.box;
      const { photo } = this;
      const box = {
        x: photo.x(x0),
        y: photo.y(y0),
        width: (x1 - x0) * photo.rect.scale,
        height: (y1 - y0) * photo.rect.scale,
      };
      const name = record.className(found.label);
      const key = JSON.stringify([box, name, found.score, found.state]);
      let node = this.nodes.get(found.object);
      if (node && node.p2sKey === key) return;
      if (node) node.remove();
      const peeked = ["below", "dropped"].includes(found.state);
      const fate = peeked ? " · hidden" : "";
      const text = `${found.object + 1}  ${name} ${P2S.probability(found.score)}${fate}`;
      node = svg(
        "g",
        {
          class: `p2s-box ${found.state}`,
          [peeked ? "data-peek" : "data-box"]: found.object,
          "data-label": name,
          "data-score": found.score.toFixed(4),
          "data-state": found.state,
        },
        svg("rect", { class: "p2s-box-halo", ...box }),
        svg("rect", { class: "p2s-box-line", ...box }),
        this.label(text, box, found.object)
      );
      node.p2sKey = key;
      this.photo.layers.boxes.append(node);
      this.nodes.set(found.object, node);
    }

    /** The name at the first place around the box where no other name stands. */
    label(text, box, object) {
      const { rect } = this.photo;
      const width = textWidth(text) + 10;
      const height = 17;
      const right = rect.x + rect.w - width;
      const bottom = rect.y + rect.h - height;
      const within = (x, y) => ({
        x: Math.max(rect.x, Math.min(x, right)),
        y: Math.max(rect.y, Math.min(y, bottom)),
        width,
        height,
      });
      const end = box.x + box.width - width;
      const places = [
        within(box.x - 1, box.y - height),
        within(box.x + 1, box.y + 1),
        within(end, box.y - height),
        within(box.x + 1, box.y + box.height - height - 1),
        within(box.x - 1, box.y + box.height),
        within(end, box.y + 1),
        ...[2, 3, 4, 5].map((line) => within(box.x + 1, box.y + line * height)),
      ];
      const taken = [...this.places].filter(([other]) => other !== object).map(([, place]) => place);
      const free = places.find((place) => !taken.some((other) => overlap(place, other)));
      const place = free || places[0];
      this.places.set(object, place);
      return svg(
        "g",
        { class: "p2s-box-label", transform: `translate(${place.x} ${place.y})` },
        svg("rect", { width, height, rx: 2 }),
        svg("text", { x: 5, y: 12.5 }, text)
      );
    }

    /** Dim all but one object; `null` shows all alike. */
    focus(object) {
      for (const [key, node] of this.nodes) {
        node.classList.toggle("focus", key === object);
        node.classList.toggle("dim", object !== null && key !== object);
        if (key === object) this.photo.layers.boxes.append(node);
      }
    }

    /** The smallest box under a point of the picture, so that nested objects stay reachable. */
    at(point) {
      let best = null;
      let least = Infinity;
      for (const found of this.photo.stage.visibleObjects()) {
        const [x0, y0, x1, y1] = found.box;
        const inside = point.x >= x0 && point.x <= x1 && point.y >= y0 && point.y <= y1;
        const area = (x1 - x0) * (y1 - y0);
        if (inside && area < least) [best, least] = [found.object, area];
      }
      return best;
    }
  };
})();
