//! Tuned kernels compute the same as the defaults, and tuning results are cached.

use super::super::{Gpu, Measuring, TunedBucket, Tuning, test_gpu};
use super::executor::{batch, executor, graphs};
use crate::device::DeviceDescription;
use glasshouse_compiler::graph::{Graph, Parameter, Type, ops};
use glasshouse_compiler::plan::lower::{Choice, Choices, Family, Tier};
use glasshouse_compiler::plan::{compile, trial};
use glasshouse_compiler::step::StepInput;
use pollster::block_on;
use std::path::Path;

fn everywhere(graph: &Graph, choice: impl Fn(Family) -> Choice) -> Choices {
    trial::of_graph(graph).iter().map(|trial| (trial.bucket, choice(trial.bucket.family))).collect()
}

async fn gradients(gpu: &Gpu) -> (f32, Vec<f32>) {
    let step = StepInput { step: 0, learning_rate: 0.0, micro_batches: vec![batch(0), batch(1)] };
    executor(gpu).await.gradients(&step).await.unwrap()
}

#[test]
fn every_choice_gives_the_same_gradient() {
    let gpu = test_gpu();
    let (graphs, _) = graphs();
    let graph = &graphs.train;
    let kernels = |gpu: &Gpu| -> Vec<&'static str> {
        let plan = compile(graph.clone(), &[], &gpu.target()).unwrap();
        plan.dispatches.iter().map(|dispatch| dispatch.kernel.name).collect()
    };
    block_on(async {
        let (default_loss, default) = gradients(&gpu).await;
        let largest = default.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
        for (tier, slices) in [(Tier::Tiled, None), (Tier::Small, Some(3)), (Tier::Tiled, Some(3))] {
            let chosen = gpu.with_choices(&everywhere(graph, |family| Choice {
                tier,
                slices: slices
                    .filter(|_| matches!(family, Family::LinearInputBackward | Family::LinearWeightBackward)),
            }));
            let names = kernels(&chosen);
            for family in Family::ALL.into_iter().filter(|family| *family != Family::LinearFew) {
                let mut own = names.iter().filter(|name| family.has(name)).peekable();
                assert!(own.peek().is_some(), "{family:?}");
                assert!(own.all(|name| name.contains(tier.name())), "{names:?}");
            }
            let sums = |names: &[&str]| names.iter().filter(|name| name.starts_with("sum_rows")).count();
            assert_eq!(sums(&names) > sums(&kernels(&gpu)), slices.is_some(), "{names:?}");
            let (loss, found) = gradients(&chosen).await;
            assert!((loss - default_loss).abs() < 1e-5 * default_loss, "{loss} for {default_loss}");
            let apart =
                found.iter().zip(&default).fold(0.0f32, |most, (one, other)| most.max((one - other).abs()));
            assert!(
                found.len() == default.len() && apart < 2e-5 * largest,
                "{tier:?} {slices:?}: {apart} of {largest}"
            );
        }
    });
}

/// A graph with one product, and so one bucket.
fn product(rows: usize) -> Graph {
    let mut graph = Graph::default();
    let mut parameter = |shape: &[usize]| graph.parameter(Parameter::zeros("operand", Type::f32(shape)));
    let (x, w) = (parameter(&[rows, 16]), parameter(&[32, 16]));
    graph.push(ops::Linear { bias: false, residual: false }, &[x, w]).unwrap();
    graph
}

fn measuring(folder: &Path) -> Measuring {
    Measuring { folder: Some(folder.to_owned()), budget: 1e6, anew: false, kernels: String::new() }
}

#[test]
fn what_was_timed_is_known_afterwards() {
    let gpu = test_gpu();
    let folder = tempfile::tempdir().unwrap();
    let graph = product(64);
    let first = measuring(folder.path());
    block_on(async {
        let tuning = Tuning::Measured(first.clone());
        let (chosen, tuned) = gpu.clone().tuned(&graph, &tuning).await.unwrap();
        let [TunedBucket { bucket, candidates, chosen: best }] = tuned.found.as_slice() else {
            panic!("{:?}", tuned.found)
        };
        assert_eq!(bucket.to_string(), "linear 64x16x32");
        assert!(candidates.len() >= 2);
        assert!(candidates.iter().all(|(_, seconds)| *seconds > 0.0) && tuned.seconds > 0.0);
        assert!(tuned.sentence().is_some_and(|text| text.starts_with("tuned 1 kernel in ")));
        let variants = chosen.variants();
        let expected = (*best != tuned.found[0].bucket.default_choice()).then(|| best.to_string());
        assert_eq!(variants.get("linear 64x16x32").cloned(), expected);

        let (again, tuned) = gpu.clone().tuned(&graph, &tuning).await.unwrap();
        assert!(tuned.found.is_empty() && tuned.sentence().is_none());
        assert_eq!(again.variants(), variants);
        // Results of another bucket are not part of this graph's record.
        let (_, tuned) = gpu.clone().tuned(&product(128), &tuning).await.unwrap();
        assert_eq!(tuned.found.len(), 1);
        assert!(again.variants().keys().all(|bucket| bucket == "linear 64x16x32"));

        let anew = Tuning::Measured(Measuring { anew: true, ..first.clone() });
        assert_eq!(gpu.clone().tuned(&graph, &anew).await.unwrap().1.found.len(), 1);
        let others = Measuring { anew: true, kernels: "attention".to_owned(), ..first.clone() };
        let (_, tuned) = gpu.clone().tuned(&graph, &Tuning::Measured(others)).await.unwrap();
        assert!(tuned.found.is_empty());
    });
}

#[test]
fn without_time_the_rule_holds() {
    let gpu = test_gpu();
    let folder = tempfile::tempdir().unwrap();
    let graph = product(64);
    let hasty = Measuring { budget: -1.0, ..measuring(folder.path()) };
    block_on(async {
        let (chosen, tuned) = gpu.clone().tuned(&graph, &Tuning::Measured(hasty)).await.unwrap();
        assert!(tuned.found.is_empty() && chosen.variants().is_empty());
        // A software adapter records the defaults as final; others continue tuning next time.
        let (_, tuned) =
            gpu.clone().tuned(&graph, &Tuning::Measured(measuring(folder.path()))).await.unwrap();
        assert_eq!(tuned.found.is_empty(), gpu.report().software);
    });
}

#[test]
fn a_record_pins_the_kernels_of_its_own_device() {
    let gpu = test_gpu();
    let graph = product(64);
    let other = Choice::tier(Tier::Tiled);
    let chosen = gpu.with_choices(&everywhere(&graph, |_| other));
    let recorded = chosen.describe();
    assert!(!recorded.repeats(&gpu.describe()));
    let text = serde_json::to_string(&recorded).unwrap();
    assert_eq!(serde_json::from_str::<DeviceDescription>(&text).unwrap(), recorded);
    block_on(async {
        let pinned = Tuning::Pinned(recorded.clone());
        let (again, _) = gpu.clone().tuned(&graph, &pinned).await.unwrap();
        assert_eq!(again.describe(), recorded);
        let another = DeviceDescription { name: "Voodoo 2".to_owned(), ..recorded.clone() };
        let (plain, _) = chosen.tuned(&graph, &Tuning::Pinned(another)).await.unwrap();
        assert_eq!(plain.describe(), gpu.describe());
    });
}
