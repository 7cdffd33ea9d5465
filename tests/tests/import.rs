//! Pretrained models are imported from Hugging Face folders: their logits equal those of transformers, and exporting them again
//! gives the same bits.

use crate::common::deviation;
use crate::export::{continues, our_logits, small, write};
use crate::gguf_models::furthest;
use glasshouse_engine::executor::Executor;
use glasshouse_engine::formats::Found;
use glasshouse_engine::formats::huggingface::{FAMILIES, export_trained};
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::{CheckpointChoice, FloatFormat, ModelConfig, RunConfig, TrainConfig};
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_engine::tokenizer::TokenizerFiles;
use glasshouse_engine::{Yielder, block_on};
use glasshouse_tests::{blocking, output_of, python};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The tensors of all safetensors files in a folder: name, type, shape and bytes.
fn tensors(folder: &Path) -> BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "safetensors") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            all.insert(name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()));
        }
    }
    all
}

#[test]
fn python_transformers_agrees_on_every_family_and_gets_it_back() {
    let folder = tempfile::tempdir().unwrap();
    output_of(python("make_families.py").arg(folder.path()));
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let (mut seen, mut types, mut gradients) = (BTreeSet::new(), BTreeSet::new(), 0);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let model = entry.unwrap().path();
        if !model.join("expected.json").is_file() {
            continue;
        }
        let name = model.file_name().unwrap().to_str().unwrap().to_owned();
        seen.insert(round_trip(&project, &model, &name));
        types.insert(read_json(&model.join("out/config.json"))["dtype"].as_str().unwrap().to_owned());
        if model.join("gradient").is_dir() {
            gradient_agrees(&model, &name);
            gradients += 1;
        }
    }
    assert_eq!(gradients, 2);
    assert!(types.iter().eq(["bfloat16", "float16", "float32"]), "{types:?}");
    let told = output_of(python("make_families.py").arg("--check").arg(folder.path()));
    let opened: BTreeMap<String, Value> = serde_json::from_slice(&told).unwrap();
    assert!(opened.len() > FAMILIES.len(), "{opened:?}");
    for (name, opened) in opened {
        let expected = read_json(&folder.path().join(&name).join("expected.json"));
        assert_eq!(opened["class"], expected["class"], "{name}");
        assert!(opened["worst"].as_f64().unwrap() < 1e-6, "{name}: {opened}");
    }
    for family in FAMILIES {
        assert!(seen.contains(family.model_type), "make_families.py makes no {}", family.model_type);
    }
}

/// The gradient of the loss, with the balancing loss of a router, against that of transformers.
fn gradient_agrees(folder: &Path, name: &str) {
    let (found, expected) =
        (Found::look(folder, None).unwrap(), Found::look(&folder.join("gradient"), None).unwrap());
    let ids: Vec<u32> =
        serde_json::from_value(read_json(&folder.join("expected.json"))["ids"].clone()).unwrap();
    let model = ModelConfig { context_length: ids.len() - 1, ..found.model.clone() };
    let train = TrainConfig { batch_size: 1, ..TrainConfig::default() };
    let graphs = training_graphs(&model, &train).unwrap();
    let opened = Executor::open_tuned("cpu", &graphs, Optimizer::new(&train), None, &Tuning::Default);
    let mut executor = block_on(opened).unwrap().executor;
    let state = ArenaState::from_weights(found.weights().unwrap());
    block_on(executor.set_state(&state)).unwrap();
    let (tokens, targets) = (ids[..ids.len() - 1].to_vec(), ids[1..].to_vec());
    let micro_batches = vec![MicroBatch { tokens, targets, ..MicroBatch::default() }];
    let (_, ours) =
        block_on(executor.gradients(&StepInput { step: 0, learning_rate: 0.0, micro_batches })).unwrap();
    let apart = deviation(&ours, &expected.weights().unwrap());
    assert!(apart < 5e-5, "{name}: gradients differ by {apart:.1e}");
    assert!(ours.iter().any(|entry| *entry != 0.0));
}

