//! Greedy decoding with candle's own Llama from a Hugging Face folder, in float32 with its KV cache.

use anyhow::{Context, Result, ensure};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Llama, LlamaConfig};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Prefills `prompt`, then generates `tokens` tokens. A first round of a few tokens is not timed.
pub fn decode(folder: &str, prompt: &[u32], tokens: usize) -> Result<Value> {
    let folder = Path::new(folder);
    let device = Device::Cpu;
    let path = folder.join("config.json");
    let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let config = serde_json::from_slice::<LlamaConfig>(&text)?.into_config(false);
    ensure!(tokens > 1, "at least two tokens have to be written");
    let room = config.max_position_embeddings;
    ensure!(prompt.len() + tokens <= room, "prompt and tokens exceed the model's {room} positions");
    let weights = fs::read(folder.join("model.safetensors"))?;
    let model = Llama::load(VarBuilder::from_buffered_safetensors(weights, DType::F32, &device)?, &config)?;

    let write = |tokens: usize| -> Result<(Vec<u32>, f64, f64)> {
        let mut cache = Cache::new(true, DType::F32, &config, &device)?;
        let mut input = prompt.to_vec();
        let (mut written, mut position) = (Vec::new(), 0);
        let begun = Instant::now();
        let mut prompt_seconds = 0.0;
        while written.len() < tokens {
            let logits =
                model.forward(&Tensor::new(&input[..], &device)?.unsqueeze(0)?, position, &mut cache)?;
            let next = logits.argmax(D::Minus1)?.to_vec1::<u32>()?[0];
            position += input.len();
            if written.is_empty() {
                prompt_seconds = begun.elapsed().as_secs_f64();
            }
            written.push(next);
            input = vec![next];
        }
        Ok((written, prompt_seconds, begun.elapsed().as_secs_f64() - prompt_seconds))
    };
    write(tokens.min(8))?;
    let (written, prompt_seconds, seconds) = write(tokens)?;
    Ok(json!({
        "peer": "candle", "bench": "decode", "device": "cpu", "prompt_tokens": prompt.len(), "generated_tokens": tokens,
        "prompt_tokens_per_s": prompt.len() as f64 / prompt_seconds,
        // The prefill already yields the first token.
        "generated_tokens_per_s": (tokens - 1) as f64 / seconds,
        "written": written,
    }))
}
