//! Predicts step times from steps of other models measured on the same device.
//!
//! A step is described by four amounts that follow from its plan: FLOPs of matrix products, FLOPs of attention, bytes through
//! memory, and kernel launches. A device has a cost for each, fitted to measurements. No cost is negative, and relative errors
//! are minimized, so that short steps weigh as much as long ones. A single cost per FLOP would be wrong for small models
//! (launches), large vocabularies (bytes) and long windows (attention).

use super::lower::Target;
use super::work::{self, Work};
use super::{compile, update};
use crate::Result;
use crate::graph::Op;
use crate::model::training_graphs;
use crate::optimizer::Optimizer;
use glasshouse_protocol::{ModelConfig, TrainConfig};

/// Number of amounts that describe a step.
const AMOUNTS: usize = 4;

/// Work of a training step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// FLOPs of matrix products.
    pub products: f64,
    /// FLOPs of attention.
    pub attention: f64,
    /// Bytes read and written.
    pub bytes: f64,
    pub launches: f64,
}

impl Demand {
    /// Work of a training step of `model` with `train` on `target`.
    ///
    /// # Errors
    /// The model cannot be built or lowered.
    pub fn new(model: &ModelConfig, train: &TrainConfig, target: &Target) -> Result<Self> {
        let graphs = training_graphs(model, train)?;
        let plan = compile(graphs.train, &[graphs.train_loss], target)?;
        let optimizer = Optimizer::new(train).for_model(model);
        let update = update::update_dispatches(&plan.arena, &optimizer, target)?;
        let times = train.accumulate as f64;
        let mut demand = Self {
            launches: times * (plan.dispatches.len() + 1) as f64 + update.len() as f64,
            products: update::flops(&plan.arena, &optimizer),
            bytes: update.iter().map(|dispatch| work::bytes(&plan, dispatch)).sum(),
            ..Self::default()
        };
        for (at, dispatch) in plan.dispatches.iter().enumerate() {
            let Work { flops, bytes } = work::of_dispatch(&plan, at);
            let op = dispatch.node.map(|node| plan.graph.nodes[node.index()].op);
            let attends = matches!(op, Some(Op::Attention(_) | Op::AttentionBackward(_)));
            *(if attends { &mut demand.attention } else { &mut demand.products }) += times * flops;
            demand.bytes += times * bytes;
        }
        Ok(demand)
    }

    fn amounts(&self) -> [f64; AMOUNTS] {
        [self.products, self.attention, self.bytes, self.launches]
    }
}

/// Seconds that a device takes per unit of each amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostModel {
    prices: [f64; AMOUNTS],
}

impl CostModel {
    /// Fits the costs to measured steps: (work, seconds). Without measurements, all costs are 0.
    pub fn fit(measured: &[(Demand, f64)]) -> Self {
        // Amounts divided by the step's seconds: their dot product with the costs should be 1.
        let rows: Vec<[f64; AMOUNTS]> = measured
            .iter()
            .map(|(demand, seconds)| demand.amounts().map(|amount| amount / seconds.max(1e-9)))
            .collect();
        let mut best = (f64::INFINITY, [0.0; AMOUNTS]);
        // With so few amounts, all subsets can be tried: the best fit without a negative cost is the solution.
        for priced in 1..1usize << AMOUNTS {
            let columns: Vec<usize> = (0..AMOUNTS).filter(|column| (priced >> column) & 1 == 1).collect();
            let Some(prices) = least_squares(&rows, &columns) else { continue };
            let error: f64 = rows.iter().map(|row| (dot(row, &prices) - 1.0).powi(2)).sum();
            if prices.iter().all(|price| *price >= 0.0) && error < best.0 {
                best = (error, prices);
            }
        }
        Self { prices: best.1 }
    }

    /// Predicted seconds of a step.
    pub fn seconds(&self, demand: &Demand) -> f64 {
        dot(&demand.amounts(), &self.prices)
    }
}

