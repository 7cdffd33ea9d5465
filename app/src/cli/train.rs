//! `glasshouse train`: text in, a run of a project out.

use super::arguments::{EvaluationArgument, TrainArguments};
use super::output::{Output, bytes, count};
use super::settings::{checked_device, differing, run_config, usage};
use super::{interrupt, trained, writing};
use anyhow::Result;
use glasshouse_engine::Error;
use glasshouse_engine::data::{self, Batches, Prepared};
use glasshouse_engine::executor::update::Optimizer;
use glasshouse_engine::executor::{Executor, Opened, TrainingGraphs};
use glasshouse_engine::generate::Decoder;
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::measure::settle_precision;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::plan::estimate;
use glasshouse_engine::plan::fit::advised;
use glasshouse_engine::project::{Project, Run};
use glasshouse_engine::protocol::quantity::whole;
use glasshouse_engine::protocol::{GenerateConfig, Precision, RunConfig, RunSummary};
use glasshouse_engine::train::{Options, Progress, Recovery, SampleRequest, TrainEvent, Trainer};
use std::path::Path;
use std::process::ExitCode;
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
    let mut session = if arguments.resume { resumed(arguments)? } else { started(arguments)? };
    let mut output = Output::new(arguments.json, session.config.train.steps);
    let settled = settle_precision(&session.config, &session.config.device, &session.tuning).await?;
    if let Some(settled) = settled {
        session.config.train.precision = settled.precision;
        output.say(&settled.sentence);
    }
    let graphs = training_graphs(&session.config.model, &session.config.train)?;
    let batches = Batches::new(
        &session.prepared.store,
        session.config.seed,
        session.config.train.batch_size,
        session.config.model.context_length,
    )?;
    let optimizer = Optimizer::of(&session.config.train);
    let device = &session.config.device;
    let opened = Executor::open_tuned(device, &graphs, optimizer, session.threads, &session.tuning).await;
    let Opened { executor, warning, tuned } = opened.map_err(|error| advised(error, &session.config))?;
    if let Some(warning) = warning {
        output.notice(&warning);
    }
    if let Some(sentence) = tuned.sentence() {
        output.say(&sentence);
    }
    introduce(&output, &session, &graphs, &executor)?;
    let flags = interrupt::flags("finishing this step and saving; press Ctrl-C again to stop at once")?;
    (options.stop, options.save) = (flags.stop.clone(), flags.save.clone());
    let run = match session.run {
        Some(run) => run,
        None => Project::open(&arguments.project)?.create_run(&session.config, &session.prepared.folder)?,
    };
    output.say(&format!("run {} in {}\n", run.name(), run.folder().display()));
    let prompt = prompt_to_try(&session.config, &session.prepared);
    let (mut executor, mut resumes, mut recovery) = (executor, arguments.resume, Recovery::default());
    loop {
        let (batches, options) = (batches.clone(), options.clone());
        let trainer = if resumes {
            Trainer::resume(run.clone(), &graphs, batches, executor, options).await?
        } else {
            Trainer::start(run.clone(), &graphs, batches, executor, options).await?
        };
        match follow(trainer, &mut output, &session.prepared, &flags.stop).await {
            Ok(finished) => return Ok(Ended { run, prompt, finished }),
            Err(error) => {
                let lost = error.downcast::<Error>()?;
                let reopened = recovery.reopen(&lost, &run, &graphs, optimizer, session.threads).await?;
                let Some(reopened) = reopened else { return Err(lost.into()) };
                output.notice(&format!("{lost}. It is here again, and the run goes on by itself"));
                (executor, resumes) = (reopened, true);
            }
        }
    }
}

/// Everything that a session needs before the device is opened.
struct Session {
    config: RunConfig,
    prepared: Prepared,
    /// The run to resume; a new one is made once the device is known to take it.
    run: Option<Run>,
    threads: Option<usize>,
    /// How a GPU's kernels are chosen.
    tuning: Tuning,
}

/// The latest run again, as it was saved.
fn resumed(arguments: &TrainArguments) -> Result<Session> {
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
    let record = run.record()?;
    let pinned = record.device.as_ref();
    config.device = arguments
        .device
        .clone()
        .or_else(|| pinned.map(|device| device.request().to_owned()))
        .unwrap_or(config.device);
    let threads = arguments.threads.or_else(|| pinned.and_then(|device| device.threads));
    // The same kernels give the same bits.
    let tuning = record.device.map_or_else(Tuning::before_a_run, Tuning::Pinned);
    let prepared = data::prepare::open(&run.data_folder()?)?;
    Ok(Session { config, prepared, run: Some(run), threads, tuning })
}

/// A new run: settings, project folder, text.
fn started(arguments: &TrainArguments) -> Result<Session> {
    let mut config = run_config(&arguments.config, FIRST)?;
    if !arguments.data.is_empty() {
        config.data.paths = arguments.data.iter().map(|path| path.display().to_string()).collect();
    }
    if let Some(device) = &arguments.device {
        checked_device(device)?.clone_into(&mut config.device);
    }
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
    let tuning = if arguments.no_autotune { Tuning::Default } else { Tuning::before_a_run() };
    Ok(Session { config, prepared, run: None, threads: arguments.threads, tuning })
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
fn introduce(output: &Output, session: &Session, graphs: &TrainingGraphs, executor: &Executor) -> Result<()> {
    let (config, index) = (&session.config, session.prepared.store.index());
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
    let estimate = estimate::estimate(&config.model, &config.train, &executor.target())?;
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
        bytes(executor.bytes()),
        executor.describe(),
    ));
    // Whoever resumes a run was told when it began.
    let text = index.filter(|_| session.run.is_none()).map_or(0, |index| index.train.tokens);
    for sentence in config.proportions(graphs.train.parameter_count() as u64, text) {
        output.notice(&sentence);
    }
    if executor.gpu().is_some() {
        output.say("the first steps may take a while: the driver compiles the kernels");
    }
    Ok(())
}

/// Trains to the end or the stop, showing what happens; returns whether all steps are done.
async fn follow(
    mut trainer: Trainer<'_>,
    output: &mut Output,
    prepared: &Prepared,
    stop: &AtomicBool,
) -> Result<bool> {
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
                let event = match sample(&mut trainer, prepared, &request, stop).await {
                    // It is still due at this step, and written when the run goes on.
                    Ok(_) if stop.load(Ordering::Relaxed) => continue,
                    Ok(text) => trainer.sample_written(text)?,
                    Err(error) => trainer.sample_failed(&format!("{error:#}"))?,
                };
                output.event(&event);
            }
            Progress::Over => return Ok(finished),
        }
    }
}

/// Writes a sample with the current weights, on the device that trains.
async fn sample(
    trainer: &mut Trainer<'_>,
    prepared: &Prepared,
    request: &SampleRequest,
    stop: &AtomicBool,
) -> Result<String> {
    let model = trainer.config().model.clone();
    let parameters = trainer.executor().state().await?.parameters;
    let mut decoder = Decoder::beside(trainer.executor(), &model, &parameters, Precision::F32).await?;
    let config = GenerateConfig { max_tokens: request.tokens, ..GenerateConfig::default() };
    let mut go_on = |_: &_| Ok(!stop.load(Ordering::Relaxed));
    let written =
        writing::write(&mut decoder, &prepared.tokenizer, &request.prompt, &config, &mut go_on).await?;
    Ok(format!("{}{}", request.prompt, written.text))
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
