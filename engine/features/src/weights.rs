//! A dictionary's weights.

use glasshouse_compiler::model::{Dictionary, Sparsity};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_platform::{Error, Result, refuse};
use glasshouse_protocol::features::DictionaryKind;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// E [F,C], e [F], D [C,F], d [C] and θ [F], in the order of [`Dictionary::PARAMETERS`]; F features, C columns of the hook point's value. Those
/// of a TopK dictionary have no θ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub encoder: Vec<f32>,
    pub encoder_bias: Vec<f32>,
    pub decoder: Vec<f32>,
    pub decoder_bias: Vec<f32>,
    pub threshold: Vec<f32>,
}

impl Weights {
    pub fn new(width: usize, columns: usize) -> Self {
        let zeros = |count| vec![0.0; count];
        let [encoder, decoder] = [zeros(width * columns), zeros(width * columns)];
        let (encoder_bias, decoder_bias) = (zeros(width), zeros(columns));
        Self { encoder, encoder_bias, decoder, decoder_bias, threshold: Vec::new() }
    }

    /// Zeros, with thresholds if the dictionary has them.
    pub fn of(dictionary: Dictionary, columns: usize) -> Self {
        let mut weights = Self::new(dictionary.width, columns);
        if matches!(dictionary.sparsity, Sparsity::JumpRelu { .. }) {
            weights.threshold = vec![0.0; dictionary.width];
        }
        weights
    }

    pub fn width(&self) -> usize {
        self.encoder_bias.len()
    }

    pub fn columns(&self) -> usize {
        self.decoder_bias.len()
    }

    fn parts(&mut self) -> Vec<&mut Vec<f32>> {
        let Self { encoder, encoder_bias, decoder, decoder_bias, threshold } = self;
        let all = [encoder, encoder_bias, decoder, decoder_bias, threshold];
        all.into_iter().filter(|part| !part.is_empty()).collect()
    }

    /// Reads them from an arena of the dictionary's graphs.
    pub(crate) fn read(&mut self, layout: &ArenaLayout, arena: &[f32]) {
        self.read_gradients(layout, arena);
        self.threshold.iter_mut().for_each(|own| *own = libm::expf(*own));
    }

    /// Reads gradients from an arena; of θ, those of log θ.
    pub(crate) fn read_gradients(&mut self, layout: &ArenaLayout, arena: &[f32]) {
        let parts = self.parts();
        let first = layout.offsets.len() - parts.len();
        for (part, at) in parts.into_iter().zip(first..) {
            part.copy_from_slice(&arena[layout.offsets[at]..][..layout.counts[at]]);
        }
    }

    /// Writes them to an arena. Thresholds that are not positive become the smallest that are.
    pub(crate) fn write(&mut self, layout: &ArenaLayout, arena: &mut [f32]) {
        let thresholds = self.threshold.clone();
        self.threshold.iter_mut().for_each(|own| *own = libm::logf(own.max(f32::MIN_POSITIVE)));
        let parts = self.parts();
        let first = layout.offsets.len() - parts.len();
        for (part, at) in parts.into_iter().zip(first..) {
            arena[layout.offsets[at]..][..layout.counts[at]].copy_from_slice(part);
        }
        self.threshold = thresholds;
    }

    /// Column of D: the direction that a feature adds.
    pub fn direction(&self, feature: usize) -> Vec<f32> {
        self.decoder.iter().skip(feature).step_by(self.width()).copied().collect()
    }

    fn set_direction(&mut self, feature: usize, direction: &[f32]) {
        let width = self.width();
        let own = self.decoder.iter_mut().skip(feature).step_by(width);
        own.zip(direction).for_each(|(own, new)| *own = *new);
    }

    /// Makes the columns of D unit vectors and scales the rows of E, e and θ, so that the dictionary computes the same.
    pub fn normalise(&mut self) {
        let (width, columns) = (self.width(), self.columns());
        for feature in 0..width {
            let mut direction = self.direction(feature);
            let norm = norm(&direction);
            if norm > 0.0 {
                direction.iter_mut().for_each(|entry| *entry /= norm);
                self.set_direction(feature, &direction);
                self.encoder[feature * columns..(feature + 1) * columns]
                    .iter_mut()
                    .for_each(|entry| *entry *= norm);
                self.encoder_bias[feature] *= norm;
                if let Some(threshold) = self.threshold.get_mut(feature) {
                    *threshold *= norm;
                }
            }
        }
    }

    /// Norm of a row of E.
    pub(crate) fn strength(&self, feature: usize) -> f32 {
        norm(self.encoder_row(feature))
    }

    /// Points a feature from a direction of x, with the unit vector u, to a direction of y, with the unit vector v: column of D is v, row of E is
    /// `strength`·u, and e is −`strength`·u·`mean`, the mean of x. No change if a direction is zero.
    pub(crate) fn point(&mut self, feature: usize, [from, to]: [&[f32]; 2], mean: &[f32], strength: f32) {
        let (norms, columns) = ([from, to].map(norm), self.columns());
        if norms.contains(&0.0) {
            return;
        }
        let [u, v] = [(from, norms[0]), (to, norms[1])]
            .map(|(direction, norm)| direction.iter().map(|entry| entry / norm).collect::<Vec<f32>>());
        self.encoder_bias[feature] = -strength * u.iter().zip(mean).map(|(u, mean)| u * mean).sum::<f32>();
        let row = &mut self.encoder[feature * columns..(feature + 1) * columns];
        row.iter_mut().zip(&u).for_each(|(entry, u)| *entry = strength * u);
        self.set_direction(feature, &v);
    }

