//! Measures generation speed with the run's own initial weights: prefill of random prompts, then decoding token by token as
//! `generate` does. Decoding is greedy, so that almost only the model is timed.

use super::spread;
use crate::generation::{Decoder, Opening};
use crate::gpu::Tuning;
use crate::initial;
use crate::model::{Purpose, build};
use crate::platform;
use crate::platform::Yielder;
use crate::protocol::bench::DecodeMeasurement;
use crate::protocol::{GenerateConfig, ModelConfig, RunConfig, WeightFormat, random};
use crate::{Result, refuse};
use web_time::Instant;

/// Random stream of the prompts.
const PROMPT: u64 = 0x70a3;

/// Default maximum of prompt and text tokens.
const PROMPT_TOKENS: usize = 512;
const TOKENS: usize = 128;

const MAX_TEXTS: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeWorkload {
    /// Batch size, each text with its own prompt: 1 to 4096.
    pub batch: usize,
    /// Tokens of each prompt: 1 to the context length.
    pub prompt_tokens: usize,
    /// Tokens decoded after the first one, which counts as prefill; at least 1.
    pub tokens: usize,
    /// Timed repetitions after one warm-up; at least 1.
    pub repeats: usize,
    /// Storage format of the matrices, as in [`Opening::weights`].
    pub weights: Option<WeightFormat>,
}

impl DecodeWorkload {
    /// A workload with batch size 1. By default, the prompt fills half of the context, and the text at most the rest.
    pub fn of(
        model: &ModelConfig,
        prompt_tokens: Option<usize>,
        tokens: Option<usize>,
        repeats: usize,
    ) -> Self {
        let window = model.context_length;
        let half = (window / 2).clamp(1, PROMPT_TOKENS);
        let prompt_tokens = prompt_tokens.unwrap_or(half);
        let most = window.saturating_sub(half).clamp(1, TOKENS);
        let left = window.saturating_sub(prompt_tokens).clamp(1, most);
        Self { batch: 1, prompt_tokens, tokens: tokens.unwrap_or(left), repeats, weights: None }
    }

    fn check(self, model: &ModelConfig) -> Result<()> {
        if self.prompt_tokens == 0 || self.prompt_tokens > model.context_length {
            refuse!(
                "a prompt of {} tokens does not fit: the model's context takes 1 to {}",
                self.prompt_tokens,
                model.context_length
            );
        }
        if !(1..=MAX_TEXTS).contains(&self.batch) {
            let texts = self.batch;
            refuse!("the number of texts must be 1 to {MAX_TEXTS} (got {texts})");
        }
        if self.tokens == 0 || self.repeats == 0 {
            refuse!("the number of tokens must be at least 1");
        }
        Ok(())
    }
}

