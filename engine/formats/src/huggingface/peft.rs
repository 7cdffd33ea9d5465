//! Adapters in the format of PEFT, Hugging Face's adapter library: `adapter_config.json` and `adapter_model.safetensors`, with
//! tensor names based on module paths in the model's class of `transformers`.
//!
//! If the class splits a matrix of ours into several modules (queries, keys and values; gate and up), each module gets the whole
//! A and its own rows of B: rows of B·A are rows of W, in any order.

mod merge;

pub use merge::{another_base, merge_adapter};

use super::super::tensors::{Parameters, Rows, Tensor};
use super::fields::shortest;
use super::{Family, pretty, write_tensors};
use glasshouse_compiler::model::{LORA_A, LORA_B, MAGNITUDE};
use glasshouse_platform::storage::{self, Staging, check_place};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_project::{AsTrained, Project, Run};
use glasshouse_protocol::{Adapter, AdapterKind, FloatFormat, RunState, order};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SETTINGS: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Prefix that PEFT's wrappers add to a module's path.
const PREFIX: &str = "base_model.model.";

/// Writes a run's adapter atomically as a folder that PEFT can load onto the run's base model, and returns the names of its files. Fails if
/// the run has no adapter, its model has no class in `transformers`, or writing fails.
pub async fn export_adapter(
    trained: &AsTrained,
    folder: &Path,
    replace: bool,
    yielder: &Yielder,
) -> Result<Vec<PathBuf>> {
    let AsTrained { run, config, weights, .. } = trained;
    let Some(adapter) = &config.train.adapter else {
        let reason = "this run has no adapter; export its weights as huggingface or gguf";
        return Err(Error::bad_file(run.folder(), reason));
    };
    let family = Family::for_model(&config.model, run.record()?.family.as_deref())?;
    let parameters = Parameters::from_list(trained.parameters.clone());
    let tensors = family.tensors(&config.model, &parameters);
    let modules = Modules::new(adapter, &tensors);
    check_place(folder, "an adapter", &[SETTINGS, WEIGHTS], replace)?;
    let staging = Staging::beside(folder)?;
    let base = begun_with(run).and_then(|base| imported_as(&base));
    let settings = pretty(&modules.settings(adapter, base.as_deref()))?;
    storage::write_atomically(&staging.path().join(SETTINGS), &settings)?;
    let tensors = modules.tensors(adapter);
    let entries = tensors.iter().map(|tensor| (tensor.name.clone(), tensor, weights.as_slice()));
    let path = staging.path().join(WEIGHTS);
    write_tensors(&entries.collect::<Vec<_>>(), &parameters, FloatFormat::F32, &path, yielder).await?;
    staging.put(folder)?;
    Ok([SETTINGS, WEIGHTS].map(|name| folder.join(name)).to_vec())
}

/// Name of an imported model: the last component of its folder, file or URL. `None` for any other run.
fn imported_as(run: &Run) -> Option<String> {
    let imported = run.record().ok()?.state == RunState::Imported;
    let config = run.config().ok()?;
    // Merged models have no steps either, but start from another run.
    (imported && config.start.is_none()).then_some(config.preset)
}

/// The run that a run started from, if it still exists.
fn begun_with(run: &Run) -> Option<Run> {
    let start = run.config().ok()?.start?;
    let project = match &start.project {
        Some(folder) => Project::open(Path::new(folder)),
        None => run.project(),
    };
    project.ok()?.recorded_run(&start.run).ok()
}

/// The linear layers of a class of `transformers`, for an adapter.
struct Modules<'table> {
    /// Path of the module, path of our layer that it has rows of, and the module's weight.
    adapted: Vec<(&'table str, &'table str, &'table Tensor)>,
    /// Paths of modules that are not adapted.
    others: Vec<&'table str>,
}

impl<'table> Modules<'table> {
    fn new(adapter: &Adapter, tensors: &'table [Tensor]) -> Self {
        let (mut adapted, mut others) = (Vec::new(), Vec::new());
        for tensor in tensors {
            let Some(module) = tensor.name.strip_suffix(".weight") else { continue };
            match tensor.parameter.strip_suffix(".weight").filter(|layer| adapter.adapts(layer)) {
                Some(layer) => adapted.push((module, layer, tensor)),
                None => others.push(module),
            }
        }
        Self { adapted, others }
    }

    /// A [r, in], B [rows, r] and magnitudes [rows], if any, of each module. PEFT's layers are always `nn.Linear`, so nothing is
    /// transposed.
    fn tensors(&self, adapter: &Adapter) -> Vec<Tensor> {
        let tensor = |module: &str, name: &str, shape: &[usize], layer: &str, rows: Rows| Tensor {
            name: format!("{PREFIX}{module}{name}"),
            shape: shape.to_vec(),
            parameter: format!("{layer}{name}"),
            rows,
            first_column: 0,
            parts: 1,
            transposed: false,
            offset: 0,
        };
        let own = self.adapted.iter().flat_map(|(module, layer, weight)| {
            let [first, second] = weight.shape[..] else { return Vec::new() };
            let columns = if weight.transposed { first } else { second };
            let (rank, rows) = (adapter.rank, weight.rows.clone());
            let mut own = vec![
                tensor(module, LORA_A, &[rank, columns], layer, Rows::Range(0..rank)),
                tensor(module, LORA_B, &[rows.len(), rank], layer, rows.clone()),
            ];
            if adapter.kind == AdapterKind::Dora {
                own.push(tensor(module, MAGNITUDE, &[rows.len()], layer, rows));
            }
            own
        });
        own.collect()
    }

