// What a browser does to a page: takes its network, its storage, its worker or its features away, or shows it twice.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { event, losses, ready, send, tiny, until } from "./site.mjs";

/** Waits until the service worker has a whole version. */
const installed = (page) => page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));

export async function after_the_first_visit_no_network_is_needed(site) {
  const context = await site.profile();
  const page = await site.tab(context);
  await installed(page);
  await context.setOffline(true);
  await page.reload();
  await ready(page);
  await send(page, { command: "create_project", name: "Offline" });
  assert.equal(Object.keys(losses(await send(page, { command: "train", config: await tiny(page, 2) }))).length, 2);
  await assert.rejects(page.evaluate(() => fetch("nothing-that-is-kept")));
}

export async function a_new_version_waits_and_is_never_mixed_with_the_old(site) {
  const old = site.folder;
  const fresh = mkdtempSync(join(tmpdir(), "glasshouse-dist-"));
  try {
    cpSync(old, fresh, { recursive: true });
    const boot = readFileSync(join(old, "boot.js"), "utf8");
    const build = /const BUILD = "(\w+)"/.exec(boot)[1];
    const changed = boot.replace(build, "another");
    writeFileSync(join(fresh, "boot.js"), changed);
    const digest = (text) => createHash("sha256").update(text).digest("hex");
    const worker = readFileSync(join(old, "service-worker.js"), "utf8").replace(build, "another");
    writeFileSync(join(fresh, "service-worker.js"), worker.replace(digest(boot), digest(changed)));

    const page = await site.tab(await site.profile());
    await installed(page);
    const version = () => page.evaluate(() => globalThis.glasshouse.build);
    assert.equal(await version(), build);
    site.folder = fresh;
    await page.reload();
    await ready(page);
    assert.equal(await version(), build);
    await page.getByText("A new version of Glasshouse is ready.").waitFor();
    await page.reload();
    await ready(page);
    assert.equal(await version(), build);
    await page.getByRole("button", { name: "Reload" }).click();
    await page.waitForFunction(() => globalThis.glasshouse?.build === "another");
    await ready(page);
  } finally {
    site.folder = old;
    rmSync(fresh, { recursive: true });
  }
}

export async function where_storage_is_blocked_everything_works_in_memory(site) {
  const context = await site.profile({ serviceWorkers: "block" });
  const blocked = `Object.defineProperty(StorageManager.prototype, "getDirectory", {
    value: () => Promise.reject(new DOMException("storage is blocked", "SecurityError")) });\n`;
  await context.route("**/worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: blocked + (await response.text()) });
  });
  await context.addInitScript(() => {
    Object.defineProperty(globalThis, "localStorage", {
      get() {
        throw new DOMException("storage is blocked", "SecurityError");
      },
    });
  });
  const page = await site.tab(context);
  const { storage } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.deepEqual([storage.place, storage.lasting], ["memory", false]);
  await send(page, { command: "create_project", name: "Fleeting" });
  const done = losses(await send(page, { command: "train", config: await tiny(page, 12) }));
  assert.equal(Object.keys(done).length, 12);
  assert.deepEqual(page.problems, []);
}

export async function a_second_tab_is_told_that_the_project_is_open(site) {
  const context = await site.profile();
  const first = await site.tab(context);
  await send(first, { command: "create_project", name: "Shared" });
  const { project } = await until(first, ({ project }) => project?.name === "Shared", "the project");
  const second = await site.tab(context, "", { project: false });
  const problem = await second.evaluate(
    (id) => globalThis.glasshouse.send({ command: "open_project", id }).catch(({ message }) => message),
    project.id,
  );
  assert.match(String(problem), /another/);
  // Once the first is gone, the second may.
  await first.close();
  for (let trial = 0; ; trial += 1) {
    const opened = await send(second, { command: "open_project", id: project.id }).catch(() => null);
    if (opened) break;
    assert(trial < 20, "the project of a closed tab can be opened");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

export async function a_killed_worker_is_told_and_the_project_is_intact(site) {
  const page = await site.tab(await site.profile());
  await send(page, { command: "create_project", name: "Survivor" });
  const config = await tiny(page, 100_000, { eval_interval: 0, checkpoint_interval: 10 });
  await page.evaluate((config) => {
    globalThis.ending = globalThis.glasshouse.send({ command: "train", config }).catch(({ kind }) => kind);
  }, config);
  const { training } = await until(page, ({ training }) => training.saved >= 20, "two checkpoints");
  await page.evaluate(() => globalThis.glasshouse.engine.kill());
  assert.equal(await page.evaluate(() => globalThis.ending), "lost");
  const { lost } = await until(page, ({ lost }) => lost, "the app to notice");
  assert.match(lost, /not answered/);

  await page.reload();
  await ready(page);
  const { project } = await until(page, ({ project }) => project?.name === "Survivor", "the project to be open again");
  assert.equal(project.runs, 1);
  const [run] = event(await send(page, { command: "list_runs" }), "runs").runs;
  assert(run.step >= training.saved, `the checkpoint of step ${training.saved} is there: ${run.step}`);
  const steps = Object.keys(losses(await send(page, { command: "resume", run: null, stop_after: run.step + 3 })));
  assert.deepEqual(steps.map(Number), [run.step + 1, run.step + 2, run.step + 3]);
}

export async function a_panic_of_the_page_shows_a_report(site) {
  const page = await site.tab(await site.profile());
  await page.evaluate(() => globalThis.glasshouseBoot.panicked("page 0.1.0: panicked at a test"));
  await page.getByRole("heading", { name: "The page stopped" }).waitFor();
  await page.getByText("panicked at a test").waitFor();
  await page.getByRole("button", { name: "Copy report" }).click();
  await page.getByRole("button", { name: /Copied|Selected/ }).waitFor();
  await page.getByRole("button", { name: "Start again" }).click();
  await ready(page);
}

export async function an_engine_that_does_not_arrive_is_told(site) {
  const context = await site.profile({ serviceWorkers: "block" });
  await context.route("**/engine_bg.wasm", (route) => route.fulfill({ status: 500 }));
  const page = await context.newPage();
  await page.goto(site.address);
  const told = page.getByText("the server answers 500").first();
  const shown = until(page, ({ lost }) => lost, "the app to say so").catch(() => null);
  await Promise.any([told.waitFor(), shown.then((state) => assert(state))]);
}

export async function an_old_browser_gets_a_readable_page(site) {
  const context = await site.profile();
  await context.addInitScript(() => {
    WebAssembly.validate = () => false;
  });
  const page = await context.newPage();
  await page.goto(site.address);
  await page.getByRole("heading", { name: "This browser cannot run Glasshouse yet" }).waitFor();
  await page.getByText("WebAssembly with vector instructions (SIMD)").waitFor();
  assert.equal(await page.evaluate(() => globalThis.glasshouse), undefined);
}

export async function without_javascript_the_page_says_what_it_needs(site) {
  const page = await (await site.profile({ javaScriptEnabled: false })).newPage();
  await page.goto(site.address);
  // Texts of <noscript> are found by their element alone.
  const heading = page.locator("noscript h1");
  await heading.waitFor();
  assert.equal(await heading.textContent(), "Glasshouse needs JavaScript");
}

export async function an_address_chooses_page_preset_and_frame(site) {
  const page = await site.tab(await site.profile(), "?page=train&preset=nanogpt-cpu&seed=1&embed=1");
  assert.equal((await page.evaluate(() => globalThis.glasshouse.state())).page, "train");
  await page.evaluate(() => globalThis.glasshouse.follow("?page=write"));
  await until(page, ({ page }) => page === "write", "the other page");
}
