//! Scores of a small random model, compared with its logits.

use super::super::temperatures::GRID;
use super::*;
use glasshouse_compiler::model::{HookPoint, model_parameters};
use glasshouse_executors::gpu::test_gpu;
use glasshouse_project::initial;
use glasshouse_protocol::presets;
use pollster::block_on;

const VOCABULARY: usize = 23;
const CONTEXT: usize = 15;

fn config() -> ModelConfig {
    presets::gpt(VOCABULARY, CONTEXT, 2, 3, 15)
}

fn weights(config: &ModelConfig) -> Vec<f32> {
    let parameters = model_parameters(config).unwrap();
    let mut arena = block_on(initial::parameters(&parameters, 5, &Yielder::none()));
    arena.iter_mut().for_each(|weight| *weight *= 8.0);
    arena
}

/// Texts of every length that fits, scored from different positions on.
fn texts() -> Vec<(Vec<u32>, usize)> {
    let text = |length: usize| (0..length).map(|at| ((at * at + 7 * length) % VOCABULARY) as u32).collect();
    (1..=CONTEXT + 1).map(|length| (text(length), 1 + length / 3)).collect()
}

fn scored(device: &str, texts: &[(Vec<u32>, usize)], detail: Detail) -> Vec<Vec<TokenScore>> {
    let config = config();
    let mut scorer = block_on(Scorer::open(&config, &weights(&config), device, Some(2))).unwrap();
    let texts: Vec<Scoring<'_>> =
        texts.iter().map(|(tokens, from)| Scoring { tokens, from: *from }).collect();
    let mut told = Vec::new();
    let scores = block_on(scorer.score(&texts, detail, &mut |done, of| told.push((done, of)))).unwrap();
    let all: usize = texts.iter().map(Scoring::count).sum();
    assert_eq!(told.last(), Some(&(all as u64, all as u64)));
    scores
}

/// Log-probabilities of all tokens after each token of a text.
fn log_probabilities(tokens: &[u32]) -> Vec<Vec<f64>> {
    let config = config();
    let mut lens = Lens::on_cpu(&config, weights(&config), Some(1)).unwrap();
    let logits = block_on(lens.probe(tokens, &[HookPoint::Logits])).unwrap().pop().unwrap();
    let rows = logits.rows().map(|row| {
        let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
        row.iter().map(|logit| f64::from(*logit) - sum.ln()).collect()
    });
    rows.collect()
}

