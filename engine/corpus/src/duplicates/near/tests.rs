//! Planted copies of known similarity: what is found, what is not, and at what cost.

use std::collections::BTreeSet;

use super::compare::Set;
use super::*;
use crate::duplicates::words;
use glasshouse_protocol::random::split_mix;

/// A seeded random number generator (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        let drawn = split_mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        drawn
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn words(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| format!("w{}", self.below(30_000))).collect()
    }

    fn edited(&mut self, words: &[String], places: usize) -> Vec<String> {
        let mut words = words.to_vec();
        for _ in 0..places {
            let at = self.below(words.len() as u64) as usize;
            words[at] = format!("x{}", self.below(1_000_000));
        }
        words
    }
}

/// Reference similarity by strings and a tree, independent of the code under test.
fn similarity_of(one: &str, other: &str, length: usize) -> f64 {
    let shingles = |text: &str| -> BTreeSet<String> {
        let words: Vec<&str> = text.split(' ').collect();
        words.windows(length).map(|window| window.join(" ")).collect()
    };
    let (one, other) = (shingles(one), shingles(other));
    one.intersection(&other).count() as f64 / one.union(&other).count() as f64
}

fn keys(signer: &Signer, text: &str) -> Option<Keys> {
    let mut signature = signer.begin();
    words::scan(text, &mut signature);
    signature.finish()
}

fn index_of(settings: &Settings, texts: &[String]) -> Index {
    let signer = Signer::new(settings);
    let mut index = Index::new(settings).unwrap();
    for text in texts {
        index.push(keys(&signer, text).as_ref()).unwrap();
    }
    index
}

fn from(texts: &[String]) -> impl FnMut(&[u32]) -> Result<Vec<String>> {
    |numbers| Ok(numbers.iter().map(|&number| texts[number as usize].clone()).collect())
}

fn decide(settings: &Settings, texts: &[String]) -> Decision {
    index_of(settings, texts).decide(&mut from(texts)).unwrap()
}

#[test]
fn true_similarity_is_the_similarity_of_strings() {
    let mut random = Random(1);
    for places in [0, 1, 3, 10, 40] {
        let words = random.words(300);
        let (one, other) = (words.join(" "), random.edited(&words, places).join(" "));
        let measured = Set::of(&one, 5).similarity(&Set::of(&other, 5));
        assert_eq!(measured, similarity_of(&one, &other, 5), "{places} places");
    }
    assert_eq!(Set::of("two words", 5).similarity(&Set::of("Two words!", 5)), 1.0);
    assert_eq!(Set::of("", 5).similarity(&Set::of("", 5)), 0.0);
}

#[test]
fn minhash_estimates_without_bias() {
    let settings = Settings::default();
    let signer = Signer::new(&settings);
    let minima = |text: &str| {
        let mut signature = signer.begin();
        words::scan(text, &mut signature);
        signature.minima()
    };
    let mut random = Random(3);
    let (mut deviation, mut variance, mut outside) = (0.0, 0.0, 0);
    let pairs = 400;
    for pair in 0..pairs {
        let words = random.words(200 + pair);
        let (one, other) = (words.join(" "), random.edited(&words, 1 + pair % 25).join(" "));
        let truth = similarity_of(&one, &other, 5);
        let (first, second) = (minima(&one), minima(&other));
        let agreeing = first.iter().zip(&second).filter(|(one, other)| one == other).count();
        let estimate = agreeing as f64 / first.len() as f64;
        let expected = truth * (1.0 - truth) / first.len() as f64;
        deviation += estimate - truth;
        variance += expected;
        outside += usize::from((estimate - truth).abs() > 3.0 * expected.sqrt());
    }
    assert!(deviation.abs() < 3.0 * variance.sqrt(), "mean off by {} sigma", deviation / variance.sqrt());
    // Three deviations contain 99.7 % of a normal distribution; the binomial's tails are a little heavier.
    assert!(outside <= 8, "{outside} of {pairs} estimates lie beyond three deviations");
}

/// Probability that two documents of this similarity share a band.
fn probability_of_meeting(settings: &Settings, similarity: f64) -> f64 {
    1.0 - (1.0 - similarity.powf(f64::from(settings.rows))).powf(f64::from(settings.bands))
}

#[test]
fn documents_meet_as_often_as_the_curve_says() {
    let settings = Settings::default();
    let documented =
        [0.7, 0.8].map(|similarity| format!("{:.3}", probability_of_meeting(&settings, similarity)));
    assert_eq!(documented, ["0.613", "0.947"]);
    let signer = Signer::new(&settings);
    let mut random = Random(4);
    let (mut met, mut expected, mut variance) = (0.0, 0.0, 0.0);
    for pair in 0..1500 {
        let words = random.words(250);
        let (one, other) = (words.join(" "), random.edited(&words, 4 + pair % 16).join(" "));
        let probability = probability_of_meeting(&settings, similarity_of(&one, &other, 5));
        let (first, second) = (keys(&signer, &one).unwrap(), keys(&signer, &other).unwrap());
        met += f64::from(u8::from(first.bands.iter().zip(&second.bands).any(|(one, other)| one == other)));
        expected += probability;
        variance += probability * (1.0 - probability);
    }
    let away = (met - expected) / f64::sqrt(variance);
    assert!(away.abs() < 3.0, "{met} met, {expected} expected: {away} deviations");
    assert!((300.0..1200.0).contains(&met), "the test covers the curve's slope: {met}");
}

