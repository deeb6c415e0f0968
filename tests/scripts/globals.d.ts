// What is global in the browser: Gradio's settings, and what the loader offers.

interface Window {
  P2S: { call: (hook: string, ...given: unknown[]) => Promise<unknown> };
  gradio_config?: { root?: string; api_prefix?: string };
}

/** Every module of the page, (name, text): `assets.py` puts them here. */
declare const MODULES: [string, string][];
