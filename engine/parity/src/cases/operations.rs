//! Test cases by op: size one, odd sizes, primes, sizes at and beyond the kernels' tiles, more than 65,535 rows or workgroups,
//! and large numbers.

use super::{Bounds, Case, Feed, Operation};
use glasshouse_engine::graph::{DropoutSite, Heads, NormForm, Op, ops};
use glasshouse_engine::protocol::config::PreferenceLoss;
use glasshouse_engine::protocol::{Activation, Gate, NormKind, WeightFormat};

const fn operation(name: &'static str, forward: f64, gradient: f64, cases: fn() -> Vec<Case>) -> Operation {
    Operation { name, bounds: Bounds { forward, gradient }, cases }
}

/// All operations. Copies and single additions are bounded by one rounding, sums and functions by a few.
pub const OPERATIONS: [Operation; 38] = [
    operation("linear", 5e-6, 5e-5, linear),
    operation("stored_weights", 5e-6, 0.0, stored_weights),
    operation("unpack", 0.0, 0.0, unpack),
    operation("attention", 2e-5, 5e-5, attention),
    operation("norm", 5e-6, 5e-5, norm),
    operation("row_norm", 5e-6, 0.0, row_norm),
    operation("linear_cross_entropy", 5e-6, 5e-5, linear_cross_entropy),
    operation("cross_entropy", 5e-6, 2e-5, cross_entropy),
    operation("score", 1e-5, 1e-5, score),
    operation("preference", 5e-5, 2e-4, || preference(false)),
    operation("policy", 5e-6, 5e-5, || policy(true)),
    operation("kto", 5e-5, 2e-4, || preference(true)),
    operation("policy_as_drawn", 5e-6, 5e-5, || policy(false)),
    operation("distil", 1e-5, 5e-5, distil),
    operation("unlikelihood", 1e-5, 5e-5, unlikelihood),
    operation("top_k", 0.0, 2e-7, top_k),
    operation("jump_relu", 0.0, 5e-6, jump_relu),
    operation("jump_relu_penalty", 5e-6, 5e-6, jump_relu_penalty),
    operation("squared_error", 5e-6, 5e-6, squared_error),
    operation("cached_attention", 2e-5, 0.0, cached_attention),
    operation("embedding", 2e-7, 5e-6, embedding),
    operation("embedding_at_cursor", 2e-7, 0.0, embedding_at_cursor),
    operation("head_norm", 2e-6, 5e-5, head_norm),
    operation("rope", 2e-6, 2e-6, rope),
    operation("rope_at_cursor", 2e-6, 0.0, rope_at_cursor),
    operation("activation", 5e-6, 5e-6, activation),
    operation("gate", 5e-6, 5e-6, gate),
    operation("route", 5e-6, 2e-5, route),
    operation("router_loss", 5e-6, 2e-5, router_loss),
    operation("weigh_experts", 2e-7, 5e-6, weigh_experts),
    operation("expert_linear", 5e-6, 5e-5, expert_linear),
    operation("dropouts", 2e-7, 2e-7, dropouts),
    operation("noise", 2e-7, 2e-7, noise),
    operation("add", 2e-7, 2e-7, add),
    operation("scale", 2e-7, 2e-7, scale),
    operation("multiply", 2e-7, 5e-5, multiply),
    operation("softcap", 5e-6, 5e-6, softcap),
    operation("last_row", 0.0, 0.0, last_row),
];

/// More rows than a folded dispatch has workgroups in a row, which is 32,768.
const MANY: usize = 33_001;
/// More entries than 32,768 workgroups of 256 can cover.
const VAST: usize = 32_768 * 256 + 257;

fn floats(shape: &[usize]) -> Feed {
    Feed::Floats(shape.to_vec(), 1.0)
}

fn weight(shape: &[usize]) -> Feed {
    Feed::Weight(shape.to_vec())
}

fn dropout(rate: f32) -> DropoutSite {
    DropoutSite { rate, site: 3 }
}

fn embedding() -> Vec<Case> {
    let sizes = [(1, 1, 1, 1), (2, 3, 7, 5), (3, 17, 31, 13), (2, 64, 65, 128), (7, 10_007, 257, 3)];
    let mut cases = Vec::new();
    for (batch, time, vocabulary, width) in sizes {
        let tokens = || Feed::Tokens(vec![batch, time], vocabulary);
        cases.push(Case::new(
            ops::Embedding { positions: false, cursor: false },
            [tokens(), weight(&[vocabulary, width])],
        ));
        cases.push(Case::new(
            ops::Embedding { positions: true, cursor: false },
            [tokens(), weight(&[vocabulary, width]), weight(&[time + 2, width])],
        ));
    }
    cases
}

