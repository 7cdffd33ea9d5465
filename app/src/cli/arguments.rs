//! Command-line arguments and their help.

pub use super::Command;
use super::prelude::*;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Parser};
use glasshouse_engine::cpu::MAX_THREADS;
use glasshouse_engine::protocol::presets::PRESETS;
use glasshouse_engine::protocol::setting::{Choice, Setting};
use std::net::IpAddr;
use std::ops::RangeInclusive;

pub const DEFAULT_PROJECT: &str = "glasshouse-project";

/// Train small language models from scratch on any GPU or CPU, and see every part of them while they learn.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version = env!("GLASSHOUSE_VERSION"), arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "First steps:
  glasshouse                                        open the window
  glasshouse train                                  train a first model on the built-in stories, in about three minutes
  glasshouse generate --prompt \"Once upon a time\"   generate text with it
  glasshouse inspect --prompt \"Once upon a time\" --view attention
                                                    inspect its attention
  glasshouse train --data my-text.txt --project my  train on your own text
  glasshouse data clean --in my-pages --out clean   clean web pages, PDFs, tables; then train --data clean

Exit codes: 0 success, 1 failure, 2 bad usage; saved and stopped by a signal: 130 (Ctrl-C, SIGINT), 143 (SIGTERM),
129 (SIGHUP). SIGUSR1 saves a checkpoint of a run in training.";

/// Parses a whole number of a range.
pub(super) fn within(range: RangeInclusive<usize>) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let (least, most) = (range.start(), range.end());
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| match *most {
            usize::MAX => format!("expected a whole number of at least {least}"),
            most => format!("expected a whole number from {least} to {most}"),
        })
    }
}

pub(super) fn at_least(least: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    within(least..=usize::MAX)
}

/// Parses a device, refusing a name that matches every adapter.
pub(super) fn device_name(text: &str) -> Result<String, &'static str> {
    let name = Some(text).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    name.ok_or("expected auto, cpu, gpu, burn-wgpu, or part of an adapter's name")
}

pub(super) fn thread_count() -> impl Fn(&str) -> Result<usize, String> + Clone {
    within(1..=MAX_THREADS)
}

/// Minutes, from a second to a year, of `90s`, `10m`, `2h` or a number of minutes.
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    let (number, unit) =
        text.split_at(text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len());
    let units = [("s", 1.0 / 60.0), ("m", 1.0), ("min", 1.0), ("", 1.0), ("h", 60.0)];
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
    let minutes = factor.zip(number.trim().parse().ok()).map(|(factor, number): (_, f64)| number * factor);
    let fits = minutes.filter(|minutes| (1.0 / 60.0..=525_600.0).contains(minutes));
    fits.ok_or_else(|| "expected a time from 1s to 8760h, as in 90s, 10m or 2h, or minutes".to_owned())
}

/// Names of the trainable tokenizers, after the text `first`.
pub(super) fn tokenizer_kinds(first: &str) -> String {
    format!("{first}{}", TokenizerKind::ALL.map(TokenizerKind::name).join(", "))
}

pub(super) fn help(setting: Option<Setting>) -> String {
    setting.map(|setting| setting.help().trim_end_matches('.').to_owned()).unwrap_or_default()
}

/// Help of the option for the setting of a run at this path.
fn about(path: &str) -> String {
    format!("{} ({path})", help(Setting::at(path)))
}

/// Parses a name of a table of names, help and values; help lists all.
pub(super) fn one_of<T: Clone + Send + Sync + 'static>(
    known: impl IntoIterator<Item = (&'static str, String, T)>,
) -> impl TypedValueParser<Value = T> {
    let known: Vec<_> = known.into_iter().collect();
    let help = |help: &str| help.trim_end_matches('.').to_owned();
    let names = known.iter().map(|(name, about, _)| PossibleValue::new(*name).help(help(about)));
    PossibleValuesParser::new(names.collect::<Vec<_>>()).try_map(move |name| {
        known.iter().find(|(own, ..)| *own == name).map(|(.., value)| value.clone()).ok_or(name)
    })
}

pub(super) fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    one_of(T::ALL.iter().zip(T::TEXTS).map(|(choice, text)| (text.name, text.help(), *choice)))
}

fn preset_names() -> impl TypedValueParser<Value = String> {
    one_of(PRESETS.iter().map(|(name, about)| (*name, (*about).to_owned(), (*name).to_owned())))
}

