//! Results of burn in f64 for the self-test's models, for builds without burn. `tests/tests/selftest.rs` compares them with burn,
//! and can print them anew.

use super::Observation;
#[cfg(feature = "oracle")]
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Results of one model.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub model: String,
    /// Losses of the evaluated batches.
    pub evaluations: [f32; 7],
    /// Training loss of the first step's batches.
    pub loss: f32,
    /// Loss and gradient norm of each step.
    pub steps: [(f32, f32); 10],
}

impl Recorded {
    #[cfg(feature = "oracle")]
    fn of(model: &str, found: &Observation) -> Result<Self> {
        let counted = |_| Error::Internal("the self-test has other batches than are recorded".to_owned());
        let evaluations: Vec<f32> = found.evaluations.iter().map(|(loss, _)| *loss).collect();
        let steps: Vec<(f32, f32)> =
            found.reports.iter().map(|report| (report.loss, report.gradient_norm)).collect();
        Ok(Self {
            model: model.to_owned(),
            evaluations: evaluations.try_into().map_err(counted)?,
            loss: found.loss,
            steps: steps.try_into().map_err(|_| counted(Vec::new()))?,
        })
    }

    /// Replaces an observation's values by the recorded ones.
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

/// Computes the results with burn. Fails if a model has an operation that burn's executor lacks.
#[cfg(feature = "oracle")]
pub async fn of_oracle() -> Result<Vec<Recorded>> {
    let mut found = Vec::new();
    for trial in super::trials()? {
        found.push(Recorded::of(trial.name, &trial.reference().await?)?);
    }
    Ok(found)
}

pub static RECORDED: LazyLock<Vec<Recorded>> =
    LazyLock::new(|| serde_json::from_slice(include_bytes!("recorded.json")).unwrap_or_default());
