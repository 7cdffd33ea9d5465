//! Kernels of attention, RoPE and head norm compared with plain f64 loops, on a software adapter.

use super::run::run_graph_for;
use super::{Gpu, test_gpu};
use glasshouse_compiler::graph::{
    Constant, DropoutSite, Graph, Heads, Init, Input, Op, Parameter, Type, ValueId, ops, random,
};
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::step::Data;
use glasshouse_protocol::Rope;

/// Start of each position's document, in rows of `time` positions; one position in nine starts a document.
fn starts_of(rows: usize, time: usize) -> Vec<u32> {
    let is_start = |at: usize| random::nth(13, 3, at as u64).is_multiple_of(9);
    (0..rows * time)
        .scan(0, |start, at| {
            if at % time == 0 {
                *start = 0;
            }
            if is_start(at) {
                *start = (at % time) as u32;
            }
            Some(*start)
        })
        .collect()
}

const SEED: [u32; 2] = [17, 0xdead_beef];
const SOFTWARE: Target = Target::new(true);

/// Reproducible entries in [−1, 1).
fn noise(count: usize, stream: u64) -> Vec<f32> {
    (0..count as u64).map(|n| (random::nth(5, stream, n) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

fn run(
    gpu: &Gpu,
    target: &Target,
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    read: &[ValueId],
) -> Vec<Vec<f32>> {
    let results = pollster::block_on(run_graph_for(gpu, graph, inputs, read, SEED, target.clone())).unwrap();
    let floats = |data| match data {
        Data::F32(entries) => entries,
        Data::U32(_) => panic!("integers"),
    };
    results.into_iter().map(floats).collect()
}

fn assert_close(what: &str, ours: &[f32], truth: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), truth.len(), "{what}");
    for (at, (one, other)) in ours.iter().zip(truth).enumerate() {
        let allowed = tolerance * other.abs().max(1.0);
        assert!((f64::from(*one) - other).abs() <= allowed, "{what}[{at}]: {one} for {other}");
    }
}

/// y, lse and dqkv.
struct Attended {
    y: Vec<f64>,
    lse: Vec<f64>,
    dqkv: Vec<f64>,
}

fn attend(
    (batch, time): (usize, usize),
    heads: Heads,
    dropout: Option<DropoutSite>,
    (softcap, starts): (Option<f32>, Option<&[u32]>),
    qkv: &[f32],
    dy: &[f32],
) -> Attended {
    let cap = softcap.map(f64::from);
    let Heads { heads: count, kv_heads, head_size } = heads;
    let scale = 1.0 / (head_size as f64).sqrt();
    let group = count / kv_heads;
    let at = |b: usize, t: usize, column: usize| (b * time + t) * heads.packed() + column * head_size;
    let mut out = Attended {
        y: vec![0.0; batch * time * heads.width()],
        lse: vec![0.0; batch * count * time],
        dqkv: vec![0.0; qkv.len()],
    };
    let dot = |a: usize, other: &[f32], b: usize| -> f64 {
        (0..head_size).map(|d| f64::from(qkv[a + d]) * f64::from(other[b + d])).sum()
    };
    for b in 0..batch {
        for h in 0..count {
            for t in 0..time {
                let plane = b * count + h;
                let (query, row) = (at(b, t, h), ((b * time + t) * count + h) * head_size);
                let key = |j| at(b, j, count + h / group);
                let value = |j| at(b, j, count + kv_heads + h / group);
                let score = |j| dot(query, qkv, key(j)) * scale;
                let capped = |score: f64| cap.map_or(score, |cap| cap * (score / cap).tanh());
                let scores: Vec<f64> = (0..=t).map(|j| capped(score(j))).collect();
                let oldest = starts.map_or(0, |starts| starts[b * time + t] as usize);
                let largest = scores[oldest..].iter().copied().fold(f64::MIN, f64::max);
                let total: f64 = scores[oldest..].iter().map(|score| (score - largest).exp()).sum();
                let lse = largest + total.ln();
                out.lse[plane * time + t] = lse;
                let mask = |j: usize| {
                    let Some(site) = dropout else { return 1.0 };
                    let index = ((plane * time + t) * time + j) as u32;
                    let dropped = random::bits(SEED, site.site, index) < random::threshold(site.rate);
                    if dropped { 0.0 } else { 1.0 / (1.0 - f64::from(site.rate)) }
                };
                for j in oldest..=t {
                    let share = (scores[j] - lse).exp() * mask(j);
                    for d in 0..head_size {
                        out.y[row + d] += share * f64::from(qkv[value(j) + d]);
                    }
                }
                let delta: f64 = (0..head_size).map(|d| f64::from(dy[row + d]) * out.y[row + d]).sum();
                for j in oldest..=t {
                    let probability = (scores[j] - lse).exp();
                    let bend = cap.map_or(1.0, |cap| 1.0 - (scores[j] / cap).powi(2));
                    let slope = probability * (mask(j) * dot(value(j), dy, row) - delta) * scale * bend;
                    for d in 0..head_size {
                        out.dqkv[query + d] += slope * f64::from(qkv[key(j) + d]);
                        out.dqkv[key(j) + d] += slope * f64::from(qkv[query + d]);
                        out.dqkv[value(j) + d] += probability * mask(j) * f64::from(dy[row + d]);
                    }
                }
            }
        }
    }
    out
}

fn check_attention(
    gpu: &Gpu,
    (batch, time): (usize, usize),
    heads: Heads,
    dropout: Option<DropoutSite>,
    documents: bool,
) {
    let mut graph = Graph::default();
    let qkv = graph.input(Input::Free(0), Type::f32(&[batch, time, heads.packed()]));
    let dy = graph.input(Input::Free(1), Type::f32(&[batch, time, heads.width()]));
    let starts = documents.then(|| graph.input(Input::Starts, Type::u32(&[batch, time])));
    let with_starts = |inputs: &[ValueId]| inputs.iter().copied().chain(starts).collect::<Vec<ValueId>>();
    // Capped with documents.
    let softcap = documents.then_some(0.4);
    let op = ops::Attention { heads, softcap, dropout, documents, ..Default::default() };
    let forward = graph.push(op, &with_starts(&[qkv])).unwrap();
    let op = ops::AttentionBackward { forward: op, documents };
    let dqkv = graph.push(op, &with_starts(&[qkv, forward[1], forward[0], dy])).unwrap()[0];
    let given = (noise(graph.ty(qkv).count(), 1), noise(graph.ty(dy).count(), 2));
    let given_starts = documents.then(|| starts_of(batch, time));
    let truth = attend((batch, time), heads, dropout, (softcap, given_starts.as_deref()), &given.0, &given.1);
    let mut inputs = vec![(qkv, Data::F32(given.0)), (dy, Data::F32(given.1))];
    inputs.extend(starts.zip(given_starts.map(Data::U32)));
    let case = format!("{batch}×{time} {heads:?} {dropout:?} {documents}");
    let results = run(gpu, &SOFTWARE, &graph, &inputs, &[forward[0], forward[1], dqkv]);
    let truths = [&truth.y, &truth.lse, &truth.dqkv];
    // Many heads that share a key add to the rounding of its gradient.
    let sharers = heads.heads / heads.kv_heads;
    let tolerance = if sharers > 16 { 2e-5 * (sharers as f64).sqrt() } else { 2e-5 };
    for ((name, ours), truth) in ["y", "lse", "dqkv"].iter().zip(&results).zip(truths) {
        assert_close(&format!("{name} of {case}"), ours, truth, tolerance);
    }
    let again = run(gpu, &SOFTWARE, &graph, &inputs, &[forward[0], forward[1], dqkv]);
    assert!(again == results, "{case} differs from run to run");
}

fn heads(heads: usize, kv_heads: usize, head_size: usize) -> Heads {
    Heads { heads, kv_heads, head_size }
}

#[test]
fn attention_and_its_gradient() {
    let gpu = test_gpu();
    let cases = [
        ((1, 1), heads(1, 1, 1)),
        ((2, 7), heads(4, 2, 3)),
        ((1, 65), heads(2, 1, 8)),
        ((2, 33), heads(3, 3, 16)),
        ((1, 70), heads(4, 1, 32)),
        ((2, 19), heads(2, 2, 48)),
        ((1, 131), heads(2, 1, 64)),
        ((1, 67), heads(1, 1, 100)),
        ((1, 21), heads(2, 1, 90)),
        ((1, 9), heads(6, 3, 128)),
        ((1, 5), heads(2, 1, 256)),
    ];
    for (size, heads) in cases {
        check_attention(&gpu, size, heads, None, false);
        let dropout = Some(DropoutSite { rate: 0.3, site: 4 });
        check_attention(&gpu, size, heads, dropout, false);
        check_attention(&gpu, size, heads, None, true);
        check_attention(&gpu, size, heads, dropout, true);
    }
}

/// 59,500 turns of loops in the gradient, nearly the most that a software adapter executes.
#[test]
fn attention_of_many_heads_that_share_a_key() {
    check_attention(&test_gpu(), (1, 32), heads(1_700, 1, 8), None, false);
}

#[test]
fn loops_beyond_a_software_adapter_are_refused() {
    let attempt = |time: usize, target: Target| {
        let mut graph = Graph::default();
        let heads = heads(1, 1, 90);
        let qkv = graph.input(Input::Free(0), Type::f32(&[1, time, heads.packed()]));
        let op = ops::Attention { heads, ..Default::default() };
        let y = graph.push(op, &[qkv]).unwrap()[0];
        glasshouse_compiler::plan::compile(graph, &[y], &target)
    };
    let refused = attempt(65_536, SOFTWARE).map(|plan| plan.dispatches.len());
    assert!(
        matches!(&refused, Err(glasshouse_compiler::Error::Refused(text)) if text.contains("device cpu")),
        "{refused:?}"
    );
    assert!(attempt(65_536, Target::new(false)).is_ok());
    assert!(attempt(8192, SOFTWARE).is_ok());
}

#[test]
fn slow_attention_in_more_groups_than_one_dimension_takes() {
    check_attention(&test_gpu(), (33_001, 1), heads(1, 1, 8), None, false);
}

#[test]
fn rope_turns_and_turns_back() {
    let gpu = test_gpu();
    for (batch, time, sizes, start) in
        [(1, 1, heads(1, 1, 2), None), (2, 7, heads(4, 2, 6), None), (1, 5, heads(3, 1, 64), Some(6u32))]
    {
        let positions = 13;
        let mut graph = Graph::default();
        let x = graph.input(Input::Free(0), Type::f32(&[batch, time, sizes.packed()]));
        let constant = Constant::RopeTable(Rope::new(100.0));
        let ty = Type::f32(&[positions, sizes.head_size]);
        let table = constant.data(&ty);
        let table_value = graph.constant(constant, ty);
        let data = noise(graph.ty(x).count(), 3);
        let mut given = vec![(x, Data::F32(data.clone()))];
        let mut extra = Vec::new();
        if let Some(start) = start {
            let cursor = graph.input(Input::Cursor, Type::u32(&[1, 3]));
            given.push((cursor, Data::U32(vec![start, time as u32, 0])));
            extra.push(cursor);
        }
        let cursor = start.is_some();
        let mut turn = |value, inverse| {
            let op = Op::Rope(ops::Rope { heads: sizes, inverse, cursor });
            let inputs: Vec<ValueId> = [value, table_value].into_iter().chain(extra.clone()).collect();
            graph.push(op, &inputs).unwrap()[0]
        };
        let turned = turn(x, false);
        let back = turn(turned, true);
        let results = run(&gpu, &SOFTWARE, &graph, &given, &[turned, back]);
        let half = sizes.head_size / 2;
        let mut truth: Vec<f64> = data.iter().copied().map(f64::from).collect();
        for row in 0..batch * time {
            let position = row % time + start.unwrap_or(0) as usize;
            for head in 0..sizes.heads + sizes.kv_heads {
                for i in 0..half {
                    let at = row * sizes.packed() + head * sizes.head_size + i;
                    let angle = position * sizes.head_size + i;
                    let (cosine, sine) = (f64::from(table[angle]), f64::from(table[angle + half]));
                    let (first, second) = (truth[at], truth[at + half]);
                    truth[at] = first * cosine - second * sine;
                    truth[at + half] = first * sine + second * cosine;
                }
            }
        }
        assert_close("turned", &results[0], &truth, 1e-6);
        let start: Vec<f64> = data.iter().copied().map(f64::from).collect();
        assert_close("turned back", &results[1], &start, 1e-6);
    }
}

fn weight(graph: &mut Graph, name: &str, size: usize) -> ValueId {
    graph.parameter(Parameter {
        name: name.to_owned(),
        ty: Type::f32(&[size]),
        decayed: false,
        trainable: true,
        init: Init::Constant(1.0),
        stacked: Vec::new(),
    })
}

#[test]
fn head_norm_and_its_gradients() {
    let gpu = test_gpu();
    for (rows, sizes) in
        [(1, heads(1, 1, 1)), (9, heads(4, 2, 5)), (131, heads(2, 1, 64)), (70_001, heads(1, 1, 2))]
    {
        let (eps, size) = (1e-5f32, sizes.head_size);
        let mut graph = Graph::default();
        let x = graph.input(Input::Free(0), Type::f32(&[rows, sizes.packed()]));
        let dy = graph.input(Input::Free(1), Type::f32(&[rows, sizes.packed()]));
        let scales = [weight(&mut graph, "query", size), weight(&mut graph, "key", size)];
        let op = Op::HeadNorm(ops::HeadNorm { heads: sizes, whole: false, eps });
        let forward = graph.push(op, &[x, scales[0], scales[1]]).unwrap();
        let op = Op::HeadNormBackward(ops::HeadNormBackward { heads: sizes, whole: false });
        let dx = graph.push(op, &[x, scales[0], scales[1], forward[1], dy]).unwrap()[0];
        let gradients = [0, 1].map(|id| graph.gradient_of(glasshouse_compiler::graph::ParameterId(id)));
        let op = Op::HeadNormWeightBackward(ops::HeadNormWeightBackward { heads: sizes, whole: false });
        graph.push_into(op, &[x, forward[1], dy], &gradients).unwrap();
        let (xs, dys) = (noise(rows * sizes.packed(), 4), noise(rows * sizes.packed(), 5));
        let weights = [noise(size, 6), noise(size, 7)];
        let begun = [noise(size, 8), noise(size, 9)];
        let given = [
            (x, Data::F32(xs.clone())),
            (dy, Data::F32(dys.clone())),
            (scales[0], Data::F32(weights[0].clone())),
            (scales[1], Data::F32(weights[1].clone())),
            (gradients[0], Data::F32(begun[0].clone())),
            (gradients[1], Data::F32(begun[1].clone())),
        ];
        let read = [forward[0], dx, gradients[0], gradients[1]];
        let results = run(&gpu, &SOFTWARE, &graph, &given, &read);

        let mut y: Vec<f64> = xs.iter().copied().map(f64::from).collect();
        let mut truth_dx: Vec<f64> = dys.iter().copied().map(f64::from).collect();
        let mut dw: Vec<Vec<f64>> =
            begun.iter().map(|entries| entries.iter().copied().map(f64::from).collect()).collect();
        for row in 0..rows {
            for head in 0..sizes.heads + sizes.kv_heads {
                let which = usize::from(head >= sizes.heads);
                let start = row * sizes.packed() + head * size;
                let x = |d: usize| f64::from(xs[start + d]);
                let flow = |d: usize| f64::from(weights[which][d]) * f64::from(dys[start + d]);
                let squares: f64 = (0..size).map(|d| x(d) * x(d)).sum();
                let root = 1.0 / (squares / size as f64 + f64::from(eps)).sqrt();
                let along: f64 = (0..size).map(|d| x(d) * flow(d)).sum::<f64>() / size as f64;
                for d in 0..size {
                    y[start + d] = x(d) * root * f64::from(weights[which][d]);
                    truth_dx[start + d] = root * flow(d) - x(d) * root.powi(3) * along;
                    dw[which][d] += x(d) * root * f64::from(dys[start + d]);
                }
            }
        }
        // A head with one channel has ρ = 1/|x| and thus large numbers that cancel.
        let tolerance = if size <= 2 { 5e-3 } else { 2e-5 };
        assert_close("y", &results[0], &y, 1e-5);
        assert_close("dx", &results[1], &truth_dx, tolerance);
        assert_close("query scale", &results[2], &dw[0], 1e-4);
        assert_close("key scale", &results[3], &dw[1], 1e-4);
    }
}

#[test]
fn cached_attention_writes_its_rows_and_sees_all_before_them() {
    let gpu = test_gpu();
    // Chunk, positions, start, length, heads.
    let cases = [
        (1, 1, 0, 1, heads(1, 1, 1)),
        (1, 200, 199, 1, heads(4, 2, 32)),
        (5, 80, 64, 3, heads(3, 1, 7)),
        (8, 20, 15, 5, heads(2, 2, 256)),
        (33, 131, 90, 33, heads(6, 3, 64)),
    ];
    for (time, positions, start, length, sizes) in cases {
        let size = sizes.head_size;
        let mut graph = Graph::default();
        let qkv = graph.input(Input::Free(0), Type::f32(&[1, time, sizes.packed()]));
        let cache = Type::f32(&[1, sizes.kv_heads, positions, size]);
        let keys = graph.cache(0, cache.clone());
        let values = graph.cache(1, cache.clone());
        let cursor = graph.input(Input::Cursor, Type::u32(&[1, 3]));
        let op = Op::CachedAttention(ops::CachedAttention { heads: sizes, ..Default::default() });
        let y = graph.push(op, &[qkv, keys, values, cursor]).unwrap()[0];
        let rows = noise(time * sizes.packed(), 10);
        let caches = [noise(cache.count(), 11), noise(cache.count(), 12)];
        let given = [
            (qkv, Data::F32(rows.clone())),
            (keys, Data::F32(caches[0].clone())),
            (values, Data::F32(caches[1].clone())),
            (cursor, Data::U32(vec![start as u32, length as u32, 0])),
        ];
        let results = run(&gpu, &SOFTWARE, &graph, &given, &[y, keys, values]);

        let mut after = caches.map(|cache| cache.into_iter().map(f64::from).collect::<Vec<f64>>());
        for t in 0..length {
            for head in 0..sizes.kv_heads {
                for d in 0..size {
                    let slot = (head * positions + start + t) * size + d;
                    let row = t * sizes.packed() + (sizes.heads + head) * size + d;
                    after[0][slot] = f64::from(rows[row]);
                    after[1][slot] = f64::from(rows[row + sizes.kv_heads * size]);
                }
            }
        }
        assert_close("keys", &results[1], &after[0], 0.0);
        assert_close("values", &results[2], &after[1], 0.0);
        let mut truth = Vec::new();
        for t in 0..length {
            for head in 0..sizes.heads {
                let cache = head / (sizes.heads / sizes.kv_heads) * positions * size;
                let query = t * sizes.packed() + head * size;
                let score = |j: usize| -> f64 {
                    let products =
                        (0..size).map(|d| f64::from(rows[query + d]) * after[0][cache + j * size + d]);
                    products.sum::<f64>() / (size as f64).sqrt()
                };
                let weights: Vec<f64> = (0..=start + t).map(|j| score(j).exp()).collect();
                let total: f64 = weights.iter().sum();
                for d in 0..size {
                    let attended =
                        weights.iter().enumerate().map(|(j, w)| w * after[1][cache + j * size + d]);
                    truth.push(attended.sum::<f64>() / total);
                }
            }
        }
        assert_close("y", &results[0][..truth.len()], &truth, 2e-5);
    }
}

#[test]
fn last_row_is_the_last_real_one() {
    let gpu = test_gpu();
    for (time, columns, length) in [(1, 1, 1u32), (5, 300, 3), (4, 7, 4)] {
        let mut graph = Graph::default();
        let x = graph.input(Input::Free(0), Type::f32(&[1, time, columns]));
        let cursor = graph.input(Input::Cursor, Type::u32(&[1, 3]));
        let y = graph.push(ops::LastRow, &[x, cursor]).unwrap()[0];
        let data = noise(time * columns, 13);
        let given = [(x, Data::F32(data.clone())), (cursor, Data::U32(vec![9, length, 0]))];
        let results = run(&gpu, &SOFTWARE, &graph, &given, &[y]);
        let first = (length as usize - 1) * columns;
        assert_eq!(results[0], data[first..first + columns]);
    }
}
