//! What can be typed, and the help that says so.

mod bench;
mod preset;
mod reproduce;
mod runs;

pub use bench::{
    BenchArguments, BenchCommand, BenchDecodeArguments, BenchKernelArguments, BenchScalingArguments,
    BenchStepArguments,
};
pub use reproduce::{PublishedRun, ReproduceArguments};
pub use runs::{RunsArguments, RunsCommand};

use clap::{Args, Parser, Subcommand, ValueEnum};
use glasshouse_engine::cpu::MOST_THREADS;
use glasshouse_engine::data::tasks::{LEVELS, TaskKind};
use glasshouse_engine::protocol::{Precision, Quantization, VERIFIED_STEPS};
use std::path::PathBuf;

/// Where a project is kept unless said otherwise.
pub const DEFAULT_PROJECT: &str = "glasshouse-project";

/// Grow a small language model from scratch on any GPU or CPU, and see through every part of it.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version, arg_required_else_help = true, after_help = first_steps())]
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
    /// Write with a trained model turn by turn (plain completion)
    Chat(ChatArguments),
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

/// A number of threads.
fn thread_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MOST_THREADS) => Ok(number),
        Ok(_) => Err(format!("expected 1 to {MOST_THREADS}")),
        Err(_) => Err("expected a whole number".to_owned()),
    }
}

/// A run's starting point, shared by `train` and `plan`.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArguments {
    /// Start from a preset
    #[arg(long, value_name = "NAME", value_parser = preset::PresetParser, conflicts_with_all = ["config", "layers"])]
    pub preset: Option<String>,
    /// Start from a run's TOML file (every run saves its own as run.toml)
    #[arg(long, value_name = "FILE", conflicts_with = "layers")]
    pub config: Option<PathBuf>,
    /// Derive everything from a number of layers (model.layers): width, heads, context length, steps, learning rate
    #[arg(long, alias = "depth", value_name = "N")]
    pub layers: Option<usize>,
    /// Tokenizer: byte, char, bpe, word_piece, unigram
    #[arg(long, value_name = "KIND")]
    pub tokenizer: Option<String>,
    /// Most entries of a trained vocabulary
    #[arg(long, value_name = "N")]
    pub vocab: Option<usize>,
    /// Optimizer steps
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Batch size: windows of text in a micro-batch (train.batch_size)
    #[arg(long, alias = "batch", value_name = "N")]
    pub batch_size: Option<usize>,
    /// Peak learning rate; the minimum learning rate keeps its proportion to it
    #[arg(long, alias = "learning-rate", value_name = "X", allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Seed of weights, batches and dropout
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What training stores values as, and what `bench decode` reads weights as
    #[arg(long, value_name = "PRECISION", value_enum)]
    pub precision: Option<PrecisionArgument>,
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

/// `train`.
#[derive(Args, Debug, Default)]
pub struct TrainArguments {
    /// The run's starting point and changes to it
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Text to train on: .txt, .md and .jsonl (field `text`) files, folders of them, or a folder of `data clean`
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Begin with the weights, tokenizer and settings of a run or an imported model: `latest`, its number or name; `:best` (the
    /// default), `:latest` or the file of a checkpoint behind it says where it stood
    #[arg(long, value_name = "RUN[:CHECKPOINT]", conflicts_with_all = ["preset", "config", "layers", "tokenizer", "vocab"])]
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
    /// Carry on the latest run of the project from its latest checkpoint
    #[arg(long, conflicts_with = "from")]
    pub resume: bool,
    /// Which run to resume, by number or name; the latest unless said
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
}

/// How much of the validation split an evaluation reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EvaluationArgument {
    /// `train.eval_batches` batches, drawn once and the same in every evaluation
    #[default]
    Batches,
    /// The whole split in consecutive windows, each token once; kept when the run is resumed
    Full,
}

