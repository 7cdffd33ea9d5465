//! Reward models on every executor: scores, and the gradient of the pairwise loss, against the oracle.

use crate::common::{adapter, deviation, ids};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_protocol::config::PreferenceLoss;
use glasshouse_protocol::{Objective, Trainable, presets};
use glasshouse_tests::blocking;
use pollster::block_on;

const PAIRS: usize = 2;
const TIME: usize = 16;

/// Texts of several lengths, scored at their last token.
fn texts(number: u64, rows: usize) -> MicroBatch {
    let mut targets = vec![u32::MAX; rows * TIME];
    (0..rows).for_each(|row| targets[row * TIME + 5 + 3 * row % 11] = 0);
    let tokens = ids(number, rows * TIME, 37);
    MicroBatch { tokens, targets, scores: (rows > 1).then(|| vec![0.0; rows]), ..MicroBatch::default() }
}

#[test]
fn executors_agree_on_scores_and_gradients() {
    for (margin, center, trainable) in
        [(0.0, 0.0, Trainable::All), (0.5, 0.3, Trainable::All), (0.5, 0.3, Trainable::Head)]
    {
        let mut config = presets::preset("llama-tiny").unwrap();
        let (model, train) = (&mut config.model, &mut config.train);
        (model.vocabulary, model.context_length, model.layers, model.width) = (37, TIME, 1, 16);
        (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (2, 1, 8, 24);
        model.labels = vec!["reward".to_owned()];
        (train.batch_size, train.accumulate, train.objective) = (2 * PAIRS, 2, Objective::Preference);
        train.preference.loss = PreferenceLoss::BradleyTerry;
        (train.preference.margin, train.preference.center_rewards_coefficient) = (margin, center);
        train.trainable = trainable;
        train.validate().unwrap();
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        // Scales the weights so that the scores differ enough.
        let parameters: Vec<f32> = blocking::initial_parameters(&graphs.train.parameters, 5);
        let parameters: Vec<f32> = parameters.into_iter().map(|weight| weight * 2.0).collect();
        let step = StepInput {
            step: 0,
            learning_rate: 0.1,
            micro_batches: (0..2).map(|number| texts(number, 2 * PAIRS)).collect(),
        };
        let alone: Vec<MicroBatch> = step
            .micro_batches
            .iter()
            .flat_map(|batch| batch.tokens.chunks(TIME).zip(batch.targets.chunks(TIME)))
            .map(|(tokens, targets)| MicroBatch {
                tokens: tokens.to_vec(),
                targets: targets.to_vec(),
                ..MicroBatch::default()
            })
            .collect();
        let mut found: Vec<(Vec<f32>, f32, Vec<f32>)> = Vec::new();
        for device in ["burn-flex", "cpu", &adapter()] {
            let optimizer = Optimizer::new(&config.train);
            let (mut executor, _) = block_on(Executor::open(device, &graphs, optimizer, Some(2))).unwrap();
            let state = ArenaState::from_weights(parameters.clone());
            block_on(executor.set_state(&state)).unwrap();
            let losses = block_on(executor.evaluate(&alone)).unwrap();
            assert!(losses.iter().all(|(_, count)| *count == 1.0), "{device}: {losses:?}");
            let scores: Vec<f32> = losses.iter().map(|(loss, _)| -loss).collect();
            // The loss, computed here from the separately evaluated scores.
            let each = scores.as_chunks::<2>().0.iter().map(|[c, r]| {
                let z = f64::from(c - r - margin);
                (1.0 + (-z).exp()).ln() + f64::from(center * (c + r) * (c + r))
            });
            let wanted = each.sum::<f64>() / (2 * PAIRS) as f64;
            let (loss, gradient) = block_on(executor.gradients(&step)).unwrap();
            assert!((f64::from(loss) - wanted).abs() < 1e-5, "{device}: {loss} for {wanted}");
            // Another executor on the same device gives the same scores.
            let mut beside = block_on(executor.beside(&graphs, optimizer)).unwrap();
            block_on(beside.set_state(&state)).unwrap();
            let again = block_on(beside.evaluate(&alone)).unwrap();
            let again: Vec<f32> = again.iter().map(|(loss, _)| -loss).collect();
            assert!(deviation(&again, &scores) < 1e-5, "{device}: {again:?} {scores:?}");
            // A step's report uses the scores before its update.
            let told = block_on(executor.train(std::slice::from_ref(&step))).unwrap()[0].preference.unwrap();
            let mean = |side: usize| scores.iter().skip(side).step_by(2).sum::<f32>() / (2 * PAIRS) as f32;
            let right = scores.as_chunks::<2>().0.iter().filter(|[c, r]| c > r).count();
            assert!((told.chosen_reward - mean(0)).abs() < 1e-4, "{device}: {told:?} {scores:?}");
            assert!((told.rejected_reward - mean(1)).abs() < 1e-4, "{device}: {told:?} {scores:?}");
            assert!((told.margin - mean(0) + mean(1)).abs() < 1e-4, "{device}: {told:?} {scores:?}");
            assert_eq!(
                (told.accuracy, told.log_ratio),
                (right as f32 / (2 * PAIRS) as f32, None),
                "{device}"
            );
            found.push((scores, loss, gradient));
        }
        let (scores, loss, gradient) = &found[0];
        assert!(gradient.iter().any(|entry| *entry != 0.0));
        assert!(scores.iter().any(|score| (score - scores[0]).abs() > 1e-3), "{scores:?}");
        for (other_scores, other_loss, other_gradient) in &found[1..] {
            assert!(deviation(other_scores, scores) < 1e-5, "{other_scores:?} {scores:?}");
            assert!((other_loss - loss).abs() < 1e-5 * loss.abs().max(1.0), "{other_loss} {loss}");
            assert!(deviation(other_gradient, gradient) < 1e-4, "{margin} {center}");
        }
    }
}