/// Imports a model and exports it again. Returns the `model_type` of its family.
fn round_trip(project: &Project, model: &Path, name: &str) -> &'static str {
    let expected = read_json(&model.join("expected.json"));
    let found = Found::look(model, None).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(expected["class"], found.family.class, "{name}");
    let notices = usize::from(name.ends_with("longrope"));
    let about_longrope = found.notices.iter().filter(|notice| notice.starts_with("LongRoPE")).count();
    assert_eq!((found.notices.len(), about_longrope), (notices, notices), "{name}: {:?}", found.notices);
    let run = blocking::import(project, &found, name).unwrap();

    let trained = blocking::load(run, &CheckpointChoice::Best).unwrap();
    for text in expected["texts"].as_array().unwrap() {
        let ids = trained.tokenizer.encode(text["text"].as_str().unwrap()).unwrap();
        assert_eq!(json!(ids), text["ids"], "{name}: {}", text["text"]);
    }
    let (worst, _) = furthest(&trained.config, &trained.parameters, &expected);
    assert!(worst < 2e-4, "{name}: logits differ by {worst}");

    let out = model.join("out");
    block_on(export_trained(&trained, None, &out, false, &Yielder::none())).unwrap();
    let (before, after) = (tensors(model), tensors(&out));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{name}");
    for (tensor, stored) in &before {
        assert!(after[tensor] == *stored, "{name}: {tensor} is not what it was");
    }
    let [config, written] = [model, &out].map(|folder| read_json(&folder.join("config.json")));
    assert_eq!([&written["dtype"], &written["torch_dtype"]], [&config["dtype"]; 2], "{name}");
    let [before, after] = [model, &out].map(|folder| read_json(&folder.join("generation_config.json")));
    assert_eq!(before, after, "{name}");
    let again = Found::look(&out, None).unwrap();
    assert_eq!(again.family.model_type, found.family.model_type);
    let without_training = |config: &glasshouse_engine::protocol::ModelConfig| {
        let mut config = config.clone();
        (config.dropout, config.init) = Default::default();
        config
    };
    assert_eq!(without_training(&again.model), without_training(&found.model), "{name}");
    let tokenizer = TokenizerFiles::read(&out).unwrap().tokenizer;
    assert_eq!(tokenizer.end_of_text(), trained.tokenizer.end_of_text(), "{name}");
    assert!(tokenizer.end_of_text().is_some(), "{name}");
    for text in expected["texts"].as_array().unwrap() {
        let ids = tokenizer.encode(text["text"].as_str().unwrap()).unwrap();
        assert_eq!(json!(ids), text["ids"], "{name}, written again: {}", text["text"]);
    }
    found.family.model_type
}

#[test]
fn slow_python_smollm2_is_imported_and_writes_what_transformers_writes() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("SmolLM2-135M-Instruct");
    output_of(python("make_smollm2.py").arg(&model));
    let expected = read_json(&model.join("expected.json"));
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let found = Found::look(&model, None).unwrap();
    assert!(found.notices[0].contains("from 8192 to 2048 tokens"), "{:?}", found.notices);
    assert_eq!(found.parameter_count(), 134_515_008);
    let run = blocking::import(&project, &found, "SmolLM2-135M-Instruct").unwrap();
    let trained = blocking::load(run, &CheckpointChoice::Best).unwrap();
    for text in expected["texts"].as_array().unwrap() {
        let ids = trained.tokenizer.encode(text["text"].as_str().unwrap()).unwrap();
        assert_eq!(json!(ids), text["ids"], "{}", text["text"]);
    }
    let (worst, largest) = furthest(&trained.config, &trained.parameters, &expected);
    println!("logits differ by {worst} of {largest}");
    assert!(worst < 2e-4, "logits differ by {worst} of {largest}");
    let ids = serde_json::from_value(expected["ids"].clone()).unwrap();
    let ids = continues(&trained.config, &trained.parameters, ids, &expected["greedy"], "SmolLM2");
    assert!(trained.tokenizer.decode(&ids).contains("Berlin"));
}

