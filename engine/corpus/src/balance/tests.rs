//! Counts, scores and shares compared with values calculated by hand.

use super::*;
use crate::report::{Amount, CorpusCell};
use glasshouse_documents::document::Document;
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
fn shares_follow_weights_and_temperature() {
    let sizes = [("web", 800), ("books", 200)];
    assert!(Mixture::default().shares(&sizes).unwrap().is_empty());
    let warm = Mixture { temperature: 2.0, ..Mixture::default() };
    near(&shares(&warm, &sizes), &[2.0 / 3.0, 1.0 / 3.0]);
    let weighed = Mixture { weights: BTreeMap::from([("books".to_owned(), 2.0)]), ..Mixture::default() };
    near(&shares(&weighed, &sizes), &[2.0 / 3.0, 1.0 / 3.0]);
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
    assert!(Mixture::default().remarks(&sizes).is_empty());
    let nothing = Mixture { temperature: 5.0, ..Mixture::default() };
    assert!(nothing.shares(&[]).unwrap().is_empty() && nothing.table(&[]).unwrap().is_none());
    near(&shares(&nothing, &[("empty", 0), ("full", 9)]), &[0.0, 1.0]);
}

#[test]
fn settings_are_checked() {
    let refuses = |mixture: Mixture| mixture.validate().unwrap_err().to_string();
    assert!(refuses(Mixture { temperature: 0.5, ..Mixture::default() }).starts_with("mixture.temperature"));
    let weights = BTreeMap::from([("a".to_owned(), -1.0)]);
    assert!(refuses(Mixture { weights, ..Mixture::default() }).starts_with("mixture.weights"));
    let text = toml::to_string(&Mixture::default()).unwrap();
    assert_eq!(toml::from_str::<Mixture>(&text).unwrap(), Mixture::default());
}
