//! The instrument of a lesson: a view of the model, a plot of runs, or a tokenized text, drawn with the parts of the respective
//! pages.

use super::lesson::{Head, Instrument, Plot};
use super::*;
use crate::pages::inspect::OneView;
use crate::pages::train::plots::{Plots, Tab, evaluation};
use crate::pages::train::want_history;

const MAX_RUNS: usize = 8;
const MAX_CHARACTERS: usize = 2_000;

#[derive(Debug, Default)]
pub struct Shown {
    view: Option<OneView>,
    text: Option<String>,
    tokens: Tokenized,
    asked: BTreeSet<(String, u64)>,
}

impl Shown {
    /// Draws what the question is about: the text, its tokens and what can be chosen, or the runs. What the check measures is
    /// left out until a prediction is made.
    pub fn given_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Head, is_predicted: bool) {
        let instrument = &lesson.instrument;
        if let Some(view) = instrument.view {
            head(ui, view.title());
            formula(ui, view.formula());
            let Some(source) = measures::source(context.state, instrument.preset.as_deref()) else {
                ui.add(Label::new(RichText::new(&instrument.prompt).monospace()).wrap());
                return quiet_text(ui, super::text::NO_MODEL);
            };
            let first = || OneView::new(view, &instrument.prompt, &instrument.settings(view));
            self.view.get_or_insert_with(first).prompt_ui(ui, context, &source, is_predicted);
        } else if let Some(plot) = instrument.plot {
            head(ui, sheet::called(plot));
            self.runs_ui(ui, context, lesson, plot);
        } else if let Some(text) = &instrument.tokens {
            head(ui, "Text in tokens");
            self.tokens_ui(ui, context, text, is_predicted);
        }
    }

    /// Draws the view or the curves, which show the answer.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Head) {
        if let Some(view) = &mut self.view {
            card(ui, |ui| view.ui(ui, context));
            ui.add_space(space::TIGHT);
        } else if let Some(plot) = lesson.instrument.plot {
            let compared = compared(context, lesson);
            card(ui, |ui| Self::plot_ui(ui, context, (plot, lesson.instrument.preset.as_deref()), &compared));
            ui.add_space(space::TIGHT);
        }
    }

    /// The lesson's text as tokens, for the printed sheet; empty if it is not known or another text is shown.
    pub fn pieces(&self, context: &Context<'_>, instrument: &Instrument) -> Vec<String> {
        if let Some(view) = &self.view {
            return view.pieces(&instrument.prompt);
        }
        let known = context.state.tokenizer.tokens.as_ref();
        let known = known.filter(|known| Some(&known.text) == instrument.tokens.as_ref());
        known.map_or_else(Vec::new, |known| known.tokens.iter().map(|token| token.text.clone()).collect())
    }

    /// The runs of a plot, without their results.
    fn runs_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Head, plot: Plot) {
        let (state, preset) = (context.state, lesson.instrument.preset.as_deref());
        let most = if plot == Plot::Runs { MAX_RUNS } else { 1 };
        let fits = |run: &&RunSummary| measures::counts(run) && measures::is_of(run, preset);
        let mut runs: Vec<&RunSummary> = state.runs.list.iter().rev().filter(fits).take(most).collect();
        for run in &runs {
            want_history(context, &mut self.asked, &run.name);
        }
        let compared = compared(context, lesson);
        if !compared.is_empty() {
            runs.retain(|run| compared.contains(&run.name));
        }
        if runs.is_empty() {
            return quiet_text(ui, super::text::NO_RUN);
        }
        for run in runs.into_iter().rev() {
            ui.add(Label::new(called(run)).wrap());
            caption(ui, format!("{} · {} steps", run.shape, format::whole(run.step)));
        }
    }

    fn tokens_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, first: &str, is_predicted: bool) {
        if context.state.tokenizer.summary.is_none() {
            ui.add(Label::new(RichText::new(first).monospace()).wrap());
            quiet_text(ui, super::text::NO_TOKENIZER);
            if plain(ui, PageName::Tokenizer.icon(), "Go to the tokenizer").clicked() {
                *context.go = Some(PageName::Tokenizer);
            }
            return;
        }
        let text = self.text.get_or_insert_with(|| first.to_owned());
        let field = text_area("Text to tokenize", "", 2, text).char_limit(MAX_CHARACTERS);
        ui.add(field).accessible_name("Text to tokenize");
        self.tokens.ask(ui, context, text);
        let Some(known) = self.tokens.known(context.state) else {
            return caption(ui, "Tokenizing…");
        };
        let characters = format::counted(known.text.chars().count() as u64, "character");
        let count = format::counted(known.tokens.len() as u64, "token");
        caption(ui, if is_predicted { format!("{count} for {characters}") } else { characters });
        tokens_ui(ui, context.palette, "lesson's tokens", known);
    }

    /// Draws a plot; one of several runs shows the `compared` ones, if any.
    fn plot_ui(
        ui: &mut Ui,
        context: &Context<'_>,
        (plot, preset): (Plot, Option<&str>),
        compared: &[String],
    ) {
        let several = plot == Plot::Runs;
        let curves = if several { all_runs(context, compared) } else { latest(context, plot, preset) };
        if curves.iter().all(|curve| curve.points.is_empty()) {
            return quiet_text(ui, super::text::NO_RUN);
        }
        let drawn = CurvePlot {
            id: &format!("lesson {plot:?} {}", context.state.runs.revision),
            axis: Axis::Steps,
            height: 240.0,
            log: false,
            write: tab(plot).write(),
        };
        drawn.ui(ui, &curves, &[]);
    }
}

