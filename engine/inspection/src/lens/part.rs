//! Parts of a model's graph that compute only selected values or gradients.

use glasshouse_compiler::graph::{
    Graph, Input, Keep, Origin, ParameterId, ValueId, cut, gradient, gradient_from,
};
use glasshouse_compiler::model::{HookPoint, LossForm, Model, Purpose, build};
use glasshouse_platform::{Error, OrInternal, Result};
use glasshouse_protocol::ModelConfig;
use glasshouse_text::data::IGNORED;

/// Identifies a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) batch: usize,
    pub(super) time: usize,
    /// The site whose values are given.
    pub(super) from: Option<HookPoint>,
    pub(super) sites: Vec<HookPoint>,
    pub(super) gradients: Gradients,
    /// Whether only the loss of each target is read; the head is then fused with the loss.
    pub(super) losses: bool,
}

impl Key {
    /// Values at some sites, computed from the tokens.
    pub(super) fn from_sites(batch: usize, time: usize, sites: &[HookPoint]) -> Self {
        Self { batch, time, from: None, sites: sites.to_vec(), gradients: Gradients::None, losses: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gradients {
    None,
    HookPoints,
    /// For every node's output on the path to the logits, followed by every parameter.
    All,
    /// For every parameter, of the targets' mean cross-entropy.
    OfLoss,
}

/// A part of the graph with the values to read.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) graph: Graph,
    pub(super) tokens: Option<ValueId>,
    pub(super) targets: Option<ValueId>,
    /// The order of the tokens, for the embedding's gradient.
    pub(super) order: Option<ValueId>,
    pub(super) from: Option<ValueId>,
    /// The gradient with respect to the logits, if gradients are computed.
    pub(super) seed: Option<ValueId>,
    pub(super) read: Vec<ValueId>,
    /// For [`Gradients::All`]: the values whose gradients are read first.
    pub(super) of: Vec<ValueId>,
    /// The parameters used by its nodes.
    pub(super) weights: Vec<(ParameterId, ValueId)>,
}

impl Part {
    /// Builds the part for a key. Fails if the model lacks a site, the logits do not depend on it, or `from` is not the only input of the
    /// rest.
    pub(super) fn new(config: &ModelConfig, key: &Key) -> Result<Self> {
        let Model { mut graph, sites, loss, .. } = model(config, key.batch, key.time)?;
        let at = |site: HookPoint| {
            let missing = || Error::Refused(format!("the model has no {site:?}"));
            sites.get(site).ok_or_else(missing)
        };
        let from = key.from.map(at).transpose()?;
        let mut read = key.sites.iter().map(|site| at(*site)).collect::<Result<Vec<_>>>()?;
        if key.losses {
            let node =
                graph.nodes.iter().find(|node| loss.is_some() && node.outputs.first() == loss.as_ref());
            read.push(
                node.and_then(|node| node.outputs.get(1).copied()).or_internal("a model without losses")?,
            );
        }
        let given: Vec<ValueId> = from.into_iter().collect();
        let (mut seed, mut of) = (None, Vec::new());
        match key.gradients {
            Gradients::None => {}
            Gradients::OfLoss => {
                gradient(&mut graph, loss.or_internal("a model without losses")?, 1.0, Keep::Everything)?;
                read = of_parameters(&mut graph);
            }
            Gradients::HookPoints | Gradients::All => {
                let logits = at(HookPoint::Logits)?;
                if key.gradients == Gradients::All {
                    read = made_for(&graph, logits);
                }
                let ty = graph.ty(logits).clone();
                let value = graph.input(Input::Free(u32::MAX), ty);
                // The weights' layout depends on which are trainable, so they are frozen only for this pass.
                let parameters = graph.parameters.clone();
                if key.gradients == Gradients::HookPoints {
                    for parameter in &mut graph.parameters {
                        parameter.trainable = false;
                    }
                }
                let found = gradient_from(&mut graph, &[(logits, value)], &read)?;
                graph.parameters = parameters;
                if key.gradients == Gradients::All {
                    // Values kept for the backward pass have no gradient.
                    let known = read.into_iter().zip(found);
                    (of, read) = known.filter_map(|(value, found)| Some((value, found?))).unzip();
                    read.extend(of_parameters(&mut graph));
                } else {
                    read = found
                        .into_iter()
                        .map(|found| found.or_internal("a site that no logit depends on"))
                        .collect::<Result<_>>()?;
                }
                seed = Some(value);
            }
        }
        let graph = cut(&graph, &given, &read);
        let reads = |value: &ValueId| graph.nodes.iter().any(|node| node.inputs.contains(value));
        let weights = parameters_of(&graph).filter(|(_, value)| reads(value)).collect();
        let tokens = graph.find(Origin::Input(Input::Tokens)).filter(reads);
        let targets = graph.find(Origin::Input(Input::Targets)).filter(reads);
        let order = graph.find(Origin::Input(Input::TokenOrder)).filter(reads);
        if let (Some(site), Some(_)) = (key.from, tokens) {
            return Err(Error::Internal(format!("the rest of the pass depends on more than {site:?}")));
        }
        Ok(Self { graph, tokens, targets, order, from, seed, read, of, weights })
    }
}

/// The node outputs that a value depends on, in order, without the value itself.
fn made_for(graph: &Graph, value: ValueId) -> Vec<ValueId> {
    let nodes = cut(graph, &[], &[value]).nodes;
    nodes.into_iter().flat_map(|node| node.outputs).filter(|made| *made != value).collect()
}

/// The gradients of all parameters, in order.
fn of_parameters(graph: &mut Graph) -> Vec<ValueId> {
    (0..graph.parameters.len()).map(|at| graph.gradient_of(ParameterId(at as u32))).collect()
}

/// The decoder's forward pass over a batch of texts.
pub(super) fn model(config: &ModelConfig, batch: usize, time: usize) -> Result<Model> {
    let purpose = Purpose::Loss {
        batch,
        time,
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: Some(IGNORED),
        documents: false,
        form: LossForm::CrossEntropy,
    };
    let mut config = config.clone();
    // Gradients are those of the reported loss.
    (config.experts.balance, config.experts.z_loss) = (0.0, 0.0);
    Ok(build(&config, purpose)?)
}

pub(super) fn parameters_of(graph: &Graph) -> impl Iterator<Item = (ParameterId, ValueId)> + '_ {
    graph.values.iter().enumerate().filter_map(|(at, value)| match value.origin {
        Origin::Parameter(id) => Some((id, ValueId(at as u32))),
        _ => None,
    })
}
