//! Data sets with free-text answers, labels or tags.

use super::fields::{Fields, answering, given, text, texts, word};
use serde_json::{Value, json};

/// Names of CoNLL-2003's tags, in the order of their numbers on the Hub.
const TAGS: [&str; 9] = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"];

/// A non-empty string.
fn answer(fields: &Fields, name: &str) -> Result<String, String> {
    let answer = text(fields, name)?.trim().to_owned();
    if answer.is_empty() { Err(format!("`{name}`: empty")) } else { Ok(answer) }
}

/// A list of strings, at least one of them non-empty.
fn answers(fields: &Fields, name: &str) -> Result<Vec<String>, String> {
    let mut answers = match given(fields, name) {
        Some(value @ Value::Array(_)) => texts(Some(value), name)?,
        _ => vec![answer(fields, name)?],
    };
    answers.retain(|answer| !answer.trim().is_empty());
    if answers.is_empty() { Err(format!("`{name}`: empty")) } else { Ok(answers) }
}

/// ASDiv: a number, with its unit in brackets or after it; the number alone is correct too.
pub(super) fn asdiv(fields: &Fields) -> Result<Fields, String> {
    let body = if given(fields, "body").is_some() { "body" } else { "passage" };
    let whole = answer(fields, "answer")?;
    let (number, unit) =
        whole.split_once(" (").unwrap_or_else(|| whole.split_once(' ').unwrap_or((&whole, "")));
    let unit = unit.trim_end_matches(')');
    let answers = match number.parse::<f64>() {
        Ok(_) if unit.is_empty() => vec![number.to_owned()],
        Ok(_) => vec![number.to_owned(), format!("{number} {unit}")],
        // Otherwise a name, whose words belong together.
        Err(_) => vec![whole.split_once(" (").map_or(whole.as_str(), |(name, _)| name).to_owned()],
    };
    let prompt = format!("{}\nQuestion:{}\nAnswer:", text(fields, body)?, text(fields, "question")?);
    Ok(answering(prompt, answers, ""))
}

/// Natural Questions without the pages.
pub(super) fn nq_open(fields: &Fields) -> Result<Fields, String> {
    let prompt = format!("Answer these questions:\n\nQ: {}?\nA:", text(fields, "question")?);
    Ok(answering(prompt, answers(fields, "answer")?, ""))
}

/// TruthfulQA with only true answers.
pub(super) fn truthfulqa(fields: &Fields) -> Result<Fields, String> {
    let name = if given(fields, "correct_answers").is_some() { "correct_answers" } else { "answer" };
    let group = given(fields, "category").and_then(Value::as_str).unwrap_or_default();
    Ok(answering(format!("Q: {}\nA:", text(fields, "question")?), answers(fields, name)?, group))
}

/// A question about a passage.
pub(super) fn passage(fields: &Fields) -> Result<Fields, String> {
    let prompt = format!("{}\nQuestion: {}\nAnswer:", text(fields, "passage")?, text(fields, "question")?);
    Ok(answering(prompt, answers(fields, "answer")?, ""))
}

/// XSum: summarise a document, with the prompt that Radford et al. (2019) used for GPT-2.
pub(super) fn xsum(fields: &Fields) -> Result<Fields, String> {
    Ok(answering(format!("{}\nTL;DR:", answer(fields, "document")?), vec![answer(fields, "summary")?], ""))
}

/// IMDB: a review with its label as a word.
pub(super) fn imdb(fields: &Fields) -> Result<Fields, String> {
    let [review, label] =
        if given(fields, "review").is_some() { ["review", "sentiment"] } else { ["text", "label"] };
    let said = answer(fields, label)?;
    let label = match said.as_str() {
        "0" | "neg" | "negative" => "negative",
        "1" | "pos" | "positive" => "positive",
        _ => return Err(format!("`{label}`: {said:?} is not 0, 1, negative or positive")),
    };
    // Reviews contain HTML line breaks.
    let review = answer(fields, review)?.replace("<br />", "\n");
    Ok(Fields::from_iter([("text".to_owned(), json!(review)), ("label".to_owned(), json!(label))]))
}

/// CoNLL-2003: a sentence's words with the names of their tags.
pub(super) fn conll(fields: &Fields) -> Result<Fields, String> {
    let tags = given(fields, "ner_tags").and_then(Value::as_array).ok_or("`ner_tags`: expected a list")?;
    let name = |tag: &Value| {
        let number = tag.as_u64().and_then(|number| usize::try_from(number).ok());
        match number {
            Some(number) => TAGS.get(number).map(|name| (*name).to_owned()),
            None => word(tag),
        }
    };
    let tags: Option<Vec<String>> = tags.iter().map(name).collect();
    let tags = tags.ok_or("`ner_tags`: expected numbers from 0 to 8, or names of tags")?;
    let words = texts(given(fields, "tokens"), "tokens")?;
    Ok(Fields::from_iter([("tokens".to_owned(), json!(words)), ("tags".to_owned(), json!(tags))]))
}
