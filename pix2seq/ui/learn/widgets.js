// Small parts that the Learn pages share: sliders, choices, chips, readouts, training pairs as tables.

import { h } from "#kit/elements.js";
import { filled, inHue } from "#kit/hues.js";

/** @import {Attributes} from "#kit/elements.js" */
/** @import {Frame} from "#kit/photo.js" */
/** @import {Slot} from "#kit/roles.js" */
/** @import {Answer} from "#learn/board.js" */

/** @typedef {{id: number, kind: string, text: string}} Word of the vocabulary */

/**
 * One position of a training pair: what goes in, what should come out.
 * @typedef {object} Column
 * @property {Slot} slot
 * @property {number} object
 * @property {Word} input
 * @property {Slot | "prompt"} input_slot
 * @property {number | null} input_object
 * @property {boolean} corrupted the input's class is not the true one
 * @property {Word} target
 * @property {number} weight
 */

/** @typedef {{box: Frame, real: boolean, place: number, text: string}} PairObject real ones have a place */
/** @typedef {Answer & {columns: Column[], objects: PairObject[], num_real: number}} PairView */

let counter = 0;

/**
 * Where the paper says it.
 * @param {string} text
 */
export const source = (text) =>
  h("span", { class: "learn-source", title: `Chen et al., Pix2seq, arXiv 2109.10852, ${text}` }, text);

/**
 * A labelled range. `log` spaces the values by ratio; `format` is what people read.
 * @param {{label: string, min: number, max: number, step?: number, value: number, log?: boolean,
 *   format?: (value: number) => string, oninput: (value: number) => void, hint?: string}} look
 */
export const slider = ({ label, min, max, step, value, log, format, oninput, hint }) => {
  const id = `learn-control-${(counter += 1)}`;
  const show = format || String;
  const ratio = Math.log(max / min);
  const place = (/** @type {number} */ v) => (log ? Math.round((1000 * Math.log(v / min)) / ratio) : v);
  const read = (/** @type {number} */ p) => (log ? Math.round(min * Math.exp((ratio * p) / 1000)) : p);
  const output = h("output", { class: "p2s-mono", for: id });
  const input = h("input", {
    type: "range",
    id,
    min: log ? 0 : min,
    max: log ? 1000 : max,
    step: log ? 1 : step || 1,
  });
  const control = {
    value,
    input,
    node: h("div", { class: "learn-slider" }, h("label", { for: id, title: hint }, label), output, input),
    set: (/** @type {number} */ next) => {
      control.value = next;
      input.value = String(place(next));
      output.textContent = show(next);
      input.setAttribute("aria-valuetext", show(next));
    },
    range: (/** @type {number} */ low, /** @type {number} */ high) => {
      input.min = String(low);
      input.max = String(high);
      control.set(Math.min(Math.max(control.value, low), high));
    },
  };
  input.addEventListener("input", () => {
    control.set(read(Number(input.value)));
    oninput(control.value);
  });
  control.set(value);
  return control;
};

/**
 * Radio buttons side by side. `options` are [value, text, hint].
 * @param {{label: string, options: string[][], value: string, onchange: (value: string) => void}} look
 */
export const choice = ({ label, options, value, onchange }) => {
  const name = `learn-choice-${(counter += 1)}`;
  const inputs = options.map(([option]) =>
    h("input", {
      type: "radio",
      name,
      value: option,
      class: "p2s-visually-hidden",
      onchange: () => onchange(option),
    })
  );
  const set = (/** @type {string} */ next) =>
    inputs.forEach((input) => (input.checked = input.value === next));
  const node = h(
    "fieldset",
    { class: "learn-choice" },
    h("legend", {}, label),
    h(
      "div",
      { class: "learn-choice-row" },
      options.map(([, text, hint], i) => h("label", { title: hint }, inputs[i], h("span", {}, text)))
    )
  );
  set(value);
  return { node, set };
};

/**
 * @param {{label: string, checked: boolean, onchange: (checked: boolean) => void, hint: string}} look
 */
export const check = ({ label, checked, onchange, hint }) => {
  const input = h("input", { type: "checkbox" });
  input.addEventListener("change", () => onchange(input.checked));
  input.checked = checked;
  return h("label", { class: "learn-check", title: hint }, input, h("span", {}, label));
};

/** @type {(text: string, onclick: () => void, more?: Attributes) => HTMLButtonElement} */
export const button = (text, onclick, more) =>
  h("button", { type: "button", class: "p2s-button", onclick, ...more }, text);

/**
 * A number with its name.
 * @param {string} label
 * @param {string} [hint]
 */
export const readout = (label, hint) => {
  const number = h("strong", { class: "p2s-mono" }, "–");
  return {
    node: h("div", { class: "learn-readout", title: hint }, number, h("span", {}, label)),
    set: (/** @type {string} */ text) => (number.textContent = text),
  };
};

