//! Plans of the presets: number of dispatches, bytes, and struct layouts shared by host and device.

use super::arena::ArenaLayout;
use super::buffers::{Allocation, Role, buffers};
use super::control::{Control, ReportRow, ScheduleRow};
use super::decode::DecodePlans;
use super::estimate::{estimate, ring};
use super::fuse::{Fusions, fused};
use super::lower::Target;
use super::{Buffer, Dispatch, compile, update};
use crate::graph::{Graph, Init, Input, Origin};
use crate::model::training_graphs;
use crate::muon;
use crate::optimizer::{Optimizer, Rate, entry};
use glasshouse_protocol::presets::preset;
use glasshouse_protocol::{
    Adapter, MemoryKind, ModelConfig, Objective, OptimizerKind, PlanSummary, Precision, RunConfig,
    TrainConfig, WeightFormat,
};
use glasshouse_shaders::STRUCTURES;
use std::mem::offset_of;

const TARGET: Target = Target::new(false);

/// A preset with a small vocabulary and batch for quick planning, and one micro-batch per step.
fn run(name: &str, batch: usize) -> RunConfig {
    let mut run = preset(name).unwrap();
    if run.model.vocabulary == 0 {
        run.model.vocabulary = 65;
    }
    run.train.batch_size = batch;
    run.train.accumulate = 1;
    run
}

fn estimated(run: &RunConfig, target: &Target) -> PlanSummary {
    estimate(&run.model, &run.train, target).unwrap()
}

#[test]
fn dispatches_stay_within_the_budget() {
    for (name, batch) in
        [("nanogpt-cpu", 12), ("nanogpt-gpu", 64), ("gpt2-124m", 1), ("gpt2-124m", 12), ("llama-tiny", 16)]
    {
        let run = run(name, batch);
        let budget = 34 * run.model.layers + 30;
        let dispatches = estimated(&run, &TARGET).dispatches_per_step;
        assert!(dispatches <= budget, "{name}: {dispatches} dispatches, {budget} may be");
    }
}

/// Muon orthogonalises the matrices of one shape together, whatever the number of layers.
#[test]
fn muon_takes_few_dispatches() {
    let [few, many] = [2, 4].map(|layers| {
        let mut run = run("first-stories", 6);
        (run.model.layers, run.train.optimizer) = (layers, OptimizerKind::Muon);
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        let (arena, optimizer) = (ArenaLayout::new(&graphs.train), Optimizer::new(&run.train));
        update::update_dispatches(&arena, &optimizer, &TARGET).unwrap().len()
    });
    // Three shapes.
    assert!(few == many && many < 130, "{few} and {many} dispatches");
}

/// Several documents per row add one input and use attention variants. Runs without documents have neither.
#[test]
fn documents_cost_nothing_where_rows_have_one() {
    for (name, precision) in [
        ("nanogpt-cpu", Precision::F32),
        ("nanogpt-gpu", Precision::F32),
        ("stories-260k", Precision::F32),
        ("stories-15m", Precision::Mixed),
        ("gpt2-124m", Precision::Mixed),
    ] {
        let mut run = run(name, 2);
        run.train.precision = precision;
        run.train.activation_checkpointing = name == "stories-15m";
        let [alone, several] = [false, true].map(|document_mask| {
            run.train.document_mask = document_mask;
            let graphs = training_graphs(&run.model, &run.train).unwrap();
            [(graphs.train, graphs.train_loss), (graphs.evaluate, graphs.evaluate_loss)]
                .map(|(graph, loss)| compile(graph, &[loss], &TARGET).unwrap())
        });
        for (alone, several) in alone.iter().zip(&several) {
            assert_eq!(alone.graph.find(Origin::Input(Input::Starts)), None);
            assert!(several.graph.find(Origin::Input(Input::Starts)).is_some());
            assert_eq!(alone.placement.slots, several.placement.slots, "{name}");
            assert_eq!(alone.dispatches.len(), several.dispatches.len(), "{name}");
            let mut different = 0;
            for (one, other) in alone.dispatches.iter().zip(&several.dispatches) {
                assert!(!one.kernel.name.contains("documents"), "{}", one.kernel.name);
                assert!(one.bindings.iter().all(|binding| binding.buffer != Buffer::Input(Input::Starts)));
                let file = |dispatch: &Dispatch| dispatch.kernel.name.split(':').next();
                // Constants are numbered by value id.
                let what =
                    |dispatch: &Dispatch| (dispatch.kernel.name, dispatch.arguments.clone(), dispatch.groups);
                if what(one) != what(other) {
                    assert_eq!(file(one), file(other), "{name}");
                    assert!(other.bindings.iter().any(|one| one.buffer == Buffer::Input(Input::Starts)));
                    different += 1;
                }
            }
            let attends = |dispatch: &&Dispatch| dispatch.kernel.name.starts_with("attention");
            assert_eq!(different, alone.dispatches.iter().filter(attends).count(), "{name}");
        }
    }
}