/// A folder that can be imported.
fn exported() -> (tempfile::TempDir, RunConfig) {
    let (config, tokenizer, arena) = small("llama-tiny", |config| config.model.tied_head = false);
    let folder = tempfile::tempdir().unwrap();
    write(&config, &tokenizer, &arena, folder.path());
    (folder, config)
}

/// Why a folder or a file cannot be imported.
pub fn refusal(place: &Path) -> String {
    match Found::look(place, None) {
        Err(error) => error.to_string(),
        Ok(found) => {
            let weights = found.weights();
            weights.map(|_| "it was taken".to_owned()).unwrap_or_else(|error| error.to_string())
        }
    }
}

/// Rewrites the folder's safetensors with changed tensors.
fn rewrite(folder: &Path, change: impl FnOnce(&mut BTreeMap<String, (Vec<usize>, Vec<u8>)>)) {
    rewrite_tensors(&folder.join("model.safetensors"), change);
}

/// Rewrites a safetensors file of floats with changed tensors.
pub fn rewrite_tensors(path: &Path, change: impl FnOnce(&mut BTreeMap<String, (Vec<usize>, Vec<u8>)>)) {
    let bytes = std::fs::read(path).unwrap();
    let views = SafeTensors::deserialize(&bytes).unwrap();
    let mut all: BTreeMap<_, _> = views
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut all);
    let views: HashMap<_, _> = all
        .iter()
        .map(|(name, (shape, bytes))| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()))
        .collect();
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn edit(folder: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let mut value = read_json(&folder.join(file));
    change(&mut value);
    std::fs::write(folder.join(file), value.to_string()).unwrap();
}

#[test]
fn folders_that_are_not_whole_are_refused_by_what_is_wrong() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 18] = [
        ("no config.json", |folder| std::fs::remove_file(folder.join("config.json")).unwrap()),
        ("no tokenizer.json", |folder| std::fs::remove_file(folder.join("tokenizer.json")).unwrap()),
        ("no model.safetensors and no", |folder| {
            std::fs::remove_file(folder.join("model.safetensors")).unwrap();
        }),
        ("pytorch_model.bin is pickled", |folder| {
            std::fs::rename(folder.join("model.safetensors"), folder.join("pytorch_model.bin")).unwrap();
        }),
        ("truncated", |folder| {
            let file = std::fs::File::options().write(true).open(folder.join("model.safetensors")).unwrap();
            file.set_len(file.metadata().unwrap().len() - 5).unwrap();
        }),
        ("a header of 18446744073709551615 bytes", |folder| {
            std::fs::write(folder.join("model.safetensors"), [255; 64]).unwrap();
        }),
        ("1 tensors are missing, starting with model.layers.1.mlp.up_proj.weight", |folder| {
            rewrite(folder, |all| drop(all.remove("model.layers.1.mlp.up_proj.weight")));
        }),
        ("starting with model.layers.0.mlp.secret.weight", |folder| {
            rewrite(folder, |all| {
                drop(all.insert("model.layers.0.mlp.secret.weight".into(), (vec![1], vec![0; 4])));
            });
        }),
        ("model.norm.weight is [12], but config.json says [24]", |folder| {
            rewrite(folder, |all| drop(all.insert("model.norm.weight".into(), (vec![12], vec![0; 48]))));
        }),
        ("2 weights are NaN or infinite, in 1 of its tensors, starting with model.norm.weight", |folder| {
            rewrite(folder, |all| {
                let (_, bytes) = all.get_mut("model.norm.weight").unwrap();
                bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
                bytes[8..12].copy_from_slice(&f32::INFINITY.to_le_bytes());
            });
        }),
        (
            "model_type is `mamba`, which needs recurrent layers; these can be imported: gpt2, llama",
            |folder| {
                edit(folder, "config.json", |config| config["model_type"] = json!("mamba"));
            },
        ),
        ("quantised weights cannot be imported", |folder| {
            edit(folder, "config.json", |config| config["quantization_config"] = json!({ "bits": 4 }));
        }),
        ("hidden_size", |folder| {
            edit(folder, "config.json", |config| drop(config.as_object_mut().unwrap().remove("hidden_size")));
        }),
        ("model.vocabulary", |folder| edit(folder, "config.json", |config| config["vocab_size"] = json!(0))),
        ("but config.json says", |folder| {
            edit(folder, "config.json", |config| config["intermediate_size"] = json!(51));
        }),
        ("tensors are missing", |folder| {
            edit(folder, "config.json", |config| config["num_hidden_layers"] = json!(3));
        }),
        ("one of them belongs to another model", |folder| {
            edit(folder, "config.json", |config| config["vocab_size"] = json!(299));
            rewrite(folder, |all| {
                for name in ["model.embed_tokens.weight", "lm_head.weight"] {
                    let (shape, bytes) = all.get_mut(name).unwrap();
                    shape[0] = 299;
                    bytes.truncate(299 * 24 * 4);
                }
            });
        }),
        ("cannot be read", |folder| std::fs::write(folder.join("config.json"), "{\"model_type\": ").unwrap()),
    ];
    for (expected, damage) in cases {
        let (folder, _) = exported();
        damage(folder.path());
        let error = refusal(folder.path());
        assert!(error.contains(expected), "{expected}: {error}");
        // Each error says what to do.
        let steps = [
            "; get ",
            "; choose ",
            "; use ",
            ": convert it ",
            "` writes it",
            "these can be imported",
            "must be",
        ];
        assert!(steps.iter().any(|step| error.contains(step)), "{error}");
    }
    assert!(refusal(Path::new("/dev/null")).contains("it is neither a folder nor a GGUF file"));
}

