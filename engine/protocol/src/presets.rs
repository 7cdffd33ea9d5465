//! Presets (`presets.toml`), which fix model, training and tokenizer together, and [`from_layers`], which derives all settings from a number
//! of layers.

pub use crate::model::gpt;
use crate::model::{Activation, Gate, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement, Position, Rope};
use crate::{
    DataConfig, Milestones, RunConfig, TokenizerConfig, TokenizerKind, TrainConfig, WeightFormat, names,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Target duration in seconds of a first run on the built-in stories, in the window and on the command line.
pub const FIRST_SECONDS: f64 = 180.0;

/// Name and description (purpose, size) of every preset.
pub static PRESETS: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| ALL.iter().map(|preset| (preset.name.as_str(), preset.about.as_str())).collect());

static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    // The file is part of the program, and tests use every preset.
    let file: BTreeMap<String, Vec<Preset>> =
        toml::from_str(include_str!("presets.toml")).unwrap_or_default();
    file.into_values().flatten().collect()
});

/// An entry of `presets.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    name: String,
    about: String,
    seed: Option<u64>,
    tokenizer: TokenizerKind,
    shape: Shape,
    /// Further settings, as [`RunConfig::set`] takes them.
    #[serde(default)]
    set: Vec<String>,
    #[serde(default)]
    data: DataConfig,
    train: TrainConfig,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Shape {
    Gpt {
        vocabulary: usize,
        context_length: usize,
        layers: usize,
        heads: usize,
        width: usize,
    },
    Llama {
        vocabulary: usize,
        context_length: usize,
        layers: usize,
        heads: usize,
        kv_heads: usize,
        width: usize,
        hidden: usize,
    },
}

impl Preset {
    fn config(&self) -> Result<RunConfig, String> {
        let model = match self.shape {
            Shape::Gpt { vocabulary, context_length, layers, heads, width } => {
                gpt(vocabulary, context_length, layers, heads, width)
            }
            Shape::Llama { vocabulary, context_length, layers, heads, kv_heads, width, hidden } => {
                llama(vocabulary, context_length, layers, (heads, kv_heads), width, hidden)
            }
        };
        let vocabulary = if self.tokenizer.is_trained() { model.vocabulary } else { 0 };
        let mut config = run(tokenizer(self.tokenizer, vocabulary), model, self.train.clone());
        config.data = self.data.clone();
        config.seed = self.seed.unwrap_or(config.seed);
        self.set.iter().try_for_each(|assignment| config.set(assignment))?;
        config.preset.clone_from(&self.name);
        Ok(config)
    }
}

/// Looks a preset up by name; the error suggests the nearest one.
pub fn preset(name: &str) -> Result<RunConfig, String> {
    let found = ALL.iter().find(|preset| preset.name == name);
    found.ok_or_else(|| names::unknown("preset", name, PRESETS.iter().map(|(name, _)| *name)))?.config()
}

/// The initial settings of a run with this preset name: of a preset, or of `layers-N`; `None` for other names.
pub fn named(name: &str) -> Option<RunConfig> {
    if let Ok(config) = preset(name) {
        return Some(config);
    }
    let (kind, layers) = name.rsplit_once('-')?;
    (kind == "layers").then(|| from_layers(layers.parse().ok()?).ok()).flatten()
}

/// Maximum number of changes that a title names.
const NAMED_CHANGES: usize = 2;

/// A title that begins with what differs from the preset, as in `layers 6 · llama-tiny`; `None` if nothing does.
pub fn title_of(config: &RunConfig) -> Option<String> {
    let changes = config.changes().into_iter().filter(|(path, _)| path != "seed");
    let mut parts: Vec<String> = changes.map(|(_, words)| words).collect();
    let more = parts.len().saturating_sub(NAMED_CHANGES);
    parts.truncate(NAMED_CHANGES);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    (!parts.is_empty()).then(|| format!("{} · {}", parts.join(", "), config.preset))
}

fn run(tokenizer: TokenizerConfig, model: ModelConfig, train: TrainConfig) -> RunConfig {
    RunConfig {
        weights: WeightFormat::F32,
        preset: String::new(),
        seed: 1337,
        device: "auto".to_owned(),
        start: None,
        data: DataConfig::default(),
        tokenizer,
        model,
        // Kept if small, so that the history of a new run can be inspected.
        train: TrainConfig { milestones: Milestones::Auto, ..train },
    }
}

fn tokenizer(kind: TokenizerKind, vocabulary: usize) -> TokenizerConfig {
    TokenizerConfig::new(kind, vocabulary)
}

/// Llama's shape: pre-norm RMSNorm, rotary positions, SwiGLU, tied head as in llama2.c.
fn llama(
    vocabulary: usize,
    context_length: usize,
    layers: usize,
    (heads, kv_heads): (usize, usize),
    width: usize,
    hidden: usize,
) -> ModelConfig {
    ModelConfig {
        kv_heads,
        norm: NormConfig {
            kind: NormKind::Rms,
            eps: 1e-5,
            bias: false,
            placement: NormPlacement::Pre,
            add_unit_offset: false,
        },
        position: Position::Rope(Rope::new(10000.0)),
        mlp: Mlp { hidden, activation: Activation::Silu, gate: Gate::Swiglu },
        ..gpt(vocabulary, context_length, layers, heads, width)
    }
}

/// Maximum number of layers of [`from_layers`].
pub const MAX_LAYERS: usize = 48;

/// Derives all settings from the number of layers, following nanochat: 64 channels per layer, heads of 64 channels (32 for shallow
/// models), a learning rate that falls with the square root of the width, and about 12 tokens per parameter of the blocks.
pub fn from_layers(layers: usize) -> Result<RunConfig, String> {
    if layers == 0 || layers > MAX_LAYERS {
        return Err(format!("layers = {layers} must be between 1 and {MAX_LAYERS}"));
    }
    let width = 64 * layers;
    let head_size = if layers < 6 { 32 } else { 64 };
    let heads = width / head_size;
    let context_length = if layers < 6 { 256 } else { 512 };
    let vocabulary = if layers < 6 { 2048 } else { 8192 };
    // As in Llama, two thirds of four times the width, rounded up to a multiple of 64.
    let hidden = (8 * width / 3).next_multiple_of(64);
    let batch_size = 16;
    let parameters = layers * (4 * width * width + 3 * width * hidden);
    let steps = (12 * parameters / (batch_size * context_length)).clamp(500, 1_000_000) as u64;
    let learning_rate = 1e-3 * (256.0 / width as f64).sqrt().min(2.0);
    let config = run(
        tokenizer(TokenizerKind::Bpe, vocabulary),
        llama(vocabulary, context_length, layers, (heads, heads), width, hidden),
        TrainConfig {
            steps,
            batch_size,
            learning_rate,
            min_learning_rate: learning_rate / 10.0,
            warmup_steps: (steps / 20).min(2000),
            sample_interval: (steps / 10).max(1),
            ..TrainConfig::default()
        },
    );
    Ok(RunConfig { preset: format!("layers-{layers}"), ..config })
}
