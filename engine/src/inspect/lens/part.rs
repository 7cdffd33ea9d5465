//! Parts of a model's graph: what is computed for some values or gradients, and nothing else.

use crate::data::IGNORED;
use crate::error::{Error, Result};
use crate::graph::{Graph, Input, Keep, Origin, ParameterId, ValueId, cut, gradient, gradient_from};
use crate::model::{LossForm, Model, Purpose, Site, build};
use crate::protocol::ModelConfig;

/// What tells parts apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) batch: usize,
    pub(super) time: usize,
    /// Where values come from outside.
    pub(super) from: Option<Site>,
    pub(super) sites: Vec<Site>,
    pub(super) gradients: Gradients,
    /// Whether the loss of each target is read, and no site: then the head is made one with it.
    pub(super) losses: bool,
}

impl Key {
    /// Values at some sites for texts of so many tokens, from the tokens on.
    pub(super) fn of_sites(batch: usize, time: usize, sites: &[Site]) -> Self {
        Self { batch, time, from: None, sites: sites.to_vec(), gradients: Gradients::None, losses: false }
    }
}

/// Which gradients a part computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gradients {
    None,
    /// Of the sites.
    Sites,
    /// Of what nodes make on the way to the logits, and behind those of every parameter.
    All,
    /// Of every parameter, from the mean cross-entropy of the targets.
    OfLoss,
}

/// A part of the graph, and what is read of it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) graph: Graph,
    pub(super) tokens: Option<ValueId>,
    pub(super) targets: Option<ValueId>,
    /// The tokens' order, which the gradient of the embedding runs over.
    pub(super) order: Option<ValueId>,
    pub(super) from: Option<ValueId>,
    /// The gradient with respect to the logits, where gradients are computed.
    pub(super) seed: Option<ValueId>,
    pub(super) read: Vec<ValueId>,
    /// The values whose gradients are read first, where they are those of all.
    pub(super) of: Vec<ValueId>,
    /// The parameters that its nodes read.
    pub(super) weights: Vec<(ParameterId, ValueId)>,
}

impl Part {
    /// The part of a model's graph that a key asks for.
    ///
    /// # Errors
    /// A site that the model lacks, or that no logit depends on; one that is not all that the pass goes on from.
    pub(super) fn of(config: &ModelConfig, key: &Key) -> Result<Self> {
        let Model { mut graph, sites, loss, .. } = model(config, key.batch, key.time)?;
        let at = |site: Site| {
            let missing = || Error::Refused(format!("the model has no {site:?}"));
            sites.get(site).ok_or_else(missing)
        };
        let from = key.from.map(at).transpose()?;
        let mut read = key.sites.iter().map(|site| at(*site)).collect::<Result<Vec<_>>>()?;
        if key.losses {
            let missing = || Error::Internal("a model without losses".to_owned());
            let node =
                graph.nodes.iter().find(|node| loss.is_some() && node.outputs.first() == loss.as_ref());
            read.push(node.and_then(|node| node.outputs.get(1).copied()).ok_or_else(missing)?);
        }
        let given: Vec<ValueId> = from.into_iter().collect();
        let (mut seed, mut of) = (None, Vec::new());
        match key.gradients {
            Gradients::None => {}
            Gradients::OfLoss => {
                let missing = || Error::Internal("a model without losses".to_owned());
                gradient(&mut graph, loss.ok_or_else(missing)?, 1.0, Keep::Everything)?;
                read = of_parameters(&mut graph);
            }
            Gradients::Sites | Gradients::All => {
                let logits = at(Site::Logits)?;
                if key.gradients == Gradients::All {
                    read = made_for(&graph, logits);
                }
                let ty = graph.ty(logits).clone();
                let value = graph.input(Input::Free(u32::MAX), ty);
                // Where weights lie follows from which of them train, so that they are frozen for this pass alone.
                let parameters = graph.parameters.clone();
                if key.gradients == Gradients::Sites {
                    for parameter in &mut graph.parameters {
                        parameter.trainable = false;
                    }
                }
                let found = gradient_from(&mut graph, &[(logits, value)], &read)?;
                graph.parameters = parameters;
                if key.gradients == Gradients::All {
                    // What a node keeps for the pass backwards has none.
                    let known = read.into_iter().zip(found);
                    (of, read) = known.filter_map(|(value, found)| Some((value, found?))).unzip();
                    read.extend(of_parameters(&mut graph));
                } else {
                    let missing = || Error::Internal("a site that no logit depends on".to_owned());
                    read = found.into_iter().map(|found| found.ok_or_else(missing)).collect::<Result<_>>()?;
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
            return Err(Error::Internal(format!("{site:?} is not all that the pass goes on from")));
        }
        Ok(Self { graph, tokens, targets, order, from, seed, read, of, weights })
    }
}

/// What the nodes make that a value needs, in their order, but for the value itself.
fn made_for(graph: &Graph, value: ValueId) -> Vec<ValueId> {
    let nodes = cut(graph, &[], &[value]).nodes;
    nodes.into_iter().flat_map(|node| node.outputs).filter(|made| *made != value).collect()
}

/// The gradients of all parameters, in their order.
fn of_parameters(graph: &mut Graph) -> Vec<ValueId> {
    (0..graph.parameters.len()).map(|at| graph.gradient_of(ParameterId(at as u32))).collect()
}

/// The decoder's forward pass over so many texts.
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
    Ok(build(config, purpose)?)
}

/// The parameters of a graph.
pub(super) fn parameters_of(graph: &Graph) -> impl Iterator<Item = (ParameterId, ValueId)> + '_ {
    graph.values.iter().enumerate().filter_map(|(at, value)| match value.origin {
        Origin::Parameter(id) => Some((id, ValueId(at as u32))),
        _ => None,
    })
}
