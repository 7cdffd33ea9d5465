//! Encodes prompts, written by a chat template up to the assistant's turn, into a token store of examples, each with
//! data on correct answers.

use super::conversations::{missing, template_fault};
use super::corpus::Corpus;
use super::lost::{self, Lost};
use super::split::RowSplitter;
use super::{ENCODE_BYTES, Progress, index_of};
use crate::data::read::{self, Problems, RowLocation};
use crate::data::rewards::{Judge, Judged};
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::TokenizerFiles;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::{ChatMessage, DataConfig, Objective};
use serde_json::Value;
use std::path::Path;

/// Reads the prompts of a corpus line by line and writes their tokens to `folder`, whose index records `recipe`. Invalid lines, lines that
/// the rule cannot judge, and prompts of only unknown characters are recorded as problems and left out. [`RowSplitter`] selects the
/// held-out rows unless held-out files are given. Fails if a source is not JSON Lines, there are no prompts, or a split has none.
#[allow(clippy::too_many_arguments, reason = "as its siblings, and the rule that judges")]
pub(super) async fn encode(
    corpus: &Corpus,
    config: &DataConfig,
    files: &TokenizerFiles,
    judge: &Judge,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<()> {
    let renderer = files.chat_renderer()?;
    let Some(sources) = corpus.rows() else {
        return Err(Error::Refused(
            "the objective reward answers prompts: give a file of them as data (JSON Lines or a JSON array)"
                .to_owned(),
        ));
    };
    let total = corpus.bytes();
    let special = files.tokenizer.special_pattern();
    let mut queue = PromptQueue {
        files,
        splitter: RowSplitter::new(config),
        writer: Writer::new(folder, files.tokenizer.vocabulary_size()),
        waiting: Vec::new(),
        emptied: Vec::new(),
        lost: Lost::default(),
        characters: 0,
        asked: None,
    };
    let (mut waiting, mut bytes) = (0, 0);
    for (source, split) in sources {
        let read = |row: &str, place: RowLocation| {
            let read = prompt(row).and_then(|(messages, judged, unread)| {
                if let Some(fault) = judge.fault(&judged) {
                    return Err(fault.to_owned());
                }
                let text = renderer.text(&messages, true)?;
                problems.unread(unread);
                Ok((place, lost::spelled(special.as_ref(), row), text, judged))
            });
            read.map(Some).or_else(|reason| {
                renderer.still_there().map_err(|gone| format!("cannot be written: {gone}"))?;
                problems.note(&source.path, &format!("{place}: {reason}"));
                Ok(None)
            })
        };
        for prompt in read::json_rows(source, read)? {
            let (place, spelled, text, judged) = prompt?;
            queue.lost.note_spelled(spelled);
            yielder.maybe_yield().await;
            if waiting >= ENCODE_BYTES {
                waiting = 0;
                queue.flush()?;
                progress(Progress::Encoding { bytes: bytes.min(total), total });
            }
            waiting += text.len();
            bytes += text.len() as u64;
            queue.waiting.push((split, (&source.path, place), text, judged));
        }
    }
    queue.flush()?;
    let placed = queue.splitter.finish();
    queue.splitter.tell(problems, &corpus.name());
    queue.write(placed)?;
    let PromptQueue { writer, splitter, emptied, lost, characters, asked, .. } = queue;
    for (path, place) in emptied {
        problems.note(path, &format!("{place}: `prompt`: the vocabulary has none of its characters"));
    }
    lost.tell(problems, &corpus.name(), "prompt")?;
    let counts = splitter.counts;
    if let Some(missing) = missing(counts, Objective::Reward, problems) {
        let fault = template_fault(&renderer).filter(|_| counts == [0, 0]);
        return Err(fault.unwrap_or(Error::Refused(missing)));
    }
    writer.finish(Index {
        documents: counts.iter().sum(),
        characters,
        bytes,
        prompt: asked,
        ..index_of(corpus, &files.tokenizer, recipe, problems)?
    })?;
    Ok(())
}

/// Fields that are read, or that hold metadata of generated tasks.
const FIELDS: [&str; 7] = ["prompt", "check", "answer", "id", "kind", "level", "template"];

/// Returns a line's messages, the data on correct answers, and the names of unread fields; or the fault.
fn prompt(line: &str) -> Result<(Vec<ChatMessage>, Judged, Vec<String>), String> {
    let row: Value = serde_json::from_slice(line.as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
    let row = row.as_object().ok_or("expected a JSON object")?;
    let messages = read::messages_of(row, "prompt")?;
    let asked = read::asked_last(&messages, "prompt")?.to_owned();
    read::in_turns(&messages, "prompt")?;
    let check = match row.get("check") {
        None | Some(Value::Null) => None,
        Some(check) => {
            Some(serde_json::from_value(check.clone()).map_err(|error| format!("`check`: {error}"))?)
        }
    };
    let answer = match row.get("answer") {
        None | Some(Value::Null) => None,
        Some(Value::String(answer)) => Some(answer.clone()),
        Some(Value::Number(answer)) => Some(answer.to_string()),
        Some(_) => return Err("`answer`: expected text or a number".to_owned()),
    };
    let unread = row.iter().filter(|(key, value)| !value.is_null() && !FIELDS.contains(&key.as_str()));
    let unread = unread.map(|(key, _)| key.clone()).collect();
    Ok((messages, Judged { asked, check, answer }, unread))
}

/// A prompt waiting to be encoded: its split if given by the file, its location, text and data on correct answers.
type WaitingPrompt<'a> = (Option<Split>, (&'a Path, RowLocation), String, Judged);