/// Full chunks of `time` tokens at the given positions, last text first.
fn chunks(time: usize, starts: &[u32]) -> Feed {
    let texts = starts.len() as u32;
    Feed::Cursor(
        starts.iter().zip((0..texts).rev()).map(|(start, text)| [*start, time as u32, text]).collect(),
    )
}

/// Number of positions needed by such chunks.
fn reach(time: usize, starts: &[u32]) -> usize {
    time + starts.iter().max().map_or(0, |start| *start as usize)
}

/// Embedding of decoded chunks; has no gradient.
fn embedding_at_cursor() -> Vec<Case> {
    let case = |time: usize, starts: &[u32]| {
        Case::new(
            ops::Embedding { positions: true, cursor: true },
            [
                Feed::Tokens(vec![starts.len(), time], 11),
                weight(&[11, 5]),
                weight(&[reach(time, starts), 5]),
                chunks(time, starts),
            ],
        )
    };
    let mut wide = case(5, &[2]);
    wide.feeds[1] = weight(&[11, 8]);
    wide.feeds[2] = weight(&[7, 8]);
    vec![case(1, &[0]), case(1, &[6]), case(7, &[3]), wide, case(1, &[4, 0, 9, 2, 2]), case(3, &[7, 1])]
}

/// Products and embeddings that read a matrix as it is stored. One and three blocks leave the last word of scales half empty.
fn stored_weights() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in WeightFormat::quantised() {
        for (rows, input, output) in [(1, 32, 7), (3, 96, 65), (8, 64, 300), (11, 128, 384)] {
            for (bias, residual) in [(false, false), (true, false), (false, true), (true, true)] {
                let stored = Feed::Stored(vec![output, input], format);
                let mut feeds = vec![floats(&[rows, 1, input]), stored];
                if bias {
                    feeds.push(weight(&[output]));
                }
                if residual {
                    feeds.push(floats(&[rows, 1, output]));
                }
                cases.push(Case::new(ops::Linear { bias, residual }, feeds));
            }
        }
        let (tokens, table) = (Feed::Tokens(vec![2, 3], 300), Feed::Stored(vec![300, 96], format));
        cases.push(Case::new(
            ops::Embedding { positions: false, cursor: false },
            [tokens.clone(), table.clone()],
        ));
        cases.push(Case::new(
            ops::Embedding { positions: true, cursor: true },
            [tokens, table, weight(&[9, 96]), chunks(3, &[4, 0])],
        ));
    }
    cases
}

fn unpack() -> Vec<Case> {
    let shapes = [[1, 32], [300, 96], [129, 64]];
    let case = |format| shapes.map(|shape| Case::new(ops::Unpack, [Feed::Stored(shape.to_vec(), format)]));
    WeightFormat::COMPRESSED.into_iter().flat_map(case).collect()
}

fn norm() -> Vec<Case> {
    let sizes: [&[usize]; 9] = [
        &[1, 1],
        &[3, 1],
        &[2, 3, 5],
        &[7, 64],
        &[131, 64],
        &[5, 127],
        &[2, 31, 129],
        &[3, 1031],
        &[MANY, 3],
    ];
    let mut cases = Vec::new();
    for shape in sizes {
        let width = shape[shape.len() - 1];
        for (kind, bias) in [(NormKind::Layer, false), (NormKind::Layer, true), (NormKind::Rms, false)] {
            // With one column, LayerNorm gives 0 with slope 0, so relative deviations are undefined.
            if width == 1 && kind == NormKind::Layer {
                continue;
            }
            let mut feeds = vec![floats(shape), Feed::Scale(width)];
            if bias {
                feeds.push(weight(&[width]));
            }
            // A narrow row can have almost no variance by chance; then only rounding errors would be visible.
            let eps = if width <= 3 { 0.1 } else { 1e-5 };
            cases.push(Case::new(ops::Norm { form: NormForm::new(kind, eps), bias }, feeds));
        }
    }
    for (kind, width) in [(NormKind::Layer, 36), (NormKind::Rms, 35), (NormKind::Rms, 64)] {
        let form = NormForm { unit_offset: true, ..NormForm::new(kind, 1e-5) };
        let feeds = vec![floats(&[5, width]), weight(&[width])];
        cases.push(Case::new(ops::Norm { form, bias: false }, feeds));
    }
    for kind in [NormKind::Layer, NormKind::Rms] {
        for feeds in [
            vec![Feed::Floats(vec![5, 67], 300.0), Feed::Scale(67)],
            vec![Feed::Shared(vec![7, 13]), Feed::Scale(13)],
            vec![Feed::Shared(vec![3, 64]), Feed::Scale(64)],
        ] {
            cases.push(Case::new(ops::Norm { form: NormForm::new(kind, 1e-5), bias: false }, feeds));
        }
    }
    cases
}

