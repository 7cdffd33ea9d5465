//! Evaluations: made for a front end, and kept with their runs.

mod about;

use super::outlet::{MOMENT, Outlet};
use super::training::Live;
use super::writing::Model;
use super::{Session, idle};
use crate::cpu::CpuDecoder;
use crate::error::{Error, Result};
use crate::evaluate::tasks::{self, Answerer, Answering, Asked, TaskFile, families};
use crate::evaluate::{Scorer, Subject, Tell, baselines, contaminations, likelihood, text_contamination};
use crate::evaluation::card;
use crate::evaluation::statistics::{Bootstrap, compare};
use crate::generate::{Decoder, Opening};
use crate::platform::{Turns, files};
use crate::project::Run;
use crate::protocol::evaluation::{Contamination, TaskReport, TaskRequest};
use crate::protocol::{Comparison, EvaluateSettings, Evaluation, Event, Precision, WeightSource};
use crate::storage;
use std::path::{Path, PathBuf};
use web_time::Instant;

/// Where it lies in its run's folder.
const EVALUATION: &str = "evaluation.json";

/// Largest that is read.
const LARGEST: u64 = 1 << 30;

/// Rows of a task that are answered at once.
const PLACES: usize = 16;

/// Models beside which a card sets a model.
const BESIDE: usize = 3;

impl Session {
    /// Evaluates a model.
    pub(super) async fn evaluate(
        &mut self,
        id: u64,
        source: &WeightSource,
        settings: EvaluateSettings,
        files: Vec<Vec<u8>>,
        live: Option<Live<'_, '_>>,
    ) -> Result<()> {
        // It would share the device with the steps, and both would be slow.
        idle(&live)?;
        let begun = Instant::now();
        // A mistake in a task is told before a model is read.
        let asked = tasks_of(&settings, files)?;
        if !settings.likelihood && !settings.baselines && asked.is_empty() {
            let reason = "there is nothing to evaluate: ask for likelihood, baselines, a task or the suite";
            return Err(Error::Refused(reason.to_owned()));
        }
        let model = self.weights(source, None).await?;
        let run = self.run_named(&model.key.0)?;
        let text = match &settings.text_of {
            Some(name) => self.run_named(name)?,
            None => run.clone(),
        };
        // However it was called, it is told by its name.
        let settings = EvaluateSettings { text_of: settings.text_of.map(|_| text.name()), ..settings };
        let mut evaluation = Evaluation {
            run: model.key.0.clone(),
            checkpoint: model.key.1.clone(),
            step: model.step,
            weights_crc32c: crc32c::crc32c(bytemuck::cast_slice(&model.parameters)),
            made: storage::unix_seconds(),
            model: about::model(&run, &model.tokenizer.files().tokenizer)?,
            settings,
            ..Evaluation::default()
        };
        let found = self.find(id, &model, (&run, &text), asked, &mut evaluation).await;
        evaluation.seconds = begun.elapsed().as_secs_f64();
        if let Err(error) = found {
            // Minutes of work are not lost to a task that cannot be asked.
            if evaluation.settings.keep && (evaluation.likelihood.is_some() || !evaluation.tasks.is_empty()) {
                self.with_kept(&run, evaluation)?;
                self.outlet.notice(format!("what was found before is kept with {}", run.name()));
            }
            return Err(error);
        }
        if evaluation.settings.keep {
            evaluation = self.with_kept(&run, evaluation)?;
        } else {
            evaluation.limits = about::limits(&run, &evaluation)?;
        }
        self.outlet.answer(id, Event::Evaluated { evaluation: Box::new(evaluation) });
        Ok(())
    }

    /// A new evaluation with what is kept of the same weights, kept in its place.
    fn with_kept(&self, run: &Run, new: Evaluation) -> Result<Evaluation> {
        let mut evaluation = match self.kept::<Evaluation>(run, EVALUATION) {
            Some(kept) => merged(kept, new),
            None => new,
        };
        evaluation.limits = about::limits(run, &evaluation)?;
        storage::write_json(&run.folder().join(EVALUATION), &evaluation)?;
        Ok(evaluation)
    }

