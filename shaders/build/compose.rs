//! Composition with `wesl`: imports of `package::shared::…` and `@if(feature)`; and the directive without which 16-bit floats may
//! not be named.

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
    let composed = composed.to_string();
    if composed.contains("subgroup") && !features.iter().any(|feature| feature == "subgroup") {
        return Err("subgroups belong into variants whose name says subgroup".to_owned());
    }
    if !composed.contains("f16") {
        return Ok(composed);
    }
    if !features.iter().any(|feature| feature.contains("half")) {
        return Err("16-bit floats belong into variants whose name says half".to_owned());
    }
    Ok(format!("enable f16;\n{composed}"))
}
