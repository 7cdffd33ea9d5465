//! What burn in f64 makes of the self-test's models, for builds without burn. `tests/tests/selftest.rs` holds the figures to burn, and
//! prints them anew.

use super::Observation;
#[cfg(feature = "oracle")]
use crate::error::{Error, Result};

/// One model's figures.
#[derive(Debug, PartialEq)]
pub struct Recorded {
    /// Which model.
    pub model: &'static str,
    /// Losses of the evaluated batches.
    pub evaluations: [f32; 7],
    /// The training loss of the first step's batches.
    pub loss: f32,
    /// Each step's loss and gradient norm.
    pub steps: [(f32, f32); 10],
}

impl Recorded {
    #[cfg(feature = "oracle")]
    fn of(model: &'static str, found: &Observation) -> Result<Self> {
        let counted = |_| Error::Internal("the self-test has other batches than are recorded".to_owned());
        let evaluations: Vec<f32> = found.evaluations.iter().map(|(loss, _)| *loss).collect();
        let steps: Vec<(f32, f32)> =
            found.reports.iter().map(|report| (report.loss, report.gradient_norm)).collect();
        Ok(Self {
            model,
            evaluations: evaluations.try_into().map_err(counted)?,
            loss: found.loss,
            steps: steps.try_into().map_err(|_| counted(Vec::new()))?,
        })
    }

    /// Puts these figures in the place of an observation's own.
    #[cfg(not(feature = "oracle"))]
    pub(super) fn replace(&self, observation: &mut Observation) {
        for ((loss, _), recorded) in observation.evaluations.iter_mut().zip(self.evaluations) {
            *loss = recorded;
        }
        observation.loss = self.loss;
        for (report, (loss, norm)) in observation.reports.iter_mut().zip(self.steps) {
            (report.loss, report.gradient_norm) = (loss, norm);
        }
    }
}

/// What burn gives now.
///
/// # Errors
/// A model has an operation that burn's executor lacks.
#[cfg(feature = "oracle")]
pub async fn of_oracle() -> Result<Vec<Recorded>> {
    let mut found = Vec::new();
    for trial in super::trials()? {
        found.push(Recorded::of(trial.name, &trial.reference().await?)?);
    }
    Ok(found)
}

/// Each model's.
pub static RECORDED: &[Recorded] = &[];
