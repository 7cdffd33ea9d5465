//! Task descriptions with the keys of lm-evaluation-harness, and the published tasks among them (`tasks.yaml`): Jinja templates make a
//! task row (`glasshouse_evaluation`) of each row of a data set.

use crate::template::{self, TemplateError};
use crate::yaml;
use glasshouse_protocol::evaluation::TaskSet;
use glasshouse_protocol::names;
use minijinja::value::{Rest, Serde, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, syntax::SyntaxConfig};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

const PUBLISHED: &str = include_str!("tasks.yaml");

/// Work per template of a row.
const FUEL: u64 = 4_000_000;

/// Keys that are read, and keys that do not change how a given file is asked.
const KEYS: [&str; 12] = [
    "task",
    "output_type",
    "description",
    "doc_to_text",
    "doc_to_choice",
    "doc_to_target",
    "multiple_inputs",
    "target_delimiter",
    "num_fewshot",
    "metric_list",
    "generation_kwargs",
    "metadata",
];
const IGNORED: [&str; 15] = [
    "task_alias",
    "tag",
    "group",
    "dataset_path",
    "dataset_name",
    "dataset_kwargs",
    "training_split",
    "validation_split",
    "test_split",
    "fewshot_split",
    "fewshot_delimiter",
    "should_decontaminate",
    "doc_to_decontamination_query",
    "template_aliases",
    "unsafe_code",
];

/// The variable that holds the value of a source that is a single expression.
const VALUE: &str = "glasshouse_value";
const UNLABELLED: &str = "missing; some test splits are published without answers; use a validation split";

type Fields = Map<String, Json>;
type Variables = BTreeMap<String, Value>;

/// A compiled description.
#[derive(Debug)]
pub struct Task {
    pub set: TaskSet,
    description: Fields,
    environment: Environment<'static>,
}

impl Task {
    /// The description of a file's rows: `named` is a description as YAML, the name of a published task, or empty to recognise it
    /// by the first row and the file's name. `None` if no published task has such rows.
    ///
    /// # Errors
    /// The description is invalid, no task has this name, or its rows have other fields.
    pub fn find(named: &str, file: &str, row: &Fields) -> Result<Option<Self>, String> {
        if named.contains('\n') {
            let mut own = yaml::documents(named)?;
            return match (own.pop(), own.is_empty()) {
                (Some(Json::Object(description)), true) => Self::new(description).map(Some),
                _ => Err("a task description is one mapping, with keys such as `doc_to_text`".to_owned()),
            };
        }
        let words = beginnings(if named.is_empty() { file } else { named });
        let letters = has_all(row, &["question"]) && row.get("options").is_some_and(Json::is_string);
        let (environment, mut variables) = (environment()?, variables(row));
        variables.insert("letters".to_owned(), letters.into());
        let (mut known, mut hinted) = (Vec::new(), false);
        for description in yaml::documents(PUBLISHED)? {
            let Json::Object(description) = description else { continue };
            let text = |name: &str| description.get("metadata")?.get(name)?.as_str();
            let hints = description.get("metadata").and_then(|own| own.get("names")?.as_array());
            let hints = || hints.into_iter().flatten().filter_map(Json::as_str);
            let is_named = hints().any(|hint| words.iter().any(|word| word.starts_with(hint)));
            known.extend(description.get("task").and_then(Json::as_str).map(str::to_owned));
            if !named.is_empty() && !is_named {
                continue;
            }
            hinted |= is_named;
            variables.insert("named".to_owned(), is_named.into());
            let when = text("when").unwrap_or_default().to_owned();
            let when = environment.compile_expression_owned(when).map_err(reason)?;
            if when.eval(context(&variables)).is_ok_and(|fits| fits.is_true()) {
                return Self::new(description).map(Some);
            }
        }
        match (named, hinted) {
            ("", _) => Ok(None),
            (_, true) => Err(format!(
                "the rows are not those of {named}: the first has the fields {}; use the data set's own field names",
                row.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            )),
            _ => Err(names::unknown("task", named, known.iter().map(String::as_str))),
        }
    }

