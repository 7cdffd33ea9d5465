// Computes a share of each training step and evaluation, in a worker that the engine's worker starts (share-link.js).
//
// To here: { module, share } once, then { memory, weights }: so many weights, none where they are as before, and parts of micro-batches.
// From here: { memory, losses } with the parts' gradient, or { failed } as the last word.

import init, { Share } from "./engine.js";

/** Resolves to the share's programs. */
let ready;

async function start(module, share) {
  await init({ module_or_path: module });
  return new Share(share);
}

addEventListener("message", async ({ data: { module, share, memory, weights } }) => {
  try {
    if (module) {
      ready = start(module, share);
      await ready;
      return;
    }
    const losses = await (await ready).answer(memory, weights);
    postMessage({ memory, losses }, [memory]);
  } catch (error) {
    postMessage({ failed: String(error?.message ?? error) });
  }
});
