//! What to answer or label next: on the command line, as a front end sends it, and what it saves of a person's labels.

use crate::classify;
use crate::front_ends::{error_of, folder, play_with, succeed, use_project};
use glasshouse_engine::data::tasks::{TaskKind, TaskOptions, TaskSplit};
use glasshouse_engine::graph::random::nth;
use glasshouse_protocol::{Command, Event, ProposalSettings, Uncertainty, WeightSource};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

const PROMPTS: &str = r#"{"prompt":"One day"}
{"text":"One day"}
{"messages":[{"role":"user","content":"A bird"}]}
{"prompt":"Who?","completion":"Ada."}
{"prompt":"Mia"}
{"prompt":"What is longer than sixteen letters?"}
{"prompt":"The cat"}
{"question":"Why?"}
"#;

/// What is printed, and what is said beside it.
fn propose(folder: &Path, pool: &str, more: &[&str]) -> (Vec<Value>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .current_dir(folder)
        .args(["feedback", "--project", "first", "--json", "--device", "cpu", "--propose", pool])
        .args(more)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{more:?}: {told}");
    let lines = String::from_utf8(output.stdout).unwrap();
    (lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), told)
}

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
        // No larger than that of equally likely letters.
        let uncertainty = row["uncertainty"].as_f64().unwrap();
        assert!(uncertainty > 0.0 && uncertainty <= 128.0_f64.ln(), "{row}");
        assert!(row["said"].is_string() && row.get("share").is_none(), "{row}");
    }
    for said in [
        "4 prompts were left out: 2 answered already, 1 the same as others, 1 longer than the context leaves beside an answer",
        "prompts.jsonl: line 8: expected `prompt`, `messages` or `text`",
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

    // A file to fill in is one to propose from, and nobody's labels are written over.
    let (_, _) = propose(folder, "prompts.jsonl", &[&short[..], &["--to", "next.jsonl"]].concat());
    let (again, _) = propose(folder, "next.jsonl", &short);
    assert_eq!(again.last().unwrap()["considered"], 3);
    let typed = ["feedback", "--project", "first", "--propose", "prompts.jsonl"];
    let error = error_of(folder, &[&typed[..], &["--to", "next.jsonl"]].concat());
    assert!(error.contains("name a file that is not there"), "{error}");
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
        ("none.jsonl", &[][..], "none.jsonl has no prompt to propose: line 1: expected `prompt`"),
        ("long.jsonl", &[], "1 prompt was left out: 1 longer than the context leaves"),
        ("stories.txt", &[], "JSON Lines"),
        ("missing.jsonl", &[], "missing.jsonl"),
        ("prompts.jsonl", &["--measure", "margin"], "1-nanogpt-cpu has none"),
        ("prompts.jsonl", &["--run", "7"], "7"),
        ("prompts.jsonl", &["--max-tokens", "0"], "max_tokens"),
    ] {
        let error = typed(pool, more);
        assert!(error.contains(said), "{said}: {error}");
        assert!(!folder.join("made.jsonl").exists(), "{pool}: nothing is left of what was made for nothing");
    }
    let error = typed("empty.jsonl", &[]);
    assert!(error.contains("empty.jsonl"), "{error}");
    for more in [&["--count", "0"][..], &["--measure", "doubt"], &["--samples", "1"]] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_glasshouse"))
            .current_dir(folder)
            .args(["feedback", "--project", "first", "--propose", "prompts.jsonl"])
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}");
    }
    std::fs::remove_dir_all(folder.join("first/runs/1-nanogpt-cpu/checkpoints")).unwrap();
    let error = typed("prompts.jsonl", &[]);
    assert!(error.contains("checkpoint"), "{error}");
}

/// As a browser's page sends it: the file's bytes beside its name.
#[test]
fn a_file_that_comes_as_bytes_is_looked_through_alike() {
    let (folder, _) = folder();
    let folder = folder.path();
    std::fs::write(folder.join("prompts.jsonl"), PROMPTS).unwrap();
    let (typed, _) = propose(folder, "prompts.jsonl", &["--max-tokens", "4"]);
    let source = WeightSource::Checkpoint { run: "1-nanogpt-cpu".to_owned(), checkpoint: "best".to_owned() };
    let settings = ProposalSettings { max_tokens: 4, ..ProposalSettings::default() };
    let command = Command::Propose { source, from: "prompts.jsonl".to_owned(), settings };
    let opens = (use_project(folder.join("first"), false), Vec::new());
    let heard = play_with(folder, vec![opens, (command, vec![PROMPTS.into()])]).unwrap();
    let rows = heard.into_iter().find_map(|event| match event {
        Event::Proposed { rows, measure: Uncertainty::Entropy, .. } => Some(rows),
        _ => None,
    });
    // Of the session's own: no row of feedback leaves a prompt out.
    let rows: Vec<Value> = rows.unwrap().iter().map(|row| json!(row)).collect();
    assert_eq!(rows.len() + 1, typed.len());
    for (row, line) in rows.iter().zip(&typed) {
        assert_eq!((&row["prompt"], &row["said"]), (&line["prompt"], &line["said"]));
    }
}