/// With accumulation, forward and backward run repeatedly and the update runs once.
#[test]
fn micro_batches_share_an_update() {
    let mut run = run("nanogpt-cpu", 12);
    let once = estimated(&run, &TARGET).dispatches_per_step;
    run.train.accumulate = 3;
    let thrice = estimated(&run, &TARGET).dispatches_per_step;
    let graphs = training_graphs(&run.model, &run.train).unwrap();
    let each = compile(graphs.train, &[graphs.train_loss], &TARGET).unwrap().dispatches.len() + 1;
    assert_eq!(thrice - once, 2 * each);
}

#[test]
fn host_and_device_lay_structures_out_alike() {
    let control = [
        ("row", offset_of!(Control, row)),
        ("skipped", offset_of!(Control, skipped)),
        ("gradient_scale", offset_of!(Control, gradient_scale)),
        ("gradient_norm", offset_of!(Control, gradient_norm)),
        ("loss_scale", offset_of!(Control, loss_scale)),
        ("good_steps", offset_of!(Control, good_steps)),
    ];
    let schedule = [
        ("learning_rate", offset_of!(ScheduleRow, learning_rate)),
        ("first_correction", offset_of!(ScheduleRow, first_correction)),
        ("second_correction", offset_of!(ScheduleRow, second_correction)),
        ("counted", offset_of!(ScheduleRow, counted)),
        ("seed", offset_of!(ScheduleRow, seed)),
        ("reserved", offset_of!(ScheduleRow, reserved)),
    ];
    let report = [
        ("loss", offset_of!(ReportRow, loss)),
        ("count", offset_of!(ReportRow, count)),
        ("gradient_norm", offset_of!(ReportRow, gradient_norm)),
        ("skipped", offset_of!(ReportRow, skipped)),
        ("chosen_reward", offset_of!(ReportRow, chosen_reward)),
        ("rejected_reward", offset_of!(ReportRow, rejected_reward)),
        ("accuracy", offset_of!(ReportRow, accuracy)),
        ("log_ratio", offset_of!(ReportRow, log_ratio)),
        ("ties", offset_of!(ReportRow, ties)),
        ("chosen", offset_of!(ReportRow, chosen)),
        ("rejected", offset_of!(ReportRow, rejected)),
    ];
    type Structure<'a> = (&'a str, usize, &'a [(&'a str, usize)]);
    let ours: [Structure<'_>; 3] = [
        ("Control", size_of::<Control>(), &control),
        ("ScheduleRow", size_of::<ScheduleRow>(), &schedule),
        ("ReportRow", size_of::<ReportRow>(), &report),
    ];
    for (name, size, fields) in ours {
        let theirs = STRUCTURES.iter().find(|structure| structure.name == name).unwrap();
        let reflected: Vec<(&str, usize)> =
            theirs.fields.iter().map(|(field, offset)| (*field, *offset as usize)).collect();
        assert_eq!((theirs.size as usize, reflected.as_slice()), (size, fields), "{name}");
    }
}

/// nanoGPT reports 10.65M for the first, without its position table; Hugging Face's GPT-2 small has 124,439,808 weights.
#[test]
fn parameters_are_those_of_the_published_models() {
    let estimate = estimated(&run("nanogpt-gpu", 1), &TARGET);
    assert_eq!(estimate.parameters - 256 * 384, 10_646_784);
    assert_eq!(estimate.parameters, estimate.parameters_by_part.values().sum::<u64>());
    assert_eq!(estimated(&run("gpt2-124m", 1), &TARGET).parameters, 124_439_808);
}