fn linear() -> Vec<Case> {
    // Rows, inputs, outputs.
    let sizes: [(&[usize], usize, usize); 13] = [
        (&[1], 1, 1),
        (&[1], 7, 1),
        (&[3], 1, 5),
        (&[2, 3], 5, 7),
        (&[1, 1], 128, 65),
        (&[64], 64, 64),
        (&[5, 13], 129, 67),
        (&[2, 64], 32, 384),
        (&[257], 31, 8),
        (&[2, 131], 67, 257),
        (&[3], 36, 301),
        (&[3], 35, 300),
        (&[MANY], 3, 5),
    ];
    let mut cases = Vec::new();
    for (rows, input, output) in sizes {
        let shape = |columns: usize| [rows, &[columns]].concat();
        for (bias, residual) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut feeds = vec![floats(&shape(input)), weight(&[output, input])];
            if bias {
                feeds.push(weight(&[output]));
            }
            if residual {
                feeds.push(floats(&shape(output)));
            }
            cases.push(Case::new(ops::Linear { bias, residual }, feeds));
        }
    }
    // The last are sizes of cooperative matrices.
    for (time, input, output) in [(11, 5, 7), (11, 12, 7), (11, 5, 8), (11, 36, 68), (16, 16, 32)] {
        cases.push(Case::new(
            ops::Linear { bias: false, residual: false },
            [Feed::Shared(vec![3, time, input]), weight(&[output, input])],
        ));
    }
    cases
}

/// Multi-head, grouped-query and multi-query sizes.
fn head_sizes() -> [Heads; 6] {
    let heads = |heads, kv_heads, head_size| Heads { heads, kv_heads, head_size };
    [heads(1, 1, 2), heads(3, 3, 4), heads(4, 2, 6), heads(5, 1, 8), heads(2, 2, 32), heads(4, 2, 64)]
}

fn head_norm() -> Vec<Case> {
    let case = |heads: Heads, whole: bool, rows: &[usize]| {
        let [[_, query], [_, key]] = heads.normed(whole);
        Case::new(
            ops::HeadNorm { heads, whole, eps: 1e-5 },
            [floats(&[rows, &[heads.packed()]].concat()), Feed::Scale(query), Feed::Scale(key)],
        )
    };
    let both = [false, true].into_iter();
    let mut cases: Vec<Case> =
        both.flat_map(|whole| head_sizes().map(|heads| case(heads, whole, &[2, 13]))).collect();
    cases.push(case(Heads { heads: 1, kv_heads: 1, head_size: 3 }, false, &[1, 1]));
    cases.push(case(Heads { heads: 2, kv_heads: 1, head_size: 2 }, false, &[1, MANY]));
    cases
}

fn rope() -> Vec<Case> {
    let case = |heads: Heads, batch: usize, time: usize, inverse: bool| {
        Case::new(
            ops::Rope { heads, inverse, cursor: false },
            [floats(&[batch, time, heads.packed()]), Feed::RopeTable(time + 3, heads.head_size)],
        )
    };
    let mut cases: Vec<Case> = head_sizes().map(|heads| case(heads, 2, 13, false)).to_vec();
    cases.push(case(head_sizes()[2], 3, 7, true));
    cases.push(case(head_sizes()[0], 1, 1, false));
    cases.push(case(head_sizes()[0], 7, 10_007, false));
    cases
}

/// Rotation of decoded chunks.
fn rope_at_cursor() -> Vec<Case> {
    let heads = head_sizes()[2];
    let case = |time: usize, starts: &[u32]| {
        Case::new(
            ops::Rope { heads, inverse: false, cursor: true },
            [
                floats(&[starts.len(), time, heads.packed()]),
                Feed::RopeTable(reach(time, starts), heads.head_size),
                chunks(time, starts),
            ],
        )
    };
    vec![case(1, &[0]), case(1, &[9]), case(5, &[4]), case(1, &[3, 0, 8, 8]), case(2, &[0, 5, 1])]
}

