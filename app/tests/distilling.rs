//! Distillation: a small model learns from a larger one with the same tokenizer. Also unlikelihood training, which has the same
//! reference script.

use crate::support::program::{
    count_runs, error_of, lines, referee, sets, stories, succeed, train, write_rows,
};
use crate::support::tuning::{
    AS_REFEREES, add_sets, at, mean, numbers, restored, resume, run, same_steps, same_weights, trained, tune,
};
use glasshouse_engine::checkpoint::Checkpoints;
use glasshouse_engine::data::prepare;
use glasshouse_engine::project::Run;
use glasshouse_protocol::RunConfig;
use serde_json::{Value, json};
use std::path::Path;

const TEACHER: [&str; 12] = [
    "--steps",
    "120",
    "--lr",
    "3e-3",
    "--set",
    "model.layers=2",
    "--set",
    "model.width=48",
    "--set",
    "model.head_size=24",
    "--set",
    "model.context_length=24",
];

/// A folder with a text, and the project `first` with a trained model of two blocks.
fn folder() -> tempfile::TempDir {
    trained(&TEACHER)
}

/// Trains a model of one block in the project `first`.
fn learn(folder: &Path, more: &[&str]) -> Vec<Value> {
    lines(&train(folder, &folder.join("first"), &[more, &["--json"]].concat()))
}

/// Like `learn`, with run 1 as the teacher.
fn distil(folder: &Path, more: &[&str]) -> Vec<Value> {
    let own = ["--objective", "distil", "--set", "train.distil.teacher=1"];
    learn(folder, &[&own[..], more].concat())
}

fn losses(told: &[Value]) -> Vec<f64> {
    numbers(told, "step", "loss")
}

/// The validation losses by step.
fn evaluations(told: &[Value]) -> Vec<f64> {
    numbers(told, "eval", "val_loss")
}

#[test]
fn a_small_model_comes_nearer_to_its_teacher_and_keeps_nothing_of_it() {
    let folder = folder();
    let folder = folder.path();
    // Only the teacher's probabilities: the loss is the divergence from them, and 0 if both agree.
    let only = ["--steps", "120", "--lr", "3e-3", "--set", "train.distil.mix=1"];
    let told = distil(folder, &[&only[..], &["--set", "train.distil.temperature=1"]].concat());
    let losses = losses(&told);
    let (first, last) = (mean(&losses[..5]), mean(&losses[losses.len() - 20..]));
    assert!(first > 0.0 && last < 0.5 * first, "{first} {last}");
    let run = run(folder, "2");
    let RunConfig { train, .. } = run.config().unwrap();
    assert!(train.distil.teacher.starts_with("1-nanogpt-cpu:step-"), "{}", train.distil.teacher);
    assert_eq!(train.teacher_model().map(|teacher| (teacher.layers, teacher.width)), Some((2, 48)));
    // The model is as large as one trained on the text alone, in its record and its files, and generates like any other.
    let plain = learn(folder, &["--steps", "120", "--lr", "3e-3"]);
    let text = self::run(folder, "3");
    assert_eq!(run.record().unwrap().parameters, text.record().unwrap().parameters);
    let checkpoint = |run: &Run| {
        let listed = Checkpoints::new(run.checkpoints_folder()).list();
        std::fs::read(run.checkpoints_folder().join(&listed.last().unwrap().file)).unwrap()
    };
    let [ours, theirs] = [checkpoint(&run), checkpoint(&text)];
    let [ours, theirs] = [&ours, &theirs].map(|bytes| safetensors::SafeTensors::deserialize(bytes).unwrap());
    let shapes = |tensors: &safetensors::SafeTensors<'_>| {
        let tensors = tensors.tensors();
        let mut shapes: Vec<_> =
            tensors.into_iter().map(|(name, tensor)| (name, tensor.shape().to_vec())).collect();
        shapes.sort();
        shapes
    };
    assert_eq!(shapes(&ours), shapes(&theirs));
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "out"]);
    let write = ["generate", "--project", "first", "--run", "2", "--prompt", "The", "--max-tokens", "5"];
    let write = [&write[..], &["--device", "cpu"]].concat();
    assert!(!succeed(folder, &write).is_empty());
    // Evaluations measure the text, so that curves are comparable: before the first step they are equal.
    let [learned, plain] = [&told, &plain].map(|told| evaluations(told));
    assert_eq!(learned[0], plain[0]);
    assert!(learned[learned.len() - 1] < learned[0] - 0.3, "{learned:?}");
    // A mix of 0 trains on the text only.
    let alone = distil(folder, &["--steps", "10", "--set", "train.distil.mix=0"]);
    let plain = learn(folder, &["--steps", "10"]);
    for (ours, theirs) in self::losses(&alone).iter().zip(self::losses(&plain)) {
        assert!((ours - theirs).abs() < 1e-5 * theirs, "{ours} {theirs}");
    }
}

