//! Composition with `wesl`: imports of `package::shared::…` and `@if(feature)`.

use crate::Outcome;
use std::path::Path;
use wesl::{CompileOptions, Feature, ManglerKind, Wesl};

/// WGSL of one variant. A feature that the kernel does not declare is an error where it is asked about.
pub fn compose(root: &Path, kernel: &str, features: &[String], every: &[String]) -> Outcome<String> {
    let mut compiler = Wesl::new(root);
    compiler.set_options(CompileOptions { validate: false, ..CompileOptions::default() });
    // Imported names stay as they are written, so that what a device is given reads like its source; a clash is an
    // error when the result is parsed.
    compiler.set_mangler(ManglerKind::None);
    compiler.set_missing_feature_behavior(Feature::Error);
    compiler.set_features(every.iter().map(|feature| (feature, features.contains(feature))));
    let path = format!("package::kernels::{kernel}");
    let path = path.parse().map_err(|error| format!("{path}: {error}"))?;
    let composed = compiler.compile(&path).map_err(|error| error.to_string())?;
    Ok(composed.to_string())
}
