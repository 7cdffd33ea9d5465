//! Models for generation, and requests for single texts and predictions.

mod cache;
mod lenses;
mod weights;

use super::Session;
use super::batches::Batches;
use super::generation::Scoring;
use super::training::ActiveRun;
use crate::checkpoint::Checkpoints;
use crate::cpu::CpuDecoder;
use crate::data::prepare;
use crate::generation::{Decoder, Opening, Request, Vocabulary, check};
use crate::gpu::Gpu;
use crate::inspection::Indices;
use crate::metrics::moderation::Classifier;
use crate::platform::Yielder;
use crate::project::{ParsedClassifier, Run, StoredModel, Trained};
use crate::protocol::quantity::counted;
use crate::protocol::{
    CHATML, Candidate, CheckpointChoice, Event, GenerateConfig, Hint, Invalid, ModelConfig, WeightFormat,
    WeightSource, answer,
};
use crate::sampler::{self, Explained, Sampling, Watch};
use crate::tokenizer::{Tokenizer, TokenizerFiles};
use crate::{Error, Result, refuse};
use cache::Models;
use lenses::Lenses;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
pub(super) use weights::Weights;

/// Idle decoders to keep for reuse.
const KEPT: usize = 3;

/// Identifies weights: run, checkpoint, and a number that distinguishes their versions. The number is a step, or a fingerprint
/// for a file that is not one of the run's checkpoints.
pub(super) type Key = (String, String, u64);

/// What a decoder can be used for: texts of these weights that request this format, and whether they need logits on the host, so that it is
/// on the CPU.
pub(super) type Use = (Key, Option<WeightFormat>, bool);

/// The checkpoint name in the key of a run in training.
pub(super) const CURRENT: &str = WeightSource::CURRENT;

/// A tokenizer with its settings and chat template, shared by a model and its texts.
#[derive(Clone)]
pub(super) struct SharedTokenizer(Arc<TokenizerFiles>);

impl SharedTokenizer {
    /// Combines a tokenizer with the other files in its folder.
    fn with(tokenizer: Tokenizer, folder: &Path) -> Result<Self> {
        Ok(Self(Arc::new(TokenizerFiles::with(tokenizer, folder)?)))
    }

    pub(super) fn files(&self) -> &TokenizerFiles {
        &self.0
    }
}

impl Deref for SharedTokenizer {
    type Target = Tokenizer;

    fn deref(&self) -> &Tokenizer {
        &self.0.tokenizer
    }
}

#[derive(Clone)]
pub(super) struct Model {
    pub(super) key: Key,
    pub(super) config: ModelConfig,
    pub(super) tokenizer: SharedTokenizer,
    pub(super) values: Arc<Weights>,
    /// Storage format of a compressed run's matrices, in which it is decoded unless asked otherwise.
    pub(super) weights: WeightFormat,
    /// Optimizer steps the weights were trained for.
    pub(super) step: u64,
}

/// Texts being generated, with their models and decoders.
#[derive(Default)]
pub(super) struct Generations {
    pub(super) batches: Batches,
    pub(super) scoring: Scoring,
    classifier: ParsedClassifier,
    /// The last vocabulary that texts followed a grammar with.
    vocabulary: Option<(Key, Vocabulary)>,
    models: Models,
    /// Idle decoders.
    decoders: Vec<(Use, Decoder)>,
    explainer: Option<(Key, CpuDecoder)>,
    /// Recently used lenses.
    pub(super) lenses: Lenses,
    /// Recently used text indices.
    pub(super) indices: Indices,
}

impl Generations {
    /// Whether no text is being generated.
    pub(super) fn is_idle(&self) -> bool {
        self.batches.is_idle() && self.scoring.is_idle()
    }

    /// Keeps an idle decoder, evicting the oldest if there are too many.
    pub(super) fn keep_decoder(&mut self, used: Use, decoder: Decoder) {
        self.decoders.push((used, decoder));
        if self.decoders.len() > KEPT {
            self.decoders.remove(0);
        }
    }

