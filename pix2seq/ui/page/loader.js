// Starts the page's modules, and offers `window.P2S`. The modules come with the page, so nothing is
// fetched, whatever path or frame the page is in: each becomes a blob, after those that it imports.
// Those that the opening page does without are read afterwards. Gradio puts the head into the page
// twice; the second time there is nothing to do.

(([first, later]) => {
  if (window.P2S) return;
  /** @type {Map<string, string>} */
  const urls = new Map();
  /** @type {(entry: any) => any} */
  const offer = (entry) => {
    Object.defineProperties(window.P2S, Object.getOwnPropertyDescriptors(entry.windows));
    return entry;
  };
  /** @type {(modules: [string, string][]) => Promise<any>} what the last one exports */
  const read = (modules) => {
    /** @type {Promise<any>} */
    let last = Promise.resolve();
    for (const [name, text] of modules) {
      const bound = text.replace(/ from "#([^"]+)";$/gm, (_, other) => ` from "${urls.get(other)}";`);
      const source = `${bound}\n//# sourceURL=pix2seq/ui/${name}`; // its name for people who debug
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      urls.set(name, url);
      last = import(url); // read now, not when what needs it has been read
    }
    return last.then(offer);
  };
  /** @type {Promise<any> | undefined} */
  let rest;
  const others = () => (rest ??= page.then(() => read(later)));
  /**
   * Call one of the hooks; those that come early wait for the modules.
   * @type {Window["P2S"]["call"]}
   */
  const call = async (hook, ...given) => {
    const { hooks } = await page;
    return hook in hooks ? hooks[hook](...given) : (await others()).hooks[hook](...given);
  };
  window.P2S = { call };
  const page = read(first);
  const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ work) => setTimeout(work, 2000));
  page.then(({ windows }) => {
    windows.on("tour", () => call("openTour"));
    const shown = windows.on("drawn", () => shown() && idle(others));
  });
})(MODULES);
