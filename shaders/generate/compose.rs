//! Composition with `wesl`: imports of `package::shared::…`, `@if(feature)`, and the directives that enable 16-bit floats and
//! cooperative matrices.

use super::Outcome;
use std::path::Path;
use wesl::{CompileOptions, Feature, ManglerKind, Wesl};

/// Composes the WGSL of one variant. Using an undeclared feature is an error.
pub fn compose(root: &Path, kernel: &str, features: &[String], every: &[String]) -> Outcome<String> {
    let mut compiler = Wesl::new(root);
    compiler.set_options(CompileOptions { validate: false, ..CompileOptions::default() });
    // Imported names are not mangled, so that the composed source stays readable; a clash is an error when the result is
    // parsed.
    compiler.set_mangler(ManglerKind::None);
    compiler.set_missing_feature_behavior(Feature::Error);
    compiler.set_features(every.iter().map(|feature| (feature, features.contains(feature))));
    let path = format!("package::kernels::{kernel}");
    let path = path.parse().map_err(|error| format!("{path}: {error}"))?;
    let composed = compiler.compile(&path).map_err(|error| error.to_string())?;
    let composed = composed.to_string();
    let named = |words: &[&str]| features.iter().any(|name| words.iter().any(|word| name.contains(word)));
    let rules: [(&str, &[&str]); 3] =
        [("subgroup", &["subgroup", "cooperative"]), ("coop_mat", &["cooperative"]), ("f16", &["half"])];
    for (what, words) in rules {
        if composed.contains(what) && !named(words) {
            return Err(format!("`{what}` is only for variants with {} in their name", words.join(" or ")));
        }
    }
    let enabled = [("f16", "f16"), ("coop_mat", "wgpu_cooperative_matrix")];
    let lines = enabled.iter().filter(|(what, _)| composed.contains(what));
    Ok(lines.map(|(_, extension)| format!("enable {extension};\n")).collect::<String>() + &composed)
}
