//! Resources of a training run, estimated without a device: parameters by part, bytes by kind, dispatches, FLOPs.
//!
//! The bytes are the sum of [`super::buffers::buffers`], the list that the GPU executor allocates. A multiply-add counts as two
//! FLOPs; each operation declares its cost ([`Operation::cost`]).

use super::buffers::{Allocation, buffers};
use super::{Plan, compile, update};
use crate::graph::ops::{Cost, Operation};
use crate::graph::{Graph, Node, Parameter};
use crate::model::{TrainSpec, TrainingGraphs, is_of_adapter, own_parameters, training_graphs};
use crate::optimizer::Optimizer;
use crate::plan::lower::Target;
use crate::{Result, dispatch};
use glasshouse_protocol::{MemoryKind, ModelConfig, PassFlops, PlanSummary, TrainConfig};
use std::collections::BTreeMap;

/// Minimum number of micro-batches that the GPU executor uploads at once; the actual number is a multiple of `accumulate`.
pub const RING: usize = 32;

/// Ring size for `accumulate` micro-batches per step: whole steps, at least [`RING`] micro-batches.
pub fn ring(accumulate: usize) -> usize {
    RING.next_multiple_of(accumulate.max(1))
}

/// Parameters (without a teacher's; `trained_parameters` are those with gradients), memory, launches and FLOPs of a run. The other fields
/// are left at their defaults.
pub fn estimate(model: &ModelConfig, train: &TrainConfig, target: &Target) -> Result<PlanSummary> {
    estimate_graphs(training_graphs(model, train)?, target)
}

/// Like [`estimate`], of graphs that were built before.
pub fn estimate_graphs(graphs: TrainingGraphs, target: &Target) -> Result<PlanSummary> {
    let TrainSpec { model, train } = &graphs.spec;
    let optimizer = Optimizer::new(train).for_model(model);
    let read = graphs.evaluate_read();
    let training = compile(graphs.train, &[graphs.train_loss], target)?;
    let evaluation = compile(graphs.evaluate, &read, target)?;
    let update = update::update_dispatches(&training.arena, &optimizer, target)?;
    let plans = [&training, &evaluation];
    let all = buffers(&plans, Some(&optimizer), &update, ring(train.accumulate));
    let tokens = train.batch_size * model.context_length;
    let of_step = update::flops(&training.arena, &optimizer);
    let flops = PassFlops {
        optimizer: of_step / (tokens * train.accumulate) as f64,
        ..flops(&training.graph, tokens)
    };
    let own = own_parameters(&training.graph.parameters);
    let count = |parameter: &Parameter| parameter.ty.count() as u64;
    let mut bytes_by_kind = BTreeMap::new();
    for allocation in &all {
        *bytes_by_kind.entry(allocation.kind).or_insert(0) += allocation.bytes;
    }
    Ok(PlanSummary {
        parameters: own.iter().map(count).sum(),
        trained_parameters: own.iter().filter(|parameter| parameter.trainable).map(count).sum(),
        parameters_by_part: parameters_by_part(&own),
        bytes: bytes_by_kind.values().sum(),
        bytes_by_kind,
        largest_binding: largest_binding(&all, &training),
        largest_buffer: largest_buffer(&all),
        peak_live: training.placement.peak_live,
        dispatches_per_step: train.accumulate * (training.dispatches.len() + 1) + update.len(),
        flops_per_token: flops.total(),
        flops_per_token_by_pass: flops,
        flops_by_scope: flops_by_scope(&training.graph),
        ..PlanSummary::default()
    })
}

/// `embedding` (tokens and positions; a tied head too), `attention` and `mlp` (projections), `norms`, `head` (if not tied), `adapter` (if
/// one is trained).
fn parameters_by_part(parameters: &[Parameter]) -> BTreeMap<String, u64> {
    let mut parts = BTreeMap::new();
    for parameter in parameters {
        let name = parameter.name.as_str();
        let part = if is_of_adapter(name) {
            "adapter"
        } else if name.contains("norm") {
            "norms"
        } else if name.starts_with("embedding.") {
            "embedding"
        } else if name.contains(".attention.") {
            "attention"
        } else if name.contains(".mlp.") {
            "mlp"
        } else {
            "head"
        };
        *parts.entry(part.to_owned()).or_insert(0) += parameter.ty.count() as u64;
    }
    parts
}

fn largest_buffer(all: &[Allocation]) -> u64 {
    let cut = [MemoryKind::Weights, MemoryKind::Gradients, MemoryKind::OptimizerState];
    let whole = all.iter().filter(|allocation| !cut.contains(&allocation.kind));
    whole.map(|allocation| allocation.bytes).max().unwrap_or(0)
}

fn largest_binding(all: &[Allocation], plan: &Plan) -> u64 {
    let bindings = plan.dispatches.iter().flat_map(|dispatch| &dispatch.bindings);
    let sizes = bindings.map(|binding| {
        binding.bytes.unwrap_or_else(|| {
            let bound = |allocation: &&Allocation| {
                allocation.role == super::buffers::Role::Bound(binding.buffer)
                    && allocation.plan.is_none_or(|plan| plan == 0)
            };
            all.iter().find(bound).map_or(0, |allocation| allocation.bytes - binding.offset)
        })
    });
    sizes.max().unwrap_or(0)
}

/// FLOPs of one run of a graph.
pub fn work(graph: &Graph) -> f64 {
    flops(graph, 1).total()
}

fn flops(graph: &Graph, tokens: usize) -> PassFlops {
    let mut flops = PassFlops::default();
    let mut going_back = false;
    for node in &graph.nodes {
        let Cost { forward, backward, .. } = cost(graph, node);
        // The backward pass begins with the product that made the loss's logits; nothing is recomputed before it.
        going_back |= backward > 0.0;
        *(if going_back { &mut flops.recomputed } else { &mut flops.forward }) += forward / tokens as f64;
        flops.backward += backward / tokens as f64;
    }
    flops
}

pub(super) fn cost(graph: &Graph, node: &Node) -> Cost {
    fn cost<O: Operation>(op: &O, graph: &Graph, node: &Node) -> Cost {
        graph.types_of(op, node).map_or_else(Cost::default, |operands| op.cost(operands))
    }
    dispatch!(&node.op, op => cost(op, graph, node))
}

/// Share of a training step's FLOPs by part of the model: `blocks.3.attention`, `head`, … (sum 1).
fn flops_by_scope(graph: &Graph) -> BTreeMap<String, f64> {
    let mut scopes = BTreeMap::new();
    for node in &graph.nodes {
        let Cost { forward, backward, .. } = cost(graph, node);
        if forward + backward > 0.0 {
            *scopes.entry(part_of_scope(node.scope.as_ref())).or_insert(0.0) += forward + backward;
        }
    }
    let total: f64 = scopes.values().sum();
    scopes.values_mut().for_each(|share| *share /= total);
    scopes
}

/// Truncates a scope to the part of a block: `blocks.3.attention.query` becomes `blocks.3.attention`.
pub fn part_of_scope(scope: &str) -> String {
    let kept = if scope.starts_with("blocks.") { 3 } else { 1 };
    scope.split('.').take(kept).collect::<Vec<_>>().join(".")
}