#[test]
fn a_run_that_was_interrupted_continues_with_its_teacher() {
    let folder = folder();
    let folder = folder.path();
    let set = ["--steps", "12", "--set", "train.accumulate=2", "--set", "train.eval_interval=4"];
    let whole = distil(folder, &set);
    distil(folder, &[&set[..], &["--stop-after", "5"]].concat());
    let again = ["train", "--project", "first", "--run", "3", "--resume", "--json"];
    // It cannot resume without its teacher and the stored copy.
    std::fs::remove_file(run(folder, "3").folder().join("teacher.safetensors")).unwrap();
    let (teacher, aside) = (run(folder, "1").folder().to_owned(), folder.join("aside"));
    std::fs::rename(&teacher, &aside).unwrap();
    let error = error_of(folder, &again);
    assert!(error.contains("train.distil.teacher"), "{error}");
    std::fs::rename(&aside, &teacher).unwrap();
    let rest = resume(folder, "3");
    for number in 6..=12 {
        assert_eq!(at(&whole, "step", number), at(&rest, "step", number), "step {number}");
    }
    assert_eq!(evaluations(&whole).last(), evaluations(&rest).last());
    // Activation checkpointing changes no number, and a restored run has its teacher, too.
    let kept = distil(folder, &[&set[..], &["--set", "train.activation_checkpointing=true"]].concat());
    assert_eq!(losses(&kept), losses(&whole));
    let restored = restored(folder, "2");
    assert_eq!(restored.config().unwrap().train.distil, run(folder, "2").config().unwrap().train.distil);
}

#[test]
fn an_adapter_and_frozen_blocks_learn_from_a_teacher() {
    let folder = folder();
    let folder = folder.path();
    learn(folder, &["--steps", "20", "--lr", "3e-3"]);
    let from = [
        "--from",
        "2",
        "--steps",
        "120",
        "--lr",
        "1e-2",
        "--batch-size",
        "16",
        "--set",
        "train.distil.mix=1",
    ];
    // An adapter starts at zero, and has learned less.
    for (part, most) in [(&["--adapter", "lora"][..], 0.995), (&["--set", "train.trainable=last:1"], 0.95)] {
        let own = ["train", "--project", "first", "--device", "cpu", "--threads", "2", "--json"];
        let taught = ["--objective", "distil", "--set", "train.distil.teacher=1"];
        let told = lines(&succeed(folder, &[&own[..], &taught, &from, part].concat()));
        let losses = losses(&told);
        let (first, last) = (mean(&losses[..5]), mean(&losses[losses.len() - 10..]));
        assert!(last < most * first, "{part:?}: {first} {last}");
    }
}

