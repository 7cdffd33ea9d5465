//! Opens exported GGUF files with a second reader and compares them with their run; compares merged weights with an adapter.

mod llama_cpp;

use crate::cpu::{self, CpuDecoder, Weights};
use crate::formats::Found;
use crate::graph::{Input, Origin};
use crate::model::text_graph;
use crate::plan::arena::ArenaLayout;
use crate::platform::Yielder;
use crate::project::{AsTrained, Trained};
use crate::protocol::{
    ChatMessage, GenerateConfig, LogitDifference, ModelConfig, Role, SecondReader, TrainConfig, Verification,
    VerifiedText,
};
use crate::sampler::probabilities;
use crate::tokenizer::{Tokenizer, TokenizerFiles};
use crate::{OrInternal, Result, refuse};
use std::path::Path;

/// Tokens of each greedy continuation.
const TOKENS: usize = 16;
/// Prompts to compare.
const COUNT: usize = 3;
const PROMPTS: [&str; COUNT] = ["Once upon a time", "The", "1 + 1 ="];
const QUESTION: &str = "What is your name?";
/// Less likely log-probabilities are not compared: llama.cpp takes the logarithm of a float, which has no digits left there.
const LEAST: f32 = -80.0;

/// The CPU's threads, and a yielder for the session.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) threads: Option<usize>,
    pub(super) yielder: &'a Yielder,
}

/// A prompt and the run's greedy continuation.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    prompt: String,
    /// A chat template wrote the prompt, including any token that begins texts.
    rendered: bool,
    /// Tokens of the prompt, then of the continuation.
    tokens: Vec<u32>,
    /// Tokens of the prompt.
    given: usize,
}

/// Predictions of a run.
pub(super) struct Reference {
    samples: Vec<Sample>,
    /// For each token of the continuations, the log-probabilities of the vocabulary.
    predictions: Vec<Vec<f32>>,
}

/// A second reader's results for a file and the run's samples.
struct Reading {
    reader: SecondReader,
    /// Tokens of each prompt.
    prompts: Vec<Vec<u32>>,
    /// The file's greedy continuation of the run's prompt tokens.
    continuations: Vec<Vec<u32>>,
    /// As in [`Reference`], with token ids; not necessarily of the whole vocabulary.
    predictions: Vec<Vec<(u32, f32)>>,
}

impl Reference {
    /// Samples a run's model, and predicts with its weights, or with a separate adapter's. Fails if the machine lacks the memory, or the
    /// vocabulary has none of the prompts' characters.
    pub(super) async fn new(trained: &Trained, adapter: Option<&AsTrained>, work: Work<'_>) -> Result<Self> {
        let model = &trained.config.model;
        let files = TokenizerFiles::with(trained.tokenizer.clone(), &trained.run.data_folder()?)?;
        let mut samples = prompts(model, &trained.config.train.sample_prompt, &files)?;
        continue_greedily(model, &trained.parameters, &mut samples, work).await?;
        let plain = TrainConfig::default();
        let (train, weights) =
            adapter.map_or((&plain, &trained.parameters), |own| (&own.config.train, &own.weights));
        let predictions = predictions((model, train), weights, &samples, work).await?;
        Ok(Self { samples, predictions })
    }

    /// Compares other weights of the model on the same tokens. Fails if the machine lacks the memory, or the weights are another model's.
    pub(super) async fn difference(&self, other: &Trained, work: Work<'_>) -> Result<LogitDifference> {
        let spec = (&other.config.model, &TrainConfig::default());
        let others = predictions(spec, &other.parameters, &self.samples, work).await?;
        Ok(self.compare(others.iter().map(|row| numbered(row))))
    }

