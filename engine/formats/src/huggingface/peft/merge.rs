//! Merges a PEFT adapter into a run's weights (PEFT's `merge`).
//!
//! In PEFT, each module of a `transformers` class has its own A; ours is shared by the modules of a matrix. So the products are
//! added module by module, and the result is weights without an adapter.

use super::{PREFIX, SETTINGS, WEIGHTS, begun_with, imported_as};
use crate::huggingface::Family;
use crate::huggingface::folder::{Folder, MAX_JSON_BYTES, Stored};
use crate::tensors::{Parameters, Tensor};
use glasshouse_compiler::model::{LORA_A, LORA_B, MAGNITUDE};
use glasshouse_compiler::plan::merge::{add_product, set_row_norms};
use glasshouse_platform::{Error, Result, Yielder, storage};
use glasshouse_project::checkpoint::settings_of;
use glasshouse_project::{Project, Run, StagedRun, Trained, checkpoint_of};
use glasshouse_protocol::{CheckpointChoice, ModelConfig, WeightFormat};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// PEFT settings under which an adapter computes more than W + scale·B·A with magnitudes, or has additional weights.
const BEYOND: [&str; 11] = [
    "use_qalora",
    "use_bdlora",
    "bias",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "layer_replication",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
];

/// Our parameters of the embedding and the head.
const EMBEDDING: &str = "embedding.tokens";
const HEAD: &str = "head.weight";

/// Initialisations that leave the base weights unchanged. Others (PiSSA, OLoRA, CorDA) train against modified base weights.
const BEGINNINGS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// Creates a run without steps from a checkpoint's weights with the adapter in `folder` added. If the future is dropped, the project is
/// unchanged. Fails if the folder is not a LoRA adapter, is damaged or belongs to another base model (the error gives details); the run has
/// no such checkpoint; or writing fails. No run is created then.
pub async fn merge_adapter(
    project: &Project,
    run: &Run,
    checkpoint: &CheckpointChoice,
    folder: &Path,
    yielder: &Yielder,
) -> Result<StagedRun> {
    let settings = AdapterSettings::read(folder)?;
    let stored = Folder::open(folder, WEIGHTS.trim_end_matches(".safetensors"))?;
    let checkpoint = checkpoint_of(run, checkpoint)?;
    let mut trained = Trained::load(run.clone(), &checkpoint, yielder).await?;
    let family = Family::for_model(&trained.config.model, run.record()?.family.as_deref())?;
    if trained.config.model.tied_head && adapts_head(family, &trained.config.model, &stored)? {
        untie(family, &mut trained)?;
    }
    let parameters = Parameters::new(&trained.config.model)?;
    let tensors = family.tensors(&trained.config.model, &parameters);
    let another = settings.for_another(run);
    let Matched { pairs, wholes } = matched(&tensors, family.prefix, &stored, (settings.dora, &another))
        .map_err(|reason| Error::bad_file(folder, reason))?;
    // Like PEFT, they replace the base model's.
    for (tensor, whole) in &wholes {
        tensor.scatter(&parameters, &mut trained.parameters, 0, &entries(&stored, whole)?)?;
    }
    let (mut broken, yield_now) = (BTreeSet::new(), async || yielder.maybe_yield().await);
    for LowRankPair { module, tensor, a, b, magnitude } in &pairs {
        let [a, b] = [entries(&stored, a)?, entries(&stored, b)?];
        let magnitude = magnitude.map_or(Ok(Vec::new()), |magnitude| entries(&stored, magnitude))?;
        if a.iter().chain(&b).chain(&magnitude).any(|entry| !entry.is_finite()) {
            broken.insert(*module);
            continue;
        }
        let mut weight = tensor.gather(&parameters, &trained.parameters)?;
        let rank = b.len() / tensor.rows.len();
        let scale = settings.scale(module, rank);
        add_product(&mut weight, [&a, &b], rank, (scale, tensor.transposed), &yield_now).await;
        if settings.dora {
            set_row_norms(&mut weight, &magnitude, tensor.transposed);
        }
        if weight.iter().any(|entry| !entry.is_finite()) {
            broken.insert(*module);
            continue;
        }
        tensor.scatter(&parameters, &mut trained.parameters, 0, &weight)?;
        yielder.maybe_yield().await;
    }
    if let Some(first) = broken.first() {
        let reason = format!(
            "weights of {} of its modules are NaN or infinite, starting with {first}: it is damaged",
            broken.len()
        );
        return Err(Error::bad_file(folder, reason));
    }
    // The loss belonged to the unmerged weights; a compressed run's would be rounded again.
    trained.info.val_loss = None;
    trained.config.weights = WeightFormat::F32;
    project.keep_weights(trained, checkpoint, "merged", yielder).await
}

