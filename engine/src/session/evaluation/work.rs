//! The work of an evaluation. Independent of the session, so that it can alternate with a run's training.

use super::super::event_sink::{EventSink, MOMENT};
use super::Assessment;
use crate::evaluation::tasks::{self, Answerer, Answering, Asked};
use crate::evaluation::{OnProgress, Subject, baselines, contaminations, likelihood, text_contamination};
use crate::generation::{Decoder, Opening};
use crate::gpu::Gpu;
use crate::metrics::statistics::Bootstrap;
use crate::project::Run;
use crate::protocol::evaluation::Contamination;
use crate::protocol::{Evaluation, Event, Hint, WeightFormat};
use crate::tokenizer::TokenizerFiles;
use crate::{Error, Result};
use web_time::{Duration, Instant};

/// The decoder for answers.
pub(in super::super) enum AnswerWriter {
    Open(Decoder),
    /// Opened when answers are due, because a run is training: waiting evaluations then take no memory for it.
    Beside(Option<Box<Gpu>>, Box<Opening>),
}

impl AnswerWriter {
    pub(in super::super) async fn open(self, of: &Assessment) -> Result<Decoder> {
        let model = &of.model;
        let mut decoder = match self {
            Self::Open(decoder) => decoder,
            Self::Beside(gpu, opening) => {
                Decoder::on(gpu.map(|gpu| *gpu), &model.config, model.parameters().await?, &opening).await?
            }
        };
        decoder.set_interactive(of.visible);
        Ok(decoder)
    }
}

pub(super) struct Making {
    pub(super) of: Assessment,
    pub(super) text: Run,
    pub(super) asked: Vec<Asked>,
    /// `None` if no answers are needed.
    pub(super) writer: Option<AnswerWriter>,
    /// The evaluation's initial contents.
    pub(super) evaluation: Evaluation,
}

impl Making {
    /// Performs the evaluation; returns partial results together with an error. `before` is the time it has already taken; the
    /// time until the first poll, while others are evaluated, does not count.
    pub(super) async fn make(mut self, before: Duration) -> (Evaluation, Result<()>) {
        let begun = Instant::now();
        let mut evaluation = std::mem::take(&mut self.evaluation);
        let found = self.find(&mut evaluation).await;
        evaluation.seconds = (before + begun.elapsed()).as_secs_f64();
        (evaluation, found)
    }

