//! Tests of the report for a terminal.

use super::super::demo;
use super::*;

#[test]
fn the_last_words_name_every_step_that_took_something() {
    let report = demo::report();
    let text = summary(&report);
    for stage in &report.stages {
        assert_eq!(text.contains(&stage.about.title), stage.acted(), "{}", stage.about.title);
    }
    let line = text.lines().find(|line| line.starts_with("Word count")).expect("a line");
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["Word", "count", "2,310", "11.4", "%", "-513", "kB"]
    );
    assert!(text.contains("1 further step found nothing"));
    assert!(text.contains("Near copies: 958 groups of 2,149 documents in all"));
    assert!(text.contains("3 files or records could not be read"));
}

#[test]
fn the_details_add_tables_lengths_and_samples() {
    let text = details(&demo::report());
    for words in [
        "By source",
        "By language",
        "stories",
        "Kept, for example",
        "Removed, for example",
        " words, at least 50 required",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let bar = text.lines().find(|line| line.trim_start().starts_with("100–199  #")).expect("a bar");
    let count = |sign: char| bar.chars().filter(|letter| *letter == sign).count();
    assert_eq!((count('#'), count('.')), (35, 5), "5,400 of 6,209 kept: {bar}");
}

#[test]
fn lines_are_short_and_steer_no_terminal() {
    let mut report = demo::report();
    let hostile = "\u{1b}[31m\u{202e}red\r\n\tvery ".repeat(80);
    for stage in &mut report.stages {
        stage.about.title = hostile.clone();
        for victim in &mut stage.victims {
            (victim.id, victim.reason, victim.excerpt) = (hostile.clone(), hostile.clone(), hostile.clone());
        }
    }
    for sample in &mut report.samples {
        (sample.id, sample.excerpt) = (hostile.clone(), hostile.clone());
    }
    report.troubles.listed.clear();
    let text = details(&report);
    for line in text.lines() {
        assert!(line.chars().count() <= 110, "{} columns: {line}", line.chars().count());
        assert!(!line.contains(['\u{1b}', '\r', '\t', '\u{202e}']), "{line:?}");
    }
}

#[test]
fn an_empty_report_is_said_in_two_lines() {
    let text = details(&CleaningReport::default());
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains("NaN"));
}
