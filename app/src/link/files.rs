//! The person's files, in and out: requests for files, and their answers. File dialogs differ by platform, so `files_native` and
//! `files_web` define the same names.
//!
//! Natively a chosen file is passed as its path, and the engine reads it; in a browser its bytes are passed.

use crate::format::file_name;
use glasshouse_protocol::{ExportFormat, Uncertainty, WeightSource};
use std::path::Path;

/// A request that opens a file dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Choose texts for the open project, or for a new one if none is open.
    AddDocuments,
    /// Choose a folder of texts, if the platform has folders.
    AddFolder,
    /// Choose a `.glasshouse` file to unpack.
    ImportProject,
    /// Choose a project's folder to open in place, if the platform has folders.
    OpenProjectFolder,
    /// Choose where to save a project's file, which gets the project's name.
    ExportProject { id: String, name: String },
    /// Choose where to save a run's model.
    ExportModel { run: String, format: ExportFormat },
    /// Choose a pretrained model's folder, if the platform has folders.
    ImportModel,
    /// Choose where to save a run's bundle.
    ExportBundle { run: String },
    /// Choose where to save the feedback, as one file or by kind.
    ExportFeedback { one: bool },
    /// Choose a file of prompts, to propose those that a model is least certain of.
    Propose { source: WeightSource, measure: Uncertainty },
    /// Choose a trained bundle to import: a folder, or its zip if the platform has no folders.
    ImportBundle,
    /// Choose a pretrained model's GGUF file, if the engine reads files by path.
    ImportModelFile,
    /// Enter the address of a pretrained model on the network.
    ImportModelAddress,
    /// Choose where to save the report of the cleaning of a project of this name.
    ExportReport { name: String },
    /// Choose files of tasks for an evaluation.
    TaskFiles,
    /// Choose a file of sentence pairs for an audit.
    SentencePairs,
    /// Choose where to save a run's model card.
    WriteCard { run: String },
    /// Files were dropped on the window.
    Dropped,
    /// A file of so many bytes was saved.
    Saved { bytes: u64 },
}

