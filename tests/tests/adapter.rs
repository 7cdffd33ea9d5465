//! Low-rank adapters (Hu et al. 2021; DoRA: Liu et al. 2024): a run starts as its base model, weights leave training merged, and PEFT computes the
//! same with an exported adapter. `models_parity.rs` and `fusions.rs` check the gradients.

use crate::common;
use crate::common::{ask_each, deviation, draw_adapters, ids};
use crate::export::{our_logits, small, write};
use crate::runs::{config, create, project, session, store, with_trainer};
use glasshouse_engine::Yielder;
use glasshouse_engine::blocks;
use glasshouse_engine::checkpoint::{CheckpointInfo, Checkpoints, Content};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::graph::{Element, Parameter, ParameterId, random};
use glasshouse_engine::model::{is_of_adapter, parameters, training_graphs};
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::plan::merge;
use glasshouse_engine::project::{Project, Run, parameters_of};
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::training::{Options, TrainEvent};
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{
    Adapter, AdapterKind, AdapterTarget, CheckpointChoice, Precision, RunConfig, RunState, TrainConfig,
    WeightFormat,
};
use glasshouse_tests::blocking;
use pollster::block_on;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Weights with an adapter merged into them.
pub fn merged(parameters: &[Parameter], adapter: Option<&Adapter>, values: Vec<f32>) -> Vec<f32> {
    block_on(merge::merged(parameters, adapter, values, &async || ()))
}

/// The tests' tiny model with a LoRA adapter that has its own dropout.
fn adapted() -> RunConfig {
    adapted_by(AdapterKind::Lora)
}

fn adapted_by(kind: AdapterKind) -> RunConfig {
    let adapter = Adapter { kind, rank: 4, alpha: 6.0, dropout: 0.1, ..Adapter::default() };
    RunConfig { train: TrainConfig { adapter: Some(adapter), ..config().train }, ..config() }
}

/// Losses of a batch with the given weights.
fn losses(device: &str, config: &RunConfig, parameters: Vec<f32>) -> Vec<(f32, f32)> {
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let (mut executor, _) =
        block_on(Executor::open(device, &graphs, Optimizer::new(&config.train), Some(2))).unwrap();
    block_on(executor.set_state(&ArenaState::from_weights(parameters))).unwrap();
    let size = config.train.batch_size * config.model.context_length;
    let batch = |at: u64| MicroBatch {
        tokens: ids(2 * at, size, config.model.vocabulary),
        targets: ids(2 * at + 1, size, config.model.vocabulary),
        ..MicroBatch::default()
    };
    block_on(executor.evaluate(&[batch(0), batch(1)])).unwrap()
}

#[test]
fn the_first_forward_is_that_of_the_model_and_merged_weights_compute_what_both_do() {
    AdapterKind::ALL.into_iter().for_each(computes_what_merged_weights_do);
}

/// LoRA's first forward is the model's to the bit; DoRA divides by norms and multiplies by the same ones.
fn computes_what_merged_weights_do(kind: AdapterKind) {
    let run = adapted_by(kind);
    let plain = RunConfig { train: TrainConfig { adapter: None, ..run.train.clone() }, ..run.clone() };
    let adapter = run.train.adapter.as_ref();
    let list = parameters(&run.model, &run.train).unwrap();
    let layout = ArenaLayout::from_parameters(&list);
    let mut arena = blocking::initial_parameters(&list, 7);
    let base = blocking::initial_parameters(&parameters_of(&plain).unwrap(), 7);
    assert_eq!(merged(&list, adapter, arena.clone()), base, "what is added is nothing yet");
    for device in ["cpu".to_owned(), common::adapter()] {
        let (with, without) = (losses(&device, &run, arena.clone()), losses(&device, &plain, base.clone()));
        match kind {
            AdapterKind::Lora => assert_eq!(with, without, "{device}"),
            AdapterKind::Dora => {
                for ((one, _), (other, _)) in with.iter().zip(&without) {
                    assert!((one - other).abs() < 5e-6 * other, "{device}: {one} for {other}");
                }
            }
        }
    }
    draw_adapters(&list, &layout, &mut arena);
    // Makes the adapter's contribution much larger than rounding errors.
    for (at, _) in list.iter().enumerate().filter(|(_, parameter)| is_of_adapter(&parameter.name)) {
        arena[layout.range(ParameterId(at as u32))].iter_mut().for_each(|entry| *entry *= 4.0);
    }
    let whole = merged(&list, adapter, arena.clone());
    for device in ["cpu".to_owned(), common::adapter()] {
        let (with, without) = (losses(&device, &run, arena.clone()), losses(&device, &plain, whole.clone()));
        for ((one, _), (other, _)) in with.iter().zip(&without) {
            assert!((one - other).abs() < 1e-5 * other, "{device}: {one} for {other}");
        }
        let (changed, first) = (with[0].0, losses(&device, &plain, base.clone())[0].0);
        assert!((changed - first).abs() > 1e-3, "{device}: {changed} {first}");
    }
}

