//! The PyTorch fixtures are what their README says: each describes a run that the engine accepts and holds its tensors.

use glasshouse_protocol::RunConfig;
use safetensors::SafeTensors;
use std::path::Path;

#[test]
fn every_fixture_describes_a_valid_run_and_holds_its_tensors() {
    for name in ["gpt", "llama", "post", "geglu"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.safetensors"));
        let bytes = std::fs::read(&path).expect("a fixture");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let metadata = header.metadata().as_ref().expect("metadata");
        let facts: serde_json::Value = serde_json::from_str(&metadata["fixture"]).expect("JSON");
        let run = RunConfig::from_toml(facts["run_toml"].as_str().expect("the run")).expect("TOML of a run");
        run.validate().expect("a run that breaks no rule");

        let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
        let shape = |tensor: &str| tensors.tensor(tensor).map(|view| view.shape().to_vec());
        let (batch, context, steps) = (run.train.batch, run.model.context, run.train.steps as usize);
        assert_eq!(shape("tokens").expect("tokens"), [batch, context], "{name}");
        assert_eq!(shape("logits").expect("logits"), [batch, context, run.model.vocabulary], "{name}");
        assert_eq!(shape("steps.targets").expect("targets"), [steps, batch, context], "{name}");
        let qkv = shape("initial.blocks.0.attention.qkv.weight").expect("a weight");
        assert_eq!(qkv, [run.model.qkv_width(), run.model.width], "{name}");
        for tensor in tensors.names().iter().filter_map(|tensor| tensor.strip_prefix("initial.")) {
            let initial = shape(&format!("initial.{tensor}")).expect("a weight");
            assert_eq!(
                shape(&format!("gradient.{tensor}")).expect("its gradient"),
                initial,
                "{name} {tensor}"
            );
            assert_eq!(shape(&format!("final.{tensor}")).expect("its end"), initial, "{name} {tensor}");
        }
    }
}
