//! Kernels of norms, linear layers, activations, embedding and loss compared with plain f64 loops, at sizes that do not fit tiles.

use super::run::run_graph_for;
use super::tests::with_cooperative;
use super::{Gpu, test_gpu};
use glasshouse_compiler::graph::{
    DropoutSite, Graph, Input, NormForm, Op, Parameter, ParameterId, Type, ValueId, ops, random, token_order,
};
use glasshouse_compiler::plan::lower::{Family, Target, Tier};
use glasshouse_compiler::plan::trial;
use glasshouse_compiler::step::Data;
use glasshouse_protocol::{Activation, Gate, NormKind};

const SEED: [u32; 2] = [17, 0xdead_beef];
const TARGET: Target = Target::new(false);

/// Reproducible entries in [−1, 1).
fn noise(count: usize, stream: u64) -> Vec<f32> {
    (0..count as u64).map(|n| (random::nth(5, stream, n) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

/// A graph with one op, and its inputs.
#[derive(Default)]
struct Case {
    graph: Graph,
    fed: Vec<(ValueId, Data)>,
    floats: Vec<Vec<f32>>,
}

impl Case {
    /// A float input of noise; its entries are `floats[n]` for the n-th call.
    fn noise(&mut self, shape: &[usize]) -> ValueId {
        let number = self.fed.len() as u32;
        let value = self.graph.input(Input::Free(number), Type::f32(shape));
        let entries = noise(shape.iter().product(), u64::from(number));
        self.floats.push(entries.clone());
        self.fed.push((value, Data::F32(entries)));
        value
    }

    fn ids(&mut self, input: Input, shape: &[usize], ids: Vec<u32>) -> ValueId {
        let value = self.graph.input(input, Type::u32(shape));
        self.fed.push((value, Data::U32(ids)));
        value
    }

    /// A gradient initialised with noise, to distinguish adding from overwriting.
    fn gradient(&mut self, shape: &[usize]) -> ValueId {
        let number = self.graph.parameters.len() as u32;
        self.graph.parameter(Parameter {
            decayed: true,
            trainable: true,
            ..Parameter::zeros(&format!("weight {number}"), Type::f32(shape))
        });
        let value = self.graph.gradient_of(ParameterId(number));
        let entries = noise(shape.iter().product(), 100 + u64::from(number));
        self.floats.push(entries.clone());
        self.fed.push((value, Data::F32(entries)));
        value
    }

    /// Runs the op, a product also by large tiles, with subgroups and with cooperative matrices if possible; compares outputs and gradients.
    fn check(mut self, gpu: &Gpu, op: Op, gradients: &[ValueId], truth: &[Vec<f64>], tolerance: f64) {
        let inputs: Vec<ValueId> =
            self.fed.iter().map(|(value, _)| *value).filter(|value| !gradients.contains(value)).collect();
        let outputs = self.graph.push_into(op, &inputs, gradients).unwrap();
        let tiled = trial::everywhere(&self.graph, Tier::Tiled, |_| true);
        let mut targets = vec![TARGET];
        targets.extend((!tiled.is_empty()).then(|| TARGET.with(&tiled)));
        targets.extend(with_subgroups(gpu, &self.graph));
        targets.extend(with_cooperative(gpu, &self.graph));
        for target in &targets {
            let results = run(gpu, target, &self.graph, &self.fed, &outputs);
            assert_eq!(results.len(), truth.len());
            for (number, (ours, truth)) in results.iter().zip(truth).enumerate() {
                assert_eq!(ours.len(), truth.len(), "{op:?} output {number}");
                for (at, (one, other)) in ours.iter().zip(truth).enumerate() {
                    let allowed = tolerance * other.abs().max(1.0);
                    let close = (f64::from(*one) - other).abs() <= allowed;
                    assert!(close, "{op:?} {target:?} output {number}[{at}]: {one} for {other}");
                }
            }
        }
    }
}

/// A target whose products of few rows use subgroups, if the device and the graph have any.
fn with_subgroups(gpu: &Gpu, graph: &Graph) -> Option<Target> {
    let choices = trial::everywhere(graph, Tier::Subgroup, |class| class.family == Family::LinearFew);
    let possible = gpu.target().subgroups && !choices.is_empty();
    possible.then(|| TARGET.with_subgroups(true).with(&choices))
}

fn run(
    gpu: &Gpu,
    target: &Target,
    graph: &Graph,
    fed: &[(ValueId, Data)],
    read: &[ValueId],
) -> Vec<Vec<f32>> {
    let results = pollster::block_on(run_graph_for(gpu, graph, fed, read, SEED, target.clone())).unwrap();
    let floats = |data| match data {
        Data::F32(entries) => entries,
        Data::U32(_) => panic!("integers"),
    };
    results.into_iter().map(floats).collect()
}

/// Σ over k of left(row, k)·right(k, column), plus `start`.
fn product(
    (rows, inner, columns): (usize, usize, usize),
    left: impl Fn(usize, usize) -> f32,
    right: impl Fn(usize, usize) -> f32,
    start: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let entry = |row: usize, column: usize| {
        let terms = (0..inner).map(|k| f64::from(left(row, k)) * f64::from(right(k, column)));
        start(row, column) + terms.sum::<f64>()
    };
    (0..rows * columns).map(|at| entry(at / columns, at % columns)).collect()
}

/// N, I, O: one, a few, odd, just beyond a tile, vectors, matrices that end within a tile, tall enough to be sliced.
const PRODUCTS: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (3, 5, 7),
    (8, 12, 3),
    (9, 4, 4),
    (65, 33, 67),
    (67, 64, 130),
    (130, 20, 65),
    (64, 128, 64),
    (1501, 12, 9),
    (80, 48, 112),
    (144, 32, 16),
    (24, 16, 1328),
];

#[test]
fn linear_layers() {
    let gpu = test_gpu();
    let flags = [(false, false), (true, false), (false, true), (true, true)];
    for (number, (rows, inner, columns)) in PRODUCTS.into_iter().enumerate() {
        // Two of the four each, since building a tiled kernel takes a software adapter seconds.
        for (bias, residual) in [flags[number % 4], flags[3 - number % 4]] {
            let mut case = Case::default();
            case.noise(&[rows, inner]);
            case.noise(&[columns, inner]);
            if bias {
                case.noise(&[columns]);
            }
            if residual {
                case.noise(&[rows, columns]);
            }
            let floats = case.floats.clone();
            let truth = product(
                (rows, inner, columns),
                |row, k| floats[0][row * inner + k],
                |k, column| floats[1][column * inner + k],
                |row, column| {
                    let shift = if bias { f64::from(floats[2][column]) } else { 0.0 };
                    let stream =
                        floats.last().map_or(0.0, |r| f64::from(r[(row * columns + column) % r.len()]));
                    shift + if residual { stream } else { 0.0 }
                },
            );
            case.check(&gpu, Op::Linear(ops::Linear { bias, residual }), &[], &[truth], 1e-5);
        }
    }
}

#[test]
fn linear_gradients() {
    let gpu = test_gpu();
    for (number, (rows, inner, columns)) in PRODUCTS.into_iter().enumerate() {
        let residual = number % 2 == 0;
        let mut case = Case::default();
        case.noise(&[rows, columns]);
        case.noise(&[columns, inner]);
        if residual {
            case.noise(&[rows, inner]);
        }
        let floats = case.floats.clone();
        let truth = product(
            (rows, columns, inner),
            |row, k| floats[0][row * columns + k],
            |k, column| floats[1][k * inner + column],
            |row, column| if residual { f64::from(floats[2][row * inner + column]) } else { 0.0 },
        );
        // Rounding errors grow with the root of the number of terms.
        let bound = if columns > 1000 { 3e-5 } else { 1e-5 };
        case.check(
            &gpu,
            Op::LinearInputBackward(ops::LinearInputBackward { residual }),
            &[],
            &[truth],
            bound,
        );

        let mut case = Case::default();
        case.noise(&[rows, columns]);
        case.noise(&[rows, inner]);
        let gradient = case.gradient(&[columns, inner]);
        let floats = case.floats.clone();
        let truth = product(
            (columns, rows, inner),
            |row, k| floats[0][k * columns + row],
            |k, column| floats[1][k * inner + column],
            |row, column| f64::from(floats[2][row * inner + column]),
        );
        // Sums of up to 1501 terms.
        case.check(&gpu, Op::LinearWeightBackward(ops::LinearWeightBackward), &[gradient], &[truth], 2e-5);
    }
}

/// Very many rows: the gradient is summed in slices.
#[test]
fn a_weight_gradient_over_very_many_rows() {
    let gpu = test_gpu();
    let (rows, columns, inner) = (270_001, 3, 2);
    let mut case = Case::default();
    case.noise(&[rows, columns]);
    case.noise(&[rows, inner]);
    let gradient = case.gradient(&[columns, inner]);
    let floats = case.floats.clone();
    let truth = product(
        (columns, rows, inner),
        |row, k| floats[0][k * columns + row],
        |k, column| floats[1][k * inner + column],
        |row, column| f64::from(floats[2][row * inner + column]),
    );
    // The f32 rounding of 270,000 terms is small; a lost slice would be tens of units off.
    case.check(&gpu, Op::LinearWeightBackward(ops::LinearWeightBackward), &[gradient], &[truth], 1e-3);
}

#[test]
fn column_sums() {
    let gpu = test_gpu();
    for (shape, groups, length) in [
        (vec![1, 1], 1, 1),
        (vec![300, 7], 300, 7),
        (vec![1000, 36], 1000, 36),
        (vec![129, 64], 129, 64),
        (vec![3, 10, 8], 3, 96),
        (vec![5, 7, 3], 5, 21),
    ] {
        let mut case = Case::default();
        case.noise(&shape);
        let gradient = case.gradient(&[length]);
        let columns = shape.iter().product::<usize>() / groups;
        let mut truth: Vec<f64> = case.floats[1].iter().map(|entry| f64::from(*entry)).collect();
        for (at, entry) in case.floats[0].iter().enumerate() {
            truth[at % columns] += f64::from(*entry);
        }
        case.check(&gpu, Op::SumRows(ops::SumRows { groups }), &[gradient], &[truth], 1e-5);
    }
}

/// y, statistics, dx without residual, dw.
fn normed(kind: NormKind, eps: f64, size: (usize, usize), floats: &[Vec<f32>]) -> [Vec<f64>; 4] {
    let (rows, columns) = size;
    let wide = |entries: &[f32]| -> Vec<f64> { entries.iter().map(|entry| f64::from(*entry)).collect() };
    let (x, w, dy) = (wide(&floats[0]), wide(&floats[1]), wide(&floats[2]));
    let mut out = [vec![], vec![], vec![], vec![0.0; columns]];
    for row in 0..rows {
        let range = row * columns..(row + 1) * columns;
        let (x, dy) = (&x[range.clone()], &dy[range]);
        let count = columns as f64;
        let mean = if kind == NormKind::Layer { x.iter().sum::<f64>() / count } else { 0.0 };
        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let root = 1.0 / (square + eps).sqrt();
        out[1].extend([mean, root]);
        let normal: Vec<f64> = x.iter().map(|x| (x - mean) * root).collect();
        let g: Vec<f64> = dy.iter().zip(&w).map(|(dy, w)| dy * w).collect();
        let mean_g = if kind == NormKind::Layer { g.iter().sum::<f64>() / count } else { 0.0 };
        let along = g.iter().zip(&normal).map(|(g, normal)| g * normal).sum::<f64>() / count;
        for c in 0..columns {
            out[0].push(normal[c] * w[c]);
            out[2].push(root * (g[c] - mean_g - normal[c] * along));
            out[3][c] += dy[c] * normal[c];
        }
    }
    out
}

#[test]
fn norms_and_their_gradients() {
    let gpu = test_gpu();
    let eps = 1e-5f32;
    for kind in [NormKind::Layer, NormKind::Rms] {
        let form = NormForm::new(kind, eps);
        for (rows, columns) in [(1, 2), (3, 7), (65, 20), (131, 257), (2, 768), (2_051, 8)] {
            for flag in [false, true] {
                let floats = [noise(rows * columns, 0), noise(columns, 1), noise(rows * columns, 2)];
                let [y, statistics, dx, mut dw] = normed(kind, f64::from(eps), (rows, columns), &floats);
                let mut case = Case::default();
                case.noise(&[rows, columns]);
                case.noise(&[columns]);
                let mut shifted = y.clone();
                let bias = flag && kind == NormKind::Layer;
                if bias {
                    case.noise(&[columns]);
                    for (at, y) in shifted.iter_mut().enumerate() {
                        *y += f64::from(case.floats[2][at % columns]);
                    }
                }
                case.check(
                    &gpu,
                    Op::Norm(ops::Norm { form, bias }),
                    &[],
                    &[shifted, statistics.clone()],
                    2e-5,
                );

                let narrow: Vec<f32> = statistics.iter().map(|entry| *entry as f32).collect();
                let feed = |case: &mut Case, number, shape: &[usize], entries: &[f32]| {
                    let value = case.graph.input(Input::Free(number), Type::f32(shape));
                    case.fed.push((value, Data::F32(entries.to_vec())));
                };
                let mut case = Case::default();
                feed(&mut case, 0, &[rows, columns], &floats[0]);
                feed(&mut case, 1, &[columns], &floats[1]);
                feed(&mut case, 2, &[rows, 2], &narrow);
                feed(&mut case, 3, &[rows, columns], &floats[2]);
                let mut sum = dx;
                if flag {
                    let stream = noise(rows * columns, 9);
                    feed(&mut case, 4, &[rows, columns], &stream);
                    sum.iter_mut().zip(&stream).for_each(|(dx, r)| *dx += f64::from(*r));
                }
                // One size with a frozen weight.
                let weight = rows != 2;
                let bias = bias && weight;
                let (mut gradients, mut truth) = (vec![], vec![sum]);
                if weight {
                    gradients.push(case.gradient(&[columns]));
                    let before = case.floats.last().unwrap();
                    dw.iter_mut().zip(before).for_each(|(sum, before)| *sum += f64::from(*before));
                    truth.push(dw);
                }
                if bias {
                    gradients.push(case.gradient(&[columns]));
                    let mut db: Vec<f64> =
                        case.floats.last().unwrap().iter().map(|before| f64::from(*before)).collect();
                    floats[2].iter().enumerate().for_each(|(at, dy)| db[at % columns] += f64::from(*dy));
                    truth.push(db);
                }
                // Two columns much closer than eps give a reciprocal root of hundreds, which scales the rounding.
                case.check(
                    &gpu,
                    Op::NormBackward(ops::NormBackward { form, residual: flag, weight, bias }),
                    &gradients,
                    &truth,
                    1e-4,
                );
            }
        }
    }
}

/// f and its derivative by central differences.
fn with_slope(f: impl Fn(f64) -> f64, x: f64) -> (f64, f64) {
    let step = 1e-5;
    (f(x), (f(x + step) - f(x - step)) / (2.0 * step))
}

fn activated(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::GeluExact => 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
            0.5 * x * (1.0 + u.tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::ReluSquared => x.max(0.0) * x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

/// From far below to far above, where exp overflows, and densely around zero.
fn abscissae(count: usize) -> Vec<f32> {
    let at = |n: usize| (n as f32 / count as f32 - 0.4871) * 12.0;
    let mut all: Vec<f32> = (0..count).map(at).collect();
    let far = [-1e4, -200.0, -90.0, 90.0, 200.0, 1e4];
    all.iter_mut().zip(far).for_each(|(x, far)| *x = far);
    all
}

#[test]
fn activations_and_gates() {
    let gpu = test_gpu();
    let kinds = [
        Activation::GeluExact,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::ReluSquared,
        Activation::Silu,
    ];
    for count in [1021, 1024] {
        let x = abscissae(count);
        for kind in kinds {
            let both: Vec<(f64, f64)> =
                x.iter().map(|x| with_slope(|x| activated(kind, x), f64::from(*x))).collect();
            let mut case = Case::default();
            let value = case.graph.input(Input::Free(0), Type::f32(&[count]));
            case.fed.push((value, Data::F32(x.clone())));
            let truth = both.iter().map(|both| both.0).collect();
            case.check(&gpu, Op::Activation(ops::Activation(kind)), &[], &[truth], 1e-6);

            let mut case = Case::default();
            let value = case.graph.input(Input::Free(0), Type::f32(&[count]));
            case.fed.push((value, Data::F32(x.clone())));
            case.noise(&[count]);
            let truth = both.iter().zip(&case.floats[0]).map(|(both, dy)| both.1 * f64::from(*dy)).collect();
            case.check(&gpu, Op::ActivationBackward(ops::ActivationBackward(kind)), &[], &[truth], 1e-5);
        }
    }
    for hidden in [1, 5, 12] {
        for (gate, kind) in [(Gate::Swiglu, Activation::Silu), (Gate::Geglu, Activation::GeluTanh)] {
            let rows = 37;
            let mut case = Case::default();
            case.noise(&[rows, 2 * hidden]);
            let x = case.floats[0].clone();
            let pair = |at: usize| {
                let first = at / hidden * 2 * hidden + at % hidden;
                (f64::from(x[first]), f64::from(x[first + hidden]))
            };
            let truth = (0..rows * hidden).map(|at| activated(kind, pair(at).0) * pair(at).1).collect();
            case.check(&gpu, Op::Gate(ops::Gate(gate)), &[], &[truth], 1e-6);

            let mut case = Case::default();
            case.noise(&[rows, 2 * hidden]);
            case.noise(&[rows, hidden]);
            let mut truth = vec![0.0; rows * 2 * hidden];
            for at in 0..rows * hidden {
                let (before, up) = pair(at);
                let (value, slope) = with_slope(|x| activated(kind, x), before);
                let dy = f64::from(case.floats[1][at]);
                let first = at / hidden * 2 * hidden + at % hidden;
                (truth[first], truth[first + hidden]) = (dy * up * slope, dy * value);
            }
            case.check(&gpu, Op::GateBackward(ops::GateBackward(gate)), &[], &[truth], 1e-6);
        }
    }
}

#[test]
fn dropout_draws_the_host_s_mask() {
    let gpu = test_gpu();
    for count in [999, 1000] {
        for residual in [false, true] {
            let site = DropoutSite { rate: 0.3, site: 5 };
            let mut case = Case::default();
            case.noise(&[count]);
            if residual {
                case.noise(&[count]);
            }
            let kept = |at: usize| random::bits(SEED, 5, at as u32) >= random::threshold(0.3);
            let truth: Vec<f64> = (0..count)
                .map(|at| {
                    let stream = if residual { f64::from(case.floats[1][at]) } else { 0.0 };
                    stream
                        + if kept(at) { f64::from(case.floats[0][at]) / f64::from(1.0f32 - 0.3) } else { 0.0 }
                })
                .collect();
            assert!((600..800).contains(&(0..count).filter(|at| kept(*at)).count()));
            case.check(&gpu, Op::Dropout(ops::Dropout { site, residual }), &[], &[truth], 1e-6);
        }
    }
}

#[test]
fn embedding_and_its_gradient() {
    let gpu = test_gpu();
    let (batch, time, vocabulary, limit) = (5, 33, 11, 40);
    let tokens: Vec<u32> =
        (0..batch * time).map(|at| (random::nth(1, 2, at as u64) % (vocabulary as u64 - 1)) as u32).collect();
    for channels in [1, 6, 36, 260] {
        for (positions, cursor) in [(false, false), (true, false), (true, true)] {
            let mut case = Case::default();
            case.ids(Input::Tokens, &[batch, time], tokens.clone());
            case.noise(&[vocabulary, channels]);
            if positions {
                case.noise(&[limit, channels]);
            }
            // Each text's chunk has a different start.
            let start = |row: usize| if cursor { 4 + row / time % 3 } else { 0 };
            if cursor {
                let rows = (0..batch).flat_map(|row| [start(row * time) as u32, time as u32, row as u32]);
                case.ids(Input::Cursor, &[batch, 3], rows.collect());
            }
            let mut truth = Vec::new();
            for (row, token) in tokens.iter().enumerate() {
                for c in 0..channels {
                    let position = (start(row) + row % time) * channels + c;
                    let shift = if positions { f64::from(case.floats[1][position]) } else { 0.0 };
                    truth.push(f64::from(case.floats[0][*token as usize * channels + c]) + shift);
                }
            }
            case.check(&gpu, Op::Embedding(ops::Embedding { positions, cursor }), &[], &[truth], 1e-6);
        }
        let mut case = Case::default();
        case.noise(&[batch, time, channels]);
        case.ids(Input::Tokens, &[batch, time], tokens.clone());
        case.ids(Input::TokenOrder, &[2, batch * time], token_order(&tokens));
        let gradient = case.gradient(&[vocabulary, channels]);
        let mut truth: Vec<f64> = case.floats[1].iter().map(|entry| f64::from(*entry)).collect();
        for (at, dy) in case.floats[0].iter().enumerate() {
            truth[tokens[at / channels] as usize * channels + at % channels] += f64::from(*dy);
        }
        case.check(&gpu, Op::EmbeddingBackward(ops::EmbeddingBackward), &[gradient], &[truth], 1e-5);
    }
}

#[test]
fn cross_entropy_and_its_gradient() {
    let gpu = test_gpu();
    for (rows, vocabulary) in [(1, 2), (3, 7), (130, 65), (70, 1003)] {
        for (label_smoothing, ignore_index) in [(0.0f32, None), (0.1, Some(1)), (0.0, Some(u32::MAX))] {
            let goals: Vec<u32> =
                (0..rows).map(|row| (random::nth(3, 4, row as u64) % vocabulary as u64) as u32).collect();
            let mut case = Case::default();
            case.noise(&[rows, vocabulary]);
            case.ids(Input::Targets, &[rows], goals.clone());
            let x: Vec<f64> = case.floats[0].iter().map(|x| f64::from(*x)).collect();
            let s = f64::from(label_smoothing);
            let counted = |row: usize| ignore_index != Some(goals[row]);
            let count = (0..rows).filter(|row| counted(*row)).count() as f64;
            let mut pairs = Vec::new();
            for row in 0..rows {
                let x = &x[row * vocabulary..(row + 1) * vocabulary];
                let lse = x.iter().map(|x| x.exp()).sum::<f64>().ln();
                let mean = x.iter().sum::<f64>() / vocabulary as f64;
                let loss = (1.0 - s) * (lse - x[goals[row] as usize]) + s * (lse - mean);
                pairs.extend([lse, if counted(row) { loss } else { 0.0 }]);
            }
            let total: f64 = pairs.iter().skip(1).step_by(2).sum();
            let loss = vec![total / count.max(1.0), count];
            let op = Op::CrossEntropy(ops::CrossEntropy { label_smoothing, ignore_index });
            case.check(&gpu, op, &[], &[loss.clone(), pairs.clone()], 1e-5);

            let mut case = Case::default();
            case.noise(&[rows, vocabulary]);
            case.ids(Input::Targets, &[rows], goals.clone());
            for (number, (shape, entries)) in
                [(vec![rows, 2], &pairs), (vec![2], &loss)].into_iter().enumerate()
            {
                let value = case.graph.input(Input::Free(7 + number as u32), Type::f32(&shape));
                case.fed.push((value, Data::F32(entries.iter().map(|entry| *entry as f32).collect())));
            }
            let truth = (0..rows * vocabulary)
                .map(|at| {
                    let (row, j) = (at / vocabulary, at % vocabulary);
                    let right = if j == goals[row] as usize { 1.0 - s } else { 0.0 };
                    let share = (x[at] - pairs[2 * row]).exp() - right - s / vocabulary as f64;
                    if counted(row) { 0.25 / count * share } else { 0.0 }
                })
                .collect();
            let op = Op::CrossEntropyBackward(ops::CrossEntropyBackward {
                label_smoothing,
                ignore_index,
                scale: 0.25,
                weighted: false,
            });
            case.check(&gpu, op, &[], &[truth], 1e-6);
        }
    }
}

/// More tiles of a product than a folded dispatch has workgroups in a row: the folding must lose none. The parity cases of other
/// operations have such sizes, too.
#[test]
fn more_tiles_than_a_row_of_a_dispatch_holds() {
    let gpu = test_gpu();
    let rows = 64 * 32_800;
    let mut graph = Graph::default();
    let x = graph.input(Input::Free(0), Type::f32(&[rows, 1]));
    let w = graph.input(Input::Free(1), Type::f32(&[1, 1]));
    let y = graph.push(ops::Linear { bias: false, residual: false }, &[x, w]).unwrap()[0];
    let entries: Vec<f32> = (0..rows).map(|at| (at % 8191) as f32).collect();
    let fed = [(x, Data::F32(entries.clone())), (w, Data::F32(vec![2.0]))];
    let results = run(&gpu, &TARGET, &graph, &fed, &[y]);
    assert!(results[0].iter().zip(&entries).all(|(y, x)| *y == 2.0 * x));
}
