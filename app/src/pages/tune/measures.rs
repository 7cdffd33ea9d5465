//! Metrics of an objective in addition to the loss: preference accuracy and margins, or rewards.

use crate::pages::prelude::*;

/// Height of the curves in points.
const HEIGHT: f32 = 180.0;

/// Maximum points of a curve that are marked.
const MAX_MARKS: usize = 64;

/// A curve's name, and its points by step.
type Measured = (&'static str, Vec<[f64; 2]>);

/// Metrics of the run's objective; nothing for objectives with only a loss.
pub fn measures_ui(ui: &mut Ui, palette: &Palette, training: &Training) {
    held_out_ui(ui, palette, training);
    pairs_ui(ui, palette, training);
    rewards_ui(ui, palette, training);
}

fn pairs_ui(ui: &mut Ui, palette: &Palette, training: &Training) {
    let Some((_, last)) = training.pairs.last() else { return };
    let points = |of: fn(&PreferenceMetrics) -> f32| {
        training.pairs.iter().map(|(step, pairs)| [*step as f64, f64::from(of(pairs))]).collect()
    };
    let curves = [("margin", points(|step| step.margin)), ("accuracy", points(|step| step.accuracy))];
    measure_ui(ui, palette, ("step pairs", "Training pairs"), &last.facts(), curves);
    let curves =
        [("chosen", points(|step| step.chosen_reward)), ("rejected", points(|step| step.rejected_reward))];
    measure_ui(ui, palette, ("step rewards", "Rewards of the answers"), &[], curves);
}

fn held_out_ui(ui: &mut Ui, palette: &Palette, training: &Training) {
    let pairs = || {
        let evaluations = training.evaluations.iter();
        evaluations.filter_map(|evaluation| Some((evaluation.step as f64, evaluation.preference?)))
    };
    let Some((_, last)) = pairs().next_back() else { return };
    let margins = pairs().map(|(step, pairs)| [step, f64::from(pairs.margin)]);
    let accuracies = pairs().map(|(step, pairs)| [step, f64::from(pairs.accuracy)]);
    let curves = [("margin", margins.collect()), ("accuracy", accuracies.collect())];
    measure_ui(ui, palette, ("pairs", "Held-out pairs"), &last.facts(), curves);
}

fn rewards_ui(ui: &mut Ui, palette: &Palette, training: &Training) {
    let Some((_, last)) = training.rewards.last() else { return };
    let points = |of: fn(&RewardMetrics) -> f32| {
        training.rewards.iter().map(|(step, rewards)| [*step as f64, f64::from(of(rewards))]).collect()
    };
    let uniform = points(|step| step.uniform_groups);
    let curves = [("mean reward", points(|step| step.reward)), ("without variance", uniform)];
    measure_ui(ui, palette, ("rewards", "Model answers"), &last.facts(), curves);
}

/// A card with the latest numbers and two curves.
fn measure_ui(
    ui: &mut Ui,
    palette: &Palette,
    (id, title): (&'static str, &str),
    facts: &[Fact],
    curves: [Measured; 2],
) {
    let [_, _, first, second, ..] = palette.series;
    let curves = curves.into_iter().zip([first, second]).map(|((name, points), colour)| {
        let marks = points.len() <= MAX_MARKS;
        Curve { marks, ..Curve::new(name, colour, points) }
    });
    let curves: Vec<Curve> = curves.collect();
    card(ui, |ui| {
        head(ui, title);
        facts_ui(ui, facts);
        let write = |value: f64| format!("{value:.2}");
        CurvePlot { id, axis: Axis::Steps, height: HEIGHT, log: false, write }.ui(ui, &curves, &[]);
    });
    ui.add_space(space::SMALL);
}
