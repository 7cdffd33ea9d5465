//! Every variant of every kernel is used by some model on some device.

use super::{Cooperative, Side, Target, Tier};
use crate::model::{Dictionary, HookPoint, dictionary_graphs, training_graphs};
use crate::optimizer::Optimizer;
use crate::plan::arena::ArenaLayout;
use crate::plan::decode::DecodePlans;
use crate::plan::fuse::{Fusions, fused};
use crate::plan::{Dispatch, compile, trial, update};
use glasshouse_protocol::config::PreferenceLoss;
use glasshouse_protocol::{
    Activation, Adapter, AdapterKind, Gate, ModelConfig, NormKind, NormPlacement, Objective, OptimizerKind,
    Precision, RunConfig, TrainConfig, WeightFormat, presets,
};
use glasshouse_shaders::KERNELS;
use std::collections::BTreeSet;

/// Kernels outside of plans: they end a token, start a step, or are only measured.
const OUTSIDE: [&str; 5] = [
    "advance",
    "decode_feed",
    // Taken where a search on the device chose slices.
    "linear_input_backward_tiled:small,left1,half,partial",
    "peak_flops",
    "sample",
];

/// Small models and runs of all kinds.
fn configs() -> Vec<RunConfig> {
    let mut all = Vec::new();
    // Channels, hidden channels, head size, heads, vocabulary; odd sizes for scalar variants.
    let sizes = [
        (64, 128, 32, 2, 64),
        (48, 96, 8, 6, 65),
        (96, 160, 48, 2, 65),
        (64, 64, 64, 1, 64),
        (128, 128, 128, 1, 128),
        (48, 52, 12, 4, 37),
        (10, 14, 5, 2, 11),
        (10, 16, 5, 2, 11),
        (9, 14, 6, 2, 11),
        (8, 18, 8, 1, 10),
        (20, 14, 5, 4, 300),
        (12, 10, 12, 1, 9),
        (160, 96, 160, 1, 96),
    ];
    let kinds = [
        ("nanogpt-cpu", Activation::GeluExact, Gate::None),
        ("nanogpt-cpu", Activation::GeluTanh, Gate::None),
        ("nanogpt-cpu", Activation::Relu, Gate::None),
        ("nanogpt-cpu", Activation::ReluSquared, Gate::None),
        ("nanogpt-cpu", Activation::Silu, Gate::None),
        ("stories-260k", Activation::Silu, Gate::Swiglu),
        ("stories-260k", Activation::Silu, Gate::Geglu),
    ];
    for (width, hidden, head_size, heads, vocabulary) in sizes {
        for (preset, activation, gate) in kinds {
            // Rotary positions need pairs of channels.
            if preset == "stories-260k" && head_size % 2 == 1 {
                continue;
            }
            for (bias, dropout) in [(false, 0.0), (true, 0.0), (false, 0.1), (true, 0.1)] {
                let mut config = presets::preset(preset).unwrap();
                let model = &mut config.model;
                (model.width, model.head_size, model.vocabulary) = (width, head_size, vocabulary);
                // Few rows and positions for the variants of short columns and caches.
                let context_length = if activation == Activation::ReluSquared { 16 } else { 301 };
                (model.heads, model.kv_heads, model.layers) = (heads, heads, 2);
                model.context_length = context_length;
                (model.mlp.hidden, model.mlp.activation, model.mlp.gate) = (hidden, activation, gate);
                model.bias = bias.into();
                (model.dropout.embedding, model.dropout.attention, model.dropout.residual) =
                    (dropout, dropout, dropout);
                model.norm.bias = bias && model.norm.kind == NormKind::Layer;
                model.qk_norm = bias;
                model.embedding_scale = if bias { 2.0 } else { 1.0 };
                if bias && dropout > 0.0 {
                    model.norm.placement = NormPlacement::Post;
                }
                // An odd number of rows for scalar variants, whole matrices of 16 for the others.
                config.train.batch_size = if width % 16 == 0 { 16 } else { 1 };
                config.train.optimizer = match activation {
                    Activation::Relu => OptimizerKind::Sgd,
                    Activation::Silu => OptimizerKind::Rmsprop,
                    Activation::GeluTanh => OptimizerKind::Muon,
                    _ => OptimizerKind::Adamw,
                };
                all.push(config);
            }
        }
    }
    let gated = all.iter().find(|config| config.model.mlp.gate == Gate::Swiglu && !config.model.bias.any());
    let mut experts = gated.cloned().unwrap();
    let mut adapted = experts.clone();
    experts.model.experts.count = 4;
    all.push(experts);
    adapted.train.adapter = Some(Adapter { kind: AdapterKind::Dora, ..Adapter::default() });
    all.push(adapted);
    all
}

/// A device of every kind, and the strategy to force where possible.
fn devices() -> Vec<(Target, Option<Tier>)> {
    let gpu = Target::new(false).with_subgroups(true);
    let with = |floats, f16s| gpu.clone().with_cooperative(Cooperative { floats, f16s });
    let (eight, sixteen) = (Some(Side::Eight), Some(Side::Sixteen));
    vec![
        (gpu.clone(), None),
        (gpu.clone(), Some(Tier::Tiled)),
        (gpu.clone(), Some(Tier::Subgroup)),
        (with(eight, eight), Some(Tier::Cooperative)),
        (with(sixteen, sixteen), Some(Tier::Cooperative)),
    ]
}

