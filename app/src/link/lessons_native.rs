//! A teacher's lessons natively: Markdown files of a folder.

use std::path::{Path, PathBuf};

/// The environment variable that names a folder of lessons for every project.
const FOLDER: &str = "GLASSHOUSE_LESSONS";
/// A longer file is no lesson.
const LARGEST: u64 = 1 << 20;

/// Whether folders of lessons can be read.
pub const LESSON_FOLDERS: bool = true;

/// Lessons beside those of the program: of the folder that the environment names, and of the folder `lessons` in a project's. Each is a
/// file's path and its text, or why it cannot be read, in the order of the names.
pub fn lesson_files(shelf: &str, project: Option<&str>) -> Vec<(String, Result<String, String>)> {
    let named = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    // A project elsewhere has its whole path as its id.
    let own = project.map(|project| Path::new(shelf).join(project).join("lessons"));
    let mut files = Vec::new();
    if let Some(folder) = &named
        && let Err(error) = files_of(folder, &mut files)
    {
        files.push((folder.display().to_string(), Err(format!("{FOLDER} names it: {error}"))));
    }
    if let Some(folder) = own.filter(|folder| folder.is_dir())
        && let Err(error) = files_of(&folder, &mut files)
    {
        files.push((folder.display().to_string(), Err(error.to_string())));
    }
    files
}

/// Nothing: a window has no address, and what follows `?` goes behind a page's.
pub fn page_address() -> String {
    String::new()
}

fn files_of(folder: &Path, files: &mut Vec<(String, Result<String, String>)>) -> std::io::Result<()> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_lesson = path.extension().is_some_and(|ending| ending == "md");
        if path.is_file() && is_lesson && !path.ends_with("README.md") {
            paths.push(path);
        }
    }
    paths.sort();
    files.extend(paths.into_iter().map(|path| (path.display().to_string(), text_of(&path))));
    Ok(())
}

fn text_of(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("it has {size} bytes; a lesson has at most {LARGEST}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_lessons_are_read_in_the_order_of_their_names_and_other_files_are_not() {
        let shelf = tempfile::tempdir().unwrap();
        let folder = shelf.path().join("owls").join("lessons");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("2-b.md", "two"), ("1-a.md", "one"), ("notes.txt", "no"), ("README.md", "no")] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        std::fs::write(folder.join("3-c.md"), [0xff, 0xfe]).unwrap();
        let place = shelf.path().display().to_string();
        let read = lesson_files(&place, Some("owls"));
        let texts: Vec<Option<&str>> = read.iter().map(|(_, text)| text.as_deref().ok()).collect();
        assert_eq!(texts, [Some("one"), Some("two"), None]);
        assert!(read[0].0.ends_with("1-a.md"), "{read:?}");
        assert!(lesson_files(&place, Some("others")).is_empty());
    }
}
