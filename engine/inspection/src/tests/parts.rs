//! Compares views of a model's parts with results obtained from the graph in other ways.

pub(crate) mod bench;
mod diff;

use crate::outputs::likeliest;
use crate::what_if::Changed;
use crate::{Data, Detail, InspectSettings, Lens, Tensor, View};
use bench::{
    Bench, differ, gpt, lens, llama, near, near_shares, number, parallel, post, refusal, sandwich, softmax,
};
use glasshouse_compiler::graph::{Input, Keep, Origin, ParameterId, gradient};
use glasshouse_compiler::model::{HookPoint, LossForm, Purpose, build};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::lower::{Choice, Choices, Family, Tier};
use glasshouse_compiler::plan::trial;
use glasshouse_compiler::sampler::{self, Sampling};
use glasshouse_compiler::step::ArenaState;
use glasshouse_executors::cpu::{Program, Weights, Workers};
use glasshouse_executors::gpu::test_gpu;
use glasshouse_project::checkpoint::{CheckpointInfo, Checkpoints};
use glasshouse_project::parameters_of;
use glasshouse_protocol::inspect::Edit;
use glasshouse_protocol::{Cut, GenerateConfig};
use glasshouse_text::data::{Split, TokenStore};
use pollster::block_on;

const PROMPT: &str = "The fox sat by the river";

#[test]
fn the_graph_has_the_kernels_that_a_runs_record_pins() {
    let gpu = test_gpu();
    let mut bench = Bench::new(llama());
    let model = bench.config.model.clone();
    // The prompt's 24 bytes are read in a window of 32.
    let trials = trial::of_graph(&build(&model, Purpose::Window { time: 32 }).unwrap().graph);
    let products = trials.iter().filter(|trial| trial.bucket.family == Family::Linear);
    let choices: Choices = products.map(|trial| (trial.bucket, Choice::tier(Tier::Tiled))).collect();
    let recorded = gpu.with_choices(&choices).describe();
    let length = ArenaLayout::new(&build(&model, Purpose::Window { time: 1 }).unwrap().graph).length;
    let arena: Vec<f32> = (0..length).map(|n| 0.6 * number(3, n)).collect();
    for (recorded, small) in [(None, true), (Some(&recorded), false)] {
        bench.lens = Lens::on_gpu(&model, arena.clone(), gpu.clone()).unwrap().pinned(recorded);
        let seen = bench.look(View::Graph, PROMPT, &InspectSettings::default()).unwrap();
        let Detail::Graph { nodes, .. } = &seen.inspected.details[0] else { panic!("no graph") };
        let own = nodes.iter().filter(|node| node.operation == "linear" && node.scope.starts_with("blocks."));
        let kernels: Vec<&String> = own.flat_map(|node| node.kernels.iter().map(|(name, _)| name)).collect();
        assert!(
            !kernels.is_empty() && kernels.iter().all(|name| name.contains("small") == small),
            "{kernels:?}"
        );
        let says = |words: &str| seen.inspected.notices.iter().any(|notice| notice.contains(words));
        assert!(says("on a window of 32 tokens") && says("Training works on"));
        assert_eq!(says("pinned by the run's record"), recorded.is_some());
    }
}

