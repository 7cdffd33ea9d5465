//! A pretrained model in any supported format that was read except for its weights.

use super::huggingface::{self, Family};
use super::tensors::{Parameters, Tensor, follow_each_other, not_finite};
use super::{TAKE_AGAIN, gguf};
use glasshouse_compiler::blocks::gguf::{self as blocks, GgmlType};
use glasshouse_compiler::graph::{Element, Parameter};
use glasshouse_compiler::model::stored_as;
use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, Result, Yielder, block_on};
use glasshouse_protocol::{ModelConfig, Position, Rope, RopeScaling, WeightFormat};
use glasshouse_text::tokenizer::TokenizerFiles;
use std::fmt::Debug;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Default limit of the context length on import: caches for longer contexts take gigabytes, and models also work with shorter ones.
const DEFAULT_CONTEXT: usize = 2048;

/// Access to the stored weights of a model, tensor by tensor.
pub(super) trait Weights: Debug {
    fn bytes(&self, tensor: usize) -> u64;

    /// The type of a tensor in a GGUF file.
    fn ty(&self, _tensor: usize) -> Option<GgmlType> {
        None
    }

    /// Reads rows of a tensor into `floats`; a vector is read whole. `bytes` are then those of a GGUF file.
    fn read(&self, tensor: usize, rows: Range<usize>, floats: &mut [f32], bytes: &mut Vec<u8>) -> Result<()>;
}

/// Reads bytes from a file of known length. Not memory-mapped, because a mapping would crash the program if the file was truncated
/// meanwhile.
pub(super) fn read_at(path: &Path, start: u64, bytes: &mut [u8]) -> Result<()> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    file.seek(SeekFrom::Start(start)).map_err(Error::io(path))?;
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => {
            Error::bad_file(path, "it became shorter while it was read; try again once the file is complete")
        }
        _ => Error::io(path)(error),
    })
}

#[derive(Clone, Debug)]
pub struct Found {
    /// The class of `transformers` that implements it.
    pub family: &'static Family,
    pub model: ModelConfig,
    /// Further information for the user, one line each.
    pub notices: Vec<String>,
    /// Bytes of the stored weights.
    pub bytes: u64,
    pub tokenizer: TokenizerFiles,
    pub(super) dtype: Option<&'static str>,
    /// The original context length, if it was shortened.
    pub(super) shortened_from: Option<usize>,
    parameters: Parameters,
    tensors: Vec<Tensor>,
    weights: Rc<dyn Weights>,
    path: PathBuf,
}

