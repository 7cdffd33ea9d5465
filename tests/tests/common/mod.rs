//! Shared helpers of the parity tests: fixtures, deterministic numbers, and the deviation between two lists of numbers.

pub use glasshouse_parity::cases::{ids, numbers, starts};
pub use glasshouse_tests::adapter;

use glasshouse_engine::graph::{Parameter, ParameterId, random};
use glasshouse_engine::model::is_of_adapter;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::step::{MicroBatch, StepInput};
use glasshouse_protocol::RunConfig;
use glasshouse_tests::{output_of, python};
use safetensors::SafeTensors;
use serde_json::Value;
use std::collections::HashMap;
use std::ffi::OsString;

/// Draws the adapter matrices among a model's parameters at random, because the second of each pair is initialised to zeros.
pub fn draw_adapters(parameters: &[Parameter], layout: &ArenaLayout, arena: &mut [f32]) {
    for (at, _) in parameters.iter().enumerate().filter(|(_, parameter)| is_of_adapter(&parameter.name)) {
        for (number, entry) in arena[layout.range(ParameterId(at as u32))].iter_mut().enumerate() {
            let draw = (random::nth(11, at as u64, number as u64) >> 40) as f32 / 16_777_216.0;
            *entry = 0.4 * (draw - 0.5);
        }
    }
}

/// The largest difference, relative to the largest expected entry; infinite if any entry is NaN.
pub fn deviation(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len(), "lengths differ");
    let scale = expected.iter().fold(0.0f64, |most, number| most.max(f64::from(number.abs())));
    let apart = got.iter().zip(expected).fold(0.0f64, |most, (got, expected)| {
        let apart = (f64::from(*got) - f64::from(*expected)).abs();
        if apart.is_nan() { f64::INFINITY } else { most.max(apart) }
    });
    if apart == 0.0 { 0.0 } else { apart / scale.max(1e-30) }
}

/// A PyTorch fixture, described in `tests/fixtures/README.md`.
pub struct Fixture {
    pub run: RunConfig,
    floats: HashMap<String, Vec<f32>>,
    ids: HashMap<String, Vec<u32>>,
    /// Rows of final weights that are determined by rounding, by parameter.
    undetermined: HashMap<String, std::ops::Range<usize>>,
}

impl Fixture {
    pub fn load(name: &str) -> Self {
        let bytes =
            std::fs::read(glasshouse_tests::fixture(&format!("{name}.safetensors"))).expect("a fixture");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let facts: serde_json::Value =
            serde_json::from_str(&header.metadata().as_ref().expect("metadata")["fixture"]).expect("JSON");
        let (mut floats, mut ids) = (HashMap::new(), HashMap::new());
        for (name, tensor) in SafeTensors::deserialize(&bytes).expect("tensors").iter() {
            let words = tensor.data().chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
            if tensor.dtype() == safetensors::Dtype::F32 {
                floats.insert(name.to_owned(), words.map(f32::from_le_bytes).collect());
            } else {
                ids.insert(name.to_owned(), words.map(u32::from_le_bytes).collect());
            }
        }
        let undetermined =
            facts["undetermined"].as_object().expect("an object").iter().map(|(name, rows)| {
                let row = |at: usize| rows[at].as_u64().expect("a row") as usize;
                (name.clone(), row(0)..row(1))
            });
        Self {
            run: RunConfig::from_toml(facts["run_toml"].as_str().expect("the run")).expect("TOML of a run"),
            floats,
            ids,
            undetermined: undetermined.collect(),
        }
    }

    pub fn floats(&self, name: &str) -> &[f32] {
        &self.floats[name]
    }

    pub fn ids(&self, name: &str) -> &[u32] {
        &self.ids[name]
    }

    /// `{kind}.{parameter}` for every parameter, in the arena's layout.
    pub fn arena(&self, kind: &str, names: &[String], layout: &ArenaLayout) -> Vec<f32> {
        let mut arena = vec![0.0; layout.length];
        for (number, name) in names.iter().enumerate() {
            let start = layout.offsets[number];
            arena[start..start + layout.counts[number]]
                .copy_from_slice(self.floats(&format!("{kind}.{name}")));
        }
        arena
    }

    /// A parameter's entries without those that are determined by rounding.
    pub fn determined(&self, name: &str, entries: &[f32]) -> Vec<f32> {
        let left_out = self.undetermined.get(name).cloned().unwrap_or(0..0);
        entries.iter().enumerate().filter(|(at, _)| !left_out.contains(at)).map(|(_, entry)| *entry).collect()
    }

    /// The fixture's training steps.
    pub fn steps(&self) -> Vec<StepInput> {
        let size = self.run.train.batch_size * self.run.model.context_length;
        let batches = self.ids("steps.tokens").chunks(size).zip(self.ids("steps.targets").chunks(size));
        batches
            .enumerate()
            .map(|(step, (tokens, targets))| StepInput {
                step: step as u64,
                learning_rate: self.run.train.learning_rate_at(step as u64) as f32,
                micro_batches: vec![MicroBatch {
                    tokens: tokens.to_vec(),
                    targets: targets.to_vec(),
                    ..MicroBatch::default()
                }],
            })
            .collect()
    }
}

/// What a script in `tests/python` prints for each of several calls, as JSON. One process makes all, because it takes seconds to load its
/// packages.
pub fn ask_each(script: &str, calls: &[Vec<OsString>]) -> Vec<Value> {
    let mut command = python(script);
    for (at, call) in calls.iter().enumerate() {
        command.args((at > 0).then_some("--and")).args(call);
    }
    let told = output_of(&mut command);
    let answers: Vec<Value> =
        serde_json::Deserializer::from_slice(&told).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(answers.len(), calls.len(), "{}", String::from_utf8_lossy(&told));
    answers
}
