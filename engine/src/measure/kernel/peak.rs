//! Measures a device's peak performance.

use super::alone;
use crate::cpu;
use crate::gpu::{Gpu, Repeater};
use crate::graph::{Graph, NodeId, Parameter, Type, ValueId, ops};
use crate::plan::memory::Spot;
use crate::plan::work::{self, Work};
use crate::plan::{Binding, Buffer, Dispatch, compile};
use crate::step::Data;
use crate::{Error, OrInternal, Result};
use glasshouse_shaders::peak_flops;
use std::rc::Rc;

/// Floats of each vector for measuring bytes per second: larger than any cache.
const STREAM: usize = 1 << 24;

/// Iterations of the multiply-add loop, and operations per iteration.
const TURNS: u32 = 1024;
const FLOPS_A_TURN: f64 = 192.0;

/// Invocations per workgroup of that loop.
const PEAK_GROUP: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    pub(super) flops_per_s: f64,
    pub(super) bytes_per_s: f64,
}

/// The graph for measuring peaks: a vector sum and a square matrix product.
struct PeakGraph {
    graph: Graph,
    /// Parameters in order.
    inputs: Vec<ValueId>,
    /// The sum and the product.
    outputs: Vec<ValueId>,
}

impl PeakGraph {
    fn new(stream: usize, side: usize) -> Result<Self> {
        let mut graph = Graph::default();
        let inputs: Vec<ValueId> = [vec![stream], vec![stream], vec![side, side], vec![side, side]]
            .iter()
            .map(|shape| graph.parameter(Parameter::zeros("operand", Type::f32(shape))))
            .collect();
        let mut outputs = graph.push(ops::Add, &inputs[..2])?;
        outputs.extend(graph.push(ops::Linear { bias: false, residual: false }, &inputs[2..])?);
        Ok(Self { graph, inputs, outputs })
    }

    /// Varied operands, because some devices are faster with zeros or equal values.
    fn operand(count: usize) -> Vec<f32> {
        (0..count).map(|at| (at % 251) as f32 / 251.0 - 0.5).collect()
    }

    fn work(&self, node: usize) -> Work {
        work::of_node(&self.graph, &self.graph.nodes[node])
    }
}

pub(super) async fn of_gpu(gpu: &Gpu) -> Result<Peak> {
    let software = gpu.report().software;
    let (side, groups) = if software { (512, 64) } else { (2048, 8192) };
    let graph = PeakGraph::new(STREAM, side)?;
    let (sum, product) = (graph.work(0), graph.work(1));
    let mut plan = compile(graph.graph, &graph.outputs, &gpu.target())?;
    let Spot { slot, offset } =
        plan.placement.spot_of_value[graph.outputs[0].index()].or_internal("the sum has no slot")?;
    let invocations = groups * PEAK_GROUP;
    let arguments =
        peak_flops::Arguments { count: invocations as u32, turns: TURNS, factor: 0.5, addend: 0.25 };
    let registers = Dispatch {
        kernel: peak_flops::kernel(),
        arguments: arguments.bytes(),
        bindings: vec![Binding { buffer: Buffer::Slot(slot), offset, bytes: Some(invocations as u64 * 4) }],
        groups: [groups as u32, 1, 1],
        node: None,
        scope: Rc::from("peak"),
    };
    plan.dispatches.push(registers);
    let last = plan.dispatches.len() - 1;
    let weights = PeakGraph::operand(plan.arena.length);
    let repeater = Repeater::new(gpu, &plan, &weights, None, &[]).await?;
    let of_node = |node: u32| plan.dispatches.iter().position(|dispatch| dispatch.node == Some(NodeId(node)));
    let (Some(first), Some(second)) = (of_node(0), of_node(1)) else {
        return Err(Error::Internal("the peaks have no dispatches".to_owned()));
    };
    repeater.warm_up(last..last + 1).await?;
    let in_registers = invocations as f64 * f64::from(TURNS) * FLOPS_A_TURN / alone(&repeater, last).await?;
    let in_product = product.flops / alone(&repeater, second).await?;
    Ok(Peak {
        flops_per_s: in_registers.max(in_product),
        bytes_per_s: sum.bytes / alone(&repeater, first).await?,
    })
}

pub(super) fn of_cpu(threads: Option<usize>) -> Result<Peak> {
    let graph = PeakGraph::new(STREAM, 1024)?;
    let operand = |value: &ValueId| (*value, Data::F32(PeakGraph::operand(graph.graph.ty(*value).count())));
    let inputs: Vec<(ValueId, Data)> = graph.inputs.iter().map(operand).collect();
    let (seconds, _) = cpu::time_graph(&graph.graph, &inputs, threads, 1.0)?;
    let [sum, product] = seconds.as_slice() else {
        return Err(Error::Internal("the peaks are not two nodes".to_owned()));
    };
    Ok(Peak {
        flops_per_s: graph.work(1).flops / product.max(1e-9),
        bytes_per_s: graph.work(0).bytes / sum.max(1e-9),
    })
}
