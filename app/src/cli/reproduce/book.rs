//! Reproduces a published run: finds its data and weights, trains as `train` does, and compares the result with the published
//! figure.

use super::ReproduceArguments;
use super::data;
use super::exercise::{Begins, COMMON, Exercise, Figure, Gpt2};
use super::rows::ExerciseRows;
use crate::cli::import::{is_address, is_place};
use crate::cli::prelude::*;
use crate::cli::recipe::{check_before_import, runs_of};
use crate::cli::train::{base_run, train_run};
use glasshouse_documents::catalogue::{self, fetch::sha256};
use glasshouse_engine::data::recipes::write_lines;
use glasshouse_engine::protocol::recipes::RecipeMetric;

/// Preset of runs from random weights, and their vocabulary size: a text of five thousand words needs no more.
const PRESET: &str = "gpt2-124m";
const VOCABULARY: usize = 1024;

/// The exercise that tunes the model which preferences start from.
const TUNING: &str = "sft";

/// Folder in the project with a subfolder of rows per exercise.
const FOLDER: &str = "book";
const TRAIN_FILE: &str = "train.jsonl";

pub(in crate::cli) fn reproduce(arguments: &ReproduceArguments) -> Result<ExitCode> {
    let exercise = arguments.run;
    check_device(arguments.device.as_deref())?;
    let training = TrainArguments { whole_split: !exercise.is_preset(), ..arguments.training() };
    let run = if arguments.resume {
        let run = trained::find_run(&arguments.project, None)?;
        if !is_of(exercise, &run.config()?) {
            let (run, project, name) = (run.name(), arguments.project.display(), &exercise.name);
            misuse!(
                "run {run} in {project} is not a run of reproduce {name}; leave --resume out to start it"
            );
        }
        train_run(&TrainArguments { resume: true, whole_split: false, ..training })?
    } else {
        // Report missing files and typing mistakes before anything is fetched.
        let weights = weights(arguments, exercise)?;
        let config = settings(exercise, arguments);
        match exercise.begins {
            Begins::Preset | Begins::Fresh => drop(run_config(&config, PRESET)?),
            Begins::Weights(_) | Begins::Tuned(_) => check_before_import(&config)?,
        }
        let shortened = arguments.steps.is_some_and(|steps| steps != exercise.steps);
        // `None` is an interrupted download, which the exit code reports.
        let Some(file) = data(&exercise.data, arguments, exercise.is_preset() && !shortened)? else {
            return Ok(ExitCode::SUCCESS);
        };
        let rows = rows(exercise, &file)?;
        let from = weights.map(|from| base_run(&from, &training)).transpose()?;
        let learned = write(arguments, &file, rows)?;
        // No kernel tuning, so that other devices of the same kind reproduce the same bits.
        train_run(&TrainArguments { config, data: vec![learned], from, no_autotune: true, ..training })?
    };
    let outcome = outcome(arguments, exercise, &run)?;
    // The exit code reports it even if nobody reads the output.
    outcome.tell(arguments, exercise, &run).ok();
    // An interrupted run shows nothing. One that was requested to be shorter succeeds.
    Ok(ExitCode::from(u8::from(outcome.verdict == Some(false) || run.step < run.steps)))
}

/// Whether a run belongs to the exercise, with the published settings or others; of a preset, only the steps may be others.
fn is_of(exercise: &Exercise, run: &RunConfig) -> bool {
    if exercise.is_preset() {
        let as_long = Exercise { steps: run.train.steps, ..exercise.clone() };
        return is_published(&as_long, run, &[]);
    }
    let learned = match exercise.rows {
        Some(_) => {
            let own = Path::new(FOLDER).join(&exercise.name).join(TRAIN_FILE);
            run.data.paths.first().is_some_and(|path| Path::new(path).ends_with(own))
        }
        None => run.preset == PRESET && run.tokenizer.vocabulary == VOCABULARY,
    };
    learned && run.train.objective == exercise.objective
}

