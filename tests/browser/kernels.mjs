// Creates every kernel variant in a real Chromium: its WGSL compiler is stricter than naga.
//
//   node kernels.mjs KERNELS.json [KEPT]     the list that `cargo run --release -p glasshouse-shaders --example list` prints:
//                                            [{ name, half, entry_point, source, workgroup_size: [x, y, z],
//                                               bindings: [{ binding, access: "read" | "read_write" | "uniform" }] }]
//                                            KEPT is a file for what was created: the same kernel is not created again by the
//                                            same version of the same compiler
//   node kernels.mjs --self-check            proves that the check can fail: good kernels and bad ones, with 16-bit floats and without
//
// The device has WebGPU's default limits, the least that any browser offers, and 16-bit floats where the adapter has them. Where it has
// not (no software adapter that a browser takes has), kernels that are marked `half` are created by the same compiler outside of the
// browser: Dawn, from the npm package `webgpu`, on its adapter that has every feature and draws nothing. Prints a line for each kernel that fails and
// `N passed, M failed` last; exits with 1 if any failed.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { FLAGS, withPage } from "./chromium.mjs";
import { create as createDawn, globals } from "webgpu";

/** Runs inside the page: compiles one module and its pipeline; returns what is wrong, or null. */
async function create(kernel) {
  const device = globalThis.device;
  try {
    const types = { read: "read-only-storage", read_write: "storage", uniform: "uniform" };
    const entries = kernel.bindings.map(({ binding, access }) => {
      if (!types[access]) throw new Error(`binding ${binding}: unknown access ${access}`);
      return { binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: types[access] } };
    });
    // Nothing may be awaited inside of the scope: other kernels are created meanwhile.
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: kernel.name, code: kernel.source });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
    const scoped = device.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const problems = messages
      .filter(({ type }) => type === "error")
      .map(({ lineNum, linePos, message }) => `line ${lineNum}:${linePos}: ${message}`);
    if (problems.length > 0) return problems.join("; ");
    const problem = await scoped;
    if (problem) return problem.message;
    await device.createComputePipelineAsync({ layout, compute: { module, entryPoint: kernel.entry_point } });
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Runs inside the page: asks for an adapter and a device with default limits. */
async function open() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return "this browser offers no WebGPU adapter";
  const requiredFeatures = ["shader-f16"].filter((feature) => adapter.features.has(feature));
  globalThis.device = await adapter.requestDevice({ requiredFeatures });
  return null;
}

let dawn;

/** The version of Dawn's package. */
const DAWN = JSON.parse(readFileSync(new URL("./node_modules/webgpu/package.json", import.meta.url), "utf8")).version;

/** Names a kernel by all that its creation depends on. */
function named(compiler, kernel) {
  const all = JSON.stringify([compiler, FLAGS, `${create}${open}`, kernel]);
  return createHash("sha256").update(all).digest("hex");
}

/**
 * Creates kernels in Chromium, and those that its adapter cannot have by Dawn itself, but for those that are named in `before`; returns
 * [name, problem or null] for each, how many were Dawn's and how many named, and the names of those that can be created.
 */
async function check(kernels, before) {
  let [outside, again] = [0, 0];
  const created = [];
  // A browser for each core: its graphics process compiles one kernel after another.
  const browsers = Array.from({ length: Math.min(availableParallelism(), kernels.length, 8) }, () => []);
  const found = new Map();
  kernels.forEach((kernel, index) => browsers[index % browsers.length].push(kernel));
  await Promise.all(
    browsers.map((share) =>
      withPage(async (page, version) => {
        const refusal = await page.evaluate(open);
        if (refusal) throw new Error(`Chromium ${version}: ${refusal}`);
        const hasHalf = await page.evaluate(() => globalThis.device.features.has("shader-f16"));
        if (!hasHalf) await (dawn ??= openDawn());
        for (const kernel of share) {
          const inside = hasHalf || !kernel.half;
          if (!inside) outside += 1;
          const name = named(inside ? `Chromium ${version}` : `Dawn ${DAWN}`, kernel);
          if (before.has(name)) again += 1;
          const problem = before.has(name) ? null : inside ? await page.evaluate(create, kernel) : await create(kernel);
          found.set(kernel, problem);
          if (problem === null) created.push(name);
        }
      }),
    ),
  );
  return { results: kernels.map((kernel) => [kernel.name, found.get(kernel)]), outside, again, created };
}

