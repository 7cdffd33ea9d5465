//! `glasshouse compress`: creates a run with pruned weights.

use super::arguments::ModelArguments;
use super::driver::drive;
use super::report::aligned;
use super::trained;
use anyhow::Result;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::quantity::percent;
use glasshouse_engine::protocol::{Command, Event, PruneScore, PruneSettings, Pruned, SparsityPattern};
use glasshouse_engine::session;

pub(super) fn compress(arguments: &CompressArguments) -> Result<()> {
    let settings = PruneSettings {
        score: arguments.method.into(),
        pattern: arguments.pattern.into(),
        sparsity: arguments.sparsity,
        windows: arguments.windows,
        documents: arguments.documents,
    };
    settings.validate().map_err(|error| super::settings::usage(error.to_string()))?;
    drive(session::Options::default(), async |engine| {
        let ModelArguments { project, run, checkpoint } = &arguments.model;
        let (run, _) = trained::settings_of(engine, project, run.clone()).await?;
        let command = Command::Prune {
            run: run.clone(),
            checkpoint: Some(checkpoint.clone()),
            settings: settings.clone(),
        };
        let pick = |event| match event {
            Event::RunPruned { pruned } => Some(pruned),
            event => {
                trained::note(&event);
                None
            }
        };
        let pruned = engine.ask_for(command, pick).await?;
        if arguments.json {
            return Ok(say!("{}", serde_json::to_string(&*pruned)?)?);
        }
        print(&run, &pruned)
    })
}

fn print(from: &str, pruned: &Pruned) -> Result<()> {
    say!("{}: the weights of {from}, pruned", pruned.run)?;
    let head = ["matrix", "weights", "zeros"].map(str::to_owned).to_vec();
    let row = |matrix: &glasshouse_engine::protocol::PrunedMatrix| {
        vec![matrix.name.clone(), matrix.weights.to_string(), percent(matrix.sparsity())]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(pruned.matrices.iter().map(row)).collect();
    say!("{}", aligned(&rows, &[false, true, true]))?;
    if let Some(losses) = pruned.losses() {
        say!("{losses}")?;
    }
    Ok(())
}

#[derive(Args, Debug)]
pub struct CompressArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// What decides which weights become zero
    #[arg(long, value_name = "METHOD", default_value = "wanda")]
    pub method: MethodName,
    /// Where zeros may be
    #[arg(long, value_name = "PATTERN", default_value = "unstructured")]
    pub pattern: PatternName,
    /// Fraction of each block matrix's weights to set to zero
    #[arg(long, value_name = "X", default_value_t = 0.5, allow_negative_numbers = true)]
    pub sparsity: f64,
    /// Windows of training text that wanda reads
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub windows: usize,
    /// Validation documents for the losses [default: all]
    #[arg(long, value_name = "N")]
    pub documents: Option<usize>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// Prune the smallest weights of each matrix
    Magnitude,
    /// Prune the smallest products of weight and input norm in each row
    Wanda,
}

impl From<MethodName> for PruneScore {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Magnitude => Self::Magnitude,
            MethodName::Wanda => Self::Wanda,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PatternName {
    /// Anywhere
    Unstructured,
    /// Two in every four consecutive weights of a row
    #[value(name = "2:4")]
    TwoOfFour,
}

impl From<PatternName> for SparsityPattern {
    fn from(name: PatternName) -> Self {
        match name {
            PatternName::Unstructured => Self::Unstructured,
            PatternName::TwoOfFour => Self::TwoOfFour,
        }
    }
}
