//! Reinforcement learning on every executor: the reference token losses, and the gradient of the loss, against the oracle.

use crate::common::{adapter, deviation, ids};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_protocol::{Objective, presets};
use glasshouse_tests::blocking;
use pollster::block_on;

const BATCH: usize = 2;
const TIME: usize = 16;

#[test]
fn executors_agree_on_tokens_and_gradients() {
    for (iterations, temperature) in [(1, 1.0), (3, 1.0), (3, 0.7)] {
        let mut config = presets::preset("llama-tiny").unwrap();
        let (model, train) = (&mut config.model, &mut config.train);
        (model.vocabulary, model.context_length, model.layers, model.width) = (37, TIME, 1, 16);
        (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (2, 1, 8, 24);
        (train.batch_size, train.accumulate, train.objective) = (BATCH, 2, Objective::Reward);
        train.reward.group = 4;
        (train.reward.iterations, train.reward.temperature, train.reward.beta) =
            (iterations, temperature, 0.2);
        train.validate().unwrap();
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        let parameters = blocking::initial_parameters(&graphs.train.parameters, 5);
        // The second half of each row is the completion.
        let answered = |at: usize| at % TIME >= TIME / 2;
        let batches: Vec<MicroBatch> = (0..2)
            .map(|number| {
                let targets = ids(number + 9, BATCH * TIME, 37).into_iter().enumerate();
                MicroBatch {
                    tokens: ids(number, BATCH * TIME, 37),
                    targets: targets.map(|(at, id)| if answered(at) { id } else { u32::MAX }).collect(),
                    ..MicroBatch::default()
                }
            })
            .collect();
        let scored = |losses: &[Vec<f32>]| StepInput {
            step: 0,
            learning_rate: 0.1,
            micro_batches: batches
                .iter()
                .zip(losses)
                .map(|(batch, losses)| {
                    let score = |(at, loss): (usize, &f32)| {
                        let apart = 0.1 * (at % 7) as f32 - 0.3;
                        [if at % 2 == 0 { 0.2 } else { -0.1 }, apart - loss, 0.02, -apart - loss]
                    };
                    MicroBatch {
                        scores: Some(losses.iter().enumerate().flat_map(score).collect()),
                        ..batch.clone()
                    }
                })
                .collect(),
        };
        let mut found: Vec<(Vec<Vec<f32>>, f32, Vec<f32>)> = Vec::new();
        for device in ["burn-flex", "cpu", &adapter()] {
            let optimizer = Optimizer::new(&config.train);
            let (mut executor, _) = block_on(Executor::open(device, &graphs, optimizer, Some(2))).unwrap();
            let state = ArenaState::from_weights(parameters.clone());
            block_on(executor.set_state(&state)).unwrap();
            let losses = block_on(executor.token_losses(&batches)).unwrap();
            let means = block_on(executor.evaluate(&batches)).unwrap();
            for (losses, (mean, count)) in losses.iter().zip(means) {
                let sum: f32 =
                    losses.iter().enumerate().filter(|(at, _)| answered(*at)).map(|(_, loss)| loss).sum();
                assert!((sum / count - mean).abs() < 1e-5, "{device}: {sum} of {count}, and {mean}");
                assert!(
                    losses.iter().enumerate().all(|(at, loss)| answered(at) || *loss == 0.0),
                    "{device}: {losses:?}"
                );
            }
            let base = found.first().map_or(&losses, |(base, ..)| base);
            let (loss, gradient) = block_on(executor.gradients(&scored(base))).unwrap();
            found.push((losses, loss, gradient));
        }
        let (losses, loss, gradient) = &found[0];
        assert!(gradient.iter().any(|entry| *entry != 0.0));
        for (other_losses, other_loss, other_gradient) in &found[1..] {
            assert!(deviation(&other_losses.concat(), &losses.concat()) < 5e-6);
            assert!((other_loss - loss).abs() < 5e-6 * loss.abs().max(1.0), "{other_loss} {loss}");
            assert!(deviation(other_gradient, gradient) < 5e-5, "{iterations} {temperature}");
        }
    }
}