/// Settings of a run, shared by `train`, `plan` and the experiments.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ConfigArguments {
    /// Start from a preset
    #[arg(long, value_name = "NAME", value_parser = preset_names(), conflicts_with_all = ["config", "layers"])]
    pub preset: Option<String>,
    /// Start from a run's settings (every run saves its own as run.toml)
    #[arg(long, value_name = "FILE", conflicts_with = "layers")]
    pub config: Option<PathBuf>,
    /// Derive all settings from a number of layers (model.layers)
    ///
    /// Sets width, heads, context length, steps and learning rate.
    #[arg(long, value_name = "N")]
    pub layers: Option<usize>,
    /// Tokenizer
    #[arg(long, value_name = "KIND", help = tokenizer_kinds("Tokenizer: "))]
    pub tokenizer: Option<TokenizerKind>,
    #[arg(long, value_name = "N", help = about("tokenizer.vocabulary"))]
    pub vocabulary: Option<usize>,
    #[arg(long, value_name = "N", help = about("train.steps"))]
    pub steps: Option<u64>,
    #[arg(long, value_name = "X", conflicts_with = "steps", allow_negative_numbers = true, help = about("train.epochs"))]
    pub epochs: Option<f64>,
    #[arg(long, value_name = "N", help = about("train.early_stopping.patience"))]
    pub patience: Option<u64>,
    #[arg(long, value_name = "N", help = about("train.batch_size"))]
    pub batch_size: Option<usize>,
    /// Peak learning rate; the minimum learning rate scales with it
    ///
    /// With --objective preference or reward the default is 1e-6, or 1e-5 with an adapter.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Plant N canaries in the training text (data.canaries)
    ///
    /// Canaries are sentences with a secret number, planted 1, 2, 4, … up to 64 times. The end of the run and `glasshouse evaluate audit` report how
    /// much of each the model has memorised.
    #[arg(long, value_name = "N", value_parser = at_least(0), allow_negative_numbers = true)]
    pub canaries: Option<usize>,
    /// Seed of weights, batches and dropout
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Train an adapter and freeze the model: lora, dora, or none (train.adapter)
    ///
    /// To train only some parameters without an adapter: --set train.trainable=all, last:N (blocks), head, norms, norms-and-biases, or patterns
    /// such as blocks.*.mlp.*
    #[arg(long, value_name = "KIND")]
    pub adapter: Option<String>,
    /// Precision of stored training values
    #[arg(long, value_name = "PRECISION", value_parser = choice::<Precision>())]
    pub precision: Option<Precision>,
    /// Monitor the run's health (train.guard.mode)
    ///
    /// Further settings: --set train.guard.KEY=VALUE, as in train.guard.on_plateau=lower
    #[arg(long, value_name = "MODE", value_parser = choice::<GuardMode>())]
    pub guard: Option<GuardMode>,
    /// Training objective (train.objective)
    ///
    /// All except text and distil need --from.
    ///
    /// Settings: --set train.chat.packing=false, --set train.preference.loss=sigmoid|orpo|bradley_terry (a reward model)|kto
    /// (thumbs), --set train.preference.beta=0.1, --set train.reward.rule=check|exact|contains|regex|length|format|numeric, --set
    /// train.reward.model=RUN (a reward model instead of a rule), --set train.reward.group=8, --set train.distil.temperature=2, --set
    /// train.distil.mix=0.5
    #[arg(long, value_name = "KIND", value_parser = choice::<Objective>())]
    pub objective: Option<Objective>,
    /// Set any field of run.toml, as in --set train.eval_interval=100; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct FormatArguments {
    /// Storage format of matrices in memory; by default f16 on a GPU with 16-bit floats, else f32
    #[arg(long = "weights", value_name = "FORMAT", value_parser = choice::<WeightFormat>())]
    pub format: Option<WeightFormat>,
}

