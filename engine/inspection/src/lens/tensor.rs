//! A tensor on the host.

/// Entries in row-major order, with their shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Tensor {
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), data }
    }

    /// Size of the last axis; 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The rows along the last axis.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.columns().max(1))
    }

    /// A row, counted over all axes except the last; empty if it does not exist.
    pub fn row(&self, at: usize) -> &[f32] {
        let columns = self.columns();
        self.data.get(at * columns..(at + 1) * columns).unwrap_or_default()
    }
}