/// The base of the run: a place of weights, or a run.
fn weights(arguments: &ReproduceArguments, exercise: &Exercise) -> Result<Option<String>> {
    let name = &exercise.name;
    let shape = exercise.shape();
    if let Some(weights) = &arguments.weights {
        if shape.is_none() {
            misuse!("reproduce {name} starts from random weights; leave --weights out");
        }
        if !is_address(weights) && !Path::new(weights).exists() {
            misuse!("--weights {weights}: no such folder or file");
        }
        // A bare folder name is a place, too.
        let place = if is_place(weights) { weights.clone() } else { format!("./{weights}") };
        return Ok(Some(place));
    }
    let Some(shape) = shape else { return Ok(None) };
    let Gpt2 { repository, layers, width } = shape;
    let missing = |first: &str| {
        usage(format!(
            "reproduce {name} starts from {first}: name its folder with --weights (config.json, model.safetensors, tokenizer.json), or its URL, \
             huggingface.co/{repository}"
        ))
    };
    match &exercise.begins {
        Begins::Preset | Begins::Fresh | Begins::Weights(_) => {
            Err(missing(&format!("the weights of {repository}, which are not on this machine")))
        }
        Begins::Tuned(_) => {
            let sft = Exercise::find(TUNING)?;
            let runs = runs_of(&arguments.project)?;
            let tuned = |config: &RunConfig| is_of(sft, config) && has_shape(shape, config);
            let latest = runs.iter().rev().find(|run| run.config().is_ok_and(|config| tuned(&config)));
            let latest = latest.ok_or_else(|| {
                let (objective, project) = (sft.objective, quoted(&arguments.project));
                missing(&format!(
                    "the model of `glasshouse reproduce sft`, a run of the objective {objective} with {layers} layers of width {width}, and \
                     {project} has none; run that first, or name another model"
                ))
            })?;
            Ok(Some(latest.name()))
        }
    }
}

fn has_shape(shape: &Gpt2, run: &RunConfig) -> bool {
    (run.model.layers, run.model.width) == (shape.layers, shape.width)
}

/// The exercise's rows in a file; `None` for plain text.
fn rows(exercise: &Exercise, file: &Path) -> Result<Option<ExerciseRows>> {
    let Some(format) = exercise.rows else { return Ok(None) };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let rows = format.rows(&text).map_err(|error| {
        usage(format!("{} is not data for reproduce {}: {error:#}", file.display(), exercise.name))
    })?;
    Ok(Some(rows))
}

fn folder(arguments: &ReproduceArguments) -> PathBuf {
    arguments.project.join(FOLDER).join(&arguments.run.name)
}

/// Writes the rows and their source into the project, and returns the path to train on.
fn write(arguments: &ReproduceArguments, file: &Path, rows: Option<ExerciseRows>) -> Result<PathBuf> {
    let Some(ExerciseRows { learned, test }) = rows else { return Ok(file.to_owned()) };
    let folder = folder(arguments);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    write_lines(&folder.join("source"), &[sha256(file)?])?;
    write_lines(&folder.join("test.jsonl"), &test)?;
    let path = folder.join(TRAIN_FILE);
    write_lines(&path, &learned)?;
    Ok(path)
}

/// The options that `train` would need.
fn settings(exercise: &Exercise, arguments: &ReproduceArguments) -> ConfigArguments {
    let own = published(exercise);
    let set = own.set.into_iter().chain(arguments.set.iter().cloned()).collect();
    ConfigArguments { steps: arguments.steps.or(own.steps), set, ..own }
}

fn published(exercise: &Exercise) -> ConfigArguments {
    let steps = Some(exercise.steps);
    if exercise.is_preset() {
        return ConfigArguments { preset: Some(exercise.name.clone()), steps, ..ConfigArguments::default() };
    }
    let interval = format!("train.checkpoint_interval={}", (exercise.steps / 2).max(1));
    let set = COMMON.iter().copied().chain(exercise.sets.iter().map(String::as_str)).map(str::to_owned);
    let fresh = exercise.begins == Begins::Fresh;
    ConfigArguments {
        preset: fresh.then(|| PRESET.to_owned()),
        vocabulary: fresh.then_some(VOCABULARY),
        seed: Some(123),
        steps,
        batch_size: exercise.batch,
        lr: exercise.rate,
        objective: Some(exercise.objective),
        set: set.chain([interval]).collect(),
        ..ConfigArguments::default()
    }
}

