//! Sparse dictionaries of a trained model: TopK autoencoders on a hook point, trained by the executors like any other graph; their features, and
//! steering with them. The graphs are [`glasshouse_compiler::model::dictionary_graphs`]; a dictionary is stored in its run's folder in the
//! format of SAELens.

mod executor;
mod files;
mod passages;
mod steering;
mod survey;
#[cfg(test)]
mod tests;
mod training;
mod weights;

pub use executor::{DictionaryExecutor, Subject};
pub use files::{CONFIG_FILE, DictionaryFolder, WEIGHTS_FILE};
pub use steering::steered;
pub use survey::Survey;
pub use training::{DictionaryTraining, config_of};
pub use weights::Weights;

use glasshouse_compiler::model::{HookPoint, dictionary_points};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::ModelConfig;

/// The hook point of a name, and the columns of its value. Fails with the names of all hook points that can have a dictionary.
pub fn hook_point(model: &ModelConfig, name: &str) -> Result<(HookPoint, usize)> {
    let points = dictionary_points(model)?;
    if let Some(found) = points.iter().find(|(point, _)| point.to_string() == name) {
        return Ok(*found);
    }
    let names: Vec<String> = points.iter().map(|(point, _)| point.to_string()).collect();
    refuse!("the model has no hook point {name:?} for a dictionary; choose one of {}", names.join(", "))
}
