//! Sparse dictionaries of a trained model, and the influence of its training text. Dictionaries: TopK and JumpReLU autoencoders on a hook point and
//! transcoders of MLPs, trained by the executors like any other graph; their features, and steering with them. The graphs are
//! [`glasshouse_compiler::model::dictionary_graphs`]; a dictionary is stored in its run's folder in the format of SAELens.

mod attribution;
mod executor;
mod files;
pub mod influence;
mod passages;
mod steering;
mod survey;
#[cfg(test)]
mod tests;
mod training;
mod weights;

pub use attribution::{Transcoder, attribution_graph};
pub use executor::{DictionaryExecutor, Subject};
pub use files::{CONFIG_FILE, DictionaryFolder, MAX_RECORD, MAX_WEIGHTS, WEIGHTS_FILE, read_sae_lens};
pub use steering::{Clamped, steered};
pub use survey::{Reading, Survey, densities};
pub use training::{DictionaryTraining, check_learns_tokens, config_of};
pub use weights::Weights;

use glasshouse_compiler::model::{self, HookPoint, Sparsity, dictionary_points};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::ModelConfig;
use glasshouse_protocol::features::{DictionaryKind, DictionarySettings};

/// The value that a dictionary reads, the value that it reconstructs, and the columns of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub at: HookPoint,
    pub to: HookPoint,
    pub columns: usize,
}

impl Place {
    /// The places of a model, with their names. A transcoder has the name of its MLP.
    pub fn all(model: &ModelConfig) -> Result<Vec<(String, Self)>> {
        let mut places = Vec::new();
        for (at, columns) in dictionary_points(model)? {
            places.push((at.to_string(), Self { at, to: at, columns }));
            if let HookPoint::MlpOutput(block) = at {
                let transcoder = Self { at: HookPoint::MlpInput(block), to: at, columns };
                places.push((format!("blocks.{block}.mlp"), transcoder));
            }
        }
        Ok(places)
    }

    /// The place of a name. Fails with the names of all places.
    pub fn named(model: &ModelConfig, name: &str) -> Result<Self> {
        let is_own = |own: &str| own == name;
        Ok(Self::found(model, name, is_own)?[0].1)
    }

    /// The places of a name in which `*` is any block, with their own names. Fails with the names of all places if there is none.
    pub fn matching(model: &ModelConfig, name: &str) -> Result<Vec<(String, Self)>> {
        let parts = || name.split('.');
        let is_any = |(own, part): (&str, &str)| own == part || part == "*" && own.parse::<usize>().is_ok();
        let matches =
            |own: &str| own.split('.').count() == parts().count() && own.split('.').zip(parts()).all(is_any);
        Self::found(model, name, matches)
    }

    /// At least one place.
    fn found(model: &ModelConfig, name: &str, matches: impl Fn(&str) -> bool) -> Result<Vec<(String, Self)>> {
        let (found, others): (Vec<_>, Vec<_>) =
            Self::all(model)?.into_iter().partition(|(own, _)| matches(own));
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<String> = others.into_iter().map(|(name, _)| name).collect();
        refuse!("the model has no hook point {name:?} for a dictionary; choose one of {}", names.join(", "))
    }

    pub fn is_transcoder(self) -> bool {
        self.at != self.to
    }

    /// The dictionary of these settings for values with a variance of 1.
    pub fn dictionary(self, settings: &DictionarySettings) -> model::Dictionary {
        self.scaled_dictionary(settings, 1.0)
    }

    /// The dictionary of these settings for values whose distance from their mean has the mean square `variance`.
    pub(crate) fn scaled_dictionary(self, settings: &DictionarySettings, variance: f64) -> model::Dictionary {
        let DictionarySettings { width, kind, k, penalty, bandwidth, .. } = *settings;
        let sparsity = match kind {
            DictionaryKind::TopK => Sparsity::TopK { k },
            DictionaryKind::JumpRelu => Sparsity::JumpRelu {
                bandwidth: (bandwidth * variance.sqrt()) as f32,
                penalty: (penalty * variance) as f32,
            },
        };
        model::Dictionary { at: self.at, to: self.to, width, sparsity }
    }
}
