// A session in Chromium, photographed: the app's own page trains on the CPU's workers, in a fresh profile. `docs/record` calls it.
//
//   node picture.mjs DIST FOLDER     the last line is JSON: of each picture its file, what it shows, on which device, in which browser

import { rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Site, event, send, until } from "./site.mjs";

const PROJECT = "In the browser";
const STEPS = 260;
const TUNED = 200;

const [dist, to] = process.argv.slice(2);
const folder = resolve(to);
const site = await Site.open(dist, { webgpu: false });
try {
  const context = await site.profile({ viewport: { width: 1280, height: 820 }, colorScheme: "light" });
  const page = await site.tab(context, "?page=train&device=cpu");
  const wish = { preset: "first-stories-small", seed: 1 };
  const config = await page.evaluate((wish) => globalThis.glasshouse.engine.configure(wish), wish);
  await send(page, { command: "create_project", name: PROJECT });
  const over = send(page, { command: "train", config, stop_after: STEPS });
  await until(page, ({ training }) => training.step >= STEPS || training.sample, "steps", 300);
  const events = await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 240_000, []))]);
  if (!event(events, "training_ended")) throw new Error("the run did not come to its end");
  // Notices float above the page for some seconds, and would lie on what a picture shows.
  const rested = () => until(page, ({ waiting, messages }) => waiting === 0 && messages.length === 0, "answers and no notices");
  const state = await rested();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}/browser.png` });
  const browser = `Chromium ${site.browser.version().split(".")[0]}`;
  const shows = `the page in a browser after ${state.training.step} of ${state.training.steps} steps of first-stories-small`;
  const [{ name: run }] = event(await send(page, { command: "list_runs" }), "runs").runs;
  const pictures = [{ file: "browser.png", shows }];
  const picture = async (name, shows) => {
    await rested();
    await page.waitForTimeout(800);
    await page.screenshot({ path: `${folder}/${name}.png` });
    pictures.push({ file: `${name}.png`, shows });
  };
  const press = (role, name) => page.getByRole(role, { name, exact: true }).first().dispatchEvent("click");

  // Settings are chosen by experiment.
  await press("tab", "Train");
  await press("tab", "Search");
  await press("button", "Test learning rates");
  await page.getByText(/^(Suggested learning rate|No suggestion)/).first().waitFor({ timeout: 120_000 });
  const swept = { ...config, train: { ...config.train, steps: 60, eval_interval: 20 } };
  const sweep = 'name = "rates"\n[settings]\ntrain.learning_rate = { from = 1e-3, to = 2e-2, log = true, count = 4 }\n[stop]\nrule = "halving"\nrungs = [20]\nfactor = 2\n';
  await send(page, { command: "train", config: swept, sweep });
  await page.setViewportSize({ width: 1280, height: 1700 });
  await picture("browser-lab", "a range test of learning rates and a sweep of 4 runs of first-stories-small in the browser");
  await page.setViewportSize({ width: 1280, height: 820 });

  // It learns to translate, and is asked in a wording of its training.
  const { config: first } = event(await send(page, { command: "read_run", run, points: 0 }), "history");
  const answers = { objective: "chat", sample_prompt: "", steps: TUNED, warmup_steps: 10, eval_interval: TUNED / 4 };
  const tuned = { ...first, start: { run, checkpoint: "latest" }, train: { ...first.train, ...answers } };
  await send(page, { command: "train", config: tuned, learns_from: "tasks", recipe: "translate" });
  await press("tab", "Train");
  await press("tab", "Fine-tune");
  await page.setViewportSize({ width: 1280, height: 1100 });
  await picture("browser-tune", `first-stories-small in the browser after ${TUNED} steps of fine-tuning on translations into a constructed language`);
  await page.setViewportSize({ width: 1280, height: 820 });
  await press("tab", "Write");
  await press("tab", "Chat");
  await page.getByRole("textbox", { name: "Message", exact: true }).fill("Translate into Pelu: the dog");
  await press("button", "Send");
  await page.getByRole("button", { name: /^Reply 1, choose tokens/ }).waitFor({ timeout: 240_000 });
  await picture("browser-chat", "the reply of that model in the browser after so few steps");

  // It goes out as a file for llama.cpp, and is looked at as any other that is dropped here.
  await press("tab", "Runs");
  await press("row", run);
  await press("button", "Export model");
  await page.getByLabel("GGUF file", { exact: true }).first().dispatchEvent("click");
  await picture("browser-export", `exporting ${run} in the browser`);
  await press("button", "Cancel");
  const text = await page.evaluate(async (run) => {
    const format = { kind: "gguf", quantization: "q8_0" };
    const events = await globalThis.glasshouse.send({ command: "export", what: { model: { run, format } } });
    const [file] = events.findLast(({ event }) => event === "exported").files;
    return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(""));
  }, run);
  const choosing = page.waitForEvent("filechooser");
  await press("button", "Import a model");
  const buffer = Buffer.from(text, "base64");
  await (await choosing).setFiles([{ name: "first-stories-small.gguf", mimeType: "application/octet-stream", buffer }]);
  await page.getByText("Import first-stories-small", { exact: true }).waitFor();
  await picture("browser-import", "a GGUF file in the browser, inspected before the import");
  await press("button", "Cancel");

  // It goes out as a page, which another visitor opens from a file.
  const shared = await page.evaluate(async (run) => {
    const events = await globalThis.glasshouse.send({ command: "export", what: { model: { run, format: { kind: "page", weights: "q8_0" } } } });
    return new TextDecoder().decode(events.findLast(({ event }) => event === "exported").files[0]);
  }, run);
  writeFileSync(`${folder}/shared.html`, shared);
  const visitor = await (await site.profile({ viewport: { width: 1280, height: 820 }, colorScheme: "light", offline: true })).newPage();
  await visitor.goto(pathToFileURL(`${folder}/shared.html`).href);
  await visitor.locator("#write").click();
  await visitor.getByText(/tokens per second/).waitFor();
  await visitor.screenshot({ path: `${folder}/browser-share.png` });
  pictures.push({ file: "browser-share.png", shows: `${run} as a shared page, opened from a file without a network` });
  rmSync(`${folder}/shared.html`);

  const about = { device: state.device.name, browser };
  console.log(JSON.stringify(pictures.map((picture) => ({ ...picture, ...about }))));
} finally {
  await site.closeProfiles();
  await site.close();
}
