//! Dropout, noise, sums, products, scaling and soft caps, each in one pass over memory.

use super::linear::{accumulate, sum};
use super::{Call, Interpret, Run, WORK};
use crate::cpu::vector::tanh;
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::*;
use glasshouse_compiler::graph::{DropoutSite, random};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

impl Interpret for Dropout {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let DropoutInputs { x, residual } = inputs;
        let (first, y) = (call.first_element(x.ty), outputs.y);
        call.workers.rows(y.len(), WORK, Rows::new(y, 1), |range, part, _| {
            let first = (first + range.start) as u32;
            mask(self.site, call.seed, first, &x.floats[range.clone()], part.data);
            if let Some(residual) = residual {
                accumulate(&residual.floats[range], part.data);
            }
        });
        Ok(())
    }
}

impl Interpret for Noise {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (first, seed) = (call.first_element(inputs.x.ty), call.seed);
        let (x, y) = (inputs.x.floats, outputs.y);
        call.workers.rows(y.len(), WORK, Rows::new(y, 1), |range, part, _| {
            for ((at, y), x) in (first + range.start..).zip(part.data).zip(&x[range]) {
                *y = x + self.size * random::signed(random::bits(seed, self.site, at as u32));
            }
        });
        Ok(())
    }
}

impl Interpret for Add {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (AddInputs { a, b }, y) = (inputs, outputs.y);
        call.workers.rows(y.len(), WORK, Rows::new(y, 1), |range, part, _| {
            sum(&a.floats[range.clone()], &b.floats[range], part.data);
        });
        Ok(())
    }
}

impl Interpret for Scale {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (x, y) = (inputs.x.floats, outputs.y);
        call.workers.rows(y.len(), WORK, Rows::new(y, 1), |range, part, _| {
            part.data.iter_mut().zip(&x[range]).for_each(|(y, x)| *y = x * self.0);
        });
        Ok(())
    }
}

impl Interpret for Multiply {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let MultiplyInputs { x, factors, bias } = inputs;
        let columns = x.columns();
        let (is_row, y) = (factors.floats.len() == columns, Rows::new(outputs.y, columns));
        call.workers.rows(x.rows(), WORK.div_ceil(columns), y, |range, y, _| {
            for (row, y) in range.zip(y.data.chunks_exact_mut(columns)) {
                let entries = row * columns..(row + 1) * columns;
                let factors = &factors.floats[if is_row { 0..columns } else { entries.clone() }];
                y.iter_mut()
                    .zip(&x.floats[entries])
                    .zip(factors)
                    .for_each(|((y, x), factor)| *y = x * factor);
                if let Some(bias) = bias {
                    accumulate(bias.floats, y);
                }
            }
        });
        Ok(())
    }
}

impl Interpret for Softcap {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (x, y) = (inputs.x.floats, outputs.y);
        call.workers.rows(y.len(), WORK, Rows::new(y, 1), |range, part, _| {
            part.data.copy_from_slice(&x[range]);
            cap(self.0, part.data);
        });
        Ok(())
    }
}

impl Interpret for SoftcapBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (SoftcapBackwardInputs { y, dy }, dx) = (inputs, outputs.dx);
        call.workers.rows(dx.len(), WORK, Rows::new(dx, 1), |range, part, _| {
            part.data.copy_from_slice(&dy.floats[range.clone()]);
            cap_backward(self.0, &y.floats[range], part.data);
        });
        Ok(())
    }
}

vectorised! {
    /// x ← limit·tanh(x/limit).
    pub fn cap<L>(limit: f32, x: &mut [f32]) {
        for x in x {
            *x = limit * tanh::<L>(*x / limit);
        }
    }

    /// dy ← dy·(1 − (y/limit)²), the gradient of x.
    pub fn cap_backward<L>(limit: f32, y: &[f32], dy: &mut [f32]) {
        for (dy, y) in dy.iter_mut().zip(y) {
            let share = y / limit;
            *dy *= 1.0 - share * share;
        }
    }

    /// Applies dropout; `first` is the number of the first element.
    pub fn mask<L>(site: DropoutSite, seed: [u32; 2], first: u32, x: &[f32], y: &mut [f32]) {
        let (threshold, keep) = (random::threshold(site.rate), 1.0 / (1.0 - site.rate));
        for (at, (y, x)) in y.iter_mut().zip(x).enumerate() {
            let bits = random::bits(seed, site.site, first.wrapping_add(at as u32));
            *y = if bits < threshold { 0.0 } else { x * keep };
        }
    }

    /// Applies dropout in place.
    pub fn mask_in_place<L>(site: DropoutSite, seed: [u32; 2], first: u32, x: &mut [f32]) {
        let (threshold, keep) = (random::threshold(site.rate), 1.0 / (1.0 - site.rate));
        for (at, x) in x.iter_mut().enumerate() {
            let bits = random::bits(seed, site.site, first.wrapping_add(at as u32));
            *x = if bits < threshold { 0.0 } else { *x * keep };
        }
    }
}
