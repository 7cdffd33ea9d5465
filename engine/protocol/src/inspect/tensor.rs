//! A view's tensor with its entries.

use super::{ElementKind, TensorSummary};

/// A tensor with its entries, row-major, last axis fastest. A replayed recording has no entries, since bytes are not recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name, axes and element type.
    pub summary: TensorSummary,
    /// Entries of an [`ElementKind::F32`] tensor.
    pub floats: Vec<f32>,
    /// Entries of an [`ElementKind::U32`] tensor.
    pub integers: Vec<u32>,
}

impl Tensor {
    /// Reads the entries from their bytes, little-endian.
    pub fn new(summary: &TensorSummary, bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let (mut floats, mut integers) = (Vec::new(), Vec::new());
        match summary.element {
            ElementKind::F32 => floats = words.iter().map(|word| f32::from_le_bytes(*word)).collect(),
            ElementKind::U32 => integers = words.iter().map(|word| u32::from_le_bytes(*word)).collect(),
        }
        // Either all entries or none, so that drawing code has one case to check.
        if floats.len() + integers.len() != summary.count() {
            (floats, integers) = (Vec::new(), Vec::new());
        }
        Self { summary: summary.clone(), floats, integers }
    }

    pub fn size(&self, axis: usize) -> usize {
        self.summary.axes.get(axis).map_or(0, |axis| axis.size)
    }

    /// Names along an axis; empty if it has none.
    pub fn labels(&self, axis: usize) -> &[String] {
        self.summary.axes.get(axis).map_or(&[], |axis| &axis.labels)
    }

    /// All floats under an index of the outermost axes; empty if out of range.
    pub fn at(&self, place: &[usize]) -> &[f32] {
        let axes = &self.summary.axes;
        if place.len() > axes.len() || place.iter().zip(axes).any(|(at, axis)| *at >= axis.size) {
            return &[];
        }
        let below: usize = axes.iter().skip(place.len()).map(|axis| axis.size).product();
        let number = place.iter().zip(axes).fold(0, |number, (at, axis)| number * axis.size + at);
        self.floats.get(number * below..(number + 1) * below).unwrap_or_default()
    }

    pub fn text(&self, entry: usize) -> String {
        match self.summary.element {
            ElementKind::F32 => self.floats.get(entry).map(f32::to_string),
            ElementKind::U32 => self.integers.get(entry).map(u32::to_string),
        }
        .unwrap_or_default()
    }
}
