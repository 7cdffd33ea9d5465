//! The guard monitors the health of a run. It uses only available data: step reports, evaluations, samples, checkpoints and, at intervals,
//! activation statistics from the norm layers. Each detector is a file and a pure function of that data. A detection is a [`Finding`] in
//! plain sentences; the settings decide the action and [`crate::Trainer`] performs it. The guard's state is stored in checkpoints
//! ([`GuardState`]) and depends only on steps, never on the clock, so interrupted or repeated runs get the same findings and actions.

mod activations;
mod evaluations;
mod layers;
mod outlier;
mod repetition;
mod rise;

pub(super) use activations::activations;
use evaluations::REMEMBERED;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::step::{ArenaState, LossScale, StepReport};
use glasshouse_project::checkpoint::GuardState;
use glasshouse_protocol::quantity::percent;
use glasshouse_protocol::{
    GuardAction, GuardKind, GuardMode, GuardSettings, GuardSeverity, Intervention, Precision, RunConfig,
    TrainConfig,
};

/// Maximum consecutive steps without a finite gradient; in mixed precision, in addition to those needed to find a loss scale.
const BAD_STEPS: u32 = 3;
/// Minimum repeated share of a sample that counts as repetition, and the number of consecutive samples required.
const REPEATED: f32 = 0.5;
const SAMPLES: u32 = 2;
/// A plateau below this share of the peak learning rate is the normal end of a schedule; most end at a tenth of the peak.
const ENDING: f64 = 0.25;
/// A plateau lasts at least this fraction (1/n) of a run's steps, however often the run is evaluated.
const STANDSTILL: u64 = 20;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub kind: GuardKind,
    pub severity: GuardSeverity,
    /// The step at which it began.
    pub since: u64,
    pub text: String,
    pub value: f32,
    pub threshold: f32,
}

impl Finding {
    /// A finding of the severity that its kind usually has.
    fn new(kind: GuardKind, since: u64, [value, threshold]: [f32; 2], text: String) -> Self {
        let severity = match kind {
            GuardKind::NonFinite | GuardKind::LossSpike | GuardKind::LossRise => GuardSeverity::Critical,
            GuardKind::Plateau | GuardKind::Repetition => GuardSeverity::Info,
            _ => GuardSeverity::Warning,
        };
        Self { kind, severity, since, text, value, threshold }
    }
}

/// ` and 2 more`, after the first of three.
fn others(count: usize) -> String {
    if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
}

pub(super) struct Guard {
    settings: GuardSettings,
    pub(super) state: GuardState,
    /// Whether the objective's loss is expected to fall.
    has_loss: bool,
    /// Whether the loss is of pairs: near the end most losses are about 0, but single ones may be far above.
    is_of_pairs: bool,
    is_mixed: bool,
    /// Whether the run starts from pretrained weights.
    is_of_trained: bool,
    /// Gradient clipping norm; 0 if disabled.
    clipping: f64,
    /// Consecutive repetitive samples.
    circles: u32,
}

impl Guard {
    /// Creates a run's guard, with the state of the checkpoint if the run is resumed.
    pub(super) fn new(config: &RunConfig, state: Option<GuardState>) -> Self {
        Self {
            settings: config.train.guard.clone(),
            state: state.unwrap_or_default(),
            // A reward objective's loss says nothing about the rewards earned.
            has_loss: !config.train.objective.answers_prompts(),
            is_of_pairs: config.train.objective.learns_pairs(),
            is_mixed: config.train.precision == Precision::Mixed,
            is_of_trained: config.start.is_some(),
            clipping: config.train.gradient_clipping,
            circles: 0,
        }
    }

    fn looks(&self) -> bool {
        self.settings.mode != GuardMode::Off
    }

    /// The state for a checkpoint; `None` if the guard is inactive and never intervened.
    pub(super) fn remembered(&self) -> Option<GuardState> {
        (self.looks() || !self.state.interventions.is_empty()).then(|| self.state.clone())
    }