fn dot(left: &[f64; AMOUNTS], right: &[f64; AMOUNTS]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Least-squares costs for the selected columns, zero for the others, with target 1 for each row; `None` if the rows do not
/// determine them.
fn least_squares(rows: &[[f64; AMOUNTS]], columns: &[usize]) -> Option<[f64; AMOUNTS]> {
    let count = columns.len();
    // Amounts differ by many powers of ten: each column is scaled to a maximum of 1.
    let scales: Vec<f64> =
        columns.iter().map(|column| rows.iter().map(|row| row[*column]).fold(0.0, f64::max)).collect();
    if scales.contains(&0.0) {
        return None;
    }
    let scaled = |row: &[f64; AMOUNTS], at: usize| row[columns[at]] / scales[at];
    // The normal equations, with the right-hand side as the last column.
    let mut system = vec![vec![0.0; count + 1]; count];
    for row in rows {
        for (at, line) in system.iter_mut().enumerate() {
            for (other, entry) in line.iter_mut().enumerate() {
                *entry += scaled(row, at) * if other < count { scaled(row, other) } else { 1.0 };
            }
        }
    }
    for pivot in 0..count {
        let largest = (pivot..count)
            .max_by(|one, other| system[*one][pivot].abs().total_cmp(&system[*other][pivot].abs()))?;
        system.swap(pivot, largest);
        if system[pivot][pivot].abs() < 1e-12 {
            return None;
        }
        for line in pivot + 1..count {
            let (above, below) = system.split_at_mut(line);
            let factor = below[0][pivot] / above[pivot][pivot];
            for (entry, taken) in below[0].iter_mut().zip(&above[pivot]).skip(pivot) {
                *entry -= factor * taken;
            }
        }
    }
    let mut prices = [0.0; AMOUNTS];
    let mut solved = vec![0.0; count];
    for at in (0..count).rev() {
        let known: f64 = (at + 1..count).map(|other| system[at][other] * solved[other]).sum();
        solved[at] = (system[at][count] - known) / system[at][at];
        prices[columns[at]] = solved[at] / scales[at];
    }
    Some(prices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    fn demand(products: f64, attention: f64, bytes: f64, launches: f64) -> Demand {
        Demand { products, attention, bytes, launches }
    }

    /// Recovers the costs of a hypothetical device, one of them zero.
    #[test]
    fn prices_are_found_from_measured_steps() {
        let steps = [
            demand(1e9, 1e7, 1e7, 100.0),
            demand(4e10, 2e8, 1e9, 100.0),
            demand(1e9, 9e9, 3e8, 120.0),
            demand(6e9, 1e7, 4e9, 60.0),
            demand(2e9, 5e8, 2e8, 400.0),
        ];
        for device in [[1e-11, 4e-11, 1e-10, 5e-6], [2e-11, 2e-11, 1e-10, 0.0]] {
            let device = CostModel { prices: device };
            let measured: Vec<(Demand, f64)> =
                steps.iter().map(|step| (*step, device.seconds(step))).collect();
            let found = CostModel::fit(&measured);
            for step in [demand(3e9, 1e8, 5e7, 90.0), demand(1e11, 1e10, 1e10, 1000.0)] {
                let ratio = found.seconds(&step) / device.seconds(&step);
                assert!((ratio - 1.0).abs() < 1e-6, "{ratio}: {found:?} for {device:?}");
            }
        }
        assert_eq!(CostModel::fit(&[]).seconds(&steps[0]), 0.0);
    }

    /// An amount that would need a negative cost gets 0, and the fit stays as good as possible.
    #[test]
    fn no_price_is_negative() {
        // More launches in less time.
        let measured = [(demand(1e9, 0.0, 0.0, 10.0), 1.0), (demand(1e9, 0.0, 0.0, 500.0), 0.9)];
        let found = CostModel::fit(&measured);
        assert!(found.prices.iter().all(|price| *price >= 0.0), "{found:?}");
        assert!((found.seconds(&measured[0].0) - 0.95).abs() < 0.06, "{found:?}");
    }

    #[test]
    fn a_step_of_two_micro_batches_takes_twice_the_operations() {
        let config = presets::preset("nanogpt-cpu").unwrap();
        let target = Target::new(false);
        let once = Demand::new(&config.model, &config.train, &target).unwrap();
        let train = TrainConfig { accumulate: 2, ..config.train.clone() };
        let twice = Demand::new(&config.model, &train, &target).unwrap();
        assert_eq!((twice.products, twice.attention), (2.0 * once.products, 2.0 * once.attention));
        assert!(
            once.attention > 0.0 && twice.bytes < 2.0 * once.bytes && twice.launches < 2.0 * once.launches
        );
        let estimate = super::super::estimate::estimate(&config.model, &config.train, &target).unwrap();
        let tokens = (config.train.batch_size * config.model.context_length) as f64;
        assert!(((once.products + once.attention) / (tokens * estimate.flops_per_token) - 1.0).abs() < 1e-9);
        assert_eq!(once.launches, estimate.dispatches_per_step as f64);
    }
}
