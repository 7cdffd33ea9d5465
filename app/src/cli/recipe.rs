//! `glasshouse recipe`: trains a recipe's application by a run as `train` starts it, and measures it on held-out rows.

mod own;

use super::import::is_place;
use super::prelude::*;
use super::report::joined;
use super::score::Score;
use super::train::{base_run, train_run};
use glasshouse_engine::data::recipes::{generated, write_lines, write_own};
use glasshouse_engine::data::tasks::TaskSplit;
use glasshouse_engine::project::Run;
use glasshouse_engine::protocol::recipes::{RECIPES, RecipeMetric, RecipeSettings, TuningRecipe};

const EXAMPLES: u64 = 10;

pub(super) fn recipe(arguments: &RecipeArguments) -> Result<()> {
    let Some(recipe) = arguments.name else { return list(arguments.json) };
    let name = &recipe.name;
    if let Some(file) = &arguments.example {
        return example(recipe, file);
    }
    check_device(arguments.device.as_deref())?;
    if let Some(run) = &arguments.measure {
        return measure_alone(arguments, recipe, run);
    }
    // Report mistakes in the arguments before a model is imported.
    let own = arguments.data.as_deref().map(|file| own::rows(recipe, file)).transpose()?.flatten();
    let config = settings(arguments, recipe);
    check(arguments, &config)?;
    let from = base_run(&arguments.from, &arguments.training())?;
    let data = match &own {
        Some(rows) => Some(write_own(recipe, &arguments.project, rows)?),
        // Plain text of any kind is passed on; without data the engine generates rows.
        None => arguments.data.clone(),
    };
    let run = train_run(&TrainArguments {
        config,
        recipe: data.is_none().then(|| recipe.name.to_owned()),
        data: data.into_iter().collect(),
        from: Some(from),
        // A text of a few pages has too few batches to sample from, so evaluate all of it.
        whole_split: recipe.metric() == RecipeMetric::Perplexity,
        ..arguments.training()
    })?;
    if run.step < run.steps {
        let project = quoted(&arguments.project);
        report!(
            "stopped early; continue with: glasshouse train --project {project} --resume --run {0}, and then: glasshouse recipe {name} --project \
             {project} --measure {0}",
            run.name
        );
        return Ok(());
    }
    print(arguments, recipe, &run, None)?;
    if !arguments.json {
        let project = quoted(&arguments.project);
        match recipe.metric() {
            RecipeMetric::Answers => say!("ask it: glasshouse chat --project {project}")?,
            RecipeMetric::Labels => {
                say!("ask it: glasshouse evaluate classify --project {project} --text \"...\"")?;
            }
            RecipeMetric::Perplexity => {
                say!("generate: glasshouse generate --project {project} --prompt \"...\"")?;
            }
        }
    }
    Ok(())
}

/// The options that `train` would need.
fn settings(arguments: &RecipeArguments, recipe: &TuningRecipe) -> ConfigArguments {
    let RecipeSettings { objective, steps, learning_rate, interval } =
        recipe.settings(arguments.steps, arguments.lr);
    let every = ["eval", "checkpoint"].map(|of| format!("train.{of}_interval={interval}"));
    ConfigArguments {
        steps: Some(steps),
        lr: learning_rate,
        batch_size: arguments.batch_size,
        adapter: arguments.adapter.clone(),
        seed: arguments.seed,
        objective: Some(objective),
        set: every.into_iter().chain(arguments.set.iter().cloned()).collect(),
        ..ConfigArguments::default()
    }
}

/// Refuses settings that cannot be trained before a model is imported or rows are written.
fn check(arguments: &RecipeArguments, settings: &ConfigArguments) -> Result<()> {
    let RecipeArguments { from, project, .. } = arguments;
    if is_place(from) {
        return check_before_import(settings);
    }
    if runs_of(project)?.is_empty() {
        let project = quoted(project);
        misuse!(
            "a recipe fine-tunes a trained model, and {project} has none; train one (glasshouse train --project {project}), or name one with --from: \
             a Hugging Face folder, a GGUF file, or a URL"
        );
    }
    let start = Start::parse(from, None);
    let run = trained::find_run(project, Start::named_run(&start.run))?;
    changed(RunConfig { start: Some(start), ..run.config()? }, settings).map(drop)
}

