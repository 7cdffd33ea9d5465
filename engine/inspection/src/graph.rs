//! The graph from a prompt's tokens to its logits, node by node, with formulas, kernels, times, and statistics of values and gradients.

use super::lens::Forward;
use super::outputs::cross_entropy_gradient;
use super::statistics::{Statistics, Summary};
use super::{Found, Subject};
use glasshouse_compiler::graph::{Constant, Input, Origin, ValueId};
use glasshouse_compiler::model::HookPoint;
use glasshouse_compiler::plan::Dispatch;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::inspect::{Detail, GraphNode, GraphValue};

/// The whole forward pass. Gradients are those of the prompt's mean cross-entropy.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let mut found = Found::default();
    let forward = subject.lens.forward(subject.tokens).await?;
    let mut gradients = vec![None; forward.graph.values.len()];
    if subject.tokens.len() < 2 || !subject.lens.config().labels.is_empty() {
        found.notice("The gradients are of the text's own next-token loss; give a language model a prompt of two tokens or more.");
    } else {
        fill_gradients(subject, &forward, &mut gradients).await?;
    }
    if subject.lens.is_on_cpu() {
        found.notice("Computed on the CPU; the kernels shown are those of a GPU.");
    }
    if subject.lens.has_chosen_kernels() {
        found.notice("A kernel of this size pinned by the run's record for this device is used.");
    }
    if !subject.run.is_imported()
        && let Ok(config) = subject.run.config()
    {
        let (batch, context, window) = (config.train.batch_size, config.model.context_length, forward.window);
        found.notice(format!(
            "Here each operation runs separately, on a window of {window} tokens. Training works on {batch} windows of {context} at once, fuses \
             operations that a kernel covers together, and uses the kernels for those sizes."
        ));
    }
    if forward.ms.iter().all(Option::is_none) {
        found.notice("This device cannot time kernels.");
    }
    found.detail(detail(&forward, &gradients));
    Ok(found)
}

/// Statistics of the gradients of node outputs and parameters.
async fn fill_gradients(
    subject: &mut Subject<'_>,
    forward: &Forward,
    gradients: &mut [Option<Statistics>],
) -> Result<()> {
    let (tokens, yielder) = (subject.tokens, Yielder::new());
    let seed = cross_entropy_gradient(&forward.logits, tokens, &yielder).await;
    if let Some(value) = forward.sites.get(HookPoint::Logits) {
        gradients[value.index()] = Summary::new(&seed.data, &yielder).await.statistics();
    }
    let found = subject.lens.all_gradients(tokens, &seed).await?;
    for (at, value) in found.of().iter().enumerate() {
        let own = found.floats(at)?;
        // Only the rows of the text, not the rest of the window.
        let of_text = own.len() / forward.window * tokens.len();
        let own = own.get(..of_text).unwrap_or_default();
        gradients[value.index()] = Summary::new(own, &yielder).await.statistics();
    }
    for (at, value) in forward.graph.values.iter().enumerate() {
        if let Origin::Parameter(id) = value.origin {
            let own = found.floats(found.of().len() + id.index())?;
            gradients[at] = Summary::new(own, &yielder).await.statistics();
        }
    }
    Ok(())
}

/// The graph for display, with used values renumbered in order of occurrence.
fn detail(forward: &Forward, gradients: &[Option<Statistics>]) -> Detail {
    let graph = &forward.graph;
    let mut numbers = vec![None; graph.values.len()];
    let (mut nodes, mut values, mut kernels) = (Vec::new(), Vec::new(), Vec::new());
    for (at, node) in graph.nodes.iter().enumerate() {
        let mut number = |value: &ValueId| {
            *numbers[value.index()].get_or_insert_with(|| {
                values.push(GraphValue {
                    ty: graph.ty(*value).to_string(),
                    name: name_of(forward, *value),
                    statistics: forward.statistics[value.index()],
                    gradient: gradients[value.index()],
                });
                values.len() - 1
            })
        };
        let inputs = node.inputs.iter().map(&mut number).collect();
        let outputs = node.outputs.iter().map(&mut number).collect();
        let own = forward.dispatches.iter().filter(|one| one.node.is_some_and(|of| of.index() == at));
        nodes.push(GraphNode {
            scope: node.scope.to_string(),
            operation: node.op.name().to_owned(),
            formula: node.op.formula().to_owned(),
            inputs,
            outputs,
            kernels: launches(own, &mut kernels),
            ms: forward.ms.get(at).copied().flatten(),
        });
    }
    Detail::Graph { nodes, values, kernels }
}

/// A node's kernels with their number of launches; adds new sources to `sources`.
fn launches<'a>(
    dispatches: impl Iterator<Item = &'a Dispatch>,
    sources: &mut Vec<(String, String)>,
) -> Vec<(String, usize)> {
    let mut launches: Vec<(String, usize)> = Vec::new();
    for kernel in dispatches.map(|dispatch| dispatch.kernel) {
        match launches.iter_mut().find(|(name, _)| name == kernel.name) {
            Some((_, count)) => *count += 1,
            None => launches.push((kernel.name.to_owned(), 1)),
        }
        if sources.iter().all(|(name, _)| name != kernel.name) {
            sources.push((kernel.name.to_owned(), kernel.source()));
        }
    }
    launches
}

