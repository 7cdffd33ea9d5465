//! `glasshouse reproduce`: repeats a published run and compares the result.

mod book;
mod exercise;
mod report;
mod rows;

use super::arguments::{ConfigArguments, TrainArguments, thread_count};
use super::settings::{check_device, run_config, usage};
use super::{fetch, train, trained};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use exercise::Exercise;
use glasshouse_corpus::catalogue::{self, fetch::sha256};
use glasshouse_engine::protocol::quantity::things;
use glasshouse_engine::protocol::{ModelConfig, RunConfig, RunSummary, TrainConfig};
use report::FigureReport;
use std::path::PathBuf;
use std::process::ExitCode;

/// Catalogue name of the text of both runs.
const TEXT: &str = "tiny-shakespeare";

/// Number of distinct characters in the text.
const ALPHABET: usize = 65;

struct Published {
    preset: &'static str,
    loss: f64,
    /// The published loss is the lowest of the run rather than that of its last evaluation.
    best: bool,
    source: &'static str,
}

const NANOGPT_CPU: Published = Published {
    preset: "nanogpt-cpu",
    loss: 1.88,
    best: false,
    source: "karpathy/nanoGPT, README, \"I only have a macbook\"",
};

const NANOGPT_GPU: Published = Published {
    preset: "nanogpt-gpu",
    loss: 1.4697,
    best: true,
    source: "karpathy/nanoGPT, README, \"I have a GPU\"",
};

enum Reproduction {
    Preset(&'static Published),
    Exercise(&'static Exercise),
}

impl Reproduction {
    fn of(run: PublishedRun) -> Self {
        match run {
            PublishedRun::NanogptCpu => Self::Preset(&NANOGPT_CPU),
            PublishedRun::NanogptGpu => Self::Preset(&NANOGPT_GPU),
            PublishedRun::Verdict => Self::Exercise(&exercise::VERDICT),
            PublishedRun::Spam => Self::Exercise(&exercise::SPAM),
            PublishedRun::Sft => Self::Exercise(&exercise::SFT),
            PublishedRun::Dpo => Self::Exercise(&exercise::DPO),
        }
    }
}

impl Published {
    /// Name of the published loss.
    fn what(&self) -> &'static str {
        if self.best { "best validation loss" } else { "validation loss" }
    }

    /// How much the figure varies with the sampled batches it averages over, according to the preset.
    fn spread(&self) -> &'static str {
        if self.best {
            ""
        } else {
            "the mean of 20 random batches: for one model it varies by 0.015 with the choice of batches, and the preset's seed is one whose run ends \
             below the published figure"
        }
    }

    /// Our figure corresponding to the published one.
    fn ours(&self, run: &RunSummary) -> Option<f64> {
        let loss = if self.best { run.best_val_loss } else { run.val_loss };
        // Round to six decimals as elsewhere: 1.88 in single precision is not exactly 1.88.
        loss.map(|loss| (f64::from(loss) * 1e6).round() / 1e6)
    }

    /// Whether a run of the published length reaches the published loss; `None` for another length or without a loss.
    fn verdict(&self, steps: u64, run: &RunSummary) -> Option<bool> {
        let comparable = run.steps == steps && run.step >= steps;
        self.ours(run).filter(|loss| comparable && loss.is_finite()).map(|loss| loss <= self.loss)
    }
}

pub(super) fn reproduce(arguments: &ReproduceArguments) -> Result<ExitCode> {
    let reproduced = match Reproduction::of(arguments.run) {
        Reproduction::Preset(published) => run(arguments, published),
        Reproduction::Exercise(exercise) => book::run(arguments, exercise),
    };
    train::told(arguments.json, reproduced)
}

fn run(arguments: &ReproduceArguments, published: &Published) -> Result<ExitCode> {
    if arguments.weights.is_some() || !arguments.set.is_empty() {
        return Err(usage(format!(
            "--weights and --set are for the book's exercises; {} starts from random weights with its own settings",
            published.preset
        )));
    }
    let preset = || ConfigArguments { preset: Some(published.preset.to_owned()), ..Default::default() };
    let steps = run_config(&preset(), published.preset)?.train.steps;
    let config = ConfigArguments { steps: arguments.steps, ..preset() };
    // Report mistakes in the arguments before anything is fetched.
    run_config(&config, published.preset)?;
    check_device(arguments.device.as_deref())?;
    let training = TrainArguments {
        project: arguments.project.clone(),
        device: arguments.device.clone(),
        threads: arguments.threads,
        json: arguments.json,
        ..TrainArguments::default()
    };
    let run = train::to_the_end(&if arguments.resume {
        check_latest(arguments, published, steps)?;
        TrainArguments { resume: true, ..training }
    } else {
        // No kernel tuning, so that other devices of the same kind reproduce the same bits. `None` is an interrupted download,
        // which the exit code reports.
        let compared = arguments.steps.is_none_or(|shorter| shorter == steps);
        let Some(text) = data(TEXT, arguments, compared)? else { return Ok(ExitCode::SUCCESS) };
        TrainArguments { config, data: vec![text], no_autotune: true, ..training }
    })?;
    let report = FigureReport {
        kind: "preset",
        name: published.preset,
        figure: published.what(),
        published: published.loss,
        source: published.source,
        steps,
        ours: published.ours(&run),
        run: &run,
        verdict: published.verdict(steps, &run),
        note: published.spread().to_owned(),
        differs: "",
        incomparable: format!(
            "a run of {} {} cannot be compared with the figure after {steps}",
            run.steps,
            things(run.steps, "step")
        ),
    };
    // The exit code reports it even if nobody reads the output.
    report.tell(arguments).ok();
    Ok(report.exit_code())
}

