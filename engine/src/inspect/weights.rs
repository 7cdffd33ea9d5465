//! Weights and their gradients by parameter, and how both of a run's change from milestone to milestone.

use super::outputs::log_probabilities;
use super::{Found, Subject, Tensor};
use crate::checkpoint::Checkpoints;
use crate::error::Result;
use crate::graph::ParameterId;
use crate::model::Site;
use crate::plan::arena::ArenaLayout;
use crate::platform::Turns;
use crate::project::{Trained, parameters_of};
use crate::protocol::inspect::Detail;

/// Bins of a histogram.
const BINS: usize = 64;
/// Most steps of a run that are read.
const STEPS: usize = 32;
/// Entries that are counted before others may have their turn.
const COUNTED: usize = 1 << 18;

/// norms [P], histogram [P, bin] (shares) between edges [P, 2]; gradient_norms [P], gradient_histogram [P, bin] and gradient_edges [P, 2]
/// of the mean cross-entropy of the prompt; [`Detail::Parameters`]. With `along_run`, norms_by_step [M, P] and update_ratios [M, P] of the
/// run's milestones and checkpoints.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let turns = Turns::new();
    let names: Vec<String> = subject.lens.parameters().iter().map(|(name, _)| name.clone()).collect();
    let mut found = Found::default();
    let mut statistics = Statistics::default();
    for name in &names {
        let (entries, _) = subject.lens.weight(name).unwrap_or_default();
        statistics.add(entries, &turns).await;
    }
    statistics.show(&mut found, "");
    match gradients(subject, &turns).await? {
        Some(gradients) => {
            let mut statistics = Statistics::default();
            for gradient in &gradients {
                statistics.add(&gradient.data, &turns).await;
            }
            statistics.show(&mut found, "gradient_");
        }
        None if subject.about_outputs().is_some() => {
            found.notice("The model's head has no row for each token, and the prompt has no label to learn from: there is no gradient.");
        }
        None => found.notice("A prompt of a single token has no next one to predict: there is no gradient."),
    }
    let steps =
        if subject.settings.along_run { along_run(subject, &mut found, &turns).await? } else { Vec::new() };
    found.detail(Detail::Parameters { names, steps });
    Ok(found)
}

/// The gradient of the mean cross-entropy of the prompt's tokens given those before with respect to each parameter; `None` where no token
/// is predicted.
async fn gradients(subject: &mut Subject<'_>, turns: &Turns) -> Result<Option<Vec<Tensor>>> {
    let tokens = subject.tokens;
    let targets = tokens.get(1..).unwrap_or_default();
    if targets.is_empty() || !subject.lens.config().labels.is_empty() {
        return Ok(None);
    }
    let logits = subject.values(Site::Logits).await?;
    let (outputs, share) = (logits.columns(), 1.0 / targets.len() as f64);
    // The gradient of the loss with respect to the logits: (softmax − one-hot) / targets.
    let mut seed = Vec::with_capacity(targets.len() * outputs);
    for (row, target) in logits.rows().zip(targets) {
        let start = seed.len();
        seed.extend(log_probabilities(row).into_iter().map(|entry| (share * libm::exp(entry)) as f32));
        if let Some(entry) = seed.get_mut(start + *target as usize) {
            *entry -= share as f32;
        }
        turns.give().await;
    }
    let seed = Tensor::new(&[targets.len(), outputs], seed);
    subject.lens.parameter_gradients(tokens, &seed).await.map(Some)
}

/// What is known of several parameters, one after another.
#[derive(Debug, Default)]
struct Statistics {
    norms: Vec<f32>,
    /// [P, 2]: the lowest and the highest entry.
    edges: Vec<f32>,
    /// [P, bin]: shares of the entries.
    histogram: Vec<f32>,
}

