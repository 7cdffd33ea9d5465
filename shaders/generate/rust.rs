//! Writes the reflected descriptors as Rust, and the declarations that their sources consist of.

use super::reflect::{Field, Structure};
use super::variants::Axis;
use super::{KernelFile, Outcome, Variant};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The first line of each file.
const HEAD: &str = "// Written by `cargo run --release -p glasshouse-shaders --example generate`.\n\n";

/// Source declarations by name; most are shared by several variants.
#[derive(Default)]
pub struct Pieces(BTreeMap<String, String>);

impl Pieces {
    /// Splits a source into pieces and returns their names in order.
    fn of(&mut self, source: &str) -> Outcome<Vec<String>> {
        let (mut names, mut piece) = (Vec::new(), String::new());
        for line in source.split_inclusive('\n') {
            piece.push_str(line);
            let line = line.trim_end();
            if line == "}" || (line.ends_with(';') && !line.starts_with(' ')) {
                names.push(self.keep(std::mem::take(&mut piece))?);
            }
        }
        if !piece.is_empty() {
            names.push(self.keep(piece)?);
        }
        Ok(names)
    }

    /// Stores a piece under a name derived from its content, so that a change does not rename other pieces.
    fn keep(&mut self, piece: String) -> Outcome<String> {
        let name = format!("W{:08X}", fnv(piece.bytes()) >> 32);
        match self.0.get(&name) {
            Some(other) if *other != piece => Err(format!("two pieces are called {name}")),
            Some(_) => Ok(name),
            None => {
                self.0.insert(name.clone(), piece);
                Ok(name)
            }
        }
    }

    /// All pieces as constants.
    pub fn written(&self) -> String {
        let mut text = HEAD.to_owned();
        for (name, piece) in &self.0 {
            let _ = writeln!(text, "pub(crate) const {name}: &str = r#\"{piece}\"#;");
        }
        text
    }
}

/// FNV-1a (Fowler, Noll and Vo).
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The descriptors of all kernels.
pub fn descriptors(files: &[KernelFile], pieces: &mut Pieces) -> Outcome<String> {
    let mut text = HEAD.to_owned();
    for file in files {
        module(&mut text, file, pieces)?;
    }
    shared_arguments(&mut text, files)?;
    let _ = writeln!(text, "/// Every variant of every kernel, by file and then by variant.");
    let _ = writeln!(text, "pub static KERNELS: &[&Kernel] = &[");
    for file in files {
        let variant = |at| format!("&{}::VARIANTS[{at}],", file.name);
        let variants: Vec<String> = (0..file.variants.len()).map(variant).collect();
        let _ = writeln!(text, "    {}", variants.join(" "));
    }
    let _ = writeln!(text, "];");
    version(&mut text, files);
    structures(&mut text, files)?;
    Ok(text)
}

/// A version number derived from the names and sources of all variants.
fn version(text: &mut String, files: &[KernelFile]) {
    let parts = files.iter().flat_map(|file| {
        file.variants.iter().flat_map(|variant| {
            std::iter::once(&file.name).chain(&variant.features).chain(std::iter::once(&variant.source))
        })
    });
    // Parts end with a byte that does not occur in text.
    let bytes = parts.flat_map(|part| part.bytes().chain([0xff]));
    let hash = fnv(bytes);
    let _ = writeln!(
        text,
        "\n/// Changes with the source of any variant: what was measured of other kernels says nothing of these."
    );
    let _ = writeln!(text, "pub const VERSION: &str = \"{hash:016x}\";");
}

/// One module: `Arguments`, the choices, `kernel(…)`.
fn module(text: &mut String, file: &KernelFile, pieces: &mut Pieces) -> Outcome<()> {
    let name = &file.name;
    let title = file.text.lines().next().unwrap_or_default().trim_start_matches('/').trim();
    let _ = writeln!(text, "/// {title}\npub mod {name} {{");
    let _ = writeln!(text, "    use crate::pieces::*;\n    use crate::{{Access, Kernel, KernelBinding}};");
    match &file.arguments {
        Some((shared, _)) => {
            let _ = writeln!(text, "    pub use crate::{shared}::Arguments;\n");
        }
        None => arguments(text, &file.text, arguments_of(file)?),
    }
    selector(text, file);
    let _ = writeln!(text, "    pub(crate) static VARIANTS: [Kernel; {}] = [", file.variants.len());
    // Lists of bindings; most variants share one.
    let mut lists: Vec<String> = Vec::new();
    for variant in &file.variants {
        let list = bindings(variant);
        let at = lists.iter().position(|other| *other == list).unwrap_or_else(|| {
            lists.push(list);
            lists.len() - 1
        });
        descriptor(text, name, variant, &pieces.of(&variant.source)?, &format!("BINDINGS_{at}"));
    }
    let _ = writeln!(text, "    ];");
    for (at, list) in lists.iter().enumerate() {
        let _ = writeln!(text, "    const BINDINGS_{at}: &[KernelBinding] = &[\n{list}    ];");
    }
    let _ = writeln!(text, "}}\n");
    Ok(())
}