#[test]
fn an_adapter_trains_alone_and_leaves_the_training_merged() {
    let (_folder, project) = project();
    let on = |kind| [("cpu".to_owned(), kind), (common::adapter(), kind)];
    for (device, kind) in AdapterKind::ALL.into_iter().flat_map(on) {
        let adapted = || adapted_by(kind);
        let run = create(&project, &adapted());
        let events = session(&run, &store(), &device, Options { stop_after: Some(30), ..Options::default() });
        let evaluated = found!(events.unwrap().into_iter(), TrainEvent::Eval { val_loss, .. } => val_loss);
        let evaluated: Vec<f32> = evaluated.collect();
        assert!(evaluated[1] < evaluated[0], "{evaluated:?}");
        let list = parameters(&adapted().model, &adapted().train).unwrap();
        let layout = ArenaLayout::from_parameters(&list);
        let loaded =
            blocking::load_checkpoint(&run, &CheckpointChoice::Latest, &list, Content::WeightsAndMoments);
        let first = blocking::initial_parameters(&list, adapted().seed);
        for (at, parameter) in list.iter().enumerate() {
            let range = layout.range(ParameterId(at as u32));
            let same = first[range.clone()] == loaded.state.parameters[range];
            assert_eq!(same, !is_of_adapter(&parameter.name), "{device}: {}", parameter.name);
        }
        assert_eq!(loaded.state.first_moments.len(), layout.trained_end);
        // Samples are generated with the checkpoint's merged weights.
        let weights =
            with_trainer(&run, &store(), &device, Options::default(), |trainer| block_on(trainer.weights()));
        let whole = merged(&list, adapted().train.adapter.as_ref(), loaded.state.parameters.to_vec());
        assert_eq!(weights.unwrap().unwrap(), whole);
    }
}

/// The weights, with those that a run stores in fewer bits as they are stored.
fn rounded(list: &[Parameter], layout: &ArenaLayout, mut arena: Vec<f32>) -> Vec<f32> {
    for (at, own) in list.iter().enumerate().filter(|(_, own)| own.ty.element != Element::F32) {
        let (element, columns) = (own.ty.element, own.ty.columns());
        let weights = &mut arena[layout.range(ParameterId(at as u32))];
        blocks::round(element, columns, weights);
    }
    arena
}

/// A base in fewer bits gives bit-identical products, gradients and steps to a 32-bit base with rounded matrices.
#[test]
fn a_base_in_fewer_bits_is_the_rounded_one_to_the_bit() {
    for format in [WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q4_0] {
        is_the_rounded_one(format);
    }
}

