//! Runs that start from other runs' weights: what is taken over, changed, frozen and refused.

use crate::support::program::{
    RUN, count_runs, error_of, glasshouse, lines, lines_of, of, run_of, stories, succeed, train,
};
use crate::support::tuning::weights;
use glasshouse_engine::graph::Parameter;
use glasshouse_engine::project::{Project, RunRecord};
use glasshouse_protocol::{RunConfig, RunState, Start, Trainable};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A folder with a text, and a run of ten steps of a small model on it.
fn folder() -> tempfile::TempDir {
    let folder = stories(60);
    train(folder.path(), &folder.path().join("first"), &["--steps", "10"]);
    folder
}

/// Starts a run from the latest run of the project `first`, and returns its events.
fn begin(folder: &Path, project: &str, more: &[&str]) -> Vec<Value> {
    let from =
        ["train", "--project", project, "--device", "cpu", "--threads", "2", "--json", "--from", "latest"];
    lines(&succeed(folder, &[&from[..], more].concat()))
}

/// Validation losses by step.
fn losses(told: &[Value]) -> BTreeMap<u64, f64> {
    let evaluations = of(told, "eval").into_iter();
    evaluations.map(|event| (event["step"].as_u64().unwrap(), event["val_loss"].as_f64().unwrap())).collect()
}

fn config(folder: &Path, project: &str, run: &str) -> RunConfig {
    run_of(folder, project, run).config().unwrap()
}

#[test]
fn a_run_begins_with_the_weights_of_another_and_says_so() {
    let folder = folder();
    let folder = folder.path();
    let before = losses(&metrics(folder, "first", RUN));
    // With the same text and seed, the first evaluation equals the base run's last.
    let told = begin(folder, "first", &["--steps", "6", "--lr", "1e-4"]);
    let after = losses(&told);
    assert_eq!(after[&0], before[&10], "{before:?} {after:?}");
    assert!(after[&6] < after[&0]);
    let (first, second) = (config(folder, "first", "1"), config(folder, "first", "2"));
    let start = second.start.clone().unwrap();
    assert_eq!((start.run.as_str(), start.step(), &start.project), (RUN, Some(10), &None));
    assert_eq!((&second.model, &second.data), (&first.model, &first.data));
    let listed = succeed(folder, &["runs", "--project", "first"]);
    assert!(listed.contains("1-nanogpt-cpu at step 10"), "{listed}");

    // A run without a checkpoint of its own restarts from its base.
    let run = run_of(folder, "first", "2");
    let unsave = || {
        std::fs::remove_dir_all(run.checkpoints_folder()).unwrap();
        std::fs::remove_file(run.folder().join("clock.jsonl")).unwrap();
        let record = run.record().unwrap();
        run.save_record(&RunRecord { step: 0, state: RunState::Running, ..record }).unwrap();
    };
    unsave();
    let again = lines(&succeed(folder, &["train", "--project", "first", "--resume", "--json"]));
    assert_eq!(losses(&again)[&6], after[&6]);

    // Without its base run, that is the error.
    unsave();
    succeed(folder, &["runs", "--project", "first", "delete", "1"]);
    let error = error_of(folder, &["train", "--project", "first", "--resume"]);
    assert!(error.contains("1-nanogpt-cpu at step 10"), "{error}");
    succeed(folder, &["runs", "--project", "first", "restore", "1"]);
    succeed(folder, &["train", "--project", "first", "--resume"]);

    // From another project, on another text.
    let letters = "Dear Anna, the sea is loud tonight.\n".repeat(400);
    std::fs::write(folder.join("letters.txt"), letters).unwrap();
    begin(folder, "second", &["--from-project", "first", "--steps", "2", "--data", "letters.txt"]);
    let start = config(folder, "second", "1").start.unwrap();
    assert!(Path::new(&start.project.unwrap()).is_absolute() && start.run == "2-nanogpt-cpu");
    let (_, own) = weights(folder, "second", "1");
    assert_eq!(own.to_json().unwrap(), weights(folder, "first", "1").1.to_json().unwrap());
}