/// Refuses to resume a run other than the published one of `steps` steps, which would receive its verdict.
fn check_latest(arguments: &ReproduceArguments, published: &Published, steps: u64) -> Result<()> {
    let run = trained::find_run(&arguments.project, None)?;
    let RunConfig { model, train, seed, preset, .. } = run.config()?;
    // A run of another length gets no verdict and may resume.
    let wanted = ConfigArguments {
        preset: Some(published.preset.to_owned()),
        steps: Some(train.steps),
        ..Default::default()
    };
    let wanted = run_config(&wanted, published.preset)?;
    let same_model = ModelConfig { vocabulary: wanted.model.vocabulary, ..model.clone() } == wanted.model;
    // Another text would have another alphabet; without a verdict any text is fine.
    let same_text = train.steps != steps || model.vocabulary == ALPHABET;
    // The sample prompt (by default the text's first words) and milestones do not affect the figures.
    let (sample_prompt, milestones) = (train.sample_prompt.clone(), train.milestones);
    let published_training = TrainConfig { sample_prompt, milestones, ..wanted.train };
    let same_training = train == published_training && seed == wanted.seed;
    if preset == published.preset && same_model && same_training && same_text {
        return Ok(());
    }
    Err(usage(format!(
        "run {} in {} is not the published {}; leave --resume out to start it",
        run.name(),
        arguments.project.display(),
        published.preset
    )))
}

/// The named file, or the catalogue's text of that name. Other content is refused if a figure is compared. `None` if a signal
/// ended the download.
fn data(name: &str, arguments: &ReproduceArguments, compared: bool) -> Result<Option<PathBuf>> {
    let entry = catalogue::find(name)?;
    let Some(file) = &arguments.data else {
        return fetch::fetched(entry.name, Some(entry.length), None, arguments.json);
    };
    if sha256(file)? != entry.sha256 {
        let bytes = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
        let length = if bytes == entry.length.bytes() {
            ", though it has the same size".to_owned()
        } else {
            format!(": it has {bytes} bytes instead of {}", entry.length.bytes())
        };
        let other = format!("{} is not {}{length}", file.display(), entry.title);
        if compared {
            return Err(usage(format!(
                "{other}; the published figure is for that text: leave --data out to download it"
            )));
        }
        tell!("note: {other}; there will be no verdict");
    }
    Ok(Some(file.clone()))
}

#[derive(Args, Debug)]
pub struct ReproduceArguments {
    /// Published run
    #[arg(value_enum)]
    pub run: PublishedRun,
    /// Data file, verified by checksum [default: downloaded like `glasshouse data fetch NAME`]
    ///
    /// Datasets: tiny-shakespeare, the-verdict, sms-spam, book-instructions, book-preferences.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// GPT-2 for spam, sft and dpo: a Hugging Face folder or an address [default for dpo: the project's latest `sft` run]
    #[arg(long, value_name = "DIR|ADDRESS", conflicts_with = "resume")]
    pub weights: Option<String>,
    /// Change a setting of an exercise, as in `train`; may be repeated, and gives no verdict
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", conflicts_with = "resume")]
    pub set: Vec<String>,
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Number of steps other than the published run's; gives no verdict
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Resume an interrupted reproduction, the project's latest run
    #[arg(long, conflicts_with_all = ["data", "steps"])]
    pub resume: bool,
    /// Project folder; an existing project gets a new run unless resumed
    #[arg(long, value_name = "DIR", default_value = "glasshouse-reproduce")]
    pub project: PathBuf,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// The published runs that can be repeated: presets of the same names, and exercises of Raschka 2024, "Build a large language model (from
/// scratch)".
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PublishedRun {
    /// nanoGPT's shakespeare-char on a laptop: validation loss 1.88
    NanogptCpu,
    /// nanoGPT's shakespeare-char on a GPU: best validation loss 1.4697
    NanogptGpu,
    /// Raschka's chapter 5: a GPT-2 memorises a short story
    Verdict,
    /// Chapter 6: GPT-2 classifies spam, test accuracy 95.67 %
    Spam,
    /// Chapter 7: GPT-2 medium follows instructions, validation loss 0.657
    Sft,
    /// Chapter 7: preference for polite answers by DPO, validation loss 0.610
    Dpo,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(steps: u64, step: u64, val_loss: f32, best: f32) -> RunSummary {
        RunSummary {
            name: "1-nanogpt".to_owned(),
            state: glasshouse_engine::protocol::RunState::Finished,
            step,
            steps,
            val_loss: Some(val_loss),
            best_val_loss: Some(best),
            seconds: 1.0,
            device: "cpu".to_owned(),
            ..RunSummary::default()
        }
    }

    #[test]
    fn a_verdict_needs_a_whole_run_and_compares_the_published_figure() {
        let cpu = NANOGPT_CPU;
        assert_eq!(cpu.verdict(2000, &run(2000, 2000, 1.88, 1.85)), Some(true));
        assert_eq!(cpu.verdict(2000, &run(2000, 2000, 1.8801, 1.85)), Some(false));
        assert_eq!(cpu.verdict(2000, &run(2000, 1500, 1.80, 1.80)), None);
        assert_eq!(cpu.verdict(2000, &run(20, 20, 1.80, 1.80)), None);
        assert_eq!(cpu.verdict(2000, &run(2000, 2000, f32::NAN, 1.80)), None);
        let gpu = NANOGPT_GPU;
        assert_eq!(gpu.verdict(5000, &run(5000, 5000, 1.6, 1.4697)), Some(true));
        assert_eq!(gpu.verdict(5000, &run(5000, 5000, 1.6, 1.4698)), Some(false));
    }
}