fn attention() -> Vec<Case> {
    let case = |heads: Heads, batch: usize, time: usize, scale: f32, rate: Option<f32>| {
        Case::new(
            ops::Attention { heads, dropout: rate.map(dropout), ..Default::default() },
            [Feed::Floats(vec![batch, time, heads.packed()], scale)],
        )
    };
    let mut cases = Vec::new();
    for heads in head_sizes() {
        cases.push(case(heads, 2, 13, 1.0, None));
    }
    for time in [1, 2, 31, 32, 33, 64, 67, 131] {
        cases.push(case(Heads { heads: 3, kv_heads: 1, head_size: 5 }, 2, time, 1.0, None));
    }
    cases.push(case(Heads { heads: 1, kv_heads: 1, head_size: 1 }, 1, 1, 1.0, None));
    cases.push(case(Heads { heads: 2, kv_heads: 1, head_size: 128 }, 1, 19, 1.0, None));
    cases.push(case(Heads { heads: 2, kv_heads: 1, head_size: 80 }, 1, 65, 1.0, None));
    cases.push(case(Heads { heads: 4, kv_heads: 2, head_size: 48 }, 2, 37, 1.0, None));
    // Scores in the hundreds: the maximum must be subtracted before exp.
    cases.push(case(Heads { heads: 2, kv_heads: 2, head_size: 16 }, 1, 33, 12.0, None));
    cases.push(case(Heads { heads: 3, kv_heads: 3, head_size: 4 }, 2, 17, 1.0, Some(0.3)));
    cases.push(case(Heads { heads: 4, kv_heads: 2, head_size: 32 }, 2, 67, 1.0, Some(0.1)));
    cases.push(case(Heads { heads: 2, kv_heads: 1, head_size: 64 }, 1, 35, 1.0, Some(0.2)));
    cases.push(case(Heads { heads: 2, kv_heads: 2, head_size: 100 }, 1, 18, 1.0, Some(0.2)));
    cases.push(case(Heads { heads: 2, kv_heads: 1, head_size: 2 }, MANY / 2, 2, 1.0, None));
    // Sliding windows of one position, shorter than a tile and than a block, about as long as both, and as long as the text.
    for (size, time, rate, window) in [
        (5, 13, None, 1),
        (32, 67, None, 3),
        (32, 131, Some(0.1), 33),
        (6, 67, Some(0.2), 32),
        (64, 100, None, 64),
        (12, 70, None, 69),
        (8, 40, None, 40),
        (80, 65, None, 17),
    ] {
        let mut case = case(Heads { heads: 4, kv_heads: 2, head_size: size }, 2, time, 1.0, rate);
        if let Op::Attention(op) = &mut case.op {
            op.window = Some(window);
            op.scale = (size == 32 || size == 80).then_some(0.3);
            op.softcap = (window % 2 == 1).then_some(0.5);
        }
        cases.push(case);
    }
    // Several documents per row: every head size that is a constant in kernels, vector and scalar loads; beyond tiles; with and
    // without dropout and sliding windows; some with grouped queries.
    for (heads, kv_heads, size, time, rate, window) in [
        (1, 1, 2, 1, None, None),
        (4, 2, 8, 70, None, None),
        (3, 1, 5, 67, Some(0.2), None),
        (4, 2, 6, 33, None, Some(7)),
        (2, 2, 12, 131, Some(0.1), None),
        (4, 2, 32, 131, None, None),
        (4, 2, 32, 67, Some(0.1), Some(9)),
        (3, 3, 48, 37, None, None),
        (4, 2, 64, 100, None, Some(17)),
        (2, 1, 64, 35, Some(0.2), None),
        (2, 1, 80, 65, None, None),
        (2, 1, 128, 40, None, None),
        (1, 1, 160, 21, Some(0.1), None),
    ] {
        let mut case = case(Heads { heads, kv_heads, head_size: size }, 3, time, 1.0, rate);
        if let Op::Attention(op) = &mut case.op {
            (op.window, op.documents) = (window, true);
            op.softcap = (time > 60).then_some(0.5);
        }
        case.feeds.push(Feed::Starts(3, time));
        cases.push(case);
    }
    // Scores below and far beyond a soft cap.
    for (heads, time, scale, cap) in
        [((2, 1, 3), 7, 1.0, 0.3), ((2, 2, 4), 5, 1.0, 0.3), ((2, 2, 16), 33, 12.0, 6.0)]
    {
        let (heads, kv_heads, head_size) = heads;
        let mut case = case(Heads { heads, kv_heads, head_size }, 1, time, scale, None);
        if let Op::Attention(op) = &mut case.op {
            op.softcap = Some(cap);
        }
        cases.push(case);
    }
    cases
}