fn is_the_rounded_one(format: WeightFormat) {
    let kind = if format == WeightFormat::Q4_0 { AdapterKind::Dora } else { AdapterKind::Lora };
    let mut whole = adapted_by(kind);
    (whole.model.width, whole.model.head_size) = (32, 16);
    let mut stored = whole.clone();
    stored.train.adapter.as_mut().unwrap().base = format;
    let [list, of_stored] = [&whole, &stored].map(|run| parameters(&run.model, &run.train).unwrap());
    let [layout, to] = [&list, &of_stored].map(|list| ArenaLayout::from_parameters(list));
    let held = of_stored.iter().filter(|own| own.ty.element == format.into()).count();
    assert!(held == to.stored.len() && held > 0);
    assert!(of_stored.iter().all(|own| own.ty.element == Element::F32 || own.name.starts_with("blocks.")));
    let mut arena = blocking::initial_parameters(&list, 7);
    draw_adapters(&list, &layout, &mut arena);
    // Includes subnormal 16-bit floats.
    let matrix = list.iter().position(|own| own.name == "blocks.0.mlp.up.weight").unwrap();
    let first = layout.offsets[matrix];
    arena[first..first + 4].copy_from_slice(&[3.1e-6, -5.9e-8, 2e-8, 1.5e-5]);
    let size = whole.train.batch_size * whole.model.context_length;
    let micro = |at: u64| MicroBatch {
        tokens: ids(2 * at, size, whole.model.vocabulary),
        targets: ids(2 * at + 1, size, whole.model.vocabulary),
        seed: random::dropout_seed(3, 0, at),
        ..MicroBatch::default()
    };
    let step = StepInput { step: 0, learning_rate: 1e-3, micro_batches: vec![micro(0), micro(1)] };
    for (device, checkpointing) in [
        ("cpu".to_owned(), false),
        ("cpu".to_owned(), true),
        (common::adapter(), false),
        ("burn-flex".to_owned(), false),
    ] {
        let mut found = Vec::new();
        for run in [&whole, &stored] {
            let mut train = run.train.clone();
            train.activation_checkpointing = checkpointing;
            let graphs = training_graphs(&run.model, &train).unwrap();
            let opened = Executor::open(&device, &graphs, Optimizer::new(&train), Some(2));
            let (mut executor, _) = block_on(opened).unwrap();
            let is_stored = run.train.adapter == stored.train.adapter;
            let moved = layout.moved_to(&to, arena.clone());
            // The 32-bit run gets the same weights after rounding.
            let given = if is_stored { moved } else { to.moved_to(&layout, rounded(&of_stored, &to, moved)) };
            block_on(executor.set_state(&ArenaState::from_weights(given))).unwrap();
            let (loss, gradients) = block_on(executor.gradients(&step)).unwrap();
            let evaluated = block_on(executor.evaluate(&step.micro_batches)).unwrap();
            block_on(executor.train(std::slice::from_ref(&step))).unwrap();
            let after = block_on(executor.weights()).unwrap();
            let after = if is_stored { to.moved_to(&layout, rounded(&of_stored, &to, after)) } else { after };
            found.push((loss, evaluated, gradients, after));
        }
        assert!(found[0].2[..layout.trained_end].iter().any(|entry| *entry != 0.0));
        assert!(found[0] == found[1], "{format:?}, {device}, {checkpointing}: {} {}", found[0].0, found[1].0);
    }
}

/// Mixed precision follows 32 bits, as it does without an adapter.
#[test]
fn an_adapter_in_mixed_precision_follows_32_bits_on_gpu() {
    let mut gradients = Vec::new();
    let mut run = adapted();
    run.model.dropout = Dropout::everywhere(0.0);
    let list = parameters(&run.model, &run.train).unwrap();
    let layout = ArenaLayout::from_parameters(&list);
    let mut arena = blocking::initial_parameters(&list, 7);
    draw_adapters(&list, &layout, &mut arena);
    for precision in [Precision::F32, Precision::Mixed] {
        run.train.precision = precision;
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        let adapter = common::adapter();
        let opened = Executor::open(&adapter, &graphs, Optimizer::new(&run.train), None);
        let (mut executor, _) = block_on(opened).unwrap();
        block_on(executor.set_state(&ArenaState::from_weights(arena.clone()))).unwrap();
        let size = run.train.batch_size * run.model.context_length;
        let micro = |at: u64| MicroBatch {
            tokens: ids(2 * at, size, run.model.vocabulary),
            targets: ids(2 * at + 1, size, run.model.vocabulary),
            seed: random::dropout_seed(3, 0, at),
            ..MicroBatch::default()
        };
        let step = StepInput { step: 0, learning_rate: 0.0, micro_batches: vec![micro(0), micro(1)] };
        gradients.push(block_on(executor.gradients(&step)).unwrap().1);
    }
    let apart = deviation(&gradients[1][..layout.trained_end], &gradients[0][..layout.trained_end]);
    assert!(apart > 0.0 && apart < 0.01, "{apart:.1e}");
}

