//! Statistics of weights and gradients by parameter, and their changes from milestone to milestone.

use super::lens::kept;
use super::statistics::Summary;
use super::{Found, Lens, Subject};
use glasshouse_compiler::graph::ParameterId;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_platform::{Result, Yielder};
use glasshouse_project::checkpoint::Checkpoints;
use glasshouse_project::{Trained, parameters_of};
use glasshouse_protocol::CheckpointSummary;
use glasshouse_protocol::inspect::Detail;
use glasshouse_text::data::Split;

const BINS: usize = 64;
/// Maximum milestones read from a run.
const STEPS: usize = 32;
/// Interleaved partial counts of a histogram.
const SIDES: usize = 4;
/// Tokens of validation text for gradients along a run.
const TOKENS: usize = 64;
/// Entries processed between two yields.
const COUNTED: usize = 1 << 18;

/// norms [P]; histogram [P, bin] (shares) between edges [P, 2]; gradient_norms [P], gradient_histogram [P, bin] and
/// gradient_edges [P, 2] of the prompt's mean cross-entropy; [`Detail::Parameters`]. With `along_run`, also norms_by_step [M, P]
/// and update_ratios [M, P] (per step) of the run's milestones and checkpoints, and gradient_norms_by_step [M, P] of the mean
/// cross-entropy of the first 64 validation tokens, the same for each milestone.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let yielder = Yielder::new();
    let names: Vec<String> = subject.lens.parameters().iter().map(|(name, _)| name.clone()).collect();
    let mut found = Found::default();
    let own = match kept::of(&subject.lens.kept.histograms, &subject.lens.versions) {
        Some(kept) => kept.clone(),
        None => {
            let mut own = Histograms::default();
            for name in &names {
                let (entries, _) = subject.lens.weight(name).unwrap_or_default();
                own.add(entries, &yielder).await;
            }
            subject.lens.kept.histograms = Some((subject.lens.versions.clone(), own.clone()));
            own
        }
    };
    own.show(&mut found, "");
    if subject.about_outputs().is_some() {
        found.notice("The model's head has no output for each token, and the prompt has no label: there is no gradient.");
    } else if subject.tokens.len() < 2 {
        found.notice("A single-token prompt has no next token to predict: there is no gradient.");
    } else {
        let gradients = subject.lens.loss_gradients(subject.tokens).await?;
        let mut own = Histograms::default();
        for at in 0..names.len() {
            own.add(gradients.floats(at)?, &yielder).await;
        }
        own.show(&mut found, "gradient_");
    }
    let steps = if subject.settings.along_run {
        along_run(subject, &yielder).await?.show(&mut found)
    } else {
        Vec::new()
    };
    found.detail(Detail::Parameters { names, steps });
    Ok(found)
}

/// Histograms of several parameters, concatenated.
#[derive(Clone, Debug, Default)]
pub(super) struct Histograms {
    norms: Vec<f32>,
    /// [P, 2]: minimum and maximum.
    edges: Vec<f32>,
    /// [P, bin]: shares of the entries.
    histogram: Vec<f32>,
}

impl Histograms {
    async fn add(&mut self, entries: &[f32], yielder: &Yielder) {
        let summary = Summary::new(entries, yielder).await;
        let (lowest, highest) = (summary.smallest, summary.largest);
        // If all entries are equal, there is one bin; NaN is counted there too.
        let bins = if highest > lowest { BINS as f32 / (highest - lowest) } else { 0.0 };
        let bin = |entry: f32| (((entry - lowest) * bins) as usize).min(BINS - 1);
        // Neighbours often fall into the same bin; separate counters avoid waiting for the previous increment.
        let mut counts = [[0_u64; BINS]; SIDES];
        for entries in entries.chunks(COUNTED) {
            let (groups, rest) = entries.as_chunks::<SIDES>();
            for group in groups {
                for (counts, entry) in counts.iter_mut().zip(group) {
                    counts[bin(*entry)] += 1;
                }
            }
            for (counts, entry) in counts.iter_mut().zip(rest) {
                counts[bin(*entry)] += 1;
            }
            yielder.maybe_yield().await;
        }
        let count = |bin: usize| counts.iter().map(|counts| counts[bin]).sum::<u64>();
        let all = entries.len().max(1) as f64;
        self.norms.push(summary.norm() as f32);
        self.edges.extend([lowest, highest]);
        self.histogram.extend((0..BINS).map(|bin| (count(bin) as f64 / all) as f32));
    }

    fn show(self, found: &mut Found, prefix: &str) {
        let parameters = self.norms.len();
        let name = |name: &str| format!("{prefix}{name}");
        found.floats(&name("norms"), "", &[("P", parameters)], self.norms);
        found.floats(&name("histogram"), "", &[("P", parameters), ("bin", BINS)], self.histogram);
        found.floats(&name("edges"), "", &[("P", parameters), ("edge", 2)], self.edges);
    }
}

/// Changes of a run's weights and gradients from milestone to milestone.
#[derive(Clone, Debug, Default)]
pub(super) struct AlongRun {
    parameters: usize,
    /// Steps of the milestones that could be read.
    steps: Vec<u64>,
    /// [M, P].
    norms: Vec<f32>,
    /// [M, P]: norm of the change since the previous milestone, divided by that milestone's norm and the number of steps between
    /// them, because milestones are not evenly spaced.
    ratios: Vec<f32>,
    /// [M, P]: gradient norms; empty if the run has no validation text.
    gradient_norms: Vec<f32>,
    notices: Vec<String>,
}