/// A prompt's tokens, text and data on correct answers.
type Encoded = (Vec<u32>, String, Judged);

/// Encodes prompts in batches and writes them to a store.
struct PromptQueue<'a> {
    files: &'a TokenizerFiles,
    splitter: RowSplitter<Encoded>,
    writer: Writer,
    waiting: Vec<WaitingPrompt<'a>>,
    /// Prompts of only unknown characters.
    emptied: Vec<(&'a Path, RowLocation)>,
    lost: Lost,
    characters: u64,
    /// The first held-out prompt, for samples.
    asked: Option<String>,
}

impl PromptQueue<'_> {
    /// Encodes the waiting rows, and writes those whose split is known.
    fn flush(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let tokenizer = &self.files.tokenizer;
        let texts: Vec<&str> = waiting.iter().map(|(_, _, text, _)| text.as_str()).collect();
        let encoded = tokenizer.encode_spans(&texts)?;
        for ((split, place, text, judged), encoded) in waiting.into_iter().zip(encoded) {
            let lost: Vec<(usize, char)> = tokenizer.lost(&text, &encoded).collect();
            let asked = text.rfind(judged.asked.trim()).map(|at| at..at + judged.asked.trim().len());
            let is_emptied = lost::is_emptied(tokenizer, &encoded, asked.as_slice(), &lost);
            self.lost.note(split.unwrap_or(Split::Train), &text, lost.iter().map(|(_, own)| *own));
            if is_emptied {
                self.emptied.push(place);
                continue;
            }
            let content = text.clone();
            let placed = self.splitter.place(&content, split, (encoded.tokens, text, judged));
            self.write(placed)?;
        }
        Ok(())
    }

    fn write(&mut self, placed: Vec<(Split, Encoded)>) -> Result<()> {
        for (split, (tokens, text, judged)) in placed {
            self.characters += text.chars().count() as u64;
            if split == Split::Validation && self.asked.is_none() {
                self.asked = Some(judged.asked.clone());
            }
            self.writer.append_example(split, &tokens, &vec![false; tokens.len()], text.len() as u64)?;
            self.writer.append_row(split, &judged)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tasks::Check;
    use glasshouse_protocol::Role;

    #[test]
    fn a_prompt_is_text_or_messages_with_what_is_right() {
        let (messages, judged, unread) = prompt(r#"{"prompt":"2 + 2?","answer":4,"source":"x"}"#).unwrap();
        assert_eq!(unread, ["source"]);
        assert_eq!(messages, [ChatMessage::new(Role::User, "2 + 2?")]);
        assert_eq!(judged.answer.as_deref(), Some("4"));
        let line = r#"{"prompt":[{"role":"system","content":"Be brief."},{"role":"user","content":"2 + 2?"}],"check":{"type":"numeric","value":4},"level":1}"#;
        let (messages, judged, unread) = prompt(line).unwrap();
        assert_eq!(unread, [""; 0]);
        assert_eq!((messages.len(), judged.check), (2, Some(Check::Numeric { value: 4 })));
        assert_eq!(judged.asked, "2 + 2?");
    }

    #[test]
    fn what_is_no_prompt_is_refused_by_its_field() {
        for (line, said) in [
            ("{", "not JSON"),
            ("[1]", "expected a JSON object"),
            (r#"{"messages":[]}"#, "`prompt`: missing"),
            (r#"{"prompt":7}"#, "`prompt`: expected text or a list of messages"),
            (r#"{"prompt":[]}"#, "`prompt`: no messages"),
            (r#"{"prompt":" "}"#, "`prompt[0].content`: empty"),
            (r#"{"prompt":["a"]}"#, "`prompt[0]`: expected an object"),
            (r#"{"prompt":[{"role":"user"}]}"#, "`prompt[0].content`: expected text"),
            (
                r#"{"prompt":[{"role":"narrator","content":"a"}]}"#,
                "`prompt[0].role`: unknown role \"narrator\"; known: system, developer, user, assistant, tool",
            ),
            (
                r#"{"prompt":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#,
                "`prompt[1].role`: user messages may not follow user messages",
            ),
            (
                r#"{"prompt":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
                "its last message is the assistant's",
            ),
            (r#"{"prompt":"a","check":{"type":"vibes"}}"#, "`check`: unknown variant `vibes`"),
            (r#"{"prompt":"a","answer":["b"]}"#, "`answer`: expected text or a number"),
        ] {
            let reason = prompt(line).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }
}
