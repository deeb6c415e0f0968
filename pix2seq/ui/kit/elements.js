// Element builders: what every drawing is made with. Text from a record, a file or a model reaches the
// page through textContent only.

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
export const h = (tag, attributes, ...children) =>
  append(apply(document.createElement(tag), attributes), children);

/** Build an SVG element. */
export const svg = (tag, attributes, ...children) =>
  append(apply(document.createElementNS(SVG_NS, tag), attributes), children);

/** Set attributes of an element that exists. */
export const set = apply;

export const clear = (node) => {
  node.replaceChildren();
  return node;
};
