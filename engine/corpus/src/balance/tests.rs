//! Counts, scores and shares compared with values calculated by hand.

use super::*;
use crate::report::{Amount, CorpusCell};
use glasshouse_documents::document::Document;
use glasshouse_documents::files::SystemFiles;
use std::collections::BTreeMap;

fn document(id: &str, source: &str, text: &str) -> Document {
    Document { id: id.to_owned(), source: source.to_owned(), text: text.to_owned(), ..Document::default() }
}

fn shares(mixture: &Mixture, sizes: &[(&str, u64)]) -> Vec<f64> {
    let shares = mixture.shares(sizes).unwrap();
    sizes.iter().map(|(source, _)| shares[*source]).collect()
}

#[track_caller]
fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
    }
}

#[test]
fn a_tally_puts_raw_beside_kept() {
    let (mut raw, mut kept) = (Tally::default(), Tally::default());
    for (number, words) in [3_u64, 4, 7, 8, 0].into_iter().enumerate() {
        let mut document = document(&number.to_string(), if number < 2 { "web" } else { "books" }, "");
        document.licence = (number == 0).then(|| "CC0-1.0".to_owned());
        document.date = (number < 3).then(|| format!("{number} May 199{number}"));
        let amount = Amount { documents: 1, bytes: words * 5, words };
        raw.add(&document, amount);
        if number > 0 {
            kept.add(&document, amount);
        }
    }
    let tables = tables(&raw, &kept);
    let keys: Vec<&str> = tables.iter().map(|table| table.key.as_str()).collect();
    assert_eq!(keys, ["source", "licence", "length", "date"]);
    let column = |table: usize, column: usize| -> Vec<CorpusCell> {
        tables[table].rows.iter().map(|row| row[column].clone()).collect()
    };
    assert_eq!(column(0, 0), ["books".into(), "web".into()] as [CorpusCell; 2]);
    assert_eq!(column(0, 1), [3_u64.into(), 2_u64.into()] as [CorpusCell; 2]);
    assert_eq!(column(0, 4), [0.75.into(), 0.25.into()] as [CorpusCell; 2]);
    assert_eq!(column(2, 0), ["0", "1", "2–3", "4–7", "8–15"].map(CorpusCell::from));
    assert_eq!(column(2, 1), [1_u64, 0, 1, 2, 1].map(CorpusCell::from));
    assert_eq!(column(2, 2), [1_u64, 0, 0, 2, 1].map(CorpusCell::from));
    assert_eq!(column(3, 0), ["1990", "1991", "1992", "unknown"].map(CorpusCell::from));
}

#[test]
fn a_table_of_many_names_is_bounded_and_loses_nothing() {
    let mut tally = Tally::default();
    for number in 0..12_000 {
        tally.add(
            &document("", &format!("source {number:05}"), ""),
            Amount { documents: 1, bytes: 2, words: 1 },
        );
    }
    assert_eq!(tally.source.0.len(), 10_001);
    let table = &tables(&tally, &Tally::default())[0];
    assert_eq!(table.rows.len(), 100);
    assert_eq!(table.rows.iter().filter_map(|row| row[1].number()).sum::<f64>(), 12_000.0);
}

#[test]
fn what_stands_beside_terms_tells_them_apart() {
    let settings = Settings {
        pairs: vec![["he/him".to_owned(), "she/her".to_owned()], ["king".to_owned(), "queen".to_owned()]],
        window: 2,
        ..Settings::default()
    };
    let mut terms = Terms::new(&settings).unwrap();
    for _ in 0..20 {
        terms.add("He rules the land. The man saw him rule, then they.", 11);
        terms.add("She sings the song; the woman saw her sing.", 9);
    }
    terms.add("The king, the KING! Nothing.", 5);
    let sides: Vec<_> = terms.sides().collect();
    let [(_, he, _), (_, she, _), (_, king, _), (_, queen, _)] = sides[..] else { panic!("four terms") };
    assert_eq!((he.count, he.documents, she.count), (40, 20, 40));
    let words = |list: &[terms::Beside]| list.iter().map(|one| one.word.clone()).collect::<Vec<_>>();
    assert_eq!(words(&terms.typical(he, she)), ["man", "rule", "rules", "then"]);
    assert_eq!(words(&terms.typical(she, he)), ["sing", "sings", "woman"]);
    let most = terms.most(he, she);
    assert!(words(&most).contains(&"saw".to_owned()) && !words(&most).contains(&"the".to_owned()));
    assert!(most.iter().all(|one| one.count == 20));
    assert_eq!((king.count, king.documents, queen.count), (2, 1, 0));
    assert!(terms.typical(queen, king).is_empty());
    let table = terms.table().unwrap();
    assert_eq!(table.rows.len(), 4);
    assert!((table.rows[0][2].number().unwrap() - 40.0 * 1e6 / 405.0).abs() < 1e-6);
}

