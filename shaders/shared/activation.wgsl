// Activations and their derivatives on an entry.

import package::shared::entry::Entry;

const ROOT_2_OVER_PI: f32 = 0.7978845608;
const ROOT_HALF: f32 = 0.7071067812;
const ROOT_1_OVER_2_PI: f32 = 0.3989422804;
const CUBIC: f32 = 0.044715;

// tanh of a clamped argument: several drivers compute it from exp and overflow. Beyond 10 it is 1 in f32.
fn safe_tanh(x: Entry) -> Entry {
    return tanh(clamp(x, Entry(-10.0), Entry(10.0)));
}

fn sigmoid(x: Entry) -> Entry {
    return 1.0 / (1.0 + exp(min(-x, Entry(80.0))));
}

// The error function to about 1e-7: a rational minimax approximation in x² for |x| ≤ 4 (the one of Eigen and XLA).
fn error_function(argument: Entry) -> Entry {
    let x = clamp(argument, Entry(-4.0), Entry(4.0));
    let s = x * x;
    var above = Entry(-2.72614225801306e-10);
    above = above * s + 2.77068142495902e-08;
    above = above * s - 2.10102402082508e-06;
    above = above * s - 5.69250639462346e-05;
    above = above * s - 7.34990630326855e-04;
    above = above * s - 2.95459980854025e-03;
    above = above * s - 1.60960333262415e-02;
    var below = Entry(-1.45660718464996e-05);
    below = below * s - 2.13374055278905e-04;
    below = below * s - 1.68282697438203e-03;
    below = below * s - 7.37332916720468e-03;
    below = below * s - 1.42647390514189e-02;
    return x * above / below;
}

// x·Φ(x).
fn gelu_exact_of(x: Entry) -> Entry {
    return 0.5 * x * (1.0 + error_function(x * ROOT_HALF));
}

// Φ(x) + x·φ(x).
fn gelu_exact_slope(x: Entry) -> Entry {
    let density = ROOT_1_OVER_2_PI * exp(max(-0.5 * x * x, Entry(-80.0)));
    return 0.5 * (1.0 + error_function(x * ROOT_HALF)) + x * density;
}

// x/2·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³).
fn gelu_tanh_of(x: Entry) -> Entry {
    let u = ROOT_2_OVER_PI * (x + CUBIC * x * x * x);
    return 0.5 * x * (1.0 + safe_tanh(u));
}

// (1 + tanh u)/2 + x/2·(1 − tanh² u)·du/dx.
fn gelu_tanh_slope(x: Entry) -> Entry {
    let t = safe_tanh(ROOT_2_OVER_PI * (x + CUBIC * x * x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
}

// x·σ(x).
fn silu_of(x: Entry) -> Entry {
    return x * sigmoid(x);
}

// σ·(1 + x·(1 − σ)).
fn silu_slope(x: Entry) -> Entry {
    let s = sigmoid(x);
    return s * (1.0 + x * (1.0 - s));
}
