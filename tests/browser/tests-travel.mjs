// A project travels as a `.glasshouse` file between the browser and the native program, and comes by an address.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { event, losses, send, serve, tiny, until, within } from "./site.mjs";

/** Runs the native program; returns what it prints. */
const run = (program, folder, ...words) => execFileSync(program, words, { cwd: folder, encoding: "utf8", stdio: "pipe" });

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "glasshouse-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Trains a little in a tab and returns the project as a file. */
async function packed(page) {
  await send(page, { command: "create_project", name: "Traveller" });
  await send(page, { command: "train", config: await tiny(page, 30), stop_after: 10 });
  const { project } = await until(page, ({ project }) => project?.name === "Traveller", "the project");
  const text = await page.evaluate(async (id) => {
    const events = await globalThis.glasshouse.send({ command: "export", what: { project: { id } } });
    const [file] = events.findLast(({ event }) => event === "exported").files;
    return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(""));
  }, project.id);
  return Buffer.from(text, "base64");
}

export function a_browsers_project_goes_on_in_the_native_program(site, program) {
  return inFolder(async (folder) => {
    const page = await site.tab(await site.profile());
    writeFileSync(join(folder, "traveller.glasshouse"), await packed(page));
    run(program, folder, "unpack", "traveller.glasshouse", "--project", "here");
    const lines = run(program, folder, "train", "--resume", "--project", "here", "--device", "cpu", "--json");
    const steps = lines.split("\n").filter((line) => line.includes('"event":"step"')).map((line) => JSON.parse(line).step);
    assert.deepEqual([steps[0], steps.at(-1)], [11, 30]);
  });
}

export function a_native_project_goes_on_in_the_browser(site, program) {
  return inFolder(async (folder) => {
    const model = ["layers=1", "width=32", "heads=2", "kv_heads=2", "context_length=32"].flatMap((set) => ["--set", `model.${set}`]);
    const rest = ["--steps", "20", "--batch-size", "4", "--set", "data.corpus_bytes=60000", "--stop-after", "8", "--device", "cpu"];
    run(program, folder, "train", "--preset", "nanogpt-cpu", ...model, ...rest, "--project", "native");
    run(program, folder, "pack", "--project", "native", "--to", "native.glasshouse");
    const file = readFileSync(join(folder, "native.glasshouse")).toString("base64");

    const page = await site.tab(await site.profile());
    const opened = await page.evaluate(async (text) => {
      const file = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      return globalThis.glasshouse.send({ command: "import_project", name: "From afar", from: null }, [file]);
    }, file);
    assert.equal(event(opened, "project").opened.project.name, "From afar");
    assert.equal(event(opened, "project").opened.runs[0].step, 8);
    const steps = Object.keys(losses(await send(page, { command: "resume", run: null }))).map(Number);
    assert.deepEqual([steps[0], steps.at(-1)], [9, 20]);
  });
}

/** Trains a small model a little in the native program and exports it, as owl. */
function exported(program, folder) {
  const sizes = ["layers=1", "width=32", "heads=2", "kv_heads=2", "head_size=16", "context_length=32"];
  const model = sizes.flatMap((set) => ["--set", `model.${set}`]);
  const rest = ["--steps", "20", "--batch-size", "4", "--set", "data.corpus_bytes=60000", "--stop-after", "2", "--device", "cpu"];
  run(program, folder, "train", "--preset", "nanogpt-cpu", ...model, ...rest, "--project", "native");
  run(program, folder, "export", "--project", "native", "--to", "owl");
}

/** A chat template of a letter for the role. */
const TEMPLATE =
  "{% for m in messages %}{{ m.role[0] }},{{ m.content }}.{% endfor %}{% if add_generation_prompt %}a,{% endif %}";

/** Has a page fetch the model of an address as a person does, who is told first what there is. */
async function fetchModel(page, address, told) {
  await page.getByRole("button", { name: "Import from a URL", exact: true }).dispatchEvent("click");
  await page.getByRole("textbox", { name: "URL of the model" }).fill(address);
  await page.getByRole("button", { name: "Look there" }).dispatchEvent("click");
  await page.getByText(told).waitFor();
  await page.getByRole("button", { name: "Fetch", exact: true }).dispatchEvent("click");
}

