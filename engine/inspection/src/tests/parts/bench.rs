//! Small models with random weights in a project, for testing views.

use crate::{Base, Indices, Lens, Subject, Tensor, inspect};
use glasshouse_compiler::model::{HookPoint, Purpose, build};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::sampler;
use glasshouse_platform::Result;
use glasshouse_project::{Project, Run};
use glasshouse_protocol::inspect::{InspectSettings, Inspected, View};
use glasshouse_protocol::{
    Bias, ModelConfig, NormPlacement, Residual, RunConfig, TokenizerKind, presets, random,
};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::Tokenizer;
use pollster::block_on;

/// A small GPT-2 architecture with all biases.
pub fn gpt() -> RunConfig {
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    small(&mut config.model);
    config.model.bias = Bias { qkv: true, output: true, mlp: true, head: true };
    config.model.norm.bias = true;
    config
}

/// A Llama architecture: RMSNorm, rotary positions, grouped queries, gated MLP, untied head.
pub fn llama() -> RunConfig {
    let mut config = presets::preset("llama-tiny").unwrap();
    small(&mut config.model);
    (config.model.kv_heads, config.model.tied_head) = (2, false);
    config
}

/// Parallel attention and MLP, and norms that multiply by 1 + w.
pub fn parallel() -> RunConfig {
    let mut config = llama();
    (config.model.residual, config.model.norm.add_unit_offset) = (Residual::Parallel, true);
    config
}

pub fn post() -> RunConfig {
    let mut config = gpt();
    config.model.norm.placement = NormPlacement::Post;
    config
}

/// Norms of inputs and outputs, and factors on scores, additions and logits.
pub fn sandwich() -> RunConfig {
    let mut config = llama();
    let model = &mut config.model;
    model.norm.placement = NormPlacement::Sandwich;
    (model.attention_scale, model.residual_scale, model.logit_divisor) = (Some(0.7), 0.5, 3.0);
    config
}

pub fn small(model: &mut ModelConfig) {
    (model.layers, model.width, model.context_length, model.mlp.hidden) = (2, 16, 32, 24);
    (model.heads, model.kv_heads, model.head_size) = (4, 4, 4);
}

/// A lens over random weights of a run without training, and the run with its text.
pub struct Bench {
    _folder: tempfile::TempDir,
    pub config: RunConfig,
    pub run: Run,
    pub tokenizer: Tokenizer,
    pub lens: Lens,
    indices: Indices,
}

/// Numbers in (−1, 1).
pub fn number(seed: u64, n: usize) -> f32 {
    (random::nth(seed, 17, n as u64) as f64 / u64::MAX as f64 * 2.0 - 1.0) as f32
}

/// A lens over random weights between −`scale` and `scale`.
pub fn lens(model: &ModelConfig, scale: f32) -> Lens {
    let length = ArenaLayout::new(&build(model, Purpose::Window { time: 1 }).unwrap().graph).length;
    let arena = (0..length).map(|n| scale * number(3, n)).collect();
    Lens::on_cpu(model, arena, Some(1)).unwrap()
}

