// The page's one namespace, and what every tab may use: token roles, number formats, element
// builders. Text from a record, a file or a model reaches the page through textContent only.

window.P2S = window.P2S || {};

(() => {
  const SVG_NS = "http://www.w3.org/2000/svg";

  // Keys that may be set as properties or attributes; markup never passes through here.
  function apply(node, attributes) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "class") node.setAttribute("class", value);
      else if (key === "text") node.textContent = String(value);
      else if (key === "style" && typeof value === "object") {
        for (const [name, setting] of Object.entries(value)) node.style.setProperty(name, setting);
      } else if (key.startsWith("on") && typeof value === "function") {
        node.addEventListener(key.slice(2), value);
      } else node.setAttribute(key, value === true ? "" : String(value));
    }
    return node;
  }

  function append(node, children) {
    for (const child of children.flat()) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  }

  /** Build an HTML element: `h("button", {class: "p2s-button", onclick: f}, "Run")`. */
  P2S.h = (tag, attributes, ...children) =>
    append(apply(document.createElement(tag), attributes), children);

  /** Build an SVG element. */
  P2S.svg = (tag, attributes, ...children) =>
    append(apply(document.createElementNS(SVG_NS, tag), attributes), children);

  /** Set attributes of an element that exists. */
  P2S.set = apply;

  P2S.clear = (node) => {
    node.replaceChildren();
    return node;
  };

  // ---- token roles --------------------------------------------------------------------------

  P2S.SLOTS = ["ymin", "xmin", "ymax", "xmax", "class"];
  P2S.isVertical = (slot) => slot === "ymin" || slot === "ymax"; // measures along y
  P2S.isCoordinate = (slot) => P2S.SLOTS.indexOf(slot) >= 0 && slot !== "class";

  /** The CSS variable of a role: ymin, xmin, ymax, xmax, class, eos, noise. */
  P2S.roleColour = (role) => `var(--p2s-${role})`;

  P2S.ROLE_MEANING = {
    ymin: "top edge",
    xmin: "left edge",
    ymax: "bottom edge",
    xmax: "right edge",
    class: "what it is",
    eos: "end of the sentence",
  };

  // ---- numbers for reading ------------------------------------------------------------------

  /** 0.934 -> "0.93"; very small and very large probabilities keep their meaning. */
  P2S.probability = (p) => {
    if (!Number.isFinite(p)) return "–";
    if (p > 0 && p < 0.005) return "<0.01";
    if (p < 1 && p > 0.995) return ">0.99";
    return p.toFixed(2);
  };

  P2S.nats = (value) => (Number.isFinite(value) ? `${value.toFixed(2)} nats` : "–");
  P2S.count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

  // ---- small helpers ------------------------------------------------------------------------

  P2S.reducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Run `task` once per frame however often it is asked for; it also runs in hidden tabs. */
  P2S.onceAFrame = (task) => {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      const go = () => {
        if (!waiting) return;
        waiting = false;
        task();
      };
      requestAnimationFrame(go);
      setTimeout(go, 120);
    };
  };

  /** Save data the page holds as a file. `content` is a Blob. */
  P2S.download = (name, content) => {
    const url = URL.createObjectURL(content);
    const link = P2S.h("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  /** Follow a component whose value is one JSON text; a text that cannot be read changes nothing. */
  P2S.followJson = (bridge, take) => {
    const read = () => {
      let data = null;
      try {
        data = JSON.parse(bridge.props.value);
      } catch (error) {
        return;
      }
      if (data) take(data);
    };
    read();
    bridge.watch("value", read);
  };

  /** Keeps a panel at the picture of *Write*: `look` is asked for when the panel comes into view, or
      ends what it was doing, with another picture than the one it shows. */
  P2S.PictureFollower = class PictureFollower {
    constructor(panel, { shown, busy, look }) {
      Object.assign(this, { panel, shown, busy, look });
      this.source = undefined;
      new ResizeObserver(() => this.check()).observe(panel);
    }

    check() {
      const stage = P2S.stage && P2S.stage();
      if (!stage || !this.panel.clientWidth || this.busy()) return;
      const { image } = stage.record;
      const source = image ? image.id : null;
      if (source === this.source) return;
      this.source = source;
      if (source === null || this.shown() !== source) this.look();
    }
  };

  // ---- a tiny event bus between tabs --------------------------------------------------------

  const listeners = new Map();
  P2S.on = (name, callback) => {
    if (!listeners.has(name)) listeners.set(name, new Set());
    listeners.get(name).add(callback);
    return () => listeners.get(name).delete(callback);
  };
  P2S.emit = (name, detail) => {
    for (const callback of listeners.get(name) || []) callback(detail);
  };
})();
