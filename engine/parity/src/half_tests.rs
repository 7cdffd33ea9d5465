//! Kernel variants for 16-bit floats, with the self-test's cases.

use crate::half_precision::{GROUPS, HalfCase};
use crate::task::{Task, floats};
use glasshouse_engine::gpu::{Gpu, run_graph_for, test_gpu};
use glasshouse_engine::graph::Graph;
use glasshouse_engine::plan::lower::{Cooperative, Target, Tier};
use glasshouse_engine::plan::{compile, trial};

/// A target that uses cooperative matrices wherever possible, if the device and the graph support any.
fn with_cooperative(gpu: &Gpu, graph: &Graph) -> Option<Target> {
    let choices = trial::everywhere(graph, Tier::Cooperative, |class| class.family.multiplies());
    let possible = gpu.target().cooperative != Cooperative::NONE && !choices.is_empty();
    possible.then(|| {
        let target = Target::new(false).with_subgroups(true);
        target.with_cooperative(gpu.target().cooperative).with(&choices)
    })
}

fn check(group: &str) {
    let gpu = test_gpu();
    let cases = GROUPS.into_iter().find(|(name, _)| *name == group).unwrap().1;
    for case in cases() {
        let [full, half] = case.build().unwrap();
        let tiled = Target::new(false).with(&trial::everywhere(&half.graph, Tier::Tiled, |_| true));
        let targets = [Target::new(false), tiled];
        for target in targets.into_iter().chain(with_cooperative(&gpu, &half.graph)) {
            let kernels = compile(half.graph.clone(), &half.read, &target).unwrap().dispatches;
            assert!(kernels.iter().any(|dispatch| dispatch.kernel.needs_half()), "{:?}", case.op);
            let run = |Task { graph, inputs, read }: &Task| {
                let results = run_graph_for(&gpu, graph, inputs, read, [1, 2], target.clone());
                floats(pollster::block_on(results).unwrap()).unwrap()
            };
            for (number, (half, full)) in run(&half).iter().zip(&run(&full)).enumerate() {
                let apart = HalfCase::apart(full, half);
                assert!(apart <= case.tolerance, "{case:?} {target:?} output {number}: {apart:.1e}");
            }
        }
    }
}

macro_rules! groups {
    ($($test:ident: $group:literal;)*) => {
        $(
        #[test]
        fn $test() {
            check($group);
        }
        )*

        #[test]
        fn every_group_has_a_test() {
            let tested = [$($group),*];
            assert!(GROUPS.iter().all(|(name, _)| tested.contains(name)));
        }
    };
}

groups! {
    linear_layers_take_and_give_f16: "linear layers";
    gradients_of_linear_layers_take_and_give_f16: "gradients of linear layers";
    norms_give_f16_and_their_gradients_take_them: "norms";
    activations_and_gates_take_and_give_f16: "activations and gates";
    dropout_takes_and_gives_f16: "dropout";
    rotations_and_norms_of_heads_take_and_give_f16: "rotations and norms of heads";
    gradients_of_the_loss_are_given_in_f16: "gradients of the loss";
    attention_takes_and_gives_f16: "attention";
    slow_attention_over_heads_of_any_size_takes_and_gives_f16: "attention over heads of any size";
}
