//! Measures that lessons refer to by name. They compute numbers about the person's own text, run and model from what the engine
//! reported. No expected answers are built in.

mod of_model;
mod of_runs;

use super::lesson::Instrument;
use crate::pages::prelude::*;
use crate::state::Dictionaries;
use of_model::*;
use of_runs::*;

#[derive(Clone, Copy, Debug)]
pub struct Measure {
    pub name: &'static str,
    /// A description of a few words.
    pub about: &'static str,
    of: Of,
}

/// A measured number, and a sentence about what was measured.
type Found = (f64, String);

/// The data a measure is computed from.
#[derive(Clone, Copy, Debug)]
enum Of {
    Tokens(fn(&str, &[TokenSummary]) -> Option<Found>),
    /// A view of the model on the lesson's prompt, with the project's vocabulary size.
    View(View, fn(&InspectionAnswer, &ViewData, Option<usize>) -> Option<Found>),
    Run(fn(&History) -> Option<Found>),
    /// What the Features page read last, of whichever run.
    Features(fn(&Dictionaries) -> Option<(Found, &String)>),
    /// All runs with their histories, oldest first; `None` if no two are comparable.
    Runs(fn(&[(&RunSummary, &History)]) -> Option<Sweep>),
}

/// Runs that differ in exactly one setting.
#[derive(Clone, Debug, PartialEq)]
struct Sweep {
    /// Run names, oldest first.
    runs: Vec<String>,
    /// The result at the highest setting compared with the lowest.
    found: Found,
}

/// Requirements of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Tokens,
    View(View),
    Run,
    /// An answer on the Features page.
    Features,
    /// Several runs that differ in one setting.
    Runs,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The tokens of the lesson's text, to be requested from the engine.
    Tokens,
    /// A view of a source's weights, to be requested from the engine.
    View(View, WeightSource),
    /// The histories of these runs, to be requested from the engine.
    Histories(Vec<String>),
    /// Trained runs, described in a sentence; the person has to train them.
    Runs(String),
    End,
    /// The answer arrived, but without the required number.
    Number,
}

/// Measures by the functions that compute them, whose names lessons use.
macro_rules! measures {
    ($($name:ident: $kind:ident$(($view:expr))?, $about:literal;)+) => {
        /// All measures, in the order of the lessons.
        pub const ALL: &[Measure] =
            &[$(Measure { name: stringify!($name), about: $about, of: Of::$kind($($view,)? $name) }),+];
    };
}

measures! {
    characters_per_token: Tokens, "characters of the lesson's text per token";
    nearest_cosine: View(View::Embeddings),
        "cosine similarity of the chosen token's embedding and its nearest neighbour's";
    attention_peak: View(View::Head), "largest attention probability of the chosen position, in one head";
    previous_token_score: View(View::Attention),
        "mean attention to the previous token, in the head with the highest mean";
    induction_score: View(View::Attention),
        "mean attention to the token after an earlier equal token, in the head with the highest mean";
    mlp_over_head: View(View::WhatIf),
        "effect of ablating one MLP on the next token's distribution, divided by that of one head";
    residual_growth: View(View::Residual),
        "norm of the residual stream after the last block, divided by that of the embedding";
    first_leading_layer: View(View::LogitLens),
        "number of layers after which the final prediction leads for good";
    tokens_kept: View(View::NextToken), "number of tokens left by the sampler's settings";
    top_probability_ratio: View(View::NextToken),
        "probability of the most likely token at the lesson's temperature, divided by that without it";
    surprise_share: View(View::Tokens),
        "mean surprise of the prompt's tokens, divided by that of a uniform guess";
    longest_match: View(View::Provenance),
        "tokens in the longest span of the prompt that occurs in the training text";
    pattern_recall: Features, "share of its activations that a feature's token pattern explains, on average over the listed ones";
    error_share: Features,
        "share of the paths that begin in errors, in the graph of tokens and features that was drawn last";
    first_loss_ratio: Run, "first loss of the latest run, divided by ln V";
    loss_falls: Run, "last loss of the latest run, divided by its first";
    half_fall_share: Run, "share of the steps for the first half of the decrease in loss";
    accuracy_delay: Run,
        "steps until 90 % of the held-out rows are right, divided by those until 90 % of the training rows are";
    accuracy_rise: Run, "share of the steps in which the held-out accuracy rises from 20 % to 90 %";
    validation_gap: Run, "validation loss minus training loss at the last evaluation";
    depth_loss_ratio: Runs,
        "best validation loss of the deepest run, divided by that of the shallowest, all else equal";
    learning_rate_loss_ratio: Runs,
        "best validation loss of the run with the highest learning rate, divided by that with the lowest, all else equal";
}