    /// `adapter_config.json`, with the name of the base model if known.
    fn settings(&self, adapter: &Adapter, base: Option<&str>) -> Value {
        // PEFT writes integers.
        let whole = adapter.alpha.fract() == 0.0 && adapter.alpha < 1e9;
        let alpha = if whole { json!(adapter.alpha as u64) } else { json!(shortest(adapter.alpha)) };
        json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "inference_mode": true,
            "r": adapter.rank,
            "lora_alpha": alpha,
            "lora_dropout": shortest(adapter.dropout),
            "use_rslora": adapter.rslora,
            "use_dora": adapter.kind == AdapterKind::Dora,
            "target_modules": self.targets(),
            "bias": "none",
            // GPT-2's layers store [in, out].
            "fan_in_fan_out": self.adapted.iter().any(|(_, _, weight)| weight.transposed),
            "init_lora_weights": true,
            "modules_to_save": null,
        })
    }

    /// PEFT's `target_modules`: the last component of each path if that is unambiguous, else the last two. For example, GPT-2's
    /// `attn.c_proj` is not its `mlp.c_proj`.
    fn targets(&self) -> Vec<String> {
        let is_clear = |name: &str| !self.others.iter().any(|other| end(other, 1) == name);
        let target = |module: &str| {
            let name = end(module, 1);
            if is_clear(name) { name.to_owned() } else { end(module, 2).to_owned() }
        };
        order::distinct(self.adapted.iter().map(|(module, ..)| target(module)))
    }
}

/// The last components of a path.
fn end(path: &str, names: usize) -> &str {
    path.rmatch_indices('.').nth(names - 1).map_or(path, |(at, _)| &path[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::super::families::object;
    use super::super::fields::Fields;
    use super::*;
    use glasshouse_compiler::model::parameters;
    use glasshouse_compiler::plan::arena::ArenaLayout;
    use glasshouse_compiler::plan::merge::merged;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::{AdapterTarget, TrainConfig};

    fn model(config: Value) -> (&'static Family, glasshouse_protocol::ModelConfig) {
        let map = object(config);
        let family = Family::named(map["model_type"].as_str().unwrap()).unwrap();
        (family, family.read(&mut Fields::new(Path::new("config.json"), map)).unwrap())
    }

    /// Merging each module's W + scale·B·A into an export gives an export of the merged weights.
    #[test]
    fn modules_have_the_rows_that_are_their_own() {
        let gpt2 = json!({ "model_type": "gpt2", "vocab_size": 29, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 16 });
        let llama = json!({
            "model_type": "llama", "vocab_size": 29, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
        });
        let like = |own: Value| {
            let mut fields = object(llama.clone());
            fields.extend(object(own));
            Value::Object(fields)
        };
        for config in [
            gpt2,
            llama.clone(),
            like(
                json!({ "model_type": "gpt_neox", "rotary_pct": 0.67, "head_dim": null, "num_key_value_heads": null }),
            ),
            like(json!({ "model_type": "phi", "head_dim": null, "partial_rotary_factor": 0.67 })),
        ] {
            let (family, model) = model(config);
            let targets =
                AdapterTarget::ALL.into_iter().filter(|it| *it != AdapterTarget::Head || !model.tied_head);
            let adapter = Adapter { rank: 3, alpha: 6.0, targets: targets.collect(), ..Adapter::default() };
            let train = TrainConfig { adapter: Some(adapter.clone()), ..TrainConfig::default() };
            let list = parameters(&model, &train).unwrap();
            let length = ArenaLayout::from_parameters(&list).length;
            let values: Vec<f32> = (0..length).map(|at| ((at * 37 % 113) as f32 - 56.0) * 0.01).collect();
            let whole = block_on(merged(&list, Some(&adapter), values.clone(), &async || ()));
            let (own, plain) = (Parameters::from_list(list), Parameters::new(&model).unwrap());
            let tensors = family.tensors(&model, &own);
            let modules = Modules::new(&adapter, &tensors);
            let pairs = modules.tensors(&adapter);
            assert_eq!(pairs.len(), 2 * modules.adapted.len());
            for ((_, _, weight), pair) in modules.adapted.iter().zip(pairs.chunks(2)) {
                let [w, a, b] = [*weight, &pair[0], &pair[1]].map(|it| it.gather(&own, &values).unwrap());
                let both = weight.gather(&plain, &whole).unwrap();
                let (rows, columns) = (pair[1].shape[0], pair[0].shape[1]);
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let at = if weight.transposed { column * rows + row } else { row * columns + column };
                    let change: f32 = (0..3).map(|r| b[row * 3 + r] * a[r * columns + column]).sum();
                    assert!((w[at] + 2.0 * change - both[at]).abs() < 1e-5, "{}", weight.name);
                }
            }
            assert_eq!(
                modules.settings(&adapter, None)["fan_in_fan_out"],
                json!(family.model_type == "gpt2")
            );
        }
    }

    #[test]
    fn targets_name_what_is_adapted_and_nothing_else() {
        let config = json!({ "model_type": "gpt2", "vocab_size": 29, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 16 });
        let (family, model) = model(config);
        let targets = |targets: &[AdapterTarget]| {
            let adapter = Adapter { targets: targets.to_vec(), ..Adapter::default() };
            let train = TrainConfig { adapter: Some(adapter.clone()), ..TrainConfig::default() };
            let own = Parameters::from_list(parameters(&model, &train).unwrap());
            let tensors = family.tensors(&model, &own);
            Modules::new(&adapter, &tensors).targets()
        };
        assert_eq!(targets(&AdapterTarget::ALL[..4]), ["c_attn", "c_fc", "c_proj"]);
        assert_eq!(targets(&[AdapterTarget::Qkv, AdapterTarget::Output]), ["attn.c_proj", "c_attn"]);
    }
}