    fn new(mut description: Fields) -> Result<Self, String> {
        let known = || KEYS.into_iter().chain(IGNORED);
        if let Some(key) = description.keys().find(|key| !known().any(|known| known == key.as_str())) {
            let what = "key of a task description";
            return Err(format!(
                "{}; prepare the rows in the file instead",
                names::unknown(what, key, known())
            ));
        }
        let mut environment = environment()?;
        let metadata = description.remove("metadata").unwrap_or_default();
        for (name, source) in metadata.get("row").and_then(Json::as_object).cloned().unwrap_or_default() {
            description.insert(format!("row.{name}"), source);
        }
        description.extend(metadata.get("set").map(|set| ("set".to_owned(), set.clone())));
        for (key, source) in &description {
            let made = |key: &str| key.starts_with("doc_to_") || key.starts_with("row.");
            if let Some(source) =
                source.as_str().filter(|_| made(key) || ["description", "set"].contains(&key.as_str()))
            {
                let inner = source.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
                let single =
                    inner.filter(|inner| !["{{", "}}", "{%", "%}"].iter().any(|part| inner.contains(part)));
                let source = single.map_or(source.to_owned(), |inner| {
                    format!("{{% set {VALUE} = ({}) %}}", inner.trim_matches('-'))
                });
                let fault = |reason: String| format!("`{key}`: {reason}");
                let source = template::rewritten(&source).map_err(|error| fault(brief(error)))?;
                environment.add_template_owned(key.clone(), source).map_err(|error| fault(reason(error)))?;
            }
        }
        let set = set(&description, &metadata)?;
        Ok(Self { set, description, environment })
    }

    /// Converts a row of the data set to a task row.
    ///
    /// # Errors
    /// The row lacks a field or a right answer, or a template fails; the error names the key or field.
    pub fn row(&self, row: &Fields) -> Result<Fields, String> {
        let mut variables = variables(row);
        if self.description.contains_key("set") {
            self.rendered("set", &mut variables)?;
        }
        let mut value = |key: &str| self.value(key, row, &mut variables);
        let mut made = Fields::new();
        let (text, target) = match self.description.get("multiple_inputs") {
            Some(Json::Bool(true)) => {
                made.insert("continuation".to_owned(), value("doc_to_target")?);
                ("", "doc_to_text")
            }
            _ => ("doc_to_text", "doc_to_target"),
        };
        if self.description.contains_key("doc_to_target") {
            let right = value(target)?;
            if [json!(null), json!(""), json!("-1"), json!(-1)].contains(&right) {
                return Err(format!(
                    "`{}`: {UNLABELLED}",
                    self.names(target).first().map_or(target, String::as_str)
                ));
            }
            let name = match self.output() {
                "multiple_choice" => "answer",
                "loglikelihood" => "continuation",
                _ => "answers",
            };
            let is_list = name != "answers" || right.is_array();
            made.insert(name.to_owned(), if is_list { right } else { json!([right]) });
            let prompt = [value("description")?, value(text)?].map(|part| word(&part)).concat();
            made.insert("prompt".to_owned(), prompt.into());
            if self.output() == "multiple_choice" {
                let choices = match value("doc_to_choice")? {
                    Json::Object(choices) => choices.into_iter().map(|(_, choice)| choice).collect(),
                    choices => choices,
                };
                made.insert("choices".to_owned(), choices);
            }
        }
        for key in self.description.keys() {
            if let Some(name) = key.strip_prefix("row.") {
                let own = value(key)?;
                made.extend(
                    Some((name.to_owned(), own)).filter(|(_, own)| !own.is_null() && *own != json!("")),
                );
            }
        }
        Ok(made)
    }

    /// `multiple_choice`, `loglikelihood` or `generate_until`. Choices imply the first.
    fn output(&self) -> &str {
        let implied =
            if self.description.contains_key("doc_to_choice") { "multiple_choice" } else { "generate_until" };
        self.description.get("output_type").and_then(Json::as_str).unwrap_or(implied)
    }