/// A run whose latest checkpoint has these weights.
pub fn run_with(project: &Project, config: &RunConfig, parameters: Vec<f32>) -> Run {
    let list = glasshouse_engine::model::parameters(&config.model, &config.train).unwrap();
    let fill = |run: &Run| {
        let info = CheckpointInfo::new(config, run.config_crc32c()?, 3);
        let state = ArenaState::from_weights(parameters);
        block_on(Checkpoints::new(run.checkpoints_folder()).save(
            &info,
            &list,
            &state,
            true,
            &Yielder::none(),
        ))?;
        Ok(())
    };
    project.create_run_with(config, &project.folder().join("data"), fill).unwrap()
}

#[test]
fn merging_makes_a_run_of_the_sums_that_names_where_it_comes_from() {
    let (_folder, project) = project();
    let (mut config, tokenizer, _) = small("llama-tiny", |_| {});
    let data = project.folder().join("data");
    std::fs::create_dir_all(&data).unwrap();
    tokenizer.save(&data.join("tokenizer.json")).unwrap();
    let base = WeightFormat::F16;
    config.train.adapter = Some(Adapter { rank: 3, rslora: true, base, ..Adapter::default() });
    let list = parameters(&config.model, &config.train).unwrap();
    let layout = ArenaLayout::from_parameters(&list);
    let mut arena = blocking::initial_parameters(&list, 5);
    draw_adapters(&list, &layout, &mut arena);
    let run = run_with(&project, &config, arena.clone());
    let whole = merged(&list, config.train.adapter.as_ref(), rounded(&list, &layout, arena));
    let new =
        block_on(project.merge(&run, &CheckpointChoice::Best, &Yielder::none())).unwrap().put().unwrap();
    let now = new.config().unwrap();
    assert_eq!((now.train.adapter.clone(), &now.model), (None, &config.model));
    let start = now.start.unwrap();
    assert_eq!(
        (start.run, start.checkpoint),
        (run.name(), CheckpointChoice::from("step-00000003-000001.safetensors"))
    );
    assert_eq!(new.record().unwrap().state, RunState::Imported);
    let list = parameters_of(&config).unwrap();
    let loaded = blocking::load_checkpoint(&new, &CheckpointChoice::Best, &list, Content::Weights);
    assert_eq!(*loaded.state.parameters, whole);
    // Everything that reads a run's weights gets the merged ones.
    assert_eq!(blocking::load(run, &CheckpointChoice::Best).unwrap().parameters, whole);
    let error =
        block_on(project.merge(&new, &CheckpointChoice::Best, &Yielder::none())).unwrap_err().to_string();
    assert!(error.contains("has no adapter"), "{error}");
}

/// The expected gradient of one of our layers from those of PEFT's modules for its rows: A is the sum, B and magnitudes are
/// concatenated.
fn expected(theirs: &Value, prefix: &str, modules: &[&str], name: &str) -> Vec<f32> {
    let gradients = modules.iter().map(|module| {
        let found = theirs["gradients"][format!("base_model.model.{prefix}.{module}.{name}")].as_array();
        let found = found.unwrap_or_else(|| panic!("{prefix}.{module}.{name}"));
        found.iter().map(|entry| entry.as_f64().unwrap() as f32).collect::<Vec<f32>>()
    });
    let gradients: Vec<Vec<f32>> = gradients.collect();
    match name {
        "lora_B.weight" | "lora_magnitude_vector" => gradients.concat(),
        _ => (0..gradients[0].len()).map(|at| gradients.iter().map(|one| one[at]).sum()).collect(),
    }
}