#[test]
fn log_odds_as_in_the_paper() {
    // Calculated by hand: prior 10 of 1000, counts 30 of 1000 and 10 of 2000.
    let expected =
        ((40.0_f64 / 1960.0).ln() - (20.0_f64 / 2980.0).ln()) / (1.0_f64 / 40.0 + 1.0 / 20.0).sqrt();
    assert!((terms::log_odds([30.0, 1000.0], [10.0, 2000.0], [10.0, 1000.0]) - expected).abs() < 1e-12);
    assert_eq!(terms::log_odds([5.0, 100.0], [5.0, 100.0], [3.0, 9.0]), 0.0);
}

#[test]
fn neighbours_are_bounded_and_frequent_ones_stay() {
    let settings =
        Settings { pairs: vec![["he".to_owned(), "she".to_owned()]], window: 2, ..Settings::default() };
    let mut terms = Terms::new(&settings).unwrap();
    for number in 0..40_000 {
        terms.add(&format!("always he w{number}"), 3);
    }
    let (_, he, she) = terms.sides().next().unwrap();
    assert!(he.missing > 0 && he.missing < 10);
    let most = &terms.most(he, she)[0];
    assert_eq!((most.word.as_str(), most.count + he.missing), ("always", 40_000));
}

#[test]
fn listed_words_are_counted_and_shown_masked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    std::fs::write(&path, "# words\nbad word\nworse\n").unwrap();
    let settings =
        Settings { safety_words: vec!["vile".to_owned()], safety_file: Some(path), ..Settings::default() };
    let mut safety = Safety::new(&settings, &SystemFiles).unwrap();
    let mask = |text: &str| text.replace("jane", "••••");
    safety.add(&document("a", "web", "A bad word by jane is WORSE than a bad word."), mask);
    safety.add(&document("b", "web", "Nothing, viler or not."), mask);
    safety.add(&document("c", "books", "vile"), mask);
    let tables = safety.tables();
    assert_eq!(tables[0].note, "2 of 3 kept documents contain words of the list.");
    let count = |name: &str, found: u64, documents: u64| -> [CorpusCell; 3] {
        [name.into(), found.into(), documents.into()]
    };
    let counts =
        |table: usize| -> Vec<_> { tables[table].rows.iter().map(|row| row[..3].to_vec()).collect() };
    assert_eq!(counts(0), [count("bad word", 2, 1), count("vile", 1, 1), count("worse", 1, 1)]);
    assert_eq!(counts(1), [count("web", 3, 1), count("books", 1, 1)]);
    let excerpts: Vec<_> = tables[2].rows.iter().map(|row| row[2].clone()).collect();
    for excerpt in ["A ••• •••• by •••• is ••••• than a ••• ••••.", "••••"]
    {
        assert!(excerpts.contains(&excerpt.into()), "{excerpts:?}");
    }
}

#[test]
fn places_are_drawn_by_id_and_not_by_turn() {
    let settings = Settings { safety_words: vec!["vile".to_owned()], ..Settings::default() };
    let drawn = |ids: &mut dyn Iterator<Item = usize>| {
        let mut safety = Safety::new(&settings, &SystemFiles).unwrap();
        ids.for_each(|id| safety.add(&document(&id.to_string(), "web", "a vile thing"), str::to_owned));
        safety.tables().remove(2).rows
    };
    let forth = drawn(&mut (0..500));
    assert_eq!(forth.len(), 20);
    assert_eq!(forth, drawn(&mut (0..500).rev()));
}

#[test]
fn shares_follow_weights_and_temperature() {
    let sizes = [("web", 800), ("books", 200)];
    assert!(Mixture::default().shares(&sizes).unwrap().is_empty());
    let warm = Mixture { temperature: 2.0, ..Mixture::default() };
    near(&shares(&warm, &sizes), &[2.0 / 3.0, 1.0 / 3.0]);
    let weighed = Mixture { weights: BTreeMap::from([("books".to_owned(), 2.0)]), ..Mixture::default() };
    near(&shares(&weighed, &sizes), &[2.0 / 3.0, 1.0 / 3.0]);
    let limited = Mixture { most_share: 0.5, ..Mixture::default() };
    near(&shares(&limited, &[("a", 700), ("b", 200), ("c", 100)]), &[0.5, 1.0 / 3.0, 1.0 / 6.0]);
    // The excess of the first raises the second above the limit too.
    let low = Mixture { most_share: 0.4, ..Mixture::default() };
    near(&shares(&low, &[("a", 700), ("b", 280), ("c", 20)]), &[0.4, 0.4, 0.2]);
    let rows = weighed.table(&sizes).unwrap().unwrap().rows;
    let number = |row: usize, column: usize| rows[row][column].number().unwrap();
    near(&[number(0, 2), number(0, 4), number(1, 4)], &[0.8, 2.5 / 3.0, 5.0 / 3.0]);
}

