// TensorFlow.js: its operations, gradients and Adam, with AdamW's decay and clipping by the norm of all gradients by hand.
// Its wasm backend has no gradient of a lookup, so that the embedding is a product with one-hot rows on both backends.

import { clock, depth, problem } from "/common.js";

const PLACE = "/node_modules/@tensorflow";
const RATE = 1e-3;
const DECAY = 0.1;

/** Loads one of the library's scripts, which add themselves to the global `tf`. */
function script(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    Object.assign(element, { src: `${PLACE}/${address}`, onload: resolve });
    element.onerror = () => reject(new Error(`${address} cannot be loaded`));
    document.head.append(element);
  });
}

async function start(device) {
  // The core alone has no gradients.
  await script("tfjs/dist/tf.min.js");
  await script(`tfjs-backend-${device}/dist/tf-backend-${device}.min.js`);
  const { tf } = globalThis;
  if (device === "wasm") tf.wasm.setWasmPaths(`${PLACE}/tfjs-backend-wasm/dist/`);
  if (!(await tf.setBackend(device))) throw new Error(`TensorFlow.js cannot start ${device}`);
  await tf.ready();
  return tf;
}

export async function measure({ config, device, repeats }) {
  const tf = await start(device);
  const { tokens, targets, weights } = await problem();
  const [batch, time] = tokens.shape;
  const { width, heads, vocabulary } = config;
  const blocks = depth(weights);
  const variables = {};
  for (const [name, { shape, data }] of Object.entries(weights)) {
    variables[name] = tf.variable(tf.tensor(data, shape), true, name);
  }
  const oneHot = ({ data }) => tf.oneHot(tf.tensor1d(data, "int32"), vocabulary).cast("float32");
  const input = oneHot(tokens);
  const wanted = oneHot(targets);
  const allowed = tf.linalg.bandPart(tf.ones([time, time]), -1, 0);
  const mask = tf.mul(tf.sub(1, allowed), -1e9);

  // Everything is kept as [B·T, C]: the library's products of more dimensions cost it copies.
  const norm = (x, gain) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gain);
  };
  const linear = (x, weight) => tf.matMul(x, weight, false, true);
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

  function attention(x, qkv, output) {
    const [query, key, value] = tf.split(linear(x, qkv), 3, -1).map((part) => {
      return tf.transpose(tf.reshape(part, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
    });
    const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(width / heads));
    const mixed = tf.matMul(tf.softmax(tf.add(scores, mask)), value);
    return linear(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * time, width]), output);
  }

  function loss() {
    const places = tf.tile(variables["embedding.positions"], [batch, 1]);
    let x = tf.add(tf.matMul(input, variables["embedding.tokens"]), places);
    for (let block = 0; block < blocks; block += 1) {
      const of = (name) => variables[`blocks.${block}.${name}.weight`];
      x = tf.add(x, attention(norm(x, of("attention.norm")), of("attention.qkv"), of("attention.output")));
      x = tf.add(x, linear(gelu(linear(norm(x, of("mlp.norm")), of("mlp.up"))), of("mlp.down")));
    }
    const logits = linear(norm(x, variables["norm.weight"]), variables["embedding.tokens"]);
    const chosen = tf.sum(tf.mul(logits, wanted), -1);
    return tf.mean(tf.sub(tf.logSumExp(logits, -1), chosen));
  }

  const optimizer = tf.train.adam(RATE, 0.9, 0.99, 1e-8);
  const list = Object.values(variables);
  const measured = await clock(async () => {
    const value = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss, list);
      const squares = Object.values(grads).map((slope) => tf.sum(tf.square(slope)));
      const scale = tf.minimum(1, tf.div(1, tf.add(tf.sqrt(tf.addN(squares)), 1e-6)));
      for (const variable of list) if (variable.rank > 1) variable.assign(tf.mul(variable, 1 - RATE * DECAY));
      const clipped = Object.entries(grads).map(([name, slope]) => [name, tf.mul(slope, scale)]);
      optimizer.applyGradients(Object.fromEntries(clipped));
      return value;
    });
    // Once the last weight is there, the update is done, too.
    const [[number]] = await Promise.all([value.data(), variables["norm.weight"].data()]);
    value.dispose();
    return number;
  }, repeats);
  return { device, ...measured };
}