/// Whether a run has the published settings, regardless of its data. `before` holds its base run, that run's base, and so on.
fn is_published(exercise: &Exercise, run: &RunConfig, before: &[RunConfig]) -> bool {
    let begun = before.first();
    let as_begun = |begun: &RunConfig| {
        changed(RunConfig { start: run.start.clone(), ..begun.clone() }, &published(exercise))
    };
    let is_imported =
        |begun: &RunConfig| begun.start.is_none() && begun.tokenizer.kind == TokenizerKind::Imported;
    let is_tuned = |begun: &RunConfig| {
        Exercise::find(TUNING).is_ok_and(|sft| is_published(sft, begun, before.get(1..).unwrap_or_default()))
    };
    let wanted = match (&exercise.begins, begun) {
        (Begins::Preset | Begins::Fresh, None) => run_config(&published(exercise), PRESET),
        (Begins::Weights(_), Some(begun)) if is_imported(begun) => as_begun(begun),
        (Begins::Tuned(_), Some(begun)) if is_imported(begun) || is_tuned(begun) => as_begun(begun),
        _ => return false,
    };
    let Ok(wanted) = wanted else { return false };
    // The text decides these, and weights and objective decide the tokenizer.
    let data = DataConfig { paths: run.data.paths.clone(), mixture: run.data.mixture.clone(), ..wanted.data };
    let model =
        ModelConfig { vocabulary: run.model.vocabulary, labels: run.model.labels.clone(), ..wanted.model };
    // Milestones do not affect the figures.
    let (sample_prompt, milestones) = (run.train.sample_prompt.clone(), run.train.milestones);
    let train = TrainConfig { sample_prompt, milestones, ..wanted.train };
    let tokenizer = if begun.is_some() { run.tokenizer.clone() } else { wanted.tokenizer };
    let (device, start) = (run.device.clone(), run.start.clone());
    let wanted = RunConfig { device, start, data, tokenizer, model, train, ..wanted };
    let known = |token: &String| {
        let of_weights = begun.is_none_or(|begun| begun.tokenizer.special_tokens.contains(token));
        of_weights || CHATML_TOKENS.contains(&token.as_str())
    };
    wanted == *run
        && run.tokenizer.special_tokens.iter().all(known)
        && exercise.shape().is_none_or(|shape| has_shape(shape, run))
}

/// Settings of the base run in the same project, if it exists.
fn begun_with(project: &Path, run: &RunConfig) -> Option<RunConfig> {
    let start = run.start.as_ref().filter(|start| start.project.is_none())?;
    trained::find_run(project, Some(&start.run)).ok()?.config().ok()
}

/// Whether a run is the published one, including data and length.
fn is_comparable(arguments: &ReproduceArguments, exercise: &Exercise, run: &RunSummary) -> Result<bool> {
    let project = arguments.project.as_path();
    let config = trained::find_run(project, Some(&run.name))?.config()?;
    let before: Vec<RunConfig> =
        std::iter::successors(begun_with(project, &config), |run| begun_with(project, run)).take(2).collect();
    Ok(run.step >= exercise.steps
        && is_published(exercise, &config, &before)
        && has_its_data(arguments, exercise, &config)?)
}

fn has_its_data(arguments: &ReproduceArguments, exercise: &Exercise, config: &RunConfig) -> Result<bool> {
    let sum = catalogue::find(&exercise.data)?.sha256;
    if exercise.rows.is_none() {
        let file = config.data.paths.first().map(Path::new).filter(|file| file.is_file());
        return Ok(file.map(sha256).transpose()?.is_some_and(|own| own == sum));
    }
    let source = std::fs::read_to_string(folder(arguments).join("source"));
    Ok(source.is_ok_and(|own| own.trim() == sum))
}

