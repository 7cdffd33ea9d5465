//! An exercise of the book, again: its data fetched or named, its weights named, its run as `train` does it, and the figure beside the
//! book's.

use super::exercise::{Begins, COMMON, Exercise, Figure, Gpt2};
use super::rows::Rows;
use crate::cli::arguments::{ConfigArguments, EvaluationArgument, ReproduceArguments, TrainArguments};
use crate::cli::driver::drive;
use crate::cli::import::{is_address, is_place};
use crate::cli::output::duration;
use crate::cli::score::Place;
use crate::cli::settings::{changed, check_device, usage};
use crate::cli::train::{quoted, taken_in, to_the_end};
use crate::cli::{fetch, trained};
use anyhow::{Context as _, Result};
use glasshouse_corpus::catalogue::{self, fetch::sha256};
use glasshouse_engine::data::recipes::{labelled, write_lines};
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::quantity::things;
use glasshouse_engine::protocol::{RunConfig, RunSummary};
use glasshouse_engine::session;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What came out.
struct Outcome {
    /// The figure; none where the run has none.
    ours: Option<f64>,
    /// Whether it comes as far; none where it cannot be compared.
    verdict: Option<bool>,
    /// What it was compared with beside the published number.
    note: String,
}

pub(super) fn run(arguments: &ReproduceArguments, exercise: &Exercise) -> Result<ExitCode> {
    check_device(arguments.device.as_deref())?;
    let training = TrainArguments {
        project: arguments.project.clone(),
        device: arguments.device.clone(),
        threads: arguments.threads,
        eval: EvaluationArgument::Full,
        json: arguments.json,
        ..TrainArguments::default()
    };
    let run = if arguments.resume {
        to_the_end(&TrainArguments { resume: true, eval: EvaluationArgument::default(), ..training })?
    } else {
        // What is missing is told before anything is fetched.
        let weights = weights(arguments, exercise)?;
        let Some(file) = data(arguments, exercise)? else { return Ok(ExitCode::SUCCESS) };
        let rows = rows(exercise, &file)?;
        let from = match weights {
            Some(place) if is_place(&place) => Some(drive(session::Options::default(), async |engine| {
                taken_in(&place, &training, engine).await
            })?),
            other => other,
        };
        let learned = write(arguments, exercise, &file, &rows)?;
        let config = settings(exercise, arguments, from.is_none());
        to_the_end(&TrainArguments { config, data: vec![learned], from, no_autotune: true, ..training })?
    };
    let outcome = outcome(arguments, exercise, &run)?;
    tell(arguments, exercise, &run, &outcome).ok();
    let broken_off = run.step < run.steps;
    Ok(ExitCode::from(u8::from(outcome.verdict == Some(false) || broken_off)))
}

/// What to begin with: the place of weights, or a run.
fn weights(arguments: &ReproduceArguments, exercise: &Exercise) -> Result<Option<String>> {
    let name = exercise.name;
    let Gpt2 { repository, .. } = exercise.shape();
    if let Some(weights) = &arguments.weights {
        if exercise.begins == Begins::Fresh {
            return Err(usage(format!("reproduce {name} begins with random weights; leave --weights out")));
        }
        if !is_address(weights) && !Path::new(weights).exists() {
            return Err(usage(format!("--weights {weights}: there is no such folder or file")));
        }
        // A folder's bare name is a place, too.
        let place = if is_place(weights) { weights.clone() } else { format!("./{weights}") };
        return Ok(Some(place));
    }
    let missing = |first: &str| {
        usage(format!(
            "reproduce {name} begins with {first}: name its folder with --weights (config.json, model.safetensors, tokenizer.json), or its \
             address, huggingface.co/{repository}"
        ))
    };
    match exercise.begins {
        Begins::Fresh => Ok(None),
        Begins::Weights(_) => Err(missing(&format!("the weights of {repository}, which are not at hand"))),
        Begins::Tuned(_) => {
            let project = &arguments.project;
            let has_runs =
                project.is_dir() && Project::open(project)?.runs().is_ok_and(|runs| !runs.is_empty());
            if !has_runs {
                let first = format!(
                    "the model of `glasshouse reproduce sft`, and {} has no run; run that first, or begin with another one",
                    quoted(project)
                );
                return Err(missing(&first));
            }
            Ok(Some("latest".to_owned()))
        }
    }
}