#[test]
fn what_parts_add_and_the_biases_come_to_the_logit() {
    for config in [gpt(), llama(), parallel(), sandwich()] {
        let mut bench = Bench::new(config);
        for (position, token) in [(None, None), (Some(5), Some(70))] {
            let settings = InspectSettings { position, token, ..InspectSettings::default() };
            let seen = bench.look(View::Residual, PROMPT, &settings).unwrap();
            let logits = bench.probe(PROMPT, &[HookPoint::Logits]).remove(0);
            let row = logits.row(position.unwrap_or(logits.shape[0] - 1));
            let output = seen.integers("token")[0] as usize;
            assert_eq!(output, token.map_or_else(|| likeliest(row) as usize, |own| own as usize));
            let parts = seen.floats("attribution");
            assert_eq!(parts.len(), 1 + 2 * bench.config.model.layers);
            let mut sum: f32 = parts.iter().sum();
            let (head, shape) = bench.lens.unembedding().unwrap();
            let head = &head[output * shape[1]..(output + 1) * shape[1]];
            if let Some((bias, _)) = bench.lens.weight("norm.bias") {
                sum += bias.iter().zip(head).map(|(bias, entry)| bias * entry).sum::<f32>();
                sum += bench.lens.weight("head.bias").unwrap().0[output];
                assert!(seen.inspected.notices.iter().any(|notice| notice.contains("Biases")));
            }
            near(&[sum], &[row[output]], 1e-4);
        }
    }
    let seen = Bench::new(post()).look(View::Residual, PROMPT, &InspectSettings::default()).unwrap();
    assert!(!seen.has("attribution"));
    assert!(seen.inspected.notices[0].contains("no attribution"), "{:?}", seen.inspected.notices);
}

#[test]
fn norms_are_of_the_stages_and_saliency_is_the_slope_along_each_embedding() {
    for config in [gpt(), llama(), parallel(), post()] {
        let mut bench = Bench::new(config);
        let seen = bench.look(View::Residual, PROMPT, &InspectSettings::default()).unwrap();
        let length = |row: &[f32]| row.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
        let found = bench.probe(
            PROMPT,
            &[HookPoint::Stream(0), HookPoint::Between(1), HookPoint::Stream(2), HookPoint::MlpOutput(1)],
        );
        let (count, norms) = (found[0].shape[0], seen.floats("norms"));
        let lengths = |tensor: &Tensor| -> Vec<f32> { tensor.rows().map(length).collect() };
        for (stage, tensor) in [(0, &found[0]), (3, &found[1]), (4, &found[2])] {
            near(&norms[stage * count..(stage + 1) * count], &lengths(tensor), 1e-5);
        }
        near(&seen.floats("mlp_norms")[count..], &lengths(&found[3]), 1e-5);
        near(&seen.floats("cosines")[4 * count..], &vec![1.0; count], 1e-5);
        let token = seen.integers("token")[0] as usize;
        let saliency = seen.floats("saliency");
        for at in [0, 3, count - 1] {
            let mut logarithm = |factor: f32| {
                let mut stream = found[0].clone();
                let columns = stream.columns();
                stream.data[at * columns..(at + 1) * columns].iter_mut().for_each(|entry| *entry *= factor);
                let logits = bench.probe_from(HookPoint::Stream(0), stream, HookPoint::Logits);
                sampler::probabilities(logits.row(count - 1))[token].ln()
            };
            let slope = (logarithm(1.01) - logarithm(0.99)) / 0.02;
            let error = (slope - f64::from(saliency[at])).abs();
            assert!(error < 2e-2 * slope.abs() + 5e-4, "{} for {slope} at {at}", saliency[at]);
        }
    }
}

#[test]
fn the_logit_lens_ends_with_the_logits() {
    for config in [gpt(), llama(), post()] {
        let mut bench = Bench::new(config);
        let settings = InspectSettings { position: Some(6), ..InspectSettings::default() };
        let seen = bench.look(View::LogitLens, PROMPT, &settings).unwrap();
        let found = bench.probe(PROMPT, &[HookPoint::Logits, HookPoint::Stream(1)]);
        let (count, outputs) = (found[0].shape[0], found[0].columns());
        let [logits, divergence, probabilities] =
            ["logits", "divergence", "probabilities"].map(|name| seen.floats(name));
        let top = seen.integers("top");
        near(&logits[2 * outputs..], found[0].row(6), 1e-5);
        for at in 0..count {
            assert_eq!(top[2 * count + at], likeliest(found[0].row(at)));
            assert!(divergence[2 * count + at] < 1e-6);
        }
        // The middle stage, read as if it were the last.
        let middle = bench.probe_from(HookPoint::Stream(2), found[1].clone(), HookPoint::Logits);
        near(&logits[outputs..2 * outputs], middle.row(6), 1e-5);
        let (last, own) = (softmax(found[0].row(6)), softmax(middle.row(6)));
        let wanted: f32 = last.iter().zip(&own).map(|(last, own)| last * (last / own).log2()).sum();
        near(&[divergence[count + 6]], &[wanted], 1e-4);
        near(&[probabilities[count + 6]], &[own[top[count + 6] as usize]], 1e-5);
        let listed = match &seen.inspected.details[0] {
            Detail::Tokens { tokens } => tokens.len(),
            _ => 0,
        };
        let mut distinct = top.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(listed, distinct.len());
    }
}

