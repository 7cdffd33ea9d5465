//! Accuracy of a classifier, or of answers to generated rows, measured with every evaluation on its batches.

use super::Trainer;
use crate::TrainEvent;
use glasshouse_generation::Decoder;
use glasshouse_platform::Result;
use glasshouse_protocol::GenerateConfig;
use glasshouse_text::data::{Batch, IGNORED};
use std::collections::BTreeMap;

/// Answers written together, because a GPU is asked once for all of them. Labels are not: classifiers may be large.
const PLACES: usize = 16;

impl Trainer<'_> {
    /// Measures the share of correct labels or answers with a decoder next to the run, as for samples. Returns early if a stop
    /// is requested.
    pub(super) async fn measure_accuracy(
        &mut self,
        train: impl Iterator<Item = Result<Batch>>,
        validation: impl Iterator<Item = Result<Batch>>,
    ) -> Result<()> {
        let places = if self.config.train.objective.learns_labels() { 1 } else { PLACES };
        let mut decoder = self.decoder(places).await?;
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
        let (mut right, mut count, places) = (0_u64, 0_u64, decoder.places().max(1));
        for batch in batches {
            let mut texts = answered(&batch?, self.config.model.context_length);
            texts.sort_by_key(|(_, answer)| answer.len());
            let of_one_length = texts.chunk_by(|(_, one), (_, next)| one.len() == next.len());
            for texts in of_one_length.flat_map(|texts| texts.chunks(places)) {
                if self.stop_requested() {
                    return Ok(None);
                }
                right += right_of(decoder, texts).await?;
                count += texts.len() as u64;
            }
        }
        Ok(Some(right as f32 / count.max(1) as f32))
    }
}

/// The number of texts after which the decoder writes their answers, which have one length.
async fn right_of(decoder: &mut Decoder, texts: &[(Vec<u32>, Vec<u32>)]) -> Result<u64> {
    let max_tokens = texts.first().map_or(0, |(_, answer)| answer.len());
    // Greedy decoding; a classifier's logits are those of labels.
    let config = GenerateConfig { temperature: 0.0, max_tokens, ..GenerateConfig::default() };
    (0..decoder.places()).for_each(|place| decoder.release(place));
    let mut answers = BTreeMap::new();
    for (tokens, answer) in texts {
        answers.insert(decoder.admit(tokens, &config).await?, answer);
    }
    let written = decoder.advance_all(max_tokens).await?;
    Ok(written.iter().filter(|(place, tokens)| answers.get(place) == Some(&tokens)).count() as u64)
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
