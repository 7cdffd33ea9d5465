//! Tasks as a folder of JSON lines, in the conversational format of TRL, with a README that says what they are.

use super::{Check, LEVELS, Stream, Task, TaskKind, TaskOptions, TaskSplit, language, refusal};
use crate::error::{Error, Result};
use crate::platform::files::{self, File};
use crate::storage::{self, Staging};
use glasshouse_protocol::ChatMessage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// What is written, in this order.
pub const FILES: &[&str] = &["train.jsonl", "validation.jsonl", "held-out.jsonl", PROMPTS, "README.md"];

const PROMPTS: &str = "prompts.jsonl";

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Each file of rows, and how many it has.
    pub rows: Vec<(&'static str, u64)>,
    /// Rows for training by kind and level.
    pub train: BTreeMap<(TaskKind, u8), u64>,
}

#[derive(Serialize)]
struct Row<'task> {
    messages: &'task [ChatMessage],
    #[serde(flatten)]
    about: About<'task>,
}

#[derive(Serialize)]
struct Prompt<'task> {
    prompt: &'task [ChatMessage],
    #[serde(flatten)]
    about: About<'task>,
}

/// What stands in a line beside what is said.
#[derive(Serialize)]
struct About<'task> {
    id: &'task str,
    kind: &'static str,
    level: u8,
    template: &'task str,
    check: &'task Check,
}

impl<'task> From<&'task Task> for About<'task> {
    fn from(task: &'task Task) -> Self {
        Self {
            id: &task.id,
            kind: task.kind.name(),
            level: task.level,
            template: &task.template,
            check: &task.check,
        }
    }
}

/// Writes the folder, at once or not at all. Tasks that stand there are replaced where that is asked for; a folder of other files is
/// refused.
///
/// # Errors
/// No rows or an unknown level are asked for; the folder holds something; or the disk fails, and then nothing is left of it.
pub fn write_folder(options: &TaskOptions, to: &Path, replace: bool) -> Result<Written> {
    if options.count == 0 || !(1..=LEVELS).contains(&options.level) {
        let reason = format!("tasks need at least one row, and a level from 1 to {LEVELS}");
        return Err(Error::Refused(reason));
    }
    storage::check_place(to, "tasks", FILES, replace)?;
    let staging = Staging::beside(to)?;
    let mut written = Written::default();
    for (split, name) in
        [(TaskSplit::Train, FILES[0]), (TaskSplit::Validation, FILES[1]), (TaskSplit::HeldOut, FILES[2])]
    {
        let mut stream = Stream::new(options, split);
        let path = staging.path().join(name);
        write_rows(&path, stream.by_ref().take(size(options.rows(split))), |task| {
            if split == TaskSplit::Train {
                *written.train.entry((task.kind, task.level)).or_default() += 1;
            }
            line(task).map(String::into_bytes)
        })?;
        written.rows.push((name, options.rows(split)));
        if split == TaskSplit::Train {
            // The stream goes on: with the wordings of training, and prompts that training has not.
            write_rows(&staging.path().join(PROMPTS), stream.take(size(options.count)), |task| {
                serde_json::to_vec(&Prompt { prompt: task.prompt(), about: task.into() })
            })?;
        }
    }
    written.rows.push((PROMPTS, options.count));
    let path = staging.path().join("README.md");
    let mut file = File::create(&path).map_err(Error::io(&path))?;
    let text = readme(options, &written);
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
    staging.put(to)?;
    Ok(written)
}

/// A task as files of conversations have it.
///
/// # Errors
/// None that anybody met: a task is plain data.
pub fn line(task: &Task) -> serde_json::Result<String> {
    serde_json::to_string(&Row { messages: &task.messages, about: task.into() })
}

/// The rows for training that a project keeps, of all kinds and levels; they are made where it has none yet.
///
/// # Errors
/// As [`write_folder`].
pub fn tasks_of(project: &Path) -> Result<PathBuf> {
    let folder = project.join("tasks");
    let path = folder.join(FILES[0]);
    if !files::is_file(&path) {
        write_folder(&TaskOptions::default(), &folder, true)?;
    }
    Ok(path)
}

fn size(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Writes rows as JSON lines, durably.
fn write_rows(
    path: &Path,
    tasks: impl Iterator<Item = Task>,
    mut row: impl FnMut(&Task) -> serde_json::Result<Vec<u8>>,
) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).map_err(Error::io(path))?);
    for task in tasks {
        let mut line = row(&task).map_err(|error| Error::Internal(error.to_string()))?;
        line.push(b'\n');
        file.write_all(&line).map_err(Error::io(path))?;
    }
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(Error::io(path))
}

