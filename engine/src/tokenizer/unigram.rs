//! Training of Unigram vocabularies (Kudo 2018) by the `tokenizers` crate, made repeatable.
//!
//! The crate's expectation step adds up floats in an order that depends on its threads, and its last step ranks the
//! characters that no longer stand alone in the order of a hash map with random keys. So training runs on one thread
//! over sorted words, and that last ranking is done again by code point.

use super::bytes::alphabet;
use crate::error::{Error, Result};
use crate::platform;
use std::collections::BTreeSet;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// How far apart the crate spaces the scores that it gives to characters which lost theirs.
const SPACING: f64 = 0.0001;

/// Pieces and their log-probabilities, most probable first; all 256 bytes of the alphabet are among them.
pub(super) fn train(words: Vec<(String, u64)>, pieces: usize) -> Result<Vec<(String, f64)>> {
    // The crate looks for pieces among spellings that occur in two entries, however often one entry counts. A frequent
    // word enters in two halves, so that it can become a piece.
    let sentences: Vec<(String, u32)> = words
        .into_iter()
        .flat_map(|(word, count)| [(word.clone(), count.div_ceil(2)), (word, count / 2)])
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| (word, u32::try_from(count).unwrap_or(u32::MAX)))
        .collect();
    if sentences.is_empty() {
        return Ok(alphabet().iter().map(|character| (character.to_string(), 0.0)).collect());
    }
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(u32::try_from(pieces).unwrap_or(u32::MAX))
        .initial_alphabet(ByteLevel::alphabet())
        .build()
        .map_err(|error| Error::Internal(format!("Unigram trainer: {error}")))?;
    let mut model = Unigram::default();
    platform::on_one_thread(|| trainer.do_train(sentences, &mut model))?
        .map_err(|error| Error::Refused(format!("Unigram training failed: {error}")))?;
    let mut trained = canonical(model.iter().cloned().collect());
    // The crate overshoots where the vocabulary leaves room for the alphabet only.
    let mut excess = trained.len().saturating_sub(pieces);
    for index in (0..trained.len()).rev() {
        if excess > 0 && trained.get(index).is_some_and(|piece| piece.0.chars().nth(1).is_some()) {
            trained.remove(index);
            excess -= 1;
        }
    }
    Ok(trained)
}

/// Gives the scores below the trained ones to their characters by code point, and sorts ties by spelling.
fn canonical(mut pieces: Vec<(String, f64)>) -> Vec<(String, f64)> {
    let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let on_grid = |score: f64| {
        let steps = (score - lowest) / SPACING;
        steps < 256.5 && (steps - steps.round()).abs() < 1e-6
    };
    let is_replaced = |piece: &(String, f64)| piece.0.chars().nth(1).is_none() && on_grid(piece.1);
    let mut scores: Vec<f64> = pieces.iter().filter(|piece| is_replaced(piece)).map(|piece| piece.1).collect();
    scores.sort_by(|left, right| right.total_cmp(left));
    let characters: BTreeSet<String> =
        pieces.iter().filter(|piece| is_replaced(piece)).map(|piece| piece.0.clone()).collect();
    pieces.retain(|piece| !characters.contains(&piece.0));
    pieces.extend(characters.into_iter().zip(scores));
    // Six decimals read back from JSON as they were written, and are more than segmentation can tell apart.
    for piece in &mut pieces {
        piece.1 = (piece.1 * 1e6).round() / 1e6;
    }
    pieces.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_replaced_characters_is_forgotten() {
        let piece = |text: &str, score: f64| (text.to_owned(), score);
        let one = canonical(vec![piece("the", -1.0), piece("x", -9.0), piece("y", -8.9999), piece("z", -8.9998)]);
        let two = canonical(vec![piece("z", -9.0), piece("the", -1.0), piece("y", -8.9998), piece("x", -8.9999)]);
        assert_eq!(one, two);
        assert_eq!(one, [piece("the", -1.0), piece("x", -8.9998), piece("y", -8.9999), piece("z", -9.0)]);
    }
}
