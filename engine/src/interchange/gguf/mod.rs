//! GGUF, the file format of llama.cpp: metadata by key and tensors by name, whose weights may be quantised in blocks.
//!
//! A file is, all little endian ([`docs/gguf.md`](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)):
//!
//! ```text
//! "GGUF"  version u32  tensors u64  keys u64
//! keys ×     key string, kind u32, value                        string = bytes u64, UTF-8; array = kind u32, items u64, items
//! tensors ×  name string, dimensions u32, each u64, type u32, offset u64       the fastest dimension first
//! zeros to the next multiple of the alignment (`general.alignment`, else 32); offsets count from here
//! tensors, each from a multiple of the alignment on
//! ```
//!
//! * [`Gguf::read`] looks at a file's bytes where they are, mapped or in a browser's memory, and copies nothing: strings and arrays
//!   are borrowed, tensors are slices. Every count, size and offset is compared with the bytes that there are before it is used.
//! * [`StoredTensor::dequantise`] turns a range of rows into floats in the caller's memory.
//! * [`Writer`] takes what the file will hold, writes its head, and then quantises and writes the tensors as they are brought.
//! * `look` finds a model in a file, and [`export`] writes one: `architectures` has a file for each that llama.cpp and we both know, with
//!   its keys and tensors both ways, and `vocabulary` its tokenizers.
//!
//! Shapes are ours here: the slowest dimension first, so that a matrix is [rows, columns] and a row lies in one piece.

mod architectures;
mod array;
mod cursor;
mod dequantise;
mod export;
mod facts;
mod import;
mod metadata;
mod quantise;
mod read;
mod tensor;
mod value;
mod vocabulary;
mod write;

#[cfg(test)]
mod tests;

pub use array::{Array, Item};
pub use dequantise::dequantise;
pub(crate) use export::export_trained_in_turns;
pub use export::{Export, Exported, export, export_trained};
pub(super) use import::{is_gguf, look};
pub use metadata::Metadata;
pub use quantise::quantise;
pub use read::{Gguf, StoredTensor};
pub use tensor::{GgmlType, TensorInfo};
pub use value::{Kind, Value};
pub use vocabulary::tokenizer;
pub use write::{Writer, size};

/// What a file begins with.
const MAGIC: [u8; 4] = *b"GGUF";
/// The version that is written; 2 differs from it only in having no big-endian twin.
const VERSION: u32 = 3;
/// Key of the alignment.
const ALIGNMENT_KEY: &str = "general.alignment";
/// What tensors are aligned to where no key says otherwise.
const ALIGNMENT: u32 = 32;
/// Dimensions that a tensor has at most (`GGML_MAX_DIMS`).
const MAX_DIMENSIONS: usize = 4;
