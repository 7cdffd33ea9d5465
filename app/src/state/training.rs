//! The run in training, or the one that trained last.

use glasshouse_protocol::{
    Command, DeviceSummary, Event, GuardAction, GuardReport, PreferenceMetrics, ProfileEntry, ProfileMethod,
    RewardMetrics, RunSummary, TrainEvent, TrainingState,
};

/// Points that a curve keeps at most; then every second one is dropped.
const MAX_POINTS: usize = 8192;

/// A step on the curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPoint {
    /// Steps done.
    pub step: u64,
    /// Training loss.
    pub loss: f32,
    /// Learning rate.
    pub lr: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f32,
    /// Training tokens per second.
    pub tokens_per_s: f64,
    /// The step was skipped.
    pub skipped: bool,
}

/// An evaluation on the curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvalPoint {
    /// Steps done.
    pub step: u64,
    /// Loss on the training split.
    pub train_loss: f32,
    /// Loss on the validation split.
    pub val_loss: f32,
    /// Lowest so far.
    pub best: bool,
    /// What the pairs of the validation split come to, where there are any.
    pub preference: Option<PreferenceMetrics>,
}

/// What the model wrote at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Steps done.
    pub step: u64,
    /// Prompt and continuation.
    pub text: String,
}

/// A run.
#[derive(Debug, Default)]
pub struct Training {
    /// Whether it goes on.
    pub state: TrainingState,
    /// The run; `None` before the first.
    pub run: Option<RunSummary>,
    /// The device that it is on.
    pub device: Option<DeviceSummary>,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Step that this session began at.
    pub began_at: u64,
    /// What came before that step is here too.
    pub whole: bool,
    /// Seconds that it was estimated to take.
    pub estimated_seconds: Option<f64>,
    /// Seconds so far and estimated seconds left, once the engine can tell.
    pub seconds: Option<(f64, f64)>,
    /// What the answers of a step were worth, where the run learns from its own answers: thinned as the curves are, the last one aside.
    pub rewards: Vec<(u64, RewardMetrics)>,
    /// What the pairs of a step came to, where the run learns preferences: likewise.
    pub pairs: Vec<(u64, PreferenceMetrics)>,
    /// The curves, thinned evenly when they grow long.
    pub points: Vec<StepPoint>,
    /// A point is kept every so many steps.
    pub stride: u64,
    /// The last step, whether or not the curves keep it.
    pub last: Option<StepPoint>,
    /// Evaluations.
    pub evaluations: Vec<EvalPoint>,
    /// Samples, oldest first.
    pub samples: Vec<Sample>,
    /// What the guard saw, oldest first.
    pub guard: Vec<GuardReport>,
    /// Notices of the run, newest last.
    pub notices: Vec<String>,
    /// Step of the last checkpoint.
    pub saved: Option<u64>,
    /// Where a step's time went, when that was asked: entries, milliseconds per step, of launch overhead, method.
    pub profile: Option<(Vec<ProfileEntry>, f64, f64, ProfileMethod)>,
    /// Tokens per second, smoothed over about the last twenty steps; `None` before the first.
    pub tokens_per_s: Option<f64>,
}

