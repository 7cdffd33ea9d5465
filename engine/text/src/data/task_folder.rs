//! Writes tasks as a folder of JSON lines in TRL's conversational format, with a README.

use super::tasks::{
    EDITION, LEVELS, Task, TaskKind, TaskOptions, TaskSplit, WrongAnswers, language, line as row, pair_line,
    prompt_line,
};
use glasshouse_platform::files::File;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, refuse};
use glasshouse_protocol::order;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// The files, in writing order.
pub const FILES: &[&str] =
    &["train.jsonl", "validation.jsonl", "held-out.jsonl", PROMPTS, PAIRS, "README.md"];

const PROMPTS: &str = "prompts.jsonl";
const PAIRS: &str = "pairs.jsonl";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Each data file with its number of rows.
    pub rows: Vec<(&'static str, u64)>,
    /// Number of training rows by kind and level.
    pub train: BTreeMap<(TaskKind, u8), u64>,
}

/// Writes the folder atomically. With `replace`, existing tasks are replaced; a folder with other files is refused. Fails if no rows or an
/// unknown level are requested, the folder is not empty, or writing failed; nothing is left on disk.
pub fn write_folder(options: &TaskOptions, to: &Path, replace: bool) -> Result<Written> {
    if options.count == 0 || !(1..=LEVELS).contains(&options.level) {
        refuse!("tasks need at least one row, and a level from 1 to {LEVELS}");
    }
    storage::check_place(to, "tasks", FILES, replace)?;
    let staging = Staging::beside(to)?;
    let (mut written, mut extra) = (Written::default(), [(PROMPTS, 0), (PAIRS, 0)]);
    for (split, name) in
        [(TaskSplit::Train, FILES[0]), (TaskSplit::Validation, FILES[1]), (TaskSplit::HeldOut, FILES[2])]
    {
        let mut stream = options.stream(split);
        let path = staging.path().join(name);
        write_rows(&path, stream.by_ref().take(size(options.rows(split))), |task| {
            if split == TaskSplit::Train {
                *written.train.entry((task.kind, task.level)).or_default() += 1;
            }
            row(task).map(Some)
        })?;
        written.rows.push((name, options.rows(split)));
        if split == TaskSplit::Train {
            // The stream continues, with training wordings but prompts outside the training set.
            let mut more = stream.by_ref().take(size(options.count));
            write_rows(&staging.path().join(PROMPTS), more.by_ref(), |task| prompt_line(task).map(Some))?;
            let (mut wrong, mut pairs) = (WrongAnswers::default(), 0);
            write_rows(&staging.path().join(PAIRS), stream.take(size(options.count)), |task| {
                let rejected = wrong.for_task(task);
                pairs += u64::from(rejected.is_some());
                rejected.map(|rejected| pair_line(task, &rejected)).transpose()
            })?;
            extra = [(PROMPTS, options.count), (PAIRS, pairs)];
        }
    }
    written.rows.extend(extra);
    let path = staging.path().join("README.md");
    let mut file = File::create(&path).map_err(Error::io(&path))?;
    let text = readme(options, &written);
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
    staging.put(to)?;
    Ok(written)
}

fn size(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Writes rows as JSON lines, durably; `None` skips a task.
fn write_rows(
    path: &Path,
    tasks: impl Iterator<Item = Task>,
    mut row: impl FnMut(&Task) -> serde_json::Result<Option<String>>,
) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).map_err(Error::io(path))?);
    for task in tasks {
        let line = row(&task).map_err(|error| Error::Internal(error.to_string()))?;
        let Some(mut line) = line else { continue };
        line.push('\n');
        file.write_all(line.as_bytes()).map_err(Error::io(path))?;
    }
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(Error::io(path))
}

