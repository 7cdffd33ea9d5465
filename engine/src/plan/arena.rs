//! One layout for parameters, gradients and moments: four arenas whose entries stand at the same places.
//!
//! Decayed entries come first, so that the optimizer is one pass over each part and the gradient norm one reduction; frozen
//! entries come last and have neither gradient nor moments. Entries begin on 512 bytes, so that they and those of the copy in 16-bit
//! floats, which is laid out alike, both keep to WebGPU's alignment of bindings, 256 bytes.

use crate::graph::{Graph, Parameter, ParameterId};

/// Entries begin on multiples of this many floats.
pub const ALIGNMENT: usize = 128;

/// Where each parameter stands, in floats from the arena's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaLayout {
    /// Start of each parameter by [`ParameterId`].
    pub offsets: Vec<usize>,
    /// Entries of each parameter by [`ParameterId`], without padding.
    pub counts: Vec<usize>,
    /// End of the part that is trained and decayed.
    pub decayed_end: usize,
    /// End of the part that is trained: length of the gradient and moment arenas.
    pub trained_end: usize,
    /// Length of the parameter arena. Padding between entries is zero.
    pub length: usize,
}

impl ArenaLayout {
    /// The layout of a graph's parameters.
    pub fn of(graph: &Graph) -> Self {
        Self::of_parameters(&graph.parameters)
    }

    /// The layout of a list of parameters.
    pub fn of_parameters(parameters: &[Parameter]) -> Self {
        let mut offsets = vec![0; parameters.len()];
        let counts: Vec<usize> = parameters.iter().map(|parameter| parameter.ty.count()).collect();
        let mut length = 0;
        let mut place = |wanted: &dyn Fn(&Parameter) -> bool| {
            for (at, _) in parameters.iter().enumerate().filter(|(_, parameter)| wanted(parameter)) {
                offsets[at] = length;
                length += counts[at].next_multiple_of(ALIGNMENT);
            }
            length
        };
        let decayed_end = place(&|parameter| parameter.trainable && parameter.decayed);
        let trained_end = place(&|parameter| parameter.trainable && !parameter.decayed);
        let length = place(&|parameter| !parameter.trainable);
        Self { offsets, counts, decayed_end, trained_end, length }
    }

    /// Where a parameter's entries lie.
    pub fn range(&self, parameter: ParameterId) -> std::ops::Range<usize> {
        let start = self.offsets[parameter.index()];
        start..start + self.counts[parameter.index()]
    }
}
