//! Steps and evaluations divided among workers.

use super::training::{batch, gpt, llama, starts};
use crate::cpu::CpuExecutor;
use crate::cpu::other_shards::add;
use crate::cpu::run::Task;
use crate::cpu::shard::{Partition, Shard, ShardExecutor, packed};
use glasshouse_compiler::model::{TrainingGraphs, training_graphs};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::step::{ArenaState, IGNORED, MicroBatch, StepInput};
use glasshouse_protocol::{ModelConfig, TrainConfig, presets};
use pollster::block_on;

/// Divided by windows, by micro-batches, and both, evenly and unevenly.
const PARTITIONS: [Partition; 5] = [by(2, 1), by(3, 1), by(1, 2), by(1, 3), by(2, 2)];

const fn by(parts: usize, groups: usize) -> Partition {
    Partition { parts, groups }
}

/// All kinds of dropout, grouped queries, ignored targets, three micro-batches.
fn settings() -> Vec<(&'static str, ModelConfig, TrainConfig)> {
    let grouped = ModelConfig { heads: 4, kv_heads: 2, ..gpt() };
    let model = ModelConfig { dropout: grouped.dropout, ..llama() };
    let train = TrainConfig {
        batch_size: 5,
        accumulate: 3,
        label_smoothing: 0.1,
        ignore_index: Some(3),
        ..TrainConfig::default()
    };
    let small =
        TrainConfig { batch_size: 3, ignore_index: None, activation_checkpointing: true, ..train.clone() };
    vec![("grouped", grouped, train), ("llama", model, small)]
}

fn step(model: &ModelConfig, train: &TrainConfig) -> StepInput {
    let micro_batches = (0..train.accumulate as u64).map(|seed| batch(model, train, 7 * seed + 3)).collect();
    StepInput { step: 0, learning_rate: 1e-3, micro_batches }
}

fn parameters(graphs: &TrainingGraphs) -> Vec<f32> {
    crate::initial_parameters(&graphs.train.parameters, 5)
}

fn executor(graphs: &TrainingGraphs, partition: Partition) -> CpuExecutor {
    let optimizer = Optimizer::new(&graphs.spec.train);
    let mut executor = CpuExecutor::within(None, graphs, optimizer, Some(2), partition).unwrap();
    executor.set_state(&ArenaState::from_weights(parameters(graphs))).unwrap();
    executor
}

/// ‖a − b‖ / ‖b‖.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = |entries: &mut dyn Iterator<Item = f64>| entries.map(|entry| entry * entry).sum::<f64>();
    let apart = squares(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    (apart / squares(&mut b.iter().map(|entry| f64::from(*entry)))).sqrt()
}

#[test]
fn shares_add_up_to_the_undivided_step() {
    for (name, model, train) in settings() {
        let graphs = training_graphs(&model, &train).unwrap();
        let step = step(&model, &train);
        let (loss, gradient) = block_on(executor(&graphs, Partition::WHOLE).gradients(&step)).unwrap();
        for partition in PARTITIONS {
            let mut divided = executor(&graphs, partition);
            assert_eq!(divided.workers(), partition.count());
            let (found, found_gradient) = block_on(divided.gradients(&step)).unwrap();
            assert!((found - loss).abs() < 1e-6 * loss, "{name}, {partition:?}: loss {found} for {loss}");
            let apart = distance(&found_gradient, &gradient);
            assert!(apart < 1e-5, "{name}, {partition:?}: gradients {apart} apart");
            // A step starts with a cleared gradient, so repeating it gives the same bits.
            assert_eq!(block_on(divided.gradients(&step)).unwrap(), (found, found_gradient), "{name}");
        }
    }
}

/// Document starts and loss denominators follow their windows, also in messages.
#[test]
fn shares_of_rows_of_several_documents_add_up() {
    let (_, model, train) = settings().remove(0);
    let train = TrainConfig { document_mask: true, ..train.clone() };
    let graphs = training_graphs(&model, &train).unwrap();
    let mut step = step(&model, &train);
    for (number, batch) in step.micro_batches.iter_mut().enumerate() {
        batch.document_starts = Some(starts(number as u64, train.batch_size, model.context_length));
        // Few targets count in one micro-batch, none in another.
        let first = [3, 20, batch.targets.len()][number % 3].min(batch.targets.len());
        batch.targets[first..].fill(3);
    }
    step.micro_batches[1].targets.fill(3);
    MicroBatch::normalise_over_step(&mut step.micro_batches, train.ignore_index);
    assert!(step.micro_batches.iter().all(|batch| batch.loss_denominator.is_some()));
    let (loss, gradient) = block_on(executor(&graphs, Partition::WHOLE).gradients(&step)).unwrap();
    for partition in PARTITIONS {
        let (found, found_gradient) = block_on(executor(&graphs, partition).gradients(&step)).unwrap();
        assert!((found - loss).abs() < 1e-6 * loss, "{partition:?}: loss {found} for {loss}");
        assert!(distance(&found_gradient, &gradient) < 1e-5, "{partition:?}");
        let (_, told) = told(&graphs, partition, Task::Train, &step.micro_batches);
        assert!(distance(&told, &gradient) < 1e-5, "{partition:?}, by messages");
    }
}

