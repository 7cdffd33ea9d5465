//! Conversion of blocks to floats by the vector instructions of this machine.

use super::GgmlType;
use glasshouse_compiler::blocks::gguf;
use glasshouse_platform::lanes::vectorised;

vectorised! {
    /// Converts whole blocks to floats. If the lengths do not match, the excess of either side is left untouched.
    pub fn dequantise<L>(ty: GgmlType, bytes: &[u8], into: &mut [f32]) {
        gguf::dequantise(ty, bytes, into);
    }
}
