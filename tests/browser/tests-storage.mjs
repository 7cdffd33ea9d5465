// What a browser keeps, where tabs die, storage is full, or two tabs are at work.

import assert from "node:assert/strict";
import { event, losses, ready, send, tiny, until } from "./site.mjs";
import { FULL, patched, storage } from "./storage.mjs";

const listed = async (page) => event(await send(page, { command: "list_projects" }), "projects").projects;

/** A project with a run, and its id. */
async function made(page, name) {
  await send(page, { command: "create_project", name });
  await send(page, { command: "train", config: await tiny(page, 3) });
  const { project } = await until(page, ({ project }) => project?.name === name, "the project");
  return project.id;
}

export async function a_deleted_project_is_listed_once_and_comes_back_whole(site) {
  const context = await site.profile();
  const page = await site.tab(context);
  const id = await made(page, "Owls");
  const names = await page.evaluate(async (id) => {
    const { send } = globalThis.glasshouse;
    // The second is asked before anything of the first is stored.
    const [, listing] = await Promise.all([send({ command: "change_project", id, change: "delete" }), send({ command: "list_projects" })]);
    const { projects } = listing.find(({ event }) => event === "projects");
    return projects.filter((project) => project.name === "Owls").map(({ deleted }) => deleted);
  }, id);
  assert.deepEqual(names, [true]);
  await send(page, { command: "change_project", id, change: "restore" });
  // The tab ends at once, whatever was stored by then.
  await page.evaluate(() => globalThis.glasshouse.engine.kill());
  await page.close();
  const next = await site.tab(context, "", { project: false });
  const found = (await listed(next)).filter(({ name }) => name === "Owls");
  assert.deepEqual(found.map(({ runs, problem }) => [runs, problem ?? null]), [[1, null]]);
  if (found[0].deleted) await send(next, { command: "change_project", id, change: "restore" });
  await send(next, { command: "open_project", id });
  const [run] = event(await send(next, { command: "list_runs" }), "runs").runs;
  assert.deepEqual([run.state, run.step], ["finished", 3]);
}

/** Stands still for good in the middle of replacing a record: it is empty by then. Only a tab that writes records obeys: another one may mend it. */
const DYING = `{
  let dying = false;
  let writes = false;
  new BroadcastChannel("test-storage").onmessage = ({ data, target }) => {
    if (data !== "die" || !writes) return;
    dying = true;
    target.postMessage("told");
  };
  const { createSyncAccessHandle } = FileSystemFileHandle.prototype;
  FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
    const handle = await createSyncAccessHandle.call(this);
    writes ||= this.name === "project.json";
    if (dying && this.name === "project.json") {
      handle.truncate(0);
      handle.flush();
      handle.close();
      new BroadcastChannel("test-storage").postMessage("dead");
      await new Promise(() => {});
    }
    return handle;
  };
}\n`;

