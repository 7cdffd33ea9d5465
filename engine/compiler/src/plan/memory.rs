//! Memory planning by liveness: every computed value gets a range of a slot, a buffer that it shares with values live at other
//! times, and in disjoint ranges with values live at the same time.
//!
//! All sizes and lifetimes are known before allocation, so ranges are assigned by size, the largest value first, the longest-lived first
//! among equals (the greedy order of Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference"). Each value goes
//! into the tightest gap, and opens a slot of its own size if no slot has room. So no buffer is larger than the largest value.
//!
//! A node's output never shares a slot with its other operands: WebGPU forbids binding one buffer for reading and writing in
//! the same dispatch, regardless of the ranges. Otherwise a single buffer would do.

use crate::graph::{Graph, Origin, ValueId};
use glasshouse_protocol::order;
use std::cmp::Reverse;

/// Alignment in bytes: WebGPU's for bindings.
const ALIGNMENT: u64 = 256;

/// Range of a value or scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    pub slot: usize,
    /// Bytes from the slot's start, a multiple of 256.
    pub offset: u64,
}

/// Ranges of all computed values, and slot sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Range of each value by [`ValueId`]; `None` for values that no node writes and for gradients.
    pub spot_of_value: Vec<Option<Spot>>,
    /// Ranges of each node's scratch, in the requested order.
    pub scratch_of_node: Vec<Vec<Spot>>,
    /// Bytes of each slot, the largest first.
    pub slots: Vec<u64>,
    /// Maximum total bytes of values live at one node: a lower bound of any placement.
    pub peak_live: u64,
}

/// A value or scratch that needs a range.
#[derive(Clone, Copy)]
struct Allocation {
    what: Need,
    bytes: u64,
    /// The node that writes it first.
    first_use: usize,
    /// The last node that reads it.
    last_use: usize,
}

#[derive(Clone, Copy)]
enum Need {
    Value(usize),
    /// A node's scratch: node, index.
    Scratch(usize, usize),
}

impl Allocation {
    /// Size within a slot.
    fn aligned_bytes(&self) -> u64 {
        self.bytes.next_multiple_of(ALIGNMENT)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.first_use <= other.last_use && other.first_use <= self.last_use
    }
}

/// Places the values of `graph`. Values of `keep` stay live until after the run; `scratch[n]` lists the sizes of node n's scratch in bytes.
pub fn place(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) -> Placement {
    let mut allocations = allocations(graph, keep, scratch);
    let peak_live = peak(&allocations, graph.nodes.len());
    order::sort_by_key(&mut allocations, |allocation| {
        (Reverse(allocation.bytes), Reverse(allocation.last_use - allocation.first_use), allocation.first_use)
    });
    let apart = apart(graph, &allocations);
    let mut spots: Vec<Spot> = Vec::with_capacity(allocations.len());
    // The value that each slot was opened for, which fills it, and all values in it.
    let mut opened: Vec<Allocation> = Vec::new();
    let mut held_by_slot: Vec<Vec<(Allocation, u64)>> = Vec::new();
    let mut taken = Vec::new();
    for (allocation, apart) in allocations.iter().zip(&apart) {
        let closed: Vec<usize> =
            apart.iter().filter_map(|other| spots.get(*other)).map(|spot| spot.slot).collect();
        let mut best: Option<(u64, Spot)> = None;
        for (slot, opener) in opened.iter().enumerate() {
            if opener.overlaps(allocation) {
                continue;
            }
            let held = &held_by_slot[slot];
            taken.clear();
            let alive = held.iter().filter(|(other, _)| other.overlaps(allocation));
            taken.extend(alive.map(|(other, offset)| (*offset, offset + other.aligned_bytes())));
            if let Some((left, offset)) =
                tightest_gap(&mut taken, opener.aligned_bytes(), allocation.aligned_bytes())
                && best.is_none_or(|(least, _)| left < least)
                && !closed.contains(&slot)
            {
                best = Some((left, Spot { slot, offset }));
                if left == 0 {
                    break;
                }
            }
        }
        let spot = best.map_or(Spot { slot: opened.len(), offset: 0 }, |(_, spot)| spot);
        if spot.slot == opened.len() {
            opened.push(*allocation);
            held_by_slot.push(Vec::new());
        }
        held_by_slot[spot.slot].push((*allocation, spot.offset));
        spots.push(spot);
    }
    let mut placement = Placement {
        spot_of_value: vec![None; graph.values.len()],
        scratch_of_node: (0..graph.nodes.len())
            .map(|at| vec![Spot::default(); scratch.get(at).map_or(0, Vec::len)])
            .collect(),
        slots: opened.iter().map(Allocation::aligned_bytes).collect(),
        peak_live,
    };
    for (allocation, spot) in allocations.iter().zip(spots) {
        match allocation.what {
            Need::Value(value) => placement.spot_of_value[value] = Some(spot),
            Need::Scratch(node, position) => placement.scratch_of_node[node][position] = spot,
        }
    }
    placement
}