/// Of a run with labels, by the margin between them.
#[test]
fn texts_are_proposed_for_labels() {
    let folder = classify::folder(&[]);
    let folder = folder.path();
    classify::tune(folder, "texts.jsonl", &["--steps", "3", "--set", "train.batch_size=4"]);
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
    assert!(error.contains("tells texts apart and has one answer to each"), "{error}");
    let (lines, _) = propose(folder, "pool.csv", &["--measure", "entropy", "--to", "next.jsonl"]);
    assert!(lines[0]["uncertainty"].as_f64().unwrap() <= 3.0_f64.ln() + 1e-6);
    let next = std::fs::read_to_string(folder.join("next.jsonl")).unwrap();
    assert!(
        next.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["label"].is_null()),
        "{next}"
    );
}

// ---- What it saves -------------------------------------------------------------------------------------------------------------

/// Topics of the passages of our classification tasks of the highest level, each followed or led by a sentence about somebody's feelings,
/// which says nothing of the topic.
const COMMON: [&str; 2] = ["weather", "food"];
const RARE: [&str; 4] = ["animals", "toys", "music", "family"];
/// Texts of the pool, and which share of them is about the common topics: most of what is collected says what much else says, too.
const POOL: usize = 800;
const COMMON_SHARE: f64 = 0.9;
/// Held-out texts of each topic, so that a topic counts alike however rare it is in the pool.
const HELD_OUT: usize = 40;
/// Labels to begin with: one of each topic, for whoever labels knows the labels, and others by chance.
const SEED_SET: usize = 12;
/// Labels between two trainings.
const BATCH: usize = 12;
/// Labels at most: a strategy that has not reached the target by then counts as if it had, which favours the one that needs more.
const MOST: usize = 252;
/// Share of the held-out texts that are to be right.
const TARGET: f64 = 0.9;
const SEEDS: [u64; 3] = [1, 2, 3];
/// What uncertain-first needs at most of the labels that random order needs, in the mean of the seeds.
const MOST_OF_RANDOM: f64 = 0.7;
/// A short fine-tuning of all weights, as long for few labels as for many.
const TRAINING: [&str; 12] = [
    "--steps",
    "80",
    "--lr",
    "2e-3",
    "--set",
    "train.batch_size=8",
    "--set",
    "train.warmup_steps=5",
    "--set",
    "train.eval_interval=80",
    "--set",
    "train.checkpoint_interval=80",
];

type Labelled = (String, String);

/// Texts with their topics, in an order that the seed draws.
fn texts(seed: u64) -> BTreeMap<String, Vec<Labelled>> {
    let options = TaskOptions { seed, count: 12_000, kinds: vec![TaskKind::Classification], level: 3 };
    let (mut found, mut known) = (BTreeMap::<String, Vec<Labelled>>::new(), HashSet::new());
    for task in options.tasks(TaskSplit::Train).filter(|task| task.level == 3) {
        // The passage stands before or behind what is asked about it.
        let prompt = &task.prompt()[0].content;
        let text = prompt.split("\n\n").find(|part| !part.contains("topic (")).unwrap().to_owned();
        let topic = task.answer().split(',').next().unwrap().to_lowercase();
        if known.insert(text.clone()) {
            found.entry(topic.clone()).or_default().push((text, topic));
        }
    }
    found
}

/// Draws one of a list, which loses it.
fn draw(list: &mut Vec<Labelled>, seed: u64, number: usize) -> Labelled {
    let at = nth(seed, 0x7365_6564, number as u64) % list.len() as u64;
    list.swap_remove(at as usize)
}

