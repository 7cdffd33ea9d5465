//! Merges a run's adapter into the weights and unfreezes them, for everything outside of training.

use super::arena::ArenaLayout;
use crate::graph::Parameter;
use crate::model::{is_of_adapter, lora_pairs};
use glasshouse_protocol::Adapter;

/// Multiplications between yields: a few milliseconds in a browser.
const MULTIPLIED: usize = 1 << 20;

/// Returns the model weights equivalent to a run's, in the layout of a model without frozen parameters: W + scale·B·A for each W [out, in]
/// with A [r, in] and B [out, r] (Hu et al. 2021), its rows scaled to their magnitudes, if it has any. `parameters` are the run's, and
/// `values` are laid out by [`ArenaLayout::from_parameters`]. A large model takes seconds; `yield_now` is awaited every few milliseconds.
pub async fn merged(
    parameters: &[Parameter],
    adapter: Option<&Adapter>,
    mut values: Vec<f32>,
    yield_now: &impl AsyncFn(),
) -> Vec<f32> {
    let from = ArenaLayout::from_parameters(parameters);
    if let Some(adapter) = adapter {
        for pair in lora_pairs(parameters) {
            let [a, b] = [pair.a, pair.b].map(|id| values[from.range(id)].to_vec());
            let weight = &mut values[from.range(pair.weight)];
            add_product(weight, [&a, &b], adapter.rank, (adapter.scale(), false), yield_now).await;
            if let Some(magnitude) = pair.magnitude {
                let magnitude = values[from.range(magnitude)].to_vec();
                set_row_norms(&mut values[from.range(pair.weight)], &magnitude, false);
                yield_now().await;
            }
        }
    }
    // The model's own parameters come first, in its order.
    let own: Vec<Parameter> =
        parameters.iter().filter(|parameter| !is_of_adapter(&parameter.name)).cloned().collect();
    from.moved(&ArenaLayout::unfrozen(&own), values, yield_now).await
}

/// The norms of the rows of a weight [out, in] or, if `transposed`, of the columns of [in, out].
pub fn row_norms(weight: &[f32], out: usize, transposed: bool) -> Vec<f32> {
    let (mut squares, columns) = (vec![0.0_f64; out], weight.len() / out);
    for (at, entry) in weight.iter().enumerate() {
        squares[if transposed { at % out } else { at / columns }] += f64::from(*entry).powi(2);
    }
    squares.into_iter().map(|sum| sum.sqrt() as f32).collect()
}

/// Scales the rows of a weight [out, in] or, if `transposed`, the columns of [in, out], to these norms; zeros stay zeros.
pub fn set_row_norms(weight: &mut [f32], norms: &[f32], transposed: bool) {
    let (out, columns) = (norms.len(), weight.len() / norms.len());
    let own = row_norms(weight, out, transposed);
    let factors: Vec<f32> =
        norms.iter().zip(own).map(|(to, own)| if own == 0.0 { 0.0 } else { to / own }).collect();
    for (at, entry) in weight.iter_mut().enumerate() {
        *entry *= factors[if transposed { at % out } else { at / columns }];
    }
}

