//! Active learning: proposes the prompts or texts of a file about which a model is least certain, dissimilar ones first.

mod candidates;

use super::Session;
use super::imports::staged;
use super::models::Model;
use crate::data::diverse::diverse;
use crate::data::read::{Problems, find_sources};
use crate::generation::uncertainty::{entropy, margin, mean_entropy, most_frequent};
use crate::generation::{Batch, Decoder, Generated, Request, chat_room, request};
use crate::platform::Yielder;
use crate::protocol::quantity::counted;
use crate::protocol::setting::Settings as _;
use crate::protocol::{
    GenerateConfig, Proposal, ProposalSettings, Uncertainty, WeightSource, answer, likeliest,
};
use crate::sampler::Watch;
use crate::{Error, Result, refuse, storage};
use candidates::{Candidate, Candidates};
use std::path::Path;

/// Answers generated in one batch.
const PLACES: usize = 16;

/// The file with prompts or texts.
pub(super) struct Pool<'a> {
    /// Path, or the name of a file given as bytes.
    pub(super) name: &'a str,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Session {
    pub(super) async fn propose(
        &mut self,
        source: &WeightSource,
        pool: Pool<'_>,
        settings: &ProposalSettings,
    ) -> Result<answer::Proposed> {
        // Disagreement refers to the model's own distribution, so the temperature is 1.
        let max_tokens = settings.max_tokens;
        let config = GenerateConfig { max_tokens, temperature: 1.0, ..GenerateConfig::default() };
        config.validate()?;
        settings.check()?;
        let model = self.weights(source, None).await?;
        if model.config.scores() {
            refuse!(
                "{} scores texts and has no uncertainty about them; choose a run that generates or classifies texts",
                model.key.0
            );
        }
        let labels = model.config.labels.clone();
        let measure = measure_of(settings.measure, &model)?;
        let (problems, yielder) = (Problems::default(), Yielder::new());
        let place = Path::new(pool.name);
        let staging = pool.bytes.is_some().then(staged).transpose()?;
        let path = match (&staging, &pool.bytes, place.file_name()) {
            (Some(staging), Some(bytes), Some(name)) => {
                let path = staging.path().join(name);
                storage::write_atomically(&path, bytes)?;
                path
            }
            _ => place.to_owned(),
        };
        let sources = find_sources(&[path], &problems)?;
        let mut candidates = Candidates::default();
        let answered = self.opened()?.project.feedback()?;
        if labels.is_empty() {
            let room = chat_room(model.config.context_length, max_tokens);
            for source in &sources {
                candidates.read_prompts(source, &answered, (&model, room), &problems, &yielder).await?;
            }
        } else {
            for source in &sources {
                candidates.read_texts(source, &answered, &model, &problems, &yielder).await?;
            }
        }
        let what = if labels.is_empty() { "prompt" } else { "text" };
        let wrong = problems.list();
        for problem in &wrong {
            self.sink.notice(format!("{}: {}", problem.name, problem.reason));
        }
        let left_out = candidates.left_out(!labels.is_empty());
        let mut found = candidates.found;
        if found.is_empty() {
            let wrong = wrong.into_iter().next().map(|problem| problem.reason);
            let reason: Vec<String> = left_out.into_iter().chain(wrong).collect();
            let reason = if reason.is_empty() { "it is empty".to_owned() } else { reason.join("; ") };
            refuse!("{} has no {what} to propose: {reason}", pool.name);
        }
        left_out.into_iter().for_each(|left_out| self.sink.notice(left_out));

        let uncertainty = if labels.is_empty() {
            self.answers(&model, measure, settings.samples, &config, &mut found).await?
        } else {
            self.labels(&model, measure, &mut found).await?
        };
        let none = uncertainty.iter().filter(|uncertainty| !uncertainty.is_finite()).count();
        if none > 0 {
            let said = format!(
                "{} left out: the uncertainty from {} is not a number",
                counted(none as u64, what),
                model.key.0
            );
            if none == found.len() {
                return Err(Error::Refused(said));
            }
            self.sink.notice(said);
        }
        let texts: Vec<&str> = found.iter().map(|candidate| candidate.proposal.asked()).collect();
        let chosen = diverse(&texts, &uncertainty, settings.count, &yielder).await;
        let considered = found.len();
        let row = |at: usize| {
            let uncertainty = uncertainty[at] as f32;
            Proposal { uncertainty, ..found[at].proposal.clone() }
        };
        let rows = chosen.into_iter().map(row).collect();
        let run = model.key.0.clone();
        Ok(answer::Proposed { run, measure, labels, rows, considered })
    }

    /// Generates answers to each prompt and stores them. Returns the model's uncertainty about each.
    async fn answers(
        &mut self,
        model: &Model,
        measure: Uncertainty,
        samples: usize,
        config: &GenerateConfig,
        candidates: &mut [Candidate],
    ) -> Result<Vec<f64>> {
        if measure == Uncertainty::Entropy {
            // Use the CPU, where logits need no read-back.
            let places = PLACES.min(candidates.len());
            let decoder =
                model.on_cpu(config.weights.unwrap_or_default(), self.options.threads, places).await?;
            let greedy = GenerateConfig { temperature: 0.0, ..config.clone() };
            let asked = candidates.iter().map(|candidate| (candidate, greedy.clone()));
            let answers =
                self.written_by(&mut Decoder::Cpu(Box::new(decoder)), model, asked, Some(0)).await?;
            let note = |(candidate, answer): (&mut Candidate, Generated)| {
                candidate.proposal.said = answer.text;
                // An answer that ends immediately still has the entropy of its end token.
                mean_entropy(&answer.scores).unwrap_or(f64::NAN)
            };
            return Ok(candidates.iter_mut().zip(answers).map(note).collect());
        }
        let places = PLACES.min(candidates.len() * samples);
        let (run, checkpoint) = (model.key.0.clone(), model.key.1.as_str().into());
        let source = WeightSource::Checkpoint { run, checkpoint };
        let (_, mut decoder) = self.model_and_decoder(&source, config.weights, places, None).await?;
        let seeded = |number: usize| {
            let seed = config.seed.wrapping_add(number as u64);
            GenerateConfig { seed, ..config.clone() }
        };
        let asked = candidates
            .iter()
            .flat_map(|candidate| (0..samples).map(move |number| (candidate, number)))
            .map(|(candidate, number)| (candidate, seeded(number)));
        let answers = self.written_by(&mut decoder, model, asked, None).await?;
        self.generations.keep_decoder((model.key.clone(), config.weights, false), decoder);
        let note = |(candidate, answers): (&mut Candidate, &[Generated])| {
            let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
            let Some((first, share)) = most_frequent(&texts) else { return f64::NAN };
            candidate.proposal.said = texts.get(first).copied().unwrap_or_default().to_owned();
            candidate.proposal.share = Some(share as f32);
            1.0 - share
        };
        Ok(candidates.iter_mut().zip(answers.chunks(samples)).map(note).collect())
    }

    /// Generates answers to some prompts, each with its own settings, with the scores of their tokens if `top` is set.
    async fn written_by<'a>(
        &self,
        decoder: &mut Decoder,
        model: &Model,
        asked: impl Iterator<Item = (&'a Candidate, GenerateConfig)>,
        top: Option<usize>,
    ) -> Result<Vec<Generated>> {
        decoder.set_interactive(self.visible);
        let requests: Vec<_> = asked
            .map(|(Candidate { tokens, ends, .. }, config)| Request {
                watch: Watch { top, ..Watch::default() },
                ..request(model.tokenizer.clone(), tokens, ends, &config)
            })
            .collect();
        let total = requests.len() as u64;
        let (mut batch, yielder) = (Batch::new(decoder, requests)?, Yielder::new());
        while !batch.is_over() {
            batch.next(decoder).await?;
            self.sink.progress(batch.written() as u64, total);
            yielder.maybe_yield().await;
        }
        Ok(batch.finish())
    }

    /// Classifies each text and stores its label. Returns the model's uncertainty about each.
    async fn labels(
        &mut self,
        model: &Model,
        measure: Uncertainty,
        candidates: &mut [Candidate],
    ) -> Result<Vec<f64>> {
        let texts: Vec<String> = candidates.iter().map(|candidate| candidate.proposal.text.clone()).collect();
        let probabilities = self.label_probabilities(model, &texts).await?;
        let note = |(candidate, probabilities): (&mut Candidate, Vec<f64>)| {
            if let Some((label, share)) = likeliest(&model.config.labels, &probabilities) {
                candidate.proposal.said = label.to_owned();
                candidate.proposal.share = Some(share as f32);
            }
            match measure {
                Uncertainty::Entropy => entropy(&probabilities),
                Uncertainty::Margin | Uncertainty::Disagreement => margin(&probabilities),
            }
        };
        Ok(candidates.iter_mut().zip(probabilities).map(note).collect())
    }
}

/// The requested measure, or the default one for the model.
fn measure_of(asked: Option<Uncertainty>, model: &Model) -> Result<Uncertainty> {
    let (run, has_labels) = (&model.key.0, !model.config.labels.is_empty());
    let refused = match (asked, has_labels) {
        (Some(Uncertainty::Margin), false) => format!(
            "a margin needs labels, and {run} has none; use entropy or disagreement, or choose a run whose objective is classify"
        ),
        (Some(Uncertainty::Disagreement), true) => {
            format!("{run} classifies texts and has one answer to each; use margin or entropy")
        }
        (Some(measure), _) => return Ok(measure),
        (None, true) => return Ok(Uncertainty::Margin),
        (None, false) => return Ok(Uncertainty::Entropy),
    };
    Err(Error::Refused(refused))
}
