//! The kernels' variants for 16-bit floats against those for 32 bits, which other tests hold to plain loops: on operands that
//! halves hold exactly, what is computed is the same up to the rounding of what is stored in halves.

use super::run::run_graph_for;
use super::tests::with_cooperative;
use super::{Gpu, test_gpu};
use crate::executor::Data;
use crate::graph::{
    DropoutSite, Element, Graph, Heads, Input, Nonlinearity, NormForm, Op, Parameter, ParameterId, Start,
    Type, ValueId, random,
};
use crate::plan::compile;
use crate::plan::lower::Target;
use glasshouse_protocol::{Activation, Gate, NormKind};
use half::f16;

const TARGETS: [Target; 2] = [Target::new(true), Target::new(false)];

/// Half of the distance of two neighbouring halves, for numbers near 1, and a little for sums taken in another order.
const ROUNDING: f64 = 1.0 / 2048.0 + 1e-6;

/// What is fed into an op.
enum Fed<'case> {
    /// Floats of this shape in 32 bits.
    Full(&'case [usize]),
    /// The same in 16 bits.
    Half(&'case [usize]),
    /// Target ids below a number.
    Targets(&'case [usize], u64),
}

use Fed::{Full, Half, Targets};

/// Entries in [−1, 1) that a half holds exactly.
fn noise(count: usize, stream: u64) -> Vec<f32> {
    let entry = |n| (random::nth(9, stream, n) >> 40) as f32 / 8_388_608.0 - 1.0;
    (0..count as u64).map(|n| f16::from_f32(entry(n)).to_f32()).collect()
}

/// Runs an op with and without halves in the kernels for both kinds of device. `half_outputs` are stored in halves; what comes out
/// may differ by `tolerance` times its largest entry.
fn check(gpu: &Gpu, op: Op, fed: &[Fed<'_>], gradients: &[&[usize]], half_outputs: &[usize], tolerance: f64) {
    let mut graph = Graph::default();
    let mut given: Vec<(ValueId, Data)> = Vec::new();
    let mut halves = Vec::new();
    for (number, fed) in fed.iter().enumerate() {
        let floats = |shape: &[usize]| Data::F32(noise(shape.iter().product(), number as u64));
        let free = Input::Free(number as u32);
        let (value, data) = match fed {
            Full(shape) => (graph.input(free, Type::f32(shape)), floats(shape)),
            Half(shape) => (graph.input(free, Type::f32(shape)), floats(shape)),
            Targets(shape, limit) => {
                let count = shape.iter().product::<usize>() as u64;
                let ids = (0..count).map(|n| (random::nth(2, 3, n) % limit) as u32).collect();
                (graph.input(Input::Targets, Type::u32(shape)), Data::U32(ids))
            }
        };
        if let Half(_) = fed {
            halves.push(value);
        }
        given.push((value, data));
    }
    let inputs: Vec<ValueId> = given.iter().map(|(value, _)| *value).collect();
    let mut added = Vec::new();
    for (number, shape) in gradients.iter().enumerate() {
        graph.parameter(Parameter {
            name: format!("weight {number}"),
            ty: Type::f32(shape),
            decayed: true,
            trainable: true,
            start: Start::Constant(0.0),
        });
        let value = graph.gradient_of(ParameterId(number as u32));
        given.push((value, Data::F32(noise(shape.iter().product(), 100 + number as u64))));
        added.push(value);
    }
    let outputs = graph.push_into(op, &inputs, &added).unwrap();
    let mut in_half = graph.clone();
    for value in halves.iter().copied().chain(half_outputs.iter().map(|number| outputs[*number])) {
        in_half.values[value.index()].ty.element = Element::F16;
    }
    for target in TARGETS.into_iter().chain(with_cooperative(gpu, &in_half)) {
        let kernels = compile(in_half.clone(), &outputs, &target).unwrap().dispatches;
        assert!(kernels.iter().any(|dispatch| dispatch.kernel.needs_half()), "{op:?}");
        let run = |graph: &Graph| -> Vec<Vec<f32>> {
            let results =
                pollster::block_on(run_graph_for(gpu, graph, &given, &outputs, [1, 2], target.clone()))
                    .unwrap();
            let floats = |data| match data {
                Data::F32(entries) => entries,
                Data::U32(_) => panic!("integers"),
            };
            results.into_iter().map(floats).collect()
        };
        for (number, (half, full)) in run(&in_half).iter().zip(&run(&graph)).enumerate() {
            let largest = full.iter().fold(0.0f64, |most, entry| most.max(f64::from(entry.abs())));
            assert!(largest > 0.0 && half.len() == full.len(), "{op:?} {target:?} output {number}");
            for (at, (one, other)) in half.iter().zip(full).enumerate() {
                let apart = (f64::from(*one) - f64::from(*other)).abs();
                let close = apart <= tolerance * largest;
                assert!(close, "{op:?} {target:?} output {number}[{at}]: {one} for {other}");
            }
        }
    }
}

#[test]
fn linear_layers_take_and_give_halves() {
    let gpu = test_gpu();
    let (x, w, y): (&[usize], &[usize], &[usize]) = (&[67, 20], &[37, 20], &[67, 37]);
    let plain = Op::Linear { bias: false, residual: false };
    check(&gpu, plain, &[Half(x), Half(w)], &[], &[0], ROUNDING);
    check(&gpu, plain, &[Half(x), Half(w)], &[], &[], 1e-6);
    let shifted = Op::Linear { bias: true, residual: false };
    check(&gpu, shifted, &[Half(x), Half(w), Full(&[37])], &[], &[0], ROUNDING);
    let added = Op::Linear { bias: true, residual: true };
    check(&gpu, added, &[Half(x), Half(w), Full(&[37]), Full(y)], &[], &[], 1e-6);
    // What cooperative matrices are made up of.
    let (x, w, y): (&[usize], &[usize], &[usize]) = (&[80, 48], &[112, 48], &[80, 112]);
    check(&gpu, plain, &[Half(x), Half(w)], &[], &[0], ROUNDING);
    check(&gpu, shifted, &[Half(x), Half(w), Full(&[112])], &[], &[], 1e-6);
    check(&gpu, added, &[Half(x), Half(w), Full(&[112]), Full(y)], &[], &[], 1e-6);
    // So few rows that 32 bits would take the kernel of dot products.
    check(&gpu, plain, &[Half(&[3, 8]), Half(&[5, 8])], &[], &[0], ROUNDING);
}

#[test]
fn epilogues_take_and_give_halves() {
    let gpu = test_gpu();
    let (x, w, dy, back): (&[usize], &[usize], &[usize], &[usize]) =
        (&[67, 20], &[72, 20], &[67, 12], &[12, 36]);
    for kind in [
        Nonlinearity::Activation(Activation::GeluExact),
        Nonlinearity::Activation(Activation::ReluSquared),
        Nonlinearity::Gate(Gate::Swiglu),
        Nonlinearity::Gate(Gate::Geglu),
    ] {
        let fed = [Half(x), Half(w), Full(&[72])];
        check(&gpu, Op::LinearActivation { bias: true, kind }, &fed, &[], &[0, 1], ROUNDING);
        let wide = [67, 36 * kind.columns()];
        let op = Op::LinearInputActivationBackward(kind);
        check(&gpu, op, &[Full(dy), Half(back), Half(&wide)], &[], &[0], ROUNDING);
        check(&gpu, op, &[Half(dy), Half(back), Half(&wide)], &[], &[0], ROUNDING);
    }
    for kind in [Nonlinearity::Activation(Activation::Silu), Nonlinearity::Gate(Gate::Geglu)] {
        let fed = [Half(&[80, 48]), Half(&[96, 48]), Full(&[96])];
        check(&gpu, Op::LinearActivation { bias: true, kind }, &fed, &[], &[0, 1], ROUNDING);
        let wide = [80, 48 * kind.columns()];
        let fed = [Half(&[80, 112]), Half(&[112, 48]), Half(&wide)];
        check(&gpu, Op::LinearInputActivationBackward(kind), &fed, &[], &[0], ROUNDING);
    }
    let heads = Heads { heads: 2, kv_heads: 1, head_size: 32 };
    let fed = [Half(&[2, 40, 48]), Half(&[128, 48]), Full(&[128]), Full(&[40, 32])];
    check(&gpu, Op::LinearRope { bias: true, heads }, &fed, &[], &[0], ROUNDING);
    let heads = Heads { heads: 2, kv_heads: 1, head_size: 24 };
    let fed = [Half(&[2, 37, 20]), Half(&[96, 20]), Full(&[40, 24])];
    check(&gpu, Op::LinearRope { bias: false, heads }, &fed, &[], &[0], ROUNDING);
}

#[test]
fn gradients_of_linear_layers_take_and_give_halves() {
    let gpu = test_gpu();
    let plain = Op::LinearInputBackward { residual: false };
    check(&gpu, plain, &[Half(&[67, 20]), Half(&[20, 36])], &[], &[0], ROUNDING);
    check(&gpu, plain, &[Half(&[80, 112]), Half(&[112, 48])], &[], &[0], ROUNDING);
    check(&gpu, plain, &[Full(&[67, 65]), Half(&[65, 36])], &[], &[0], ROUNDING);
    check(&gpu, plain, &[Half(&[67, 20]), Full(&[20, 7])], &[], &[], 1e-6);
    let added = Op::LinearInputBackward { residual: true };
    check(&gpu, added, &[Half(&[67, 20]), Full(&[20, 36]), Full(&[67, 36])], &[], &[], 1e-6);
    let weight = Op::LinearWeightBackward;
    check(&gpu, weight, &[Half(&[67, 20]), Half(&[67, 36])], &[&[20, 36]], &[], 1e-6);
    check(&gpu, weight, &[Half(&[80, 112]), Half(&[80, 48])], &[&[112, 48]], &[], 1e-6);
    check(&gpu, weight, &[Half(&[1616, 16]), Half(&[1616, 32])], &[&[16, 32]], &[], 1e-6);
    check(&gpu, weight, &[Full(&[67, 7]), Half(&[67, 36])], &[&[7, 36]], &[], 1e-6);
    check(&gpu, weight, &[Half(&[1501, 12]), Full(&[1501, 9])], &[&[12, 9]], &[], 1e-6);
    for (rows, columns) in [(300, 7), (1000, 36)] {
        let sums = Op::SumRows { groups: rows };
        check(&gpu, sums, &[Half(&[rows, columns])], &[&[columns]], &[], 1e-6);
    }
}

#[test]
fn norms_give_halves_and_their_gradients_take_them() {
    let gpu = test_gpu();
    for kind in [NormKind::Layer, NormKind::Rms] {
        let form = NormForm { kind, eps: 1e-5 };
        for columns in [7, 20] {
            let (x, w): (&[usize], &[usize]) = (&[67, columns], &[columns]);
            check(&gpu, Op::Norm { form, bias: false }, &[Full(x), Full(w)], &[], &[0], ROUNDING);
            check(&gpu, Op::Norm { form, bias: true }, &[Full(x), Full(w), Full(w)], &[], &[0], ROUNDING);
            let fed = [Full(x), Full(w), Full(&[67, 2]), Half(x), Full(x)];
            check(&gpu, Op::NormBackward { form, residual: true }, &fed, &[], &[], 1e-6);
            let fed = [Full(x), Full(&[67, 2]), Half(x)];
            check(&gpu, Op::NormWeightBackward { bias: true }, &fed, &[w, w], &[], 1e-6);
        }
    }
}

#[test]
fn activations_and_gates_take_and_give_halves() {
    let gpu = test_gpu();
    let kinds = [
        Activation::GeluExact,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::ReluSquared,
        Activation::Silu,
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let shape: &[usize] = if number % 2 == 0 { &[33, 12] } else { &[33, 7] };
        check(&gpu, Op::Activation(kind), &[Half(shape)], &[], &[0], ROUNDING);
        check(&gpu, Op::ActivationBackward(kind), &[Half(shape), Half(shape)], &[], &[0], ROUNDING);
    }
    for (kind, hidden) in [(Gate::Swiglu, 12), (Gate::Geglu, 7)] {
        let (wide, narrow): (&[usize], &[usize]) = (&[33, 2 * hidden], &[33, hidden]);
        check(&gpu, Op::Gate(kind), &[Half(wide)], &[], &[0], ROUNDING);
        check(&gpu, Op::GateBackward(kind), &[Half(wide), Half(narrow)], &[], &[0], ROUNDING);
    }
}

#[test]
fn dropout_takes_and_gives_halves() {
    let gpu = test_gpu();
    let site = DropoutSite { rate: 0.3, site: 5 };
    for shape in [&[33, 12], &[33, 7]] {
        let plain = Op::Dropout { site, residual: false };
        check(&gpu, plain, &[Full(shape)], &[], &[0], ROUNDING);
        check(&gpu, plain, &[Half(shape)], &[], &[0], ROUNDING);
        check(&gpu, Op::Dropout { site, residual: true }, &[Half(shape), Full(shape)], &[], &[], 1e-6);
    }
}

#[test]
fn rotations_and_norms_of_heads_take_and_give_halves() {
    let gpu = test_gpu();
    let heads = Heads { heads: 4, kv_heads: 2, head_size: 6 };
    let (qkv, table): (&[usize], &[usize]) = (&[2, 9, heads.packed()], &[9, 6]);
    for inverse in [false, true] {
        let rope = Op::Rope { heads, inverse, cursor: false };
        check(&gpu, rope, &[Half(qkv), Full(table)], &[], &[0], ROUNDING);
    }
    let (scale, roots): (&[usize], &[usize]) = (&[6], &[18, 6]);
    let fed = [Half(qkv), Full(scale), Full(scale)];
    check(&gpu, Op::HeadNorm { heads, eps: 1e-5 }, &fed, &[], &[0], ROUNDING);
    let fed = [Half(qkv), Full(scale), Full(scale), Full(roots), Half(qkv)];
    check(&gpu, Op::HeadNormBackward { heads }, &fed, &[], &[0], ROUNDING);
    let fed = [Half(qkv), Full(roots), Half(qkv)];
    check(&gpu, Op::HeadNormWeightBackward { heads }, &fed, &[scale, scale], &[], 1e-6);
}

#[test]
fn attention_takes_and_gives_halves() {
    attention(&[8]);
}

/// Sizes that are no constant to the kernels, in fours and float by float: a software adapter takes a minute to build those.
#[test]
fn slow_attention_over_heads_of_any_size_takes_and_gives_halves() {
    attention(&[12, 6]);
}

fn attention(head_sizes: &[usize]) {
    let gpu = test_gpu();
    for head_size in head_sizes.iter().copied() {
        let heads = Heads { heads: 4, kv_heads: 2, head_size };
        let (qkv, y): (&[usize], &[usize]) = (&[2, 70, heads.packed()], &[2, 70, heads.width()]);
        let rows: &[usize] = &[2, 4, 70];
        let op = Op::Attention { heads, dropout: None };
        check(&gpu, op, &[Half(qkv)], &[], &[0], ROUNDING);
        check(&gpu, Op::AttentionDelta { heads }, &[Half(y), Half(y)], &[], &[], 1e-6);
        let op = Op::AttentionBackward { heads, dropout: None };
        check(&gpu, op, &[Half(qkv), Full(rows), Full(rows), Half(y)], &[], &[0], ROUNDING);
    }
}

#[test]
fn gradients_of_the_loss_are_given_in_halves() {
    let gpu = test_gpu();
    let (rows, vocabulary, width) = (130, 36, 12);
    let (label_smoothing, ignore_index) = (0.1, Some(3));
    let (x, w, pairs): (&[usize], &[usize], &[usize]) = (&[rows, width], &[vocabulary, width], &[rows, 2]);
    let logits: &[usize] = &[rows, vocabulary];
    let targets = || Targets(&[130], 36);
    let op = Op::CrossEntropyBackward { label_smoothing, ignore_index, scale: 0.5 };
    check(&gpu, op, &[Full(logits), targets(), Full(pairs), Full(&[2])], &[], &[0], ROUNDING);
    let op = Op::LinearCrossEntropy { label_smoothing, ignore_index, chunk: 64 };
    check(&gpu, op, &[Half(x), Half(w), targets()], &[], &[], 1e-6);
    let weight = true;
    let op = Op::LinearCrossEntropyBackward { label_smoothing, ignore_index, scale: 0.5, chunk: 64, weight };
    // What is multiplied was rounded before.
    let fed = [Half(x), Half(w), targets(), Full(pairs), Full(&[2])];
    check(&gpu, op, &fed, &[w], &[0, 2], 2.0 * ROUNDING);
}