/// The tightest gap of at least `room` bytes between `taken` ranges of a slot: (bytes left over, offset).
fn tightest_gap(taken: &mut Vec<(u64, u64)>, slot: u64, room: u64) -> Option<(u64, u64)> {
    taken.sort_unstable();
    taken.push((slot, slot));
    let mut best: Option<(u64, u64)> = None;
    let mut free_from = 0;
    for &mut (start, end) in taken {
        if let Some(left) = start.checked_sub(free_from + room)
            && best.is_none_or(|(least, _)| left < least)
        {
            best = Some((left, free_from));
        }
        free_from = free_from.max(end);
    }
    best
}

/// For each allocation, those that it must not share a slot with: a node's outputs and scratch conflict with everything else
/// that the node touches.
fn apart(graph: &Graph, allocations: &[Allocation]) -> Vec<Vec<usize>> {
    let mut of_value = vec![None; graph.values.len()];
    let mut written: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (number, allocation) in allocations.iter().enumerate() {
        written[allocation.first_use].push(number);
        if let Need::Value(value) = allocation.what {
            of_value[value] = Some(number);
        }
    }
    let mut apart = vec![Vec::new(); allocations.len()];
    for (node, written) in graph.nodes.iter().zip(&written) {
        let read: Vec<usize> = node.inputs.iter().filter_map(|value| of_value[value.index()]).collect();
        for one in written {
            for other in written.iter().chain(&read).filter(|other| *other != one) {
                apart[*one].push(*other);
                apart[*other].push(*one);
            }
        }
    }
    apart
}

fn allocations(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) -> Vec<Allocation> {
    let mut last_use: Vec<usize> = vec![0; graph.values.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        for value in node.inputs.iter().chain(&node.outputs) {
            last_use[value.index()] = at;
        }
    }
    for value in keep {
        last_use[value.index()] = usize::MAX;
    }
    let mut allocations = Vec::new();
    for (number, value) in graph.values.iter().enumerate() {
        if let Origin::Node(maker) = value.origin {
            let (what, bytes) = (Need::Value(number), value.ty.bytes());
            allocations.push(Allocation {
                what,
                bytes,
                first_use: maker.index(),
                last_use: last_use[number],
            });
        }
    }
    for (at, sizes) in scratch.iter().enumerate() {
        for (position, bytes) in sizes.iter().enumerate() {
            allocations.push(Allocation {
                what: Need::Scratch(at, position),
                bytes: *bytes,
                first_use: at,
                last_use: at,
            });
        }
    }
    allocations
}