#[derive(Args, Debug, Default)]
pub struct TrainArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Training data: files, folders, or a folder written by `data clean`
    ///
    /// Text in every format that `data clean` reads (text, Markdown, web pages, JSON, tables, Parquet, PDF, …).
    ///
    /// Rows: for --objective chat .jsonl or .json files of conversations (`messages`, ShareGPT, Alpaca, or `prompt` and `completion`); for
    /// preference pairs (`prompt`, `chosen` and `rejected`); for reward prompts (`prompt`, with `check` or `answer` for a rule); for classify
    /// .jsonl, .json or .csv files with `text` and `label`.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// Validation files, in the formats of --data; they replace the held-out share
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub validation: Vec<PathBuf>,
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Start with the weights, tokenizer and settings of a run or a pretrained model
    ///
    /// A run is `latest`, a number, name or title, optionally followed by `:best` (the default), `:latest` or a checkpoint file. A pretrained
    /// model is a Hugging Face folder (./gpt2), a GGUF file or a URL, and is imported first.
    #[arg(long, value_name = "RUN[:CHECKPOINT]|DIR|FILE.gguf|URL", conflicts_with_all = ["preset", "config", "layers", "tokenizer", "vocabulary"])]
    pub from: Option<String>,
    /// Project folder of --from, if it is another one
    #[arg(long, value_name = "DIR", requires = "from")]
    pub from_project: Option<PathBuf>,
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, burn-wgpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name)]
    pub device: Option<String>,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<usize>,
    /// Resume the latest run from its latest checkpoint
    ///
    /// With --steps N, training continues to step N even if the run had finished; the learning-rate schedule is recomputed for N steps.
    #[arg(long, conflicts_with = "from")]
    pub resume: bool,
    /// Run to resume: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN", requires = "resume")]
    pub run: Option<String>,
    /// Stop and save after N steps in total; the schedule stays that of --steps
    #[arg(long, value_name = "N")]
    pub stop_after: Option<u64>,
    /// End and save after N minutes of training, without the preparation of text and device
    ///
    /// Without --steps and --epochs, a new run gets as many steps as fit according to a measurement of the device, so that the learning-rate
    /// schedule ends in time. A resumed run trains for N minutes more.
    #[arg(long, value_name = "N", value_parser = minutes)]
    pub minutes: Option<f64>,
    /// Choose GPU kernels by adapter kind instead of timing variants (up to two seconds)
    #[arg(long, conflicts_with = "resume")]
    pub no_autotune: bool,
    /// Part of the validation split that evaluations read
    #[arg(long = "eval", value_name = "HOW", default_value = "batches", value_parser = evaluated_parts(), action = ArgAction::Set)]
    pub whole_split: bool,
    /// Serve a page that shows the run live and can steer it, in any browser; prints a link
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub served: RemoteArguments,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Recipe whose generated rows the run learns; set by `recipe`.
    #[arg(skip)]
    pub recipe: Option<String>,
}

impl TrainArguments {
    pub(super) fn options(&self) -> session::Options {
        let (threads, autotune) = (self.threads, !self.no_autotune);
        session::Options { threads, autotune, ..session::Options::default() }
    }
}

/// Whether evaluations read the whole validation split.
fn evaluated_parts() -> impl TypedValueParser<Value = bool> {
    let batches = "`train.eval_batches` batches of a step's size, the same in every evaluation";
    let full = "The whole split in consecutive windows, each token once; kept when the run is resumed";
    one_of([("batches", batches.to_owned(), false), ("full", full.to_owned(), true)])
}

#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// A command whose only choice is its output.
#[derive(Args, Debug)]
pub struct JsonArguments {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug, Default)]
pub struct OpenArguments {
    #[command(flatten)]
    pub window: WindowArguments,
    /// Serve the window to a browser on this or another machine; prints a link
    ///
    /// The engine stays on this machine, so a notebook or tablet drives the GPU here. Several browsers see the same; one of them steers.
    #[arg(long)]
    pub remote: bool,
    #[command(flatten)]
    pub served: RemoteArguments,
}

/// Where a page is served.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteArguments {
    /// Port of the served page [default: a free one]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Address of the served page [default: 127.0.0.1]; 0.0.0.0 accepts other machines
    #[arg(long, value_name = "ADDRESS", value_parser = host)]
    pub host: Option<IpAddr>,
    /// Folder of the served page, as written by web/build [default: what is installed with the program]
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
}

pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        _ => text.parse().map_err(|_| "expected an address such as 127.0.0.1 or 0.0.0.0".to_owned()),
    }
}

#[derive(Args, Debug, Default)]
pub struct WindowArguments {
    /// Project folder to open [default: glasshouse-project if it exists, else the last one]
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Page to open: home, data, tokenizer, model, train, tune, lab, write, chat, inspect, evaluate, runs, learn, settings
    #[arg(long = "show", value_name = "NAME")]
    pub page_name: Option<String>,
    /// Lesson to open, from 1
    #[arg(long, value_name = "N")]
    pub lesson: Option<usize>,
    /// Preset of the next run, in a project of that name unless --project is given
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Seed of the next run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Folder of all projects [default: Glasshouse in the home folder]
    #[arg(long, value_name = "DIR")]
    pub shelf: Option<PathBuf>,
}

/// The device of a command other than `train`.
#[derive(Args, Clone, Debug)]
pub struct DeviceArguments {
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name, default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<usize>,
    /// Choose GPU kernels by adapter kind instead of timing variants (up to two seconds)
    #[arg(long)]
    pub no_autotune: bool,
}

impl DeviceArguments {
    pub(super) fn options(&self) -> session::Options {
        let (device, threads, autotune) = (self.device.clone(), self.threads, !self.no_autotune);
        session::Options { device, threads, autotune, ..session::Options::default() }
    }
}

#[derive(Args, Clone, Debug)]
pub struct RunArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    #[command(flatten)]
    pub of: RunArguments,
    /// Checkpoint: best, latest, or the path of a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "best")]
    pub checkpoint: CheckpointChoice,
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
}
