// Computes a shard of each training step and evaluation, in a worker that the engine's worker starts (shard-link.js).
//
// To here: { module, shard } once, then { memory, weights }: so many weights, none where they are as before, and parts of micro-batches.
// From here: { memory, losses } with the parts' gradient, or { failed } as the last word.

import init, { Shard } from "./engine.js";

/** Resolves to the shard's programs. */
let ready;

async function start(module, shard) {
  await init({ module_or_path: module });
  return new Shard(shard);
}

addEventListener("message", async ({ data: { module, shard, memory, weights } }) => {
  try {
    if (module) {
      ready = start(module, shard);
      await ready;
      return;
    }
    const losses = await (await ready).answer(memory, weights);
    postMessage({ memory, losses }, [memory]);
  } catch (error) {
    postMessage({ failed: String(error?.message ?? error) });
  }
});
