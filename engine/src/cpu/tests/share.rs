//! Batches divided among workers.

use super::training::{batch, gpt, llama};
use crate::cpu::CpuExecutor;
use crate::cpu::share::{Share, ShareExecutor, divide, packed, worthwhile};
use crate::executor::update::Optimizer;
use crate::executor::{ArenaState, Recipe, StepInput, TrainingGraphs};
use crate::model::{initial, training_graphs};
use crate::plan::arena::ArenaLayout;
use glasshouse_protocol::{ModelConfig, TrainConfig, presets};
use pollster::block_on;

/// Dropout of every kind, grouped queries, targets that do not count, two micro-batches.
fn settings() -> Vec<(&'static str, ModelConfig, TrainConfig)> {
    let grouped = ModelConfig { heads: 4, kv_heads: 2, ..gpt() };
    let model = ModelConfig { dropout: grouped.dropout, ..llama() };
    let train = TrainConfig {
        batch: 5,
        accumulate: 2,
        label_smoothing: 0.1,
        ignore_index: Some(3),
        ..TrainConfig::default()
    };
    let small = TrainConfig { batch: 3, ignore_index: None, activation_checkpointing: true, ..train.clone() };
    let plain_head = TrainConfig { fused_head: false, ..train.clone() };
    vec![("grouped", grouped.clone(), train), ("llama", model, small), ("plain head", grouped, plain_head)]
}

fn step(model: &ModelConfig, train: &TrainConfig) -> StepInput {
    let micro_batches = (0..train.accumulate as u64).map(|seed| batch(model, train, 7 * seed + 3)).collect();
    StepInput { step: 0, learning_rate: 1e-3, micro_batches }
}

fn parameters(graphs: &TrainingGraphs) -> Vec<f32> {
    initial::parameters(&graphs.train.parameters, &ArenaLayout::of(&graphs.train), 5)
}

fn executor(graphs: &TrainingGraphs, workers: usize) -> CpuExecutor {
    let optimizer = Optimizer::of(&graphs.recipe.train);
    let mut executor = CpuExecutor::within(None, graphs, optimizer, Some(2), workers).unwrap();
    executor.set_state(&ArenaState { parameters: parameters(graphs), ..ArenaState::default() }).unwrap();
    executor
}

/// ‖a − b‖ / ‖b‖.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = |entries: &mut dyn Iterator<Item = f64>| entries.map(|entry| entry * entry).sum::<f64>();
    let apart = squares(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    (apart / squares(&mut b.iter().map(|entry| f64::from(*entry)))).sqrt()
}

#[test]
fn shares_add_up_to_the_undivided_batch() {
    for (name, model, train) in settings() {
        let graphs = training_graphs(&model, &train).unwrap();
        let step = step(&model, &train);
        let (loss, gradient) = block_on(executor(&graphs, 1).gradients(&step)).unwrap();
        for workers in [2, 3] {
            let mut divided = executor(&graphs, workers);
            assert_eq!(divided.workers(), workers);
            let (found, found_gradient) = block_on(divided.gradients(&step)).unwrap();
            assert!((found - loss).abs() < 1e-6 * loss, "{name}, {workers}: loss {found} for {loss}");
            let apart = distance(&found_gradient, &gradient);
            assert!(apart < 1e-5, "{name}, {workers}: gradients {apart} apart");
            // A step begins with a clean gradient, and again gives the same bits.
            assert_eq!(block_on(divided.gradients(&step)).unwrap(), (found, found_gradient), "{name}");
        }
    }
}

#[test]
fn a_worker_of_its_own_computes_the_bits_that_are_computed_here() {
    for (name, model, train) in settings() {
        let graphs = training_graphs(&model, &train).unwrap();
        let step = step(&model, &train);
        let (loss, gradient) = block_on(executor(&graphs, 2).gradients(&step)).unwrap();
        let mut losses = Vec::new();
        let mut gradients = Vec::new();
        for windows in divide(train.batch, 2) {
            let share = Share::new(&graphs.recipe, &windows);
            let mut remote = ShareExecutor::new(&serde_json::to_string(&share).unwrap()).unwrap();
            remote.parameters().copy_from_slice(&parameters(&graphs));
            let words = packed(&share.parts(&step));
            losses.push(remote.step(&words).unwrap());
            gradients.push(remote.gradients().to_vec());
            assert!(remote.step(&words[1..]).is_err(), "{name}: half a message");
        }
        assert_eq!((losses[0] + losses[1]) / train.accumulate as f32, loss, "{name}");
        let sum: Vec<f32> = gradients[0].iter().zip(&gradients[1]).map(|(a, b)| a + b).collect();
        assert_eq!(sum, gradient, "{name}");
    }
}

