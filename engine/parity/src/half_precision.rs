//! Compares the f16 kernel variants with the f32 ones, which [`super::cases`] compare with the oracle. On operands that f16
//! represents exactly, results agree up to the rounding of values stored in f16.

use super::cases::starts;
use crate::task::Task;
use glasshouse_engine::Result;
use glasshouse_engine::graph::{
    DropoutSite, Element, Graph, Heads, Input, NormForm, Op, Parameter, ParameterId, Type, ValueId, ops,
    random,
};
use glasshouse_engine::protocol::{Activation, Gate, NormKind};
use glasshouse_engine::step::Data;
use half::f16;

/// Half the distance of neighbouring f16 values near 1, plus a little for another summation order.
const ROUNDING: f64 = 1.0 / 2048.0 + 1e-6;

/// An input of an op.
#[derive(Clone, Debug)]
enum Fed<'case> {
    /// f32 of this shape.
    Full(&'case [usize]),
    /// f16 of this shape.
    Half(&'case [usize]),
    /// Target ids below a limit.
    Targets(&'case [usize], u64),
    /// Document starts.
    Starts(&'case [usize]),
}

use Fed::{Full, Half, Starts, Targets};

/// An op with some operands stored in f16.
#[derive(Clone, Debug)]
pub struct HalfCase {
    pub op: Op,
    fed: Vec<(FedKind, Vec<usize>)>,
    /// Shapes of the weights whose gradients it accumulates into.
    gradients: Vec<Vec<usize>>,
    /// Indices of outputs stored in f16.
    half_outputs: Vec<usize>,
    /// Maximum deviation, relative to the largest entry.
    pub tolerance: f64,
}

#[derive(Clone, Copy, Debug)]
enum FedKind {
    Full,
    Half,
    Targets(u64),
    Starts,
}

fn case(
    op: impl Into<Op>,
    fed: &[Fed<'_>],
    gradients: &[&[usize]],
    half_outputs: &[usize],
    tolerance: f64,
) -> HalfCase {
    let owned = |fed: &Fed<'_>| match fed {
        Full(shape) => (FedKind::Full, shape.to_vec()),
        Half(shape) => (FedKind::Half, shape.to_vec()),
        Targets(shape, limit) => (FedKind::Targets(*limit), shape.to_vec()),
        Starts(shape) => (FedKind::Starts, shape.to_vec()),
    };
    HalfCase {
        op: op.into(),
        fed: fed.iter().map(owned).collect(),
        gradients: gradients.iter().map(|shape| shape.to_vec()).collect(),
        half_outputs: half_outputs.to_vec(),
        tolerance,
    }
}

/// Name and cases of a group.
pub type Group = (&'static str, fn() -> Vec<HalfCase>);

/// All cases by group. Attention with a head size that is not a constant in the kernels has its own group, because a software
/// adapter takes a minute to compile it.
pub const GROUPS: [Group; 9] = [
    ("linear layers", linear_layers),
    ("gradients of linear layers", gradients_of_linear_layers),
    ("norms", norms),
    ("activations and gates", activations_and_gates),
    ("dropout", dropout),
    ("rotations and norms of heads", rotations_and_norms_of_heads),
    ("gradients of the loss", gradients_of_the_loss),
    ("attention", attention_over_small_heads),
    ("attention over heads of any size", attention_over_heads_of_any_size),
];

/// Entries in [−1, 1) that f16 represents exactly.
fn noise(count: usize, stream: u64) -> Vec<f32> {
    let entry = |n| (random::nth(9, stream, n) >> 40) as f32 / 8_388_608.0 - 1.0;
    (0..count as u64).map(|n| f16::from_f32(entry(n)).to_f32()).collect()
}

impl HalfCase {
    /// The op in f32 and with f16.
    ///
    /// # Errors
    /// A shape rule rejects it.
    pub fn build(&self) -> Result<[Task; 2]> {
        let mut graph = Graph::default();
        let mut given: Vec<(ValueId, Data)> = Vec::new();
        let mut f16s = Vec::new();
        for (number, (kind, shape)) in self.fed.iter().enumerate() {
            let count = shape.iter().product::<usize>();
            let free = Input::Free(number as u32);
            let (value, data) = match kind {
                FedKind::Full | FedKind::Half => {
                    (graph.input(free, Type::f32(shape)), Data::F32(noise(count, number as u64)))
                }
                FedKind::Targets(limit) => {
                    let ids = (0..count as u64).map(|n| (random::nth(2, 3, n) % limit) as u32).collect();
                    (graph.input(Input::Targets, Type::u32(shape)), Data::U32(ids))
                }
                FedKind::Starts => {
                    let time = shape.last().copied().unwrap_or(1);
                    let starts = starts(number as u64, count / time.max(1), time);
                    (graph.input(Input::Starts, Type::u32(shape)), Data::U32(starts))
                }
            };
            if let FedKind::Half = kind {
                f16s.push(value);
            }
            given.push((value, data));
        }
        let inputs: Vec<ValueId> = given.iter().map(|(value, _)| *value).collect();
        let mut added = Vec::new();
        for (number, shape) in self.gradients.iter().enumerate() {
            graph.parameter(Parameter {
                decayed: true,
                trainable: true,
                ..Parameter::zeros(&format!("weight {number}"), Type::f32(shape))
            });
            let value = graph.gradient_of(ParameterId(number as u32));
            given.push((value, Data::F32(noise(shape.iter().product(), 100 + number as u64))));
            added.push(value);
        }
        let outputs = graph.push_into(self.op, &inputs, &added)?;
        let mut in_half = graph.clone();
        for value in f16s.iter().copied().chain(self.half_outputs.iter().map(|number| outputs[*number])) {
            in_half.values[value.index()].ty.element = Element::F16;
        }
        let full = Task { graph, inputs: given.clone(), read: outputs.clone() };
        Ok([full, Task { graph: in_half, inputs: given, read: outputs }])
    }

    /// Deviation of f16 results, relative to the largest entry; infinite if all results are zero.
    pub fn apart(full: &[f32], half: &[f32]) -> f64 {
        let empty = full.iter().all(|entry| *entry == 0.0);
        if empty { f64::INFINITY } else { glasshouse_engine::selftest::deviation(half, full) }
    }
}

fn linear_layers() -> Vec<HalfCase> {
    let mut all = Vec::new();
    let (x, w, y): (&[usize], &[usize], &[usize]) = (&[67, 20], &[37, 20], &[67, 37]);
    let plain = ops::Linear { bias: false, residual: false };
    all.push(case(plain, &[Half(x), Half(w)], &[], &[0], ROUNDING));
    all.push(case(plain, &[Half(x), Half(w)], &[], &[], 1e-6));
    let shifted = ops::Linear { bias: true, residual: false };
    all.push(case(shifted, &[Half(x), Half(w), Full(&[37])], &[], &[0], ROUNDING));
    let added = ops::Linear { bias: true, residual: true };
    all.push(case(added, &[Half(x), Half(w), Full(&[37]), Full(y)], &[], &[], 1e-6));
    // Sizes of cooperative matrices.
    let (x, w, y): (&[usize], &[usize], &[usize]) = (&[80, 48], &[112, 48], &[80, 112]);
    all.push(case(plain, &[Half(x), Half(w)], &[], &[0], ROUNDING));
    all.push(case(shifted, &[Half(x), Half(w), Full(&[112])], &[], &[0], ROUNDING));
    all.push(case(shifted, &[Half(x), Half(w), Full(&[112])], &[], &[], 1e-6));
    all.push(case(added, &[Half(x), Half(w), Full(&[112]), Full(y)], &[], &[], 1e-6));
    // So few rows that f32 would use the dot-product kernel.
    all.push(case(plain, &[Half(&[3, 8]), Half(&[5, 8])], &[], &[0], ROUNDING));
    all
}

fn gradients_of_linear_layers() -> Vec<HalfCase> {
    let mut all = Vec::new();
    let plain = ops::LinearInputBackward { residual: false };
    all.push(case(plain, &[Half(&[67, 20]), Half(&[20, 36])], &[], &[0], ROUNDING));
    all.push(case(plain, &[Half(&[80, 112]), Half(&[112, 48])], &[], &[0], ROUNDING));
    all.push(case(plain, &[Full(&[67, 65]), Half(&[65, 36])], &[], &[0], ROUNDING));
    all.push(case(plain, &[Full(&[67, 12]), Half(&[12, 36])], &[], &[0], ROUNDING));
    // In slices on a GPU.
    all.push(case(plain, &[Half(&[80, 1616]), Half(&[1616, 48])], &[], &[0], ROUNDING));
    all.push(case(plain, &[Full(&[67, 1031]), Half(&[1031, 36])], &[], &[0], ROUNDING));
    all.push(case(plain, &[Half(&[67, 20]), Full(&[20, 7])], &[], &[], 1e-6));
    let weight = ops::LinearWeightBackward;
    all.push(case(weight, &[Half(&[67, 20]), Half(&[67, 36])], &[&[20, 36]], &[], 1e-6));
    all.push(case(weight, &[Half(&[80, 112]), Half(&[80, 48])], &[&[112, 48]], &[], 1e-6));
    // A sum of 1616 products, whose order depends on the strategy.
    all.push(case(weight, &[Half(&[1616, 16]), Half(&[1616, 32])], &[&[16, 32]], &[], 4e-6));
    all.push(case(weight, &[Full(&[67, 7]), Half(&[67, 36])], &[&[7, 36]], &[], 1e-6));
    all.push(case(weight, &[Half(&[1501, 12]), Full(&[1501, 9])], &[&[12, 9]], &[], 2e-6));
    for (rows, columns) in [(300, 8), (1000, 36)] {
        let sums = ops::SumRows { groups: rows };
        all.push(case(sums, &[Half(&[rows, columns])], &[&[columns]], &[], 1e-6));
    }
    all
}

fn norms() -> Vec<HalfCase> {
    let mut all = Vec::new();
    for kind in [NormKind::Layer, NormKind::Rms] {
        let form = NormForm::new(kind, 1e-5);
        let (x, w): (&[usize], &[usize]) = (&[67, 20], &[20]);
        for bias in [false, true].into_iter().filter(|bias| !bias || kind == NormKind::Layer) {
            let fed = [Full(x), Full(w), Full(w)];
            let fed = if bias { &fed[..] } else { &fed[..2] };
            all.push(case(ops::Norm { form, bias }, fed, &[], &[0], ROUNDING));
        }
        let fed = [Full(x), Full(w), Full(&[67, 2]), Half(x), Full(x)];
        let bias = kind == NormKind::Layer;
        let gradients = [w; 2];
        let op = ops::NormBackward { form, residual: true, weight: true, bias };
        all.push(case(op, &fed, &gradients[..1 + usize::from(bias)], &[], 1e-6));
    }
    all
}

fn activations_and_gates() -> Vec<HalfCase> {
    let mut all = Vec::new();
    let kinds = [
        Activation::GeluExact,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::ReluSquared,
        Activation::Silu,
    ];
    for kind in kinds {
        let shape: &[usize] = &[33, 12];
        all.push(case(ops::Activation(kind), &[Half(shape)], &[], &[0], ROUNDING));
        all.push(case(ops::ActivationBackward(kind), &[Half(shape), Half(shape)], &[], &[0], ROUNDING));
    }
    for (kind, hidden) in [(Gate::Swiglu, 12), (Gate::Geglu, 20)] {
        let (wide, narrow): (&[usize], &[usize]) = (&[33, 2 * hidden], &[33, hidden]);
        all.push(case(ops::Gate(kind), &[Half(wide)], &[], &[0], ROUNDING));
        all.push(case(ops::GateBackward(kind), &[Half(wide), Half(narrow)], &[], &[0], ROUNDING));
    }
    all
}

fn dropout() -> Vec<HalfCase> {
    let mut all = Vec::new();
    let site = DropoutSite { rate: 0.3, site: 5 };
    for shape in [&[33, 12], &[33, 20]] {
        let plain = ops::Dropout { site, residual: false };
        all.push(case(plain, &[Full(shape)], &[], &[0], ROUNDING));
        all.push(case(ops::Dropout { site, residual: true }, &[Half(shape), Full(shape)], &[], &[], 1e-6));
    }
    all
}

fn rotations_and_norms_of_heads() -> Vec<HalfCase> {
    let mut all = Vec::new();
    let heads = Heads { heads: 4, kv_heads: 2, head_size: 6 };
    let (qkv, table): (&[usize], &[usize]) = (&[2, 9, heads.packed()], &[9, 6]);
    for inverse in [false, true] {
        let rope = ops::Rope { heads, inverse, cursor: false };
        all.push(case(rope, &[Half(qkv), Full(table)], &[], &[0], ROUNDING));
    }
    let (scale, roots): (&[usize], &[usize]) = (&[6], &[18, 6]);
    let fed = [Half(qkv), Full(scale), Full(scale)];
    all.push(case(ops::HeadNorm { heads, whole: false, eps: 1e-5 }, &fed, &[], &[0], ROUNDING));
    let fed = [Half(qkv), Full(scale), Full(scale), Full(roots), Half(qkv)];
    all.push(case(ops::HeadNormBackward { heads, whole: false }, &fed, &[], &[0], ROUNDING));
    let fed = [Half(qkv), Full(roots), Half(qkv)];
    all.push(case(ops::HeadNormWeightBackward { heads, whole: false }, &fed, &[scale, scale], &[], 1e-6));
    all
}

/// Head sizes that are constants in the kernels.
fn attention_over_small_heads() -> Vec<HalfCase> {
    attention(&[8, 32])
}

/// Other head sizes, with vector and scalar loads.
fn attention_over_heads_of_any_size() -> Vec<HalfCase> {
    attention(&[12, 6])
}

fn attention(head_sizes: &[usize]) -> Vec<HalfCase> {
    let mut all = Vec::new();
    for head_size in head_sizes.iter().copied() {
        let heads = Heads { heads: 4, kv_heads: 2, head_size };
        let (qkv, y): (&[usize], &[usize]) = (&[2, 70, heads.packed()], &[2, 70, heads.width()]);
        let (rows, starts): (&[usize], &[usize]) = (&[2, 4, 70], &[2, 70]);
        // Sliding window, and several documents per row; a size of 8 is not a constant with the latter.
        let kinds = [(None, false), (Some(9), false), (None, true), (Some(9), true)];
        let kinds = &kinds[..if head_size == 8 { 2 } else { 4 }];
        for (window, documents) in kinds.iter().copied() {
            let softcap = window.map(|_| 0.5);
            let op = ops::Attention { heads, softcap, window, documents, ..Default::default() };
            let fed = [Half(qkv), Starts(starts)];
            all.push(case(op, &fed[..1 + usize::from(documents)], &[], &[0], ROUNDING));
        }
        for (window, documents) in kinds.iter().copied() {
            let softcap = window.map(|_| 0.5);
            let forward = ops::Attention { heads, softcap, window, documents, ..Default::default() };
            let op = ops::AttentionBackward { forward, documents };
            let fed = [Half(qkv), Full(rows), Half(y), Half(y), Starts(starts)];
            all.push(case(op, &fed[..4 + usize::from(documents)], &[], &[0], ROUNDING));
        }
    }
    all
}

fn gradients_of_the_loss() -> Vec<HalfCase> {
    let mut all = Vec::new();
    let (rows, vocabulary, width) = (130, 36, 12);
    let (label_smoothing, ignore_index) = (0.1, Some(3));
    let (x, w, pairs): (&[usize], &[usize], &[usize]) = (&[rows, width], &[vocabulary, width], &[rows, 2]);
    let logits: &[usize] = &[rows, vocabulary];
    let targets = || Targets(&[130], 36);
    let op = ops::CrossEntropyBackward { label_smoothing, ignore_index, scale: 0.5, weighted: false };
    all.push(case(op, &[Full(logits), targets(), Full(pairs), Full(&[2])], &[], &[0], ROUNDING));
    let op = ops::LinearCrossEntropy { label_smoothing, ignore_index, chunk: 64 };
    all.push(case(op, &[Half(x), Half(w), targets()], &[], &[], 1e-6));
    let weight = true;
    let op = ops::LinearCrossEntropyBackward {
        label_smoothing,
        ignore_index,
        scale: 0.5,
        chunk: 64,
        weighted: false,
        weight,
    };
    // The factors were rounded before.
    let fed = [Half(x), Half(w), targets(), Full(pairs), Full(&[2])];
    all.push(case(op, &fed, &[w], &[0, 2], 2.0 * ROUNDING));
    all
}
