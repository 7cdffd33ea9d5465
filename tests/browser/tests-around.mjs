// What a browser does to a page: takes its network, its storage, its worker or its features away, or shows it twice.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { event, losses, ready, send, serve, tiny, until } from "./site.mjs";
import { FULL, patched, storage } from "./storage.mjs";

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
    // The new engine says so when a worker loads it.
    const engine = readFileSync(join(old, "engine.js"), "utf8");
    const newer = `postMessage({ engine: "another" });\n${engine}`;
    writeFileSync(join(fresh, "engine.js"), newer);
    const worker = readFileSync(join(old, "service-worker.js"), "utf8").replace(build, "another");
    const replaced = worker.replace(digest(boot), digest(changed)).replace(digest(engine), digest(newer));
    writeFileSync(join(fresh, "service-worker.js"), replaced);

    const context = await site.profile();
    const page = await site.tab(context);
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
    const other = await site.tab(context, "", { project: false });
    await page.getByRole("button", { name: "Reload" }).click();
    await page.waitForFunction(() => globalThis.glasshouse?.build === "another");
    await ready(page);
    // The other tab is told, and what it loads from now on is of the version that it began with: in its workers, too.
    await other.getByText("Another tab activated a new version of Glasshouse.").waitFor();
    const loaded = async () => {
      const boot = await (await fetch("boot.js")).text();
      const said = await new Promise((resolve) => {
        const worker = new Worker("worker.js", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data.engine ?? "the same");
        worker.postMessage({ ping: 1 });
      });
      return [/const BUILD = "(\w+)"/.exec(boot)[1], said];
    };
    assert.deepEqual(await other.evaluate(loaded), [build, "the same"]);
    assert.deepEqual(await page.evaluate(loaded), ["another", "another"]);
    await other.evaluate(() => globalThis.glasshouse.engine.restart());
    await other.evaluate(() => globalThis.glasshouse.send({ command: "list_projects" }));
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

export async function a_lost_engine_is_started_again_and_training_goes_on(site) {
  const page = await site.tab(await site.profile());
  await send(page, { command: "create_project", name: "Phoenix" });
  const config = await tiny(page, 100_000, { eval_interval: 0, checkpoint_interval: 10 });
  await page.evaluate((config) => {
    globalThis.ending = globalThis.glasshouse.send({ command: "train", config }).catch(({ kind }) => kind);
  }, config);
  const { training } = await until(page, ({ training }) => training.saved >= 20, "two checkpoints");
  await page.evaluate(() => globalThis.glasshouse.engine.kill());
  assert.equal(await page.evaluate(() => globalThis.ending), "lost");
  await until(page, ({ lost }) => lost, "the app to notice");
  // The first thing on the page of a lost engine is the button that starts it again.
  await page.focus("canvas");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const back = await until(page, ({ lost, project }) => !lost && project?.name === "Phoenix", "the project to be open again");
  assert.equal(back.project.runs, 1);
  const [run] = event(await send(page, { command: "list_runs" }), "runs").runs;
  assert(run.step >= training.saved, `the checkpoint of step ${training.saved} is there: ${run.step}`);
  const steps = Object.keys(losses(await send(page, { command: "resume", run: null, stop_after: run.step + 3 })));
  assert.deepEqual(steps.map(Number), [run.step + 1, run.step + 2, run.step + 3]);
}

