// A tab that trains for a long time: memory of its processes must stay flat.
//
//   node soak.mjs DIST SECONDS     prints memory and steps each minute; the last line is `N passed, M failed`

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Site, send, until } from "./site.mjs";

/** Bytes by which memory may grow after the first quarter, beyond a tenth of what it is. */
const GROWTH = 32 << 20;

/** Bytes of Chromium's processes that are no file's. */
async function held(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const of = ({ id }) => Number(/^RssAnon:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]);
  return processInfo.reduce((sum, process) => sum + 1024 * of(process), 0);
}

const [dist, seconds] = process.argv.slice(2);
const parts = Math.max(4, Math.floor(Number(seconds) / 60));
const site = await Site.open(dist);
let failed = 0;
try {
  const page = await site.tab(await site.profile(), "?page=train");
  await send(page, { command: "create_project", name: "Soak" });
  await page.evaluate(async () => {
    const train = { eval_interval: 50, sample_interval: 100, checkpoint_interval: 200 };
    const config = await globalThis.glasshouse.engine.configure({ preset: "first-stories", steps: 1_000_000, config: { train } });
    globalThis.glasshouse.send({ command: "train", config });
  });
  await until(page, ({ training }) => training.step > 0, "a step");
  const began = Date.now();
  let settled;
  let bytes;
  let before = { step: 0, at: began };
  for (let part = 1; part <= parts; part += 1) {
    await page.waitForTimeout(Math.max(0, began + (Number(seconds) * 1000 * part) / parts - Date.now()));
    const { training } = await page.evaluate(() => globalThis.glasshouse.state());
    assert.equal(training.state, "running");
    bytes = await held(site.browser);
    const now = { step: training.step, at: Date.now() };
    const rate = ((now.step - before.step) * 1000) / (now.at - before.at);
    console.log(
      `soak: ${((now.at - began) / 60_000).toFixed(1)} min: ${(bytes / 1e6).toFixed(1)} MB, step ${now.step}, ${rate.toFixed(1)} steps/s`,
    );
    before = now;
    if (part === Math.floor(parts / 4)) settled = bytes;
  }
  assert(bytes <= settled * 1.1 + GROWTH, `memory grew from ${settled} to ${bytes} bytes`);
} catch (error) {
  failed = 1;
  console.log(error.stack);
} finally {
  await site.close();
}
console.log(`${1 - failed} passed, ${failed} failed`);
process.exitCode = failed;
