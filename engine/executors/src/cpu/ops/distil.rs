//! The loss against a teacher's logits, and its gradient.

use super::loss::{Factors, WORK, mean};
use super::{Call, Interpret, Run};
use crate::cpu::vector::{exp, maximum, sum};
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

impl Interpret for Distil {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let DistilInputs { logits, teacher, targets } = inputs;
        let DistilOutputs { loss, rows, softened } = outputs;
        let columns = logits.columns();
        call.known(targets, columns, self.ignore_index)?;
        let (logits, teacher, targets) = (logits.floats, teacher.floats, targets.words);
        let parts = (Rows::new(rows, 2), Rows::new(softened, 2));
        call.workers.rows(targets.len(), WORK.div_ceil(columns), parts, |range, (rows, softened), _| {
            let entries = range.start * columns..range.end * columns;
            let (logits, teacher) = (&logits[entries.clone()], &teacher[entries]);
            forward_rows(self, logits, teacher, &targets[range], rows.data, softened.data);
        });
        mean(self.ignore_index, targets, rows, loss);
        Ok(())
    }
}

impl Interpret for DistilBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let DistilBackwardInputs { logits, teacher, targets, rows, softened, loss } = inputs;
        let columns = logits.columns();
        call.known(targets, columns, self.forward.ignore_index)?;
        let factor = Factors::new(&call, self.scale, false, loss.floats).of_row(0);
        let (logits, teacher, targets) = (logits.floats, teacher.floats, targets.words);
        let (sums, softened) = (rows.floats, softened.floats);
        let rows = Rows::new(outputs.dx, columns);
        call.workers.rows(targets.len(), WORK.div_ceil(columns), rows, |range, part, _| {
            let (entries, pairs) =
                (range.start * columns..range.end * columns, range.start * 2..range.end * 2);
            let given = [&logits[entries.clone()], &teacher[entries]];
            let sums = [&sums[pairs.clone()], &softened[pairs]];
            backward_rows(&self.forward, factor, given, &targets[range], sums, part.data);
        });
        Ok(())
    }
}

vectorised! {
    fn forward_rows<L>(
        op: &Distil,
        logits: &[f32],
        teacher: &[f32],
        targets: &[u32],
        rows: &mut [f32],
        softened: &mut [f32],
    ) {
        let columns = logits.len() / targets.len().max(1);
        let share = 1.0 / op.temperature;
        let inputs = logits.chunks_exact(columns).zip(teacher.chunks_exact(columns)).zip(targets);
        let outputs = rows.chunks_exact_mut(2).zip(softened.chunks_exact_mut(2));
        for (((x, t), target), (row, softened)) in inputs.zip(outputs) {
            let (most, most_taught) = (maximum(x), maximum(t));
            let lse = most + sum(columns, |at| exp::<L>(x[at] - most)).ln();
            let soft = sum(columns, |at| exp::<L>((x[at] - most) * share)).ln();
            let taught = sum(columns, |at| exp::<L>((t[at] - most_taught) * share)).ln();
            let divergence = sum(columns, |at| {
                let own = (x[at] - most) * share - soft;
                let other = (t[at] - most_taught) * share - taught;
                exp::<L>(other) * (other - own)
            });
            let loss = if Some(*target) == op.ignore_index {
                0.0
            } else {
                let plain = lse - x[*target as usize];
                (1.0 - op.mix) * plain + op.mix * op.temperature * op.temperature * divergence
            };
            (row[0], row[1]) = (lse, loss);
            (softened[0], softened[1]) = (most * share + soft, most_taught * share + taught);
        }
    }

    fn backward_rows<L>(
        op: &Distil,
        factor: f32,
        given: [&[f32]; 2],
        targets: &[u32],
        sums: [&[f32]; 2],
        dx: &mut [f32],
    ) {
        let [logits, teacher] = given;
        let [rows, softened] = sums;
        let columns = logits.len() / targets.len().max(1);
        let share = 1.0 / op.temperature;
        let (plain, soft) = (factor * (1.0 - op.mix), factor * op.mix * op.temperature);
        let inputs = logits.chunks_exact(columns).zip(teacher.chunks_exact(columns)).zip(targets);
        let sums = rows.chunks_exact(2).zip(softened.chunks_exact(2));
        for ((((x, t), target), (row, softened)), dx) in inputs.zip(sums).zip(dx.chunks_exact_mut(columns)) {
            if Some(*target) == op.ignore_index {
                dx.fill(0.0);
                continue;
            }
            let (lse, own, other) = (row[0], softened[0], softened[1]);
            for ((dx, x), t) in dx.iter_mut().zip(x).zip(t) {
                let apart = exp::<L>(x * share - own) - exp::<L>(t * share - other);
                *dx = plain * exp::<L>(x - lse) + soft * apart;
            }
            dx[*target as usize] -= plain;
        }
    }
}
