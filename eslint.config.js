import js from "@eslint/js";
import globals from "globals";

export default [
  {
    ignores: [
      "**",
      "!src/",
      "!src/chainrule/",
      "!src/chainrule/report/",
      "!src/chainrule/report/static/",
      "!src/chainrule/report/static/**",
      "!src/chainrule/playground/",
      "!src/chainrule/playground/static/",
      "!src/chainrule/playground/static/**",
      "!src/chainrule/exercises/",
      "!src/chainrule/exercises/static/",
      "!src/chainrule/exercises/static/**",
      "!src/chainrule/studio/",
      "!src/chainrule/studio/static/",
      "!src/chainrule/studio/static/**",
      "!tests/",
      "!tests/js/",
      "!tests/js/**",
      "!eslint.config.js",
    ],
  },
  js.configs.recommended,
  {
    files: ["src/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error", "no-shadow": "off" },
  },
  { files: ["tests/js/**/*.js", "eslint.config.js"], languageOptions: { globals: globals.node } },
];
