//! Initial weights and moments. Weights are a pure function of the seed and the parameter's index, computed with `libm` so that
//! every target starts with the same bits.

use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::{Element, Init, Parameter, random};
use glasshouse_compiler::model::{is_of_adapter, is_of_classifier, lora_pairs};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::merge::row_norms;
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::{Yielder, block_on};
use glasshouse_protocol::TrainConfig;

/// Entries drawn between two yields.
const DRAWN: usize = 1 << 16;

/// The parameter arena at the start of a run; padding is zero.
pub async fn parameters(parameters: &[Parameter], seed: u64, yielder: &Yielder) -> Vec<f32> {
    let layout = &ArenaLayout::from_parameters(parameters);
    let mut arena = vec![0.0; layout.length];
    fill(parameters, layout, seed, &mut arena, |_| true, yielder).await;
    set_magnitudes(parameters, layout, &mut arena, &[]);
    arena
}

/// Sets an adapter's magnitudes, if it has any, to the norms of the weights' rows as they are stored: the model is unchanged. `words`
/// are those of the matrices stored in fewer bits, unless the arena has their floats.
pub fn set_magnitudes(parameters: &[Parameter], layout: &ArenaLayout, arena: &mut [f32], words: &[u32]) {
    for pair in lora_pairs(parameters) {
        let Some(magnitude) = pair.magnitude else { continue };
        let ty = &parameters[pair.weight.index()].ty;
        let stored = layout.stored(pair.weight).and_then(|own| words.get(own.words.clone()));
        let mut weight = vec![0.0; ty.count()];
        if let Some(words) = stored {
            blocks::unpack(ty.element, ty.columns(), words, &mut weight);
        } else {
            weight.copy_from_slice(&arena[layout.range(pair.weight)]);
        }
        if ty.element != Element::F32 && stored.is_none() {
            blocks::round(ty.element, ty.columns(), &mut weight);
        }
        arena[layout.range(magnitude)].copy_from_slice(&row_norms(&weight, ty.shape[0], false));
    }
}

/// Initialises the parameters of an adapter and of a classification head in an arena with all other parameters.
pub fn added(parameters: &[Parameter], layout: &ArenaLayout, seed: u64, arena: &mut [f32]) {
    let wanted = |parameter: &Parameter| is_of_adapter(&parameter.name) || is_of_classifier(&parameter.name);
    block_on(fill(parameters, layout, seed, arena, wanted, &Yielder::none()));
}

/// Initialises the `wanted` parameters of an arena.
async fn fill(
    parameters: &[Parameter],
    layout: &ArenaLayout,
    seed: u64,
    arena: &mut [f32],
    wanted: impl Fn(&Parameter) -> bool,
    yielder: &Yielder,
) {
    for (number, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| wanted(parameter)) {
        let start = layout.offsets[number];
        let entries = &mut arena[start..start + layout.counts[number]];
        match parameter.init {
            Init::Constant(value) => entries.fill(value),
            Init::Uniform(bound) => uniform(entries, bound, seed, number as u64),
            Init::Normal(deviation) => {
                for (block, entries) in entries.chunks_mut(DRAWN).enumerate() {
                    normal(entries, deviation, seed, number as u64, (block * DRAWN / 2) as u64);
                    yielder.maybe_yield().await;
                }
            }
        }
    }
}

/// Fills in numbers between -bound and bound, one draw each.
fn uniform(entries: &mut [f32], bound: f32, seed: u64, stream: u64) {
    for (at, entry) in (0..).zip(entries) {
        let draw = random::nth(seed, 0x1417_0000 | stream, at) >> 11;
        let share = draw as f64 / 9_007_199_254_740_992.0;
        *entry = ((2.0 * share - 1.0) * f64::from(bound)) as f32;
    }
}

/// Initial moments: zeros, as many as the optimizer keeps. The weights are left empty.
pub fn zero_moments(config: &TrainConfig, parameters: &[Parameter]) -> ArenaState {
    let count = ArenaLayout::from_parameters(parameters).trained_end;
    let optimizer = Optimizer::new(config);
    let zeros = |wanted: bool| if wanted { vec![0.0; count] } else { Vec::new() };
    ArenaState {
        first_moments: zeros(optimizer.first_moments()),
        second_moments: zeros(optimizer.second_moments()),
        ..ArenaState::default()
    }
}

/// Normal distribution by Box–Muller, two numbers per draw, starting with draw number `first`.
fn normal(entries: &mut [f32], deviation: f32, seed: u64, stream: u64, first: u64) {
    for (pair, chunk) in (first..).zip(entries.chunks_mut(2)) {
        let draw = random::nth(seed, 0x1417_0000 | stream, pair);
        // Two uniform 32-bit numbers, the first in (0, 1].
        let first = ((draw >> 32) + 1) as f64 / 4_294_967_296.0;
        let angle = (draw & 0xffff_ffff) as f64 / 4_294_967_296.0 * core::f64::consts::TAU;
        let radius = (-2.0 * libm::log(first)).sqrt() * f64::from(deviation);
        chunk[0] = (radius * libm::cos(angle)) as f32;
        if let Some(second) = chunk.get_mut(1) {
            *second = (radius * libm::sin(angle)) as f32;
        }
    }
}
