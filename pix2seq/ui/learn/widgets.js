// Small parts that the Learn pages share: sliders, choices, chips, readouts, training pairs as tables.

import { h } from "#kit/elements.js";

let counter = 0;

/** Where the paper says it. */
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
  const place = (v) => (log ? Math.round((1000 * Math.log(v / min)) / ratio) : v);
  const read = (p) => (log ? Math.round(min * Math.exp((ratio * p) / 1000)) : Number(p));
  const output = h("output", { class: "p2s-mono", for: id });
  const input = h("input", {
    type: "range",
    id,
    min: log ? 0 : min,
    max: log ? 1000 : max,
    step: log ? 1 : step || 1,
  });
  const control = { value };
  control.set = (next) => {
    control.value = next;
    input.value = place(next);
    output.textContent = show(next);
    input.setAttribute("aria-valuetext", show(next));
  };
  control.range = (low, high) => {
    input.min = low;
    input.max = high;
    control.set(Math.min(Math.max(control.value, low), high));
  };
  input.addEventListener("input", () => {
    control.set(read(input.value));
    oninput(control.value);
  });
  control.node = h(
    "div",
    { class: "learn-slider" },
    h("label", { for: id, title: hint }, label),
    output,
    input
  );
  control.input = input;
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
  const control = {};
  control.set = (next) => inputs.forEach((input) => (input.checked = input.value === String(next)));
  control.node = h(
    "fieldset",
    { class: "learn-choice" },
    h("legend", {}, label),
    h(
      "div",
      { class: "learn-choice-row" },
      options.map(([, text, hint], i) => h("label", { title: hint }, inputs[i], h("span", {}, text)))
    )
  );
  control.set(value);
  return control;
};

export const check = ({ label, checked, onchange, hint }) => {
  const input = h("input", { type: "checkbox", onchange: () => onchange(input.checked) });
  input.checked = checked;
  return h("label", { class: "learn-check", title: hint }, input, h("span", {}, label));
};

export const button = (text, onclick, more) =>
  h("button", { type: "button", class: "p2s-button", onclick, ...more }, text);

/** A number with its name. Returns {node, set}. */
export const readout = (label, hint) => {
  const number = h("strong", { class: "p2s-mono" }, "–");
  return {
    node: h("div", { class: "learn-readout", title: hint }, number, h("span", {}, label)),
    set: (text) => (number.textContent = text),
  };
};

/** A token as in the Write tab's sentence; `fill` is a share of full strength. */
export const chip = (token, slot, fill = 0.55) =>
  h(
    "span",
    {
      class: "p2s-chip learn-chip",
      "data-slot": slot,
      "data-role": token.kind === "noise" ? "noise" : null,
      style: { "--fill": `${Math.round(6 + 34 * fill)}%` },
    },
    h("span", { class: "p2s-chip-text" }, token.text)
  );

// ---- training pairs -------------------------------------------------------------------------

const isNa = (column) => column.weight === 0;

const isWord = (text) => /\D/.test(text);

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
      title: column.corrupted ? "not the true class: the input may not give the answer away" : null,
    },
    column.input.text
  );
}

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
 * A training pair as one small table per object. `extra(column, index)` adds a row of cells;
 * `onfocus(object)` follows the pointer and the keyboard.
 * @param {any} view
 * @param {{extra?: (column: any, index: number) => Node, extraName?: string,
 *   onfocus?: (object: number | null) => void}} [more]
 */
export const pairTables = (view, { extra, extraName, onfocus } = {}) => {
  const groups = [];
  view.columns.forEach((column, index) => {
    if (column.object === groups.length) groups.push([]);
    groups[column.object].push([column, index]);
  });
  return groups.map((group, number) => {
    const object = view.objects[number];
    const kind = object ? (object.real ? "real" : "noise") : "blank";
    const title = object ? (object.real ? object.text : "noise object") : "nothing written";
    const row = (name, cells) => h("tr", {}, h("th", { scope: "row" }, name), cells);
    return h(
      "table",
      {
        class: "learn-pair",
        "data-kind": kind,
        "data-pair": number,
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
        "thead",
        {},
        h(
          "tr",
          {},
          h("td", {}),
          group.map(([column]) =>
            h("th", { scope: "col" }, h("span", { class: "p2s-column", "data-slot": column.slot }, column.slot))
          )
        )
      ),
      h(
        "tbody",
        {},
        row("input", group.map(([column]) => inputCell(view, column))),
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
    h("li", { "data-of": "real" }, "real object"),
    h("li", { "data-of": "noise" }, "noise object"),
    h("li", { class: "corrupted" }, "class hidden from the input"),
    h("li", { class: "na" }, "n/a: weight 0")
  );
