// Glasshouse in a page, through its own JavaScript API, as any page would use it: `device` is "gpu" (WebGPU) or "cpu" (wasm).

const SLOW = 5000;
// With the three steps of the bench's warm-up, the last loss is the one after 20 updates.
const TWENTY = 18;

export async function measure({ config, device, repeats }) {
  const { Glasshouse } = await import("/dist/glasshouse.js");
  const lab = await Glasshouse.create({ device, base: "/dist/" });
  try {
    const dropout = { embedding: 0, attention: 0, residual: 0 };
    const wish = { preset: config.name, config: { model: { dropout }, train: { batch_size: config.batch } } };
    // Two steps first; where they are slow, they are all.
    const first = await lab.bench({ ...wish, repeats: 2 });
    if (first.ms_per_step > SLOW) return { report: first };
    const twenty = await lab.bench({ ...wish, repeats: TWENTY });
    const report = repeats === TWENTY ? twenty : await lab.bench({ ...wish, repeats });
    return { report, loss20: twenty.loss_last };
  } finally {
    await lab.close();
  }
}
