//! Merging adapters written by PEFT into runs. `adapter.rs` compares PEFT's merge of our folders with ours.

use crate::adapter::{merged, run_with};
use crate::common::{ask_each, deviation, draw_adapters, ids};
use crate::export::{our_logits, small, write};
use crate::import::rewrite_tensors;
use crate::runs::project;
use glasshouse_engine::formats::Found;
use glasshouse_engine::formats::huggingface::{another_base, merge_adapter};
use glasshouse_engine::graph::ParameterId;
use glasshouse_engine::model::parameters;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::{Project, Run, RunRecord, StagedRun, parameters_of};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::{Result, Yielder, block_on};
use glasshouse_protocol::{Adapter, AdapterKind, CheckpointChoice, RunState, Start};
use glasshouse_tests::blocking;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn merge(project: &Project, run: &Run, folder: &Path) -> Result<StagedRun> {
    block_on(merge_adapter(project, run, &CheckpointChoice::Best, folder, &Yielder::none()))
}

/// A project with a run of these weights and an adapter in PEFT's format.
struct Apart {
    _folder: tempfile::TempDir,
    project: Project,
    run: Run,
    base: Vec<f32>,
    adapter: PathBuf,
    /// Base and adapter, merged by us.
    whole: Vec<f32>,
}

fn project_with(tokenizer: &Tokenizer) -> (tempfile::TempDir, Project) {
    let (folder, project) = project();
    let data = project.folder().join("data");
    std::fs::create_dir_all(&data).unwrap();
    tokenizer.save(&data.join("tokenizer.json")).unwrap();
    (folder, project)
}

fn apart(preset: &str) -> Apart {
    apart_by(AdapterKind::Lora, preset)
}

fn apart_by(kind: AdapterKind, preset: &str) -> Apart {
    let (mut config, tokenizer, base) = small(preset, |_| {});
    let (folder, project) = project_with(&tokenizer);
    let run = run_with(&project, &config, base.clone());
    config.train.adapter = Some(Adapter { kind, rank: 3, rslora: true, ..Adapter::default() });
    let list = parameters(&config.model, &config.train).unwrap();
    let (layout, plain) =
        (ArenaLayout::from_parameters(&list), ArenaLayout::from_parameters(&parameters_of(&config).unwrap()));
    let mut arena = vec![0.0; layout.length];
    for (at, count) in plain.counts.iter().enumerate() {
        arena[layout.offsets[at]..][..*count].copy_from_slice(&base[plain.offsets[at]..][..*count]);
    }
    draw_adapters(&list, &layout, &mut arena);
    let adapter = folder.path().join("adapter");
    let adapted = run_with(&project, &config, arena.clone());
    blocking::export_adapter(adapted, &adapter).unwrap();
    let whole = merged(&list, config.train.adapter.as_ref(), arena);
    Apart { _folder: folder, project, run, base, adapter, whole }
}

#[test]
fn an_adapter_that_peft_wrote_is_added_to_the_weights_of_a_run() {
    for preset in ["llama-tiny", "gpt2-124m"] {
        let Apart { _folder, project, run, base, adapter, whole } = apart(preset);
        let new = merge(&project, &run, &adapter).unwrap().put().unwrap();
        let now = blocking::load(new.clone(), &CheckpointChoice::Best).unwrap();
        assert!(deviation(&now.parameters, &whole) < 1e-6, "{preset}");
        assert!(deviation(&base, &whole) > 1e-3, "{preset}");
        assert_eq!((new.record().unwrap().state, now.config.train.adapter), (RunState::Imported, None));
        assert_eq!(now.config.start.unwrap().run, run.name());
    }
}

/// Merged weights have the magnitudes as norms.
#[test]
fn an_adapter_with_magnitudes_is_merged_with_them() {
    for preset in ["llama-tiny", "gpt2-124m"] {
        let Apart { _folder, project, run, base, adapter, whole } = apart_by(AdapterKind::Dora, preset);
        let new = merge(&project, &run, &adapter).unwrap().put().unwrap();
        let now = blocking::load(new.clone(), &CheckpointChoice::Best).unwrap().parameters;
        assert!(deviation(&now, &whole) < 1e-6, "{preset}");
        assert!(deviation(&base, &whole) > 1e-3, "{preset}");
        let lacks = |tensors: &mut BTreeMap<_, _>| {
            tensors.retain(|name: &String, _| !name.ends_with("lora_magnitude_vector"));
        };
        rewrite_tensors(&adapter.join("adapter_model.safetensors"), lacks);
        let error = merge(&project, &run, &adapter).unwrap_err().to_string();
        assert!(error.contains("magnitudes"), "{error}");
    }
}

