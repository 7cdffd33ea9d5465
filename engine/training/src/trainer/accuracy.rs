//! Accuracy of a classifier, or of answers to generated rows, measured with every evaluation on its batches.

use super::Trainer;
use crate::TrainEvent;
use glasshouse_compiler::step::MicroBatch;
use glasshouse_generation::Decoder;
use glasshouse_inspection::Lens;
use glasshouse_platform::Result;
use glasshouse_protocol::GenerateConfig;
use glasshouse_text::data::IGNORED;

/// The model next to the run.
enum Reader {
    /// Of a classifier: its texts one after another, with the logits of the last token.
    Labels(Box<Decoder>),
    /// Of generated rows: all logits of a batch.
    Rows(Box<Lens>),
}

impl Trainer<'_> {
    /// Measures the share of correct labels, or of rows whose greedy answer is right. Returns early if a stop is requested.
    pub(super) async fn measure_accuracy(
        &mut self,
        train: impl Iterator<Item = Result<MicroBatch>>,
        validation: impl Iterator<Item = Result<MicroBatch>>,
    ) -> Result<()> {
        let mut reader = if self.config.train.objective.learns_labels() {
            Reader::Labels(Box::new(self.decoder(1).await?))
        } else {
            let (model, weights) = (self.config.model.clone(), self.weights().await?);
            Reader::Rows(match (self.lens.take(), self.executor.gpu().cloned()) {
                (Some(mut lens), _) => {
                    lens.set_arena(&weights)?;
                    lens
                }
                (None, Some(gpu)) => Box::new(Lens::on_gpu(&model, weights, gpu)?),
                (None, None) => Box::new(Lens::on_cpu(&model, weights, self.executor.describe().threads)?),
            })
        };
        let Some(train) = self.share_right(&mut reader, train).await? else { return Ok(()) };
        let Some(validation) = self.share_right(&mut reader, validation).await? else { return Ok(()) };
        if let Reader::Rows(lens) = reader {
            self.lens = Some(lens);
        }
        self.emit(TrainEvent::Accuracy { step: self.step, train, validation })?;
        let scalars = [("accuracy/evaluation", train), ("accuracy/validation", validation)];
        self.tensorboard.scalars(self.step, &scalars)
    }

    /// `None` if a stop was requested.
    async fn share_right(
        &self,
        reader: &mut Reader,
        batches: impl Iterator<Item = Result<MicroBatch>>,
    ) -> Result<Option<f32>> {
        let (mut right, mut count) = (0_usize, 0_usize);
        let time = self.config.model.context_length;
        for batch in batches {
            let batch = batch?;
            match reader {
                Reader::Labels(decoder) => {
                    for (tokens, label) in labelled(&batch, time) {
                        if self.stop_requested() {
                            return Ok(None);
                        }
                        let config =
                            GenerateConfig { temperature: 0.0, max_tokens: 1, ..GenerateConfig::default() };
                        decoder.start(tokens, &config).await?;
                        right += usize::from(decoder.advance(1).await? == [label]);
                        count += 1;
                    }
                }
                Reader::Rows(lens) => {
                    if self.stop_requested() {
                        return Ok(None);
                    }
                    let found = answered(lens, &batch, time).await?;
                    count += found.len();
                    right += found.into_iter().filter(|is_right| *is_right).count();
                }
            }
        }
        Ok(Some(right as f32 / count.max(1) as f32))
    }
}

/// Whether each row with an answer is answered right: greedy decoding gives the answer if each of its tokens is the most likely one
/// after the row up to it, which needs a single pass for all rows.
async fn answered(lens: &mut Lens, batch: &MicroBatch, time: usize) -> Result<Vec<bool>> {
    let normed = lens.normed([batch.tokens.len() / time, time], &batch.tokens).await?;
    let places: Vec<usize> = (0..batch.targets.len()).filter(|at| batch.targets[*at] != IGNORED).collect();
    let inputs =
        places.iter().flat_map(|at| &normed.data[at * normed.columns()..(at + 1) * normed.columns()]);
    let logits = lens.logits_of(&inputs.copied().collect::<Vec<f32>>()).await?;
    let mut rows: Vec<Option<bool>> = vec![None; batch.targets.len().div_ceil(time)];
    for (at, logits) in places.iter().zip(logits.data.chunks_exact(logits.columns())) {
        let is_right = likeliest(logits) == batch.targets[*at];
        rows[at / time] = Some(rows[at / time].unwrap_or(true) && is_right);
    }
    Ok(rows.into_iter().flatten().collect())
}