/// The file that is named, or the catalogue's; `None` where a signal ended the download.
fn data(arguments: &ReproduceArguments, exercise: &Exercise) -> Result<Option<PathBuf>> {
    let entry = catalogue::find(exercise.data)?;
    let Some(file) = &arguments.data else {
        return fetch::fetched(entry, None, arguments.json);
    };
    if sha256(file)? != entry.sha256 {
        tell!("note: {} is not {}: there will be no verdict", file.display(), entry.title);
    }
    Ok(Some(file.clone()))
}

/// The exercise's rows of a file; none of a text as it is.
fn rows(exercise: &Exercise, file: &Path) -> Result<Option<Rows>> {
    let Some(make) = exercise.rows else { return Ok(None) };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let rows = make(&text).map_err(|error| {
        usage(format!("{} is no data of reproduce {}: {error:#}", file.display(), exercise.name))
    })?;
    Ok(Some(rows))
}

/// Where an exercise's rows are in the project.
fn folder(arguments: &ReproduceArguments, exercise: &Exercise) -> PathBuf {
    arguments.project.join("book").join(exercise.name)
}

/// Puts rows, and what they are of, into the project; names what is learned.
fn write(
    arguments: &ReproduceArguments,
    exercise: &Exercise,
    file: &Path,
    rows: &Option<Rows>,
) -> Result<PathBuf> {
    let folder = folder(arguments, exercise);
    if rows.is_some() {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        write_lines(&folder.join("source"), &[sha256(file)?])?;
    }
    let Some(Rows { learned, test }) = rows else { return Ok(file.to_owned()) };
    write_lines(&folder.join("test.jsonl"), test)?;
    let path = folder.join("train.jsonl");
    write_lines(&path, learned)?;
    Ok(path)
}

/// What `train` would have to be told.
fn settings(exercise: &Exercise, arguments: &ReproduceArguments, fresh: bool) -> ConfigArguments {
    let own = published(exercise);
    let set = own.set.into_iter().chain(arguments.set.iter().cloned()).collect();
    let steps = arguments.steps.or(own.steps);
    let seed = Some(123);
    // As many entries as a text of five thousand words has use for.
    let (preset, vocab) = if fresh { (Some("gpt2-124m".to_owned()), Some(1024)) } else { (None, None) };
    ConfigArguments { preset, vocab, steps, seed, set, ..own }
}

/// The settings of the published run, beside model and seed.
fn published(exercise: &Exercise) -> ConfigArguments {
    let interval = format!("train.checkpoint_interval={}", (exercise.steps / 2).max(1));
    let set = COMMON.iter().chain(exercise.sets).map(|set| (*set).to_owned());
    ConfigArguments {
        steps: Some(exercise.steps),
        batch_size: Some(exercise.batch),
        lr: Some(exercise.rate),
        objective: Some(exercise.objective),
        set: set.chain([interval]).collect(),
        ..ConfigArguments::default()
    }
}

/// Whether a run is the published one: its settings, the shape of its model, and its data.
fn is_published(arguments: &ReproduceArguments, exercise: &Exercise, run: &RunSummary) -> Result<bool> {
    let config = trained::find_run(&arguments.project, Some(&run.name))?.config()?;
    let Gpt2 { layers, width, .. } = exercise.shape();
    let as_published = changed(config.clone(), &published(exercise)).is_ok_and(|same| same == config);
    let shaped = (config.model.layers, config.model.width) == (layers, width);
    Ok(run.step >= exercise.steps && as_published && shaped && has_its_data(arguments, exercise, &config)?)
}

