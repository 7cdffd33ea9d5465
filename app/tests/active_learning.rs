//! Label savings of active learning: uncertain-first compared with random order, until the same accuracy on held-out texts.

use crate::support::labelled::propose;
use crate::support::program::{last, succeed, write_rows};
use crate::support::tuning::{mean, tune};
use glasshouse_engine::data::tasks::{TaskKind, TaskOptions, TaskSplit};
use glasshouse_engine::protocol::random::nth;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Topics from our hardest classification tasks. Each passage is preceded or followed by an unrelated sentence about somebody's
/// feelings.
const COMMON: [&str; 2] = ["weather", "food"];
const RARE: [&str; 4] = ["animals", "toys", "music", "family"];
/// Size of the pool, and the fraction of texts on the common topics: most of a real collection is repetitive.
const POOL: usize = 800;
const COMMON_SHARE: f64 = 0.9;
/// Held-out texts per topic, so that topics count equally however rare they are in the pool.
const HELD_OUT: usize = 40;
/// Initial labels: one of each topic, since the labels are known in advance, and random others.
const SEED_SET: usize = 12;
/// Labels between two trainings.
const BATCH: usize = 12;
/// Maximum labels. A strategy that has not reached the target by then counts as if it had, in favour of the one that needs more.
const MAX_LABELS: usize = 252;
/// Target accuracy on the held-out texts.
const TARGET: f64 = 0.75;
const SEEDS: [u64; 3] = [1, 2, 3];
/// Maximum ratio of labels for uncertain-first to labels for random order, averaged over seeds.
const MAX_SHARE_OF_RANDOM: f64 = 0.7;
/// A short fine-tuning of all weights, with the same number of steps for few labels as for many.
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

/// Texts by topic, in an order that depends on the seed.
fn texts(seed: u64) -> BTreeMap<String, Vec<Labelled>> {
    let options = TaskOptions { seed, count: 12_000, kinds: vec![TaskKind::Classification], level: 3 };
    let (mut found, mut known) = (BTreeMap::<String, Vec<Labelled>>::new(), HashSet::new());
    for task in options.tasks(TaskSplit::Train).filter(|task| task.level == 3) {
        // The passage is before or after the question.
        let prompt = &task.prompt()[0].content;
        let text = prompt.split("\n\n").find(|part| !part.contains("topic (")).unwrap().to_owned();
        let topic = task.answer().split(',').next().unwrap().to_lowercase();
        if known.insert(text.clone()) {
            found.entry(topic.clone()).or_default().push((text, topic));
        }
    }
    found
}

/// Removes and returns a random entry of a list.
fn draw(list: &mut Vec<Labelled>, seed: u64, number: usize) -> Labelled {
    let at = nth(seed, 0x7365_6564, number as u64) % list.len() as u64;
    list.swap_remove(at as usize)
}

fn write(path: &Path, rows: &[Labelled], labels: bool) {
    let row = |(text, topic): &Labelled| match labels {
        true => json!({ "text": text, "label": topic }),
        false => json!({ "text": text }),
    };
    write_rows(path, rows.iter().map(row));
}

/// Number of labels a strategy needs to reach the target, and the accuracies on the way.
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
        // All of the few rows are trained on.
        write(&folder.join("labels.jsonl"), &labelled, true);
        let held_out = ["--validation", "held.jsonl"];
        tune(folder, "1", "classify", "labels.jsonl", &[&TRAINING[..], &held_out].concat());
        let tries = [
            "evaluate",
            "classify",
            "--project",
            "first",
            "--checkpoint",
            "latest",
            "--file",
            "held.jsonl",
            "--json",
        ];
        let accuracy = last(&succeed(folder, &tries))["acc"].as_f64().unwrap();
        accuracies.push((labelled.len(), accuracy));
        if accuracy >= TARGET || labelled.len() + BATCH > MAX_LABELS {
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

/// In the pool, nine tenths of the texts are about two of six topics; in the held-out set, topics are equally frequent. The test
/// measures how fast rare topics are found, at which random order is slow. In a balanced pool, no order gains much.
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
        assert!(reached, "uncertain first does not reach {TARGET} with {MAX_LABELS} labels");
        ratios.push(uncertain as f64 / random as f64);
    }
    let mean = mean(&ratios);
    println!("labels of uncertain first for one of random order: {mean:.2}, by seed {ratios:.2?}");
    assert!(mean <= MAX_SHARE_OF_RANDOM, "{mean}");
}
