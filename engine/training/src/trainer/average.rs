//! The exponential moving average of the weights (`train.ema`; Polyak and Juditsky 1992), which evaluations, samples and saved models use.

use super::Trainer;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::Result;
use glasshouse_protocol::TrainConfig;

/// Steps between updates, so that the weights are rarely read from a GPU; also the default of the package `ema-pytorch`.
const INTERVAL: u64 = 10;

/// The average to start with: that of the state, else its weights; empty if none is wanted.
pub(super) fn first(train: &TrainConfig, parameters: &[Parameter], state: &mut ArenaState) -> Vec<f32> {
    let average = std::mem::take(&mut state.average);
    if train.ema == 0.0 {
        return Vec::new();
    }
    if !average.is_empty() {
        return average;
    }
    let trained = ArenaLayout::from_parameters(parameters).trained_end;
    state.parameters.get(..trained).unwrap_or_default().to_vec()
}

/// Share of the old average that stays over [`INTERVAL`] steps; early averages, as in TensorFlow, follow the weights more closely.
fn kept(decay: f64, step: u64) -> f64 {
    let step = step as f64;
    libm::pow(decay.min((1.0 + step) / (10.0 + step)), INTERVAL as f64)
}

impl Trainer<'_> {
    /// Steps between updates; 0 without an average.
    pub(super) fn average_interval(&self) -> u64 {
        if self.average.is_empty() { 0 } else { INTERVAL }
    }

    /// Updates the average if it is due at this step.
    pub(super) async fn update_average(&mut self) -> Result<()> {
        if self.average.is_empty() || !self.step.is_multiple_of(INTERVAL) {
            return Ok(());
        }
        let weights = self.executor.floats().await?;
        let rest = (1.0 - kept(self.config.train.ema, self.step)) as f32;
        self.average
            .iter_mut()
            .zip(weights.iter())
            .for_each(|(average, weight)| *average += rest * (weight - *average));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_follows_the_weights_closely_at_first_and_as_set_later() {
        assert!(kept(0.999, 10) < 0.01 && kept(0.999, 100) < 0.5);
        assert!((kept(0.999, 1_000_000) - 0.999_f64.powi(10)).abs() < 1e-12);
    }
}
