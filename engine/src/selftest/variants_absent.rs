//! Without burn, there is no oracle for comparing kernel variants.

use crate::{Error, Result};
use serde::Serialize;

/// Never instantiated.
#[derive(Debug, Serialize)]
pub enum VariantsReport {}

impl VariantsReport {
    pub fn passed(&self) -> bool {
        match *self {}
    }
}

impl std::fmt::Display for VariantsReport {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

/// # Errors
/// Always.
pub async fn run(_: &str, _: f64, _: &str) -> Result<(VariantsReport, Option<String>)> {
    Err(Error::Refused(
        "this build has no burn to compare kernels with; build one with the feature `oracle`".to_owned(),
    ))
}