/// How the next token is drawn, shared by `generate` and `chat`.
#[derive(Args, Clone, Debug)]
pub struct SamplingArguments {
    /// Tokens to write at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_tokens: usize,
    /// Divides the logits; lower is safer, 0 always takes the likeliest
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f32,
    /// Always take the likeliest token (the same as --temperature 0)
    #[arg(long)]
    pub greedy: bool,
    /// Draw among the k likeliest tokens; 0 is all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: usize,
    /// Draw among the likeliest tokens that reach this probability together; 1 is all
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    pub top_p: f32,
    /// Leave out tokens less likely than this share of the likeliest
    #[arg(long, value_name = "P", default_value_t = 0.0, allow_negative_numbers = true)]
    pub min_p: f32,
    /// Above 1, tokens of the window become less likely
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Stop before this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// What a GPU reads weights as
    #[arg(long, value_name = "PRECISION", value_enum, default_value = "auto")]
    pub precision: PrecisionArgument,
    /// Choose a real GPU's kernels by its kind alone, instead of timing variants for up to two seconds
    #[arg(long)]
    pub no_autotune: bool,
}

/// Which trained model, shared by `generate`, `chat`, `export` and `tokenizer`.
#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run by number or name; the latest unless said
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Checkpoint: best, latest, or the path of a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "best")]
    pub checkpoint: String,
}

/// `generate`.
#[derive(Args, Debug)]
pub struct GenerateArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// What the text begins with
    #[arg(long, value_name = "TEXT", default_value = "\n")]
    pub prompt: String,
    /// How tokens are drawn
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

/// `chat`.
#[derive(Args, Debug)]
pub struct ChatArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// How tokens are drawn
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// What the model is told first of all, where it has a chat template
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Go on from the text itself, even if the model has a chat template
    #[arg(long, conflicts_with = "system")]
    pub no_template: bool,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
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
    /// US dollars an hour of one GPU
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

/// `pack`.
#[derive(Args, Debug)]
pub struct PackArguments {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// The file to write; the project's name with .glasshouse by default
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// `unpack`.
#[derive(Args, Debug)]
pub struct UnpackArguments {
    /// The .glasshouse file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder to make; the file's name without its ending by default
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Replace a project that is there already
    #[arg(long)]
    pub force: bool,
}

/// `corpus`.
#[derive(Args, Debug)]
pub struct CorpusArguments {
    /// Which corpus
    #[command(subcommand)]
    pub command: CorpusCommand,
}

/// Subcommands of `corpus`.
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Print short, simple children's stories from a seeded grammar
    Stories(CorpusStoriesArguments),
    /// Write a folder of instruction tasks with answers that a program can check, as JSON lines
    Tasks(CorpusTasksArguments),
}

/// `corpus stories`.
#[derive(Args, Debug)]
pub struct CorpusStoriesArguments {
    /// How much, as in 500KB or 2MB (10³ and 10⁶ bytes); ends with a whole story
    #[arg(long, value_name = "SIZE", default_value = "2MB", value_parser = parse_size)]
    pub bytes: u64,
    /// Seed of the generator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `corpus tasks`.
#[derive(Args, Debug)]
pub struct CorpusTasksArguments {
    /// Seed of the generator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Rows for training; validation and held-out rows are a twentieth each, or 200 where that is more
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub count: u64,
    /// Kinds of task, with commas between them; all unless said: story, summary, classification, tagging, rewriting, arithmetic,
    /// ordering, translation, refusal, conversation
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = task_kind)]
    pub kinds: Vec<TaskKind>,
    /// Levels from 1, the easiest, to this one
    #[arg(long, value_name = "N", default_value_t = LEVELS, value_parser = clap::value_parser!(u8).range(1..=i64::from(LEVELS)))]
    pub level: u8,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Replace tasks that are there
    #[arg(long)]
    pub force: bool,
}

/// A kind of task by its name.
fn task_kind(text: &str) -> Result<TaskKind, String> {
    TaskKind::from_name(text.trim()).ok_or_else(|| {
        let names: Vec<&str> = TaskKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected {}", names.join(", "))
    })
}

/// `tokenizer`.
#[derive(Args, Debug)]
pub struct TokenizerArguments {
    /// What to do with it
    #[command(subcommand)]
    pub command: TokenizerCommand,
}

