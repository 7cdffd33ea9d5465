//! Batched evaluation of many texts, for measuring a model.

use super::part::Key;
use super::programs::Given;
use super::{Lens, Tensor};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{OrInternal, Result};

/// The head's input rows are padded to a multiple of this.
const ROWS: usize = 16;

impl Lens {
    /// The loss of each target of `batch` windows of `time` tokens, [B·T] in nats; 0 for [`glasshouse_text::data::IGNORED`] targets. Logits
    /// stay on the device.
    pub async fn losses(
        &mut self,
        [batch, time]: [usize; 2],
        tokens: &[u32],
        targets: &[u32],
    ) -> Result<Vec<f32>> {
        let key = Key { losses: true, ..Key::from_sites(batch, time, &[]) };
        let rows = self.run(key, Given { tokens, targets, ..Given::default() }).await?.pop();
        let rows = rows.or_internal("losses that were not read")?;
        Ok(rows.data.as_chunks::<2>().0.iter().map(|[_, loss]| *loss).collect())
    }

    /// The head's input for `batch` windows of `time` tokens, [B, T, C].
    pub async fn normed(&mut self, [batch, time]: [usize; 2], tokens: &[u32]) -> Result<Tensor> {
        let key = Key::from_sites(batch, time, &[HookPoint::Normed]);
        let found = self.run(key, Given { tokens, ..Given::default() }).await?.pop();
        found.or_internal("values that were not read")
    }

    /// The logits for rows of [`Self::normed`], [N, C] to [N, V].
    pub async fn logits_of(&mut self, normed: &[f32]) -> Result<Tensor> {
        let (width, outputs) = (self.config.width, self.config.outputs());
        let rows = normed.len() / width;
        let time = ROWS.min(self.config.context_length);
        let batch = rows.div_ceil(time).next_power_of_two();
        let mut padded = normed.to_vec();
        padded.resize(batch * time * width, 0.0);
        let key = Key { from: Some(HookPoint::Normed), ..Key::from_sites(batch, time, &[HookPoint::Logits]) };
        let found = self.run(key, Given { from: Some(padded), ..Given::default() }).await?.pop();
        let mut data = found.or_internal("logits that were not read")?.data;
        data.truncate(rows * outputs);
        Ok(Tensor::new(&[rows, outputs], data))
    }
}