/// Whether an adapter has a pair for the model's head.
fn adapts_head(family: &Family, model: &ModelConfig, stored: &Folder) -> Result<bool> {
    let untied = ModelConfig { tied_head: false, ..model.clone() };
    let tensors = family.tensors(&untied, &Parameters::new(&untied)?);
    let heads = tensors.iter().filter(|tensor| tensor.parameter == HEAD);
    let mut modules = heads.filter_map(|tensor| tensor.name.strip_suffix(".weight"));
    Ok(modules.any(|module| stored.tensors.contains_key(&format!("{PREFIX}{module}{LORA_A}"))))
}

/// Gives a model with a tied head a separate head with the same weights.
fn untie(family: &Family, trained: &mut Trained) -> Result<()> {
    let own = Parameters::new(&trained.config.model)?;
    trained.config.model.tied_head = false;
    let parameters = Parameters::new(&trained.config.model)?;
    let mut weights = vec![0.0; parameters.count()];
    for tensor in family.tensors(&trained.config.model, &parameters) {
        let mut from = tensor.clone();
        if tensor.parameter == HEAD {
            EMBEDDING.clone_into(&mut from.parameter);
        }
        // The remaining tensors are zeros that our model lacks.
        if parameters.holding(&tensor).is_ok() {
            tensor.scatter(&parameters, &mut weights, 0, &from.gather(&own, &trained.parameters)?)?;
        }
    }
    trained.parameters = weights;
    trained.info.model = settings_of(&trained.config.model);
    Ok(())
}

/// Maximum runs followed back to the import.
const MAX_RUNS: usize = 64;

const MAX_NAME_CHARACTERS: usize = 100;

/// Warns if the adapter's base model has another name than the model that the run's weights come from, although the shapes fit. Not an
/// error, because a model can have many names (a folder, a file, a URL). Fails if the folder is not a LoRA adapter.
pub fn another_base(run: &Run, folder: &Path) -> Result<Option<String>> {
    let Some(base) = AdapterSettings::read(folder)?.base else { return Ok(None) };
    let mut runs = std::iter::successors(Some(run.clone()), begun_with).take(MAX_RUNS);
    let Some(own) = runs.find_map(|run| imported_as(&run)) else { return Ok(None) };
    let last = |name: &str| {
        let name = name.trim_end_matches(['/', '\\']);
        name.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase()
    };
    Ok((last(&base) != last(&own)).then(|| {
        let base: String = base.chars().take(MAX_NAME_CHARACTERS).collect();
        format!(
            "the adapter's base is {base}, but {} comes from {own}; if these are different models, remove the adapter again or delete \
             the resulting run",
            run.name()
        )
    }))
}

/// Contents of `adapter_config.json`.
struct AdapterSettings {
    alpha: f32,
    /// α for modules whose paths match a pattern at their end.
    alphas: Vec<(Regex, f32)>,
    /// Whether the scale is α / √r instead of α / r.
    rslora: bool,
    /// Whether there are magnitudes.
    dora: bool,
    base: Option<String>,
}

impl AdapterSettings {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SETTINGS);
        let Some(fields) = storage::if_there(&path, MAX_JSON_BYTES, storage::read_json)? else {
            let reason = format!("it has no {SETTINGS}: not a PEFT adapter folder");
            return Err(Error::bad_file(folder, reason));
        };
        Self::from_fields(&fields).map_err(|reason| Error::bad_file(&path, reason))
    }

    fn from_fields(fields: &Map<String, Value>) -> std::result::Result<Self, String> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let kind = text("peft_type").unwrap_or_default();
        if kind != "LORA" {
            return Err(format!("peft_type is `{kind}`; adapters of type LORA can be added to weights"));
        }
        let mut beyond = BEYOND.iter().filter_map(|name| fields.get(*name).map(|value| (*name, value)));
        if let Some((name, value)) = beyond.find(|(_, value)| !is_nothing(value)) {
            return Err(format!(
                "{name} is {value}: only products of A and B, with DoRA's magnitudes, can be merged into weights"
            ));
        }
        if let Some(begun) = text("init_lora_weights").filter(|begun| !BEGINNINGS.contains(begun)) {
            return Err(format!(
                "init_lora_weights is `{begun}`, which changes the base's weights: save it as an ordinary adapter with PEFT first"
            ));
        }
        let flag = |name: &str| fields.get(name).and_then(Value::as_bool).unwrap_or_default();
        let alpha = fields.get("lora_alpha").and_then(Value::as_f64).filter(|alpha| alpha.is_finite());
        let alphas = fields.get("alpha_pattern").and_then(Value::as_object).into_iter().flatten();
        let own = |(end, alpha): (&String, &Value)| match alpha.as_f64().filter(|alpha| alpha.is_finite()) {
            Some(alpha) => Ok((ending_as(end)?, alpha as f32)),
            None => Err(format!("alpha_pattern has {alpha} for {end}, which is not a number")),
        };
        Ok(Self {
            alphas: alphas.map(own).collect::<std::result::Result<_, _>>()?,
            alpha: alpha.ok_or("lora_alpha is missing, or not a number")? as f32,
            rslora: flag("use_rslora"),
            dora: flag("use_dora"),
            base: text("base_model_name_or_path").filter(|name| !name.is_empty()).map(str::to_owned),
        })
    }

    /// The factor of B·A for a module and rank.
    fn scale(&self, module: &str, rank: usize) -> f32 {
        let own = self.alphas.iter().find(|(end, _)| end.is_match(module));
        own.map_or(self.alpha, |(_, alpha)| *alpha)
            / if self.rslora { (rank as f32).sqrt() } else { rank as f32 }
    }

    /// Message for an adapter that does not fit the run.
    fn for_another(&self, run: &Run) -> String {
        let base = self.base.as_ref().map_or(String::new(), |base| format!(" ({base})"));
        format!("it is an adapter for another base{base} than {}", run.name())
    }
}

