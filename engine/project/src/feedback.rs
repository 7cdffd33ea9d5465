//! User feedback on replies in `feedback.jsonl`, one row per line, each in one of TRL's formats. Changes leave all other lines as
//! they are, whoever wrote them.

use super::Project;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, files, refuse};
use glasshouse_protocol::{ChatMessage, Feedback, FeedbackKind, Objective, order};
use serde::Serialize;
use std::path::{Path, PathBuf};

pub const FEEDBACK_FILE: &str = "feedback.jsonl";
/// Folder of the file that a run trains on.
pub const FEEDBACK_FOLDER: &str = "feedback";
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Files of an export; each is written if there are rows for it.
const FILES: [&str; 5] = [FEEDBACK_FILE, "chat.jsonl", "preferences.jsonl", "labels.jsonl", TEXTS_FILE];
/// Labelled texts, in the format of the classify objective.
const TEXTS_FILE: &str = "texts.jsonl";

/// A row for training on the completion, without the replies before it, or on whether it is good.
#[derive(Serialize)]
struct Learned<'row> {
    prompt: &'row [ChatMessage],
    completion: &'row [ChatMessage],
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<bool>,
}

#[derive(Serialize)]
struct Labelled<'row> {
    text: &'row str,
    label: &'row str,
}

/// Converts a row to a training line; `judges` says whether the loss uses single rated answers. `None` if the objective cannot use the row.
fn learned_line(
    row: &Feedback,
    kind: FeedbackKind,
    objective: Objective,
    judges: bool,
) -> Result<Option<String>> {
    let line = match (objective, kind) {
        (Objective::Preference, FeedbackKind::Good | FeedbackKind::Bad | FeedbackKind::Better) if judges => {
            let (prompt, completion) = row.learned().unwrap_or((&row.prompt, &row.completion));
            serde_json::to_string(&Learned { prompt, completion, label: Some(kind != FeedbackKind::Bad) })
        }
        // Written as messages, whatever the form of the original line.
        (Objective::Preference, FeedbackKind::Pair) => serde_json::to_string(row),
        (Objective::Classify, FeedbackKind::Labelled) => {
            serde_json::to_string(&Labelled { text: &row.text, label: &row.text_label })
        }
        (Objective::Preference | Objective::Classify, _) => return Ok(None),
        (Objective::Text | Objective::Chat | Objective::Reward | Objective::Distil, _) => match row.learned()
        {
            Some((prompt, completion)) => serde_json::to_string(&Learned { prompt, completion, label: None }),
            None => return Ok(None),
        },
    };
    line.map(Some).map_err(|error| Error::Internal(error.to_string()))
}

impl Project {
    fn feedback_path(&self) -> PathBuf {
        self.folder().join(FEEDBACK_FILE)
    }

