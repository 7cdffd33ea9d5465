//! Storage formats of tensors and their sizes.

use super::MAX_DIMENSIONS;
use super::cursor::Reading;
use std::borrow::Cow;

/// Storage format of weights: single numbers, or blocks along a row that share a scale (`enum ggml_type`; layouts as in
/// `ggml-quants.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, reason = "the names that everybody knows them by")]
pub enum GgmlType {
    F32,
    F16,
    /// 32-bit floats rounded to the upper 16 bits.
    BF16,
    /// Blocks of 32 weights: a scale, four bits per weight.
    Q4_0,
    /// Blocks of 32 weights: a scale and a minimum, four bits per weight.
    Q4_1,
    /// Blocks of 32 weights: a scale, five bits per weight.
    Q5_0,
    /// Blocks of 32 weights: a scale and a minimum, five bits per weight.
    Q5_1,
    /// Blocks of 32 weights: a scale, eight bits per weight.
    Q8_0,
    /// Blocks of 256 weights: 16 scales and minimums of four bits, two bits per weight.
    Q2_K,
    /// Blocks of 256 weights: 16 scales of six bits, three bits per weight.
    Q3_K,
    /// Blocks of 256 weights: eight scales and minimums of six bits, four bits per weight.
    Q4_K,
    /// Blocks of 256 weights: eight scales and minimums of six bits, five bits per weight.
    Q5_K,
    /// Blocks of 256 weights: 16 scales of eight bits, six bits per weight.
    Q6_K,
}

/// Unsupported types that files may contain, by number.
const NOT_READ: &[(u32, &str)] = &[
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
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

impl GgmlType {
    pub const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
    ];

    /// Number in files, name, weights per block, and bytes per block.
    const fn facts(self) -> (u32, &'static str, usize, usize) {
        match self {
            Self::F32 => (0, "F32", 1, 4),
            Self::F16 => (1, "F16", 1, 2),
            Self::BF16 => (30, "BF16", 1, 2),
            Self::Q4_0 => (2, "Q4_0", 32, 2 + 16),
            Self::Q4_1 => (3, "Q4_1", 32, 2 + 2 + 16),
            Self::Q5_0 => (6, "Q5_0", 32, 2 + 4 + 16),
            Self::Q5_1 => (7, "Q5_1", 32, 2 + 2 + 4 + 16),
            Self::Q8_0 => (8, "Q8_0", 32, 2 + 32),
            Self::Q2_K => (10, "Q2_K", 256, 16 + 64 + 2 + 2),
            Self::Q3_K => (11, "Q3_K", 256, 32 + 64 + 12 + 2),
            Self::Q4_K => (12, "Q4_K", 256, 2 + 2 + 12 + 128),
            Self::Q5_K => (13, "Q5_K", 256, 2 + 2 + 12 + 32 + 128),
            Self::Q6_K => (14, "Q6_K", 256, 128 + 64 + 16 + 2),
        }
    }

    /// Number in files.
    pub fn number(self) -> u32 {
        self.facts().0
    }

    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// Weights per block; rows consist of whole blocks.
    pub fn block(self) -> usize {
        self.facts().2
    }

    pub fn block_bytes(self) -> usize {
        self.facts().3
    }

    /// Whether the type can be written ([`super::quantise`]).
    pub fn is_written(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16 | Self::Q4_0 | Self::Q4_1 | Self::Q8_0 | Self::Q6_K)
    }

    /// The type that llama.cpp falls back to if a row is not a multiple of the block size: `Q8_0` for `Q6_K`, else `F16`.
    pub fn for_columns(self, columns: usize) -> Self {
        let fits = |ty: &Self| columns.is_multiple_of(ty.block());
        let narrower = if self.block() > Self::Q8_0.block() { Self::Q8_0 } else { Self::F16 };
        [self, narrower].into_iter().find(fits).unwrap_or(Self::F16)
    }

    pub(super) fn from_number(number: u32) -> Reading<Self> {
        Self::ALL.into_iter().find(|ty| ty.number() == number).ok_or_else(|| {
            let name = NOT_READ.iter().find(|(other, _)| *other == number);
            let name = name.map_or_else(|| format!("of number {number}"), |(_, name)| (*name).to_owned());
            let known: Vec<_> = Self::ALL.iter().map(|ty| ty.name()).collect();
            format!("the quantization {name} cannot be read; these can: {}", known.join(", "))
        })
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.name())
    }
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
