//! Facts about the model on a shared page.

use crate::huggingface::last_name;
use glasshouse_metrics::card;
use glasshouse_platform::Result;
use glasshouse_project::{Run, Trained, parameters_of, weights_crc32c};
use glasshouse_protocol::quantity::{count, counted, device, whole};
use glasshouse_protocol::{Evaluation, GenerateConfig, RunState, WeightFormat};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::TokenizerFiles;
use serde::Serialize;
use serde_json::{Map, Value};

const MAX_ANCESTORS: usize = 8;

/// The facts, as `web/share/page.js` reads them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    pub title: String,
    /// One sentence about the model.
    pub summary: String,
    pub parameters: usize,
    /// Whether it answers messages; otherwise it continues texts.
    pub chat: bool,
    /// An example to continue.
    pub prompt: String,
    /// Name of the project file that a visitor can save.
    pub file: String,
    sampler: Sampler,
    /// A table of names and texts.
    about: Vec<(&'static str, String)>,
    /// The model card, a page of HTML, of an evaluated model.
    card: Option<String>,
    #[serde(skip)]
    evaluation: Option<Box<Evaluation>>,
}

/// Where sampling begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sampler {
    max_tokens: usize,
    temperature: f32,
    top_k: usize,
    top_p: f32,
    repetition_penalty: f32,
}

impl Sampler {
    /// The defaults, with what an imported model's `generation_config.json` says instead.
    fn new(generation: &Map<String, Value>, context_length: usize) -> Self {
        let number = |name: &str| generation.get(name).and_then(Value::as_f64).map(|number| number as f32);
        let mut config =
            GenerateConfig { max_tokens: context_length.clamp(1, 200), ..GenerateConfig::default() };
        let own = config.clone();
        config.temperature = number("temperature").unwrap_or(own.temperature);
        config.top_p = number("top_p").unwrap_or(own.top_p);
        config.repetition_penalty = number("repetition_penalty").unwrap_or(own.repetition_penalty);
        config.top_k = generation.get("top_k").and_then(Value::as_u64).map_or(own.top_k, |k| k as usize);
        let GenerateConfig { max_tokens, temperature, top_k, top_p, repetition_penalty, .. } =
            if config.validate().is_ok() { config } else { own };
        Self { max_tokens, temperature, top_k, top_p, repetition_penalty }
    }
}

impl Facts {
    /// Reads what is known of a model: its run, data, ancestors and evaluation. Fails if the run's records or its tokenizer's files are
    /// damaged.
    pub fn new(model: &Trained, format: WeightFormat) -> Result<Self> {
        let Trained { run, config, parameters, info, .. } = model;
        let record = run.record()?;
        let data = run.data_folder()?;
        let tokenizer = TokenizerFiles::with(model.tokenizer.clone(), &data)?;
        let checksum = weights_crc32c(parameters);
        // Results of other weights would be false.
        let evaluation = run.evaluation().ok().flatten().filter(|own| own.weights_crc32c == checksum);
        let audit = run.audit().ok().flatten().filter(|own| own.weights_crc32c == checksum);
        let card = evaluation.as_ref().map(|own| card::html(own, audit.as_ref(), &[]));
        let project = run.project()?;
        let title = Some(run.about().title).filter(|own| !own.is_empty()).unwrap_or_else(|| project.name());
        let parameters = parameters_of(config)?.iter().map(|own| own.ty.count()).sum();
        let chat = tokenizer.chat_template.is_some();
        let does = if chat { "answers messages" } else { "continues texts" };
        let summary = format!("A language model of {} parameters that {does}.", count(parameters as u64));
        let mut about = vec![
            ("Run", format!("{} of {}", run.name(), project.name())),
            ("Model", format!("{}, {} parameters", config.model.shape(), whole(parameters as u64))),
            (
                "Tokenizer",
                format!(
                    "{}, {} entries",
                    config.tokenizer.kind.title(),
                    whole(config.model.vocabulary as u64)
                ),
            ),
        ];
        let imported = record.state == RunState::Imported;
        if !imported {
            let seen = whole(info.tokens_seen);
            about.push((
                "Training",
                format!("step {} of {}, {seen} tokens seen", whole(info.step), whole(config.train.steps)),
            ));
        }
        if let Some(loss) = info.val_loss.filter(|loss| loss.is_finite()) {
            let perplexity = f64::from(loss).exp();
            let is_rounded = format.is_quantised() && config.weights != format;
            let when = if is_rounded { ", before the weights were rounded" } else { "" };
            about.push((
                "Validation loss",
                format!("{loss:.4} nats per token, perplexity {perplexity:.2}{when}"),
            ));
        }
        // A model whose text was deleted can still be shared.
        if let Ok(index) = prepare::index(&data) {
            let mut sources: Vec<String> =
                index.sources.iter().map(|source| last_name(&source.path)).collect();
            sources.dedup();
            let further = sources.len().saturating_sub(MAX_ANCESTORS);
            sources.truncate(MAX_ANCESTORS);
            if further > 0 {
                sources.push(format!("{} more", whole(further as u64)));
            }
            let documents = counted(index.documents, "document");
            let tokens = whole(index.train.tokens);
            about.push(("Data", format!("{}: {documents}, {tokens} tokens to train on", sources.join(", "))));
            let shards = index.train.shards.iter().chain(&index.validation.shards);
            let fingerprint = shards.fold(index.tokenizer_crc32c, |sum, shard| {
                crc32c::crc32c_append(sum, &shard.crc32c.to_le_bytes())
            });
            about.push(("Data fingerprint", format!("CRC-32C {fingerprint:08x} of tokenizer and tokens")));
        }
        about.push(("Lineage", lineage(run, imported)));
        if let Some(recorded) = &record.device {
            about.push(("Device", device(&recorded.to_string())));
        }
        about.push(("Weights", format!("{}; CRC-32C {checksum:08x} before that", stored(format))));
        about.push(("Made with", format!("Glasshouse {}", env!("CARGO_PKG_VERSION"))));
        Ok(Self {
            file: format!("{}.glasshouse", file_stem(&title)),
            title,
            summary,
            parameters,
            chat,
            prompt: config.train.sample_prompt.clone(),
            sampler: Sampler::new(&tokenizer.generation, config.model.context_length),
            about,
            card,
            evaluation: evaluation.map(Box::new),
        })
    }

