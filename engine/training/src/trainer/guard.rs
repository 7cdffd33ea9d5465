//! The trainer's part of the guard: records and reports findings, and performs the configured actions.
//!
//! Actions depend only on steps: on the checkpoints due by `train.checkpoint_interval`, never on those added by the clock or the
//! user, nor on the size of step groups. So a repeated or interrupted run acts the same.

use super::{MAX_GROUP_STEPS, Trainer, average, step_input_after, unless_stopped};
use crate::TrainEvent;
use crate::guard::{Finding, activations, look_at_layers};
use crate::tensorboard::TensorboardWriter;
use glasshouse_compiler::model::LOAD;
use glasshouse_compiler::step::{ArenaState, LossScale, StepReport};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_project::checkpoint::Loaded;
use glasshouse_project::metrics::MetricsWriter;
use glasshouse_protocol::{
    GuardAction, GuardDocument, GuardMode, GuardReport, Intervention, Precision, quantity,
};
use glasshouse_text::data::prepare::open_tokenizer;

/// A run has diverged after this many consecutive steps without a finite gradient; in mixed precision, in addition to those
/// needed to find a loss scale.
const DIVERGED_AFTER: u32 = 10;
/// Samples in the first 1/n of a run's steps are not checked.
const YOUNG: u64 = 4;

