//! The forward operations as plain f64 loops: the oracle for the executor.

use glasshouse_compiler::graph::{Graph, Heads, Op, Origin, ValueId, ops, random};
use glasshouse_protocol::{Activation, Gate, NormKind};
use std::collections::HashMap;

#[derive(Clone, Default)]
pub struct Values {
    pub floats: HashMap<ValueId, Vec<f64>>,
    pub words: HashMap<ValueId, Vec<u32>>,
}

/// erf by its series, and for large x by the continued fraction of erfc.
pub fn erf(x: f64) -> f64 {
    let t = x.abs();
    let value = if t < 3.0 {
        let (mut term, mut sum) = (t, t);
        for n in 1..200 {
            term *= -t * t / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let mut fraction = 0.0;
        for n in (1..80).rev() {
            fraction = f64::from(n) / 2.0 / (t + fraction);
        }
        1.0 - (-t * t).exp() / (t + fraction) / std::f64::consts::PI.sqrt()
    };
    value.copysign(x)
}

pub fn activation(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::GeluExact => 0.5 * x * (1.0 + erf(x / 2f64.sqrt())),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::ReluSquared => x.max(0.0) * x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

fn kept(seed: [u32; 2], site: glasshouse_compiler::graph::DropoutSite, index: usize) -> f64 {
    let dropped = random::bits(seed, site.site, index as u32) < random::threshold(site.rate);
    if dropped { 0.0 } else { 1.0 / (1.0 - f64::from(site.rate)) }
}

/// x·wᵀ (+ b) with rows of `inner`.
fn linear(x: &[f64], weight: &[f64], bias: Option<&[f64]>, inner: usize) -> Vec<f64> {
    let row = |x: &[f64]| -> Vec<f64> {
        let outputs = weight.chunks(inner).enumerate();
        let dot = |w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
        outputs.map(|(o, w)| dot(w) + bias.map_or(0.0, |bias| bias[o])).collect()
    };
    x.chunks(inner).flat_map(row).collect()
}

/// A gate on rows of `columns`.
fn gate(kind: Gate, x: &[f64], columns: usize) -> Vec<f64> {
    let gate = match kind {
        Gate::Geglu => Activation::GeluTanh,
        Gate::Swiglu | Gate::None => Activation::Silu,
    };
    let hidden = columns / 2;
    let row = |x: &[f64]| (0..hidden).map(|f| activation(gate, x[f]) * x[hidden + f]).collect::<Vec<f64>>();
    x.chunks(columns).flat_map(row).collect()
}

/// Rotates the queries and keys of packed rows in windows of `time`.
fn turn(rows: &mut [f64], table: &[f64], heads: Heads, time: usize, inverse: bool) {
    let size = heads.head_size;
    for (t, row) in rows.chunks_mut(heads.packed()).enumerate() {
        let angles = &table[t % time * size..(t % time + 1) * size];
        for x in row.chunks_mut(size).take(heads.heads + heads.kv_heads) {
            for i in 0..size / 2 {
                let (cosine, sine) = (angles[i], angles[size / 2 + i]);
                let sine = if inverse { -sine } else { sine };
                let (a, b) = (x[i], x[i + size / 2]);
                (x[i], x[i + size / 2]) = (a * cosine - b * sine, a * sine + b * cosine);
            }
        }
    }
}

/// Runs the forward nodes and stores every value in `values`.
pub fn forward(graph: &Graph, values: &mut Values, seed: [u32; 2]) {
    for (at, value) in graph.values.iter().enumerate() {
        if let Origin::Constant(constant) = &value.origin {
            let data = constant.data(&value.ty).iter().map(|x| f64::from(*x)).collect();
            values.floats.insert(ValueId(at as u32), data);
        }
    }
    for node in &graph.nodes {
        let shape = |input: usize| graph.ty(node.inputs[input]);
        let input = |input: usize| &values.floats[&node.inputs[input]];
        let words = |input: usize| &values.words[&node.inputs[input]];
        let mut second = None;
        let y: Vec<f64> = match node.op {
            Op::Embedding(ops::Embedding { positions, .. }) => {
                let (time, columns) = (shape(0).columns(), shape(1).columns());
                let entry = |(at, token): (usize, &u32)| -> Vec<f64> {
                    (0..columns)
                        .map(|c| {
                            let position = if positions { input(2)[at % time * columns + c] } else { 0.0 };
                            input(1)[*token as usize * columns + c] + position
                        })
                        .collect()
                };
                words(0).iter().enumerate().flat_map(entry).collect()
            }
            Op::Norm(ops::Norm { form, bias }) => {
                let columns = shape(0).columns();
                input(0)
                    .chunks(columns)
                    .flat_map(|x| {
                        let mean = match form.kind {
                            NormKind::Layer => x.iter().sum::<f64>() / columns as f64,
                            NormKind::Rms => 0.0,
                        };
                        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / columns as f64;
                        let root = 1.0 / (variance + f64::from(form.eps)).sqrt();
                        let bias = |c: usize| if bias { input(2)[c] } else { 0.0 };
                        let scale = |c: usize| input(1)[c] + f64::from(form.offset());
                        x.iter()
                            .enumerate()
                            .map(|(c, x)| (x - mean) * root * scale(c) + bias(c))
                            .collect::<Vec<_>>()
                    })
                    .collect()
            }
            Op::Linear(ops::Linear { bias, residual }) => {
                let bias = bias.then(|| input(2).as_slice());
                let mut y = linear(input(0), input(1), bias, shape(1).columns());
                if residual {
                    y.iter_mut().zip(input(node.inputs.len() - 1)).for_each(|(y, r)| *y += r);
                }
                y
            }
            Op::HeadNorm(ops::HeadNorm { heads, whole, eps }) => {
                let mut y = input(0).clone();
                let [[queries, query_size], [keys, key_size]] = heads.normed(whole);
                for row in y.chunks_mut(heads.packed()) {
                    let (of_queries, others) = row.split_at_mut(heads.width());
                    let groups =
                        of_queries.chunks_mut(query_size).chain(others.chunks_mut(key_size).take(keys));
                    for (group, x) in groups.enumerate() {
                        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
                        let root = 1.0 / (mean + f64::from(eps)).sqrt();
                        let scale = if group < queries { input(1) } else { input(2) };
                        x.iter_mut().zip(scale).for_each(|(x, scale)| *x *= root * scale);
                    }
                }
                y
            }
            Op::Rope(ops::Rope { heads, inverse, .. }) => {
                let mut y = input(0).clone();
                turn(&mut y, input(1), heads, shape(0).shape[1], inverse);
                y
            }
            Op::Attention(ops::Attention { heads, scale, softcap, dropout, window, documents }) => {
                let (batch, time) = (shape(0).shape[0], shape(0).shape[1]);
                let size = heads.head_size;
                let mut y = vec![0.0; batch * time * heads.width()];
                let mut lse = vec![0.0; batch * heads.heads * time];
                let entry =
                    |b: usize, t: usize, column: usize| input(0)[(b * time + t) * heads.packed() + column];
                for b in 0..batch {
                    for h in 0..heads.heads {
                        let kv = h / (heads.heads / heads.kv_heads);
                        let key = (heads.heads + kv) * size;
                        let value = key + heads.kv_heads * size;
                        for q in 0..time {
                            let start = if documents { words(1)[b * time + q] as usize } else { 0 };
                            let oldest = (q + 1).saturating_sub(window.unwrap_or(time)).max(start);
                            let scores: Vec<f64> = (oldest..=q)
                                .map(|k| {
                                    let dot: f64 = (0..size)
                                        .map(|d| entry(b, q, h * size + d) * entry(b, k, key + d))
                                        .sum();
                                    let score = scale.map_or_else(
                                        || dot / (size as f64).sqrt(),
                                        |scale| dot * f64::from(scale),
                                    );
                                    softcap.map(f64::from).map_or(score, |cap| cap * (score / cap).tanh())
                                })
                                .collect();
                            let most = scores.iter().fold(f64::MIN, |a, b| a.max(*b));
                            let total: f64 = scores.iter().map(|s| (s - most).exp()).sum();
                            let row = (b * heads.heads + h) * time + q;
                            lse[row] = most + total.ln();
                            for (k, score) in (oldest..).zip(&scores) {
                                let mut p = (score - lse[row]).exp();
                                if let Some(site) = dropout {
                                    p *= kept(seed, site, row * time + k);
                                }
                                for d in 0..size {
                                    y[(b * time + q) * heads.width() + h * size + d] +=
                                        p * entry(b, k, value + d);
                                }
                            }
                        }
                    }
                }
                second = Some(lse);
                y
            }
            Op::Activation(ops::Activation(kind)) => input(0).iter().map(|x| activation(kind, *x)).collect(),
            Op::Gate(ops::Gate(kind)) => gate(kind, input(0), shape(0).columns()),
            Op::Dropout(ops::Dropout { site, residual }) => {
                let residual = |at: usize| if residual { input(1)[at] } else { 0.0 };
                input(0).iter().enumerate().map(|(at, x)| x * kept(seed, site, at) + residual(at)).collect()
            }
            Op::Noise(ops::Noise { size, site }) => {
                let drawn = |at: usize| f64::from(random::signed(random::bits(seed, site, at as u32)));
                input(0).iter().enumerate().map(|(at, x)| x + f64::from(size) * drawn(at)).collect()
            }
            Op::Scale(ops::Scale(factor)) => input(0).iter().map(|x| x * f64::from(factor)).collect(),
            Op::Softcap(ops::Softcap(cap)) => {
                let cap = f64::from(cap);
                input(0).iter().map(|x| cap * (x / cap).tanh()).collect()
            }
            Op::Add(ops::Add) => input(0).iter().zip(input(1)).map(|(a, b)| a + b).collect(),
            Op::CrossEntropy(ops::CrossEntropy { label_smoothing, ignore_index }) => {
                let (columns, smoothing) = (shape(0).columns(), f64::from(label_smoothing));
                let (mut total, mut count) = (0.0, 0.0);
                for (x, target) in input(0).chunks(columns).zip(words(1)) {
                    if Some(*target) == ignore_index {
                        continue;
                    }
                    let most = x.iter().fold(f64::MIN, |a, b| a.max(*b));
                    let lse = most + x.iter().map(|x| (x - most).exp()).sum::<f64>().ln();
                    let mean = x.iter().sum::<f64>() / columns as f64;
                    total += (1.0 - smoothing) * (lse - x[*target as usize]) + smoothing * (lse - mean);
                    count += 1.0;
                }
                vec![if count > 0.0 { total / count } else { 0.0 }, count]
            }
            _ => break,
        };
        values.floats.insert(node.outputs[0], y);
        if let Some(second) = second {
            values.floats.insert(node.outputs[1], second);
        }
    }
}
