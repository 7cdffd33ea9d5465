//! The graphs of a training run, and their inputs.

use super::build::build_with;
use super::trainable::freeze;
use super::{HookPoint, HookPoints, LossForm, Model, Purpose};
use crate::Result;
use crate::graph::ops::{Distil, Policy, Preference, Unlikelihood};
use crate::graph::{Graph, Keep, Op, ValueId, gradient, has_half, store_in_half};
use crate::optimizer::Optimizer;
use glasshouse_protocol::config::{DistilSettings, PreferenceSettings, RewardSettings};
use glasshouse_protocol::{ModelConfig, Objective, Precision, TrainConfig};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Settings that training graphs are built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSpec {
    pub model: ModelConfig,
    pub train: TrainConfig,
}

/// A value with statistics of the residual stream after a part of the model, or with the load of its experts.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The part, for example `blocks.3.mlp`; with [`LOAD`] at its end for the load of experts.
    pub part: String,
    /// [N,2]: statistics output of a [`crate::graph::ops::Norm`] of the stream after the part; or [E]: the load output of a
    /// [`crate::graph::ops::RouterLoss`].
    pub statistics: ValueId,
}

/// The graphs of a training executor, all with the same parameters.
#[derive(Clone, Debug)]
pub struct TrainingGraphs {
    /// The settings they were built from, for executors that split a batch and build graphs for each part.
    pub spec: TrainSpec,
    /// Forward and backward pass of a micro-batch.
    pub train: Graph,
    pub train_loss: ValueId,
    /// Forward pass without dropout and label smoothing.
    pub evaluate: Graph,
    pub evaluate_loss: ValueId,
    /// [N,2] of `evaluate`: each row ends with the token's loss. Present if the objective needs per-token losses.
    pub evaluate_rows: Option<ValueId>,
    /// Residual-stream statistics of `evaluate` after each part, in forward order, then the load of experts. Norms and routers compute
    /// them anyway.
    pub evaluate_probes: Vec<Probe>,
    /// Whether `spec` builds the same graphs for a part of a batch, so that executors may divide it.
    pub divisible: bool,
}

impl TrainingGraphs {
    /// Values of `evaluate` to read after a run.
    pub fn evaluate_read(&self) -> Vec<ValueId> {
        let probes = self.evaluate_probes.iter().map(|probe| probe.statistics);
        [Some(self.evaluate_loss), self.evaluate_rows].into_iter().flatten().chain(probes).collect()
    }

    /// Refuses mixed precision, for executors without 16-bit floats; `device` is the name in the message. Fails with
    /// [`crate::Error::Refused`] if the graphs or the optimizer use mixed precision.
    pub fn expect_full(&self, optimizer: &Optimizer, device: &str) -> Result<()> {
        let mixed = optimizer.mixed || has_half(&self.train);
        if mixed { Err(crate::Error::trains_without_half(device)) } else { Ok(()) }
    }
}

/// Builds the graphs of a training run: forward and backward pass of a micro-batch, and the evaluation's forward pass.
pub fn training_graphs(model: &ModelConfig, train: &TrainConfig) -> Result<TrainingGraphs> {
    let spec = TrainSpec { model: model.clone(), train: train.clone() };
    if train.objective.has_teacher() && train.teacher_model().is_none() {
        let reason = "train.distil.teacher names a run of a project, but no project is open; plan it on a project's Fine-tune page";
        return Err(crate::Error::Refused(reason.to_owned()));
    }
    let forward = |batch, dropout, label_smoothing, ignore_index, form| {
        let (time, documents) = (model.context_length, train.separates_documents(model));
        let purpose = Purpose::Loss { batch, time, dropout, label_smoothing, ignore_index, documents, form };
        let Model { graph, loss, sites, .. } = as_trained(model, train, purpose)?;
        let loss = loss.ok_or_else(|| crate::Error::Internal("a loss graph without a loss".to_owned()))?;
        Ok::<_, crate::Error>((graph, loss, sites))
    };
    let (ignored, form) = (train.ignored_target(), loss_form(train, model));
    let (mut graph, train_loss, _) =
        forward(train.batch_size, !form.drops_nothing(), train.label_smoothing, ignored, form)?;
    // Pairs are evaluated one answer at a time: their individual results say more than the pair loss.
    let rows = if matches!(form, LossForm::Preference(_)) { 1 } else { train.batch_size };
    let (mut evaluate, evaluate_loss, sites) =
        forward(rows, false, 0.0, Some(ignored.unwrap_or(u32::MAX)), form.evaluated())?;
    // Evaluation does not use the teacher, but shares its arena.
    for taught in graph.parameters.iter().skip(evaluate.parameters.len()) {
        evaluate.parameter(taught.clone());
    }
    let compared = train.objective.answers_prompts() && train.reward.compares_probabilities();
    let evaluate_rows = if compared { rows_of(&evaluate, evaluate_loss) } else { None };
    let mut evaluate_probes = probes(&evaluate, &sites, model.layers);
    evaluate_probes.extend(loads(&evaluate));
    let keep = match (&train.adapter, train.activation_checkpointing) {
        (_, true) => Keep::BlockEdges,
        // Without gradients and moments of the model, activations take most of the memory.
        (Some(_), false) => Keep::AllButCheap,
        (None, false) => Keep::Everything,
    };
    gradient(&mut graph, train_loss, 1.0 / train.accumulate as f32, keep)?;
    if train.precision == Precision::Mixed {
        store_in_half(&mut graph);
    }
    Ok(TrainingGraphs {
        spec,
        train: graph,
        train_loss,
        evaluate,
        evaluate_loss,
        evaluate_rows,
        evaluate_probes,
        divisible: true,
    })
}

