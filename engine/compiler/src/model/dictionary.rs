//! Sparse dictionaries of a hook point: TopK and JumpReLU autoencoders over the frozen model (Gao et al. 2024, arXiv 2406.04093; Rajamanoharan et
//! al. 2024, arXiv 2407.14435), and transcoders of its MLPs (Dunefsky et al. 2024, arXiv 2406.11944).

use super::{HookPoint, Model, Probe, Purpose, TrainSpec, TrainingGraphs, build};
use crate::graph::ops::{
    JumpRelu, JumpReluInputs, Linear, LinearInputs, SquaredError, SquaredErrorInputs, TopK, X,
};
use crate::graph::{Graph, Init, Input, Keep, Origin, Parameter, Type, ValueId, cut, gradient};
use crate::{Error, Result};
use glasshouse_protocol::{ModelConfig, TrainConfig};
use std::collections::HashMap;

/// What makes features sparse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sparsity {
    /// Maximum number of active features per token, at most F.
    TopK { k: usize },
    /// Each feature has its threshold; bandwidth and penalty are those of [`JumpRelu`].
    JumpRelu { bandwidth: f32, penalty: f32 },
}

/// A dictionary of F = `width` features on a value x [..,C]: f = a(E·x + e), ŷ = D·f + d, where a is [`TopK`] or [`JumpRelu`]. An autoencoder
/// reconstructs y = x, a transcoder another value y with as many columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dictionary {
    pub at: HookPoint,
    /// The value that it reconstructs.
    pub to: HookPoint,
    /// F.
    pub width: usize,
    pub sparsity: Sparsity,
}

impl Dictionary {
    /// Its parameters, which follow the model's in this order: E [F,C], e [F], D [C,F], d [C], and log θ [F] of a JumpReLU.
    pub const PARAMETERS: [&str; 5] = [
        "features.encoder.weight",
        "features.encoder.bias",
        "features.decoder.weight",
        "features.decoder.bias",
        "features.log_threshold",
    ];

    /// Probes of the evaluation graph: x [N,C], f [N,F], ŷ [N,C], the loss [2] of the unchanged model, and, in transcoders, y [N,C].
    pub const PROBES: [&str; 5] = ["input", "features", "reconstruction", "clean", "target"];

    /// Appends f and ŷ of the value x. Rows whose target is `ignore_index` do not count.
    fn append(
        self,
        graph: &mut Graph,
        (x, targets): (ValueId, ValueId),
        ignore_index: Option<u32>,
    ) -> Result<[ValueId; 2]> {
        let (width, columns) = (self.width, graph.ty(x).columns());
        let parameter = |graph: &mut Graph, number: usize, shape: &[usize]| {
            let (init, ty) = (Init::Constant(0.0), Type::f32(shape));
            graph.parameter(Parameter {
                trainable: true,
                init,
                ..Parameter::zeros(Self::PARAMETERS[number], ty)
            })
        };
        let (encoder, encoder_bias) = (parameter(graph, 0, &[width, columns]), parameter(graph, 1, &[width]));
        let (decoder, decoder_bias) =
            (parameter(graph, 2, &[columns, width]), parameter(graph, 3, &[columns]));
        let op = Linear { bias: true, residual: false };
        let inputs = |x, weight, bias| LinearInputs { x, weight, bias: Some(bias), residual: None };
        graph.set_scope("features.encoder");
        let x = graph.add(op, inputs(x, encoder, encoder_bias))?.y;
        let features = match self.sparsity {
            Sparsity::TopK { k } => graph.add(TopK { k }, X { x })?.y,
            Sparsity::JumpRelu { bandwidth, penalty } => {
                let log_threshold = parameter(graph, 4, &[width]);
                let op = JumpRelu { bandwidth, penalty, ignore_index };
                graph.add(op, JumpReluInputs { x, log_threshold, targets })?.y
            }
        };
        graph.set_scope("features.decoder");
        Ok([features, graph.add(op, inputs(features, decoder, decoder_bias))?.y])
    }
}

/// The hook points of a model that can have a dictionary, in the order of the forward pass, with their columns C.
pub fn dictionary_points(model: &ModelConfig) -> Result<Vec<(HookPoint, usize)>> {
    let Model { graph, sites, .. } = build(model, Purpose::Window { time: 1 })?;
    let suits = |point: &HookPoint| {
        !matches!(point, HookPoint::QueriesKeysValues(_) | HookPoint::Gates(_) | HookPoint::Logits)
    };
    let points = sites.iter().filter(|(point, _)| suits(point));
    Ok(points.map(|(point, value)| (point, graph.ty(value).columns())).collect())
}

