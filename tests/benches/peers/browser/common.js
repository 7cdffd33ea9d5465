// What the peers' pages share: the problem's tensors, and the clock.

/** Name -> { shape, data } of the problem's safetensors file, `tokens` and `targets` apart. */
export async function problem() {
  const bytes = await (await fetch("/problem")).arrayBuffer();
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  const tensors = Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
    const Kind = dtype === "I32" ? Int32Array : Float32Array;
    return [name, { shape, data: new Kind(bytes.slice(8 + length + from, 8 + length + to)) }];
  });
  const { tokens, targets, ...weights } = Object.fromEntries(tensors);
  return { tokens, targets, weights };
}

/** Steps before the clock counts; the runner drops as many. */
const WARM_UP = 3;
/** Where a step takes longer than this, few are taken. */
const SLOW = 5000;

/** The loss and the milliseconds of every step; `step` takes its number from 1 and resolves to the loss before its update. */
export async function clock(step, repeats) {
  const losses = [];
  const milliseconds = [];
  let steps = Math.max(21, WARM_UP + repeats);
  while (losses.length < steps) {
    const began = performance.now();
    losses.push(await step(losses.length + 1));
    milliseconds.push(performance.now() - began);
    if (losses.length === 2 && milliseconds[1] > SLOW) steps = 4;
  }
  return { losses, milliseconds };
}

/** How many blocks the weights are for. */
export const depth = (weights) => Object.keys(weights).filter((name) => name.endsWith("mlp.up.weight")).length;
