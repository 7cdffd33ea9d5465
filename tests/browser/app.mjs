// Drives the built web app in a real Chromium: a first visit, training, coming back, what stands
// beside the canvas for those who do not see it, files that are cleaned and that travel, storage, and what can go wrong.
//
//   node app.mjs DIST GLASSHOUSE [NAME]     DIST is what web/build wrote, GLASSHOUSE the native program; NAME picks tests by a part
//
// Models are tiny: what is tested is that everything works together, not how fast. The last line is `N passed, M failed`.

import assert from "node:assert/strict";
import { Site } from "./site.mjs";
import * as around from "./tests-around.mjs";
import * as cleaning from "./tests-cleaning.mjs";
import * as elements from "./tests-elements.mjs";
import * as evaluate from "./tests-evaluate.mjs";
import * as lens from "./tests-lens.mjs";
import * as script from "./tests-script.mjs";
import * as shards from "./tests-shards.mjs";
import * as storage from "./tests-storage.mjs";
import * as training from "./tests-training.mjs";
import * as travel from "./tests-travel.mjs";
import * as tuning from "./tests-tuning.mjs";

/** Seconds after which a test has failed. */
const PATIENCE = 180;

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
  const tests = [training, tuning, elements, shards, travel, cleaning, script, lens, evaluate, storage, around]
    .flatMap((module) => Object.entries(module))
    .filter(([name]) => name.includes(part));
  assert(tests.length > 0, `no test is called ${part}`);
  let failed = 0;
  const site = await Site.open(dist);
  for (const [name, test] of tests) {
    const began = Date.now();
    const problem = await inTime(test(site, program)).then(
      () => null,
      (error) => error,
    );
    await site.closeProfiles();
    if (problem) failed += 1;
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(`${problem ? "FAILED" : "passed"} ${name.replaceAll("_", " ")} (${seconds} s)`);
    if (problem) console.log(problem.stack);
  }
  await site.close();
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.stack);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