fn cached_attention() -> Vec<Case> {
    let case = |heads: Heads, time: usize, positions: usize, start: u32, length: u32| {
        Case::new(
            ops::CachedAttention { heads, ..Default::default() },
            [
                floats(&[1, time, heads.packed()]),
                Feed::Cache(0, vec![1, heads.kv_heads, positions, heads.head_size]),
                Feed::Cache(1, vec![1, heads.kv_heads, positions, heads.head_size]),
                Feed::Cursor(vec![[start, length, 0]]),
            ],
        )
    };
    // One chunk for each of several texts, in caches with room for one more text.
    let several = |heads: Heads, time: usize, positions: usize, starts: &[u32], window: Option<usize>| {
        Case::new(
            ops::CachedAttention { heads, scale: window.map(|_| 0.3), softcap: window.map(|_| 0.4), window },
            [
                floats(&[starts.len(), time, heads.packed()]),
                Feed::Cache(0, vec![starts.len() + 1, heads.kv_heads, positions, heads.head_size]),
                Feed::Cache(1, vec![starts.len() + 1, heads.kv_heads, positions, heads.head_size]),
                chunks(time, starts),
            ],
        )
    };
    let mut cases = Vec::new();
    for heads in head_sizes() {
        cases.push(several(heads, 1, 23, &[0, 22, 7, 7, 1], None));
        cases.push(several(heads, 4, 23, &[11, 0], Some(5)));
    }
    cases.push(several(Heads { heads: 4, kv_heads: 2, head_size: 16 }, 1, 300, &[299, 3, 150], None));
    for heads in head_sizes() {
        cases.push(case(heads, 1, 17, 0, 1));
        cases.push(case(heads, 1, 17, 16, 1));
        cases.push(case(heads, 8, 37, 5, 8));
        cases.push(case(heads, 8, 37, 13, 3));
    }
    cases.push(case(Heads { heads: 2, kv_heads: 1, head_size: 128 }, 1, 300, 271, 1));
    // Sliding windows: inside a chunk, starting after the cache's first part, across both, and longer than the text.
    for (time, positions, start, window) in
        [(8, 37, 5, 1), (8, 37, 13, 9), (1, 300, 271, 10), (1, 300, 271, 200), (3, 300, 4, 64)]
    {
        let mut case =
            case(Heads { heads: 4, kv_heads: 2, head_size: 16 }, time, positions, start, time as u32);
        if let Op::CachedAttention(op) = &mut case.op {
            (op.window, op.softcap) = (Some(window), (window < 100).then_some(0.4));
        }
        cases.push(case);
    }
    cases
}

fn last_row() -> Vec<Case> {
    let case = |time: usize, width: usize, cursor: &[[u32; 3]]| {
        Case::new(ops::LastRow, [floats(&[cursor.len(), time, width]), Feed::Cursor(cursor.to_vec())])
    };
    vec![
        case(1, 1, &[[0, 1, 0]]),
        case(1, 5, &[[9, 1, 0]]),
        case(7, 129, &[[2, 4, 0]]),
        case(7, 129, &[[0, 7, 0]]),
        case(3, 50, &[[2, 1, 1], [0, 3, 0], [5, 0, 2], [1, 2, 4]]),
    ]
}

fn activation() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in [
        Activation::GeluExact,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::ReluSquared,
        Activation::Silu,
    ] {
        for (shape, scale) in [
            (vec![1], 1.0),
            (vec![2, 3, 5], 3.0),
            (vec![7, 36], 3.0),
            (vec![13, 257], 3.0),
            (vec![1031], 40.0),
        ] {
            cases.push(Case::new(ops::Activation(kind), [Feed::Floats(shape, scale)]));
        }
    }
    cases.push(Case::new(ops::Activation(Activation::Silu), [floats(&[VAST])]));
    cases
}

fn gate() -> Vec<Case> {
    let mut cases = Vec::new();
    for gate in [Gate::Swiglu, Gate::Geglu] {
        for (shape, scale) in [
            (vec![1, 2], 1.0),
            (vec![2, 3, 10], 3.0),
            (vec![7, 72], 3.0),
            (vec![13, 514], 3.0),
            (vec![3, 46], 40.0),
            (vec![MANY, 6], 3.0),
        ] {
            cases.push(Case::new(ops::Gate(gate), [Feed::Floats(shape, scale)]));
        }
    }
    cases
}

fn dropouts() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, rate) in
        [(vec![3], 0.5), (vec![2, 3, 5], 0.1), (vec![7, 36], 0.3), (vec![13, 257], 0.9), (vec![VAST], 0.25)]
    {
        let site = dropout(rate);
        cases.push(Case::new(ops::Dropout { site, residual: false }, [floats(&shape)]));
        if shape[0] < VAST {
            let feeds = vec![floats(&shape), floats(&shape)];
            cases.push(Case::new(ops::Dropout { site, residual: true }, feeds));
        }
    }
    cases
}

