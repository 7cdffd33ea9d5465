use super::*;
use crate::tensors::tests::covers;
use glasshouse_protocol::model::Experts;
use glasshouse_protocol::{
    Activation, Gate, Mlp, NormConfig, NormKind, NormPlacement, Position, Residual, Rope, RopeScaling,
    presets,
};

/// A small model of each architecture with its specific features.
fn examples() -> Vec<(&'static str, ModelConfig)> {
    let gpt = presets::gpt(29, 16, 2, 3, 24);
    let gpt2 = ModelConfig {
        bias: true.into(),
        norm: NormConfig { bias: true, ..gpt.norm.clone() },
        mlp: Mlp { activation: Activation::GeluTanh, ..gpt.mlp },
        tied_head: false,
        ..gpt.clone()
    };
    let llama = ModelConfig {
        kv_heads: 1,
        head_size: 10,
        norm: NormConfig { kind: NormKind::Rms, eps: 1e-6, ..gpt.norm.clone() },
        position: Position::Rope(Rope::new(5e5)),
        mlp: Mlp { hidden: 40, activation: Activation::default(), gate: Gate::Swiglu },
        ..gpt
    };
    let experts = Experts { count: 3, per_token: 2, ..Experts::default() };
    let scaled = Rope { scaling: Some(RopeScaling::Linear { factor: 2.5 }), ..Rope::new(1e4) };
    vec![
        ("gpt2", gpt2),
        ("llama", llama.clone()),
        ("llama", ModelConfig { bias: true.into(), tied_head: false, ..llama.clone() }),
        ("llama", ModelConfig { position: Position::Rope(scaled), ..llama.clone() }),
        ("qwen3", ModelConfig { qk_norm: true, ..llama.clone() }),
        ("llama", ModelConfig { experts, ..llama.clone() }),
        ("qwen3moe", ModelConfig { experts, qk_norm: true, ..llama.clone() }),
        ("llama", ModelConfig { position: Position::Rope(yarn()), ..llama.clone() }),
        ("qwen2", ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..llama.clone() }),
        ("phi3", ModelConfig { head_size: 8, position: Position::Rope(longrope()), ..llama.clone() }),
        (
            "granite",
            ModelConfig {
                embedding_scale: 12.0,
                attention_scale: Some(0.25),
                residual_scale: 0.5,
                logit_divisor: 8.0,
                ..llama.clone()
            },
        ),
        (
            "olmo2",
            ModelConfig {
                head_size: 8,
                qk_norm: true,
                qk_norm_whole: true,
                norm: NormConfig { placement: NormPlacement::Output, ..llama.norm.clone() },
                tied_head: false,
                ..llama.clone()
            },
        ),
        (
            "gemma",
            ModelConfig {
                embedding_scale: 24_f32.sqrt(),
                norm: NormConfig { add_unit_offset: true, ..llama.norm.clone() },
                mlp: Mlp { gate: Gate::Geglu, ..llama.mlp },
                ..llama.clone()
            },
        ),
        ("gemma2", gemma2(llama.clone())),
        ("gemma3", gemma3(llama)),
    ]
}

fn yarn() -> Rope {
    let scaling = RopeScaling::Yarn {
        factor: 4.0,
        original_context_length: 8,
        attention_factor: None,
        beta_fast: 16.0,
        beta_slow: 1.0,
        truncate: true,
    };
    Rope { scaling: Some(scaling), ..Rope::new(1e4) }
}

/// LongRoPE on 4 channels.
fn longrope() -> Rope {
    let scaling = RopeScaling::Longrope {
        short_factor: vec![1.0, 1.5],
        long_factor: vec![2.0, 4.0],
        original_context_length: 8,
        attention_factor: None,
    };
    Rope { channels: Some(4), scaling: Some(scaling), ..Rope::new(1e4) }
}

fn gemma2(llama: ModelConfig) -> ModelConfig {
    let norm = NormConfig { placement: NormPlacement::Sandwich, add_unit_offset: true, ..llama.norm };
    ModelConfig {
        layers: 7,
        embedding_scale: 24_f32.sqrt(),
        attention_softcap: Some(5.0),
        logit_softcap: Some(30.0),
        sliding_window: Some(5),
        full_attention: vec![1, 3, 5],
        norm,
        mlp: Mlp { gate: Gate::Geglu, ..llama.mlp },
        ..llama
    }
}

fn gemma3(llama: ModelConfig) -> ModelConfig {
    let rope = Rope { local_base: Some(100.0), ..Rope::new(1e6) };
    ModelConfig {
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: true,
        full_attention: vec![5],
        position: Position::Rope(rope),
        ..gemma2(llama)
    }
}

