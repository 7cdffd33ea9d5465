//! Accuracy of a classifier, measured with every evaluation on its batches.

use super::Trainer;
use crate::TrainEvent;
use glasshouse_generation::Decoder;
use glasshouse_platform::Result;
use glasshouse_protocol::GenerateConfig;
use glasshouse_text::data::{Batch, IGNORED};

impl Trainer<'_> {
    /// Measures the share of correctly classified texts with a decoder next to the run, as for samples. Returns early if a stop
    /// is requested.
    pub(super) async fn measure_accuracy(
        &mut self,
        train: impl Iterator<Item = Result<Batch>>,
        validation: impl Iterator<Item = Result<Batch>>,
    ) -> Result<()> {
        let mut decoder = self.decoder(1).await?;
        let Some(train) = self.share_right(&mut decoder, train).await? else { return Ok(()) };
        let Some(validation) = self.share_right(&mut decoder, validation).await? else { return Ok(()) };
        self.emit(TrainEvent::Accuracy { step: self.step, train, validation })?;
        let scalars = [("accuracy/evaluation", train), ("accuracy/validation", validation)];
        self.tensorboard.scalars(self.step, &scalars)
    }

    /// `None` if a stop was requested.
    async fn share_right(
        &self,
        decoder: &mut Decoder,
        batches: impl Iterator<Item = Result<Batch>>,
    ) -> Result<Option<f32>> {
        // Greedy decoding over the logits, which are those of labels.
        let config = GenerateConfig { temperature: 0.0, max_tokens: 1, ..GenerateConfig::default() };
        let (mut right, mut count) = (0_u64, 0_u64);
        for batch in batches {
            for (tokens, label) in labelled(&batch?, self.config.model.context_length) {
                if self.stop_requested() {
                    return Ok(None);
                }
                decoder.start(&tokens, &config).await?;
                right += u64::from(decoder.advance(1).await?.first() == Some(&label));
                count += 1;
            }
        }
        Ok(Some(right as f32 / count.max(1) as f32))
    }
}

/// The texts of a batch with rows of `time` positions, each with its label.
fn labelled(batch: &Batch, time: usize) -> Vec<(Vec<u32>, u32)> {
    let targets = batch.targets.iter().enumerate().filter(|(_, target)| **target != IGNORED);
    let text = |(at, label): (usize, &u32)| {
        let row = at / time * time;
        let start = row + batch.document_starts.as_ref().map_or(0, |starts| starts[at] as usize);
        (batch.tokens[start..=at].to_vec(), *label)
    };
    targets.map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_packed_and_in_padded_rows() {
        let (no, starts) = (IGNORED, vec![0, 0, 2, 2, 4, 0, 0, 0, 3, 3]);
        let packed = Batch {
            tokens: (10..20).collect(),
            targets: vec![no, 1, no, 0, no, no, no, 2, no, no],
            document_starts: Some(starts),
            scores: None,
        };
        let found = [(vec![10, 11], 1), (vec![12, 13], 0), (vec![15, 16, 17], 2)];
        assert_eq!(labelled(&packed, 5), found);
        let padded =
            Batch { document_starts: None, targets: vec![no, 1, no, no, no, no, no, 2, no, no], ..packed };
        assert_eq!(labelled(&padded, 5), [(vec![10, 11], 1), (vec![15, 16, 17], 2)]);
    }
}
