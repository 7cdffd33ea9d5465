//! Classification: a base model learns to label texts.

use crate::support::labelled::{folder, row};
use crate::support::program::{both, error_of, lines, of, referee, succeed, write_rows};
use crate::support::tuning::{
    AS_REFEREES, ROOMY, add_sets, config, notices, numbers, resume, run, same_steps, same_weights, trained,
    trained_llama, tune, weights,
};
use glasshouse_engine::data::{IGNORED, prepare};
use glasshouse_engine::step::MicroBatch;
use glasshouse_protocol::Objective;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LEARNING: [&str; 10] = [
    "--steps",
    "200",
    "--lr",
    "4e-3",
    "--set",
    "train.batch_size=16",
    "--set",
    "train.eval_interval=50",
    "--set",
    "train.checkpoint_interval=50",
];

/// One text per row, and several in a row.
#[test]
fn a_model_learns_to_tell_texts_apart() {
    for more in [&[][..], &["--set", "model.position={kind=\"none\"}"]] {
        let folder = folder(more);
        let folder = folder.path();
        let told = tune(folder, "1", "classify", "texts.jsonl", &LEARNING);
        let accuracies = numbers(&told, "accuracy", "validation");
        assert!(accuracies.first().is_some_and(|first| *first < 0.7), "{accuracies:?}");
        assert!(accuracies.last().is_some_and(|last| *last > 0.95), "{accuracies:?}");
        let notices = notices(&told);
        assert!(notices.contains("food, music, weather"), "{notices}");
        let config = config(folder, "2");
        assert_eq!(config.model.labels, ["food", "music", "weather"]);
        assert_eq!(config.train.objective, Objective::Classify);

        // Classify unseen texts on the command line.
        let said = lines(&succeed(
            folder,
            &["evaluate", "classify", "--project", "first", "--file", "held.jsonl", "--json"],
        ));
        let (last, each) = said.split_last().unwrap();
        assert!(last["acc"].as_f64().unwrap() > 0.95 && last["rows"] == 60, "{last}");
        for (at, line) in each.iter().enumerate() {
            let shares = line["probabilities"].as_object().unwrap().values();
            let shares: Vec<f64> = shares.map(|share| share.as_f64().unwrap()).collect();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{line}");
            let own = line["probabilities"][line["label"].as_str().unwrap()].as_f64().unwrap();
            assert!(shares.iter().all(|share| *share <= own), "{at}: {line}");
        }
        let said = succeed(
            folder,
            &["evaluate", "classify", "--project", "first", "--text", "Ben saw rain and wind."],
        );
        assert!(said.starts_with("weather (") && said.contains("Ben saw rain"), "{said}");

        // Unsupported commands.
        for command in [&["generate"][..], &["chat"]] {
            let error = error_of(folder, &[command, &["--project", "first", "--device", "cpu"]].concat());
            assert!(error.contains("classifies texts"), "{error}");
        }
        let gguf = ["export", "--project", "first", "--format", "gguf", "--to", "out.gguf"];
        let error = error_of(folder, &gguf);
        assert!(error.contains("labels"), "{error}");
        let error =
            error_of(folder, &["bundle", "export", "--project", "first", "--run", "2", "--to", "bundle"]);
        assert!(error.contains("classify"), "{error}");
        let error =
            error_of(folder, &["evaluate", "classify", "--project", "first", "--run", "1", "--text", "a"]);
        assert!(error.contains("no labels"), "{error}");
        let error = error_of(folder, &["train", "--project", "first", "--from", "2", "--objective", "text"]);
        assert!(error.contains("model.labels"), "{error}");
    }
}

#[test]
fn a_run_that_was_interrupted_goes_on_to_the_same_numbers() {
    let folder = folder(&["--set", "model.position={kind=\"none\"}", "--set", "model.dropout.residual=0.1"]);
    let folder = folder.path();
    let sets = ["--steps", "12", "--set", "train.accumulate=2", "--set", "train.batch_size=2"];
    let sets =
        [&sets[..], &["--set", "train.eval_interval=6", "--set", "train.checkpoint_interval=6"]].concat();
    let whole = tune(folder, "1", "classify", "texts.jsonl", &sets);
    tune(folder, "1", "classify", "texts.jsonl", &[&sets[..], &["--stop-after", "5"]].concat());
    let rest = resume(folder, "3");
    let numbers = |told: &[Value], kind: &str, field: &str| -> Vec<(u64, String)> {
        let after = of(told, kind).into_iter().filter(|event| event["step"].as_u64() > Some(5));
        after.map(|event| (event["step"].as_u64().unwrap(), event[field].to_string())).collect()
    };
    for (kind, field) in
        [("step", "loss"), ("step", "grad_norm"), ("accuracy", "validation"), ("accuracy", "train")]
    {
        let (one, other) = (numbers(&whole, kind, field), numbers(&rest, kind, field));
        assert!(one.len() >= 2 && one == other, "{kind} {field}: {one:?} {other:?}");
    }
}