pub fn find(name: &str) -> Option<&'static Measure> {
    ALL.iter().find(|measure| measure.name == name)
}

/// The weights that lessons look at: the best checkpoint of the run with the most steps, and of the latest of several such runs.
/// A short run trained for one lesson therefore does not replace the model of another.
pub fn source(state: &State, preset: Option<&str>) -> Option<WeightSource> {
    let run = looked_at(state, preset)?;
    let checkpoint = best_of(state, run).map(CheckpointSummary::choice).unwrap_or_default();
    Some(WeightSource::Checkpoint { run: run.name.clone(), checkpoint })
}

fn looked_at<'a>(state: &'a State, preset: Option<&str>) -> Option<&'a RunSummary> {
    let runs = state.runs.list.iter().filter(|run| is_of(run, preset));
    let writes = runs.filter(|run| run.writes() && !run.checkpoints.is_empty());
    writes.max_by_key(|run| run.step)
}

/// The best, or else the last, checkpoint of a run; `None` while it trains, since its files change.
fn best_of<'a>(state: &State, run: &'a RunSummary) -> Option<&'a CheckpointSummary> {
    let best = run.checkpoints.iter().find(|checkpoint| checkpoint.best).or(run.checkpoints.last());
    best.filter(|_| trains(state) != Some(run.name.as_str()))
}

impl Measure {
    pub fn needs(&self) -> Needs {
        match self.of {
            Of::Tokens(_) => Needs::Tokens,
            Of::View(view, _) => Needs::View(view),
            Of::Run(_) => Needs::Run,
            Of::Features(_) => Needs::Features,
            Of::Runs(_) => Needs::Runs,
        }
    }

    /// Computes the measure from the engine's reports. A comparison of runs skips the histories of `unread` runs.
    ///
    /// # Errors
    /// What is missing.
    pub fn take(
        &self,
        state: &State,
        instrument: &Instrument,
        unread: &BTreeSet<String>,
    ) -> Result<LessonMeasurement, Missing> {
        let (found, run, step) = match self.of {
            Of::Tokens(of) => {
                let text = instrument.tokens.as_deref().unwrap_or_default();
                let known = state.tokenizer.tokens.as_ref().filter(|known| known.text == text);
                (of(text, &known.ok_or(Missing::Tokens)?.tokens), None, None)
            }
            Of::View(view, of) => {
                let answer = answer(state, instrument, view)?;
                let data = answer.views.iter().find(|data| data.view == view).ok_or(Missing::Number)?;
                let vocabulary = state.tokenizer.summary.as_ref().map(|summary| summary.vocabulary);
                let inspection = &answer.inspection;
                (of(answer, data, vocabulary), Some(inspection.run.clone()), Some(inspection.step))
            }
            Of::Run(of) => {
                let run = latest(state, instrument.preset.as_deref())?;
                let history = state.runs.histories.get(&run.name);
                let history = history.ok_or_else(|| Missing::Histories(vec![run.name.clone()]))?;
                (of(history), Some(run.name.clone()), Some(run.step))
            }
            Of::Features(of) => {
                let asked = || format!("Open the Features page first. Measured: {}.", self.about);
                let (found, run) = of(&state.dictionaries).ok_or_else(|| Missing::Runs(asked()))?;
                (Some(found), Some(run.clone()), None)
            }
            Of::Runs(of) => {
                let ended: Vec<&RunSummary> = ended(state).collect();
                let is_known = |run: &RunSummary| state.runs.histories.contains_key(&run.name);
                let wanted = ended.iter().filter(|run| !is_known(run) && !unread.contains(&run.name));
                let wanted: Vec<String> = wanted.map(|run| run.name.clone()).collect();
                if !wanted.is_empty() {
                    return Err(Missing::Histories(wanted));
                }
                let needs = || format!("This needs runs that differ in one setting: {}.", self.about);
                let sweep = of(&known(state)).ok_or_else(|| Missing::Runs(needs()))?;
                (Some(sweep.found), None, None)
            }
        };
        let (value, sentence) = found.filter(|(value, _)| value.is_finite()).ok_or(Missing::Number)?;
        Ok(LessonMeasurement { measure: self.name.to_owned(), value, sentence, held: false, run, step })
    }

