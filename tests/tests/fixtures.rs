//! The PyTorch fixtures describe runs that the engine accepts, and hold exactly the parameters of its model.

use glasshouse_engine::model::training_graphs;
use glasshouse_protocol::RunConfig;
use safetensors::SafeTensors;
use std::collections::BTreeMap;

#[test]
fn every_fixture_is_a_run_of_the_engine_with_its_parameters() {
    for name in ["gpt", "llama", "post", "geglu", "neox", "window", "output", "sandwich", "dynamic", "muon"] {
        let path = glasshouse_tests::fixture(&format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).expect("a fixture");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let metadata = header.metadata().as_ref().expect("metadata");
        let facts: serde_json::Value = serde_json::from_str(&metadata["fixture"]).expect("JSON");
        let run = RunConfig::from_toml(facts["run_toml"].as_str().expect("the run")).expect("TOML of a run");
        run.validate().expect("a run that breaks no rule");

        let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
        let shape = |tensor: &str| tensors.tensor(tensor).expect("a tensor").shape().to_vec();
        let (batch, context, steps) =
            (run.train.batch_size, run.model.context_length, run.train.steps as usize);
        assert_eq!(shape("tokens"), [batch, context], "{name}");
        assert_eq!(shape("logits"), [batch, context, run.model.vocabulary], "{name}");
        assert_eq!(shape("steps.targets"), [steps, batch, context], "{name}");

        let graph = training_graphs(&run.model, &run.train).expect("a graph").train;
        let of_the_engine: BTreeMap<String, Vec<usize>> =
            graph.parameters.iter().map(|it| (it.name.clone(), it.ty.shape.clone())).collect();
        for kind in ["initial", "gradient", "final"] {
            let of_the_fixture: BTreeMap<String, Vec<usize>> = tensors
                .names()
                .into_iter()
                .filter_map(|tensor| {
                    Some((tensor.strip_prefix(kind)?.strip_prefix('.')?.to_owned(), shape(tensor)))
                })
                .collect();
            assert_eq!(of_the_fixture, of_the_engine, "{name}, {kind}");
        }
    }
}
