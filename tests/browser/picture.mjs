// A session in Chromium, photographed: the app's own page trains on the processor's workers, in a fresh profile. `docs/record` calls it.
//
//   node picture.mjs DIST FOLDER     the last line is JSON: of each picture its file, what it shows, on which device, in which browser

import { Site, event, send, until } from "./site.mjs";

const STEPS = 260;

const [dist, folder] = process.argv.slice(2);
const site = await Site.open(dist, { webgpu: false });
try {
  const context = await site.profile({ viewport: { width: 1280, height: 820 }, colorScheme: "light" });
  const page = await site.tab(context, "?page=train&device=cpu");
  const wish = { preset: "first-stories-small", seed: 1 };
  const config = await page.evaluate((wish) => globalThis.glasshouse.engine.configure(wish), wish);
  await send(page, { command: "create_project", name: "In the browser" });
  const over = send(page, { command: "train", config, stop_after: STEPS });
  await until(page, ({ training }) => training.step >= STEPS || training.sample, "steps", 300);
  const events = await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 240_000, []))]);
  if (!event(events, "training_ended")) throw new Error("the run did not come to its end");
  const state = await until(page, ({ waiting }) => waiting === 0, "answers");
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}/browser.png` });
  const browser = `Chromium ${site.browser.version().split(".")[0]}`;
  const shows = `the page in a browser after ${state.training.step} of ${state.training.steps} steps of first-stories-small`;
  // The model goes out as a file for llama.cpp, and is looked at as any other that is dropped here.
  const [{ name: run }] = event(await send(page, { command: "list_runs" }), "runs").runs;
  const text = await page.evaluate(async (run) => {
    const format = { kind: "gguf", quantization: "q8_0" };
    const events = await globalThis.glasshouse.send({ command: "export_model", run, format, to: null });
    const [file] = events.findLast(({ event }) => event === "exported").files;
    return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(""));
  }, run);
  await page.getByRole("tab", { name: "Runs" }).dispatchEvent("click");
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Import a model" }).dispatchEvent("click");
  const buffer = Buffer.from(text, "base64");
  await (await choosing).setFiles([{ name: "first-stories-small.gguf", mimeType: "application/octet-stream", buffer }]);
  await page.getByText("Import first-stories-small", { exact: true }).waitFor();
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}/browser-import.png` });
  const about = { device: state.device.name, browser };
  const pictures = [
    { file: "browser.png", shows, ...about },
    { file: "browser-import.png", shows: "a GGUF file before it is imported in a browser", ...about },
  ];
  console.log(JSON.stringify(pictures));
} finally {
  await site.closeProfiles();
  await site.close();
}