impl Trainer<'_> {
    /// The learning rate of a step (from 0): the range test's, or the schedule's, as lowered by the guard.
    pub(super) fn learning_rate_at(&self, step: u64) -> f64 {
        if let Some(test) = &self.options.range_test {
            return test.rate_at(step);
        }
        self.config.train.learning_rate_at(step) * Intervention::factor(&self.guard.state.interventions, step)
    }

    /// Whether a checkpoint is due at this step by its number.
    fn saves_by_steps(&self) -> bool {
        let train = &self.config.train;
        let is_due = train.checkpoint_interval > 0 && self.step.is_multiple_of(train.checkpoint_interval);
        is_due || self.step == train.steps
    }

    /// Updates the guard with what was recorded after its checkpoint and before this session. Findings already reported are not
    /// reported again, but a lowered learning rate is applied.
    pub(super) fn remember(&mut self, samples: &[(u64, String)]) {
        let mut found = Vec::new();
        if let Some(evaluated) = self.evaluated.filter(|(step, ..)| *step == self.step) {
            let rate = self.share_of_rate();
            found = self.guard.evaluation(evaluated, rate, self.config.train.steps);
        }
        for (step, text) in samples {
            if self.looks_at_sample(*step) {
                let is_new = *step == self.step && !self.guard.knows_sample(*step);
                found.extend(self.guard.sample(*step, text).filter(|_| is_new));
            }
        }
        for finding in found {
            if self.guard.action(&finding, self.step) == GuardAction::Lower {
                self.lower(&finding);
            }
        }
    }

    /// Checks the last step. Returns whether the run was rolled back.
    pub(super) async fn watch_step(&mut self, report: &StepReport) -> Result<bool> {
        let (found, score) = self.guard.step(self.step, report);
        if let Some(score) = score {
            self.tensorboard.scalars(self.step, &[("guard/loss_z", score)])?;
        }
        self.act_on(found).await
    }

    /// Ends a run that has diverged despite the guard.
    pub(super) fn watch_divergence(&mut self, loss: f32) -> Result<()> {
        let bad_steps = self.guard.state.bad_steps;
        let what = if loss.is_finite() { "gradient" } else { "loss" };
        // A loss scale does not change the loss.
        let rescales = self.is_mixed() && loss.is_finite();
        if bad_steps == 1 {
            self.notice(format!(
                "step {}: the {what} is not finite: the step was skipped and the weights are unchanged{}",
                self.step,
                if rescales { "; mixed precision retries with half the loss scale" } else { "" }
            ));
        }
        // A short run may be over before: half of it without a gradient taught it nothing since.
        let half = u32::try_from(self.config.train.steps.div_ceil(2)).unwrap_or(u32::MAX);
        let ends = self.step == self.config.train.steps;
        let most = if ends { DIVERGED_AFTER.min(half) } else { DIVERGED_AFTER };
        if bad_steps >= most + if rescales { LossScale::HALVINGS } else { 0 } {
            return Err(
                self.diverged(&format!("no finite {what} in the {bad_steps} steps up to step {}", self.step))
            );
        }
        self.expect_finite_end(loss, "loss")
    }

    /// Ends a run as diverged, before its last state is saved, if a loss of its last step is not finite.
    pub(super) fn expect_finite_end(&self, loss: f32, what: &str) -> Result<()> {
        if self.step < self.config.train.steps || loss.is_finite() {
            return Ok(());
        }
        Err(self.diverged(&format!("the {what} of step {}, the last, is not finite", self.step)))
    }

    fn diverged(&self, how: &str) -> Error {
        let train = &self.config.train;
        let safe = match self.saved {
            Some(step) => format!("the checkpoint of step {step} is safe"),
            None => "there is no checkpoint yet".to_owned(),
        };
        let mut advice = vec![
            format!("a lower train.learning_rate ({} now)", train.learning_rate),
            format!("a longer train.warmup_steps ({} now)", train.warmup_steps),
        ];
        if !(f64::MIN_POSITIVE..=1.0).contains(&train.gradient_clipping) {
            advice.push("train.gradient_clipping = 1".to_owned());
        }
        if self.is_mixed() {
            advice.push("train.precision = f32".to_owned());
        }
        let last = advice.pop().unwrap_or_default();
        let advice = format!("{} or {last}", advice.join(", "));
        Error::Diverged(format!("training diverged: {how}; {safe}. Start a new run with {advice}"))
    }

    fn is_mixed(&self) -> bool {
        self.config.train.precision == Precision::Mixed
    }

    pub(super) fn watch_evaluation(&mut self) -> Result<()> {
        let Some(evaluated) = self.evaluated else { return Ok(()) };
        let rate = self.share_of_rate();
        let found = self.guard.evaluation(evaluated, rate, self.config.train.steps);
        found.iter().try_for_each(|finding| self.note_or_lower(self.report_of(finding), finding))
    }

    pub(super) fn watch_sample(&mut self, text: &str) -> Result<()> {
        if !self.looks_at_sample(self.step) {
            return Ok(());
        }
        let found = self.guard.sample(self.step, text);
        found.map_or(Ok(()), |finding| self.note_or_lower(self.report_of(&finding), &finding))
    }

    /// Checks the weights and optimizer state of a regular checkpoint before it is saved, on another thread. Returns `None` if
    /// the run was rolled back.
    pub(super) async fn watch_layers(&mut self, state: ArenaState) -> Result<Option<ArenaState>> {
        let train = self.config.train.clone();
        if train.guard.mode == GuardMode::Off || !self.saves_by_steps() {
            return Ok(Some(state));
        }
        // A stop may come in between, and the actions must be the same with and without it.
        let looks_first = self.guard.wants_activations(self.step) || self.wants_evaluation();
        self.guard.state.layers_due = looks_first;
        if looks_first {
            return Ok(Some(state));
        }
        let (parameters, step) = (self.parameters.clone(), self.step);
        let rate = self.learning_rate_at(step.saturating_sub(1));
        let is_settled = self.is_settled();
        let look = move || (look_at_layers(&parameters, &state, &train, step, rate), state);
        let (layers, state) = glasshouse_platform::spawn_blocking(look).await?;
        let found = self.guard.layers(&layers, step, is_settled);
        Ok((!self.act_on(found).await?).then_some(state))
    }

    /// Whether an evaluation is due at this step and not done yet.
    fn wants_evaluation(&self) -> bool {
        let train = &self.config.train;
        let interval = train.eval_interval;
        let is_due = interval > 0 && (self.step.is_multiple_of(interval) || self.step == train.steps);
        is_due && self.evaluated.is_none_or(|(step, ..)| step != self.step)
    }

    /// Checks the activations of the last step's first micro-batch under the current weights, by evaluating it. Returns early if
    /// a stop is requested; the check then runs on resume.
    pub(super) async fn watch_activations(&mut self) -> Result<()> {
        let last = self.step.saturating_sub(1);
        let input = step_input_after(&self.guard.state.interventions, &self.config, &self.batches, last)?;
        let Some(mut batch) = input.micro_batches.into_iter().next() else { return Ok(()) };
        // Evaluate like a validation batch; for pairs, one answer at a time.
        (batch.loss_denominator, batch.scores) = (None, None);
        if self.config.train.objective.learns_pairs() {
            let row = self.config.model.context_length;
            batch.tokens.truncate(row);
            batch.targets.truncate(row);
            batch.document_starts.iter_mut().for_each(|starts| starts.truncate(row));
        }
        let gives_up = self.executor.can_give_up();
        let look = self.executor.probes(&batch);
        let statistics = match gives_up {
            true => match unless_stopped(&self.options.stop, look).await {
                Some(statistics) => statistics?,
                None => return Ok(()),
            },
            false => look.await?,
        };
        let (loads, statistics): (Vec<_>, Vec<_>) =
            statistics.into_iter().partition(|(part, _)| part.ends_with(LOAD));
        let found = activations(&statistics, &self.config.model.norm);
        let mut tags: Vec<(String, f32)> =
            found.scales.iter().map(|(part, scale)| (format!("activations/{part}"), *scale)).collect();
        for (part, load) in &loads {
            tags.extend(
                load.iter().enumerate().map(|(expert, share)| (format!("experts/{part}/{expert}"), *share)),
            );
        }
        let scalars: Vec<(&str, f32)> = tags.iter().map(|(tag, scale)| (tag.as_str(), *scale)).collect();
        self.tensorboard.scalars(self.step, &scalars)?;
        let (step, is_settled) = (self.step, self.is_settled());
        let found = self.guard.activations(&found, step, is_settled);
        self.act_on(found).await?;
        self.metrics.flush()
    }

    /// Whether the warm-up and a first window of steps are over.
    fn is_settled(&self) -> bool {
        let train = &self.config.train;
        self.step > train.warmup_steps && self.step >= train.guard.window as u64
    }

    /// Whether the sample of a step is to be checked: it is due by its number, and not in the first quarter of the run, where
    /// every model repeats itself. Samples of reward runs are answers and are not checked.
    fn looks_at_sample(&self, step: u64) -> bool {
        let train = &self.config.train;
        !train.objective.answers_prompts() && self.samples_by_steps(step) && step >= train.steps / YOUNG
    }

    fn share_of_rate(&self) -> f64 {
        self.learning_rate_at(self.step.saturating_sub(1)) / self.config.train.learning_rate
    }

    /// The report of a finding at this step, with the action to take.
    fn report_of(&self, finding: &Finding) -> GuardReport {
        let finite = |value: f32| Some(value).filter(|value| value.is_finite());
        GuardReport {
            step: self.step,
            seen: self.step,
            since: finding.since,
            kind: finding.kind,
            severity: finding.severity,
            text: finding.text.clone(),
            action: self.guard.action(finding, self.step),
            value: finite(finding.value),
            threshold: finite(finding.threshold),
            documents: Vec::new(),
        }
    }

    fn report(&mut self, report: GuardReport) -> Result<()> {
        let tag = format!("guard/{}", report.kind.title().replace(' ', "_"));
        self.tensorboard.text(report.step, &tag, &report.text)?;
        self.emit(TrainEvent::Guard(report))
    }

    /// Reports findings and acts on each, until one rolls the run back. Returns whether one did.
    async fn act_on(&mut self, found: Vec<Finding>) -> Result<bool> {
        for finding in found {
            let mut report = self.report_of(&finding);
            if finding.kind.is_of_batch() {
                report.documents = self.documents_of_step(finding.since).await?;
            }
            if self.act(report, &finding).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Performs a report's action. Returns whether the run was rolled back.
    async fn act(&mut self, mut report: GuardReport, finding: &Finding) -> Result<bool> {
        let (acted, most) = self.guard.acted();
        let times = format!("action {} of at most {most}", acted + 1);
        if let GuardAction::Skip | GuardAction::GoBack = report.action {
            let action = report.action;
            if let Some(good) = self.good_state(finding).await? {
                let back = good.info.step;
                // The batch of the step where it began.
                let from = if action == GuardAction::Skip { finding.since.saturating_sub(1) } else { back };
                let intervention = self.guard.intervention(finding, action, self.step, from);
                let goes_on = match action {
                    GuardAction::Skip => format!("another batch instead of that of step {}", from + 1),
                    _ => format!("other batches at {} times the learning rate", intervention.factor),
                };
                report.text +=
                    &format!(" The run returns to step {back} and continues with {goes_on} ({times}).");
                report.step = back;
                self.go_back(good, intervention).await?;
                self.report(report)?;
                self.metrics.flush()?;
                return Ok(true);
            }
            report.text += " There is no good state to return to.";
            report.action = GuardAction::Lower;
        }
        self.note_or_lower(report, finding)?;
        Ok(false)
    }

    /// Records a report, and lowers the learning rate if it says so.
    fn note_or_lower(&mut self, mut report: GuardReport, finding: &Finding) -> Result<()> {
        let (acted, most) = self.guard.acted();
        if report.action == GuardAction::Lower {
            if let Some(lowered) = self.lower(finding) {
                report.text += &format!(
                    " From step {} on, the learning rate is {} times its scheduled value (action {} of at most {most}).",
                    lowered.from + 1,
                    lowered.factor,
                    acted + 1
                );
            } else {
                report.text += " The run ends before a lower learning rate would start.";
                report.action = GuardAction::Note;
            }
        } else if report.action == GuardAction::Note
            && self.guard.asked(finding, self.step) != GuardAction::Note
        {
            let acted = quantity::counted(acted as u64, "time");
            report.text +=
                &format!(" The guard has already acted {acted} and does no more (train.guard.retries).");
        }
        self.report(report)
    }

    /// Lowers the learning rate from the first step that cannot be in the current group. Returns `None` if the run ends before that.
    fn lower(&mut self, finding: &Finding) -> Option<Intervention> {
        let from = self.step + MAX_GROUP_STEPS;
        if from >= self.config.train.steps {
            return None;
        }
        let lowered = self.guard.intervention(finding, GuardAction::Lower, self.step, from);
        self.guard.intervene(lowered.clone());
        Some(lowered)
    }

    /// The newest state from before a finding with finite weights and optimizer state. Damaged ones are skipped.
    async fn good_state(&mut self, finding: &Finding) -> Result<Option<Loaded>> {
        let candidates = self.guard.candidates(&self.checkpoints.kept_steps(), finding, self.step);
        let (checkpoints, parameters) = (self.checkpoints.clone(), self.parameters.clone());
        let look = move || {
            candidates.into_iter().find_map(|step| {
                let loaded = checkpoints.load_kept(step, &parameters).ok()?;
                let ArenaState { parameters, first_moments, second_moments, .. } = &loaded.state;
                let mut all = parameters.iter().chain(first_moments).chain(second_moments);
                all.all(|entry| entry.is_finite()).then_some(loaded)
            })
        };
        glasshouse_platform::spawn_blocking(look).await
    }

    /// Rolls back to a state and applies an intervention. The result is saved at once, so that the run resumes from it after any
    /// interruption. The metrics of the discarded steps are first copied to a separate file.
    async fn go_back(&mut self, good: Loaded, intervention: Intervention) -> Result<()> {
        let Loaded { info, mut state, .. } = good;
        self.average = average::first(&self.config.train, &self.parameters, &mut state);
        // A teacher's weights come last and stay.
        let now = self.executor.floats().await?;
        if let Some(taught) = now.get(state.parameters.len()..).filter(|taught| !taught.is_empty()) {
            state.weights_mut().extend_from_slice(taught);
        }
        drop(now);
        self.executor.set_state(&state).await?;
        // Before the rollback is recorded anywhere, so that an interruption loses nothing.
        let (path, number) = (self.run.metrics_path(), self.guard.state.interventions.len() + 1);
        let aside = self.run.folder().join(format!("metrics-before-return-{number}.jsonl"));
        self.metrics.sync()?;
        files::copy(&path, &aside).map_err(Error::io(&aside))?;
        self.guard.return_to(info.guard, info.step);
        self.guard.intervene(intervention);
        (self.step, self.saved, self.best_here) = (info.step, None, false);
        self.evaluated = self.guard.state.evaluations.last().copied();
        self.record.curve.cut(info.step);
        // All actions are due again after the rollback, including the end.
        self.actions.clear();
        self.checkpoints.forget_after(info.step);
        // Boxed because saving checks the layers, which may roll back recursively.
        Box::pin(self.save()).await?;
        let (metrics, resumed) = MetricsWriter::resume(&path, info.step)?;
        (self.metrics, self.validations, self.stopped_early) = (metrics, resumed.validations, None);
        // Like a run that is resumed here.
        self.remember(&resumed.samples);
        self.tensorboard.flush()?;
        self.tensorboard = TensorboardWriter::open(&self.run.tensorboard_folder(), Some(info.step))?;
        Ok(())
    }

    /// The documents in the batch of a step (from 1).
    async fn documents_of_step(&self, step: u64) -> Result<Vec<GuardDocument>> {
        let draw = Intervention::draw(&self.guard.state.interventions, step.saturating_sub(1));
        // Without a tokenizer, only their numbers are shown.
        let tokenizer = self.run.data_folder().and_then(|folder| open_tokenizer(&folder)).ok();
        let micro_batches = self.config.train.accumulate as u64;
        self.batches.documents(draw, micro_batches, tokenizer.as_ref(), &Yielder::new()).await
    }
}
