//! Blocking forms of the engine's async functions.

use glasshouse_engine::checkpoint::{Checkpoints, Content, Loaded};
use glasshouse_engine::formats::{self, Found, huggingface};
use glasshouse_engine::graph::Parameter;
use glasshouse_engine::project::{AsTrained, Project, Run, Trained};
use glasshouse_engine::protocol::{CheckpointChoice, TokenizerConfig};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::{Result, Yielder, block_on, initial};
use std::path::{Path, PathBuf};

pub fn initial_parameters(parameters: &[Parameter], seed: u64) -> Vec<f32> {
    block_on(initial::parameters(parameters, seed, &Yielder::none()))
}

pub fn load(run: Run, checkpoint: &CheckpointChoice) -> Result<Trained> {
    block_on(Trained::load(run, checkpoint, &Yielder::none()))
}

/// # Panics
/// There is no such checkpoint, or it is damaged.
pub fn load_checkpoint(
    run: &Run,
    choice: &CheckpointChoice,
    parameters: &[Parameter],
    content: Content,
) -> Loaded {
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    block_on(checkpoints.load(choice, parameters, content, &Yielder::none())).unwrap().unwrap()
}

pub fn import(project: &Project, found: &Found, name: &str) -> Result<Run> {
    block_on(formats::import(project, found, name, None, false, &Yielder::none(), &mut |_| ()))
}

/// Exports the adapter of a run's latest checkpoint.
pub fn export_adapter(run: Run, folder: &Path) -> Result<Vec<PathBuf>> {
    let yielder = Yielder::none();
    let trained = block_on(AsTrained::load(run, &CheckpointChoice::Latest, &yielder))?;
    block_on(huggingface::export_adapter(&trained, folder, false, &yielder))
}

pub fn train_tokenizer<T: AsRef<str>>(
    config: &TokenizerConfig,
    documents: impl IntoIterator<Item = T>,
) -> Result<Tokenizer> {
    block_on(Tokenizer::train(config, documents, &Yielder::none()))
}
