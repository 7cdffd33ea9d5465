//! What to answer or label next: a file's prompts or texts of which a model is least certain, the unlike first.

use super::Session;
use super::importing::staged;
use super::writing::Model;
use crate::cpu::CpuDecoder;
use crate::data::diverse::diverse;
use crate::data::read::{self, Problems, SourceFile, find_sources, labelled_texts, prompt_of};
use crate::error::{Error, Result};
use crate::generate::uncertainty::{entropy, margin, mean_entropy, most_frequent};
use crate::generate::{Batch, Decoder, Generated, chat_prompt, chat_room, prompt_tokens, request};
use crate::platform::Turns;
use crate::protocol::quantity::{counted, things};
use crate::protocol::{
    ChatMessage, Event, Feedback, GenerateConfig, Proposal, ProposalSettings, Uncertainty, WeightSource,
};
use crate::storage;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::Path;

/// Answers that go through the model together.
const PLACES: usize = 16;

/// Answers to a prompt of which a disagreement is found.
const SAMPLES: RangeInclusive<usize> = 2..=64;

/// Where prompts or texts are.
pub(super) struct Pool<'a> {
    /// The file: its path, or its name beside its bytes.
    pub(super) name: &'a str,
    pub(super) bytes: Option<Vec<u8>>,
}

/// What is looked at, and how much else there was.
#[derive(Default)]
struct Candidates {
    found: Vec<Candidate>,
    /// Answered or labelled before.
    done: u64,
    /// The same as others.
    repeated: u64,
    /// Too long for the context.
    long: u64,
    /// What stands for those that were met.
    known: HashSet<String>,
}

/// A prompt with its tokens, or a text without any.
struct Candidate {
    proposal: Proposal,
    tokens: Vec<u32>,
    /// Tokens that end an answer.
    ends: Vec<u32>,
}

