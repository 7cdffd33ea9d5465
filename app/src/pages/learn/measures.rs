//! What a lesson can measure, each by a name that its file gives: numbers of the person's own text, run and model, taken from what the
//! engine told. Nothing here knows a right answer.

mod of_model;
mod of_runs;

use super::lesson::Instrument;
use crate::state::{History, InspectionAnswer, State, ViewData};
use glasshouse_protocol::inspect::Detail;
use glasshouse_protocol::{
    CheckpointSummary, LessonMeasurement, RunState, RunSummary, TokenSummary, TrainingState, View,
    WeightSource,
};
use std::collections::BTreeSet;

/// A measure.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// What a lesson calls it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    of: Of,
}

/// What was found: the number, and in a sentence what was measured.
type Found = (f64, String);

/// What a measure is taken from.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// A text and its tokens.
    Tokens(fn(&str, &[TokenSummary]) -> Option<Found>),
    /// A view of the model at work on the lesson's prompt, with the size of the project's vocabulary.
    View(View, fn(&InspectionAnswer, &ViewData, Option<usize>) -> Option<Found>),
    /// The latest run's past.
    Run(fn(&History) -> Option<Found>),
    /// All runs with their pasts, oldest first; none where no two can be compared.
    Runs(fn(&[(&RunSummary, &History)]) -> Option<Sweep>),
}

/// Runs that differ in one setting alone.
#[derive(Clone, Debug, PartialEq)]
struct Sweep {
    /// Their names, oldest first.
    runs: Vec<String>,
    /// What their highest setting gave beside the lowest.
    found: Found,
}

/// What has to be there before something can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The lesson's text in tokens.
    Tokens,
    /// A view of the model at work on the lesson's prompt.
    View(View),
    /// A run that was trained.
    Run,
    /// Several runs that differ in one thing.
    Runs,
}

/// What is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The lesson's text in tokens: to be asked for.
    Tokens,
    /// A view of a source's weights: to be asked for.
    View(View, WeightSource),
    /// Pasts of these runs: to be asked for.
    Histories(Vec<String>),
    /// A run that was trained, or several, in a sentence: the person has to train.
    Runs(String),
    /// A run that is in training ends first.
    End,
    /// What was asked for came without the number that is needed.
    Number,
}

/// All measures, in the order of the lessons.
pub const ALL: &[Measure] = &[
    Measure {
        name: "characters_per_token",
        about: "characters of the lesson's text per token",
        of: Of::Tokens(characters_per_token),
    },
    of_model::NEAREST_COSINE,
    of_model::ATTENTION_PEAK,
    of_model::PREVIOUS_TOKEN_SCORE,
    of_model::INDUCTION_SCORE,
    of_model::MLP_OVER_HEAD,
    of_model::RESIDUAL_GROWTH,
    of_model::FIRST_LEADING_LAYER,
    of_model::TOKENS_KEPT,
    of_model::TOP_PROBABILITY_RATIO,
    of_model::SURPRISE_SHARE,
    of_model::MATCH_LENGTH,
    of_runs::FIRST_LOSS_RATIO,
    of_runs::LOSS_FALLS,
    of_runs::HALF_FALL_SHARE,
    of_runs::VALIDATION_GAP,
    of_runs::DEPTH_LOSS_RATIO,
    of_runs::LEARNING_RATE_LOSS_RATIO,
];

/// The measure of that name.
pub fn find(name: &str) -> Option<&'static Measure> {
    ALL.iter().find(|measure| measure.name == name)
}

/// Whose weights a lesson looks at: the best checkpoint of the run that was trained for most steps, the latest of several, so that a
/// short run for one lesson does not stand in for the model of another.
pub fn source(state: &State) -> Option<WeightSource> {
    let run = looked_at(state)?;
    let checkpoint = best_of(state, run).map(CheckpointSummary::choice).unwrap_or_default();
    Some(WeightSource::Checkpoint { run: run.name.clone(), checkpoint })
}

/// The run that lessons look at.
fn looked_at(state: &State) -> Option<&RunSummary> {
    let writes = state.runs.list.iter().filter(|run| run.writes() && !run.checkpoints.is_empty());
    writes.max_by_key(|run| run.step)
}

/// The checkpoint of a run that is looked at; none while it trains, since its files come and go.
fn best_of<'a>(state: &State, run: &'a RunSummary) -> Option<&'a CheckpointSummary> {
    let best = run.checkpoints.iter().find(|checkpoint| checkpoint.best).or(run.checkpoints.last());
    best.filter(|_| trains(state) != Some(run.name.as_str()))
}

impl Measure {
    /// What has to be there.
    pub fn needs(&self) -> Needs {
        match self.of {
            Of::Tokens(_) => Needs::Tokens,
            Of::View(view, _) => Needs::View(view),
            Of::Run(_) => Needs::Run,
            Of::Runs(_) => Needs::Runs,
        }
    }

