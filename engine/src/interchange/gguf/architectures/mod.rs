//! The architectures that llama.cpp knows and that models come from and go to, a file each: settings both ways, and where each tensor lies
//! in our parameters. Their names are those of the classes of `transformers`.

mod gpt2;
mod llama;
mod qwen2;
mod qwen3;

use super::facts::Facts;
use super::metadata::Metadata;
use super::value::Value;
use crate::error::{Error, Result};
use crate::interchange;
use crate::interchange::huggingface::Family;
use crate::interchange::tensors::{Parameters, Tensor, TensorTable};
use glasshouse_protocol::{Bias, ModelConfig};
use std::path::Path;

/// Key of the architecture's name.
pub const ARCHITECTURE_KEY: &str = "general.architecture";
/// The tensor of what the angles of rotary positions are divided by.
pub const SLOWER_TENSOR: &str = "rope_freqs.weight";

/// Keys of an architecture, without its name before them, and what stands under them.
type Settings = Vec<(&'static str, Value<'static>)>;

/// An architecture.
pub struct Architecture {
    /// Its name in files, and the `model_type` of its class.
    pub name: &'static str,
    /// The settings that a file describes.
    read: fn(&mut Facts<'_>) -> Result<ModelConfig>,
    /// The keys that describe a model, as nearly as the architecture can: what it cannot say is found by reading them again.
    write: fn(&ModelConfig) -> Settings,
    /// Its tensors.
    tensors: fn(&ModelConfig, &mut TensorTable<'_>),
    /// Whether it has biases, of linear layers and of norms, whatever its settings say; those that a model lacks are zeros.
    padded_biases: fn(Bias) -> (Bias, bool),
    /// What llama.cpp computes in place of a setting that is close to it, and a line that says so.
    nearly: fn(&mut ModelConfig) -> Option<String>,
}

impl std::fmt::Debug for Architecture {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// All of them. An export without a wish takes the first that computes the model.
pub const ARCHITECTURES: [&Architecture; 4] =
    [&gpt2::ARCHITECTURE, &llama::ARCHITECTURE, &qwen3::ARCHITECTURE, &qwen2::ARCHITECTURE];

impl Architecture {
    /// The architecture of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ARCHITECTURES.into_iter().find(|architecture| architecture.name == name)
    }

    /// The class of `transformers` that computes it.
    pub fn family(&self) -> Result<&'static Family> {
        Family::of_type(self.name).ok_or_else(|| Error::Internal(format!("{} is of no class", self.name)))
    }

    /// The architecture that computes this model, and what it computes a little otherwise, a line each: the wished one if it does, or the
    /// first.
    ///
    /// # Errors
    /// None does; the settings that the nearest lacks are named.
    pub fn of(model: &ModelConfig, wished: Option<&str>) -> Result<(&'static Self, Option<String>)> {
        let wished = wished.and_then(Self::named);
        let nearly = |architecture: &Self| {
            let mut model = model.clone();
            let becomes = (architecture.nearly)(&mut model);
            (model, becomes)
        };
        let (architecture, lacks) =
            interchange::nearest(wished, &ARCHITECTURES, |it| it.lacks(&nearly(it).0))?;
        if lacks.is_empty() {
            return Ok((architecture, nearly(architecture).1));
        }
        Err(Error::Refused(format!(
            "this model fits no architecture that is written as GGUF: the nearest, {}, has no {}; it may fit a Hugging Face folder",
            architecture.name,
            lacks.join(", no "),
        )))
    }

    /// Settings of a model that the architecture does not have: `model.qk_norm = true`.
    fn lacks(&self, model: &ModelConfig) -> Result<Vec<String>> {
        let mut metadata = Metadata::new();
        self.write(model, &mut metadata)?;
        let tensors = self.tensors(model, &Parameters::of(model)?);
        let shapes = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
        let mut facts = Facts::new(Path::new("model.gguf"), self.name, &metadata, shapes, slower(model));
        Ok(interchange::lacks(model, (self.read)(&mut facts).ok().as_ref(), self.padded_biases))
    }

    /// The settings that a file describes.
    ///
    /// # Errors
    /// A key is missing, or says what cannot be represented; both are named.
    pub fn read(&self, facts: &mut Facts<'_>) -> Result<ModelConfig> {
        if facts.flag_or_none("attention.causal")? == Some(false) {
            return Err(facts.error(format!(
                "{}.attention.causal is false: only models whose tokens see none after them can be represented",
                self.name
            )));
        }
        let model = (self.read)(facts)?;
        model.validate().map_err(|invalid| facts.error(invalid))?;
        Ok(model)
    }

    /// Appends the keys that describe a model.
    ///
    /// # Errors
    /// [`Error::Internal`] where one is there already.
    pub fn write(&self, model: &ModelConfig, metadata: &mut Metadata<'_>) -> Result<()> {
        (self.write)(model)
            .into_iter()
            .try_for_each(|(key, value)| metadata.push(format!("{}.{key}", self.name), value))
            .map_err(Error::Internal)
    }

    /// The tensors of a model of this architecture, but for [`SLOWER_TENSOR`].
    pub fn tensors(&self, model: &ModelConfig, parameters: &Parameters) -> Vec<Tensor> {
        let mut table = TensorTable::new(parameters);
        (self.tensors)(model, &mut table);
        table.done()
    }
}

/// What a model's angles are divided by, pair by pair, where that is no one number for all (`rope_freqs.weight`).
pub fn slower(model: &ModelConfig) -> Option<Vec<f32>> {
    llama::slower(model)
}

/// A count as files have it. Those of a valid model all fit.
fn count(number: usize) -> Value<'static> {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

/// A model that llama.cpp computes as it is.
fn exactly(_model: &mut ModelConfig) -> Option<String> {
    None
}

#[cfg(test)]
mod tests;
