//! The command line. Each subcommand is a file; `arguments` defines the options, `settings` turns them into a run's
//! configuration, `output` prints progress as a bar, plain lines or JSON.

/// Prints a line to standard output; a closed pipe is an error instead of a panic.
macro_rules! say {
    ($($argument:tt)*) => {
        std::io::Write::write_fmt(&mut $crate::cli::terminal::out(), format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Prints a line to standard error, ignoring a closed pipe or full disk.
macro_rules! report {
    ($($argument:tt)*) => {{
        std::io::Write::write_fmt(&mut $crate::cli::terminal::err(), format_args!("{}\n", format_args!($($argument)*))).ok();
    }};
}

macro_rules! misuse {
    ($($argument:tt)*) => {
        return Err($crate::cli::settings::usage(format_args!($($argument)*).to_string()))
    };
}

pub mod arguments;
mod audit;
mod bar;
mod bench;
mod bundle;
mod carry;
mod chat;
mod classify;
mod compress;
mod corpus;
mod data;
mod devices;
mod driver;
mod evaluate;
mod experiments;
mod export;
mod features;
mod feedback;
mod fetch;
mod generate;
mod hints;
mod import;
mod influence;
mod inspect;
mod interrupt;
mod merge;
mod moderate;
mod open;
mod output;
mod plan;
mod prelude;
mod propose;
mod recipe;
mod report;
mod runs;
mod score;
mod selftest;
mod serve;
mod settings;
mod share;
mod terminal;
mod tokenizer;
mod train;
mod trained;
#[cfg(feature = "window")]
mod window;
#[cfg(not(feature = "window"))]
mod window {
    pub(super) const BUILT: bool = false;

    pub(super) fn window(_: &super::arguments::WindowArguments) -> anyhow::Result<()> {
        anyhow::bail!("this program was built without its window; use `glasshouse train` instead")
    }
}

use arguments::{Arguments, CompletionsArguments, JsonArguments, OpenArguments, TrainArguments};
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Subcommand};
use glasshouse_engine::protocol::config::without_types;
use settings::Usage;
use std::io::Write as _;
use std::process::{ExitCode, Termination};
use std::sync::OnceLock;

/// Whether the command prints JSON, by its parsed arguments.
static JSON: OnceLock<bool> = OnceLock::new();

/// Runs the command line. Exit codes: 0 success, 1 failure, 2 usage error, 128 plus the signal's number if a signal ended it.
pub fn run() -> ExitCode {
    // Without arguments, as when started by its icon, open the window.
    let command = match std::env::args_os().len() {
        1 if window::BUILT => Command::Open(Default::default()),
        _ => match parsed() {
            Ok(arguments) => arguments.command,
            Err(error) if error.kind() == ErrorKind::ValueValidation => {
                report!("{}", without_types(error.render().to_string().trim_end()));
                return ExitCode::from(2);
            }
            Err(error) => error.exit(),
        },
    };
    match command.run() {
        Ok(code) => interrupt::exit_code().map_or(code, ExitCode::from),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if wants_json() {
                let line = serde_json::json!({ "event": "error", "message": format!("{error:#}") });
                say!("{line}").ok();
            }
            // The engine's own errors already include advice.
            let cause = error.root_cause().downcast_ref::<std::io::Error>();
            let advice = cause.map_or("", glasshouse_engine::advice_for_io);
            report!("error: {error:#}{advice}{}", hints::of_error(&error));
            let mistyped = error.downcast_ref::<Usage>().is_some()
                || driver::is_of(&error, glasshouse_engine::protocol::ErrorKind::Unknown);
            ExitCode::from(if mistyped { 2 } else { 1 })
        }
    }
}

macro_rules! commands {
    ($($group:literal { $($(#[$meta:meta])* $Name:ident($Arguments:ty) = $run:path;)+ })+) => {
        #[derive(Debug, Subcommand)]
        pub enum Command { $($($(#[$meta])* $Name($Arguments),)+)+ }

        impl Command {
            fn run(&self) -> anyhow::Result<ExitCode> {
                match self { $($(Self::$Name(arguments) => $run(arguments).map(Termination::report),)+)+ }
            }
        }

        /// Title of each group of commands, and number of its commands.
        const GROUPS: &[(&str, usize)] = &[$(($group, [$(stringify!($Name)),+].len())),+];
    };
}

// All commands: help, options, and the function that runs it.
commands! {
    "Train" {
        /// Train a model; without arguments, a first one on the built-in stories
        Train(TrainArguments) = train::train;
        /// Fine-tune a model for a task and measure it: summarise, translate, answer, tag, classify, sentiment, poems
        Recipe(recipe::RecipeArguments) = recipe::recipe;
        /// Estimate parameters, memory, dispatches and FLOPs of a run, without a device
        Plan(plan::PlanArguments) = plan::plan;
        /// Find a learning rate by a range test on your text
        FindRate(experiments::FindRateArguments) = experiments::find_rate;
        /// Train runs over a grid or random values of any settings, and compare them
        Sweep(experiments::SweepArguments) = experiments::sweep;
        /// Train a ladder of model sizes, fit scaling laws, and predict the loss of the largest before it is trained
        Scale(experiments::ScaleArguments) = experiments::scale;
        /// Measure the effect of cleaning rules, tokenizers and sources in bits per byte, by training on versions of the text
        Ablate(experiments::AblateArguments) = experiments::ablate;
        /// Quantise or prune a run's weights into a new run, and measure the loss in quality
        Compress(compress::CompressArguments) = compress::compress;
        /// Merge a run's adapter, or one written by PEFT, into its weights, as a new run
        Merge(merge::MergeArguments) = merge::merge;
    }
    "Use" {
        /// Generate text with a trained model
        Generate(generate::GenerateArguments) = generate::generate;
        /// Chat with a model
        Chat(chat::ChatArguments) = chat::chat;
        /// Serve a project's runs through an OpenAI-compatible API
        Serve(serve::ServeArguments) = serve::serve;
        /// List, export or remove feedback on replies, or propose what to answer or label next
        Feedback(feedback::FeedbackArguments) = feedback::feedback;
        /// Open the window, like `glasshouse` without arguments, or serve it to a browser
        Open(OpenArguments) = open::open;
    }
    "Understand" {
        /// Inspect a model on a prompt: attention, residual stream, logit lens, … as text, JSON or safetensors
        Inspect(inspect::InspectArguments) = inspect::inspect;
        /// Evaluate models on held-out text and tasks, with confidence intervals, baselines and cards
        Evaluate(evaluate::EvaluateArguments) = evaluate::evaluate;
        /// Show what changed between two models: predictions, weights, outputs, and which parts matter
        Diff(inspect::DiffArguments) = inspect::diff;
        /// Take a model apart: train a sparse dictionary on a hook point, show its features, steer with them
        #[command(subcommand)]
        Features(features::FeaturesCommand) = features::features;
        /// Find the training passages that made a completion more or less likely, by gradients at the run's checkpoints
        Influence(influence::InfluenceArguments) = influence::influence;
        /// Find the longest spans of a text that occur in the training text
        Provenance(inspect::ProvenanceArguments) = inspect::provenance;
        /// List, rename, tag, delete and restore runs
        Runs(runs::RunsArguments) = runs::runs;
    }
    "Data" {
        /// Clean documents into a training corpus, with a reason for every removal
        #[command(subcommand)]
        Data(data::DataCommand) = data::data;
        /// Print generated stories, or write instruction tasks
        #[command(subcommand)]
        Corpus(corpus::CorpusCommand) = corpus::corpus;
        /// Train and try tokenizers
        #[command(subcommand)]
        Tokenizer(tokenizer::TokenizerCommand) = tokenizer::tokenizer;
    }
    "Share" {
        /// Share a model as a web page that runs it in any browser
        Share(share::ShareArguments) = share::share;
        /// Export a model as a Hugging Face folder, a GGUF file or a PEFT adapter
        Export(export::ExportArguments) = export::export;
        /// Import a pretrained model: a Hugging Face folder or a GGUF file
        Import(import::ImportArguments) = import::import;
        /// Export a run as a bundle for training on many GPUs, and import the result
        #[command(subcommand)]
        Bundle(bundle::BundleCommand) = bundle::bundle;
        /// Pack a project into one .glasshouse file, for another machine or the browser
        Pack(carry::PackArguments) = carry::pack;
        /// Unpack a .glasshouse file into a project folder
        Unpack(carry::UnpackArguments) = carry::unpack;
    }
    "Machine" {
        /// List the GPU adapters, and which one `auto` selects
        Devices(JsonArguments) = devices::devices;
        /// Benchmark this machine
        #[command(subcommand)]
        Bench(bench::BenchCommand) = bench::bench;
        /// Check a device's results against recorded results of burn
        Selftest(selftest::SelftestArguments) = selftest::selftest;
        /// Print a shell's completion script
        Completions(CompletionsArguments) = completions;
    }
}

/// The command line, whose help lists the commands by group.
fn command_line() -> clap::Command {
    let command = Arguments::command();
    let mut commands = command.get_subcommands();
    let width = command.get_subcommands().map(|one| one.get_name().len()).max().unwrap_or_default();
    let mut groups = String::new();
    for (title, count) in GROUPS {
        groups.push_str(&format!("{title}:\n"));
        for one in commands.by_ref().take(*count) {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            groups.push_str(&format!("  {:width$}  {about}\n", one.get_name()));
        }
        groups.push('\n');
    }
    drop(commands);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}"
    ))
}

fn completions(arguments: &CompletionsArguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command_line(), "glasshouse", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}

/// Parses the command line, and notes whether it asks for JSON.
fn parsed() -> Result<Arguments, clap::Error> {
    let matches = command_line().try_get_matches()?;
    JSON.get_or_init(|| asks_for_json(&matches));
    Arguments::from_arg_matches(&matches)
}

fn asks_for_json(matches: &ArgMatches) -> bool {
    let own = matches.try_get_one::<bool>("json").ok().flatten();
    own == Some(&true) || matches.subcommand().is_some_and(|(_, command)| asks_for_json(command))
}

fn wants_json() -> bool {
    JSON.get() == Some(&true)
}

/// Whether the reader of our output closed the pipe, as `head` does; this is not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_command_in_its_group() {
        let help = command_line().render_help().to_string();
        let commands = Arguments::command();
        for command in commands.get_subcommands() {
            let line = format!("\n  {} ", command.get_name());
            assert_eq!(help.matches(&line).count(), 1, "{}: {help}", command.get_name());
        }
        assert!(help.contains("\nTrain:\n  train ") && help.contains("\nMachine:\n  devices "), "{help}");
        let sum: usize = GROUPS.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, commands.get_subcommands().count());
    }

    #[test]
    fn json_is_an_option_and_not_a_word_of_a_prompt() {
        let asks = |words: &[&str]| asks_for_json(&Arguments::command().try_get_matches_from(words).unwrap());
        assert!(asks(&["glasshouse", "generate", "--prompt=a", "--json"]));
        assert!(!asks(&["glasshouse", "generate", "--prompt=--json"]));
    }
}
