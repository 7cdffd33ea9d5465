//! What can be typed, and the help that says so.

mod archive;
mod audit;
mod bench;
mod corpus;
mod data;
mod evaluate;
mod feedback;
mod inspect;
mod interchange;
mod measuring;
mod moderate;
mod preset;
mod recipe;
mod reproduce;
mod runs;
mod serve;
mod tokenizer;
mod writing;

pub use archive::{PackArguments, UnpackArguments};
pub use audit::AuditArguments;
pub use bench::{
    BenchArguments, BenchCommand, BenchDecodeArguments, BenchInspectArguments, BenchKernelArguments,
    BenchScalingArguments, BenchStepArguments,
};
pub use corpus::{CorpusArguments, CorpusCommand, CorpusStoriesArguments, CorpusTasksArguments};
pub use data::{
    DataArguments, DataCleanArguments, DataCommand, DataCompareArguments, DataExplainArguments,
    DataFetchArguments, DataInspectArguments, DataRecipeArguments, DataScriptArguments,
};
pub use evaluate::{EvaluateArguments, SuiteName};
pub use feedback::{FeedbackArguments, ProposeArguments};
pub use inspect::{InspectArguments, ProvenanceArguments};
pub use interchange::{
    BringBackArguments, ExportArguments, FormatName, HandoverArguments, ImportArguments, MergeArguments,
    QuantizationName,
};
pub use measuring::MeasuringArguments;
pub use moderate::{ModerateArguments, ModerationArguments};
pub use recipe::RecipeArguments;
pub use reproduce::{PublishedRun, ReproduceArguments};
pub use runs::{RunsArguments, RunsCommand};
pub use serve::ServeArguments;
pub use tokenizer::{
    TokenizerArguments, TokenizerCommand, TokenizerDecodeArguments, TokenizerEncodeArguments, TokenizerPlace,
    TokenizerTrainArguments,
};
pub use writing::{ChatArguments, ClassifyArguments, GenerateArguments, ModelArguments, SamplingArguments};

use clap::{Args, Parser, Subcommand, ValueEnum};
use glasshouse_engine::cpu::MAX_THREADS;
use glasshouse_engine::protocol::{GuardMode, Objective, Precision, TokenizerKind};
use std::path::PathBuf;

/// Where a project is kept unless said otherwise.
pub const DEFAULT_PROJECT: &str = "glasshouse-project";

/// Train small language models from scratch on any GPU or CPU, and see every part of them while they learn.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version = env!("GLASSHOUSE_VERSION"), arg_required_else_help = true, after_help = first_steps())]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What stands below the list of commands.
fn first_steps() -> String {
    format!("{FIRST_STEPS}\n\nPresets (`--preset NAME`):\n{}\n{EXIT_CODES}", preset::list())
}

const FIRST_STEPS: &str = "First steps:
  glasshouse                                        the window
  glasshouse train                                  a first model from the embedded stories, in about two minutes
  glasshouse generate --prompt \"One day\"            let it write
  glasshouse inspect --prompt \"One day\" --view attention
                                                    see where its attention goes
  glasshouse train --data my-text.txt --project my  a model of your own text
  glasshouse data clean --in my-pages --out clean   clean web pages, PDFs, tables; then train --data clean";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 bad usage; saved and stopped by a signal: 130 (Ctrl-C, SIGINT), 143 (SIGTERM),
