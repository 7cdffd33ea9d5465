//! The run in training, or the last trained one.

use glasshouse_protocol::{
    Command, DeviceSummary, Event, GuardAction, GuardReport, PreferenceMetrics, ProfileEntry, ProfileMethod,
    RewardMetrics, RunSummary, TrainEvent, TrainingState,
};

/// Maximum points of a curve; beyond it, every second one is dropped.
const MAX_POINTS: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPoint {
    pub step: u64,
    pub loss: f32,
    pub lr: f64,
    /// Before clipping.
    pub grad_norm: f32,
    pub tokens_per_s: f64,
    pub skipped: bool,
}

impl StepPoint {
    /// The point of a step, or one without numbers at a gap in the metrics.
    pub fn of(event: &TrainEvent) -> Option<Self> {
        match *event {
            TrainEvent::Step { step, loss, lr, grad_norm, tokens_per_s, skipped } => {
                Some(Self { step, loss, lr, grad_norm, tokens_per_s, skipped })
            }
            TrainEvent::Gap { to, .. } => {
                let ([loss, grad_norm], [lr, tokens_per_s]) = ([f32::NAN; 2], [f64::NAN; 2]);
                Some(Self { step: to, loss, lr, grad_norm, tokens_per_s, skipped: false })
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvalPoint {
    pub step: u64,
    pub train_loss: f32,
    pub val_loss: f32,
    /// Lowest validation loss so far.
    pub best: bool,
    /// Metrics of the validation split's preference pairs, if any.
    pub preference: Option<PreferenceMetrics>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub step: u64,
    /// Prompt and completion.
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Training {
    pub state: TrainingState,
    /// `None` before the first run. While it trains, its numbers follow the events; the list of runs has the same.
    pub run: Option<RunSummary>,
    pub device: Option<DeviceSummary>,
    /// The step at which this session began.
    pub began_at: u64,
    /// The history before `began_at` is included.
    pub whole: bool,
    pub estimated_seconds: Option<f64>,
    /// Estimated remaining seconds, once the engine can tell.
    pub left: Option<f64>,
    /// Reward metrics by step, for runs that learn from their own answers. Thinned like the curves, but the last one is always
    /// kept.
    pub rewards: Vec<(u64, RewardMetrics)>,
    /// Preference metrics by step, for runs that learn from pairs; thinned likewise.
    pub pairs: Vec<(u64, PreferenceMetrics)>,
    /// The curves, thinned evenly as they grow.
    pub points: Vec<StepPoint>,
    /// Steps between kept points.
    pub stride: u64,
    pub evaluations: Vec<EvalPoint>,
    /// Accuracy on the training and the held-out rows by step, for runs with labels or answers.
    pub accuracies: Vec<(u64, [f32; 2])>,
    /// Oldest first.
    pub samples: Vec<Sample>,
    /// Reports of the training guard, oldest first.
    pub guard: Vec<GuardReport>,
    /// Newest last.
    pub notices: Vec<String>,
    pub saved: Option<u64>,
    /// The last profile of a step: entries, milliseconds per step, milliseconds of launch overhead, method.
    pub profile: Option<(Vec<ProfileEntry>, f64, f64, ProfileMethod)>,
    /// Smoothed over about the last twenty steps; `None` before the first.
    pub tokens_per_s: Option<f64>,
}

impl Training {
    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match event {
            Event::TrainingStarted { run, device, step, estimated_seconds, .. } => {
                let goes_on =
                    self.run.as_ref().is_some_and(|before| before.name == run.name) && self.step() == *step;
                if !goes_on {
                    *self = Self { stride: 1, whole: *step == 0, ..Self::default() };
                }
                self.state = TrainingState::Running;
                self.began_at = *step;
                self.estimated_seconds = *estimated_seconds;
                self.device = Some((**device).clone());
                self.run = Some(RunSummary { step: *step, ..run.clone() });
            }
            Event::Training { events, seconds } => {
                events.iter().for_each(|event| self.take(event));
                if let (Some((spent, left)), Some(run)) = (seconds, &mut self.run) {
                    (run.seconds, self.left) = (*spent, Some(*left));
                }
            }
            Event::TrainingState { state, step, steps } => {
                self.state = *state;
                if !matches!(state, TrainingState::Idle | TrainingState::Preparing)
                    && let Some(run) = &mut self.run
                {
                    (run.step, run.steps) = (*step, *steps);
                }
            }
            Event::TrainingEnded { run } => {
                self.state = TrainingState::Idle;
                self.run = Some(run.clone());
            }
            Event::Failed { .. }
                if matches!(
                    asked,
                    Some(Command::Train { .. } | Command::TrainFirst { .. } | Command::Resume { .. })
                ) && self.state == TrainingState::Preparing =>
            {
                // A run refused because another trains does not affect that one.
                self.state = TrainingState::Idle;
            }
            Event::Profile { entries, step_ms, launch_overhead_ms, method } => {
                self.profile = Some((entries.clone(), *step_ms, *launch_overhead_ms, *method));
            }
            // The last trained run was deleted or renamed.
            Event::Runs { runs } => {
                let known = self.run.as_ref().and_then(|own| runs.iter().find(|run| run.name == own.name));
                match (known, &mut self.run) {
                    // The engine's record lags behind the events.
                    (Some(known), Some(own)) if self.state != TrainingState::Idle => {
                        let RunSummary { title, tags, notes, checkpoints, .. } = known.clone();
                        (own.title, own.tags, own.notes, own.checkpoints) = (title, tags, notes, checkpoints);
                    }
                    (Some(known), Some(own)) => own.clone_from(known),
                    (None, Some(_)) if self.state == TrainingState::Idle => *self = Self::default(),
                    _ => {}
                }
            }
            Event::Project { .. } => *self = Self::default(),
            _ => {}
        }
    }

    /// The state of a past run, as if it had just been trained.
    pub fn of_history(run: &RunSummary, history: &super::History) -> Self {
        let mut training = Self { stride: 1, whole: true, ..Self::default() };
        history.events.iter().for_each(|event| training.take(event));
        training.estimated_seconds = run.estimated_seconds;
        training.run = Some(run.clone());
        training
    }

    /// Prepends the run's history before this session, once.
    pub(super) fn lead_with(&mut self, history: &super::History) {
        if self.whole {
            return;
        }
        let mut past = Self { stride: 1, ..Self::default() };
        let before = |event: &&TrainEvent| event.step().is_some_and(|step| step <= self.began_at);
        history.events.iter().filter(before).for_each(|event| past.take(event));
        self.points.splice(0..0, past.points);
        self.evaluations.splice(0..0, past.evaluations);
        self.accuracies.splice(0..0, past.accuracies);
        self.rewards.splice(0..0, past.rewards);
        self.pairs.splice(0..0, past.pairs);
        self.samples.splice(0..0, past.samples);
        self.guard.splice(0..0, past.guard);
        self.whole = true;
    }

    pub fn step(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.step)
    }

    pub fn steps(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.steps)
    }

    pub fn take(&mut self, event: &TrainEvent) {
        if let Some(run) = &mut self.run {
            run.follow(event);
        }
        match *event {
            TrainEvent::Step { step, tokens_per_s, .. } => {
                let point = StepPoint::of(event);
                let before = self.tokens_per_s.unwrap_or(tokens_per_s);
                self.tokens_per_s = Some(before + 0.05 * (tokens_per_s - before));
                self.points.extend(point.filter(|_| keeps(self.stride, step)));
                self.thin();
            }
            TrainEvent::Eval { step, train_loss, val_loss, best, preference } => {
                self.evaluations.push(EvalPoint { step, train_loss, val_loss, best, preference });
            }
            TrainEvent::Accuracy { step, train, validation } => {
                self.accuracies.push((step, [train, validation]));
                // This run generates no samples; its scores are shown instead.
                let [train, validation] = [train, validation].map(crate::format::percent);
                let text =
                    format!("correct on {train} of the training rows, {validation} of the held-out rows");
                self.samples.push(Sample { step, text });
            }
            TrainEvent::Reward { step, metrics } => {
                self.rewards.pop_if(|(last, _)| !keeps(self.stride, *last));
                self.rewards.push((step, metrics));
                self.thin();
            }
            TrainEvent::Preference { step, metrics } => {
                self.pairs.pop_if(|(last, _)| !keeps(self.stride, *last));
                self.pairs.push((step, metrics));
                self.thin();
            }
            TrainEvent::Sample { step, ref text } => {
                self.samples.push(Sample { step, text: text.clone() });
            }
            TrainEvent::Checkpoint { step, .. } => self.saved = Some(step),
            TrainEvent::Guard(ref report) => {
                if report.went_back() {
                    self.go_back(report.step);
                }
                self.guard.push(report.clone());
            }
            TrainEvent::Gap { from, to } => {
                self.points.extend(StepPoint::of(event));
                self.notices.push(format!(
                    "The metrics of steps {from} to {to} are lost, as after a power cut. The checkpoint includes these steps; the curves have a gap."
                ));
            }
            TrainEvent::Notice { ref text } => self.notices.push(text.clone()),
            TrainEvent::Done { .. } => {}
        }
    }

    /// Forgets everything after `step`, to which the run was rolled back.
    fn go_back(&mut self, step: u64) {
        self.points.retain(|point| point.step <= step);
        self.evaluations.retain(|point| point.step <= step);
        if let (Some(run), Some(last)) = (&mut self.run, self.evaluations.last()) {
            let best = self.evaluations.iter().rfind(|point| point.best);
            (run.val_loss, run.val_step) = (Some(last.val_loss), Some(last.step));
            (run.best_val_loss, run.best_step) = (best.map(|best| best.val_loss), best.map(|best| best.step));
        }
        self.accuracies.retain(|(at, _)| *at <= step);
        self.rewards.retain(|(at, _)| *at <= step);
        self.pairs.retain(|(at, _)| *at <= step);
        self.samples.retain(|sample| sample.step <= step);
        // Mere notes about the undone steps are void, and may be reported again.
        self.guard.retain(|report| report.step <= step || report.action != GuardAction::Note);
        // A history that is still on its way must not bring the undone steps back.
        self.began_at = self.began_at.min(step);
    }

    /// Halves the points of curves that are too long.
    fn thin(&mut self) {
        if self.points.len().max(self.rewards.len()).max(self.pairs.len()) <= MAX_POINTS {
            return;
        }
        self.stride = self.stride.max(1) * 2;
        // Points that mark a gap are kept.
        self.points.retain(|point| keeps(self.stride, point.step) || point.lr.is_nan());
        thin_measured(&mut self.rewards, self.stride);
        thin_measured(&mut self.pairs, self.stride);
    }

    pub fn seconds_per_step(&self, tokens_per_step: u64) -> Option<f64> {
        self.tokens_per_s.filter(|speed| *speed > 0.0).map(|speed| tokens_per_step as f64 / speed)
    }
}

/// Whether curves with this stride keep `step`.
fn keeps(stride: u64, step: u64) -> bool {
    step.is_multiple_of(stride.max(1)) || step == 1
}

/// Drops measurements of steps that the curves do not keep, except the last one.
fn thin_measured<T>(measured: &mut Vec<(u64, T)>, stride: u64) {
    let last = measured.last().map(|(step, _)| *step);
    measured.retain(|(step, _)| keeps(stride, *step) || Some(*step) == last);
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{GuardKind, GuardSeverity};

    #[test]
    fn a_run_that_went_back_has_one_past_and_what_the_guard_saw() {
        let mut training = Training { run: Some(RunSummary::default()), ..Training::default() };
        let step = |step: u64, loss: f32| {
            let (lr, grad_norm, tokens_per_s, skipped) = (1e-3, 1.0, 1e3, false);
            TrainEvent::Step { step, loss, lr, grad_norm, tokens_per_s, skipped }
        };
        for at in 1..=10 {
            training.take(&step(at, if at == 10 { 9.0 } else { 2.0 }));
        }
        training.take(&TrainEvent::Sample { step: 9, text: "gone".to_owned() });
        let mut report = GuardReport {
            step: 10,
            seen: 10,
            since: 10,
            kind: GuardKind::LossSpike,
            severity: GuardSeverity::Critical,
            text: "The loss of step 10 is 9.".to_owned(),
            action: GuardAction::Note,
            value: Some(11.0),
            threshold: Some(6.0),
            documents: Vec::new(),
        };
        training.take(&TrainEvent::Guard(report.clone()));
        assert_eq!((training.step(), training.points.len()), (10, 10), "a note changes nothing");
        (report.step, report.action) = (6, GuardAction::GoBack);
        training.take(&TrainEvent::Guard(report));
        training.take(&step(7, 2.0));
        let steps: Vec<u64> = training.points.iter().map(|point| point.step).collect();
        assert_eq!((steps, training.step()), ((1..=7).collect(), 7));
        assert!(training.samples.is_empty(), "{:?}", training.samples);
        let [back] = training.guard.as_slice() else { panic!("{:?}", training.guard) };
        assert_eq!((back.seen, back.step), (10, 6), "what was noted of a step that is gone is void");
    }

    #[test]
    fn curves_are_thinned_alike_and_the_last_answers_stay() {
        let mut training = Training::default();
        let last = 3 * MAX_POINTS as u64 + 1;
        for step in 1..=last {
            training.take(&TrainEvent::Reward { step, metrics: RewardMetrics::default() });
            training.take(&TrainEvent::Preference { step, metrics: PreferenceMetrics::default() });
            let (loss, lr, grad_norm, tokens_per_s, skipped) = (1.0, 1e-3, 1.0, 1e3, false);
            training.take(&TrainEvent::Step { step, loss, lr, grad_norm, tokens_per_s, skipped });
        }
        assert!(training.points.len() <= MAX_POINTS && training.rewards.len() <= MAX_POINTS);
        let of_points: Vec<u64> = training.points.iter().map(|point| point.step).collect();
        let of_rewards: Vec<u64> = training.rewards.iter().map(|(step, _)| *step).collect();
        assert_eq!(of_rewards, [&of_points[..], &[last]].concat());
        let of_pairs: Vec<u64> = training.pairs.iter().map(|(step, _)| *step).collect();
        assert_eq!(of_pairs, of_rewards);
    }
}