/// The name of a value that no node produces, or that is a site of the model.
fn name_of(forward: &Forward, value: ValueId) -> String {
    if let Some((site, _)) = forward.sites.iter().find(|(_, own)| *own == value) {
        return words(site);
    }
    match forward.graph.values[value.index()].origin {
        Origin::Parameter(id) => forward.graph.parameters[id.index()].name.clone(),
        Origin::Input(Input::Tokens) => "tokens".to_owned(),
        Origin::Input(input) => format!("{input:?}").to_lowercase(),
        Origin::Constant(Constant::RopeTable(_)) => "rotations".to_owned(),
        Origin::Constant(Constant::SinusoidalTable) => "sinusoidal positions".to_owned(),
        Origin::Gradient(_) | Origin::Cache(_) | Origin::Node(_) | Origin::Removed => String::new(),
    }
}

fn words(site: HookPoint) -> String {
    match site {
        HookPoint::Stream(0) => "residual stream after the embedding".to_owned(),
        HookPoint::Stream(layers) => format!("residual stream after layer {}", layers - 1),
        HookPoint::AttentionInput(layer) => format!("input of attention in layer {layer}"),
        HookPoint::QueriesKeysValues(layer) => format!("queries, keys and values of layer {layer}"),
        HookPoint::Attended(layer) => format!("head outputs of layer {layer}"),
        HookPoint::AttentionOutput(layer) => format!("output of attention in layer {layer}"),
        HookPoint::Between(layer) => format!("residual stream after attention of layer {layer}"),
        HookPoint::MlpInput(layer) => format!("input of the MLP in layer {layer}"),
        HookPoint::Gates(layer) => format!("expert weights of layer {layer}"),
        HookPoint::Hidden(layer) => format!("MLP activations of layer {layer}"),
        HookPoint::MlpOutput(layer) => format!("output of the MLP in layer {layer}"),
        HookPoint::Normed => "input of the head".to_owned(),
        HookPoint::Logits => "logits".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lens;
    use glasshouse_compiler::model::{Purpose, build};
    use glasshouse_compiler::plan::arena::ArenaLayout;
    use glasshouse_protocol::{ModelConfig, presets};

    fn lens() -> Lens {
        let config = ModelConfig {
            vocabulary: 50,
            context_length: 32,
            ..presets::preset("nanogpt-cpu").unwrap().model
        };
        let count = ArenaLayout::new(&build(&config, Purpose::Window { time: 1 }).unwrap().graph).length;
        let parameters = (0..count).map(|at| ((at * 7919 % 1000) as f32 - 500.0) * 1e-4).collect();
        Lens::on_cpu(&config, parameters, Some(1)).unwrap()
    }

    #[test]
    fn every_node_of_the_forward_pass_has_its_formula_kernels_time_and_values() {
        let mut lens = lens();
        let tokens = [3, 1, 4, 1, 5];
        let forward = pollster::block_on(lens.forward(&tokens)).unwrap();
        let Detail::Graph { nodes, values, kernels } =
            detail(&forward, &vec![None; forward.graph.values.len()])
        else {
            unreachable!("another detail")
        };
        assert_eq!(nodes.first().unwrap().operation, "embedding");
        let head = nodes.last().unwrap();
        assert_eq!((head.operation.as_str(), head.scope.as_str()), ("linear", "head"));
        let count = nodes.iter().filter(|node| node.operation == "attention").count();
        assert_eq!(count, lens.config().layers);
        for node in &nodes {
            assert!(!node.formula.is_empty() && node.ms.is_some() && !node.kernels.is_empty(), "{node:?}");
            for (name, launches) in &node.kernels {
                let source = &kernels.iter().find(|(own, _)| own == name).unwrap().1;
                assert!(*launches > 0 && source.contains("@compute"), "{name}");
            }
            assert!(node.outputs.iter().all(|value| values[*value].statistics.is_some()), "{node:?}");
            // A formula adds as many terms as the node reads.
            if node.operation == "linear" {
                assert_eq!(node.inputs.len(), 2 + node.formula.matches(" + ").count(), "{node:?}");
            }
        }
        let names = |name: &str| values.iter().filter(|value| value.name == name).count();
        assert_eq!(
            (
                names("logits"),
                names("MLP activations of layer 0"),
                names("residual stream after the embedding")
            ),
            (1, 1, 1)
        );
        // Equal to a probe of the same value.
        let logits = pollster::block_on(lens.probe(&tokens, &[HookPoint::Logits])).unwrap();
        let own = pollster::block_on(Summary::new(&logits[0].data, &Yielder::none())).statistics();
        assert_eq!(values[head.outputs[0]].statistics, own);
        assert_eq!(values[nodes[0].inputs[0]].name, "tokens");
    }
}