/// Refuses settings that no model can be trained with, before the model to import is known.
pub(super) fn check_before_import(settings: &ConfigArguments) -> Result<()> {
    let mut config = presets::preset("gpt2-124m").map_err(usage)?;
    config.start = Some(Start::best_of(Start::LATEST));
    // Checks that depend on the model's shape come later: assume many blocks and any context length.
    (config.model.layers, config.model.context_length, config.model.tied_head) = (1024, 1, false);
    changed(config, settings).map(drop)
}

/// The runs of a project; empty if the folder does not exist.
pub(super) fn runs_of(project: &Path) -> Result<Vec<Run>> {
    if project.is_dir() { Ok(Project::open(project)?.runs()?) } else { Ok(Vec::new()) }
}

/// Lists the recipes: an object per line as JSON, otherwise a paragraph each.
fn list(json: bool) -> Result<()> {
    for recipe in RECIPES.iter() {
        let TuningRecipe { name, learns, row, steps, learning_rate, expected, .. } = recipe;
        let (objective, format, measured) = (recipe.objective.name(), recipe.format(), recipe.measured());
        if json {
            let mut line = json!({
                "name": name, "learns": learns, "objective": objective, "format": format, "row": row,
                "metric": measured, "steps": steps, "learning_rate": learning_rate,
            });
            if let (Some(expected), Some(fields)) = (expected, line.as_object_mut()) {
                fields.insert("expected".to_owned(), json!(expected));
            }
            say!("{line}")?;
            continue;
        }
        let rate = learning_rate.map(|rate| format!(" at a rate of {rate:e}")).unwrap_or_default();
        let expected = expected.as_ref().map(|text| format!("\n    expected  {text}")).unwrap_or_default();
        say!(
            "{name}  {learns}\n    data      {format}\n    example   {row}\n    metric    {measured}{expected}"
        )?;
        say!("    learning  objective {objective}, {steps} steps{rate}\n")?;
    }
    if !json {
        say!("Use one: glasshouse recipe NAME --project DIR [--data FILE]; example data: --example FILE")?;
    }
    Ok(())
}

fn example(recipe: &TuningRecipe, file: &Path) -> Result<()> {
    check_new_file(file, None, "another file")?;
    if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl")) {
        misuse!("{}: an example is JSON Lines; name a file that ends with .jsonl", file.display());
    }
    write_lines(file, &generated(recipe, TaskSplit::Train, EXAMPLES)?)?;
    let (file, format) = (file.display(), recipe.format());
    Ok(say!("{file}: ten example rows. Replace them with your own, some hundreds of rows: {format}")?)
}

fn measure_alone(arguments: &RecipeArguments, recipe: &TuningRecipe, run: &str) -> Result<()> {
    if recipe.metric() == RecipeMetric::Perplexity && arguments.data.is_some() {
        misuse!(
            "--measure takes the perplexity of {} from the run's own evaluations, which read no other text; leave --data out",
            recipe.name
        );
    }
    let run = trained::find_run(&arguments.project, Start::named_run(run))?;
    check_objective(recipe, &run.name(), &run.config()?)?;
    let own = arguments.data.as_deref().map(|file| own::rows(recipe, file)).transpose()?.flatten();
    print(arguments, recipe, &run.summary()?, own.as_deref())
}

/// Refuses to measure a run trained with an unsuitable objective. Any generating model can be asked.
fn check_objective(recipe: &TuningRecipe, run: &str, config: &RunConfig) -> Result<()> {
    let objective = config.train.objective;
    let (fits, wanted) = match recipe.metric() {
        RecipeMetric::Perplexity | RecipeMetric::Labels => (objective == recipe.objective, recipe.objective),
        RecipeMetric::Answers => (!config.train.has_own_head(), Objective::Chat),
    };
    let name = &recipe.name;
    if !fits {
        misuse!(
            "{run} was trained with the objective {objective}, but the recipe {name} measures runs of the objective {wanted}; name another run"
        );
    }
    Ok(())
}