    /// An idle decoder for a batch of `texts`.
    pub(super) fn idle_decoder(&mut self, wanted: &Use, texts: usize) -> Option<Decoder> {
        let fits = |(used, decoder): &(Use, Decoder)| used == wanted && decoder.places() == texts;
        self.decoders.iter().position(fits).map(|at| self.decoders.swap_remove(at).1)
    }

    /// Clears everything, for another project.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Drops everything on the device, because another one was chosen.
    pub(super) fn forget_device(&mut self) {
        self.decoders.clear();
        self.scoring.forget_scorer(|_| true);
        self.lenses.clear();
    }

    /// Drops weights of runs in training: after resuming from a checkpoint, the same step may have other weights.
    pub(super) fn forget_current(&mut self) {
        self.forget_weights(|key| key.1 == CURRENT);
    }

    /// Drops weights of a run that was rolled back: the same steps and checkpoint names will have other weights.
    pub(super) fn forget_run(&mut self, run: &str) {
        self.forget_weights(|key| key.0 == run);
    }

    fn forget_weights(&mut self, goes: impl Fn(&Key) -> bool) {
        self.models.forget(&goes);
        self.decoders.retain(|((key, ..), _)| !goes(key));
        self.scoring.forget_scorer(&goes);
        if self.explainer.as_ref().is_some_and(|(key, _)| goes(key)) {
            self.explainer = None;
        }
        self.lenses.forget(&goes);
    }
}

impl Model {
    /// Weights in the arena layout of an unfrozen model.
    pub(super) async fn parameters(&self) -> Result<&[f32]> {
        self.values.floats().await
    }

    /// A decoder on the CPU. It takes over weights that are stored in its format.
    pub(super) async fn on_cpu(
        &self,
        format: WeightFormat,
        threads: Option<usize>,
        texts: usize,
    ) -> Result<CpuDecoder> {
        let stored = if format == self.weights { self.values.stored().await? } else { None };
        match stored {
            Some(stored) => CpuDecoder::from_stored(&self.config, stored, format, threads, texts),
            None => {
                let parameters = self.parameters().await?;
                check(parameters, format)?;
                CpuDecoder::with_texts(&self.config, parameters, format, threads, texts)
            }
        }
    }

    pub(super) fn opened(&self, decoder: &Decoder) -> answer::ModelOpened {
        answer::ModelOpened {
            run: self.key.0.clone(),
            step: self.step,
            device: decoder.device_name().to_owned(),
            weights: decoder.weights(),
            chats: self.tokenizer.0.chat_template.is_some(),
            chatml: self.tokenizer.0.chat_template.as_deref() == Some(CHATML),
        }
    }
}

/// A token whose prediction is to be explained.
pub(super) struct TokenQuery<'text> {
    /// Tokens before it.
    pub(super) tokens: &'text [u32],
    /// The token that was chosen, to report its rank.
    pub(super) chosen: Option<u32>,
    /// Number of top tokens to list.
    pub(super) count: usize,
}

impl Session {
    /// Loads a model and caches it for later texts.
    pub(super) async fn open_model(
        &mut self,
        id: u64,
        source: &WeightSource,
        weights: Option<WeightFormat>,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        let (model, decoder) = self.model_and_decoder(source, weights, 1, live).await?;
        self.sink.answer(id, model.opened(&decoder));
        self.generations.keep_decoder((model.key, weights, false), decoder);
        Ok(())
    }

    /// The open project's classifier, if moderation applies it. Fails if the settings are out of range, or it is missing or damaged.
    pub(super) fn classifier(&mut self, config: &GenerateConfig) -> Result<Option<Arc<Classifier>>> {
        config.validate()?;
        if config.grammar.is_some() && config.min_tokens > 0 {
            let rule = "be 0 with a grammar or JSON Schema, which says itself when a text ends";
            return Err(Invalid::new("min_tokens", config.min_tokens, rule).into());
        }
        let project = self.project.as_ref().map(|open| &open.project);
        self.generations.classifier.of(&config.moderation, project)
    }