/// Weights that were read.
pub(crate) enum Piece<'read> {
    Floats(&'read [f32]),
    /// Rows of [`Element::Gguf`].
    Blocks(&'read [u32]),
}

/// What a format's reader finds, with the original context length.
pub(super) struct Looked {
    pub family: &'static Family,
    /// The `dtype` in `config.json`, if all tensors of a folder are stored in it.
    pub dtype: Option<&'static str>,
    pub model: ModelConfig,
    pub notices: Vec<String>,
    pub tokenizer: TokenizerFiles,
    /// Tensors in the order of their numbers in `weights`.
    pub tensors: Vec<Tensor>,
    pub weights: Box<dyn Weights>,
}

impl Found {
    /// Reads a Hugging Face folder or a GGUF file, except for its weights. `context_length` shortens the context. Fails if a file is
    /// missing or damaged, a setting is not supported, or tensors are missing, unexpected or misshapen; the error names them.
    pub fn look(path: &Path, context_length: Option<usize>) -> Result<Self> {
        let mut found = Self::look_whole(path)?;
        found.shorten(context_length)?;
        Ok(found)
    }

    /// Like [`Self::look`], with the original context length.
    pub fn look_whole(path: &Path) -> Result<Self> {
        let looked = if files::is_dir(path) {
            huggingface::look(path)?
        } else if gguf::is_gguf(path) {
            gguf::look(path)?
        } else {
            let reason = "it is neither a folder nor a GGUF file; choose the folder with config.json and model.safetensors, or a \
                          .gguf file";
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
                "its tokenizer has {tokens} tokens, but the model's embedding has {rows} rows: one of them belongs to another model; \
                 {TAKE_AGAIN}"
            );
            return Err(Error::bad_file(path, reason));
        }
        if let Position::Rope(Rope {
            scaling: Some(RopeScaling::Longrope { original_context_length: original, .. }),
            ..
        }) = &model.position
        {
            notices.push(format!(
                "LongRoPE's factors are chosen once, by the context length: the long ones above {original} tokens, else the short \
                 ones"
            ));
        }
        let bytes = (0..tensors.len()).map(|tensor| weights.bytes(tensor)).sum();
        let (parameters, weights, path) = (Parameters::new(&model)?, Rc::from(weights), path.to_owned());
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

    /// Context length used if the user chooses none.
    pub fn default_context(&self) -> usize {
        let whole = self.model.context_length;
        // A position table is a weight and kept completely.
        if self.model.position == Position::Learned { whole } else { whole.min(DEFAULT_CONTEXT) }
    }

    /// Shortens the context to `wished`, or to the default with a notice. Fails if the model's context is shorter than that, or `wished` is
    /// 0.
    pub fn shorten(&mut self, wished: Option<usize>) -> Result<()> {
        let whole = self.model.context_length;
        if let Some(wished) = wished.filter(|wished| *wished > whole || *wished == 0) {
            return Err(Error::Refused(format!(
                "the context length {wished} exceeds the model's, {whole}, which can only be shortened"
            )));
        }
        self.model.context_length = wished.unwrap_or(self.default_context());
        if self.model.context_length < whole {
            let advice = if wished.is_some() { "" } else { "; a longer context length keeps more" };
            let kept = self.model.context_length;
            self.notices
                .push(format!("the context length was shortened from {whole} to {kept} tokens{advice}"));
            self.parameters = Parameters::new(&self.model)?;
            // The rest of a position table is dropped, so its original length cannot be restored.
            self.shortened_from = (self.model.position != Position::Learned).then_some(whole);
        }
        Ok(())
    }

    pub(crate) fn format(&self) -> Result<WeightFormat> {
        for format in WeightFormat::quantised() {
            let mut holds = true;
            for (number, tensor) in self.tensors.iter().enumerate() {
                let own = &self.parameters.list()[self.parameters.holding(tensor)?];
                let wanted = stored_as(&self.model, &own.name, &own.ty.shape, format);
                let found = self.weights.ty(number).filter(|_| !tensor.transposed);
                holds &= !matches!(wanted, Element::Quantised(ty) if found != Some(ty));
            }
            if holds {
                return Ok(format);
            }
        }
        let mut types = (0..self.tensors.len()).filter_map(|tensor| self.weights.ty(tensor));
        Ok(if types.any(|ty| ty.block() > 1) { WeightFormat::Gguf } else { WeightFormat::F32 })
    }

    /// The parameters, with the matrices in the blocks of the file as [`Element::Gguf`].
    pub(crate) fn in_blocks(&self) -> Result<Vec<Parameter>> {
        let mut parameters = self.parameters.list().to_vec();
        // Words of the longest row, unless a tensor is not whole rows of ours.
        let mut longest = vec![Some(0); parameters.len()];
        for (number, tensor) in self.tensors.iter().enumerate() {
            let at = self.parameters.holding(tensor)?;
            let shape = &parameters[at].ty.shape;
            let whole = matches!((&tensor.shape[..], &shape[..]), ([_, own], [_, columns]) if own == columns)
                && !tensor.transposed
                && tensor.offset == 0
                && stored_as(&self.model, &parameters[at].name, shape, WeightFormat::F16) != Element::F32;
            let words = self
                .weights
                .ty(number)
                .filter(|_| whole)
                .and_then(|ty| u32::try_from(blocks::row_words(ty, shape[1])).ok());
            longest[at] = longest[at].zip(words).map(|(longest, words)| longest.max(words));
        }
        for (own, longest) in parameters.iter_mut().zip(longest) {
            let floats = u32::try_from(own.ty.columns()).unwrap_or(u32::MAX);
            // Rows of floats have as many words and their type.
            if let Some(row) = longest.filter(|row| (1..=floats).contains(row)) {
                own.ty.element = Element::Gguf { row };
            }
        }
        Ok(parameters)
    }

    /// Bytes of the weights in a project: of 32 bits each, unless the file's blocks are kept.
    pub fn kept_bytes(&self) -> Result<u64> {
        let floats = self.format()? == WeightFormat::F32;
        let parameters = if floats { self.parameters.list().to_vec() } else { self.in_blocks()? };
        Ok(parameters.iter().map(|own| own.ty.bytes()).sum())
    }

    pub fn parameter_count(&self) -> usize {
        self.parameters.list().iter().map(|parameter| parameter.ty.count()).sum()
    }

    /// Reads the weights in arena layout. Fails if a file cannot be read or contains NaN or infinite weights; the error gives their number
    /// and the first tensor affected.
    pub fn weights(&self) -> Result<Vec<f32>> {
        block_on(self.load(&Yielder::none()))
    }

    /// Like [`Found::weights`], yielding regularly. Fails as [`Found::weights`] does.
    pub async fn load(&self, yielder: &Yielder) -> Result<Vec<f32>> {
        let mut arena = vec![0.0; self.parameters.count()];
        let put = &mut |at: usize, piece: Piece<'_>| {
            if let Piece::Floats(floats) = piece {
                arena[at..at + floats.len()].copy_from_slice(floats);
            }
            Ok(())
        };
        self.read(self.parameters.list(), yielder, &mut |_| (), put).await?;
        Ok(arena)
    }

    /// Reads the weights as these parameters. `put` gets consecutive pieces of them, in order, with their offset in the arena; a matrix in
    /// the file's blocks is one piece. `progress` gets the number of bytes read, of [`Found::bytes`]. Fails as [`Found::weights`] does,
    /// after everything was put, or as `put` does.
    pub(crate) async fn read(
        &self,
        parameters: &[Parameter],
        yielder: &Yielder,
        progress: &mut dyn FnMut(u64),
        put: &mut dyn FnMut(usize, Piece<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut held = vec![Vec::new(); self.parameters.list().len()];
        for (number, tensor) in self.tensors.iter().enumerate() {
            held[self.parameters.holding(tensor)?].push(number);
        }
        let (mut piece, mut whole, mut bytes, mut words) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut done, mut broken) = (0, Vec::new());
        for (parameter, tensors) in held.iter().enumerate() {
            let (shape, place) = self.parameters.of_number(parameter);
            let in_order = follow_each_other(tensors.iter().map(|number| &self.tensors[*number]), shape);
            let row = match parameters.get(parameter).map(|own| own.ty.element) {
                Some(Element::Gguf { row }) => row as usize,
                _ => 0,
            };
            // Parameters whose rows are stored in another order are assembled first.
            whole.clear();
            whole.resize(if in_order || row > 0 { 0 } else { place.len() }, 0.0);
            words.clear();
            words.resize(shape.first().map_or(0, |rows| rows * row), 0);
            let mut at = place.start;
            for number in tensors {
                let (tensor, mut odd) = (&self.tensors[*number], 0);
                for rows in tensor.pieces() {
                    glasshouse_platform::pulse();
                    piece.resize(rows.len() * tensor.columns(), 0.0);
                    self.weights.read(*number, rows.clone(), &mut piece, &mut bytes)?;
                    odd += not_finite(&piece);
                    if let Some(ty) = self.weights.ty(*number).filter(|_| row > 0) {
                        let blocks = bytes.chunks_exact((bytes.len() / rows.len()).max(1));
                        for (at, blocks) in rows.zip(blocks) {
                            let at = tensor.rows.at(at) * row;
                            blocks::put_row(ty, blocks, &mut words[at..at + row]);
                        }
                    } else if in_order {
                        put(at, Piece::Floats(&piece))?;
                        at += piece.len();
                    } else {
                        tensor.put(shape, &mut whole, rows.start, &piece);
                    }
                    yielder.maybe_yield().await;
                }
                if odd > 0 {
                    broken.push((&tensor.name, odd));
                }
                done += self.weights.bytes(*number);
                progress(done);
            }
            if row > 0 {
                put(at, Piece::Blocks(&words))?;
            } else if !in_order {
                put(at, Piece::Floats(&whole))?;
            }
        }
        if let Some((first, _)) = broken.first() {
            let count: usize = broken.iter().map(|(_, odd)| odd).sum();
            let reason = format!(
                "{count} weights are NaN or infinite, in {} of its tensors, starting with {first}: the model is damaged; \
                 {TAKE_AGAIN}, or use an earlier checkpoint",
                broken.len()
            );
            return Err(Error::bad_file(&self.path, reason));
        }
        Ok(())
    }
}
