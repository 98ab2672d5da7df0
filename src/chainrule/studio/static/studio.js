// The studio: which run and which screen are open, what the stream tells, and the frame around the screens.

import { h, show } from "../../report/static/dom.js";
import { LANGUAGES, speak, t, tIn } from "../../report/static/words.js";
import { readCursor, writeCursor } from "./cursor.js";
import { get, listen } from "./net.js";
import { RunView } from "./run_view.js";
import { SCREENS } from "./screens.js";

/** @import { Listed, Screen, Status, Told } from "./types.js" */

const THEMES = ["auto", "light", "dark"],
  FACTS_MS = 1000;

export class Studio {
  /**
   * @param {HTMLElement} page
   */
  constructor(page) {
    this.cursor = readCursor();
    this.cursor.lang ??= (navigator.language ?? "en").toLowerCase().startsWith("ko") ? "ko" : "en";
    this.cursor.screen = this.nameOf(this.cursor.screen);
    /** @type {Listed[]} */
    this.runs = [];
    /** @type {Map<string, Status>} */
    this.statuses = new Map();
    /** @type {RunView | null} */
    this.view = null;
    /** @type {Screen | null} */
    this.screen = null;
    this.failure = "";
    this.isGone = false;
    this.factsAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.factsLater = undefined;
    this.head = h("header", { class: "studio-head" });
    this.main = h("main", { class: "studio-main", id: "main" });
    page.replaceChildren(this.head, this.main);
  }

  /**
   * @param {string | undefined} given
   */
  nameOf(given) {
    return SCREENS.some(({ name }) => name === given) ? given : SCREENS[0].name;
  }

  async begin() {
    listen((message) => this.hear(message));
    addEventListener("hashchange", () => this.follow());
    await this.list();
    await this.openRun(this.cursor.run);
  }

  async list() {
    this.runs = (await get("/api/runs")).runs;
  }

  get status() {
    return this.statuses.get(this.cursor.run);
  }

  // Whether the run shown is a training that goes on.
  get isLive() {
    return Boolean(this.status && !["ended", "failed"].includes(this.status.state));
  }

  // The address was changed by hand, or by a link.
  async follow() {
    /** @type {Record<string, any>} */
    const wanted = { lang: this.cursor.lang, theme: this.cursor.theme, ...readCursor() };
    const run = wanted.run ?? this.cursor.run,
      isOther = run !== this.cursor.run;
    Object.assign(this.cursor, wanted, { screen: this.nameOf(wanted.screen) });
    if (isOther) return this.openRun(run);
    await this.openScreen(this.cursor.screen);
  }

  /**
   * @param {string | undefined} id
   */
  async openRun(id) {
    const found = this.runs.find((one) => one.id === id) ?? this.runs[0];
    this.failure = "";
    this.view = null;
    if (found) {
      if (this.cursor.run !== found.id && this.cursor.run)
        for (const name of ["step", "row", "op", "why", "with"]) delete this.cursor[name];
      this.cursor.run = found.id;
      await this.facts();
    }
    await this.openScreen(this.cursor.screen);
  }

