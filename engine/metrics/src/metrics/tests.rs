//! Expected values are from the reference packages; `tests/tests/metrics.rs` compares with the packages themselves.

use super::classification::{Averages, Tally};
use super::entities::Scheme;
use super::*;
use pollster::block_on;
use proptest::prelude::*;

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn squad_drops_articles_after_punctuation() {
    let score = |answer: &str, expected: &[&str]| {
        let expected = owned(expected);
        let row = Row { answer, expected: &expected };
        (exact(&row), f1(&row))
    };
    assert_eq!(score("The CAT!", &["a cat"]), (1.0, 1.0));
    assert_eq!(score("a.m.", &["am"]), (1.0, 1.0));
    // A combining mark is not a letter, so the article before it is removed.
    assert_eq!(score("a\u{301} b", &["\u{301} b"]), (1.0, 1.0));
    assert_eq!(score("", &["the"]), (1.0, 1.0));
    assert_eq!(score("", &["cat"]), (0.0, 0.0));
    assert_eq!(score("cat", &[]), (0.0, 0.0));
    let expected = owned(&[
        "A happy cat ran.\nNaive as it was, it adjusts 1000 relations and an oscillator",
        "Cats were running",
    ]);
    let answer =
        "The happily running cats, naïve as they were,\nwere adjusting 1,000 relational oscillators.";
    let row = Row { answer, expected: &expected };
    near(f1(&row), 0.4);
    let plain = rouge(&row, false);
    assert_eq!([plain.rouge_1, plain.rouge_2].map(|score| score.precision), [0.2, 0.0]);
    near(plain.rouge_l.f1, 0.222_222_222_222_222_2);
    let stems = rouge(&row, true);
    near(stems.rouge_1.f1, 0.333_333_333_333_333_37);
}