/**
 * A token as in the Write tab's sentence; `fill` is a share of full strength.
 * @param {{text: string, kind?: string}} token
 * @param {Slot} slot
 * @param {number} [fill]
 */
export const chip = (token, slot, fill = 0.55) =>
  h(
    "span",
    {
      class: "p2s-chip learn-chip",
      "data-slot": slot,
      "data-role": token.kind === "noise" ? "noise" : null,
      ...inHue(slot === "class" ? token.text : "noise", filled(fill)),
    },
    h("span", { class: "p2s-chip-text" }, token.text)
  );

// ---- training pairs -------------------------------------------------------------------------

const isNa = (/** @type {Column} */ column) => column.weight === 0;

const isWord = (/** @type {string} */ text) => /\D/.test(text);

/** @type {(view: PairView, column: Column) => HTMLTableCellElement} */
function inputCell(view, column) {
  const object = column.input_object;
  const real = object !== null && view.objects[object] && view.objects[object].real;
  const blank = ["pad", "eos", "bos"].includes(column.input.kind);
  return h(
    "td",
    {
      "data-of": blank ? "blank" : real ? "real" : "noise",
      "data-word": isWord(column.input.text),
      class: column.corrupted ? "corrupted" : null,
      title: column.corrupted ? "not the true class: replaced, so that nothing leans on it" : null,
    },
    column.input.text
  );
}

/** @type {(view: PairView, column: Column) => HTMLTableCellElement} */
function targetCell(view, column) {
  const of = view.objects[column.object];
  if (isNa(column)) {
    return h("td", { class: "na", "data-of": of ? "noise" : "blank", title: "weight 0: not asked" }, "n/a");
  }
  const blank = ["pad", "eos"].includes(column.target.kind);
  return h(
    "td",
    {
      "data-of": blank || !of ? "blank" : of.real ? "real" : "noise",
      "data-word": isWord(column.target.text),
    },
    column.target.text
  );
}

/**
 * What each cell of the row below is; input and target are a step apart, so each has its own.
 * @param {string[]} slots
 */
const headings = (slots) =>
  h(
    "tr",
    { class: "learn-headings" },
    h("td", {}),
    slots.map((slot) =>
      h("td", {}, h("span", { class: "p2s-column", "data-slot": slot }, slot === "prompt" ? "BOS" : slot))
    )
  );

/**
 * A training pair as one small table per object. `extra(column, index)` adds a row of cells;
 * `onfocus(object)` follows the pointer and the keyboard.
 * @param {PairView} view
 * @param {{extra?: (column: Column, index: number) => Node, extraName?: string,
 *   onfocus?: (object: number | null) => void}} [more]
 */
export const pairTables = (view, { extra, extraName, onfocus } = {}) => {
  /** @type {[Column, number][][]} */
  const groups = [];
  view.columns.forEach((column, index) => {
    if (column.object === groups.length) groups.push([]);
    groups[column.object].push([column, index]);
  });
  return groups.map((group, number) => {
    const object = view.objects[number];
    const kind = object ? (object.real ? "real" : "noise") : "blank";
    const title = object ? (object.real ? object.text : "noise object") : "nothing written";
    /** @type {(name: string | undefined, cells: Node[]) => HTMLTableRowElement} */
    const row = (name, cells) => h("tr", {}, h("th", { scope: "row" }, name), cells);
    return h(
      "table",
      {
        class: "learn-pair",
        "data-kind": kind,
        "data-pair": number,
        ...(object?.real ? inHue(object.text) : {}),
        tabindex: 0,
        onmouseenter: () => onfocus && onfocus(number),
        onmouseleave: () => onfocus && onfocus(null),
        onfocus: () => onfocus && onfocus(number),
        onblur: () => onfocus && onfocus(null),
      },
      h(
        "caption",
        {},
        object && object.real ? h("span", { class: "learn-number" }, view.kept[object.place] + 1) : null,
        title
      ),
      h(
        "tbody",
        {},
        headings(group.map(([column]) => column.input_slot)),
        row("input", group.map(([column]) => inputCell(view, column))),
        headings(group.map(([column]) => column.slot)),
        row("target", group.map(([column]) => targetCell(view, column))),
        row(
          "weight",
          group.map(([column]) =>
            h("td", { class: `weight${isNa(column) ? " zero" : ""}` }, String(Number(column.weight.toFixed(2))))
          )
        ),
        extra ? row(extraName, group.map(([column, index]) => extra(column, index))) : null
      )
    );
  });
};

export const pairLegend = () =>
  h(
    "ul",
    { class: "learn-legend" },
    h("li", { "data-of": "real" }, "real object, in its class's colour"),
    h("li", { "data-of": "noise" }, "noise object"),
    h("li", { class: "corrupted" }, "class replaced in the input"),
    h("li", { class: "na" }, "n/a: weight 0")
  );
