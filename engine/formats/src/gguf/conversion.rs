//! Conversion of blocks to floats and back by the vector instructions of this machine.

use super::GgmlType;
use glasshouse_compiler::blocks::{self, gguf};
use glasshouse_platform::lanes::vectorised;

/// Appends entries (whole blocks) in a writable type ([`GgmlType::is_written`]); no-op for other types.
pub fn quantise(ty: GgmlType, entries: &[f32], to: &mut Vec<u8>) {
    let begin = to.len();
    if ty.is_written() {
        to.resize(begin + entries.len() / ty.block() * ty.block_bytes(), 0);
        into_blocks(ty, entries, &mut to[begin..]);
    }
}

vectorised! {
    fn into_blocks<L>(ty: GgmlType, entries: &[f32], bytes: &mut [u8]) {
        blocks::quantise(ty, entries, bytes);
    }

    /// Converts whole blocks to floats. If the lengths do not match, the excess of either side is left untouched.
    pub fn dequantise<L>(ty: GgmlType, bytes: &[u8], into: &mut [f32]) {
        gguf::dequantise(ty, bytes, into);
    }
}
