//! The supported llama.cpp architectures: conversion of settings in both directions, and the mapping of tensors to
//! our parameters. They are named like the classes of `transformers`.

mod gemma;
mod gpt2;
mod granite;
mod llama;
mod olmo2;
mod phi3;
mod qwen;

use super::facts::Facts;
use super::metadata::Metadata;
use super::value::Value;
use crate::huggingface::Family;
use crate::tensors::{Parameters, Tensor, TensorTable};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Bias, ModelConfig};
use std::path::Path;

pub const ARCHITECTURE_KEY: &str = "general.architecture";
/// Tensors of divisors of the rotary angles, one entry per pair of channels: those of Llama 3, and LongRoPE's for long and for short
/// contexts.
pub const DIVISORS: [&str; 3] = [LLAMA3, LONG, SHORT];
const LLAMA3: &str = "rope_freqs.weight";
const LONG: &str = "rope_factors_long.weight";
const SHORT: &str = "rope_factors_short.weight";

/// Tensors among [`DIVISORS`] and their entries.
pub type Divisors = Vec<(&'static str, Vec<f32>)>;

/// An architecture's keys, without its name as prefix, and their values.
type Settings = Vec<(&'static str, Value<'static>)>;

#[derive(Debug)]
pub struct Architecture {
    /// Name in files.
    pub name: &'static str,
    /// Converts a file's keys to settings.
    read: fn(&mut Facts<'_>) -> Result<ModelConfig>,
    /// Converts settings to keys, as closely as the architecture can. Unsupported settings are found by reading them back.
    write: fn(&ModelConfig) -> Settings,
    tensors: fn(&ModelConfig, &mut TensorTable<'_>),
    /// The tensors of divisors of the rotary angles.
    divisors: fn(&ModelConfig) -> Divisors,
    /// Whether it always has biases in linear layers and norms; those that a model lacks are exported as zeros.
    padded_biases: fn(Bias) -> (Bias, bool),
    /// Replaces a setting by the close one that llama.cpp computes instead, and returns a notice about it.
    nearly: fn(&mut ModelConfig) -> Option<String>,
}

/// All architectures, in order of preference for exports.
pub const ARCHITECTURES: [&Architecture; 11] = [
    &gpt2::ARCHITECTURE,
    &llama::ARCHITECTURE,
    &qwen::QWEN3,
    &qwen::QWEN2,
    &qwen::QWEN3_MOE,
    &phi3::ARCHITECTURE,
    &granite::ARCHITECTURE,
    &olmo2::ARCHITECTURE,
    &gemma::GEMMA,
    &gemma::GEMMA2,
    &gemma::GEMMA3,
];

impl Architecture {
    pub fn named(name: &str) -> Option<&'static Self> {
        ARCHITECTURES.into_iter().find(|architecture| architecture.name == name)
    }

    /// The class of `transformers` that computes it.
    pub fn family(&self, model: &ModelConfig) -> Result<&'static Family> {
        let has_experts = self.name == llama::ARCHITECTURE.name && model.experts.count > 0;
        let model_type = if has_experts { "mixtral" } else { self.model_type() };
        Family::named(model_type).ok_or_else(|| Error::Internal(format!("{} has no class", self.name)))
    }

    /// `model_type` of its class.
    fn model_type(&self) -> &'static str {
        match self.name {
            "gemma3" => "gemma3_text",
            "qwen3moe" => "qwen3_moe",
            name => name,
        }
    }

    /// The architecture that computes this model (that of the class `wished` is preferred if it does), with a notice about what it computes
    /// slightly differently. Fails if no architecture does; the error names the settings that the closest one lacks.
    pub fn for_model(model: &ModelConfig, wished: Option<&str>) -> Result<(&'static Self, Option<String>)> {
        let wished = wished.and_then(|wished| ARCHITECTURES.into_iter().find(|it| it.model_type() == wished));
        let nearly = |architecture: &Self| {
            let mut model = model.clone();
            let becomes = (architecture.nearly)(&mut model);
            (model, becomes)
        };
        let (architecture, lacks) = crate::nearest(wished, &ARCHITECTURES, |it| it.lacks(&nearly(it).0))?;
        if lacks.is_empty() {
            return Ok((architecture, nearly(architecture).1));
        }
        Err(Error::Refused(format!(
            "this model fits no supported GGUF architecture: the nearest, {}, has no {}; try a Hugging Face folder",
            architecture.name,
            lacks.join(", no "),
        )))
    }

    /// Settings that the architecture does not support, such as `model.qk_norm = true`.
    fn lacks(&self, model: &ModelConfig) -> Result<Vec<String>> {
        let mut metadata = Metadata::new();
        self.write(model, &mut metadata)?;
        let tensors = self.tensors(model, &Parameters::new(model)?);
        let shapes = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
        let mut facts =
            Facts::new(Path::new("model.gguf"), self.name, &metadata, shapes, self.divisors(model));
        Ok(crate::lacks(model, (self.read)(&mut facts).ok().as_ref(), self.padded_biases))
    }

    /// Converts a file's keys to settings. Fails if a key is missing or has an unsupported value; the error names it.
    pub fn read(&self, facts: &mut Facts<'_>) -> Result<ModelConfig> {
        if facts.flag_or_none("attention.causal")? == Some(false) {
            return Err(facts.error(format!(
                "{}.attention.causal is false: only causal models can be represented",
                self.name
            )));
        }
        let model = (self.read)(facts)?;
        model.validate().map_err(|invalid| facts.error(invalid))?;
        Ok(model)
    }

    /// Appends the keys that describe a model. Fails with [`Error::Internal`] if a key already exists.
    pub fn write(&self, model: &ModelConfig, metadata: &mut Metadata<'_>) -> Result<()> {
        (self.write)(model)
            .into_iter()
            .try_for_each(|(key, value)| metadata.push(format!("{}.{key}", self.name), value))
            .map_err(Error::Internal)
    }

    /// The tensors of a model, except [`DIVISORS`].
    pub fn tensors(&self, model: &ModelConfig, parameters: &Parameters) -> Vec<Tensor> {
        let mut table = TensorTable::new(parameters);
        (self.tensors)(model, &mut table);
        table.done()
    }

    /// The tensors among [`DIVISORS`] that a model has, with their entries.
    pub fn divisors(&self, model: &ModelConfig) -> Divisors {
        (self.divisors)(model)
    }
}

/// A count in the file's integer type. Counts of valid models always fit.
fn count(number: usize) -> Value<'static> {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

#[cfg(test)]
mod tests;
