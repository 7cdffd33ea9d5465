//! The parameters of an adapter, and the weights that they adapt.

use crate::graph::{Parameter, ParameterId};

/// Suffix of the names of A [r, in], as in PEFT.
pub const LORA_A: &str = ".lora_A.weight";
/// Suffix of the names of B [out, r], as in PEFT.
pub const LORA_B: &str = ".lora_B.weight";

/// Suffix of the names of DoRA's magnitudes [out], as in PEFT.
pub const MAGNITUDE: &str = ".lora_magnitude_vector";

/// Whether a parameter belongs to an adapter, by its name.
pub fn is_of_adapter(name: &str) -> bool {
    [LORA_A, LORA_B, MAGNITUDE].iter().any(|suffix| name.ends_with(suffix))
}

/// A weight W [out, in] and its adapter: the layer computes with W + scale·B·A (Hu et al. 2021), with magnitudes as the norms of
/// its rows (Liu et al. 2024).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoraPair {
    pub weight: ParameterId,
    /// A [r, in].
    pub a: ParameterId,
    /// B [out, r].
    pub b: ParameterId,
    /// [out], with DoRA.
    pub magnitude: Option<ParameterId>,
}

/// The adapted weights in model order; empty without an adapter.
pub fn lora_pairs(parameters: &[Parameter]) -> Vec<LoraPair> {
    let find = |name: String| {
        let at = parameters.iter().position(|parameter| parameter.name == name)?;
        Some(ParameterId(at as u32))
    };
    let layers = parameters.iter().filter_map(|parameter| parameter.name.strip_suffix(LORA_A));
    let pair = |layer: &str| {
        let (weight, a) = (find(format!("{layer}.weight"))?, find(format!("{layer}{LORA_A}"))?);
        let magnitude = find(format!("{layer}{MAGNITUDE}"));
        Some(LoraPair { weight, a, b: find(format!("{layer}{LORA_B}"))?, magnitude })
    };
    layers.filter_map(pair).collect()
}
