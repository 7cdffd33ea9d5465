// jax-js: the whole step, gradients and AdamW in one jit. Its npm has no optimizers, so AdamW and clipping stand here.
// Arrays are counted by hand there: an operation consumes its arguments, and `.ref` keeps one for later.

import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "/node_modules/@jax-js/jax/dist/index.js";
import { clock, depth, problem } from "/common.js";

const RATE = 1e-3;
const BETA1 = 0.9;
const BETA2 = 0.99;
const EPS = 1e-8;
const DECAY = 0.1;

export async function measure({ config, device, repeats }) {
  const available = await init(device);
  if (!available.includes(device)) throw new Error(`jax-js offers no ${device} here`);
  defaultDevice(device);
  const { tokens, targets, weights } = await problem();
  const names = Object.keys(weights);
  const at = Object.fromEntries(names.map((name, index) => [name, index]));
  const blocks = depth(weights);
  const [batch, time] = tokens.shape;
  const { width, heads, vocabulary } = config;

  const norm = (x, gain) => nn.standardize(x, -1, { epsilon: 1e-5 }).mul(gain);
  const linear = (x, weight) => np.matmul(x, np.transpose(weight));

  function attention(x, qkv, output) {
    const packed = linear(x, qkv);
    const part = (index) =>
      packed.ref.slice([], [], [index * width, (index + 1) * width]).reshape([batch, time, heads, width / heads]);
    const mixed = nn.dotProductAttention(part(0), part(1), part(2), { isCausal: true });
    packed.dispose();
    return linear(mixed.reshape([batch, time, width]), output);
  }

  /** Mean loss; consumes its arguments. Every weight is used once or given up by its last use. */
  function loss(parameters, tokens, targets) {
    const weight = (name) => parameters[at[name]];
    const embedding = weight("embedding.tokens");
    // The gradient of a lookup is a product with one-hot rows anyway, and the vocabulary is small.
    let x = np.matmul(nn.oneHot(tokens, vocabulary), embedding.ref).add(weight("embedding.positions"));
    for (let block = 0; block < blocks; block += 1) {
      const of = (name) => weight(`blocks.${block}.${name}.weight`);
      x = x.ref.add(attention(norm(x, of("attention.norm")), of("attention.qkv"), of("attention.output")));
      const hidden = nn.gelu(linear(norm(x.ref, of("mlp.norm")), of("mlp.up")), { approximate: false });
      x = x.add(linear(hidden, of("mlp.down")));
    }
    const logits = linear(norm(x, weight("norm.weight")), embedding);
    const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, vocabulary));
    return np.sum(chosen).mul(-1 / (batch * time));
  }

  const gradients = valueAndGrad(loss);

  /** Consumes all; the corrections are arrays, since a number would be compiled in. */
  const step = jit((parameters, first, second, tokens, targets, correction1, correction2) => {
    const [value, slopes] = gradients(parameters.map((parameter) => parameter.ref), tokens, targets);
    const squares = slopes.map((slope) => np.sum(np.square(slope.ref))).reduce((sum, square) => sum.add(square));
    const scale = np.minimum(np.reciprocal(np.sqrt(squares).add(1e-6)), 1);
    const next = { parameters: [], first: [], second: [] };
    names.forEach((name, index) => {
      const slope = slopes[index].mul(scale.ref);
      const momentum = first[index].mul(BETA1).add(slope.ref.mul(1 - BETA1));
      const variance = second[index].mul(BETA2).add(np.square(slope).mul(1 - BETA2));
      const direction = momentum.ref
        .div(correction1.ref)
        .div(np.sqrt(variance.ref.div(correction2.ref)).add(EPS));
      const decay = weights[name].shape.length > 1 ? DECAY : 0;
      next.parameters.push(parameters[index].mul(1 - RATE * decay).sub(direction.mul(RATE)));
      next.first.push(momentum);
      next.second.push(variance);
    });
    [scale, correction1, correction2].forEach((array) => array.dispose());
    return [next.parameters, next.first, next.second, value];
  });

  const floats = ({ shape, data }) => np.array(data).reshape(shape);
  const ids = ({ shape, data }) => np.array(data, { dtype: np.int32 }).reshape(shape);
  let parameters = names.map((name) => floats(weights[name]));
  let first = names.map((name) => np.zeros(weights[name].shape));
  let second = names.map((name) => np.zeros(weights[name].shape));
  const input = ids(tokens);
  const wanted = ids(targets);
  const measured = await clock(async (number) => {
    const correction = (beta) => np.array(new Float32Array([1 - beta ** number]));
    let value;
    [parameters, first, second, value] = step(
      parameters, first, second, input.ref, wanted.ref, correction(BETA1), correction(BETA2),
    );
    // The weights, too, have to be there when the clock stops.
    await Promise.all(parameters.map((parameter) => parameter.blockUntilReady()));
    return (await value.data())[0];
  }, repeats);
  return { device, ...measured };
}
