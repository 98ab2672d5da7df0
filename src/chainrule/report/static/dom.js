// Elements without markup: everything a run says reaches the page as text, never as HTML.

/** @import { Child, Leaf, Properties } from "./types.js" */

const SVG = "http://www.w3.org/2000/svg",
  MATH = "http://www.w3.org/1998/Math/MathML";

/**
 * The leaves of nested lists, without those that are left out.
 * @param {Child[]} children
 */
const shown = (children) =>
  /** @type {(string | Node)[]} */ (
    /** @type {Leaf[]} */ (children.flat(Infinity)).filter(
      (child) => child !== null && child !== undefined && child !== false,
    )
  );

/**
 * @param {HTMLElement | SVGElement | MathMLElement} element
 * @param {Properties} properties
 * @param {Child[]} children
 * @returns {any}
 */
function build(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on"))
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "style")
      for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...shown(children));
  return element;
}

/**
 * @param {string} tag
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {any}
 */
export const h = (tag, properties, ...children) =>
  build(document.createElement(tag), properties ?? null, children);
/**
 * @param {string} tag
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {any}
 */
export const svg = (tag, properties, ...children) =>
  build(document.createElementNS(SVG, tag), properties ?? null, children);
/**
 * @param {string} tag
 * @param {...Child} children
 * @returns {Element}
 */
const m = (tag, ...children) => build(document.createElementNS(MATH, tag), null, children);

/**
 * Formulas in MathML.
 * @param {string} text
 */
export const mi = (text) => m("mi", text);
/**
 * @param {string} text
 */
export const mo = (text) => m("mo", text);
export const mspace = () => mo("\u2003");
/**
 * @param {string | number} text
 */
export const mn = (text) => m("mn", String(text));
/**
 * @param {...Child} parts
 */
export const mrow = (...parts) => m("mrow", ...parts);
/**
 * @param {string | Node} base
 * @param {string | number | Node} below
 */
export const sub = (base, below) =>
  m(
    "msub",
    typeof base === "string" ? mi(base) : base,
    typeof below === "object" ? below : mn(below),
  );
/**
 * @param {Node} base
 * @param {Node} above
 */
export const sup = (base, above) => m("msup", base, above);
/**
 * @param {Node} base
 */
export const transpose = (base) => sup(base, mi("⊤"));
/**
 * @param {Node} over
 * @param {Node} under
 */
export const fraction = (over, under) => m("mfrac", over, under);
/**
 * @param {Node} inside
 */
export const root = (inside) => m("msqrt", inside);
/**
 * @param {Node} of
 * @param {Node} by
 */
export const partial = (of, by) => fraction(mrow(mi("∂"), of), mrow(mi("∂"), by));
/**
 * @param {string} index
 */
export const total = (index) => m("munder", mo("∑"), mi(index));
/**
 * @param {string} symbol
 * @param {number | null} l
 * @param {...(number | string)} indices
 */
export const entry = (symbol, l, ...indices) =>
  mrow(
    l === null ? mi(symbol) : sub(symbol, l),
    mo("["),
    ...indices.flatMap((x, i) => [i ? mo(",") : null, typeof x === "number" ? mn(x) : mi(x)]),
    mo("]"),
  );

/**
 * @param {...Child} parts
 */
export function math(...parts) {
  const element = m("math", ...parts);
  return element;
}

/**
 * Replaces what an element holds; the focus stays on the part of the same name.
 * @param {HTMLElement} element
 * @param {...Child} children
 */
export function show(element, ...children) {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  const focused = element.contains(active) ? active?.dataset?.focus : undefined;
  element.replaceChildren(...shown(children));
  if (focused === undefined) return;
  const again = [
    .../** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("[data-focus]")),
  ].find((part) => part.dataset.focus === focused);
  again?.focus({ preventScroll: true });
}

/**
 * @param {string} text
 * @param {HTMLElement} button
 * @param {string} done
 */
export async function copy(text, button, done) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = done;
  setTimeout(() => {
    button.textContent = before;
  }, 1500);
}
