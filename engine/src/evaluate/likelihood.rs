//! How well a model predicts the text that was held out.

use super::{Subject, Tell};
use crate::error::{Error, Result};
use crate::protocol::{EvaluateSettings, Likelihood};

/// Evaluates a model on the validation split of its run.
///
/// # Errors
/// A model that predicts no tokens; a run without text; a device that fails.
pub async fn likelihood(
    _subject: &mut Subject<'_>,
    _settings: &EvaluateSettings,
    _tell: Tell<'_>,
) -> Result<Likelihood> {
    Err(Error::Internal("nothing is evaluated yet".to_owned()))
}