export function a_model_of_an_address_is_imported_and_answers(site, program) {
  return inFolder(async (folder) => {
    exported(program, folder);
    writeFileSync(join(folder, "owl/chat_template.jinja"), TEMPLATE);
    const open = await serve(() => folder, { "access-control-allow-origin": "*" });
    const closed = await serve(() => folder);
    try {
      const page = await site.tab(await site.profile(), "?page=runs");
      const refused = await send(page, { command: "list_model_files", address: `${closed.address}owl` }).catch((error) => error);
      assert.match(refused.message, /does not let pages of other sites read its files/);
      assert.equal(page.problems.splice(0).every((problem) => /CORS|net::ERR_FAILED/.test(problem)), true);

      // As a person does it: an address, its size, the context length.
      await fetchModel(page, `${open.address}owl`, /has 6 files, .*kB/);
      await page.getByText("Import owl", { exact: true }).waitFor();
      await page.getByRole("spinbutton", { name: "Context length" }).waitFor();
      await page.getByRole("button", { name: "Import", exact: true }).dispatchEvent("click");
      await page.getByText(/was added: GPT2LMHeadModel/).waitFor();
      const imported = event(await send(page, { command: "list_runs" }), "runs").runs.at(-1);
      assert.match(imported.name, /owl$/);

      const source = { of: "checkpoint", run: imported.name, checkpoint: "best" };
      const opened = await send(page, { command: "open_model", source });
      assert.equal(event(opened, "model_opened").chats, true);
      const config = { max_tokens: 4, temperature: 0 };
      const heard = await send(page, { command: "generate", source, prompt: { kind: "messages", messages: [{ role: "user", content: "Go" }] }, config });
      const prompt = heard.filter(({ event, prompt }) => event === "written" && prompt).flatMap(({ tokens }) => tokens);
      assert.equal(prompt.map(({ text }) => text).join(""), "u,Go.a,");
      const native = run(program, folder, "import", "owl", "--project", "here");
      assert.match(native, /GPT2LMHeadModel/);
      const words = ["--project", "here", "--device", "cpu", "--max-tokens", "4", "--temperature", "0"];
      const answer = execFileSync(program, ["chat", ...words], { cwd: folder, encoding: "utf8", input: "Go\n", stdio: "pipe" });
      assert.equal(event(heard, "completed").completion.text, answer.replace(/\n$/, ""));

      // The folder itself, dropped.
      const devtools = await page.context().newCDPSession(page);
      const data = { items: [], files: [join(folder, "owl")], dragOperationsMask: 1 };
      for (const type of ["dragEnter", "dragOver", "drop"]) {
        await devtools.send("Input.dispatchDragEvent", { type, x: 640, y: 400, data });
      }
      await page.getByText(/^Import (owl|model)$/).waitFor();
      await page.getByRole("button", { name: "Cancel", exact: true }).dispatchEvent("click");
    } finally {
      open.server.close();
      closed.server.close();
    }
  });
}

/** Paths of all that the browser keeps for the site. */
const kept = (page) =>
  page.evaluate(async () => {
    const paths = [];
    const walk = async (folder, before) => {
      for await (const [name, handle] of folder.entries()) {
        paths.push(before + name);
        // What is removed meanwhile is not kept.
        if (handle.kind === "directory") await walk(handle, `${before}${name}/`).catch(() => {});
      }
    };
    await walk(await navigator.storage.getDirectory(), "");
    return paths;
  });

