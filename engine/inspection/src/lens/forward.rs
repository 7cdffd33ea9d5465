//! An unfused forward pass that records statistics of every node.

use super::on_device::{OnDevice, Wanted};
use super::part::{model, parameters_of};
use super::{Lens, LensDevice, Tensor};
use crate::statistics::{Statistics, Summary};
use glasshouse_compiler::graph::{Graph, Input, Op, Origin, ValueId, cut};
use glasshouse_compiler::model::{HookPoint, HookPoints, Model};
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::plan::{Dispatch, compile};
use glasshouse_compiler::step::Data;
use glasshouse_executors::cpu::{Program, Weights};
use glasshouse_platform::{OrInternal, Result, TURN, Yielder, yield_now};

/// The graph from a text's tokens to its logits, with the results.
pub(crate) struct Forward {
    pub(crate) graph: Graph,
    /// Length of the window used for the text.
    pub(crate) window: usize,
    pub(crate) sites: HookPoints,
    /// The kernel launches: on this GPU, or, if the CPU computes, on a GPU with default kernels.
    pub(crate) dispatches: Vec<Dispatch>,
    /// Milliseconds of each node, if the device reports them.
    pub(crate) ms: Vec<Option<f64>>,
    /// For each value, over the text's entries.
    pub(crate) statistics: Vec<Option<Statistics>>,
    /// [T, V].
    pub(crate) logits: Tensor,
}

impl Lens {
    /// Runs a text through the graph node by node, without fusions, keeping every value until its statistics are computed.
    pub(crate) async fn forward(&mut self, tokens: &[u32]) -> Result<Forward> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let Model { graph, sites, .. } = model(&self.config, 1, time)?;
        let logits = sites.get(HookPoint::Logits).or_internal("a model without logits")?;
        let graph = cut(&graph, &[], &[logits]);
        let numbered = || graph.values.iter().zip(0..).map(|(value, at)| (&value.origin, ValueId(at)));
        let made: Vec<ValueId> = numbered()
            .filter(|(origin, _)| matches!(origin, Origin::Node(_)))
            .map(|(_, value)| value)
            .collect();
        let input = graph.find(Origin::Input(Input::Tokens)).or_internal("a model without logits")?;
        let mut words = tokens.to_vec();
        words.resize(time, 0);

        let yielder = Yielder::new();
        let mut statistics = vec![None; graph.values.len()];
        for (origin, value) in numbered() {
            statistics[value.index()] = match origin {
                Origin::Constant(constant) => {
                    Summary::new(&constant.data(graph.ty(value)), &yielder).await.statistics()
                }
                Origin::Parameter(id) => {
                    Summary::new(&self.weights.parameters[self.layout.range(*id)], &yielder)
                        .await
                        .statistics()
                }
                _ => None,
            };
        }
        let of_text = |value: ValueId, data: &[f32]| {
            let shape = &graph.ty(value).shape;
            let rows = rows_of_text(shape, is_by_head(&graph, value), time, tokens.len());
            let mut summary = Summary::default();
            data.chunks_exact(rows.1).for_each(|row| summary.add(&row[..rows.0]));
            summary.statistics()
        };
        let outputs = self.config.outputs();
        let of_logits = |data: &[f32]| {
            let data = data.get(..tokens.len() * outputs).unwrap_or_default();
            Tensor::new(&[tokens.len(), outputs], data.to_vec())
        };
        let mut found = Tensor::default();
        let (dispatches, ms) = match &self.place {
            LensDevice::Cpu(workers) => {
                let target = Target::new(false).with_fusions(Fusions::NONE);
                let dispatches = compile(graph.clone(), &[logits], &target)?.dispatches;
                let mut program = Program::new(&graph, &made);
                program.set_words(input, &words)?;
                // The second run does not include the cost of first touching new memory.
                for _ in 0..2 {
                    let mut next = Some(0);
                    while let Some(node) = next {
                        let weights = &mut self.weights;
                        next = workers
                            .install(|| program.run_for(TURN, node..usize::MAX, weights, [0, 0], workers))?;
                        yield_now().await;
                    }
                }
                for value in &made {
                    statistics[value.index()] = of_text(*value, program.floats(*value));
                    yielder.maybe_yield().await;
                }
                found = of_logits(program.floats(logits));
                (dispatches, program.timings().map(|(_, _, seconds)| Some(seconds * 1e3)).collect())
            }
            LensDevice::Gpu(gpu) => {
                let on_device = OnDevice::new(gpu, &graph, &made, Fusions::NONE, self.on_device()).await?;
                let Weights { parameters: arena, .. } = &self.weights;
                let wanted = Wanted { arena, layout: &self.layout, versions: &self.versions };
                on_device.bring(gpu, parameters_of(&graph), wanted).await?;
                let prepared = &on_device.graph;
                prepared.run(gpu, &[(input, Data::U32(words))], &[]).await?;
                for value in &made {
                    if let Data::F32(data) = prepared.read(gpu, *value).await? {
                        statistics[value.index()] = of_text(*value, &data);
                        if *value == logits {
                            found = of_logits(&data);
                        }
                    }
                    yielder.maybe_yield().await;
                }
                let dispatches = prepared.plan().dispatches.clone();
                let mut ms = vec![None; graph.nodes.len()];
                for (dispatch, spent) in dispatches.iter().zip(prepared.timings(gpu).await?) {
                    if let Some(node) = dispatch.node {
                        *ms[node.index()].get_or_insert(0.0) += spent;
                    }
                }
                (dispatches, ms)
            }
        };
        Ok(Forward { graph, window: time, sites, dispatches, ms, statistics, logits: found })
    }
}

/// The entries of a value that belong to the text in a longer window: the first a of each b. Time is the first axis (after a
/// batch of one), or the last one for values by head.
fn rows_of_text(shape: &[usize], is_by_head: bool, time: usize, tokens: usize) -> (usize, usize) {
    match shape {
        _ if is_by_head => (tokens, time),
        [1, own, columns @ ..] | [own, columns @ ..] if *own == time => {
            let columns: usize = columns.iter().product();
            (tokens * columns, time * columns)
        }
        _ => {
            let all = shape.iter().product::<usize>().max(1);
            (all, all)
        }
    }
}

/// Whether time is the value's last axis, after heads, as in attention's sums of exponentials.
fn is_by_head(graph: &Graph, value: ValueId) -> bool {
    let Origin::Node(node) = graph.values[value.index()].origin else { return false };
    let node = &graph.nodes[node.index()];
    matches!(node.op, Op::Attention(_)) && node.outputs.get(1) == Some(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_of_the_text_alone() {
        assert_eq!(rows_of_text(&[1, 16, 8], false, 16, 3), (24, 128));
        assert_eq!(rows_of_text(&[16, 2], false, 16, 3), (6, 32));
        assert_eq!(rows_of_text(&[1, 4, 16], true, 16, 3), (3, 16));
        assert_eq!(rows_of_text(&[2], false, 16, 3), (2, 2));
        // As many heads, or columns, as positions.
        assert_eq!(rows_of_text(&[1, 16, 16], true, 16, 3), (3, 16));
        assert_eq!(rows_of_text(&[1, 16, 16], false, 16, 3), (48, 256));
    }
}
