//! Results of burn in f64 for the self-test's models, for builds without burn. `tests/tests/selftest.rs` compares them with burn,
//! and can print them anew.

use super::Observation;
#[cfg(feature = "oracle")]
use crate::{Error, Result};

/// Results of one model.
#[derive(Debug, PartialEq)]
pub struct Recorded {
    pub model: &'static str,
    /// Losses of the evaluated batches.
    pub evaluations: [f32; 7],
    /// Training loss of the first step's batches.
    pub loss: f32,
    /// Loss and gradient norm of each step.
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

/// Computes the results with burn.
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

pub static RECORDED: &[Recorded] = &[
    Recorded {
        model: "gpt",
        evaluations: [5.495558, 6.197311, 4.4883432, 5.883933, 4.7884617, 6.8412476, 2.8705337],
        loss: 5.4532814,
        steps: [
            (5.4532814, 2.3617198),
            (5.3028364, 2.3975327),
            (5.424529, 2.1865509),
            (5.3720155, 2.226067),
            (5.4077578, 2.3500552),
            (5.246674, 2.126572),
            (5.3354645, 2.1122956),
            (5.2320476, 2.1535296),
            (5.122051, 1.9736725),
            (5.1254606, 2.0884128),
        ],
    },
    Recorded {
        model: "llama",
        evaluations: [5.9410954, 4.840052, 5.6297817, 5.279842, 4.8052835, 4.3797817, 5.5993586],
        loss: 5.9635344,
        steps: [
            (5.9635344, 2.9800222),
            (5.622412, 2.9686286),
            (5.8025413, 3.2999861),
            (5.664168, 3.0185738),
            (5.7228055, 3.0390875),
            (5.7468715, 3.004485),
            (5.8142815, 3.1051295),
            (5.6349416, 3.1491225),
            (5.6636567, 2.8503718),
            (5.4745936, 2.9565573),
        ],
    },
    Recorded {
        model: "parallel",
        evaluations: [5.615401, 5.050752, 6.725948, 6.033833, 5.607383, 5.2281003, 4.498087],
        loss: 5.824805,
        steps: [
            (5.824805, 1.5673964),
            (5.8296833, 1.6307259),
            (5.7886405, 1.5380682),
            (5.6751823, 1.5766847),
            (5.5242667, 1.5590806),
            (5.921914, 1.554119),
            (5.4876027, 1.5094168),
            (5.428776, 1.5436902),
            (5.7461157, 1.4687928),
            (5.5769362, 1.5088323),
        ],
    },
    Recorded {
        model: "experts",
        evaluations: [6.04871, 3.573346, 5.6690583, 6.3670793, 4.118494, 4.9419503, 5.9365845],
        loss: 5.8183446,
        steps: [
            (5.8183446, 3.503968),
            (5.9356117, 3.7619336),
            (5.683568, 3.713341),
            (5.772354, 3.6227975),
            (5.765213, 3.5736108),
            (5.7017035, 3.6429055),
            (5.8219757, 3.521673),
            (5.9446864, 3.670494),
            (5.8278255, 3.3337414),
            (5.716914, 3.5838077),
        ],
    },
];