    /// Finds out all that was asked for.
    async fn find(
        &mut self,
        id: u64,
        model: &Model,
        (run, text): (&Run, &Run),
        asked: Vec<Asked>,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let outlet = self.outlet.clone();
        let mut told = Told::new(id, &outlet);
        let mut tell = |what: &str, done: u64, total: u64| told.tell(what, done, total);
        let (device, threads) = (self.device.request.clone(), self.options.threads);
        let bootstrap =
            Bootstrap { resamples: evaluation.settings.resamples, seed: evaluation.settings.seed };
        if !model.config.labels.is_empty() {
            "cpu".clone_into(&mut evaluation.device);
            if asked.is_empty() {
                return Err(Error::Refused(format!(
                    "{} tells texts apart and predicts none, so that there is no likelihood; give it a task of texts and labels (--task)",
                    model.key.0
                )));
            }
            let mut reader = CpuDecoder::new(&model.config, &model.parameters, threads)?;
            let mut answerer = Answerer {
                config: &model.config,
                tokenizer: model.tokenizer.files(),
                model: Answering::Labels(&mut reader),
            };
            for asked in &asked {
                evaluation.tasks.push(tasks::task(&mut answerer, asked, &bootstrap, &mut tell).await?);
            }
            return Ok(());
        }
        tell("loading the model", 0, 0);
        let mut scorer = Scorer::open(&model.config, &model.parameters, &device, threads).await?;
        scorer.device().clone_into(&mut evaluation.device);
        let settings = evaluation.settings.clone();
        let settings = &settings;
        let mut subject = Subject {
            scorer: &mut scorer,
            tokenizer: model.tokenizer.files(),
            run: text,
            parameters: &model.parameters,
        };
        if settings.likelihood {
            match likelihood(&mut subject, settings, &mut tell).await {
                Ok(found) => {
                    let found = evaluation.likelihood.insert(found);
                    if settings.baselines {
                        evaluation.baselines = baselines(&subject, found, settings, &mut tell).await?;
                    }
                }
                // Tasks can be done all the same by a model that no text is there for; a stride is a mistake of who gave it.
                Err(Error::Refused(reason)) if !asked.is_empty() && settings.stride.is_none() => {
                    self.outlet.notice(format!("{reason}; its likelihood is left out"));
                }
                Err(error) => return Err(error),
            }
        }
        let seen = match run.is_imported() {
            // What it was trained on is not known.
            true => Vec::new(),
            false => self.seen(&subject, (run, text), &asked, evaluation, &mut tell).await,
        };
        if asked.is_empty() {
            return Ok(());
        }
        let opening = Opening { threads, precision: Precision::F32, tuning: self.tuning(), texts: PLACES };
        let (mut decoder, _) = Decoder::open(&device, &model.config, &model.parameters, &opening).await?;
        decoder.set_interactive(self.visible);
        for asked in &asked {
            let mut answerer = Answerer {
                config: &model.config,
                tokenizer: model.tokenizer.files(),
                model: Answering::Writes { scorer: &mut scorer, decoder: &mut decoder },
            };
            evaluation.tasks.push(tasks::task(&mut answerer, asked, &bootstrap, &mut tell).await?);
        }
        for (task, seen) in evaluation.tasks.iter_mut().zip(seen) {
            task.contamination = Some(seen);
        }
        Ok(())
    }

    /// How much of the evaluated text and of each task's rows stands in the text that the model was trained on. Where that cannot be read,
    /// it is told: an evaluation without is one.
    async fn seen(
        &self,
        subject: &Subject<'_>,
        (run, text): (&Run, &Run),
        asked: &[Asked],
        evaluation: &mut Evaluation,
        tell: Tell<'_>,
    ) -> Vec<Contamination> {
        let unknown = |error: Error| {
            self.outlet
                .notice(format!("whether the model has seen what it is evaluated on is not known: {error}"));
        };
        if evaluation.likelihood.is_some() && run == text {
            match text_contamination(subject, &evaluation.settings, &mut *tell).await {
                Ok(found) => evaluation.contamination = Some(found),
                Err(error) => unknown(error),
            }
        }
        if asked.is_empty() || run != text {
            return Vec::new();
        }
        let texts: Vec<Vec<String>> = asked.iter().map(Asked::texts).collect();
        let texts: Vec<Vec<&str>> =
            texts.iter().map(|rows| rows.iter().map(String::as_str).collect()).collect();
        let groups: Vec<&[&str]> = texts.iter().map(Vec::as_slice).collect();
        match contaminations(subject, &groups, tell).await {
            Ok(found) => found,
            Err(error) => {
                unknown(error);
                Vec::new()
            }
        }
    }