#[test]
fn what_cannot_teach_is_refused_in_a_sentence() {
    let folder = folder();
    let folder = folder.path();
    learn(folder, &["--steps", "1", "--tokenizer", "byte"]);
    let row = |at: usize| json!({ "text": format!("The cat sat on {at}."), "label": (["a", "b"][at % 2]) });
    write_rows(&folder.join("rows.jsonl"), (0..40).map(row));
    let base = ["train", "--project", "first", "--device", "cpu", "--steps", "1"];
    succeed(
        folder,
        &[&base[..], &["--from", "1", "--objective", "classify", "--data", "rows.jsonl"]].concat(),
    );
    let small = ["--preset", "nanogpt-cpu", "--data", "stories.txt", "--set", "model.context_length=16"];
    let cases: [(&[&str], &[&str], &str); 9] = [
        (&small, &[], "train.distil.teacher = \"\""),
        (&small, &["train.distil.teacher=9"], "teacher"),
        (&small, &["train.distil.teacher=1:step-00000007-000001.safetensors"], "step-00000007"),
        (&small, &["train.distil.teacher=1", "model.context_length=64"], "model.context_length is 64"),
        (&small, &["train.distil.teacher=3"], "labels"),
        (&["--from", "2"], &["train.distil.teacher=1"], "tokenizers"),
        (&small, &["train.distil.teacher=1", "train.distil.mix=2"], "train.distil.mix = 2"),
        (&small, &["train.distil.teacher=1", "train.distil.temperature=0"], "0.01 and 1000"),
        (&small, &["train.distil.teacher=1", "train.unlikelihood=1"], "objective distil"),
    ];
    for (more, settings, said) in cases {
        let typed = [&base[..], &["--objective", "distil"], more, &sets(settings)[..]].concat();
        let error = error_of(folder, &typed);
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(count_runs(folder, "first"), 3);
    distil(folder, &["--steps", "2", "--stop-after", "1"]);
    let error = error_of(folder, &["bundle", "export", "--project", "first", "--run", "4", "--to", "bundle"]);
    assert!(error.contains("distil"), "{error}");
    learn(folder, &["--steps", "2", "--stop-after", "1", "--set", "train.unlikelihood=1"]);
    let error = error_of(folder, &["bundle", "export", "--project", "first", "--run", "5", "--to", "bundle"]);
    assert!(error.contains("train.unlikelihood"), "{error}");
}

/// The loss is higher than the text's alone, and decreases as well.
#[test]
fn unlikelihood_adds_to_the_loss_and_is_learned() {
    let folder = folder();
    let folder = folder.path();
    let settings = ["--steps", "60", "--lr", "3e-3"];
    let plain = learn(folder, &settings);
    let unlikely = learn(folder, &[&settings[..], &["--set", "train.unlikelihood=1"]].concat());
    let (plain, unlikely) = (losses(&plain), losses(&unlikely));
    assert!(unlikely[0] > plain[0] + 0.01, "{} {}", unlikely[0], plain[0]);
    assert!(mean(&unlikely[50..]) < unlikely[0], "{unlikely:?}");
}

/// Ten steps of PyTorch from the same weights on the same windows: distillation with two temperatures, and unlikelihood.
#[test]
fn slow_python_pytorch_distils_the_same_weights() {
    let folder = stories(60);
    let folder = folder.path();
    let base =
        ["train", "--preset", "llama-tiny", "--data", "stories.txt", "--project", "first", "--device", "cpu"];
    let base = [&base[..], &["--threads", "2", "--vocabulary", "400", "--batch-size", "4"]].concat();
    let sized = |layers: usize, head_size: usize, more: &[&str]| {
        let settings = [
            format!("model.layers={layers}"),
            format!("model.width={}", 4 * head_size),
            "model.heads=4".to_owned(),
            "model.kv_heads=2".to_owned(),
            format!("model.head_size={head_size}"),
            "model.mlp.hidden=64".to_owned(),
            "model.context_length=48".to_owned(),
        ];
        let settings = settings.each_ref().map(String::as_str);
        succeed(folder, &[&base[..], &sets(&settings)[..], more].concat());
    };
    sized(3, 12, &["--steps", "60", "--lr", "3e-3"]);
    sized(2, 8, &["--steps", "20"]);
    for (number, to) in [("1", "teacher"), ("2", "begun")] {
        succeed(folder, &["export", "--project", "first", "--run", number, "--to", to]);
    }
    let kinds = [
        ("distil", vec!["train.distil.teacher=1", "train.distil.temperature=2", "train.distil.mix=0.5"]),
        ("distil", vec!["train.distil.teacher=1", "train.distil.temperature=1", "train.distil.mix=1"]),
        ("text", vec!["train.unlikelihood=0.5"]),
    ];
    for (number, (objective, own)) in (3..).zip(kinds) {
        let mut more = [&AS_REFEREES[..], &["--batch-size", "3", "--steps", "10", "--lr", "1e-3"]].concat();
        add_sets(&mut more, &["train.accumulate=2", "train.eval_interval=0"]);
        add_sets(&mut more, &own);
        let told = tune(folder, "2", objective, "stories.txt", &more);
        let run = run(folder, &number.to_string());
        let config = run.config().unwrap();
        let prepared = prepare::open(&run.data_folder().unwrap()).unwrap();
        let drawn = prepared.batches(&config).unwrap();
        let batches: Vec<Value> = (0..10)
            .map(|step| {
                let both: Vec<_> = (0..2).map(|micro| drawn.train(step, micro).unwrap()).collect();
                let rows = |ids: Vec<u32>| ids.chunks(48).map(<[u32]>::to_vec).collect::<Vec<_>>();
                let tokens = both.iter().flat_map(|batch| rows(batch.tokens.clone())).collect::<Vec<_>>();
                let targets = both.iter().flat_map(|batch| rows(batch.targets.clone())).collect::<Vec<_>>();
                json!({ "tokens": tokens, "targets": targets })
            })
            .collect();
        std::fs::write(folder.join("batches.json"), Value::from(batches).to_string()).unwrap();
        let settings = json!({
            "temperature": config.train.distil.temperature, "mix": config.train.distil.mix,
            "unlikelihood": config.train.unlikelihood, "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8,
            "weight_decay": 0.1, "clip": 1.0,
        });
        std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        let out = format!("out-{number}");
        let mut given = vec!["begun", "batches.json", "settings.json", &out];
        given.extend((objective == "distil").then_some("teacher"));
        referee(folder, "distil.py", &given);
        let (out, number) = (folder.join(&out), number.to_string());
        same_steps(&told, &out, 10, &number);
        same_weights(folder, &number, &out, &number);
    }
}