fn outcome(arguments: &ReproduceArguments, exercise: &Exercise, run: &RunSummary) -> Result<RunOutcome> {
    let training = arguments.training();
    let comparable = is_comparable(arguments, exercise, run)?;
    let compared = |holds: bool| comparable.then_some(holds);
    Ok(match exercise.figure {
        Figure::Loss(published) | Figure::BestLoss(published) => {
            let best = matches!(exercise.figure, Figure::BestLoss(_));
            let loss = if best { run.best_val_loss } else { run.val_loss };
            // Round to six decimals as elsewhere: 1.88 in single precision is not exactly 1.88.
            let ours = loss.map(|loss| (f64::from(loss) * 1e6).round() / 1e6);
            let verdict = ours.filter(|ours| ours.is_finite()).and_then(|ours| compared(ours <= published));
            RunOutcome { ours, verdict, note: exercise.note.clone() }
        }
        Figure::Accuracy(published) => {
            let file = folder(arguments).join("test.jsonl");
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let score = training.score_rows(run, RecipeMetric::Labels, &lines)?;
            // Two standard errors of a proportion over that many texts.
            let spread = 2.0 * (published * (1.0 - published) / score.rows.max(1) as f64).sqrt();
            let note = format!("{}; two standard errors are {}", score.words("text"), percent(spread));
            let verdict = compared(score.accuracy() >= published - spread);
            RunOutcome { ours: Some(score.accuracy()), verdict, note }
        }
        Figure::Memorised { validation, .. } => {
            let losses = training.losses(run)?;
            let best = losses.iter().map(|loss| loss.validation).min_by(f64::total_cmp);
            let Some((last, best)) = losses.last().zip(best) else { return Ok(RunOutcome::default()) };
            let end = last.validation;
            let note = format!(
                "lowest validation loss {best:.3}, and {end:.3} at the end; the book's ends at {validation}"
            );
            let verdict = compared(last.train < 1.0 && end > best);
            RunOutcome { ours: Some(last.train), verdict, note }
        }
    })
}

/// The result of a run, compared with the published one.
#[derive(Default)]
struct RunOutcome {
    ours: Option<f64>,
    /// Whether it reaches the published figure; `None` if the two are not comparable.
    verdict: Option<bool>,
    note: String,
}

