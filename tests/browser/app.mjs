// Drives the built web app in a real Chromium: a first visit, training, coming back, what stands
// beside the canvas for those who do not see it, files that are cleaned and that travel, storage, and what can go wrong.
//
//   node app.mjs DIST GLASSHOUSE [NAME]     DIST is what web/build wrote, GLASSHOUSE the native program; NAME picks tests by a part
//
// Models are tiny: what is tested is that everything works together, not how fast. The last line is `N passed, M failed`.

import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { Site } from "./site.mjs";
import * as around from "./tests-around.mjs";
import * as cleaning from "./tests-cleaning.mjs";
import * as elements from "./tests-elements.mjs";
import * as evaluate from "./tests-evaluate.mjs";
import * as lens from "./tests-lens.mjs";
import * as remote from "./tests-remote.mjs";
import * as script from "./tests-script.mjs";
import * as shards from "./tests-shards.mjs";
import * as share from "./tests-share.mjs";
import * as storage from "./tests-storage.mjs";
import * as training from "./tests-training.mjs";
import * as travel from "./tests-travel.mjs";
import * as tuning from "./tests-tuning.mjs";

/** Seconds after which a test has failed. */
const PATIENCE = 180;

/** Tests that ask what happens before a tiny run has come to its end, or keep every core busy: they have the machine to themselves. */
const ALONE = new Set([
  "a_software_adapter_trains_when_it_is_asked_for",
  "training_pauses_writes_meanwhile_and_goes_on",
  "a_divided_run_pauses_stops_and_continues_with_the_same_losses",
  "the_script_pauses_aborts_and_resumes",
  "the_script_looks_inside_while_a_model_trains",
  "every_view_answers_in_the_tab_and_on_webgpu",
  "every_view_is_drawn_by_webgpu",
]);

function inTime(work) {
  let timer;
  const end = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${PATIENCE} s`)), PATIENCE * 1000);
  });
  return Promise.race([work, end]).finally(() => clearTimeout(timer));
}

async function main() {
  const [dist, program, part = ""] = process.argv.slice(2);
  if (!dist || !program) {
    console.error("usage: node app.mjs DIST GLASSHOUSE [NAME]");
    return 2;
  }
  const tests = [training, tuning, elements, shards, travel, cleaning, script, lens, evaluate, share, remote, storage, around]
    .flatMap((module) => Object.entries(module))
    .filter(([name]) => name.includes(part));
  assert(tests.length > 0, `no test is called ${part}`);
  const alone = tests.filter(([name]) => ALONE.has(name));
  const others = tests.filter(([name]) => !ALONE.has(name));
  let failed = 0;
  const again = [];
  /** Takes tests until none is left, in a Chromium of its own. Failed ones of a first `attempt` are left in `again`. */
  const work = async (queue, attempt = 1) => {
    let site = await Site.open(dist);
    for (let next = queue.shift(); next; next = queue.shift()) {
      // One that was lost costs the test that lost it.
      if (!site.browser.isConnected()) {
        await site.close();
        site = await Site.open(dist);
      }
      const [name, test] = next;
      const began = Date.now();
      const problem = await inTime(test(site, program)).then(
        () => null,
        (error) => error,
      );
      await site.closeProfiles();
      if (problem && attempt === 1) again.push(next);
      else if (problem) failed += 1;
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      const outcome = { 1: problem ? "REPEATED" : "passed", 2: problem ? "FAILED" : "passed at the second attempt" }[attempt];
      console.log(`${outcome} ${name.replaceAll("_", " ")} (${seconds} s)`);
      if (problem) console.log(problem.stack);
    }
    await site.close();
  };
  await work(alone);
  // Two at once: while one waits for a frame or a clock, the other computes.
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 2) }, () => work(others)));
  // On a busy machine, a wait may have been too short.
  if (again.length > 0) await work(again, 2);
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

// A test that failed may still wait for something of its page, which is closed.
process.on("unhandledRejection", ({ message }) => console.log(`  after its test: ${message}`));
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.stack);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