    /// The value of a key: a field of this name, a template's value or text, or the constant itself.
    fn value(&self, key: &str, row: &Fields, variables: &mut Variables) -> Result<Json, String> {
        let Some(source) = self.description.get(key) else { return Ok(Json::Null) };
        let Json::String(text) = source else { return Ok(source.clone()) };
        if let Some(field) = row.get(text) {
            return Ok(field.clone());
        }
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        if key != "description" && !text.is_empty() && text.chars().all(is_name) {
            return Err(format!("`{text}`: missing (`{key}`)"));
        }
        let value = self.rendered(key, variables)?;
        if value.is_undefined() {
            let may_lack = key == "doc_to_target" || key.starts_with("row.");
            return if may_lack { Ok(Json::Null) } else { Err(self.missing(key, variables)) };
        }
        serde_json::to_value(value).map_err(|error| format!("`{key}`: {error}"))
    }

    /// Renders a template; variables that `set` computes are added.
    fn rendered(&self, key: &str, variables: &mut Variables) -> Result<Value, String> {
        let failed = |error: Error| match (error.kind(), template::failed(error)) {
            (_, TemplateError::Refused(message)) => message,
            (ErrorKind::UndefinedError, _) => self.missing(key, variables),
            (_, error) => format!("`{key}`: {}", brief(error)),
        };
        let template = self.environment.get_template(key).map_err(failed)?;
        let rendered = template.render_captured(context(variables)).map_err(failed)?;
        let state = rendered.state();
        if key == "set" {
            for name in state.exports() {
                variables.extend(state.lookup(name).map(|value| (name.to_owned(), value)));
            }
        }
        Ok(state.lookup(VALUE).unwrap_or_else(|| Value::from(rendered.output())))
    }

    /// The fields that a template reads, in order; a field's own name for a source that is one.
    fn names(&self, key: &str) -> Vec<String> {
        let source = self.description.get(key).and_then(Json::as_str).unwrap_or_default();
        let template = self.environment.get_template(key);
        let mut names: Vec<String> =
            template.map_or_else(|_| Vec::new(), |own| own.undeclared_variables(false).into_iter().collect());
        names.retain(|name| !self.environment.globals().any(|(global, _)| global == name));
        names.sort_by_key(|name| source.find(name.as_str()));
        if names.is_empty() { vec![source.to_owned()] } else { names }
    }

    fn missing(&self, key: &str, variables: &Variables) -> String {
        let missing = self.names(key).into_iter().find(|name| !variables.contains_key(name));
        match missing {
            Some(name) if key == "doc_to_target" => format!("`{name}`: {UNLABELLED}"),
            Some(name) => format!("`{name}`: missing (`{key}`)"),
            None => format!("`{key}`: a part of a field that it reads is missing"),
        }
    }
}