/// PEFT's query, key and value modules each have their own A; ours share one.
#[test]
fn modules_of_an_adapter_are_added_each_by_its_own_matrices() {
    let Apart { _folder, project, run, base, adapter, whole } = apart("llama-tiny");
    let twice = |bytes: &mut Vec<u8>| {
        for four in bytes.chunks_exact_mut(4) {
            let entry = f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            four.copy_from_slice(&(2.0 * entry).to_le_bytes());
        }
    };
    rewrite_tensors(&adapter.join("adapter_model.safetensors"), |all| {
        twice(&mut all.get_mut("base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight").unwrap().1);
    });
    let new =
        blocking::load(merge(&project, &run, &adapter).unwrap().put().unwrap(), &CheckpointChoice::Best)
            .unwrap();
    let list = parameters_of(&new.config).unwrap();
    let layout = ArenaLayout::from_parameters(&list);
    let (mut keys, mut changed) = (0..0, 0);
    for (at, parameter) in list.iter().enumerate() {
        let place = layout.range(ParameterId(at as u32));
        let columns = parameter.ty.columns();
        if parameter.name == "blocks.0.attention.qkv.weight" {
            let (heads, kv_heads, size) =
                (new.config.model.heads, new.config.model.kv_heads, new.config.model.head_size);
            keys = place.start + heads * size * columns..place.start + (heads + kv_heads) * size * columns;
        }
        for at in place {
            let factor = if keys.contains(&at) { 2.0 } else { 1.0 };
            changed += usize::from(factor > 1.0);
            let expected = base[at] + factor * (whole[at] - base[at]);
            assert!((new.parameters[at] - expected).abs() < 1e-5, "{} {at}", parameter.name);
        }
    }
    assert_eq!(changed, 2 * 6 * 24);
}

/// Folders written by PEFT: only some modules, a different scale, and a different rank for one of them; magnitudes; the head, which
/// becomes a separate one if it was tied.
#[test]
fn python_peft_writes_adapters_that_are_merged_as_peft_computes_them() {
    let all: [(bool, &[&str]); 4] =
        [(true, &[]), (false, &["--head", "--dora"]), (true, &["--head"]), (false, &["--head"])];
    let cases = all.map(|(tied, options)| {
        let (config, tokenizer, base) = small("llama-tiny", |config| config.model.tied_head = tied);
        let (folder, project) = project_with(&tokenizer);
        let run = run_with(&project, &config, base.clone());
        let [model, adapter] = ["model", "adapter"].map(|name| folder.path().join(name));
        write(&config, &tokenizer, &base, &model);
        let ids = ids(1, 12, config.model.vocabulary);
        let mut call = vec![model.into_os_string(), adapter.clone().into_os_string()];
        call.extend(ids.iter().map(ToString::to_string).map(OsString::from));
        call.extend(options.iter().map(OsString::from));
        ((folder, project, run, adapter, ids, tied && options.is_empty()), call)
    });
    let (cases, calls): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    for ((_folder, project, run, adapter, ids, tied), theirs) in
        cases.iter().zip(ask_each("make_adapter.py", &calls))
    {
        assert!(theirs["changed"].as_f64().unwrap() > 1e-2, "{}", theirs["changed"]);
        let merged = merge(project, run, adapter).unwrap().put().unwrap();
        let new = blocking::load(merged, &CheckpointChoice::Best).unwrap();
        let rows: Vec<Vec<f32>> = serde_json::from_value(theirs["logits"].clone()).unwrap();
        let ours = our_logits(&new.config, &new.parameters, ids).concat();
        let apart = deviation(&ours, &rows.concat());
        assert!(apart < 5e-5, "{apart:.1e}");
        assert_eq!(new.config.model.tied_head, *tied);
    }
}