#[test]
fn the_next_token_is_what_the_sampler_makes_of_the_logits() {
    let mut bench = Bench::new(gpt());
    let sampling = GenerateConfig {
        temperature: 0.7,
        top_k: 5,
        min_p: 0.2,
        repetition_penalty: 1.3,
        ..Default::default()
    };
    let settings = InspectSettings {
        position: Some(9),
        token: Some(200),
        count: 8,
        sampling: sampling.clone(),
        ..InspectSettings::default()
    };
    let seen = bench.look(View::NextToken, PROMPT, &settings).unwrap();
    let logits = bench.probe(PROMPT, &[HookPoint::Logits]).remove(0);
    assert_eq!(seen.floats("logits"), logits.row(9));
    let wanted = sampler::explain(logits.row(9), &bench.tokens(PROMPT)[..10], &Sampling::new(&sampling));
    let ids = seen.integers("ids");
    assert!(ids.len() >= 8 && ids.contains(&200));
    let [probability, tempered, drawn] = ["probability", "tempered", "drawn"].map(|name| seen.floats(name));
    for (at, id) in ids.iter().enumerate() {
        let entry = wanted.iter().find(|entry| entry.id == *id).unwrap();
        near(
            &[probability[at], tempered[at], drawn[at]],
            &[entry.probability as f32, entry.tempered as f32, entry.drawn as f32],
            1e-6,
        );
        let cut =
            [None, Some(Cut::TopK), Some(Cut::TopP), Some(Cut::MinP)][seen.integers("cut_by")[at] as usize];
        assert_eq!(cut, entry.cut_by);
    }
    let kept = wanted.iter().filter(|entry| entry.drawn > 0.0).count();
    assert_eq!(seen.integers("kept"), [kept as u32]);
    let bits = sampler::entropy(&sampler::probabilities(logits.row(9))) / std::f64::consts::LN_2;
    near(&seen.floats("entropy"), &[bits as f32], 1e-5);
}

#[test]
fn a_head_switched_off_is_its_part_of_what_was_attended_at_zero() {
    for config in [gpt(), llama()] {
        let mut bench = Bench::sharp(config);
        let before = bench.lens.arena().to_vec();
        let settings = InspectSettings {
            edits: vec![Edit::Head { layer: 0, head: 2, factor: 0.0 }],
            every_part: true,
            token: Some(101),
            ..InspectSettings::default()
        };
        let seen = bench.look(View::WhatIf, PROMPT, &settings).unwrap();
        let found = bench.probe(PROMPT, &[HookPoint::Attended(0), HookPoint::Stream(0), HookPoint::Logits]);
        let [mut attended, stream, logits] = <[Tensor; 3]>::try_from(found).unwrap();
        let columns = attended.columns();
        attended.data.chunks_exact_mut(columns).for_each(|row| row[8..12].fill(0.0));
        let added = bench.probe_from(HookPoint::Attended(0), attended, HookPoint::AttentionOutput(0));
        let between: Vec<f32> = stream.data.iter().zip(&added.data).map(|(one, other)| one + other).collect();
        let changed =
            bench.probe_from(HookPoint::Between(0), Tensor::new(&stream.shape, between), HookPoint::Logits);
        let last = logits.shape[0] - 1;
        let (old, new) = (softmax(logits.row(last)), softmax(changed.row(last)));
        near_shares(&seen.floats("before"), &old);
        near_shares(&seen.floats("after"), &new);
        assert!(differ(&old, &new), "nothing changed");
        let divergence: f32 = old.iter().zip(&new).map(|(old, new)| old * (old / new).log2()).sum();
        near(&seen.floats("divergence"), &[divergence], 1e-4);
        // The table over all heads includes the same value for this one.
        assert_eq!((seen.floats("heads").len(), seen.floats("mlps").len()), (8, 2));
        near(&[seen.floats("heads")[2]], &[divergence], 1e-4);
        near(&[seen.floats("token_heads")[2]], &[(new[101] / old[101]).ln()], 1e-4);
        let ids = seen.integers("ids");
        let larger = |id: &u32| old[*id as usize].max(new[*id as usize]);
        assert!(ids.windows(2).all(|pair| larger(&pair[0]) >= larger(&pair[1]) - 1e-6));
        assert_eq!(bench.lens.arena(), before, "weights are as they were, to the bit");
        let same = bench.probe(PROMPT, &[HookPoint::Logits]).remove(0);
        assert_eq!(same, logits);
    }
}