/// w += scale·b·a, row by row of b, with a [r, in], b [out, r], and w [out, in] or, if `transposed`, [in, out].
pub async fn add_product(
    weight: &mut [f32],
    [a, b]: [&[f32]; 2],
    rank: usize,
    (scale, transposed): (f32, bool),
    yield_now: &impl AsyncFn(),
) {
    let (rows, columns) = (b.len() / rank, a.len() / rank);
    let (mut change, mut multiplied) = (vec![0.0; columns], 0);
    for (row, factors) in b.chunks_exact(rank).enumerate() {
        change.fill(0.0);
        for (factor, a) in factors.iter().zip(a.chunks_exact(columns)) {
            change.iter_mut().zip(a).for_each(|(sum, entry)| *sum += factor * entry);
        }
        let add = |(entry, sum): (&mut f32, &f32)| *entry += scale * sum;
        if transposed {
            weight.iter_mut().skip(row).step_by(rows).zip(&change).for_each(add);
        } else {
            weight[row * columns..][..columns].iter_mut().zip(&change).for_each(add);
        }
        multiplied += a.len();
        if multiplied >= MULTIPLIED {
            multiplied = 0;
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ParameterId;
    use crate::model::{model_parameters, parameters};
    use glasshouse_protocol::AdapterKind;
    use glasshouse_protocol::presets::preset;
    use pollster::block_on;
    use std::cell::Cell;

    #[test]
    fn an_adapter_is_added_to_the_weights_that_it_adapts_and_to_no_others() {
        let mut run = preset("llama-tiny").unwrap();
        (run.model.layers, run.model.vocabulary) = (2, 40);
        run.train.adapter = Some(Adapter { rank: 3, alpha: 6.0, ..Adapter::default() });
        let parameters = parameters(&run.model, &run.train).unwrap();
        let plain = model_parameters(&run.model).unwrap();
        let (from, to) = (ArenaLayout::from_parameters(&parameters), ArenaLayout::from_parameters(&plain));
        let values: Vec<f32> = (0..from.length).map(|at| ((at * 31 % 101) as f32 - 50.0) * 0.01).collect();
        let merged = block_on(merged(&parameters, run.train.adapter.as_ref(), values.clone(), &async || ()));
        assert_eq!(merged.len(), to.length);
        let pairs = lora_pairs(&parameters);
        assert_eq!(pairs.len(), 8);
        for (at, parameter) in plain.iter().enumerate() {
            let id = ParameterId(at as u32);
            let (own, after) = (&values[from.range(id)], &merged[to.range(id)]);
            let Some(pair) = pairs.iter().find(|pair| pair.weight == id) else {
                assert_eq!(own, after, "{}", parameter.name);
                continue;
            };
            let (a, b) = (&values[from.range(pair.a)], &values[from.range(pair.b)]);
            let columns = parameter.ty.columns();
            for (at, (before, after)) in own.iter().zip(after).enumerate() {
                let (row, column) = (at / columns, at % columns);
                let change: f32 = (0..3).map(|r| b[row * 3 + r] * a[r * columns + column]).sum();
                assert!((before + 2.0 * change - after).abs() < 1e-5, "{} {at}", parameter.name);
            }
        }
    }

    #[test]
    fn rows_get_their_magnitudes_as_norms_either_way_round() {
        let mut run = preset("llama-tiny").unwrap();
        (run.model.layers, run.model.vocabulary) = (1, 40);
        let kind = AdapterKind::Dora;
        let lora = Adapter { rank: 3, alpha: 6.0, ..Adapter::default() };
        run.train.adapter = Some(Adapter { kind, ..lora.clone() });
        let parameters = parameters(&run.model, &run.train).unwrap();
        let from = ArenaLayout::from_parameters(&parameters);
        let values: Vec<f32> = (0..from.length).map(|at| ((at * 31 % 101) as f32 - 50.0) * 0.01).collect();
        let merge = |adapter| block_on(merged(&parameters, Some(adapter), values.clone(), &async || ()));
        let whole = merge(run.train.adapter.as_ref().unwrap());
        let plain = model_parameters(&run.model).unwrap();
        let to = ArenaLayout::from_parameters(&plain);
        for pair in lora_pairs(&parameters) {
            let [weight, a, b] = [pair.weight, pair.a, pair.b].map(|id| values[from.range(id)].to_vec());
            let (mut sum, magnitudes) = (weight, &values[from.range(pair.magnitude.unwrap())]);
            block_on(add_product(&mut sum, [&a, &b], 3, (lora.scale(), false), &async || ()));
            let columns = sum.len() / magnitudes.len();
            for ((row, sum), magnitude) in
                whole[to.range(pair.weight)].chunks(columns).zip(sum.chunks(columns)).zip(magnitudes)
            {
                let norm = sum.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
                for (entry, sum) in row.iter().zip(sum) {
                    assert!((entry - magnitude * sum / norm).abs() < 1e-5);
                }
            }
        }
        let mut rows = [3.0, 4.0, 0.0, 0.0, 6.0, -8.0];
        set_row_norms(&mut rows, &[10.0, 7.0, 1.0], false);
        assert_eq!(
            (rows, row_norms(&rows, 3, false)),
            ([6.0, 8.0, 0.0, 0.0, 0.6, -0.8], vec![10.0, 0.0, 1.0])
        );
        let mut columns = [3.0, 0.0, 6.0, 4.0, 0.0, -8.0];
        set_row_norms(&mut columns, &[10.0, 7.0, 1.0], true);
        assert_eq!(columns, [6.0, 0.0, 0.6, 8.0, 0.0, -0.8]);
    }

    #[test]
    fn a_product_is_added_to_a_weight_either_way_round_and_gives_turns_within_it() {
        let (rows, columns, rank) = (1200, 500, 4);
        let [a, b] = [rank * columns, rows * rank]
            .map(|count| (0..count).map(|at| ((at * 31 % 101) as f32 - 50.0) * 0.01).collect::<Vec<f32>>());
        let turns = Cell::new(0);
        let [plain, transposed] = [false, true].map(|transposed| {
            let mut weight = vec![1.0; rows * columns];
            let yield_now = async || turns.set(turns.get() + 1);
            block_on(add_product(&mut weight, [&a, &b], rank, (2.0, transposed), &yield_now));
            weight
        });
        // 2.4 million multiplications each.
        assert_eq!(turns.get(), 4);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let change: f32 = (0..rank).map(|r| b[row * rank + r] * a[r * columns + column]).sum();
            let both = [plain[row * columns + column], transposed[column * rows + row]];
            assert!((1.0 + 2.0 * change - both[0]).abs() < 1e-5 && both[0] == both[1], "{row} {column}");
        }
    }
}
