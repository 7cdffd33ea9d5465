//! Generates typed descriptors from `kernels/*.wgsl`: composes every variant with its imports, validates it, reflects its
//! layout, and writes Rust. A kernel that cannot be composed, validated or translated to all three native shading languages is
//! an error.
//!
//! The variants of a kernel are declared in its head comment (see [`variants`]).

mod compose;
mod reflect;
mod rust;
mod variants;

use std::path::Path;

type Outcome<T> = Result<T, String>;

/// A kernel file with all its variants.
struct KernelFile {
    /// File name without extension.
    name: String,
    /// The source file.
    text: String,
    /// The imported file that declares `Arguments`, if this one does not: name and text.
    arguments: Option<(String, String)>,
    axes: Vec<variants::Axis>,
    /// All formats of quantised weights.
    formats: Vec<String>,
    /// All variants, checked and reflected.
    variants: Vec<Variant>,
    /// Whether rules exclude some combinations of features.
    ruled: bool,
    /// Index of the variant for each combination of features; `None` if excluded by a rule.
    places: Vec<Option<usize>>,
}

struct Variant {
    features: Vec<String>,
    source: String,
    layout: reflect::Layout,
}

/// Names and contents of the files in `generated/`, for the crate in `root`.
pub fn files(root: &Path) -> Outcome<Vec<(&'static str, String)>> {
    let names = kernel_names(&root.join("kernels"))?;
    let files: Vec<KernelFile> =
        names.into_iter().map(|name| kernel_file(root, name)).collect::<Outcome<_>>()?;
    let mut pieces = rust::Pieces::default();
    let descriptors = rust::descriptors(&files, &mut pieces)?;
    Ok(vec![("kernels.rs", descriptors), ("pieces.rs", pieces.written())])
}

/// Names of the kernel files, sorted.
fn kernel_names(folder: &Path) -> Outcome<Vec<String>> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_none_or(|extension| extension != "wgsl") || name.is_empty() {
            return Err(format!("{}: only NAME.wgsl belongs here", path.display()));
        }
        names.push(name.to_owned());
    }
    names.sort();
    Ok(names)
}

fn kernel_file(root: &Path, name: String) -> Outcome<KernelFile> {
    let read = |folder: &str, name: &str| {
        let path = root.join(folder).join(name).with_extension("wgsl");
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let formats = variants::listed(&read("shared", "quants")?, "// formats:");
    let text = read("kernels", &name)?.replace("|quantised", &format!("|{}", formats.join("|")));
    let in_file = |reason: String| format!("kernels/{name}.wgsl: {reason}");
    let axes = variants::axes(&text).map_err(in_file)?;
    let absent = variants::listed(&text, "// without:");
    let every = [variants::every_feature(&axes), absent, vec!["quantised".to_owned()]].concat();
    let rules = variants::rules(&text, &axes).map_err(in_file)?;
    let arguments = arguments_module(root, &text).map_err(in_file)?;
    let (mut built, mut places) = (Vec::new(), Vec::new());
    for features in variants::combinations(&axes, &rules) {
        let Some(features) = features else {
            places.push(None);
            continue;
        };
        places.push(Some(built.len()));
        let in_variant = |reason: String| format!("kernels/{name}.wgsl [{}]: {reason}", features.join(","));
        let quantised = features.iter().any(|name| formats.contains(name)).then(|| "quantised".to_owned());
        let all: Vec<String> = features.iter().cloned().chain(quantised).collect();
        let source = compose::compose(root, &name, &all, &every).map_err(in_variant)?;
        let layout = reflect::checked(&source).map_err(in_variant)?;
        built.push(Variant { features, source, layout });
    }
    Ok(KernelFile { name, text, arguments, axes, formats, variants: built, ruled: !rules.is_empty(), places })
}

/// The imported file that declares `Arguments`, if the kernel itself does not: name and text.
fn arguments_module(root: &Path, text: &str) -> Outcome<Option<(String, String)>> {
    if declares_arguments(text) {
        return Ok(None);
    }
    for import in text.split("package::shared::").skip(1) {
        let name = import.split("::").next().unwrap_or_default();
        let path = root.join("shared").join(name).with_extension("wgsl");
        let shared =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if declares_arguments(&shared) {
            return Ok(Some((name.to_owned(), shared)));
        }
    }
    Err("neither declares nor imports `struct Arguments`".to_owned())
}

fn declares_arguments(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("struct Arguments {"))
}
