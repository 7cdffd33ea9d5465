//! Tests of findings, and that the split into pieces does not matter.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

const DEVELOPMENT: &str = include_str!("development.jsonl");
const HELD_OUT: &str = include_str!("held_out.jsonl");

fn found(text: &str) -> Vec<(Category, String)> {
    let findings = find(text, None).into_iter();
    findings.map(|finding| (finding.category, text[finding.start..finding.end].to_owned())).collect()
}

fn labelled(file: &str) -> Vec<LabelledRow> {
    let read = LabelledRows::read(file);
    assert!(read.broken.is_empty(), "{:?}", read.broken);
    read.rows
}

/// Accuracy of the rules on labelled rows; prints the wrong ones.
fn judged(name: &str, rows: &[LabelledRow]) -> Figures {
    let said = |row: &LabelledRow| {
        let findings = find(&row.text, None);
        if findings.is_empty() == row.is_harmful {
            println!("{name}: {:?} {findings:?}", row.text);
        }
        (row.is_harmful, !findings.is_empty())
    };
    let figures = figures(&rows.iter().map(said).collect::<Vec<_>>(), 1);
    let Figures { found, missed, alarms, passed, .. } = figures;
    println!("{name}: {found} found, {missed} missed, {alarms} false alarms, {passed} let pass");
    figures
}

#[test]
fn rows_of_development_raise_no_more_than_one_false_alarm_of_a_hundred() {
    let rows = labelled(DEVELOPMENT);
    let figures = judged("development", &rows);
    assert!(figures.alarms + figures.passed >= 300 && figures.found + figures.missed >= 60);
    assert!(figures.alarms * 100 <= figures.alarms + figures.passed, "{figures:?}");
    assert!(figures.missed * 10 <= figures.found + figures.missed, "{figures:?}");
}

/// Held-out rows, written before the rules; no rule was changed because of them. If you change a rule because of a row, move that
/// row to [`DEVELOPMENT`].
#[test]
fn rows_that_were_held_out_raise_no_more_than_one_false_alarm_of_a_hundred() {
    let rows = labelled(HELD_OUT);
    let texts: BTreeSet<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let development = labelled(DEVELOPMENT);
    assert!(texts.is_disjoint(&development.iter().map(|row| row.text.as_str()).collect()));
    let figures = judged("held out", &rows);
    assert!(figures.alarms + figures.passed >= 200 && figures.found + figures.missed >= 60);
    assert_eq!(texts.len(), rows.len(), "one stands there twice");
    assert!(figures.alarms * 100 <= figures.alarms + figures.passed, "{figures:?}");
    // Three of five are found; see docs/moderation.md.
    assert!(figures.missed * 5 <= 2 * (figures.found + figures.missed), "{figures:?}");
}

#[test]
fn what_is_meant_is_found_in_each_category_and_spelling() {
    for (text, category, own) in [
        ("What the fuck?", Category::Profanity, "fuck"),
        ("FUCKING hell", Category::Profanity, "FUCKING"),
        ("this is bullsh1t!", Category::Profanity, "bullsh1t"),
        ("oh $hit", Category::Profanity, "$hit"),
        ("f u c k that", Category::Profanity, "f u c k"),
        ("shiiiiit", Category::Profanity, "shiiiiit"),
        ("kiss my ass, said the man", Category::Profanity, "my ass"),
        ("you son-of-a-bitch", Category::Insults, "son-of-a-bitch"),
        ("Such an idiot.", Category::Insults, "an idiot"),
        ("I will kill you", Category::Violence, "I will kill you"),
        ("I'll kill you tomorrow", Category::Violence, "I'll kill you"),
        ("the man murdered his neighbour", Category::Violence, "murdered his neighbour"),
        ("they watched porn", Category::Sexual, "porn"),
        ("I want to die", Category::SelfHarm, "want to die"),
        ("how to cook meth at home", Category::Drugs, "how to cook meth"),
    ] {
        let all = found(text);
        assert!(all.contains(&(category, own.to_owned())), "{text}: {all:?}");
    }
}

#[test]
fn each_line_of_the_list_is_read() {
    for line in rules::LINES.lines() {
        serde_json::from_str::<rules::Line<'_>>(line).unwrap();
    }
}

fn moderated(text: &[&str], mode: ModerationMode, severity: Severity) -> (String, Moderated, bool) {
    judged_by(None, text, mode, severity)
}

fn judged_by(
    classifier: Option<&Arc<Classifier>>,
    text: &[&str],
    mode: ModerationMode,
    severity: Severity,
) -> (String, Moderated, bool) {
    let settings = Moderation { mode, severity, ..Moderation::default() };
    let mut moderator = Moderator::new(&settings, classifier.cloned()).unwrap();
    let mut out: String = text.iter().map(|piece| moderator.push(piece)).collect();
    out.push_str(&moderator.finish());
    (out, moderator.counts.clone(), moderator.is_stopped)
}