/// Shuffled originals and copies of many similarities; with the true similarity of each copy to its original.
fn planted(seed: u64, originals: usize) -> (Vec<String>, Vec<(usize, usize, f64)>) {
    let mut random = Random(seed);
    let mut texts: Vec<(usize, Option<usize>, String)> = Vec::new();
    for original in 0..originals {
        let length = 100 + random.below(400) as usize;
        let words = random.words(length);
        texts.push((original, None, words.join(" ")));
        if original % 2 == 0 {
            let places = random.below(length as u64 / 12) as usize;
            texts.push((original, Some(original), random.edited(&words, places).join(" ")));
        }
    }
    for at in (1..texts.len()).rev() {
        texts.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut truth = Vec::new();
    for (at, (original, copy, text)) in texts.iter().enumerate() {
        if copy.is_some()
            && let Some(other) =
                texts.iter().position(|(number, copy, _)| number == original && copy.is_none())
        {
            truth.push((at.min(other), at.max(other), similarity_of(text, &texts[other].2, 5)));
        }
    }
    (texts.into_iter().map(|(_, _, text)| text).collect(), truth)
}

#[test]
fn planted_copies_are_found_with_stated_precision_and_recall() {
    let settings = Settings::default();
    let (texts, truth) = planted(5, 1600);
    let decision = decide(&settings, &texts);
    let dropped: BTreeSet<usize> = decision.dropped.iter().map(|dropped| dropped.document as usize).collect();
    // Precision 1: every dropped document reaches the threshold with the kept one.
    for one in &decision.dropped {
        let similarity = similarity_of(&texts[one.document as usize], &texts[one.kept as usize], 5);
        assert_eq!(one.similarity, similarity);
        assert!(similarity >= settings.similarity);
        assert!(!dropped.contains(&(one.kept as usize)));
    }
    let above: Vec<_> = truth.iter().filter(|(_, _, similarity)| *similarity >= 0.85).collect();
    let found = above.iter().filter(|(_, later, _)| dropped.contains(later)).count();
    let recall = found as f64 / above.len() as f64;
    assert!(above.len() > 150, "{}", above.len());
    assert!(recall >= 0.98, "recall {recall} of {}", above.len());
    let below = || truth.iter().filter(|(_, _, similarity)| *similarity < settings.similarity);
    assert_eq!(below().filter(|(_, later, _)| dropped.contains(later)).count(), 0);
    assert!(below().count() > 5, "{}", below().count());
}

/// Pairs of 300 words that differ in one word of `one_in`, evenly spread or at random: returns how many are dropped, and how
/// many meet in a band of FineWeb's 14 × 8.
fn pairs_found(one_in: u64, spread: bool, seed: u64) -> (usize, usize) {
    let mut random = Random(seed);
    let fineweb = Settings { bands: 14, permutations: 112, ..Settings::default() };
    let signer = Signer::new(&fineweb);
    let (mut texts, mut met) = (Vec::new(), 0);
    for _ in 0..200 {
        let words = random.words(300);
        let mut other = words.clone();
        for (at, word) in other.iter_mut().enumerate() {
            let changed = if spread { at as u64 % one_in == one_in / 2 } else { random.below(one_in) == 0 };
            if changed {
                *word = format!("x{}", random.below(1_000_000));
            }
        }
        let pair = [words.join(" "), other.join(" ")];
        let [one, other] = [&pair[0], &pair[1]].map(|text| keys(&signer, text).unwrap());
        met += usize::from(one.bands.iter().zip(&other.bands).any(|(one, other)| one == other));
        texts.extend(pair);
    }
    (decide(&Settings::default(), &texts).dropped.len(), met)
}

#[test]
fn one_word_in_33_and_in_25_is_found_as_often_as_finewebs_bands_find_it() {
    for (one_in, spread, at_least) in [(33, true, 135), (33, false, 135), (25, true, 80), (25, false, 80)] {
        let (found, fineweb) = pairs_found(one_in, spread, 20 + one_in);
        println!("one word in {one_in}: {found} of 200 pairs, by FineWeb's bands {fineweb}");
        assert!(found >= at_least, "one in {one_in}: {found} of 200");
        assert!(found >= fineweb, "one in {one_in}: {found} of 200, FineWeb's bands {fineweb}");
    }
}

#[test]
fn ten_thousand_copies_take_ten_thousand_comparisons() {
    let mut random = Random(6);
    let text = random.words(60).join(" ");
    let texts = vec![text; 10_000];
    let decision = decide(&Settings::default(), &texts);
    assert_eq!(decision.dropped.len(), 9_999);
    assert!(decision.dropped.iter().all(|dropped| dropped.kept == 0 && dropped.similarity == 1.0));
    assert_eq!(decision.comparisons, 9_999);
    assert_eq!(decision.loads, 10_000);
}

#[test]
fn unlike_pages_that_meet_at_one_key_take_no_square_of_comparisons() {
    // With these settings almost everything meets: pages of one template with little content.
    let settings = Settings { permutations: 4, bands: 4, rows: 1, ..Settings::default() };
    let mut random = Random(7);
    let frame = random.words(100).join(" ");
    let texts: Vec<String> = (0..2000).map(|_| format!("{frame} {}", random.words(80).join(" "))).collect();
    let decision = decide(&settings, &texts);
    assert!(decision.dropped.is_empty());
    assert!(decision.comparisons <= 2000 * 4 * 16, "{}", decision.comparisons);
}

#[test]
fn a_chain_is_not_dropped_whole() {
    // Each is a copy of its neighbour; the ends share little.
    let mut random = Random(8);
    let words = random.words(2000);
    let texts: Vec<String> = (0..12).map(|at| words[at * 40..at * 40 + 600].join(" ")).collect();
    let decision = decide(&Settings::default(), &texts);
    assert!(!decision.dropped.is_empty());
    for dropped in &decision.dropped {
        assert!(similarity_of(&texts[dropped.document as usize], &texts[dropped.kept as usize], 5) >= 0.5);
    }
    let kept = texts.len() - decision.dropped.len();
    assert!(kept >= 2, "{kept} of 12 kept");
}

#[test]
fn threads_change_nothing() {
    let settings = Settings::default();
    let (texts, _) = planted(9, 500);
    let one = decide(&settings, &texts);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| {
            use rayon::prelude::*;
            let signer = Signer::new(&settings);
            let mut index = Index::new(&settings).unwrap();
            for batch in texts.chunks(37 * threads) {
                let marks: Vec<_> = batch.par_iter().map(|text| keys(&signer, text)).collect();
                marks.iter().for_each(|keys| {
                    index.push(keys.as_ref()).unwrap();
                });
            }
            index.decide(&mut from(&texts)).unwrap()
        });
        assert_eq!(one, again);
    }
}