    /// The non-empty lines, with their numbers in the file from 1.
    fn feedback_lines(&self) -> Result<Vec<(usize, String)>> {
        let text =
            storage::if_there(&self.feedback_path(), MAX_FILE_BYTES, storage::read_text)?.unwrap_or_default();
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..);
        Ok(lines
            .filter(|(line, _)| !line.is_empty())
            .map(|(line, number)| (number, line.to_owned()))
            .collect())
    }

    fn feedback_row(&self, (number, line): &(usize, String)) -> Result<(Feedback, FeedbackKind)> {
        let bad = |reason: String| Error::bad_file(self.feedback_path(), format!("line {number}: {reason}"));
        let row: Feedback =
            serde_json::from_slice(line.as_bytes()).map_err(|error| bad(error.to_string()))?;
        let kind = row.kind().map_err(bad)?;
        Ok((row, kind))
    }

    /// All rows, oldest first. Fails if the file cannot be read, or a line is not a valid row; the error names the line.
    pub fn feedback(&self) -> Result<Vec<Feedback>> {
        self.feedback_lines()?.iter().map(|line| Ok(self.feedback_row(line)?.0)).collect()
    }

    /// Atomically replaces `removed` rows from index `at` on with `rows`; `at: None` means the end. Rows without a time get the current
    /// one. If nothing is removed, a larger `at` means the end too. Fails if a row is invalid; the rows to remove do not exist or differ
    /// from `expected` (unless that is empty); another line is not a valid row; the file would exceed its maximum size; or writing fails.
    /// Nothing is changed then.
    pub fn splice_feedback(
        &self,
        at: Option<usize>,
        removed: usize,
        expected: &[Feedback],
        rows: Vec<Feedback>,
    ) -> Result<()> {
        let now = storage::unix_seconds() as u64;
        let line = |mut row: Feedback| {
            row.kind()
                .map_err(|reason| Error::Refused(format!("this feedback cannot be trained on: {reason}")))?;
            row.when = if row.when == 0 { now } else { row.when };
            serde_json::to_string(&row).map_err(|error| Error::Internal(error.to_string()))
        };
        let new: Vec<String> = rows.into_iter().map(line).collect::<Result<_>>()?;
        // Another process may write feedback at the same time.
        let _lock = self.hold_lines()?;
        let lines = self.feedback_lines()?;
        let count = lines.len();
        let at = at.unwrap_or(count);
        let at = if removed == 0 { at.min(count) } else { at };
        let end = at.checked_add(removed).filter(|end| *end <= count).ok_or_else(|| {
            let last = at.saturating_add(removed);
            Error::Refused(format!("there is no row {last} of feedback: there are {count}"))
        })?;
        // An invalid line would make the whole file unreadable, so it must be removed or replaced first.
        let mut going = Vec::new();
        for (place, line) in lines.iter().enumerate() {
            if (at..end).contains(&place) {
                going.push(self.feedback_row(line).ok().map(|(row, _)| row));
            } else {
                self.feedback_row(line)?;
            }
        }
        if !expected.is_empty() && !going.iter().map(Option::as_ref).eq(expected.iter().map(Some)) {
            refuse!("the feedback has changed since it was listed; reload the row, then change it");
        }
        let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        lines.splice(at..end, new);
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let bytes = text.len() as u64;
        if bytes > MAX_FILE_BYTES {
            refuse!(
                "the feedback would have {bytes} bytes, more than the maximum of {MAX_FILE_BYTES}; export it, and remove some rows"
            );
        }
        storage::write_atomically(&self.feedback_path(), text.as_bytes())
    }

    /// Exports all rows to a folder: unchanged in `one` file, or by kind in one file per TRL trainer. Returns each file with its number of
    /// rows. Fails if there are no rows, or an invalid line; the folder holds other files, or an export while `replace` is not set; or
    /// writing fails.
    pub fn export_feedback(&self, to: &Path, one: bool, replace: bool) -> Result<Vec<(PathBuf, usize)>> {
        let lines = self.feedback_lines()?;
        if lines.is_empty() {
            refuse!("there is no feedback yet: rate a reply on the Chat page");
        }
        let mut texts: Vec<(&str, String, usize)> = Vec::new();
        for line in &lines {
            let (row, kind) = self.feedback_row(line)?;
            let name = if one { FEEDBACK_FILE } else { kind.file() };
            let labelled = if one { None } else { learned_line(&row, kind, Objective::Classify, false)? };
            let place = texts.iter().position(|(known, ..)| *known == name).unwrap_or_else(|| {
                texts.push((name, String::new(), 0));
                texts.len() - 1
            });
            if let Some((_, text, count)) = texts.get_mut(place) {
                text.push_str(labelled.as_ref().unwrap_or(&line.1));
                text.push('\n');
                *count += 1;
            }
        }
        // Any one of the files identifies an export, because their presence depends on the rows at that time.
        let mut names = FILES;
        order::sort_by_key(&mut names, |name| !files::is_file(&to.join(name)));
        storage::check_place(to, "feedback", &names, replace)?;
        let staging = Staging::beside(to)?;
        let mut written = Vec::new();
        for (name, text, count) in texts {
            storage::write_atomically(&staging.path().join(name), text.as_bytes())?;
            written.push((to.join(name), count));
        }
        staging.put(to)?;
        Ok(written)
    }

    /// Writes the feedback that a run with this objective trains on, and returns the file: replies that the user wrote or approved,
    /// preference pairs, or labelled texts; also single rated answers if the loss `judges` them. Fails if there is no suitable feedback, a
    /// line is not a valid row, or writing fails.
    pub fn feedback_to_learn(&self, objective: Objective, judges: bool) -> Result<PathBuf> {
        let mut text = String::new();
        for line in self.feedback_lines()? {
            let (row, kind) = self.feedback_row(&line)?;
            if let Some(line) = learned_line(&row, kind, objective, judges)? {
                text.push_str(&line);
                text.push('\n');
            }
        }
        let (name, missing) = match objective {
            Objective::Preference if judges => {
                ("thumbs.jsonl", "no rating of a reply: give one a thumb up or down on the Chat page")
            }
            Objective::Preference => {
                ("preferences.jsonl", "no pair: compare two replies on the Chat page, or write a better one")
            }
            Objective::Classify => {
                (TEXTS_FILE, "no text with a label: label one under What to answer next on the Chat page")
            }
            Objective::Text | Objective::Chat | Objective::Reward | Objective::Distil => (
                "chat.jsonl",
                "no reply rated good or rewritten: give one a thumb up on the Chat page, or edit it",
            ),
        };
        if text.is_empty() {
            refuse!("the feedback has {missing}");
        }
        let folder = self.folder().join(FEEDBACK_FOLDER);
        storage::create_folder(&folder)?;
        let path = folder.join(name);
        storage::write_atomically(&path, text.as_bytes())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::Role;

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("p")).unwrap();
        (folder, project)
    }

    fn asked(text: &str) -> Vec<ChatMessage> {
        vec![ChatMessage::new(Role::User, text)]
    }

    #[test]
    fn rows_are_added_edited_removed_and_put_back_in_their_places() {
        let (_folder, project) = project();
        assert_eq!(project.feedback().unwrap(), []);
        let rows = ["Ada.", "Eva.", "Ida."].map(|said| Feedback::thumb(asked("Who?"), said, true));
        for row in rows.clone() {
            project.splice_feedback(None, 0, &[], vec![row]).unwrap();
        }
        let kept = project.feedback().unwrap();
        assert!(kept.iter().all(|row| row.when > 1_600_000_000));
        let edited = Feedback { label: Some(false), ..kept[1].clone() };
        project.splice_feedback(Some(1), 1, &[], vec![edited.clone()]).unwrap();
        project.splice_feedback(Some(0), 1, &[], Vec::new()).unwrap();
        assert_eq!(project.feedback().unwrap(), [edited.clone(), kept[2].clone()]);
        project.splice_feedback(Some(0), 0, &[], vec![kept[0].clone()]).unwrap();
        assert_eq!(project.feedback().unwrap(), [kept[0].clone(), edited, kept[2].clone()]);
        let error = project.splice_feedback(Some(3), 1, &[], Vec::new()).unwrap_err().to_string();
        assert!(error.contains("no row 4 of feedback: there are 3"), "{error}");
        let error = project.splice_feedback(None, 0, &[], vec![Feedback::default()]).unwrap_err().to_string();
        assert!(error.contains("`messages`"), "{error}");
        assert_eq!(project.feedback().unwrap().len(), 3);

        // A row restored after others were removed goes to the end; a row that is elsewhere by now is not touched.
        let rows = project.feedback().unwrap();
        project.splice_feedback(Some(2), 1, &rows[2..], Vec::new()).unwrap();
        project.splice_feedback(Some(1), 1, &rows[1..2], Vec::new()).unwrap();
        project.splice_feedback(Some(2), 0, &[], rows[2..].to_vec()).unwrap();
        assert_eq!(project.feedback().unwrap(), [rows[0].clone(), rows[2].clone()]);
        let error = project.splice_feedback(Some(1), 1, &rows[1..2], Vec::new()).unwrap_err().to_string();
        assert!(error.contains("has changed since"), "{error}");
        let error = project.splice_feedback(Some(usize::MAX), 2, &[], Vec::new()).unwrap_err().to_string();
        assert!(error.contains("there are 2"), "{error}");
        assert_eq!(project.feedback().unwrap().len(), 2);
    }

    #[test]
    fn a_line_that_is_no_row_is_named_and_what_others_wrote_beside_rows_stays() {
        let (_folder, project) = project();
        let own = r#"{"prompt":[{"role":"user","content":"Who?"}],"completion":[{"role":"assistant","content":"Ada."}],"label":true,"score":3}"#;
        std::fs::write(project.folder().join(FEEDBACK_FILE), format!("{own}\n\n{{\"messages\":[]}}\n"))
            .unwrap();
        let error = project.feedback().unwrap_err().to_string();
        assert!(error.contains("feedback.jsonl") && error.contains("line 3: expected `messages`"), "{error}");
        // Nothing is added next to an invalid line.
        let more = || vec![Feedback::better(asked("Who?"), "Eva.")];
        let before = std::fs::read(project.folder().join(FEEDBACK_FILE)).unwrap();
        let error = project.splice_feedback(None, 0, &[], more()).unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        assert_eq!(std::fs::read(project.folder().join(FEEDBACK_FILE)).unwrap(), before);
        project.splice_feedback(Some(1), 1, &[], more()).unwrap();
        assert_eq!(project.feedback().unwrap().len(), 2);
        let text = std::fs::read_to_string(project.folder().join(FEEDBACK_FILE)).unwrap();
        assert!(text.starts_with(own), "{text}");
    }

    #[test]
    fn an_export_has_a_file_for_each_trainer_and_a_run_learns_what_was_approved() {
        let (folder, project) = project();
        let error =
            project.export_feedback(&folder.path().join("out"), false, false).unwrap_err().to_string();
        assert!(error.contains("no feedback yet"), "{error}");
        let rows =
            vec![Feedback::thumb(asked("Who?"), "Ada.", true), Feedback::thumb(asked("Who?"), "Mud.", false)];
        project.splice_feedback(None, 0, &[], rows).unwrap();
        assert!(
            project
                .feedback_to_learn(Objective::Preference, false)
                .unwrap_err()
                .to_string()
                .contains("no pair")
        );
        let rows = vec![
            Feedback::better(
                [asked("Hi"), vec![ChatMessage::new(Role::Assistant, "Ha")], asked("Who?")].concat(),
                "Eva.",
            ),
            Feedback::pair(asked("Who?"), "Eva.", "Mud."),
        ];
        project.splice_feedback(None, 0, &[], rows).unwrap();
        let place = folder.path().join("out");
        let written = project.export_feedback(&place, false, false).unwrap();
        let named: Vec<(String, usize)> = written
            .iter()
            .map(|(path, rows)| (path.file_name().unwrap().display().to_string(), *rows))
            .collect();
        let wanted = [("labels.jsonl", 2), ("chat.jsonl", 1), ("preferences.jsonl", 1)];
        assert_eq!(named, wanted.map(|(name, rows)| (name.to_owned(), rows)));
        assert!(
            project.export_feedback(&place, false, false).unwrap_err().to_string().contains("replace it")
        );
        // Rows of another kind replace other files.
        let rows = project.feedback().unwrap();
        project.splice_feedback(Some(0), 2, &rows[..2], Vec::new()).unwrap();
        assert_eq!(project.export_feedback(&place, false, true).unwrap().len(), 2);
        project.splice_feedback(Some(0), 0, &[], rows[..2].to_vec()).unwrap();
        let one = project.export_feedback(&folder.path().join("one"), true, false).unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].1, 4);

        let learned =
            std::fs::read_to_string(project.feedback_to_learn(Objective::Chat, false).unwrap()).unwrap();
        let rows: Vec<serde_json::Value> =
            learned.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 2, "{learned}");
        assert_eq!(rows[1]["prompt"].as_array().unwrap().len(), 3);
        assert_eq!(rows[1]["completion"][0]["content"], "Eva.");
        assert_eq!(
            std::fs::read_to_string(project.feedback_to_learn(Objective::Preference, false).unwrap())
                .unwrap()
                .lines()
                .count(),
            1
        );
    }

    #[test]
    fn single_thumbs_are_learned_where_answers_are_judged() {
        let (_folder, project) = project();
        let rows = vec![
            Feedback::thumb(asked("Who?"), "Ada.", true),
            Feedback::thumb(asked("Who?"), "Mud.", false),
            Feedback::better(asked("Who?"), "Eva."),
            Feedback::pair(asked("Who?"), "Ida.", "Sky."),
            Feedback::labelled("Snow fell.", "weather"),
        ];
        project.splice_feedback(None, 0, &[], rows).unwrap();
        let path = project.feedback_to_learn(Objective::Preference, true).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let labels: Vec<_> = rows.iter().map(|row| row["label"].as_bool()).collect();
        assert_eq!(labels, [Some(true), Some(false), Some(true), None]);
        assert_eq!(rows[1]["completion"][0]["content"], "Mud.");
        assert_eq!(rows[2]["prompt"][0]["content"], "Who?");
        assert_eq!(rows[3]["rejected"][0]["content"], "Sky.");
    }

    #[test]
    fn texts_with_labels_are_written_as_classification_reads_them() {
        let (folder, project) = project();
        let error = project.feedback_to_learn(Objective::Classify, false).unwrap_err().to_string();
        assert!(error.contains("no text with a label"), "{error}");
        let rows =
            vec![Feedback::labelled("Snow fell.", "weather"), Feedback::thumb(asked("Who?"), "Ada.", true)];
        project.splice_feedback(None, 0, &[], rows).unwrap();
        let line = "{\"text\":\"Snow fell.\",\"label\":\"weather\"}\n";
        let path = project.feedback_to_learn(Objective::Classify, false).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), line);
        let place = folder.path().join("out");
        project.export_feedback(&place, false, false).unwrap();
        assert_eq!(std::fs::read_to_string(place.join(TEXTS_FILE)).unwrap(), line);
        assert!(place.join("labels.jsonl").exists());
    }
}