export function a_model_whose_transfer_stands_still_is_cancelled_and_fetched_again(site, program) {
  return inFolder(async (folder) => {
    exported(program, folder);
    let asked = 0;
    let stands;
    let left;
    const stood = new Promise((resolve) => (stands = resolve));
    const ended = new Promise((resolve) => (left = resolve));
    const stalls = (path, response) => {
      if (!path.endsWith("/model.safetensors")) return false;
      asked += 1;
      if (asked > 1) return false;
      response.on("close", left);
      stands();
      return true;
    };
    // A page of another site hears of what is not there, too, and nothing is remembered for the second time.
    const headers = { "access-control-allow-origin": "*", "cache-control": "no-store" };
    const { server, address } = await serve(() => folder, headers, stalls);
    try {
      const page = await site.tab(await site.profile(), "?page=runs");
      const asks = (command, kind) => within(send(page, { command }), command).then((events) => event(events, kind));
      const runs = async () => (await asks("list_runs", "runs")).runs.map(({ name }) => name);
      const projects = async () => (await asks("list_projects", "projects")).projects.map(({ id }) => id);
      const before = [await runs(), await projects()];

      await fetchModel(page, `${address}owl`, /has 5 files, .*kB/);
      await within(stood, "the weights to be asked for");
      // How far it is, of all its files.
      await page.getByText(/^Reading the model · [1-9]\d? %$/).first().waitFor({ timeout: 20_000 });
      const cancel = page.getByRole("button", { name: "Cancel: reading the model", exact: true });
      await cancel.dispatchEvent("click", undefined, { timeout: 20_000 });
      await cancel.waitFor({ state: "detached", timeout: 20_000 });
      await within(ended, "the transfer's end");
      // Nobody is asked about it, no run or project is left of it, and nothing of it is stored. What had come lay among the engine's files in
      // memory, which no page sees: that it goes with the look is no part of this test.
      assert.deepEqual([await runs(), await projects()], before);
      assert.equal(await page.getByText("Import owl", { exact: true }).count(), 0);
      const partial = /owl|\.partial-/;
      assert.deepEqual((await within(kept(page), "what is kept")).filter((path) => partial.test(path)), []);
      assert.equal(asked, 1);

      // The same address again, of which everything comes now.
      await fetchModel(page, `${address}owl`, /has 5 files, .*kB/);
      await page.getByText("Import owl", { exact: true }).waitFor({ timeout: 30_000 });
      assert.equal(asked, 2);
      await page.getByRole("button", { name: "Import", exact: true }).dispatchEvent("click", undefined, { timeout: 20_000 });
      await page.getByText(/was added: GPT2LMHeadModel/).waitFor({ timeout: 30_000 });
      const [name, ...others] = (await runs()).filter((name) => !before[0].includes(name));
      assert.match(name, /owl$/);
      assert.deepEqual(others, []);
      const source = { of: "checkpoint", run: name, checkpoint: "best" };
      const opened = await within(send(page, { command: "open_model", source }), "the model to be opened");
      assert(event(opened, "model_opened"));
      // What was looked for above is found where there is something; it is stored behind the answers.
      const stored = async () => (await kept(page)).some((path) => path.includes(name));
      for (let tries = 0; !(await within(stored(), "what is kept")); tries += 1) {
        assert(tries < 100, `${name} was never stored`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

export async function an_address_asks_and_opens_a_project_once(site) {
  const first = await site.tab(await site.profile());
  const file = await packed(first);
  const context = await site.profile({ serviceWorkers: "block" });
  let fetched = 0;
  await context.route("**/given.glasshouse", (route) => {
    fetched += 1;
    return route.fulfill({ body: file, headers: { "access-control-allow-origin": "*" } });
  });
  const address = encodeURIComponent("https://example.org/some/given.glasshouse");
  const page = await site.tab(context, `?project=${address}&page=runs`);
  await page.getByText("asks to fetch the project given.glasshouse from example.org and to open it").waitFor();
  assert.equal(fetched, 0, "nothing is fetched without being asked for");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  const state = await until(page, ({ project }) => project?.name === "Traveller", "the project of the address");
  assert.equal(state.page, "runs");
  await page.waitForFunction(() => !location.search.includes("project="));
  assert.match(page.url(), /\?page=runs$/);

  const careful = await site.tab(context, "?project=given.glasshouse", { project: false });
  await careful.getByText("from this site, localhost").waitFor();
  await careful.getByRole("button", { name: "Leave it" }).click();
  await careful.waitForFunction(() => !location.search.includes("project="));
  assert.equal(fetched, 1);
}

export async function an_address_without_end_is_left(site) {
  const context = await site.profile();
  await context.addInitScript(() => {
    const { fetch } = globalThis;
    globalThis.pulled = 0;
    globalThis.fetch = (address, ...rest) => {
      if (!String(address).includes("endless")) return fetch(address, ...rest);
      const chunk = new Uint8Array(64 << 20);
      const pull = (controller) => {
        globalThis.pulled += chunk.length;
        controller.enqueue(chunk);
      };
      return Promise.resolve(new Response(new ReadableStream({ pull }, { highWaterMark: 0 })));
    };
  });
  const page = await site.tab(context, "?project=endless.glasshouse");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByText("endless.glasshouse could not be opened: it is larger than 1 GB").waitFor();
  assert((await page.evaluate(() => globalThis.pulled)) < 1.2e9);
}

export async function an_address_that_leads_nowhere_is_said(site) {
  const page = await site.tab(await site.profile(), "?project=nothing.glasshouse&page=kitchen");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByText("nothing.glasshouse could not be opened: its server answers 404").waitFor();
  const { messages } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.match(messages[0].message, /kitchen/);
}

export async function a_malformed_address_is_named_and_left(site) {
  // `%E0%A4` is no text in UTF-8.
  const odd = await site.tab(await site.profile(), `?project=${encodeURIComponent("https://example.org/%E0%A4.glasshouse")}`);
  await odd.getByText("asks to fetch the project %E0%A4.glasshouse from example.org").waitFor();
  const context = await site.profile();
  for (const address of ["https://", "javascript:alert(1)", "http://[::1", ""]) {
    const page = await site.tab(context, `?project=${encodeURIComponent(address)}&page=runs`);
    const words = address ? `a project at ${address}, which is not a valid URL` : "a project without its URL";
    await page.getByText(words).waitFor();
    assert.equal(await page.locator("#notice").first().isHidden(), true);
    await page.getByRole("button", { name: "Leave it" }).click();
    await page.waitForFunction(() => location.search === "?page=runs");
    await page.close();
  }
}

export async function a_linked_project_shows_its_progress_and_is_cancelled(site) {
  let asked = 0;
  let left;
  const ended = new Promise((resolve) => (left = resolve));
  const stalls = (path, response) => {
    asked += 1;
    if (asked === 1) response.on("close", left);
    return asked === 1;
  };
  const headers = { "access-control-allow-origin": "*", "cache-control": "no-store" };
  const { server, address } = await serve(() => site.folder, headers, stalls);
  try {
    const page = await site.tab(await site.profile(), `?project=${encodeURIComponent(`${address}sample.glasshouse`)}&page=runs`);
    const ids = async () => event(await send(page, { command: "list_projects" }), "projects").projects.map(({ id }) => id);
    const before = await ids();
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.getByText(/is being fetched: [\d.]+ MB of [\d.]+ MB/).waitFor();
    assert.match(page.url(), /project=/, "a reload asks again");
    // Beside the pages' rail, or above it.
    for (const viewport of [{ width: 390, height: 844 }, { width: 1280, height: 800 }]) {
      await page.setViewportSize(viewport);
      await page.waitForFunction((wide) => {
        const bar = document.getElementById("bar").getBoundingClientRect();
        const tabs = [...document.querySelectorAll("#mirror [role=tab]")].map((tab) => tab.getBoundingClientRect());
        const isBeside = (tab) => (wide ? tab.right <= bar.left : tab.top >= bar.bottom);
        return bar.top > 0 && tabs.length > 4 && tabs.every(isBeside);
      }, viewport.width > 600);
    }
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await within(ended, "the transfer's end");
    // The question is back, and the address with it.
    await page.getByRole("button", { name: "Open", exact: true }).waitFor();
    assert.match(page.url(), /project=/);
    assert.deepEqual(await ids(), before);
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.waitForFunction(() => location.search === "?page=runs");
    assert.equal((await ids()).length, before.length + 1);
    assert.equal(await page.locator("#bar").isHidden(), true);
    assert.equal(asked, 2);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

export function a_chosen_file_is_read_once_by_the_engine(site) {
  return inFolder(async (folder) => {
    const text = "The owl reads one line of this text after the other. ".repeat(200_000);
    writeFileSync(join(folder, "large.txt"), text);
    writeFileSync(join(folder, "picture.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0]));
    const context = await site.profile();
    await context.addInitScript(() => {
      globalThis.moved = { read: 0, posted: 0, files: 0 };
      const { arrayBuffer } = Blob.prototype;
      Blob.prototype.arrayBuffer = function () {
        globalThis.moved.read += this.size;
        return arrayBuffer.call(this);
      };
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...rest) {
        for (const file of message.files ?? []) {
          if (file instanceof Blob) globalThis.moved.files += 1;
          else globalThis.moved.posted += file.byteLength;
        }
        return postMessage.call(this, message, ...rest);
      };
    });
    const page = await site.tab(context, "?page=data");
    await send(page, { command: "create_project", name: "Large" });
    await until(page, ({ project, waiting }) => project?.name === "Large" && waiting === 0, "the project");
    const before = await page.evaluate(() => ({ ...globalThis.moved }));
    const choosing = page.waitForEvent("filechooser");
    // A press by the mouse: browsers open no dialog for a script.
    const { x, y, width, height } = await page.getByRole("button", { name: "Add files" }).first().boundingBox();
    await page.mouse.click(x + width / 2, y + height / 2);
    await (await choosing).setFiles([join(folder, "large.txt"), join(folder, "picture.png")]);
    await page.waitForFunction((files) => globalThis.moved.files > files, before.files);
    const after = await page.evaluate(() => globalThis.moved);
    assert.equal(after.files - before.files, 1);
    assert(after.read - before.read < 10_000 && after.posted === before.posted, JSON.stringify([before, after]));
    const list = { command: "list_documents", search: "", offset: 0, count: 1, validation: 0.1 };
    assert.equal(event(await send(page, list), "documents").overview.bytes, text.length);
    // Its kind is known all the same: a picture is refused by its name and its first bytes.
    const { messages } = await page.evaluate(() => globalThis.glasshouse.state());
    assert(messages.some(({ message }) => message.startsWith("picture.png was not added")), JSON.stringify(messages));

    // Dropped, too.
    const devtools = await page.context().newCDPSession(page);
    writeFileSync(join(folder, "dropped.txt"), text);
    const data = { items: [], files: [join(folder, "dropped.txt")], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await devtools.send("Input.dispatchDragEvent", { type, x: 640, y: 400, data });
    }
    await until(page, ({ documents }) => documents?.files === 2, "both texts");
    assert.equal(await page.evaluate(() => globalThis.moved.files) - after.files, 1);
  });
}
