// Elements without markup: everything a run says reaches the page as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg",
  MATH = "http://www.w3.org/1998/Math/MathML";

function build(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style")
      for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export const h = (tag, properties, ...children) =>
  build(document.createElement(tag), properties, children);
export const svg = (tag, properties, ...children) =>
  build(document.createElementNS(SVG, tag), properties, children);
const m = (tag, ...children) => build(document.createElementNS(MATH, tag), null, children);

// Formulas in MathML.
export const mi = (text) => m("mi", text);
export const mo = (text) => m("mo", text);
export const mspace = () => mo("\u2003");
export const mn = (text) => m("mn", String(text));
export const mrow = (...parts) => m("mrow", ...parts);
export const sub = (base, below) =>
  m(
    "msub",
    typeof base === "string" ? mi(base) : base,
    typeof below === "object" ? below : mn(below),
  );
export const sup = (base, above) => m("msup", base, above);
export const transpose = (base) => sup(base, mi("⊤"));
export const fraction = (over, under) => m("mfrac", over, under);
export const root = (inside) => m("msqrt", inside);
export const partial = (of, by) => fraction(mrow(mi("∂"), of), mrow(mi("∂"), by));
export const total = (index) => m("munder", mo("∑"), mi(index));
export const entry = (symbol, l, ...indices) =>
  mrow(
    l === null ? mi(symbol) : sub(symbol, l),
    mo("["),
    ...indices.flatMap((x, i) => [i ? mo(",") : null, typeof x === "number" ? mn(x) : mi(x)]),
    mo("]"),
  );

export function math(...parts) {
  const element = m("math", ...parts);
  return element;
}

// Replaces what an element holds; the focus stays on the part of the same name.
export function show(element, ...children) {
  const focused = element.contains(document.activeElement)
    ? document.activeElement.dataset?.focus
    : undefined;
  element.replaceChildren(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  if (focused === undefined) return;
  const again = [...element.querySelectorAll("[data-focus]")].find(
    (part) => part.dataset.focus === focused,
  );
  again?.focus({ preventScroll: true });
}

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