129 (SIGHUP). SIGUSR1 lets a run in training save a checkpoint and go on.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model; without arguments, a first one on the embedded stories
    Train(TrainArguments),
    /// Write text with a trained model
    Generate(GenerateArguments),
    /// Talk with a model turn by turn, by its chat template; one without goes on from what you type
    Chat(ChatArguments),
    /// Answer programs that speak OpenAI's API, with any run of a project: completions, chat, log-probabilities
    Serve(ServeArguments),
    /// List what was said of replies on the Chat page; write it to files, remove a row; or say what to answer or label next
    Feedback(FeedbackArguments),
    /// Classify texts by the labels that a run has learned, or score them by a reward model
    Classify(ClassifyArguments),
    /// Look for what a model has learned that nobody wanted it to: bias, memorised text, canaries, personal data
    Audit(AuditArguments),
    /// Find words and phrases that many do not want to read, by rules of your own beside ours; train a classifier on rows of yours, check both
    Moderate(ModerateArguments),
    /// Teach a model an application, and measure it: summarise, translate, answer, tag, classify, sentiment, poems
    Recipe(RecipeArguments),
    /// Say how good models are, with intervals, beside baselines and each other: on held-out text, on tasks of your own; write their cards
    Evaluate(EvaluateArguments),
    /// Look inside a model at work on a prompt: attention, residual stream, logit lens, … as text, JSON or safetensors files
    Inspect(InspectArguments),
    /// Find the longest spans of a text that stand in the training text, and where
    Provenance(ProvenanceArguments),
    /// Say what a run would take: parameters, bytes, dispatches, FLOPs; touches no device
    Plan(PlanArguments),
    /// List the GPU adapters of this machine, and which one `auto` takes
    Devices(JsonArguments),
    /// Compare a device's results with the reference on this machine
    Selftest(SelftestArguments),
    /// Clean documents: from raw files to a corpus you can trust, and why
    Data(DataArguments),
    /// Text of our own: print the embedded stories, write instruction tasks
    Corpus(CorpusArguments),
    /// Train, and try, tokenizers
    Tokenizer(TokenizerArguments),
    /// List a project's runs; give them titles and tags, delete them
    Runs(RunsArguments),
    /// Take a pretrained model, a Hugging Face folder or a GGUF file, into a project
    Import(ImportArguments),
    /// Add a run's adapter, or one that PEFT wrote, to its weights, in a new run
    Merge(MergeArguments),
    /// Write a trained model as a Hugging Face folder, or as a GGUF file for llama.cpp
    Export(ExportArguments),
    /// Write a bundle with which a run goes on across many GPUs, and what proves that the numbers are the same there
    Handover(HandoverArguments),
    /// Make a run of what was trained with a bundle
    BringBack(BringBackArguments),
    /// Pack a project into one .glasshouse file, for another machine or the browser
    Pack(PackArguments),
    /// Unpack a .glasshouse file into a project folder
    Unpack(UnpackArguments),
    /// Measure this machine's speed
    Bench(BenchArguments),
    /// Repeat a published run, and say whether ours comes as far
    Reproduce(ReproduceArguments),
    /// Open the window, as `glasshouse` alone does
    Window(WindowArguments),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// A number from 0 on.
fn whole_number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number from 0 on".to_owned())
}

/// A number of threads.
fn thread_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MAX_THREADS) => Ok(number),
        Ok(_) => Err(format!("expected 1 to {MAX_THREADS}")),
        Err(_) => Err("expected a whole number".to_owned()),
    }
}

/// Tokenizers that can be made of a text, by name, behind what is said first.
fn tokenizer_kinds(first: &str) -> String {
    format!("{first}{}", TokenizerKind::ALL.map(TokenizerKind::name).join(", "))
}

/// A run's starting point, shared by `train` and `plan`.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ConfigArguments {
    /// Start from a preset
    #[arg(long, value_name = "NAME", value_parser = preset::PresetParser, conflicts_with_all = ["config", "layers"])]
    pub preset: Option<String>,
    /// Start from a run's TOML file (every run saves its own as run.toml)
    #[arg(long, value_name = "FILE", conflicts_with = "layers")]
    pub config: Option<PathBuf>,
    /// Derive everything from a number of layers (model.layers): width, heads, context length, steps, learning rate
    #[arg(long, value_name = "N")]
    pub layers: Option<usize>,
    /// Tokenizer
    #[arg(long, value_name = "KIND", help = tokenizer_kinds("Tokenizer: "))]
    pub tokenizer: Option<TokenizerKind>,
    /// Most entries of a trained vocabulary (tokenizer.vocabulary)
    #[arg(long, alias = "vocab", value_name = "N")]
    pub vocabulary: Option<usize>,
    /// Optimizer steps
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Passes over the training data; sets the number of steps (train.epochs)
    #[arg(long, value_name = "X", conflicts_with = "steps", allow_negative_numbers = true)]
    pub epochs: Option<f64>,
    /// Early stopping: stop after N evaluations without a lower validation loss; 0 disables it (train.early_stopping.patience)
    #[arg(long, value_name = "N")]
    pub patience: Option<u64>,
    /// Batch size: windows of text in a micro-batch (train.batch_size)
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
    /// Peak learning rate; the minimum learning rate keeps its proportion to it. With --objective preference or reward it is 1e-6, or 1e-5
    /// with an adapter, unless it is said
    #[arg(long, alias = "learning-rate", value_name = "X", allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Plant so many canaries into the training text, sentences with a secret number, 1, 2, 4, … up to 64 times each. How much of them the model
    /// gives away is told at the end of the run, and by `glasshouse audit` (data.canaries)
    #[arg(long, value_name = "N", value_parser = whole_number, allow_negative_numbers = true)]
    pub canaries: Option<usize>,
    /// Seed of weights, batches and dropout
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Train an adapter and freeze the model: lora; none trains the model itself (train.adapter). Which parameters train without one:
    /// --set train.trainable=all, last:N (of the blocks), head, norms, norms-and-biases, or patterns such as blocks.*.mlp.*
    #[arg(long, value_name = "KIND")]
    pub adapter: Option<String>,
    /// What training stores values as, and what `bench decode` reads weights as
    #[arg(long, value_name = "PRECISION", value_enum)]
    pub precision: Option<PrecisionArgument>,
    /// What looks after the run's health does: note (says what it sees), act (also goes back or lowers the learning rate against a loss that
    /// shoots up), or off (train.guard.mode; more: --set train.guard.KEY=VALUE, as in train.guard.on_plateau=lower)
    #[arg(long, value_name = "MODE", value_enum)]
    pub guard: Option<GuardArgument>,
    /// What is learned: text, chat (the answers in conversations), preference (the better of two answers), reward (answers of the model's
    /// own that a rule or a reward model finds good), classify (the labels of texts), or distil (text, and what a larger run makes of it:
    /// --set train.distil.teacher=RUN); all but text and distil need --from. Their settings:
    /// --set train.chat.packing=false, --set train.preference.loss=sigmoid|ipo|simpo|orpo|bradley_terry (a reward model)|kto (single thumbs),
    /// --set train.preference.beta=0.1,
    /// --set train.reward.rule=check|exact|contains|regex|length|format|numeric, --set train.reward.model=RUN (a reward model in its place),
    /// --set train.reward.group=8, --set train.distil.temperature=2, --set train.distil.mix=0.5
    #[arg(long, value_name = "KIND")]
    pub objective: Option<Objective>,
    /// Set any field of the run's TOML, as in --set train.eval_interval=100; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// `train.precision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArgument {
    /// 32-bit floats, on every device
    F32,
    /// 16-bit floats where that does no harm, on GPUs that `glasshouse devices` lists with it
    Mixed,
    /// Whichever suits the device; 32-bit floats on the CPU
    Auto,
}

