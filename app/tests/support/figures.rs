//! Figures for the pictures of the Inspect page.

use glasshouse::state::State;
use glasshouse_protocol::View;
use glasshouse_protocol::inspect::HEAD_SCORES;

/// Figures of a view at a step: the largest head scores, and means for tokens and streams.
pub fn figures_of(state: &State, view: View, step: u64) -> Vec<(&'static str, f32)> {
    if ![View::Attention, View::Tokens, View::LogitLens, View::Residual].contains(&view) {
        return Vec::new();
    }
    let (answer, data) = &state.inspections.latest[&view];
    assert_eq!(answer.inspection.step, step, "{view}");
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let row = |name: &str, at: fn(usize) -> usize| {
        let tensor = data.tensor(name).unwrap();
        mean(tensor.at(&[at(tensor.size(0))]))
    };
    match view {
        View::Attention => {
            let (heads, _) = data.floats("scores").as_chunks::<4>();
            let most = |score: usize| heads.iter().map(|head| head[score]).fold(0.0, f32::max);
            HEAD_SCORES.into_iter().enumerate().map(|(score, name)| (name, most(score))).collect()
        }
        // The first token has no context.
        View::Tokens => vec![("surprise, bits per token", mean(&data.floats("surprise")[1..]))],
        View::LogitLens => vec![("KL of the embedding's stream, bits", row("divergence", |_| 0))],
        View::Residual => vec![("norm after the last layer", row("norms", |stages| stages - 1))],
        _ => Vec::new(),
    }
}