#[test]
fn shards_are_found_by_their_index_and_missed_by_name() {
    let (folder, _) = exported();
    let path = folder.path();
    let whole = std::fs::read(path.join("model.safetensors")).unwrap();
    let names =
        SafeTensors::deserialize(&whole).unwrap().names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let keep = |half: bool| {
        rewrite(path, |all| all.retain(|name, _| (name.len().is_multiple_of(2)) == half));
        std::fs::read(path.join("model.safetensors")).unwrap()
    };
    let even = keep(true);
    std::fs::write(path.join("model.safetensors"), &whole).unwrap();
    let odd = keep(false);
    std::fs::remove_file(path.join("model.safetensors")).unwrap();
    std::fs::write(path.join("even.safetensors"), even).unwrap();
    std::fs::write(path.join("odd.safetensors"), odd).unwrap();
    let shard =
        |name: &String| if name.len().is_multiple_of(2) { "even.safetensors" } else { "odd.safetensors" };
    let map: BTreeMap<&String, &str> = names.iter().map(|name| (name, shard(name))).collect();
    let index = path.join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    assert_eq!(refusal(path), "it was taken");

    std::fs::remove_file(path.join("odd.safetensors")).unwrap();
    assert!(refusal(path).contains("1 of its 2 shards are missing: odd.safetensors"), "{}", refusal(path));
    std::fs::write(&index, json!({ "weight_map": { "model.norm.weight": "../secret" } }).to_string())
        .unwrap();
    assert!(refusal(path).contains("is not the name of a safetensors file next to it"), "{}", refusal(path));
    std::fs::write(&index, json!({ "weight_map": { "model.norm.wait": "even.safetensors" } }).to_string())
        .unwrap();
    assert!(refusal(path).contains("model.norm.wait is not in even.safetensors"), "{}", refusal(path));
    // A shard without the index file.
    std::fs::remove_file(&index).unwrap();
    std::fs::rename(path.join("even.safetensors"), path.join("model-00001-of-00002.safetensors")).unwrap();
    let said = refusal(path);
    assert!(said.contains("it has the part model-00001-of-00002.safetensors, but no"), "{said}");
}

