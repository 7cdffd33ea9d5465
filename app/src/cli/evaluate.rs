//! `glasshouse evaluate`: measures models, with confidence intervals, and compares them with baselines and each other.

mod script;

use super::audit::{AuditArguments, audit};
use super::bar::Progress;
use super::classify::{ClassifyArguments, classify};
use super::import::{import_from, is_place};
use super::moderate::{ModerateArguments, moderate};
use super::prelude::*;
use glasshouse_engine::project::Run;
use glasshouse_engine::protocol::evaluation::measures::{Needs, TASK_METRICS};
use glasshouse_engine::protocol::evaluation::{
    AnswerKind, AuditTopic, MAX_RESAMPLES, RESAMPLES, TaskRequest, TaskResults, blocks, is_description,
    metric_names,
};

pub(super) fn evaluate(arguments: &EvaluateArguments) -> Result<()> {
    match &arguments.other {
        Some(OtherEvaluation::Audit(arguments)) => return audit(arguments),
        Some(OtherEvaluation::Moderate(arguments)) => return moderate(arguments),
        Some(OtherEvaluation::Classify(arguments)) => return classify(arguments),
        None => {}
    }
    if let Some(folder) = &arguments.script {
        return script::write(arguments, folder);
    }
    check_device(Some(arguments.device.device.as_str()))?;
    if let Some(card) = &arguments.card {
        check_new_file(card, Some(arguments.force), "another file")?;
    }
    let settings = settings(arguments)?;
    if settings.suite && settings.suite_rows.is_none() {
        report!("note: 100 rows per family of tasks; change with --rows N");
    }
    drive(arguments.device.options(), async |engine| {
        let places = arguments.against.iter().any(|other| is_place(other));
        trained::use_project(engine, &arguments.model.of.project, places).await?;
        let runs = runs(arguments, engine).await?;
        let (mut evaluations, mut failed) = (Vec::with_capacity(runs.len()), None);
        let text = match runs.iter().find(|run| run.state != RunState::Imported && run.writes()) {
            Some(run) => Some(run.name.clone()),
            None => latest_of_text(arguments)?,
        };
        for run in &runs {
            let settings = settings_for(run, &settings, text.as_ref())?;
            // The training text of an imported model is not available for a memorisation test.
            let is_imported = run.state == RunState::Imported;
            let remembers = settings.likelihood && !is_imported && !arguments.no_memorisation;
            let (source, settings) = (source(run, arguments), Box::new(settings));
            let command = Command::Evaluate { source, settings };
            let found =
                evaluated(engine, run, command, "stopping; the results of other models are kept").await;
            let evaluation = match found.map(|found| found.and_then(|mut found| found.evaluations.pop())) {
                Ok(Some(evaluation)) => evaluation,
                // Interrupted; earlier results are stored.
                Ok(None) => return Ok(()),
                // Report the results of the other models first.
                Err(error) if !evaluations.is_empty() => {
                    failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            };
            let memory = match remembers {
                true => memorisation(engine, run, &evaluation, arguments).await?,
                false => None,
            };
            evaluations.push((evaluation, memory));
        }
        let names: Vec<String> = evaluations.iter().map(|(evaluation, _)| evaluation.run.clone()).collect();
        for (evaluation, memory) in &evaluations {
            if arguments.json {
                say_event("evaluation", evaluation)?;
                memory.iter().try_for_each(|memory| say_event("audit", memory))?;
            } else {
                say!("\n{} at step {}", blocks::name(evaluation), evaluation.step)?;
                report::print(&blocks::blocks(evaluation, None, &[], &report::date))?;
                memory.iter().try_for_each(|memory| report::audited(&memory.sections))?;
            }
        }
        if names.len() > 1 {
            let command = Command::ReadEvaluations { runs: names.clone() };
            let answer::Evaluations { comparisons, .. } = engine.ask_for(command).await?;
            if arguments.json {
                comparisons.iter().try_for_each(|comparison| say_event("comparison", comparison))?;
            } else {
                report::print(&[Block::Section(blocks::compared("Paired differences", &comparisons))])?;
            }
        }
        if let (Some(card), Some(run)) = (&arguments.card, names.first()) {
            let to = Some(std::path::absolute(card)?);
            let command = Export::Card { run: run.clone() }.to(to, !arguments.force);
            engine.ask_for::<answer::Exported>(command).await?;
            report!("card: {}", card.display());
        } else if let (false, Some(run)) = (arguments.json, names.first()) {
            let project = quoted(&arguments.model.of.project);
            report!("report as a page: glasshouse evaluate --project {project} --run {run} --card card.html");
        }
        failed.map_or(Ok(()), Err)
    })
}

fn settings(arguments: &EvaluateArguments) -> Result<EvaluateSettings> {
    let EvaluateArguments { task, with_results, name, .. } = arguments;
    if name.len() > with_results.len() {
        misuse!("there are more names (--name) than results (--with-results); leave some out");
    }
    if task.len() > 1 && !with_results.is_empty() && with_results.len() != task.len() {
        misuse!(
            "{} results for {} tasks: give one file of results (--with-results) for each task (--task), in their order",
            with_results.len(),
            task.len()
        );
    }
    let results = |at: usize| {
        let file = with_results.get(at)?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Some(TaskResults { name: name.get(at).cloned().unwrap_or(stem), file: file.display().to_string() })
    };
    let tasks = task.iter().map(|given| named(given)).collect::<Result<Vec<_>>>()?;
    let tasks = tasks.into_iter().enumerate().map(|(at, (described, file))| TaskRequest {
        file: file.display().to_string(),
        task: described,
        metrics: arguments.metrics.iter().flat_map(|list| metric_names(list)).collect(),
        rows: arguments.rows,
        max_tokens: arguments.max_tokens,
        results: match task.len() {
            1 => (0..with_results.len()).filter_map(results).collect(),
            _ => results(at).into_iter().collect(),
        },
        recipe: None,
    });
    Ok(EvaluateSettings {
        likelihood: !arguments.no_likelihood,
        baselines: !arguments.no_likelihood && !arguments.no_baselines,
        text_of: None,
        documents: arguments.documents,
        stride: arguments.stride,
        tasks: tasks.collect(),
        suite: arguments.suite.is_some(),
        suite_rows: arguments.rows,
        resamples: arguments.resamples,
        seed: arguments.seed,
        keep: true,
    })
}

/// The task of an argument, by name or as the path of its description (empty: recognised by the rows), and its file of rows.
fn named(given: &Path) -> Result<(String, PathBuf)> {
    let text = given.to_string_lossy();
    let (task, rows) = match text.split_once('=') {
        Some((task, rows)) if !given.exists() => (task, Some(PathBuf::from(rows))),
        _ if is_description(&text) => (&*text, None),
        _ => return Ok((String::new(), given.to_owned())),
    };
    let neighbour = || {
        let mut files =
            ["jsonl", "json", "csv", "tsv"].map(|ending| Path::new(task).with_extension(ending)).into_iter();
        files.find(|file| file.exists()).ok_or_else(|| {
            usage(format!("{task} describes a task, but its rows are missing; put them next to it as a .jsonl, .json, .csv or .tsv file of the same name, or name them: --task {task}=FILE"))
        })
    };
    Ok((task.to_owned(), rows.map_or_else(neighbour, Ok)?))
}

/// The weights to evaluate; an imported model has one checkpoint.
fn source(run: &RunSummary, arguments: &EvaluateArguments) -> WeightSource {
    let is_imported = run.state == RunState::Imported;
    let checkpoint = if is_imported { CheckpointChoice::Best } else { arguments.model.checkpoint.clone() };
    WeightSource::Checkpoint { run: run.name.clone(), checkpoint }
}

/// The selected models, followed by those to compare with.
async fn runs(arguments: &EvaluateArguments, engine: &mut Engine) -> Result<Vec<RunSummary>> {
    let (folder, mut others) = (&arguments.model.of.project, Vec::new());
    for other in &arguments.against {
        // The import reports what a file or folder lacks to be a model.
        let is_no_run = || Project::open(folder).is_ok_and(|project| project.run(other).is_err());
        let is_import = is_place(other) || Path::new(other).exists() && is_no_run();
        if !is_import {
            others.push(other.clone());
            continue;
        }
        let (run, about) = import_from(engine, Path::new(other), None, true)
            .await?
            .context("the import was stopped, so there is nothing to evaluate")?;
        // False if it was imported before.
        let is_new = Project::open(folder)?.run(&run)?.record()?.for_comparison;
        let kept =
            "; imported and kept under this name for comparison: the project's latest run is unchanged";
        report!("{run}: {about}{}", if is_new { kept } else { "" });
        others.push(run);
    }
    let project = Project::open(folder)?;
    let named: Vec<String> = arguments.model.of.run.iter().chain(&arguments.runs).cloned().collect();
    let mut runs = named.iter().map(|name| project.run(name)).collect::<Result<Vec<_>, _>>()?;
    if runs.is_empty() {
        match project.latest_run() {
            Ok(run) => runs.push(run),
            Err(error) if others.is_empty() => return Err(error.into()),
            // Only the models to compare with are left.
            Err(_) => {}
        }
    }
    let others = others.iter().map(|name| project.run(name)).collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<RunSummary> = Vec::new();
    for run in runs.into_iter().chain(others) {
        let name = run.name();
        if found.iter().any(|known| known.name == name) {
            report!(
                "note: {name} is named more than once; it is evaluated once and not compared with itself"
            );
            continue;
        }
        found.push(run.summary()?);
    }
    Ok(found)
}

/// The project's latest run trained on a text, which serves models without one.
fn latest_of_text(arguments: &EvaluateArguments) -> Result<Option<String>> {
    let is_text = |config: RunConfig| config.train.objective.learns_text() && config.data.synthetic.is_none();
    let learned = |run: &&Run| {
        run.record().is_ok_and(|record| record.state != RunState::Imported) && run.config().is_ok_and(is_text)
    };
    let runs = Project::open(&arguments.model.of.project)?.runs()?;
    Ok(runs.iter().rev().find(learned).map(Run::name))
}

/// The settings that apply to a model. Without a text of its own it is evaluated on `text`.
fn settings_for(
    run: &RunSummary,
    settings: &EvaluateSettings,
    text: Option<&String>,
) -> Result<EvaluateSettings> {
    let (mut settings, name) = (settings.clone(), &run.name);
    let is_imported = run.state == RunState::Imported;
    let lacks_text = settings.likelihood && is_imported && text.is_none();
    if is_imported {
        settings.text_of = text.cloned();
    }
    if lacks_text || !run.writes() {
        (settings.likelihood, settings.baselines) = (false, false);
    }
    let has_tasks = settings.suite || !settings.tasks.is_empty();
    if !settings.likelihood && !has_tasks {
        return Err(usage(if lacks_text {
            format!(
                "{name} is an imported model, and no run of the project has a validation text for it; give it a task (--task FILE, --suite tasks)"
            )
        } else if !run.writes() {
            format!(
                "{name} is a classifier and predicts no text; give it a file of texts and labels (--task FILE)"
            )
        } else {
            "there is nothing to evaluate with --no-likelihood and no task; give one (--task FILE, --suite tasks)".to_owned()
        }));
    }
    if lacks_text {
        report!("note: {name} is an imported model without a validation text: its likelihood is left out");
    }
    Ok(settings)
}

/// The evaluations and audits that a command returns; `None` if it was interrupted.
async fn evaluated(
    engine: &mut Engine,
    run: &RunSummary,
    command: Command,
    stopping: &'static str,
) -> Result<Option<answer::Evaluations>> {
    let (mut found, mut progress) = (None, Progress::default());
    let on_event = |mut event| {
        if let Event::Progress { what, .. } = &mut event {
            *what = format!("{}: {what}", run.name);
        }
        found = progress.receive(event).and_then(answer::Evaluations::from_event).or(found.take());
        Ok(())
    };
    engine.ask_until_signal(command, stopping, on_event).await?;
    Ok(found)
}

/// Measures how much of its training text a model reproduces from memory, and stores the result with the run. `None` if it was
/// interrupted or failed, which is reported; the evaluation is valid without it.
async fn memorisation(
    engine: &mut Engine,
    run: &RunSummary,
    evaluation: &Evaluation,
    arguments: &EvaluateArguments,
) -> Result<Option<Audit>> {
    let command = Command::ReadEvaluations { runs: vec![run.name.clone()] };
    let kept: answer::Evaluations = engine.ask_for(command).await?;
    // Do not overwrite a user's audit of other weights.
    let same =
        |audit: &Audit| (audit.weights_crc32c, audit.step) == (evaluation.weights_crc32c, evaluation.step);
    let keep = kept.audits.iter().all(same);
    let source = source(run, arguments);
    let sections = vec![AuditTopic::Memorisation];
    let settings = AuditSettings { sections, keep, seed: arguments.seed, ..AuditSettings::default() };
    let command = Command::Audit { source, settings: Box::new(settings) };
    let found = evaluated(engine, run, command, "stopping; earlier results are kept").await;
    let found = found.unwrap_or_else(|error| {
        report!("note: the memorisation of {} is unknown: {error:#}", run.name);
        None
    });
    Ok(found.and_then(|mut found| found.audits.pop()))
}

const SCRIPT_TAKES_NO: [&str; 9] =
    ["run", "runs", "suite", "against", "with_results", "card", "documents", "stride", "json"];

/// The metrics of each kind of row.
fn metric_help() -> String {
    let of = |kind: &AnswerKind| {
        let metrics = TASK_METRICS.iter().filter(|metric| metric.needs.kinds().contains(kind));
        let named = metrics.map(|metric| match metric.needs {
            Needs::Rows(_) => metric.name.to_owned(),
            Needs::Benchmark(_) => format!("{} (of a benchmark)", metric.name),
        });
        format!("Rows that {}: {}.", kind.title(), named.collect::<Vec<_>>().join(", "))
    };
    format!(
        "Metrics, separated by commas; may be repeated [default: by kind of row]\n\n{} Also rouge:stemmer, and rules such as rule:numeric and \
         rule:regex=EXPRESSION, which extends to the end of the list.",
        AnswerKind::ALL.iter().map(of).collect::<Vec<_>>().join(" ")
    )
}

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true, subcommand_value_name = "OTHER")]
pub struct EvaluateArguments {
    #[command(subcommand)]
    pub other: Option<OtherEvaluation>,
    #[command(flatten)]
    pub model: ModelArguments,
    /// Runs to compare, separated by commas; paired by document and row
    #[arg(long, value_name = "RUN,RUN", value_delimiter = ',', conflicts_with = "run")]
    pub runs: Vec<String>,
    /// Another model for the same text and rows: a run, a Hugging Face folder, a GGUF file, or a URL; may be repeated
    #[arg(long, value_name = "RUN|DIR|FILE.gguf|URL")]
    pub against: Vec<String>,
    /// Task file: JSON Lines with known answers; may be repeated
    ///
    /// Published tasks are recognised by their rows, or named: lambada_openai=FILE, arc_easy=FILE. A description in lm-eval's YAML has its rows
    /// in the file of the same name next to it, or TASK.yaml=FILE.
    #[arg(long, value_name = "[TASK=]FILE")]
    pub task: Vec<PathBuf>,
    /// Metrics, separated by commas; may be repeated [default: by kind of row]
    #[arg(long = "metric", value_name = "NAME,NAME", requires = "task", long_help = metric_help())]
    pub metrics: Vec<String>,
    /// Evaluate all families of instruction tasks (`corpus tasks`), in held-out wordings
    #[arg(long, value_name = "NAME", value_parser = [PossibleValue::new("tasks").help("The project's own instruction tasks")])]
    pub suite: Option<String>,
    /// Maximum rows per task, from the start [default: all; 100 per family of a suite]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub rows: Option<usize>,
    /// Maximum tokens of an answer [default: slightly more than the longest right answer]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub max_tokens: Option<usize>,
    /// Maximum documents of the validation split [default: all]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub documents: Option<usize>,
    /// Stride between windows, in tokens [default: half the context length]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub stride: Option<usize>,
    /// Skip the validation text and its baselines
    #[arg(long)]
    pub no_likelihood: bool,
    /// Skip n-grams and compressors
    #[arg(long)]
    pub no_baselines: bool,
    /// Skip memorisation, which `audit` measures and a card shows
    #[arg(long)]
    pub no_memorisation: bool,
    /// Write the first model's card as an HTML file
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Replace an existing card or script
    #[arg(long)]
    pub force: bool,
    /// Write a Python script that answers the tasks with a transformers model, such as T5, and evaluate nothing
    #[arg(long, value_name = "DIR", requires = "task", conflicts_with_all = SCRIPT_TAKES_NO)]
    pub script: Option<PathBuf>,
    /// Results written by that script; may be repeated
    ///
    /// Either all files of one task, or one file for each task in their order.
    #[arg(long, value_name = "FILE", requires = "task")]
    pub with_results: Vec<PathBuf>,
    /// Names of the results in tables, in their order [default: their file names]
    #[arg(long, value_name = "NAME", requires = "with_results")]
    pub name: Vec<String>,
    #[arg(long, value_name = "N", help = help(EvaluateSettings::setting("resamples")), default_value_t = RESAMPLES, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RESAMPLES)))]
    pub resamples: u32,
    /// Seed of samples and bootstrap resamples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object per line: each evaluation, its memorisation audit, then each comparison
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum OtherEvaluation {
    /// Audit a model for bias, harmful text, memorised text, canaries and personal data
    Audit(AuditArguments),
    /// Find unwanted words by rules; train and check a classifier
    Moderate(ModerateArguments),
    /// Classify texts with a trained classifier, or score them with a reward model
    Classify(ClassifyArguments),
}

const AFTER_HELP: &str = r#"Rows of a task, one JSON object a line:
  {"prompt": "Who wrote it?", "answer": "Ada"}                          answered in free text; or several right "answers": [...]
  {"messages": [{"role": "user", "content": "2+2?"}], "answer": "4"}    a conversation; "check" as `corpus tasks` writes it
  {"prompt": "The sky is", "choices": ["blue", "red"], "answer": 0}     chosen by likelihood
  {"text": "I like it.", "label": "good"}                               labelled
  {"tokens": ["Ada", "wrote"], "tags": ["B-PER", "O"]}                  tagged
Tables group rows by "group", "template", "category", "subject" or "kind".
The default run is the latest trained one; imported models do not count.
Results are kept with the run, and the next evaluation of the same weights adds to them."#;