    /// The note of the run in the project file.
    pub(super) fn notes(&self) -> String {
        let lines: Vec<String> = self.about.iter().map(|(name, text)| format!("{name}: {text}")).collect();
        lines.join("\n")
    }

    /// The README of a static Space on Hugging Face: its front matter and a card.
    pub(super) fn readme(&self) -> String {
        // A JSON string is a YAML string, too.
        let title = serde_json::to_string(&self.title).unwrap_or_default();
        let heading = self.title.replace(['\n', '\r'], " ");
        let rows = self.about.iter().map(|(name, text)| format!("* {name}: {text}\n"));
        let evaluation = self.evaluation.as_ref().map(|own| card::markdown(own)).unwrap_or_default();
        format!(
            "---\ntitle: {title}\nemoji: 🌱\ncolorFrom: green\ncolorTo: gray\nsdk: static\napp_file: {index}\npinned: false\n---\n\n\
             # {heading}\n\n{summary} It runs in the visitor's browser.\n\n{rows}\n{evaluation}",
            index = super::INDEX,
            summary = self.summary,
            rows = rows.collect::<String>(),
        )
    }
}

fn stored(format: WeightFormat) -> String {
    match format {
        WeightFormat::F32 | WeightFormat::Gguf => "32 bits each, as trained".to_owned(),
        _ if format.is_quantised() => {
            format!("{} each, and a scale for every {}", format.title(), format.block())
        }
        _ => format!("{} each", format.title()),
    }
}

/// The run and those that it began from, as far as the project has them.
fn lineage(run: &Run, imported: bool) -> String {
    let mut names = vec![run.name()];
    let mut current = run.clone();
    let mut from_outside = imported;
    while names.len() <= MAX_ANCESTORS
        && let Some(start) = current.config().ok().and_then(|config| config.start)
    {
        names.push(start.run.clone());
        let of_this_project = start.project.is_none().then(|| current.project().ok()).flatten();
        let Some(next) = of_this_project.and_then(|project| project.recorded_run(&start.run).ok()) else {
            break;
        };
        from_outside = next.is_imported();
        current = next;
    }
    let beginning = if from_outside { "an imported model" } else { "from scratch" };
    match names.len() {
        1 if from_outside => beginning.to_owned(),
        1 => "trained from scratch".to_owned(),
        _ => format!("{} ({beginning})", names.join(" ← ")),
    }
}

/// A title as a portable file name.
fn file_stem(title: &str) -> String {
    let stem: String = title
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .take(60)
        .collect();
    let parts: Vec<&str> = stem.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "model".to_owned() } else { parts.join("-") }
}