#[test]
fn the_first_copy_is_kept_and_said_why() {
    let mut random = Random(10);
    let words = random.words(400);
    let other = random.words(300).join(" ");
    let texts = vec![words[..380].join(" "), other, words.join(" "), words[..390].join(" ")];
    let first = decide(&Settings::default(), &texts);
    assert_eq!(first.dropped.iter().map(|one| one.document).collect::<Vec<_>>(), [2, 3]);

    let reason = first.reason(&first.dropped[0], "page");
    let bands = first.dropped[0].bands;
    assert!((1..=16).contains(&bands), "{bands}");
    assert_eq!(
        reason,
        format!("similarity 0.949, {bands} of 16 bands agree (threshold 0.50): near copy of page")
    );

    let clusters = first.clusters();
    assert_eq!((clusters.len(), clusters[&0].len()), (1, 2));
}

#[test]
fn documents_without_words_are_nobodys_copies() {
    let texts = vec![String::new(), "---".into(), String::new(), "one two".into(), "One, two.".into()];
    let decision = decide(&Settings::default(), &texts);
    assert_eq!(decision.dropped.iter().map(|one| (one.document, one.kept)).collect::<Vec<_>>(), [(4, 3)]);
}

#[test]
fn bytes_are_as_stated() {
    let settings = Settings::default();
    let signer = Signer::new(&settings);
    let mut index = Index::new(&settings).unwrap();
    let keys = keys(&signer, "a b c d e f").unwrap();
    for _ in 0..40_000 {
        index.push(Some(&keys)).unwrap();
    }
    assert_eq!(settings.bytes_per_document(), 68);
    let each = index.bytes() as f64 / 40_000.0;
    assert!((68.0..76.0).contains(&each), "{each}");
}

#[test]
fn an_error_of_loading_is_passed_on() {
    let texts = vec!["a b c d e f g".to_string(); 2];
    let index = index_of(&Settings::default(), &texts);
    let mut load = |_: &[u32]| Err(Error::Refused("gone".into()));
    assert_eq!(index.decide(&mut load).unwrap_err().to_string(), "gone");
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |settings: Settings| settings.validate().unwrap_err().to_string();
    let default = Settings::default();
    assert!(
        refused(Settings { bands: 17, ..default.clone() })
            .contains("17 × 8 = 136: at most permutations, 128")
    );
    assert!(refused(Settings { rows: 0, ..default.clone() }).contains("rows is 0"));
    assert!(refused(Settings { shingle_words: 33, ..default.clone() }).contains("from 1 to 32"));
    assert!(refused(Settings { similarity: f64::NAN, ..default.clone() }).contains("NaN"));
    let keys = Signer::new(&Settings { bands: 2, ..default.clone() });
    let keys = super::tests::keys(&keys, "a b").unwrap();
    assert!(
        Index::new(&default).unwrap().push(Some(&keys)).unwrap_err().to_string().contains("other settings")
    );
}
