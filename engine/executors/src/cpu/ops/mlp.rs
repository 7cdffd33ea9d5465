//! Activations and gates, each in one pass over memory.

use super::{Call, Interpret, Run, WORK};
use crate::cpu::vector::{normal, sigmoid, tanh};
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::{self, *};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::{Lanes, vectorised};
use glasshouse_protocol::{Activation, Gate};

/// √(2/π), in the tanh form of GELU.
const ROOT_TWO_OVER_PI: f32 = 0.797_884_6;
/// Cubic coefficient in the tanh form of GELU.
const CUBIC: f32 = 0.044_715;

impl Interpret for ops::Activation {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (x, y) = (inputs.x.floats, outputs.y);
        call.workers.rows(y.len(), WORK, Rows::new(y, 1), |range, part, _| {
            let (x, y) = (&x[range], part.data);
            match self.0 {
                Activation::GeluExact => gelu_exact(x, y),
                Activation::GeluTanh => gelu_tanh(x, y),
                Activation::Relu => relu(x, y),
                Activation::ReluSquared => relu_squared(x, y),
                Activation::Silu => silu(x, y),
            }
        });
        Ok(())
    }
}

impl Interpret for ActivationBackward {
    /// In place: dx contains dy first.
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (ActivationBackwardInputs { x, dy }, dx) = (inputs, outputs.dx);
        dx.copy_from_slice(dy.floats);
        call.workers.rows(dx.len(), WORK, Rows::new(dx, 1), |range, part, _| {
            let (x, dx) = (&x.floats[range], part.data);
            match self.0 {
                Activation::GeluExact => gelu_exact_backward(x, dx),
                Activation::GeluTanh => gelu_tanh_backward(x, dx),
                Activation::Relu => relu_backward(x, dx),
                Activation::ReluSquared => relu_squared_backward(x, dx),
                Activation::Silu => silu_backward(x, dx),
            }
        });
        Ok(())
    }
}

impl Interpret for ops::Gate {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (x, hidden, y) = (inputs.x.floats, inputs.x.columns() / 2, outputs.y);
        let rows = y.len() / hidden;
        call.workers.rows(rows, WORK.div_ceil(hidden), Rows::new(y, hidden), |range, part, _| {
            let x = x[range.start * 2 * hidden..range.end * 2 * hidden].chunks_exact(2 * hidden);
            for (x, y) in x.zip(part.data.chunks_exact_mut(hidden)) {
                let (gate, up) = x.split_at(hidden);
                match self.0 {
                    Gate::Geglu => geglu(gate, up, y),
                    Gate::Swiglu | Gate::None => swiglu(gate, up, y),
                }
            }
        });
        Ok(())
    }
}

impl Interpret for GateBackward {
    /// In place: the first half of each row of dx contains dy first.
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (GateBackwardInputs { x, dy }, dx) = (inputs, outputs.dx);
        let (rows, hidden) = (dy.rows(), dy.columns());
        for (dx, dy) in dx.chunks_exact_mut(2 * hidden).zip(dy.floats.chunks_exact(hidden)) {
            dx[..hidden].copy_from_slice(dy);
        }
        call.workers.rows(rows, WORK.div_ceil(hidden), Rows::new(dx, 2 * hidden), |range, part, _| {
            let x = x.floats[range.start * 2 * hidden..range.end * 2 * hidden].chunks_exact(2 * hidden);
            for (x, dx) in x.zip(part.data.chunks_exact_mut(2 * hidden)) {
                let ((gate, up), (dgate, dup)) = (x.split_at(hidden), dx.split_at_mut(hidden));
                match self.0 {
                    Gate::Geglu => geglu_backward(gate, up, dgate, dup),
                    Gate::Swiglu | Gate::None => swiglu_backward(gate, up, dgate, dup),
                }
            }
        });
        Ok(())
    }
}

/// tanh-GELU and its derivative.
#[inline(always)]
fn tanh_form<L: Lanes>(x: f32) -> (f32, f32) {
    let t = tanh::<L>(ROOT_TWO_OVER_PI * (x + CUBIC * x * x * x));
    let slope = ROOT_TWO_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
    (0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope)
}

#[inline(always)]
fn silu_form<L: Lanes>(x: f32) -> (f32, f32) {
    let s = sigmoid::<L>(x);
    (x * s, s + x * s * (1.0 - s))
}

/// x·Φ(x) and its derivative Φ(x) + x·φ(x).
#[inline(always)]
fn exact_form<L: Lanes>(x: f32) -> (f32, f32) {
    let (phi, density) = normal::<L>(x);
    (x * phi, phi + x * density)
}

macro_rules! entrywise {
    ($($forward:ident, $backward:ident: |$x:ident| $form:expr;)*) => { vectorised! {$(
        fn $forward<L>(x: &[f32], y: &mut [f32]) {
            for (y, $x) in y.iter_mut().zip(x) {
                let $x = *$x;
                let form: (f32, f32) = $form;
                *y = form.0;
            }
        }

        fn $backward<L>(x: &[f32], dx: &mut [f32]) {
            for (dx, $x) in dx.iter_mut().zip(x) {
                let $x = *$x;
                let form: (f32, f32) = $form;
                *dx *= form.1;
            }
        }
    )*}};
}

// Written without `max`, which would drop NaN.
entrywise! {
    gelu_exact, gelu_exact_backward: |x| exact_form::<L>(x);
    gelu_tanh, gelu_tanh_backward: |x| tanh_form::<L>(x);
    silu, silu_backward: |x| silu_form::<L>(x);
    relu, relu_backward: |x| if x <= 0.0 { (0.0, 0.0) } else { (x, 1.0) };
    relu_squared, relu_squared_backward: |x| if x <= 0.0 { (0.0, 0.0) } else { (x * x, 2.0 * x) };
}

macro_rules! gated {
    ($($forward:ident, $backward:ident: $form:ident;)*) => { vectorised! {$(
        fn $forward<L>(gate: &[f32], up: &[f32], y: &mut [f32]) {
            for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                *y = $form::<L>(*gate).0 * up;
            }
        }

        fn $backward<L>(gate: &[f32], up: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
            for ((gate, up), (dgate, dup)) in gate.iter().zip(up).zip(dgate.iter_mut().zip(dup)) {
                let ((value, slope), dy) = ($form::<L>(*gate), *dgate);
                *dgate = dy * up * slope;
                *dup = dy * value;
            }
        }
    )*}};
}

gated! {
    swiglu, swiglu_backward: silu_form;
    geglu, geglu_backward: tanh_form;
}