#[test]
fn bytes_are_those_of_the_buffers() {
    for name in ["nanogpt-cpu", "llama-tiny"] {
        let run = run(name, 2);
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        let optimizer = Optimizer::new(&run.train);
        let train = compile(graphs.train, &[graphs.train_loss], &TARGET).unwrap();
        let evaluate = compile(graphs.evaluate, &[graphs.evaluate_loss], &TARGET).unwrap();
        let update = update::update_dispatches(&train.arena, &optimizer, &TARGET).unwrap();
        let all = buffers(&[&train, &evaluate], Some(&optimizer), &update, ring(1));
        let bytes = estimated(&run, &TARGET);
        assert_eq!(bytes.bytes, all.iter().map(|allocation| allocation.bytes).sum::<u64>());
        let weights = train.arena.length as u64 * 4;
        assert_eq!(bytes.bytes_by_kind[&MemoryKind::Weights], weights);
        assert_eq!(bytes.bytes_by_kind[&MemoryKind::Gradients], weights);
        assert_eq!(bytes.bytes_by_kind[&MemoryKind::OptimizerState], 2 * weights);
        assert!(bytes.bytes_by_kind[&MemoryKind::Activations] >= bytes.peak_live);
        let largest = all.iter().map(|allocation| allocation.bytes).max();
        assert!(largest.is_some_and(|largest| bytes.largest_binding <= largest));
    }
}

/// f16 values take half the memory; the residual stream stays, and a copy of the weights is added.
#[test]
fn mixed_precision_takes_less_memory() {
    for name in ["nanogpt-cpu", "gpt2-124m", "llama-tiny"] {
        let mut run = run(name, 8);
        let full = estimated(&run, &TARGET);
        run.train.precision = Precision::Mixed;
        let mixed = estimated(&run, &TARGET);
        let weights = full.bytes_by_kind[&MemoryKind::Weights];
        assert_eq!(mixed.bytes_by_kind[&MemoryKind::Weights], weights + weights / 2);
        assert_eq!(mixed.bytes_by_kind[&MemoryKind::Gradients], full.bytes_by_kind[&MemoryKind::Gradients]);
        assert!(
            mixed.peak_live as f64 <= 0.7 * full.peak_live as f64,
            "{name}: {} of {}",
            mixed.peak_live,
            full.peak_live
        );
        assert!(mixed.bytes < full.bytes, "{name}");
    }
}

/// 6 FLOPs per matrix weight and token, plus attention: 2 products forward, 7 backward.
#[test]
fn flops_follow_from_the_shapes() {
    let run = run("nanogpt-cpu", 12);
    let estimate = estimated(&run, &TARGET);
    let flops = estimate.flops_per_token_by_pass;
    let (layers, width, time, vocabulary) = (4.0, 128.0, 64.0, 65.0);
    let matrices = layers * 12.0 * width * width + vocabulary * width;
    let product = layers * width * (time + 1.0);
    assert_eq!(flops.forward, 2.0 * matrices + 2.0 * product);
    assert_eq!(flops.backward, 4.0 * matrices + 7.0 * product);
    assert_eq!((estimate.flops_per_token, flops.recomputed), (flops.forward + flops.backward, 0.0));
}

/// On a GPU, all experts are computed for all tokens.
#[test]
fn a_gpu_counts_all_experts() {
    let mut run = run("llama-tiny", 1);
    let expected = [8, 2].map(|per_token| {
        (run.model.experts.count, run.model.experts.per_token) = (8, per_token);
        estimated(&run, &TARGET).flops_per_token_by_pass
    });
    assert!(expected[0].forward > expected[1].forward && expected[0].backward > expected[1].backward);
    assert_eq!(estimated(&run, &TARGET.with_all_experts(true)).flops_per_token_by_pass, expected[0]);
}

/// Muon takes two products of [m, m] by [m, n] and one of [m, m] by [m, m] per iteration, of whichever shape a matrix is stored in.
#[test]
fn muon_counts_its_products() {
    let mut run = run("nanogpt-cpu", 12);
    run.train.accumulate = 2;
    run.train.optimizer = OptimizerKind::Muon;
    let estimate = estimated(&run, &TARGET);
    // Query, key, value and output, up and down.
    let sizes: f64 = [128.0, 128.0, 128.0, 128.0, 512.0, 512.0].map(|n| 2.0 * n + 128.0).iter().sum();
    let step = 4.0 * muon::ITERATIONS as f64 * 2.0 * 128.0 * 128.0 * sizes;
    assert_eq!(estimate.flops_per_token_by_pass.optimizer, step / (2 * 12 * 64) as f64);
    assert_eq!(estimate.flops_per_token, estimate.flops_per_token_by_pass.total());
    let shape = [24, 40];
    for count in [1, 3] {
        let work = super::estimate::work(&muon::orthogonalisation(count, shape).unwrap().0);
        assert_eq!(work, count as f64 * muon::flops(shape));
    }
}

