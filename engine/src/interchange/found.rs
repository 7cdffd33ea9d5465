//! A pretrained model that was looked at: everything but its weights, whatever format it lies in.

use super::gguf;
use super::huggingface::{self, Family};
use super::tensors::{Parameters, Tensor};
use crate::error::{Error, Result};
use crate::platform::{self, Turns, at_once, files};
use crate::tokenizer::TokenizerFiles;
use glasshouse_protocol::{ModelConfig, Position};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Context length that an import keeps where a person wishes no other: caches for more take gigabytes, and a model works in less.
const DEFAULT_CONTEXT: usize = 2048;

/// Hears rows of a tensor (entries of a vector): the number of the first, and the floats of them all.
pub(super) type Put<'put> = dyn FnMut(usize, &[f32]) -> Result<()> + 'put;

/// Where the weights of a model lie, tensor by tensor.
pub(super) trait Weights: Debug {
    /// Bytes that a tensor has there.
    fn bytes(&self, tensor: usize) -> u64;

    /// Reads a tensor's rows in order, as many at a time as fit a small buffer.
    ///
    /// # Errors
    /// The file cannot be read, or an error of `put`.
    fn read(&self, tensor: usize, put: &mut Put<'_>) -> Result<()>;
}

/// A model that was looked at.
#[derive(Clone, Debug)]
pub struct Found {
    /// The class of `transformers` that computes it.
    pub family: &'static Family,
    /// Its settings.
    pub model: ModelConfig,
    /// What else the person should know, a line each.
    pub notices: Vec<String>,
    /// Bytes of its weights.
    pub bytes: u64,
    /// Its tokenizer.
    pub tokenizer: TokenizerFiles,
    parameters: Parameters,
    tensors: Vec<Tensor>,
    weights: Rc<dyn Weights>,
    path: PathBuf,
}

/// What a format finds of a model, with the context length that it has there.
pub(super) struct Looked {
    pub family: &'static Family,
    pub model: ModelConfig,
    pub notices: Vec<String>,
    pub tokenizer: TokenizerFiles,
    /// Tensors by their numbers among the weights.
    pub tensors: Vec<Tensor>,
    pub weights: Box<dyn Weights>,
}

impl Found {
    /// Looks at a Hugging Face folder or a GGUF file. `context_length` shortens the model's.
    ///
    /// # Errors
    /// A file is missing or damaged, a setting cannot be represented, or tensors are missing, extra or misshapen; each is named.
    pub fn look(path: &Path, context_length: Option<usize>) -> Result<Self> {
        let mut found = Self::look_whole(path)?;
        found.shorten(context_length)?;
        Ok(found)
    }

    /// The same with the context length that the model has there.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn look_whole(path: &Path) -> Result<Self> {
        let looked = if files::is_dir(path) {
            huggingface::look(path)?
        } else if gguf::is_gguf(path) {
            gguf::look(path)?
        } else {
            let reason = "it is no folder and no GGUF file; name the folder that holds config.json and model.safetensors, or a .gguf file";
            return Err(Error::bad_file(path, reason));
        };
        let Looked { family, model, notices, tokenizer, tensors, weights } = looked;
        let (tokens, rows) = (tokenizer.tokenizer.vocabulary_size(), model.vocabulary);
        if tokens > rows {
            let reason = format!(
                "its tokenizer has {tokens} tokens, and the model's embedding {rows} rows: one of them belongs to another model"
            );
            return Err(Error::bad_file(path, reason));
        }
        let bytes = (0..tensors.len()).map(|tensor| weights.bytes(tensor)).sum();
        let (parameters, weights, path) = (Parameters::of(&model)?, Rc::from(weights), path.to_owned());
        Ok(Self { family, model, notices, bytes, tokenizer, parameters, tensors, weights, path })
    }

    /// The context length that is kept where a person wishes no other.
    pub fn default_context(&self) -> usize {
        let whole = self.model.context_length;
        // A table of positions is a weight, which is kept whole.
        if self.model.position == Position::Learned { whole } else { whole.min(DEFAULT_CONTEXT) }
    }

    /// Shortens the context as wished, or to what is kept by default; a notice says so.
    ///
    /// # Errors
    /// The model has no such context.
    pub(crate) fn shorten(&mut self, wished: Option<usize>) -> Result<()> {
        let whole = self.model.context_length;
        if let Some(wished) = wished.filter(|wished| *wished > whole || *wished == 0) {
            return Err(Error::Refused(format!(
                "a context length of {wished} was asked for; the model has {whole}, and it can only be shortened"
            )));
        }
        self.model.context_length = wished.unwrap_or(self.default_context());
        if self.model.context_length < whole {
            let advice = if wished.is_some() { "" } else { "; --context-length keeps more" };
            let kept = self.model.context_length;
            self.notices
                .push(format!("the context length was shortened from {whole} to {kept} tokens{advice}"));
            self.parameters = Parameters::of(&self.model)?;
        }
        Ok(())
    }

    /// Parameters of the model.
    pub fn parameter_count(&self) -> usize {
        self.parameters.list().iter().map(|parameter| parameter.ty.count()).sum()
    }

    /// The weights, as the arena lays them out.
    ///
    /// # Errors
    /// A file cannot be read, or holds weights that are no numbers: they are counted, and the first tensor of such is named.
    pub fn weights(&self) -> Result<Vec<f32>> {
        at_once(self.weights_in_turns(&Turns::none(), &mut |_| ()))
    }

    /// The same, while others have their turns; `progress` hears how many of [`Found::bytes`] were read.
    pub(crate) async fn weights_in_turns(
        &self,
        turns: &Turns,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<f32>> {
        let mut arena = vec![0.0; self.parameters.count()];
        let (mut done, mut broken) = (0, Vec::new());
        for (number, tensor) in self.tensors.iter().enumerate() {
            let mut odd = 0;
            self.weights.read(number, &mut |first, entries| {
                platform::pulse();
                odd += entries.iter().filter(|entry| !entry.is_finite()).count();
                tensor.scatter(&self.parameters, &mut arena, first, entries)
            })?;
            if odd > 0 {
                broken.push((&tensor.name, odd));
            }
            done += self.weights.bytes(number);
            progress(done);
            turns.give().await;
        }
        if let Some((first, _)) = broken.first() {
            let count: usize = broken.iter().map(|(_, odd)| odd).sum();
            let reason = format!(
                "{count} weights are NaN or infinite, in {} of its tensors, {first} the first: the model is damaged",
                broken.len()
            );
            return Err(Error::bad_file(&self.path, reason));
        }
        Ok(arena)
    }
}
