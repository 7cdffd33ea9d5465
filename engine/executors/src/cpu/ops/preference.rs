//! Losses over pairs of answers.

use super::{Call, Interpret, Run};
use glasshouse_compiler::graph::ops::{Preference, PreferenceInputs, PreferenceOutputs};
use glasshouse_platform::Result;

impl Interpret for Preference {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let PreferenceInputs { rows, targets, scores } = inputs;
        let PreferenceOutputs { loss, weights } = outputs;
        let time = targets.columns();
        let rows = rows.floats.chunks_exact(2 * time).zip(targets.words.chunks_exact(time));
        let sums = rows.map(|(rows, targets)| {
            let counted = rows.chunks_exact(2).zip(targets).filter(|(_, target)| **target != self.ignored);
            let losses: Vec<f64> = counted.map(|(row, _)| f64::from(row[1])).collect();
            (losses.iter().sum(), losses.len() as f64)
        });
        let answers = self.answers(&sums.collect::<Vec<_>>(), scores.floats);
        let (mean, slopes) = self.of_pairs(answers.as_chunks().0);
        (loss[0], loss[1]) = (mean as f32, slopes.len() as f32);
        loss[2..].copy_from_slice(&self.reported(answers.as_chunks().0));
        for (weights, slope) in weights.chunks_exact_mut(time).zip(slopes.iter().flatten()) {
            weights.fill(*slope as f32);
        }
        Ok(())
    }
}