/// Muon's matrices and the entries that AdamW updates are disjoint and make up the trained arena; an adapter has no such matrix.
#[test]
fn muon_updates_the_matrices_of_blocks() {
    let run = run("llama-tiny", 1);
    let layout = ArenaLayout::new(&training_graphs(&run.model, &run.train).unwrap().train);
    let optimizer = |kind| Optimizer { kind, ..Optimizer::new(&run.train) };
    let own = optimizer(OptimizerKind::Muon);
    assert_eq!(own.matrices(&layout).len(), 4 * run.model.layers);
    let parts: Vec<_> = own.matrices(&layout).iter().flat_map(muon::Matrix::parts).collect();
    assert_eq!(parts.len(), 7 * run.model.layers);
    for matrix in own.matrices(&layout) {
        let counts: usize = matrix.parts().iter().map(muon::Matrix::count).sum();
        assert_eq!(counts, matrix.count(), "{matrix:?}");
    }
    let mut ranges: Vec<_> = own.entrywise(&layout).into_iter().map(|(range, _)| range).collect();
    ranges.extend(own.matrices(&layout).iter().map(muon::Matrix::range));
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|two| two[0].end == two[1].start), "{ranges:?}");
    assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, layout.trained_end));
    let all = 0..layout.trained_end;
    let adamw = optimizer(OptimizerKind::Adamw);
    assert_eq!(adamw.entrywise(&layout), [(all, adamw)]);
    // Zeros are kept in the same matrices, and nowhere else.
    let sparse = Optimizer { keeps_zeros: true, ..adamw };
    let kept: Vec<_> = sparse
        .entrywise(&layout)
        .into_iter()
        .filter(|(_, rule)| rule.keeps_zeros)
        .map(|(range, _)| range)
        .collect();
    assert_eq!(kept, layout.hidden.iter().map(muon::Matrix::range).collect::<Vec<_>>());
    let counted: usize = sparse.entrywise(&layout).iter().map(|(range, _)| range.len()).sum();
    assert_eq!(counted, layout.trained_end);
    let adapted = TrainConfig { adapter: Some(Adapter::default()), ..run.train };
    assert!(ArenaLayout::new(&training_graphs(&run.model, &adapted).unwrap().train).hidden.is_empty());
    let refused = TrainConfig { optimizer: OptimizerKind::Muon, ..adapted }.validate();
    assert!(refused.is_err_and(|error| error.to_string().contains("train.adapter")));
}

/// The scalings of the package `mup` for Adam: hidden matrices, at m times the base width, learn at rate / m from a standard deviation
/// divided by √m; everything else is that of the standard parametrisation.
#[test]
fn mup_scales_hidden_matrices() {
    let plain = run("llama-tiny", 1);
    let mut wide = plain.clone();
    wide.model.base_width = Some(wide.model.width / 4);
    wide.model.settle_parametrisation();
    wide.validate().unwrap();
    let [standard, graph] = [&plain, &wide].map(|run| training_graphs(&run.model, &run.train).unwrap().train);
    for (one, other) in standard.parameters.iter().zip(&graph.parameters) {
        let is_hidden = muon::Matrix::of(one, 0).is_some();
        let (Init::Normal(std), Init::Normal(other_std)) = (one.init, other.init) else {
            assert_eq!(one.init, other.init);
            continue;
        };
        let expected = if is_hidden { std / 2.0 } else { std };
        assert!((other_std - expected).abs() < 1e-9, "{}: {other_std}, not {expected}", one.name);
    }
    let layout = ArenaLayout::new(&graph);
    let optimizer = Optimizer::new(&wide.train).for_model(&wide.model);
    let ranges = optimizer.entrywise(&layout);
    assert!(ranges.windows(2).all(|two| two[0].0.end == two[1].0.start), "{ranges:?}");
    assert_eq!((ranges[0].0.start, ranges[ranges.len() - 1].0.end), (0, layout.trained_end));
    for (range, rule) in ranges {
        let is_hidden = layout.hidden.iter().any(|matrix| matrix.range() == range);
        assert_eq!(rule.step_scale, if is_hidden { 0.25 } else { 1.0 });
    }
    // The step is scaled, weight decay is not.
    let rate = Rate { learning_rate: 0.1, first_correction: 0.1, second_correction: 0.05 };
    let rule = Optimizer { beta1: 0.9, beta2: 0.95, eps: 1e-8, ..optimizer };
    let step = |rule: &Optimizer, decay| 1.0 - entry(rule, &rate, decay, 1.0, 3.0, 0.0, 0.0).0;
    let unscaled = Optimizer { step_scale: 1.0, ..rule };
    assert!((step(&unscaled, 0.0) - 4.0 * step(&rule, 0.0)).abs() < 1e-5);
    assert!((step(&rule, 0.5) - step(&rule, 0.0) - 0.05).abs() < 1e-6);
    let muon = TrainConfig { optimizer: OptimizerKind::Muon, ..wide.train.clone() };
    assert!(RunConfig { train: muon, ..wide }.validate().unwrap_err().to_string().contains("adamw"));
}