type Layers = [(&'static str, &'static [&'static str]); 4];

const GPT2: Layers = [
    ("attention.qkv", &["attn.c_attn"]),
    ("attention.output", &["attn.c_proj"]),
    ("mlp.up", &["mlp.c_fc"]),
    ("mlp.down", &["mlp.c_proj"]),
];
const LLAMA: Layers = [
    ("attention.qkv", &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
    ("attention.output", &["self_attn.o_proj"]),
    ("mlp.up", &["mlp.gate_proj", "mlp.up_proj"]),
    ("mlp.down", &["mlp.down_proj"]),
];

/// A model with an adapter, and its weights.
struct Adapted {
    config: RunConfig,
    list: Vec<Parameter>,
    arena: Vec<f32>,
    ids: Vec<u32>,
}

impl Adapted {
    fn new(preset: &str, adapter: Adapter) -> (Self, Tokenizer, Vec<f32>) {
        let (mut config, tokenizer, base) = small(preset, |config| {
            config.model.dropout = Dropout::everywhere(0.0);
            config.model.context_length = 12;
        });
        config.train = TrainConfig { batch_size: 1, adapter: Some(adapter), ..TrainConfig::default() };
        let list = parameters(&config.model, &config.train).unwrap();
        let (layout, plain) = (
            ArenaLayout::from_parameters(&list),
            ArenaLayout::from_parameters(&parameters_of(&config).unwrap()),
        );
        let mut arena = vec![0.0; layout.length];
        for (at, count) in plain.counts.iter().enumerate() {
            arena[layout.offsets[at]..][..*count].copy_from_slice(&base[plain.offsets[at]..][..*count]);
        }
        draw_adapters(&list, &layout, &mut arena);
        let ids = ids(1, config.model.context_length + 1, config.model.vocabulary);
        (Self { config, list, arena, ids }, tokenizer, base)
    }

    /// Writes model and adapter to a folder; returns the arguments of `check_peft.py`.
    fn export(&self, tokenizer: &Tokenizer, base: &[f32], folder: &Path) -> Vec<OsString> {
        let [model, exported] = ["model", "adapter"].map(|name| folder.join(name));
        write(&self.config, tokenizer, base, &model);
        let (_project_folder, project) = project();
        let run = run_with(&project, &self.config, self.arena.clone());
        blocking::export_adapter(run, &exported).unwrap();
        let ids = self.ids.iter().map(|id| id.to_string().into());
        [model.into(), exported.into()].into_iter().chain(ids).collect()
    }

    /// Logits and gradients are PEFT's.
    fn agrees(self, theirs: &Value, layers: Layers) {
        let Self { config, list, arena, ids } = self;
        let (preset, adapter) = (&config.preset, config.train.adapter.as_ref().unwrap());
        let layout = ArenaLayout::from_parameters(&list);
        let (tokens, targets) = (&ids[..ids.len() - 1], &ids[1..]);
        let whole = merged(&list, Some(adapter), arena.clone());
        let ours = our_logits(&config, &whole, tokens).concat();
        for kind in ["logits", "merged_logits"] {
            let rows: Vec<Vec<f32>> = serde_json::from_value(theirs[kind].clone()).unwrap();
            let apart = deviation(&ours, &rows.concat());
            assert!(apart < 5e-5, "{preset}, {adapter:?}, {kind}: {apart:.1e}");
        }

        let graphs = training_graphs(&config.model, &config.train).unwrap();
        let (mut executor, _) =
            block_on(Executor::open("cpu", &graphs, Optimizer::new(&config.train), None)).unwrap();
        block_on(executor.set_state(&ArenaState::from_weights(arena))).unwrap();
        let (tokens, targets) = (tokens.to_vec(), targets.to_vec());
        let micro_batches = vec![MicroBatch { tokens, targets, ..MicroBatch::default() }];
        let step = StepInput { step: 0, learning_rate: 0.0, micro_batches };
        let (loss, gradients) = block_on(executor.gradients(&step)).unwrap();
        assert!(
            (f64::from(loss) - theirs["loss"].as_f64().unwrap()).abs() < 1e-5,
            "{loss} {}",
            theirs["loss"]
        );
        let block = if preset == "llama-tiny" { "model.layers" } else { "transformer.h" };
        let mut compared = 0;
        for (at, parameter) in list.iter().enumerate().filter(|(_, parameter)| parameter.trainable) {
            let parts: Vec<&str> = parameter.name.splitn(5, '.').collect();
            let [_, number, part, layer, name] = parts[..] else { panic!("{}", parameter.name) };
            let modules: BTreeMap<&str, &[&str]> = layers.into_iter().collect();
            let modules = modules[format!("{part}.{layer}").as_str()];
            let wanted = expected(theirs, &format!("{block}.{number}"), modules, name);
            let apart = deviation(&gradients[layout.range(ParameterId(at as u32))], &wanted);
            assert!(apart < 1e-4, "{preset}, {adapter:?}, {}: {apart:.1e}", parameter.name);
            compared += 1;
        }
        let each = if adapter.kind == AdapterKind::Dora { 3 } else { 2 };
        assert_eq!(compared, each * config.model.layers * adapter.targets.len());
    }
}

#[test]
fn python_peft_agrees_on_adapters_of_a_gpt2_and_a_llama() {
    let adapter = Adapter { rank: 3, alpha: 6.0, ..Adapter::default() };
    // Only one of two modules with the same name.
    let targets = vec![AdapterTarget::Output];
    let mut cases = vec![
        ("gpt2-124m", adapter.clone(), GPT2),
        ("gpt2-124m", Adapter { targets, rslora: true, ..adapter.clone() }, GPT2),
        // Layers with biases, which magnitudes do not scale.
        ("gpt2-124m", Adapter { kind: AdapterKind::Dora, ..adapter }, GPT2),
    ];
    for kind in AdapterKind::ALL {
        cases.push(("llama-tiny", Adapter { kind, rank: 4, ..Adapter::default() }, LLAMA));
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut all, mut calls) = (Vec::new(), Vec::new());
    for (at, (preset, adapter, layers)) in cases.into_iter().enumerate() {
        let (adapted, tokenizer, base) = Adapted::new(preset, adapter);
        calls.push(adapted.export(&tokenizer, &base, &folder.path().join(at.to_string())));
        all.push((adapted, layers));
    }
    for ((adapted, layers), theirs) in all.into_iter().zip(ask_each("check_peft.py", &calls)) {
        adapted.agrees(&theirs, layers);
    }
}

/// The exported file holds the adapter, regardless of the base's precision.
#[test]
fn an_adapter_over_a_base_in_16_bits_is_exported_as_one_over_32() {
    let folder = tempfile::tempdir().unwrap();
    let files = [WeightFormat::F32, WeightFormat::F16].map(|base| {
        let (mut config, ..) = small("llama-tiny", |_| ());
        config.train.adapter = Some(Adapter { rank: 4, base, ..Adapter::default() });
        let list = parameters(&config.model, &config.train).unwrap();
        let layout = ArenaLayout::from_parameters(&list);
        let mut arena = blocking::initial_parameters(&list, 5);
        draw_adapters(&list, &layout, &mut arena);
        let (_project_folder, project) = project();
        let run = run_with(&project, &config, rounded(&list, &layout, arena));
        let to = folder.path().join(format!("{base:?}"));
        blocking::export_adapter(run, &to).unwrap();
        std::fs::read(to.join("adapter_model.safetensors")).unwrap()
    });
    assert!(files[0] == files[1]);
}