fn noise() -> Vec<Case> {
    [(vec![3], 0.5), (vec![2, 3, 5], 5.0), (vec![7, 36], 0.01), (vec![VAST], 1.0)]
        .map(|(shape, size)| Case::new(ops::Noise { size, site: 4 }, [floats(&shape)]))
        .to_vec()
}

fn add() -> Vec<Case> {
    [vec![1], vec![2, 3, 5], vec![7, 36], vec![13, 257], vec![VAST]]
        .map(|shape| Case::new(ops::Add, [floats(&shape), floats(&shape)]))
        .to_vec()
}

fn scale() -> Vec<Case> {
    [vec![1], vec![2, 3, 5], vec![7, 36], vec![VAST]]
        .map(|shape| Case::new(ops::Scale(-1.75), [floats(&shape)]))
        .to_vec()
}

/// Factors by column, with and without a bias, and entry by entry.
fn multiply() -> Vec<Case> {
    let sizes =
        [(vec![1], 1), (vec![2, 3, 5], 5), (vec![7, 36], 36), (vec![13, 257], 257), (vec![MANY, 3], 3)];
    let cases = sizes.into_iter().flat_map(|(shape, width)| {
        [
            Case::new(ops::Multiply { bias: false }, [floats(&shape), Feed::Scale(width)]),
            Case::new(ops::Multiply { bias: true }, [floats(&shape), Feed::Scale(width), weight(&[width])]),
        ]
    });
    let whole = Case::new(ops::Multiply { bias: false }, [floats(&[3, 7]), Feed::Given(vec![3, 7], 1.0)]);
    cases.chain([whole]).collect()
}

/// Norms are constants, so nothing here has a gradient.
fn row_norm() -> Vec<Case> {
    [([1, 1], 1), ([5, 3], 2), ([300, 65], 7), ([64, 130], 64), ([MANY, 3], 1)]
        .map(|([out, input], rank)| {
            let feeds =
                [vec![out, input], vec![rank, input], vec![out, rank]].map(|shape| Feed::Given(shape, 1.0));
            Case::new(ops::RowNorm { factor: 0.75 }, feeds)
        })
        .to_vec()
}

fn route() -> Vec<Case> {
    let sizes = [
        (vec![1, 1, 2], 1),
        (vec![2, 13, 5], 2),
        (vec![3, 7, 8], 8),
        (vec![1, 70, 61], 6),
        (vec![MANY, 3], 2),
    ];
    let case = |(shape, per_token): (Vec<usize>, usize), renormalise| {
        Case::new(ops::Route { per_token, renormalise }, [Feed::Floats(shape, 4.0)])
    };
    sizes.into_iter().flat_map(|size| [case(size.clone(), false), case(size, true)]).collect()
}

fn router_loss() -> Vec<Case> {
    let rows = |shape: &[usize]| shape[..shape.len() - 1].iter().product::<usize>();
    [
        (vec![1, 1, 2], 1, 1.0, 0.0),
        (vec![2, 13, 5], 2, 0.0, 1.0),
        (vec![1, 70, 61], 6, 0.5, 0.1),
        (vec![MANY, 3], 2, 1.0, 1.0),
    ]
    .map(|(shape, per_token, balance, z)| {
        Case::new(
            ops::RouterLoss { balance, z },
            [
                Feed::Floats(shape.clone(), 4.0),
                Feed::Gates(shape.clone(), per_token, false),
                Feed::Gates(vec![rows(&shape)], rows(&shape).div_ceil(2), false),
            ],
        )
    })
    .to_vec()
}

fn weigh_experts() -> Vec<Case> {
    [([1, 1, 2, 1], 1), ([2, 13, 5, 7], 2), ([1, 7, 3, 130], 3), ([1, MANY, 2, 3], 1)]
        .map(|(shape, per_token)| {
            Case::new(ops::WeighExperts, [floats(&shape), Feed::Gates(shape[..3].to_vec(), per_token, true)])
        })
        .to_vec()
}

/// Up and down projections of E experts, k per token, with C channels and F hidden ones.
fn expert_linear() -> Vec<Case> {
    let case = |batch: usize, time: usize, [experts, per_token, width, hidden]: [usize; 4], down: bool| {
        let [x, weight] = match down {
            false => [vec![batch, time, width], vec![experts * hidden, width]],
            true => [vec![batch, time, experts, hidden], vec![width, experts * hidden]],
        };
        let gates = Feed::Gates(vec![batch, time, experts], per_token, false);
        let op = Op::ExpertLinear(ops::ExpertLinear { per_token, down });
        Case { op, feeds: vec![floats(&x), gates, Feed::Weight(weight)] }
    };
    // The last weights exceed a small binding.
    let sizes = [
        (1, 1, [2, 1, 1, 1]),
        (2, 13, [5, 2, 7, 3]),
        (3, 11, [4, 4, 8, 12]),
        (1, 9, [3, 1, 36, 20]),
        (2, 70, [8, 2, 48, 36]),
    ];
    sizes
        .into_iter()
        .flat_map(|(batch, time, size)| [false, true].map(|down| case(batch, time, size, down)))
        .collect()
}

