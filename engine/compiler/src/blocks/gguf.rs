//! Rows of a matrix as a GGUF file stores them. The first word of a row is the number of its type: the matrices that a file has for queries,
//! keys and values are one for us, and may be of several types. The blocks follow, and zeros up to the length of the longest row.

pub use super::dequantise::{
    Groups, dequantise, regroup, regrouped_words, unpack_groups, unpack_row as unpack_regrouped,
};
use crate::graph::{Graph, Origin};
use crate::plan::arena::Stored;
use glasshouse_protocol::WeightFormat;

/// Storage format of weights: single numbers, or blocks along a row that share a scale (`enum ggml_type`; layouts as in `ggml-quants.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, reason = "the usual names")]
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
    /// Blocks of 32 weights: a scale, four bits per weight that number one of 16 unequal steps.
    IQ4_NL,
    /// Blocks of 256 weights: eight scales of six bits, four bits per weight as in `IQ4_NL`.
    IQ4_XS,
}

impl GgmlType {
    pub const ALL: [Self; 15] = {
        use GgmlType::*;
        [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS]
    };

    /// Number in files, name, weights per block, and bytes per block.
    #[inline(always)]
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
            Self::IQ4_NL => (20, "IQ4_NL", 32, 2 + 16),
            Self::IQ4_XS => (23, "IQ4_XS", 256, 2 + 2 + 4 + 128),
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
    #[inline(always)]
    pub fn block(self) -> usize {
        self.facts().2
    }

    #[inline(always)]
    pub fn block_bytes(self) -> usize {
        self.facts().3
    }

    /// Weights of a block that share a scale and a minimum.
    #[inline(always)]
    pub fn group(self) -> usize {
        if matches!(self, Self::Q2_K | Self::Q3_K | Self::Q6_K) { 16 } else { self.block().min(32) }
    }

    /// Subtracted from a block's integers, which are unsigned in [`Groups`].
    #[inline(always)]
    pub fn offset(self) -> i32 {
        match self {
            Self::Q4_0 => 8,
            Self::Q5_0 => 16,
            Self::Q8_0 | Self::IQ4_NL | Self::IQ4_XS => 128,
            Self::Q3_K => 4,
            Self::Q6_K => 32,
            _ => 0,
        }
    }

    /// The type that llama.cpp falls back to if a row is not a multiple of the block size: for K-quants one with blocks of 32, else `F16`.
    pub fn for_columns(self, columns: usize) -> Self {
        let fits = |ty: &Self| columns.is_multiple_of(ty.block());
        let narrower = match self {
            Self::Q4_K => Self::Q5_0,
            Self::Q5_K => Self::Q5_1,
            Self::Q6_K => Self::Q8_0,
            _ => Self::F16,
        };
        [self, narrower].into_iter().find(fits).unwrap_or(Self::F16)
    }

    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.number() == number)
    }
}

/// The type of the same name; floats for [`WeightFormat::Gguf`], since only matrices that the file had in floats have no blocks.
impl From<WeightFormat> for GgmlType {
    fn from(format: WeightFormat) -> Self {
        let same = |ty: &Self| ty.name().eq_ignore_ascii_case(format.name());
        Self::ALL.into_iter().find(same).unwrap_or(Self::F32)
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.name())
    }
}

/// Words of a row of blocks.
pub fn row_words(ty: GgmlType, columns: usize) -> usize {
    1 + (columns / ty.block() * ty.block_bytes()).div_ceil(4)
}

pub fn put_row(ty: GgmlType, blocks: &[u8], row: &mut [u32]) {
    if let Some((number, words)) = row.split_first_mut() {
        *number = ty.number();
        bytemuck::cast_slice_mut(words).iter_mut().zip(blocks).for_each(|(byte, own)| *byte = *own);
    }
}

/// The type and the blocks of a stored row; `None` if it is not one of so many columns.
pub fn row(words: &[u32], columns: usize) -> Option<(GgmlType, &[u8])> {
    let (number, words) = words.split_first()?;
    let ty = GgmlType::from_number(*number).filter(|ty| columns.is_multiple_of(ty.block()))?;
    Some((ty, bytemuck::cast_slice(words).get(..columns / ty.block() * ty.block_bytes())?))
}

/// Converts a stored row to floats. Inlined for the vector instructions of the caller.
#[inline(always)]
pub fn unpack_row(words: &[u32], weights: &mut [f32]) {
    if let Some((ty, blocks)) = row(words, weights.len()) {
        dequantise(ty, blocks, weights);
    }
}

/// Makes a graph read matrices as a file stores them.
pub fn keep(graph: &mut Graph, blocks: &[Stored]) {
    for Stored { parameter: id, element, .. } in blocks {
        if let Some(parameter) = graph.parameters.get_mut(id.index()) {
            (parameter.ty.element, parameter.trainable) = (*element, false);
        }
        if let Some(value) = graph.find(Origin::Parameter(*id)) {
            graph.values[value.index()].ty.element = *element;
        }
    }
}
