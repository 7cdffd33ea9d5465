//! A pretrained model that was looked at: everything but its weights, whatever format it lies in.

use super::huggingface::{self, Family};
use super::tensors::{Parameters, Tensor, follow_each_other, not_finite};
use super::{TAKE_AGAIN, gguf};
use crate::error::{Error, Result};
use crate::platform::files::{self, File};
use crate::platform::{self, Turns, at_once};
use crate::tokenizer::TokenizerFiles;
use glasshouse_protocol::{ModelConfig, Position};
use std::fmt::Debug;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Context length that an import keeps where a person wishes no other: caches for more take gigabytes, and a model works in less.
const DEFAULT_CONTEXT: usize = 2048;

/// Where the weights of a model lie, tensor by tensor.
pub(super) trait Weights: Debug {
    /// Bytes that a tensor has there.
    fn bytes(&self, tensor: usize) -> u64;

    /// Reads rows of a tensor (a vector is read whole) into as many floats.
    ///
    /// # Errors
    /// The file cannot be read.
    fn read(&self, tensor: usize, rows: Range<usize>, floats: &mut [f32]) -> Result<()>;
}

/// Reads bytes of a file whose length was looked at before. A mapping of it would end the program where the file became shorter since.
///
/// # Errors
/// It became shorter, or cannot be read.
pub(super) fn read_at(path: &Path, start: u64, bytes: &mut [u8]) -> Result<()> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    file.seek(SeekFrom::Start(start)).map_err(Error::io(path))?;
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => {
            Error::bad_file(path, "it became shorter while it was read; do it again once the file is whole")
        }
        _ => Error::io(path)(error),
    })
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
    /// As in [`Looked`].
    pub(super) dtype: Option<&'static str>,
    /// Context length that the model has there, where it was shortened.
    pub(super) shortened_from: Option<usize>,
    parameters: Parameters,
    tensors: Vec<Tensor>,
    weights: Rc<dyn Weights>,
    path: PathBuf,
}

/// What a format finds of a model, with the context length that it has there.
pub(super) struct Looked {
    pub family: &'static Family,
    /// What `config.json` calls the floats that all tensors of a folder are stored in.
    pub dtype: Option<&'static str>,
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
        let Looked { family, dtype, model, mut notices, mut tokenizer, tensors, weights } = looked;
        let (tokens, rows) = (tokenizer.tokenizer.vocabulary_size(), model.vocabulary);
        if let Some((fitting, removed)) = tokenizer.tokenizer.without_added_beyond(rows) {
            notices.push(format!(
                "the model's embedding has no rows for the added tokens {}: they are text to it",
                removed.join(", ")
            ));
            tokenizer.tokenizer = fitting;
        } else if tokens > rows {
            let reason = format!(
                "its tokenizer has {tokens} tokens, and the model's embedding {rows} rows: one of them belongs to another model; {TAKE_AGAIN}"
            );
            return Err(Error::bad_file(path, reason));
        }
        let bytes = (0..tensors.len()).map(|tensor| weights.bytes(tensor)).sum();
        let (parameters, weights, path) = (Parameters::of(&model)?, Rc::from(weights), path.to_owned());
        let shortened_from = None;
        Ok(Self {
            family,
            model,
            notices,
            bytes,
            tokenizer,
            dtype,
            shortened_from,
            parameters,
            tensors,
            weights,
            path,
        })
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
            let advice = if wished.is_some() { "" } else { "; a longer context length keeps more" };
            let kept = self.model.context_length;
            self.notices
                .push(format!("the context length was shortened from {whole} to {kept} tokens{advice}"));
            self.parameters = Parameters::of(&self.model)?;
            // Of a table of positions the rest is not kept.
            self.shortened_from = (self.model.position != Position::Learned).then_some(whole);
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
        let mut arena = vec![0.0; self.parameters.count()];
        let put = &mut |at: usize, floats: &[f32]| {
            arena[at..at + floats.len()].copy_from_slice(floats);
            Ok(())
        };
        at_once(self.read_in_turns(&Turns::none(), &mut |_| (), put))?;
        Ok(arena)
    }

    /// Reads the weights while others have their turns. `put` gets the parameters in their order, in pieces that follow each other, each with
    /// its place in the arena; `progress` hears how many of [`Found::bytes`] were read.
    ///
    /// # Errors
    /// As [`Found::weights`], once all was put; or an error of `put`.
    pub(crate) async fn read_in_turns(
        &self,
        turns: &Turns,
        progress: &mut dyn FnMut(u64),
        put: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut held = vec![Vec::new(); self.parameters.list().len()];
        for (number, tensor) in self.tensors.iter().enumerate() {
            held[self.parameters.holding(tensor)?].push(number);
        }
        let (mut piece, mut whole) = (Vec::new(), Vec::new());
        let (mut done, mut broken) = (0, Vec::new());
        for (parameter, tensors) in held.iter().enumerate() {
            let (shape, place) = self.parameters.of_number(parameter);
            let in_order = follow_each_other(tensors.iter().map(|number| &self.tensors[*number]), shape);
            // Rows that lie otherwise there come together first.
            whole.clear();
            whole.resize(if in_order { 0 } else { place.len() }, 0.0);
            let mut at = place.start;
            for number in tensors {
                let (tensor, mut odd) = (&self.tensors[*number], 0);
                for rows in tensor.pieces() {
                    platform::pulse();
                    piece.resize(rows.len() * tensor.columns(), 0.0);
                    self.weights.read(*number, rows.clone(), &mut piece)?;
                    odd += not_finite(&piece);
                    if in_order {
                        put(at, &piece)?;
                        at += piece.len();
                    } else {
                        tensor.put(shape, &mut whole, rows.start, &piece);
                    }
                    turns.give().await;
                }
                if odd > 0 {
                    broken.push((&tensor.name, odd));
                }
                done += self.weights.bytes(*number);
                progress(done);
            }
            if !in_order {
                put(at, &whole)?;
            }
        }
        if let Some((first, _)) = broken.first() {
            let count: usize = broken.iter().map(|(_, odd)| odd).sum();
            let reason = format!(
                "{count} weights are NaN or infinite, in {} of its tensors, {first} the first: the model is damaged; {TAKE_AGAIN}, or take an earlier checkpoint of it",
                broken.len()
            );
            return Err(Error::bad_file(&self.path, reason));
        }
        Ok(())
    }
}
