//! Ranges of matrix rows: chunks of a batch for the fused head and loss, and parts of a weight that exceeds a device's binding
//! or buffer limit.
//!
//! WebGPU binds 128 MiB by default, and a vocabulary of 50,257 tokens by 768 channels is 154 MB. Every product with such a
//! weight takes a launch for each part of its rows. If these rows are columns of another operand, that one is bound from the
//! part's first column on and read with its own stride. If a weight exceeds a buffer, the arena is cut between the same parts.

use super::{BindingSource, NodeContext, Operand, Target};
use crate::graph::Type;

/// Parts of a weight begin at multiples of this many rows, so that they, and the corresponding columns, are aligned to 256
/// bytes for any row length, in f16 too.
const ALIGNMENT: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) struct RowRange {
    pub(in crate::plan) first: usize,
    pub(in crate::plan) count: usize,
    /// Rows of the matrix.
    all: usize,
}

impl RowRange {
    pub(super) const fn whole(rows: usize) -> Self {
        Self { first: 0, count: rows, all: rows }
    }

    /// Splits `rows` into parts of `chunk` rows.
    pub(super) fn all(rows: usize, chunk: usize) -> impl Iterator<Item = Self> {
        (0..rows).step_by(chunk.max(1)).map(move |first| Self {
            first,
            count: chunk.min(rows - first),
            all: rows,
        })
    }

    /// Splits rows of `row_bytes` bytes into the fewest parts of about equal size that the device's bindings and buffers allow.
    /// If not even the smallest part fits, returns one part, which is then refused with an error.
    pub(super) fn bindable(
        target: &Target,
        rows: usize,
        row_bytes: u64,
    ) -> impl Iterator<Item = Self> + use<> {
        let bytes = target.binding.min(target.buffer);
        let most = (bytes / row_bytes.max(1)).min(rows as u64) as usize;
        let aligned = most / ALIGNMENT * ALIGNMENT;
        let chunk = if most == rows || aligned == 0 {
            rows
        } else {
            rows.div_ceil(rows.div_ceil(aligned)).next_multiple_of(ALIGNMENT)
        };
        Self::all(rows, chunk)
    }

    /// Parts of a weight that may lie in separate buffers: one, unless it exceeds a buffer.
    pub(in crate::plan) fn of_weight(target: &Target, ty: &Type) -> Vec<Self> {
        if ty.bytes() > target.buffer {
            Self::bindable(target, ty.rows(), ty.row_bytes()).collect()
        } else {
            vec![Self::whole(ty.rows())]
        }
    }

    /// These rows of a value or of a weight's 16-bit copy.
    pub(super) fn rows_of(self, place: BindingSource) -> BindingSource {
        match place {
            whole if self.count == self.all => whole,
            BindingSource::Value(value) => BindingSource::Rows(value, self.first, self.count),
            BindingSource::Half(value) => BindingSource::HalfRows(value, self.first, self.count),
            other => other,
        }
    }

    /// A value whose columns correspond to the rows, from the range's first column on.
    pub(super) fn columns_of(self, place: BindingSource) -> BindingSource {
        match place {
            BindingSource::Value(value) if self.first > 0 => BindingSource::From(value, self.first),
            other => other,
        }
    }
}

impl NodeContext<'_> {
    /// Parts that the device binds of a matrix, or of its 16-bit copy if `half`. If a weight is split over several buffers, its copy
    /// is split alike.
    pub(super) fn parts_of(&self, matrix: Operand<'_>, half: bool) -> impl Iterator<Item = RowRange> + use<> {
        let (ty, target) = (matrix.ty, self.target);
        let several = ty.count() as u64 * 4 > target.buffer;
        let row_bytes = if half && !several { ty.columns() as u64 * 2 } else { ty.row_bytes() };
        RowRange::bindable(target, ty.rows(), row_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_rows_and_each_can_be_bound() {
        for (rows, row_bytes, binding) in [
            (50_257, 3072, 128 << 20),
            (50_257, 1536, 128 << 20),
            (300, 80, 12_000),
            (257, 4, 512),
            (256, 4, 512),
        ] {
            let target = Target::new(false).with_binding(binding);
            let parts: Vec<RowRange> = RowRange::bindable(&target, rows, row_bytes).collect();
            assert!(parts.iter().all(|part| part.count as u64 * row_bytes <= binding));
            assert!(parts.iter().all(|part| part.first.is_multiple_of(ALIGNMENT)));
            let mut next = 0;
            for part in &parts {
                assert_eq!(part.first, next);
                next += part.count;
            }
            assert_eq!(next, rows);
            let fewest = (rows as u64 * row_bytes).div_ceil(binding) as usize;
            assert!((fewest..=fewest + 1).contains(&parts.len()), "{parts:?}");
        }
    }

    #[test]
    fn what_can_be_bound_or_cannot_be_cut_stays_whole() {
        for (rows, row_bytes, binding) in [(100, 4, 400), (1000, 4, u64::MAX), (1000, 400, 4000)] {
            let target = Target::new(true).with_binding(binding);
            assert_eq!(
                RowRange::bindable(&target, rows, row_bytes).collect::<Vec<_>>(),
                [RowRange::whole(rows)]
            );
        }
    }
}