impl Session {
    pub(super) async fn propose(
        &mut self,
        id: u64,
        source: &WeightSource,
        pool: Pool<'_>,
        settings: &ProposalSettings,
    ) -> Result<()> {
        // Answers disagree as far as the model's own distribution has them.
        let max_tokens = settings.max_tokens;
        let config = GenerateConfig { max_tokens, temperature: 1.0, ..GenerateConfig::default() };
        config.validate()?;
        if settings.count == 0 {
            return Err(Error::Refused("none was asked for; ask for one or more".to_owned()));
        }
        if !SAMPLES.contains(&settings.samples) {
            let (least, most) = (SAMPLES.start(), SAMPLES.end());
            let asked = settings.samples;
            return Err(Error::Refused(format!(
                "{asked} answers to each prompt were asked for; {least} to {most} are possible"
            )));
        }
        let model = self.weights(source, None).await?;
        if model.config.scores() {
            return Err(Error::Refused(format!(
                "{} scores texts, and is certain of each score; name a run that writes, or one that tells texts apart",
                model.key.0
            )));
        }
        let labels = model.config.labels.clone();
        let measure = measure_of(settings.measure, &model)?;
        let (problems, turns) = (Problems::default(), Turns::new());
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
                candidates.read_prompts(source, &answered, (&model, room), &problems, &turns).await?;
            }
        } else {
            for source in &sources {
                candidates.read_texts(source, &answered, &model, &problems, &turns).await?;
            }
        }
        let what = if labels.is_empty() { "prompt" } else { "text" };
        let wrong = problems.list();
        for problem in &wrong {
            self.outlet.notice(format!("{}: {}", problem.name, problem.reason));
        }
        let left_out = candidates.left_out(what);
        let mut found = candidates.found;
        if found.is_empty() {
            let wrong = wrong.into_iter().next().map(|problem| problem.reason);
            let reason: Vec<String> = left_out.into_iter().chain(wrong).collect();
            let reason = if reason.is_empty() { "it is empty".to_owned() } else { reason.join("; ") };
            return Err(Error::Refused(format!("{} has no {what} to propose: {reason}", pool.name)));
        }
        left_out.into_iter().for_each(|left_out| self.outlet.notice(left_out));

        let uncertainty = if labels.is_empty() {
            self.answers(&model, measure, settings.samples, &config, &mut found).await?
        } else {
            self.labels(&model, measure, &mut found).await?
        };
        let none = uncertainty.iter().filter(|uncertainty| !uncertainty.is_finite()).count();
        if none > 0 {
            let said = format!(
                "{} left out: what {} gives there is no number",
                counted(none as u64, what),
                model.key.0
            );
            if none == found.len() {
                return Err(Error::Refused(said));
            }
            self.outlet.notice(said);
        }
        let texts: Vec<&str> = found.iter().map(|candidate| candidate.proposal.asked()).collect();
        let chosen = diverse(&texts, &uncertainty, settings.count, &turns).await;
        let considered = found.len();
        let row = |at: usize| {
            let uncertainty = uncertainty[at] as f32;
            Proposal { uncertainty, ..found[at].proposal.clone() }
        };
        let rows = chosen.into_iter().map(row).collect();
        let run = model.key.0.clone();
        self.outlet.answer(id, Event::Proposed { run, measure, labels, rows, considered });
        Ok(())
    }

    /// Has each prompt answered, and notes what is said. Returns how uncertain the model is of each.
    async fn answers(
        &mut self,
        model: &Model,
        measure: Uncertainty,
        samples: usize,
        config: &GenerateConfig,
        candidates: &mut [Candidate],
    ) -> Result<Vec<f64>> {
        if measure == Uncertainty::Entropy {
            // Logits stay on a device; the processor has them at hand.
            let places = PLACES.min(candidates.len());
            let mut decoder =
                CpuDecoder::of_texts(&model.config, &model.parameters, self.options.threads, places)?;
            decoder.keep_entropies();
            let greedy = GenerateConfig { temperature: 0.0, ..config.clone() };
            let asked = candidates.iter().map(|candidate| (candidate, greedy.clone()));
            let answers = self.written_by(&mut Decoder::Cpu(Box::new(decoder)), model, asked).await?;
            let note = |(candidate, answer): (&mut Candidate, Generated)| {
                candidate.proposal.said = answer.text;
                // Of an answer that ends before it begins, what ended it has an entropy, too.
                mean_entropy(&answer.entropies).unwrap_or(f64::NAN)
            };
            return Ok(candidates.iter_mut().zip(answers).map(note).collect());
        }
        let places = PLACES.min(candidates.len() * samples);
        let source = WeightSource::Checkpoint { run: model.key.0.clone(), checkpoint: model.key.1.clone() };
        let (_, mut decoder) = self.model_and_decoder(&source, config.precision, places, None).await?;
        let seeded = |number: usize| {
            let seed = config.seed.wrapping_add(number as u64);
            GenerateConfig { seed, ..config.clone() }
        };
        let asked = candidates
            .iter()
            .flat_map(|candidate| (0..samples).map(move |number| (candidate, number)))
            .map(|(candidate, number)| (candidate, seeded(number)));
        let answers = self.written_by(&mut decoder, model, asked).await?;
        self.generations.keep_decoder(model.key.clone(), config.precision, decoder);
        let note = |(candidate, answers): (&mut Candidate, &[Generated])| {
            let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
            let Some((first, share)) = most_frequent(&texts) else { return f64::NAN };
            candidate.proposal.said = texts.get(first).copied().unwrap_or_default().to_owned();
            candidate.proposal.share = Some(share as f32);
            1.0 - share
        };
        Ok(candidates.iter_mut().zip(answers.chunks(samples)).map(note).collect())
    }

    /// Writes the answers to some prompts, each by its own settings.
    async fn written_by<'a>(
        &self,
        decoder: &mut Decoder,
        model: &Model,
        asked: impl Iterator<Item = (&'a Candidate, GenerateConfig)>,
    ) -> Result<Vec<Generated>> {
        decoder.set_interactive(self.visible);
        let requests: Vec<_> = asked
            .map(|(Candidate { tokens, ends, .. }, config)| {
                request(model.tokenizer.clone(), tokens, ends, &config)
            })
            .collect();
        let total = requests.len() as u64;
        let (mut batch, turns) = (Batch::new(decoder, requests)?, Turns::new());
        while !batch.is_over() {
            batch.next(decoder).await?;
            self.outlet.progress(batch.written() as u64, total);
            turns.give().await;
        }
        Ok(batch.finish())
    }

    /// Has the model tell each text apart, and notes its label. Returns how uncertain it is of each.
    async fn labels(
        &mut self,
        model: &Model,
        measure: Uncertainty,
        candidates: &mut [Candidate],
    ) -> Result<Vec<f64>> {
        let texts: Vec<String> = candidates.iter().map(|candidate| candidate.proposal.text.clone()).collect();
        let probabilities = self.label_probabilities(model, &texts).await?;
        let note = |(candidate, probabilities): (&mut Candidate, Vec<f64>)| {
            let each = probabilities.iter().zip(&model.config.labels);
            if let Some((share, label)) = each.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
                candidate.proposal.said.clone_from(label);
                candidate.proposal.share = Some(*share as f32);
            }
            match measure {
                Uncertainty::Entropy => entropy(&probabilities),
                Uncertainty::Margin | Uncertainty::Disagreement => margin(&probabilities),
            }
        };
        Ok(candidates.iter_mut().zip(probabilities).map(note).collect())
    }
}

/// The measure that was asked for, or the model's own.
fn measure_of(asked: Option<Uncertainty>, model: &Model) -> Result<Uncertainty> {
    let (run, has_labels) = (&model.key.0, !model.config.labels.is_empty());
    let refused = match (asked, has_labels) {
        (Some(Uncertainty::Margin), false) => format!(
            "a margin is one between labels, and {run} has none; ask for entropy or disagreement, or name a run \
             whose objective is classify"
        ),
        (Some(Uncertainty::Disagreement), true) => {
            format!("{run} tells texts apart and has one answer to each; ask for margin or entropy")
        }
        (Some(measure), _) => return Ok(measure),
        (None, true) => return Ok(Uncertainty::Margin),
        (None, false) => return Ok(Uncertainty::Entropy),
    };
    Err(Error::Refused(refused))
}