#[test]
fn findings_are_replaced_end_the_text_or_are_counted() {
    let text = ["Well, fu", "ck th", "at. Kill the pro", "cess and one day da", "mn the wea", "ther"];
    let (out, counts, _) = moderated(&text, ModerationMode::Replace, Severity::Mild);
    assert_eq!(out, "Well, ████ that. Kill the process and one day ████ the weather");
    assert_eq!(counts, Moderated::from([(Category::Profanity, 2)]));
    let (out, _, stopped) = moderated(&text, ModerationMode::Stop, Severity::Medium);
    assert_eq!((out.as_str(), stopped), ("Well, ", true));
    let (out, counts, stopped) = moderated(&text, ModerationMode::Note, Severity::Severe);
    assert_eq!((out, stopped, counts.len()), (text.concat(), false, 1));
    assert!(Moderator::new(&Moderation::default(), None).is_none());
    let (out, counts, _) = moderated(&text, ModerationMode::Filter, Severity::Mild);
    assert_eq!(out, "Well, that. Kill the process and one day the weather");
    assert_eq!(counts.values().sum::<u64>(), 2);
    for (text, left) in [
        ("shit shit ok", "ok"),
        ("(shit) no", "() no"),
        ("a shit, b", "a , b"),
        ("a\nshit\nb", "a\n\nb"),
        ("shit", ""),
    ] {
        assert_eq!(moderated(&[text], ModerationMode::Filter, Severity::Mild).0, left);
    }
}

#[test]
fn only_categories_that_are_named_count_where_some_are() {
    let of = |categories: &[Category]| {
        let categories = categories.iter().copied().collect();
        let settings = Moderation { mode: ModerationMode::Replace, categories, ..Moderation::default() };
        let mut moderator = Moderator::new(&settings, None).unwrap();
        moderator.push("Oh shit, I will kill you.") + &moderator.finish()
    };
    assert_eq!(of(&[]), "Oh ████, █ ████ ████ ███.");
    assert_eq!(of(&[Category::Profanity, Category::Drugs]), "Oh ████, I will kill you.");
    assert_eq!(of(&[Category::Violence]), "Oh shit, █ ████ ████ ███.");
}

#[test]
fn text_without_end_is_not_held_back_for_ever() {
    for piece in ["a", "!", "a ", "坏", "x!", "\n", "a.", "kill "] {
        let (mode, severity) = (ModerationMode::Replace, Severity::Severe);
        for (classifier, held) in [(None, 200), (Some(classifier()), 2000)] {
            let settings = Moderation { mode, severity, ..Moderation::default() };
            let mut moderator = Moderator::new(&settings, classifier).unwrap();
            let given: usize = (0..2000).map(|_| moderator.push(piece).len()).sum();
            assert!(given + held > 2000 * piece.len(), "{piece:?}: {given}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pieces_make_no_difference(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "kill", "the", "process", "fuck", "f", "u", "c", "k", " ", " ", " ", " ", ".", "-", "!", "$hit", "a$$", "ass",
                "ox", "and", "breast", "cancer", "shit", "iiii", "t", "1", "I", "'ll", "you", "them", "all", "weeds", "\n", "é",
                "坏", "蛋", "\u{200b}", "@", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "suicide", "squad", "of", "crows", "murder",
                "will", "him", "my", "her", "gun", "school", "bring", "smoke", "weed", "hate", "like", "dog", ". ", "? ", ".\"",
            ]),
            0..60,
        ),
        cuts in prop::collection::vec(1usize..6, 1..40),
    ) {
        let text = parts.concat();
        let letters: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let (mut at, mut cut) = (0, cuts.iter().cycle());
        while at < letters.len() {
            let to = (at + cut.next().unwrap()).min(letters.len());
            pieces.push(letters[at..to].iter().collect::<String>());
            at = to;
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        for mode in [ModerationMode::Filter, ModerationMode::Replace, ModerationMode::Stop, ModerationMode::Note] {
            for classifier in [None, Some(&classifier())] {
                let of = |text: &[&str]| judged_by(classifier, text, mode, Severity::Mild);
                prop_assert_eq!(of(&pieces), of(&[&text]));
            }
        }
    }
}

fn rows() -> Vec<LabelledRow> {
    let nouns =
        ["dog", "river", "teacher", "garden", "window", "friend", "letter", "train", "song", "winter"];
    let row = |line: usize, text: String, is_harmful| LabelledRow { line: line as u64, text, is_harmful };
    let harmful =
        nouns.iter().enumerate().map(|(at, noun)| row(at, format!("I hate you and your {noun}"), true));
    let innocent =
        nouns.iter().enumerate().map(|(at, noun)| row(at, format!("I like you and your {noun}"), false));
    harmful.chain(innocent).collect()
}

#[test]
fn a_classifier_learns_rows_is_repeated_bit_for_bit_and_is_kept_whole() {
    let trained = Classifier::train(&rows(), 7, |_, _| ()).unwrap();
    assert_eq!(trained, Classifier::train(&rows(), 7, |_, _| ()).unwrap());
    assert!(trained.is_harmful("we hate you and your bicycle"));
    assert!(!trained.is_harmful("we like you and your bicycle"));
    assert!(trained.probability("") > 0.0);
    let kept = serde_json::to_string(&trained).unwrap();
    assert_eq!(Classifier::read(&kept).unwrap(), trained);
    let damaged = kept.replacen("\"seed\":7", "\"seed\":7,\"x\":1", 1);
    assert!(Classifier::read(&damaged).is_err());
    let mut other: serde_json::Value = serde_json::from_str(&kept).unwrap();
    other["weights"][0] = 9.5.into();
    assert!(Classifier::read(&other.to_string()).unwrap_err().contains("checksum"));
    assert!(
        Classifier::train(&rows()[..12], 7, |_, _| ()).unwrap_err().contains("2 rows have the labels good")
    );
}