#[test]
fn a_token_has_the_probability_place_and_rivals_that_the_logits_say() {
    let texts = texts();
    let scores = scored("cpu", &texts, Detail::Top(3));
    for ((tokens, from), scores) in texts.iter().zip(&scores) {
        assert_eq!(scores.len(), tokens.len().saturating_sub(*from));
        for (at, score) in (*from..).zip(scores) {
            let expected = &log_probabilities(&tokens[..at])[at - 1];
            let own = expected[tokens[at] as usize];
            assert_eq!(score.token, tokens[at]);
            assert!((f64::from(score.log_probability) - own).abs() < 1e-4, "{score:?} {own}");
            let better = expected.iter().filter(|other| **other > own).count();
            assert_eq!(score.rank as usize, better + 1);
            let mut order: Vec<usize> = (0..VOCABULARY).collect();
            order.sort_by(|a, b| expected[*b].total_cmp(&expected[*a]));
            assert_eq!(score.likeliest as usize, order[0]);
            assert!((f64::from(score.confidence) - expected[order[0]].exp()).abs() < 1e-4);
            let top: Vec<usize> = score.top.iter().map(|(token, _)| *token as usize).collect();
            assert_eq!(top, order[..3]);
            for (token, log_probability) in &score.top {
                assert!((f64::from(*log_probability) - expected[*token as usize]).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn losses_alone_are_those_of_all_details_and_the_same_every_time() {
    let texts = texts();
    let losses = scored("cpu", &texts, Detail::Losses);
    assert_eq!(losses, scored("cpu", &texts, Detail::Losses));
    let details = scored("cpu", &texts, Detail::Tokens);
    assert_eq!(details, scored("cpu", &texts, Detail::Tokens));
    for (loss, detail) in losses.iter().flatten().zip(details.iter().flatten()) {
        assert_eq!((loss.token, loss.rank), (detail.token, 0));
        assert!((loss.log_probability - detail.log_probability).abs() < 1e-5);
        assert!(detail.top.is_empty() && detail.rank > 0);
    }
}

#[test]
fn a_gpu_scores_as_the_cpu_does() {
    let (texts, gpu) = (texts(), test_gpu());
    for detail in [Detail::Losses, Detail::Top(2)] {
        let cpu = scored("cpu", &texts, detail);
        let gpu = scored(&gpu.report().name, &texts, detail);
        for (cpu, gpu) in cpu.iter().flatten().zip(gpu.iter().flatten()) {
            assert!((cpu.log_probability - gpu.log_probability).abs() < 1e-4, "{cpu:?} {gpu:?}");
            assert_eq!((cpu.token, cpu.rank, cpu.likeliest), (gpu.token, gpu.rank, gpu.likeliest));
        }
    }
}

#[test]
fn a_model_that_knows_nothing_gives_every_token_its_share() {
    let config = config();
    let nothing = vec![0.0; weights(&config).len()];
    let mut scorer = block_on(Scorer::open(&config, &nothing, "cpu", Some(1))).unwrap();
    let text = [Scoring { tokens: &[3, 5, 0], from: 1 }];
    let scores = block_on(scorer.score(&text, Detail::Tokens, &mut |_, _| ())).unwrap();
    let share = 1.0 / VOCABULARY as f32;
    for (score, rank) in scores[0].iter().zip([6, 1]) {
        assert!((score.log_probability - share.ln()).abs() < 1e-6);
        assert_eq!((score.rank, score.likeliest), (rank, 0));
        assert!((score.confidence - share).abs() < 1e-6);
    }
    // At any temperature.
    for (detail, count) in [(Detail::Temperatures, GRID), (Detail::Temperature(0.3), 1)] {
        let scores = block_on(scorer.score(&text, detail, &mut |_, _| ())).unwrap();
        for log_sums in scores[0].iter().map(|score| &score.log_sums) {
            assert!(log_sums.len() == count && log_sums.iter().all(|sum| (sum + share.ln()).abs() < 1e-5));
        }
    }
}

#[test]
fn what_cannot_be_scored_is_refused_in_a_sentence() {
    let config = config();
    let mut scorer = block_on(Scorer::open(&config, &weights(&config), "cpu", Some(1))).unwrap();
    let mut refused = |tokens: &[u32], from| {
        let text = [Scoring { tokens, from }];
        block_on(scorer.score(&text, Detail::Losses, &mut |_, _| ())).unwrap_err().to_string()
    };
    assert!(refused(&[1, 2], 0).contains("has no context"));
    assert!(refused(&[1; CONTEXT + 2], 1).contains("17 tokens do not fit the context of 15"));
    assert!(refused(&[1, VOCABULARY as u32], 1).contains("token 23 is beyond the vocabulary of 23"));
    let labels = |labels: &[&str]| ModelConfig {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..config.clone()
    };
    for (labels, words) in
        [(labels(&["good", "bad"]), "classifier (good, bad)"), (labels(&["reward"]), "it scores texts")]
    {
        let refused = block_on(Scorer::open(&labels, &[], "cpu", None)).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn windows_are_few_sizes_and_none_much_longer_than_its_text() {
    let sizes: Vec<usize> = (1..=100).map(window).collect();
    assert!(
        sizes
            .iter()
            .zip(1..)
            .all(|(size, tokens)| *size >= tokens && 3 * tokens.max(MIN_WINDOW) >= 2 * *size)
    );
    let mut distinct = sizes;
    distinct.dedup();
    assert_eq!(distinct, [16, 24, 32, 48, 64, 96, 128]);
}
