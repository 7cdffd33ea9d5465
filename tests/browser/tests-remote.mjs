// The window over the network: the page in a browser, the engine in the native program; connections that end in the middle of work.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Remote, inFolder, trains, trainsThrough, uploads } from "./remote.mjs";
import { event, ready, send, until, within } from "./site.mjs";

/** A tab at the program's last link. */
async function tab(site, remote) {
  const page = await (await site.profile()).newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  const link = remote.link();
  await page.goto(link);
  await page.waitForURL((address) => !address.search.includes("token"));
  await ready(page);
  await until(page, ({ project }) => project, "the program's project");
  return [page, link];
}

export function a_browser_drives_the_engine_of_another_program(site, program) {
  return inFolder(async (folder) => {
    execFileSync(program, trains(10), { cwd: folder, stdio: "pipe" });
    const shelf = ["--shelf", join(folder, "shelf")];
    const remote = await Remote.open(program, folder, "open", "--remote", "--project", "native", "--page", site.folder, ...shelf);
    try {
      const [page, used] = await tab(site, remote);
      const again = await (await site.profile()).newPage();
      assert.equal((await again.goto(used)).status(), 401, "a link works once");
      const [other] = await tab(site, remote);

      // It trains there, and both see it; the connections end meanwhile.
      const { runs } = event(await send(page, { command: "list_runs" }), "runs");
      assert.equal(runs[0].step, 10);
      await trainsThrough(page, async () => {
        await until(other, ({ training }) => training.step > 20, "the run in the other browser");
        await assert.rejects(send(other, { command: "steer", action: "pause" }), /another browser steers/);
        remote.cut();
        await until(page, ({ training }) => training.step > 200, "the run to go on");
        remote.cut();
      });
      await until(other, ({ training }) => training.state === "idle" && training.step === 3000, "its end in the other browser");

      // A text of 100 MB arrives, and a project goes out, although connections end within.
      await uploads(page, remote);
      const project = await until(page, ({ project }) => project, "the project");
      const out = page.evaluate(async (id) => {
        const events = await globalThis.glasshouse.send({ command: "export", what: { project: { id } } });
        return events.findLast(({ event }) => event === "exported").files[0].length;
      }, project.project.id);
      await new Promise((resolve) => setTimeout(resolve, 300));
      remote.cut();
      assert(await within(out, "the download", 90) > 50_000);

      // Whoever arrives may take over, and paths of that machine stay out of reach.
      await other.evaluate(() => [...document.querySelectorAll("#bar button")].find((one) => one.textContent === "Steer here").click());
      await page.getByText("Another browser steers this program").waitFor();
      const outside = { command: "import_project", name: null, from: "/etc/passwd" };
      await assert.rejects(send(other, outside), /cannot name files/);
      assert.deepEqual([page.problems, other.problems], [[], []]);
    } finally {
      await remote.close();
    }
  });
}

export function a_run_of_the_terminal_is_watched_and_stopped(site, program) {
  return inFolder(async (folder) => {
    const remote = await Remote.open(program, folder, ...trains(100_000), "--watch", "--page", site.folder);
    try {
      const [page] = await tab(site, remote);
      await until(page, ({ training }) => training.step > 20, "the run");
      const ended = new Promise((resolve) => remote.process.on("exit", resolve));
      await send(page, { command: "steer", action: "stop" });
      assert.equal(await within(ended, "the program to end"), 0);
    } finally {
      remote.proxy.close();
      remote.cut();
      remote.process.kill();
    }
  });
}
