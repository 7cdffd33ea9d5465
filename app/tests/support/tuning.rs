//! Shared by tests of fine-tuning: a folder with a model in the project `first`, training rows, a run's events, and the
//! comparison with a reference implementation in Python.

use super::program::{lines, of, run_of, sets, stories, succeed, train};
use glasshouse_engine::graph::Parameter;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::{Project, Run, Trained, parameters_of};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::{Yielder, block_on};
use glasshouse_protocol::{CheckpointChoice, RunConfig};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;

/// Enough context for a turn of each side.
pub const ROOMY: [&str; 2] = ["--set", "model.context_length=64"];

/// AdamW as the reference implementations configure it.
pub const AS_REFEREES: [&str; 10] = [
    "--set",
    "train.decay=constant",
    "--set",
    "train.warmup_steps=0",
    "--set",
    "train.weight_decay=0.1",
    "--set",
    "train.gradient_clipping=1",
    "--set",
    "train.beta2=0.95",
];

/// A folder with `stories.txt` and a small trained model.
pub fn trained(more: &[&str]) -> TempDir {
    let folder = stories(60);
    train(folder.path(), &folder.path().join("first"), more);
    folder
}

/// A folder with a small trained Llama, an architecture that transformers supports.
pub fn trained_llama(context_length: usize, steps: usize) -> TempDir {
    let folder = stories(60);
    let (room, steps) = (format!("model.context_length={context_length}"), steps.to_string());
    let sizes = [
        "model.layers=2",
        "model.width=32",
        "model.heads=4",
        "model.kv_heads=2",
        "model.head_size=8",
        "model.mlp.hidden=64",
        &room,
    ];
    let base = ["train", "--preset", "llama-tiny", "--data", "stories.txt", "--project", "first"];
    let more = ["--device", "cpu", "--steps", &steps, "--vocabulary", "400", "--batch-size", "4"];
    succeed(folder.path(), &[&base[..], &more, &sets(&sizes)[..]].concat());
    folder
}

/// Adds `--set` options to the arguments.
pub fn add_sets<'set>(typed: &mut Vec<&'set str>, sets: &'set [impl AsRef<str>]) {
    sets.iter().for_each(|set| typed.extend(["--set", set.as_ref()]));
}

/// A prompt with the better and the worse answer, as messages.
pub fn pair_row(prompt: &str, chosen: &str, rejected: &str) -> Value {
    let message = |role: &str, content: &str| json!([{ "role": role, "content": content }]);
    json!({
        "prompt": message("user", prompt),
        "chosen": message("assistant", chosen),
        "rejected": message("assistant", rejected),
    })
}

/// Fine-tunes a run of the project `first`, and returns the new run's events.
pub fn tune(folder: &Path, from: &str, objective: &str, data: &str, more: &[&str]) -> Vec<Value> {
    let own = ["train", "--project", "first", "--device", "cpu", "--threads", "2", "--json", "--from", from];
    let own = [&own[..], &["--objective", objective, "--data", data]].concat();
    lines(&succeed(folder, &[&own[..], more].concat()))
}

/// Resumes an interrupted run.
pub fn resume(folder: &Path, run: &str) -> Vec<Value> {
    lines(&succeed(folder, &["train", "--project", "first", "--run", run, "--resume", "--json"]))
}

/// A run of the project `first`.
pub fn run(folder: &Path, name: &str) -> Run {
    run_of(folder, "first", name)
}

/// The run that a restored checkpoint of another run becomes.
pub fn restored(folder: &Path, name: &str) -> Run {
    let project = Project::open(&folder.join("first")).unwrap();
    let of = project.run(name).unwrap();
    block_on(glasshouse_engine::training::restore(&project, &of, &CheckpointChoice::Latest, &Yielder::none()))
        .unwrap()
        .put()
        .unwrap()
}

pub fn config(folder: &Path, name: &str) -> RunConfig {
    run(folder, name).config().unwrap()
}