impl PrecisionArgument {
    /// As settings have it.
    pub fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Mixed => Precision::Mixed,
            Self::Auto => Precision::Auto,
        }
    }
}

/// `train.guard.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GuardArgument {
    /// Says what it sees, and changes nothing
    Note,
    /// Also does something against a loss that shoots up
    Act,
    /// Does not look
    Off,
}

impl GuardArgument {
    /// As settings have it.
    pub fn mode(self) -> GuardMode {
        match self {
            Self::Note => GuardMode::Note,
            Self::Act => GuardMode::Act,
            Self::Off => GuardMode::Off,
        }
    }
}

/// `train`.
#[derive(Args, Debug, Default)]
pub struct TrainArguments {
    /// The run's starting point and changes to it
    #[command(flatten)]
    pub config: ConfigArguments,
    /// What to train on: files of every kind that `data clean` reads (text, Markdown, web pages, JSON, tables, Parquet, PDF, …), folders of
    /// them, or a folder that it wrote; for --objective chat
    /// .jsonl files, or .json arrays, of conversations (`messages`, ShareGPT, Alpaca, or `prompt` and `completion`), for preference of pairs (`prompt`,
    /// `chosen` and `rejected`), for reward of prompts (`prompt`, with `check` or `answer` for a rule), for classify .jsonl, .json or .csv files with `text`
    /// and `label`
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// Validation files, in the formats of --data; they replace the held-out share
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub validation: Vec<PathBuf>,
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Begin with the weights, tokenizer and settings of a run or an imported model: `latest`, its number, name or title; `:best` (the
    /// default), `:latest` or the file of a checkpoint behind it says where it stood. Or of a pretrained model that is imported then:
    /// a Hugging Face folder (./gpt2), a GGUF file, or an address
    #[arg(long, value_name = "RUN[:CHECKPOINT]|DIR|FILE.gguf|ADDRESS", conflicts_with_all = ["preset", "config", "layers", "tokenizer", "vocabulary"])]
    pub from: Option<String>,
    /// Folder of the project that --from is in, where that is another
    #[arg(long, value_name = "DIR", requires = "from")]
    pub from_project: Option<PathBuf>,
    /// auto (a real GPU, else the CPU), cpu, gpu, burn-wgpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Resume the latest run from its latest checkpoint. With --steps N, train to step N even if the run had finished; the learning-rate
    /// schedule is recomputed for N steps
    #[arg(long, conflicts_with = "from")]
    pub resume: bool,
    /// Which run to resume, by number, name or title; the latest unless said
    #[arg(long, value_name = "RUN", requires = "resume")]
    pub run: Option<String>,
    /// Stop, saved, after this many steps in all; the schedule stays that of --steps
    #[arg(long, value_name = "N")]
    pub stop_after: Option<u64>,
    /// Choose a GPU's kernels by its kind alone, instead of timing variants for up to two seconds
    #[arg(long, conflicts_with = "resume")]
    pub no_autotune: bool,
    /// What an evaluation reads of the validation split: some batches of it, or all of it
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub eval: EvaluationArgument,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
    /// The recipe whose generated rows it learns, as `recipe` asks for.
    #[arg(skip)]
    pub recipe: Option<String>,
}

/// How much of the validation split an evaluation reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EvaluationArgument {
    /// `train.eval_batches` batches of a step's size, drawn once and the same in every evaluation
    #[default]
    Batches,
    /// The whole split in consecutive windows, each token once; kept when the run is resumed
    Full,
}

