//! Metrics of an objective in addition to the loss: preference accuracy and margins, or rewards.

use super::text;
use crate::pages::prelude::*;
use glasshouse_protocol::{PreferenceMetrics, RewardMetrics};

/// Height of the curves in points.
const HEIGHT: f32 = 180.0;

/// Maximum points of a curve that are marked.
const MAX_MARKS: usize = 64;

/// Fraction of prompts whose answers all have the same reward, so that nothing is learned from them.
const UNIFORM: &str = "Groups without variance";

/// Log-ratio of the chosen answers between the current and the initial weights.
const LOG_RATIO: &str = "Log-ratio to the reference";
const TIES: &str = "Ties";

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
    measure_ui(ui, palette, ("step pairs", "Training pairs"), &of_pairs(last), curves);
    let numbers = [
        ("Reward of chosen answers", format!("{:.3}", last.chosen_reward)),
        ("Reward of rejected answers", format!("{:.3}", last.rejected_reward)),
    ];
    let curves =
        [("chosen", points(|step| step.chosen_reward)), ("rejected", points(|step| step.rejected_reward))];
    measure_ui(ui, palette, ("step rewards", "Rewards of the answers"), &numbers, curves);
}

fn of_pairs(pairs: &PreferenceMetrics) -> Vec<(&'static str, String)> {
    let mut numbers = vec![
        ("Reward margin", format!("{:.3}", pairs.margin)),
        ("Accuracy", format::percent(f64::from(pairs.accuracy))),
    ];
    if pairs.ties > 0.0 {
        numbers.push((TIES, format::percent(f64::from(pairs.ties))));
    }
    numbers.extend(pairs.log_ratio.map(|ratio| (LOG_RATIO, format!("{ratio:.3}"))));
    numbers
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
    measure_ui(ui, palette, ("pairs", "Held-out pairs"), &of_pairs(&last), curves);
}

fn rewards_ui(ui: &mut Ui, palette: &Palette, training: &Training) {
    let Some((_, last)) = training.rewards.last() else { return };
    let mut numbers = vec![
        ("Mean reward", format!("{:.3}", last.reward)),
        ("Tokens per answer", format!("{:.1}", last.tokens)),
        ("Answers that ended", format::percent(f64::from(last.ended))),
        (UNIFORM, format::percent(f64::from(last.uniform_groups))),
    ];
    numbers.extend(last.kl.map(|kl| ("KL to the initial weights", format!("{kl:.4}"))));
    numbers.extend(last.clipped.map(|share| ("Clipped", format::percent(f64::from(share)))));
    let points = |of: fn(&RewardMetrics) -> f32| {
        training.rewards.iter().map(|(step, rewards)| [*step as f64, f64::from(of(rewards))]).collect()
    };
    let uniform = points(|step| step.uniform_groups);
    let curves = [("mean reward", points(|step| step.reward)), ("without variance", uniform)];
    measure_ui(ui, palette, ("rewards", "Model answers"), &numbers, curves);
}

/// A card with the latest numbers and two curves.
fn measure_ui(
    ui: &mut Ui,
    palette: &Palette,
    (id, title): (&'static str, &str),
    numbers: &[(&str, String)],
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
        for (name, value) in numbers {
            let exact = match *name {
                UNIFORM => text::UNIFORM,
                LOG_RATIO => text::LOG_RATIO,
                TIES => text::TIES,
                _ => "",
            };
            stat_row(ui, name, value, exact);
        }
        let write = |value: f64| format!("{value:.2}");
        CurvePlot { id, axis: Axis::Steps, height: HEIGHT, log: false, write }.ui(ui, &curves, &[]);
    });
    ui.add_space(space::SMALL);
}
