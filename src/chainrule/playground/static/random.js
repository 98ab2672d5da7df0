// Random numbers from a seed, as a function of it alone: the same page shows the same points and weights.

/**
 * Numbers of [0, 1), one after another (a counter, mixed: Marsaglia and Steele's "splitmix", 32 bits).
 * @param {number} seed
 */
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 4294967296;
  };
}

/**
 * Standard normal numbers (Box and Muller).
 * @param {() => number} uniform
 */
export const normals = (uniform) => () =>
  Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

/**
 * The places 0 … n−1 in a random order.
 * @param {number} n
 * @param {() => number} uniform
 */
export function shuffled(n, uniform) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const k = Math.floor(uniform() * (i + 1));
    [order[i], order[k]] = [order[k], order[i]];
  }
  return order;
}
