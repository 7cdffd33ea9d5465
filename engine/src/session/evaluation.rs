//! Evaluates models and stores the results with their runs.

mod about;
mod background;
mod comparisons;
mod work;

pub(super) use background::{Evaluations, Finish};
pub(super) use comparisons::Compared;
pub(super) use work::{AnswerWriter, ProgressReporter};

use super::event_sink::EventSink;
use super::models::{Model, expect_writes};
use super::training::ActiveRun;
use super::{RequestOutcome, Session};
use crate::data::recipes::{generated_held_out, held_out};
use crate::evaluation::tasks::{Asked, TaskFile, families};
use crate::evaluation::{Scorer, stride_of};
use crate::generation::Opening;
use crate::metrics::card;
use crate::platform::Yielder;
use crate::project::{Run, weights_crc32c};
use crate::protocol::evaluation::{TaskReport, TaskRequest};
use crate::protocol::recipes::{TuningRecipe, recipe};
use crate::protocol::setting::Settings as _;
use crate::protocol::{
    Comparison, EVALUATING, EvaluateSettings, Evaluation, Hint, WeightFormat, WeightSource, answer, order,
};
use crate::{Error, Result, refuse, storage};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use web_time::{Duration, Instant};
use work::Making;

/// Texts generated in one batch.
const PLACES: usize = 16;

/// Maximum models that a card compares with.
const BESIDE: usize = 3;

/// A model to evaluate or audit, with its device. Independent of the session, so that the work can alternate with a run's training.
pub(super) struct Assessment {
    id: u64,
    sink: Rc<EventSink>,
    /// Requested device, and threads for the CPU.
    device: String,
    threads: Option<usize>,
    visible: bool,
    pub(super) model: Model,
    pub(super) run: Run,
}

impl Assessment {
    pub(super) async fn scorer(&self) -> Result<Scorer> {
        let parameters = self.model.parameters().await?;
        Scorer::open(&self.model.config, parameters, &self.device, self.threads).await
    }
}