impl Bench {
    pub fn new(mut config: RunConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("project")).unwrap();
        config.tokenizer.kind = TokenizerKind::Byte;
        config.data.corpus_bytes = 60_000;
        let prepared = prepare(&config, project.folder(), &mut |_| {}).unwrap();
        prepared.complete(&mut config);
        let run = project.create_run(&config, &prepared.folder).unwrap();
        let lens = lens(&config.model, 0.6);
        Self {
            _folder: folder,
            config,
            run,
            tokenizer: prepared.tokenizer,
            lens,
            indices: Indices::default(),
        }
    }

    /// With larger weights, which attend to few positions and predict few tokens, so that every change is visible.
    pub fn sharp(config: RunConfig) -> Self {
        let mut bench = Self::new(config);
        bench.lens = lens(&bench.config.model, 1.5);
        bench
    }

    pub fn tokens(&self, prompt: &str) -> Vec<u32> {
        glasshouse_generation::prompt_tokens(&self.tokenizer, prompt).unwrap()
    }

    pub fn look(&mut self, view: View, prompt: &str, settings: &InspectSettings) -> Result<Seen> {
        self.look_at(view, prompt, &self.tokens(prompt), settings)
    }

    /// Computes a view for these tokens.
    pub fn look_at(
        &mut self,
        view: View,
        prompt: &str,
        tokens: &[u32],
        settings: &InspectSettings,
    ) -> Result<Seen> {
        self.look_with(view, (prompt, tokens), settings, None)
    }

    /// Computes what changed from another model.
    pub fn look_from(
        &mut self,
        lens: &mut Lens,
        tokenizer: &Tokenizer,
        prompt: &str,
        settings: &InspectSettings,
    ) -> Result<Seen> {
        let names = ["before", "after"].map(str::to_owned);
        let base = Base { lens, tokenizer, names, on_progress: &|done, total| assert!(done <= total) };
        self.look_with(View::Diff, (prompt, &[]), settings, Some(base))
    }

    fn look_with(
        &mut self,
        view: View,
        (prompt, tokens): (&str, &[u32]),
        settings: &InspectSettings,
        base: Option<Base<'_>>,
    ) -> Result<Seen> {
        let mut subject = Subject {
            lens: &mut self.lens,
            tokenizer: &self.tokenizer,
            tokens,
            prompt,
            position: settings.position.unwrap_or(tokens.len().saturating_sub(1)),
            settings,
            run: &self.run,
            reference: None,
            base,
            indices: &mut self.indices,
        };
        let (inspected, bytes) = block_on(inspect(view, &mut subject))?;
        for (tensor, bytes) in inspected.tensors.iter().zip(&bytes) {
            assert_eq!(4 * tensor.count(), bytes.len(), "{}", tensor.name);
        }
        Ok(Seen { inspected, bytes })
    }

    pub fn probe(&mut self, prompt: &str, sites: &[HookPoint]) -> Vec<Tensor> {
        let tokens = self.tokens(prompt);
        block_on(self.lens.probe(&tokens, sites)).unwrap()
    }

    pub fn probe_from(&mut self, from: HookPoint, values: Tensor, site: HookPoint) -> Tensor {
        let values = Tensor::new(&[1, values.shape[0], values.shape[1]], values.data);
        let found = block_on(self.lens.probe_from(from, &values, &[site])).unwrap().remove(0);
        Tensor::new(&found.shape[1..], found.data)
    }
}

pub struct Seen {
    pub inspected: Inspected,
    pub bytes: Vec<Vec<u8>>,
}

impl Seen {
    pub fn bytes(&self, name: &str) -> &[u8] {
        let at = self.inspected.tensors.iter().position(|tensor| tensor.name == name);
        &self.bytes[at.unwrap_or_else(|| panic!("no {name} in {:?}", self.inspected))]
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name).as_chunks().0.iter().map(|entry| f32::from_le_bytes(*entry)).collect()
    }

    pub fn integers(&self, name: &str) -> Vec<u32> {
        self.bytes(name).as_chunks().0.iter().map(|entry| u32::from_le_bytes(*entry)).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.inspected.tensors.iter().any(|tensor| tensor.name == name)
    }
}

/// Relative tolerance, with 1 as the minimum reference.
pub fn near(got: &[f32], wanted: &[f32], within: f32) {
    assert_eq!(got.len(), wanted.len());
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((got - wanted).abs() <= within * wanted.abs().max(1.0), "at {at}: {got} for {wanted}");
    }
}

/// Compares probabilities with a relative tolerance, also for small ones.
pub fn near_shares(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((got - wanted).abs() <= 1e-3 * wanted + 1e-8, "at {at}: {got} for {wanted}");
    }
}

/// Whether any probability differs by more than one percent.
pub fn differ(one: &[f32], other: &[f32]) -> bool {
    one.iter().zip(other).any(|(one, other)| (one - other).abs() > 1e-2 * other)
}

pub fn softmax(logits: &[f32]) -> Vec<f32> {
    sampler::probabilities(logits).into_iter().map(|share| share as f32).collect()
}

pub fn refusal(found: Result<Seen>) -> String {
    let message = found.err().unwrap().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}
