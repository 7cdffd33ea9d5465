// A model as a page and as a link: written by the native program and by a tab, opened from a file, in a frame and by another visitor.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { event, losses, send, serve, tiny, until } from "./site.mjs";

/** Bytes of a page whose weights have a few kilobytes. */
const LARGEST = 5_100_000;

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "glasshouse-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const run = (program, folder, ...words) => execFileSync(program, words, { cwd: folder, encoding: "utf8", stdio: "pipe" });

/** Trains a small model in the native program and shares it as a folder. */
function shared(site, program, folder, ...words) {
  const sizes = ["layers=1", "width=32", "heads=2", "kv_heads=2", "context_length=32"];
  const model = sizes.flatMap((set) => ["--set", `model.${set}`]);
  const rest = ["--steps", "20", "--batch-size", "4", "--set", "data.corpus_bytes=60000", "--device", "cpu"];
  run(program, folder, "train", "--preset", "nanogpt-cpu", ...model, ...rest, "--project", "native");
  return run(program, folder, "share", "--project", "native", "--page", site.folder, ...words);
}

/** A page of a browser without the app, whose errors count; it may reach no network. */
async function visited(site, address) {
  const context = await site.profile({ offline: address.startsWith("file:") });
  const page = await context.newPage();
  page.problems = [];
  page.on("console", (message) => {
    if (message.type() === "error") page.problems.push(message.text());
  });
  page.on("pageerror", (error) => page.problems.push(String(error)));
  await page.goto(address);
  return page;
}

/** Has a shared model write, in a page or a frame. */
async function written(page) {
  await page.locator("#write").click();
  await page.getByText(/tokens per second/).waitFor();
  return page.locator("#text").textContent();
}

export function a_shared_page_writes_from_a_file_without_a_network(site, program) {
  return inFolder(async (folder) => {
    shared(site, program, folder, "--to", "page.html");
    assert(statSync(join(folder, "page.html")).size < LARGEST);
    const page = await visited(site, pathToFileURL(join(folder, "page.html")).href);
    const prompt = await page.locator("#prompt").inputValue();
    const text = await written(page);
    assert(text.startsWith(prompt) && text.length > prompt.length, text);

    // Three views, of what was written.
    await page.getByText("Show three views").click();
    for (const view of ["attention", "logit-lens", "next-token"]) {
      const drawn = (view) => document.querySelector(`glasshouse-lens[view=${view}]`).inspection?.tokens.length > 0;
      await page.waitForFunction(drawn, view);
    }
    for (const label of ["Data fingerprint", "Lineage", "Tokenizer", "Weights"]) {
      await page.getByText(label, { exact: true }).waitFor();
    }

    // The project's file, which the native program opens.
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#save").click()]);
    assert.equal(download.suggestedFilename(), "native.glasshouse");
    await download.saveAs(join(folder, "back.glasshouse"));
    run(program, folder, "unpack", "back.glasshouse", "--project", "back");
    assert.match(run(program, folder, "runs", "--project", "back"), /imported/);
    assert.deepEqual(page.problems, []);
  });
}

export function a_shared_page_works_on_a_static_host_in_a_frame(site, program) {
  return inFolder(async (folder) => {
    shared(site, program, folder, "--to", "site", "--space");
    assert.match(readFileSync(join(folder, "site/README.md"), "utf8"), /^---\ntitle: "native"\n[^]*sdk: static\n/);
    writeFileSync(join(folder, "article.html"), `<!doctype html><link rel="icon" href="data:,"><title>Article</title><iframe src="site/index.html" title="model"></iframe>`);
    const host = await serve(() => folder);
    try {
      const page = await visited(site, `${host.address}article.html`);
      const frame = page.frameLocator("iframe");
      assert.notEqual(await written(frame), "");
      assert.deepEqual(page.problems, []);
    } finally {
      host.server.close();
    }
  });
}

/** Accepts what the bar at the bottom of the app offers. */
async function accept(page, text) {
  await page.locator("#bar").getByText(text).waitFor();
  await page.locator("#bar").getByRole("button", { name: "Open" }).click();
}