impl Statistics {
    async fn add(&mut self, entries: &[f32], turns: &Turns) {
        let (mut lowest, mut highest, mut squares) = (f32::INFINITY, f32::NEG_INFINITY, 0.0);
        for entries in entries.chunks(COUNTED) {
            for entry in entries {
                (lowest, highest) = (lowest.min(*entry), highest.max(*entry));
                squares += f64::from(*entry) * f64::from(*entry);
            }
            turns.give().await;
        }
        let mut counts = [0_u64; BINS];
        // Where all are alike there is one bin; what is not a number is counted into it, too.
        let bins = if highest > lowest { BINS as f32 / (highest - lowest) } else { 0.0 };
        for entries in entries.chunks(COUNTED) {
            for entry in entries {
                counts[(((entry - lowest) * bins) as usize).min(BINS - 1)] += 1;
            }
            turns.give().await;
        }
        let all = entries.len().max(1) as f64;
        self.norms.push(libm::sqrt(squares) as f32);
        self.edges.extend([lowest, highest]);
        self.histogram.extend(counts.map(|count| (count as f64 / all) as f32));
    }

    fn show(self, found: &mut Found, prefix: &str) {
        let parameters = self.norms.len();
        let name = |name: &str| format!("{prefix}{name}");
        found.floats(&name("norms"), "", &[("P", parameters)], self.norms);
        found.floats(&name("histogram"), "", &[("P", parameters), ("bin", BINS)], self.histogram);
        found.floats(&name("edges"), "", &[("P", parameters), ("edge", 2)], self.edges);
    }
}

/// The norms of the run's milestones and checkpoints, and how far each went from the one before, one pair in memory at a time. Returns
/// their steps.
async fn along_run(subject: &Subject<'_>, found: &mut Found, turns: &Turns) -> Result<Vec<u64>> {
    let run = subject.run;
    // Of one step the milestone comes first.
    let mut listed = Checkpoints::new(run.checkpoints_folder()).list();
    listed.dedup_by_key(|checkpoint| checkpoint.step);
    let layout = ArenaLayout::of_parameters(&parameters_of(&run.config()?)?);
    let (mut steps, mut norms, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut before: Vec<f32> = Vec::new();
    let mut from_zero = false;
    for checkpoint in spread(&listed, STEPS) {
        let weights = match Trained::load(run.clone(), &checkpoint.file) {
            Ok(trained) => trained.parameters,
            Err(error) => {
                found.notice(format!("Step {} is passed over: {error}", checkpoint.step));
                continue;
            }
        };
        for parameter in 0..layout.offsets.len() {
            let range = layout.range(ParameterId(parameter as u32));
            let (norm, change, old) =
                changes(before.get(range.clone()), weights.get(range).unwrap_or_default(), turns).await;
            from_zero |= !steps.is_empty() && old == 0.0 && change > 0.0;
            norms.push(norm as f32);
            ratios.push(if old > 0.0 { (change / old) as f32 } else { 0.0 });
        }
        steps.push(checkpoint.step);
        before = weights;
    }
    let axes = [("M", steps.len()), ("P", layout.offsets.len())];
    found.floats("norms_by_step", "", &axes, norms);
    found.floats("update_ratios", "", &axes, ratios);
    if steps.is_empty() {
        found.notice("The run has no milestone and no checkpoint that could be read.");
    }
    if from_zero {
        found.notice(
            "Where a parameter was all zeros before, its update ratio has no denominator and is given as 0.",
        );
    }
    Ok(steps)
}

/// ‖new‖, ‖new − old‖ and ‖old‖ of a parameter; the last two are 0 where there is nothing before.
async fn changes(old: Option<&[f32]>, new: &[f32], turns: &Turns) -> (f64, f64, f64) {
    let (mut norm, mut change, mut before) = (0.0, 0.0, 0.0);
    for (number, new) in new.chunks(COUNTED).enumerate() {
        norm += new.iter().map(|entry| f64::from(*entry) * f64::from(*entry)).sum::<f64>();
        let old = old.and_then(|old| old.chunks(COUNTED).nth(number)).unwrap_or_default();
        for (old, new) in old.iter().zip(new) {
            let (old, new) = (f64::from(*old), f64::from(*new));
            change += (new - old) * (new - old);
            before += old * old;
        }
        turns.give().await;
    }
    (libm::sqrt(norm), libm::sqrt(change), libm::sqrt(before))
}

/// At most so many of a list, the first and the last among them, evenly chosen.
fn spread<T>(list: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = list.len().min(most);
    let at = move |place: usize| if count > 1 { place * (list.len() - 1) / (count - 1) } else { 0 };
    (0..count).filter_map(move |place| list.get(at(place)))
}