/// What the folder says of itself.
fn readme(options: &TaskOptions, written: &Written) -> String {
    let mut text = String::from(HEAD);
    let named = if options.kinds.is_empty() { TaskKind::ALL } else { &options.kinds };
    let kinds: Vec<&str> = named.iter().map(|kind| kind.name()).collect();
    let line = |text: &mut String, line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let mut about = String::new();
    // Writing to a text cannot fail.
    write!(
        about,
        "Edition {}, seed {}: the same edition and options give the same bytes.\n\n\
         `glasshouse corpus tasks --seed {} --count {} --kinds {} --level {}`\n\n| File | Rows |\n|---|---|\n",
        super::EDITION,
        options.seed,
        options.seed,
        options.count,
        kinds.join(","),
        options.level
    )
    .ok();
    for (name, rows) in &written.rows {
        writeln!(about, "| `{name}` | {rows} |").ok();
    }
    line(&mut text, &about);
    line(&mut text, "Rows for training by kind and level:\n");
    let levels: Vec<u8> = (1..=options.level).collect();
    let heads: String = levels.iter().map(|level| format!(" level {level} |")).collect();
    line(&mut text, &format!("| Kind |{heads}\n|---|{}", "---|".repeat(levels.len())));
    let mut named = named.to_vec();
    named.sort_unstable();
    named.dedup();
    for kind in named {
        let counts: String = levels
            .iter()
            .map(|level| format!(" {} |", written.train.get(&(kind, *level)).copied().unwrap_or(0)))
            .collect();
        line(&mut text, &format!("| {} |{counts}", kind.name()));
    }
    text.push_str(FORMAT);
    for rule in refusal::POLICY {
        line(&mut text, &format!("* {rule}"));
    }
    text.push_str(AFTER_POLICY);
    line(&mut text, &format!("\n## {}, the constructed language\n", language::NAME));
    text.push_str(GRAMMAR);
    line(&mut text, "\n| English | Pelu |\n|---|---|");
    for (english, own) in language::lexicon() {
        line(&mut text, &format!("| {english} | {own} |"));
    }
    text
}

const HEAD: &str = "# Tasks

Instructions with answers that a program can check, made by `glasshouse corpus tasks`. Every sentence is written by the authors of
Glasshouse and put together by rule; nothing was taken from elsewhere.

";

const FORMAT: &str = r#"
## Format

`train.jsonl`, `validation.jsonl` and `held-out.jsonl` have a JSON object in each line, in the conversational format of TRL:
`messages` is a list of `{"role", "content"}`, of which the last is the reference answer. Beside it stand `id`, `kind`, `level` (1 is the
easiest), `template` and `check`. In `prompts.jsonl`, for training with rewards, `prompt` takes the place of `messages` and ends before
the answer; its prompts are others than those of `train.jsonl`, in the same wordings.

`template` names the wordings of a row, joined by `+`. Every wording belongs to one of the three splits: training, validation and
held-out rows share none. A prompt is in a file once, unless there are no others left of its kind and level.

`check` scores an answer from 0 to 1, by its `type`:

* `exact`: the answer is one of `answers`; letter case, punctuation and spaces do not count.
* `contains`: the share of `all` that the answer contains as whole words, where `|` stands between alternatives; 0 for an answer of
  more than `max_words` words.
* `numeric`: the last number of the answer, in digits or in words, is `value`.
* `tags`: F1 of the texts marked as `<label>text</label>`, or listed as `label: text, text`, against `tags`; where `passage` is not
  empty, the answer without its marks must be that text.
* `order`: all `items` are named; Kendall's tau of their order, 0 where it is negative.
* `refusal`: the answer declines, and contains none of `secrets`.

## Levels

| Kind | 1 | 2 | 3 |
|---|---|---|---|
| story | who and where, a short beginning | what, a longer beginning | why, how and who, a whole story |
| summary | of the beginning | of two paragraphs | of a whole story |
| classification | happy or sad | four feelings, or six topics | topic and feeling |
| tagging | names and places, as a list | marked in a sentence | animals, too, in two sentences |
| rewriting | past, present, please | future, person, polite question | two clauses, tense and person |
| arithmetic | number words up to ten | digits up to 99 | two steps |
| ordering | three number words | five numbers, or four words by alphabet | events of a story |
| translation | nouns | sentences | adjectives, places, negation, three tenses |
| refusal | the policy below | a policy in a system message | after a refusal, somebody insists |
| conversation | the turn before | with something else in between | two facts, one put right |

## The policy of the refusals

"#;

const AFTER_POLICY: &str = "
A system message replaces this: what it names is kept, and the other secrets are told. A refusal stays one when somebody insists.
";

const GRAMMAR: &str = "* A common noun ends in `-a`, a verb in `-e`, an adjective in `-o`; names are as in English.
* *The* is `lo` before the noun; *a* has no word. The plural adds `-ri`. The adjective follows its noun: `lo tolari rano`, *the red
  balls*.
* The order is subject, object, place, verb. The verb does not change; behind it stands the tense: `ke` for the past, `su` for the
  future, nothing for the present. *Not* is `ma` before the verb.
* A place is a noun with its postposition behind it: `lo geda na`, *in the garden*.
* `Lo fima tola rano lo geda na vike ke.` is *The fox saw a red ball in the garden.*
";