/// Names of the runs that the lesson's measure compares, if it compares any.
fn compared(context: &Context<'_>, lesson: &Head) -> Vec<String> {
    let measure = measures::find(&lesson.check.measure);
    measure.map(|measure| measure.compared(context.state)).unwrap_or_default()
}

/// The run in training, or the latest one's history.
fn with_latest<R>(state: &State, preset: Option<&str>, draw: impl FnOnce(&Training) -> R) -> Option<R> {
    let fits = |run: &RunSummary| measures::is_of(run, preset);
    if state.training.run.as_ref().is_some_and(fits) && !state.training.points.is_empty() {
        return Some(draw(&state.training));
    }
    let run = state.runs.list.iter().rev().find(|run| measures::counts(run) && fits(run))?;
    let history = state.runs.histories.get(&run.name)?;
    Some(draw(&Training::of_history(run, history)))
}

/// The tab of Train that draws a plot.
fn tab(plot: Plot) -> Tab {
    match plot {
        Plot::Loss | Plot::Runs => Tab::Loss,
        Plot::Accuracy => Tab::Accuracy,
        Plot::LearningRate => Tab::LearningRate,
        Plot::GradientNorm => Tab::GradientNorm,
    }
}

fn latest(context: &Context<'_>, plot: Plot, preset: Option<&str>) -> Vec<Curve> {
    let curves = |training: &Training| Plots::lesson_curves(context, tab(plot), training);
    with_latest(context.state, preset, curves).unwrap_or_default()
}

/// Validation losses of the `compared` runs, if any, else of the latest.
fn all_runs(context: &Context<'_>, compared: &[String]) -> Vec<Curve> {
    let state = context.state;
    let is_shown = |run: &&glasshouse_protocol::RunSummary| match compared {
        [] => measures::counts(run),
        _ => compared.contains(&run.name),
    };
    let counted: Vec<_> = state.runs.list.iter().rev().filter(is_shown).take(MAX_RUNS).collect();
    let known = counted.into_iter().rev().filter_map(|run| Some((run, state.runs.histories.get(&run.name)?)));
    let of =
        |(place, (run, history)): (usize, (&glasshouse_protocol::RunSummary, &crate::state::History))| {
            let points = history.events.iter().filter_map(evaluation);
            let series = context.palette.series;
            let colour = series.get(place % series.len()).copied().unwrap_or(context.palette.accent);
            let layers = format::counted(history.config.model.layers as u64, "layer");
            let name = format!("{} · {layers}", run.name);
            Curve { marks: true, dashed: place >= series.len(), ..Curve::new(name, colour, points.collect()) }
        };
    known.enumerate().map(of).collect()
}
