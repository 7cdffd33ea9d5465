//! Encodes prompts, written by a chat template up to the assistant's turn, into a token store of examples, each with
//! data on correct answers.

use super::Progress;
use super::lost;
use super::rows::{RowPreparation, RowQueue, RowText, Rows, template_fault, written};
use crate::data::read;
use crate::data::rewards::{Judge, Judged};
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::Tokenizer;
use glasshouse_conversation::validate;
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::ChatMessage;
use serde_json::Value;

/// Reads the prompts of a corpus line by line and writes their tokens. Invalid lines, lines that the reward's rule cannot judge, and prompts
/// of only unknown characters are recorded as problems and left out. Fails if a source is not JSON Lines, there are no prompts, or a split
/// has none.
pub(super) async fn encode(
    preparation: &RowPreparation<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let RowPreparation { corpus, config, files, problems, yielder, .. } = preparation;
    let judge = Judge::new(&config.train.reward)?;
    let renderer = files.chat_renderer()?;
    let Some(sources) = corpus.rows() else {
        refuse!(
            "the objective reward answers prompts: give a file of them as data (JSON Lines or a JSON array)"
        );
    };
    let special = files.tokenizer.special_pattern();
    let prompts = Prompts { asked: None };
    let mut queue = RowQueue::new(preparation, files.tokenizer.vocabulary_size(), prompts, progress);
    for (source, split) in sources {
        let read = |row: &str, place| {
            let read = prompt(row).and_then(|(messages, judged, unread)| {
                if let Some(fault) = judge.fault(&judged) {
                    return Err(fault.to_owned());
                }
                let text = renderer.text(&messages, true)?;
                problems.unread(unread);
                Ok((place, lost::spelled(special.as_ref(), row), text, judged))
            });
            written(read, &renderer, problems, (&source.path, place))
        };
        for prompt in read::json_rows(source, read)? {
            let (place, spelled, text, judged) = prompt?;
            yielder.maybe_yield().await;
            let bytes = text.len();
            queue.push((split, &source.path, place), spelled, bytes, Some((text, judged)))?;
        }
    }
    let (Prompts { asked: prompt }, writer, index) = queue.finish(|| template_fault(&renderer))?;
    writer.finish(Index { prompt, ..index })?;
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
    validate(&messages, "prompt")?;
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

struct Prompts {
    /// The first held-out prompt, for samples.
    asked: Option<String>,
}

impl Rows for Prompts {
    type Row = (String, Judged);
    /// A prompt's tokens and bytes, and its data on correct answers.
    type Encoded = (Vec<u32>, u64, Judged);
    const EMPTIED: &str = "`prompt`: the vocabulary has none of its characters";

    fn texts((text, _): &Self::Row) -> impl Iterator<Item = &str> {
        std::iter::once(text.as_str())
    }

    fn encoded(
        tokenizer: &Tokenizer,
        (text, judged): Self::Row,
        texts: Vec<RowText>,
    ) -> Option<Self::Encoded> {
        let (encoded, lost) = texts.into_iter().next()?;
        let asked = judged.asked.trim();
        let asked = text.rfind(asked).map(|at| at..at + asked.len());
        let is_emptied = lost::is_emptied(tokenizer, &encoded, asked.as_slice(), &lost);
        (!is_emptied).then_some((encoded.tokens, text.len() as u64, judged))
    }

    fn write(
        &mut self,
        writer: &mut Writer,
        split: Split,
        (tokens, bytes, judged): Self::Encoded,
    ) -> Result<()> {
        if split == Split::Validation {
            self.asked.get_or_insert_with(|| judged.asked.clone());
        }
        writer.append_example(split, &tokens, &vec![false; tokens.len()], bytes)?;
        writer.append_row(split, &judged)
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
            (r#"{"prompt":7}"#, "`prompt`: expected a string or a list of messages"),
            (r#"{"prompt":[]}"#, "`prompt`: no messages"),
            (r#"{"prompt":" "}"#, "`prompt[0].content`: empty"),
            (r#"{"prompt":["a"]}"#, "`prompt[0]`: expected an object"),
            (r#"{"prompt":[{"role":"user"}]}"#, "`prompt[0].content`: missing"),
            (
                r#"{"prompt":[{"role":"narrator","content":"a"}]}"#,
                "`prompt[0].role`: unknown role \"narrator\"; known: system (developer), user, assistant, tool (function)",
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
