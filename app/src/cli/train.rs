//! `glasshouse train`: text in, a run of a project out.

use super::arguments::{EvaluationArgument, TrainArguments};
use super::output::{Output, bytes, count};
use super::settings::{checked_device, differing, run_config, usage};
use super::{interrupt, trained};
use anyhow::Result;
use glasshouse_engine::Error;
use glasshouse_engine::data::{self, Prepared};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::plan::estimate;
use glasshouse_engine::project::{Project, Run};
use glasshouse_engine::protocol::quantity::whole;
use glasshouse_engine::protocol::{RunConfig, RunSummary};
use glasshouse_engine::setup::{OpenRun, RunSetup};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::train::{Options, Progress, Sample, SampleRequest, TrainEvent, Trainer};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The argument-free run.
const FIRST: &str = "first-stories";

pub(super) fn train(arguments: &TrainArguments) -> Result<ExitCode> {
    let json = arguments.json;
    let result = pollster::block_on(run(arguments)).map(|ended| {
        if !json {
            // Nobody reads it where this fails, and the run is what it is.
            what_next(arguments, &ended.prompt, ended.finished).ok();
        }
        ExitCode::SUCCESS
    });
    told(json, result)
}

/// Passes a result on; a reader of JSON lines learns of an error from the lines.
pub(super) fn told<T>(json: bool, result: Result<T>) -> Result<T> {
    if let (true, Err(error)) = (json, &result) {
        say!("{}", serde_json::json!({ "event": "error", "message": format!("{error:#}") })).ok();
    }
    result
}

/// Trains a new run to its end, and says how it ended.
pub(super) fn to_the_end(arguments: &TrainArguments) -> Result<RunSummary> {
    pollster::block_on(run(arguments)).and_then(|ended| Ok(ended.run.summary()?))
}

/// How a run ended.
struct Ended {
    run: Run,
    /// A prompt to try.
    prompt: String,
    /// All steps are done.
    finished: bool,
}

async fn run(arguments: &TrainArguments) -> Result<Ended> {
    let mut options = Options {
        stop_after: arguments.stop_after,
        evaluate_whole_split: arguments.eval == EvaluationArgument::Full,
        early_sample: true,
        ..Options::default()
    };
    let setup = if arguments.resume { resumed(arguments)? } else { started(arguments).await? };
    let mut output = Output::new(arguments.json, setup.config.train.steps);
    let mut open_run = setup.open().await?;
    if let Some(sentence) = open_run.settled.take() {
        output.say(&sentence);
    }
    for warning in std::mem::take(&mut open_run.warnings) {
        output.notice(&warning);
    }
    if let Some(sentence) = open_run.tuned.sentence() {
        output.say(&sentence);
    }
    introduce(&output, &mut open_run)?;
    let flags = interrupt::flags("finishing this step and saving; press Ctrl-C again to stop at once")?;
    (options.stop, options.save) = (flags.stop.clone(), flags.save.clone());
    let run = open_run.run_of(&Project::open(&arguments.project)?)?;
    output.say(&format!("run {} in {}\n", run.name(), run.folder().display()));
    let prepared = open_run.prepared.clone();
    let prompt = prompt_to_try(&open_run.config, &prepared);
    loop {
        let trainer = open_run.trainer(options.clone()).await?;
        match follow(trainer, &mut output, &prepared.tokenizer, &flags.stop).await {
            Ok(finished) => return Ok(Ended { run, prompt, finished }),
            Err(error) => output.notice(&open_run.reopen(error).await?),
        }
    }
}

/// The latest run again, as it was saved.
fn resumed(arguments: &TrainArguments) -> Result<RunSetup> {
    let run = trained::find_run(&arguments.project, arguments.run.as_deref())?;
    let mut config = run.config()?;
    let others = differing(&arguments.config, &arguments.data, &config)?;
    if !others.is_empty() {
        return Err(usage(format!(
            "--resume goes on with the run's own settings, and {}; leave that out, or leave out --resume for a new run",
            others.join(", ")
        )));
    }
    let changes = &arguments.config;
    // A run of mixed precision can go on where there are no 16-bit floats.
    if let Some(precision) = changes.precision {
        config.train.precision = precision.precision();
    }
    let before = run.record()?.device;
    Ok(RunSetup {
        prepared: Arc::new(data::prepare::open(&run.data_folder()?)?),
        run: Some(run),
        device: arguments.device.clone().unwrap_or_else(|| config.device.clone()),
        moved: arguments.device.is_some(),
        threads: arguments.threads.or_else(|| before.and_then(|device| device.threads)),
        tuning: tuning(arguments),
        config,
    })
}

/// How a GPU's kernels are chosen.
fn tuning(arguments: &TrainArguments) -> Tuning {
    if arguments.no_autotune { Tuning::Default } else { Tuning::before_a_run() }
}

/// A new run: settings, project folder, text.
async fn started(arguments: &TrainArguments) -> Result<RunSetup> {
    let mut config = run_config(&arguments.config, FIRST)?;
    if !arguments.data.is_empty() {
        config.data.paths = arguments.data.iter().map(|path| path.display().to_string()).collect();
    }
    if let Some(device) = &arguments.device {
        checked_device(device)?.clone_into(&mut config.device);
    }
    // Before text is read for it, and a project made.
    Executor::check_request(&config.device).await?;
    let claim = Project::claim(&arguments.project)?;
    let prepared = prepare(&config, claim.project.folder(), arguments.json).and_then(|prepared| {
        prepared.complete(&mut config);
        config.validate()?;
        Ok(prepared)
    });
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            // A folder that a slip of the keyboard made.
            claim.discard();
            return Err(error);
        }
    };
    Ok(RunSetup {
        prepared: Arc::new(prepared),
        run: None,
        device: config.device.clone(),
        moved: false,
        threads: arguments.threads,
        tuning: tuning(arguments),
        config,
    })
}

