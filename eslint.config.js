// Rules for the page's scripts: what is likely a mistake, and what the type checker cannot see.
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".venv/", "build/", "dist/", "runs/"] },
  js.configs.recommended,
  {
    files: ["pix2seq/ui/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": ["error", { caughtErrors: "none" }],
    },
  },
  {
    files: ["pix2seq/ui/page/loader.js"],
    languageOptions: { sourceType: "script" },
  },
  {
    files: ["*.js", "tests/scripts/*.js"],
    languageOptions: { globals: globals.node },
  },
];