fn metrics(folder: &Path, project: &str, run: &str) -> Vec<Value> {
    lines_of(&folder.join(project).join("runs").join(run).join("metrics.jsonl"))
}

#[test]
fn what_is_frozen_keeps_its_bits_and_what_is_not_learns() {
    let folder = folder();
    let folder = folder.path();
    let (before, _) = weights(folder, "first", "1");
    for (number, words) in [(2, "norms"), (3, "last:1"), (4, "blocks.*.mlp.*"), (5, "norms-and-biases")] {
        let trainable = format!("train.trainable={words}");
        let from = ["--steps", "10", "--set", &trainable, "--stop-after", "4"];
        let told = begin(folder, "first", &[&from[..], &["--from-project", "first"]].concat());
        // It resumes with moments of the trained parameters only.
        let number: u64 = number;
        succeed(folder, &["train", "--project", "first", "--resume"]);
        let (after, _) = weights(folder, "first", &number.to_string());
        let trainable: Trainable = words.parse().unwrap();
        let config = config(folder, "first", &number.to_string());
        assert_eq!(config.train.trainable, trainable);
        for (name, (_, weights)) in &before {
            let trained = trainable.includes(name, config.model.layers, config.model.tied_head);
            assert_eq!(after[name].1 != *weights, trained, "{words}: {name}");
        }
        // Samples use the trained weights.
        assert!(!of(&told, "sample").is_empty(), "{told:?}");
        // The next run starts from the first again.
        let run = number.to_string();
        succeed(folder, &["runs", "--project", "first", "delete", &run]);
    }
}