    /// Whether the state at `step`, that of a regular checkpoint, is suitable for rolling back.
    pub(super) fn keeps(&self, step: u64, train: &TrainConfig) -> bool {
        let interval = train.checkpoint_interval;
        let is_due = step == 0 || (interval > 0 && step.is_multiple_of(interval));
        self.settings.acts() && self.has_loss && is_due && self.state.bad_steps == 0
    }

    /// Checks a step's report. Also returns the z-score of its loss, for plotting.
    pub(super) fn step(&mut self, step: u64, report: &StepReport) -> (Vec<Finding>, Option<f32>) {
        let is_bad = report.skipped || !report.loss.is_finite();
        self.state.bad_steps = if is_bad { self.state.bad_steps + 1 } else { 0 };
        let (mut found, mut score) = (Vec::new(), None);
        if !self.looks() {
            return (found, score);
        }
        let most = BAD_STEPS + if self.is_mixed { LossScale::HALVINGS } else { 0 };
        if self.state.bad_steps == most {
            let since = step + 1 - u64::from(most);
            let text = format!(
                "No gradient has been finite since step {since}, {most} steps in a row. Usually weights or activations have become too large \
                 (the learning rate is too high), or weights are no longer numbers."
            );
            found.push(Finding::new(GuardKind::NonFinite, since, [most as f32, most as f32], text));
        }
        if is_bad {
            return (found, score);
        }
        let size = self.settings.window;
        let loss = report.loss;
        if self.has_loss {
            let z = outlier::z_score(&mut self.state.losses, loss, size, outlier::MIN_LOSS_DEVIATION);
            score = z.map(|z| z as f32);
            let limit = f64::from(self.settings.loss_z);
            if let Some(z) = z.filter(|z| *z >= limit && self.is_news(GuardKind::LossSpike, step)) {
                let text = format!(
                    "The loss of step {step} is {loss:.3}, {z:.1} standard deviations above the mean of the last {size} steps. {}",
                    if self.is_of_pairs {
                        "Once the model ranks most pairs correctly, a few always stand out."
                    } else {
                        "A single such step usually has an unusual batch: another language, broken text, one line again and again."
                    }
                );
                let severity = if self.is_of_pairs { GuardSeverity::Info } else { GuardSeverity::Critical };
                found.push(Finding {
                    severity,
                    ..Finding::new(GuardKind::LossSpike, step, [z as f32, self.settings.loss_z], text)
                });
            }
            let limit = f64::from(self.settings.rise);
            let risen = rise::rise(&self.state.losses, size).filter(|(_, _, z)| *z >= limit);
            // A spike is reported as a spike only.
            let spikes = found.iter().any(|found| found.kind == GuardKind::LossSpike);
            if let Some((now, before, z)) =
                risen.filter(|_| !spikes && self.is_news(GuardKind::LossRise, step))
            {
                let last = size / rise::PART;
                let since = (step + 1).saturating_sub(last as u64);
                let text = format!(
                    "The loss has risen since about step {since}: the median of the last {last} steps is {now:.3}; the mean before was \
                     {before:.3}, {z:.1} standard deviations less. Usually the learning rate is too high."
                );
                found.push(Finding::new(GuardKind::LossRise, since, [z as f32, self.settings.rise], text));
            }
        }
        if report.gradient_norm.is_finite() {
            let norm = report.gradient_norm;
            let z = outlier::z_score(&mut self.state.gradient_norms, norm, size, 0.0);
            let limit = f64::from(self.settings.gradient_z);
            if let Some(z) = z.filter(|z| *z >= limit && self.is_news(GuardKind::GradientSpike, step)) {
                let is_within = f64::from(norm) <= self.clipping;
                // Once a run has memorised its text, gradients are so small that any batch with a mistake is an outlier.
                let has_learned = is_within && outlier::is_near_0(&self.state.losses);
                let text = format!(
                    "The gradient of step {step} has the norm {norm:.2}, {z:.1} standard deviations above the mean of the last {size} steps. {}",
                    if is_within {
                        format!(
                            "It is not above {}, the norm that gradients are clipped to, so clipping does not change it.",
                            self.clipping
                        )
                    } else {
                        "Gradient clipping limits the effect of one such step; many of them mean that the learning rate is too high."
                                .to_owned()
                    }
                );
                let severity = if has_learned { GuardSeverity::Info } else { GuardSeverity::Warning };
                found.push(Finding {
                    severity,
                    ..Finding::new(GuardKind::GradientSpike, step, [z as f32, self.settings.gradient_z], text)
                });
            }
        }
        (found, score)
    }