#[test]
fn every_variant_is_one_that_a_model_takes() {
    let mut reached = BTreeSet::new();
    let mut take =
        |dispatches: &[Dispatch]| reached.extend(dispatches.iter().map(|dispatch| dispatch.kernel.name));
    let devices = devices();
    for config in configs() {
        for precision in [Precision::F32, Precision::Mixed] {
            let mut train = config.train.clone();
            train.precision = precision;
            let graphs = training_graphs(&config.model, &train).unwrap();
            // Rows with several documents; only attention differs.
            if config.model.mlp.activation == Activation::GeluExact && !config.model.qk_norm {
                let train = TrainConfig { document_mask: true, ..train.clone() };
                for (device, _) in &devices {
                    let graphs = training_graphs(&config.model, &train).unwrap();
                    take(&compile(graphs.train, &[graphs.train_loss], device).unwrap().dispatches);
                }
            }
            // Ops of other objectives.
            if precision == Precision::F32 {
                let objectives =
                    [Objective::Chat, Objective::Preference, Objective::Reward, Objective::Distil];
                for objective in objectives {
                    let mut train = TrainConfig { objective, ..train.clone() };
                    train.distil.model = Some(Box::new(config.model.clone()));
                    if objective != Objective::Chat {
                        train.batch_size = 8;
                    }
                    train.chat.neftune_alpha = 5.0;
                    let graphs = training_graphs(&config.model, &train).unwrap();
                    take(&compile(graphs.train, &[graphs.train_loss], &devices[0].0).unwrap().dispatches);
                }
            }
            if precision == Precision::F32 {
                let mut model = config.model.clone();
                model.labels = vec!["reward".to_owned()];
                let mut train =
                    TrainConfig { objective: Objective::Preference, batch_size: 8, ..train.clone() };
                train.preference.loss = PreferenceLoss::BradleyTerry;
                let graphs = training_graphs(&model, &train).unwrap();
                take(&compile(graphs.train, &[graphs.train_loss], &devices[0].0).unwrap().dispatches);
                let train = TrainConfig { unlikelihood: 1.0, ..config.train.clone() };
                let model = ModelConfig { logit_softcap: Some(30.0), ..config.model.clone() };
                let graphs = training_graphs(&model, &train).unwrap();
                take(&compile(graphs.train, &[graphs.train_loss], &devices[0].0).unwrap().dispatches);
            }
            // Without fusions.
            let plain = config.model.mlp.activation == Activation::Relu;
            for (device, tier) in &devices {
                let mut target = device.clone();
                if plain {
                    target = target.with_fusions(Fusions::NONE);
                }
                if let Some(tier) = tier {
                    let graph = fused(graphs.train.clone(), &[graphs.train_loss], &target);
                    target = target.with(&trial::everywhere(&graph, *tier, |_| true));
                }
                take(&compile(graphs.train.clone(), &[graphs.train_loss], &target).unwrap().dispatches);
                take(&compile(graphs.evaluate.clone(), &[graphs.evaluate_loss], &target).unwrap().dispatches);
                let arena = ArenaLayout::new(&graphs.train);
                take(&update::update_dispatches(&arena, &Optimizer::new(&train), &target).unwrap());
            }
        }
        if config.model.dropout.attention > 0.0 {
            continue;
        }
        for (device, tier) in &devices {
            // With few bits, only a head of its own leaves the embedding in them.
            let untied = ModelConfig { tied_head: false, ..config.model.clone() };
            let few = WeightFormat::quantised().filter(|format| format.for_head() != *format);
            for (model, format) in WeightFormat::ALL
                .map(|format| (&config.model, format))
                .into_iter()
                .chain(few.map(|format| (&untied, format)))
            {
                let plans = DecodePlans::new(model, 1, format, device).unwrap();
                for plan in plans.all() {
                    take(&plan.dispatches);
                    if let Some(tier) = tier {
                        let choices = trial::everywhere(&plan.graph, *tier, |_| true);
                        let target = device.clone().with(&choices);
                        take(&compile(plan.graph.clone(), &[], &target).unwrap().dispatches);
                    }
                }
            }
        }
    }
    let run = configs().swap_remove(0);
    let dictionary = Dictionary { at: HookPoint::MlpOutput(0), to: HookPoint::MlpOutput(0), width: 24, k: 3 };
    for (device, _) in &devices {
        let graphs = dictionary_graphs(&run.model, &run.train, dictionary).unwrap();
        take(&compile(graphs.train, &[graphs.train_loss], device).unwrap().dispatches);
    }
    // Slices of gradients in f16 take long sums of few rows, large tiles large matrices.
    for (width, vocabulary, rows, precision) in [
        (768, 50_257, 1024, Precision::Mixed),
        (1024, 50_304, 1024, Precision::Mixed),
        (768, 50_257, 64, Precision::Mixed),
        (1024, 50_304, 64, Precision::Mixed),
        (768, 50_257, 1024, Precision::F32),
    ] {
        let mut large = presets::preset("gpt2-124m").unwrap();
        (large.train.precision, large.train.batch_size, large.train.accumulate) = (precision, 1, 1);
        large.model.context_length = rows;
        (large.model.width, large.model.head_size, large.model.vocabulary) = (width, width / 12, vocabulary);
        large.model.layers = 1;
        let graphs = training_graphs(&large.model, &large.train).unwrap();
        for (device, tier) in &devices {
            let mut target = device.clone();
            if let Some(tier) = tier {
                let graph = fused(graphs.train.clone(), &[graphs.train_loss], &target);
                target = target.with(&trial::everywhere(&graph, *tier, |_| true));
            }
            take(&compile(graphs.train.clone(), &[graphs.train_loss], &target).unwrap().dispatches);
        }
    }
    let missed: Vec<&str> = KERNELS
        .iter()
        .map(|kernel| kernel.name)
        .filter(|name| !reached.contains(name) && !OUTSIDE.contains(name))
        .collect();
    assert!(missed.is_empty(), "{} variants that nothing takes: {missed:#?}", missed.len());
}