    /// Answers with what is kept of evaluations and audits, and with how the runs compare.
    pub(super) async fn read_evaluations(&mut self, id: u64, runs: &[String]) -> Result<()> {
        let (turns, mut evaluations, mut audits) = (Turns::new(), Vec::new(), Vec::new());
        for name in runs {
            let run = self.run_named(name)?;
            evaluations.extend(self.kept::<Evaluation>(&run, EVALUATION));
            audits.extend(self.kept_audit(&run));
            turns.give().await;
        }
        let mut comparisons = Vec::new();
        for (at, first) in evaluations.iter().enumerate() {
            for second in evaluations.iter().skip(at + 1) {
                comparisons.extend(compared(first, second));
                turns.give().await;
            }
        }
        self.outlet.answer(id, Event::Evaluations { evaluations, audits, comparisons });
        Ok(())
    }

    /// Writes a run's card.
    pub(super) fn write_card(&mut self, id: u64, run: &str, to: Option<PathBuf>, keep: bool) -> Result<()> {
        let run = self.run_named(run)?;
        let Some(evaluation) = self.kept::<Evaluation>(&run, EVALUATION) else {
            return Err(Error::Refused(format!(
                "{0} was not evaluated, so that it has no card; evaluate it first (`glasshouse evaluate --run {0}`)",
                run.name()
            )));
        };
        if let Some(to) = &to {
            refuse_what_is_there(to, keep)?;
        }
        let mut audit = self.kept_audit(&run);
        if audit.take_if(|audit| audit.weights_crc32c != evaluation.weights_crc32c).is_some() {
            let name = run.name();
            self.outlet.notice(format!(
                "the audit of {name} is of other weights than its evaluation, and is not on the card; audit it again (`glasshouse audit --run {name}`)"
            ));
        }
        let mut others = Vec::new();
        for other in self.opened()?.project.runs()?.into_iter().rev().filter(|other| *other != run) {
            let Some(other) = self.kept::<Evaluation>(&other, EVALUATION) else { continue };
            let comparisons = compared(&evaluation, &other);
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
        match to {
            Some(to) => {
                storage::write_atomically(&to, page.as_bytes())?;
                self.outlet.answer(id, Event::CardWritten { path: Some(to) });
            }
            None => {
                self.outlet.answer_with(id, Event::CardWritten { path: None }, vec![page.into_bytes()]);
            }
        }
        Ok(())
    }

    /// What is kept with a run. What cannot be read is told, and ignored.
    fn kept<T: serde::de::DeserializeOwned>(&self, run: &Run, name: &str) -> Option<T> {
        let path = run.folder().join(name);
        if !files::is_file(&path) {
            return None;
        }
        match storage::read_json(&path, LARGEST) {
            Ok(kept) => Some(kept),
            Err(error) => {
                self.outlet.notice(format!("{error}; it is ignored, and the next one takes its place"));
                None
            }
        }
    }
}

/// Refuses to take the place of a file, where that is to be kept.
fn refuse_what_is_there(to: &Path, keep: bool) -> Result<()> {
    if keep && files::exists(to) {
        return Err(Error::bad_file(to, "it is there already; name another file"));
    }
    Ok(())
}

/// The tasks that are asked for. Bytes that came with the command are taken in the order of the tasks, each with its results behind it.
fn tasks_of(settings: &EvaluateSettings, files: Vec<Vec<u8>>) -> Result<Vec<Asked>> {
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
        let file = TaskFile::read(&request.file, &read(&request.file)?, request.rows)?;
        let results = request.results.iter().map(|results| Ok((results.name.clone(), read(&results.file)?)));
        asked.push(Asked::new(file, request, results.collect::<Result<_>>()?)?);
    }
    if settings.suite {
        for file in families(settings.suite_rows)? {
            asked.push(Asked::new(file, &TaskRequest::default(), Vec::new())?);
        }
    }
    let mut names: Vec<&str> = asked.iter().map(Asked::name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
        Some(pair) => Err(Error::Refused(format!(
            "two tasks are called {}; a report is kept by its task's name, so rename one of the files",
            pair.first().copied().unwrap_or_default()
        ))),
        None => Ok(asked),
    }
}

