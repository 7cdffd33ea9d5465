//! Which values of our presets are stored in f16, and which never are.

use super::*;
use crate::graph::{Op, ops};
use crate::model::training_graphs;
use crate::plan::fuse::fused;
use crate::plan::lower::Target;
use glasshouse_protocol::presets::{PRESETS, preset};
use glasshouse_protocol::{NormPlacement, Precision, RunConfig};
use std::collections::BTreeMap;

fn mixed(mut config: RunConfig) -> Graph {
    config.train.precision = Precision::Mixed;
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    fused(graphs.train, &[graphs.train_loss], &Target::new(false))
}

/// Number of f16 outputs by operation.
fn given(graph: &Graph) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for node in &graph.nodes {
        let half = node.outputs.iter().filter(|value| graph.ty(**value).element == Element::F16).count();
        if half > 0 {
            *counts.entry(node.op.name()).or_insert(0) += half;
        }
    }
    counts
}

#[test]
fn nanogpt_has_what_it_can_in_half() {
    let mut config = preset("nanogpt-cpu").unwrap();
    // Four blocks.
    let wanted = BTreeMap::from([
        ("activation", 4),
        ("activation_backward", 4),
        ("attention", 4),
        ("attention_backward", 4),
        // The projections to queries, keys and values and into the MLP.
        ("linear", 8),
        // Each block's four projections, and the head.
        ("linear_input_backward", 17),
        // Two per block, and the last one.
        ("norm", 9),
    ]);
    // Rows of 65 logits cannot be read in fours.
    assert_eq!(given(&mixed(config.clone())), wanted);
    config.model.vocabulary = 68;
    let mut wanted = wanted;
    wanted.insert("cross_entropy_backward", 1);
    assert_eq!(given(&mixed(config)), wanted);
}

/// Squares, which overflow in f16 from |x| > 256 on, and what is squared stay in 32 bits.
#[test]
fn squares_are_never_in_half() {
    let mut config = preset("nanogpt-cpu").unwrap();
    config.model.mlp.activation = glasshouse_protocol::Activation::ReluSquared;
    let graph = mixed(config);
    let activation = ops::Activation(glasshouse_protocol::Activation::ReluSquared);
    let squares: Vec<&Node> =
        graph.nodes.iter().filter(|node| node.op == Op::Activation(activation)).collect();
    assert_eq!(squares.len(), 4);
    let values = squares.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs));
    for value in values {
        assert_eq!(graph.ty(*value).element, Element::F32);
    }
    // Everything around them is in f16 as before.
    assert_eq!(given(&graph).get("norm"), Some(&9));
}

/// Dropout's input, the output of the projection before it, is in f16, and so is the gradient it passes back.
#[test]
fn dropout_stands_between_f16_and_the_stream() {
    let counts = given(&mixed(preset("nanogpt-gpu").unwrap()));
    // Six blocks with two each; the dropout after the embedding is part of the residual stream. All four linear layers of a
    // block write f16.
    assert_eq!((counts.get("dropout"), counts.get("linear")), (Some(&12), Some(&24)), "{counts:?}");
}

#[test]
fn llama_has_rotations_and_gates_in_half_too() {
    let mut config = preset("llama-tiny").unwrap();
    config.model.qk_norm = true;
    let counts = given(&mixed(config));
    for op in [
        "rope",
        "head_norm",
        "head_norm_backward",
        "gate",
        "gate_backward",
        "attention",
        "attention_backward",
    ] {
        // The gradient of a rotation is a rotation.
        let wanted = if op == "rope" { 12 } else { 6 };
        assert_eq!(counts.get(op), Some(&wanted), "{op} in {counts:?}");
    }
}

#[test]
fn the_stream_and_all_that_is_summed_stay_in_32_bits() {
    for (name, _) in PRESETS.iter() {
        for (checkpointing, placement) in
            [(false, NormPlacement::Pre), (true, NormPlacement::Pre), (false, NormPlacement::Post)]
        {
            let mut config = preset(name).unwrap();
            config.train.activation_checkpointing = checkpointing;
            config.model.norm.placement = placement;
            let graph = mixed(config);
            assert!(has_half(&graph));
            // Weights, their gradients, inputs and tables stay in 32 bits.
            for (at, value) in graph.values.iter().enumerate() {
                let made = matches!(value.origin, Origin::Node(_) | Origin::Removed);
                assert!(made || value.ty.element != Element::F16, "{name}: value {at} {:?}", value.origin);
            }
            for node in &graph.nodes {
                let full = |value: &ValueId| {
                    let element = graph.ty(*value).element;
                    assert_eq!(element, Element::F32, "{name}: {} {}", node.scope, node.op.name());
                };
                match node.op {
                    Op::Embedding(_)
                    | Op::Add(ops::Add)
                    | Op::Dropout(ops::Dropout { residual: true, .. }) => {
                        full(&node.outputs[0]);
                    }
                    Op::Linear(ops::Linear { residual: true, .. }) => {
                        node.outputs.iter().chain(node.inputs.last()).for_each(full);
                    }
                    Op::Norm(_) => [node.inputs[0], node.outputs[1]].iter().for_each(full),
                    Op::NormBackward(_) => full(&node.outputs[0]),
                    Op::Attention(_) => full(&node.outputs[1]),
                    Op::CrossEntropy(_) => node.outputs.iter().chain(node.inputs.first()).for_each(full),
                    Op::LinearCrossEntropy(_) => node.outputs.iter().for_each(full),
                    _ => {}
                }
            }
        }
    }
}