/// By default, the logits of a large vocabulary exist only in chunks.
#[test]
fn logits_of_a_large_vocabulary_are_never_whole() {
    let run = run("gpt2-124m", 4);
    let whole = 4 * 1024 * 50_257 * 4;
    let graphs = training_graphs(&run.model, &run.train).unwrap();
    let largest = |fusions| {
        let made = |graph: &Graph, loss| {
            let graph = fused(graph.clone(), &[loss], &TARGET.with_fusions(fusions));
            let made = graph.values.iter().filter(|value| matches!(value.origin, Origin::Node(_)));
            made.map(|value| value.ty.bytes()).max().unwrap()
        };
        made(&graphs.train, graphs.train_loss).max(made(&graphs.evaluate, graphs.evaluate_loss))
    };
    assert!(4 * largest(Fusions::ALL) < whole);
    assert_eq!(largest(Fusions::NONE), whole);
    assert_eq!(largest(Fusions { head: None, ..Fusions::ALL }), whole);
}

/// Memory of the smallest GPT-2 with activation checkpointing, which recomputes all but each block's last product.
#[test]
fn activation_checkpointing_makes_room_for_a_forward_pass() {
    let mut run = run("gpt2-124m", 1);
    run.train.accumulate = 1;
    let keeping = estimated(&run, &TARGET);
    run.train.activation_checkpointing = true;
    let lean = estimated(&run, &TARGET);
    assert!(lean.bytes < 3_000_000_000, "{} bytes", lean.bytes);
    assert!(lean.bytes < keeping.bytes);
    assert_eq!(
        (lean.flops_per_token_by_pass.forward, lean.flops_per_token_by_pass.backward),
        (keeping.flops_per_token_by_pass.forward, keeping.flops_per_token_by_pass.backward)
    );
    let (layers, width, time) = (12.0, 768.0, 1024.0);
    let head = 2.0 * width * 50_257.0;
    assert_eq!(keeping.flops_per_token_by_pass.recomputed, head);
    let block = 2.0 * 8.0 * width * width + 2.0 * width * (time + 1.0);
    assert_eq!(lean.flops_per_token_by_pass.recomputed, head + layers * block);
    // Nothing of this loss's logits is recomputed.
    run.train.unlikelihood = 0.5;
    assert_eq!(estimated(&run, &TARGET).flops_per_token_by_pass.recomputed, layers * block);
}

/// Slots hold little more than the peak of live values, evaluation included, with and without checkpointing.
#[test]
fn activations_take_little_more_than_the_peak_of_live_values() {
    for (name, batch) in
        [("nanogpt-cpu", 12), ("nanogpt-gpu", 64), ("gpt2-124m", 1), ("gpt2-124m", 12), ("llama-tiny", 16)]
    {
        for activation_checkpointing in [false, true] {
            let mut run = run(name, batch);
            run.train.activation_checkpointing = activation_checkpointing;
            let bytes = estimated(&run, &TARGET);
            let share = bytes.bytes_by_kind[&MemoryKind::Activations] as f64 / bytes.peak_live as f64;
            assert!((1.0..=1.15).contains(&share), "{name} × {batch}: {share}");
        }
    }
}

