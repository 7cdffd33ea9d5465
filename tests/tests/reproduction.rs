//! nanoGPT's published run on the CPU, as in the README's table, against PyTorch on identical batches from identical weights.

use crate::common::adapter;
use glasshouse_engine::data::{self, Batches, Prepared, Split};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::graph::Init;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::protocol::model::Dropout;
use glasshouse_engine::protocol::{RunConfig, presets};
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_tests::{blocking, output_of, python, shared};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A preset on tinyshakespeare, prepared in `folder`.
pub fn shakespeare(preset: &str, folder: &Path) -> (RunConfig, Prepared) {
    let mut config = presets::preset(preset).unwrap();
    config.data.paths = vec![shared("data/tinyshakespeare.txt").display().to_string()];
    let prepared = data::prepare(&config, folder, &mut |_| {}).unwrap();
    config.model.vocabulary = prepared.tokenizer.vocabulary_size();
    (config, prepared)
}

/// A manual training session: an executor with the run's initial weights, and the run's own batches.
struct Session<'data> {
    config: &'data RunConfig,
    executor: Executor,
    batches: Batches<'data>,
}

impl<'data> Session<'data> {
    fn open(device: &str, config: &'data RunConfig, prepared: &'data Prepared) -> Self {
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        let optimizer = Optimizer::new(&config.train).for_model(&config.model);
        let (mut executor, _) = pollster::block_on(Executor::open(device, &graphs, optimizer, None)).unwrap();
        let parameters = blocking::initial_parameters(&graphs.train.parameters, config.seed);
        pollster::block_on(executor.set_state(&ArenaState::from_weights(parameters))).unwrap();
        let (batch, context) = (config.train.batch_size, config.model.context_length);
        let batches = Batches::windows(&prepared.store, config.seed, batch, context).unwrap();
        Self { config, executor, batches }
    }

    /// Losses of the first `steps` steps.
    fn train(&mut self, steps: u64) -> Vec<f32> {
        let inputs: Vec<StepInput> = (0..steps)
            .map(|step| {
                let batch = self.batches.train(step, 0).unwrap();
                StepInput {
                    step,
                    learning_rate: self.config.train.learning_rate_at(step) as f32,
                    micro_batches: vec![MicroBatch {
                        tokens: batch.tokens,
                        targets: batch.targets,
                        ..MicroBatch::default()
                    }],
                }
            })
            .collect();
        let reports = pollster::block_on(self.executor.train(&inputs)).unwrap();
        reports.iter().map(|report| report.loss).collect()
    }

    /// Mean loss over nanoGPT's 20 batches of the validation split.
    fn validate(&mut self) -> f32 {
        let batches: Vec<MicroBatch> = (0..20)
            .map(|index| {
                let batch = self.batches.evaluation(Split::Validation, index).unwrap();
                MicroBatch { tokens: batch.tokens, targets: batch.targets, ..MicroBatch::default() }
            })
            .collect();
        let losses = pollster::block_on(self.executor.evaluate(&batches)).unwrap();
        losses.iter().map(|(loss, _)| loss).sum::<f32>() / losses.len() as f32
    }
}

#[test]
fn slow_nanogpt_on_the_cpu_reaches_the_published_validation_loss() {
    let folder = tempfile::tempdir().unwrap();
    let (config, prepared) = shakespeare("nanogpt-cpu", folder.path());
    assert_eq!(config.model.vocabulary, 65);
    let mut session = Session::open("cpu", &config, &prepared);
    let losses = session.train(config.train.steps);
    assert!((losses[0] - 65f32.ln()).abs() < 0.1, "{}", losses[0]);
    let validation = session.validate();
    assert!(validation <= 1.88, "{validation}");
}