/** Trains on from the only run of the open project. */
async function trainedOn(page, name) {
  await until(page, ({ project }) => project?.name === name, "the shared project");
  const { runs } = event(await send(page, { command: "list_runs" }), "runs");
  assert.equal(runs.length, 1);
  const { config } = event(await send(page, { command: "read_run", run: runs[0].name, points: 0 }), "history");
  const start = { run: runs[0].name, checkpoint: "best" };
  const train = { ...config.train, steps: 5, eval_interval: 5 };
  const data = { ...config.data, corpus_bytes: 60_000 };
  const steps = losses(await send(page, { command: "train", config: { ...config, start, train, data } }));
  assert.deepEqual(Object.keys(steps).map(Number), [1, 2, 3, 4, 5]);
  return steps[1];
}

export function a_shared_page_hands_its_model_to_glasshouse(site, program) {
  return inFolder(async (folder) => {
    shared(site, program, folder, "--to", "page.html", "--home", site.address);
    const context = await site.profile();
    const page = await context.newPage();
    await page.goto(pathToFileURL(join(folder, "page.html")).href);
    const [tab] = await Promise.all([context.waitForEvent("page"), page.locator("#open").click()]);
    await accept(tab, /hands over a model/);
    // A model that learned something is below the loss of chance, ln of the vocabulary.
    assert((await trainedOn(tab, "native")) < 4);
    assert.equal(new URL(tab.url()).search, "");
  });
}

export async function a_model_grown_in_a_tab_is_shared_as_a_link_and_trained_on(site) {
  const page = await site.tab(await site.profile());
  await send(page, { command: "create_project", name: "Grown" });
  await send(page, { command: "train", config: await tiny(page, 20) });
  const link = await page.evaluate(async () => {
    const { runs } = (await globalThis.glasshouse.send({ command: "list_runs" })).find(({ event }) => event === "runs");
    const command = { command: "export", what: { model: { run: runs.at(-1).name, format: { kind: "link" } } } };
    const [file] = (await globalThis.glasshouse.send(command)).find(({ event }) => event === "exported").files;
    return new TextDecoder().decode(file);
  });
  assert.match(link, /^m=[\w-]+$/);

  const other = await site.tab(await site.profile(), `#${link}`);
  await accept(other, /contains a model of \d+ kB/);
  assert((await trainedOn(other, "Grown")) < 4);
  assert.equal(new URL(other.url()).hash, "");

  // Cut, garbled, and far too long.
  for (const [broken, told] of [
    [link.slice(0, 2 + 4 * Math.floor(link.length / 8)), null],
    ["m=%%%", /damaged/],
    [`m=${"A".repeat(2_000_000)}`, /too long/],
  ]) {
    const third = await site.tab(await site.profile(), `#${broken}`);
    if (told) await third.locator("#bar").getByText(told).waitFor();
    else {
      await accept(third, /contains a model/);
      await third.locator("#bar").getByText(/could not be opened/).waitFor();
    }
    await third.context().close();
  }
}

export async function a_tab_shares_a_page_that_writes(site) {
  const page = await site.tab(await site.profile());
  await send(page, { command: "create_project", name: "Grown" });
  await send(page, { command: "train", config: await tiny(page, 10) });
  const text = await page.evaluate(async () => {
    const { runs } = (await globalThis.glasshouse.send({ command: "list_runs" })).find(({ event }) => event === "runs");
    const format = { kind: "page", weights: "f16" };
    const answers = await globalThis.glasshouse.send({ command: "export", what: { model: { run: runs.at(-1).name, format } } });
    return new TextDecoder().decode(answers.find(({ event }) => event === "exported").files[0]);
  });
  assert(text.includes(`id="home">"${site.address}"`), "it leads back here");
  await inFolder(async (folder) => {
    writeFileSync(join(folder, "grown.html"), text);
    const shared = await visited(site, pathToFileURL(join(folder, "grown.html")).href);
    assert.notEqual(await written(shared), "");
    assert.deepEqual(shared.problems, []);
  });
}