/// What a description says of a whole file.
fn set(description: &Fields, metadata: &Json) -> Result<TaskSet, String> {
    let text = |name: &str| metadata.get(name).and_then(Json::as_str).unwrap_or_default();
    let task = description.get("task").map(word).unwrap_or_default();
    let has = |key: &str| description.contains_key(key);
    match description.get("output_type").map_or("", |kind| kind.as_str().unwrap_or("?")) {
        "" if has("row.text") || has("row.tokens") => {}
        "multiple_choice" if !has("doc_to_choice") => {
            return Err("`doc_to_choice`: missing; it lists the choices".to_owned());
        }
        "" | "multiple_choice" | "loglikelihood" | "generate_until" => {
            if let Some(key) = ["doc_to_text", "doc_to_target"].into_iter().find(|key| !has(key)) {
                return Err(format!("`{key}`: missing; name a field or write a template"));
            }
        }
        kind => {
            let known = ["multiple_choice", "loglikelihood", "generate_until"].into_iter();
            return Err(names::unknown("`output_type`", kind, known));
        }
    }
    if description.get("num_fewshot").is_some_and(|number| !number.is_null() && *number != json!(0)) {
        return Err(
            "`num_fewshot`: examples are not drawn; set it to 0, or write them into `description`".to_owned()
        );
    }
    let mut set = TaskSet { name: text("title").to_owned(), ..TaskSet::default() };
    set.about = match (text("source"), text("title")) {
        ("", "") => format!("Asked as in the task description {task}."),
        ("", _) => text("about").to_owned(),
        (source, title) => {
            format!("{title} ({source}), asked as in lm-eval's `{task}` without examples. {}", text("about"))
        }
    };
    set.about.truncate(set.about.trim_end().len());
    if set.name.is_empty() {
        set.name = task;
    }
    for metric in description.get("metric_list").and_then(Json::as_array).into_iter().flatten() {
        let known = ["metric", "aggregation", "higher_is_better", "ignore_case", "ignore_punctuation"];
        let fields = metric.as_object().ok_or("`metric_list`: expected entries such as `- metric: acc`")?;
        if let Some(key) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("`metric_list`: {}", names::unknown("key", key, known.into_iter())));
        }
        let name = fields.get("metric").map(word).unwrap_or_default();
        let name = match name.as_str() {
            // `acc` reports all three.
            "acc_norm" | "acc_mutual_info" => "acc",
            "rouge1" | "rouge2" | "rougeL" => "rouge",
            name => name,
        };
        if !set.metrics.iter().any(|own| own == name) {
            set.metrics.push(name.to_owned());
        }
    }
    set.delimiter = description
        .get("target_delimiter")
        .and_then(Json::as_str)
        .filter(|own| *own != " ")
        .map(str::to_owned);
    for (name, value) in description.get("generation_kwargs").and_then(Json::as_object).into_iter().flatten()
    {
        match (name.as_str(), value) {
            ("until", Json::Array(all)) => set.until = all.iter().map(word).collect(),
            ("until", one) => set.until = vec![word(one)],
            ("max_gen_toks", most) => {
                set.max_tokens = most.as_u64().and_then(|most| usize::try_from(most).ok());
            }
            ("do_sample", Json::Bool(false)) | ("num_beams", _) => {}
            ("temperature" | "top_p", value)
                if value.as_f64().is_some_and(|value| value == 0.0 || value == 1.0) => {}
            _ => {
                return Err(format!(
                    "`generation_kwargs.{name}`: answers are greedy; only until and max_gen_toks are read"
                ));
            }
        }
    }
    Ok(set)
}

/// lm-eval's environment, with functions for rows of published tasks.
fn environment() -> Result<Environment<'static>, String> {
    let mut environment = template::environment();
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(reason)?);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("regex_replace", regex_replace);
    environment.add_function("has", has);
    environment.add_function("lettered", lettered);
    environment.add_function("lines", lines);
    environment.add_function("right", right);
    environment.add_function("places", places);
    Ok(environment)
}

/// Whether all fields are given.
#[expect(clippy::needless_pass_by_value, reason = "the form of a minijinja function")]
fn has(state: &State<'_, '_>, names: Rest<String>) -> bool {
    let given = |value: Value| !value.is_none() && !value.is_undefined();
    names.iter().all(|name| state.lookup(name).is_some_and(given))
}

fn lettered(given: &Value) -> Result<Value, Error> {
    options(given).map(|(label, text)| Value::from_pairs([("label", label), ("text", text)]))
}

/// Choices, one per line, with their letters.
fn lines(given: &Value) -> Result<String, Error> {
    let (labels, texts) = options(given)?;
    Ok(labels.iter().zip(&texts).map(|(label, text)| format!("{label}. {text}\n")).collect())
}

/// The indices of a list's items that are among others.
fn places(list: &Value, wanted: &Value) -> Result<Vec<usize>, Error> {
    let wanted: Vec<Value> = wanted.try_iter()?.collect();
    let places = list.try_iter()?.enumerate().filter(|(_, item)| wanted.contains(item));
    Ok(places.map(|(at, _)| at).collect())
}

/// Python's `re.sub`, as in lm-eval's filter.
fn regex_replace(text: &str, pattern: &str, with: &str, count: Option<usize>) -> Result<String, Error> {
    let pattern = regex_lite::Regex::new(pattern).map_err(|error| template::raised(&error.to_string()))?;
    // Python writes groups as \1.
    let group = regex_lite::Regex::new(r"\\([0-9])").map_err(|error| template::raised(&error.to_string()))?;
    let with = group.replace_all(&with.replace('$', "$$"), "$${${1}}").into_owned();
    Ok(pattern.replacen(text, count.unwrap_or(0), with.as_str()).into_owned())
}