/// What a trainer in Python reports of a run's first steps.
fn reported(script: &str, config: &RunConfig, steps: u64, folder: &Path, further: &[PathBuf]) -> Vec<Value> {
    let referee = folder.join("referee");
    glasshouse_tests::referee::write(config.clone(), Some(steps), &referee);
    let files = ["run.toml", "weights.safetensors", "batches.safetensors"].map(|name| referee.join(name));
    let told = output_of(python(script).args(files).args(further));
    String::from_utf8(told).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn losses_of(reports: &[Value]) -> Vec<f32> {
    let steps = reports.iter().filter(|line| line["event"] == "step");
    steps.map(|line| line["loss"].as_f64().unwrap() as f32).collect()
}

/// PyTorch's losses of a run's first steps.
fn theirs(config: &RunConfig, steps: u64, folder: &Path) -> Vec<f32> {
    let losses = losses_of(&reported("train_nanogpt.py", config, steps, folder, &[]));
    assert_eq!(losses.len() as u64, steps);
    losses
}

/// Trains the first steps of a run on a device and compares each loss.
fn agrees(device: &str, config: &RunConfig, prepared: &Prepared, theirs: &[f32]) {
    let ours = Session::open(device, config, prepared).train(theirs.len() as u64);
    let apart = |(ours, theirs): (&f32, &f32)| (ours - theirs).abs();
    let most = ours.iter().zip(theirs).map(apart).fold(0.0, f32::max);
    println!("{} on {device}, {} steps: losses at most {most:.1e} apart", config.preset, theirs.len());
    let near = |pair: (&f32, &f32)| apart(pair) < 2e-3;
    assert!(ours.iter().zip(theirs).all(near), "{device}: {ours:?} for {theirs:?}");
    assert!(ours[ours.len() - 1] < ours[0], "{device}: {ours:?}");
}

/// If both agree step by step, a longer run agrees too. A software adapter takes almost a second per step, so only the first
/// steps are compared there; `tests/gpu/run` compares more.
#[test]
fn python_pytorch_has_the_same_losses_on_identical_batches() {
    let folder = tempfile::tempdir().unwrap();
    let (config, prepared) = shakespeare("nanogpt-cpu", folder.path());
    let theirs = theirs(&config, 30, folder.path());
    agrees("cpu", &config, &prepared, &theirs);
    agrees(&adapter(), &config, &prepared, &theirs[..4]);
}

/// nanoGPT's GPU run, as far as a CPU can do it: the learning-rate warm-up. With batches of 4, and without dropout, because our
/// random numbers differ.
#[test]
fn slow_python_nanogpts_run_for_a_gpu_begins_as_pytorchs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, prepared) = shakespeare("nanogpt-gpu", folder.path());
    config.model.dropout = Dropout::everywhere(0.0);
    config.train.batch_size = 4;
    let theirs = theirs(&config, 100, folder.path());
    agrees("cpu", &config, &prepared, &theirs);
    agrees(&adapter(), &config, &prepared, &theirs[..8]);
}

/// Initial spread, learning rates, readout and attention scale of the package that its authors wrote, at twice and four times the base width and
/// with a head size other than the base's.
#[test]
fn slow_python_mup_trains_a_wide_model_with_the_same_losses() {
    const STEPS: u64 = 40;
    for (width, heads, tied) in [(256, 8, true), (512, 8, false)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut config, prepared) = shakespeare("nanogpt-cpu", folder.path());
        (config.model.layers, config.model.tied_head, config.train.batch_size) = (2, tied, 4);
        (config.train.warmup_steps, config.train.min_learning_rate) = (0, config.train.learning_rate);
        let base = folder.path().join("base.toml");
        std::fs::write(&base, config.to_toml().unwrap()).unwrap();
        let head_size = config.model.head_size;
        for setting in [format!("model.base_width={}", config.model.width), format!("model.width={width}")] {
            config.set(&setting).unwrap();
        }
        (config.model.heads, config.model.kv_heads, config.model.head_size) = (heads, heads, width / heads);
        config.model.mlp.hidden = 4 * width;
        config.model.attention_scale = Some((head_size as f32).sqrt() / (width / heads) as f32);

        let trained = folder.path().join("trained.safetensors");
        let reports = reported("train_mup.py", &config, STEPS, folder.path(), &[base, trained]);
        let initial = training_graphs(&config.model, &config.train).unwrap().train.parameters;
        let mut compared = 0;
        for line in reports.iter().filter(|line| line["event"] == "parameter") {
            let parameter = initial.iter().find(|parameter| line["name"] == parameter.name).unwrap();
            let Init::Normal(std) = parameter.init else { continue };
            let theirs = line["std"].as_f64().unwrap();
            assert!((theirs / f64::from(std) - 1.0).abs() < 0.05, "{}: {std} for {theirs}", parameter.name);
            compared += 1;
        }
        assert!(compared >= 4 * config.model.layers, "{reports:?}");
        let readout = reports.iter().find(|line| line["event"] == "readout").unwrap();
        assert_eq!(readout["divisor"].as_f64().unwrap() as f32, config.model.logit_divisor);
        agrees("cpu", &config, &prepared, &losses_of(&reports));
    }
}
