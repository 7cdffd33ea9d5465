//! Accuracy of a classifier, or of answers to generated rows, measured with every evaluation on its batches.

use super::Trainer;
use crate::TrainEvent;
use glasshouse_generation::Decoder;
use glasshouse_platform::Result;
use glasshouse_protocol::GenerateConfig;
use glasshouse_text::data::{Batch, IGNORED};

impl Trainer<'_> {
    /// Measures the share of correct labels or answers with a decoder next to the run, as for samples. Returns early if a stop
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
        let (mut right, mut count) = (0_u64, 0_u64);
        for batch in batches {
            for (tokens, answer) in answered(&batch?, self.config.model.context_length) {
                if self.stop_requested() {
                    return Ok(None);
                }
                // Greedy decoding; a classifier's logits are those of labels.
                let max_tokens = answer.len();
                let config = GenerateConfig { temperature: 0.0, max_tokens, ..GenerateConfig::default() };
                decoder.start(&tokens, &config).await?;
                right += u64::from(decoder.advance(max_tokens).await? == answer);
                count += 1;
            }
        }
        Ok(Some(right as f32 / count.max(1) as f32))
    }
}

/// The texts of a batch with rows of `time` positions, each up to its answer, and the answer: adjacent targets in one row, or a label.
fn answered(batch: &Batch, time: usize) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut texts: Vec<(Vec<u32>, Vec<u32>)> = Vec::new();
    let mut last = None;
    for (at, target) in batch.targets.iter().enumerate().filter(|(_, target)| **target != IGNORED) {
        let row = at / time * time;
        let start = row + batch.document_starts.as_ref().map_or(0, |starts| starts[at] as usize);
        match texts.last_mut().filter(|_| at > start && last == at.checked_sub(1)) {
            Some((_, answer)) => answer.push(*target),
            None => {
                texts.push((batch.tokens[start..=at].to_vec(), vec![*target]));
            }
        }
        last = Some(at);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_packed_and_in_padded_rows() {
        let (no, starts) = (IGNORED, vec![0, 0, 2, 2, 4, 0, 0, 0, 3, 3]);
        let packed = Batch {
            tokens: (10..20).collect(),
            targets: vec![no, 1, no, 0, 1, no, no, 2, no, no],
            document_starts: Some(starts),
            scores: None,
        };
        // The third text is a single token, next to the label before it.
        let found = [
            (vec![10, 11], vec![1]),
            (vec![12, 13], vec![0]),
            (vec![14], vec![1]),
            (vec![15, 16, 17], vec![2]),
        ];
        assert_eq!(answered(&packed, 5), found);
        let padded =
            Batch { document_starts: None, targets: vec![no, 1, no, no, no, no, no, 2, no, no], ..packed };
        assert_eq!(answered(&padded, 5), [(vec![10, 11], vec![1]), (vec![15, 16, 17], vec![2])]);
    }

    #[test]
    fn an_answer_of_several_tokens_ends_with_its_row() {
        let no = IGNORED;
        let rows = Batch {
            tokens: (10..18).collect(),
            targets: vec![no, 12, 13, 14, 15, 16, no, no],
            document_starts: None,
            scores: None,
        };
        assert_eq!(answered(&rows, 4), [(vec![10, 11], vec![12, 13, 14]), (vec![14], vec![15, 16])]);
    }
}