#[test]
fn masks_that_older_versions_stored_are_passed_over() {
    let (config, tokenizer, arena) = small("gpt2-124m", |_| {});
    let folder = tempfile::tempdir().unwrap();
    write(&config, &tokenizer, &arena, folder.path());
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let views = SafeTensors::deserialize(&bytes).unwrap();
    let store = |name: &str, dtype: Dtype| {
        let mask = TensorView::new(dtype, vec![1, 1, 32, 32], &[1; 1024]).unwrap();
        let all = views.iter().map(|(name, view)| (name.to_owned(), view));
        let all: HashMap<_, _> = all.chain([(name.to_owned(), mask)]).collect();
        std::fs::write(&path, safetensors::serialize(all, None).unwrap()).unwrap();
    };
    for dtype in [Dtype::BOOL, Dtype::U8] {
        store("transformer.h.0.attn.bias", dtype);
        assert_eq!(Found::look(folder.path(), None).unwrap().weights().unwrap(), arena);
    }
    // Any other such tensor is reported as unused.
    store("transformer.h.0.attn.secret", Dtype::U8);
    assert!(
        refusal(folder.path()).contains("starting with transformer.h.0.attn.secret"),
        "{}",
        refusal(folder.path())
    );
}

/// The end-of-text ids come from `generation_config.json`, or else from `config.json`, and are exported again.
#[test]
fn every_id_that_ends_a_text_is_kept_and_given_back() {
    let (folder, _) = exported();
    let path = folder.path();
    let end = TokenizerFiles::read(path).unwrap().tokenizer.end_of_text().unwrap();
    let project = Project::open_or_create(&path.join("project")).unwrap();
    let round = |name: &str| {
        let run = blocking::import(&project, &Found::look(path, None).unwrap(), name).unwrap();
        let trained = blocking::load(run, &CheckpointChoice::Best).unwrap();
        let out = path.join(name);
        block_on(export_trained(&trained, None, &out, false, &Yielder::none())).unwrap();
        (
            trained.tokenizer.ends(),
            read_json(&out.join("generation_config.json")),
            read_json(&out.join("config.json")),
        )
    };
    let file = json!({ "eos_token_id": [5, end, 7], "temperature": 0.6, "do_sample": true });
    std::fs::write(path.join("generation_config.json"), file.to_string()).unwrap();
    edit(path, "config.json", |config| config["eos_token_id"] = json!(9));
    let (ends, generation, config) = round("file");
    assert_eq!((ends, &generation, &config["eos_token_id"]), (vec![end, 5, 7], &file, &file["eos_token_id"]));

    std::fs::remove_file(path.join("generation_config.json")).unwrap();
    edit(path, "config.json", |config| {
        config["bos_token_id"] = json!(3);
        config["eos_token_id"] = json!([9, end]);
    });
    let (ends, generation, _) = round("list");
    assert_eq!(ends, [end, 9]);
    assert_eq!(generation, json!({ "bos_token_id": 3, "eos_token_id": [9, end] }));
}

#[test]
fn a_head_that_is_not_the_embedding_is_untied_whatever_is_said() {
    let (folder, config) = exported();
    let path = folder.path();
    let whole = Found::look(path, None).unwrap().weights().unwrap();
    edit(path, "config.json", |config| config["tie_word_embeddings"] = json!(true));
    let found = Found::look(path, None).unwrap();
    assert!(!found.model.tied_head);
    assert!(found.notices[0].contains("lm_head.weight is not the embedding"), "{:?}", found.notices);
    assert_eq!(found.weights().unwrap(), whole);
    let short = RunConfig { model: found.model.clone(), ..config.clone() };
    assert_eq!(our_logits(&short, &whole, &[3, 1, 4]), our_logits(&config, &whole, &[3, 1, 4]));
    // A head equal to the embedding is tied.
    rewrite(path, |all| {
        let embedding = all["model.embed_tokens.weight"].clone();
        all.insert("lm_head.weight".to_owned(), embedding);
    });
    let found = Found::look(path, None).unwrap();
    assert!(found.model.tied_head && found.notices.is_empty(), "{:?}", found.notices);
    // One of the last rows differs.
    rewrite(path, |all| {
        let (_, bytes) = all.get_mut("lm_head.weight").unwrap();
        let at = bytes.len() - 1;
        bytes[at] ^= 0x40;
    });
    assert!(!Found::look(path, None).unwrap().model.tied_head);
}

