//! Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") with the defaults of `torch.optim.Muon`
//! and its `match_rms_adamw` (Liu et al. 2025), except that all arithmetic is in 32 bits.
//!
//! Query, key and value, and gate and up, are matrices of their own, though a parameter stacks them; a layer's experts are one. For a matrix
//! W [R, C] with gradient G and momentum M, both executors compute
//!
//! * M ← μM + (1 − μ)G, U = μM + (1 − μ)G (Nesterov)
//! * X = U / max(‖U‖, eps), transposed if R > C; five times X ← aX + (bA + cA²)X with A = X·Xᵀ ([`orthogonalisation`])
//! * W ← W − lr·decay·W − lr·0.2·√max(R, C)·X

use crate::Result;
use crate::graph::ops::{Linear, LinearInputBackward, LinearInputBackwardInputs, LinearInputs, Scale, X};
use crate::graph::{Graph, Input, Parameter, Type, ValueId};
use crate::model::is_of_adapter;
use crate::plan::arena::ALIGNMENT;
use std::ops::Range;

/// μ.
pub const MOMENTUM: f32 = 0.95;
/// Minimum norm of U that is scaled to 1.
pub const EPS: f32 = 1e-7;
/// Number of Newton–Schulz iterations.
pub const ITERATIONS: usize = 5;
/// a, b and c.
pub const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// A trained weight matrix of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Offset in the arenas, in floats.
    pub start: usize,
    pub rows: usize,
    pub columns: usize,
    /// [`Parameter::stacked`].
    stacked: Vec<usize>,
}

impl Matrix {
    /// The parameter at this offset, if Muon would update it. Embeddings, heads, vectors and adapters are left to AdamW.
    pub fn of(parameter: &Parameter, start: usize) -> Option<Self> {
        let Parameter { name, ty, decayed, trainable, stacked, .. } = parameter;
        let [rows, columns] = ty.shape[..] else { return None };
        let is_hidden = *trainable && *decayed && name.starts_with("blocks.") && !is_of_adapter(name);
        is_hidden.then(|| Self { start, rows, columns, stacked: stacked.clone() })
    }

    /// The matrices that are orthogonalised, each by itself: those stacked in it, or itself.
    pub fn parts(&self) -> Vec<Self> {
        let mut start = self.start;
        let part = |rows: usize| {
            let part = Self { start, rows, columns: self.columns, stacked: Vec::new() };
            start += part.count();
            part
        };
        let whole = [self.rows];
        let rows = if self.stacked.is_empty() { &whole[..] } else { &self.stacked };
        rows.iter().copied().map(part).collect()
    }

    pub fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// Range in the arenas, with padding.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.count().next_multiple_of(ALIGNMENT)
    }

    /// Whether X is the transpose.
    pub fn is_tall(&self) -> bool {
        self.rows > self.columns
    }

    /// Shape of X.
    pub fn shape(&self) -> [usize; 2] {
        [self.rows.min(self.columns), self.rows.max(self.columns)]
    }

    /// Factor on the learning rate: X has entries of about 1/√max(R, C), and AdamW's updates of about 0.2.
    pub fn rate(&self) -> f32 {
        0.2 * (self.rows.max(self.columns) as f32).sqrt()
    }
}

/// The Newton–Schulz iterations for `count` X of this shape as a graph, with its input and its output: each [R, C], or [count, R, C].
pub fn orthogonalisation(count: usize, shape: [usize; 2]) -> Result<(Graph, ValueId, ValueId)> {
    let mut graph = Graph::default();
    graph.set_scope("muon");
    let [rows, columns] = shape;
    let shape = if count == 1 { vec![rows, columns] } else { vec![count, rows, columns] };
    let input = graph.input(Input::Free(0), Type::f32(&shape));
    let [a, b, c] = COEFFICIENTS;
    let mut x = input;
    for _ in 0..ITERATIONS {
        let product = LinearInputs { x, weight: x, bias: None, residual: None };
        let gram = graph.add(Linear::PLAIN, product)?.y;
        let [scaled, residual] = [c, b].map(|factor| graph.add(Scale(factor), X { x: gram }));
        let residual = Some(residual?.y);
        // A is symmetric.
        let inputs = LinearInputs { x: scaled?.y, weight: gram, bias: None, residual };
        let polynomial = graph.add(Linear { bias: false, residual: true }, inputs)?.y;
        let residual = Some(graph.add(Scale(a), X { x })?.y);
        let inputs = LinearInputBackwardInputs { dy: polynomial, weight: x, residual };
        x = graph.add(LinearInputBackward { residual: true }, inputs)?.dx;
    }
    Ok((graph, input, x))
}

/// FLOPs of [`orthogonalisation`].
pub fn flops([rows, columns]: [usize; 2]) -> f64 {
    let (rows, columns) = (rows as f64, columns as f64);
    ITERATIONS as f64 * 2.0 * rows * rows * (2.0 * columns + rows)
}