#[test]
fn broken_rows_are_named_and_the_rest_is_read() {
    let read = LabelledRows::read(
        "\u{feff}{\"text\":\"a\",\"label\":\"toxic\"}\n{\"text\":\"b\",\"label\":0}\n\n{\"txt\":\"c\",\"label\":1}\n{\"text\":\"d\"}\n\
         {\"text\":\" \",\"label\":1}\n{\"text\":\"e\",\"label\":null}\nx\n{\"text\":\"f\",\"label\":\"OK\"}",
    );
    let labels: Vec<bool> = read.rows.iter().map(|row| row.is_harmful).collect();
    assert_eq!(labels, [true, false, false]);
    let lines: Vec<u64> = read.broken.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8]);
    assert!(read.broken[0].1.contains("found `txt`"));
}

#[test]
fn figures_count_as_a_confusion_matrix_does() {
    let rows = [(true, true), (true, true), (true, false), (false, true), (false, false), (false, false)];
    let figures = figures(&rows, 1);
    assert_eq!((figures.found, figures.missed, figures.alarms, figures.passed), (2, 1, 1, 2));
    let value = |name: &str| {
        let metric = figures.metrics.iter().find(|metric| metric.name == name).unwrap();
        let [low, high] = metric.interval.unwrap();
        assert!(low <= metric.value.unwrap() && metric.value.unwrap() <= high);
        metric.value.unwrap()
    };
    for name in ["precision", "recall", "f1"] {
        assert!((value(name) - 2.0 / 3.0).abs() < 1e-12, "{name}");
    }
    assert!((value("false_positive_rate") - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(super::figures(&[(false, false)], 1).metrics[1].value, None);
}

/// A classifier trained to find "hate" harmful and "like" harmless.
fn classifier() -> Arc<Classifier> {
    static TRAINED: LazyLock<Arc<Classifier>> =
        LazyLock::new(|| Arc::new(Classifier::train(&rows(), 7, |_, _| ()).unwrap()));
    TRAINED.clone()
}

#[test]
fn a_classifier_judges_each_sentence_and_counts_beside_the_rules() {
    let classifier = classifier();
    let text = ["I like you. I ha", "te you, shit!", " I like your dog", ".\nI hate y", "our river"];
    let of = |mode| judged_by(Some(&classifier), &text, mode, Severity::Medium);
    let both = Moderated::from([(Category::Profanity, 1), (Category::Classifier, 2)]);
    assert_eq!(of(ModerationMode::Note), (text.concat(), both.clone(), false));
    let left = "I like you. █ ████ ████ █████ I like your dog.\n█ ████ ████ █████";
    assert_eq!(of(ModerationMode::Replace), (left.to_owned(), both.clone(), false));
    assert_eq!(of(ModerationMode::Filter), ("I like you. I like your dog.\n".to_owned(), both, false));
    let one = Moderated::from([(Category::Classifier, 1)]);
    assert_eq!(of(ModerationMode::Stop), ("I like you. ".to_owned(), one, true));
    // If the classifier is disabled, only rules apply.
    let (replaced, counts, _) = moderated(&text, ModerationMode::Replace, Severity::Medium);
    assert_eq!(replaced, text.concat().replace("shit", "████"));
    assert_eq!(counts, Moderated::from([(Category::Profanity, 1)]));
    // It says nothing about unseen words; severities and categories only concern rules.
    let settings = Moderation {
        mode: ModerationMode::Note,
        severity: Severity::Severe,
        categories: BTreeSet::from([Category::Drugs]),
        ..Moderation::default()
    };
    let mut moderator = Moderator::new(&settings, Some(classifier.clone())).unwrap();
    moderator.push("... 坏蛋! I hate you, shit.");
    moderator.finish();
    assert_eq!(moderator.counts, Moderated::from([(Category::Classifier, 1)]));
    let found = find(&text.concat(), Some(&classifier));
    assert_eq!(found.iter().map(|finding| finding.start).collect::<Vec<_>>(), [24, 12, 47]);
}

#[test]
fn nothing_of_a_sentence_is_given_back_before_it_is_judged() {
    let settings = Moderation { mode: ModerationMode::Filter, ..Moderation::default() };
    let mut moderator = Moderator::new(&settings, Some(classifier())).unwrap();
    assert_eq!(moderator.push("I like you. I ha"), "I like you. ");
    assert_eq!(moderator.push("te you"), "");
    assert_eq!(moderator.push(". I like your gar"), "");
    assert_eq!(moderator.push("den. So."), "I like your garden. ");
    assert_eq!(moderator.finish(), "So.");
}