/// Compiles a PEFT pattern that must match whole names at the end of a module's path.
fn ending_as(pattern: &str) -> std::result::Result<Regex, String> {
    Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$")).map_err(|_| {
        format!(
            "alpha_pattern names {pattern}, which is a regular expression only for Python; write it without look-around, or list the \
             module names"
        )
    })
}

/// Whether a setting is off.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text == "none",
        Value::Array(entries) => entries.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// A module's A [r, in] and B [out, r], with DoRA its magnitudes [out], and the tensor of its weight.
struct LowRankPair<'found> {
    module: &'found str,
    tensor: &'found Tensor,
    a: &'found Stored,
    b: &'found Stored,
    magnitude: Option<&'found Stored>,
}

/// What an adapter changes.
struct Matched<'found> {
    pairs: Vec<LowRankPair<'found>>,
    /// The base embedding and head, which PEFT stores if one of them is adapted.
    wholes: Vec<(&'found Tensor, &'found Stored)>,
}

/// Matches a folder's pairs with the weights they change. Every pair must have a weight of the right shape and, with `dora`,
/// magnitudes. `another` is the error for an adapter of another base model.
fn matched<'found>(
    tensors: &'found [Tensor],
    prefix: &str,
    folder: &'found Folder,
    (dora, another): (bool, &str),
) -> std::result::Result<Matched<'found>, String> {
    let mut left: BTreeSet<&str> = folder.tensors.keys().map(String::as_str).collect();
    let (mut pairs, mut wholes) = (Vec::new(), Vec::new());
    for tensor in tensors {
        let Some(module) = tensor.name.strip_suffix(".weight") else { continue };
        let [first, second] = tensor.shape[..] else { continue };
        let layer = if tensor.transposed { [second, first] } else { [first, second] };
        // Adapters of models without a head have no prefix.
        let short = module.strip_prefix(prefix).unwrap_or(module);
        let find = |name: &str| {
            [module, short]
                .into_iter()
                .find_map(|module| folder.tensors.get_key_value(&format!("{PREFIX}{module}{name}")))
        };
        let is_whole = [EMBEDDING, HEAD].contains(&tensor.parameter.as_str());
        let whole =
            [".base_layer.weight", ".weight"].into_iter().find_map(|name| find(name).filter(|_| is_whole));
        if let Some((name, stored)) = whole {
            if stored.shape != tensor.shape {
                let (theirs, own) = (&stored.shape, &tensor.shape);
                return Err(format!("{another}: {name} is {theirs:?}, and {own:?} here"));
            }
            stored.check().map_err(|reason| format!("{name} {reason}"))?;
            left.remove(name.as_str());
            wholes.push((tensor, stored));
        }
        let ((a_name, a), (b_name, b)) = match (find(LORA_A), find(LORA_B)) {
            (Some(a), Some(b)) => (a, b),
            (None, None) => continue,
            (Some((name, _)), None) | (None, Some((name, _))) => {
                return Err(format!("{name} has no counterpart: it is damaged"));
            }
        };
        let fits = match (&a.shape[..], &b.shape[..]) {
            ([rank, input], [output, other]) => rank == other && *rank > 0 && [*output, *input] == layer,
            _ => false,
        };
        if !fits {
            let (a, b) = (&a.shape, &b.shape);
            return Err(format!(
                "{another}: {module} has A {a:?} and B {b:?}, and the weight is {layer:?} here"
            ));
        }
        let magnitude = find(MAGNITUDE).filter(|_| dora);
        if dora && magnitude.is_none_or(|(_, magnitude)| magnitude.shape != layer[..1]) {
            return Err(format!("{another}: use_dora is true, and {module} has no {} magnitudes", layer[0]));
        }
        for (name, stored) in [(a_name, a), (b_name, b)].into_iter().chain(magnitude) {
            stored.check().map_err(|reason| format!("{name} {reason}"))?;
            left.remove(name.as_str());
        }
        pairs.push(LowRankPair {
            module,
            tensor,
            a,
            b,
            magnitude: magnitude.map(|(_, magnitude)| magnitude),
        });
    }
    let has = |part: &str| left.iter().find(|name| name.contains(part));
    if let Some(first) = has("lora_embedding_") {
        return Err(format!(
            "it adapts the embedding ({first}), which cannot be merged; train it without the embedding in target_modules"
        ));
    }
    if let Some(first) = has(".experts.") {
        return Err(format!("it adapts experts ({first}), which cannot be merged"));
    }
    match left.first() {
        Some(first) => Err(format!(
            "{another}: {} of its tensors belong to no linear layer, starting with {first}",
            left.len()
        )),
        None if pairs.is_empty() => Err("it has no tensors".to_owned()),
        None => Ok(Matched { pairs, wholes }),
    }
}

