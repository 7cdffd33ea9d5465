use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Kneser–Ney exactly as in the module's documentation; each count searches all n-grams.
struct Plain {
    order: usize,
    vocabulary: usize,
    boundary: u32,
    /// Every occurrence of every n-gram of each order; those at a document's start begin with the boundary.
    grams: Vec<Vec<Vec<u32>>>,
}

impl Plain {
    fn new(order: usize, vocabulary: usize, end: Option<u32>, stream: &[u32]) -> Self {
        let boundary = end.unwrap_or(vocabulary as u32);
        let mut grams = vec![Vec::new(); order + 1];
        let ends = |token: &u32| Some(*token) == end;
        for document in stream.split_inclusive(ends) {
            let text: Vec<u32> = [boundary].into_iter().chain(document.iter().copied()).collect();
            for (length, own) in grams.iter_mut().enumerate().skip(1) {
                // The boundary alone is never predicted.
                let windows = text.windows(length).filter(|gram| *gram != [boundary] || length > 1);
                own.extend(windows.map(<[u32]>::to_vec));
            }
            // Except as a document's last token.
            grams[1].extend(document.last().filter(|last| ends(last)).map(|last| vec![*last]));
        }
        Self { order, vocabulary, boundary, grams }
    }

    fn begins(&self, gram: &[u32]) -> bool {
        gram.len() > 1 && gram[0] == self.boundary
    }

    fn adjusted(&self, gram: &[u32]) -> u32 {
        if gram.len() == self.order || self.begins(gram) {
            return self.grams[gram.len()].iter().filter(|own| *own == gram).count() as u32;
        }
        let longer = self.grams[gram.len() + 1].iter().filter(|own| own[1..] == *gram);
        longer.map(|own| own[0]).collect::<BTreeSet<u32>>().len() as u32
    }

    fn discounts(&self, order: usize) -> Discounts {
        let different: BTreeSet<&Vec<u32>> = self.grams[order].iter().collect();
        let counts: Vec<u32> = different.iter().map(|gram| self.adjusted(gram)).collect();
        Discounts::from_counts(
            [1, 2, 3, 4].map(|wanted| counts.iter().filter(|count| **count == wanted).count() as u64),
        )
    }

    fn probability(&self, context: &[u32], token: u32) -> f64 {
        let order = context.len() + 1;
        let lower = match context {
            [] => 1.0 / self.vocabulary as f64,
            [_, rest @ ..] => self.probability(rest, token),
        };
        let behind = |token: u32| -> u32 {
            let gram: Vec<u32> = context.iter().copied().chain([token]).collect();
            self.adjusted(&gram)
        };
        let counts: BTreeMap<u32, u32> = (0..self.vocabulary as u32).map(|own| (own, behind(own))).collect();
        let total: u32 = counts.values().sum();
        if total == 0 {
            return lower;
        }
        let discounts = self.discounts(order);
        let mass: f64 = counts.values().map(|count| discounts.from(*count)).sum();
        let count = counts[&token];
        ((f64::from(count) - discounts.from(count)).max(0.0) + mass * lower) / f64::from(total)
    }

    fn nats(&self, document: &[u32]) -> Vec<f64> {
        let text: Vec<u32> = [self.boundary].into_iter().chain(document.iter().copied()).collect();
        let one = |at: usize| {
            let from = (at + 1).saturating_sub(self.order);
            let begins = text[..at].iter().rposition(|token| *token == self.boundary).unwrap_or(0);
            -self.probability(&text[from.max(begins).min(at)..at], text[at]).ln()
        };
        (1..text.len()).map(one).collect()
    }
}

proptest! {
    #[test]
    fn an_n_gram_model_is_what_the_textbook_says(
        order in 1_usize..=MAX_ORDER,
        vocabulary in 2_u32..7,
        ends in any::<bool>(),
        stream in prop::collection::vec(0_u32..100, 0..90),
        document in prop::collection::vec(0_u32..100, 1..9),
    ) {
        let of = |draws: Vec<u32>| draws.iter().map(|draw| draw % vocabulary).collect::<Vec<u32>>();
        let (stream, document, end) = (of(stream), of(document), ends.then_some(0));
        let mut model = NGram::new(order, vocabulary as usize, end);
        // The result does not depend on how the stream is split.
        stream.chunks(7).for_each(|piece| model.learn(piece));
        prop_assert_eq!(model.tokens, stream.len() as u64);
        let plain = Plain::new(order, vocabulary as usize, end, &stream);
        for (own, expected) in model.nats(&document).into_iter().zip(plain.nats(&document)) {
            prop_assert!((own - expected).abs() < 1e-9, "{} {}", own, expected);
        }
    }

    #[test]
    fn probabilities_of_all_tokens_are_one_together(
        order in 1_usize..=MAX_ORDER,
        stream in prop::collection::vec(0_u32..12, 0..400),
        before in prop::collection::vec(1_u32..12, 0..6),
    ) {
        let mut model = NGram::new(order, 12, Some(0));
        model.learn(&stream);
        let next = |token: u32| {
            let document: Vec<u32> = before.iter().copied().chain([token]).collect();
            (-model.nats(&document).last().unwrap()).exp()
        };
        let sum: f64 = (0..12).map(next).sum();
        prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
    }
}

