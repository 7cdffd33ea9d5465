//! Measures of runs and their losses.

use super::*;

/// Losses of a run's steps: (step, loss), without gaps.
fn losses(history: &History) -> Vec<(u64, f64)> {
    let loss = |event: &TrainEvent| match event {
        TrainEvent::Step { step, loss, .. } if loss.is_finite() => Some((*step, f64::from(*loss))),
        _ => None,
    };
    history.events.iter().filter_map(loss).collect()
}

pub fn first_loss_ratio(history: &History) -> Option<Found> {
    let (step, loss) = losses(history).first().copied()?;
    let vocabulary = history.config.model.vocabulary;
    let even = (vocabulary as f64).ln();
    let ratio = loss / even;
    let sentence = format!(
        "The loss of step {step} was {loss:.3}, and ln {vocabulary} is {even:.3}: {ratio:.3} of a uniform guess."
    );
    Some((ratio, sentence))
}

/// The mean loss of some points, to smooth the noise of single batches.
fn mean(points: &[(u64, f64)]) -> f64 {
    points.iter().map(|(_, loss)| loss).sum::<f64>() / points.len().max(1) as f64
}

fn tail(losses: &[(u64, f64)]) -> &[(u64, f64)] {
    let count = (losses.len() / 20).clamp(1, 20);
    losses.get(losses.len().saturating_sub(count)..).unwrap_or_default()
}

pub fn loss_falls(history: &History) -> Option<Found> {
    let losses = losses(history);
    let (_, first) = losses.first().copied()?;
    let last = mean(tail(&losses));
    let ratio = last / first;
    Some((ratio, format!("The loss went from {first:.3} to {last:.3}: {ratio:.3} of its first value.")))
}

pub fn half_fall_share(history: &History) -> Option<Found> {
    let losses = losses(history);
    let (_, first) = losses.first().copied()?;
    let last = mean(tail(&losses));
    if last >= first {
        return None;
    }
    let half = (first + last) / 2.0;
    let (steps, _) = losses.last().copied()?;
    // The first of three consecutive losses below half, so that one lucky batch does not count.
    let below =
        losses.windows(3.min(losses.len())).find(|near| near.iter().all(|(_, loss)| *loss <= half))?;
    let (step, _) = below.first().copied()?;
    let share = step as f64 / steps as f64;
    let sentence = format!(
        "The loss fell from {first:.3} to {last:.3}, and was half-way at step {step} of {steps}: after {} of them.",
        format::percent(share)
    );
    Some((share, sentence))
}

/// Accuracies at the evaluations: (step, training rows, held-out rows).
fn accuracies(history: &History) -> impl Iterator<Item = (u64, f32, f32)> {
    let events = history.events.iter();
    events
        .filter_map(picked!(TrainEvent::Accuracy { step, train, validation } => (*step, *train, *validation)))
}

pub fn accuracy_delay(history: &History) -> Option<Found> {
    let (learned, ..) = accuracies(history).find(|(step, train, _)| *step > 0 && *train >= 0.9)?;
    let (understood, ..) = accuracies(history).find(|(step, _, held_out)| *step > 0 && *held_out >= 0.9)?;
    let ratio = understood as f64 / learned as f64;
    let sentence = format!(
        "90 % of the training rows are right from step {learned} on, 90 % of the held-out rows from step {understood} on: {ratio:.1} times \
         as many steps."
    );
    Some((ratio, sentence))
}

pub fn accuracy_rise(history: &History) -> Option<Found> {
    let (last, ..) = accuracies(history).last()?;
    let (to, ..) = accuracies(history).find(|(_, _, held_out)| *held_out >= 0.9)?;
    let before = accuracies(history).take_while(|(step, ..)| *step < to);
    let from = before.filter(|(_, _, held_out)| *held_out <= 0.2).last().map_or(0, |(step, ..)| step);
    let share = (to - from) as f64 / last.max(1) as f64;
    let sentence = format!(
        "Between steps {from} and {to} of {last} the accuracy on held-out rows rises from at most 20 % to at least 90 %: {} of the steps.",
        format::percent(share)
    );
    Some((share, sentence))
}

