// Starts the page's modules, and offers `window.P2S`. Modules and styles come with the page, so nothing
// is fetched, whatever path or frame the page is in: each module is the body of a function that gets
// what it imports (`scripts.py`). Those that the opening page does without are read afterwards, with
// their styles. Gradio puts the head into the page twice; the second time there is nothing to do.

if (!window.P2S) {
  /** @type {Map<string, any>} what each module exports */
  const read = new Map();
  /** @type {(id: string) => any} what the last of an element's modules exports, which it offers */
  const start = (id) => {
    /** @type {[[string, string][], string]} */
    const [modules, style] = JSON.parse(/** @type {Element} */ (document.getElementById(id)).textContent ?? "");
    if (style) document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
    for (const [name, body] of modules) {
      const source = `(_from) => {"use strict"; ${body}\n}\n//# sourceURL=pix2seq/ui/${name}`; // for people who debug
      read.set(name, (0, eval)(source)((/** @type {string} */ other) => read.get(other)));
    }
    const entry = read.get(modules[modules.length - 1][0]);
    Object.defineProperties(window.P2S, Object.getOwnPropertyDescriptors(entry.windows));
    return entry;
  };
  /** @type {any} */
  let rest;
  const others = () => (rest ??= start("p2s-later"));
  window.P2S = {
    call: async (hook, ...given) => (hook in page.hooks ? page : others()).hooks[hook](...given),
  };
  const page = start("p2s-opening");
  const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ work) => setTimeout(work, 2000));
  page.windows.on("tour", () => window.P2S.call("openTour"));
  const shown = page.windows.on("drawn", () => shown() && idle(others));
}