/// From a table. Frozen parameters stay, and the new head is always trained.
#[test]
fn an_adapter_or_a_part_learns_labels_from_a_table() {
    let folder = folder(&[]);
    let folder = folder.path();
    let quoted = |number| {
        let (text, label) = row(number);
        format!("{label},\"{}\"\r\n", text.replacen(' ', ",\n", 1).replace('.', " \"\"so\"\"."))
    };
    let table: String = (0..60).map(quoted).collect();
    std::fs::write(folder.join("texts.csv"), format!("\u{feff}Label,Text\r\n{table}")).unwrap();
    let steps = ["--steps", "3", "--lr", "1e-2", "--set", "train.batch_size=4"];
    tune(
        folder,
        "1",
        "classify",
        "texts.csv",
        &[&steps[..], &["--adapter", "lora", "--set", "adapter.rank=2"]].concat(),
    );
    tune(folder, "1", "classify", "texts.csv", &[&steps[..], &["--set", "train.trainable=norms"]].concat());
    let weights = |name: &str| -> BTreeMap<String, Vec<f32>> {
        let (named, _) = weights(folder, "first", name);
        named.into_iter().map(|(name, (_, entries))| (name, entries)).collect()
    };
    let [base, adapted, norms] = ["1", "2", "3"].map(weights);
    assert!(!base.contains_key("classifier.weight"));
    assert_ne!(adapted["classifier.weight"], norms["classifier.weight"]);
    assert_eq!(adapted["embedding.tokens"], base["embedding.tokens"]);
    let (qkv, norm) = ("blocks.0.attention.qkv.weight", "blocks.0.attention.norm.weight");
    assert!(adapted[qkv] != base[qkv] && norms[qkv] == base[qkv]);
    assert!(adapted[norm] == base[norm] && norms[norm] != base[norm]);
    assert!(!adapted.contains_key("head.weight"));

    // It can be trained further with its head if the labels are the same.
    let own = [
        "train",
        "--project",
        "first",
        "--device",
        "cpu",
        "--from",
        "3:latest",
        "--data",
        "texts.csv",
        "--steps",
        "1",
    ];
    succeed(folder, &[&own[..], &["--lr", "1e-12", "--set", "train.weight_decay=0"]].concat());
    let (before, after) = (&norms["classifier.weight"], &weights("4")["classifier.weight"]);
    assert!(before.iter().zip(after).all(|(a, b)| (a - b).abs() < 1e-6), "{before:?} {after:?}");
}