pub fn validation_gap(history: &History) -> Option<Found> {
    let last = history.events.iter().rev().find_map(|event| match event {
        TrainEvent::Eval { step, train_loss, val_loss, .. } => Some((*step, *train_loss, *val_loss)),
        _ => None,
    });
    let (step, train, validation) = last?;
    let gap = f64::from(validation) - f64::from(train);
    let sentence = format!(
        "At step {step} the loss is {train:.3} on training text and {validation:.3} on held-out text: a gap of {}.",
        format::signed(gap, 3)
    );
    Some((gap, sentence))
}

pub fn depth_loss_ratio(runs: &[(&RunSummary, &History)]) -> Option<Sweep> {
    let layers = |config: &mut RunConfig| std::mem::take(&mut config.model.layers) as f64;
    compare(runs, layers, |layers| format!("{layers} {}", if layers == 1.0 { "layer" } else { "layers" }))
}

pub fn learning_rate_loss_ratio(runs: &[(&RunSummary, &History)]) -> Option<Sweep> {
    let rate = |config: &mut RunConfig| {
        // The minimum depends on it.
        config.train.min_learning_rate = 0.0;
        std::mem::take(&mut config.train.learning_rate)
    };
    compare(runs, rate, |rate| format!("a learning rate of {}", format::scientific(rate)))
}

/// Tag of the sample project's runs, which are compared only if the person has too few.
const CAME_ALONG: &str = "sample";

struct Compared<'a> {
    run: &'a RunSummary,
    /// The settings without the compared one.
    rest: RunConfig,
    value: f64,
    /// Best validation loss.
    loss: f64,
}

impl Compared<'_> {
    fn came_along(&self) -> bool {
        self.run.tags.iter().any(|tag| tag == CAME_ALONG)
    }
}

/// Compares the highest with the lowest value of one setting among the latest runs that agree in all others. `take` reads the
/// setting and resets it.
fn compare(
    runs: &[(&RunSummary, &History)],
    take: impl Fn(&mut RunConfig) -> f64,
    called: impl Fn(f64) -> String,
) -> Option<Sweep> {
    let compared = runs.iter().filter_map(|(run, history)| {
        let loss = run.best_val_loss.filter(|loss| loss.is_finite())?;
        let mut rest = (*history.config).clone();
        let value = take(&mut rest);
        Some(Compared { run, rest, value, loss: f64::from(loss) })
    });
    let all: Vec<Compared<'_>> = compared.collect();
    let own = all.iter().filter(|run| !run.came_along());
    let group = newest(&own.collect::<Vec<_>>()).or_else(|| newest(&all.iter().collect::<Vec<_>>()))?;
    // Of repeated runs, the newest counts.
    let most =
        group.iter().rev().copied().reduce(|best, next| if next.value > best.value { next } else { best })?;
    let least =
        group.iter().rev().copied().reduce(|best, next| if next.value < best.value { next } else { best })?;
    let ratio = most.loss / least.loss;
    let [one, other] = [most, least].map(|run| format!("{:.3} with {}", run.loss, called(run.value)));
    let mut sentence = format!("The best validation loss is {one} and {other}: {ratio:.3} of it.");
    match [most, least].iter().filter(|run| run.came_along()).count() {
        0 => {}
        1 => sentence.push_str(" One of the two came with the sample project."),
        _ => sentence
            .push_str(" Both came with the sample project; your own runs are compared once there are two."),
    }
    Some(Sweep {
        runs: group.iter().map(|compared| compared.run.name.clone()).collect(),
        found: (ratio, sentence),
    })
}

/// The newest group of runs that differ only in the value, and not all have the same.
fn newest<'a, 'b>(runs: &[&'b Compared<'a>]) -> Option<Vec<&'b Compared<'a>>> {
    runs.iter().rev().find_map(|newest| {
        let alike: Vec<_> = runs.iter().copied().filter(|other| other.rest == newest.rest).collect();
        alike.iter().any(|run| run.value != newest.value).then_some(alike)
    })
}
