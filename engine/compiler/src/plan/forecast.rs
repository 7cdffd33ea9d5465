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

/// Passes over the amounts of a fit.
const ROUNDS: usize = 100_000;

/// Work of a training step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    pub products: f64,
    pub attention: f64,
    /// Bytes read and written.
    pub bytes: f64,
    pub launches: f64,
}

impl Demand {
    /// Work of a training step of `model` with `train` on `target`.
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
        let products = |weight: &dyn Fn(&[f64; AMOUNTS]) -> f64| {
            std::array::from_fn(|at| rows.iter().map(|row| row[at] * weight(row)).sum::<f64>())
        };
        let squares: [[f64; AMOUNTS]; AMOUNTS] = std::array::from_fn(|other| products(&|row| row[other]));
        let (sums, mut prices): ([f64; AMOUNTS], _) = (products(&|_| 1.0), [0.0; AMOUNTS]);
        // Least squares by coordinate descent, each cost at least 0.
        for at in (0..AMOUNTS).cycle().take(ROUNDS * AMOUNTS) {
            if squares[at][at] > 0.0 {
                let apart = sums[at] - dot(&squares[at], &prices);
                prices[at] = f64::max(prices[at] + apart / squares[at][at], 0.0);
            }
        }
        Self { prices }
    }

    /// Predicted seconds of a step.
    pub fn seconds(&self, demand: &Demand) -> f64 {
        dot(&demand.amounts(), &self.prices)
    }
}

fn dot(left: &[f64; AMOUNTS], right: &[f64; AMOUNTS]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
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