impl Training {
    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match event {
            Event::TrainingStarted { run, device, step, estimated_seconds } => {
                let goes_on =
                    self.run.as_ref().is_some_and(|before| before.name == run.name) && self.step == *step;
                if !goes_on {
                    *self = Self { stride: 1, whole: *step == 0, ..Self::default() };
                }
                self.state = TrainingState::Running;
                self.step = *step;
                self.began_at = *step;
                self.steps = run.steps;
                self.estimated_seconds = *estimated_seconds;
                self.device = Some((**device).clone());
                self.run = Some(run.clone());
            }
            Event::Training { events } => events.iter().for_each(|event| self.take(event)),
            Event::TrainingTime { seconds, seconds_left } => self.seconds = Some((*seconds, *seconds_left)),
            Event::TrainingState {
                state: state @ (TrainingState::Idle | TrainingState::Preparing), ..
            } => {
                self.state = *state;
            }
            Event::TrainingState { state, step, steps } => {
                self.state = *state;
                self.step = *step;
                self.steps = *steps;
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
                // One that is refused while another trains leaves that one alone.
                self.state = TrainingState::Idle;
            }
            Event::Profile { entries, step_ms, launch_overhead_ms, method } => {
                self.profile = Some((entries.clone(), *step_ms, *launch_overhead_ms, *method));
            }
            // The one that trained last was deleted; or was given a title.
            Event::Runs { runs } => {
                let known = self.run.as_ref().and_then(|own| runs.iter().find(|run| run.name == own.name));
                match (known, &mut self.run) {
                    (Some(known), Some(own)) => {
                        (own.title, own.tags, own.notes) =
                            (known.title.clone(), known.tags.clone(), known.notes.clone());
                    }
                    (None, Some(_)) if self.state == TrainingState::Idle => *self = Self::default(),
                    _ => {}
                }
            }
            Event::ProjectOpened { .. } | Event::ProjectClosed => *self = Self::default(),
            _ => {}
        }
    }

    /// A run of the past, as it would stand here had it just trained.
    pub fn of_history(run: &RunSummary, history: &super::History) -> Self {
        let mut training = Self { stride: 1, whole: true, ..Self::default() };
        history.events.iter().for_each(|event| training.take(event));
        training.step = run.step;
        training.steps = run.steps;
        training.estimated_seconds = run.estimated_seconds;
        training.run = Some(run.clone());
        training
    }

    /// Puts what a run's history holds before this session in front of it, once.
    pub(super) fn lead_with(&mut self, history: &super::History) {
        if self.whole {
            return;
        }
        let mut past = Self { stride: 1, ..Self::default() };
        let before = |event: &&TrainEvent| event.step().is_some_and(|step| step <= self.began_at);
        history.events.iter().filter(before).for_each(|event| past.take(event));
        self.points.splice(0..0, past.points);
        self.evaluations.splice(0..0, past.evaluations);
        self.rewards.splice(0..0, past.rewards);
        self.pairs.splice(0..0, past.pairs);
        self.samples.splice(0..0, past.samples);
        self.guard.splice(0..0, past.guard);
        self.whole = true;
    }

    /// Takes in what a run tells.
    pub fn take(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Step { step, loss, lr, grad_norm, tokens_per_s, skipped } => {
                let point = StepPoint {
                    step: *step,
                    loss: *loss,
                    lr: *lr,
                    grad_norm: *grad_norm,
                    tokens_per_s: *tokens_per_s,
                    skipped: *skipped,
                };
                self.step = *step;
                self.last = Some(point);
                let before = self.tokens_per_s.unwrap_or(*tokens_per_s);
                self.tokens_per_s = Some(before + 0.05 * (tokens_per_s - before));
                if self.keeps(*step) {
                    self.points.push(point);
                }
                self.thin();
            }
            TrainEvent::Eval { step, train_loss, val_loss, best, preference } => {
                self.evaluations.push(EvalPoint {
                    step: *step,
                    train_loss: *train_loss,
                    val_loss: *val_loss,
                    best: *best,
                    preference: *preference,
                });
            }
            TrainEvent::Accuracy { step, train, validation } => {
                // It writes no samples, and this says as much of what it can do.
                let [train, validation] = [train, validation].map(|share| share * 100.0);
                let text = format!(
                    "right on {train:.1} % of the training texts, {validation:.1} % of the validation texts"
                );
                self.samples.push(Sample { step: *step, text });
            }
            TrainEvent::Reward { step, metrics } => {
                self.rewards.pop_if(|(last, _)| !keeps(self.stride, *last));
                self.rewards.push((*step, *metrics));
                self.thin();
            }
            TrainEvent::Preference { step, metrics } => {
                self.pairs.pop_if(|(last, _)| !keeps(self.stride, *last));
                self.pairs.push((*step, *metrics));
                self.thin();
            }
            TrainEvent::Sample { step, text } => {
                self.samples.push(Sample { step: *step, text: text.clone() });
            }
            TrainEvent::Checkpoint { step, .. } => self.saved = Some(*step),
            TrainEvent::Guard(report) => {
                if report.went_back() {
                    self.go_back(report.step);
                }
                self.guard.push(report.clone());
            }
            TrainEvent::Gap { from, to } => {
                let nothing = f32::NAN;
                self.points.push(StepPoint {
                    step: *to,
                    loss: nothing,
                    lr: f64::NAN,
                    grad_norm: nothing,
                    tokens_per_s: f64::NAN,
                    skipped: false,
                });
                self.notices.push(format!(
                    "The record of steps {from} to {to} is lost, as after a power cut. Their work is in the checkpoint; the curves have a gap there."
                ));
            }
            TrainEvent::Notice { text } => self.notices.push(text.clone()),
            TrainEvent::Done { step, .. } => self.step = *step,
        }
    }

    /// Forgets what came after a step: the run went back to it.
    fn go_back(&mut self, step: u64) {
        self.step = step;
        self.points.retain(|point| point.step <= step);
        self.evaluations.retain(|point| point.step <= step);
        self.rewards.retain(|(at, _)| *at <= step);
        self.pairs.retain(|(at, _)| *at <= step);
        self.samples.retain(|sample| sample.step <= step);
        // What was only told of those steps is void, and may be told again.
        self.guard.retain(|report| report.step <= step || report.action != GuardAction::Note);
        // What a past that is still on its way knows of them is void, too.
        self.began_at = self.began_at.min(step);
    }

    /// Whether the curves keep a step.
    fn keeps(&self, step: u64) -> bool {
        keeps(self.stride, step)
    }

    /// Drops every second step of curves that grew long.
    fn thin(&mut self) {
        if self.points.len().max(self.rewards.len()).max(self.pairs.len()) <= MAX_POINTS {
            return;
        }
        self.stride = self.stride.max(1) * 2;
        // What stands for a gap stays.
        self.points.retain(|point| keeps(self.stride, point.step) || point.lr.is_nan());
        thin_measured(&mut self.rewards, self.stride);
        thin_measured(&mut self.pairs, self.stride);
    }

    /// Seconds of a step at the present pace, once there is one.
    pub fn seconds_per_step(&self, tokens_per_step: u64) -> Option<f64> {
        self.tokens_per_s.filter(|speed| *speed > 0.0).map(|speed| tokens_per_step as f64 / speed)
    }
}

/// Whether curves of which every so many steps are kept have this one.
fn keeps(stride: u64, step: u64) -> bool {
    step.is_multiple_of(stride.max(1)) || step == 1
}

/// Drops of what steps measured those that the curves do not keep, the last one aside.
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
        let mut training = Training::default();
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
        assert_eq!((training.step, training.points.len()), (10, 10), "a note changes nothing");
        (report.step, report.action) = (6, GuardAction::GoBack);
        training.take(&TrainEvent::Guard(report));
        training.take(&step(7, 2.0));
        let steps: Vec<u64> = training.points.iter().map(|point| point.step).collect();
        assert_eq!((steps, training.step), ((1..=7).collect(), 7));
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
