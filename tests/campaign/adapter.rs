//! Memory of a run with an adapter over a stored base, from its start to its end.

use super::memory::measure;
use glasshouse_engine::Yielder;
use glasshouse_engine::checkpoint::{CheckpointInfo, Checkpoints};
use glasshouse_engine::cpu::CpuExecutor;
use glasshouse_engine::data::{Batches, TokenStore, Windows};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::project::{Beginning, Project, Run, parameters_of};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::training::{Options, Progress, Trainer};
use glasshouse_protocol::{
    Adapter, CheckpointChoice, GenerateConfig, RunConfig, Start, TokenizerKind, WeightFormat, presets,
};
use pollster::block_on;

/// 25 million weights in blocks.
fn base(project: &Project) -> (RunConfig, Run) {
    let mut config = presets::preset("llama-tiny").unwrap();
    let model = &mut config.model;
    (model.width, model.heads, model.kv_heads, model.head_size) = (512, 8, 8, 64);
    (model.layers, model.mlp.hidden, model.context_length) = (8, 1376, 16);
    config.tokenizer.kind = TokenizerKind::Byte;
    let tokenizer = block_on(Tokenizer::train(&config.tokenizer, &["a"], &Yielder::none())).unwrap();
    config.model.vocabulary = tokenizer.vocabulary_size();
    config.tokenizer.vocabulary = tokenizer.vocabulary_size();
    config.weights = WeightFormat::Q8_0;
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

#[test]
fn an_adapter_over_a_stored_base_takes_the_memory_of_its_executor() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let (mut config, first) = base(&project);
    config.start = Some(Start { run: first.name(), checkpoint: CheckpointChoice::Best, project: None });
    let train = &mut config.train;
    (train.adapter, train.steps, train.batch_size, train.accumulate) = (Some(Adapter::default()), 3, 1, 1);
    (train.eval_interval, train.eval_batches, train.checkpoint_interval) = (2, 1, 2);
    let beginning = Beginning::find(&project, &config).unwrap().unwrap();
    beginning.settle(&mut config).unwrap();
    assert_eq!(config.train.adapter.as_ref().unwrap().base, WeightFormat::Q8_0);
    let run = project.create_run(&config, &project.folder().join("data")).unwrap();
    let tokens = |count: u32| (0..count).map(|at| at * 7 % 251).collect();
    let store = TokenStore::in_memory(tokens(4000), tokens(700));
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let optimizer = Optimizer::new(&config.train);
    let work = async {
        let weights = beginning.weights(&config).unwrap();
        let windows = Windows::new(&store, config.seed, 1, config.model.context_length).unwrap();
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
    let needed = CpuExecutor::needed(&graphs, optimizer) as usize;
    let floats: usize = parameters_of(&config).unwrap().iter().map(|own| own.ty.count() * 4).sum();
    eprintln!("{} bytes held, {needed} by the executor, {floats} for the model in floats", used.peak);
    assert!(used.peak < needed + needed / 10 + (8 << 20), "{} for {needed}", used.peak);
    assert!(used.peak < floats, "{} for {floats}", used.peak);
}
