//! Builds a run's configuration from the arguments: a preset, file or dial as the base, then changes in order of precedence.

use super::prelude::*;
use glasshouse_engine::executor::Executor;

/// A mistake in the arguments: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String, pub Option<Hint>);

impl std::fmt::Display for Usage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow!(Usage(message.into(), None))
}

/// The run described by the arguments; `otherwise` is the default preset.
pub fn run_config(arguments: &ConfigArguments, otherwise: &str) -> Result<RunConfig> {
    let config = if let Some(file) = &arguments.config {
        config_file(file)?
    } else if let Some(layers) = arguments.layers {
        presets::from_layers(layers).map_err(usage)?
    } else {
        presets::preset(arguments.preset.as_deref().unwrap_or(otherwise)).map_err(usage)?
    };
    changed(config, arguments)
}

pub fn changed(mut config: RunConfig, arguments: &ConfigArguments) -> Result<RunConfig> {
    config.tokenizer.kind = arguments.tokenizer.unwrap_or(config.tokenizer.kind);
    if let Some(vocabulary) = arguments.vocabulary {
        (config.tokenizer.vocabulary, config.model.vocabulary) = (vocabulary, vocabulary);
    }
    if let Some(steps) = arguments.steps {
        config.set_steps(steps);
    }
    config.seed = arguments.seed.unwrap_or(config.seed);
    let train = &mut config.train;
    train.epochs = arguments.epochs.or(train.epochs);
    train.early_stopping.patience = arguments.patience.unwrap_or(train.early_stopping.patience);
    train.precision = arguments.precision.unwrap_or(train.precision);
    train.guard.mode = arguments.guard.unwrap_or(train.guard.mode);
    if let Some(kind) = &arguments.adapter {
        config.set(&format!("train.adapter={kind}")).map_err(usage)?;
    }
    // An objective or its loss may set a learning rate; a typed one takes precedence.
    let sets = |assignment: &&String, name: &str| {
        assignment.split_once('=').is_some_and(|(path, _)| path.trim() == name)
    };
    let (objectives, others): (Vec<&String>, Vec<&String>) =
        arguments.set.iter().partition(|assignment| sets(assignment, "train.objective"));
    let set = |config: &mut RunConfig, assignment: &str| {
        config.set(assignment).map_err(|reason| usage(format!("--set {assignment}: {reason}")))
    };
    let (begun, begun_size) = (config.train.learning_rate, config.train.batch_size);
    if let Some(objective) = arguments.objective {
        config.set_objective(objective);
    }
    objectives.into_iter().try_for_each(|assignment| set(&mut config, assignment))?;
    match arguments.batch_size {
        Some(size) => config.train.batch_size = size,
        None if config.train.batch_size != begun_size => {
            let (size, group) = (config.train.batch_size, config.train.reward.group);
            report!(
                "note: the batch size is {size}, in groups of {group} answers, instead of {begun_size}; change it with --batch-size"
            );
        }
        None => {}
    }
    if let Some(rate) = arguments.lr {
        config.set_learning_rate(rate);
    }
    for assignment in &others {
        set(&mut config, assignment)?;
    }
    let rate = config.train.learning_rate;
    match (others.iter().rfind(|one| sets(one, "train.learning_rate")), arguments.lr) {
        (Some(assignment), _) => set(&mut config, assignment)?,
        (None, Some(typed)) if typed.to_bits() != rate.to_bits() => config.set_learning_rate(typed),
        (None, None) if rate.to_bits() != begun.to_bits() => {
            let objective = config.train.objective;
            report!(
                "note: the learning rate is {rate:e}, the default of the objective {objective}, instead of {begun:e}; change it with --lr"
            );
        }
        _ => {}
    }
    if let Some(canaries) = arguments.canaries {
        config.data.canaries = canaries;
    }
    config.validate().map_err(|invalid| anyhow!(Usage(invalid.to_string(), invalid.hint)))?;
    Ok(config)
}

/// Settings ignored when a file is compared with a run: from the text or device, changeable, or resolved at the start.
const DECIDED: [&str; 5] =
    ["model.vocabulary", "data.mixture", "device", "train.precision", "train.milestones"];

/// Typed settings that differ from the run's, each with the run's value. Precision and steps are not compared, because a run may
/// resume with others.
pub fn differing(
    arguments: &ConfigArguments,
    [data, held_out]: [&[PathBuf]; 2],
    run: &RunConfig,
) -> Result<Vec<String>> {
    let preset = |config: Result<RunConfig, String>| config.map(|config| config.preset).map_err(usage);
    let joined = |paths: &[PathBuf]| {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        (!names.is_empty()).then(|| names.join(" "))
    };
    let or_else = |files: &[String], otherwise: String| {
        if files.is_empty() { otherwise } else { files.join(" ") }
    };
    let named = arguments.preset.as_deref().map(presets::preset).map(preset).transpose()?;
    let derived = arguments.layers.map(presets::from_layers).map(preset).transpose()?;
    let share = format!("a share of {}", run.data.validation);
    let rows = [
        ("preset", named, run.preset.clone()),
        ("layers", derived, run.preset.clone()),
        ("data", joined(data), or_else(&run.data.paths, "the built-in stories".to_owned())),
        ("validation", joined(held_out), or_else(&run.data.validation_files, share)),
    ];
    let differ = |(name, typed, has): (&str, Option<String>, String)| {
        let typed = typed.filter(|typed| *typed != has)?;
        Some(format!("--{name} is {typed} instead of {has}"))
    };
    let mut others: Vec<String> = rows.into_iter().filter_map(differ).collect();
    if let Some(file) = &arguments.config {
        let mut typed = config_file(file)?;
        if typed.train.epochs.is_some() && typed.train.epochs == run.train.epochs {
            let settled = (run.train.steps, run.train.warmup_steps, run.train.decay_steps);
            (typed.train.steps, typed.train.warmup_steps, typed.train.decay_steps) = settled;
        }
        others.extend(differences(&typed, run, &DECIDED));
    }
    let typed = ConfigArguments { steps: None, precision: None, ..arguments.clone() };
    if typed != ConfigArguments::default() {
        // The text decides the vocabulary.
        others.extend(differences(&changed(run.clone(), &typed)?, run, &DECIDED[..1]));
    }
    Ok(others)
}

