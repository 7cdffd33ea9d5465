// What llama.cpp computes of GGUF files, for tests/tests/gguf_llama_cpp.rs.
//
// usage: node evaluate.mjs REQUEST.json
// REQUEST.json: [{ file, ids, texts, greedy }]. Prints a list with an object for each: `logits` ([T][V], raw, in f32), `greedy` (the ids
// that follow, so many as asked for), `tokens` (the ids of each text, special tokens included), `pieces` (each text made of them again).

import { readFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

// As the model gives them: other settings show logits that a sampler changed.
const raw = { temperature: 1, topK: 0, topP: 1, minP: 0 };

const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: LlamaLogLevel.error });

async function logitsOf(sequence, ids) {
  const outputs = await sequence.controlledEvaluate(ids.map((id) => [id, { generateNext: { logits: true, options: raw } }]));
  return outputs.map(({ next }) => {
    const row = new Array(next.logits.size);
    for (const [id, logit] of next.logits) row[id] = logit;
    return row;
  });
}

const said = [];
for (const { file, ids, texts, greedy } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0, ignoreMemorySafetyChecks: true });
  const context = await model.createContext({
    contextSize: ids.length + greedy + 1,
    // What it guesses of a busy machine's memory.
    ignoreMemorySafetyChecks: true,
    flashAttention: false,
    // More of them wait for each other by spinning.
    threads: 1,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const sequence = context.getSequence();
  const logits = await logitsOf(sequence, ids);
  const follow = [];
  let last = logits.at(-1);
  while (follow.length < greedy) {
    const best = last.reduce((best, logit, id) => (logit > last[best] ? id : best), 0);
    follow.push(best);
    [last] = await logitsOf(sequence, [best]);
  }
  const tokens = texts.map((text) => [...model.tokenize(text, true)]);
  said.push({ logits, greedy: follow, tokens, pieces: tokens.map((ids) => model.detokenize(ids, true)) });
  await context.dispose();
  await model.dispose();
}
console.log(JSON.stringify(said));
await llama.dispose();