#[test]
fn rows_that_are_none_are_named_and_left_out() {
    let folder = folder(&[]);
    let folder = folder.path();
    let whole = std::fs::read_to_string(folder.join("texts.jsonl")).unwrap();
    let wrong = "{\"text\":3,\"label\":\"food\"}\n{\"label\":\"food\"}\n{\"text\":\"a\"}\n{\"text\":\" \",\"label\":\"food\"}\n";
    std::fs::write(folder.join("texts.jsonl"), format!("{whole}{wrong}")).unwrap();
    let from = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--objective", "classify"];
    let from = [&from[..], &["--steps", "1"]].concat();
    let (said, told) = both(folder, &[&from[..], &["--data", "texts.jsonl"]].concat());
    let told = told + &said;
    for said in [
        "texts.jsonl line 401: `text`",
        "texts.jsonl line 402: `text`",
        "texts.jsonl line 403: `label`",
        "texts.jsonl line 404: `text`",
        "glasshouse evaluate classify",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("one.jsonl", "{\"text\":\"a b\",\"label\":\"food\"}\n{\"text\":\"a c\",\"label\":\"food\"}\n");
    write("none.jsonl", "{\"prompt\":\"a\"}\n");
    write("other.csv", "kind,words\nfood,soup\n");
    for (data, said) in [
        ("one.jsonl", "one label, food"),
        ("none.jsonl", "line 1: `text`"),
        ("other.csv", "kind, words"),
        ("stories.txt", "labels"),
    ] {
        let error = error_of(folder, &[&from[..], &["--data", data]].concat());
        assert!(error.contains(said), "{said}: {error}");
    }
    let error =
        error_of(folder, &["train", "--objective", "classify", "--data", "texts.jsonl", "--project", "new"]);
    assert!(error.contains("train.objective = classify") && error.contains("--from"), "{error}");
}

/// transformers' sequence classification class on the exported folder, text by text.
#[test]
fn slow_python_transformers_tells_the_same_texts_apart() {
    let folder = folder(&[]);
    let folder = folder.path();
    tune(
        folder,
        "1",
        "classify",
        "texts.jsonl",
        &["--steps", "30", "--lr", "4e-3", "--set", "train.batch_size=8"],
    );
    succeed(folder, &["export", "--project", "first", "--to", "exported"]);
    let theirs = lines(&referee(folder, "check_classifier.py", &["exported", "held.jsonl"]));
    let ours = lines(&succeed(
        folder,
        &["evaluate", "classify", "--project", "first", "--file", "held.jsonl", "--json"],
    ));
    assert_eq!(theirs.len() + 1, ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        for (label, share) in ours["probabilities"].as_object().unwrap() {
            let (share, wanted) = (share.as_f64().unwrap(), theirs[label].as_f64().unwrap());
            assert!((share - wanted).abs() < 1e-5, "{label}: {theirs} for {ours}");
        }
    }
}

/// The texts of a batch with their labels' indices, wherever they are in rows of `time` tokens.
fn texts_of(batch: &MicroBatch, time: usize) -> Vec<Value> {
    let labelled = batch.targets.iter().enumerate().filter(|(_, target)| **target != IGNORED);
    labelled
        .map(|(last, label)| {
            let start = batch.document_starts.as_ref().map_or(0, |starts| starts[last] as usize);
            json!({ "ids": batch.tokens[last / time * time + start..=last], "label": label })
        })
        .collect()
}

/// Ten steps of transformers' sequence classification class from the same weights on the same texts: a Llama, which reads several
/// per row here, and a GPT-2, which reads one per row.
#[test]
fn slow_python_transformers_learns_the_same_labels() {
    let roomy = [&ROOMY[..], &["--tokenizer", "bpe", "--vocabulary", "400"]].concat();
    // Biases that GPT-2's class has, and this model lacks, stay zero.
    for (folder, frozen) in [(trained_llama(96, 20), &[][..]), (trained(&roomy), &[".bias"])] {
        let folder = folder.path();
        let line = |number| {
            let (text, label) = row(number);
            json!({ "text": text, "label": label })
        };
        write_rows(&folder.join("texts.jsonl"), (0..60).map(line));
        // A step that changes almost nothing adds the new head to the weights.
        let still = ["--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"];
        tune(folder, "1", "classify", "texts.jsonl", &still);
        succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "begun"]);
        let mut more = [&AS_REFEREES[..], &["--batch-size", "3", "--steps", "10", "--lr", "1e-3"]].concat();
        add_sets(&mut more, &["train.accumulate=2", "train.eval_interval=0"]);
        let told = tune(folder, "2", "classify", "texts.jsonl", &more);

        let own = config(folder, "3");
        let prepared = prepare::open(&run(folder, "3").data_folder().unwrap()).unwrap();
        let drawn = prepared.batches(&own).unwrap();
        let texts =
            |step, micro_batch| texts_of(&drawn.train(step, micro_batch).unwrap(), own.model.context_length);
        let batches: Vec<Vec<Value>> =
            (0..10).map(|step| (0..2).flat_map(|micro_batch| texts(step, micro_batch)).collect()).collect();
        let (rows, count) = (10 * 2 * 3, batches.iter().map(Vec::len).sum::<usize>());
        let packs = own.train.packs_examples(&own.model);
        assert_eq!((packs, count > rows), (frozen.is_empty(), frozen.is_empty()), "{count} texts");
        std::fs::write(folder.join("batches.json"), json!(batches).to_string()).unwrap();
        let settings = json!({
            "frozen": frozen, "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1,
            "clip": 1.0,
        });
        std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        referee(folder, "train_classifier.py", &["begun", "batches.json", "settings.json", "out"]);
        let (out, about) = (folder.join("out"), format!("packed {packs}"));
        same_steps(&told, &out, 10, &about);
        same_weights(folder, "3", &out, &about);
    }
}