/// The `Arguments` struct, equal in all of a file's variants.
fn arguments_of(file: &KernelFile) -> Outcome<&Structure> {
    let name = &file.name;
    let first = file.variants.first().ok_or_else(|| format!("{name} has no variant"))?;
    match file.variants.iter().find(|variant| variant.layout.arguments != first.layout.arguments) {
        None => Ok(&first.layout.arguments),
        Some(other) => Err(format!("kernels/{name}.wgsl: Arguments differ in variant {:?}", other.features)),
    }
}

/// A module for each `Arguments` that several files import.
fn shared_arguments(text: &mut String, files: &[KernelFile]) -> Outcome<()> {
    let mut written: Vec<&String> = Vec::new();
    for file in files {
        let Some((name, source)) = &file.arguments else { continue };
        let structure = arguments_of(file)?;
        if !written.contains(&name) {
            written.push(name);
            let _ = writeln!(text, "/// Arguments that several kernels take.\npub mod {name} {{");
            arguments(text, source, structure);
            let _ = writeln!(text, "}}\n");
        }
    }
    Ok(())
}

/// A field's trailing comment in the WGSL, as its documentation.
fn field_comment(source: &str, field: &Field) -> String {
    let start = format!("{}:", field.name);
    let body = source.split("struct Arguments").nth(1).unwrap_or_default();
    let line = body.lines().find(|line| line.trim_start().starts_with(&start));
    let comment = line.and_then(|line| line.split_once("//")).map(|(_, comment)| comment.trim());
    comment.map_or_else(|| format!("`{}` of the kernel.", field.name), str::to_owned)
}

fn rust_type(field: &Field) -> String {
    if field.count == 1 { field.scalar.to_owned() } else { format!("[{}; {}]", field.scalar, field.count) }
}

fn arguments(text: &mut String, source: &str, structure: &Structure) {
    let _ = writeln!(text, "    /// The kernel's uniform structure, `Arguments` in its source.");
    let _ = writeln!(text, "    #[repr(C)]");
    let _ = writeln!(
        text,
        "    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]"
    );
    let _ = writeln!(text, "    pub struct Arguments {{");
    for field in &structure.fields {
        let _ = writeln!(text, "        /// {}", field_comment(source, field));
        let _ = writeln!(text, "        pub {}: {},", field.name, rust_type(field));
    }
    let _ = writeln!(text, "    }}\n\n    crate::arguments!({});\n", structure.size);
}

/// `tiled` becomes `Tiled`, `gelu_exact` `GeluExact`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_uppercase() + rest
        })
        .collect()
}

/// Enums of the choices, and the function that selects a variant.
fn selector(text: &mut String, file: &KernelFile) {
    let (mut parameters, mut terms) = (Vec::new(), Vec::new());
    // Distance between variants with consecutive values of an axis.
    let mut stride = file.places.len();
    for axis in &file.axes {
        let value = match axis {
            Axis::Switch(name) => {
                parameters.push(format!("{name}: bool"));
                stride /= 2;
                format!("usize::from({name})")
            }
            Axis::Choice(name, choices) => {
                choice(text, name, choices);
                if choices.iter().any(|choice| file.formats.contains(choice)) {
                    quantised(text, name, &file.formats);
                }
                parameters.push(format!("{name}: {}", camel(name)));
                stride /= choices.len();
                format!("{name} as usize")
            }
        };
        terms.push(if stride == 1 { value } else { format!("{value} * {stride}") });
    }
    let index = if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") };
    let parameters = parameters.join(", ");
    if !file.ruled {
        let _ = writeln!(text, "    /// The variant with these features.");
        let _ = writeln!(text, "    pub fn kernel({parameters}) -> &'static Kernel {{");
        let _ = writeln!(text, "        &VARIANTS[{index}]\n    }}\n");
    } else {
        let count = file.places.len();
        let _ =
            writeln!(text, "    /// The variant with these features, if there is one: not all go together.");
        let _ = writeln!(text, "    pub fn kernel({parameters}) -> Option<&'static Kernel> {{");
        let _ = writeln!(text, "        const PLACES: [Option<u16>; {count}] = {:?};", file.places);
        let found = format!("PLACES.get({index})?.map(|place| &VARIANTS[usize::from(place)])");
        let _ = writeln!(text, "        {found}\n    }}\n");
    }
}

