//! The parameters of a run, and which of them it trains.

use super::Purpose;
use super::adapter::is_of_adapter;
use super::build::{build_with, is_of_classifier};
use super::teacher::is_of_teacher;
use crate::Result;
use crate::graph::Parameter;
use glasshouse_protocol::{Invalid, ModelConfig, TrainConfig};

/// The model's parameters in order, then the adapter's; frozen ones are not `trainable`.
pub fn parameters(model: &ModelConfig, train: &TrainConfig) -> Result<Vec<Parameter>> {
    let purpose = Purpose::Window { time: 1 };
    let mut parameters = build_with(model, Some(train), purpose)?.graph.parameters;
    freeze(&mut parameters, model, train)?;
    Ok(parameters)
}

/// Freezes what a run does not train: it gets neither gradients nor optimizer state.
pub(super) fn freeze(parameters: &mut [Parameter], model: &ModelConfig, train: &TrainConfig) -> Result<()> {
    // A teacher is already frozen and comes last.
    let own = parameters.iter().filter(|parameter| !is_of_teacher(&parameter.name)).count();
    let (parameters, _) = parameters.split_at_mut(own);
    if train.adapter.is_some() {
        for parameter in parameters.iter_mut() {
            // A new classification head is fully trained, like PEFT's `modules_to_save`.
            parameter.trainable = is_of_adapter(&parameter.name) || is_of_classifier(&parameter.name);
        }
        return Ok(());
    }
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let trainable = &train.trainable;
    if let Some(pattern) = trainable.unused_pattern(&names) {
        return Err(not_trainable(pattern, "match a parameter's name, such as blocks.0.mlp.up.weight"));
    }
    let tied_head = model.tied_head && model.labels.is_empty();
    for parameter in parameters.iter_mut() {
        parameter.trainable = trainable.includes(&parameter.name, model.layers, tied_head);
    }
    let any = parameters.iter().any(|parameter| parameter.trainable);
    if any { Ok(()) } else { Err(not_trainable(&trainable.to_string(), "select at least one parameter")) }
}

fn not_trainable(value: &str, rule: &str) -> crate::Error {
    Invalid::new("train.trainable", value, rule).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::build;
    use glasshouse_protocol::presets;

    #[test]
    fn a_head_for_labels_takes_the_place_of_the_one_for_tokens_and_is_trained_whatever_is() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.model.vocabulary = 65;
        run.model.labels = ["ham", "spam"].map(str::to_owned).to_vec();
        for trainable in ["all", "norms", "last:1", "head"] {
            run.train.trainable = trainable.parse().unwrap();
            let parameters = parameters(&run.model, &run.train).unwrap();
            let head = parameters.iter().find(|it| it.name == "classifier.weight").unwrap();
            assert_eq!((head.ty.shape.as_slice(), head.trainable), (&[2, run.model.width][..], true));
            assert!(parameters.iter().all(|it| !it.name.starts_with("head.")));
            // The token embedding is no longer the head, although it was tied.
            let embedding = parameters.iter().find(|it| it.name == "embedding.tokens").unwrap();
            assert_eq!(embedding.trainable, trainable == "all");
        }
        let purpose = Purpose::Window { time: 8 };
        let built = build(&run.model, purpose).unwrap();
        assert_eq!(built.graph.ty(built.logits).shape, [1, 1, 2]);
    }
}
