//! The instrument of a lesson: a view of the model, a plot of runs, or a tokenized text, drawn with the parts of the respective
//! pages.

use super::lesson::{Head, Plot};
use super::{measures, sheet};
use crate::format;
use crate::pages::inspect::OneView;
use crate::pages::parts::{Chip, Debounce, caption, chips_ui, formula, head, visible};
use crate::pages::train::plots::evaluation;
use crate::pages::train::{accuracy_curves, want_history};
use crate::pages::{Context, PageName};
use crate::state::{State, Training};
use crate::widgets::{self, Axis, Curve, CurvePlot, hint_line, smoothed};
use egui::Ui;
use glasshouse_protocol::{Command, RunSummary};
use std::collections::BTreeSet;

const MAX_RUNS: usize = 8;
const MAX_CHARACTERS: usize = 2_000;

#[derive(Debug, Default)]
pub struct Shown {
    view: Option<OneView>,
    text: Option<String>,
    cutting: Debounce<(u64, u64, String)>,
    asked: BTreeSet<(String, u64)>,
}

impl Shown {
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Head) {
        let instrument = &lesson.instrument;
        if let Some(view) = instrument.view {
            head(ui, view.title());
            formula(ui, view.formula());
            let Some(source) = measures::source(context.state, instrument.preset.as_deref()) else {
                return widgets::quiet_text(ui, super::text::NO_MODEL);
            };
            let first = || OneView::new(view, &instrument.prompt, &instrument.settings(view));
            self.view.get_or_insert_with(first).ui(ui, context, &source);
        } else if let Some(plot) = instrument.plot {
            head(ui, sheet::called(plot));
            let compared = measures::find(&lesson.check.measure)
                .map(|measure| measure.compared(context.state))
                .unwrap_or_default();
            self.plot_ui(ui, context, (plot, instrument.preset.as_deref()), &compared);
        } else if let Some(text) = &instrument.tokens {
            head(ui, "Text in tokens");
            self.tokens_ui(ui, context, text);
        }
    }

    fn tokens_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, first: &str) {
        if context.state.tokenizer.summary.is_none() {
            widgets::quiet_text(ui, super::text::NO_TOKENIZER);
            if widgets::plain(ui, PageName::Tokenizer.icon(), "Go to the tokenizer").clicked() {
                *context.go = Some(PageName::Tokenizer);
            }
            return;
        }
        let text = self.text.get_or_insert_with(|| first.to_owned());
        let field = widgets::text_area("Text to tokenize", "", 2, text).char_limit(MAX_CHARACTERS);
        ui.add(field).accessible_name("Text to tokenize");
        let key = (context.state.projects.openings, context.state.tokenizer.trained, text.clone());
        if self.cutting.due(ui, &key) && !text.is_empty() {
            context.outbox.send(Command::Tokenize { text: text.clone() });
        }
        let Some((known, tokens, lost)) = &context.state.tokenizer.tokens else {
            return caption(ui, "Tokenizing…");
        };
        let characters = known.chars().count();
        caption(ui, format!("{} tokens for {characters} characters", tokens.len()));
        let chip = |(place, token): (usize, &glasshouse_protocol::TokenSummary)| Chip {
            below: token.id.to_string(),
            hover: format!("{} · id {}", visible(&token.text), token.id),
            ..Chip::of(place, &token.text, token.special)
        };
        let chips: Vec<Chip> = tokens.iter().enumerate().map(chip).collect();
        chips_ui(ui, context.palette, "lesson's tokens", &chips);
        if !lost.is_empty() {
            hint_line(ui, &format!("Not in the vocabulary, and lost: {}", visible(lost)));
        }
    }

    /// Draws a plot; a plot of several runs shows the `compared` ones, if any.
    fn plot_ui(
        &mut self,
        ui: &mut Ui,
        context: &mut Context<'_>,
        (plot, preset): (Plot, Option<&str>),
        compared: &[String],
    ) {
        let state = context.state;
        let several = plot == Plot::Runs;
        let fits = |run: &&RunSummary| measures::counts(run) && measures::is_of(run, preset);
        let shown = state.runs.list.iter().rev().filter(fits);
        for run in shown.take(if several { MAX_RUNS } else { 1 }) {
            want_history(context, &mut self.asked, &run.name);
        }
        let curves = if several { all_runs(context, compared) } else { latest(context, plot, preset) };
        if curves.iter().all(|curve| curve.points.is_empty()) {
            return widgets::quiet_text(ui, super::text::NO_RUN);
        }
        let drawn = CurvePlot {
            id: &format!("lesson {plot:?} {}", state.runs.revision),
            axis: Axis::Steps,
            height: 240.0,
            log: false,
            write: match plot {
                Plot::Loss | Plot::Runs => |value| format::loss(value as f32),
                Plot::Accuracy => format::percent,
                Plot::LearningRate => format::scientific,
                Plot::GradientNorm => |value| format!("{value:.2}"),
            },
        };
        drawn.ui(ui, &curves, &[]);
    }
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

fn latest(context: &Context<'_>, plot: Plot, preset: Option<&str>) -> Vec<Curve> {
    let [first, second, ..] = context.palette.series;
    let curves = with_latest(context.state, preset, |training| {
        if plot == Plot::Accuracy {
            return accuracy_curves(training, context.palette, |step| step as f64);
        }
        let value = |point: &crate::state::StepPoint| match plot {
            Plot::LearningRate => point.lr,
            Plot::GradientNorm => f64::from(point.grad_norm),
            Plot::Loss | Plot::Accuracy | Plot::Runs => f64::from(point.loss),
        };
        let points: Vec<[f64; 2]> =
            training.points.iter().map(|point| [point.step as f64, value(point)]).collect();
        if plot != Plot::Loss {
            return vec![Curve::new(sheet::called(plot), first, points)];
        }
        let evaluations = training.evaluations.iter();
        let evaluated = evaluations.map(|point| [point.step as f64, f64::from(point.val_loss)]).collect();
        // Reduced for short curves, so that they do not lag behind.
        let weight = 0.8_f64.min(1.0 - 1.0 / (1.0 + points.len() as f64 / 40.0));
        let validation = Curve { marks: true, ..Curve::new("validation", second, evaluated) };
        vec![Curve::new("training", first, smoothed(&points, weight)), validation]
    });
    curves.unwrap_or_default()
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
            let layers = history.config.model.layers;
            let name = format!("{} · {layers} {}", run.name, if layers == 1 { "layer" } else { "layers" });
            Curve { marks: true, dashed: place >= series.len(), ..Curve::new(name, colour, points.collect()) }
        };
    known.enumerate().map(of).collect()
}