/// Published examples rarely include counts of counts; these follow from the formula by hand: Y = 10 / (10 + 2 · 4) = 5/9.
#[test]
fn discounts_follow_from_counts_of_counts() {
    let Discounts([one, two, more]) = Discounts::from_counts([10, 4, 2, 1]);
    assert!((one - (1.0 - 2.0 * 5.0 / 9.0 * 0.4)).abs() < 1e-12);
    assert!((two - (2.0 - 3.0 * 5.0 / 9.0 * 0.5)).abs() < 1e-12);
    assert!((more - (3.0 - 4.0 * 5.0 / 9.0 * 0.5)).abs() < 1e-12);
    // Nothing occurred twice; or more n-grams occurred three times than twice.
    assert_eq!(Discounts::from_counts([10, 0, 0, 0]), Discounts([0.5, 1.0, 1.5]));
    assert_eq!(Discounts::from_counts([1, 1, 90, 1]), Discounts([0.5, 1.0, 1.5]));
    // The estimated discount for a count of 2 would be 0.
    assert_eq!(Discounts::from_counts([1, 1, 2, 0]), Discounts([0.5, 1.0, 1.5]));
}

/// In this text, found by the property test above, the estimated discount for a count of 2 is 0, and 2 is followed by 0 twice and
/// by nothing else.
#[test]
fn no_token_is_impossible() {
    let mut model = NGram::new(2, 3, None);
    model.learn(&[2, 0, 0, 2, 0, 0, 1, 0, 0]);
    let nats = model.nats(&[2, 1]);
    assert!(nats.iter().all(|nats| nats.is_finite()), "{nats:?}");
}

/// Longer contexts help if the text depends on them: each word determines the next one, except two whose successor depends on the
/// word before.
#[test]
fn higher_orders_predict_better() {
    let text: Vec<u32> = (0..4000_u32)
        .map(|at| match at % 6 {
            0 => 1 + at / 6 % 2,
            1..=3 => 10,
            4 => 3 + at / 6 % 2,
            _ => 5,
        })
        .collect();
    let mean = |order: usize| {
        let mut model = NGram::new(order, 16, None);
        model.learn(&text);
        model.nats(&text).iter().sum::<f64>() / text.len() as f64
    };
    assert!(
        mean(5) < mean(3) && mean(3) < mean(2) && mean(2) < mean(1),
        "{} {} {}",
        mean(5),
        mean(3),
        mean(2)
    );
}

#[test]
fn bytes_of_a_model_grow_with_what_it_learned() {
    let mut model = NGram::new(5, 100, None);
    let empty = model.bytes();
    let text: Vec<u32> =
        (0..50_000_u64).map(|at| (glasshouse_protocol::random::split_mix(at) % 100) as u32).collect();
    model.learn(&text);
    let of_a_token = (model.bytes() - empty) as f64 / text.len() as f64;
    assert!((60.0..400.0).contains(&of_a_token), "{of_a_token} bytes per token");
}

#[test]
fn a_unigram_model_gives_every_token_a_share() {
    let mut model = Unigram::new(3);
    model.learn(&[0, 0, 1, 7]);
    let shares = [0, 1, 2].map(|token| (-model.nats(token)).exp());
    for (share, expected) in shares.into_iter().zip([3.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0]) {
        assert!((share - expected).abs() < 1e-12, "{shares:?}");
    }
}

fn compressed(mut compressor: Compressor, text: &[u8]) -> u64 {
    text.chunks(1000).for_each(|piece| compressor.take(piece).unwrap());
    compressor.finish().unwrap()
}

/// Sizes from Python's `gzip.compress(text, 9)` and `lzma.compress(text, preset=6)` for the same bytes: generated text, digits
/// without pattern, and a single repeated letter. CPython 3.11 with zlib 1.2.13.
#[test]
fn compressors_come_near_to_those_of_python() {
    let words = ["the ", "cat ", "sat ", "on ", "a ", "mat. ", "It ", "rained ", "all ", "day, ", "and "];
    let draw = |at: u64| glasshouse_protocol::random::split_mix(at);
    let sentences: String = (0..20_000).map(|at| words[(draw(at) % words.len() as u64) as usize]).collect();
    let digits: String = (0..5_000).map(|at| draw(at).to_string()).collect();
    let letters = "a".repeat(100_000);
    for (text, gzip, xz) in [(&sentences, 14_045, 12_808), (&digits, 46_739, 42_312), (&letters, 133, 148)] {
        let bytes = text.as_bytes();
        let ours = [
            compressed(Compressor::gzip(), bytes),
            compressed(Compressor::xz(bytes.len() as u64).unwrap(), bytes),
        ];
        for (own, theirs) in ours.into_iter().zip([gzip, xz]) {
            let least = theirs as f64 * 0.97 - 64.0;
            assert!((least..=theirs as f64 * 1.03 + 64.0).contains(&(own as f64)), "{own} against {theirs}");
        }
    }
}