export async function a_tab_that_dies_while_it_replaces_a_record_is_mended_by_another(site) {
  const context = await patched(site, DYING);
  const page = await site.tab(context);
  const id = await made(page, "Before");
  await send(page, { command: "list_runs" });
  const other = await site.tab(context, "", { project: false });
  await until(other, ({ projects }) => projects.some(({ name }) => name === "Before"), "the other tab to know it");
  await page.evaluate(async (id) => {
    const channel = new BroadcastChannel("test-storage");
    const said = (answer) => new Promise((resolve) => channel.addEventListener("message", ({ data }) => data === answer && resolve()));
    const dead = said("dead");
    channel.postMessage("die");
    await said("told");
    await globalThis.glasshouse.send({ command: "change_project", id, change: { rename: "After" } });
    await dead;
    globalThis.glasshouse.engine.kill();
  }, id);
  await page.close();
  for (let trial = 0; ; trial += 1) {
    const project = (await listed(other)).find((project) => project.id === id);
    if (project?.name === "After" && !project.problem) break;
    assert(trial < 40, `the record is whole again: ${JSON.stringify(project)}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await send(other, { command: "open_project", id });
}

export async function a_large_project_is_deleted_where_storage_is_full_and_the_rest_is_saved_after(site) {
  const context = await patched(site, FULL);
  const page = await site.tab(context);
  const large = await made(page, "Large");
  await send(page, { command: "create_project", name: "Next" });
  await storage(page, "full");
  const add = { command: "change_documents", change: "add", names: ["new.txt"] };
  await page.evaluate((add) => globalThis.glasshouse.send(add, [new TextEncoder().encode("A new text. ".repeat(50))]), add);
  await until(page, ({ messages }) => messages.some(({ kind }) => kind === "storage_full"), "the full storage to be told");
  // What is deleted is marked where it is: nothing is copied, and what cannot be stored elsewhere does not hold it up.
  await send(page, { command: "change_project", id: large, change: "delete" });
  const other = await site.tab(context, "", { project: false });
  for (let trial = 0; ; trial += 1) {
    const { deleted } = (await listed(other)).find(({ id }) => id === large);
    if (deleted) break;
    assert(trial < 40, "the other tab learns of it");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await storage(page, "room");
  await send(page, { command: "list_runs" });
  await page.reload();
  await ready(page);
  await until(page, ({ project }) => project?.name === "Next", "the project");
  const list = { command: "list_documents", search: "", offset: 0, count: 1, validation: 0.1 };
  const { overview } = event(await send(page, list), "documents");
  assert.deepEqual(overview.files.map(([name]) => name), ["new.txt"], "the text that found no room at first");
}

/** Tells the page of the engine's signs of life. */
const COUNTED = `{
  const { postMessage } = globalThis;
  const channel = new BroadcastChannel("test-pulses");
  globalThis.postMessage = (message, ...rest) => {
    if (message.pulse) channel.postMessage(1);
    return postMessage(message, ...rest);
  };
}\n`;

export async function an_export_shows_life_while_it_works(site) {
  const page = await site.tab(await patched(site, COUNTED));
  await send(page, { command: "create_project", name: "Export" });
  const config = await tiny(page, 3);
  // A shape that others know.
  config.model.head_size = 16;
  await send(page, { command: "train", config });
  await page.evaluate(() => {
    globalThis.pulses = 0;
    new BroadcastChannel("test-pulses").onmessage = () => (globalThis.pulses += 1);
  });
  // One a second at most: the first of an export that comes later is told.
  await page.waitForTimeout(1100);
  const [run] = event(await send(page, { command: "list_runs" }), "runs").runs;
  await send(page, { command: "export", what: { model: { run: run.name } } });
  await page.waitForFunction(() => globalThis.pulses > 0);
  const gguf = await page.evaluate(async (run) => {
    const format = { kind: "gguf", quantization: "q8_0" };
    const events = await globalThis.glasshouse.send({ command: "export", what: { model: { run, format } } });
    const exported = events.findLast(({ event }) => event === "exported");
    const bytes = exported.files[0];
    const kind = String.fromCharCode(...bytes.subarray(0, 4));
    // The same file comes in again, and is a run to begin with.
    const files = { command: "import_model", from: { kind: "files", names: [exported.name] } };
    const heard = await globalThis.glasshouse.send(files, [bytes]);
    return [exported.name, kind, heard.findLast(({ event }) => event === "run_added").about.split(",")[0]];
  }, run.name);
  assert.deepEqual(gguf, [`${run.name}-q8_0.gguf`, "GGUF", "GPT2LMHeadModel"]);
  const runs = event(await send(page, { command: "list_runs" }), "runs").runs;
  const start = { run: runs.at(-1).name };
  assert.equal(runs.at(-1).state, "imported");
  // And a run begins with it, on this project's text.
  const { config: settings } = event(await send(page, { command: "read_run", run: start.run, points: 0 }), "history");
  const train = { ...settings.train, steps: 2, accumulate: 1, eval_interval: 0, sample_interval: 0, trainable: "norms" };
  const data = { ...settings.data, corpus_bytes: 60_000 };
  await send(page, { command: "train", config: { ...settings, start, data, train } });
  const begun = event(await send(page, { command: "list_runs" }), "runs").runs.at(-1);
  assert.deepEqual([begun.step, begun.start.run], [2, start.run]);
}

/** Tells the page of bytes that are read as a whole, and of those that are read where they are. */
const READING = `{
  const channel = new BroadcastChannel("test-reading");
  const { arrayBuffer } = Blob.prototype;
  Blob.prototype.arrayBuffer = function () {
    channel.postMessage(["whole", this.size]);
    return arrayBuffer.call(this);
  };
  const { read } = FileSystemSyncAccessHandle.prototype;
  FileSystemSyncAccessHandle.prototype.read = function (...given) {
    channel.postMessage(["apart", given[0].byteLength]);
    return read.apply(this, given);
  };
}\n`;

export async function checkpoints_stay_in_the_storage_until_they_are_read(site) {
  const context = await patched(site, READING);
  const page = await site.tab(context);
  await send(page, { command: "create_project", name: "Large" });
  const config = await tiny(page, 4, { eval_interval: 0, checkpoint_interval: 2 });
  // Weights and moments of 5 MB, kept after the second and the fourth step.
  Object.assign(config.model, { width: 192, head_size: 96 });
  config.model.mlp.hidden = 768;
  await send(page, { command: "train", config });
  const { project } = await until(page, ({ project }) => project?.name === "Large", "the project");
  await send(page, { command: "close_project" });
  await page.addInitScript(() => {
    globalThis.bytes = { whole: 0, apart: 0 };
    new BroadcastChannel("test-reading").onmessage = ({ data: [how, bytes] }) => (globalThis.bytes[how] += bytes);
  });
  await page.reload();
  await ready(page);
  await send(page, { command: "open_project", id: project.id });
  const opened = await page.evaluate(() => globalThis.bytes);
  const [run] = event(await send(page, { command: "list_runs" }), "runs").runs;
  const writing = { command: "generate", source: { of: "checkpoint", run: run.name, checkpoint: "latest" }, prompt: { kind: "text", text: "A" }, config: { max_tokens: 3 } };
  assert(event(await send(page, writing), "completed"));
  await page.waitForFunction(() => globalThis.bytes.apart > 1e6);
  assert(opened.whole < 3e6, `${opened.whole} bytes were read when it was opened`);
}

export async function a_quota_reached_while_a_run_trains_is_told_and_loses_no_stored_checkpoint(site) {
  const page = await site.tab(await site.profile());
  await send(page, { command: "create_project", name: "Bounded" });
  const config = await tiny(page, 100_000, { eval_interval: 0, checkpoint_interval: 10 });
  await page.evaluate((config) => void globalThis.glasshouse.send({ command: "train", config }).catch(() => {}), config);
  const { training } = await until(page, ({ training }) => training.saved >= 20, "two checkpoints");
  const cdp = await page.context().newCDPSession(page);
  const { origin } = new URL(site.address);
  const { usage } = await page.evaluate(() => navigator.storage.estimate());
  await cdp.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: usage });
  const isFull = ({ messages }) => messages.some(({ kind }) => kind === "storage_full");
  const full = await until(page, isFull, "the full storage to be told");
  await until(page, ({ training }) => training.step > full.training.step + 10, "training to go on");
  await page.evaluate(() => globalThis.glasshouse.engine.kill());
  await cdp.send("Storage.overrideQuotaForOrigin", { origin });
  await page.reload();
  await ready(page);
  await until(page, ({ project }) => project?.name === "Bounded", "the project to be open again");
  const [run] = event(await send(page, { command: "list_runs" }), "runs").runs;
  assert(run.step >= training.saved, `the checkpoint of step ${training.saved} is there: ${run.step}`);
  const steps = Object.keys(losses(await send(page, { command: "resume", run: null, stop_after: run.step + 3 })));
  assert.deepEqual(steps.map(Number), [run.step + 1, run.step + 2, run.step + 3]);
}

export async function projects_that_the_browser_deleted_are_told(site) {
  const context = await site.profile();
  const page = await site.tab(context);
  await made(page, "Owls");
  await page.goto("about:blank");
  const cdp = await context.newCDPSession(page);
  await cdp.send("Storage.clearDataForOrigin", { origin: new URL(site.address).origin, storageTypes: "file_systems" });
  const next = await site.tab(context);
  const { messages } = await next.evaluate(() => globalThis.glasshouse.state());
  assert.match(messages.map(({ message }) => message).join("\n"), /no project is stored any more; the last one was owls/);
}
