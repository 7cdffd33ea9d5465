// A visitor's first model in Chromium, photographed from the click to the last step. `docs/record film` calls it.
//
//   node film.mjs DIST FOLDER     writes 000.png, 001.png, … into FOLDER; the last line is JSON: what they show, on which device, in which browser

import { Site, until } from "./site.mjs";

/** Milliseconds between two pictures. */
const APART = 3_000;
/** Milliseconds after which a run that does not end is given up. */
const PATIENCE = 900_000;

const [dist, folder] = process.argv.slice(2);
const site = await Site.open(dist, { webgpu: false });
try {
  const context = await site.profile({ viewport: { width: 960, height: 840 }, colorScheme: "dark" });
  const page = await site.tab(context, "?device=cpu");
  await until(page, ({ waiting, messages }) => waiting === 0 && messages.length === 0, "answers and no notices");
  let taken = 0;
  const picture = () => page.screenshot({ path: `${folder}/${String(taken++).padStart(3, "0")}.png` });
  await picture();
  await page.getByRole("button", { name: /^Grow your first model/ }).first().dispatchEvent("click");
  await until(page, ({ training }) => training.step > 0, "the first step", 120);
  // Without the introduction, the samples are in sight.
  await page.getByRole("button", { name: "Hide this", exact: true }).first().dispatchEvent("click");
  const end = performance.now() + PATIENCE;
  const state = () => page.evaluate(() => globalThis.glasshouse.state());
  for (let now = await state(); now.training.state !== "idle"; now = await state()) {
    if (performance.now() > end) throw new Error("the run did not come to its end");
    await picture();
    await page.waitForTimeout(APART);
  }
  await until(page, ({ waiting, messages }) => waiting === 0 && messages.length === 0, "answers and no notices");
  await page.waitForTimeout(APART);
  await picture();
  const { training, device } = await state();
  const shows = `a first model in a browser tab, from the click to step ${training.step} of ${training.steps}; each picture is ${APART / 1000} s after the one before`;
  console.log(JSON.stringify({ shows, device: device.name, browser: `Chromium ${site.browser.version().split(".")[0]}` }));
} finally {
  await site.closeProfiles();
  await site.close();
}
