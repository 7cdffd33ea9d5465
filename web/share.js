// Computes a share of each training batch, in a worker that the engine's worker starts (share-link.js).
//
// To here: { module, share } once, then { memory } with a step's weights and part of its micro-batches.
// From here: { memory, loss } with the step's gradient, or { failed } as the last word.

import init, { Share } from "./engine.js";

/** Resolves to the share's program. */
let ready;

async function start(module, share) {
  await init({ module_or_path: module });
  return new Share(share);
}

addEventListener("message", async ({ data: { module, share, memory } }) => {
  try {
    if (module) {
      ready = start(module, share);
      await ready;
      return;
    }
    const loss = (await ready).step(memory);
    postMessage({ memory, loss }, [memory]);
  } catch (error) {
    postMessage({ failed: String(error?.message ?? error) });
  }
});
