//! The parameters of an adapter among a model's: which they are, and which weight each pair of them adapts.

use crate::graph::{Parameter, ParameterId};

/// What follows a layer's path in the name of A [r, in], and of B [out, r]: PEFT's names.
pub const LORA_A: &str = ".lora_A.weight";
/// See [`LORA_A`].
pub const LORA_B: &str = ".lora_B.weight";

/// Whether a parameter is an adapter's, by its name.
pub fn is_of_adapter(name: &str) -> bool {
    name.ends_with(LORA_A) || name.ends_with(LORA_B)
}

/// A weight W [out, in] and what is trained beside it: W + scale·B·A is what both compute together (Hu et al. 2021).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoraPair {
    /// W.
    pub weight: ParameterId,
    /// A [r, in].
    pub a: ParameterId,
    /// B [out, r].
    pub b: ParameterId,
}

/// The weights that an adapter adapts, in the order of the model; none in a list without one.
pub fn lora_pairs(parameters: &[Parameter]) -> Vec<LoraPair> {
    let find = |name: String| {
        let at = parameters.iter().position(|parameter| parameter.name == name)?;
        Some(ParameterId(at as u32))
    };
    let layers = parameters.iter().filter_map(|parameter| parameter.name.strip_suffix(LORA_A));
    let pair = |layer: &str| {
        let (weight, a) = (find(format!("{layer}.weight"))?, find(format!("{layer}{LORA_A}"))?);
        Some(LoraPair { weight, a, b: find(format!("{layer}{LORA_B}"))? })
    };
    layers.filter_map(pair).collect()
}