/// What stands for a conversation among others.
fn key(messages: &[ChatMessage]) -> String {
    let said = |message: &ChatMessage| format!("{}\u{0}{}\u{0}", message.role, message.content.trim());
    messages.iter().map(said).collect()
}

impl Candidates {
    /// Notes what was met; whether it is new.
    fn meet(&mut self, key: String) -> bool {
        let new = self.known.insert(key);
        self.repeated += u64::from(!new);
        new
    }

    async fn read_prompts(
        &mut self,
        source: &SourceFile,
        answered: &[Feedback],
        (model, room): (&Model, usize),
        problems: &Problems,
        turns: &Turns,
    ) -> Result<()> {
        let files = model.tokenizer.files();
        let has_template = files.chat_template.is_some();
        let read = |line: &str, number: u64| Ok(Some((number, prompt_of(line))));
        for row in read::json_lines(source, read)? {
            turns.give().await;
            let (number, row) = row?;
            let wrong = |reason: &str| problems.note(&source.path, &format!("line {number}: {reason}"));
            let prompt = match row {
                Ok(Some(prompt)) => prompt,
                Ok(None) => {
                    self.done += 1;
                    continue;
                }
                Err(reason) => {
                    wrong(&reason);
                    continue;
                }
            };
            let proposal = Proposal { prompt, ..Proposal::default() };
            if answered.iter().any(|row| row.answers(&proposal)) {
                self.done += 1;
                continue;
            }
            if !self.meet(key(&proposal.prompt)) {
                continue;
            }
            let tokens = match proposal.prompt.as_slice() {
                // Without a limit nothing is left out of it, so that what does not fit is counted as such.
                messages if has_template => {
                    chat_prompt(files, messages, usize::MAX).map(|prompt| prompt.tokens)
                }
                [only] => prompt_tokens(&model.tokenizer, &only.content),
                _ => {
                    wrong("several messages, and the model has no chat template to write them by");
                    continue;
                }
            };
            match tokens {
                Ok(tokens) if tokens.len() > room => self.long += 1,
                Ok(tokens) => {
                    let ends = if has_template { files.turn_end(&proposal.prompt) } else { None };
                    self.found.push(Candidate { proposal, tokens, ends: ends.into_iter().collect() });
                }
                Err(error) => wrong(&error.to_string()),
            }
        }
        Ok(())
    }

    async fn read_texts(
        &mut self,
        source: &SourceFile,
        answered: &[Feedback],
        model: &Model,
        problems: &Problems,
        turns: &Turns,
    ) -> Result<()> {
        for row in labelled_texts(source)? {
            turns.give().await;
            let row = match row? {
                Ok(row) => row,
                Err(reason) => {
                    problems.note(&source.path, &reason);
                    continue;
                }
            };
            let proposal = Proposal { text: row.text, ..Proposal::default() };
            if row.label.is_some() || answered.iter().any(|row| row.answers(&proposal)) {
                self.done += 1;
                self.known.insert(proposal.text.trim().to_owned());
            } else if self.meet(proposal.text.trim().to_owned()) {
                if model.tokenizer.encode(&proposal.text)?.is_empty() {
                    let reason = "`text`: no character that the vocabulary has";
                    problems.note(&source.path, &format!("line {}: {reason}", row.line));
                    continue;
                }
                self.found.push(Candidate { proposal, tokens: Vec::new(), ends: Vec::new() });
            }
        }
        Ok(())
    }

    /// How many were left out, and why, in a sentence without its end.
    fn left_out(&self, what: &str) -> Option<String> {
        let done = if what == "prompt" { "answered already" } else { "labelled already" };
        let reasons = [
            (self.done, done.to_owned()),
            (self.repeated, "the same as others".to_owned()),
            (self.long, "longer than the context leaves beside an answer".to_owned()),
        ];
        let all: u64 = reasons.iter().map(|(count, _)| count).sum();
        let each: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        let were = if all == 1 { "was" } else { "were" };
        (all > 0).then(|| format!("{all} {} {were} left out: {}", things(all, what), each.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_counted_by_reason() {
        let none = Candidates::default();
        assert_eq!(none.left_out("prompt"), None);
        let some = Candidates { done: 2, long: 1, ..Candidates::default() };
        let said =
            "3 prompts were left out: 2 answered already, 1 longer than the context leaves beside an answer";
        assert_eq!(some.left_out("prompt").as_deref(), Some(said));
        let one = Candidates { repeated: 1, ..Candidates::default() };
        assert_eq!(one.left_out("text").as_deref(), Some("1 text was left out: 1 the same as others"));
    }
}