    async fn find(&mut self, evaluation: &mut Evaluation) -> Result<()> {
        let Self { of, text, asked, writer, .. } = self;
        let Assessment { sink, threads, model, run, .. } = &*of;
        let mut reporter = ProgressReporter::new(of);
        let mut on_progress = |what: &str, done: u64, total: u64| reporter.report(what, done, total);
        let bootstrap =
            Bootstrap { resamples: evaluation.settings.resamples, seed: evaluation.settings.seed };
        if !model.config.labels.is_empty() {
            "cpu".clone_into(&mut evaluation.device);
            if asked.is_empty() {
                return Err(Error::Refused(format!(
                    "{} classifies texts and predicts no tokens, so there is no likelihood; give it a task with texts and labels",
                    model.key.0
                ))
                .hint(Hint::Task));
            }
            let mut reader = model.on_cpu(WeightFormat::F32, *threads, 1).await?;
            let mut answerer = Answerer {
                config: &model.config,
                tokenizer: model.tokenizer.files(),
                model: Answering::Labels(&mut reader),
            };
            for asked in asked.iter() {
                evaluation.tasks.push(tasks::task(&mut answerer, asked, &bootstrap, &mut on_progress).await?);
            }
            let seen = tasks_seen(sink, (run, model.tokenizer.files()), asked, &mut on_progress).await;
            for (task, seen) in evaluation.tasks.iter_mut().zip(seen) {
                task.contamination = Some(seen);
            }
            return Ok(());
        }
        on_progress("loading the model", 0, 0);
        let mut scorer = of.scorer().await?;
        scorer.device().clone_into(&mut evaluation.device);
        let settings = evaluation.settings.clone();
        let settings = &settings;
        let mut subject = Subject {
            scorer: &mut scorer,
            tokenizer: model.tokenizer.files(),
            run: text,
            parameters: model.parameters().await?,
        };
        if settings.likelihood {
            match likelihood(&mut subject, settings, &mut on_progress).await {
                Ok(found) => {
                    let found = evaluation.likelihood.insert(found);
                    if settings.baselines {
                        evaluation.baselines = baselines(&subject, found, settings, &mut on_progress).await?;
                    }
                }
                // Tasks can still be evaluated without a text, but an invalid stride is the user's mistake.
                Err(Error::Refused(reason)) if !asked.is_empty() && settings.stride.is_none() => {
                    sink.notice(format!("{reason}; its likelihood is left out"));
                }
                Err(error) => return Err(error),
            }
        }
        let seen = match run.is_imported() {
            // An imported model's training text is unknown.
            true => Vec::new(),
            false => {
                text_seen(sink, &subject, run, evaluation, &mut on_progress).await;
                tasks_seen(sink, (run, subject.tokenizer), asked, &mut on_progress).await
            }
        };
        let Some(writer) = writer.take() else { return Ok(()) };
        let mut decoder = writer.open(of).await?;
        for asked in asked.iter() {
            let mut answerer = Answerer {
                config: &model.config,
                tokenizer: model.tokenizer.files(),
                model: Answering::Writes { scorer: &mut scorer, decoder: &mut decoder },
            };
            evaluation.tasks.push(tasks::task(&mut answerer, asked, &bootstrap, &mut on_progress).await?);
        }
        for (task, seen) in evaluation.tasks.iter_mut().zip(seen) {
            task.contamination = Some(seen);
        }
        Ok(())
    }
}

/// Reports that a training text cannot be read; the evaluation continues without it.
fn unknown(sink: &EventSink, error: &Error) {
    let text = format!("whether the model has seen the evaluated text is unknown: {error}");
    sink.notice_with(text, error.hints());
}

/// The share of the evaluated text that occurs in the run's training text.
async fn text_seen(
    sink: &EventSink,
    subject: &Subject<'_>,
    run: &Run,
    evaluation: &mut Evaluation,
    on_progress: OnProgress<'_>,
) {
    if evaluation.likelihood.is_some() {
        match text_contamination(subject, run, &evaluation.settings, on_progress).await {
            Ok(found) => evaluation.contamination = Some(found),
            Err(error) => unknown(sink, &error),
        }
    }
}

/// The share of each task's rows that occurs in the run's training text.
async fn tasks_seen(
    sink: &EventSink,
    learner: (&Run, &TokenizerFiles),
    asked: &[Asked],
    on_progress: OnProgress<'_>,
) -> Vec<Contamination> {
    if asked.is_empty() {
        return Vec::new();
    }
    let groups: Vec<_> = asked.iter().map(Asked::texts).collect();
    contaminations(learner, &groups, on_progress).await.unwrap_or_else(|error| {
        unknown(sink, &error);
        Vec::new()
    })
}

/// Throttled progress reports of an evaluation or audit.
pub(in super::super) struct ProgressReporter<'a> {
    of: &'a Assessment,
    what: String,
    at: Instant,
}

impl<'a> ProgressReporter<'a> {
    pub(in super::super) fn new(of: &'a Assessment) -> Self {
        Self { of, what: String::new(), at: Instant::now() }
    }

    pub(in super::super) fn report(&mut self, what: &str, done: u64, total: u64) {
        self.of.sink.progress(done, total);
        if self.what != what || self.at.elapsed() >= 2 * MOMENT {
            what.clone_into(&mut self.what);
            self.at = Instant::now();
            let what = what.to_owned();
            self.of.sink.answer(self.of.id, Event::Progress { what, done, total });
        }
    }
}
