//! A run's weights as everything outside of training has them: an adapter added to the weights that it adapts, and nothing frozen.

use super::arena::ArenaLayout;
use crate::graph::Parameter;
use crate::model::{LoraPair, is_of_adapter, lora_pairs};
use glasshouse_protocol::Adapter;

/// The weights of a model that compute what a run's do, laid out as those of a model of which nothing is frozen:
/// W + scale·B·A for each weight W [out, in] that has A [r, in] and B [out, r] beside it (Hu et al. 2021). `parameters` are the run's, and
/// `values` lie where [`ArenaLayout::of_parameters`] has them.
pub fn merged(parameters: &[Parameter], adapter: Option<&Adapter>, values: Vec<f32>) -> Vec<f32> {
    let mut merging = Merging::new(parameters, adapter, values);
    while merging.advance() {}
    merging.finish()
}

/// The same, a weight at a time: all of a large model take seconds, and others wait for their turns.
#[derive(Debug)]
pub struct Merging<'run> {
    parameters: &'run [Parameter],
    adapter: Option<&'run Adapter>,
    from: ArenaLayout,
    pairs: std::vec::IntoIter<LoraPair>,
    values: Vec<f32>,
}

impl<'run> Merging<'run> {
    /// Begins.
    pub fn new(parameters: &'run [Parameter], adapter: Option<&'run Adapter>, values: Vec<f32>) -> Self {
        let (from, pairs) = (ArenaLayout::of_parameters(parameters), lora_pairs(parameters).into_iter());
        Self { parameters, adapter, from, pairs, values }
    }

    /// Adds to the next weight; whether there was one.
    pub fn advance(&mut self) -> bool {
        let Some((adapter, pair)) = self.adapter.zip(self.pairs.next()) else { return false };
        let [a, b] = [pair.a, pair.b].map(|id| self.values[self.from.range(id)].to_vec());
        let columns = self.parameters[pair.weight.index()].ty.columns();
        let weight = &mut self.values[self.from.range(pair.weight)];
        add_product(weight, &b, &a, columns, adapter);
        true
    }

    /// The weights, once [`Self::advance`] finds no more.
    pub fn finish(self) -> Vec<f32> {
        let Self { parameters, adapter, from, values, .. } = self;
        if adapter.is_none() {
            return from.moved_to(&ArenaLayout::unfrozen(parameters), values);
        }
        let own: Vec<Parameter> =
            parameters.iter().filter(|parameter| !is_of_adapter(&parameter.name)).cloned().collect();
        let to = ArenaLayout::unfrozen(&own);
        // Those of the model come first, in its order.
        let mut plain = vec![0.0; to.length];
        for ((from, to), count) in from.offsets.iter().zip(&to.offsets).zip(&to.counts) {
            plain[*to..to + count].copy_from_slice(&values[*from..from + count]);
        }
        plain
    }
}

/// w += scale·b·a, row by row: w [out, in], b [out, r], a [r, in].
fn add_product(weight: &mut [f32], b: &[f32], a: &[f32], columns: usize, adapter: &Adapter) {
    let mut change = vec![0.0; columns];
    for (row, factors) in weight.chunks_exact_mut(columns).zip(b.chunks_exact(adapter.rank)) {
        change.fill(0.0);
        for (factor, a) in factors.iter().zip(a.chunks_exact(columns)) {
            change.iter_mut().zip(a).for_each(|(sum, entry)| *sum += factor * entry);
        }
        row.iter_mut().zip(&change).for_each(|(entry, sum)| *entry += adapter.scale() * sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ParameterId;
    use crate::model::{Purpose, build, parameters};
    use glasshouse_protocol::presets::preset;

    #[test]
    fn an_adapter_is_added_to_the_weights_that_it_adapts_and_to_no_others() {
        let mut run = preset("llama-tiny").unwrap();
        (run.model.layers, run.model.vocabulary) = (2, 40);
        run.train.adapter = Some(Adapter { rank: 3, alpha: 6.0, ..Adapter::default() });
        let parameters = parameters(&run.model, &run.train).unwrap();
        let plain = build(&run.model, Purpose::Window { time: 1 }).unwrap().graph.parameters;
        let (from, to) = (ArenaLayout::of_parameters(&parameters), ArenaLayout::of_parameters(&plain));
        let values: Vec<f32> = (0..from.length).map(|at| ((at * 31 % 101) as f32 - 50.0) * 0.01).collect();
        let merged = merged(&parameters, run.train.adapter.as_ref(), values.clone());
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
}