fn has_its_data(arguments: &ReproduceArguments, exercise: &Exercise, config: &RunConfig) -> Result<bool> {
    let sum = catalogue::find(exercise.data)?.sha256;
    if exercise.rows.is_none() {
        let file = config.data.paths.first().map(Path::new).filter(|file| file.is_file());
        return Ok(file.map(sha256).transpose()?.is_some_and(|own| own == sum));
    }
    let source = std::fs::read_to_string(folder(arguments, exercise).join("source"));
    Ok(source.is_ok_and(|own| own.trim() == sum))
}

/// The figure of a run.
fn outcome(arguments: &ReproduceArguments, exercise: &Exercise, run: &RunSummary) -> Result<Outcome> {
    let place = Place {
        project: &arguments.project,
        device: arguments.device.as_deref(),
        threads: arguments.threads,
    };
    let comparable = is_published(arguments, exercise, run)?;
    let compared = |holds: bool| comparable.then_some(holds);
    Ok(match exercise.figure {
        Figure::Loss(published) => {
            let ours = run.val_loss.map(f64::from);
            let verdict = ours.and_then(|ours| compared(ours <= published));
            Outcome { ours, verdict, note: String::new() }
        }
        Figure::Accuracy(published) => {
            let file = folder(arguments, exercise).join("test.jsonl");
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let score = place.labels(run, &labelled(&lines)?)?;
            // Two standard errors of a share of so many texts.
            let spread = 2.0 * (published * (1.0 - published) / score.rows.max(1) as f64).sqrt();
            let note = format!("{}; two standard errors are {:.1} %", score.words("text"), spread * 100.0);
            let verdict = compared(score.accuracy() >= published - spread);
            Outcome { ours: Some(score.accuracy()), verdict, note }
        }
        Figure::ByHeart { validation, .. } => {
            let losses = place.losses(run)?;
            let best = losses.iter().map(|loss| loss.validation).min_by(f64::total_cmp);
            let (ours, verdict, note) = match (losses.last(), best) {
                (Some(last), Some(best)) => {
                    let note = format!(
                        "lowest validation loss {best:.3}, and {:.3} at the end; the book's ends at {validation}",
                        last.validation
                    );
                    (Some(last.train), compared(last.train < 1.0 && last.validation > best), note)
                }
                _ => (None, None, String::new()),
            };
            Outcome { ours, verdict, note }
        }
    })
}

fn tell(
    arguments: &ReproduceArguments,
    exercise: &Exercise,
    run: &RunSummary,
    outcome: &Outcome,
) -> Result<()> {
    let Exercise { name, source, steps, figure, differs, .. } = exercise;
    let Outcome { ours, verdict, note } = outcome;
    if arguments.json {
        let line = json!({
            "event": "reproduction", "exercise": name, "figure": figure.words(), "published": figure.published(),
            "source": source, "published_steps": steps, "ours": ours, "note": note, "differs": differs, "run": run.name,
            "step": run.step, "seconds": run.seconds, "device": run.device, "reproduced": verdict,
        });
        return Ok(say!("{line}")?);
    }
    let shown = ours.map_or_else(|| "none".to_owned(), |ours| format!("{ours:.4}"));
    let (ran, time) = (things(run.step, "step"), duration(run.seconds));
    say!("\n{name}: {}", figure.words())?;
    say!("  published  {:.4}   {steps} {} ({source})", figure.published(), things(*steps, "step"))?;
    say!("  ours       {shown}   {} {ran}, {time}, on {}", run.step, run.device)?;
    if !note.is_empty() {
        say!("  {note}")?;
    }
    say!("  differs    {differs}")?;
    match verdict {
        Some(true) => say!("reproduced")?,
        Some(false) => say!("not reproduced")?,
        None if run.step < run.steps => say!(
            "no verdict: the run stopped before its end; go on with: glasshouse reproduce {name} --project {} --resume",
            quoted(&arguments.project)
        )?,
        None => {
            say!("no verdict: the data, the weights' shape, the steps or the settings are not the book's")?;
        }
    }
    Ok(())
}
