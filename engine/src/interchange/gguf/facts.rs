//! What a file says of its model: keys of its architecture, and which tensors it has. An export makes the same of what it is about to
//! write, so that reading it tells what a file can say.

use super::metadata::Metadata;
use super::value::Value;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Keys that say nothing of what a model computes.
const IDLE: &[&str] =
    &["vocab_size", "rope.scaling.original_context_length", "rope.scaling.finetuned", "tensor_data_layout"];

/// Keys and tensors.
#[derive(Debug)]
pub struct Facts<'file> {
    path: &'file Path,
    architecture: &'static str,
    metadata: &'file Metadata<'file>,
    /// Shapes of tensors by name.
    shapes: HashMap<&'file str, &'file [usize]>,
    /// What the angles of rotary positions are divided by, a number for each pair of channels (`rope_freqs.weight`).
    pub slower: Option<Vec<f32>>,
    read: BTreeSet<String>,
}

impl<'file> Facts<'file> {
    /// Of a file of an architecture.
    pub fn new(
        path: &'file Path,
        architecture: &'static str,
        metadata: &'file Metadata<'file>,
        shapes: HashMap<&'file str, &'file [usize]>,
        slower: Option<Vec<f32>>,
    ) -> Self {
        Self { path, architecture, metadata, shapes, slower, read: BTreeSet::new() }
    }

    /// A key of the architecture, whole.
    fn key(&mut self, name: &str) -> String {
        let key = format!("{}.{name}", self.architecture);
        self.read.insert(key.clone());
        key
    }

    /// An error about this file.
    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::bad_file(self.path, reason.to_string())
    }

    /// A tensor is there.
    pub fn has(&self, tensor: &str) -> bool {
        self.shapes.contains_key(tensor)
    }

    /// Rows of a matrix that must be there.
    pub fn rows_of(&self, tensor: &str) -> Result<usize> {
        let rows = self.shapes.get(tensor).and_then(|shape| shape.first());
        rows.copied().ok_or_else(|| self.error(format!("it has no tensor {tensor}")))
    }

    /// A whole number that must be there.
    pub fn whole(&mut self, name: &str) -> Result<usize> {
        self.whole_or_none(name)?.ok_or_else(|| self.error(format!("it has no {}.{name}", self.architecture)))
    }

    /// A whole number, where there is one.
    pub fn whole_or_none(&mut self, name: &str) -> Result<Option<usize>> {
        let key = self.key(name);
        let number = self.metadata.count(&key).map_err(|reason| self.error(reason))?;
        let fits = |number| usize::try_from(number).map_err(|_| self.error(format!("{key} is {number}")));
        number.map(fits).transpose()
    }

    /// A number, where there is one.
    pub fn number_or_none(&mut self, name: &str) -> Result<Option<f32>> {
        let key = self.key(name);
        let number = self.metadata.float(&key).map_err(|reason| self.error(reason))?;
        Ok(number.map(|number| number as f32))
    }

    /// A number that must be there.
    pub fn number(&mut self, name: &str) -> Result<f32> {
        self.number_or_none(name)?
            .ok_or_else(|| self.error(format!("it has no {}.{name}", self.architecture)))
    }

    /// A word, where there is one.
    pub fn word_or_none(&mut self, name: &str) -> Result<Option<String>> {
        let key = self.key(name);
        let word = self.metadata.text(&key).map_err(|reason| self.error(reason))?;
        Ok(word.map(str::to_owned))
    }

    /// Whether a key says true, where there is one.
    pub fn flag_or_none(&mut self, name: &str) -> Result<Option<bool>> {
        let key = self.key(name);
        self.metadata.flag(&key).map_err(|reason| self.error(reason))
    }

    /// Refuses another whole number than the one that is computed.
    pub fn must_be(&mut self, name: &str, computed: usize) -> Result<()> {
        match self.whole_or_none(name)? {
            Some(other) if other != computed => Err(self.error(format!(
                "{}.{name} is {other}: only {computed} can be represented",
                self.architecture
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses keys of the architecture that nothing read, unless they are known to change nothing or are zero.
    ///
    /// # Errors
    /// Names the first one.
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
                "{key} is not known here and may change what the model computes; convert the model with another version of \
                 llama.cpp, or import its Hugging Face folder"
            ))),
        }
    }
}
