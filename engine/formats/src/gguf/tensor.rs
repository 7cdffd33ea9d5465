//! Storage formats of tensors and their sizes.

use super::MAX_DIMENSIONS;
use super::cursor::Reading;
use glasshouse_compiler::blocks::gguf::GgmlType;
use std::borrow::Cow;

/// Unsupported types that files may contain, by number.
const NOT_READ: &[(u32, &str)] = &[
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

/// The type of a number in a file.
pub(super) fn type_of(number: u32) -> Reading<GgmlType> {
    GgmlType::from_number(number).ok_or_else(|| {
        let name = NOT_READ.iter().find(|(other, _)| *other == number);
        let name = name.map_or_else(|| format!("of number {number}"), |(_, name)| (*name).to_owned());
        let known = GgmlType::ALL.map(GgmlType::name).join(", ");
        format!("the quantization {name} cannot be read; these can: {known}")
    })
}

/// A tensor without its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo<'file> {
    pub name: Cow<'file, str>,
    /// Slowest dimension first: [rows, columns].
    pub shape: Vec<usize>,
    pub ty: GgmlType,
}

impl TensorInfo<'_> {
    /// Entries per row; a row is contiguous.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Number of rows: 1 for a vector; for tensors of higher rank, the product of all dimensions but the last.
    pub fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }

    pub fn row_bytes(&self) -> usize {
        self.columns() / self.ty.block() * self.ty.block_bytes()
    }

    /// Bytes of all rows; fails if the shape is invalid.
    pub(super) fn bytes(&self) -> Reading<u64> {
        let (shape, ty) = (&self.shape, self.ty);
        if shape.is_empty() || shape.len() > MAX_DIMENSIONS {
            return Err(format!("it has {} dimensions; 1 to {MAX_DIMENSIONS} are allowed", shape.len()));
        }
        if shape.contains(&0) {
            return Err(format!("its shape {shape:?} is empty"));
        }
        if !self.columns().is_multiple_of(ty.block()) {
            let (columns, block) = (self.columns(), ty.block());
            return Err(format!("its rows of {columns} are not a multiple of the {ty} block size, {block}"));
        }
        let entries = shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size as u64));
        entries
            .and_then(|entries| (entries / ty.block() as u64).checked_mul(ty.block_bytes() as u64))
            // The maximum length of a slice.
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or_else(|| format!("its shape {shape:?} is larger than any memory"))
    }
}
