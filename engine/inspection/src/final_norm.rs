//! Direct logit attribution (Elhage et al. 2021): with the scale of the final norm held fixed, a logit is a sum over channels of
//! the residual stream, and each part of the stream contributes its share.

use super::Lens;
use glasshouse_protocol::NormKind;

/// The linear function of a norm's input [C] whose value is `reads`·norm(x), with the scale of the norm held at its value for `stream`
/// [C], and the contribution of the norm's bias, if it has one. `None` if the model has no norm at this path.
///
/// With ρ = 1/√(var + eps) or 1/√(mean x² + eps), w the norm's weight, b its bias and u = `reads`, the value is Σ (x − μ)·ρ·w·u + b·u.
/// Subtracting the mean from d = ρ·w·u instead is equivalent: Σ (x − μ)·d = Σ x·(d − mean d).
pub fn through_norm(
    lens: &Lens,
    path: &str,
    stream: &[f32],
    reads: &[f64],
) -> Option<(Vec<f64>, Option<f64>)> {
    let norm = &lens.config().norm;
    let (weight, _) = lens.weight(&format!("{path}.weight"))?;
    let mean_of = |entries: &mut dyn Iterator<Item = f64>| entries.sum::<f64>() / stream.len() as f64;
    let centre = match norm.kind {
        NormKind::Layer => mean_of(&mut stream.iter().map(|entry| f64::from(*entry))),
        NormKind::Rms => 0.0,
    };
    let squares = &mut stream.iter().map(|entry| (f64::from(*entry) - centre).powi(2));
    let scale = 1.0 / (mean_of(squares) + f64::from(norm.eps)).sqrt();
    let offset = if norm.add_unit_offset { 1.0 } else { 0.0 };
    let scaled =
        weight.iter().zip(reads).map(|(weight, entry)| scale * (offset + f64::from(*weight)) * entry);
    let mut channels: Vec<f64> = scaled.collect();
    if norm.kind == NormKind::Layer {
        let mean = mean_of(&mut channels.iter().copied());
        channels.iter_mut().for_each(|channel| *channel -= mean);
    }
    let biased = |(bias, _): (&[f32], _)| bias.iter().zip(reads).map(|(b, u)| f64::from(*b) * u).sum();
    Some((channels, lens.weight(&format!("{path}.bias")).map(biased)))
}

/// The linear function from the final residual stream to a logit, before a soft cap.
#[derive(Clone, Debug)]
pub struct Direction {
    /// [C]: the logit is its dot product with the stream, plus the bias.
    pub channels: Vec<f64>,
    /// Contribution of the norm's and the head's bias; `None` if the model has neither.
    pub bias: Option<f64>,
}

impl Direction {
    /// The direction of an output for the final residual stream [C] at a position. `None` with post-norm: the stream is then not
    /// a sum of parts.
    pub fn new(lens: &Lens, stream: &[f32], output: u32) -> Option<Self> {
        if !lens.config().norm.placement.has_final() {
            return None;
        }
        let (head, shape) = lens.unembedding()?;
        let width = shape.last().copied()?;
        let row = head.get(output as usize * width..(output as usize + 1) * width)?;
        let is_token = lens.config().labels.is_empty();
        let divisor = if is_token { f64::from(lens.config().logit_divisor) } else { 1.0 };
        let row: Vec<f64> = row.iter().map(|entry| f64::from(*entry) / divisor).collect();
        let (channels, of_norm) = through_norm(lens, "norm", stream, &row)?;
        let of_head =
            lens.weight("head.bias").and_then(|(bias, _)| bias.get(output as usize).copied().map(f64::from));
        let bias = [of_norm, of_head].into_iter().flatten().reduce(|one, other| one + other);
        Some(Self { channels, bias })
    }

    /// Contribution of a part [C] of the stream to the logit.
    pub(super) fn adds(&self, part: &[f32]) -> f32 {
        part.iter().zip(&self.channels).map(|(entry, channel)| f64::from(*entry) * channel).sum::<f64>()
            as f32
    }
}