fn entries(folder: &Folder, stored: &Stored) -> Result<Vec<f32>> {
    let mut all = vec![0.0; stored.count()];
    folder.read(stored, 0..stored.shape[0], &mut all)?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(more: Value) -> String {
        let mut fields = json!({ "peft_type": "LORA", "r": 4, "lora_alpha": 8, "init_lora_weights": true, "bias": "none" });
        let (Value::Object(own), Value::Object(more)) = (&mut fields, more) else { panic!("objects") };
        own.extend(more);
        AdapterSettings::from_fields(own).err().unwrap_or_default()
    }

    #[test]
    fn what_is_no_sum_of_products_is_refused_by_its_setting() {
        for (more, said) in [
            (json!({ "peft_type": "IA3" }), "peft_type is `IA3`"),
            (json!({ "use_qalora": true }), "use_qalora is true"),
            (json!({ "bias": "lora_only" }), "bias is \"lora_only\""),
            (json!({ "alpha_pattern": { "q_proj": "2" } }), "alpha_pattern has \"2\" for q_proj"),
            (json!({ "alpha_pattern": { "(?=q)": 2 } }), "alpha_pattern names (?=q)"),
            (json!({ "modules_to_save": ["score"] }), "modules_to_save is [\"score\"]"),
            (json!({ "init_lora_weights": "pissa_niter_4" }), "init_lora_weights is `pissa_niter_4`"),
            (json!({ "lora_alpha": null }), "lora_alpha is missing"),
        ] {
            let reason = refusal(more);
            assert!(reason.starts_with(said), "{said}: {reason}");
        }
        for more in [
            json!({ "use_dora": true, "modules_to_save": null, "alpha_pattern": {}, "layer_replication": null }),
            json!({ "init_lora_weights": "gaussian", "use_rslora": true, "rank_pattern": { "q_proj": 2 } }),
        ] {
            assert_eq!(refusal(more), "");
        }
    }

    #[test]
    fn a_scale_is_that_of_the_rank() {
        let patterns = [("mlp.down_proj", 2.0), ("q_proj", 1.0), (r"^model\.layers\.[12]\..*_proj", 16.0)];
        let alphas = patterns.map(|(pattern, alpha)| (ending_as(pattern).unwrap(), alpha)).to_vec();
        let settings =
            |rslora| AdapterSettings { alpha: 8.0, alphas: alphas.clone(), rslora, dora: false, base: None };
        let scale = |rslora, module| settings(rslora).scale(module, 4);
        assert_eq!((scale(false, "v_proj"), scale(true, "v_proj")), (2.0, 4.0));
        assert_eq!(
            (scale(false, "model.layers.0.self_attn.q_proj"), scale(true, "x.mlp.down_proj")),
            (0.25, 1.0)
        );
        // The first matching pattern applies, as in PEFT, from the start of a path or of a name in it.
        assert_eq!(scale(false, "model.layers.1.self_attn.q_proj"), 0.25);
        assert_eq!(scale(false, "model.layers.2.self_attn.v_proj"), 4.0);
        assert_eq!(scale(false, "model.layers.3.self_attn.v_proj"), 2.0);
        // Only whole names match.
        assert_eq!((scale(false, "model.a_q_proj"), scale(false, "attn.down_proj")), (2.0, 2.0));
    }
}