    /// Measures, from what the engine has told. Of several runs, those that are `unread` do without their pasts.
    ///
    /// # Errors
    /// What is not there yet.
    pub fn take(
        &self,
        state: &State,
        instrument: &Instrument,
        unread: &BTreeSet<String>,
    ) -> Result<LessonMeasurement, Missing> {
        let (found, run, step) = match self.of {
            Of::Tokens(of) => {
                let text = instrument.tokens.as_deref().unwrap_or_default();
                let known = state.tokenizer.tokens.as_ref().filter(|(known, ..)| known == text);
                let (_, tokens, _) = known.ok_or(Missing::Tokens)?;
                (of(text, tokens), None, None)
            }
            Of::View(view, of) => {
                let answer = answer(state, instrument, view)?;
                let data = answer.views.iter().find(|data| data.view == view).ok_or(Missing::Number)?;
                let vocabulary = state.tokenizer.summary.as_ref().map(|summary| summary.vocabulary);
                let inspection = &answer.inspection;
                (of(answer, data, vocabulary), Some(inspection.run.clone()), Some(inspection.step))
            }
            Of::Run(of) => {
                let run = latest(state)?;
                let history = state.runs.histories.get(&run.name);
                let history = history.ok_or_else(|| Missing::Histories(vec![run.name.clone()]))?;
                (of(history), Some(run.name.clone()), Some(run.step))
            }
            Of::Runs(of) => {
                let ended: Vec<&RunSummary> = ended(state).collect();
                let is_known = |run: &RunSummary| state.runs.histories.contains_key(&run.name);
                let wanted = ended.iter().filter(|run| !is_known(run) && !unread.contains(&run.name));
                let wanted: Vec<String> = wanted.map(|run| run.name.clone()).collect();
                if !wanted.is_empty() {
                    return Err(Missing::Histories(wanted));
                }
                let sweep = of(&known(state)).ok_or_else(|| self.needs_runs())?;
                (Some(sweep.found), None, None)
            }
        };
        let (value, sentence) = found.filter(|(value, _)| value.is_finite()).ok_or(Missing::Number)?;
        Ok(LessonMeasurement { measure: self.name.to_owned(), value, sentence, held: false, run, step })
    }

    /// Names of the runs that it compares, of those whose pasts were read; none where it compares none.
    pub fn compared(&self, state: &State) -> Vec<String> {
        match self.of {
            Of::Runs(of) => of(&known(state)).map(|sweep| sweep.runs).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn needs_runs(&self) -> Missing {
        Missing::Runs(format!("This needs runs that differ in one setting: {}.", self.about))
    }
}

/// The newest answer about the lesson's prompt with its settings, of the weights that lessons look at.
fn answer<'a>(
    state: &'a State,
    instrument: &Instrument,
    view: View,
) -> Result<&'a InspectionAnswer, Missing> {
    let source = source(state).ok_or_else(no_run)?;
    let run = looked_at(state).ok_or_else(no_run)?;
    let step = best_of(state, run).map(|best| best.step);
    let settings = instrument.settings(view);
    let fits = |answer: &&std::rc::Rc<InspectionAnswer>| {
        answer.prompt == instrument.prompt
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

/// The run that is in training now.
fn trains(state: &State) -> Option<&str> {
    let run = state.training.run.as_ref().filter(|_| state.training.state != TrainingState::Idle);
    run.map(|run| run.name.as_str())
}

/// Whether measures of runs count a run: it was trained here, from the start, to write. A fine-tune begins with what another learned.
pub(super) fn counts(run: &RunSummary) -> bool {
    run.step > 0 && run.state != RunState::Imported && run.writes() && run.start.is_none()
}

/// Runs that count and are not in training now, oldest first.
fn ended(state: &State) -> impl Iterator<Item = &RunSummary> {
    let name = trains(state);
    state.runs.list.iter().filter(move |run| counts(run) && Some(run.name.as_str()) != name)
}

/// Those of them whose pasts were read.
fn known(state: &State) -> Vec<(&RunSummary, &History)> {
    ended(state).filter_map(|run| Some((run, state.runs.histories.get(&run.name)?))).collect()
}

/// The latest run.
fn latest(state: &State) -> Result<&RunSummary, Missing> {
    match state.training.state {
        TrainingState::Idle => ended(state).last().ok_or_else(no_run),
        _ => Err(Missing::End),
    }
}

fn characters_per_token(text: &str, tokens: &[TokenSummary]) -> Option<Found> {
    let characters = text.chars().count();
    let ratio = characters as f64 / tokens.len() as f64;
    let sentence = format!(
        "The text has {characters} characters in {} tokens: {ratio:.2} characters per token.",
        tokens.len()
    );
    Some((ratio, sentence))
}

/// Matches of a provenance view.
fn matches(data: &ViewData) -> Option<&[glasshouse_protocol::inspect::Match]> {
    data.details.iter().find_map(|detail| match detail {
        Detail::Matches { matches, .. } => Some(matches.as_slice()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
