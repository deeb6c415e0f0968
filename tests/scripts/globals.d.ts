// What is global in the browser: Gradio's settings, and what the loader offers.

interface Window {
  P2S: { call: (hook: string, ...given: unknown[]) => Promise<unknown> };
  gradio_config?: { root?: string; api_prefix?: string };
}

/** The page's modules, (name, text), those that it opens with and the others: `assets.py` puts them here. */
declare const MODULES: [[string, string][], [string, string][]];
