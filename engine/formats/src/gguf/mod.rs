//! GGUF, llama.cpp's file format: metadata by key, and tensors by name with optionally block-quantised weights.
//!
//! The format, all little endian ([`docs/gguf.md`](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)):
//!
//! ```text
//! "GGUF"  version u32  tensors u64  keys u64
//! keys ×     key string, kind u32, value                        string = bytes u64, UTF-8; array = kind u32, items u64, items
//! tensors ×  name string, dimensions u32, each u64, type u32, offset u64       the fastest dimension first
//! zeros to the next multiple of the alignment (`general.alignment`, else 32); offsets count from here
//! tensors, each from a multiple of the alignment on
//! ```
//!
//! * [`Gguf::read`] reads a file's head in place, without copying: strings and arrays
//!   are borrowed, tensors are slices. Every count, size and offset is validated before use.
//! * [`StoredTensor::floats`] converts a tensor to floats, [`dequantise`] blocks of it in the caller's memory.
//! * [`Writer`] takes the list of contents, writes the head, and then quantises and writes tensors as they are provided.
//! * `look` reads a model from a file, and [`export`] writes one. `architectures` has the supported architectures, with
//!   conversions in both directions; `vocabulary` converts tokenizers.
//!
//! Shapes have the slowest dimension first: a matrix is [rows, columns], and a row is contiguous.

mod architectures;
mod array;
mod conversion;
mod cursor;
mod export;
mod facts;
mod import;
mod metadata;
mod modelfile;
mod read;
mod tensor;
mod value;
mod vocabulary;
mod write;

#[cfg(test)]
mod tests;

pub use array::{Array, Item};
pub use conversion::{dequantise, quantise};
pub use export::{Export, Exported, export, export_trained};
pub use glasshouse_compiler::blocks::gguf::GgmlType;
pub(super) use import::{is_gguf, look};
pub use metadata::Metadata;
pub use read::{Gguf, StoredTensor};
pub use tensor::TensorInfo;
pub use value::{Kind, Value};
pub use vocabulary::tokenizer;
pub use write::{Writer, size};

const MAGIC: [u8; 4] = *b"GGUF";
/// Version written; 2 differs only in having no big-endian variant.
const VERSION: u32 = 3;
const ALIGNMENT_KEY: &str = "general.alignment";
const ALIGNMENT: u32 = 32;
/// Maximum dimensions of a tensor (`GGML_MAX_DIMS`).
const MAX_DIMENSIONS: usize = 4;