    /// Checks an evaluation of a run with `steps` steps, at learning rate `rate` relative to the peak. Known evaluations are ignored.
    pub(super) fn evaluation(&mut self, losses: (u64, f32, f32), rate: f64, steps: u64) -> Vec<Finding> {
        let (step, train, validation) = losses;
        let is_known = self.state.evaluations.last().is_some_and(|last| last.0 >= step);
        if !self.looks() || is_known || !train.is_finite() || !validation.is_finite() {
            return Vec::new();
        }
        if step == 0 {
            self.state.start = Some(validation);
        }
        let all = &mut self.state.evaluations;
        all.push(losses);
        all.drain(..all.len().saturating_sub(REMEMBERED));
        let (overfits, stands) = (evaluations::overfitting(all), evaluations::plateau(all));
        let worse = self.state.start.filter(|start| step > 0 && evaluations::is_worse(*start, validation));
        // The earliest known evaluation, usually that of step 0.
        let before = all.first().map_or(train, |(_, before, _)| *before);
        let mut found = Vec::new();
        if let Some(start) = self.begins(GuardKind::WorseThanStart, step, worse) {
            let cause = match evaluations::is_worse(train, before) {
                true => format!(
                    "The training loss fell from {before:.4} to {train:.4}, so the held-out text is of another kind than the training text: hold \
                     out text like it, or train on text like the held-out one."
                ),
                false => "The learning rate is probably too high.".to_owned(),
            };
            let stays = if self.is_of_trained {
                " The weights of step 0 remain the best until an evaluation improves on them."
            } else {
                ""
            };
            let text = format!(
                "The validation loss is {validation:.4} at step {step}, and was {start:.4} at step 0: so far the run has made the model worse. {cause}{stays}"
            );
            found.push(Finding::new(GuardKind::WorseThanStart, 0, [validation, start], text));
        }
        if let Some(first) = self.begins(GuardKind::Overfitting, step, overfits) {
            let (since, _, before) = first;
            let text = format!(
                "The validation loss has risen since step {since}, from {before:.4} to {validation:.4}, while the training loss fell to \
                 {train:.4}. The model memorises its training text. The best checkpoint is kept; use more text, dropout, fewer steps or a \
                 smaller model."
            );
            found.push(Finding::new(GuardKind::Overfitting, since, [validation, before], text));
        }
        let is_long = |(since, ..): &evaluations::Losses| step.saturating_sub(*since) >= steps / STANDSTILL;
        let stands = stands.filter(|since| rate >= ENDING && overfits.is_none() && is_long(since));
        if let Some(first) = self.begins(GuardKind::Plateau, step, stands) {
            let (since, _, before) = first;
            let text = format!(
                "Neither loss has fallen since step {since} (validation {before:.4}). Either the model has learned all it can from this text, or \
                 the learning rate does not fit: use a lower one if the losses go up and down, a higher one if they hardly move."
            );
            found.push(Finding::new(GuardKind::Plateau, since, [validation, before], text));
        }
        found
    }

    /// Whether the sample was already checked before the state from which the run resumed.
    pub(super) fn knows_sample(&self, step: u64) -> bool {
        self.state.sample.is_some_and(|last| last >= step)
    }

    pub(super) fn sample(&mut self, step: u64, text: &str) -> Option<Finding> {
        self.state.sample = self.state.sample.max(Some(step));
        let share = repetition::repeated_share(text).filter(|_| self.looks())?;
        self.circles = if share >= REPEATED { (self.circles + 1).min(SAMPLES + 1) } else { 0 };
        (self.circles == SAMPLES).then(|| {
            let text = format!(
                "The last {SAMPLES} samples repeat themselves: {} of the one at step {step} occurred earlier in it. Young and small models do \
                 this; later in a run, the training text is repetitive or the sampling too greedy.",
                percent(share)
            );
            Finding::new(GuardKind::Repetition, step, [share, REPEATED], text)
        })
    }

