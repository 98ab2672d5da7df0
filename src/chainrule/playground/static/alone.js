// The playground as a page of its own, without a server: one file.

import { learn, speak, t } from "../../report/static/words.js";
import { PlaygroundScreen } from "./screen.js";

async function main() {
  const words = document.getElementById("words"),
    page = /** @type {HTMLElement} */ (document.getElementById("page")),
    cursor = Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
    language = cursor.lang ?? ((navigator.language ?? "en").startsWith("ko") ? "ko" : "en");
  await learn(words?.textContent?.trim() ?? "");
  speak(language);
  document.documentElement.lang = language;
  if (cursor.theme) document.documentElement.dataset.theme = cursor.theme;
  document.title = t("playground.title");
  const keep = (/** @type {Record<string, any>} */ changes) => {
    Object.assign(cursor, changes);
    history.replaceState(null, "", `#${new URLSearchParams(cursor)}`);
  };
  const screen = new PlaygroundScreen(page, cursor, keep);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => screen.refresh());
  page.dataset.state = "ready";
}

main();