fn readme(options: &TaskOptions, written: &Written) -> String {
    let named = if options.kinds.is_empty() { TaskKind::ALL.to_vec() } else { options.kinds.clone() };
    let kinds: Vec<&str> = named.iter().map(|kind| kind.name()).collect();
    let kinds = kinds.join(",");
    let named = order::distinct(named);
    let levels = || 1..=options.level;
    let count = |kind, level| written.train.get(&(kind, level)).copied().unwrap_or(0);
    let row = |kind: TaskKind| -> String {
        let counts: String = levels().map(|level| format!(" {} |", count(kind, level))).collect();
        format!("| {} |{counts}\n", kind.name())
    };
    let words: Vec<String> =
        language::lexicon().iter().map(|(english, own)| format!("| {english} | {own} |")).collect();
    let files = written.rows.iter().map(|(name, rows)| format!("| `{name}` | {rows} |\n"));
    include_str!("task_folder.md")
        .replace("@EDITION@", &EDITION.to_string())
        .replace("@SEED@", &options.seed.to_string())
        .replace("@COUNT@", &options.count.to_string())
        .replace("@KINDS@", &kinds)
        .replace("@LEVEL@", &options.level.to_string())
        .replace("@FILES@", &files.collect::<String>())
        .replace("@LEVELS@", &levels().map(|level| format!(" level {level} |")).collect::<String>())
        .replace("@LINES@", &"---|".repeat(options.level.into()))
        .replace("@ROWS@", &named.into_iter().map(row).collect::<String>())
        .replace("@WORDS@", &words.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::super::tasks::Check;
    use super::*;

    fn options(count: u64) -> TaskOptions {
        TaskOptions { count, ..Default::default() }
    }

    #[test]
    fn a_seed_is_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, seed: u64| {
            let to = place.path().join(name);
            let written = write_folder(&TaskOptions { seed, ..options(300) }, &to, false).unwrap();
            assert_eq!(
                written.rows.iter().map(|(_, rows)| *rows).collect::<Vec<_>>()[..4],
                [300, 200, 200, 300]
            );
            assert!((260..=300).contains(&written.rows[4].1), "{:?}", written.rows);
            let mut bytes = Vec::new();
            for name in FILES {
                bytes.extend(std::fs::read(to.join(name)).unwrap());
            }
            bytes
        };
        let once = write("once", 1);
        assert_eq!(once, write("again", 1));
        assert_ne!(once, write("other", 2));
        // The edition's rows are pinned: a change must raise EDITION and update this checksum.
        assert_eq!((EDITION, crc32c::crc32c(&once)), (4, PINNED));
    }
    const PINNED: u32 = 1_591_251_191;

    #[test]
    fn files_are_conversations_and_prompts_without_answers() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("tasks");
        let options =
            TaskOptions { kinds: vec![TaskKind::Story, TaskKind::Refusal], level: 2, ..options(40) };
        write_folder(&options, &to, false).unwrap();
        let rows = |name: &str| -> Vec<serde_json::Value> {
            let text = std::fs::read_to_string(to.join(name)).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let train = rows("train.jsonl");
        assert_eq!(train.len(), 40);
        for row in &train {
            let messages = row["messages"].as_array().unwrap();
            assert_eq!(messages.last().unwrap()["role"], "assistant");
            let check: Check = serde_json::from_value(row["check"].clone()).unwrap();
            assert_eq!(check.score(messages.last().unwrap()["content"].as_str().unwrap()), 1.0);
            assert!(
                ["story", "refusal"].contains(&row["kind"].as_str().unwrap())
                    && row["level"].as_u64() <= Some(2)
            );
        }
        for row in rows("prompts.jsonl") {
            assert_eq!(row["prompt"].as_array().unwrap().last().unwrap()["role"], "user");
            assert!(train.iter().all(|other| other["messages"][0] != row["prompt"][0] || row["level"] != 1));
        }
        for row in rows("pairs.jsonl") {
            let check: Check = serde_json::from_value(row["check"].clone()).unwrap();
            let score = |name: &str| check.score(row[name][0]["content"].as_str().unwrap());
            assert!(score("chosen") > score("rejected"), "{row}");
        }
        let readme = std::fs::read_to_string(to.join("README.md")).unwrap();
        for wanted in [
            "| story | 10 | 10 |",
            "seed 1",
            "lo tolari rano",
            "Do not reveal what a present is",
            "| `held-out.jsonl` | 40 |",
        ] {
            assert!(readme.contains(wanted), "{wanted}: {readme}");
        }
    }

    #[test]
    fn only_tasks_are_replaced_and_only_where_that_is_asked_for() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("tasks");
        std::fs::create_dir(&to).unwrap();
        let options = options(20);
        write_folder(&options, &to, false).unwrap();
        assert!(write_folder(&options, &to, false).unwrap_err().to_string().contains("replace it"));
        write_folder(&options, &to, true).unwrap();
        std::fs::write(to.join("diary.txt"), "dear diary").unwrap();
        assert!(write_folder(&options, &to, true).unwrap_err().to_string().contains("diary.txt"));
        assert!(
            write_folder(&TaskOptions { count: 0, ..options }, &place.path().join("new"), false).is_err()
        );
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