#[test]
fn divided_evaluations_are_those_of_the_whole_batches() {
    for (name, model, train) in settings() {
        let graphs = training_graphs(&model, &train).unwrap();
        let mut batches: Vec<_> = (0..4).map(|seed| batch(&model, &train, 5 * seed + 2)).collect();
        // One batch without counted targets, one window without any, and partly ignored windows.
        let ignored = train.ignore_index.unwrap_or(IGNORED);
        batches[1].targets.fill(ignored);
        batches[2].targets[..model.context_length].fill(ignored);
        batches[3].targets[2..5].fill(ignored);
        for count in [4, 1, 0] {
            let wanted = block_on(executor(&graphs, Partition::WHOLE).evaluate(&batches[..count])).unwrap();
            for partition in PARTITIONS {
                let found = block_on(executor(&graphs, partition).evaluate(&batches[..count])).unwrap();
                assert_eq!(found.len(), count);
                for ((loss, rows), (wanted, wanted_rows)) in found.into_iter().zip(&wanted) {
                    assert_eq!(rows, *wanted_rows, "{name}, {partition:?}");
                    assert!(
                        (loss - wanted).abs() <= 1e-6 * wanted,
                        "{name}, {partition:?}: {loss}, not {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_evaluation_leaves_the_gradient_of_a_divided_step_alone() {
    let (_, model, train) = settings().remove(0);
    let graphs = training_graphs(&model, &train).unwrap();
    let step = step(&model, &train);
    let mut divided = executor(&graphs, by(2, 2));
    let (_, before) = block_on(divided.gradients(&step)).unwrap();
    block_on(divided.evaluate(&step.micro_batches)).unwrap();
    assert_eq!(divided.weights.gradients, before);
}

/// Losses by micro-batch and gradient of a partition's shards, computed by separate workers through messages.
fn told(
    graphs: &TrainingGraphs,
    partition: Partition,
    task: Task,
    batches: &[MicroBatch],
) -> (Vec<f32>, Vec<f32>) {
    let mut losses = vec![0.0; batches.len()];
    let mut gradient: Vec<f32> = Vec::new();
    for shard in partition.shards(&graphs.spec) {
        let mut remote = ShardExecutor::new(&serde_json::to_string(&shard).unwrap()).unwrap();
        remote.parameters().copy_from_slice(&parameters(graphs));
        let words = packed(task, &shard.parts(task, batches));
        let answer = block_on(remote.answer(&words)).unwrap();
        add(&answer.losses, &mut losses[shard.range(task, batches.len())]);
        gradient.resize(answer.gradients.len(), 0.0);
        gradient.iter_mut().zip(answer.gradients).for_each(|(sum, entry)| *sum += entry);
        assert!(block_on(remote.answer(&words[1..])).is_err(), "a message without its head");
        assert!(block_on(remote.answer(&words[..words.len() - 1])).is_err(), "a message without its end");
    }
    (losses, gradient)
}

#[test]
fn workers_of_their_own_compute_the_bits_that_are_computed_here() {
    for (name, model, train) in settings() {
        let graphs = training_graphs(&model, &train).unwrap();
        let step = step(&model, &train);
        for partition in PARTITIONS {
            let mut here = executor(&graphs, partition);
            let (losses, gradient) = told(&graphs, partition, Task::Train, &step.micro_batches);
            let loss = losses.iter().sum::<f32>() / train.accumulate as f32;
            assert_eq!(block_on(here.gradients(&step)).unwrap(), (loss, gradient), "{name}, {partition:?}");
            let (losses, gradient) = told(&graphs, partition, Task::Evaluate, &step.micro_batches);
            let found: Vec<f32> =
                block_on(here.evaluate(&step.micro_batches)).unwrap().iter().map(|pair| pair.0).collect();
            assert_eq!((found, Vec::new()), (losses, gradient), "{name}, {partition:?}");
        }
    }
}

#[test]
fn training_goes_on_without_workers_and_says_so_once() {
    let (_, model, train) = settings().remove(0);
    let graphs = training_graphs(&model, &train).unwrap();
    let step = step(&model, &train);
    let (mut whole, mut divided) = (executor(&graphs, Partition::WHOLE), executor(&graphs, by(3, 1)));
    for _ in 0..3 {
        let wanted = block_on(whole.train(std::slice::from_ref(&step))).unwrap()[0];
        let found = block_on(divided.train(std::slice::from_ref(&step))).unwrap()[0];
        assert!((found.loss - wanted.loss).abs() < 1e-5 * wanted.loss, "{found:?} for {wanted:?}");
    }
    // No worker can be started in tests, so both shards were computed locally.
    let warning = divided.take_warning().unwrap();
    assert!(warning.contains("continues without it"), "{warning}");
    assert_eq!((divided.take_warning(), whole.take_warning()), (None, None));
}

#[test]
fn a_wrong_token_is_named_by_its_place_in_the_whole_batch() {
    let (_, model, train) = settings().remove(0);
    let mut divided = executor(&training_graphs(&model, &train).unwrap(), by(2, 1));
    let mut step = step(&model, &train);
    let place = 4 * model.context_length + 7;
    step.micro_batches[1].tokens[place] = 99;
    let message = block_on(divided.gradients(&step)).unwrap_err().to_string();
    assert!(message.contains(&format!("id 99 at position {place} of the batch")), "{message}");
    step.micro_batches[1].tokens[place] = 1;
    assert!(block_on(divided.gradients(&step)).is_ok());
}

#[test]
fn the_first_share_is_never_the_largest_and_has_some_of_every_evaluation() {
    let (_, _, train) = settings().remove(0);
    let graphs = training_graphs(&gpt(), &train).unwrap();
    let shards: Vec<Shard> = by(2, 2).shards(&graphs.spec).collect();
    let ranges = |task, count| shards.iter().map(|shard| shard.range(task, count)).collect::<Vec<_>>();
    assert_eq!(ranges(Task::Train, 3), [0..1, 0..1, 1..3, 1..3]);
    assert_eq!(ranges(Task::Evaluate, 3), [1..3, 1..3, 0..1, 0..1]);
    assert_eq!(ranges(Task::Evaluate, 1), [0..1, 0..1, 0..0, 0..0]);
    let whole = batch(&gpt(), &train, 1);
    let windows = |shard: &Shard| {
        shard.parts(Task::Train, &[whole.clone(), whole.clone(), whole.clone()])[0].batch.tokens.len()
            / gpt().context_length
    };
    assert_eq!(shards.iter().map(windows).collect::<Vec<_>>(), [2, 3, 2, 3]);
}

#[test]
fn as_many_workers_as_make_a_step_shorter() {
    let best = |batch, accumulate, possible| {
        let config = presets::preset("nanogpt-cpu").unwrap();
        let train = TrainConfig { batch_size: batch, accumulate, ..config.train };
        Partition::best(&training_graphs(&config.model, &train).unwrap(), possible)
    };
    assert_eq!(best(12, 1, 1), Partition::WHOLE);
    assert_eq!(best(12, 1, 2), by(2, 1));
    assert_eq!(best(12, 1, 64), by(6, 1));
    assert_eq!(best(64, 1, 64), by(8, 1));
    // A fifth worker would not reduce the largest shard.
    assert_eq!(best(12, 1, 5), by(4, 1));
    // Fewer windows than workers: micro-batches are distributed whole, or in parts if that is more even.
    assert_eq!(best(1, 8, 2), by(1, 2));
    assert_eq!(best(1, 8, 64), by(1, 4));
    assert_eq!(best(3, 8, 64), by(1, 8));
    assert_eq!(best(3, 2, 64), by(3, 1));
    assert_eq!(best(4, 4, 4), by(4, 1));
    assert_eq!(best(6, 3, 6), by(6, 1));
    // A step of one window cannot be divided; a short one need not be.
    assert_eq!(best(1, 1, 64), Partition::WHOLE);
    let tiny = ModelConfig { width: 16, heads: 2, kv_heads: 2, head_size: 8, ..gpt() };
    let train = TrainConfig { batch_size: 16, ..TrainConfig::default() };
    assert_eq!(Partition::best(&training_graphs(&tiny, &train).unwrap(), 64), Partition::WHOLE);
    // Eight copies of GPT-2 would exceed a tab's memory.
    let model = presets::preset("gpt2-124m").unwrap().model;
    let train = TrainConfig { batch_size: 8, ..TrainConfig::default() };
    assert_eq!(Partition::best(&training_graphs(&model, &train).unwrap(), 64), Partition::WHOLE);
}

/// Parts of a batch share its activation memory; whole batches each need their own.
#[test]
fn micro_batches_are_shared_out_as_far_as_memory_goes() {
    let config = presets::preset("nanogpt-gpu").unwrap();
    let best = |batch, accumulate| {
        let train = TrainConfig { batch_size: batch, accumulate, ..config.train.clone() };
        Partition::best(&training_graphs(&config.model, &train).unwrap(), 8)
    };
    assert_eq!(best(8, 2), by(8, 1));
    let partition = best(1, 8);
    assert!(partition.parts == 1 && (2..8).contains(&partition.groups), "{partition:?}");
}
