// Computes a shard of each training step and evaluation in a worker started by the engine's worker (shard-link.js).
//
// Receives { module, shard } once, then { memory, weights }: `memory` holds `weights` weights (0 if unchanged) and parts of micro-batches.
// Sends { memory, losses } with the gradient of the parts, or { failed } as the last message.

import init, { Shard } from "./engine.js";

/** Resolves to the initialised `Shard`. */
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