/// Subcommands of `tokenizer`.
#[derive(Debug, Subcommand)]
pub enum TokenizerCommand {
    /// Train a tokenizer on text and save it as tokenizer.json
    Train(TokenizerTrainArguments),
    /// Turn text into token ids
    Encode(TokenizerEncodeArguments),
    /// Turn token ids into text
    Decode(TokenizerDecodeArguments),
}

/// `tokenizer train`.
#[derive(Args, Debug)]
pub struct TokenizerTrainArguments {
    /// byte, char, bpe, word_piece, unigram
    #[arg(long, value_name = "KIND", default_value = "bpe")]
    pub kind: String,
    /// Most entries of the vocabulary
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub vocab: usize,
    /// Leave out pairs and words seen less often
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_frequency: u64,
    /// A special token beside <|endoftext|>; may be repeated
    #[arg(long, value_name = "TOKEN")]
    pub special: Vec<String>,
    /// Text: .txt, .md and .jsonl files or folders; the embedded stories unless said
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "tokenizer.json")]
    pub to: PathBuf,
}

/// Where a tokenizer is found.
#[derive(Args, Debug)]
pub struct TokenizerPlace {
    /// Folder of the project whose tokenizer to take
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, conflicts_with = "file")]
    pub project: PathBuf,
    /// Or a tokenizer.json
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `tokenizer encode`.
#[derive(Args, Debug)]
pub struct TokenizerEncodeArguments {
    /// Which tokenizer
    #[command(flatten)]
    pub place: TokenizerPlace,
    /// The text; standard input unless said
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// One JSON object: {"ids":[…],"tokens":[…]}
    #[arg(long)]
    pub json: bool,
}

/// `tokenizer decode`.
#[derive(Args, Debug)]
pub struct TokenizerDecodeArguments {
    /// Which tokenizer
    #[command(flatten)]
    pub place: TokenizerPlace,
    /// Token ids
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<u32>,
    /// One JSON object: {"text":…}
    #[arg(long)]
    pub json: bool,
}

/// `import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// Folder with config.json, model.safetensors (or its shards) and tokenizer.json; or a GGUF file; or the address of
    /// either, as huggingface.co/OWNER/NAME
    #[arg(value_name = "DIR|FILE.gguf|ADDRESS")]
    pub from: PathBuf,
    /// Project folder; made if there is none
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Context length to shorten the model's to [default: 2048, or the model's own]
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
}

/// `handover`.
#[derive(Args, Debug)]
pub struct HandoverArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run, by number or name; the latest unless said
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Steps to take here, which `verify` compares with
    #[arg(long, value_name = "N", default_value_t = VERIFIED_STEPS, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub steps: u64,
    /// Where they are taken: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Replace a bundle that is there, and what was trained in it
    #[arg(long)]
    pub force: bool,
}

/// `bring-back`.
#[derive(Args, Debug)]
pub struct BringBackArguments {
    /// The bundle, with what was trained in its folder `out`
    #[arg(value_name = "DIR")]
    pub bundle: PathBuf,
    /// Folder of the project that the run is of
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
}

/// `export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder to write, or file for GGUF
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// What to write: a folder for transformers, or a file for llama.cpp
    #[arg(long, value_name = "FORMAT", default_value = "huggingface")]
    pub format: FormatName,
    /// How a GGUF file stores matrices [default: q8_0]
    #[arg(long, value_name = "TYPE")]
    pub quantization: Option<QuantizationName>,
    /// Replace an export that is there already
    #[arg(long)]
    pub force: bool,
}

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// A folder that transformers opens
    Huggingface,
    /// A file that llama.cpp opens
    Gguf,
}

/// How a GGUF file stores matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QuantizationName {
    /// 32 bits a weight, as trained
    F32,
    /// 16 bits a weight
    F16,
    /// 8 bits a weight, and a scale for every 32
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits a weight, and a scale for every 32; the head in 6 bits
    #[value(name = "q4_0")]
    Q4_0,
}

impl From<QuantizationName> for Quantization {
    fn from(name: QuantizationName) -> Self {
        match name {
            QuantizationName::F32 => Self::F32,
            QuantizationName::F16 => Self::F16,
            QuantizationName::Q8_0 => Self::Q8_0,
            QuantizationName::Q4_0 => Self::Q4_0,
        }
    }
}