/// Reads the text, says how far it is, and what came of it.
fn prepare(config: &RunConfig, project: &Path, json: bool) -> Result<Prepared> {
    let mut said = "";
    let prepared = data::prepare(config, project, &mut |progress| {
        let stage = match progress {
            data::Progress::Reused => "the text was tokenized before",
            data::Progress::Reading { .. } => "reading the text",
            data::Progress::Training => "training the tokenizer",
            data::Progress::Encoding { .. } => "tokenizing the text",
        };
        if !json && stage != said {
            said = stage;
            tell!("{stage}");
        }
    })?;
    super::data::tell(&prepared.problems);
    Ok(prepared)
}

/// What is about to happen.
fn introduce(output: &Output, open_run: &mut OpenRun) -> Result<()> {
    let resumes = open_run.resumes();
    let executor = open_run.executor()?;
    let (target, held, device) = (executor.target(), executor.bytes(), executor.describe());
    let on_gpu = executor.gpu().is_some();
    let OpenRun { config, graphs, prepared, .. } = open_run;
    let index = prepared.store.index();
    if let Some(index) = index {
        output.say(&format!(
            "text: {} documents, {}, {} tokens to train on, {} held out, {} in the vocabulary",
            index.documents,
            bytes(index.bytes),
            count(index.train.tokens as f64),
            count(index.validation.tokens as f64),
            config.model.vocabulary,
        ));
    }
    let estimate = estimate::estimate(&config.model, &config.train, &target)?;
    let tokens = config.train.steps.saturating_mul(config.tokens_per_step());
    output.say(&format!(
        "model: {}, {} parameters, {} layers, width {}, context length {}",
        config.preset,
        count(graphs.train.parameter_count() as f64),
        config.model.layers,
        whole(config.model.width as u64),
        whole(config.model.context_length as u64),
    ));
    output.say(&format!(
        "run: {} steps, {} tokens, {}FLOP, {} of memory, on {}",
        whole(config.train.steps),
        count(tokens as f64),
        count(estimate.flops_per_token * tokens as f64),
        bytes(held),
        device,
    ));
    // Whoever resumes a run was told when it began.
    let text = index.filter(|_| !resumes).map_or(0, |index| index.train.tokens);
    for sentence in config.proportions(graphs.train.parameter_count() as u64, text) {
        output.notice(&sentence);
    }
    if on_gpu {
        output.say("the first steps may take a while: the driver compiles the kernels");
    }
    Ok(())
}

/// Trains to the end or the stop, showing what happens; returns whether all steps are done.
async fn follow(
    mut trainer: Trainer<'_>,
    output: &mut Output,
    tokenizer: &Tokenizer,
    stop: &AtomicBool,
) -> Result<bool, Error> {
    output.resume_at(trainer.step());
    let mut finished = false;
    loop {
        match trainer.next().await? {
            Progress::Event(event) => {
                if let TrainEvent::Done { finished: all, .. } = &event {
                    finished = *all;
                }
                output.event(&event);
            }
            Progress::SampleDue(request) => {
                // A sample is for looking at: a model that cannot write one can still be trained.
                let event = match sample(&mut trainer, tokenizer, request, stop).await {
                    Ok(Some(text)) => trainer.sample_written(text)?,
                    // It is still due at this step, and written when the run goes on.
                    Ok(None) => continue,
                    Err(error) => trainer.sample_failed(&error.to_string())?,
                };
                output.event(&event);
            }
            Progress::Over => return Ok(finished),
        }
    }
}

/// Writes a sample with the current weights; none where the run is to stop.
async fn sample(
    trainer: &mut Trainer<'_>,
    tokenizer: &Tokenizer,
    request: SampleRequest,
    stop: &AtomicBool,
) -> Result<Option<String>, Error> {
    let mut sample = Sample::begin(trainer, tokenizer, request, false).await?;
    while !stop.load(Ordering::Relaxed) {
        if let Some(text) = sample.carry_on().await? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The beginning of the run's samples, or a letter that the vocabulary has.
fn prompt_to_try(config: &RunConfig, prepared: &Prepared) -> String {
    let known =
        |text: &&str| !text.trim().is_empty() && prepared.tokenizer.unknown_characters(text).is_empty();
    let of_run = config.train.sample_prompt.trim();
    [of_run, "Once", "The", "a"].into_iter().find(known).unwrap_or_default().to_owned()
}

/// Where everything is, and what to try.
fn what_next(arguments: &TrainArguments, prompt: &str, finished: bool) -> Result<()> {
    let default = Path::new(super::arguments::DEFAULT_PROJECT);
    let project = if arguments.project == default {
        String::new()
    } else {
        format!(" --project {}", quoted(&arguments.project))
    };
    say!("\nThe project is in {}.", arguments.project.display())?;
    if finished {
        say!("Try next:")?;
        say!("  glasshouse generate{project} --prompt \"{prompt}\"     let it write")?;
        say!("  glasshouse chat{project}                        write turn by turn")?;
        say!(
            "  glasshouse export{project} --to my-model        a folder that Hugging Face's transformers opens"
        )?;
        say!("  glasshouse train --data my-text.txt --project my   train on your own text")?;
        say!("(`glasshouse` is `cargo run --release --` from the source folder.)")?;
    } else {
        say!("Go on with: glasshouse train{project} --resume")?;
    }
    Ok(())
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text }
}