impl AlongRun {
    /// Adds the tensors to `found` and returns the steps.
    fn show(self, found: &mut Found) -> Vec<u64> {
        let axes = [("M", self.steps.len()), ("P", self.parameters)];
        found.floats("norms_by_step", "", &axes, self.norms);
        found.floats("update_ratios", "", &axes, self.ratios);
        if !self.gradient_norms.is_empty() {
            found.floats("gradient_norms_by_step", "", &axes, self.gradient_norms);
        }
        for notice in self.notices {
            found.notice(notice);
        }
        self.steps
    }
}

/// Computes norms, changes (with two milestones in memory at a time) and gradient norms of the run's milestones and checkpoints.
/// Cached per list of checkpoints, because the result does not depend on the prompt.
async fn along_run(subject: &mut Subject<'_>, yielder: &Yielder) -> Result<AlongRun> {
    let run = subject.run;
    // If a step has both, the milestone comes first.
    let mut listed = Checkpoints::new(run.checkpoints_folder()).list();
    listed.dedup_by_key(|checkpoint| checkpoint.step);
    let checkpoints: Vec<CheckpointSummary> = spread(&listed, STEPS).cloned().collect();
    let from = (run.folder().to_owned(), checkpoints);
    if let Some(kept) = kept::of(&subject.lens.kept.along_run, &from) {
        return Ok(kept.clone());
    }
    let (_, checkpoints) = &from;
    let layout = ArenaLayout::from_parameters(&parameters_of(&run.config()?)?);
    let mut along = AlongRun { parameters: layout.offsets.len(), ..AlongRun::default() };
    let mut before: Vec<f32> = Vec::new();
    let mut from_zero = false;
    let text =
        if checkpoints.is_empty() { Vec::new() } else { text_of_gradients(subject, &mut along.notices) };
    let mut lens: Option<Lens> = None;
    for checkpoint in checkpoints {
        let weights = match Trained::load(run.clone(), &checkpoint.choice(), yielder).await {
            Ok(trained) => trained.parameters,
            Err(error) => {
                along.notices.push(format!("Step {} is skipped: {error}.", checkpoint.step));
                continue;
            }
        };
        let taken = along.steps.last().map_or(1, |before| checkpoint.step.saturating_sub(*before).max(1));
        for parameter in 0..along.parameters {
            let range = layout.range(ParameterId(parameter as u32));
            let (norm, change, old) =
                changes(before.get(range.clone()), weights.get(range).unwrap_or_default(), yielder).await;
            from_zero |= !along.steps.is_empty() && old == 0.0 && change > 0.0;
            along.norms.push(norm as f32);
            along.ratios.push(if old > 0.0 { (change / old / taken as f64) as f32 } else { 0.0 });
        }
        along.steps.push(checkpoint.step);
        if !text.is_empty() {
            let beside = match &mut lens {
                Some(lens) => {
                    lens.set_arena(&weights)?;
                    lens
                }
                none => none.insert(subject.lens.beside(subject.lens.config(), weights.clone())?),
            };
            let gradients = beside.loss_gradients(&text).await?;
            for at in 0..along.parameters {
                along.gradient_norms.push(changes(None, gradients.floats(at)?, yielder).await.0 as f32);
            }
        }
        before = weights;
    }
    if along.steps.is_empty() {
        along.notices.push("The run has no readable milestone or checkpoint.".to_owned());
    }
    if from_zero {
        along.notices.push(
            "A parameter that was all zeros before has a net change per step of 0 here: the ratio is undefined."
                .to_owned(),
        );
    }
    subject.lens.kept.along_run = Some((from, along.clone()));
    Ok(along)
}

/// The start of the run's validation text; empty, with a notice, if it has no token to predict.
fn text_of_gradients(subject: &Subject<'_>, notices: &mut Vec<String>) -> Vec<u32> {
    let config = subject.lens.config();
    let read = || -> Result<Vec<u32>> {
        let Some(store) = subject.validation_text()? else { return Ok(Vec::new()) };
        let count = (store.len(Split::Validation) as usize).min(TOKENS).min(config.context_length);
        store.read(Split::Validation, 0, count)
    };
    match read() {
        Ok(text) if text.len() > 1 && config.labels.is_empty() => return text,
        Ok(_) => notices.push(
            "There is no validation text for next-token prediction: gradients along the run are unknown."
                .to_owned(),
        ),
        Err(error) => notices.push(format!("Gradients along the run are unknown: {error}.")),
    }
    Vec::new()
}

/// ‖new‖, ‖new − old‖ and ‖old‖ of a parameter; the last two are 0 if there is no old one.
async fn changes(old: Option<&[f32]>, new: &[f32], yielder: &Yielder) -> (f64, f64, f64) {
    let (mut norm, mut change, mut before) = (0.0, 0.0, 0.0);
    for (number, new) in new.chunks(COUNTED).enumerate() {
        norm += new.iter().map(|entry| f64::from(*entry) * f64::from(*entry)).sum::<f64>();
        let old = old.and_then(|old| old.chunks(COUNTED).nth(number)).unwrap_or_default();
        for (old, new) in old.iter().zip(new) {
            let (old, new) = (f64::from(*old), f64::from(*new));
            change += (new - old) * (new - old);
            before += old * old;
        }
        yielder.maybe_yield().await;
    }
    (norm.sqrt(), change.sqrt(), before.sqrt())
}

/// At most `most` evenly spaced elements of a list, including the first and the last.
fn spread<T>(list: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = list.len().min(most);
    let at = move |place: usize| if count > 1 { place * (list.len() - 1) / (count - 1) } else { 0 };
    (0..count).filter_map(move |place| list.get(at(place)))
}