/// Measures generation with a run's model on a device (named as for [`Decoder::open`]), with kernels chosen according to `tuning`. Also
/// returns a warning if the device is a fallback. Fails if the device is missing, cannot hold the model or does not support the format of
/// the weights; the prompt does not fit into the context; or the workload is empty.
pub async fn measure_decode(
    config: &RunConfig,
    device: &str,
    threads: Option<usize>,
    tuning: &Tuning,
    workload: DecodeWorkload,
) -> Result<(DecodeMeasurement, Option<String>)> {
    let model = &config.model;
    workload.check(model)?;
    let graph = build(model, Purpose::STEP)?.graph;
    let weights = initial::parameters(&graph.parameters, config.seed, &Yielder::new()).await;
    let opening = Opening {
        threads,
        weights: workload.weights,
        tuning: tuning.clone(),
        texts: workload.batch,
        ..Opening::default()
    };
    let (mut decoder, warning) = Decoder::open(device, model, &weights, &opening).await?;
    let vocabulary = model.vocabulary as u64;
    let length = workload.prompt_tokens as u64;
    let token = |at| (random::nth(config.seed, PROMPT, at) % vocabulary) as u32;
    let prompt = |text: u64| (text * length..(text + 1) * length).map(token).collect::<Vec<u32>>();
    let prompts: Vec<Vec<u32>> = (0..workload.batch as u64).map(prompt).collect();
    let greedy =
        GenerateConfig { max_tokens: workload.tokens + 1, temperature: 0.0, ..GenerateConfig::default() };
    let (mut first, mut each) = (Vec::new(), Vec::new());
    for round in 0..=workload.repeats {
        let begun = Instant::now();
        (0..workload.batch).for_each(|text| decoder.release(text));
        for prompt in &prompts {
            decoder.admit(prompt, &greedy).await?;
        }
        decoder.advance_all(1).await?;
        let read = begun.elapsed().as_secs_f64() * 1e3;
        let begun = Instant::now();
        decoder.advance_all(workload.tokens).await?;
        let written = begun.elapsed().as_secs_f64() * 1e3;
        // The warm-up fills caches and determines how tokens are best grouped into submissions.
        if round > 0 {
            first.push(read);
            each.push(written / workload.tokens as f64);
        }
        // Short repetitions end before a decoder yields.
        platform::yield_now().await;
    }
    let ms_first_token = spread(&mut first).0;
    let (ms_per_token, ms_fastest, ms_slowest) = spread(&mut each);
    let a_second = |tokens: usize, milliseconds: f64| tokens as f64 * 1e3 / milliseconds.max(1e-6);
    let measurement = DecodeMeasurement {
        config: config.preset.clone(),
        context_length: model.context_length,
        vocabulary: model.vocabulary,
        device: decoder.describe(),
        weights: decoder.weights(),
        batch: workload.batch,
        repeats: each.len(),
        prompt_tokens: workload.prompt_tokens,
        generated_tokens: workload.tokens,
        tokens_past_window: workload.tokens.saturating_sub(model.context_length - workload.prompt_tokens),
        prompt_tokens_per_s: a_second(workload.batch * workload.prompt_tokens, ms_first_token),
        generated_tokens_per_s: a_second(workload.batch, ms_per_token),
        ms_first_token,
        ms_per_token,
        ms_fastest,
        ms_slowest,
        bytes: decoder.bytes(),
    };
    Ok((measurement, warning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::presets;

    /// A context of 16 tokens with a prompt of 12 has room for 4 more.
    #[test]
    fn a_passage_past_the_window_says_so() {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        (config.model.layers, config.model.context_length) = (1, 16);
        let workload = |prompt_tokens, tokens| DecodeWorkload {
            batch: 1,
            prompt_tokens,
            tokens,
            repeats: 1,
            weights: None,
        };
        let measured = |workload| {
            let measuring = measure_decode(&config, "cpu", Some(1), &Tuning::Default, workload);
            pollster::block_on(measuring).map(|pair| pair.0)
        };
        assert_eq!(measured(workload(12, 4)).unwrap().tokens_past_window, 0);
        let past = measured(workload(12, 6)).unwrap();
        assert_eq!((past.tokens_past_window, past.generated_tokens, past.repeats), (2, 6, 1));
        assert!(past.bytes > 4 * 200_000 && past.generated_tokens_per_s > 0.0);
        let three = measured(DecodeWorkload { batch: 3, ..workload(12, 6) }).unwrap();
        assert_eq!((three.batch, three.generated_tokens, three.tokens_past_window), (3, 6, 2));
        assert!(three.bytes > past.bytes && three.generated_tokens_per_s > 0.0);
        assert!(measured(DecodeWorkload { batch: 0, ..workload(12, 6) }).is_err());
        assert!(measured(workload(17, 1)).is_err_and(|error| error.to_string().contains("1 to 16")));
        assert!(measured(workload(0, 1)).is_err());
    }

    #[test]
    fn the_default_passage_stays_within_the_window() {
        for (name, _) in presets::PRESETS.iter() {
            let model = presets::preset(name).unwrap().model;
            let workload = DecodeWorkload::of(&model, None, None, 1);
            assert!(workload.check(&model).is_ok());
            assert!(workload.prompt_tokens + workload.tokens <= model.context_length, "{name}");
        }
    }
}
