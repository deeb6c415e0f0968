// What is global in the browser: Gradio's settings, and what the loader offers.

interface Window {
  P2S: { call: (hook: string, ...given: unknown[]) => Promise<unknown> };
  gradio_config?: { root?: string; api_prefix?: string };
}