/// The first of the highest logits, as in greedy decoding.
fn likeliest(logits: &[f32]) -> u32 {
    let higher = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    (0..logits.len()).reduce(higher).unwrap_or_default() as u32
}

/// The texts of a batch with rows of `time` positions, each up to its label, and the label.
fn labelled(batch: &MicroBatch, time: usize) -> impl Iterator<Item = (&[u32], u32)> {
    batch.targets.iter().enumerate().filter(|(_, target)| **target != IGNORED).map(move |(at, label)| {
        let start = at / time * time + batch.document_starts.as_ref().map_or(0, |starts| starts[at] as usize);
        (&batch.tokens[start..=at], *label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_executors::cpu::CpuDecoder;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_project::initial;
    use glasshouse_protocol::presets;

    #[test]
    fn texts_are_found_in_packed_and_in_padded_rows() {
        let (no, starts) = (IGNORED, vec![0, 0, 2, 2, 4, 0, 0, 0, 3, 3]);
        let packed = MicroBatch {
            tokens: (10..20).collect(),
            targets: vec![no, 1, no, 0, 1, no, no, 2, no, no],
            document_starts: Some(starts),
            ..MicroBatch::default()
        };
        let of = |batch: &MicroBatch| -> Vec<(Vec<u32>, u32)> {
            labelled(batch, 5).map(|(text, label)| (text.to_vec(), label)).collect()
        };
        // The third text is a single token, next to the label before it.
        let found = [(vec![10, 11], 1), (vec![12, 13], 0), (vec![14], 1), (vec![15, 16, 17], 2)];
        assert_eq!(of(&packed), found);
        let padded = MicroBatch {
            document_starts: None,
            targets: vec![no, 1, no, no, no, no, no, 2, no, no],
            ..packed
        };
        assert_eq!(of(&padded), [(vec![10, 11], 1), (vec![15, 16, 17], 2)]);
    }

    /// The answers of greedy decoding are right in a single pass, and with any other token the row is wrong.
    #[test]
    fn a_row_is_right_if_greedy_decoding_gives_its_answer() {
        let mut config = presets::preset("addition").unwrap();
        (config.model.context_length, config.model.vocabulary) = (6, 14);
        let graphs = glasshouse_compiler::model::training_graphs(&config.model, &config.train).unwrap();
        let parameters = &graphs.train.parameters;
        let weights = block_on(initial::parameters(parameters, 3, &Yielder::none()));
        block_on(async {
            let mut decoder = CpuDecoder::new(&config.model, &weights, Some(1)).unwrap();
            let greedy = GenerateConfig { temperature: 0.0, max_tokens: 3, ..GenerateConfig::default() };
            let (mut tokens, mut targets) = (Vec::new(), Vec::new());
            for prompt in [[1, 2, 3], [7, 7, 1], [4, 9, 11]] {
                decoder.start(&prompt, &greedy).unwrap();
                let answer = decoder.advance(3).unwrap();
                tokens.extend(prompt.into_iter().chain([answer[0], answer[1], 0]));
                targets.extend([IGNORED, IGNORED, answer[0], answer[1], answer[2], IGNORED]);
            }
            let mut batch = MicroBatch { tokens, targets, ..MicroBatch::default() };
            let mut lens = Lens::on_cpu(&config.model, weights.clone(), Some(1)).unwrap();
            assert_eq!(answered(&mut lens, &batch, 6).await.unwrap(), [true; 3]);
            batch.targets[9] = (batch.targets[9] + 1) % 14;
            batch.targets[14..18].fill(IGNORED);
            assert_eq!(answered(&mut lens, &batch, 6).await.unwrap(), [true, false]);
        });
    }
}