/// Prints how well a run does on rows it was not trained on: its held-out rows, or `own`; by perplexity, its validation results before the
/// first step and at their best.
fn print(
    arguments: &RecipeArguments,
    recipe: &TuningRecipe,
    run: &RunSummary,
    own: Option<&[String]>,
) -> Result<()> {
    let (training, metric) = (arguments.training(), recipe.metric());
    let score = || match own {
        Some(rows) => training.score_rows(run, metric, rows),
        None => training.score_held_out(run, recipe),
    };
    let (found, text) = match metric {
        RecipeMetric::Perplexity => {
            let losses = training.losses(run)?;
            let before = losses.first().filter(|(step, _)| *step == 0).map(|(_, loss)| loss.exp());
            let best = losses.iter().min_by(|(_, one), (_, other)| one.total_cmp(other));
            let (step, loss) = best.context("the run has no evaluation")?;
            let after = loss.exp();
            let found = json!({ "before": before, "after": after, "step": step });
            let before = before.map_or_else(|| "unknown".to_owned(), |before| format!("{before:.2}"));
            (found, format!("validation perplexity {before} before, {after:.2} after {step} steps"))
        }
        RecipeMetric::Answers => scored(score()?, "question", "pass_rate"),
        RecipeMetric::Labels => scored(score()?, "text", "acc"),
    };
    if arguments.json {
        let line =
            json!({ "event": "score", "recipe": recipe.name, "run": run.name, "seconds": run.seconds });
        return Ok(say!("{}", joined(line, &found))?);
    }
    Ok(say!("\n{}: {text}; {} was trained for {}", recipe.name, run.name, duration(run.seconds))?)
}

/// A score as JSON and as text, with what a row is called and the metric's identifier.
fn scored(score: Score, thing: &str, metric: &str) -> (Value, String) {
    let Score { rows, right, .. } = score;
    let accuracy = score.accuracy();
    let found = json!({ "rows": rows, "right": right, (metric): accuracy, "mean": score.mean() });
    (found, format!("{} of the held-out rows", score.words(thing)))
}

/// Training options, excluded by `--measure`.
const MEASURE_TAKES_NO: [&str; 7] = ["from", "steps", "batch_size", "lr", "adapter", "seed", "set"];

const EXAMPLE_TAKES_NO: [&str; 11] =
    ["data", "measure", "from", "steps", "batch_size", "lr", "adapter", "seed", "set", "device", "threads"];

#[derive(Args, Debug)]
pub struct RecipeArguments {
    /// Recipe [default: list all recipes]
    #[arg(value_parser = one_of(RECIPES.iter().map(|recipe| (recipe.name.as_str(), recipe.learns.clone(), recipe))))]
    pub name: Option<&'static TuningRecipe>,
    /// Your rows, a tenth of which is held out [default: generated rows]
    #[arg(long, value_name = "FILE", requires = "name")]
    pub data: Option<PathBuf>,
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, requires = "name")]
    pub project: PathBuf,
    /// Model to start from: a run of the project, a Hugging Face folder, a GGUF file, or a URL
    #[arg(
        long,
        value_name = "RUN[:CHECKPOINT]|DIR|FILE.gguf|URL",
        default_value = Start::LATEST,
        requires = "name"
    )]
    pub from: String,
    /// Write ten example rows and train nothing
    #[arg(long, value_name = "FILE", requires = "name", conflicts_with_all = EXAMPLE_TAKES_NO)]
    pub example: Option<PathBuf>,
    /// Measure a run and train nothing: number, name or title
    ///
    /// Measures on the held-out rows of the run's data, on generated rows if it was not trained with this recipe, or with --data on all rows of
    /// the file.
    #[arg(long, value_name = "RUN", requires = "name", conflicts_with_all = MEASURE_TAKES_NO)]
    pub measure: Option<String>,
    /// Optimizer steps [default: the recipe's, or that of the starting run]
    #[arg(long, value_name = "N", requires = "name")]
    pub steps: Option<u64>,
    /// Sequences per micro-batch
    #[arg(long, value_name = "N", requires = "name")]
    pub batch_size: Option<usize>,
    /// Peak learning rate [default: the recipe's]
    #[arg(long, value_name = "X", allow_negative_numbers = true, requires = "name")]
    pub lr: Option<f64>,
    /// Train an adapter and freeze the model: lora or dora
    #[arg(long, value_name = "KIND", requires = "name")]
    pub adapter: Option<String>,
    /// Seed of batches and dropout
    #[arg(long, value_name = "N", requires = "name")]
    pub seed: Option<u64>,
    /// Set any field of run.toml, as in `train`; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", requires = "name")]
    pub set: Vec<String>,
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name, requires = "name")]
    pub device: Option<String>,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count(), requires = "name")]
    pub threads: Option<usize>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

impl RecipeArguments {
    /// The options shared with `train`.
    fn training(&self) -> TrainArguments {
        let Self { project, device, threads, json, .. } = self;
        let (project, device, threads, json) = (project.clone(), device.clone(), *threads, *json);
        TrainArguments { project, device, threads, json, ..TrainArguments::default() }
    }
}
