//! A file's facts about its model: the keys of its architecture, and its tensors. An export builds the same from what it will
//! write and reads it back, to find out what the format can represent.

use super::architectures::Divisors;
use super::metadata::Metadata;
use super::value::Value;
use glasshouse_platform::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Keys without effect on what a model computes.
const IDLE: &[&str] =
    &["vocab_size", "rope.scaling.original_context_length", "rope.scaling.finetuned", "tensor_data_layout"];

pub struct Facts<'file> {
    path: &'file Path,
    architecture: &'static str,
    metadata: &'file Metadata<'file>,
    shapes: HashMap<&'file str, &'file [usize]>,
    /// Tensors of divisors of the rotary angles, one entry per pair of channels.
    divisors: Divisors,
    read: BTreeSet<String>,
}

impl<'file> Facts<'file> {
    pub fn new(
        path: &'file Path,
        architecture: &'static str,
        metadata: &'file Metadata<'file>,
        shapes: HashMap<&'file str, &'file [usize]>,
        divisors: Divisors,
    ) -> Self {
        Self { path, architecture, metadata, shapes, divisors, read: BTreeSet::new() }
    }

    /// The full key, with the architecture's name; marks it as read.
    fn key(&mut self, name: &str) -> String {
        let key = format!("{}.{name}", self.architecture);
        self.read.insert(key.clone());
        key
    }

    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::bad_file(self.path, reason.to_string())
    }

    pub fn has(&self, tensor: &str) -> bool {
        self.shapes.contains_key(tensor)
    }

    /// Fails unless a tensor has this shape.
    pub fn expect_shape(&self, tensor: &str, wanted: &[usize]) -> Result<()> {
        match self.shapes.get(tensor) {
            Some(shape) if *shape == wanted => Ok(()),
            Some(shape) => Err(self.error(format!("{tensor} is {shape:?}; its metadata says {wanted:?}"))),
            None => Err(self.error(format!("it has no tensor {tensor}"))),
        }
    }

    pub fn divisors(&self, tensor: &str) -> Option<&[f32]> {
        self.divisors.iter().find(|(name, _)| *name == tensor).map(|(_, divisors)| divisors.as_slice())
    }

    /// Rows of a required matrix.
    pub fn rows_of(&self, tensor: &str) -> Result<usize> {
        let rows = self.shapes.get(tensor).and_then(|shape| shape.first());
        rows.copied().ok_or_else(|| self.error(format!("it has no tensor {tensor}")))
    }

    pub fn whole(&mut self, name: &str) -> Result<usize> {
        self.whole_or_none(name)?.ok_or_else(|| self.error(format!("it has no {}.{name}", self.architecture)))
    }

    pub fn whole_or_none(&mut self, name: &str) -> Result<Option<usize>> {
        let key = self.key(name);
        let number = self.metadata.count(&key).map_err(|reason| self.error(reason))?;
        let fits = |number| usize::try_from(number).map_err(|_| self.error(format!("{key} is {number}")));
        number.map(fits).transpose()
    }

    pub fn number_or_none(&mut self, name: &str) -> Result<Option<f32>> {
        let key = self.key(name);
        let number = self.metadata.float(&key).map_err(|reason| self.error(reason))?;
        Ok(number.map(|number| number as f32))
    }

    pub fn number(&mut self, name: &str) -> Result<f32> {
        self.number_or_none(name)?
            .ok_or_else(|| self.error(format!("it has no {}.{name}", self.architecture)))
    }

    pub fn word_or_none(&mut self, name: &str) -> Result<Option<String>> {
        let key = self.key(name);
        let word = self.metadata.text(&key).map_err(|reason| self.error(reason))?;
        Ok(word.map(str::to_owned))
    }

    pub fn flag_or_none(&mut self, name: &str) -> Result<Option<bool>> {
        let key = self.key(name);
        self.metadata.flag(&key).map_err(|reason| self.error(reason))
    }

    /// Fails if an integer has another value than the only supported one.
    pub fn must_be(&mut self, name: &str, computed: usize) -> Result<()> {
        match self.whole_or_none(name)? {
            Some(other) if other != computed => Err(self.error(format!(
                "{}.{name} is {other}: only {computed} can be represented",
                self.architecture
            ))),
            _ => Ok(()),
        }
    }

    /// Fails if a key of the architecture was not read, unless it has no effect or is zero. The error names the first such key.
    pub fn expect_known(&self) -> Result<()> {
        let own = format!("{}.", self.architecture);
        let says_nothing = |key: &str, value: &Value<'_>| {
            let is_off = value.to_count() == Some(0)
                || value.to_float() == Some(0.0)
                || value.to_bool() == Some(false);
            key.strip_prefix(&own).is_none_or(|name| IDLE.contains(&name))
                || self.read.contains(key)
                || is_off
        };
        match self.metadata.entries().iter().find(|(key, value)| !says_nothing(key, value)) {
            None => Ok(()),
            Some((key, _)) => Err(self.error(format!(
                "{key} is unknown and may change what the model computes; convert the model with another version of llama.cpp, or \
                 import its Hugging Face folder"
            ))),
        }
    }
}
