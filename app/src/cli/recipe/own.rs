//! A user's rows for a recipe, converted from any supported format to a single one.

use super::*;
use crate::cli::data;
use glasshouse_conversation::Row;
use glasshouse_engine::data::read::{
    LabelledText, Problems, RowLocation, SourceFile, find_sources, json_rows, labelled_texts,
};
use glasshouse_engine::data::tasks::Check;
use serde::Serialize;

/// A line of a conversation that ends with its answer.
#[derive(Debug, Serialize)]
struct Answered {
    messages: Vec<ChatMessage>,
    /// The check that scores an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check>,
}

/// The rows of a file as lines for the recipe's run; `None` if the recipe takes plain text. Invalid rows are reported and
/// skipped.
pub(super) fn rows(recipe: &TuningRecipe, file: &Path) -> Result<Option<Vec<String>>> {
    if recipe.metric() == RecipeMetric::Perplexity {
        // Refuse a missing file before a model is imported.
        find_sources(&[file], &Problems::default())?;
        return Ok(None);
    }
    let problems = Problems::default();
    let source = source(file, &problems)?;
    let rows = match recipe.metric() {
        RecipeMetric::Labels => labels(&source, &problems),
        RecipeMetric::Answers | RecipeMetric::Perplexity => conversations(&source, &problems),
    };
    let advice = || {
        let (file, name, format) = (file.display(), &recipe.name, recipe.format());
        format!(
            "{file} is not data for the recipe {name}, which learns from {format}; `glasshouse recipe {name} --example rows.jsonl` writes an example"
        )
    };
    let rows = rows.map_err(|error| usage(format!("{}: {error:#}", advice())))?;
    let wrong = problems.list();
    if rows.is_empty() {
        let first = wrong.first().map_or_else(|| "no rows".to_owned(), |problem| problem.reason.clone());
        misuse!("{}: {first}", advice());
    }
    data::print_problems(&wrong);
    Ok(Some(rows))
}

fn source(file: &Path, problems: &Problems) -> Result<SourceFile> {
    let sources = find_sources(&[file], problems)?;
    sources.into_iter().next().with_context(|| format!("{} is not a file", file.display()))
}

fn labels(source: &SourceFile, problems: &Problems) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for row in labelled_texts(source)? {
        match row? {
            Ok(LabelledText { text, label: Some(label), .. }) => {
                rows.push(json!({ "text": text, "label": label }).to_string());
            }
            Ok(LabelledText { place, .. }) => {
                problems.note(&source.path, &format!("{place}: `label`: missing"));
            }
            Err(reason) => problems.note(&source.path, &reason),
        }
    }
    Ok(rows)
}

fn conversations(source: &SourceFile, problems: &Problems) -> Result<Vec<String>> {
    let read = |row: &str, place: RowLocation| {
        let row =
            answered(row).and_then(|row| serde_json::to_string(&row).map_err(|error| error.to_string()));
        Ok(row.map_err(|reason| problems.note(&source.path, &format!("{place}: {reason}"))).ok())
    };
    Ok(json_rows(source, read)?.collect::<Result<_, _>>()?)
}

/// Converts a line to a conversation that ends with its answer.
fn answered(line: &str) -> Result<Answered, String> {
    let messages = match Row::read(line, Objective::Chat)? {
        Row::Conversation { conversation, .. } => conversation.messages,
        Row::Completion { prompt, completion } => {
            vec![ChatMessage::new(Role::User, prompt), ChatMessage::new(Role::Assistant, completion)]
        }
        Row::Text(_) => return Err("text, with no question and no answer".to_owned()),
        Row::Preference(_) => return Err("a preference, with two answers".to_owned()),
    };
    let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
    if !matches!(roles[..], [.., Role::User | Role::Tool, Role::Assistant]) {
        return Err("its last two messages are not a question and an answer".to_owned());
    }
    let check = serde_json::from_str::<Value>(line).ok().and_then(|row| row.get("check").cloned());
    let check = check.filter(|check| !check.is_null()).map(serde_json::from_value).transpose();
    let check = check.map_err(|error| format!("`check`: {error}"))?;
    Ok(Answered { messages, check })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_format_are_questions_with_answers() {
        for line in [
            r#"{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Ada."}]}"#,
            r#"{"conversations":[{"from":"human","value":"Who?"},{"from":"gpt","value":"Ada."}]}"#,
            r#"{"instruction":"Who?","input":"","output":"Ada."}"#,
            r#"{"prompt":"Who?","completion":"Ada.","check":{"type":"numeric","value":4}}"#,
        ] {
            let row = answered(line).unwrap();
            assert_eq!(row.check.is_some(), line.contains("check"));
            let asked = [ChatMessage::new(Role::User, "Who?"), ChatMessage::new(Role::Assistant, "Ada.")];
            assert_eq!(row.messages, asked);
        }
    }

    #[test]
    fn what_is_no_question_with_an_answer_is_said() {
        for (line, said) in [
            (r#"{"text":"Once."}"#, "no question"),
            (r#"{"prompt":"a","chosen":"b","rejected":"c"}"#, "preference"),
            (
                r#"{"messages":[{"role":"assistant","content":"Ada."}]}"#,
                "assistant messages may not come first",
            ),
            (r#"{"messages":[{"role":"user","content":"Who?"}]}"#, "no assistant message"),
            (r#"{"prompt":"a","completion":"b","check":{"type":"vibes"}}"#, "`check`"),
            ("{", "not JSON"),
        ] {
            let reason = answered(line).unwrap_err();
            assert!(reason.contains(said), "{line}: {reason}");
        }
    }
}