#[test]
fn bleu_and_chrf_are_sacrebleus() {
    let texts = [
        owned(&["A cat sat on the U.S. mat and \"3.5-4\" of 1,000 saw it.", "The cat sat."]),
        owned(&["漢字, e.g. 東京, are hard!"]),
    ];
    let rows = [
        Row {
            answer: "The cat sat on the U.S. mat, and &quot;3.5-4&quot; of 1,000 saw it.",
            expected: &texts[0],
        },
        Row { answer: "漢字 (e.g. 東京) is hard...", expected: &texts[1] },
    ];
    let found = bleu(&rows);
    near(found.score, 66.745_738_470_634_96);
    assert_eq!(sum(&found.rows), [35.0, 32.0, 28.0, 23.0, 20.0, 16.0, 35.0, 33.0, 31.0, 29.0]);
    assert_eq!(found.signature, "nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
    near(chrf(&rows).score, 60.033_853_070_753_36);
    assert_eq!(bleu(&rows[1..]).signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
    assert_eq!((bleu(&[]).score, chrf(&[]).score), (0.0, 0.0));
    let yield_now = async || ();
    let interval = block_on(found.interval(&Bootstrap::default(), &yield_now)).unwrap();
    assert!(interval[0] <= found.score && found.score <= interval[1], "{interval:?}");
    assert_eq!(block_on(bleu(&rows[..1]).interval(&Bootstrap::default(), &yield_now)), None);
}

#[test]
fn stems_are_nltks() {
    let stems = [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("ties", "tie"),
        ("flies", "fli"),
        ("died", "die"),
        ("spied", "spi"),
        ("agreed", "agre"),
        ("feed", "feed"),
        ("conflated", "conflat"),
        ("sized", "size"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("fizzed", "fizz"),
        ("enjoy", "enjoy"),
        ("spy", "spi"),
        ("rationally", "ration"),
        ("radicalli", "radic"),
        ("geologi", "geolog"),
        ("hopefulli", "hope"),
        ("vietnamization", "vietnam"),
        ("sensibiliti", "sensibl"),
        ("religion", "religion"),
        ("adoption", "adopt"),
        ("cease", "ceas"),
        ("controlling", "control"),
        ("roll", "roll"),
        ("skies", "sky"),
        ("yyyy", "yyyi"),
        ("x1y2ing", "x1y2e"),
        ("oed", "o"),
        ("eeed", "eeed"),
    ];
    for (word, expected) in stems {
        assert_eq!(porter::stem(word), expected, "{word}");
    }
}

#[test]
fn classification_is_scikit_learns() {
    let pairs =
        [("yes", "yes"), ("no", "yes"), ("maybe", "no"), ("no", "no"), ("yes", "maybe"), ("漢字", "yes")];
    let found = classification(&pairs);
    assert_eq!(found.labels, ["maybe", "no", "yes", "漢字"]);
    near(found.averages.macro_average.f1, 0.225);
    near(found.averages.weighted.f1, 0.3);
    near(found.accuracy, 1.0 / 3.0);
    assert_eq!(found.confusion(), [[0, 1, 0, 0], [0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]]);
    let report = "              precision    recall  f1-score   support

       maybe       0.00      0.00      0.00         1
          no       0.50      0.50      0.50         2
         yes       0.33      0.50      0.40         2
          漢字       0.00      0.00      0.00         1

    accuracy                           0.33         6
   macro avg       0.21      0.25      0.23         6
weighted avg       0.28      0.33      0.30         6
";
    assert_eq!(found.report(), report);
    // 0.625 is printed as 0.62 (round half to even); and if nothing is correct, the support is a float.
    let tied: Vec<(&str, &str)> = (0..16).map(|row| ("a", if row < 5 { "a" } else { "b" })).collect();
    assert!(classification(&tied[..8]).report().contains("a       1.00      0.62      0.77         8"));
    assert!(classification(&[("a", "b")]).report().contains("0.00       1.0\n"));
    let nothing = classification::<&str>(&[]);
    assert_eq!((nothing.accuracy, nothing.report().as_str()), (0.0, ""));
    let of = |averages: &Averages| averages.macro_average.f1;
    let interval = block_on(found.interval(&Bootstrap::default(), of, &async || ())).unwrap();
    assert!(interval[0] < 0.225 && interval[1] > 0.225, "{interval:?}");
}

#[test]
fn entities_are_seqevals_by_default_and_strictly() {
    let tags = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let rows = [
        (tags("O B-PER I-PER O B-LOC"), tags("O I-PER I-PER O B-LOC")),
        (tags("B-ORG O"), tags("B-ORG I-LOC")),
    ];
    let lenient = entities(&rows, Scheme::Lenient);
    near(lenient.averages.micro.f1, 0.857_142_857_142_857_1);
    near(lenient.averages.macro_average.f1, 0.888_888_888_888_888_8);
    assert_eq!(lenient.tallies[0], Tally { right: 1, answered: 2, expected: 1 });
    assert!(lenient.report().ends_with("weighted avg       0.83      1.00      0.89         3\n"));
    let strict = entities(&rows, Scheme::Iob2);
    near(strict.averages.micro.f1, 0.8);
    near(strict.averages.weighted.f1, 0.666_666_666_666_666_6);
    assert_eq!(strict.rows, [[1.0, 1.0, 2.0], [1.0, 1.0, 1.0]]);
    // Answers that are too short, too long or nonsense are just wrong.
    let odd = [(tags("B-PER I-PER"), tags("B-PER")), (tags("O"), tags("O B-PER")), (tags("O"), tags("?"))];
    assert_eq!(entities(&odd, Scheme::Iob2).rows, [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]);
    assert_eq!(entities::<String>(&[], Scheme::Lenient).averages, Averages::default());
}

#[test]
fn calibration_takes_its_upper_edges() {
    let values =
        [(0.95, true), (0.91, false), (0.5, true), (0.33, false), (0.34, true), (0.05, false), (0.99, true)];
    let sums = |values: &[(f64, bool)]| {
        let mut sums = calibration::NONE;
        values.iter().for_each(|(confidence, right)| calibration::add(&mut sums, *confidence, *right));
        sums
    };
    near(calibration::ece(sums(&values)), 0.358_571_428_571_428_54);
    let bins = calibration::bins(&sums(&[(0.0, false), (1.0 / 15.0, true), (0.2, true), (1.0, true)]));
    let counts: Vec<u64> = bins.iter().map(|bin| bin.count).collect();
    assert_eq!(counts, [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!((bins[0].accuracy, bins[14].confidence), (0.5, 1.0));
    assert!(calibration::ece(calibration::NONE).is_nan());
}

/// The last length in the whole table.
fn common(text: &[u32], pattern: &[u32]) -> usize {
    let mut table = vec![vec![0; pattern.len() + 1]; text.len() + 1];
    for (i, a) in text.iter().enumerate() {
        for (j, b) in pattern.iter().enumerate() {
            table[i + 1][j + 1] = if a == b { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
        }
    }
    table[text.len()][pattern.len()]
}

fn sequence() -> impl Strategy<Value = Vec<u32>> {
    (1u32..9).prop_flat_map(|letters| proptest::collection::vec(0..letters, 0..200))
}

proptest! {
    #[test]
    fn common_subsequences_are_those_of_the_table(text in sequence(), pattern in sequence()) {
        prop_assert_eq!(lcs::length(&pattern, &text), common(&text, &pattern));
    }

    #[test]
    fn any_text_has_scores(answer in "\\PC*", other in ".*", more in "[ a-z0-9.,&;<>'\n\t-]*") {
        for answer in [&answer, &other, &more] {
            let expected = [other.clone(), more.clone()];
            let row = Row { answer, expected: &expected };
            let found = rouge(&row, true);
            let shares = [exact(&row), f1(&row), found.rouge_1.f1, found.rouge_2.f1, found.rouge_l.f1];
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{:?}", shares);
            let scores = [bleu(&[row, row]).score, chrf(&[row]).score];
            prop_assert!(scores.iter().all(|score| (0.0..=100.0 + 1e-9).contains(score)), "{:?}", scores);
            let same = [answer.clone()];
            let row = Row { answer, expected: &same };
            prop_assert_eq!((exact(&row), f1(&row)), (1.0, 1.0));
        }
    }

    #[test]
    fn any_labels_and_tags_have_scores(rows in proptest::collection::vec(("\\PC{0,3}", "[OBIES.-]{0,3}"), 0..20)) {
        let found = classification(&rows);
        prop_assert!(!found.report().contains("NaN"));
        let tags: Vec<(Vec<String>, Vec<String>)> =
            rows.chunks(3).map(|rows| rows.iter().cloned().unzip()).collect();
        for scheme in [Scheme::Lenient, Scheme::Iob2] {
            let found = entities(&tags, scheme);
            prop_assert!((0.0..=1.0).contains(&found.averages.micro.f1));
            prop_assert!(!found.report().contains("NaN"));
        }
    }
}
