//! Tests of the recorders, and of the report's JSON round trip.

use super::*;
use glasshouse_protocol::blocks::Block;
use glasshouse_protocol::cleaning::blocks::{blocks, summary};

fn about(name: &str) -> About {
    About { name: name.to_owned(), title: name.to_owned(), ..About::default() }
}

fn amount(bytes: u64) -> Amount {
    Amount { documents: 1, bytes, words: bytes / 5 }
}

#[test]
fn words_are_runs_of_what_is_not_white_space() {
    assert_eq!(words(""), 0);
    assert_eq!(words("  one two\tthree\u{b}four\n"), 4);
    assert_eq!(words("eins\u{a0}zwei\u{2003}drei \u{fc}"), 4);
}

#[test]
fn recorders_choose_the_same_victims_in_whatever_order() {
    let ids: Vec<String> = (0..200).map(|number| format!("page-{number}")).collect();
    let record = |ids: &[String]| {
        let mut recorder = StageRecorder::new(about("gopher.word_count"));
        for id in ids {
            recorder
                .drop(id, "web", amount(100), "20 words, at least 50 required", || format!("text of {id}"));
            recorder.count("lines", 2);
        }
        recorder
    };
    let whole = record(&ids).finish();
    assert_eq!(whole.victims.len(), 5);
    assert_eq!(whole.removed, Amount { documents: 200, bytes: 20_000, words: 4_000 });
    let mut reversed = ids.clone();
    reversed.reverse();
    assert_eq!(record(&reversed).finish(), whole);
    let other = {
        let mut recorder = StageRecorder::new(about("c4.curly_bracket"));
        for id in &ids {
            recorder.drop(id, "web", amount(100), "a bracket", String::new);
        }
        recorder.finish()
    };
    let names = |stage: &Stage| stage.victims.iter().map(|victim| victim.id.clone()).collect::<Vec<_>>();
    assert_ne!(names(&whole), names(&other), "each stage shows documents of its own");
}

#[test]
fn an_excerpt_is_made_only_for_who_is_shown() {
    let mut recorder = StageRecorder::new(about("rule"));
    let mut made = 0;
    for number in 0..10_000 {
        recorder.drop(&format!("{number}"), "web", amount(10), "reason", || {
            made += 1;
            String::new()
        });
    }
    assert!(made < 200, "{made} excerpts for five victims");
}

#[test]
fn a_change_is_shown_around_its_first_difference() {
    let head = "the same words over and over ".repeat(100);
    let mut recorder = StageRecorder::new(about("c4.lines"));
    let (before, after) = (format!("{head}old end"), format!("{head}new end"));
    recorder.edit("a", "web", Amount::from_text(&before), Amount::from_text(&after), || {
        (before.clone(), after.clone())
    });
    let stage = recorder.finish();
    let example = stage.changes.first().expect("one change");
    assert!(
        example.before.starts_with("… ") && example.before.ends_with("old end") && example.before.len() < 200,
        "{example:?}"
    );
    assert!(example.after.ends_with("new end"), "{example:?}");
    assert_eq!(stage.edited.before.documents, 1);
}

#[test]
fn stages_in_a_row_hand_on_what_is_left() {
    let mut first = StageRecorder::new(about("first"));
    first.drop("a", "web", Amount { documents: 1, bytes: 30, words: 6 }, "short", String::new);
    let mut second = StageRecorder::new(about("second"));
    let (before, after) =
        (Amount { documents: 1, bytes: 50, words: 10 }, Amount { documents: 1, bytes: 60, words: 9 });
    second.edit("b", "web", before, after, || ("x".to_owned(), "y".to_owned()));
    let stages = StageRecorder::chain(Amount { documents: 3, bytes: 100, words: 20 }, [first, second]);
    let befores: Vec<_> = stages.iter().map(|stage| stage.before.bytes).collect();
    assert_eq!(befores, [100, 70]);
    assert_eq!(stages[1].after(), Amount { documents: 2, bytes: 80, words: 13 });
}

