//! Classes of dispatches and nodes: the same kernel on operands of the same shapes.

use super::peak::Peak;
use crate::device::DeviceDescription;
use crate::graph::Graph;
use crate::plan::work::{self, Work};
use crate::plan::{Dispatch, Plan};
use crate::protocol::bench::{Bound, KernelMeasurement};
use crate::protocol::{RunConfig, order};
use crate::{Error, Result};
use std::rc::Rc;

/// Equal dispatches or nodes, before they are timed.
#[derive(Clone, Debug)]
pub(super) struct Class {
    kernel: String,
    scope: Rc<str>,
    shapes: String,
    groups: Option<[u32; 3]>,
    count: usize,
    /// Indices of its members in the plan or graph.
    pub(super) members: Vec<usize>,
    work: Work,
}

impl Class {
    pub(super) fn measurement(
        &self,
        config: &RunConfig,
        device: &DeviceDescription,
        peak: Peak,
        seconds: f64,
    ) -> KernelMeasurement {
        let seconds = seconds.max(1e-9);
        let Work { flops, bytes } = self.work;
        let (by_flops, by_bytes) = (flops / peak.flops_per_s, bytes / peak.bytes_per_s);
        KernelMeasurement {
            config: config.preset.clone(),
            device: device.clone(),
            kernel: self.kernel.clone(),
            scope: self.scope.to_string(),
            shapes: self.shapes.clone(),
            count: self.count,
            class: None,
            candidates: Vec::new(),
            chosen: None,
            groups: self.groups,
            ms: seconds * 1e3,
            ms_per_step: seconds * 1e3 * self.count as f64,
            gflop_per_s: (flops > 0.0).then_some(flops / seconds / 1e9),
            gb_per_s: bytes / seconds / 1e9,
            bound: if by_flops > by_bytes { Bound::Flops } else { Bound::Bytes },
            share_of_peak: by_flops.max(by_bytes) / seconds,
            peak_gflop_per_s: peak.flops_per_s / 1e9,
            peak_gb_per_s: peak.bytes_per_s / 1e9,
        }
    }
}

/// The part of a kernel's name that a filter selects; `matmul` means our linear kernels.
pub(super) fn part(filter: &str) -> &str {
    if filter == "matmul" { "linear" } else { filter }
}

/// The classes whose kernel's name contains `filter`.
pub(super) fn chosen(mut classes: Vec<Class>, filter: &str) -> Result<Vec<Class>> {
    let names: Vec<String> = classes.iter().map(|class| class.kernel.clone()).collect();
    let part = part(filter);
    classes.retain(|class| class.kernel.contains(part));
    if classes.is_empty() {
        return Err(Error::Unknown(format!(
            "no kernel of this step has {filter:?} in its name; known: {}",
            order::distinct(names).join(", ")
        )));
    }
    Ok(classes)
}

/// Adds a dispatch or node to its class, or to a new one.
fn sort_in(classes: &mut Vec<Class>, found: Class) {
    let same = |class: &&mut Class| {
        class.kernel == found.kernel && class.groups == found.groups && class.shapes == found.shapes
    };
    match classes.iter_mut().find(same) {
        Some(class) => {
            class.count += found.count;
            class.members.extend(found.members);
        }
        None => classes.push(found),
    }
}

/// The classes of a plan's dispatches, which run once per micro-batch (`accumulate` times per step), and of `further` ones, which
/// run once per step, except the last, which ends each micro-batch.
pub(super) fn dispatch_classes(plan: &Plan, further: &[Dispatch], accumulate: usize) -> Vec<Class> {
    let mut classes = Vec::new();
    let own = plan.dispatches.len();
    for (at, dispatch) in plan.dispatches.iter().chain(further).enumerate() {
        let node = dispatch.node.map(|node| &plan.graph.nodes[node.index()]);
        let ends_micro_batch = at + 1 == own + further.len();
        let found = Class {
            kernel: dispatch.kernel.name.to_owned(),
            scope: dispatch.scope.clone(),
            shapes: node.map(|node| work::shapes(&plan.graph, node)).unwrap_or_default(),
            groups: Some(dispatch.groups),
            count: if at < own || ends_micro_batch { accumulate } else { 1 },
            members: vec![at],
            work: if at < own {
                work::of_dispatch(plan, at)
            } else {
                Work { flops: 0.0, bytes: work::bytes(plan, dispatch) }
            },
        };
        sort_in(&mut classes, found);
    }
    classes
}

