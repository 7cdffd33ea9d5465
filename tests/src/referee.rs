//! The files that PyTorch needs to train a run on identical batches from identical weights; `tests/python/train_nanogpt.py`
//! reads them.

use glasshouse_engine::data::{self, Batches, Split, prepare};
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::Run;
use glasshouse_engine::protocol::RunConfig;
use glasshouse_engine::step::MicroBatch;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes `run.toml`, `weights.safetensors` (initial weights by name) and `batches.safetensors` (tokens and targets of every
/// step and of nanoGPT's 20 evaluation batches, and the whole validation split) to the folder `out`. With `shortened`, writes
/// the batches of the first steps only. `glasshouse train` with the same settings draws the same weights and batches.
pub fn write(mut config: RunConfig, shortened: Option<u64>, out: &Path) {
    std::fs::create_dir_all(out).unwrap();
    let prepared = data::prepare(&config, out, &mut |_| {}).expect("text");
    config.model.vocabulary = prepared.tokenizer.vocabulary_size();
    std::fs::write(out.join("run.toml"), config.to_toml().unwrap()).unwrap();
    weights(&config, &out.join("weights.safetensors"));
    let store = &prepared.store;
    let batches =
        Batches::windows(store, config.seed, config.train.batch_size, config.model.context_length).unwrap();
    let steps = shortened.unwrap_or(config.train.steps);
    let train: Vec<MicroBatch> = (0..steps).map(|step| batches.train(step, 0).unwrap()).collect();
    let mut tensors = Tensors::new();
    put_batches(&mut tensors, "", &train, &config);
    if shortened.is_none() {
        put_batches(&mut tensors, "validation.", &evaluation(&batches, &config), &config);
        let length = store.len(Split::Validation) as usize;
        let stream = store.read(Split::Validation, 0, length).unwrap();
        put(&mut tensors, "validation.stream", &[length], &stream);
    }
    write_tensors(&out.join("batches.safetensors"), &tensors, Dtype::I32);
}

/// Writes the batches of a run to a file: `tokens` and `targets` of every training micro-batch, `starts` if rows hold several
/// documents, and the evaluation batches of the validation split with the prefix `validation.`. Ignored targets are -1.
pub fn write_batches(run: &Run, path: &Path) {
    let config = run.config().unwrap();
    let prepared = prepare::open(&run.data_folder().unwrap()).unwrap();
    let batches = prepared.batches(&config).unwrap();
    let micro_batches = config.train.accumulate as u64;
    let train: Vec<MicroBatch> = (0..config.train.steps * micro_batches)
        .map(|at| batches.train(at / micro_batches, at % micro_batches).unwrap())
        .collect();
    let mut tensors = Tensors::new();
    put_batches(&mut tensors, "", &train, &config);
    put_batches(&mut tensors, "validation.", &evaluation(&batches, &config), &config);
    write_tensors(path, &tensors, Dtype::I32);
}

/// The batches of the validation split that the run's evaluations use.
fn evaluation(batches: &Batches<'_>, config: &RunConfig) -> Vec<MicroBatch> {
    let count = batches.evaluations(Split::Validation).min(config.train.evaluated_micro_batches() as u64);
    (0..count).map(|index| batches.evaluation(Split::Validation, index).unwrap()).collect()
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// Adds batches as tensors of shape `[batches, rows, context]`.
fn put_batches(tensors: &mut Tensors, prefix: &str, batches: &[MicroBatch], config: &RunConfig) {
    let shape = [batches.len(), config.train.batch_size, config.model.context_length];
    let mut gather = |name: &str, of: fn(&MicroBatch) -> Option<&Vec<u32>>| {
        let ids: Vec<u32> = batches.iter().filter_map(of).flatten().copied().collect();
        if !ids.is_empty() {
            put(tensors, &format!("{prefix}{name}"), &shape, &ids);
        }
    };
    gather("tokens", |batch| Some(&batch.tokens));
    gather("targets", |batch| Some(&batch.targets));
    gather("starts", |batch| batch.document_starts.as_ref());
}

fn put(tensors: &mut Tensors, name: &str, shape: &[usize], ids: &[u32]) {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    tensors.insert(name.to_owned(), (shape.to_vec(), bytes));
}

fn weights(config: &RunConfig, path: &Path) {
    let graph = training_graphs(&config.model, &config.train).unwrap().train;
    let layout = ArenaLayout::new(&graph);
    let arena = crate::blocking::initial_parameters(&graph.parameters, config.seed);
    let mut tensors = Tensors::new();
    for (at, parameter) in graph.parameters.iter().enumerate() {
        let entries = &arena[layout.offsets[at]..layout.offsets[at] + layout.counts[at]];
        let bytes = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        tensors.insert(parameter.name.clone(), (parameter.ty.shape.clone(), bytes));
    }
    write_tensors(path, &tensors, Dtype::F32);
}

fn write_tensors(path: &Path, tensors: &Tensors, dtype: Dtype) {
    let views = tensors
        .iter()
        .map(|(name, (shape, bytes))| (name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}