/// The differing paths of two configurations, except those that begin with one of `ignored`, with both values.
fn differences(typed: &RunConfig, run: &RunConfig, ignored: &[&str]) -> Vec<String> {
    let value = |value: &String| if value.is_empty() { "none".to_owned() } else { value.clone() };
    let all = RunConfig::differing(&[typed, run]).into_iter();
    all.filter(|(path, _)| !ignored.iter().any(|ignored| path.starts_with(ignored)))
        .map(|(path, values)| {
            format!("{path} is {}", values.iter().map(value).collect::<Vec<_>>().join(" instead of "))
        })
        .collect()
}

fn config_file(file: &Path) -> Result<RunConfig> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    RunConfig::from_toml(&text).map_err(|reason| usage(format!("{}: {reason}", file.display())))
}

/// Refuses a file to write that exists, is a folder, or is in a missing folder; `other` is what to name instead. `force` is `None` for commands without
/// `--force`.
pub fn check_new_file(file: &Path, force: Option<bool>, other: &str) -> Result<()> {
    let name = file.display();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    Err(usage(if file.is_dir() || file.file_name().is_none() {
        format!("{name} is a folder; name {other}")
    } else if file.exists() && force != Some(true) {
        let or_force = if force.is_some() { ", or use --force" } else { "" };
        format!("{name} exists already; name {other}{or_force}")
    } else if let Some(folder) = folder {
        let folder = folder.display();
        format!("cannot write {name}: the folder {folder} does not exist; create it, or name {other}")
    } else {
        return Ok(());
    }))
}

/// Refuses an unknown device before any work is done.
pub fn check_device(device: Option<&str>) -> Result<()> {
    let Some(device) = device else { return Ok(()) };
    Ok(pollster::block_on(Executor::check_request(device))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::{Arguments, Command};
    use clap::Parser as _;

    /// The configuration for a command line, split as a shell does.
    fn typed(line: &str) -> RunConfig {
        let mut words = Vec::new();
        let (mut word, mut inside) = (String::new(), false);
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\'' => inside = !inside,
                '\\' if !inside => word.extend(characters.next()),
                ' ' if !inside => words.push(std::mem::take(&mut word)),
                character => word.push(character),
            }
        }
        words.push(word);
        let Command::Train(arguments) = Arguments::try_parse_from(words).unwrap().command else {
            panic!("{line} trains nothing")
        };
        let mut config = run_config(&arguments.config, "first-stories").unwrap();
        config.data.paths = arguments.data.iter().map(|path| path.display().to_string()).collect();
        config.device = arguments.device.unwrap_or(config.device);
        config
    }

    #[test]
    fn a_run_as_a_command_line_is_the_same_run_again() {
        let mut runs: Vec<RunConfig> =
            presets::PRESETS.iter().map(|(name, _)| presets::preset(name).unwrap()).collect();
        runs.extend([1, 4, 12].map(|layers| presets::from_layers(layers).unwrap()));
        for preset in runs.clone() {
            let mut run = preset.clone();
            run.set_steps(77);
            run.set_learning_rate(3.3e-4);
            (run.seed, run.device) = (5, "Radeon 780M".to_owned());
            (run.train.batch_size, run.train.precision, run.train.decay) =
                (7, Precision::Auto, Decay::Linear);
            runs.push(run.clone());
            if !run.data.synthetic.is_none() {
                continue;
            }
            (run.train.guard.mode, run.train.guard.retries) = (GuardMode::Act, 5);
            // Settings without an option, and text that needs quoting.
            (run.train.warmup_steps, run.train.min_learning_rate) = (3, 1.7e-5);
            (run.train.sample_prompt, run.train.ignore_index) = ("\nIt's \"7\" = 8".to_owned(), Some(3));
            run.model.norm.eps = 3e-6;
            run.model.position = glasshouse_engine::protocol::Position::None;
            (run.tokenizer.kind, run.tokenizer.vocabulary) = (TokenizerKind::Unigram, 600);
            run.tokenizer.special_tokens = vec!["<a'b>".to_owned()];
            run.data.paths = vec!["my texts".to_owned(), "b.txt".to_owned()];
            run.data.mixture = [("web".to_owned(), 0.7), ("books 2".to_owned(), 0.3)].into();
            runs.push(run);
        }
        for mut run in runs {
            let line = run.command_line().unwrap();
            let again = typed(&line);
            // The text determines it.
            run.model.vocabulary = again.model.vocabulary;
            assert_eq!(again, run, "{line}");
        }
    }
}
