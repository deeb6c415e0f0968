// Element builders: what every drawing is made with. Text from a record, a file or a model reaches the
// page through textContent only.

const SVG_NS = "http://www.w3.org/2000/svg";

/**
 * Properties and attributes by name; `onclick` and its like get their event.
 * @typedef {{[key: string]: unknown} & {[On in keyof GlobalEventHandlersEventMap as `on${On}`]?:
 *   (event: GlobalEventHandlersEventMap[On]) => unknown}} Attributes
 */
/** @typedef {unknown[]} Children nodes, texts, numbers, lists of them; what is absent is left out. */

/**
 * Keys that may be set as properties or attributes; markup never passes through here.
 * @template {Element} T
 * @param {T} node
 * @param {Attributes} [attributes]
 */
function apply(node, attributes) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.setAttribute("class", String(value));
    else if (key === "text") node.textContent = String(value);
    else if (key === "style" && typeof value === "object") {
      const { style } = /** @type {HTMLElement | SVGElement} */ (/** @type {unknown} */ (node));
      for (const [name, setting] of Object.entries(value)) style.setProperty(name, setting);
    } else if (key.startsWith("on") && typeof value === "function") {
      node.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    } else node.setAttribute(key, value === true ? "" : String(value));
  }
  return node;
}

/**
 * @template {Element} T
 * @param {T} node
 * @param {Children} children
 */
function append(node, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/**
 * Build an HTML element: `h("button", {class: "p2s-button", onclick: f}, "Run")`.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {Children} children
 */
export const h = (tag, attributes, ...children) =>
  append(apply(document.createElement(tag), attributes), children);

/**
 * Build an SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {Children} children
 */
export const svg = (tag, attributes, ...children) =>
  append(apply(document.createElementNS(SVG_NS, tag), attributes), children);

/** Set attributes of an element that exists. */
export const set = apply;

/**
 * The part of a component's template that is ours to fill.
 * @param {ParentNode} element
 * @param {string} selector
 */
export const partOf = (element, selector) => {
  const part = element.querySelector(selector);
  if (!(part instanceof HTMLElement)) throw new Error(`this component holds no ${selector}`);
  return part;
};

/**
 * @template {Element} T
 * @param {T} node
 */
export const clear = (node) => {
  node.replaceChildren();
  return node;
};