#[test]
fn a_part_switched_off_adds_nothing_and_its_weights_come_back() {
    for config in [gpt(), parallel(), sandwich()] {
        let mut bench = Bench::new(config);
        let before = bench.lens.arena().to_vec();
        let tokens = bench.tokens(PROMPT);
        let edits = [Edit::Layer { layer: 1, factor: 0.0 }, Edit::Attention { layer: 0, factor: 2.0 }];
        {
            let changed = Changed::new(&mut bench.lens, &edits);
            assert_ne!(changed.lens.arena(), before);
            let sites = [
                HookPoint::AttentionOutput(1),
                HookPoint::MlpOutput(1),
                HookPoint::Stream(1),
                HookPoint::Stream(2),
            ];
            let found = block_on(changed.lens.probe(&tokens, &sites)).unwrap();
            assert!(found[..2].iter().all(|tensor| tensor.data.iter().all(|entry| *entry == 0.0)));
            assert_eq!(found[2], found[3]);
        }
        assert_eq!(bench.lens.arena(), before);
        // Twice by two equals by four, and afterwards everything is restored.
        drop(Changed::new(&mut bench.lens, &[edits[1], edits[1]]));
        assert_eq!(bench.lens.arena(), before);
        let with = |edits: Vec<Edit>| InspectSettings { edits, ..InspectSettings::default() };
        let mut after = |edits| bench.look(View::WhatIf, PROMPT, &with(edits)).unwrap().floats("after");
        let twice = after(vec![edits[1], edits[1]]);
        assert_eq!(twice, after(vec![Edit::Attention { layer: 0, factor: 4.0 }]));
    }
}

#[test]
fn a_patch_of_the_same_prompt_changes_nothing_and_one_of_another_brings_its_future() {
    let (prompt, other) = ("The fox ran", "The fog ran");
    for config in [gpt(), llama(), parallel(), post()] {
        let mut bench = Bench::sharp(config);
        let patches = |edits: &[(usize, usize)], other_prompt: &str| InspectSettings {
            edits: edits
                .iter()
                .map(|(layer, position)| Edit::Patch { layer: *layer, position: *position })
                .collect(),
            other_prompt: other_prompt.to_owned(),
            ..InspectSettings::default()
        };
        let last = bench.tokens(prompt).len() - 1;
        let seen = bench.look(View::WhatIf, prompt, &patches(&[(1, 3), (0, 2), (2, last)], prompt)).unwrap();
        near_shares(&seen.floats("after"), &seen.floats("before"));
        assert!(seen.floats("divergence")[0] < 1e-6);
        let (own, wanted) = {
            let mut at_end = |text: &str| softmax(bench.probe(text, &[HookPoint::Logits])[0].row(last));
            (at_end(prompt), at_end(other))
        };
        assert!(differ(&own, &wanted));
        // The only position where they differ, before the first layer; all visible positions, before the second; and the end.
        let differs = (0..=last).find(|at| bench.tokens(prompt)[*at] != bench.tokens(other)[*at]).unwrap();
        let all: Vec<(usize, usize)> = (0..=last).map(|at| (1, at)).collect();
        for edits in [&[(0, differs)][..], &all[..], &[(2, last)][..]] {
            let seen = bench.look(View::WhatIf, prompt, &patches(edits, other)).unwrap();
            near_shares(&seen.floats("before"), &own);
            near_shares(&seen.floats("after"), &wanted);
        }
        // Later positions have no influence.
        let early = InspectSettings { position: Some(differs - 1), ..patches(&[(0, differs)], other) };
        let seen = bench.look(View::WhatIf, prompt, &early).unwrap();
        near_shares(&seen.floats("after"), &seen.floats("before"));
    }
}