fn softcap() -> Vec<Case> {
    [(vec![1], 1.0), (vec![2, 3, 5], 30.0), (vec![7, 36], 300.0), (vec![VAST], 9.0)]
        .map(|(shape, size)| Case::new(ops::Softcap(7.0), [Feed::Floats(shape, size)]))
        .to_vec()
}

fn linear_cross_entropy() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, width, vocabulary, chunk) in [
        (vec![1], 1, 1, 1),
        (vec![2, 3], 5, 7, 6),
        (vec![2, 65], 8, 67, 64),
        (vec![3, 64], 12, 65, 64),
        (vec![200], 7, 1031, 128),
    ] {
        for (label_smoothing, ignore_index) in [(0.0, None), (0.1, Some(0))] {
            let x = [&shape[..], &[width]].concat();
            cases.push(Case::new(
                ops::LinearCrossEntropy { label_smoothing, ignore_index, chunk },
                [
                    Feed::Floats(x, 3.0),
                    Feed::Weight(vec![vocabulary, width]),
                    Feed::Targets(shape.clone(), vocabulary, ignore_index),
                ],
            ));
        }
    }
    cases
}

fn score() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [vec![1], vec![2, 3], vec![3, 17], vec![MANY]] {
        for ignore_index in [None, Some(u32::MAX)] {
            let logits = [&shape[..], &[1]].concat();
            cases.push(Case::new(
                ops::Score { ignore_index },
                [Feed::Floats(logits, 3.0), Feed::Targets(shape.clone(), 1, ignore_index)],
            ));
        }
    }
    cases
}

/// If single answers are judged, the baseline has no gradient.
fn preference(judged: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for (pairs, time, vocabulary, scale) in
        [(1, 1, 2, 3.0), (1, 7, 5, 3.0), (3, 17, 7, 3.0), (2, 300, 3, 1.0)]
    {
        for loss in PreferenceLoss::ALL.into_iter().filter(|loss| loss.judges_answers() == judged) {
            let (shape, ignored) = (vec![2 * pairs, time], 0);
            let op = ops::Preference { loss, beta: 0.4, margin: 0.3, center: 0.02, ignored };
            cases.push(Case::new(
                op,
                [
                    Feed::Floats(vec![2 * pairs, time, vocabulary], scale),
                    Feed::Targets(shape, vocabulary, Some(ignored).filter(|_| time > 1)),
                    Feed::Scores(op.scores(2 * pairs), 2.0),
                ],
            ));
        }
    }
    cases
}

/// Without `ratio`, the gradient is not that of the computed value.
fn policy(ratio: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for (rows, time, vocabulary) in [(1, 1, 2), (1, 7, 5), (3, 17, 7), (2, 600, 3)] {
        for (corrected, weighs) in [(false, false), (true, false), (false, true)] {
            let op = ops::Policy { epsilon: 0.2, ratio, corrected, ignored: 0, weighs };
            cases.push(Case::new(
                op,
                [
                    Feed::Floats(vec![rows, time, vocabulary], 2.0),
                    Feed::Targets(vec![rows, time], vocabulary, Some(0).filter(|_| time > 1)),
                    Feed::TokenScores(rows * time),
                ],
            ));
        }
    }
    cases
}

fn distil() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, vocabulary, scale) in [
        (vec![1], 2, 1.0),
        (vec![2, 3], 7, 3.0),
        (vec![3, 17], 65, 3.0),
        (vec![5], 1031, 3.0),
        (vec![2], 50_257, 3.0),
        (vec![7], 67, 90.0),
        (vec![MANY], 3, 3.0),
    ] {
        for (temperature, mix, ignore_index) in
            [(2.0, 0.5, None), (1.0, 1.0, Some(0)), (0.5, 0.25, Some(u32::MAX)), (5.0, 0.0, None)]
        {
            // This many rows test the dispatch, which no setting affects, and take seconds on a software adapter.
            if shape[0] == MANY && ignore_index != Some(u32::MAX) {
                continue;
            }
            let logits = [&shape[..], &[vocabulary]].concat();
            cases.push(Case::new(
                ops::Distil { temperature, mix, ignore_index },
                [
                    Feed::Floats(logits.clone(), scale),
                    Feed::Given(logits, scale),
                    Feed::Targets(shape.clone(), vocabulary, ignore_index),
                ],
            ));
        }
    }
    cases
}