export async function a_full_storage_is_told_ends_nothing_and_catches_up(site) {
  const context = await patched(site, FULL);
  const page = await site.tab(context);
  await send(page, { command: "create_project", name: "Bounded" });
  await storage(page, "full");
  const events = await send(page, { command: "train", config: await tiny(page, 30, { eval_interval: 0 }) });
  assert.equal(Object.keys(losses(events)).length, 30);
  assert.equal(event(events, "training_ended").run.state, "finished");
  // The page stores what is left after the run has ended.
  const full = ({ messages }) => messages.some(({ kind }) => kind === "storage_full");
  const { messages } = await until(page, full, "the full storage to be told");
  const told = messages.map(({ message }) => message).join("\n");
  assert.match(told, /the run will write about .*, but there is room for 1\.2 kB/);
  // Nothing but memory has the run so far; once there is room it is stored without being asked.
  await storage(page, "room");
  await send(page, { command: "list_runs" });
  const other = await site.tab(context, "", { project: false });
  for (let trial = 0; ; trial += 1) {
    const { projects } = event(await send(other, { command: "list_projects" }), "projects");
    if (projects.find(({ name, runs }) => name === "Bounded" && runs === 1)) break;
    assert(trial < 40, "the run is stored once there is room");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await other.close();
  await page.reload();
  await ready(page);
  await until(page, ({ project }) => project?.name === "Bounded", "the project to be open again");
  const [run] = event(await send(page, { command: "list_runs" }), "runs").runs;
  assert.deepEqual([run.state, run.step], ["finished", 30]);
}

export async function another_tabs_projects_are_listed_and_a_deleted_one_outlives_its_start(site) {
  const context = await site.profile();
  const first = await site.tab(context);
  await send(first, { command: "create_project", name: "Deleted" });
  const { project } = await until(first, ({ project }) => project?.name === "Deleted", "the project");
  await send(first, { command: "change_project", id: project.id, change: "delete" });
  // With what it opens by itself: opened after what is made here, that would take its place.
  const second = await site.tab(context);
  await send(second, { command: "create_project", name: "Of the second" });
  await until(second, ({ project }) => project?.name === "Of the second", "the second tab's project");
  // The second tab's start must not have emptied the first one's trash.
  const restored = event(await send(first, { command: "change_project", id: project.id, change: "restore" }), "projects").projects;
  assert(restored.some(({ name, deleted }) => name === "Deleted" && !deleted));
  const named = async (page) => {
    const { projects } = event(await send(page, { command: "list_projects" }), "projects");
    return projects.filter(({ deleted }) => !deleted).map(({ name }) => name);
  };
  for (let trial = 0; ; trial += 1) {
    const [one, two] = [await named(first), await named(second)];
    if (one.includes("Of the second") && two.includes("Deleted")) break;
    assert(trial < 20, `each tab lists the other's projects: ${one} and ${two}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

export async function text_in_any_script_fetches_its_font(site) {
  const letters = {
    bengali: "ক", tamil: "த", telugu: "త", gujarati: "ગ", gurmukhi: "ਗ", kannada: "ಕ", malayalam: "ക", sinhala: "ස", khmer: "ក",
    lao: "ກ", myanmar: "က", ethiopic: "አ", georgian: "Ⴀ", tibetan: "ཀ", math: "𝔸", emoji: "🥳", "symbols-more": "⠿", symbols: "①",
    arabic: "ع", hebrew: "ש", devanagari: "क", thai: "ก", korean: "한", japanese: "か", chinese: "汉", cherokee: "Ꭰ", mongolian: "ᠮ",
  };
  const context = await site.profile({ serviceWorkers: "block" });
  const came = new Set();
  context.on("response", (response) => {
    const font = /fonts\/([\w-]+)\.ttf$/.exec(response.url())?.[1];
    if (font && response.ok()) came.add(font);
  });
  const page = await site.tab(context, "?page=data");
  // As many letters at a time as fit a line of the list of documents.
  const names = Object.keys(letters);
  while (names.length > 0) {
    const some = names.splice(0, 7);
    await send(page, { command: "create_project", name: "Scripts" });
    await page.evaluate((text) => {
      const file = new TextEncoder().encode(text);
      return globalThis.glasshouse.send({ command: "change_documents", change: "add", names: ["scripts.txt"] }, [file]);
    }, some.map((font) => letters[font]).join(" "));
    for (let trial = 0; ; trial += 1) {
      const missing = some.filter((font) => !came.has(font));
      if (missing.length === 0) break;
      assert(trial < 40, `the fonts ${missing} are fetched`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
  // Each font has the letter that it was fetched for.
  for (const [font, letter] of Object.entries(letters)) {
    const file = readFileSync(join(site.folder, "fonts", `${font}.ttf`));
    assert(characters(file).some(([first, last]) => first <= letter.codePointAt(0) && letter.codePointAt(0) <= last), `${font} has ${letter}`);
  }
  assert.deepEqual(page.problems, []);
}

/** The characters of a font, as ranges: its `cmap` table's subtables of formats 4 and 12. */
function characters(font) {
  const tables = Array.from({ length: font.readUInt16BE(4) }, (_, at) => 12 + 16 * at);
  const cmap = font.readUInt32BE(tables.find((at) => font.toString("latin1", at, at + 4) === "cmap") + 8);
  const ranges = [];
  for (let at = 0; at < font.readUInt16BE(cmap + 2); at += 1) {
    const table = cmap + font.readUInt32BE(cmap + 4 + 8 * at + 4);
    const format = font.readUInt16BE(table);
    if (format === 12) {
      for (let group = 0; group < font.readUInt32BE(table + 12); group += 1) {
        const place = table + 16 + 12 * group;
        ranges.push([font.readUInt32BE(place), font.readUInt32BE(place + 4)]);
      }
    } else if (format === 4) {
      const doubled = font.readUInt16BE(table + 6);
      for (let segment = 0; segment < doubled; segment += 2) {
        ranges.push([font.readUInt16BE(table + 16 + doubled + segment), font.readUInt16BE(table + 14 + segment)]);
      }
    }
  }
  return ranges;
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

export async function a_permalink_opens_what_it_names_ready_to_train(site) {
  const context = await site.profile();
  const page = await site.tab(context, "?preset=nanogpt-cpu&seed=1&embed=1");
  const state = await until(page, ({ project }) => project?.name === "nanogpt-cpu", "a project of its own");
  assert.deepEqual([state.page, state.project.runs], ["train", 0]);
  await page.getByRole("button", { name: "Train", exact: true }).dispatchEvent("click");
  const { training } = await until(page, ({ training }) => training.run, "training");
  assert.match(training.run, /nanogpt-cpu/);
  await send(page, { command: "steer", action: "stop" });
  await until(page, ({ training }) => training.state === "idle", "the end of training");
  await page.reload();
  await ready(page);
  const again = await until(page, ({ project }) => project?.name === "nanogpt-cpu", "the same project");
  assert.deepEqual([again.project.runs, again.projects.length], [1, 1]);
  await page.evaluate(() => globalThis.glasshouse.follow("?page=write"));
  await until(page, ({ page }) => page === "write", "the other page");
}

/** Whether leaving the page is asked about. */
const asks = (page) => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));

export async function leaving_is_asked_about_while_something_would_be_lost(site) {
  for (const kept of [true, false]) {
    const context = await site.profile();
    await context.addInitScript((kept) => {
      StorageManager.prototype.persist = () => Promise.resolve(kept);
      globalThis.locks = 0;
      const request = async () => {
        globalThis.locks += 1;
        return { release: () => (globalThis.locks -= 1) };
      };
      Object.defineProperty(navigator, "wakeLock", { value: { request } });
    }, kept);
    const page = await site.tab(context);
    assert.equal(await asks(page), false, "nothing was made here");
    await send(page, { command: "create_project", name: "Leaving" });
    const config = await tiny(page, 100_000);
    await page.evaluate((config) => void (globalThis.ending = globalThis.glasshouse.send({ command: "train", config })), config);
    await until(page, ({ training }) => training.step > 0, "training");
    assert.equal(await asks(page), true, "a run trains");
    assert.equal(await page.evaluate(() => globalThis.locks), 1, "the screen stays on");
    await send(page, { command: "steer", action: "pause" });
    await page.waitForFunction(() => globalThis.locks === 0);
    assert.equal(await asks(page), true, "a paused run is in training");
    await send(page, { command: "steer", action: "stop" });
    await page.evaluate(() => globalThis.ending.then(() => undefined));
    assert.equal(await page.evaluate(() => globalThis.locks), 0);
    assert.equal(await asks(page), !kept, "the browser may drop the run");
    await page.evaluate(() => globalThis.glasshouseBoot.saveFile("leaving.glasshouse", new Uint8Array(1)));
    assert.equal(await asks(page), false, "it was exported");
  }
}

export async function offline_use_waits_for_no_answer_about_storage(site) {
  const context = await site.profile();
  await context.addInitScript(() => {
    StorageManager.prototype.persist = () => new Promise(() => {});
  });
  const page = await site.tab(context, "?project=sample.glasshouse", { project: false });
  await page.getByRole("button", { name: "Open", exact: true }).waitFor();
  await installed(page);
}

export async function no_script_in_the_page_itself_runs(site) {
  const page = await site.tab(await site.profile());
  const ran = await page.evaluate(async () => {
    const blocked = new Promise((resolve) => addEventListener("securitypolicyviolation", ({ violatedDirective }) => resolve(violatedDirective)));
    document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.injected = true" }));
    return [await blocked, globalThis.injected ?? false];
  });
  assert.match(ran[0], /^script-src/);
  assert.equal(ran[1], false);
  assert.deepEqual(page.problems.filter((problem) => !problem.includes("Content Security Policy")), []);
}

export async function a_run_of_another_tab_is_not_interrupted_until_that_tab_dies(site) {
  const context = await site.profile();
  const first = await site.tab(context);
  await send(first, { command: "create_project", name: "Busy" });
  const config = await tiny(first, 100_000, { eval_interval: 0, checkpoint_interval: 10 });
  await first.evaluate((config) => void globalThis.glasshouse.send({ command: "train", config }).catch(() => {}), config);
  await until(first, ({ training }) => training.saved >= 20, "two checkpoints");
  const second = await site.tab(context, "", { project: false });
  const listed = async () => event(await send(second, { command: "list_projects" }), "projects").projects.find(({ name }) => name === "Busy");
  const busy = await listed();
  assert.deepEqual([busy.runs, busy.interrupted ?? null], [1, null]);
  await first.evaluate(() => globalThis.glasshouse.engine.kill());
  await first.close();
  for (let trial = 0; !(await listed()).interrupted; trial += 1) {
    assert(trial < 40, "the run of the closed tab is interrupted");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  // Home offers to continue it once its project is open.
  await send(second, { command: "open_project", id: busy.id });
  await second.evaluate(() => globalThis.glasshouse.follow("?page=home"));
  await second.getByText(/was interrupted at step \d/).first().waitFor();
  await second.getByRole("button", { name: "Resume", exact: true }).dispatchEvent("click");
  await until(second, ({ training, page }) => training.step > 20 && page === "train", "the run to go on");
}

/** A page with the application in a frame; resolves to the frame. */
async function framed(page, src) {
  await page.evaluate((src) => {
    const frame = Object.assign(document.createElement("iframe"), { id: "frame", src, style: "width: 100%; height: 700px; border: 0" });
    document.body.prepend(frame);
    // Browsers draw frames of other origins only in sight.
    frame.scrollIntoView();
    return new Promise((resolve) => frame.addEventListener("load", resolve));
  }, src);
  const frame = await (await page.locator("#frame").elementHandle()).contentFrame();
  await frame.waitForFunction(() => globalThis.glasshouse?.state()?.project);
  return frame;
}

const preferred = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("glasshouse.preferences")).project);

export async function an_embedded_lesson_works_beside_the_open_application(site) {
  const context = await site.profile();
  const app = await site.tab(context);
  await send(app, { command: "create_project", name: "Mine" });
  const { project } = await until(app, ({ project }) => project?.name === "Mine", "the project");
  await app.waitForFunction((id) => JSON.parse(localStorage.getItem("glasshouse.preferences"))?.project === id, project.id);
  const article = await context.newPage();
  await article.goto(`${site.address}glasshouse.js`);
  const lesson = await framed(article, `${site.address}?lesson=4&embed=1`);
  const state = await until(lesson, ({ project, waiting }) => project && waiting === 0, "the lesson");
  assert.deepEqual([state.page, state.messages, state.storage.lasting], ["learn", [], true]);
  assert.notEqual(state.project.name, "Mine");
  // A second one in the same page has its own copy, in memory.
  await article.evaluate(() => document.getElementById("frame").removeAttribute("id"));
  const other = await framed(article, `${site.address}?lesson=5&embed=1`);
  const beside = await until(other, ({ project, waiting }) => project && waiting === 0, "the other lesson");
  assert.deepEqual([beside.messages, beside.storage.lasting], [[], false]);
  // The visitor's own project and preferences are as they were.
  assert.equal(await preferred(app), project.id);
  const { projects } = event(await send(app, { command: "list_projects" }), "projects");
  assert.equal(projects.filter(({ deleted }) => !deleted).length, 2, "the sample and the own project");
}

export async function the_application_gets_its_projects_from_an_embedded_lesson(site) {
  const context = await site.profile();
  const before = await site.tab(context);
  await send(before, { command: "create_project", name: "Mine" });
  const { project } = await until(before, ({ project }) => project?.name === "Mine", "the project");
  await before.waitForFunction((id) => JSON.parse(localStorage.getItem("glasshouse.preferences"))?.project === id, project.id);
  await before.close();
  const article = await context.newPage();
  await article.goto(`${site.address}glasshouse.js`);
  const lesson = await framed(article, `${site.address}?lesson=4&embed=1`);
  await until(lesson, ({ project }) => project?.name === "Mine", "the visitor's project in the lesson");
  const app = await site.tab(context);
  const { messages } = await until(app, ({ project }) => project?.name === "Mine", "the project in the application");
  assert.deepEqual(messages, []);
  const moved = await (await article.locator("#frame").elementHandle()).contentFrame();
  await until(moved, ({ project, page }) => project && project.name !== "Mine" && page === "learn", "the lesson beside it");
}

export async function a_page_of_another_origin_learns_nothing_of_the_visitors_projects(site) {
  const context = await site.profile();
  const app = await site.tab(context);
  await send(app, { command: "create_project", name: "Private" });
  await send(app, { command: "train", config: await tiny(app, 3) });
  await until(app, ({ project }) => project?.name === "Private", "the project");
  await app.close();
  // Another port is another origin with the same storage.
  const { server, address } = await serve(() => site.folder);
  try {
    const page = await context.newPage();
    await page.goto(`${address}glasshouse.js`);
    const frame = await framed(page, `${site.address}?page=inspect&view=tokens&prompt=One+day&device=cpu&embed=1`);
    const { projects } = event(await send(frame, { command: "list_projects" }), "projects");
    assert.equal(projects.some(({ name }) => name === "Private"), false);
    const answer = await page.evaluate(() => {
      const heard = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data)));
      document.getElementById("frame").contentWindow.postMessage({ glasshouse: 1, type: "inspect", view: "tokens", prompt: "One day" }, "*");
      return heard.then(({ type, inspection, message }) => ({ type, step: inspection?.step, message }));
    });
    assert.equal(answer.type, "inspected", answer.message);
    assert(answer.step > 3, "the sample's model");
    // The same frame in a page of the site itself shows the visitor's last project.
    const own = await context.newPage();
    await own.goto(`${site.address}glasshouse.js`);
    const inside = await framed(own, `${site.address}?page=inspect&embed=1`);
    await until(inside, ({ project }) => project?.name === "Private", "the visitor's own project");
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