pub(super) fn node_classes(graph: &Graph, accumulate: usize) -> Vec<Class> {
    let mut classes = Vec::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        let found = Class {
            kernel: node.op.name().to_owned(),
            scope: node.scope.clone(),
            shapes: work::shapes(graph, node),
            groups: None,
            count: accumulate,
            members: vec![at],
            work: work::of_node(graph, node),
        };
        sort_in(&mut classes, found);
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::training_graphs;
    use crate::optimizer::Optimizer;
    use crate::plan::lower::Target;
    use crate::plan::{compile, update};
    use crate::protocol::presets;

    /// Every dispatch of a step is in exactly one class, and equal blocks share theirs.
    #[test]
    fn classes_hold_every_dispatch_once() {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        config.train.accumulate = 3;
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        let target = Target::new(false);
        let nodes = graphs.train.nodes.len();
        let by_node: usize = node_classes(&graphs.train, 1).iter().map(|class| class.count).sum();
        assert_eq!(by_node, nodes);
        let plan = compile(graphs.train, &[graphs.train_loss], &target).unwrap();
        let mut further =
            update::update_dispatches(&plan.arena, &Optimizer::new(&config.train), &target).unwrap();
        let updates = further.len();
        further.push(update::advance_dispatch());
        let classes = dispatch_classes(&plan, &further, 3);
        let count: usize = classes.iter().map(|class| class.count).sum();
        assert_eq!(count, 3 * (plan.dispatches.len() + 1) + updates);
        assert!(classes.len() < plan.dispatches.len() / 2, "{} classes", classes.len());
        let attention = classes.iter().find(|class| class.kernel.starts_with("attention_forward")).unwrap();
        assert_eq!(
            (attention.count, attention.scope.starts_with("blocks.0")),
            (3 * config.model.layers, true)
        );
        assert!(
            chosen(classes.clone(), "matmul").unwrap().iter().all(|class| class.kernel.contains("linear"))
        );
        assert!(
            chosen(classes, "matmull").is_err_and(|error| error.to_string().contains("attention_forward"))
        );
    }

    /// A class that takes exactly as long as its operations or bytes at peak speed has a share of 1.
    #[test]
    fn the_share_is_of_whatever_bounds_the_work() {
        let config = presets::preset("nanogpt-cpu").unwrap();
        let class = Class {
            kernel: "linear".to_owned(),
            scope: Rc::from("head"),
            shapes: String::new(),
            groups: None,
            count: 2,
            members: vec![0],
            work: Work { flops: 4e9, bytes: 1e9 },
        };
        let measured = |flops_per_s, bytes_per_s| {
            let peak = Peak { flops_per_s, bytes_per_s };
            class.measurement(&config, &crate::device::cpu(1), peak, 2.0)
        };
        let line = measured(4e9, 1e9);
        assert_eq!((line.share_of_peak, line.gflop_per_s, line.gb_per_s), (0.5, Some(2.0), 0.5));
        assert_eq!((line.ms, line.ms_per_step), (2000.0, 4000.0));
        assert_eq!((measured(2e9, 1e9).bound, measured(2e9, 1e9).share_of_peak), (Bound::Flops, 1.0));
        assert_eq!((measured(4e9, 0.5e9).bound, measured(4e9, 0.5e9).share_of_peak), (Bound::Bytes, 1.0));
    }
}
