//! Files of the person's, in and out: what is wished for, and how it is answered. How a file is picked differs by platform, so
//! `files_native` and `files_web` hold the same names.
//!
//! Natively a picked file travels as its path, and the engine reads it; in a browser its bytes come along.

use glasshouse_protocol::{ExportFormat, Uncertainty, WeightSource};

/// What a person wants to do with files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Choose texts: for the open project, or else for a new one.
    AddDocuments,
    /// Choose a folder of texts, where the platform has folders.
    AddFolder,
    /// Choose a `.glasshouse` file to unpack.
    ImportProject,
    /// Choose a project's folder to open in place, where the platform has folders.
    OpenProjectFolder,
    /// Choose where a project's file goes.
    ExportProject {
        /// Which project.
        id: String,
        /// Its name, for the file's.
        name: String,
    },
    /// Choose where a run's model goes.
    ExportModel {
        /// Which run.
        run: String,
        /// What it is written as.
        format: ExportFormat,
    },
    /// Choose a pretrained model's folder, where the platform has folders.
    ImportModel,
    /// Choose where the bundle of a run goes.
    HandOver {
        /// Which run.
        run: String,
    },
    /// Choose where feedback goes.
    ExportFeedback {
        /// All of it in one file.
        one: bool,
    },
    /// Choose prompts of which those are proposed that a model is least certain of.
    Propose {
        /// Whose weights are asked.
        source: WeightSource,
        /// What uncertainty is.
        measure: Uncertainty,
    },
    /// Choose a bundle that was trained with; where the platform has no folders, its zip.
    BringBack,
    /// Choose a pretrained model's GGUF file, where the engine reads files by their paths.
    ImportModelFile,
    /// Name a pretrained model in the network.
    ImportModelAddress,
    /// Choose where the report of a cleaning goes.
    ExportReport {
        /// The project's name, for the file's.
        name: String,
    },
    /// Choose files of tasks that a model is evaluated on.
    TaskFiles,
    /// Choose a file of pairs of sentences that an audit compares.
    SentencePairs,
    /// Choose a file of rules of moderation.
    ModerationRules,
    /// Choose where a run's card goes.
    WriteCard {
        /// Which run.
        run: String,
    },
    /// Files were dropped on the window.
    Dropped,
    /// A file of ours was saved, or was not.
    Saved,
}

/// A file name for a run's model in a format; none where that is a folder.
pub fn model_file(run: &str, format: ExportFormat) -> Option<String> {
    match format {
        ExportFormat::HuggingFace | ExportFormat::Peft => None,
        ExportFormat::Gguf { quantization } => Some(format!("{run}-{}.gguf", quantization.name())),
    }
}

/// A file that was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its path natively, its name in a browser.
    pub name: String,
    /// Its bytes in a browser.
    pub bytes: Option<Vec<u8>>,
}

/// What came of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The wish.
    pub wish: Wish,
    /// What was picked, or why nothing could be. A wish that was called off is not answered. In a browser, where a file is handed to
    /// the person when it is made, exports are answered at once and with nothing picked.
    pub files: Result<Vec<Chosen>, NoFiles>,
}

/// Why nothing could be picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoFiles {
    /// The system has no file dialog; a path can be typed instead.
    NoDialog(String),
    /// Something else went wrong.
    Failed(String),
}

/// Endings of files that are documents: text, web pages, records, tables, books, crawls and dumps, source code, and archives of them.
pub const ENDINGS: &[&str] = &[
    "txt", "text", "md", "markdown", "mdx", "rst", "log", "html", "htm", "xhtml", "json", "jsonl", "ndjson",
    "csv", "tsv", "tab", "parquet", "pdf", "warc", "wet", "xml", "zip", "ada", "asm", "bash", "c", "cc",
    "clj", "cmake", "cpp", "cs", "css", "cu", "cxx", "dart", "el", "erl", "ex", "exs", "f90", "fs", "go",
    "gradle", "groovy", "h", "hpp", "hs", "ini", "java", "jl", "js", "jsx", "kt", "kts", "less", "lisp",
    "lua", "m", "mjs", "ml", "mli", "nim", "nix", "pas", "php", "pl", "pm", "proto", "ps1", "py", "pyi", "r",
    "rb", "rkt", "rs", "sass", "scala", "scm", "scss", "sh", "sol", "sql", "sv", "swift", "tcl", "tex",
    "toml", "ts", "tsx", "v", "vb", "vhd", "vim", "vue", "wat", "wgsl", "yaml", "yml", "zig", "zsh",
];
/// Endings of files of prompts, and of texts that are to have labels.
pub const PROMPTS: [&str; 3] = ["jsonl", "ndjson", "csv"];
/// Endings of files of tasks, and of pairs of sentences.
pub const TASKS: [&str; 5] = ["jsonl", "ndjson", "json", "csv", "tsv"];
/// Endings of rules of moderation.
pub const RULES: [&str; 3] = ["jsonl", "ndjson", "json"];
/// Endings of files in which one of them is packed.
pub const PACKED: &[&str] = &["gz", "gzip", "zst", "zstd", "bz2"];

/// Whether a file of this name is a document, packed or not.
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
        for name in [
            "a.txt",
            "page.HTML",
            "crawl.warc.gz",
            "wiki.xml.bz2",
            "all.zip",
            "x/y.Parquet",
            "paper.pdf",
            "main.rs",
        ] {
            assert!(is_document(name), "{name}");
        }
        for name in ["a.gz", "photo.png", "txt", "archive.7z", "a.txt.gz.exe", ".gz", "model.safetensors"] {
            assert!(!is_document(name), "{name}");
        }
    }
}