/// What a request's dialog chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picks {
    Documents,
    /// A file of a kind with one of these extensions.
    File(&'static str, &'static [&'static str]),
    /// A small one that the app itself reads, or several.
    Small(&'static str, &'static [&'static str], bool),
    /// A folder to read; in a browser, its files with these extensions.
    Folder(&'static [&'static str]),
    /// A file to write, by its proposed name, or a folder to write in.
    Target(Option<String>),
    Nothing,
}

impl Wish {
    /// The dialog's title, a path as an example, and what it chooses.
    pub fn question(&self) -> (&'static str, &'static str, Picks) {
        use Picks::{Documents, File, Folder, Small, Target};
        let target = |name: &str, ending| Target(Some(file_name(name, ending)));
        match self {
            Self::AddDocuments => ("Choose documents", "~/texts/letters.txt", Documents),
            Self::AddFolder => ("Choose a folder of documents", "~/texts", Folder(&[])),
            Self::ImportProject => {
                ("Open a project file", "~/letters.glasshouse", File("Glasshouse projects", &["glasshouse"]))
            }
            Self::OpenProjectFolder => ("Open a project's folder", "~/letters", Folder(&[])),
            Self::ExportProject { name, .. } => {
                ("Save the project", "~/letters.glasshouse", target(name, "glasshouse"))
            }
            Self::ExportReport { name } => {
                ("Save the report", "~/cleaning.html", target(&format!("{name} cleaning"), "html"))
            }
            Self::ExportModel { run, format } => match model_file(run, *format) {
                Some(name) => ("Save the model", "~/model.gguf", Target(Some(name))),
                None => ("Choose a folder for the model", "~/models", Target(None)),
            },
            Self::ImportModel => ("Choose a Hugging Face folder", "~/models/SmolLM2-135M", Folder(&WEIGHTS)),
            Self::ImportModelFile => ("Choose a GGUF file", "~/models/smollm2.gguf", File("GGUF", &["gguf"])),
            Self::ImportModelAddress => ("URL of the model", "HuggingFaceTB/SmolLM2-135M", Picks::Nothing),
            Self::ExportBundle { .. } => ("Choose a folder for the bundle", "~/bundles", Target(None)),
            Self::ImportBundle => ("Choose a trained bundle", "~/bundles/1-stories-bundle", Folder(&["zip"])),
            Self::ExportFeedback { .. } => ("Choose a folder for the feedback", "~/data", Target(None)),
            Self::Propose { .. } => {
                ("Choose a file", "~/data/prompts.jsonl", File("Prompts or texts", &PROMPTS))
            }
            Self::TaskFiles => ("Choose task files", "~/data/questions.jsonl", Small("Tasks", &TASKS, true)),
            Self::SentencePairs => {
                ("Choose pairs of sentences", "~/data/pairs.jsonl", Small("Pairs", &TASKS, false))
            }
            Self::WriteCard { run } => {
                ("Save the card", "~/card.html", target(&format!("{run} card"), "html"))
            }
            Self::Dropped | Self::Saved { .. } => ("", "", Picks::Nothing),
        }
    }
}

/// File name for a run's model in a format; `None` if the format is a folder.
fn model_file(run: &str, format: ExportFormat) -> Option<String> {
    match format {
        ExportFormat::HuggingFace { .. } | ExportFormat::Peft => None,
        ExportFormat::Gguf { quantization: Some(own) } => Some(format!("{run}-{}.gguf", own.name())),
        ExportFormat::Gguf { quantization: None } => Some(format!("{run}.gguf")),
        // A folder with its README, and a text.
        ExportFormat::Page { space: true, .. } | ExportFormat::Link => None,
        ExportFormat::Page { space: false, .. } => Some(format!("{run}.html")),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Path natively, file name in a browser.
    pub name: String,
    /// The bytes, in a browser.
    pub bytes: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub wish: Wish,
    /// The chosen files, or why there are none. A cancelled dialog gives no answer. In a browser, exports are answered at once
    /// with an empty list, since the file is downloaded when it is ready.
    pub files: Result<Vec<Chosen>, NoFiles>,
}

/// Why no file could be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoFiles {
    /// The system has no file dialog; a path can be typed instead.
    NoDialog(String),
    Failed(String),
}

/// Extensions of documents: text, web pages, records, tables, books, crawls and dumps, source code, and archives of them.
pub const ENDINGS: &[&str] = &[
    "txt", "text", "md", "markdown", "mdx", "rst", "log", "html", "htm", "xhtml", "json", "jsonl", "ndjson",
    "csv", "tsv", "tab", "parquet", "pdf", "warc", "wet", "xml", "zip", "ada", "asm", "bash", "c", "cc",
    "clj", "cmake", "cpp", "cs", "css", "cu", "cxx", "dart", "el", "erl", "ex", "exs", "f90", "fs", "go",
    "gradle", "groovy", "h", "hpp", "hs", "ini", "java", "jl", "js", "jsx", "kt", "kts", "less", "lisp",
    "lua", "m", "mjs", "ml", "mli", "nim", "nix", "pas", "php", "pl", "pm", "proto", "ps1", "py", "pyi", "r",
    "rb", "rkt", "rs", "sass", "scala", "scm", "scss", "sh", "sol", "sql", "sv", "swift", "tcl", "tex",
    "toml", "ts", "tsx", "v", "vb", "vhd", "vim", "vue", "wat", "wgsl", "yaml", "yml", "zig", "zsh",
];
/// Extensions of prompt files, and of texts to classify.
const PROMPTS: [&str; 3] = ["jsonl", "ndjson", "csv"];
/// Extensions of task files, and of sentence pairs.
const TASKS: [&str; 7] = ["jsonl", "ndjson", "json", "csv", "tsv", "yaml", "yml"];
/// Extensions of a pretrained model's files.
const WEIGHTS: [&str; 4] = ["safetensors", "gguf", "json", "jinja"];
/// Extensions of compressed single files.
pub const PACKED: &[&str] = &["gz", "gzip", "zst", "zstd", "bz2"];

/// A file's name without its folders.
pub fn own_name(name: &str) -> String {
    Path::new(name).file_name().map_or(name.to_owned(), |own| own.display().to_string())
}

/// Whether a file name is that of a document, compressed or not.
pub fn is_document(name: &str) -> bool {
    let Some((rest, ending)) = name.rsplit_once('.') else { return false };
    let ending = ending.to_lowercase();
    if PACKED.contains(&ending.as_str()) {
        rest.rsplit_once('.').is_some_and(|(_, inner)| ENDINGS.contains(&inner.to_lowercase().as_str()))
    } else {
        ENDINGS.contains(&ending.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::is_document;

    #[test]
    fn documents_are_told_by_their_ending_packed_or_not() {
        let documents = "a.txt page.HTML crawl.warc.gz wiki.xml.bz2 all.zip x/y.Parquet paper.pdf main.rs";
        for name in documents.split(' ') {
            assert!(is_document(name), "{name}");
        }
        for name in ["a.gz", "photo.png", "txt", "archive.7z", "a.txt.gz.exe", ".gz", "model.safetensors"] {
            assert!(!is_document(name), "{name}");
        }
    }
}
