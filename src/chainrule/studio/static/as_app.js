// A run of the studio as the report's drawing modules take it, with more data.

/**
 * @param {any} studio
 * @param {Record<string, any>} more
 * @param {Record<string, any>} [others]
 * @returns {any}
 */
export function asApp(studio, more, others = {}) {
  const { view, cursor } = studio;
  view.followers = [];
  Object.assign(view.state, { lang: cursor.lang });
  return Object.assign(Object.create(view), {
    data: { ...view.data, steps: [], ...more },
    ...others,
  });
}

/**
 * Opens a step on its screen.
 * @param {any} studio
 * @param {number} step
 */
export async function openStep(studio, step) {
  await studio.view.openAt(step);
  await studio.openScreen("step");
}
