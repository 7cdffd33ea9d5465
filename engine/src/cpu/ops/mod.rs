//! What each operation does, on slices. The formulas stand in [`crate::graph::Op`]; shapes have been checked there.

pub mod attention;
pub mod cached;
pub mod elementwise;
pub mod embedding;
pub mod head_norm;
pub mod linear;
pub mod loss;
pub mod norm;
pub mod rope;
