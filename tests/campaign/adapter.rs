//! Memory of a run with an adapter over a stored base, from its start to its end.

use super::memory::measure;
use glasshouse_engine::Yielder;
use glasshouse_engine::checkpoint::{CheckpointInfo, Checkpoints};
use glasshouse_engine::cpu::CpuExecutor;
use glasshouse_engine::data::{Batches, TokenStore, Windows};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::{Beginning, Project, Run, parameters_of};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::training::{Options, Progress, Trainer};
use glasshouse_protocol::{
    Adapter, AdapterKind, CheckpointChoice, GenerateConfig, RunConfig, Start, TokenizerKind, WeightFormat,
    presets,
};
use pollster::block_on;

/// Format of a base and kind of its adapter, with rank, width, blocks, MLP's width, vocabulary (0: the tokenizer's), context and batch.
type Shape = (WeightFormat, AdapterKind, [usize; 7]);

const SHAPES: [Shape; 7] = [
    (WeightFormat::Q8_0, AdapterKind::Lora, [8, 512, 8, 1376, 0, 16, 1]),
    (WeightFormat::F16, AdapterKind::Dora, [8, 512, 8, 1376, 0, 16, 1]),
    (WeightFormat::Q8_0, AdapterKind::Dora, [32, 512, 8, 1376, 0, 16, 1]),
    (WeightFormat::Q8_0, AdapterKind::Lora, [8, 512, 8, 1376, 16_384, 16, 1]),
    (WeightFormat::Q8_0, AdapterKind::Lora, [8, 256, 24, 704, 0, 64, 1]),
    (WeightFormat::Q4_0, AdapterKind::Lora, [8, 1024, 3, 2816, 0, 16, 1]),
    (WeightFormat::Q4_0, AdapterKind::Lora, [32, 512, 8, 1376, 16_384, 128, 2]),
];

fn base(project: &Project, (format, _, shape): &Shape) -> (RunConfig, Run) {
    let [_, width, layers, hidden, vocabulary, context, _] = *shape;
    let mut config = presets::preset("llama-tiny").unwrap();
    let model = &mut config.model;
    (model.width, model.heads, model.kv_heads, model.head_size) = (width, width / 64, width / 64, 64);
    (model.layers, model.mlp.hidden, model.context_length) = (layers, hidden, context);
    config.tokenizer.kind = TokenizerKind::Byte;
    let tokenizer = block_on(Tokenizer::train(&config.tokenizer, &["a"], &Yielder::none())).unwrap();
    config.model.vocabulary = tokenizer.vocabulary_size().max(vocabulary);
    config.tokenizer.vocabulary = tokenizer.vocabulary_size();
    config.weights = *format;
    let data = project.folder().join("data");
    std::fs::create_dir_all(&data).unwrap();
    tokenizer.save(&data.join("tokenizer.json")).unwrap();
    let fill = |run: &Run| {
        let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
        let own = parameters_of(&config)?;
        let mut begun = checkpoints.begin(&CheckpointInfo::new(&config, run.config_crc32c()?, 0), &own)?;
        for own in &own {
            let entry = |at: usize| (at * 31 % 101) as f32 * 1e-3 - 0.05;
            begun.put(&(0..own.ty.count()).map(entry).collect::<Vec<_>>())?;
        }
        checkpoints.finish(begun, true).map(drop)
    };
    let run = project.create_run_with(&config, &data, fill).unwrap();
    (config, run)
}

/// Bytes that a run holds at most, from its start to its last sample; those of its executor, which a plan states, with the copy of the
/// parameters in 32 bits and of the moments that is saved; and those of its model in 32-bit floats.
fn held(shape: &Shape) -> [usize; 3] {
    let &(format, kind, [rank, .., batch]) = shape;
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let (mut config, first) = base(&project, shape);
    config.start = Some(Start { run: first.name(), checkpoint: CheckpointChoice::Best, project: None });
    let train = &mut config.train;
    train.adapter = Some(Adapter { kind, rank, ..Adapter::default() });
    (train.steps, train.batch_size, train.accumulate) = (3, batch, 1);
    (train.eval_interval, train.eval_batches, train.checkpoint_interval) = (2, 1, 2);
    let beginning = Beginning::find(&project, &config).unwrap().unwrap();
    beginning.settle(&mut config).unwrap();
    assert_eq!(config.train.adapter.as_ref().unwrap().base, format);
    let run = project.create_run(&config, &project.folder().join("data")).unwrap();
    let tokens = |count: u32| (0..count).map(|at| at * 7 % 251).collect();
    let store = TokenStore::in_memory(tokens(4000), tokens(700));
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let optimizer = Optimizer::new(&config.train);
    let work = async {
        let weights = beginning.weights(&config).unwrap();
        let windows = Windows::new(&store, config.seed, batch, config.model.context_length).unwrap();
        let batches = Batches::Windows(windows.accumulating(1));
        let (executor, _) = Executor::open("cpu", &graphs, optimizer, Some(1)).await.unwrap();
        let begun = Trainer::begin(run, &graphs, batches, executor, Options::default(), false, Some(weights));
        let mut trainer = begun.await.unwrap();
        while !matches!(trainer.next().await.unwrap(), Progress::Over) {}
        let mut decoder = trainer.decoder(1).await.unwrap();
        decoder.start(&[1, 2, 3], &GenerateConfig::default()).await.unwrap();
        decoder.advance(4).await.unwrap();
    };
    let ((), used) = measure(|| block_on(work));
    let floats = parameters_of(&config).unwrap().iter().map(|own| own.ty.count() * 4).sum();
    let layout = ArenaLayout::new(&graphs.train);
    let saved = 4 * (layout.floats_end + 2 * layout.trained_end);
    [used.peak, CpuExecutor::needed(&graphs, optimizer) as usize + saved, floats]
}

/// Prints each shape with the memory of its model in 32 bits, its plan and its run.
#[test]
fn runs_with_adapters_over_stored_bases_take_the_memory_of_their_plans() {
    for shape in &SHAPES {
        let [peak, planned, floats] = held(shape);
        let [floats, plan, used] = [floats, planned, peak].map(|bytes| bytes as f64 / 1e6);
        eprintln!("{shape:?}: {floats:.0} MB in 32 bits, {plan:.0} planned, {used:.0} used");
        let allowed = planned / 10 + (8 << 20);
        assert!(peak.abs_diff(planned) < allowed, "{peak} for {planned}");
    }
}