/// `data`.
#[derive(Args, Debug)]
pub struct DataArguments {
    /// What to do
    #[command(subcommand)]
    pub command: DataCommand,
}

/// Subcommands of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Clean files and folders: kept.jsonl, dropped.jsonl with reasons, report.json, report.html
    Clean(DataCleanArguments),
    /// Show a cleaning's report: counts by rule, source and language, samples, lengths
    Inspect(DataInspectArguments),
    /// Say what every rule makes of one document, and show it before and after
    Explain(DataExplainArguments),
    /// Train short runs on the raw and on the cleaned documents by several seeds, and compare their losses on the same held-out text
    Compare(Box<DataCompareArguments>),
    /// Print a recipe as TOML, to change it and clean by it
    Recipe(DataRecipeArguments),
    /// Print a recipe as a Python script for datatrove, which runs it on a cluster
    Script(DataScriptArguments),
    /// List the public corpora that `data fetch` knows
    Catalogue(JsonArguments),
    /// Download a public corpus: resumed where it was broken off, verified, kept
    Fetch(DataFetchArguments),
}

/// `data clean`.
#[derive(Args, Debug)]
pub struct DataCleanArguments {
    /// Files and folders: text, Markdown, HTML, JSON, JSONL, CSV, Parquet, PDF, WARC, dumps, code; .gz and .zst too
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder to write, new or of an earlier cleaning
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// fineweb, gopher, c4, light (for your own files), raw (drops nothing), or a TOML file
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub recipe: String,
    /// The field or column that holds the text, with dots where it lies inside of others; else `text` or `content`
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// Begin anew, even where a stopped cleaning of the same files by the same recipe can be gone on with
    #[arg(long)]
    pub restart: bool,
    /// Put this cleaning in the place of another one, or beside files that no cleaning wrote
    #[arg(long)]
    pub force: bool,
    /// JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// `data inspect`.
#[derive(Args, Debug)]
pub struct DataInspectArguments {
    /// Folder of a cleaning
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data explain`.
#[derive(Args, Debug)]
pub struct DataExplainArguments {
    /// The document's id, as kept.jsonl and dropped.jsonl have it
    #[arg(value_name = "ID")]
    pub id: String,
    /// The files and folders that were cleaned
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// The recipe
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub recipe: String,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `data compare`.
#[derive(Args, Debug)]
pub struct DataCompareArguments {
    /// The run's starting point and changes to it, the same for all runs
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The raw files and folders
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder of their cleaning
    #[arg(long, value_name = "DIR")]
    pub clean: PathBuf,
    /// Pairs of runs, each with a seed of its own: a difference within the noise of seeds is no difference
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub seeds: usize,
    /// Folder of the project that the runs are kept in
    #[arg(long, value_name = "DIR", default_value = "glasshouse-comparison")]
    pub project: PathBuf,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// `data recipe`.
#[derive(Args, Debug)]
pub struct DataRecipeArguments {
    /// fineweb, gopher, c4, light, raw, or a TOML file
    #[arg(value_name = "NAME")]
    pub recipe: String,
}

/// `data script`.
#[derive(Args, Debug)]
pub struct DataScriptArguments {
    /// fineweb, gopher, c4, light, or a TOML file
    #[arg(long, value_name = "NAME")]
    pub recipe: String,
}

/// `data fetch`.
#[derive(Args, Debug)]
pub struct DataFetchArguments {
    /// Name in `glasshouse data catalogue`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder to keep it in; the cache folder of this user unless said
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// `window`.
#[derive(Args, Debug, Default)]
pub struct WindowArguments {
    /// Folder of the project to open; the last one unless said
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Page to open: home, data, tokenizer, model, train, write, runs, settings
    #[arg(long, value_name = "NAME")]
    pub page: Option<String>,
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
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
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
    fn sizes_are_read_with_units() {
        assert_eq!(parse_size("2MB"), Ok(2_000_000));
        assert_eq!(parse_size("500 kb"), Ok(500_000));
        assert_eq!(parse_size("17"), Ok(17));
        assert!(parse_size("2 miles").is_err());
        assert!(parse_size("99999999999GB").is_err());
    }
}
