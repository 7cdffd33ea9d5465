//! The guard: it looks after a run's health. What it looks at is there anyway: what each step reports, evaluations, samples, checkpoints,
//! and every so many steps what norms know of the activations; each detector is a file, and a pure function of those. What it sees is a
//! [`Finding`] in plain sentences; what is done about one is the settings' to say and [`crate::train::Trainer`]'s to do. What it remembers
//! lies in checkpoints ([`GuardState`]) and depends on steps alone, never on the clock, so that a run that was interrupted, or is repeated,
//! is told of the same things and does the same.

mod activations;
mod evaluations;
mod layers;
mod outlier;
mod repetition;
mod rise;

use crate::checkpoint::GuardState;
use crate::graph::Parameter;
use crate::optimizer::Optimizer;
use crate::protocol::{
    GuardAction, GuardKind, GuardMode, GuardSettings, GuardSeverity, Intervention, Precision, RunConfig,
    TrainConfig,
};
use crate::step::{ArenaState, LossScale, StepReport};
pub(super) use activations::activations;
use evaluations::REMEMBERED;

/// Steps in a row without a finite gradient that are too many; in mixed precision beside those that the search for a loss scale takes.
const BAD_STEPS: u32 = 3;
/// Share of a sample that it said before from which it goes round in circles, and how many samples in a row must.
const REPEATED: f32 = 0.5;
const SAMPLES: u32 = 2;
/// A plateau at a rate below this share of the peak is how schedules end; most end at a tenth of it.
const ENDING: f64 = 0.25;
/// It lasts this part of a run's steps at least, however often the run is evaluated.
const STANDSTILL: u64 = 20;

/// Something that the guard saw.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub kind: GuardKind,
    pub severity: GuardSeverity,
    /// The step that it began at.
    pub since: u64,
    pub text: String,
    pub value: f32,
    pub threshold: f32,
}

/// What a run's guard knows.
#[derive(Debug)]
pub(super) struct Guard {
    settings: GuardSettings,
    state: GuardState,
    /// Whether the objective's loss is one that falls.
    has_loss: bool,
    /// Whether the loss is one of pairs: near its end most are about 0, and a single one may be far above.
    is_of_pairs: bool,
    is_mixed: bool,
    /// Whether the run begins with weights that were trained before.
    is_of_trained: bool,
    /// Norm that gradients are clipped to; 0 where they are not.
    clipping: f64,
    /// Samples in a row that went round in circles.
    circles: u32,
}