#[test]
fn a_gemma_2_without_a_window_of_its_own_has_one_as_long_as_its_context() {
    let (_, llama) = examples().swap_remove(1);
    let model = ModelConfig { sliding_window: None, full_attention: Vec::new(), ..gemma2(llama) };
    let architecture = Architecture::named("gemma2").unwrap();
    assert_eq!(architecture.lacks(&model).unwrap(), Vec::<String>::new());
    let mut metadata = Metadata::new();
    architecture.write(&model, &mut metadata).unwrap();
    assert_eq!(metadata.count("gemma2.attention.sliding_window").unwrap(), Some(16));
    // llama.cpp always caps, and has no head of its own.
    for (model, named) in [
        (ModelConfig { attention_softcap: None, ..model.clone() }, "model.attention_softcap = none"),
        (ModelConfig { tied_head: false, ..model }, "model.tied_head = false"),
    ] {
        assert_eq!(architecture.lacks(&model).unwrap(), [named]);
    }
}

#[test]
fn every_architecture_reads_what_it_writes() {
    for (name, model) in examples() {
        let architecture = Architecture::named(name).unwrap();
        assert_eq!(architecture.lacks(&model).unwrap(), Vec::<String>::new(), "{name}");
        let class = architecture.family(&model).unwrap().model_type;
        assert_eq!(Architecture::for_model(&model, Some(class)).unwrap().0.name, name);
        if class != "mixtral" {
            assert_eq!(class.trim_end_matches("_text").replace('_', ""), name);
        }
        // If the wished architecture does not fit, another one is chosen.
        let other = if name == "gpt2" { "llama" } else { "gpt2" };
        let (found, becomes) = Architecture::for_model(&model, Some(other)).unwrap();
        assert_eq!(found.lacks(&model).unwrap(), Vec::<String>::new(), "{name}");
        assert_eq!(becomes, None);
    }
    let (_, plain) = &examples()[0];
    assert_eq!(Architecture::for_model(plain, None).unwrap().0.name, "gpt2");
    let (_, normed) = &examples()[4];
    assert_eq!(Architecture::for_model(normed, None).unwrap().0.name, "qwen3");
}

#[test]
fn every_tensor_is_a_place_of_its_own_and_goes_both_ways() {
    for (name, model) in examples() {
        let architecture = Architecture::named(name).unwrap();
        let parameters = Parameters::new(&model).unwrap();
        let tensors = architecture.tensors(&model, &parameters);
        covers(&parameters, &tensors).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let arena: Vec<f32> = (0..parameters.count()).map(|at| at as f32).collect();
        let mut back = vec![-1.0; arena.len()];
        for tensor in &tensors {
            let entries = tensor.gather(&parameters, &arena).unwrap();
            for (number, entries) in entries.chunks(2 * tensor.columns()).enumerate() {
                tensor.scatter(&parameters, &mut back, 2 * number, entries).unwrap();
            }
        }
        for tensor in &tensors {
            let (one, other) = (tensor.gather(&parameters, &arena), tensor.gather(&parameters, &back));
            assert_eq!(one.unwrap(), other.unwrap(), "{name} {}", tensor.name);
        }
    }
}

#[test]
fn queries_and_keys_of_llama_are_stored_as_the_converter_permutes_them() {
    let (_, model) = &examples()[1];
    let parameters = Parameters::new(model).unwrap();
    let tensors = Architecture::named("llama").unwrap().tensors(model, &parameters);
    let arena: Vec<f32> = (0..parameters.count()).map(|at| at as f32).collect();
    let entries = |name: &str| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        tensor.gather(&parameters, &arena).unwrap()
    };
    let halves = Architecture::named("qwen2").unwrap().tensors(model, &parameters);
    let (columns, size) = (model.width, model.head_size);
    for (name, heads) in [("blk.1.attn_q.weight", 3), ("blk.1.attn_k.weight", 1), ("blk.1.attn_v.weight", 1)]
    {
        let tensor = halves.iter().find(|tensor| tensor.name == name).unwrap();
        let ours = tensor.gather(&parameters, &arena).unwrap();
        let theirs = entries(name);
        // weights.reshape(heads, 2, size // 2, columns).swapaxes(1, 2).reshape(weights.shape)
        for head in 0..heads {
            for (half, pair) in (0..2).flat_map(|half| (0..size / 2).map(move |pair| (half, pair))) {
                let from = (head * size + half * (size / 2) + pair) * columns;
                let to =
                    if name.contains("attn_v") { from } else { (head * size + 2 * pair + half) * columns };
                assert_eq!(
                    ours[from..from + columns],
                    theirs[to..to + columns],
                    "{name} {head} {half} {pair}"
                );
            }
        }
    }
}