/// The graphs that train a dictionary on a hook point of a frozen model. The training graph ends at the value that the dictionary
/// reconstructs. The evaluation graph has the whole model twice from there on: its loss is that with the reconstruction in place of
/// the value, and [`Dictionary::PROBES`] are its probes. Of `train`, only batch, targets and optimizer are used. Fails if the model has
/// no such hook point, or k is beyond the width.
pub fn dictionary_graphs(
    model: &ModelConfig,
    train: &TrainConfig,
    dictionary: Dictionary,
) -> Result<TrainingGraphs> {
    let ignore_index = Some(train.ignored_target().unwrap_or(u32::MAX));
    let purpose = Purpose::Loss {
        batch: train.batch_size,
        time: model.context_length,
        dropout: false,
        label_smoothing: 0.0,
        ignore_index,
        documents: train.separates_documents(model),
        form: super::LossForm::CrossEntropy,
    };
    let Model { mut graph, loss, sites, .. } = build(model, purpose)?;
    graph.parameters.iter_mut().for_each(|parameter| parameter.trainable = false);
    let missing = || Error::Refused(format!("the model has no hook point {}", dictionary.at));
    let (Some(x), Some(y), Some(clean)) = (sites.get(dictionary.at), sites.get(dictionary.to), loss) else {
        return Err(missing());
    };
    let targets = graph.find(Origin::Input(Input::Targets)).ok_or_else(missing)?;

    let mut train_graph = cut(&graph, &[], &[x, y]);
    let [_, found] = dictionary.append(&mut train_graph, (x, targets), ignore_index)?;
    let loss_op = SquaredError { ignore_index };
    let train_loss = train_graph.add(loss_op, SquaredErrorInputs { y: found, x: y, targets })?.loss;
    gradient(&mut train_graph, train_loss, 1.0 / train.accumulate as f32, Keep::Everything)?;

    let nodes = graph.nodes.len();
    let [features, found] = dictionary.append(&mut graph, (x, targets), ignore_index)?;
    let evaluate_loss = replayed(&mut graph, nodes, (y, found), clean)?;
    let mut probed = vec![x, features, found, clean];
    if x != y {
        probed.push(y);
    }
    let evaluate = cut(&graph, &[], &[&probed[..], &[evaluate_loss]].concat());
    let probe = |(name, value): (&&str, ValueId)| Probe { part: (*name).to_owned(), statistics: value };
    Ok(TrainingGraphs {
        spec: TrainSpec { model: model.clone(), train: train.clone() },
        train: train_graph,
        train_loss,
        evaluate,
        evaluate_loss,
        evaluate_rows: None,
        evaluate_probes: Dictionary::PROBES.iter().zip(probed).map(probe).collect(),
        divisible: false,
    })
}

/// Appends the first `nodes` nodes again as far as they depend on `from`, with `to` in its place, and returns the new value of `end`.
fn replayed(
    graph: &mut Graph,
    nodes: usize,
    (from, to): (ValueId, ValueId),
    end: ValueId,
) -> Result<ValueId> {
    let mut copies = HashMap::from([(from, to)]);
    for at in 0..nodes {
        let node = graph.nodes[at].clone();
        if node.inputs.iter().any(|input| copies.contains_key(input)) {
            let inputs: Vec<ValueId> = node.inputs.iter().map(|id| *copies.get(id).unwrap_or(id)).collect();
            graph.set_scope(&node.scope);
            copies.extend(node.outputs.into_iter().zip(graph.push(node.op, &inputs)?));
        }
    }
    copies
        .get(&end)
        .copied()
        .ok_or_else(|| Error::Internal("a hook point that no output depends on".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Op;
    use glasshouse_protocol::presets;

    #[test]
    fn the_training_graph_ends_at_the_hook_point_and_trains_only_the_dictionary() {
        let mut run = presets::preset("llama-tiny").unwrap();
        (run.model.vocabulary, run.model.layers) = (300, 2);
        let at = HookPoint::MlpOutput(0);
        let dictionary = Dictionary { at, to: at, width: 24, sparsity: Sparsity::TopK { k: 3 } };
        let graphs = dictionary_graphs(&run.model, &run.train, dictionary).unwrap();
        let attentions =
            |graph: &Graph| graph.nodes.iter().filter(|node| matches!(node.op, Op::Attention(_))).count();
        // The second block is left out in training, and runs twice in an evaluation.
        assert_eq!([attentions(&graphs.train), attentions(&graphs.evaluate)], [1, 3]);
        assert_eq!(graphs.train.parameters, graphs.evaluate.parameters);
        let trained: Vec<_> =
            graphs.train.parameters.iter().filter(|own| own.trainable).map(|own| &*own.name).collect();
        assert_eq!(trained, Dictionary::PARAMETERS[..4]);
        let columns: Vec<_> = graphs
            .evaluate_probes
            .iter()
            .map(|probe| graphs.evaluate.ty(probe.statistics).columns())
            .collect();
        assert_eq!(columns, [run.model.width, 24, run.model.width, 2]);
    }

    #[test]
    fn every_offered_hook_point_has_its_graphs() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        (run.model.vocabulary, run.model.layers) = (65, 2);
        let points = dictionary_points(&run.model).unwrap();
        let names: Vec<String> = points.iter().map(|(point, _)| point.to_string()).collect();
        assert_eq!(
            names[..4],
            ["stream.0", "blocks.0.attention.input", "blocks.0.attention.heads", "blocks.0.attention.output"]
        );
        assert_eq!(names.last().map(String::as_str), Some("norm.output"));
        for (at, columns) in points {
            let dictionary = Dictionary { at, to: at, width: 8, sparsity: Sparsity::TopK { k: 2 } };
            let graphs = dictionary_graphs(&run.model, &run.train, dictionary).unwrap();
            assert_eq!(graphs.evaluate.ty(graphs.evaluate_probes[0].statistics).columns(), columns);
        }
        let at = HookPoint::MlpOutput(0);
        let sparsity = Sparsity::TopK { k: 9 };
        let refused =
            dictionary_graphs(&run.model, &run.train, Dictionary { at, to: at, width: 8, sparsity });
        assert!(refused.unwrap_err().to_string().contains("k must be in 1 to 8"));
    }
}