/// A run's latest weights by parameter name, and its tokenizer.
pub fn weights(
    folder: &Path,
    project: &str,
    run: &str,
) -> (BTreeMap<String, (Parameter, Vec<f32>)>, Tokenizer) {
    let trained =
        block_on(Trained::load(run_of(folder, project, run), &CheckpointChoice::Latest, &Yielder::none()))
            .unwrap();
    let parameters = parameters_of(&trained.config).unwrap();
    let layout = ArenaLayout::from_parameters(&parameters);
    let entries = |at: usize| trained.parameters[layout.offsets[at]..][..layout.counts[at]].to_vec();
    let named = parameters.iter().enumerate().map(|(at, it)| (it.name.clone(), (it.clone(), entries(at))));
    (named.collect(), trained.tokenizer)
}

/// A number of each event of a kind, in order.
pub fn numbers(told: &[Value], event: &str, field: &str) -> Vec<f64> {
    of(told, event).iter().map(|line| line[field].as_f64().unwrap()).collect()
}

/// The event of a step without its speed.
pub fn at(told: &[Value], event: &str, step: u64) -> Value {
    let mut found = (*of(told, event).iter().find(|line| line["step"] == step).unwrap()).clone();
    found.as_object_mut().unwrap().remove("tokens_per_s");
    found
}

/// All texts of the events, concatenated.
pub fn notices(told: &[Value]) -> String {
    told.iter().filter_map(|event| event["text"].as_str()).collect()
}

pub fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Checks that a run's steps have the losses and gradient norms of the reference implementation, and returns the latter.
pub fn same_steps(told: &[Value], out: &Path, count: usize, about: &str) -> Vec<Value> {
    let steps = std::fs::read_to_string(out.join("steps.json")).unwrap();
    let steps: Vec<Value> = serde_json::from_str(&steps).unwrap();
    let ours = of(told, "step");
    assert_eq!((ours.len(), steps.len()), (count, count), "{about}");
    for (ours, theirs) in ours.iter().zip(&steps) {
        let pair = |mine: &str, other: &str| (ours[mine].as_f64().unwrap(), theirs[other].as_f64().unwrap());
        let (loss, wanted) = pair("loss", "loss");
        assert!((loss - wanted).abs() < 1e-5 * wanted.abs().max(1.0), "{about}: {ours} for {theirs}");
        let (norm, wanted) = pair("grad_norm", "gradient_norm");
        assert!((norm - wanted).abs() < 1e-4 * wanted, "{about}: {ours} for {theirs}");
    }
    steps
}

/// Checks that a run's latest weights equal those of the reference implementation.
pub fn same_weights(folder: &Path, run: &str, out: &Path, about: &str) {
    let to = format!("tuned-{run}");
    let typed = ["export", "--project", "first", "--run", run, "--checkpoint", "latest", "--to", &to];
    succeed(folder, &typed);
    let [ours, theirs] = [folder.join(to).join("model.safetensors"), out.join("weights.safetensors")]
        .map(|path| std::fs::read(path).unwrap());
    let [ours, theirs] = [&ours, &theirs].map(|bytes| safetensors::SafeTensors::deserialize(bytes).unwrap());
    let floats = |bytes: &[u8]| -> Vec<f64> {
        bytes.as_chunks::<4>().0.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect()
    };
    // A tied head is exported once.
    let names = |weights: &safetensors::SafeTensors<'_>| -> BTreeSet<String> {
        weights.names().into_iter().filter(|name| *name != "lm_head.weight").map(str::to_owned).collect()
    };
    assert_eq!(names(&ours), names(&theirs), "{about}");
    for (name, tensor) in ours.tensors() {
        let (mine, other) = (floats(tensor.data()), floats(theirs.tensor(&name).unwrap().data()));
        assert_eq!(mine.len(), other.len(), "{about}, {name}");
        let apart: f64 = mine.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let size = other.iter().map(|entry| entry.powi(2)).sum::<f64>().sqrt();
        // `<=`, since both may be zero.
        assert!(apart <= 1e-4 * size, "{about}, {name}: {apart} of {size}");
    }
}