    /// Checks the state of a regular checkpoint; `is_settled` says whether the warm-up and a first window of steps are over.
    pub(super) fn layers(&mut self, found: &layers::Layers, step: u64, is_settled: bool) -> Vec<Finding> {
        let mut all = Vec::new();
        if !self.looks() {
            return all;
        }
        let explodes = found.parts.iter().find(|part| {
            !part.is_finite || (is_settled && part.update.is_some_and(|update| update > layers::MAX_UPDATE))
        });
        if let Some(part) = self.begins(GuardKind::ExplodingLayer, step, explodes) {
            let text = match part.update.filter(|_| part.is_finite) {
                Some(update) => format!(
                    "An update at step {step} changed the weights of {} by {} of their norm; a thousandth is typical. The learning rate is too \
                     high for it.",
                    part.name,
                    percent(update)
                ),
                None => format!(
                    "Weights of {} are not finite at step {step}. Nothing more can be learned: the run must return to a checkpoint.",
                    part.name
                ),
            };
            all.push(Finding::new(
                GuardKind::ExplodingLayer,
                step,
                [part.update.unwrap_or(f64::NAN) as f32, layers::MAX_UPDATE as f32],
                text,
            ));
        }
        let dead = found.dead.first().filter(|_| is_settled);
        if let Some(name) = self.begins(GuardKind::DeadLayer, step, dead) {
            let others = others(found.dead.len());
            let text = format!(
                "No gradient reaches {name}{others} at step {step}, so it does not learn. The cause is units that are inactive for every token (ReLU \
                 after too large an update), or zero weights after it."
            );
            all.push(Finding::new(GuardKind::DeadLayer, step, [0.0, 0.0], text));
        }
        all
    }

    /// The action for a finding, limited by the number of retries.
    pub(super) fn action(&self, finding: &Finding, step: u64) -> GuardAction {
        let (acted, most) = self.acted();
        if acted < most as usize { self.asked(finding, step) } else { GuardAction::Note }
    }

    /// The action for a finding regardless of the number of retries. A finding that recurs soon after an intervention was not
    /// caused by the batch, so it is treated like a rise.
    pub(super) fn asked(&self, finding: &Finding, step: u64) -> GuardAction {
        // A few pairs are always outliers.
        let stands_out = self.is_of_pairs && finding.kind == GuardKind::LossSpike;
        if !self.settings.acts() || stands_out {
            return GuardAction::Note;
        }
        let asked = match self.settings.action(finding.kind) {
            GuardAction::Skip if self.lately(step).is_some() => self.settings.on_rise,
            asked => asked,
        };
        if asked == GuardAction::Lower && is_of_steps(finding.kind) && self.is_lowered_at(step) {
            return GuardAction::Note;
        }
        // A round of answers cannot be undone.
        match asked {
            GuardAction::Skip | GuardAction::GoBack if !self.has_loss => GuardAction::Lower,
            asked => asked,
        }
    }

    /// The last intervention within a window of `step`. Findings of evaluations and samples are ignored: they are not about
    /// batches or states. Two findings at the same step are not a recurrence.
    fn lately(&self, step: u64) -> Option<&Intervention> {
        let last = self.state.interventions.iter().rfind(|one| is_of_steps(one.kind));
        let has_come_back = |last: &&Intervention| !(last.seen == step && last.action == GuardAction::Lower);
        last.filter(|last| step <= last.seen + self.settings.window as u64).filter(has_come_back)
    }

    /// Whether the learning rate was already lowered for another finding at this step.
    fn is_lowered_at(&self, step: u64) -> bool {
        let at = |one: &&Intervention| one.seen == step && one.action == GuardAction::Lower;
        self.state.interventions.iter().rfind(at).is_some_and(|one| is_of_steps(one.kind))
    }