#[test]
fn an_adapter_trains_beside_the_weights_of_another_run_and_is_merged_and_exported() {
    let folder = folder();
    let folder = folder.path();
    let (base, _) = weights(folder, "first", "1");
    let before = losses(&metrics(folder, "first", RUN));
    let from = ["--adapter", "lora", "--set", "adapter.rank=4", "--steps", "12", "--lr", "5e-3"];
    let told = begin(folder, "first", &[&from[..], &["--stop-after", "5"]].concat());
    // Initially it equals its base.
    assert_eq!(losses(&told)[&0], before[&10], "{told:?}");
    assert!(!of(&told, "sample").is_empty(), "{told:?}");
    succeed(folder, &["train", "--project", "first", "--resume", "--adapter", "lora"]);
    let trained = losses(&metrics(folder, "first", "2-nanogpt-cpu"));
    assert!(trained[&12] < trained[&0], "{trained:?}");
    let error = error_of(folder, &["train", "--project", "first", "--resume", "--adapter", "none"]);
    assert!(error.contains("train.adapter.kind is none"), "{error}");
    // Its weights are read with the adapter merged into the layers it adapts.
    let (after, _) = weights(folder, "first", "2");
    let adapts = |name: &str| {
        ["qkv", "output", "up", "down"].iter().any(|layer| name.ends_with(&format!("{layer}.weight")))
    };
    for (name, (_, entries)) in &base {
        assert_eq!(after[name].1 != *entries, adapts(name), "{name}");
    }
    succeed(folder, &["generate", "--project", "first", "--run", "2", "--max-tokens", "3"]);
    let said = succeed(folder, &["merge", "--project", "first", "--run", "2", "--checkpoint", "latest"]);
    assert!(said.starts_with("3-nanogpt-cpu-merged: "), "{said}");
    // The sum of the products rounds otherwise than the product of the sum.
    assert!(difference(&said, "the run with its separate adapter") < 1e-4, "{said}");
    let (merged, _) = weights(folder, "first", "3");
    assert!(merged.iter().all(|(name, (_, entries))| *entries == after[name].1));
    let config = config(folder, "first", "3");
    assert_eq!((config.train.adapter, config.start.unwrap().run.as_str()), (None, "2-nanogpt-cpu"));
    // All of it can be trained further.
    let told = begin(folder, "first", &["--steps", "2"]);
    assert!((losses(&told)[&0] - trained[&12]).abs() < 1e-4, "{told:?} {trained:?}");
    let error = error_of(folder, &["merge", "--project", "first", "--run", "3"]);
    assert!(error.contains("no adapter") && error.contains("2-nanogpt-cpu"), "{error}");

    let export = ["export", "--project", "first", "--format", "peft"];
    let latest = ["--run", "2", "--checkpoint", "latest", "--to", "adapter"];
    let said = succeed(folder, &[&export[..], &latest].concat());
    assert!(said.contains("PeftModel.from_pretrained"), "{said}");
    let settings = std::fs::read_to_string(folder.join("adapter/adapter_config.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    assert_eq!((&settings["r"], &settings["fan_in_fan_out"]), (&4.into(), &true.into()));
    // PEFT's adapter is added to its base weights.
    let near = |left: &str, right: &BTreeMap<String, (Parameter, Vec<f32>)>| {
        let (left, _) = weights(folder, "first", left);
        left.iter().all(|(name, (_, entries))| {
            entries.iter().zip(&right[name].1).all(|(left, right)| (left - right).abs() < 1e-6)
        })
    };
    let start = self::config(folder, "first", "2").start.unwrap();
    let own = ["merge", "--project", "first", "--adapter", "adapter", "--run"];
    let said = succeed(folder, &[&own[..], &["1", "--checkpoint", start.checkpoint.as_str()]].concat());
    assert!(said.starts_with("5-nanogpt-cpu-merged: "), "{said}");
    assert!(difference(&said, "the weights before") > 1e-4, "{said}");
    assert!(near("5", &after));
    let error = error_of(folder, &["import", "adapter", "--project", "first"]);
    assert!(error.contains("merge --adapter"), "{error}");
    let error = error_of(folder, &[&export[..], &["--run", "1", "--to", "none"]].concat());
    assert!(error.contains("no adapter") && !folder.join("none").exists(), "{error}");
    let export = ["bundle", "export", "--project", "first", "--run", "2", "--to", "bundle"];
    let error = error_of(folder, &export);
    assert!(error.contains("adapter"), "{error}");
}

#[test]
fn an_adapter_that_cannot_be_is_refused_by_name() {
    let folder = folder();
    let folder = folder.path();
    let refused =
        |arguments: &[&str]| error_of(folder, &[&["train", "--project", "first"], arguments].concat());
    let error = refused(&["--preset", "nanogpt-cpu", "--adapter", "lora"]);
    assert!(error.starts_with("train.adapter = ") && error.contains("--from"), "{error}");
    let error = refused(&["--from", "latest", "--adapter", "lora", "--set", "adapter.rank=33"]);
    assert!(error.starts_with("train.adapter.rank = 33 "), "{error}");
    let error = refused(&["--from", "latest", "--adapter", "lora", "--set", "train.trainable=norms"]);
    assert!(error.starts_with("train.trainable = norms "), "{error}");
    let error = refused(&["--from", "latest", "--adapter", "lorra"]);
    assert!(error.contains("`lora`"), "{error}");
    assert_eq!(count_runs(folder, "first"), 1);
}

#[test]
fn new_special_tokens_begin_as_the_mean_row_and_a_context_may_be_shorter() {
    let folder = folder();
    let folder = folder.path();
    let (before, old) = weights(folder, "first", "1");
    let tokens = r#"tokenizer.special_tokens=["<|user|>","<|bot|>"]"#;
    let changes = ["--set", tokens, "--set", "model.context_length=8", "--set", "train.trainable=norms"];
    let told = begin(folder, "first", &[&changes[..], &["--steps", "2"]].concat());
    assert!(losses(&told)[&0].is_finite());
    let says = |event: &Value| event["text"].as_str().is_some_and(|text| text.contains("<|bot|>"));
    assert!(of(&told, "notice").into_iter().any(says), "{told:?}");
    let (after, new) = weights(folder, "first", "2");
    let known = old.vocabulary_size();
    assert_eq!(new.vocabulary_size(), known + 2);
    assert_eq!(new.id("<|bot|>"), Some(known as u32 + 1));
    let text = "One day<|user|>";
    assert_eq!(new.encode(text).unwrap().last(), Some(&(known as u32)));
    assert_eq!(new.encode("One day").unwrap(), old.encode("One day").unwrap());
    let (table, rows) = &after["embedding.tokens"];
    let (_, before_rows) = &before["embedding.tokens"];
    let width = table.ty.shape[1];
    assert_eq!(table.ty.shape[0], known + 2);
    assert_eq!(rows[..known * width], before_rows[..known * width]);
    for column in 0..width {
        let mean: f64 =
            before_rows[..known * width].iter().skip(column).step_by(width).map(|it| f64::from(*it)).sum();
        let mean = (mean / known as f64) as f32;
        assert_eq!([rows[known * width + column], rows[(known + 1) * width + column]], [mean; 2]);
    }
    // Of the learned positions, the first ones.
    let (positions, rows) = &after["embedding.positions"];
    assert_eq!(positions.ty.shape[0], 8);
    assert_eq!(rows[..], before["embedding.positions"].1[..rows.len()]);
    let longer = ["--project", "first", "--from", "1", "--set", "model.context_length=32"];
    let error = error_of(folder, &[&["train"][..], &longer].concat());
    assert!(error.contains("embedding.positions") && error.contains("model.context_length"), "{error}");
    // Invalid weights are detected before a run is created.
    for entry in std::fs::read_dir(run_of(folder, "first", "1").checkpoints_folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    error_of(folder, &["train", "--project", "first", "--from", "1", "--steps", "2"]);
    assert_eq!(count_runs(folder, "first"), 2);
}

#[test]
fn what_cannot_be_begun_with_is_refused_by_name_and_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    let refused =
        |arguments: &[&str]| error_of(folder, &[&["train", "--project", "first"], arguments].concat());
    let error = refused(&["--from", "7"]);
    assert!(error.contains("`7`") || error.contains("\"7\""), "{error}");
    let error = refused(&["--from", "1:step-3.safetensors"]);
    assert!(error.contains("step-3.safetensors"), "{error}");
    let error = refused(&["--from", "latest", "--set", "model.width=64"]);
    assert!(error.starts_with("model.width = 64 must be 32") && error.contains(RUN), "{error}");
    let error = refused(&["--from", "latest", "--set", "tokenizer.kind=byte"]);
    assert!(error.starts_with("tokenizer.kind = byte must be char"), "{error}");
    let error = refused(&["--set", "start.run=1"]);
    assert!(error.ends_with("--from"), "{error}");
    let error = refused(&["--from", "latest", "--set", "train.trainable=last:2"]);
    assert!(error.starts_with("train.trainable = last:2 "), "{error}");
    let error = refused(&["--from", "latest", "--set", "train.trainable=heads"]);
    assert!(error.contains("last:N"), "{error}");
    let error = refused(&["--from", "latest", "--preset", "llama-tiny"]);
    assert!(error.contains("cannot be used with"), "{error}");
    let error = refused(&["--from", "latest", "--from-project", "nowhere"]);
    assert!(error.contains("no project"), "{error}");
    assert_eq!(count_runs(folder, "first"), 1);
}

#[test]
fn an_imported_model_is_trained_on_and_goes_out_as_what_it_came_in() {
    let folder = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "model"]);
    let said = succeed(folder, &["import", "model", "--project", "in"]);
    assert!(said.contains("glasshouse train --from latest --project in --data"), "{said}");
    let told =
        begin(folder, "in", &["--steps", "3", "--data", "stories.txt", "--set", "train.eval_interval=3"]);
    let before = losses(&metrics(folder, "first", RUN));
    let after = losses(&told);
    assert!(after[&0] < before[&0] - 0.1 && after[&3] < after[&0], "{before:?} {after:?}");
    let project = Project::open(&folder.join("in")).unwrap();
    let (model, run) = (project.run("1").unwrap(), project.run("2").unwrap());
    assert_eq!(model.record().unwrap().state, RunState::Imported);
    assert_eq!(run.record().unwrap().family, model.record().unwrap().family);
    assert_eq!(
        run.config().unwrap().start,
        Some(Start { checkpoint: "step-00000000-000001.safetensors".into(), ..Start::best_of("1-model") })
    );
    succeed(folder, &["export", "--project", "in", "--to", "out"]);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("out/tokenizer.json"), read("model/tokenizer.json"));
    assert_eq!(read("out/config.json"), read("model/config.json"));
    let weights = |name: &str| std::fs::read(folder.join(name).join("model.safetensors")).unwrap();
    assert!(weights("out") != weights("model"));
}

