//! Task descriptions with the keys of lm-evaluation-harness, and the published tasks among them (`tasks.yaml`): Jinja templates make a
//! task row (`glasshouse_evaluation`) of each row of a data set.

use crate::template::{self, TemplateError};
use crate::yaml;
use glasshouse_protocol::evaluation::TaskSet;
use glasshouse_protocol::evaluation::measures::TaskMetric;
use glasshouse_protocol::names;
use minijinja::value::{Rest, Serde, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, syntax::SyntaxConfig};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

const PUBLISHED: &str = include_str!("tasks.yaml");

/// Keys that say where lm-eval finds rows, or how it lists results.
const IGNORED: &str = "task_alias tag group dataset_path dataset_name dataset_kwargs training_split validation_split test_split \
     fewshot_split fewshot_delimiter should_decontaminate doc_to_decontamination_query template_aliases";

/// The variable that holds the value of a source that is a single expression.
const VALUE: &str = "glasshouse_value";
/// Work per template of a row.
const FUEL: u64 = 4_000_000;
const UNLABELLED: &str = "missing; some test splits are published without answers; use a validation split";

type Fields = Map<String, Json>;
type Variables = BTreeMap<String, Value>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Description {
    task: String,
    output_type: Option<Output>,
    description: Json,
    doc_to_text: Json,
    doc_to_choice: Json,
    doc_to_target: Json,
    target_delimiter: Option<String>,
    num_fewshot: Option<u64>,
    metric_list: Vec<MetricEntry>,
    generation_kwargs: Generation,
    metadata: Metadata,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    MultipleChoice,
    Loglikelihood,
    GenerateUntil,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a metric_list entry, such as `metric: acc`")]
struct MetricEntry {
    metric: String,
    #[serde(default, rename = "aggregation")]
    _aggregation: Json,
    #[serde(default, rename = "higher_is_better")]
    _higher_is_better: Json,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Generation {
    until: Json,
    max_gen_toks: Option<usize>,
    do_sample: bool,
    temperature: f64,
}

/// Keys of ours (see `tasks.yaml`).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    title: String,
    about: String,
    source: String,
    names: Vec<String>,
    when: String,
    set: Json,
    row: Fields,
}

#[derive(Debug)]
pub struct Task {
    pub set: TaskSet,
    output: Output,
    /// Whether the choices are contexts of a text. As in lm-eval, `doc_to_text` of the first row is then an index.
    contexts: bool,
    /// Fields, templates and constants by key.
    sources: BTreeMap<String, Json>,
    environment: Environment<'static>,
}

impl Task {
    /// The description of a file's rows: `named` is a description as YAML, the name of a published task, or empty to recognise it
    /// by the first row and the file's name. `None` if no published task has such rows. Fails if the description is invalid, no
    /// task has this name, or its rows have other fields.
    pub fn find(named: &str, file: &str, row: &Fields) -> Result<Option<Self>, String> {
        if named.contains('\n') {
            return match &mut yaml::documents(named)?[..] {
                [own] => Self::of_rows(read(own.take())?, row).map(Some),
                _ => Err("expected one task description".to_owned()),
            };
        }
        let words = beginnings(if named.is_empty() { file } else { named });
        let letters = row.contains_key("question") && row.get("options").is_some_and(Json::is_string);
        let (environment, mut variables) = (environment()?, variables(row));
        variables.insert("letters".to_owned(), letters.into());
        let (mut known, mut any) = (Vec::new(), false);
        for own in yaml::documents(PUBLISHED)? {
            let own = read(own)?;
            let hinted = |hint: &String| words.iter().any(|word| word.starts_with(hint.as_str()));
            let is_named = own.task == named || own.metadata.names.iter().any(hinted);
            known.push(own.task.clone());
            if !named.is_empty() && !is_named {
                continue;
            }
            any |= is_named;
            variables.insert("named".to_owned(), is_named.into());
            let when = environment.compile_expression_owned(own.metadata.when.clone()).map_err(reason)?;
            if when.eval(context(&variables)).is_ok_and(|fits| fits.is_true()) {
                return Self::of_rows(own, row).map(Some);
            }
        }
        match (named, any) {
            ("", _) => Ok(None),
            (_, true) => Err(format!(
                "the first row has other fields: {}; use the published field names",
                row.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            )),
            _ => Err(names::unknown("task", named, known.iter().map(String::as_str))),
        }
    }

    fn of_rows(own: Description, first: &Fields) -> Result<Self, String> {
        let mut task = Self::new(own)?;
        // An error of the row is reported with its line.
        let text = task.variables(first).and_then(|variables| task.value("doc_to_text", first, &variables));
        task.contexts = task.output == Output::MultipleChoice && text.is_ok_and(|text| text.is_u64());
        Ok(task)
    }

    fn new(own: Description) -> Result<Self, String> {
        let implied =
            if own.doc_to_choice.is_null() { Output::GenerateUntil } else { Output::MultipleChoice };
        let (set, output) = (own.set()?, own.output_type.unwrap_or(implied));
        let Metadata { row, set: program, .. } = own.metadata;
        let fields_only = row.contains_key("text") || row.contains_key("tokens");
        let keys = [
            ("doc_to_text", own.doc_to_text, !fields_only),
            ("doc_to_target", own.doc_to_target, !fields_only),
            ("doc_to_choice", own.doc_to_choice, output == Output::MultipleChoice),
            ("description", own.description, false),
            ("set", program, false),
        ];
        if let Some((key, ..)) = keys.iter().find(|(_, source, needed)| *needed && source.is_null()) {
            return Err(format!("`{key}`: missing; name a field or write a template"));
        }
        let row = row.into_iter().map(|(name, source)| (format!("row.{name}"), source));
        let keys = keys.into_iter().map(|(key, source, _)| (key.to_owned(), source));
        let sources: BTreeMap<String, Json> =
            keys.chain(row).filter(|(_, source)| !source.is_null()).collect();
        let mut environment = environment()?;
        for (key, source) in &sources {
            let Some(source) = source.as_str() else { continue };
            let inner = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
            let single =
                inner.filter(|inner| !["{{", "}}", "{%", "%}"].iter().any(|part| inner.contains(part)));
            let source = single.map_or(source.to_owned(), |inner| {
                format!("{{% set {VALUE} = ({}) %}}", inner.trim_matches('-'))
            });
            let fault = |reason: String| format!("`{key}`: {reason}");
            let source = template::rewritten(&source).map_err(|error| fault(brief(error)))?.source;
            environment.add_template_owned(key.clone(), source).map_err(|error| fault(reason(error)))?;
        }
        Ok(Self { set, output, contexts: false, sources, environment })
    }

    /// Converts a row of the data set to a task row. Fails if the row lacks a field or a right answer, or a template fails; the
    /// error names the key or field.
    pub fn row(&self, row: &Fields) -> Result<Fields, String> {
        let variables = self.variables(row)?;
        let value = |key: &str| self.value(key, row, &variables);
        let (mut made, mut add) = (Fields::new(), Vec::new());
        let (text, target) =
            if self.contexts { ("", "doc_to_text") } else { ("doc_to_text", "doc_to_target") };
        if self.sources.contains_key(target) {
            let right = value(target)?;
            if [json!(null), json!(""), json!("-1"), json!(-1)].contains(&right) {
                return Err(format!("`{}`: {UNLABELLED}", self.names(target).remove(0)));
            }
            add.push(match self.output {
                Output::MultipleChoice => ("answer", right),
                Output::Loglikelihood => ("continuation", right),
                Output::GenerateUntil if right.is_array() => ("answers", right),
                Output::GenerateUntil => ("answers", json!([right])),
            });
            if self.contexts {
                add.push(("continuation", value("doc_to_target")?));
            }
            add.push((
                "prompt",
                [value("description")?, value(text)?].map(|part| word(&part)).concat().into(),
            ));
            if self.output == Output::MultipleChoice {
                add.push(match value("doc_to_choice")? {
                    Json::Object(choices) => ("choices", choices.into_iter().map(|(_, own)| own).collect()),
                    choices => ("choices", choices),
                });
            }
        }
        made.extend(add.into_iter().map(|(name, value)| (name.to_owned(), value)));
        for key in self.sources.keys() {
            if let Some(name) = key.strip_prefix("row.") {
                let own = value(key)?;
                made.extend(
                    Some((name.to_owned(), own)).filter(|(_, own)| !own.is_null() && *own != json!("")),
                );
            }
        }
        Ok(made)
    }

    /// A row's fields, and what `set` computes.
    fn variables(&self, row: &Fields) -> Result<Variables, String> {
        let mut variables = variables(row);
        if self.sources.contains_key("set") {
            let (_, computed) = self.rendered("set", &variables)?;
            variables.extend(computed);
        }
        Ok(variables)
    }

    /// The value of a key: a field of this name, a template's value or text, or the constant itself. Digits that a template makes
    /// of a text or target of choices are an index, as in lm-eval.
    fn value(&self, key: &str, row: &Fields, variables: &Variables) -> Result<Json, String> {
        let Some(source) = self.sources.get(key) else { return Ok(Json::Null) };
        let Json::String(text) = source else { return Ok(source.clone()) };
        if let Some(field) = row.get(text) {
            return Ok(field.clone());
        }
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        if key.starts_with("doc_to_") && !text.is_empty() && text.chars().all(is_name) {
            return Err(format!("`{text}`: missing (`{key}`)"));
        }
        let (value, _) = self.rendered(key, variables)?;
        match value.is_undefined() {
            true if key == "doc_to_target" || key.starts_with("row.") => Ok(Json::Null),
            true => Err(self.missing(key, variables)),
            false => {
                let value = serde_json::to_value(value).map_err(|error| format!("`{key}`: {error}"))?;
                let is_indexed =
                    self.output == Output::MultipleChoice && matches!(key, "doc_to_text" | "doc_to_target");
                let text = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let index = text.filter(|_| is_indexed).and_then(|text| text.parse::<u64>().ok());
                Ok(index.map_or(value, Json::from))
            }
        }
    }

    /// A template's value or text, and the variables that it computes.
    fn rendered(&self, key: &str, variables: &Variables) -> Result<(Value, Variables), String> {
        let failed = |error: Error| match (error.kind(), template::failed(error)) {
            (_, TemplateError::Refused(message)) => message,
            (ErrorKind::UndefinedError, _) => self.missing(key, variables),
            (_, error) => format!("`{key}`: {}", brief(error)),
        };
        let template = self.environment.get_template(key).map_err(failed)?;
        let rendered = template.render_captured(context(variables)).map_err(failed)?;
        let state = rendered.state();
        let computed = |name: &str| Some((name.to_owned(), state.lookup(name)?));
        let value = state.lookup(VALUE).unwrap_or_else(|| Value::from(rendered.output()));
        Ok((value, state.exports().into_iter().filter_map(computed).collect()))
    }

    /// The fields that a template reads, in order; or the source itself.
    fn names(&self, key: &str) -> Vec<String> {
        let source = self.sources.get(key).map(word).unwrap_or_default();
        let template = self.environment.get_template(key);
        let names = template.map(|template| template.undeclared_variables(false)).unwrap_or_default();
        let is_field = |name: &String| !self.environment.globals().any(|(global, _)| global == name);
        let mut names: Vec<String> = names.into_iter().filter(is_field).collect();
        names.sort_by_key(|name| source.find(name.as_str()));
        if names.is_empty() { vec![source] } else { names }
    }

    fn missing(&self, key: &str, variables: &Variables) -> String {
        match self.names(key).into_iter().find(|name| !variables.contains_key(name)) {
            Some(name) if key == "doc_to_target" => format!("`{name}`: {UNLABELLED}"),
            Some(name) => format!("`{name}`: missing (`{key}`)"),
            None => format!("`{key}`: part of a field that it reads is missing"),
        }
    }
}

fn read(mut description: Json) -> Result<Description, String> {
    if let Json::Object(keys) = &mut description {
        keys.retain(|key, _| !IGNORED.split(' ').any(|own| own == key));
    }
    serde_json::from_value(description).map_err(|error| {
        let fault = names::with_suggestion(&error.to_string());
        format!("{fault}; Python code is not run; process the rows beforehand, or use templates")
    })
}

impl Description {
    /// What it says of a whole file.
    fn set(&self) -> Result<TaskSet, String> {
        let (Metadata { title, about, source, .. }, task) = (&self.metadata, &self.task);
        let Generation { until, max_gen_toks, do_sample, temperature } = &self.generation_kwargs;
        if self.num_fewshot.unwrap_or(0) > 0 {
            return Err("`num_fewshot`: set it to 0, and write examples into `description`".to_owned());
        }
        if *do_sample || *temperature > 0.0 {
            return Err(
                "`generation_kwargs`: answers are greedy; remove `do_sample` and `temperature`".to_owned()
            );
        }
        let mut metrics: Vec<String> = Vec::new();
        for entry in &self.metric_list {
            let metric = TaskMetric::reporting(&entry.metric);
            if !metrics.iter().any(|known| known == metric) {
                metrics.push(metric.to_owned());
            }
        }
        let about = match (source.as_str(), title.as_str()) {
            ("", "") => format!("Asked as in the task description {task}."),
            ("", _) => about.clone(),
            _ => format!("{title} ({source}), asked as in lm-eval's `{task}` without examples. {about}"),
        };
        Ok(TaskSet {
            name: if title.is_empty() { task.clone() } else { title.clone() },
            about: about.trim_end().to_owned(),
            metrics,
            delimiter: self.target_delimiter.clone().filter(|delimiter| delimiter != " "),
            until: match until {
                Json::Array(all) => all.iter().map(word).collect(),
                one => Some(word(one)).filter(|one| !one.is_empty()).into_iter().collect(),
            },
            max_tokens: *max_gen_toks,
        })
    }
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
            "expected at least two lettered choices: a list, or one per line, such as `A. one`",
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
        TemplateError::TooMuch => "it takes too long or does not terminate".to_owned(),
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