#[test]
fn fields_that_may_change_results_are_refused_and_others_are_not() {
    let (folder, _) = exported();
    let path = folder.path();
    let plain = std::fs::read(path.join("config.json")).unwrap();
    for (name, value, is_known) in [
        ("logits_scaling", json!(8.0), false),
        ("final_logit_softcapping", json!(30.0), false),
        ("final_logit_softcapping", Value::Null, true),
        ("attention_sinks", json!(true), false),
        ("is_causal", json!(false), false),
        ("is_causal", json!(true), true),
        ("is_encoder_decoder", json!(false), true),
        ("pruned_heads", json!({}), true),
        ("pruned_heads", json!({ "0": [1] }), false),
        ("layer_types", json!(["full_attention", "full_attention"]), true),
        ("layer_types", json!(["full_attention", "sliding_attention"]), false),
        ("top_p", json!(0.9), true),
    ] {
        std::fs::write(path.join("config.json"), &plain).unwrap();
        edit(path, "config.json", |config| config[name] = value.clone());
        let said = refusal(path);
        assert_eq!(said == "it was taken", is_known, "{name} {value}: {said}");
        assert!(is_known || said.contains(name), "{said}");
    }
}

/// A padding token that was added to the tokenizer but not to the model, as in Gemma 3 and fine-tuned Llamas.
#[test]
fn an_added_token_without_a_row_is_text() {
    let (folder, _) = exported();
    let path = folder.path();
    let files = TokenizerFiles::read(path).unwrap();
    let rows = files.tokenizer.vocabulary_size();
    files
        .tokenizer
        .with_special_tokens(&["[PAD]".to_owned()])
        .unwrap()
        .save(&path.join("tokenizer.json"))
        .unwrap();
    edit(path, "tokenizer_config.json", |settings| settings["pad_token"] = json!("[PAD]"));
    let found = Found::look(path, None).unwrap();
    assert!(found.notices[0].contains("[PAD]"), "{:?}", found.notices);
    assert_eq!(found.tokenizer.tokenizer.vocabulary_size(), rows);
    assert_eq!(found.tokenizer.tokenizer.end_of_text(), files.tokenizer.end_of_text());
    // transformers adds it again by its name.
    assert_eq!(found.tokenizer.settings["pad_token"], "[PAD]");
}

#[test]
fn of_a_model_of_several_parts_the_one_that_writes_is_imported() {
    let (folder, _) = exported();
    let path = folder.path();
    let whole = Found::look(path, None).unwrap();
    let weights = whole.weights().unwrap();
    let config = read_json(&path.join("config.json"));
    for (of_blocks, of_head) in
        [("model.language_model.", "lm_head."), ("language_model.model.", "language_model.lm_head.")]
    {
        rewrite(path, |all| {
            *all = std::mem::take(all)
                .into_iter()
                .filter(|(name, _)| !name.contains("vision"))
                .map(|(name, tensor)| {
                    let name = ["model.language_model.", "language_model.model.", "model."]
                        .into_iter()
                        .find_map(|prefix| Some(format!("{of_blocks}{}", name.strip_prefix(prefix)?)))
                        .unwrap_or_else(|| format!("{of_head}weight"));
                    (name, tensor)
                })
                .collect();
            all.insert("model.vision_tower.patch.weight".to_owned(), (vec![1], vec![0; 4]));
        });
        let parts =
            json!({ "model_type": "llava", "text_config": config, "vision_config": {}, "image_token_id": 3 });
        std::fs::write(path.join("config.json"), parts.to_string()).unwrap();
        let found = Found::look(path, None).unwrap();
        assert_eq!((found.family.model_type, found.model.clone()), ("llama", whole.model.clone()));
        assert_eq!(found.weights().unwrap(), weights);
        assert!(found.notices[0].contains("llava is a model of several parts"), "{:?}", found.notices);
    }
    edit(path, "config.json", |config| config["text_config"]["model_type"] = json!("mamba"));
    let said = refusal(path);
    assert!(
        said.contains(
            "`mamba` in the text part of llava, which needs recurrent layers; these can be imported"
        ),
        "{said}"
    );
}

