// Creates every kernel variant in a real Chromium: its WGSL compiler is stricter than naga.
//
//   node kernels.mjs KERNELS.json     the list that `cargo run --release -p glasshouse-shaders --example list` prints:
//                                     [{ name, half, entry_point, source, workgroup_size: [x, y, z],
//                                        bindings: [{ binding, access: "read" | "read_write" | "uniform" }] }]
//   node kernels.mjs --self-check     proves that the check can fail: two good kernels and three bad ones
//
// The device has WebGPU's default limits, the least that any browser offers, and 16-bit floats where the adapter has them; where it
// has not, kernels that are marked `half` are left out and counted. Prints a line for each kernel that fails and
// `N passed, M failed` last; exits with 1 if any failed.

import { readFileSync } from "node:fs";
import { withPage } from "./chromium.mjs";

/** Runs inside the page: compiles one module and its pipeline; returns what is wrong, or null. */
async function create(kernel) {
  const device = globalThis.device;
  device.pushErrorScope("validation");
  const problems = [];
  try {
    const module = device.createShaderModule({ label: kernel.name, code: kernel.source });
    const { messages } = await module.getCompilationInfo();
    for (const { type, lineNum, linePos, message } of messages) {
      if (type === "error") problems.push(`line ${lineNum}:${linePos}: ${message}`);
    }
    const types = { read: "read-only-storage", read_write: "storage", uniform: "uniform" };
    const entries = kernel.bindings.map(({ binding, access }) => {
      if (!types[access]) throw new Error(`binding ${binding}: unknown access ${access}`);
      return { binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: types[access] } };
    });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
    if (problems.length === 0) {
      await device.createComputePipelineAsync({ layout, compute: { module, entryPoint: kernel.entry_point } });
    }
  } catch (error) {
    problems.push(error.message);
  }
  const scoped = await device.popErrorScope();
  if (scoped && problems.length === 0) problems.push(scoped.message);
  return problems.length === 0 ? null : problems.join("; ");
}

/** Runs inside the page: asks for an adapter and a device with default limits. */
async function open() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return "this browser offers no WebGPU adapter";
  const requiredFeatures = ["shader-f16"].filter((feature) => adapter.features.has(feature));
  globalThis.device = await adapter.requestDevice({ requiredFeatures });
  return null;
}

/** Creates each kernel that the device can have; returns [name, problem or null] for each, and how many were left out. */
async function check(kernels) {
  return withPage(async (page, version) => {
    const refusal = await page.evaluate(open);
    if (refusal) throw new Error(`Chromium ${version}: ${refusal}`);
    const hasHalf = await page.evaluate(() => globalThis.device.features.has("shader-f16"));
    const possible = kernels.filter((kernel) => hasHalf || !kernel.half);
    const results = [];
    for (const kernel of possible) {
      results.push([kernel.name, await page.evaluate(create, kernel)]);
    }
    return { results, leftOut: kernels.length - possible.length };
  });
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

const SELF_CHECK = [
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
  const [source] = process.argv.slice(2);
  if (!source) {
    console.error("usage: node kernels.mjs KERNELS.json | --self-check");
    return 2;
  }
  const selfCheck = source === "--self-check";
  const kernels = selfCheck ? SELF_CHECK.map(([, kernel]) => kernel) : JSON.parse(readFileSync(source, "utf8"));
  if (!Array.isArray(kernels) || kernels.length === 0) {
    console.error(`${source}: no kernels listed`);
    return 1;
  }
  const { results, leftOut } = await check(kernels);
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
  if (leftOut > 0) {
    console.log(`${leftOut} left out: this adapter has no shader-f16`);
  }
  console.log(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
