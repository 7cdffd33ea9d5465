//! Liveness: every computed value gets a slot, and slots are reused once their value has been read for the last time.
//!
//! Slots are given greedily in node order, the best-fitting free one first; a slot that is too small grows, since sizes are
//! all known before anything is allocated. A node's outputs and scratch never share a slot with its inputs: WebGPU forbids
//! one buffer bound for reading and for writing in a dispatch.

use crate::graph::{Graph, Origin, ValueId};

/// Which slot each computed value has, and how large the slots are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Slot of each value by [`ValueId`]; `None` for values that no node writes, and gradients.
    pub slot_of_value: Vec<Option<usize>>,
    /// Slots of each node's scratch, in the order asked for.
    pub scratch_of_node: Vec<Vec<usize>>,
    /// Bytes of each slot.
    pub slots: Vec<u64>,
    /// Sum of the values alive at the worst node, in bytes: what no placement can undercut.
    pub peak_live: u64,
}

/// Places the values of `graph`. `keep` outlive the run; `scratch[n]` lists the bytes that node n needs for itself.
pub fn place(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) -> Placement {
    let mut last_use: Vec<usize> = vec![0; graph.values.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        for value in node.inputs.iter().chain(&node.outputs) {
            last_use[value.index()] = at;
        }
    }
    for value in keep {
        last_use[value.index()] = usize::MAX;
    }
    let mut placement = Placement {
        slot_of_value: vec![None; graph.values.len()],
        scratch_of_node: vec![Vec::new(); graph.nodes.len()],
        ..Placement::default()
    };
    let mut free: Vec<usize> = Vec::new();
    let mut live: u64 = 0;
    for (at, node) in graph.nodes.iter().enumerate() {
        for value in &node.outputs {
            if matches!(graph.values[value.index()].origin, Origin::Node(_)) {
                let bytes = graph.ty(*value).bytes();
                live += bytes;
                placement.slot_of_value[value.index()] = Some(take(&mut placement.slots, &mut free, bytes));
            }
        }
        let own: Vec<u64> = scratch.get(at).cloned().unwrap_or_default();
        let slots: Vec<usize> =
            own.iter().map(|bytes| take(&mut placement.slots, &mut free, *bytes)).collect();
        placement.peak_live = placement.peak_live.max(live + own.iter().sum::<u64>());
        free.extend_from_slice(&slots);
        placement.scratch_of_node[at] = slots;
        let mut done: Vec<ValueId> = node.inputs.iter().chain(&node.outputs).copied().collect();
        done.sort_unstable();
        done.dedup();
        for value in done {
            if last_use[value.index()] == at
                && let Some(slot) = placement.slot_of_value[value.index()]
            {
                live -= graph.ty(value).bytes();
                free.push(slot);
            }
        }
    }
    placement
}

/// The smallest free slot that holds `bytes`, or the largest free one grown, or a new one.
fn take(slots: &mut Vec<u64>, free: &mut Vec<usize>, bytes: u64) -> usize {
    let fitting = (0..free.len()).filter(|at| slots[free[*at]] >= bytes).min_by_key(|at| slots[free[*at]]);
    let chosen = fitting.or_else(|| (0..free.len()).max_by_key(|at| slots[free[*at]]));
    match chosen {
        Some(at) => {
            let slot = free.swap_remove(at);
            slots[slot] = slots[slot].max(bytes);
            slot
        }
        None => {
            slots.push(bytes);
            slots.len() - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::NodeId;
    use crate::model::training_graphs;
    use glasshouse_protocol::presets;

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
        let config = presets::preset("nanogpt-cpu").unwrap();
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        let placement = place(&graphs.train, &[graphs.train_loss], &[]);
        let total: u64 = placement.slots.iter().sum();
        assert!(total as f64 <= 1.3 * placement.peak_live as f64, "{total} for {}", placement.peak_live);
    }
}
