//! The command line. Each subcommand is a file; `arguments` defines the options, `settings` turns them into a run's
//! configuration, `output` prints progress as a bar, plain lines or JSON.

/// Prints a line to standard output; a closed pipe is an error instead of a panic.
macro_rules! say {
    ($($argument:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Prints a line to standard error, ignoring a closed pipe or full disk.
macro_rules! tell {
    ($($argument:tt)*) => {{
        std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($argument)*))).ok();
    }};
}

pub mod arguments;
mod audit;
mod bar;
mod bench;
mod bundle;
mod carry;
mod chat;
mod classify;
mod corpus;
mod data;
mod devices;
mod driver;
mod evaluate;
mod export;
mod feedback;
mod fetch;
mod generate;
mod hints;
mod import;
mod inspect;
mod interrupt;
mod merge;
mod moderate;
mod output;
mod plan;
mod propose;
mod recipe;
mod report;
mod reproduce;
mod runs;
mod samples;
mod score;
mod selftest;
mod serve;
mod settings;
mod tokenizer;
mod train;
mod trained;
mod twins;
#[cfg(feature = "window")]
mod window;
#[cfg(not(feature = "window"))]
#[path = "no_window.rs"]
mod window;

use arguments::{Arguments, BundleArguments, BundleCommand, Command};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use glasshouse_engine::protocol::config::without_types;
use settings::Usage;
use std::io::Write as _;
use std::process::ExitCode;

/// Runs the command line. Exit codes: 0 success, 1 failure, 2 usage error, 128 plus the signal's number if a signal ended it.
pub fn run() -> ExitCode {
    // Without arguments, as when started by its icon, open the window.
    let command = match std::env::args_os().len() {
        1 if window::BUILT => Command::Window(Default::default()),
        _ => match Arguments::try_parse() {
            Ok(arguments) => arguments.command,
            Err(error) if error.kind() == ErrorKind::ValueValidation => {
                tell!("{}", without_types(error.render().to_string().trim_end()));
                return ExitCode::from(2);
            }
            Err(error) => error.exit(),
        },
    };
    let done = dispatch(command);
    match done {
        Ok(code) => interrupt::exit_code().map_or(code, ExitCode::from),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // The engine's own errors already include advice.
            let cause = error.root_cause().downcast_ref::<std::io::Error>();
            let advice = cause.map_or("", glasshouse_engine::advice_for_io);
            tell!("error: {error:#}{advice}{}", hints::of_error(&error));
            let mistyped = error.downcast_ref::<Usage>().is_some() || driver::is_unknown(&error);
            ExitCode::from(if mistyped { 2 } else { 1 })
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Train(arguments) => train::train(&arguments),
        Command::Generate(arguments) => generate::generate(&arguments).map(done),
        Command::Chat(arguments) => chat::chat(&arguments).map(done),
        Command::Feedback(arguments) => feedback::feedback(&arguments).map(done),
        Command::Serve(arguments) => serve::serve(&arguments).map(done),
        Command::Classify(arguments) => classify::classify(&arguments).map(done),
        Command::Audit(arguments) => audit::audit(&arguments).map(done),
        Command::Moderate(arguments) => moderate::moderate(&arguments).map(done),
        Command::Recipe(arguments) => recipe::recipe(&arguments),
        Command::Evaluate(arguments) => evaluate::evaluate(&arguments).map(done),
        Command::Inspect(arguments) => inspect::inspect(&arguments).map(done),
        Command::Provenance(arguments) => inspect::provenance(&arguments).map(done),
        Command::Plan(arguments) => plan::plan(&arguments).map(done),
        Command::Devices(arguments) => devices::devices(arguments.json).map(done),
        Command::Selftest(arguments) => selftest::selftest(&arguments),
        Command::Data(arguments) => data::data(arguments.command).map(done),
        Command::Corpus(arguments) => corpus::corpus(&arguments).map(done),
        Command::Tokenizer(arguments) => tokenizer::tokenizer(arguments.command).map(done),
        Command::Runs(arguments) => runs::runs(&arguments).map(done),
        Command::Import(arguments) => import::import(&arguments).map(done),
        Command::Merge(arguments) => merge::merge(&arguments).map(done),
        Command::Export(arguments) => export::export(&arguments).map(done),
        Command::Bundle(BundleArguments { command: BundleCommand::Export(arguments) })
        | Command::Handover(arguments) => bundle::export(&arguments).map(done),
        Command::Bundle(BundleArguments { command: BundleCommand::Import(arguments) })
        | Command::BringBack(arguments) => bundle::import(&arguments).map(done),
        Command::Pack(arguments) => carry::pack(&arguments).map(done),
        Command::Unpack(arguments) => carry::unpack(&arguments).map(done),
        Command::Bench(arguments) => bench::bench(arguments.command).map(done),
        Command::Reproduce(arguments) => reproduce::reproduce(&arguments),
        Command::Window(arguments) => window::window(&arguments).map(done),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "glasshouse", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Whether the reader of our output closed the pipe, as `head` does; this is not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
