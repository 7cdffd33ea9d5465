// Storage that fails on request: what the engine's worker is given in the place of the browser's.

/** A context whose engines run `script` first. */
export async function patched(site, script) {
  const context = await site.profile({ serviceWorkers: "block" });
  await context.route("**/worker.js", async (route) => {
    const response = await route.fetch({ maxRetries: 3 });
    await route.fulfill({ response, body: script + (await response.text()) });
  });
  return context;
}

/** Storage that takes nothing more, and says so, while `storage(page, "full")` holds. */
export const FULL = `{
  let full = false;
  new BroadcastChannel("test-storage").onmessage = ({ data, target }) => {
    if (data !== "full" && data !== "room") return;
    full = data === "full";
    target.postMessage("told");
  };
  const { estimate } = StorageManager.prototype;
  StorageManager.prototype.estimate = async function () {
    const real = await estimate.call(this);
    return full ? { usage: real.usage, quota: real.usage + 1234 } : real;
  };
  const { write } = FileSystemSyncAccessHandle.prototype;
  FileSystemSyncAccessHandle.prototype.write = function (...given) {
    if (full) throw new DOMException("no room", "QuotaExceededError");
    return write.apply(this, given);
  };
}\n`;

/** Has the storage of a tab's context be "full", or have "room", from when this returns. */
export const storage = (page, state) =>
  page.evaluate(
    (state) =>
      new Promise((resolve) => {
        const channel = new BroadcastChannel("test-storage");
        // Without an answer, what is sent to the engine next may overtake this.
        channel.onmessage = resolve;
        channel.postMessage(state);
      }).then(() => {}),
    state,
  );