#[test]
fn a_context_that_was_shortened_is_whole_again_in_an_export() {
    let (folder, _) = exported();
    let path = folder.path();
    edit(path, "tokenizer_config.json", |settings| settings["model_max_length"] = json!(32));
    let project = Project::open_or_create(&path.join("project")).unwrap();
    let run = blocking::import(&project, &Found::look(path, Some(8)).unwrap(), "short").unwrap();
    let trained = blocking::load(run, &CheckpointChoice::Best).unwrap();
    assert_eq!(trained.config.model.context_length, 8);
    let out = path.join("out");
    block_on(export_trained(&trained, None, &out, false, &Yielder::none())).unwrap();
    assert_eq!(read_json(&out.join("config.json"))["max_position_embeddings"], 32);
    assert_eq!(read_json(&out.join("tokenizer_config.json"))["model_max_length"], 32);
    assert_eq!(Found::look(&out, None).unwrap().weights().unwrap(), trained.parameters);
}

#[test]
fn folders_have_the_chosen_precision_or_that_of_the_imported_model() {
    let (folder, _) = exported();
    let path = folder.path();
    let project = Project::open_or_create(&path.join("project")).unwrap();
    let import = |from: &Path, name: &str| {
        let run = blocking::import(&project, &Found::look(from, None).unwrap(), name).unwrap();
        blocking::load(run, &CheckpointChoice::Best).unwrap()
    };
    let export = |trained: &_, precision, name: &str| {
        let out = path.join(name);
        block_on(export_trained(trained, precision, &out, false, &Yielder::none())).map(|_| out)
    };
    let mut trained = import(path, "whole");
    for (format, dtype) in
        [(FloatFormat::F32, "float32"), (FloatFormat::F16, "float16"), (FloatFormat::Bf16, "bfloat16")]
    {
        let out = export(&trained, Some(format), format.name()).unwrap();
        assert_eq!(read_json(&out.join("config.json"))["dtype"], dtype);
        let rounded = import(&out, format.name());
        let expected = trained.parameters.iter().map(|weight| match format {
            FloatFormat::F32 => *weight,
            FloatFormat::F16 => half::f16::from_f32(*weight).to_f32(),
            FloatFormat::Bf16 => half::bf16::from_f32(*weight).to_f32(),
        });
        assert!(expected.eq(rounded.parameters.iter().copied()), "{format}");
        let again = export(&rounded, None, &format!("{format}-again")).unwrap();
        let [bytes, others] =
            [&out, &again].map(|folder| std::fs::read(folder.join("model.safetensors")).unwrap());
        assert!(bytes == others, "{format}");
    }
    trained.parameters[5] = 1e5;
    let error = export(&trained, Some(FloatFormat::F16), "large").unwrap_err().to_string();
    assert!(
        error.contains("holds 100000, which is outside the range of f16; export it with another"),
        "{error}"
    );
    assert!(!path.join("large").exists());
    export(&trained, Some(FloatFormat::Bf16), "large").unwrap();
}

#[test]
fn a_context_is_shortened_and_never_lengthened() {
    let (folder, config) = exported();
    let found = Found::look(folder.path(), Some(8)).unwrap();
    assert_eq!(found.model.context_length, 8);
    assert!(found.notices[0].contains("from 32 to 8 tokens"), "{:?}", found.notices);
    let error = Found::look(folder.path(), Some(33)).unwrap_err().to_string();
    assert!(error.contains("can only be shortened"), "{error}");
    assert_eq!(config.model.context_length, 32);

    // Learned positions are a weight, which is truncated.
    let (config, tokenizer, arena) = small("gpt2-124m", |_| {});
    let folder = tempfile::tempdir().unwrap();
    write(&config, &tokenizer, &arena, folder.path());
    let found = Found::look(folder.path(), Some(5)).unwrap();
    let weights = found.weights().unwrap();
    let short = RunConfig { model: found.model.clone(), ..config.clone() };
    let ids = [3, 1, 4, 1, 5];
    assert_eq!(our_logits(&short, &weights, &ids), our_logits(&config, &arena, &ids));
}