/// No dispatch binds a slot for reading and writing at once. Bindings are aligned, within the device's binding limit and within
/// their buffers, which are within the device's limit.
#[test]
fn bindings_are_lawful() {
    let cases = ["nanogpt-gpu", "gpt2-124m", "llama-tiny"]
        .into_iter()
        .flat_map(|name| [Precision::F32, Precision::Mixed].map(|precision| (name, precision)));
    for (name, precision) in cases {
        // 128 MiB and 256 MiB are WebGPU's defaults; GPT-2's token table takes 154 MB, all its weights 498 MB.
        let bound = TARGET.with_binding(128 << 20);
        for (target, activation_checkpointing) in
            [TARGET, bound.clone(), bound.clone().with_buffer(256 << 20), bound.with_buffer(128 << 20)]
                .into_iter()
                .flat_map(|target| [(target.clone(), false), (target, true)])
        {
            let mut run = run(name, 1);
            run.train.precision = precision;
            run.train.activation_checkpointing = activation_checkpointing;
            if activation_checkpointing {
                run.train.optimizer = OptimizerKind::Muon;
            }
            let graphs = training_graphs(&run.model, &run.train).unwrap();
            let plan = compile(graphs.train, &[graphs.train_loss], &target).unwrap();
            let evaluate = compile(graphs.evaluate, &[graphs.evaluate_loss], &target).unwrap();
            let optimizer = Optimizer::new(&run.train);
            let update = update::update_dispatches(&plan.arena, &optimizer, &target).unwrap();
            let all = buffers(&[&plan, &evaluate], Some(&optimizer), &update, ring(1));
            for dispatches in [&plan.dispatches, &evaluate.dispatches, &update] {
                lawful(dispatches, &all, &target);
            }
            let decode = DecodePlans::new(&run.model, 1, WeightFormat::F32, &target).unwrap();
            for plan in decode.all() {
                lawful(&plan.dispatches, &decode.allocations(&run.model), &target);
            }
        }
    }
}

fn lawful(dispatches: &[Dispatch], all: &[Allocation], target: &Target) {
    assert!(all.iter().all(|allocation| allocation.bytes <= target.buffer));
    for dispatch in dispatches {
        let kernel = dispatch.kernel;
        assert_eq!(kernel.bindings.len(), dispatch.bindings.len() + 1, "{}", kernel.name);
        let bound: Vec<_> = kernel.bindings[1..].iter().zip(&dispatch.bindings).collect();
        for (kind, place) in &bound {
            assert_eq!(place.offset % 256, 0, "{}", kernel.name);
            let whole = place.bytes.is_none_or(|bytes| bytes % u64::from(kind.stride) == 0);
            assert!(whole, "{}: {} of {:?}", kernel.name, kind.name, place.bytes);
            assert!(place.bytes.is_none_or(|bytes| bytes <= target.binding), "{}: {place:?}", kernel.name);
            let buffer = all.iter().find(|allocation| allocation.role == Role::Bound(place.buffer)).unwrap();
            assert!(place.offset + place.bytes.unwrap_or(0) <= buffer.bytes, "{}: {place:?}", kernel.name);
            let clash =
                bound.iter().any(|(other, with)| with.buffer == place.buffer && other.access != kind.access);
            assert!(!clash, "{}: {:?} is read and written", kernel.name, place.buffer);
        }
    }
}

/// A teacher adds its weights and its forward pass, but no parameters to the model.
#[test]
fn a_teacher_is_planned_for_as_what_it_takes() {
    let mut run = preset("llama-tiny").unwrap();
    run.model.vocabulary = 300;
    let target = Target::new(false);
    let teacher = ModelConfig { layers: 2 * run.model.layers, ..run.model.clone() };
    let plain = estimate(&run.model, &run.train, &target).unwrap();
    let own = estimate(&teacher, &run.train, &target).unwrap();
    run.train.objective = Objective::Distil;
    run.train.distil.model = Some(Box::new(teacher));
    let taught = estimate(&run.model, &run.train, &target).unwrap();
    assert_eq!((taught.parameters, taught.trained_parameters), (plain.parameters, plain.trained_parameters));
    assert_eq!(taught.parameters_by_part, plain.parameters_by_part);
    let bytes = |needs: &PlanSummary, kind: MemoryKind| needs.bytes_by_kind[&kind];
    let weights = bytes(&plain, MemoryKind::Weights) + bytes(&own, MemoryKind::Weights);
    assert_eq!(bytes(&taught, MemoryKind::Weights), weights);
    for kind in [MemoryKind::Gradients, MemoryKind::OptimizerState] {
        assert_eq!(bytes(&taught, kind), bytes(&plain, kind));
    }
    let forward = plain.flops_per_token_by_pass.forward + own.flops_per_token_by_pass.forward;
    assert!(
        (taught.flops_per_token_by_pass.forward - forward).abs() < 1e-6 * forward,
        "{:?} {forward}",
        taught.flops_per_token_by_pass
    );
    assert!(
        (taught.flops_per_token_by_pass.backward - plain.flops_per_token_by_pass.backward).abs()
            < 1e-6 * forward
    );
    assert!(taught.flops_by_scope["teacher"] > 0.3, "{:?}", taught.flops_by_scope);
}