#[test]
fn the_largest_duplicate_groups_are_shown_and_all_are_counted() {
    let mut recorder = DuplicateRecorder::new(about("duplicates.near"), "MinHash", Some(512));
    for size in 2..40_u64 {
        recorder.cluster(size, || Cluster {
            members: (0..size)
                .map(|number| Member { id: format!("{size}-{number}"), ..Member::default() })
                .collect(),
            ..Cluster::default()
        });
    }
    let found = recorder.finish();
    assert_eq!((found.clusters, found.documents), (38, (2..40).sum()));
    let sizes: Vec<u64> = found.largest.iter().map(|cluster| cluster.size).collect();
    assert_eq!(sizes, (28..40).rev().collect::<Vec<_>>());
    assert!(found.largest.iter().all(|cluster| cluster.members.len() <= 6));
}

#[test]
fn troubles_are_all_counted_and_the_first_ones_listed() {
    let mut recorder = TroubleRecorder::default();
    (0..1500).for_each(|number| recorder.add(&format!("file-{number}"), "broken"));
    let troubles = recorder.finish();
    assert_eq!((troubles.count, troubles.listed.len()), (1500, 1000));
    assert_eq!((troubles.kinds.len(), troubles.kinds[0].count), (1, 1500));
}

#[test]
fn troubles_are_summed_by_kind() {
    let mut recorder = TroubleRecorder::default();
    recorder.add("a.pdf", "is a PDF without text (3 pages); recognise it");
    for line in 0..30 {
        recorder
            .add(&format!("b.jsonl#{line}"), &format!("is not JSON: line {line}, \"x{line}\" is unknown"));
    }
    let kinds = recorder.finish().kinds;
    let kinds: Vec<_> = kinds.iter().map(|kind| (kind.count, kind.first.place.as_str())).collect();
    assert_eq!(kinds, [(30, "b.jsonl#0"), (1, "a.pdf")]);
}

#[test]
fn a_cleaning_without_training_text_is_warned_of() {
    let documents = |documents| Amount { documents, ..Amount::default() };
    let stage = Stage { about: about("held-out-overlap"), removed: documents(54), ..Stage::default() };
    let (kept, held_out) = (documents(6), documents(6));
    let report = CleaningReport {
        raw: documents(60),
        kept,
        held_out,
        stages: vec![stage],
        ..CleaningReport::default()
    };
    let warnings = report.warnings().concat();
    assert!(
        warnings.starts_with("no text to train on is left") && warnings.contains("held-out-overlap"),
        "{warnings}"
    );
    // Here validation takes everything, and no stage removes much.
    let stage = Stage { about: about("held-out-overlap"), removed: documents(4), ..Stage::default() };
    let report = CleaningReport { raw: documents(10), stages: vec![stage], ..report };
    let warnings = report.warnings().concat();
    assert!(
        warnings.starts_with("no text to train on is left") && !warnings.contains("held-out-overlap"),
        "{warnings}"
    );
}

#[test]
fn personal_data_is_counted_by_class() {
    let mut recorder = PersonalRecorder::default();
    for id in 0..31_u32 {
        recorder.find("email", "replaced", &id.to_string(), 2, || format!("write to {id}•••"));
        recorder.find("phone", "replaced", &id.to_string(), u64::from(id % 2), || "call •••".to_owned());
    }
    let found = recorder.finish();
    let counts: Vec<_> = found
        .iter()
        .map(|class| (class.class.as_str(), class.found, class.documents, class.samples.len()))
        .collect();
    assert_eq!(counts, [("email", 62, 31, 5), ("phone", 15, 15, 5)]);
}

#[test]
fn a_report_survives_its_own_json_and_a_later_one_is_refused() {
    let mut report = CleaningReport::default();
    let columns = [("Source", Unit::Text), ("Kept", Unit::Count), ("Share", Unit::Share)];
    let rows = [["web".into(), 5_u64.into(), 1.0.into()], ["5".into(), 0_u64.into(), CorpusCell::Nothing]];
    report.tables.push(CorpusTable::new(["source", "", ""], columns, rows));
    let mut recorder = StageRecorder::new(about("rule"));
    recorder.drop("a", "web", amount(10), "reason", String::new);
    report.stages = StageRecorder::chain(amount(100), [recorder]);
    let text = report.to_json().expect("report");
    assert_eq!(CleaningReport::from_json(&text), Ok(report));
    let later = text.replacen("\"format\": 1", "\"format\": 2", 1);
    let refusal = CleaningReport::from_json(&later).expect_err("later");
    assert!(refusal.contains("format 2"), "{refusal}");
    assert!(CleaningReport::from_json("[1").is_err());
}