/// Matching shapes do not identify the base weights. A name does, but one model may have many names.
#[test]
fn an_adapter_names_its_base_and_one_of_another_name_is_told() {
    let Apart { _folder, project, run, base, adapter, .. } = apart("llama-tiny");
    let imported = |name: &str| {
        let mut config = run.config().unwrap();
        config.preset = name.to_owned();
        let imported = run_with(&project, &config, base.clone());
        let record = imported.record().unwrap();
        imported.save_record(&RunRecord { state: RunState::Imported, ..record }).unwrap();
        imported
    };
    let (own, other) = (imported("tiny-owl"), imported("tiny-fox"));
    // An adapter of an imported model names the model; an adapter of our own run names nothing.
    let settings = |folder: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join("adapter_config.json")).unwrap()).unwrap()
    };
    assert_eq!(settings(&adapter)["base_model_name_or_path"], Value::Null);
    let mut config = run.config().unwrap();
    config.train.adapter = Some(Adapter { rank: 3, ..Adapter::default() });
    config.start = Some(Start { run: own.name(), checkpoint: CheckpointChoice::Latest, project: None });
    let list = parameters(&config.model, &config.train).unwrap();
    let adapted = run_with(&project, &config, vec![0.01; ArenaLayout::from_parameters(&list).length]);
    let named = adapter.with_file_name("named");
    blocking::export_adapter(adapted.clone(), &named).unwrap();
    assert_eq!(settings(&named)["base_model_name_or_path"], "tiny-owl");
    assert_eq!(another_base(&own, &named).unwrap(), None);
    // A descendant of the base, and a run of unknown origin, get no warning.
    assert_eq!(another_base(&adapted, &named).unwrap(), None);
    assert_eq!(another_base(&run, &named).unwrap(), None);
    let said = another_base(&other, &named).unwrap().unwrap();
    assert!(said.contains("base is tiny-owl") && said.contains("comes from tiny-fox"), "{said}");
    // Only the last component is compared, because folders and URLs end in it.
    let mut own_settings = settings(&named);
    own_settings["base_model_name_or_path"] = "owls/Tiny-Fox/".into();
    std::fs::write(named.join("adapter_config.json"), own_settings.to_string()).unwrap();
    assert_eq!(another_base(&other, &named).unwrap(), None);
    assert!(another_base(&own, &named).unwrap().is_some());
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// Adds a tensor of an adapter.
fn with(module: &str) -> impl FnOnce(&mut Tensors) {
    let name = format!("base_model.model.model.{module}");
    |all| _ = all.insert(name, (vec![3, 24], vec![0; 4 * 3 * 24]))
}

#[test]
fn an_adapter_for_another_base_is_refused_by_what_does_not_fit() {
    type Damage = fn(&Path);
    const WEIGHTS: &str = "adapter_model.safetensors";
    let Apart { _folder, project, run, adapter, .. } = apart("llama-tiny");
    let (shallow, _, weights) = small("llama-tiny", |config| config.model.layers = 1);
    let shallow = run_with(&project, &shallow, weights);
    let (narrow, _, weights) = small("llama-tiny", |config| config.model.mlp.hidden = 40);
    let narrow = run_with(&project, &narrow, weights);
    let runs = project.runs().unwrap().len();
    let nothing: Damage = |_| {};
    let cases: [(&Run, Damage, &str); 10] = [
        (&shallow, nothing, "another base than 3-llama-tiny: 14 of its tensors belong to no linear layer"),
        (&narrow, nothing, "has A [3, 24] and B [52, 3], and the weight is [40, 24] here"),
        (
            &run,
            |folder| {
                rewrite_tensors(&folder.join(WEIGHTS), |all| {
                    all.remove("base_model.model.model.layers.1.mlp.up_proj.lora_B.weight").unwrap();
                });
            },
            "layers.1.mlp.up_proj.lora_A.weight has no counterpart",
        ),
        (
            &run,
            |folder| {
                rewrite_tensors(&folder.join(WEIGHTS), |all| {
                    let name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
                    all.get_mut(name).unwrap().1[..4].copy_from_slice(&f32::NAN.to_le_bytes());
                });
            },
            "weights of 1 of its modules are NaN or infinite, starting with model.layers.1.mlp.up_proj",
        ),
        (&run, |folder| rewrite_tensors(&folder.join(WEIGHTS), BTreeMap::clear), "it has no tensors"),
        (
            &run,
            |folder| rewrite_tensors(&folder.join(WEIGHTS), with("embed_tokens.lora_embedding_A")),
            "it adapts the embedding (base_model.model.model.embed_tokens.lora_embedding_A), which cannot be merged",
        ),
        (
            &run,
            |folder| rewrite_tensors(&folder.join(WEIGHTS), with("layers.0.mlp.experts.3.w1.lora_A.weight")),
            "it adapts experts (base_model.model.model.layers.0.mlp.experts.3.w1.lora_A.weight), which cannot be merged",
        ),
        (
            &run,
            |folder| std::fs::rename(folder.join(WEIGHTS), folder.join("adapter_model.bin")).unwrap(),
            "adapter_model.bin is pickled",
        ),
        (
            &run,
            |folder| {
                let path = folder.join("adapter_config.json");
                let settings = std::fs::read_to_string(&path).unwrap();
                std::fs::write(path, settings.replace("\"LORA\"", "\"IA3\"")).unwrap();
            },
            "peft_type is `IA3`",
        ),
        (
            &run,
            |folder| std::fs::remove_file(folder.join("adapter_config.json")).unwrap(),
            "it has no adapter_config.json",
        ),
    ];
    for (run, damage, said) in cases {
        let folder = tempfile::tempdir().unwrap();
        for file in [WEIGHTS, "adapter_config.json"] {
            std::fs::copy(adapter.join(file), folder.path().join(file)).unwrap();
        }
        damage(folder.path());
        let error = merge(&project, run, folder.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(project.runs().unwrap().len(), runs);
    let error = Found::look(&adapter, None).unwrap_err().to_string();
    assert!(error.contains("merge the adapter into that"), "{error}");
}