  // The facts of the run as they are now.
  async facts() {
    const id = this.cursor.run;
    try {
      const about = await get(`/api/runs/${id}/about`);
      if (this.cursor.run !== id || about.waits) return;
      const view = /** @type {RunView | null} */ (this.view);
      if (view && view.id === id) view.take(about);
      else this.view = new RunView(id, about, () => this.draw());
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    this.factsAt = performance.now();
  }

  factsSoon() {
    if (this.factsLater !== undefined) return;
    const wait = Math.max(0, this.factsAt + FACTS_MS - performance.now());
    this.factsLater = setTimeout(async () => {
      this.factsLater = undefined;
      await this.facts();
      this.told();
    }, wait);
  }

  /**
   * @param {string} name
   */
  async openScreen(name) {
    this.cursor.screen = name;
    const { load } = SCREENS.find((one) => one.name === name) ?? SCREENS[0];
    this.screen = await load();
    this.main.replaceChildren();
    this.drawFrame();
    await this.draw();
  }

  /**
   * @param {Told} message
   */
  hear(message) {
    if (message.kind === "hello") return this.view ? this.factsSoon() : undefined;
    if (message.kind === "bye") {
      this.isGone = true;
      return this.drawFrame();
    }
    for (const status of message.runs ?? []) {
      const before = this.statuses.get(status.id);
      this.statuses.set(status.id, status);
      if (!this.runs.some(({ id }) => id === status.id) || before?.state !== status.state)
        this.list().then(() => this.drawFrame());
      if (status.id === this.cursor.run) this.hearOfRun(status, before);
    }
  }

  /**
   * @param {Status} status
   * @param {Status | undefined} before
   */
  hearOfRun(status, before) {
    const fits = this.view?.grow(status) ?? false;
    const changed =
      before?.n_epochs !== status.n_epochs ||
      before?.n_events !== status.n_events ||
      before?.state !== status.state;
    if (!fits || changed) this.factsSoon();
    this.told();
  }

  told() {
    if (this.screen?.told) this.screen.told(this.main, this);
    else if (this.main.childElementCount === 0) this.draw();
  }

  /**
   * Draws the screen; what goes wrong is said on it.
   */
  async draw() {
    const { lang, theme } = this.cursor,
      html = document.documentElement;
    speak(lang);
    html.lang = lang;
    if (theme === undefined) delete html.dataset.theme;
    else html.dataset.theme = theme;
    document.title = `${t(`studio.screen_${this.cursor.screen}`)} · chainrule studio`;
    try {
      if (this.failure) throw new Error(this.failure);
      await this.screen?.draw(this.main, this);
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      show(this.main, h("p", { class: "refused", role: "alert" }, said));
    }
    if (this.view) Object.assign(this.cursor, this.view.cursor());
    writeCursor(this.cursor);
  }

  /**
   * @param {Record<string, any>} changes
   */
  set(changes) {
    Object.assign(this.cursor, changes);
    for (const [name, value] of Object.entries(changes))
      if (value === undefined) delete this.cursor[name];
    this.main.replaceChildren();
    this.draw().then(() => this.drawFrame());
  }

  drawFrame() {
    speak(this.cursor.lang);
    const { lang, theme = "auto", run, screen } = this.cursor;
    show(
      this.head,
      h(
        "a",
        { class: "skip", href: "#main", onclick: (/** @type {any} */ e) => this.skip(e) },
        t("skip"),
      ),
      h(
        "div",
        { class: "studio-top" },
        h("p", { class: "brand" }, "chainrule ", h("span", null, "studio")),
        this.runChoice(run),
        h(
          "div",
          { class: "switches" },
          this.choice("lang", LANGUAGES, lang, t("language"), (code) => tIn(code, "language_name")),
          this.choice("theme", THEMES, theme, t("theme"), (name) => t(`theme_${name}`)),
        ),
      ),
      this.isGone ? h("p", { class: "refused", role: "alert" }, t("studio.gone")) : null,
      h(
        "nav",
        { class: "screens", "aria-label": t("studio.screens") },
        SCREENS.map(({ name }) =>
          h(
            "button",
            {
              type: "button",
              class: "screen-tab",
              "data-focus": `screen-${name}`,
              "aria-current": name === screen ? "page" : null,
              onclick: () => this.openScreen(name),
            },
            t(`studio.screen_${name}`),
          ),
        ),
      ),
    );
  }

  /**
   * @param {Event} event
   */
  skip(event) {
    event.preventDefault();
    this.main.querySelector("button, input, select, [tabindex]")?.focus();
  }

  /**
   * @param {string | undefined} run
   */
  runChoice(run) {
    const options = this.runs.map(({ id, name, state }) =>
      h(
        "option",
        { value: id, selected: id === run },
        state === "stored" ? name : `${name} (${t(`studio.state_${state}`)})`,
      ),
    );
    return h(
      "label",
      { class: "run-choice" },
      h("span", null, t("studio.run")),
      h(
        "select",
        {
          id: "run",
          "data-focus": "run",
          onchange: (/** @type {any} */ event) => this.openRun(event.target.value),
        },
        options.length ? options : h("option", null, t("studio.no_run")),
      ),
    );
  }

  /**
   * @param {string} name
   * @param {string[]} values
   * @param {string} current
   * @param {string} title
   * @param {(value: string) => string} say
   */
  choice(name, values, current, title, say) {
    return h(
      "div",
      { role: "group", "aria-label": title },
      values.map((value) =>
        h(
          "button",
          {
            type: "button",
            class: "switch",
            lang: name === "lang" ? value : null,
            "data-focus": `${name}-${value}`,
            "aria-pressed": String(value === current),
            onclick: () => this.set({ [name]: value === "auto" ? undefined : value }),
          },
          say(value),
        ),
      ),
    );
  }
}