fn unlikelihood() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rows, time, vocabulary) in
        [(1, 1, 2), (2, 3, 7), (3, 17, 5), (1, 150, 65), (2, 5, 16_385), (1, 3, 50_257)]
    {
        for (alpha, ignore_index, documents) in
            [(1.0, None, false), (0.3, Some(0), true), (2.0, Some(u32::MAX), false)]
        {
            let mut feeds = vec![
                Feed::Floats(vec![rows, time, vocabulary], 2.0),
                Feed::Tokens(vec![rows, time], vocabulary),
                Feed::Targets(vec![rows, time], vocabulary, ignore_index),
            ];
            feeds.extend(documents.then_some(Feed::Starts(rows, time)));
            cases.push(Case::new(ops::Unlikelihood { alpha, ignore_index, documents }, feeds));
        }
    }
    cases
}

fn top_k() -> Vec<Case> {
    [
        (vec![1], 1),
        (vec![2, 3, 7], 2),
        (vec![5, 13], 13),
        (vec![3, 1031], 32),
        (vec![2, 2500], 4),
        (vec![MANY, 3], 1),
    ]
    .map(|(shape, k)| Case::new(ops::TopK { k }, [floats(&shape)]))
    .to_vec()
}

/// Finite differences see small cases only, in which no entry is so near its threshold that the estimator sets in. Here and in those with a
/// penalty, no entry is nearer than 2e-6 to a step of value or gradient, so that a device's rounding of θ decides nothing.
fn jump_relu() -> Vec<Case> {
    [
        (vec![1, 1], 1e-6),
        (vec![2, 3, 7], 1e-6),
        (vec![5, 13], 1e-6),
        (vec![3, 1031], 0.5),
        (vec![MANY, 3], 0.3),
    ]
    .map(|(shape, bandwidth)| {
        let (columns, rows) = (shape[shape.len() - 1], shape[..shape.len() - 1].to_vec());
        Case::new(
            ops::JumpRelu { bandwidth, penalty: 0.0, ignore_index: None },
            [Feed::Floats(shape, 2.0), Feed::Weight(vec![columns]), Feed::Targets(rows, 5, None)],
        )
    })
    .to_vec()
}

fn jump_relu_penalty() -> Vec<Case> {
    [(vec![1], 5, None), (vec![2, 9], 65, Some(u32::MAX)), (vec![MANY], 3, Some(0))]
        .map(|(rows, columns, ignore_index)| {
            let x = [&rows[..], &[columns]].concat();
            Case::new(
                ops::JumpRelu { bandwidth: 0.6, penalty: 0.3, ignore_index },
                [
                    Feed::Given(x.clone(), 2.0),
                    Feed::Weight(vec![columns]),
                    Feed::Targets(rows, 5, ignore_index),
                    Feed::Given(x, 2.0),
                ],
            )
        })
        .to_vec()
}

fn squared_error() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, columns) in
        [(vec![1], 1), (vec![2, 3], 7), (vec![3, 17], 65), (vec![5], 1031), (vec![MANY], 3)]
    {
        for ignore_index in [None, Some(u32::MAX)] {
            let rows = [&shape[..], &[columns]].concat();
            cases.push(Case::new(
                ops::SquaredError { ignore_index },
                [
                    Feed::Floats(rows.clone(), 3.0),
                    Feed::Given(rows, 3.0),
                    Feed::Targets(shape.clone(), 5, ignore_index),
                ],
            ));
        }
    }
    cases
}

fn cross_entropy() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, vocabulary, scale) in [
        (vec![1], 1, 1.0),
        (vec![2, 3], 7, 3.0),
        (vec![3, 17], 65, 3.0),
        (vec![5], 1031, 3.0),
        (vec![2], 50_257, 3.0),
        (vec![7], 67, 90.0),
        (vec![MANY], 3, 3.0),
    ] {
        for (label_smoothing, ignore_index) in
            [(0.0, None), (0.1, None), (0.0, Some(0)), (0.2, Some(u32::MAX))]
        {
            let logits = [&shape[..], &[vocabulary]].concat();
            cases.push(Case::new(
                ops::CrossEntropy { label_smoothing, ignore_index },
                [Feed::Floats(logits, scale), Feed::Targets(shape.clone(), vocabulary, ignore_index)],
            ));
        }
    }
    cases
}