#[test]
fn factors_of_angles_come_back_as_the_formula_that_made_them() {
    let (_, llama) = &examples()[1];
    let of = |head_size, base, factor, original_context_length| {
        let scaling = RopeScaling::Llama3 {
            factor,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_context_length,
        };
        let rope = Rope { scaling: Some(scaling), ..Rope::new(base) };
        ModelConfig { head_size, position: Position::Rope(rope), ..llama.clone() }
    };
    let architecture = Architecture::named("llama").unwrap();
    let slower = |model: &ModelConfig| architecture.divisors(model).remove(0).1;
    // Llama 3.1 and 3.2, and a toy model.
    for model in [of(128, 5e5, 8.0, 8192), of(64, 5e5, 32.0, 8192), of(8, 1e4, 8.0, 32)] {
        let factors = slower(&model);
        assert_eq!((factors.len(), factors[0]), (model.head_size / 2, 1.0));
        assert!(factors.windows(2).all(|pair| pair[0] <= pair[1]), "{factors:?}");
        assert_eq!(architecture.lacks(&model).unwrap(), Vec::<String>::new());
        // Qwen's have no such tensor.
        let lacks = Architecture::named("qwen3").unwrap().lacks(&model).unwrap();
        assert!(lacks.contains(&"model.position.scaling = llama3".to_owned()), "{lacks:?}");
    }
    // The published files do not store the original context length.
    let model = of(128, 5e5, 8.0, 8192);
    let found = llama::llama3(5e5, 128, &slower(&model), None);
    let mut other = slower(&model);
    let Position::Rope(Rope { scaling, .. }) = model.position else { panic!("no rotary positions") };
    assert_eq!(found, scaling);
    other[40] *= 1.01;
    assert_eq!(llama::llama3(5e5, 128, &other, None), None);
}

#[test]
fn what_no_architecture_has_is_named() {
    let (_, llama) = examples().swap_remove(1);
    let (_, gpt2) = examples().swap_remove(0);
    let refused = |model: ModelConfig| Architecture::for_model(&model, None).unwrap_err().to_string();
    let partial = Position::Rope(Rope { channels: Some(4), ..Rope::new(1e4) });
    for (model, named) in [
        (
            ModelConfig { logit_softcap: Some(30.0), ..llama.clone() },
            "the nearest, llama, has no model.logit_softcap = 30;",
        ),
        (ModelConfig { position: partial, ..llama.clone() }, "model.position.channels = 4"),
        (ModelConfig { residual: Residual::Parallel, ..llama.clone() }, "model.residual = parallel"),
        (ModelConfig { sliding_window: Some(4), ..llama.clone() }, "model.sliding_window = 4"),
        (
            ModelConfig { mlp: Mlp { gate: Gate::Geglu, ..llama.mlp }, ..llama.clone() },
            "model.mlp.gate = geglu",
        ),
        (
            ModelConfig { mlp: Mlp { activation: Activation::ReluSquared, ..gpt2.mlp }, ..gpt2.clone() },
            "the nearest, gpt2, has no model.mlp.activation = relu_squared",
        ),
        (ModelConfig { qk_norm: true, ..gpt2.clone() }, "the nearest, gpt2, has no model.qk_norm = true"),
        (ModelConfig { position: Position::None, ..gpt2.clone() }, "model.position.kind = none"),
    ] {
        let error = refused(model);
        assert!(error.contains(named), "{named}: {error}");
    }
    // For an imported model, the error is about its own architecture.
    let (_, qwen3) = examples().into_iter().find(|(name, _)| *name == "qwen3").unwrap();
    let model = ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, width: 30, heads: 4, ..qwen3 };
    let error = Architecture::for_model(&model, Some("qwen3")).unwrap_err().to_string();
    assert!(error.contains("the nearest, qwen3, has no model.bias.qkv = true;"), "{error}");
    let error = Architecture::for_model(&model, None).unwrap_err().to_string();
    assert!(error.contains("the nearest, llama, has no model.qk_norm = true;"), "{error}");
    // Exact GELU is written as the close approximation that llama.cpp computes.
    let exact = ModelConfig { mlp: Mlp { activation: Activation::GeluExact, ..gpt2.mlp }, ..gpt2 };
    let (architecture, becomes) = Architecture::for_model(&exact, None).unwrap();
    assert_eq!(architecture.name, "gpt2");
    assert!(becomes.unwrap().contains("gelu_exact becomes gelu_tanh"));
}