impl Guard {
    /// The guard of a run, with what it remembered when the run was interrupted.
    pub(super) fn new(config: &RunConfig, state: Option<GuardState>) -> Self {
        Self {
            settings: config.train.guard.clone(),
            state: state.unwrap_or_default(),
            // The loss of rewards says nothing of how well they are earned.
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

    /// What a checkpoint keeps of it: nothing where it never looks.
    pub(super) fn remembered(&self) -> Option<GuardState> {
        (self.looks() || !self.state.interventions.is_empty()).then(|| self.state.clone())
    }

    /// What was done to the run.
    pub(super) fn interventions(&self) -> &[Intervention] {
        &self.state.interventions
    }

    /// Steps in a row, up to the last, that were skipped or whose loss was not finite.
    pub(super) fn bad_steps(&self) -> u32 {
        self.state.bad_steps
    }

    /// The last evaluation that it remembers.
    pub(super) fn last_evaluation(&self) -> Option<(u64, f32, f32)> {
        self.state.evaluations.last().copied()
    }

    /// Whether the state at a step, that of a checkpoint by steps, is one to go back to.
    pub(super) fn keeps(&self, step: u64, train: &TrainConfig) -> bool {
        let interval = train.checkpoint_interval;
        let is_due = step == 0 || (interval > 0 && step.is_multiple_of(interval));
        self.settings.acts() && self.has_loss && is_due && self.state.bad_steps == 0
    }

    /// Looks at what a step reports, the z-score of its loss among it, which is worth a curve.
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
            found.push(Finding {
                kind: GuardKind::NonFinite,
                severity: GuardSeverity::Critical,
                since,
                text: format!(
                    "No gradient has been finite since step {since}, {most} steps in a row. Usually weights or activations have become too large \
                     (the learning rate is too high), or weights are no longer numbers."
                ),
                value: most as f32,
                threshold: most as f32,
            });
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
                found.push(Finding {
                    kind: GuardKind::LossSpike,
                    severity: if self.is_of_pairs { GuardSeverity::Info } else { GuardSeverity::Critical },
                    since: step,
                    text: format!(
                        "The loss of step {step} is {loss:.3}, {z:.1} standard deviations above the mean of the last {size} steps. {}",
                        if self.is_of_pairs {
                            "Once the model ranks most pairs correctly, a few always stand out."
                        } else {
                            "A single such step usually has an unusual batch: another language, broken text, one line again and again."
                        }
                    ),
                    value: z as f32,
                    threshold: self.settings.loss_z,
                });
            }
            let limit = f64::from(self.settings.rise);
            let risen = rise::rise(&self.state.losses, size).filter(|(_, _, z)| *z >= limit);
            // A spike is told of as one.
            let spikes = found.iter().any(|found| found.kind == GuardKind::LossSpike);
            if let Some((now, before, z)) =
                risen.filter(|_| !spikes && self.is_news(GuardKind::LossRise, step))
            {
                let last = size / rise::PART;
                let since = (step + 1).saturating_sub(last as u64);
                found.push(Finding {
                    kind: GuardKind::LossRise,
                    severity: GuardSeverity::Critical,
                    since,
                    text: format!(
                        "The loss has risen since about step {since}: the median of the last {last} steps is {now:.3}; the mean before was \
                         {before:.3}, {z:.1} standard deviations less. Usually the learning rate is too high."
                    ),
                    value: z as f32,
                    threshold: self.settings.rise,
                });
            }
        }
        if report.gradient_norm.is_finite() {
            let norm = report.gradient_norm;
            let z = outlier::z_score(&mut self.state.gradient_norms, norm, size, 0.0);
            let limit = f64::from(self.settings.gradient_z);
            if let Some(z) = z.filter(|z| *z >= limit && self.is_news(GuardKind::GradientSpike, step)) {
                let is_within = f64::from(norm) <= self.clipping;
                // Once a run has learned its text, gradients are so short that any batch with a mistake stands out.
                let has_learned = is_within && outlier::is_near_0(&self.state.losses);
                found.push(Finding {
                    kind: GuardKind::GradientSpike,
                    severity: if has_learned { GuardSeverity::Info } else { GuardSeverity::Warning },
                    since: step,
                    text: format!(
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
                    ),
                    value: z as f32,
                    threshold: self.settings.gradient_z,
                });
            }
        }
        (found, score)
    }

    /// Looks at an evaluation of a run of so many steps, at a learning rate that is this share of the peak. One that it knows is none.
    pub(super) fn evaluation(&mut self, losses: (u64, f32, f32), rate: f64, steps: u64) -> Vec<Finding> {
        let (step, train, validation) = losses;
        let is_known = self.last_evaluation().is_some_and(|last| last.0 >= step);
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
        let mut found = Vec::new();
        if let Some(start) = self.begins(GuardKind::WorseThanStart, step, worse) {
            let stays = if self.is_of_trained {
                " The weights of step 0 remain the best until an evaluation improves on them."
            } else {
                ""
            };
            found.push(Finding {
                kind: GuardKind::WorseThanStart,
                severity: GuardSeverity::Warning,
                since: 0,
                text: format!(
                    "The validation loss is {validation:.4} at step {step}, and was {start:.4} at step 0: so far the run has made the model worse. The learning rate is probably too high.{stays}"
                ),
                value: validation,
                threshold: start,
            });
        }
        if let Some(first) = self.begins(GuardKind::Overfitting, step, overfits) {
            let (since, _, before) = first;
            found.push(Finding {
                kind: GuardKind::Overfitting,
                severity: GuardSeverity::Warning,
                since,
                text: format!(
                    "The validation loss has risen since step {since}, from {before:.4} to {validation:.4}, while the training loss fell to \
                     {train:.4}. The model memorises its training text. The best checkpoint is kept; use more text, dropout, fewer steps or a \
                     smaller model."
                ),
                value: validation,
                threshold: before,
            });
        }
        let is_long = |(since, ..): &evaluations::Losses| step.saturating_sub(*since) >= steps / STANDSTILL;
        let stands = stands.filter(|since| rate >= ENDING && overfits.is_none() && is_long(since));
        if let Some(first) = self.begins(GuardKind::Plateau, step, stands) {
            let (since, _, before) = first;
            found.push(Finding {
                kind: GuardKind::Plateau,
                severity: GuardSeverity::Info,
                since,
                text: format!(
                    "Neither loss has fallen since step {since} (validation {before:.4}). Either the model has learned all it can from this text, or \
                     the learning rate does not fit: use a lower one if the losses go up and down, a higher one if they hardly move."
                ),
                value: validation,
                threshold: before,
            });
        }
        found
    }

    /// Whether a sample was looked at before the state was saved that the run goes on from.
    pub(super) fn knows_sample(&self, step: u64) -> bool {
        self.state.sample.is_some_and(|last| last >= step)
    }

    /// Looks at a sample.
    pub(super) fn sample(&mut self, step: u64, text: &str) -> Option<Finding> {
        self.state.sample = self.state.sample.max(Some(step));
        let share = repetition::repeated_share(text).filter(|_| self.looks())?;
        self.circles = if share >= REPEATED { (self.circles + 1).min(SAMPLES + 1) } else { 0 };
        (self.circles == SAMPLES).then(|| Finding {
            kind: GuardKind::Repetition,
            severity: GuardSeverity::Info,
            since: step,
            text: format!(
                "The last {SAMPLES} samples repeat themselves: {:.0} % of the one at step {step} occurred earlier in it. Young and small models do \
                 this; later in a run, the training text is repetitive or the sampling too greedy.",
                share * 100.0
            ),
            value: share,
            threshold: REPEATED,
        })
    }

    /// Puts off layers, or says that they are looked at now.
    pub(super) fn put_off_layers(&mut self, puts_off: bool) {
        self.state.layers_due = puts_off;
    }

    /// Whether layers are still to be looked at, though their state is saved.
    pub(super) fn layers_are_due(&self) -> bool {
        self.state.layers_due
    }

    /// Looks at the state of a checkpoint by steps, whose last step had this learning rate.
    pub(super) fn layers(&mut self, found: &layers::Layers, step: u64, is_settled: bool) -> Vec<Finding> {
        let mut all = Vec::new();
        if !self.looks() {
            return all;
        }
        let explodes = found.parts.iter().find(|part| {
            !part.is_finite || (is_settled && part.update.is_some_and(|update| update > layers::MAX_UPDATE))
        });
        if let Some(part) = self.begins(GuardKind::ExplodingLayer, step, explodes) {
            let what = match part.update.filter(|_| part.is_finite) {
                Some(update) => format!(
                    "An update at step {step} changed the weights of {} by {:.0} % of their norm; a thousandth is typical. The learning rate is too \
                     high for it.",
                    part.name,
                    update * 100.0
                ),
                None => format!(
                    "Weights of {} are not finite at step {step}. Nothing more can be learned: the run must return to a checkpoint.",
                    part.name
                ),
            };
            all.push(Finding {
                kind: GuardKind::ExplodingLayer,
                severity: GuardSeverity::Warning,
                since: step,
                text: what,
                value: part.update.unwrap_or(f64::NAN) as f32,
                threshold: layers::MAX_UPDATE as f32,
            });
        }
        let dead = found.dead.first().filter(|_| is_settled);
        if let Some(name) = self.begins(GuardKind::DeadLayer, step, dead) {
            let others = match found.dead.len() - 1 {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            all.push(Finding {
                kind: GuardKind::DeadLayer,
                severity: GuardSeverity::Warning,
                since: step,
                text: format!(
                    "No gradient reaches {name}{others} at step {step}, so it does not learn. The cause is units that are off for every token (ReLU \
                     after too large an update), or zero weights after it."
                ),
                value: 0.0,
                threshold: 0.0,
            });
        }
        all
    }

    /// What is to be done about a finding.
    pub(super) fn action(&self, finding: &Finding, step: u64) -> GuardAction {
        let (acted, most) = self.acted();
        if acted < most as usize { self.asked(finding, step) } else { GuardAction::Note }
    }

    /// What the settings say against a finding, had nothing been done yet. One that comes back soon after something was done was not the
    /// batch's fault.
    pub(super) fn asked(&self, finding: &Finding, step: u64) -> GuardAction {
        // Of pairs a few always stand out.
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
        // A round of answers cannot be taken back.
        match asked {
            GuardAction::Skip | GuardAction::GoBack if !self.has_loss => GuardAction::Lower,
            asked => asked,
        }
    }

    /// What was done last, where that was within a window of a step. Evaluations and samples say nothing of batches or states, and a step
    /// that is odd in two ways has not come back.
    fn lately(&self, step: u64) -> Option<&Intervention> {
        let last = self.state.interventions.iter().rfind(|one| is_of_steps(one.kind));
        let has_come_back = |last: &&Intervention| !(last.seen == step && last.action == GuardAction::Lower);
        last.filter(|last| step <= last.seen + self.settings.window as u64).filter(has_come_back)
    }

    /// Whether the rate was lowered for something else that was seen at a step.
    fn is_lowered_at(&self, step: u64) -> bool {
        let at = |one: &&Intervention| one.seen == step && one.action == GuardAction::Lower;
        self.state.interventions.iter().rfind(at).is_some_and(|one| is_of_steps(one.kind))
    }

    /// Which of the states that are kept to go back to, ascending, the newest from before a finding first; where going back did not help a
    /// moment ago, those from before that.
    pub(super) fn candidates(&self, kept: &[u64], finding: &Finding, step: u64) -> Vec<u64> {
        let begun = match finding.kind {
            // What rises began before it was seen to.
            GuardKind::LossRise => finding.since.saturating_sub((self.settings.window / rise::PART) as u64),
            // And what is looked at now and then, after it was last well.
            GuardKind::ExplodingActivations | GuardKind::SilentPart => {
                self.state.activations.iter().rev().nth(1).map_or(0, |(step, _)| *step)
            }
            // It takes so long at least until a death shows; where it was dead before that, the next time goes further back.
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

    /// What an action comes to: seen at a step, it concerns the steps from `from` on.
    pub(super) fn intervention(
        &self,
        finding: &Finding,
        action: GuardAction,
        seen: u64,
        from: u64,
    ) -> Intervention {
        let lowers = action != GuardAction::Skip;
        let until = (lowers && self.settings.rate_steps > 0).then(|| from + self.settings.rate_steps);
        // A rate that is far too high is not lowered far enough by as much again: the next time is once more than the last.
        let last = self.lately(seen).filter(|_| is_of_steps(finding.kind)).map_or(1.0, |last| last.factor);
        let factor = if lowers { last * self.settings.rate_factor } else { 1.0 };
        Intervention { seen, kind: finding.kind, action, from, until, factor }
    }

    /// Records something that was done.
    pub(super) fn intervene(&mut self, intervention: Intervention) {
        self.state.interventions.push(intervention);
    }

    /// Remembers what it did at the state of a step that the run went back to; what was done since stays done, that of its sample too.
    pub(super) fn return_to(&mut self, state: Option<GuardState>, step: u64) {
        let interventions = std::mem::take(&mut self.state.interventions);
        self.state = GuardState { interventions, sample: Some(step), ..state.unwrap_or_default() };
        self.circles = 0;
    }

    /// How often it has acted, and how often it may.
    pub(super) fn acted(&self) -> (usize, u32) {
        (self.state.interventions.len(), self.settings.retries)
    }

    /// Whether this kind was not told of within a window, and notes that it is now.
    fn is_news(&mut self, kind: GuardKind, step: u64) -> bool {
        let window = self.settings.window as u64;
        let is_news = self.state.told.get(&kind).is_none_or(|told| step >= told + window);
        if is_news {
            self.state.told.insert(kind, step);
        }
        is_news
    }

    /// What is seen now and was not at the last look.
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

/// Whether steps and states show it, rather than evaluations or samples.
fn is_of_steps(kind: GuardKind) -> bool {
    !matches!(
        kind,
        GuardKind::Plateau | GuardKind::Overfitting | GuardKind::WorseThanStart | GuardKind::Repetition
    )
}

/// What a checkpoint's state says of the layers.
pub(super) fn look_at_layers(
    parameters: &[Parameter],
    state: &ArenaState,
    train: &TrainConfig,
    step: u64,
    learning_rate: f64,
) -> layers::Layers {
    layers::layers(parameters, state, &Optimizer::of(train), step, learning_rate)
}

#[cfg(test)]
mod tests;