    /// Keeps scores with the `top` most likely tokens, and demands the grammar of the settings, if there are any.
    pub(super) fn watch<Decode>(
        &mut self,
        model: &Model,
        top: Option<usize>,
        request: &Request<Decode>,
    ) -> Result<Watch> {
        let watch = Watch { top, ..Watch::default() };
        let Some(grammar) = &request.config.grammar else { return Ok(watch) };
        let kept = self.generations.vocabulary.take().filter(|(key, _)| *key == model.key);
        let (key, vocabulary) = match kept {
            Some(kept) => kept,
            None => (model.key.clone(), Vocabulary::new(&model.tokenizer)?),
        };
        let constraint = vocabulary.follow(grammar, &request.ends);
        self.generations.vocabulary = Some((key, vocabulary));
        Ok(Watch { constraint: Some(constraint?), ..watch })
    }

    /// Reports characters that the vocabulary lacks, and words that the model reads as special tokens.
    pub(super) fn report_lost(&self, id: u64, tokenizer: &Tokenizer, text: &str) {
        let characters: String = tokenizer.unknown_characters(text).into_iter().collect();
        if !characters.is_empty() {
            self.sink.answer(id, Event::CharactersLost { characters });
        }
        let special = tokenizer.special_within(text);
        if let [first, ..] = &special[..] {
            let count = counted(special.len() as u64, "special token");
            let text = format!(
                "the text spells {count}, the first {first}: the model reads them as special tokens, not as text"
            );
            self.sink.notices_of(id, [text]);
        }
    }