fn choice(text: &mut String, name: &str, choices: &[String]) {
    let _ = writeln!(text, "    /// Which `{name}` the variant is built for.");
    let _ = writeln!(text, "    #[derive(Clone, Copy, Debug, PartialEq, Eq)]");
    let _ = writeln!(text, "    pub enum {} {{", camel(name));
    for choice in choices {
        let _ = writeln!(text, "        /// `{choice}` in the source.\n        {},", camel(choice));
    }
    let _ = writeln!(text, "    }}\n");
}

/// Finds a choice by the name that GGUF has for its format.
fn quantised(text: &mut String, name: &str, formats: &[String]) {
    let known: Vec<String> = formats
        .iter()
        .map(|format| format!("({:?}, Self::{})", format.to_uppercase(), camel(format)))
        .collect();
    let _ = writeln!(text, "    impl {} {{", camel(name));
    let _ = writeln!(text, "        /// The one for a quantised format, by its GGUF name.");
    let _ = writeln!(text, "        pub fn quantised(name: &str) -> Option<Self> {{");
    let _ = writeln!(text, "            let known = [{}];", known.join(", "));
    let _ =
        writeln!(text, "            known.into_iter().find(|known| known.0 == name).map(|known| known.1)");
    let _ = writeln!(text, "        }}\n    }}\n");
}

fn descriptor(text: &mut String, name: &str, variant: &Variant, pieces: &[String], bindings: &str) {
    let layout = &variant.layout;
    // Absent features are not named.
    let words: Vec<&str> =
        variant.features.iter().map(String::as_str).filter(|word| *word != "plain").collect();
    let full = if words.is_empty() { name.to_owned() } else { format!("{name}:{}", words.join(",")) };
    let (entry, pieces) = (&layout.entry_point, pieces.join(", "));
    let (size, memory, reads_z) = (layout.workgroup_size, layout.workgroup_memory, layout.reads_z);
    let _ = writeln!(
        text,
        "        Kernel {{ name: {full:?}, entry_point: {entry:?}, pieces: &[{pieces}], workgroup_size: {size:?}, \
         bindings: {bindings}, workgroup_memory: {memory}, reads_z: {reads_z} }},"
    );
}

fn bindings(variant: &Variant) -> String {
    let mut text = String::new();
    for binding in &variant.layout.bindings {
        let _ = writeln!(
            text,
            "        KernelBinding {{ name: {:?}, binding: {}, access: Access::{}, stride: {} }},",
            binding.name, binding.binding, binding.access, binding.stride
        );
    }
    text
}

/// The structs in storage buffers, which the engine compares with its own.
fn structures(text: &mut String, files: &[KernelFile]) -> Outcome<()> {
    let mut all: Vec<&Structure> = Vec::new();
    for structure in
        files.iter().flat_map(|file| &file.variants).flat_map(|variant| &variant.layout.structures)
    {
        match all.iter().find(|other| other.name == structure.name) {
            Some(other) if *other != structure => {
                return Err(format!("two structures are called {}", structure.name));
            }
            Some(_) => {}
            None => all.push(structure),
        }
    }
    all.sort_by(|left, right| left.name.cmp(&right.name));
    let _ = writeln!(text, "\n/// Structures in storage buffers, by name.");
    let _ = writeln!(text, "pub static STRUCTURES: &[Structure] = &[");
    for structure in all {
        let fields: Vec<String> =
            structure.fields.iter().map(|field| format!("({:?}, {})", field.name, field.offset)).collect();
        let _ = writeln!(
            text,
            "    Structure {{ name: {:?}, size: {}, fields: &[{}] }},",
            structure.name,
            structure.size,
            fields.join(", ")
        );
    }
    let _ = writeln!(text, "];");
    Ok(())
}