    /// The kept states suitable for a rollback, newest first: those from before the finding, or from before the last rollback if
    /// that did not help.
    pub(super) fn candidates(&self, kept: &[u64], finding: &Finding, step: u64) -> Vec<u64> {
        let begun = match finding.kind {
            // A rise begins before it is detected.
            GuardKind::LossRise => finding.since.saturating_sub((self.settings.window / rise::PART) as u64),
            // Activations are checked at intervals, so go back to the last healthy check.
            GuardKind::ExplodingActivations | GuardKind::SilentPart => {
                self.state.activations.iter().rev().nth(1).map_or(0, |(step, _)| *step)
            }
            // A dead layer shows only after this many steps; if it was dead even earlier, the next rollback goes further back.
            GuardKind::DeadLayer => finding.since.saturating_sub(layers::FADES),
            _ => finding.since.saturating_sub(1),
        };
        let mut all: Vec<u64> = kept.iter().rev().copied().filter(|kept| *kept <= begun).collect();
        if let Some(last) = self.lately(step).filter(|last| last.action == GuardAction::GoBack) {
            let older: Vec<u64> = all.iter().copied().filter(|kept| *kept < last.from).collect();
            if !older.is_empty() {
                all = older;
            }
        }
        all
    }

    /// The intervention for an action seen at step `seen` that affects the steps from `from`.
    pub(super) fn intervention(
        &self,
        finding: &Finding,
        action: GuardAction,
        seen: u64,
        from: u64,
    ) -> Intervention {
        let lowers = action != GuardAction::Skip;
        let until = (lowers && self.settings.rate_steps > 0).then(|| from + self.settings.rate_steps);
        // If the rate is far too high, lowering it equally again is not enough: multiply with the last factor.
        let last = self.lately(seen).filter(|_| is_of_steps(finding.kind)).map_or(1.0, |last| last.factor);
        let factor = if lowers { last * self.settings.rate_factor } else { 1.0 };
        Intervention { seen, kind: finding.kind, action, from, until, factor }
    }

    pub(super) fn intervene(&mut self, intervention: Intervention) {
        self.state.interventions.push(intervention);
    }

    /// Restores the state of the step the run was rolled back to. Interventions since then are kept; its sample counts as checked.
    pub(super) fn return_to(&mut self, state: Option<GuardState>, step: u64) {
        let interventions = std::mem::take(&mut self.state.interventions);
        self.state = GuardState { interventions, sample: Some(step), ..state.unwrap_or_default() };
        self.circles = 0;
    }

    /// Number of interventions so far, and the maximum.
    pub(super) fn acted(&self) -> (usize, u32) {
        (self.state.interventions.len(), self.settings.retries)
    }

    /// Whether this kind was not reported within the last window; records that it is reported now.
    fn is_news(&mut self, kind: GuardKind, step: u64) -> bool {
        let window = self.settings.window as u64;
        let is_news = self.state.told.get(&kind).is_none_or(|told| step >= told + window);
        if is_news {
            self.state.told.insert(kind, step);
        }
        is_news
    }

    /// Returns a condition that was not present at the last check.
    fn begins<T>(&mut self, kind: GuardKind, step: u64, seen: Option<T>) -> Option<T> {
        match seen {
            Some(seen) => self.state.told.insert(kind, step).is_none().then_some(seen),
            None => {
                self.state.told.remove(&kind);
                None
            }
        }
    }
}

/// Whether the finding is about steps and states rather than evaluations or samples.
fn is_of_steps(kind: GuardKind) -> bool {
    !matches!(
        kind,
        GuardKind::Plateau | GuardKind::Overfitting | GuardKind::WorseThanStart | GuardKind::Repetition
    )
}

/// Computes layer statistics from a checkpoint's state.
pub(super) fn look_at_layers(
    parameters: &[Parameter],
    state: &ArenaState,
    train: &TrainConfig,
    step: u64,
    learning_rate: f64,
) -> layers::Layers {
    layers::layers(parameters, state, &Optimizer::new(train), step, learning_rate)
}

#[cfg(test)]
mod tests;
