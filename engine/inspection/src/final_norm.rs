//! Direct logit attribution (Elhage et al. 2021): with the scale of the final norm held fixed, a logit is a sum over channels of
//! the residual stream, and each part of the stream contributes its share.

use super::Lens;
use super::linear::dot;
use glasshouse_protocol::NormKind;

/// The linear function from the final residual stream to a logit.
#[derive(Clone, Debug)]
pub(super) struct Direction {
    /// [C]: the logit is its dot product with the stream, plus the bias.
    pub channels: Vec<f32>,
    /// Contribution of the norm's and the head's bias; `None` if the model has neither.
    pub bias: Option<f64>,
}

impl Direction {
    /// The direction of an output for the final residual stream [C] at a position. `None` with post-norm: the stream is then not
    /// a sum of parts.
    ///
    /// With ρ = 1/√(var + eps) or 1/√(mean x² + eps), w the norm's weight, b its bias and u the head's row, the logit is Σ (x −
    /// μ)·ρ·w·u + b·u. Subtracting the mean from d = ρ·w·u instead is equivalent: Σ (x − μ)·d = Σ x·(d − mean d).
    pub(super) fn new(lens: &Lens, stream: &[f32], output: u32) -> Option<Self> {
        let norm = &lens.config().norm;
        if !norm.placement.has_final() {
            return None;
        }
        let (head, shape) = lens.unembedding()?;
        let width = shape.last().copied()?;
        let row = head.get(output as usize * width..(output as usize + 1) * width)?;
        let (weight, _) = lens.weight("norm.weight")?;
        let mean_of = |entries: &mut dyn Iterator<Item = f64>| entries.sum::<f64>() / width as f64;
        let offset = if norm.add_unit_offset { 1.0 } else { 0.0 };
        let mut channels: Vec<f64> = weight
            .iter()
            .zip(row)
            .map(|(weight, entry)| (offset + f64::from(*weight)) * f64::from(*entry))
            .collect();
        let centre = match norm.kind {
            NormKind::Layer => mean_of(&mut stream.iter().map(|entry| f64::from(*entry))),
            NormKind::Rms => 0.0,
        };
        let square = |entry: &f32| {
            let centred = f64::from(*entry) - centre;
            centred * centred
        };
        let is_token = lens.config().labels.is_empty();
        let divisor = if is_token { f64::from(lens.config().logit_divisor) } else { 1.0 };
        let root = libm::sqrt(mean_of(&mut stream.iter().map(square)) + f64::from(norm.eps));
        let scale = 1.0 / (root * divisor);
        if norm.kind == NormKind::Layer {
            let mean = mean_of(&mut channels.iter().copied());
            channels.iter_mut().for_each(|channel| *channel -= mean);
        }
        let of_norm = lens.weight("norm.bias").map(|(bias, _)| dot(bias, row) / divisor);
        let of_head =
            lens.weight("head.bias").and_then(|(bias, _)| bias.get(output as usize).copied().map(f64::from));
        let bias = match (of_norm, of_head) {
            (None, None) => None,
            (of_norm, of_head) => Some(of_norm.unwrap_or_default() + of_head.unwrap_or_default()),
        };
        Some(Self { channels: channels.into_iter().map(|channel| (scale * channel) as f32).collect(), bias })
    }

    /// Contribution of a part [C] of the stream to the logit.
    pub(super) fn adds(&self, part: &[f32]) -> f32 {
        dot(part, &self.channels) as f32
    }
}