/// Labels and texts of choices: lines such as `A. one` (a line without the next letter continues the previous choice), an object of
/// two lists, a list of objects, or a list of texts, which get letters.
fn options(given: &Value) -> Result<(Vec<String>, Vec<String>), Error> {
    let texts =
        |value: Value| Ok::<_, Error>(value.try_iter()?.map(|one| one.to_string()).collect::<Vec<String>>());
    let (mut labels, mut all) = (Vec::<String>::new(), Vec::<String>::new());
    match given.kind() {
        ValueKind::String => {
            for line in given.as_str().unwrap_or_default().lines() {
                let (begin, rest) = line.trim_start().split_once('.').unwrap_or_default();
                let letter =
                    begin.bytes().next().filter(|letter| begin.len() == 1 && letter.is_ascii_uppercase());
                let is_next = |last: &String| letter == last.bytes().next().map(|last| last + 1);
                if letter.is_some() && labels.last().is_none_or(is_next) {
                    labels.push(begin.to_owned());
                    all.push(rest.trim().to_owned());
                } else if let Some(text) = all.last_mut().filter(|_| !line.trim().is_empty()) {
                    *text = format!("{text}\n{}", line.trim_end());
                }
            }
        }
        ValueKind::Map => (labels, all) = (texts(given.get_attr("label")?)?, texts(given.get_attr("text")?)?),
        _ => {
            for (item, letter) in given.try_iter()?.zip('A'..='Z') {
                let is_object = item.kind() == ValueKind::Map;
                labels.push(if is_object { item.get_attr("label")?.to_string() } else { letter.to_string() });
                all.push(if is_object { item.get_attr("text")?.to_string() } else { item.to_string() });
            }
        }
    }
    if all.len() < 2 || all.len() != labels.len() {
        return Err(template::raised(
            "expected at least two choices with letters: a list, or one per line, such as `A. one`",
        ));
    }
    Ok((labels, all))
}

/// The index of the right choice, given by its index, text, letter, or letter and text; also as a list of one.
fn right(given: &Value, answer: &Value) -> Result<Value, Error> {
    let (labels, texts) = options(given)?;
    let first = if answer.kind() == ValueKind::Seq { answer.get_item_by_index(0)? } else { answer.clone() };
    if first.is_integer() {
        return Ok(first);
    }
    let said = if first.is_none() { String::new() } else { first.to_string() };
    let said = said.trim();
    if said.is_empty() {
        return Err(template::raised(&format!("`answer`: {UNLABELLED}")));
    }
    let letter = said.split('.').next().unwrap_or_default().trim();
    let place = texts.iter().position(|own| own == said);
    let place = place.or_else(|| labels.iter().position(|own| own.eq_ignore_ascii_case(letter)));
    place.map(Value::from).ok_or_else(|| {
        template::raised(&format!(
            "`answer`: {said:?} is not one of the answers and does not begin with the letter of one"
        ))
    })
}

fn variables(row: &Fields) -> Variables {
    let fields = row.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value.clone()))));
    fields.chain([("doc".to_owned(), Value::from(Serde(row.clone())))]).collect()
}

fn context(variables: &Variables) -> Value {
    Value::from_pairs(variables.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

fn has_all(row: &Fields, names: &[&str]) -> bool {
    names.iter().all(|name| row.get(*name).is_some_and(|value| !value.is_null()))
}

fn word(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn reason(error: Error) -> String {
    brief(template::failed(error))
}

fn brief(error: TemplateError) -> String {
    match error {
        TemplateError::Failed { line, reason } | TemplateError::Syntax { line, reason } => {
            format!("line {line}: {reason}")
        }
        TemplateError::Nested { line } => {
            format!("line {line}: nested too deeply, or an expression is too long")
        }
        TemplateError::TooMuch => "it takes too long, or does not end".to_owned(),
        error => error.to_string(),
    }
}

/// The suffixes of a name that start at a word, in lower-case letters and digits. So `MultiLexSum` does not match `xsum`.
fn beginnings(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let begins = |at: &usize| !name.get(..*at).unwrap_or_default().ends_with(char::is_alphanumeric);
    let suffix =
        |at: usize| name.get(at..).unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    name.char_indices().map(|(at, _)| at).filter(begins).map(suffix).collect()
}

#[cfg(test)]
mod tests;
