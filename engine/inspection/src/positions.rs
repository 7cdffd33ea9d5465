//! Similarity of positions: of rows of the learned position table, or by rotary angles.

use super::linear::{norm, products};
use super::{Found, Subject};
use glasshouse_compiler::graph::{Constant, Type, rope_waves};
use glasshouse_platform::{OrInternal, Result};
use glasshouse_protocol::{Position, Rope};

/// Maximum positions compared with each other.
const COMPARED: usize = 128;

pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let config = subject.lens.config();
    let (context, width) = (config.context_length, config.width);
    let positions = context.min(COMPARED);
    let mut found = Found::default();
    match &config.position {
        Position::Learned => {
            let (table, _) = subject
                .lens
                .weight("embedding.positions")
                .or_internal("learned positions without a table")?;
            cosines(&mut found, &table[..positions * width], width);
        }
        Position::Sinusoidal => {
            let table = Constant::SinusoidalTable.data(&Type::f32(&[positions, width]));
            cosines(&mut found, &table, width);
        }
        Position::Rope(rope) => rotations(&mut found, rope, (config.head_size, context), positions),
        Position::None => {
            found.notice("This model has no positional encoding: only the causal mask encodes the order.");
            return Ok(found);
        }
    }
    if positions < context {
        found.notice(format!("These are the first {positions} of {context} positions."));
    }
    Ok(found)
}

/// Adds the cosines of a table's rows with each other.
fn cosines(found: &mut Found, table: &[f32], width: usize) {
    let lengths: Vec<f64> = table.chunks_exact(width).map(norm).collect();
    let positions = lengths.len();
    let mut similarity = vec![0.0; positions * positions];
    for (at, row) in similarity.chunks_exact_mut(positions).enumerate() {
        products(&table[at * width..(at + 1) * width], table, width, 1.0, row);
        for (entry, length) in row.iter_mut().zip(&lengths) {
            let both = length * lengths[at];
            *entry = if both > 0.0 { (f64::from(*entry) / both) as f32 } else { 0.0 };
        }
    }
    found.floats("similarity", "embedding", &[("position", positions), ("position", positions)], similarity);
}

/// Adds the rotary frequencies, and the resulting similarity of a query and an equal key by distance.
fn rotations(found: &mut Found, rope: &Rope, (head_size, context): (usize, usize), positions: usize) {
    let pairs = head_size / 2;
    let waves = rope_waves(rope, head_size, context);
    let frequencies: Vec<f64> = waves.into_iter().map(|(frequency, _)| frequency).collect();
    let mean_cosine = |distance: usize| {
        let sum: f64 = frequencies.iter().map(|angle| libm::cos(distance as f64 * angle)).sum();
        (sum / pairs.max(1) as f64) as f32
    };
    let by_distance: Vec<f32> = (0..positions).map(mean_cosine).collect();
    let similarity =
        (0..positions * positions).map(|at| by_distance[(at / positions).abs_diff(at % positions)]).collect();
    let turned = |at: usize| ((at / pairs) as f64 * frequencies[at % pairs]) as f32;
    let rotations = (0..positions * pairs).map(turned).collect();
    found.floats("similarity", "", &[("position", positions), ("position", positions)], similarity);
    found.floats("rotations", "", &[("position", positions), ("pair", pairs)], rotations);
    let frequencies = frequencies.into_iter().map(|angle| angle as f32).collect();
    found.floats("frequencies", "", &[("pair", pairs)], frequencies);
    if let Some(channels) = rope.channels.filter(|channels| *channels < head_size) {
        found.notice(format!(
            "Of the {head_size} channels of a head, {channels} are rotated; the others are not."
        ));
    }
    if let Some(base) = rope.local_base {
        found.notice(format!("Layers with a sliding window rotate with base {base}; the others are shown."));
    }
    if rope.skip_every > 0 {
        found.notice(format!(
            "Every layer whose number (from 1) is a multiple of {} has no rotation.",
            rope.skip_every
        ));
    }
}