/// All texts of the blocks, in order.
fn texts(blocks: &[Block]) -> String {
    format!("{blocks:?}")
}

#[test]
fn the_report_says_what_was_counted() {
    let amount = |documents, bytes| Amount { documents, bytes, words: bytes / 6 };
    let mut language = StageRecorder::new(about("Language"));
    language.drop("a#1", "web", amount(1, 900), "deu at 0.98", || "Willkommen …".to_owned());
    language.stage.removed.add(amount(2_309, 512_100));
    let mut lines = StageRecorder::new(about("C4 lines"));
    let texts_of_lines = || ("Read more\nThe council met.".to_owned(), "The council met.".to_owned());
    lines.edit("a#2", "web", amount(1, 90), amount(1, 80), texts_of_lines);
    let raw = amount(21_467, 62_134_221);
    let stages = StageRecorder::chain(raw, [language, lines, StageRecorder::new(about("Bullet lines"))]);
    let mut near = DuplicateRecorder::new(about("Near copies"), "MinHash", Some(528));
    let member = |number: u64| Member {
        kept: number == 0,
        similarity: (number > 0).then_some(1.0 - 0.02 * number as f64),
        ..Member::default()
    };
    for (size, groups) in [(2, 812_u64), (3, 101), (4, 33), (5, 9), (7, 2), (31, 1)] {
        for _ in 0..groups {
            let members = (0..size).map(member).collect();
            near.cluster(size, || Cluster { members, ..Cluster::default() });
        }
    }
    let mut personal = PersonalRecorder::default();
    personal.find("email", "replaced", "a#1", 702, || "write to j•••@e••••••.org".to_owned());
    let mut troubles = TroubleRecorder::default();
    ["a.html", "b.csv#17", "c.pdf"].iter().for_each(|place| troubles.add(place, "is skipped"));
    let table = |key: &str, title: &str, (name, raw, kept): (&str, u64, u64)| {
        let columns = [("", Unit::Text), ("Raw", Unit::Count), ("Kept", Unit::Count)];
        CorpusTable::new([key, title, ""], columns, [[name.into(), raw.into(), kept.into()]])
    };
    let report = CleaningReport {
        raw,
        stages,
        personal: personal.finish(),
        duplicates: vec![near.finish()],
        tables: vec![
            table("language", "By language", ("eng", 14_210, 8_211)),
            table("length", "By length", ("100–199", 6_209, 5_400)),
        ],
        troubles: troubles.finish(),
        ..CleaningReport::default()
    };
    let all = texts(&blocks(&report, &diff::words));
    let short = texts(&summary(&report));
    for stage in &report.stages {
        assert!(all.contains(&stage.about.title), "{}", stage.about.title);
        assert_eq!(short.contains(&stage.about.title), stage.acted(), "{}", stage.about.title);
    }
    for text in [
        "deu at 0.98",
        "31 similar documents",
        "98.0 % similar",
        "j•••@e••••••.org",
        "fate: Removed, text: \"Read more",
        "Count(8211)",
        "62.1 MB",
        "5,400 of 6,209 kept",
        "Ran and found nothing",
        "By language",
    ] {
        assert!(all.contains(text), "{text}");
    }
    for text in
        ["1 further step found nothing", "958 groups of 2,149 documents in all", "−513 kB", "3 places"]
    {
        assert!(short.contains(text), "{text}: {short}");
    }
}

#[test]
fn an_empty_report_has_totals_and_a_page() {
    let empty = CleaningReport::default();
    assert_eq!(blocks(&empty, &diff::words).len(), 3, "figures, the recipe's name, and the recipe");
    let page = page(&empty);
    assert!(page.contains("Nothing was read") && !page.contains("NaN"));
}

#[test]
fn the_page_is_small_however_long_the_texts_are() {
    let mut recorder = StageRecorder::new(About::default());
    let before = "word ".repeat(100_000);
    recorder.edit("a", "b", Amount::from_text(&before), Amount::from_text("x"), || {
        (before.clone(), "x".to_owned())
    });
    let stages = StageRecorder::chain(Amount::from_text(&before), [recorder]);
    assert!(page(&CleaningReport { stages, ..CleaningReport::default() }).len() < 100_000);
}
