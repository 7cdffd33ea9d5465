//! How well a run does on rows whose right answers are known: questions that it answers greedily, many at once, and texts that it labels.

use super::driver::{Engine, drive};
use super::trained;
use anyhow::{Context as _, Result, ensure};
use glasshouse_engine::data::recipes::{Labelled, Question};
use glasshouse_engine::protocol::quantity::counted;
use glasshouse_engine::protocol::{
    Command, Event, GenerateConfig, RunSummary, TrainEvent, WeightSource, likeliest,
};
use glasshouse_engine::session;
use std::path::Path;

/// Rows that are asked for at once.
const AT_ONCE: usize = 256;

/// Max tokens of an answer, and of any.
const ROOM: usize = 16;
const MOST_TOKENS: usize = 512;

/// What less than this is short of, is right: shares of parts are not exact.
const RIGHT: f64 = 1.0 - 1e-9;

/// What rows came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    pub(super) rows: u64,
    /// Those that were right altogether.
    pub(super) right: u64,
    /// The sum of their scores, each from 0 to 1.
    pub(super) score: f64,
}

impl Score {
    fn add(&mut self, score: f64) {
        self.rows += 1;
        self.right += u64::from(score >= RIGHT);
        self.score += score;
    }

    /// The share that was right.
    pub(super) fn accuracy(&self) -> f64 {
        self.right as f64 / self.rows.max(1) as f64
    }

    /// The mean score of a row.
    pub(super) fn mean(&self) -> f64 {
        self.score / self.rows.max(1) as f64
    }

    /// `212 of 300 questions right (70.7 %)`, with the mean where parts of answers count.
    pub(super) fn words(&self, thing: &str) -> String {
        let mean = if self.score > self.right as f64 + 1e-6 {
            format!(", {:.3} in the mean of all", self.mean())
        } else {
            String::new()
        };
        let rows = counted(self.rows, thing);
        format!("{} of {rows} right ({:.1} %){mean}", self.right, self.accuracy() * 100.0)
    }
}

/// Where runs are, and what asks them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) project: &'a Path,
    pub(super) device: Option<&'a str>,
    pub(super) threads: Option<usize>,
}

impl Place<'_> {
    /// How many questions a run's best checkpoint answers right.
    ///
    /// # Errors
    /// As [`answers`].
    pub(super) fn answers(&self, run: &RunSummary, questions: &[Question]) -> Result<Score> {
        self.ask(run, async |engine, source| answers(engine, source, questions).await)
    }

    /// Of how many texts a run's best checkpoint finds the label.
    ///
    /// # Errors
    /// As [`labels`].
    pub(super) fn labels(&self, run: &RunSummary, texts: &[Labelled]) -> Result<Score> {
        self.ask(run, async |engine, source| labels(engine, source, texts).await)
    }

    /// What a run's evaluations came to, the first ones first.
    ///
    /// # Errors
    /// The run cannot be read.
    pub(super) fn losses(&self, run: &RunSummary) -> Result<Vec<Losses>> {
        let mut losses = Vec::new();
        drive(session::Options::default(), async |engine| {
            trained::use_project(engine, self.project, false).await?;
            let history = Command::ReadHistory { run: run.name.clone(), points: 1 };
            let hear = |event| {
                if let Event::History { events, .. } = event {
                    losses = events.iter().filter_map(Losses::of).collect();
                }
                Ok(())
            };
            engine.ask(history, hear).await
        })?;
        Ok(losses)
    }

    fn ask(
        &self,
        run: &RunSummary,
        ask: impl AsyncFnOnce(&mut Engine, &WeightSource) -> Result<Score>,
    ) -> Result<Score> {
        let device = self.device.unwrap_or_default().to_owned();
        let options = session::Options { device, threads: self.threads, ..session::Options::default() };
        drive(options, async |engine| {
            trained::use_project(engine, self.project, false).await?;
            let source = WeightSource::Checkpoint { run: run.name.clone(), checkpoint: "best".to_owned() };
            ask(engine, &source).await
        })
    }
}

/// An evaluation's losses, each the mean per token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Losses {
    pub(super) step: u64,
    pub(super) train: f64,
    pub(super) validation: f64,
}

impl Losses {
    fn of(event: &TrainEvent) -> Option<Self> {
        let TrainEvent::Eval { step, train_loss, val_loss, .. } = event else { return None };
        Some(Self { step: *step, train: f64::from(*train_loss), validation: f64::from(*val_loss) })
    }
}

/// Has a model answer questions, each by its likeliest tokens.
///
/// # Errors
/// The model writes none, or has no chat template.
async fn answers(engine: &mut Engine, source: &WeightSource, questions: &[Question]) -> Result<Score> {
    // A token has a byte at least.
    let lengths = questions.iter().map(|question| question.judged.answer.as_deref().map_or(0, str::len));
    let max_tokens = (lengths.max().unwrap_or(0) + ROOM).min(MOST_TOKENS);
    let config = GenerateConfig { max_tokens, temperature: 0.0, ..GenerateConfig::default() };
    let mut score = Score::default();
    for asked in questions.chunks(AT_ONCE) {
        let conversations = asked.iter().map(|question| question.messages.clone()).collect();
        let command = Command::Replies { source: source.clone(), conversations, config: config.clone() };
        let before = score.rows;
        let hear = |event| {
            match event {
                Event::Sampled { number, text, .. } => {
                    let question = asked.get(number).context("an answer to no question")?;
                    score.add(question.judged.score(&text));
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask(command, hear).await?;
        ensure!(score.rows - before == asked.len() as u64, "not every question was answered");
    }
    Ok(score)
}

/// Has a model label texts whose labels are known.
///
/// # Errors
/// The model has no labels.
async fn labels(engine: &mut Engine, source: &WeightSource, texts: &[Labelled]) -> Result<Score> {
    let mut score = Score::default();
    for asked in texts.chunks(AT_ONCE) {
        let texts = asked.iter().map(|row| row.text.clone()).collect();
        let hear = |event| {
            match event {
                Event::Classified { labels, probabilities } => {
                    for (row, shares) in asked.iter().zip(&probabilities) {
                        let right = likeliest(&labels, shares).is_some_and(|(label, _)| label == row.label);
                        score.add(f64::from(u8::from(right)));
                    }
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask(Command::Classify { source: source.clone(), texts }, hear).await?;
    }
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_right_altogether_or_count_in_part() {
        let mut score = Score::default();
        [1.0, 0.5, 0.0, 1.0].into_iter().for_each(|row| score.add(row));
        assert_eq!((score.rows, score.right), (4, 2));
        assert!((score.accuracy() - 0.5).abs() < 1e-12 && (score.mean() - 0.625).abs() < 1e-12);
        assert_eq!(score.words("question"), "2 of 4 questions right (50.0 %), 0.625 in the mean of all");
        let whole = Score { rows: 1, right: 1, score: 1.0 };
        assert_eq!(whole.words("text"), "1 of 1 text right (100.0 %)");
    }
}
