// Work that waits for others (a browser, a compiler) done several at once, as many as the machine has cores.

import { availableParallelism } from "node:os";

/** What `work(item, worker)` resolves to for each item, in their order; `worker` counts from 0. */
export async function eachOf(items, work) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async (_, number) => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], number);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), items.length) }, worker));
  return results;
}