#[test]
fn what_there_is_not_is_refused_with_the_nearest() {
    let mut bench = Bench::new(gpt());
    let mut refused = |edit: Edit, other: &str| {
        let settings = InspectSettings {
            edits: vec![edit],
            other_prompt: other.to_owned(),
            ..InspectSettings::default()
        };
        refusal(bench.look(View::WhatIf, PROMPT, &settings))
    };
    let message = refused(Edit::Head { layer: 0, head: 4, factor: 0.0 }, "");
    assert_eq!(message, "there is no head 4; the nearest is 3 (0 to 3)");
    let message = refused(Edit::Mlp { layer: 2, factor: 0.0 }, "");
    assert_eq!(message, "there is no layer 2; the nearest is 1 (0 to 1)");
    let message = refused(Edit::Patch { layer: 3, position: 0 }, "The");
    assert_eq!(message, "there is no layer 3; the nearest is 2 (0 to 2)");
    assert!(refused(Edit::Patch { layer: 0, position: 0 }, "").contains("another prompt"));
    let message = refused(Edit::Patch { layer: 0, position: 9 }, "The");
    assert!(message.starts_with("the other prompt has ") && message.contains("no position 9"), "{message}");
    assert!(refused(Edit::Attention { layer: 0, factor: f32::NAN }, "").contains("NaN"));
}

#[test]
fn the_gradient_is_that_of_the_loss_graph() {
    for config in [gpt(), llama()] {
        let mut bench = Bench::new(config);
        let seen = bench.look(View::Weights, PROMPT, &InspectSettings::default()).unwrap();
        let tokens = bench.tokens(PROMPT);
        let time = tokens.len() - 1;
        let purpose = Purpose::Loss {
            batch: 1,
            time,
            dropout: false,
            label_smoothing: 0.0,
            ignore_index: None,
            documents: false,
            form: LossForm::CrossEntropy,
        };
        let built = build(&bench.config.model, purpose).unwrap();
        let mut graph = built.graph;
        gradient(&mut graph, built.loss.unwrap(), 1.0, Keep::Everything).unwrap();
        let read: Vec<_> =
            (0..graph.parameters.len()).map(|at| graph.gradient_of(ParameterId(at as u32))).collect();
        let mut program = Program::new(&graph, &read);
        let parameters = bench.lens.arena().to_vec();
        let mut weights = Weights {
            gradients: vec![0.0; parameters.len()],
            parameters: parameters.into(),
            ..Weights::default()
        };
        for (input, words) in [(Input::Tokens, &tokens[..time]), (Input::Targets, &tokens[1..])] {
            program.set_words(graph.find(Origin::Input(input)).unwrap(), words).unwrap();
        }
        let workers = Workers::new(Some(1)).unwrap();
        workers.install(|| program.run(&mut weights, [0, 0], &workers)).unwrap();
        let mut norms = Vec::new();
        for value in &read {
            let Data::F32(gradient) = program.read(&weights, *value).unwrap() else { panic!() };
            norms.push(gradient.iter().map(|entry| entry * entry).sum::<f32>().sqrt());
        }
        let found = seen.floats("gradient_norms");
        assert!(found.iter().all(|norm| *norm > 0.0));
        for ((found, norm), (name, _)) in found.iter().zip(&norms).zip(bench.lens.parameters()) {
            assert!((found - norm).abs() < 1e-4 * norm.max(1e-2), "{name}: {found} for {norm}");
        }
        let [Detail::Parameters { names, steps }] = &seen.inspected.details[..] else { panic!() };
        assert_eq!((names.len(), steps.len()), (norms.len(), 0));
        for name in ["histogram", "gradient_histogram"] {
            for row in seen.floats(name).chunks(64) {
                near(&[row.iter().sum()], &[1.0], 1e-5);
            }
        }
        let (table, _) = bench.lens.weight("embedding.tokens").unwrap();
        let edges = seen.floats("edges");
        assert!(
            edges[0] >= -0.6 && edges[1] <= 0.6 && table.contains(&edges[0]) && table.contains(&edges[1])
        );
    }
}