fn write(path: &Path, rows: &[Labelled], labels: bool) {
    let line = |(text, topic): &Labelled| {
        let row = if labels { json!({ "text": text, "label": topic }) } else { json!({ "text": text }) };
        row.to_string() + "\n"
    };
    std::fs::write(path, rows.iter().map(line).collect::<String>()).unwrap();
}

/// Labels that a strategy needs until the target is reached, and the accuracies on the way.
fn labels_needed(folder: &Path, seed: u64, uncertain: bool) -> (usize, Vec<(usize, f64)>) {
    let mut by_topic = texts(seed);
    let (mut pool, mut held_out, mut labelled) = (Vec::new(), Vec::new(), Vec::new());
    for topic in COMMON.iter().chain(&RARE) {
        let mut own = by_topic.remove(*topic).unwrap();
        held_out.extend((0..HELD_OUT).map(|number| draw(&mut own, seed, number)));
        labelled.push(draw(&mut own, seed, HELD_OUT));
        let (share, among) = match COMMON.contains(topic) {
            true => (COMMON_SHARE, COMMON.len()),
            false => (1.0 - COMMON_SHARE, RARE.len()),
        };
        let count = (POOL as f64 * share / among as f64).round() as usize;
        assert!(own.len() >= count, "{topic}: {} texts of {count}", own.len());
        pool.extend((0..count).map(|number| draw(&mut own, seed, HELD_OUT + 1 + number)));
    }
    let by_chance = SEED_SET - labelled.len();
    labelled.extend((0..by_chance).map(|number| draw(&mut pool, seed, POOL + number)));
    write(&folder.join("held.jsonl"), &held_out, true);
    let mut accuracies = Vec::new();
    loop {
        // The last of few rows is held out of the training: a copy of the first, so that no label is.
        let rows = [&labelled[..], &labelled[..1]].concat();
        write(&folder.join("labels.jsonl"), &rows, true);
        let own = ["train", "--project", "first", "--device", "cpu", "--threads", "2", "--from", "1"];
        let own = [&own[..], &["--objective", "classify", "--data", "labels.jsonl"]].concat();
        let holds_none_out = ["--set", "data.validation=0.000001"];
        succeed(folder, &[&own[..], &TRAINING, &holds_none_out].concat());
        let tries =
            ["classify", "--project", "first", "--checkpoint", "latest", "--file", "held.jsonl", "--json"];
        let said = succeed(folder, &tries);
        let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let accuracy = last["accuracy"].as_f64().unwrap();
        accuracies.push((labelled.len(), accuracy));
        if accuracy >= TARGET || labelled.len() + BATCH > MOST {
            return (labelled.len(), accuracies);
        }
        if uncertain {
            write(&folder.join("pool.jsonl"), &pool, false);
            let count = BATCH.to_string();
            let (lines, _) = propose(folder, "pool.jsonl", &["--count", &count, "--checkpoint", "latest"]);
            let (_, rows) = lines.split_last().unwrap();
            for row in rows {
                let at = pool.iter().position(|(text, _)| row["text"] == *text.as_str()).unwrap();
                labelled.push(pool.swap_remove(at));
            }
        } else {
            let drawn = POOL + accuracies.len() * BATCH;
            labelled.extend((0..BATCH).map(|number| draw(&mut pool, seed, drawn + number)));
        }
    }
}

/// A pool of which nine tenths are about two of six topics; the held-out texts are as often about each. What it measures is the finding of
/// what is rare, which is what random order is slow at: of a pool whose texts are all alike rare, no order gains much.
#[test]
fn slow_uncertain_first_takes_fewer_labels_than_random_order() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        &[
            "train",
            "--project",
            "first",
            "--preset",
            "first-stories-small",
            "--device",
            "cpu",
            "--threads",
            "2",
        ],
    );
    let mut ratios = Vec::new();
    for seed in SEEDS {
        let (random, random_way) = labels_needed(folder, seed, false);
        let (uncertain, uncertain_way) = labels_needed(folder, seed, true);
        println!("seed {seed}: random order {random} labels: {random_way:.3?}");
        println!("seed {seed}: uncertain first {uncertain} labels: {uncertain_way:.3?}");
        let reached = uncertain_way.last().is_some_and(|(_, accuracy)| *accuracy >= TARGET);
        assert!(reached, "uncertain first does not reach {TARGET} with {MOST} labels");
        ratios.push(uncertain as f64 / random as f64);
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    println!("labels of uncertain first for one of random order: {mean:.2}, by seed {ratios:.2?}");
    assert!(mean <= MOST_OF_RANDOM, "{mean}");
}