/// `plan`.
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// The run's starting point and changes to it
    #[command(flatten)]
    pub config: ConfigArguments,
    /// What it takes on so many GPUs of one kind (0: the fewest that hold it), under PyTorch's FSDP2
    #[arg(long, value_name = "N")]
    pub gpus: Option<usize>,
    /// The kind: h100-80gb, h200-141gb, b200-180gb, a100-40gb, a100-80gb, l40s-48gb, l4-24gb, rtx4090-24gb, mi300x-192gb
    #[arg(long, value_name = "NAME", default_value = "h100-80gb", requires = "gpus")]
    pub gpu: String,
    /// Share of the GPUs' published peak that training reaches
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, requires = "gpus")]
    pub utilization: f64,
    /// US dollars per hour of one GPU
    #[arg(long, value_name = "DOLLARS", requires = "gpus")]
    pub price: Option<f64>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A command whose only choice is its output.
#[derive(Args, Debug)]
pub struct JsonArguments {
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `selftest`.
#[derive(Args, Debug)]
pub struct SelftestArguments {
    /// auto, cpu, gpu, burn-wgpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Run every variant that a GPU's kernels come in, operation by operation
    #[arg(long, conflicts_with = "losses")]
    pub variants: bool,
    /// With --variants, only operations with this in their name
    #[arg(long, value_name = "TEXT", default_value = "", requires = "variants")]
    pub filter: String,
    /// Train the same run in every precision and with every tier of kernels that a GPU has, and compare where they end
    #[arg(long)]
    pub losses: bool,
    /// With --losses, the run: a preset
    #[arg(long, value_name = "NAME", default_value = "nanogpt-cpu", requires = "losses")]
    pub preset: String,
    /// With --losses, its steps
    #[arg(long, value_name = "N", default_value_t = 200, requires = "losses")]
    pub steps: u64,
    /// With --losses, its text; the embedded stories unless said
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "losses")]
    pub data: Vec<PathBuf>,
    /// Begin nothing more after so many seconds, with --variants or --losses
    #[arg(long, value_name = "N")]
    pub seconds: Option<f64>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `window`.
#[derive(Args, Debug, Default)]
pub struct WindowArguments {
    /// Folder of the project to open; the last one unless said
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Page to open: home, data, tokenizer, model, train, tune, write, chat, inspect, evaluate, runs, learn, settings
    #[arg(long, value_name = "NAME")]
    pub page: Option<String>,
    /// Lesson to open, by its number from 1
    #[arg(long, value_name = "N")]
    pub lesson: Option<usize>,
    /// Preset that the next run begins with, in a project of that name unless --project says another
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Seed of the next run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Folder that holds all projects; Glasshouse in the home folder unless said
    #[arg(long, value_name = "DIR")]
    pub shelf: Option<PathBuf>,
    /// Write every message between window and engine to a file, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Bytes of a size such as `2MB`, `500 KB`, `1048576`.
fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        _ => return Err(format!("`{unit}` is no unit of size; write B, KB, MB or GB")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no size; write one such as 2MB"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large; write one such as 2GB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn version_names_release_and_target() {
        let version = Arguments::command().render_version();
        assert!(version.starts_with(&format!("glasshouse {} (", env!("CARGO_PKG_VERSION"))), "{version}");
        assert!(version.contains(std::env::consts::ARCH), "{version}");
    }

    #[test]
    fn sizes_are_read_with_units() {
        assert_eq!(parse_size("2MB"), Ok(2_000_000));
        assert_eq!(parse_size("500 kb"), Ok(500_000));
        assert_eq!(parse_size("17"), Ok(17));
        assert!(parse_size("2 miles").is_err());
        assert!(parse_size("99999999999GB").unwrap_err().ends_with("; write one such as 2GB"));
    }
}
