//! Exports a task's rows for other programs, without the correct answers, so that external models answer the same
//! questions in the same words.

use super::file::TaskFile;
use super::prompt::{Wording, names_of};
use super::rows::{Kind, Marked, Right, Row};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::ChatMessage;
use serde::Serialize;

/// Tokens of an answer beyond the bytes of the longest correct one, and in total.
const ROOM: usize = 16;
const MAX_TOKENS: usize = 512;

#[derive(Serialize)]
struct ScriptLine<'a> {
    line: u64,
    /// Prompt for a model without a chat template.
    prompt: String,
    /// Messages for a chat template; absent if the row is a text to continue.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<ChatMessage>>,
    /// Options compared by likelihood.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    /// Whether an answer ends at a line break, if no chat template is used.
    of_a_line: bool,
}

impl TaskFile {
    /// The rows as JSON lines for a program based on `transformers`. Fails if the rows have continuations to score, which the
    /// program does not.
    pub fn questions(&self, max_tokens: Option<usize>) -> Result<Vec<String>> {
        if self
            .rows
            .iter()
            .any(|row| row.kind() == Kind::Continue || matches!(row.marked, Marked::Contexts(_)))
        {
            let name = &self.name;
            return Err(Error::Refused(format!(
                "{name}: the program cannot score continuations; leave this task out, and compare with --against instead"
            )));
        }
        let names = names_of(&self.rows);
        let wording = Wording { kind: self.kind, names: names.clone() };
        let expected: Vec<String> = self.rows.iter().flat_map(Row::expected).collect();
        let of_a_line = !expected.iter().any(|text| text.contains('\n'));
        let longest = expected.iter().map(String::len).max().unwrap_or(0);
        let most = max_tokens.unwrap_or((longest + ROOM).min(MAX_TOKENS));
        let line = |row: &Row| {
            let choices = match (&row.right, self.kind) {
                (Right::Choice { choices, .. }, _) => Some(choices.as_slice()),
                (_, Kind::Classify) => Some(names.as_slice()),
                _ => None,
            };
            let line = ScriptLine {
                line: row.line,
                prompt: wording.plain_text(row),
                messages: (!row.plain).then(|| wording.chat_messages(row)),
                max_tokens: choices.is_none().then_some(most),
                choices,
                of_a_line,
            };
            serde_json::to_string(&line).unwrap_or_default()
        };
        Ok(self.rows.iter().map(line).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn questions(rows: &str, max_tokens: Option<usize>) -> Vec<Value> {
        let file = TaskFile::read("rows.jsonl", rows.as_bytes(), None).unwrap();
        let lines = file.questions(max_tokens).unwrap();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn questions_are_exported_without_their_answers() {
        let rows = "{\"prompt\":\"Who wrote it?\",\"answer\":\"Ada Lovelace\"}\n{\"prompt\":\"When?\",\"answer\":\"1843\"}\n";
        let lines = questions(rows, None);
        assert_eq!(lines.len(), 2);
        for (number, line) in (1..).zip(&lines) {
            assert_eq!(line["line"], number);
            assert_eq!(line["max_tokens"], "Ada Lovelace".len() + ROOM);
            assert!(line["choices"].is_null() && line["of_a_line"] == true, "{line}");
            let text = line.to_string();
            assert!(!text.contains("Lovelace") && !text.contains("1843"), "{text}");
        }
        assert!(lines[0]["prompt"].as_str().unwrap().contains("Who wrote it?"));
        assert_eq!(questions(rows, Some(3))[1]["max_tokens"], 3);
    }

    #[test]
    fn choices_and_labels_are_compared_and_need_no_tokens() {
        let lines = questions("{\"prompt\":\"Sky?\",\"choices\":[\"red\",\"blue\"],\"answer\":1}\n", None);
        assert_eq!(lines[0]["choices"], serde_json::json!(["red", "blue"]));
        assert!(lines[0]["max_tokens"].is_null() && lines[0].get("answer").is_none(), "{}", lines[0]);
        let labels = questions("{\"text\":\"a\",\"label\":\"y\"}\n{\"text\":\"b\",\"label\":\"x\"}\n", None);
        assert!(labels.iter().all(|line| line["choices"] == serde_json::json!(["x", "y"])), "{labels:?}");
    }
}
