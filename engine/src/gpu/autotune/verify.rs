//! Whether a choice computes what the rule's choice does. Drivers call cooperative matrices supported that few programs have ever
//! tried, and a product that is wrong here and there ruins a run without a word.

use super::super::Gpu;
use super::super::run::run_plan;
use crate::error::Result;
use crate::executor::Data;
use crate::graph::{Origin, ValueId};
use crate::plan::lower::Choice;
use crate::plan::trial::Trial;

/// Sizes that a product is computed in: several tiles each way.
const MOST: usize = 256;

/// How far entries may lie apart, in terms of the largest: the rounding of 16-bit floats, and of sums in another order.
const APART: f32 = 2e-3;

/// Whether a product as chosen gives what it gives as usual, over noise.
pub(super) async fn agrees(gpu: &Gpu, trial: &Trial, choice: Choice) -> Result<bool> {
    let trial = trial.no_larger_than(MOST);
    let usual = results(gpu, &trial, gpu.target().usual(trial.class.family)).await?;
    let chosen = results(gpu, &trial, choice).await?;
    Ok(alike(&usual, &chosen))
}

fn alike(usual: &[f32], chosen: &[f32]) -> bool {
    let largest = usual.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
    // What is no number is not close to anything.
    let close = |(one, other): (&f32, &f32)| (one - other).abs() <= APART * largest;
    usual.len() == chosen.len() && usual.iter().zip(chosen).all(close)
}

/// All that a trial computes, once.
async fn results(gpu: &Gpu, trial: &Trial, choice: Choice) -> Result<Vec<f32>> {
    let (plan, _) = trial.plan(&gpu.target(), choice)?;
    let mut given = Vec::new();
    for (number, value) in plan.graph.values.iter().enumerate() {
        if let Origin::Input(_) | Origin::Parameter(_) | Origin::Gradient(_) = value.origin {
            // Other numbers for each, so that operands that are taken for one another tell.
            let noise = |at: usize| ((at * (number + 3)) % (251 - number)) as f32 / 251.0 - 0.5;
            let entries = (0..value.ty.count()).map(noise).collect();
            given.push((ValueId(number as u32), Data::F32(entries)));
        }
    }
    let read = plan.graph.nodes.last().map(|node| node.outputs.clone()).unwrap_or_default();
    let found = run_plan(gpu, &plan, &given, &read, [0, 0]).await?;
    let floats = |data| match data {
        Data::F32(entries) => entries,
        Data::U32(_) => Vec::new(),
    };
    Ok(found.into_iter().flat_map(floats).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::test_gpu;
    use crate::model::training_graphs;
    use crate::plan::trial;
    use crate::protocol::Precision;
    use crate::protocol::presets::preset;

    #[test]
    fn one_entry_that_is_wrong_tells() {
        let usual = vec![0.5, -4.0, 1.0];
        assert!(alike(&usual, &[0.503, -4.003, 1.003]));
        for wrong in [vec![0.52, -4.0, 1.0], vec![0.5, f32::NAN, 1.0], vec![0.5, -4.0]] {
            assert!(!alike(&usual, &wrong), "{wrong:?}");
        }
    }

    /// Every product of a step in mixed precision, in every tier that the device has.
    #[test]
    fn tiers_agree_with_the_usual_one() {
        let gpu = test_gpu();
        let mut config = preset("stories-260k").unwrap();
        config.train.precision = Precision::Mixed;
        let graph = training_graphs(&config.model, &config.train).unwrap().train;
        let products: Vec<Trial> =
            trial::of_graph(&graph).into_iter().filter(|trial| trial.class.family.multiplies()).collect();
        assert!(products.iter().any(|trial| trial.class.halves));
        for trial in products {
            for choice in trial.no_larger_than(96).candidates(&gpu.target()) {
                let agrees = pollster::block_on(agrees(&gpu, &trial.no_larger_than(96), choice)).unwrap();
                assert!(agrees, "{} {choice}", trial.class);
            }
        }
    }
}