impl Session {
    /// Evaluates a model: at once, or, while a run trains, between its groups of steps.
    pub(super) async fn evaluate(
        &mut self,
        id: u64,
        source: &WeightSource,
        settings: EvaluateSettings,
        files: Vec<Vec<u8>>,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<RequestOutcome> {
        let begun = Instant::now();
        settings.check()?;
        // Report mistakes in tasks before loading a model.
        let asked = tasks_of(&settings, files, |recipe| self.held_out_rows(recipe, source, live.as_ref()))?;
        if !settings.likelihood && !settings.baselines && asked.is_empty() {
            refuse!("there is nothing to evaluate: choose likelihood, baselines, a task or the suite");
        }
        if settings.likelihood && settings.stride.is_some() {
            // Models that label texts have no likelihood.
            let model = self.run_of(source, live.as_ref())?.config()?.model;
            if model.labels.is_empty() {
                stride_of(&settings, model.context_length)?;
            }
        }
        let of = self.assessment(id, source, live.as_mut()).await?;
        let Assessment { model, run, .. } = &of;
        let text = match &settings.text_of {
            Some(name) => self.run_named(name)?,
            None => run.clone(),
        };
        let trains = live.is_some();
        let writer = match asked.is_empty() || !model.config.labels.is_empty() {
            true => None,
            false => Some(self.writer(model, live).await?),
        };
        // Store the text's resolved name.
        let settings = EvaluateSettings { text_of: settings.text_of.map(|_| text.name()), ..settings };
        let evaluation = Evaluation {
            run: model.key.0.clone(),
            checkpoint: model.key.1.clone(),
            step: model.step,
            weights_crc32c: weights_crc32c(model.parameters().await?),
            made: storage::unix_seconds(),
            model: about::model(run, &model.tokenizer.files().tokenizer)?,
            settings,
            ..Evaluation::default()
        };
        let (before, run, own) = (begun.elapsed(), run.clone(), run.clone());
        let making = Making { of, text, asked, writer, evaluation };
        let work = async move {
            let (mut evaluation, found) = making.make(before).await;
            let finish = move |session: &Session, held: Duration| {
                if !held.is_zero() {
                    evaluation.held_training_ms = Some(held.as_secs_f64() * 1e3);
                    if let Some(likelihood) = &mut evaluation.likelihood {
                        // Most of the time was spent on the run's steps.
                        likelihood.tokens_per_s = None;
                    }
                }
                session.evaluated(id, &own, evaluation, found)
            };
            Box::new(finish) as Finish
        };
        self.work_beside((id, EVALUATING), run, trains.then_some(before), work).await
    }

    /// Prepares a model for evaluation or auditing.
    pub(super) async fn assessment(
        &mut self,
        id: u64,
        source: &WeightSource,
        live: Option<&mut ActiveRun<'_, '_>>,
    ) -> Result<Assessment> {
        let model = self.weights(source, live).await?;
        // Floats are needed in any case, and a decoder copies them.
        model.parameters().await?;
        Ok(Assessment {
            id,
            sink: self.sink.clone(),
            device: self.device.request.clone(),
            threads: self.options.threads,
            visible: self.visible,
            run: self.run_named(&model.key.0)?,
            model,
        })
    }

    /// A batched decoder of a model; while a run trains, it is opened only when needed.
    pub(super) async fn writer(
        &mut self,
        model: &Model,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<AnswerWriter> {
        let Some(live) = live else {
            return Ok(AnswerWriter::Open(self.decoder(model, Some(WeightFormat::F32), PLACES, None).await?));
        };
        expect_writes(model)?;
        let executor = live.trainer.executor();
        let threads = executor.describe().threads;
        let opening =
            Opening { threads, weights: Some(WeightFormat::F32), texts: PLACES, ..Opening::default() };
        Ok(AnswerWriter::Beside(executor.gpu().cloned().map(Box::new), Box::new(opening)))
    }

    /// Stores and reports the results, including partial ones before an error.
    fn evaluated(&self, id: u64, run: &Run, mut evaluation: Evaluation, found: Result<()>) -> Result<()> {
        if let Err(error) = found {
            // Keep minutes of work if a task fails.
            if evaluation.settings.keep && (evaluation.likelihood.is_some() || !evaluation.tasks.is_empty()) {
                let (_, is_stored) = self.with_kept(run, evaluation)?;
                if is_stored {
                    self.sink.notice(format!("earlier results are kept with {}", run.name()));
                }
            }
            return Err(error);
        }
        if evaluation.settings.keep {
            (evaluation, _) = self.with_kept(run, evaluation)?;
        } else {
            evaluation.limits = about::limits(run, &evaluation)?;
        }
        let evaluations = vec![evaluation];
        self.sink.answer(id, answer::Evaluations { evaluations, ..answer::Evaluations::default() });
        Ok(())
    }

    /// Merges a new evaluation with the stored one of the same weights, and stores it; also returns whether it could.
    fn with_kept(&self, run: &Run, new: Evaluation) -> Result<(Evaluation, bool)> {
        let mut evaluation = match self.readable(run.evaluation()) {
            Some(kept) => merged(kept, new),
            None => new,
        };
        evaluation.limits = about::limits(run, &evaluation)?;
        let is_stored = self.kept(run, run.keep_evaluation(&evaluation));
        Ok((evaluation, is_stored))
    }

    /// Reports if results could not be stored with a run: they may have taken minutes, and are still shown. Returns whether they were.
    pub(super) fn kept(&self, run: &Run, stored: Result<()>) -> bool {
        stored
            .inspect_err(|error| {
                self.sink.notice(format!("these results are not stored with {}: {error}", run.name()));
            })
            .is_ok()
    }

    /// Answers with the stored evaluations and audits, and a comparison of the runs.
    pub(super) async fn read_evaluations(&mut self, runs: &[String]) -> Result<answer::Evaluations> {
        let (yielder, mut evaluations, mut audits) = (Yielder::new(), Vec::new(), Vec::new());
        for name in runs {
            let run = self.run_named(name)?;
            evaluations.extend(self.readable(run.evaluation()));
            audits.extend(self.readable(run.audit()));
            yielder.maybe_yield().await;
        }
        let mut comparisons = Vec::new();
        for (at, first) in evaluations.iter().enumerate() {
            for second in evaluations.iter().skip(at + 1) {
                comparisons.extend(self.compared.pair(first, second, &yielder).await);
            }
        }
        Ok(answer::Evaluations { evaluations, audits, comparisons })
    }

    pub(super) async fn write_card(
        &mut self,
        id: u64,
        run: &str,
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let run = self.run_named(run)?;
        let Some(evaluation) = self.readable(run.evaluation()) else {
            return Err(Error::Refused(format!(
                "{} was not evaluated, so it has no card; evaluate it first",
                run.name()
            ))
            .hint(Hint::Evaluate));
        };
        if let Some(to) = &to {
            storage::check_file(to, !keep)?;
        }
        let mut audit = self.readable(run.audit());
        if audit.take_if(|audit| audit.weights_crc32c != evaluation.weights_crc32c).is_some() {
            let text = format!(
                "the audit of {} is of other weights than its evaluation, and is not on the card; audit it again",
                run.name()
            );
            self.sink.notice_with(text, &[Hint::Audit]);
        }
        let (yielder, mut others) = (Yielder::new(), Vec::new());
        for other in self.opened()?.project.runs()?.into_iter().rev().filter(|other| *other != run) {
            let Some(other) = self.readable(other.evaluation()) else { continue };
            let comparisons = self.compared.pair(&evaluation, &other, &yielder).await;
            if comparisons.iter().any(|one| one.difference.value.is_some()) {
                others.push((other, comparisons));
            }
            if others.len() == BESIDE {
                break;
            }
        }
        let beside: Vec<(&Evaluation, Vec<Comparison>)> =
            others.iter().map(|(other, comparisons)| (other, comparisons.clone())).collect();
        let page = card::html(&evaluation, audit.as_ref(), &beside);
        let name = format!("{} card.html", run.name());
        match to {
            Some(to) => {
                storage::write_atomically(&to, page.as_bytes())?;
                self.sink.exported(id, name, &to, std::slice::from_ref(&to), None);
            }
            None => self.sink.attached(id, name, page.into_bytes()),
        }
        Ok(())
    }

    /// The rows for evaluating a recipe: those held out by the run, or generated ones.
    fn held_out_rows(
        &mut self,
        recipe: &TuningRecipe,
        source: &WeightSource,
        live: Option<&ActiveRun<'_, '_>>,
    ) -> Result<Vec<String>> {
        let run = self.run_of(source, live)?;
        if let Some(own) = held_out(recipe, self.opened()?.project.folder(), &run.config()?)? {
            return Ok(own);
        }
        let text = format!(
            "{} learned no rows of the recipe {}: without a file of rows, it is evaluated on generated ones",
            run.name(),
            recipe.name
        );
        self.sink.notice_with(text, &[Hint::Rows]);
        generated_held_out(recipe)
    }

    /// Unwraps a stored result. Unreadable ones are reported and ignored.
    pub(super) fn readable<T>(&self, kept: Result<Option<T>>) -> Option<T> {
        kept.unwrap_or_else(|error| {
            self.sink.notice(format!("{error}; it is ignored, and the next one replaces it"));
            None
        })
    }
}

/// The requested tasks. Files that came with the command are assigned in task order, each followed by its results; `held_out`
/// returns a recipe's rows.
fn tasks_of(
    settings: &EvaluateSettings,
    files: Vec<Vec<u8>>,
    mut held_out: impl FnMut(&TuningRecipe) -> Result<Vec<String>>,
) -> Result<Vec<Asked>> {
    let brought = !files.is_empty();
    let mut files = files.into_iter();
    let mut read = |name: &str| -> Result<Vec<u8>> {
        match files.next() {
            Some(bytes) => Ok(bytes),
            None if brought => {
                Err(Error::Refused(format!("the bytes of {name} did not come with the command")))
            }
            None => storage::read(Path::new(name)),
        }
    };
    let mut asked = Vec::new();
    for request in &settings.tasks {
        if let Some(name) = &request.recipe {
            asked.push(task_of_recipe(name, request, &mut held_out)?);
            continue;
        }
        let file = TaskFile::read_as(&request.task, &request.file, &read(&request.file)?, request.rows)?;
        let results = request.results.iter().map(|results| Ok((results.name.clone(), read(&results.file)?)));
        asked.push(Asked::new(file, request, results.collect::<Result<_>>()?)?);
    }
    if settings.suite {
        for file in families(settings.suite_rows)? {
            asked.push(Asked::family(file)?);
        }
    }
    let mut names: Vec<&str> = asked.iter().map(Asked::name).collect();
    order::sort(&mut names);
    match names.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
        Some(pair) => Err(Error::Refused(format!(
            "two tasks are called {}; a report is kept by its task's name, so rename one of the files",
            pair.first().copied().unwrap_or_default()
        ))),
        None => Ok(asked),
    }
}

/// A recipe's task, with the recipe's own metrics unless others are requested.
fn task_of_recipe(
    name: &str,
    request: &TaskRequest,
    mut held_out: impl FnMut(&TuningRecipe) -> Result<Vec<String>>,
) -> Result<Asked> {
    let recipe = recipe(name).map_err(Error::Unknown)?;
    let Some(metric) = recipe.metric().of_task() else {
        refuse!("the recipe {name} is measured by perplexity, and has no rows; evaluate the held-out text");
    };
    let rows: String = held_out(recipe)?.iter().flat_map(|row| [row.as_str(), "\n"]).collect();
    let file = TaskFile::read(&format!("{name}.jsonl"), rows.as_bytes(), request.rows)?;
    let metrics = if request.metrics.is_empty() { vec![metric.to_owned()] } else { request.metrics.clone() };
    Asked::new(file, &TaskRequest { metrics, ..request.clone() }, Vec::new())
}

/// Merges a new evaluation with a stored one of the same weights: results that were not requested this time are kept, with their
/// original time.
fn merged(kept: Evaluation, mut new: Evaluation) -> Evaluation {
    if kept.weights_crc32c != new.weights_crc32c || kept.run != new.run {
        return new;
    }
    let made = kept.made;
    let kept_from = |before: &mut Option<f64>| *before = before.or(Some(made));
    let mut tasks: Vec<TaskReport> = kept.tasks;
    tasks.retain(|kept| new.tasks.iter().all(|new| new.name != kept.name));
    tasks.iter_mut().for_each(|task| kept_from(&mut task.kept_from));
    let (mut likelihood, mut baselines) = (kept.likelihood, kept.baselines);
    likelihood.iter_mut().for_each(|own| kept_from(&mut own.kept_from));
    baselines.iter_mut().for_each(|own| kept_from(&mut own.kept_from));
    tasks.append(&mut new.tasks);
    new.tasks = tasks;
    let (old, own) = (kept.settings, &mut new.settings);
    if new.likelihood.is_none() {
        if likelihood.is_some() {
            // They describe the likelihood.
            (own.text_of, own.documents, own.stride) = (old.text_of, old.documents, old.stride);
            (own.likelihood, own.baselines) = (old.likelihood, old.baselines);
        }
        new.likelihood = likelihood;
        new.baselines = baselines;
        new.contamination = kept.contamination;
    } else if new.baselines.is_empty() && (&old.text_of, old.documents) == (&own.text_of, own.documents) {
        // Baselines of the same text do not depend on the stride, except for their differences from the model.
        new.baselines = baselines;
        if old.stride != own.stride {
            new.baselines.iter_mut().for_each(|baseline| baseline.difference = None);
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(weights: u32, tasks: &[&str]) -> Evaluation {
        let task = |name: &&str| TaskReport {
            name: (*name).to_owned(),
            rows: u64::from(weights),
            ..TaskReport::default()
        };
        Evaluation {
            run: "1-run".to_owned(),
            weights_crc32c: weights,
            tasks: tasks.iter().map(task).collect(),
            ..Evaluation::default()
        }
    }

    #[test]
    fn what_was_not_asked_for_again_stays_of_the_same_weights_alone() {
        let mut kept = evaluation(7, &["a", "b"]);
        kept.made = 1e9;
        kept.likelihood = Some(crate::protocol::evaluation::Likelihood { tokens: 3, ..Default::default() });
        let mut new = evaluation(7, &["b", "c"]);
        new.tasks[0].rows = 9;
        let both = merged(kept.clone(), new);
        let names: Vec<(&str, u64)> = both.tasks.iter().map(|task| (task.name.as_str(), task.rows)).collect();
        assert_eq!(names, [("a", 7), ("b", 9), ("c", 7)]);
        let times: Vec<Option<f64>> = both.tasks.iter().map(|task| task.kept_from).collect();
        assert_eq!(times, [Some(1e9), None, None]);
        let text = both.likelihood.as_ref().unwrap();
        assert_eq!((text.tokens, text.kept_from), (3, Some(1e9)));
        // The original time is kept, however often the evaluation is merged.
        let again = merged(Evaluation { made: 2e9, ..both }, evaluation(7, &["a"]));
        let times: Vec<Option<f64>> = again.tasks.iter().map(|task| task.kept_from).collect();
        assert_eq!(times, [Some(2e9), Some(2e9), None]);
        assert_eq!(again.likelihood.unwrap().kept_from, Some(1e9));
        let other = merged(kept, evaluation(8, &["c"]));
        assert_eq!((other.tasks.len(), other.likelihood), (1, None));
    }

    #[test]
    fn settings_say_what_the_likelihood_is_of_that_stays() {
        use crate::protocol::evaluation::{Baseline, Likelihood, Metric};

        let mut kept = evaluation(7, &[]);
        kept.settings.text_of = Some("2-other".to_owned());
        kept.likelihood = Some(Likelihood::default());
        kept.baselines = vec![Baseline { difference: Some(Metric::default()), ..Baseline::default() }];
        let both = merged(kept.clone(), evaluation(7, &["a"]));
        assert_eq!((both.settings.text_of, both.baselines.len()), (kept.settings.text_of.clone(), 1));
        // Baselines of another text are dropped, and with another stride their differences.
        let mut new = evaluation(7, &[]);
        new.likelihood = Some(Likelihood::default());
        assert!(merged(kept.clone(), new.clone()).baselines.is_empty());
        new.settings = EvaluateSettings { stride: Some(3), ..kept.settings.clone() };
        assert_eq!(merged(kept.clone(), new.clone()).baselines[0].difference, None);
        new.settings.stride = None;
        let both = merged(kept.clone(), new);
        let found = Baseline { kept_from: Some(kept.made), ..kept.baselines[0].clone() };
        assert_eq!((both.baselines, both.likelihood.unwrap().kept_from), (vec![found], None));
    }

    #[test]
    fn tasks_come_with_their_results_and_under_names_of_their_own() {
        let row = b"{\"prompt\":\"a\",\"answer\":\"b\"}".to_vec();
        let none =
            |recipe: &TuningRecipe| -> Result<Vec<String>> { panic!("{} was not asked for", recipe.name) };
        let request = |file: &str| TaskRequest { file: file.to_owned(), ..TaskRequest::default() };
        let settings = |tasks: &[&str]| EvaluateSettings {
            tasks: tasks.iter().map(|file| request(file)).collect(),
            ..EvaluateSettings::default()
        };
        let two = settings(&["x/a.jsonl", "b.jsonl"]);
        assert_eq!(tasks_of(&two, vec![row.clone(), row.clone()], none).unwrap().len(), 2);
        let error = tasks_of(&two, vec![row.clone()], none).unwrap_err().to_string();
        assert!(error.contains("b.jsonl did not come"), "{error}");
        let same = settings(&["x/a.jsonl", "y/a.jsonl"]);
        let error = tasks_of(&same, vec![row.clone(), row], none).unwrap_err().to_string();
        assert!(error.contains("two tasks are called a.jsonl"), "{error}");
    }

    #[test]
    fn a_recipe_is_measured_by_rows_that_were_held_out() {
        let of = |recipe: &str| {
            let task = TaskRequest { recipe: Some(recipe.to_owned()), ..TaskRequest::default() };
            let settings = EvaluateSettings { tasks: vec![task], ..EvaluateSettings::default() };
            tasks_of(&settings, Vec::new(), generated_held_out)
        };
        for name in ["summarise", "classify"] {
            let asked = of(name).unwrap();
            let [task] = asked.as_slice() else { panic!("{asked:?}") };
            assert_eq!(task.name(), format!("{name}.jsonl"));
            assert_eq!(task.texts().len(), 300);
        }
        let error = of("poems").unwrap_err().to_string();
        assert!(error.contains("measured by perplexity"), "{error}");
        assert!(of("sumarise").unwrap_err().to_string().contains("summarise"));
    }
}