    /// Opens a file with llama.cpp if it is installed, or else with our importer, and compares it. Also returns why llama.cpp could not
    /// open it, if so. Fails if the importer rejects the file, or the machine lacks the memory.
    pub(super) async fn verify(
        &self,
        path: &Path,
        model: &ModelConfig,
        tokenizer: &Tokenizer,
        work: Work<'_>,
    ) -> Result<(Verification, Option<String>)> {
        let (reading, notice) = match llama_cpp::read(path, &self.samples).await {
            Ok(Some(reading)) => (reading, None),
            Ok(None) => (self.read_back(path, model, work).await?, None),
            Err(error) => (
                self.read_back(path, model, work).await?,
                Some(format!("llama.cpp did not open the file ({error}); Glasshouse's importer did instead")),
            ),
        };
        let texts = self.samples.iter().zip(reading.prompts).zip(reading.continuations);
        let texts = texts
            .map(|((sample, prompt), continuation)| {
                let (given, continued) = sample.tokens.split_at(sample.given);
                VerifiedText {
                    prompt: sample.prompt.clone(),
                    run: tokenizer.decode(continued),
                    file: tokenizer.decode(&continuation),
                    same_tokens: prompt == given,
                }
            })
            .collect();
        let rows = reading.predictions.iter().map(|row| row.iter().copied());
        let verification = Verification { reader: reading.reader, difference: self.compare(rows), texts };
        Ok((verification, notice))
    }

    /// Reads a file with our importer.
    async fn read_back(&self, path: &Path, model: &ModelConfig, work: Work<'_>) -> Result<Reading> {
        let found = Found::look(path, Some(model.context_length))?;
        let parameters = found.load(work.yielder).await?;
        let mut samples = self.samples.clone();
        samples.iter_mut().for_each(|sample| sample.tokens.truncate(sample.given));
        continue_greedily(&found.model, &parameters, &mut samples, work).await?;
        let spec = (&found.model, &TrainConfig::default());
        let predictions = predictions(spec, &parameters, &self.samples, work).await?;
        let tokens = |sample: &Sample| sample.encode(&found.tokenizer.tokenizer);
        Ok(Reading {
            reader: SecondReader::Glasshouse,
            prompts: self.samples.iter().map(tokens).collect::<Result<_>>()?,
            continuations: samples.into_iter().map(|mut own| own.tokens.split_off(own.given)).collect(),
            predictions: predictions.iter().map(|row| numbered(row).collect()).collect(),
        })
    }

    fn compare<Row: Iterator<Item = (u32, f32)>>(
        &self,
        others: impl Iterator<Item = Row>,
    ) -> LogitDifference {
        let mut difference = LogitDifference::default();
        for (run, other) in self.predictions.iter().zip(others) {
            let mut first: Option<(u32, f32)> = None;
            for (id, value) in other {
                if first.is_none_or(|(_, most)| value > most) {
                    first = Some((id, value));
                }
                if value <= LEAST {
                    continue;
                }
                let own = run.get(id as usize).map_or(f32::INFINITY, |own| (own - value).abs());
                // JSON has neither NaN nor infinity.
                difference.largest = difference.largest.max(if own.is_finite() { own } else { f32::MAX });
            }
            difference.predictions += 1;
            difference.same_first += usize::from(first.map(|(id, _)| id) == likeliest(numbered(run)));
        }
        difference
    }
}

impl Sample {
    fn encode(&self, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        let begins = if self.rendered { &[] } else { tokenizer.begins() };
        Ok([begins, &tokenizer.encode(&self.prompt)?].concat())
    }
}

/// The prompts that fit: a question if the model chats, the run's own prompt, and common ones.
fn prompts(model: &ModelConfig, own: &str, files: &TokenizerFiles) -> Result<Vec<Sample>> {
    let question = [ChatMessage::new(Role::User, QUESTION)];
    let rendered = files.chat_renderer().ok().and_then(|renderer| renderer.text(&question, true).ok());
    let plain =
        [own].into_iter().filter(|own| !own.is_empty()).chain(PROMPTS).map(|text| (text.to_owned(), false));
    // For vocabularies that lack all of their characters.
    let token = files.tokenizer.decode(&[model.vocabulary as u32 / 2]);
    let all = rendered.map(|text| (text, true)).into_iter().chain(plain).chain([(token, false)]);
    let mut samples: Vec<Sample> = Vec::new();
    for (prompt, rendered) in all {
        let mut sample = Sample { prompt, rendered, tokens: Vec::new(), given: 0 };
        sample.tokens = sample.encode(&files.tokenizer)?;
        sample.given = sample.tokens.len();
        let is_new = samples.iter().all(|known| known.tokens != sample.tokens);
        // Without the characters of a prompt, at most the token that begins texts is left.
        let is_known = sample.given > files.tokenizer.begins().len();
        if is_known && is_new && sample.given < model.context_length && samples.len() < COUNT {
            samples.push(sample);
        }
    }
    if samples.is_empty() {
        refuse!("no prompt fits into the context");
    }
    Ok(samples)
}

