// What the page says to the studio's server, and hears from it.

/** @import { Told } from "./types.js" */

const AGAIN_MS = 400;
const CHANNEL = "chainrule-studio";

export class Refused extends Error {}

/**
 * @param {Response} response
 */
async function read(response) {
  if (response.status === 202) return null;
  const values = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(values.error ?? `${response.status}`);
  return values;
}

/**
 * What the server knows, asked for again while it is being made.
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}) {
  const asked = new URLSearchParams(Object.entries(query).map(([name, x]) => [name, String(x)]));
  for (;;) {
    const values = await read(await fetch(asked.size ? `${path}?${asked}` : path));
    if (values !== null) return values;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/**
 * The sentences, packed.
 */
export async function words() {
  return (await fetch("/words")).text();
}

/**
 * @param {string} path
 * @param {Record<string, any>} [body]
 * @returns {Promise<any>}
 */
export async function post(path, body = {}) {
  const token = document.querySelector('meta[name="chainrule-change"]')?.getAttribute("content");
  const headers = { "Content-Type": "application/json", "X-Chainrule-Token": token ?? "" };
  return read(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/**
 * Listens to the one stream of this browser: the tab that holds the lock reads it and tells the others.
 * @param {(message: Told) => void} hear
 */
export function listen(hear) {
  const channel = new BroadcastChannel(CHANNEL + location.port);
  channel.onmessage = ({ data }) => hear(data);
  const tell = (/** @type {Told} */ message) => {
    hear(message);
    channel.postMessage(message);
  };
  const lead = () =>
    new Promise((resolve) => {
      const stream = new EventSource("/events");
      const on = (/** @type {"hello" | "news"} */ kind) =>
        stream.addEventListener(kind, ({ data }) => tell({ kind, ...JSON.parse(data) }));
      on("hello");
      on("news");
      stream.addEventListener("bye", () => {
        stream.close();
        tell({ kind: "bye", n: 0 });
        resolve(null);
      });
      addEventListener("pagehide", () => {
        stream.close();
        resolve(null);
      });
    });
  navigator.locks.request(CHANNEL, lead);
}
