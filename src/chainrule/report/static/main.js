import { Numbers } from "./numbers.js";
import { summary, verifyStep } from "./verify.js";

const data = JSON.parse(document.getElementById("data").textContent);
const numbers = new Numbers(document.getElementById("numbers").textContent, data.places);
async function load(step) {
  const arrays = await numbers.all(step.arrays);
  const [eta, loss, penalty] = arrays.scalars.data;
  return { ...step, ...arrays, eta, loss, penalty, optimizer: data.settings.optimizer.name };
}
const out = document.createElement("pre"); document.getElementById("page").append(out);
const t0 = performance.now();
try {
for (const step of data.steps) {
  const checks = verifyStep(await load(step), data.architecture);
  out.textContent += JSON.stringify([step.step, summary(checks), checks.map(c=>[c.name, c.n, c.same, c.worst, c.bound, c.ok])]) + "\n";
}
} catch (e) { out.textContent += e.stack; }
out.textContent += `DONE ${performance.now() - t0}`;
