//! Liveness: every computed value gets a slot, and values share one where no two of them are alive at once.
//!
//! Sizes and lifetimes are all known before anything is allocated, so slots are given out by size, the largest value first
//! and among equals the longest-lived (the greedy order of Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural
//! Net Inference"): a slot is as large as its first value, and every later one fits. A node's outputs and scratch never share a slot with its inputs: WebGPU
//! forbids one buffer bound for reading and for writing in a dispatch.

use crate::graph::{Graph, Origin, ValueId};
use std::cmp::Reverse;

/// Which slot each computed value has, and how large the slots are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Slot of each value by [`ValueId`]; `None` for values that no node writes, and gradients.
    pub slot_of_value: Vec<Option<usize>>,
    /// Slots of each node's scratch, in the order asked for.
    pub scratch_of_node: Vec<Vec<usize>>,
    /// Bytes of each slot, the largest first.
    pub slots: Vec<u64>,
    /// Sum of the values alive at the worst node, in bytes: what no placement can undercut.
    pub peak_live: u64,
}

/// Something that needs a slot.
#[derive(Clone, Copy)]
struct Tenant {
    what: Need,
    bytes: u64,
    /// The node that writes it first.
    born: usize,
    /// The last node that reads it.
    gone: usize,
}

#[derive(Clone, Copy)]
enum Need {
    Value(usize),
    /// A node's scratch: node, position.
    Scratch(usize, usize),
}

/// Places the values of `graph`. `keep` outlive the run; `scratch[n]` lists the bytes that node n needs for itself.
pub fn place(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) -> Placement {
    let mut tenants = tenants(graph, keep, scratch);
    let peak_live = peak(&tenants, graph.nodes.len());
    tenants.sort_by_key(|tenant| (Reverse(tenant.bytes), Reverse(tenant.gone - tenant.born), tenant.born));
    let mut placement = Placement {
        slot_of_value: vec![None; graph.values.len()],
        scratch_of_node: (0..graph.nodes.len())
            .map(|at| vec![0; scratch.get(at).map_or(0, Vec::len)])
            .collect(),
        slots: Vec::new(),
        peak_live,
    };
    // Lifetimes of each slot's tenants.
    let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
    for tenant in tenants {
        let free = |lives: &Vec<(usize, usize)>| {
            lives.iter().all(|(born, gone)| tenant.gone < *born || *gone < tenant.born)
        };
        // The last that is free is the smallest.
        let slot = taken.iter().rposition(free).unwrap_or_else(|| {
            taken.push(Vec::new());
            placement.slots.push(tenant.bytes);
            taken.len() - 1
        });
        taken[slot].push((tenant.born, tenant.gone));
        match tenant.what {
            Need::Value(value) => placement.slot_of_value[value] = Some(slot),
            Need::Scratch(node, position) => placement.scratch_of_node[node][position] = slot,
        }
    }
    placement
}

fn tenants(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) -> Vec<Tenant> {
    let mut last_use: Vec<usize> = vec![0; graph.values.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        for value in node.inputs.iter().chain(&node.outputs) {
            last_use[value.index()] = at;
        }
    }
    for value in keep {
        last_use[value.index()] = usize::MAX;
    }
    let mut tenants = Vec::new();
    for (number, value) in graph.values.iter().enumerate() {
        if let Origin::Node(maker) = value.origin {
            let (what, bytes) = (Need::Value(number), value.ty.bytes());
            tenants.push(Tenant { what, bytes, born: maker.index(), gone: last_use[number] });
        }
    }
    for (at, sizes) in scratch.iter().enumerate() {
        for (position, bytes) in sizes.iter().enumerate() {
            tenants.push(Tenant { what: Need::Scratch(at, position), bytes: *bytes, born: at, gone: at });
        }
    }
    tenants
}

/// The most bytes alive at a node.
fn peak(tenants: &[Tenant], nodes: usize) -> u64 {
    let alive = |at: usize| tenants.iter().filter(move |tenant| tenant.born <= at && at <= tenant.gone);
    (0..nodes).map(|at| alive(at).map(|tenant| tenant.bytes).sum()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::NodeId;
    use crate::model::training_graphs;
    use glasshouse_protocol::{TrainConfig, presets};

    /// Every value alive at a node has a slot to itself that is large enough.
    fn check(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) {
        let placement = place(graph, keep, scratch);
        let mut last_use = vec![0; graph.values.len()];
        for (at, node) in graph.nodes.iter().enumerate() {
            for value in node.inputs.iter().chain(&node.outputs) {
                last_use[value.index()] = at;
            }
        }
        keep.iter().for_each(|value| last_use[value.index()] = usize::MAX);
        for (at, _) in graph.nodes.iter().enumerate() {
            let mut taken = placement.scratch_of_node[at].clone();
            for (slot, bytes) in placement.scratch_of_node[at].iter().zip(&scratch[at]) {
                assert!(placement.slots[*slot] >= *bytes);
            }
            for (number, value) in graph.values.iter().enumerate() {
                let Origin::Node(NodeId(born)) = value.origin else { continue };
                if born as usize <= at && last_use[number] >= at {
                    let slot = placement.slot_of_value[number].unwrap();
                    assert!(!taken.contains(&slot), "slot {slot} holds two values at node {at}");
                    assert!(placement.slots[slot] >= value.ty.bytes());
                    taken.push(slot);
                }
            }
        }
    }

    #[test]
    fn live_values_never_share_a_slot() {
        for name in ["nanogpt-cpu", "llama-tiny", "gpt2-124m"] {
            let config = presets::preset(name).unwrap();
            let graphs = training_graphs(&config.model, &config.train).unwrap();
            let scratch: Vec<Vec<u64>> = (0..graphs.train.nodes.len()).map(|at| vec![4096; at % 3]).collect();
            check(&graphs.train, &[graphs.train_loss], &scratch);
        }
    }

    #[test]
    fn slots_stay_near_what_is_alive_at_worst() {
        for (name, _) in presets::PRESETS {
            for activation_checkpointing in [false, true] {
                let config = presets::preset(name).unwrap();
                let train = TrainConfig { activation_checkpointing, ..config.train };
                let graphs = training_graphs(&config.model, &train).unwrap();
                let placement = place(&graphs.train, &[graphs.train_loss], &[]);
                let (total, peak) = (placement.slots.iter().sum::<u64>(), placement.peak_live);
                // Where blocks are computed again the worst moment is the loss, whose few large values leave slots that
                // the many small ones of a block cannot share.
                let most = if activation_checkpointing { 1.3 } else { 1.05 };
                assert!(total as f64 <= most * peak as f64, "{name}: {total} for {peak}");
            }
        }
    }
}