#[test]
fn milestones_are_compared_in_order_and_a_damaged_one_is_passed_over() {
    let mut bench = Bench::new(llama());
    let parameters = parameters_of(&bench.config).unwrap();
    let layout = ArenaLayout::from_parameters(&parameters);
    let checkpoints = Checkpoints::new(bench.run.checkpoints_folder());
    let alone = InspectSettings { along_run: true, ..InspectSettings::default() };
    let seen = bench.look(View::Weights, PROMPT, &alone).unwrap();
    assert!(
        seen.floats("norms_by_step").is_empty()
            && seen.inspected.notices[0].contains("no readable milestone")
    );
    // Multiples of 1/64, which half precision represents exactly.
    let arena = |step: u64| -> Vec<f32> {
        (0..layout.length).map(|n| (64.0 * number(step, n)).round() / 64.0).collect()
    };
    for step in [16, 4, 8] {
        let info = CheckpointInfo::new(&bench.config, bench.run.config_crc32c().unwrap(), step);
        let state = ArenaState::from_weights(arena(step));
        let path = checkpoints.save_milestone(&info, &parameters, &state).unwrap();
        if step == 8 {
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let seen = bench.look(View::Weights, PROMPT, &alone).unwrap();
    let [Detail::Parameters { names, steps }] = &seen.inspected.details[..] else { panic!() };
    assert_eq!(steps, &[4, 16]);
    assert!(
        seen.inspected.notices.iter().any(|notice| notice.starts_with("Step 8 is skipped")),
        "{:?}",
        seen.inspected.notices
    );
    let (first, second) = (arena(4), arena(16));
    let (norms, ratios) = (seen.floats("norms_by_step"), seen.floats("update_ratios"));
    assert_eq!((norms.len(), ratios.len()), (2 * names.len(), 2 * names.len()));
    for at in 0..names.len() {
        let range = layout.range(ParameterId(at as u32));
        let norm = |entries: &[f32]| entries.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
        let change: Vec<f32> =
            second[range.clone()].iter().zip(&first[range.clone()]).map(|(new, old)| new - old).collect();
        near(
            &[norms[at], norms[names.len() + at]],
            &[norm(&first[range.clone()]), norm(&second[range.clone()])],
            1e-5,
        );
        // Twelve steps lie between the two.
        let ratio = norm(&change) / norm(&first[range]) / 12.0;
        near(&[ratios[at], ratios[names.len() + at]], &[0.0, ratio], 1e-5);
        assert!(ratio > 1e-4, "too small to tell it from another");
    }
    // Gradients equal those of the view for a prompt of the same tokens, under the same weights.
    let store = TokenStore::open(&bench.run.data_folder().unwrap()).unwrap();
    let count = bench.config.model.context_length;
    let text = store.read(Split::Validation, 0, count).unwrap();
    let gradients = seen.floats("gradient_norms_by_step");
    assert_eq!(gradients.len(), 2 * names.len());
    let own = bench.lens.arena().to_vec();
    for (row, arena) in [first, second].iter().enumerate() {
        bench.lens.set_arena(arena).unwrap();
        let plain = bench.look_at(View::Weights, "", &text, &InspectSettings::default()).unwrap();
        let range = row * names.len()..(row + 1) * names.len();
        near(&gradients[range], &plain.floats("gradient_norms"), 1e-5);
    }
    assert!(gradients.iter().all(|norm| *norm > 0.0));
    bench.lens.set_arena(&own).unwrap();
    // An unchanged list is not read again, so damage goes unnoticed.
    let last = checkpoints.list().pop().unwrap();
    let path = bench.run.checkpoints_folder().join(&last.file);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let again = bench.look(View::Weights, "Another prompt", &alone).unwrap();
    assert_eq!(again.floats("norms_by_step"), norms);
    assert_eq!(again.floats("gradient_norms_by_step"), gradients);
    assert_eq!(again.inspected.notices, seen.inspected.notices);
}

#[test]
fn induction_is_measured_anew_where_the_weights_change() {
    let mut bench = Bench::sharp(gpt());
    let scores = |bench: &mut Bench| {
        bench.look(View::Attention, PROMPT, &InspectSettings::default()).unwrap().floats("scores")
    };
    let first = scores(&mut bench);
    assert_eq!(scores(&mut bench), first);
    bench.lens.weights_mut("blocks.0.attention.qkv.weight").unwrap().fill(0.0);
    let changed = scores(&mut bench);
    assert_ne!(changed[3], first[3]);
    let arena = bench.lens.arena().to_vec();
    bench.lens = super::Lens::on_cpu(&bench.config.model, arena, Some(1)).unwrap();
    assert_eq!(scores(&mut bench), changed);
}

#[test]
fn a_model_with_labels_speaks_of_labels() {
    let mut bench = Bench::new(gpt());
    bench.config.model.labels = ["ham", "spam"].map(str::to_owned).to_vec();
    bench.lens = lens(&bench.config.model, 0.6);
    let plain = InspectSettings::default();
    let seen = bench.look(View::LogitLens, PROMPT, &plain).unwrap();
    let [Detail::Tokens { tokens }] = &seen.inspected.details[..] else { panic!() };
    assert!(tokens.iter().all(|token| ["ham", "spam"].contains(&token.text.as_str())));
    assert_eq!(seen.floats("logits").len(), 6);
    let seen = bench.look(View::NextToken, PROMPT, &plain).unwrap();
    assert!(seen.inspected.tensors.is_empty() && seen.inspected.notices[0].contains("no next token"));
    let seen = bench.look(View::Weights, PROMPT, &plain).unwrap();
    assert!(seen.has("norms") && !seen.has("gradient_norms"));
    let seen = bench.look(View::Residual, PROMPT, &plain).unwrap();
    assert!(seen.has("saliency") && seen.integers("token")[0] < 2);
    let seen =
        bench.look(View::WhatIf, PROMPT, &InspectSettings { every_part: true, ..plain.clone() }).unwrap();
    assert_eq!(seen.floats("before").len(), 2);
    let message =
        refusal(bench.look(View::Residual, PROMPT, &InspectSettings { token: Some(2), ..plain.clone() }));
    assert_eq!(message, "there is no label 2; the nearest is 1 (0 to 1)");
    // A reward model's only output is a score.
    bench.config.model.labels = vec!["reward".to_owned()];
    bench.lens = lens(&bench.config.model, 0.6);
    for view in [View::Residual, View::LogitLens, View::NextToken, View::WhatIf, View::Weights] {
        let seen = bench.look(view, PROMPT, &plain).unwrap();
        assert!(!seen.inspected.notices.is_empty(), "{view}");
    }
    let seen = bench.look(View::Residual, PROMPT, &plain).unwrap();
    assert!(seen.floats("saliency").iter().any(|entry| *entry != 0.0));
}