#[test]
fn a_mixture_that_cannot_be_is_met_halfway_and_said() {
    let sizes = [("web", 800), ("books", 200)];
    let none = Mixture {
        weights: BTreeMap::from([
            ("web".to_owned(), 0.0),
            ("books".to_owned(), 0.0),
            ("bocks".to_owned(), 1.0),
        ]),
        ..Mixture::default()
    };
    near(&shares(&none, &sizes), &[0.8, 0.2]);
    let remarks = none.remarks(&sizes);
    assert!(remarks[0].contains("bocks") && remarks[0].contains("books"), "{remarks:?}");
    assert!(remarks[1].contains("sampled by size"), "{remarks:?}");
    let low = Mixture { most_share: 0.1, ..Mixture::default() };
    near(&shares(&low, &sizes), &[0.5, 0.5]);
    assert_eq!(low.remarks(&sizes).len(), 1);
    assert!(Mixture::default().remarks(&sizes).is_empty());
    let nothing = Mixture { temperature: 5.0, ..Mixture::default() };
    assert!(nothing.shares(&[]).unwrap().is_empty() && nothing.table(&[]).unwrap().is_none());
    near(&shares(&nothing, &[("empty", 0), ("full", 9)]), &[0.0, 1.0]);
}

#[test]
fn caps_draw_by_lot_and_not_by_order() {
    let mixture = Mixture {
        cap: Cap { documents: Some(2), bytes: None },
        caps: BTreeMap::from([("b".to_owned(), Cap { documents: None, bytes: Some(100) })]),
        ..Mixture::default()
    };
    let sources = ["a".to_owned(), "b".to_owned()];
    let mut candidates = vec![
        (0, 0, 10, 9),
        (1, 0, 10, 3),
        (2, 0, 10, 5),
        (3, 1, 60, 4),
        (4, 1, 500, 1),
        (5, 1, 40, 7),
        (6, 1, 1, 8),
    ];
    let beyond = mixture.beyond_caps(&sources, &candidates);
    let numbers: Vec<u32> = beyond.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 4, 6]);
    assert_eq!(beyond[0].1, "random sample: a may have at most 2 documents");
    candidates.reverse();
    assert_eq!(mixture.beyond_caps(&sources, &candidates), beyond);
    assert!(Mixture::default().beyond_caps(&sources, &candidates).is_empty());
}

#[test]
fn settings_are_checked() {
    let refuses = |settings: Settings| settings.validate().unwrap_err().to_string();
    let pair = |left: &str| vec![[left.to_owned(), "b".to_owned()]];
    assert!(
        refuses(Settings { pairs: pair("two words"), ..Settings::default() }).starts_with("balance.pairs")
    );
    assert!(refuses(Settings { pairs: pair("a//b"), ..Settings::default() }).contains("is not a word"));
    assert!(refuses(Settings { window: 0, ..Settings::default() }).starts_with("balance.window is 0"));
    assert!(refuses(Settings { shown: 1000, ..Settings::default() }).starts_with("balance.shown"));
    assert!(
        refuses(Settings { safety_words: vec![String::new()], ..Settings::default() })
            .contains("safety_words")
    );
    let refuses = |mixture: Mixture| mixture.validate().unwrap_err().to_string();
    assert!(refuses(Mixture { temperature: 0.5, ..Mixture::default() }).starts_with("mixture.temperature"));
    assert!(
        refuses(Mixture { most_share: f64::NAN, ..Mixture::default() }).starts_with("mixture.most_share")
    );
    let weights = BTreeMap::from([("a".to_owned(), -1.0)]);
    assert!(refuses(Mixture { weights, ..Mixture::default() }).starts_with("mixture.weights"));
    let text = toml::to_string(&Mixture::default()).unwrap();
    assert_eq!(toml::from_str::<Mixture>(&text).unwrap(), Mixture::default());
    let text = toml::to_string(&Settings::default()).unwrap();
    assert_eq!(toml::from_str::<Settings>(&text).unwrap(), Settings::default());
}
