// The web app in Firefox and in a WebKit: the same walk in each. WebGPU is in neither, where Debian packages them: training is on the
// CPU's workers, and the page says so.
//
//   node others.mjs DIST GLASSHOUSE [NAME]     DIST is what web/build wrote, GLASSHOUSE the native program; NAME picks walks by a part
//
// A browser that is not installed is added to the file named by GLASSHOUSE_SKIPPED, whose lines tests/run takes from those passed. The last line is `N passed, M failed`.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Firefox, WebKit, installed } from "./drivers.mjs";
import { Remote, inFolder, trains, trainsThrough, uploads } from "./remote.mjs";
import { losses, serve } from "./site.mjs";

/** A WebKit that is driven keeps nothing: its private file system is none, as in a private window. So it walks the way of those. */
const WALKS = {
  firefox: { installed: installed.firefox, open: () => Firefox.open(), lasting: true },
  webkit: { installed: installed.webkit, open: () => WebKit.open(), lasting: false },
};

/** Steps of the first stories. */
const STEPS = 50;

const state = () => globalThis.glasshouse.state();
const send = (command) => globalThis.glasshouse.send(command);

async function ready(browser) {
  await browser.evaluate(async () => {
    while (!globalThis.glasshouse) {
      if (!document.getElementById("notice").hidden) throw new Error(document.getElementById("notice").textContent);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    let answered = false;
    globalThis.glasshouse.ready.then(() => (answered = true));
    while (!answered) {
      // An engine that does not load is told there, and never answers.
      if (!document.getElementById("notice").hidden) throw new Error(document.getElementById("notice").textContent);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
}

/** Waits for a project to be open. */
async function opened(browser, name) {
  return browser.evaluate(async (name) => {
    const said = (id) => document.getElementById(id).textContent.trim();
    for (let trial = 0; trial < 600 && document.getElementById("notice").hidden; trial += 1) {
      const { project } = globalThis.glasshouse.state() ?? {};
      if (project && (name === null || project.name === name)) return project;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const state = JSON.stringify(globalThis.glasshouse.state());
    throw new Error(`no project ${name ?? ""} was opened: ${state}; ${said("progress")}; ${said("notice")}`);
  }, name ?? null);
}

/** Waits until a new page has replaced the one of before, in which scripts may still run when a driver says that it is done. */
async function loaded(browser, isNew) {
  for (let trial = 0; ; trial += 1) {
    const found = await browser.evaluate(isNew).catch((error) => error);
    if (found === true) break;
    if (trial > 300) throw new Error(`the page is not loaded: ${found}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await ready(browser);
}

async function reload(browser) {
  await browser.evaluate(() => (globalThis.isBefore = true));
  await browser.reload();
  await loaded(browser, () => globalThis.isBefore !== true);
}

/** Waits until the page says something, as a screen reader finds it. */
async function says(browser, words) {
  await browser.evaluate(async (words) => {
    const said = () => document.getElementById("mirror").textContent;
    for (let trial = 0; !said().includes(words); trial += 1) {
      if (trial > 300) throw new Error(`the page does not say "${words}": ${said()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }, words);
}

/** Presses the button whose name begins so. */
async function press(browser, name) {
  await browser.evaluate(async (name) => {
    const button = () => document.querySelector(`#mirror button[aria-label^="${name}"]`);
    for (let trial = 0; !button(); trial += 1) {
      if (trial > 300) throw new Error(`there is no button "${name}"`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    button().click();
  }, name);
}

async function walk(browser, address, lasting) {
  await browser.goto(address);
  await ready(browser);
  await opened(browser);
  const first = await browser.evaluate(state);
  assert.equal(first.device.kind, "cpu");
  assert.match(first.device.why, /WebGPU/);
  assert.deepEqual([first.storage.lasting, first.storage.place], lasting ? [true, "this browser"] : [false, "memory"]);
  assert.deepEqual(first.messages, []);
  await press(browser, "Device: ");
  await says(browser, "WebGPU");
  await press(browser, "Device: ");
  if (!lasting) {
    await browser.evaluate(() => globalThis.glasshouse.follow("?page=home"));
    await says(browser, "no private storage");
    await says(browser, "lost when this tab closes");
  }

  await browser.evaluate(send, { command: "create_project", name: "Walk" });
  const config = await browser.evaluate(() => globalThis.glasshouse.engine.configure({ preset: "first-stories", seed: 3 }));
  const whole = losses(await browser.evaluate(send, { command: "train", config, stop_after: STEPS }));
  assert.equal(Object.keys(whole).length, STEPS);
  assert(whole[STEPS] < whole[1] - 1, `the loss falls: ${whole[1]} to ${whole[STEPS]}`);
  const writing = { command: "generate", source: { of: "current" }, prompt: { kind: "text", text: "Once" }, config: { max_tokens: 40, temperature: 0 } };
  const written = (events) => events.findLast(({ event }) => event === "completed").completion.text;
  const text = written(await browser.evaluate(send, writing));
  assert(text.length > 0);

  const { id } = await opened(browser, "Walk");
  const packed = await browser.evaluate(async (id) => {
    const events = await globalThis.glasshouse.send({ command: "export", what: { project: { id } } });
    const [file] = events.findLast(({ event }) => event === "exported").files;
    let text = "";
    for (let at = 0; at < file.length; at += 32_768) text += String.fromCharCode(...file.subarray(at, at + 32_768));
    return btoa(text);
  }, id);

  await reload(browser);
  if (lasting) {
    assert.equal((await opened(browser, "Walk")).runs, 1);
    const rest = losses(await browser.evaluate(send, { command: "resume", run: null, stop_after: STEPS + 3 }));
    assert.deepEqual(Object.keys(rest).map(Number), [STEPS + 1, STEPS + 2, STEPS + 3]);
  } else {
    await opened(browser);
  }

  // The packed project is another with the same model.
  await browser.evaluate(async (packed) => {
    const file = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    await globalThis.glasshouse.send({ command: "import_project", name: "Unpacked", from: null }, [file]);
  }, packed);
  assert.equal((await opened(browser, "Unpacked")).runs, 1);
  assert.equal(written(await browser.evaluate(send, writing)), text);
  const rest = losses(await browser.evaluate(send, { command: "resume", run: null, stop_after: STEPS + 2 }));
  assert.deepEqual(Object.keys(rest).map(Number), [STEPS + 1, STEPS + 2]);
  assert.equal((await browser.evaluate(state)).lost, null);
}

/** Malformed addresses are named, requests are refused instead of the engine being lost, and no script runs that is not the page's own. */
async function careful(browser, address) {
  await browser.goto(`${address}?project=${encodeURIComponent("https://example.org/%E0%A4.glasshouse")}`);
  await ready(browser);
  await opened(browser);
  const found = await browser.evaluate(async () => {
    const asked = () => document.getElementById("bar").textContent;
    for (let trial = 0; !asked() && trial < 100; trial += 1) await new Promise((resolve) => setTimeout(resolve, 100));
    const { engine, send } = globalThis.glasshouse;
    engine.send("{");
    const kind = await send({ command: "lst" }).catch((error) => error.kind);
    const blocked = new Promise((resolve) => addEventListener("securitypolicyviolation", resolve, { once: true }));
    document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.injected = true" }));
    await blocked;
    // The engine stores the first project before it answers again.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await send({ command: "list_devices" });
    return { asked: asked(), kind, lost: engine.lost, injected: globalThis.injected ?? false };
  });
  assert.match(found.asked, /the project %E0%A4\.glasshouse from example\.org/);
  assert.deepEqual([found.kind, found.lost, found.injected], ["invalid", null, false]);
}

/** Shares the open project's latest run as a page, which writes from a file. Repeats the export, since browsers recompile code that runs often. */
async function share(browser) {
  const page = await browser.evaluate(async () => {
    const { runs } = (await globalThis.glasshouse.send({ command: "list_runs" })).find(({ event }) => event === "runs");
    const format = { kind: "page", weights: "f16" };
    let answers;
    for (let trial = 0; trial < 20; trial += 1) {
      answers = await globalThis.glasshouse.send({ command: "export", what: { model: { run: runs.at(-1).name, format } } });
    }
    return new TextDecoder().decode(answers.find(({ event }) => event === "exported").files[0]);
  });
  const folder = mkdtempSync(join(tmpdir(), "glasshouse-"));
  try {
    writeFileSync(join(folder, "page.html"), page);
    await browser.goto(pathToFileURL(join(folder, "page.html")).href);
    const said = await browser.evaluate(async () => {
      const until = async (found) => {
        for (let trial = 0; trial < 300; trial += 1) {
          if (found()) return;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(document.getElementById("page").textContent);
      };
      const write = () => document.getElementById("write");
      await until(write);
      write().click();
      await until(() => document.body.textContent.includes("tokens per second"));
      return document.getElementById("text").textContent;
    });
    assert.notEqual(said, "");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Drives the engine of a native program: a run, and a text of 100 MB, whose connections end meanwhile. */
function drives(browser, dist, program) {
  return inFolder(async (folder) => {
    execFileSync(program, trains(10), { cwd: folder, stdio: "pipe" });
    const words = ["open", "--remote", "--project", "native", "--page", dist, "--shelf", join(folder, "shelf")];
    const remote = await Remote.open(program, folder, ...words);
    try {
      await browser.goto(remote.link());
      // The link leads on to the page itself.
      await loaded(browser, () => !location.search.includes("token"));
      await opened(browser, "native");
      await trainsThrough(browser, async () => {
        await browser.evaluate(async () => {
          while (!(globalThis.glasshouse.state().training?.step > 100)) await new Promise((resolve) => setTimeout(resolve, 20));
        });
        remote.cut();
      });
      await uploads(browser, remote);
    } finally {
      await remote.close();
    }
  });
}

async function main() {
  const [dist, program, part = ""] = process.argv.slice(2);
  if (!dist || !program) {
    console.error("usage: node others.mjs DIST GLASSHOUSE [NAME]");
    return 2;
  }
  const named = Object.entries(WALKS).filter(([name]) => name.includes(part));
  const walks = named.filter(([, { installed }]) => installed());
  for (const [name] of named.filter((walk) => !walks.includes(walk))) {
    console.log(`skipped ${name}: it is not installed`);
    appendFileSync(process.env.GLASSHOUSE_SKIPPED ?? "/dev/null", `${name} is not installed\n`);
  }
  let failed = 0;
  const again = [];
  const { server, address } = await serve(() => dist);
  // Once more after a failure: WebKitGTK 2.50.6 now and then miscompiles code that ran often.
  for (const [at, [name, { open, lasting }]] of [...walks, ...walks].entries()) {
    const repeats = at >= walks.length;
    if (repeats !== again.includes(name)) continue;
    const began = Date.now();
    let browser = null;
    try {
      browser = await open();
      await careful(browser, address);
      // Not after a page from a file: WebKit then opens no connection.
      await drives(browser, dist, program);
      await walk(browser, address, lasting);
      await share(browser);
      console.log(`passed ${name}: ${browser.name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      if (repeats) failed += 1;
      else again.push(name);
      console.log(`${repeats ? "FAILED" : "REPEATED"} ${name}: ${browser?.name ?? ""}\n${error.stack}`);
    } finally {
      await browser?.close();
    }
  }
  server.close();
  console.log(`${named.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error) => {
  console.error(error.stack);
  console.log("0 passed, 1 failed");
  return 1;
});
