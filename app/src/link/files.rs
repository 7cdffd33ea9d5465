//! Files of the person's, in and out: what is wished for, and how it is answered. How a file is picked differs by platform, so
//! `files_native` and `files_web` hold the same names.
//!
//! Natively a picked file travels as its path, and the engine reads it; in a browser its bytes come along.

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
    /// Choose where a run's Hugging Face folder goes.
    ExportModel {
        /// Which run.
        run: String,
    },
    /// Files were dropped on the window.
    Dropped,
    /// A file of ours was saved, or was not.
    Saved,
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
    pub files: Result<Vec<Chosen>, String>,
}

/// A file name of what a person calls something.
pub fn file_name(name: &str, ending: &str) -> String {
    let clean: String = name
        .chars()
        .map(|letter| if letter.is_alphanumeric() || "-_ ".contains(letter) { letter } else { '-' })
        .collect();
    let clean = clean.trim();
    format!("{}.{ending}", if clean.is_empty() { "glasshouse" } else { clean })
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn file_names_hold_nothing_that_a_path_could_mistake() {
        assert_eq!(file_name("My first model", "glasshouse"), "My first model.glasshouse");
        assert_eq!(file_name("../a/b", "png"), "---a-b.png");
        assert_eq!(file_name("  ", "csv"), "glasshouse.csv");
    }
}
