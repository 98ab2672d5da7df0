// A sheet that judges its answers: what is typed is compared with the right number and with those that known mistakes
// give. All of it comes with the page; nothing is asked of a server.

/**
 * @typedef {{ value: number, tolerance: number, wrong: [number, string][], hints: string[], solution: string }} Blank
 * @typedef {{ blanks: Record<string, Blank>, words: Record<string, string> }} Judged
 */

/**
 * What was typed as a number: "0.25", "0,25", "−1/4"; NaN for what is none.
 * @param {string} text
 */
export function numberOf(text) {
  const plain = text.trim().replace(",", ".").replace("−", "-");
  const match = /^([-+]?\d*\.?\d+(?:e[-+]?\d+)?)(?:\s*\/\s*(\d+\.?\d*))?$/i.exec(plain);
  return match ? Number(match[1]) / (match[2] === undefined ? 1 : Number(match[2])) : NaN;
}

/**
 * Whether an answer is right, and what is said of it; null where nothing was typed.
 * @param {Blank} blank
 * @param {string} text
 * @param {Record<string, string>} words
 */
export function judged(blank, text, words) {
  if (!text.trim()) return null;
  const answer = numberOf(text),
    near = (/** @type {number} */ x) => Math.abs(answer - x) <= blank.tolerance;
  if (!Number.isFinite(answer)) return { right: false, said: words.not_a_number };
  if (near(blank.value)) return { right: true, said: words.right };
  const found = blank.wrong.find(([value]) => near(value));
  const close = Math.abs(answer - blank.value) <= 0.03 * Math.abs(blank.value);
  const because = found ? found[1] : close ? words.rounding : "";
  return { right: false, said: `${words.wrong} ${because}`.trim() };
}

/**
 * Makes the boxes, buttons and the score of a sheet work.
 * @param {Document | HTMLElement} root
 */
export function practise(root) {
  const source = root.querySelector("#exercise");
  /** @type {Judged} */
  const { blanks, words } = JSON.parse(source?.textContent ?? "{}");
  /** @type {NodeListOf<HTMLInputElement>} */
  const boxes = root.querySelectorAll("[data-answer]");
  const score = root.querySelector("[data-score]");
  const place = (/** @type {string} */ kind, /** @type {string} */ name) =>
    [...root.querySelectorAll(`[data-${kind}]`)].find(
      (element) => element.getAttribute(`data-${kind}`) === name,
    );

  const count = () => {
    const right = [...boxes].filter((box) => box.dataset.state === "right").length;
    const said = words.marked.replace("{right}", `${right}`).replace("{n}", `${boxes.length}`);
    if (score) score.textContent = said;
  };
  for (const box of boxes) {
    const name = box.dataset.answer ?? "",
      said = place("said", name),
      button = place("hint", name),
      filled = place("blank", name)?.querySelector("span");
    let given = 0;
    box.addEventListener("change", () => {
      const result = judged(blanks[name], box.value, words);
      box.dataset.state = result ? (result.right ? "right" : "wrong") : "";
      box.setAttribute("aria-invalid", String(result !== null && !result.right));
      if (said) said.textContent = result?.said ?? "";
      if (filled) filled.textContent = result?.right ? box.value : "";
      count();
    });
    button?.addEventListener("click", () => {
      const line = document.createElement("p"),
        { hints } = blanks[name];
      if (given <= hints.length) place("hints", name)?.append(line);
      line.textContent = hints[given++] ?? words.no_more_hints;
    });
  }
  count();
  addEventListener("beforeprint", () => {
    for (const part of root.querySelectorAll("details")) part.open = true;
  });
}