/** Opens a device of Dawn with 16-bit floats in this process, where `create` looks for it. */
async function openDawn() {
  // A device does not keep its instance: once that is collected, the next call ends the process.
  Object.assign(globalThis, globals, { dawn: createDawn(["backend=null"]) });
  const adapter = await globalThis.dawn.requestAdapter();
  if (!adapter?.features.has("shader-f16")) throw new Error("Dawn offers no adapter with 16-bit floats");
  globalThis.device = await adapter.requestDevice({ requiredFeatures: ["shader-f16"] });
}

const good = (name, statement, bindings, more = "") => ({
  name,
  entry_point: "main",
  workgroup_size: [8, 1, 1],
  source: `
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    ${more}
    @compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id: vec3u) { ${statement} }`,
  bindings,
});

const READ_THEN_WRITE = [
  { binding: 0, access: "read" },
  { binding: 1, access: "read_write" },
];

const half = (name, statement) => {
  const kernel = good(name, statement, READ_THEN_WRITE);
  return { ...kernel, half: true, source: `enable f16;${kernel.source}` };
};

const SELF_CHECK = [
  [true, half("rounds to 16 bits", "y[id.x] = f32(f16(x[id.x]));")],
  [false, half("mixes floats of 16 and 32 bits", "y[id.x] = f16(x[id.x]);")],
  [false, half("waits at a barrier in a branch, in 16 bits", "if (f16(x[id.x]) > 0.0h) { workgroupBarrier(); } y[id.x] = 1.0;")],
  [true, good("copies", "y[id.x] = x[id.x];", READ_THEN_WRITE)],
  [
    true,
    good(
      "scales by a uniform",
      "y[id.x] = scale.x * x[id.x];",
      [...READ_THEN_WRITE, { binding: 2, access: "uniform" }],
      "@group(0) @binding(2) var<uniform> scale: vec4f;",
    ),
  ],
  [false, good("names what is not there", "y[id.x] = absent;", READ_THEN_WRITE)],
  [
    false,
    good(
      "waits at a barrier in a branch",
      "if (x[id.x] > 0.0) { workgroupBarrier(); } y[id.x] = 1.0;",
      READ_THEN_WRITE,
    ),
  ],
  [
    false,
    good("writes to a buffer declared for reading", "y[id.x] = x[id.x];", [
      { binding: 0, access: "read" },
      { binding: 1, access: "read" },
    ]),
  ],
];

async function main() {
  const [source, kept] = process.argv.slice(2);
  if (!source) {
    console.error("usage: node kernels.mjs KERNELS.json [KEPT] | --self-check");
    return 2;
  }
  const selfCheck = source === "--self-check";
  const kernels = selfCheck ? SELF_CHECK.map(([, kernel]) => kernel) : JSON.parse(readFileSync(source, "utf8"));
  if (!Array.isArray(kernels) || kernels.length === 0) {
    console.error(`${source}: no kernels listed`);
    return 1;
  }
  const before = new Set(kept && existsSync(kept) ? readFileSync(kept, "utf8").split("\n") : []);
  const { results, outside, again, created } = await check(kernels, before);
  if (kept) writeFileSync(kept, created.join("\n"));
  let failed = 0;
  results.forEach(([name, problem], index) => {
    if (selfCheck && (problem === null) !== SELF_CHECK[index][0]) {
      failed += 1;
      console.log(`FAILED ${name}: ${problem ?? "was created, though it is wrong"}`);
    } else if (!selfCheck && problem !== null) {
      failed += 1;
      console.log(`FAILED ${name}: ${problem}`);
    } else if (selfCheck && problem !== null) {
      console.log(`refused, as it must be: ${name}: ${problem.split("\n")[0]}`);
    }
  });
  if (outside > 0) console.log(`${outside} of them by Dawn outside of the browser, whose adapter has no 16-bit floats`);
  if (again > 0) console.log(`${again} of them are the same that the same compiler created before`);
  console.log(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

// Dawn keeps the process alive.
process.exit(
  await main().catch((error) => {
    console.error(error.message);
    return 1;
  }),
);