/// A single command imports the model once, into a new project if necessary, and starts the run from it.
#[test]
fn a_run_begins_with_a_folder_or_a_file_that_is_imported_first() {
    let folder = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "owl"]);
    succeed(folder, &["export", "--project", "first", "--format", "gguf", "--to", "owl.gguf"]);
    let from = |place: &str, more: &[&str]| {
        let own =
            ["train", "--project", "second", "--device", "cpu", "--steps", "1", "--data", "stories.txt"];
        let words = [&own[..], &["--from", place], more].concat();
        let output = glasshouse(folder, &words);
        let told = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
        (output.status.success(), told)
    };
    let runs = || {
        let runs = Project::open(&folder.join("second")).unwrap().runs().unwrap();
        runs.iter().map(glasshouse_engine::project::Run::name).collect::<Vec<_>>()
    };
    let (_, told) = from("./owl", &["--adapter", "lora", "--set", "adapter.rank=4"]);
    assert!(told.contains("1-owl: GPT2LMHeadModel") && told.contains("initial weights"), "{told}");
    let begun = config(folder, "second", "2");
    assert_eq!(begun.start.as_ref().map(|start| start.run.as_str()), Some("1-owl"));
    assert_eq!(begun.train.adapter.map(|adapter| adapter.rank), Some(4));

    // Neither command imports the same files twice; other files are imported.
    let (_, told) = from("owl", &[]);
    assert!(told.contains("already imported"), "{told}");
    succeed(folder, &["import", "owl", "--project", "second"]);
    let (_, told) = from("owl.gguf", &[]);
    assert!(!told.contains("already imported"), "{told}");
    let names = runs();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names[3].starts_with("4-owl") && config(folder, "second", "5").start.unwrap().run == names[3]);
    let config = std::fs::read_to_string(folder.join("owl/config.json")).unwrap();
    std::fs::write(folder.join("owl/config.json"), config + "\n").unwrap();
    succeed(folder, &["import", "owl", "--project", "second"]);
    assert_eq!(runs().len(), 6);

    std::fs::create_dir(folder.join("pickled")).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(folder.join("owl").join(file), folder.join("pickled").join(file)).unwrap();
    }
    std::fs::write(folder.join("pickled/pytorch_model.bin"), "never opened").unwrap();
    for (place, more, said) in [
        ("./pickled", &[][..], "pytorch_model.bin is pickled"),
        ("./nowhere", &[], "nowhere"),
        ("./first", &[], "config.json"),
        ("stories.gguf", &[], "stories.gguf"),
        ("./owl", &["--from-project", "first"], "--from-project"),
    ] {
        let (succeeded, told) = from(place, more);
        assert!(!succeeded && told.contains(said), "{place}: {told}");
    }
    assert_eq!(runs().len(), 6);
}

/// The largest logit difference that a merge printed.
fn difference(said: &str, from: &str) -> f32 {
    let (_, rest) = said.split_once(&format!("\ncompared with {from}: largest logit difference ")).unwrap();
    rest.split(';').next().unwrap().parse().unwrap()
}