    /// The model of a source, with a decoder for a batch of `texts`.
    pub(super) async fn model_and_decoder(
        &mut self,
        source: &WeightSource,
        weights: Option<WeightFormat>,
        texts: usize,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<(Model, Decoder)> {
        let model = self.weights(source, live.as_mut()).await?;
        let decoder = self.decoder(&model, weights, texts, live).await?;
        Ok((model, decoder))
    }

    /// A decoder for a batch of `texts`, an idle one if possible.
    pub(super) async fn decoder(
        &mut self,
        model: &Model,
        weights: Option<WeightFormat>,
        texts: usize,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<Decoder> {
        expect_writes(model)?;
        if let Some(idle) = self.generations.idle_decoder(&(model.key.clone(), weights, false), texts) {
            return Ok(idle);
        }
        let stored = model.weights;
        let (threads, tuning) = (self.options.threads, self.tuning());
        let mut opening = Opening { threads, weights, stored, tuning, texts };
        let device = &self.device.request;
        if let Some(live) = &mut live {
            opening.threads = live.trainer.executor().describe().threads;
        }
        let (trains, (gpu, warning)) = (live.is_some(), self.gpu(live.as_mut()).await?);
        let (decoder, lost) = match gpu {
            None if weights.is_none_or(|format| format == stored) => {
                (Decoder::Cpu(Box::new(model.on_cpu(stored, opening.threads, texts).await?)), None)
            }
            Some(gpu) if !trains => {
                Decoder::tuned(gpu, device, &model.config, model.parameters().await?, &opening).await?
            }
            gpu => (Decoder::on(gpu, &model.config, model.parameters().await?, &opening).await?, None),
        };
        self.sink.notices(lost.or(warning));
        Ok(decoder)
    }

    /// The GPU of a run in training, or the session's, with a warning if it is a fallback; `None` for the CPU.
    pub(super) async fn gpu(
        &self,
        live: Option<&mut ActiveRun<'_, '_>>,
    ) -> Result<(Option<Gpu>, Option<String>)> {
        match live {
            Some(live) => Ok((live.trainer.executor().gpu().cloned(), None)),
            None => Gpu::from_request(&self.device.request).await,
        }
    }

    pub(super) async fn explain(
        &mut self,
        source: &WeightSource,
        query: &TokenQuery<'_>,
        config: &GenerateConfig,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<answer::Distribution> {
        config.validate()?;
        let model = self.weights(source, live.as_mut()).await?;
        // Logits stay on the device; recomputing one window on the CPU is fast.
        let mut explainer = self.explainer(&model).await?;
        let logits = explainer.logits(query.tokens)?;
        self.generations.explainer = Some((model.key.clone(), explainer));
        let window = query.tokens.iter().rev().take(model.config.context_length).copied().collect::<Vec<_>>();
        let listed =
            sampler::explain_likeliest(&logits, &window, &Sampling::new(config), query.count, query.chosen);
        let candidate = |entry: &Explained| Candidate {
            id: entry.id,
            text: model.tokenizer.describe(entry.id).text,
            rank: entry.rank,
            probability: entry.probability as f32,
            tempered: entry.tempered as f32,
            drawn: entry.drawn as f32,
            cut_by: entry.cut_by,
        };
        let candidates = listed.entries.iter().map(candidate).collect();
        let (entropy_bits, kept) = (listed.entropy_bits as f32, listed.kept);
        Ok(answer::Distribution { candidates, entropy_bits, kept })
    }

    /// Label probabilities of texts from a classifier, or scores from a reward model. Texts longer than the context are truncated
    /// at the end, as in training.
    pub(super) async fn classify(
        &mut self,
        source: &WeightSource,
        texts: &[String],
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<answer::Classified> {
        let model = self.weights(source, live.as_mut()).await?;
        let labels = model.config.labels.clone();
        if labels.is_empty() {
            return Err(Error::Refused(format!(
                "{} has no labels; train a run on texts with labels (objective classify), or choose one",
                model.key.0
            ))
            .hint(Hint::ClassifyObjective));
        }
        let probabilities = self.label_probabilities(&model, texts).await?;
        let shares = |of: Vec<f64>| of.into_iter().map(|share| share as f32).collect();
        let probabilities = probabilities.into_iter().map(shares).collect();
        Ok(answer::Classified { labels, probabilities })
    }

    /// Label probabilities of each text, or scores if the model is a reward model. Fails if the vocabulary covers nothing of a text, or the
    /// model scores replies in conversations.
    pub(super) async fn label_probabilities(
        &mut self,
        model: &Model,
        texts: &[String],
    ) -> Result<Vec<Vec<f64>>> {
        if model.config.scores() && self.run_named(&model.key.0)?.record()?.plain_pairs == Some(false) {
            let run = &model.key.0;
            refuse!(
                "{run} scores replies in conversations, not single texts; use it as train.reward.model={run}"
            );
        }
        let mut reader = self.explainer(model).await?;
        let (yielder, mut probabilities) = (Yielder::new(), Vec::with_capacity(texts.len()));
        for (at, text) in texts.iter().enumerate() {
            self.sink.progress(at as u64, texts.len() as u64);
            yielder.maybe_yield().await;
            let encode = if model.config.scores() { prepare::scored_tokens } else { prepare::text_tokens };
            let mut tokens = encode(&model.tokenizer, text)?;
            if tokens.is_empty() {
                let reason = "it is empty, or the vocabulary has none of its characters";
                refuse!("{text:?} cannot be classified: {reason}");
            }
            tokens.truncate(model.config.context_length);
            let logits = reader.logits(&tokens)?;
            probabilities.push(if model.config.scores() {
                logits.into_iter().map(f64::from).collect()
            } else {
                sampler::probabilities(&logits)
            });
        }
        self.generations.explainer = Some((model.key.clone(), reader));
        Ok(probabilities)
    }

    /// A CPU decoder for single windows, cached while the model stays the same.
    async fn explainer(&mut self, model: &Model) -> Result<CpuDecoder> {
        match self.generations.explainer.take() {
            Some((key, explainer)) if key == model.key => Ok(explainer),
            _ => model.on_cpu(WeightFormat::F32, self.options.threads, 1).await,
        }
    }

    pub(super) async fn weights(
        &mut self,
        source: &WeightSource,
        live: Option<&mut ActiveRun<'_, '_>>,
    ) -> Result<Model> {
        let trains = live.is_some();
        if let (WeightSource::Current, Some(live)) = (source, live) {
            let trainer = &mut *live.trainer;
            let key = (trainer.run().name(), CURRENT.to_owned(), trainer.step());
            if let Some(known) = self.generations.models.get(&key) {
                return Ok(known);
            }
            let values = Arc::new(Weights::from_floats(trainer.weights().await?));
            let config = trainer.config().model.clone();
            let data = trainer.run().data_folder()?;
            let tokenizer = SharedTokenizer::with(prepare::open_tokenizer(&data)?, &data)?;
            let step = trainer.step();
            return Ok(self.keep(Model { key, config, tokenizer, values, weights: WeightFormat::F32, step }));
        }
        let run = self.run_of(source, None)?;
        let best = CheckpointChoice::Best;
        let checkpoint = match source {
            WeightSource::Current => &best,
            WeightSource::Checkpoint { checkpoint, .. } => checkpoint,
        };
        // `best` and `latest` change their meaning as a run goes on; a checkpoint file does not.
        let file = checkpoint.file();
        let step = if file.is_none() { run.record()?.step } else { 0 };
        let mut key = (run.name(), checkpoint.to_string(), step);
        if let Some(known) = self.generations.models.get(&key) {
            return Ok(known);
        }
        let files = Checkpoints::new(run.checkpoints_folder());
        // Any other file may be overwritten, so it is read each time.
        let is_elsewhere = file.is_some_and(|file| files.list().iter().all(|own| own.file != file));
        if let Some(model) = StoredModel::load(&run, checkpoint, &Yielder::new()).await? {
            let StoredModel { config, tokenizer, parameters, weights, path, info, notices } = model;
            self.sink.notices(notices);
            if is_elsewhere {
                key.2 = fingerprint(&[
                    bytemuck::cast_slice(&weights.floats),
                    bytemuck::cast_slice(&weights.words),
                ]);
            }
            // A run in training replaces its checkpoints.
            let path = Some(path).filter(|_| !is_elsewhere && !trains);
            return Ok(self.keep(Model {
                key,
                weights: config.weights,
                config: config.model,
                tokenizer: SharedTokenizer::with(tokenizer, &run.data_folder()?)?,
                step: info.step,
                values: Arc::new(Weights::from_stored(weights, path, parameters, info)),
            }));
        }
        let trained = Trained::load(run, checkpoint, &Yielder::new()).await?;
        if is_elsewhere {
            key.2 = fingerprint(&[bytemuck::cast_slice(&trained.parameters)]);
        }
        self.sink.notices(trained.notices);
        Ok(self.keep(Model {
            key,
            // An adapter was merged into them.
            weights: match trained.config.weights {
                WeightFormat::Gguf => WeightFormat::F32,
                format => format,
            },
            config: trained.config.model,
            tokenizer: SharedTokenizer::with(trained.tokenizer, &trained.run.data_folder()?)?,
            values: Arc::new(Weights::from_floats(trained.parameters)),
            step: trained.info.step,
        }))
    }

    pub(super) fn run_of(&mut self, source: &WeightSource, live: Option<&ActiveRun<'_, '_>>) -> Result<Run> {
        match (source, live) {
            (WeightSource::Checkpoint { run, .. }, _) => self.run_named(run),
            (WeightSource::Current, Some(live)) => Ok(live.trainer.run().clone()),
            (WeightSource::Current, None) => self.latest_written(),
        }
    }

    /// The latest run with a checkpoint, except models imported for comparison.
    fn latest_written(&mut self) -> Result<Run> {
        let project = &self.opened()?.project;
        let runs = project.runs()?;
        let has_checkpoint = |run: &&Run| {
            run.summary().is_ok_and(|summary| !summary.for_comparison && !summary.checkpoints.is_empty())
        };
        if let Some(run) = runs.iter().rev().find(has_checkpoint) {
            return Ok(run.clone());
        }
        if !runs.is_empty() {
            // If only models for comparison exist, this error lists them.
            project.latest_run()?;
        }
        refuse!("no run has a checkpoint yet; train one first")
    }

    fn keep(&mut self, model: Model) -> Model {
        self.generations.models.keep(model.clone());
        model
    }
}

/// Fails for a model that does not generate text.
pub(super) fn expect_writes(model: &Model) -> Result<()> {
    if model.config.labels.is_empty() {
        return Ok(());
    }
    let does = if model.config.scores() { "scores texts" } else { "classifies texts" };
    Err(Error::Refused(format!(
        "{} {does} and generates no text; use `glasshouse evaluate classify`, or choose another run",
        model.key.0
    ))
    .hint(Hint::Run))
}

/// A fingerprint of weights; never 0, which is used for checkpoints.
fn fingerprint(weights: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    weights.iter().for_each(|part| hasher.write(part));
    hasher.finish().max(1)
}
