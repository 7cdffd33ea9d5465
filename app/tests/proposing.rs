//! Active learning: proposals on the command line and through a session.

use crate::support::labelled::{self, propose};
use crate::support::play::{play_with, use_project};
use crate::support::program::{error_of, folder, lines_of, misuse, succeed};
use crate::support::tuning::tune;
use clap::error::ErrorKind;
use glasshouse_protocol::{Command, Event, ProposalSettings, Uncertainty, WeightSource, answer};
use serde_json::{Value, json};

const PROMPTS: &str = r#"{"prompt":"One day"}
{"text":"One day"}
{"messages":[{"role":"user","content":"A bird"}]}
{"prompt":"Who?","completion":"Ada."}
{"prompt":"Mia"}
{"prompt":"What is longer than sixteen letters?"}
{"prompt":"The cat"}
{"question":"Why?"}
"#;

fn asked(row: &Value) -> &str {
    row["prompt"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap()
}

#[test]
fn prompts_are_proposed_and_those_that_were_answered_or_do_not_fit_are_said() {
    let (folder, _) = folder();
    let folder = folder.path();
    std::fs::write(folder.join("prompts.jsonl"), PROMPTS).unwrap();
    let said = r#"{"prompt":[{"role":"user","content":"Mia"}],"completion":[{"role":"assistant","content":"Yes."}],"label":true,"run":"1-a","when":7}"#;
    std::fs::write(folder.join("first/feedback.jsonl"), said).unwrap();
    let short = ["--max-tokens", "4"];
    let (lines, told) = propose(folder, "prompts.jsonl", &short);
    let (last, rows) = lines.split_last().unwrap();
    assert_eq!((&last["measure"], &last["considered"]), (&json!("entropy"), &json!(3)), "{last}");
    assert_eq!(rows.len(), 3, "as many as there are");
    let mut found: Vec<&str> = rows.iter().map(asked).collect();
    found.sort_unstable();
    assert_eq!(found, ["A bird", "One day", "The cat"]);
    for row in rows {
        // At most the entropy of equally likely characters.
        let uncertainty = row["uncertainty"].as_f64().unwrap();
        assert!(uncertainty > 0.0 && uncertainty <= 128.0_f64.ln(), "{row}");
        assert!(row["said"].is_string() && row.get("share").is_none(), "{row}");
    }
    for said in [
        "4 prompts were left out: 2 answered already, 1 the same as others, 1 too long",
        "prompts.jsonl: line 8",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let (fewer, _) = propose(folder, "prompts.jsonl", &[&short[..], &["--count", "2"]].concat());
    assert_eq!(fewer[..2], rows[..2], "the same again, and fewer of it");

    let measured = [&short[..], &["--measure", "disagreement", "--samples", "4"]].concat();
    let (lines, _) = propose(folder, "prompts.jsonl", &measured);
    for row in &lines[..3] {
        let (uncertainty, share) = (row["uncertainty"].as_f64().unwrap(), row["share"].as_f64().unwrap());
        assert!((uncertainty + share - 1.0).abs() < 1e-6 && [0.25, 0.5, 0.75, 1.0].contains(&share), "{row}");
    }
    assert_eq!(lines, propose(folder, "prompts.jsonl", &measured).0, "the same seeds, the same answers");

    // The written file can be the input of another proposal, and is not overwritten, to protect labels.
    let (_, _) = propose(folder, "prompts.jsonl", &[&short[..], &["--to", "next.jsonl"]].concat());
    let (again, _) = propose(folder, "next.jsonl", &short);
    assert_eq!(again.last().unwrap()["considered"], 3);
    let typed = ["feedback", "--project", "first", "--propose", "prompts.jsonl"];
    let error = error_of(folder, &[&typed[..], &["--to", "next.jsonl"]].concat());
    assert!(error.contains("next.jsonl"), "{error}");
    assert!(succeed(folder, &[&typed[..], &short].concat()).contains("3 of 3, by entropy, as 1-nanogpt-cpu"));
}

#[test]
fn what_cannot_be_proposed_is_refused_with_its_reason() {
    let (folder, _) = folder();
    let folder = folder.path();
    std::fs::write(folder.join("prompts.jsonl"), PROMPTS).unwrap();
    std::fs::write(folder.join("none.jsonl"), "{\"question\":\"Why?\"}\n").unwrap();
    std::fs::write(folder.join("long.jsonl"), "{\"text\":\"So long that it does not fit.\"}\n").unwrap();
    std::fs::write(folder.join("empty.jsonl"), "\n").unwrap();
    let typed = |pool, more: &[&str]| {
        let own =
            ["feedback", "--project", "first", "--device", "cpu", "--to", "made.jsonl", "--propose", pool];
        error_of(folder, &[&own[..], more].concat())
    };
    for (pool, more, said) in [
        ("none.jsonl", &[][..], "none.jsonl"),
        ("long.jsonl", &[], "1 too long"),
        ("stories.txt", &[], "JSON Lines"),
        ("missing.jsonl", &[], "missing.jsonl"),
        ("empty.jsonl", &[], "empty.jsonl"),
        ("prompts.jsonl", &["--measure", "margin"], "1-nanogpt-cpu"),
        ("prompts.jsonl", &["--run", "7"], "7"),
        ("prompts.jsonl", &["--max-tokens", "0"], "max_tokens"),
    ] {
        let error = typed(pool, more);
        assert!(error.contains(said), "{said}: {error}");
        assert!(!folder.join("made.jsonl").exists(), "{pool}: nothing is left of what was made for nothing");
    }
    for (more, kind) in [
        (["--count", "0"], ErrorKind::ValueValidation),
        (["--measure", "doubt"], ErrorKind::InvalidValue),
        (["--samples", "1"], ErrorKind::ValueValidation),
    ] {
        let typed = ["feedback", "--project", "first", "--propose", "prompts.jsonl"];
        assert_eq!(misuse(&[&typed[..], &more].concat()), kind, "{more:?}");
    }
    std::fs::remove_dir_all(folder.join("first/runs/1-nanogpt-cpu/checkpoints")).unwrap();
    let error = typed("prompts.jsonl", &[]);
    assert!(error.contains("checkpoint"), "{error}");
}

/// As a browser sends it: the file's bytes with its name.
#[test]
fn a_file_that_comes_as_bytes_is_looked_through_alike() {
    let (folder, _) = folder();
    let folder = folder.path();
    std::fs::write(folder.join("prompts.jsonl"), PROMPTS).unwrap();
    let (typed, _) = propose(folder, "prompts.jsonl", &["--max-tokens", "4"]);
    let source = WeightSource::best_of("1-nanogpt-cpu");
    let settings = ProposalSettings { max_tokens: 4, ..ProposalSettings::default() };
    let command = Command::Propose { source, from: "prompts.jsonl".to_owned(), settings };
    let opens = (use_project(folder.join("first"), false), Vec::new());
    let events = play_with(folder, vec![opens, (command, vec![PROMPTS.into()])]).unwrap();
    let rows =
        found!(events.into_iter(), Event::Proposed(answer::Proposed { rows, measure: Uncertainty::Entropy, .. }) => rows).next();
    // The session has no feedback that would exclude a prompt.
    let rows: Vec<Value> = rows.unwrap().iter().map(|row| json!(row)).collect();
    assert_eq!(rows.len() + 1, typed.len());
    for (row, line) in rows.iter().zip(&typed) {
        assert_eq!((&row["prompt"], &row["said"]), (&line["prompt"], &line["said"]));
    }
}

/// For a classifier, by the margin between its labels.
#[test]
fn texts_are_proposed_for_labels() {
    let folder = labelled::folder(&[]);
    let folder = folder.path();
    tune(folder, "1", "classify", "texts.jsonl", &["--steps", "3", "--set", "train.batch_size=4"]);
    std::fs::write(folder.join("pool.csv"), "text\nBen saw rain and wind.\nMia found a drum.\n").unwrap();
    let rows = [r#"{"text":"Ben saw rain and wind."}"#, r#"{"text":"Ben had soup.","label":"food"}"#];
    let rows = [&rows[..], &[r#"{"text":"Mia found a drum.","label":null}"#]].concat().join("\n");
    std::fs::write(folder.join("pool.jsonl"), rows).unwrap();
    for pool in ["pool.csv", "pool.jsonl"] {
        let (lines, told) = propose(folder, pool, &[]);
        let (last, rows) = lines.split_last().unwrap();
        assert_eq!((&last["measure"], rows.len()), (&json!("margin"), 2), "{last}");
        assert_eq!(last["labels"], json!(["food", "music", "weather"]));
        assert!(pool == "pool.csv" || told.contains("1 text was left out: 1 labelled already"), "{told}");
        for row in rows {
            let (uncertainty, share) = (row["uncertainty"].as_f64().unwrap(), row["share"].as_f64().unwrap());
            assert!((0.0..=1.0).contains(&uncertainty) && share >= 1.0 / 3.0, "{row}");
            assert!(["food", "music", "weather"].contains(&row["said"].as_str().unwrap()), "{row}");
        }
    }
    let typed = ["feedback", "--project", "first", "--propose", "pool.csv"];
    let error = error_of(folder, &[&typed[..], &["--measure", "disagreement"]].concat());
    assert!(error.contains("classifies texts"), "{error}");
    let (lines, _) = propose(folder, "pool.csv", &["--measure", "entropy", "--to", "next.jsonl"]);
    assert!(lines[0]["uncertainty"].as_f64().unwrap() <= 3.0_f64.ln() + 1e-6);
    assert!(lines_of(&folder.join("next.jsonl")).iter().all(|row| row["label"].is_null()));
}