/// How two evaluations compare, by the first one's bootstrap.
fn compared(first: &Evaluation, second: &Evaluation) -> Vec<Comparison> {
    let EvaluateSettings { resamples, seed, .. } = first.settings;
    compare(first, second, &Bootstrap { resamples, seed })
}

/// A new evaluation in the place of a kept one: of the same weights, what was not asked for this time stays.
fn merged(kept: Evaluation, mut new: Evaluation) -> Evaluation {
    if kept.weights_crc32c != new.weights_crc32c || kept.run != new.run {
        return new;
    }
    let mut tasks: Vec<TaskReport> = kept.tasks;
    tasks.retain(|kept| new.tasks.iter().all(|new| new.name != kept.name));
    tasks.append(&mut new.tasks);
    new.tasks = tasks;
    let (old, own) = (kept.settings, &mut new.settings);
    if new.likelihood.is_none() {
        if kept.likelihood.is_some() {
            // They say what the likelihood is of.
            (own.text_of, own.documents, own.stride) = (old.text_of, old.documents, old.stride);
            (own.likelihood, own.baselines) = (old.likelihood, old.baselines);
        }
        new.likelihood = kept.likelihood;
        new.baselines = kept.baselines;
        new.contamination = kept.contamination;
    } else if new.baselines.is_empty() && (&old.text_of, old.documents) == (&own.text_of, own.documents) {
        // Those of the same text, which any stride leaves as they are, but for the differences from the model.
        new.baselines = kept.baselines;
        if old.stride != own.stride {
            new.baselines.iter_mut().for_each(|baseline| baseline.difference = None);
        }
    }
    new
}

/// Says a few times a second how far an evaluation is.
struct Told<'a> {
    request: u64,
    outlet: &'a Outlet,
    what: String,
    at: Instant,
}

impl<'a> Told<'a> {
    fn new(request: u64, outlet: &'a Outlet) -> Self {
        Self { request, outlet, what: String::new(), at: Instant::now() }
    }

    fn tell(&mut self, what: &str, done: u64, total: u64) {
        self.outlet.progress(done, total);
        if self.what != what || self.at.elapsed() >= 2 * MOMENT {
            what.clone_into(&mut self.what);
            self.at = Instant::now();
            let what = what.to_owned();
            self.outlet.answer(self.request, Event::Evaluating { what, done, total });
        }
    }
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
        kept.likelihood = Some(crate::protocol::evaluation::Likelihood { tokens: 3, ..Default::default() });
        let mut new = evaluation(7, &["b", "c"]);
        new.tasks[0].rows = 9;
        let both = merged(kept.clone(), new);
        let names: Vec<(&str, u64)> = both.tasks.iter().map(|task| (task.name.as_str(), task.rows)).collect();
        assert_eq!(names, [("a", 7), ("b", 9), ("c", 7)]);
        assert_eq!(both.likelihood.unwrap().tokens, 3);
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
        // Baselines of another text go, and with another stride what they were compared with.
        let mut new = evaluation(7, &[]);
        new.likelihood = Some(Likelihood::default());
        assert!(merged(kept.clone(), new.clone()).baselines.is_empty());
        new.settings = EvaluateSettings { stride: Some(3), ..kept.settings.clone() };
        assert_eq!(merged(kept.clone(), new.clone()).baselines[0].difference, None);
        new.settings.stride = None;
        assert_eq!(merged(kept.clone(), new).baselines, kept.baselines);
    }

    #[test]
    fn tasks_come_with_their_results_and_under_names_of_their_own() {
        let row = b"{\"prompt\":\"a\",\"answer\":\"b\"}".to_vec();
        let request = |file: &str| TaskRequest { file: file.to_owned(), ..TaskRequest::default() };
        let settings = |tasks: &[&str]| EvaluateSettings {
            tasks: tasks.iter().map(|file| request(file)).collect(),
            ..EvaluateSettings::default()
        };
        let two = settings(&["x/a.jsonl", "b.jsonl"]);
        assert_eq!(tasks_of(&two, vec![row.clone(), row.clone()]).unwrap().len(), 2);
        let error = tasks_of(&two, vec![row.clone()]).unwrap_err().to_string();
        assert!(error.contains("b.jsonl did not come"), "{error}");
        let same = settings(&["x/a.jsonl", "y/a.jsonl"]);
        let error = tasks_of(&same, vec![row.clone(), row]).unwrap_err().to_string();
        assert!(error.contains("two tasks are called a.jsonl"), "{error}");
    }
}