    /// Row of E.
    pub(crate) fn encoder_row(&self, feature: usize) -> &[f32] {
        let columns = self.columns();
        &self.encoder[feature * columns..(feature + 1) * columns]
    }

    /// f of x [C]. Without thresholds, the `k` largest entries stay.
    pub(crate) fn activations(&self, k: usize, x: &[f32]) -> Vec<f32> {
        let of = |feature: usize| {
            let row = self.encoder_row(feature).iter().zip(x);
            self.encoder_bias[feature] + row.map(|(entry, x)| entry * x).sum::<f32>()
        };
        let mut found: Vec<f32> = (0..self.width()).map(of).collect();
        if !self.threshold.is_empty() {
            let entries = found.iter_mut().zip(&self.threshold);
            entries.filter(|(own, least)| **own <= least.max(0.0)).for_each(|(own, _)| *own = 0.0);
            return found;
        }
        let mut sorted = found.clone();
        let (_, least, _) = sorted.select_nth_unstable_by(k - 1, |one, other| other.total_cmp(one));
        found.iter_mut().filter(|own| **own < *least || **own < 0.0).for_each(|own| *own = 0.0);
        found
    }

    /// Replaces E·(x − d) by E·x, with another e.
    pub(crate) fn center_input(&mut self) {
        let columns = self.columns();
        let rows = self.encoder.chunks_exact(columns.max(1)).zip(&mut self.encoder_bias);
        for (row, bias) in rows {
            *bias -= row.iter().zip(&self.decoder_bias).map(|(entry, d)| entry * d).sum::<f32>();
        }
    }

    /// Scales E, e and θ.
    pub(crate) fn scale_encoder(&mut self, factor: f32) {
        let all = self.encoder.iter_mut().chain(&mut self.encoder_bias).chain(&mut self.threshold);
        all.for_each(|entry| *entry *= factor);
    }

    /// The features whose directions are most similar to that of `feature`, with the cosines.
    pub fn neighbours(&self, feature: usize, count: usize) -> Vec<(usize, f32)> {
        let own = self.direction(feature);
        let cosine = |other: usize| {
            let other = self.direction(other);
            let dot: f32 = own.iter().zip(&other).map(|(a, b)| a * b).sum();
            dot / (norm(&own) * norm(&other)).max(f32::MIN_POSITIVE)
        };
        let others = (0..self.width()).filter(|other| *other != feature);
        let mut all: Vec<(usize, f32)> = others.map(|other| (other, cosine(other))).collect();
        all.sort_by(|one, other| other.1.total_cmp(&one.1));
        all.truncate(count);
        all
    }

    /// As SAELens stores them: `W_enc` [C,F], `b_enc` [F], `W_dec` [F,C], `b_dec` [C], `threshold` [F].
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let (width, columns) = (self.width(), self.columns());
        let mut tensors = vec![
            ("W_dec", vec![width, columns], transposed(&self.decoder, width)),
            ("W_enc", vec![columns, width], transposed(&self.encoder, columns)),
            ("b_dec", vec![columns], self.decoder_bias.clone()),
            ("b_enc", vec![width], self.encoder_bias.clone()),
        ];
        if !self.threshold.is_empty() {
            tensors.push(("threshold", vec![width], self.threshold.clone()));
        }
        let internal = |error: safetensors::SafeTensorError| Error::Internal(error.to_string());
        let views = tensors.iter().map(|(name, shape, values)| {
            Ok((
                *name,
                TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values)).map_err(internal)?,
            ))
        });
        safetensors::serialize(views.collect::<Result<Vec<_>>>()?, None).map_err(internal)
    }

    /// Reads what [`Self::to_safetensors`] wrote. Fails with a reason if a tensor is missing, or has another shape or numbers that are not finite.
    pub fn from_safetensors(
        bytes: &[u8],
        kind: DictionaryKind,
        [width, columns]: [usize; 2],
    ) -> Result<Self> {
        let refused = |error: safetensors::SafeTensorError| Error::Refused(error.to_string());
        let tensors = SafeTensors::deserialize(bytes).map_err(refused)?;
        let read = |name: &str, shape: &[usize]| {
            let tensor = tensors.tensor(name).map_err(refused)?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                refuse!(
                    "{name} is {:?} {:?}, but the dictionary has {shape:?} in f32",
                    tensor.dtype(),
                    tensor.shape()
                );
            }
            let entries = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let entries: Vec<f32> = entries.collect();
            if entries.iter().any(|entry| !entry.is_finite()) {
                refuse!("{name} has numbers that are not finite");
            }
            Ok(entries)
        };
        Ok(Self {
            encoder: transposed(&read("W_enc", &[columns, width])?, width),
            encoder_bias: read("b_enc", &[width])?,
            decoder: transposed(&read("W_dec", &[width, columns])?, columns),
            decoder_bias: read("b_dec", &[columns])?,
            threshold: match kind {
                DictionaryKind::TopK => Vec::new(),
                DictionaryKind::JumpRelu => read("threshold", &[width])?,
            },
        })
    }
}

pub(crate) fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|entry| entry * entry).sum::<f32>().sqrt()
}

fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}