#[test]
fn training_goes_on_without_workers_and_says_so_once() {
    let (_, model, train) = settings().remove(0);
    let graphs = training_graphs(&model, &train).unwrap();
    let step = step(&model, &train);
    let (mut whole, mut divided) = (executor(&graphs, 1), executor(&graphs, 3));
    for _ in 0..3 {
        let wanted = block_on(whole.train(std::slice::from_ref(&step))).unwrap()[0];
        let found = block_on(divided.train(std::slice::from_ref(&step))).unwrap()[0];
        assert!((found.loss - wanted.loss).abs() < 1e-5 * wanted.loss, "{found:?} for {wanted:?}");
    }
    // No worker can be started here: both shares were this one's.
    let warning = divided.take_warning().unwrap();
    assert!(warning.contains("goes on without it"), "{warning}");
    assert_eq!((divided.take_warning(), whole.take_warning()), (None, None));
}

#[test]
fn a_wrong_token_is_named_by_its_place_in_the_whole_batch() {
    let (_, model, train) = settings().remove(0);
    let mut divided = executor(&training_graphs(&model, &train).unwrap(), 2);
    let mut step = step(&model, &train);
    let place = 4 * model.context + 7;
    step.micro_batches[1].tokens[place] = 99;
    let message = block_on(divided.gradients(&step)).unwrap_err().to_string();
    assert!(message.contains(&format!("id 99 at position {place} of the batch")), "{message}");
    step.micro_batches[1].tokens[place] = 1;
    assert!(block_on(divided.gradients(&step)).is_ok());
}

#[test]
fn as_many_workers_as_make_a_step_shorter() {
    let count = |change: &dyn Fn(&mut TrainConfig), possible| {
        let config = presets::preset("nanogpt-cpu").unwrap();
        let mut train = config.train;
        change(&mut train);
        let graphs = training_graphs(&config.model, &train).unwrap();
        let recipe = Recipe { model: config.model, train };
        worthwhile(&recipe, &ArenaLayout::of(&graphs.train), possible)
    };
    assert_eq!(count(&|_| {}, 1), 1);
    assert_eq!(count(&|_| {}, 2), 2);
    assert_eq!(count(&|_| {}, 64), 6);
    assert_eq!(count(&|train| train.batch = 64, 64), 8);
    assert_eq!(count(&|train| (train.batch, train.accumulate) = (3, 8), 64), 3);
    // A step of one window cannot be divided, a short one need not be.
    assert_eq!(count(&|train| train.batch = 1, 64), 1);
    assert_eq!(divide(3, 2).collect::<Vec<_>>(), [0..1, 1..3]);
    assert_eq!(divide(12, 5).collect::<Vec<_>>(), [0..2, 2..4, 4..7, 7..9, 9..12]);
    // Eight copies of GPT-2 would be more than a tab may take.
    let model = presets::preset("gpt2-124m").unwrap().model;
    let train = TrainConfig { batch: 8, ..TrainConfig::default() };
    let layout = ArenaLayout::of(&training_graphs(&model, &train).unwrap().train);
    assert_eq!(worthwhile(&Recipe { model, train }, &layout, 64), 1);
    let tiny = ModelConfig { width: 16, heads: 2, kv_heads: 2, head_size: 8, ..gpt() };
    let train = TrainConfig { batch: 16, ..TrainConfig::default() };
    let layout = ArenaLayout::of(&training_graphs(&tiny, &train).unwrap().train);
    assert_eq!(worthwhile(&Recipe { model: tiny, train }, &layout, 64), 1);
}