impl RunOutcome {
    fn tell(&self, arguments: &ReproduceArguments, exercise: &Exercise, run: &RunSummary) -> Result<()> {
        let Self { ours, verdict, note } = self;
        let Exercise { name, source, steps, figure, differs, .. } = exercise;
        let kind = if exercise.is_preset() { "preset" } else { "exercise" };
        let line = json!({
            "event": "reproduction", (kind): name, "figure": figure.words(), "published": figure.published(), "source": source,
            "published_steps": steps, "ours": ours, "best_val_loss": run.best_val_loss, "note": note, "differs": differs, "run": run.name,
            "step": run.step, "seconds": run.seconds, "device": run.device, "reproduced": verdict,
        });
        if arguments.json {
            return Ok(say!("{line}")?);
        }
        say!("")?;
        report::print(&report::records(&[line], &["event", "reproduced"]))?;
        match verdict {
            Some(true) => say!("reproduced")?,
            Some(false) => say!("not reproduced")?,
            None if run.step < run.steps => {
                let again =
                    format!("glasshouse reproduce {name} --project {} --resume", quoted(&arguments.project));
                say!("no verdict: the run stopped early; continue with: {again}")?;
            }
            None => {
                say!(
                    "no verdict: the data, the shape, the steps or the settings are not the published ones"
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::{Start, presets};

    fn named<const COUNT: usize>(names: [&str; COUNT]) -> [Exercise; COUNT] {
        names.map(|name| Exercise::find(name).unwrap().clone())
    }

    fn imported(exercise: &Exercise) -> RunConfig {
        let shape = exercise.shape().unwrap();
        let mut config = presets::preset(PRESET).unwrap();
        config.tokenizer.kind = TokenizerKind::Imported;
        (config.model.layers, config.model.width) = (shape.layers, shape.width);
        (config.model.heads, config.model.kv_heads) = (shape.width / 64, shape.width / 64);
        config.model.mlp.hidden = 4 * shape.width;
        config
    }

    fn ran(exercise: &Exercise, begun: &RunConfig) -> RunConfig {
        let start = Some(Start::best_of("1-gpt2"));
        let mut run = changed(RunConfig { start, ..begun.clone() }, &published(exercise)).unwrap();
        run.device = "cpu".to_owned();
        run.data.paths = vec![format!("my/book/{}/train.jsonl", exercise.name)];
        run.tokenizer.special_tokens = CHATML_TOKENS.map(str::to_owned).to_vec();
        run.model.vocabulary += 2;
        run.train.sample_prompt = "Below".to_owned();
        run
    }

    /// Settings that make a run a different one.
    const OTHERS: [&str; 5] = [
        "train.adapter=lora",
        "seed=124",
        "train.trainable=last:2",
        "train.label_smoothing=0.1",
        "train.chat.neftune_alpha=5",
    ];

    fn with(run: &RunConfig, assignment: &str) -> RunConfig {
        let mut run = run.clone();
        match assignment.strip_prefix("seed=") {
            Some(seed) => run.seed = seed.parse().unwrap(),
            None => run.set(assignment).unwrap(),
        }
        run
    }

    #[test]
    fn a_run_with_any_other_setting_is_not_the_published_one() {
        let [spam, sft, dpo] = named(["spam", "sft", "dpo"]);
        for exercise in [&spam, &sft, &dpo] {
            let begun = imported(exercise);
            let run = ran(exercise, &begun);
            assert!(is_published(exercise, &run, std::slice::from_ref(&begun)), "{}", exercise.name);
            assert!(!is_published(exercise, &run, &[]), "{}", exercise.name);
            for other in OTHERS {
                let other = with(&run, other);
                assert!(!is_published(exercise, &other, std::slice::from_ref(&begun)), "{other:?}");
            }
        }
        let begun = imported(&sft);
        let smaller = imported(&spam);
        assert!(!is_published(&sft, &ran(&sft, &smaller), &[smaller]));
        let last = with(&ran(&sft, &begun), "train.trainable=last:1");
        assert!(!is_published(&sft, &last, &[begun]));
    }

    #[test]
    fn preferences_go_on_from_the_published_tuning() {
        let [sft, dpo] = named(["sft", "dpo"]);
        let begun = imported(&dpo);
        let tuned = ran(&sft, &begun);
        let run = ran(&dpo, &tuned);
        assert!(is_published(&dpo, &run, &[tuned.clone(), begun.clone()]));
        for other in OTHERS {
            assert!(!is_published(&dpo, &run, &[with(&tuned, other), begun.clone()]), "{other}");
        }
    }

    #[test]
    fn a_fresh_run_has_the_published_settings_or_is_another() {
        let [verdict] = named(["verdict"]);
        let mut run = run_config(&published(&verdict), PRESET).unwrap();
        (run.model.vocabulary, run.train.sample_prompt) = (1013, "I HAD".to_owned());
        run.data.paths = vec!["the-verdict.txt".to_owned()];
        assert!(is_published(&verdict, &run, &[]));
        let own = ["train.unlikelihood=1", "model.mlp.hidden=64", "train.learning_rate=1e-3"];
        for other in OTHERS.into_iter().chain(own) {
            assert!(!is_published(&verdict, &with(&run, other), &[]), "{other}");
        }
    }

    #[test]
    fn a_preset_has_its_own_settings_and_another_length_is_resumed_without_a_verdict() {
        for exercise in named(["nanogpt-cpu", "nanogpt-gpu"]) {
            let mut run = run_config(&published(&exercise), PRESET).unwrap();
            assert_eq!(run, presets::preset(&exercise.name).unwrap());
            run.train.sample_prompt = "First".to_owned();
            assert!(is_published(&exercise, &run, &[]) && is_of(&exercise, &run));
            assert!(!is_of(&exercise, &with(&run, "train.batch_size=2")));
            run.set_steps(2);
            assert!(!is_published(&exercise, &run, &[]) && is_of(&exercise, &run));
        }
    }

    #[test]
    fn a_run_of_something_else_is_not_continued() {
        let [spam, sft, dpo, verdict] = named(["spam", "sft", "dpo", "verdict"]);
        let begun = imported(&sft);
        let (tuned, sorted) = (ran(&sft, &begun), ran(&spam, &begun));
        assert!(is_of(&sft, &tuned) && is_of(&spam, &sorted));
        assert!(!is_of(&sft, &sorted) && !is_of(&spam, &tuned) && !is_of(&dpo, &tuned));
        let own = RunConfig { data: DataConfig::default(), ..tuned.clone() };
        assert!(!is_of(&sft, &own) && !is_of(&verdict, &tuned));
        let run = run_config(&published(&verdict), PRESET).unwrap();
        assert!(is_of(&verdict, &run) && !is_of(&verdict, &presets::preset(PRESET).unwrap()));
    }
}