    /// Names of the compared runs whose histories are known; empty if the measure compares none.
    pub fn compared(&self, state: &State) -> Vec<String> {
        match self.of {
            Of::Runs(of) => of(&known(state)).map(|sweep| sweep.runs).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

/// The newest answer for the lesson's prompt and settings from the weights that lessons look at.
fn answer<'a>(state: &'a State, lesson: &Instrument, view: View) -> Result<&'a InspectionAnswer, Missing> {
    let preset = lesson.preset.as_deref();
    let source = source(state, preset).ok_or_else(no_run)?;
    let run = looked_at(state, preset).ok_or_else(no_run)?;
    let step = best_of(state, run).map(|best| best.step);
    let settings = lesson.settings(view);
    let fits = |answer: &&std::rc::Rc<InspectionAnswer>| {
        answer.prompt == lesson.prompt
            && answer.settings == settings
            && answer.inspection.run == run.name
            && step.is_none_or(|step| answer.inspection.step == step)
            && answer.views.iter().any(|data| data.view == view)
    };
    let found = state.inspections.answers.values().rev().find(fits);
    found.map(AsRef::as_ref).ok_or(Missing::View(view, source))
}

fn no_run() -> Missing {
    Missing::Runs("There is no trained model in this project yet.".to_owned())
}

fn trains(state: &State) -> Option<&str> {
    let run = state.training.run.as_ref().filter(|_| state.training.state != TrainingState::Idle);
    run.map(|run| run.name.as_str())
}

/// Whether a run counts for a lesson with this [`Instrument::preset`].
pub fn is_of(run: &RunSummary, preset: Option<&str>) -> bool {
    match preset {
        Some(preset) => run.preset == preset,
        None => !presets::preset(&run.preset).is_ok_and(|config| !config.data.synthetic.is_none()),
    }
}

/// Whether measures of runs include this one: trained here, from scratch, on a language-modelling objective. Fine-tunes and
/// imports do not count.
pub fn counts(run: &RunSummary) -> bool {
    run.step > 0 && run.state != RunState::Imported && run.writes() && run.start.is_none()
}

/// Counted runs that are not in training, oldest first.
fn ended(state: &State) -> impl Iterator<Item = &RunSummary> {
    let name = trains(state);
    state.runs.list.iter().filter(move |run| counts(run) && Some(run.name.as_str()) != name)
}

/// The ended runs whose histories are known.
fn known(state: &State) -> Vec<(&RunSummary, &History)> {
    ended(state).filter_map(|run| Some((run, state.runs.histories.get(&run.name)?))).collect()
}

/// The latest ended run, if none is in training.
fn latest<'a>(state: &'a State, preset: Option<&str>) -> Result<&'a RunSummary, Missing> {
    match state.training.state {
        TrainingState::Idle => ended(state).filter(|run| is_of(run, preset)).last().ok_or_else(no_run),
        _ => Err(Missing::End),
    }
}

fn characters_per_token(text: &str, tokens: &[TokenSummary]) -> Option<Found> {
    let characters = text.chars().count();
    let (count, ratio) = (tokens.len(), characters as f64 / tokens.len() as f64);
    let sentence =
        format!("The text has {characters} characters in {count} tokens: {ratio:.2} characters per token.");
    Some((ratio, sentence))
}

fn matches(data: &ViewData) -> Option<&[glasshouse_protocol::inspect::Match]> {
    data.details.iter().find_map(picked!(Detail::Matches { matches, .. } => matches.as_slice()))
}

#[cfg(test)]
mod tests;
