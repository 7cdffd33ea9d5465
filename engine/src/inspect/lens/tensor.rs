//! Values of a model, with their sizes.

/// Entries with their sizes, row-major, the last size that of neighbours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Sizes.
    pub shape: Vec<usize>,
    /// Entries.
    pub data: Vec<f32>,
}

impl Tensor {
    /// Entries with their sizes.
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), data }
    }

    /// The size of the last axis; 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The rows along the last axis.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.columns().max(1))
    }

    /// A row, counted over all axes but the last; empty where there is none.
    pub fn row(&self, at: usize) -> &[f32] {
        let columns = self.columns();
        self.data.get(at * columns..(at + 1) * columns).unwrap_or_default()
    }
}