/// The forward graph of one text of `time` tokens over a run's parameters as trained: an adapter is separate from the weights.
pub fn text_graph(model: &ModelConfig, train: &TrainConfig, time: usize) -> Result<Model> {
    let form = LossForm::CrossEntropy;
    let purpose = Purpose::Loss {
        batch: 1,
        time,
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: None,
        documents: false,
        form,
    };
    as_trained(model, train, purpose)
}

/// Builds the decoder's forward graph over a run's parameters as trained.
pub fn as_trained(model: &ModelConfig, train: &TrainConfig, purpose: Purpose) -> Result<Model> {
    let mut built = build_with(model, Some(train), purpose)?;
    freeze(&mut built.graph.parameters, model, train)?;
    Ok(built)
}

/// Norm statistics of the stream after the embedding and after each block's attention and MLP: from norms that read the stream
/// there, or that produce it. If both parts of a block read the same stream, no norm lies between them.
fn probes(graph: &Graph, sites: &HookPoints, layers: usize) -> Vec<Probe> {
    let (mut reads, mut makes) = (HashMap::new(), HashMap::new());
    for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Norm(_))) {
        if let (Some(x), [y, statistics, ..]) = (node.inputs.first(), &node.outputs[..]) {
            reads.entry(*x).or_insert(*statistics);
            makes.insert(*y, *statistics);
        }
    }
    let behind = |site: HookPoint| {
        let stream = sites.get(site)?;
        reads.get(&stream).or_else(|| makes.get(&stream)).copied()
    };
    let blocks = (0..layers).flat_map(|block| {
        let attention = behind(HookPoint::Between(block));
        let rest = if attention.is_some() { ".mlp" } else { "" };
        [
            (format!("blocks.{block}.attention"), attention),
            (format!("blocks.{block}{rest}"), behind(HookPoint::Stream(block + 1))),
        ]
    });
    let all = std::iter::once(("embedding".to_owned(), behind(HookPoint::Stream(0)))).chain(blocks);
    all.filter_map(|(part, statistics)| Some(Probe { part, statistics: statistics? })).collect()
}

/// End of the name of a [`Probe`] with the load of experts.
pub const LOAD: &str = ".load";

/// The load of the experts of each block.
fn loads(graph: &Graph) -> impl Iterator<Item = Probe> {
    let routers = graph.nodes.iter().filter(|node| matches!(node.op, Op::RouterLoss(_)));
    routers.filter_map(|node| {
        Some(Probe { part: format!("{}{LOAD}", node.scope), statistics: *node.outputs.get(1)? })
    })
}

/// The per-row losses of a cross-entropy.
fn rows_of(graph: &Graph, loss: ValueId) -> Option<ValueId> {
    graph.nodes.iter().find(|node| node.outputs.first() == Some(&loss))?.outputs.get(1).copied()
}