/// Appends the most likely tokens to each sample's prompt, up to the context length.
async fn continue_greedily(
    model: &ModelConfig,
    parameters: &[f32],
    samples: &mut [Sample],
    work: Work<'_>,
) -> Result<()> {
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    // A model with labels generates nothing; its prompts are compared.
    let most = if model.labels.is_empty() { TOKENS } else { 0 };
    let mut decoder = CpuDecoder::new(model, parameters, work.threads)?;
    for sample in samples {
        decoder.start(&sample.tokens, &greedy)?;
        for _ in 0..most.min(model.context_length - sample.given) {
            sample.tokens.append(&mut decoder.advance(1)?);
            work.yielder.maybe_yield().await;
        }
    }
    Ok(())
}

/// Log-probabilities of the vocabulary for each token of the samples' continuations; of a model with labels, those of the labels.
async fn predictions(
    (model, train): (&ModelConfig, &TrainConfig),
    parameters: &[f32],
    samples: &[Sample],
    work: Work<'_>,
) -> Result<Vec<Vec<f32>>> {
    let layout = ArenaLayout::new(&text_graph(model, train, 1)?.graph);
    let mut weights = Weights::for_inference(&[layout.clone(), layout], parameters)?;
    let mut found = Vec::new();
    for sample in samples {
        let built = text_graph(model, train, sample.tokens.len())?;
        let input = built.graph.find(Origin::Input(Input::Tokens));
        let input = input.or_internal("a graph without tokens")?;
        let inputs = [(input, sample.tokens.as_slice())];
        let logits = cpu::run_forward(&built.graph, &mut weights, &inputs, built.logits, work.threads)?;
        let rows = logits.chunks_exact(model.outputs());
        if model.scores() {
            // A single score has no distribution.
            found.extend(rows.map(<[f32]>::to_vec));
        } else {
            let skipped = if model.labels.is_empty() { sample.given - 1 } else { 0 };
            let wanted =
                if model.labels.is_empty() { sample.tokens.len() - sample.given } else { rows.len() };
            let normalised = |row| probabilities(row).into_iter().map(|share| share.ln() as f32).collect();
            found.extend(rows.skip(skipped).take(wanted).map(normalised));
        }
        work.yielder.maybe_yield().await;
    }
    Ok(found)
}

fn numbered(row: &[f32]) -> impl Iterator<Item = (u32, f32)> {
    (0..).zip(row.iter().copied())
}

/// The first of the most likely tokens.
fn likeliest(row: impl Iterator<Item = (u32, f32)>) -> Option<u32> {
    row.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(predictions: Vec<Vec<f32>>) -> Reference {
        Reference { samples: Vec::new(), predictions }
    }

    #[test]
    fn a_difference_is_the_largest_of_all_tokens_that_both_name() {
        let run = reference(vec![vec![-0.1, -3.0, -90.0], vec![-2.0, -0.2, -5.0]]);
        let rows = vec![vec![(1, -2.0), (0, -0.25), (2, f32::MIN)], vec![(0, -0.3), (1, -1.0)]];
        let found = run.compare(rows.into_iter().map(Vec::into_iter));
        assert_eq!((found.predictions, found.same_first), (2, 1));
        assert!((found.largest - 1.7).abs() < 1e-6, "{}", found.largest);
        // Broken predictions and ids count as infinitely far.
        for broken in [(0, f32::NAN), (7, -1.0)] {
            let found = run.compare([vec![broken].into_iter()].into_iter());
            assert_eq!(found.largest, f32::MAX, "{broken:?}");
        }
    }
}
