//! Every differentiable op against its own forward formula: central differences in f64 of the oracle's forward values, against
//! the oracle's autodiff in f64 and against our backward ops on the CPU.

use glasshouse_engine::cpu;
use glasshouse_engine::graph::ValueId;
use glasshouse_engine::oracle::{self, Device};
use glasshouse_engine::step::Data;
use glasshouse_parity::cases::{Built, Case, Operation};
use glasshouse_parity::task::Backward;

/// Step of the differences; their error is proportional to its square, plus 1e-16 divided by it.
const STEP: f64 = 1e-5;
/// Largest case: every entry of every input takes two runs.
const ENTRIES: usize = 700;
/// Tolerances of the f64 autodiff (read back as f32) and of our f32 backward ops, relative to the largest entry.
const AUTODIFF: f64 = 2e-7;
const OURS: f64 = 2e-5;

/// Σ output·seed.
fn weighted(built: &Built, floats: &[(ValueId, Vec<f64>)], ids: &[(ValueId, Vec<u32>)], seed: &[f32]) -> f64 {
    let output = oracle::run_graph_in_f64(&built.graph, floats, ids, &built.outputs[..1]).expect("a run");
    output[0].iter().zip(seed).map(|(entry, seed)| entry * f64::from(*seed)).sum()
}

fn differences(built: &Built, seed: &[f32]) -> Vec<Vec<f64>> {
    let (mut floats, mut ids) = (Vec::new(), Vec::new());
    for (id, data) in &built.inputs {
        match data {
            Data::F32(numbers) => {
                floats.push((*id, numbers.iter().map(|number| f64::from(*number)).collect()));
            }
            Data::U32(numbers) => ids.push((*id, numbers.clone())),
        }
    }
    let mut all: Vec<Vec<f64>> = Vec::new();
    for wrt in &built.differentiable {
        let at = floats.iter().position(|(id, _): &(ValueId, Vec<f64>)| id == wrt).expect("an input");
        let mut slopes = Vec::new();
        for entry in 0..floats[at].1.len() {
            let before = floats[at].1[entry];
            let mut side = |step: f64| {
                floats[at].1[entry] = before + step;
                weighted(built, &floats, &ids, seed)
            };
            let slope = (side(STEP) - side(-STEP)) / (2.0 * STEP);
            floats[at].1[entry] = before;
            slopes.push(slope);
        }
        all.push(slopes);
    }
    all
}

fn ours(built: &Built, backward: &Backward) -> Vec<Vec<f32>> {
    let Backward { graph, seed, seed_value, read, .. } = backward;
    let mut inputs = built.inputs.clone();
    inputs.extend(seed_value.map(|value| (value, Data::F32(seed.clone()))));
    inputs.extend(built.token_order(graph));
    floats(cpu::run_graph(graph, &inputs, read).expect("a run on the CPU"))
}

fn floats(data: Vec<Data>) -> Vec<Vec<f32>> {
    let float = |data| match data {
        Data::F32(numbers) => numbers,
        Data::U32(_) => panic!("gradients are floats"),
    };
    data.into_iter().map(float).collect()
}

fn deviation(got: &[f32], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(1e-30f64, |most, number| most.max(number.abs()));
    let apart = got.iter().zip(expected).map(|(got, expected)| (f64::from(*got) - expected).abs());
    apart.fold(0.0, |most, apart| if apart.is_nan() { f64::INFINITY } else { f64::max(most, apart) }) / scale
}

fn check(cases: &[Case]) {
    let small: Vec<&Case> = cases.iter().filter(|case| case.size() <= ENTRIES).collect();
    assert!(!small.is_empty(), "no case is small enough");
    for case in small {
        let built = case.build().expect("a graph");
        let backward = Backward::of(case, &built).expect("a gradient");
        let seed = &backward.seed;
        let expected = differences(&built, seed);
        let (output, wrt) = (built.outputs[0], &built.differentiable);
        let device = Device::flex_in_f64();
        let autodiff = oracle::gradients_of(&built.graph, &built.inputs, output, seed.clone(), wrt, &device);
        for (who, gradients, bound) in [
            ("autodiff", floats(autodiff.expect("the reference")), AUTODIFF),
            ("our backward ops", ours(&built, &backward), OURS),
        ] {
            for (at, (got, expected)) in gradients.iter().zip(&expected).enumerate() {
                let apart = deviation(got, expected);
                assert!(apart <= bound, "{who}: {case:?}, input {at}: {apart:.1e} > {bound:.0e}");
            }
        }
    }
}

macro_rules! differences {
    ($($op:ident)*) => {$(
        #[test]
        fn $op() {
            let operation = Operation::named(stringify!($op)).expect("an operation of the table");
            check(&(operation.cases)());
        }
    )*};
}

differences! { embedding norm linear head_norm rope attention activation gate route router_loss expert_linear dropouts noise add scale multiply cross_entropy linear_cross_entropy score preference policy distil unlikelihood top_k jump_relu squared_error }
