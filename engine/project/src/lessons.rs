//! Lessons in a project: the project's own lesson files, and the learner's progress.

use super::{MAX_RECORD_BYTES, Project};
use glasshouse_platform::{Result, files, storage};
use glasshouse_protocol::{LessonFile, LessonProgress, order};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Environment variable with a folder of lessons for every project.
const FOLDER_VARIABLE: &str = "GLASSHOUSE_LESSONS";
/// Folder of a project's own lessons.
const FOLDER: &str = "lessons";
/// The learner's progress, by name of the lesson.
const PROGRESS: &str = "lessons.json";
const MAX_LESSON_BYTES: u64 = 1 << 20;

/// Lessons in addition to the built-in ones: from the folder in the environment variable and from the project, each sorted by name.
pub fn lesson_files(project: Option<&Project>) -> Vec<LessonFile> {
    let named = std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let own = project.map(|project| project.folder().join(FOLDER)).filter(|folder| files::is_dir(folder));
    let mut found = Vec::new();
    for folder in named.into_iter().chain(own) {
        if let Err(error) = read_folder(&folder, &mut found) {
            let problem = Some(error.to_string());
            found.push(LessonFile { file: folder.display().to_string(), text: None, problem });
        }
    }
    found
}

fn read_folder(folder: &Path, found: &mut Vec<LessonFile>) -> std::io::Result<()> {
    let mut paths = Vec::new();
    for entry in files::read_dir(folder)? {
        let path = entry?.path();
        let is_lesson = path.extension().is_some_and(|ending| ending == "md");
        if is_lesson && files::is_file(&path) && !path.ends_with("README.md") {
            paths.push(path);
        }
    }
    order::sort(&mut paths);
    found.extend(paths.into_iter().map(|path| {
        let (text, problem) = match text_of(&path) {
            Ok(text) => (Some(text), None),
            Err(problem) => (None, Some(problem)),
        };
        LessonFile { file: path.display().to_string(), text, problem }
    }));
    Ok(())
}

fn text_of(path: &Path) -> std::result::Result<String, String> {
    let size = files::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_LESSON_BYTES {
        return Err(format!("it has {size} bytes; a lesson has at most {MAX_LESSON_BYTES}"));
    }
    files::read_to_string(path).map_err(|error| error.to_string())
}

impl Project {
    pub fn lesson_progress(&self) -> Result<BTreeMap<String, LessonProgress>> {
        let kept = storage::if_there(&self.folder.join(PROGRESS), MAX_RECORD_BYTES, storage::read_json)?;
        Ok(kept.unwrap_or_default())
    }

    /// Stores the progress in a lesson; `None` removes it. Fails if the existing file cannot be read (it is left unchanged), or writing
    /// fails.
    pub fn set_lesson_progress(&self, lesson: &str, progress: Option<LessonProgress>) -> Result<()> {
        let mut all = self.lesson_progress()?;
        match progress {
            Some(progress) => all.insert(lesson.to_owned(), progress),
            None => all.remove(lesson),
        };
        storage::write_json(&self.folder.join(PROGRESS), &all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_lessons_are_read_in_the_order_of_their_names_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("owls")).unwrap();
        assert_eq!(lesson_files(Some(&project)), []);
        let own = project.folder().join(FOLDER);
        std::fs::create_dir_all(&own).unwrap();
        for (name, text) in [("2-b.md", "two"), ("1-a.md", "one"), ("notes.txt", "no"), ("README.md", "no")] {
            std::fs::write(own.join(name), text).unwrap();
        }
        std::fs::write(own.join("3-c.md"), [0xff, 0xfe]).unwrap();
        let found = lesson_files(Some(&project));
        let texts: Vec<Option<&str>> = found.iter().map(|file| file.text.as_deref()).collect();
        assert_eq!(texts, [Some("one"), Some("two"), None]);
        assert!(found[0].file.ends_with("1-a.md") && found[2].problem.is_some(), "{found:?}");
    }

    #[test]
    fn what_a_learner_made_of_a_lesson_stays_until_it_is_forgotten_and_a_damaged_file_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("owls")).unwrap();
        let progress = LessonProgress { predicted: 2.0, ..LessonProgress::default() };
        project.set_lesson_progress("01-text", Some(progress.clone())).unwrap();
        project.set_lesson_progress("02-more", Some(LessonProgress::default())).unwrap();
        project.set_lesson_progress("02-more", None).unwrap();
        assert_eq!(project.lesson_progress().unwrap(), BTreeMap::from([("01-text".to_owned(), progress)]));
        let file = project.folder().join(PROGRESS);
        std::fs::write(&file, "{").unwrap();
        assert!(project.set_lesson_progress("01-text", None).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
    }
}