fn peak(allocations: &[Allocation], nodes: usize) -> u64 {
    let mut changes = vec![(0u64, 0u64); nodes];
    for Allocation { bytes, first_use, last_use, .. } in allocations {
        // A graph without nodes may have kept values.
        if let Some((begun, _)) = changes.get_mut(*first_use) {
            *begun += bytes;
        }
        if let Some((_, ended)) = changes.get_mut(last_use.saturating_add(1)) {
            *ended += bytes;
        }
    }
    let alive = changes.iter().scan(0, |alive, (begun, ended)| {
        *alive = *alive + begun - ended;
        Some(*alive)
    });
    alive.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::NodeId;
    use crate::model::training_graphs;
    use crate::plan::fuse::fused;
    use crate::plan::lower::Target;
    use glasshouse_protocol::{TrainConfig, presets};

    /// A range that is live at a node, and whether the node writes or reads it.
    struct Found {
        spot: Spot,
        bytes: u64,
        written: bool,
        read: bool,
    }

    /// All ranges live at each node.
    fn alive(
        graph: &Graph,
        keep: &[ValueId],
        scratch: &[Vec<u64>],
        placement: &Placement,
    ) -> Vec<Vec<Found>> {
        let mut last_use = vec![0; graph.values.len()];
        for (at, node) in graph.nodes.iter().enumerate() {
            for value in node.inputs.iter().chain(&node.outputs) {
                last_use[value.index()] = at;
            }
        }
        keep.iter().for_each(|value| last_use[value.index()] = usize::MAX);
        let of_node = |(at, node): (usize, &crate::graph::Node)| {
            let own = placement.scratch_of_node[at].iter().zip(&scratch[at]);
            let mut found: Vec<Found> = own
                .map(|(spot, bytes)| Found { spot: *spot, bytes: *bytes, written: true, read: false })
                .collect();
            for (number, value) in graph.values.iter().enumerate() {
                let Origin::Node(NodeId(first_use)) = value.origin else { continue };
                if first_use as usize <= at && last_use[number] >= at {
                    found.push(Found {
                        spot: placement.spot_of_value[number].unwrap(),
                        bytes: value.ty.bytes(),
                        written: first_use as usize == at,
                        read: node.inputs.contains(&ValueId(number as u32)),
                    });
                }
            }
            found
        };
        graph.nodes.iter().enumerate().map(of_node).collect()
    }

    fn check(graph: &Graph, keep: &[ValueId], scratch: &[Vec<u64>]) {
        let placement = place(graph, keep, scratch);
        let alive = alive(graph, keep, scratch, &placement);
        let live = alive.iter().map(|found| found.iter().map(|one| one.bytes).sum());
        assert_eq!(Some(placement.peak_live), live.max());
        for (at, found) in alive.iter().enumerate() {
            for (number, one) in found.iter().enumerate() {
                assert!(one.spot.offset.is_multiple_of(ALIGNMENT));
                assert!(one.spot.offset + one.bytes <= placement.slots[one.spot.slot]);
                for other in found[number + 1..].iter().filter(|other| other.spot.slot == one.spot.slot) {
                    let (first, second) =
                        if one.spot.offset <= other.spot.offset { (one, other) } else { (other, one) };
                    assert!(first.spot.offset + first.bytes <= second.spot.offset, "two values at node {at}");
                    let [touched, other_touched] = [one.written || one.read, other.written || other.read];
                    assert!(
                        !((one.written && other_touched) || (other.written && touched)),
                        "node {at} writes slot {} and touches another value in it",
                        one.spot.slot
                    );
                }
            }
        }
    }

    #[test]
    fn living_values_never_overlap_and_no_slot_is_written_beside_another_use() {
        for name in ["nanogpt-cpu", "llama-tiny", "gpt2-124m"] {
            for activation_checkpointing in [false, true] {
                let config = presets::preset(name).unwrap();
                let train = TrainConfig { activation_checkpointing, ..config.train };
                let graphs = training_graphs(&config.model, &train).unwrap();
                let fused = fused(graphs.train.clone(), &[graphs.train_loss], &Target::new(false));
                for graph in [graphs.train, fused] {
                    let scratch: Vec<Vec<u64>> =
                        (0..graph.nodes.len()).map(|at| vec![4100; at % 3]).collect();
                    check(&graph, &[graphs.train_loss], &scratch);
                }
            }
        }
    }

    #[test]
    fn slots_stay_near_the_peak_of_live_values() {
        for (name, _) in presets::PRESETS.iter() {
            for activation_checkpointing in [false, true] {
                let config = presets::preset(name).unwrap();
                let train = TrainConfig { activation_checkpointing, ..config.train };
                let graphs = training_graphs(&config.model, &train).unwrap();
                let graph = fused(graphs.train, &[graphs.train_loss], &Target::new(false));
                let placement = place(&graph, &[graphs.train_loss], &[]);
                let (total, peak) = (placement.slots.iter().sum::<u64>(), placement.peak_live);
                // With recomputed blocks the peak is at the loss, whose few large values leave room for the many small ones of a block.
                let most = if activation_checkpointing { 1.1 } else { 1.05 };
                assert!(total as f64 <= most * peak as f64, "{name}: {total} for {peak}");
            }
        }
    }

    #[test]
    fn a_gap_is_the_tightest_that_is_wide_enough() {
        let taken = vec![(512, 768), (0, 256), (1024, 2048)];
        assert_eq!(tightest_gap(&mut taken.clone(), 4096, 256), Some((0, 256)));
        assert_eq!(tightest_gap(&mut taken.clone(), 4096, 512), Some((1536, 2048)));
        assert_eq!(tightest_gap(&mut taken.clone(), 4096, 4096), None);
        assert_eq!(tightest_gap(&mut Vec::new(), 256, 256), Some((0, 0)));
    }
}
