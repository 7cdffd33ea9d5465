//! `glasshouse recipe`: an application that a model learns, by a run as `train` starts it, and how well it then does on rows that no
//! training saw.

mod own;

use super::arguments::{ConfigArguments, EvaluationArgument, RecipeArguments, TrainArguments};
use super::driver::drive;
use super::import::is_place;
use super::output::duration;
use super::score::{Place, Score};
use super::settings::{check_device, usage};
use super::train::{quoted, taken_in, to_the_end, told};
use super::trained;
use anyhow::{Context as _, Result};
use glasshouse_engine::data::recipes::{
    RecipeRows, held_out, labelled, made_up, questions, write_lines, write_made_up, write_own,
};
use glasshouse_engine::data::tasks::TaskSplit;
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::RunSummary;
use glasshouse_engine::protocol::recipes::{Metric, RECIPES, TuningRecipe, recipe as named};
use glasshouse_engine::session;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Rows of an example.
const EXAMPLES: u64 = 10;

pub(super) fn recipe(arguments: &RecipeArguments) -> Result<ExitCode> {
    told(arguments.json, run(arguments))
}

fn run(arguments: &RecipeArguments) -> Result<ExitCode> {
    let Some(name) = &arguments.name else {
        list(arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    };
    let recipe = named(name).map_err(usage)?;
    if let Some(file) = &arguments.example {
        example(recipe, file)?;
        return Ok(ExitCode::SUCCESS);
    }
    check_device(arguments.device.as_deref())?;
    if let Some(run) = &arguments.measure {
        measure_alone(arguments, recipe, run)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A mistake in what was typed is told before a model is imported.
    let own = arguments.data.as_deref().map(|file| own::rows(recipe, file)).transpose()?.flatten();
    let from = begin(arguments)?;
    let RecipeRows { train, held_out } = match (&own, &arguments.data) {
        (Some(rows), _) => write_own(recipe, &arguments.project, rows)?,
        // Text is what it is, of any kind.
        (None, Some(file)) => RecipeRows { train: file.clone(), held_out: Vec::new() },
        (None, None) => write_made_up(recipe, &arguments.project)?,
    };
    let run = to_the_end(&TrainArguments {
        config: settings(arguments, recipe),
        data: vec![train],
        project: arguments.project.clone(),
        from: Some(from),
        device: arguments.device.clone(),
        threads: arguments.threads,
        // Of a text of a few pages batches would be few; all of it is one number.
        eval: match recipe.metric() {
            Metric::Perplexity => EvaluationArgument::Full,
            Metric::Answers | Metric::Labels => EvaluationArgument::Batches,
        },
        json: arguments.json,
        ..TrainArguments::default()
    })?;
    if run.step < run.steps {
        let project = quoted(&arguments.project);
        tell!(
            "stopped before its end; go on with: glasshouse train --project {project} --resume, and then: glasshouse recipe {name} \
             --project {project} --measure {}",
            run.name
        );
        return Ok(ExitCode::SUCCESS);
    }
    tell(arguments, recipe, &run, &held_out)?;
    if !arguments.json {
        let project = quoted(&arguments.project);
        match recipe.metric() {
            Metric::Answers => say!("ask it: glasshouse chat --project {project}")?,
            Metric::Labels => say!("ask it: glasshouse classify --project {project} --text \"...\"")?,
            Metric::Perplexity => {
                say!("let it write: glasshouse generate --project {project} --prompt \"...\"")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What `train` would have to be told.
fn settings(arguments: &RecipeArguments, recipe: &TuningRecipe) -> ConfigArguments {
    let steps = arguments.steps.unwrap_or(recipe.steps);
    let interval = (steps / 10).max(1);
    let every = ["eval", "checkpoint"].map(|of| format!("train.{of}_interval={interval}"));
    ConfigArguments {
        steps: Some(steps),
        lr: Some(arguments.lr.unwrap_or(recipe.learning_rate)),
        batch_size: arguments.batch_size,
        adapter: arguments.adapter.clone(),
        seed: arguments.seed,
        objective: Some(recipe.objective),
        set: every.into_iter().chain(arguments.set.iter().cloned()).collect(),
        ..ConfigArguments::default()
    }
}

/// The run to begin with; a model that is elsewhere is imported first, so that there is a project.
fn begin(arguments: &RecipeArguments) -> Result<String> {
    let RecipeArguments { from, project, .. } = arguments;
    if is_place(from) {
        let training = TrainArguments { project: project.clone(), ..TrainArguments::default() };
        return drive(session::Options::default(), async |engine| taken_in(from, &training, engine).await);
    }
    let has_runs = project.is_dir() && Project::open(project)?.runs().is_ok_and(|runs| !runs.is_empty());
    if !has_runs {
        let project = quoted(project);
        return Err(usage(format!(
            "a recipe goes on from a trained model, and {project} has none; train one (glasshouse train --project {project}), or name one \
             with --from: a Hugging Face folder, a GGUF file, or an address"
        )));
    }
    Ok(from.clone())
}

/// Lists the recipes: an object per line for programs, a paragraph each for people.
fn list(json: bool) -> Result<()> {
    for recipe in RECIPES {
        let TuningRecipe { name, learns, row, steps, learning_rate, .. } = recipe;
        let (objective, format, measured) = (recipe.objective.name(), recipe.format(), recipe.measured());
        if json {
            let line = json!({
                "name": name, "learns": learns, "objective": objective, "format": format, "row": row,
                "metric": measured, "steps": steps, "learning_rate": learning_rate,
            });
            say!("{line}")?;
            continue;
        }
        say!("{name}  {learns}")?;
        say!("    data      {format}")?;
        say!("    example   {row}")?;
        say!("    metric    {measured}")?;
        say!("    learning  objective {objective}, {steps} steps at a rate of {learning_rate:e}\n")?;
    }
    if !json {
        say!(
            "Learn one: glasshouse recipe NAME --project DIR [--data FILE]; an example of its data: --example FILE"
        )?;
    }
    Ok(())
}

/// Writes a file of ten rows.
fn example(recipe: &TuningRecipe, file: &Path) -> Result<()> {
    if file.exists() {
        return Err(usage(format!("{} is there already; name another file", file.display())));
    }
    if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl")) {
        return Err(usage(format!(
            "{}: an example is JSON Lines; name a file that ends with .jsonl",
            file.display()
        )));
    }
    write_lines(file, &made_up(recipe, TaskSplit::Train, EXAMPLES)?)?;
    say!(
        "{}: ten rows. Put your own in their place, some hundreds of them: {}",
        file.display(),
        recipe.format()
    )?;
    Ok(())
}

/// Measures a run that there is.
fn measure_alone(arguments: &RecipeArguments, recipe: &TuningRecipe, run: &str) -> Result<()> {
    let summary =
        trained::find_run(&arguments.project, Some(run).filter(|run| *run != "latest"))?.summary()?;
    let own = arguments.data.as_deref().map(|file| own::rows(recipe, file)).transpose()?.flatten();
    let rows = own.map_or_else(|| held_out(recipe, &arguments.project), Ok)?;
    tell(arguments, recipe, &summary, &rows)
}

/// Says how well a run does, on rows that no training saw.
fn tell(arguments: &RecipeArguments, recipe: &TuningRecipe, run: &RunSummary, rows: &[String]) -> Result<()> {
    let place = Place {
        project: &arguments.project,
        device: arguments.device.as_deref(),
        threads: arguments.threads,
    };
    match recipe.metric() {
        Metric::Perplexity => tell_perplexity(arguments, &place, run),
        Metric::Answers => {
            let score = place.answers(run, &questions(rows)?)?;
            tell_score(arguments, recipe.name, run, score, "question")
        }
        Metric::Labels => {
            let score = place.labels(run, &labelled(rows)?)?;
            tell_score(arguments, recipe.name, run, score, "text")
        }
    }
}

fn tell_score(
    arguments: &RecipeArguments,
    recipe: &str,
    run: &RunSummary,
    score: Score,
    thing: &str,
) -> Result<()> {
    let Score { rows, right, .. } = score;
    if arguments.json {
        let line = json!({
            "event": "score", "recipe": recipe, "run": run.name, "rows": rows, "right": right,
            "accuracy": score.accuracy(), "mean": score.mean(), "seconds": run.seconds,
        });
        return Ok(say!("{line}")?);
    }
    let time = duration(run.seconds);
    Ok(say!("\n{recipe}: {} of those held out; {} was trained for {time}", score.words(thing), run.name)?)
}

/// Says what the run's evaluations came to, before its first step and where they were best.
fn tell_perplexity(arguments: &RecipeArguments, place: &Place<'_>, run: &RunSummary) -> Result<()> {
    let losses = place.losses(run)?;
    let first = losses.first().filter(|losses| losses.step == 0);
    let best = losses.iter().min_by(|a, b| a.validation.total_cmp(&b.validation));
    let best = best.context("the run has no evaluation")?;
    let before = first.map(|losses| losses.validation.exp());
    let (step, after) = (best.step, best.validation.exp());
    if arguments.json {
        let line = json!({
            "event": "score", "recipe": "poems", "run": run.name, "before": before, "after": after, "step": step,
            "seconds": run.seconds,
        });
        return Ok(say!("{line}")?);
    }
    let before = before.map_or_else(|| "unknown".to_owned(), |before| format!("{before:.2}"));
    let time = duration(run.seconds);
    say!(
        "\npoems: validation perplexity {before} before, {after:.2} after {step} steps; {} was trained for {time}",
        run.name
    )?;
    Ok(())
}
