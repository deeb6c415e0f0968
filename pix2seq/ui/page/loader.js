// Starts the page's modules, and offers `window.P2S`. The modules come with the page, so nothing is
// fetched, whatever path or frame the page is in: each becomes a blob, after those that it imports.
// Gradio puts the head into the page twice; the second time there is nothing to do.

((/** @type {[string, string][]} */ modules) => {
  if (window.P2S) return;
  /** @type {Map<string, string>} */
  const urls = new Map();
  for (const [name, text] of modules) {
    const bound = text.replace(/ from "#([^"]+)";$/gm, (_, other) => ` from "${urls.get(other)}";`);
    const source = `${bound}\n//# sourceURL=pix2seq/ui/${name}`; // its name for people who debug
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    urls.set(name, url);
    import(url); // read now, not when what needs it has been read
  }
  const page = import(urls.get("page/hooks.js") ?? "");
  /**
   * Call one of the hooks; those that come early wait for the modules.
   * @type {Window["P2S"]["call"]}
   */
  const call = async (hook, ...given) => (await page).hooks[hook](...given);
  window.P2S = { call };
  page.then(({ windows }) =>
    Object.defineProperties(window.P2S, Object.getOwnPropertyDescriptors(windows))
  );
})(MODULES);