pub fn loss_form(train: &TrainConfig, model: &ModelConfig) -> LossForm {
    let ignore_index = train.ignored_target();
    let ignored = ignore_index.unwrap_or(u32::MAX);
    match train.objective {
        Objective::Preference => {
            let PreferenceSettings { loss, beta, center_rewards_coefficient: center, .. } = train.preference;
            let margin = train.preference.margin;
            LossForm::Preference(Preference { loss, beta, margin, center, ignored })
        }
        Objective::Reward => {
            let RewardSettings { temperature, epsilon, iterations, bias_corrected_kl: corrected, .. } =
                train.reward;
            let policy = Policy { epsilon, ratio: iterations > 1, corrected, ignored, weighs: false };
            LossForm::Policy { policy, temperature }
        }
        Objective::Distil => {
            let DistilSettings { temperature, mix, .. } = train.distil;
            LossForm::Distil(Distil { temperature, mix, ignore_index })
        }
        Objective::Text if train.unlikelihood > 0.0 => {
            let (alpha, documents) = (train.unlikelihood, train.separates_documents(model));
            LossForm::Unlikelihood(Unlikelihood { alpha, ignore_index, documents })
        }
        Objective::Chat if train.prompt_loss_weight > 0.0 => {
            let (ratio, corrected, weighs) = (false, false, true);
            LossForm::Weighted(Policy { epsilon: 0.0, ratio, corrected, ignored, weighs })
        }
        Objective::Text | Objective::Chat | Objective::Classify => LossForm::CrossEntropy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::Noise;
    use crate::graph::{Input, Origin, Parameter};
    use crate::model::teacher::{TEACHER, is_of_teacher};
    use crate::model::{model_parameters, own_parameters, parameters};
    use glasshouse_protocol::{Adapter, NormPlacement, Residual, presets};

    #[test]
    fn noise_is_added_in_training_alone_and_costs_nothing_where_it_is_off() {
        let mut run = presets::preset("llama-tiny").unwrap();
        run.model.vocabulary = 300;
        run.train.objective = Objective::Chat;
        let plain = training_graphs(&run.model, &run.train).unwrap();
        run.train.chat.neftune_alpha = 5.0;
        let noisy = training_graphs(&run.model, &run.train).unwrap();
        let noise = |graph: &Graph| -> Vec<f32> {
            let sizes = graph.nodes.iter().filter_map(|node| match node.op {
                Op::Noise(Noise { size, .. }) => Some(size),
                _ => None,
            });
            sizes.collect()
        };
        let entries = (run.model.context_length * run.model.width) as f32;
        assert_eq!(noise(&noisy.train), [5.0 / entries.sqrt()]);
        assert!(noise(&noisy.evaluate).is_empty());
        assert!(noise(&plain.train).is_empty());
        // Noise passes gradients through: it adds one node and no gradient node.
        assert_eq!(noisy.train.nodes.len(), plain.train.nodes.len() + 1);
        run.train.objective = Objective::Text;
        let text = training_graphs(&run.model, &run.train).unwrap();
        assert!(noise(&text.train).is_empty());
    }

    #[test]
    fn the_stream_is_known_behind_each_part_wherever_norms_stand() {
        let parts = |change: fn(&mut ModelConfig)| -> Vec<String> {
            let mut run = presets::preset("llama-tiny").unwrap();
            (run.model.vocabulary, run.model.layers) = (300, 2);
            change(&mut run.model);
            let graphs = training_graphs(&run.model, &run.train).unwrap();
            let mut read = graphs.evaluate_read();
            read.sort_unstable();
            read.dedup();
            assert_eq!(read.len(), 1 + graphs.evaluate_probes.len(), "each is a value of its own");
            graphs.evaluate_probes.into_iter().map(|probe| probe.part).collect()
        };
        let blocks = ["blocks.0.attention", "blocks.0.mlp", "blocks.1.attention", "blocks.1.mlp"];
        let pre = parts(|_| ());
        assert_eq!(pre[0], "embedding");
        assert_eq!(pre[1..], blocks);
        assert_eq!(parts(|model| model.norm.placement = NormPlacement::Post), blocks);
        let parallel = parts(|model| model.residual = Residual::Parallel);
        assert_eq!(parallel, ["embedding", "blocks.0", "blocks.1"]);
    }

    #[test]
    fn experts_report_their_load_and_add_their_losses_to_the_gradient_alone() {
        let mut run = presets::preset("llama-tiny").unwrap();
        (run.model.vocabulary, run.model.layers, run.train.accumulate) = (300, 2, 4);
        run.model.experts.count = 8;
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        let loads: Vec<&Probe> =
            graphs.evaluate_probes.iter().filter(|probe| probe.part.ends_with(LOAD)).collect();
        let parts: Vec<&str> = loads.iter().map(|probe| probe.part.as_str()).collect();
        assert_eq!(parts, ["blocks.0.mlp.load", "blocks.1.mlp.load"]);
        assert!(loads.iter().all(|probe| graphs.evaluate.ty(probe.statistics).shape == [8]));
        let losses = |graph: &Graph| -> Vec<(f32, f32)> {
            let backward = graph.nodes.iter().filter_map(|node| match node.op {
                Op::RouterLossBackward(op) => Some((op.scale, op.forward.balance)),
                _ => None,
            });
            backward.collect()
        };
        assert_eq!(losses(&graphs.train), [(0.25, run.model.experts.balance / 2.0); 2]);
        assert!(losses(&graphs.evaluate).is_empty());
    }

    #[test]
    fn a_reward_model_scores_texts_without_a_softmax() {
        let mut run = presets::preset("llama-tiny").unwrap();
        (run.model.vocabulary, run.model.labels) = (300, vec!["reward".to_owned()]);
        run.train.objective = Objective::Preference;
        run.set("train.preference.loss=bradley_terry").unwrap();
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        for graph in [&graphs.train, &graphs.evaluate] {
            let ops: Vec<&Op> = graph.nodes.iter().map(|node| &node.op).collect();
            assert!(ops.iter().any(|op| matches!(op, Op::Score(_))));
            assert!(ops.iter().all(|op| !matches!(op, Op::CrossEntropy(_))));
        }
        // One text at a time; the loss is its negated score.
        let tokens = graphs.evaluate.find(Origin::Input(Input::Tokens)).unwrap();
        assert_eq!(graphs.evaluate.ty(tokens).shape, [1, run.model.context_length]);
        let head = graphs.train.parameters.iter().find(|it| it.name == "classifier.weight").unwrap();
        assert_eq!(head.ty.shape, [1, run.model.width]);
    }

    #[test]
    fn a_teacher_stands_behind_the_model_and_is_asked_in_training_alone() {
        let mut run = presets::preset("llama-tiny").unwrap();
        run.model.vocabulary = 300;
        let teacher = ModelConfig {
            layers: run.model.layers + 1,
            width: 2 * run.model.width,
            head_size: 2 * run.model.head_size,
            context_length: 2 * run.model.context_length,
            ..run.model.clone()
        };
        let theirs = model_parameters(&teacher).unwrap();
        run.train.objective = Objective::Distil;
        let unknown = training_graphs(&run.model, &run.train).unwrap_err().to_string();
        assert!(unknown.ends_with("Fine-tune page"), "{unknown}");
        run.train.distil.model = Some(Box::new(teacher));
        for (adapter, precision) in [(None, Precision::F32), (Some(Adapter::default()), Precision::Mixed)] {
            (run.train.adapter, run.train.precision) = (adapter, precision);
            let graphs = training_graphs(&run.model, &run.train).unwrap();
            let own = parameters(&run.model, &run.train).unwrap();
            let all = &graphs.train.parameters;
            assert_eq!(own_parameters(all), own);
            let (first, last) = all.split_at(own.len());
            assert_eq!(first, own);
            let named = |own: &Parameter| (format!("{TEACHER}{}", own.name), own.ty.clone(), false);
            let wanted: Vec<_> = theirs.iter().map(named).collect();
            let found: Vec<_> =
                last.iter().map(|own| (own.name.clone(), own.ty.clone(), own.trainable)).collect();
            assert_eq!(found, wanted);
            assert_eq!(&graphs.evaluate.parameters, all, "one arena has the weights of both graphs");
            let taught = |graph: &Graph| graph.nodes.iter().filter(|node| is_of_teacher(&node.scope)).count();
            assert!(taught(&graphs.train) > 0 && taught(&graphs.evaluate) == 0);
            let trained = graphs.train.values.iter().filter_map(|value| match value.origin {
                Origin::Gradient(id) => Some(id.index()),
                _ => None,
            });
            assert!(trained.max().unwrap() < own.len(), "nothing flows back to a teacher");
            // Rotary tables for two head sizes.
            let tables = graphs.train.values.iter().filter(|it| matches!(it.origin, Origin::Constant(_)));
            assert_eq!(tables.count(), 2);
        }
    }

    #[test]
    fn unlikelihood_takes_the_place_of_the_cross_entropy_and_costs_nothing_where_it_is_off() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.model.vocabulary = 65;
        let plain = training_graphs(&run.model, &run.train).unwrap();
        run.train.unlikelihood = 0.5;
        run.train.document_mask = true;
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        let losses = |graph: &Graph| -> Vec<&'static str> {
            let names = graph.nodes.iter().map(|node| node.op.name());
            names.filter(|name| name.contains("cross_entropy") || name.contains("unlikelihood")).collect()
        };
        assert_eq!(losses(&plain.train), ["cross_entropy", "cross_entropy_backward"]);
        assert_eq!(losses(&graphs.train), ["unlikelihood", "unlikelihood_backward"]);
        assert_eq!(losses(&graphs.evaluate), ["cross_entropy"], "evaluations are of the text alone");
        assert_eq!(graphs.train.nodes.len(), plain.train.nodes.len());
    }
}
