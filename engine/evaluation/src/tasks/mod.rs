//! Tasks: rows with known answers, from a user's file or the project's own families; asking a model and measuring its answers.
//!
//! `rows` reads the rows, which for published tasks the descriptions of `engine/conversation/src/tasks.yaml` make; `prompt` builds
//! the prompts; `answers` (free-form) or `choices` (by likelihood) collect the answers; `measures` measures them, with StereoSet's
//! scores in `stereotypes`, BBQ's in `bbq` and TruthfulQA's in `truth`; `tables` shows where a model fails.

mod answers;
mod bbq;
mod choices;
mod file;
mod given;
mod measured;
mod measures;
mod prompt;
mod rows;
mod script;
mod stereotypes;
mod suite;
mod tables;
mod truth;

pub use file::TaskFile;
pub use rows::{Kind, Marked, Right, Row};
pub use suite::families;

use super::contamination::{Query, with_answers};
use super::{OnProgress, Scorer};
use choices::ModelChoice;
use given::{AllGiven, Given};
use glasshouse_compiler::sampler;
use glasshouse_executors::cpu::CpuDecoder;
use glasshouse_generation::Decoder;
use glasshouse_metrics::statistics::Bootstrap;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::evaluation::{TaskAnswer, TaskBaseline, TaskReport, TaskRequest};
use glasshouse_protocol::quantity::{counted, things};
use glasshouse_protocol::{Hint, ModelConfig, likeliest};
use glasshouse_text::data::prepare::text_tokens;
use glasshouse_text::tokenizer::TokenizerFiles;
use measured::AnswerMeasures;
use measures::Measures;
use prompt::{Prompting, names_of};
use rows::LISTED;

/// Suite name of the project's own instruction tasks.
const SUITE: &str = "tasks";

#[derive(Debug)]
pub struct Answerer<'a> {
    pub config: &'a ModelConfig,
    pub tokenizer: &'a TokenizerFiles,
    pub model: Answering<'a>,
}

#[derive(Debug)]
pub enum Answering<'a> {
    /// By generating text and scoring likelihoods.
    Writes { scorer: &'a mut Scorer, decoder: &'a mut Decoder },
    /// By classifying texts with its trained labels.
    Labels(&'a mut CpuDecoder),
}

#[derive(Clone, Debug)]
pub struct Asked {
    file: TaskFile,
    measures: Measures,
    max_tokens: Option<usize>,
    /// Names and contents of result files of external models.
    results: Vec<(String, Vec<u8>)>,
    /// The suite it belongs to, or empty.
    suite: &'static str,
}

impl Asked {
    /// A file's rows with the requested metrics, or suitable ones. Rows that a rule cannot judge are broken. Fails if a metric
    /// is unknown or does not fit the rows, or a results file answers none of them.
    pub fn new(mut file: TaskFile, request: &TaskRequest, results: Vec<(String, Vec<u8>)>) -> Result<Self> {
        let measures = Measures::new(&request.metrics, &mut file)?;
        for (name, bytes) in &results {
            AllGiven::read(name, bytes, &file)?;
        }
        let max_tokens = request.max_tokens.or(file.set.as_ref().and_then(|set| set.max_tokens));
        Ok(Self { file, measures, max_tokens, results, suite: "" })
    }

    /// A family of the project's own instruction tasks ([`families`]).
    pub fn family(file: TaskFile) -> Result<Self> {
        Ok(Self { suite: SUITE, ..Self::new(file, &TaskRequest::default(), Vec::new())? })
    }

    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Question and correct answers of each row, to look up in a training text.
    pub fn texts(&self) -> Vec<Query> {
        let texts = |row: &Row| {
            let asked: Vec<&str> = row.messages.iter().map(|message| message.content.as_str()).collect();
            with_answers(&asked.join("\n"), &row.expected())
        };
        self.file.rows.iter().map(texts).collect()
    }
}

/// Runs a task on a model and measures the answers. Fails if the model cannot do this kind of task, no row can be asked, or the
/// device fails.
pub async fn task(
    answerer: &mut Answerer<'_>,
    asked: &Asked,
    bootstrap: &Bootstrap,
    on_progress: OnProgress<'_>,
) -> Result<TaskReport> {
    let file = &asked.file;
    let names = names_of(&file.rows);
    let mut prompting =
        Prompting::new(answerer.tokenizer, answerer.config.context_length, file.kind, names.clone());
    prompting.delimiter = file.set.as_ref().and_then(|set| set.delimiter.as_deref());
    let mut on_progress =
        |what: &str, done: u64, of: u64| on_progress(&format!("{}: {what}", file.name), done, of);
    let (all, about) = given(answerer, asked, (&prompting, &names), &mut on_progress).await?;
    if all.rows.is_empty() {
        let (line, reason) =
            all.broken.first().map_or((0, "it has none"), |(line, reason)| (*line, reason.as_str()));
        return Err(Error::Refused(format!("no row of {} could be used; line {line}: {reason}", file.name)));
    }
    let measured = asked.measures.measure(&all.rows, &names, bootstrap).await;
    let beside = beside(asked, &all, &measured, (&names, bootstrap)).await?;
    let mut broken = [file.broken.as_slice(), &all.broken].concat();
    glasshouse_protocol::order::sort_by_key(&mut broken, |(line, _)| *line);
    let mut sentences: Vec<String> = file.set.iter().map(|set| set.about.clone()).chain(about).collect();
    if !asked.suite.is_empty() {
        sentences.push(
            "Rows of all levels, equally often, in held-out wordings: a model that learned only one level does better on that level."
                .to_owned(),
        );
    }
    if broken.len() > LISTED {
        sentences.push(format!(
            "{} could not be evaluated; the first {LISTED} are listed.",
            counted(broken.len() as u64, "line")
        ));
        broken.truncate(LISTED);
    }
    let text: String = all.rows.iter().map(|(row, _)| prompting.text(row)).collect();
    let lost: String = answerer.tokenizer.tokenizer.unknown_characters(&text).into_iter().collect();
    if !lost.is_empty() {
        sentences.push(format!("The vocabulary lacks characters of the prompts, which are left out: {lost}"));
    }
    sentences.extend(measured.notes.iter().cloned());
    let (mut tables, mut answers) = (measured.tables.clone(), Vec::with_capacity(all.rows.len()));
    tables.extend(tables::by_group(&all.rows, &measured, &prompting, bootstrap));
    for (at, (row, given)) in all.rows.iter().enumerate() {
        answers.push(TaskAnswer {
            line: row.line,
            prompt: prompting.text(row),
            answer: given.answer.clone(),
            expected: row.expected(),
            scores: measured.scores.iter().map(|scores| scores.get(at).copied()).collect(),
            group: row.group.clone(),
        });
    }
    Ok(TaskReport {
        name: file.name.clone(),
        file_crc32c: file.crc32c,
        suite: asked.suite.to_owned(),
        kind: file.kind,
        rows: all.rows.len() as u64,
        about: sentences,
        broken,
        metrics: measured.metrics,
        tables,
        reports: measured.reports,
        answers,
        contamination: None,
        beside,
        kept_from: None,
    })
}

/// A model's answers, and sentences on how it was asked.
async fn given<'a>(
    answerer: &mut Answerer<'_>,
    asked: &'a Asked,
    (prompting, names): (&Prompting<'_>, &[String]),
    on_progress: OnProgress<'_>,
) -> Result<(AllGiven<'a>, Vec<String>)> {
    let file = &asked.file;
    let (mut about, rows) = (vec![prompting.about(&file.rows)], file.rows.as_slice());
    let given: Vec<Result<Given, String>> = match (&mut answerer.model, file.kind) {
        (Answering::Labels(reader), Kind::Classify) => {
            let labels = &answerer.config.labels;
            about = vec!["The most likely label of the model's classification head.".to_owned()];
            let unknown: Vec<&str> =
                names.iter().filter(|name| !labels.contains(name)).map(String::as_str).collect();
            if !unknown.is_empty() {
                about.push(format!("The model has no such labels: {}.", unknown.join(", ")));
            }
            let limits = (labels.as_slice(), answerer.config.context_length);
            labelled(reader, answerer.tokenizer, limits, rows, on_progress).await?
        }
        (Answering::Labels(_), kind) => {
            return Err(Error::Refused(format!(
                "the model is a classifier and writes no text, but the rows of {} {}; give it rows of `text` and `label`, or choose another run",
                file.name,
                kind.title()
            ))
            .hint(Hint::Run));
        }
        (Answering::Writes { decoder, .. }, Kind::Generate | Kind::Tag) => {
            let until = file.set.as_ref().map(|set| set.until.as_slice()).unwrap_or_default();
            let limits = (asked.max_tokens, until);
            let found =
                answers::answers(decoder, answerer.tokenizer, prompting, rows, limits, on_progress).await?;
            about.push(found.about(file.kind));
            about.extend(cut(found.cut));
            let given = |answer| Given { answer, chosen: None };
            found.answers.into_iter().map(|answer| answer.map(given)).collect()
        }
        (Answering::Writes { scorer, .. }, Kind::Choose | Kind::Continue) => {
            let found = choices::choose(scorer, prompting, rows, choices_of, on_progress).await?;
            about.extend(cut(found.cut));
            let given = |row: &Row, chosen: ModelChoice| {
                let said = choices_of(row).get(chosen.likeliest);
                let said = said.filter(|_| file.kind == Kind::Choose || chosen.greedy);
                Given { answer: said.cloned().unwrap_or_default(), chosen: Some(chosen) }
            };
            let each = rows.iter().zip(found.chosen);
            each.map(|(row, chosen)| chosen.map(|chosen| given(row, chosen))).collect()
        }
        (Answering::Writes { scorer, .. }, Kind::Classify) => {
            let found = choices::choose(scorer, prompting, rows, |_| names, on_progress).await?;
            about.extend(cut(found.cut));
            let given = |chosen: ModelChoice| {
                let label = names.get(chosen.likeliest).cloned();
                Given { answer: label.unwrap_or_default(), chosen: None }
            };
            found.chosen.into_iter().map(|chosen| chosen.map(given)).collect()
        }
    };
    Ok((AllGiven::new(rows, given), about))
}

fn choices_of(row: &Row) -> &[String] {
    match &row.right {
        Right::Choice { choices, .. } => choices,
        Right::Continuation(text) => std::slice::from_ref(text),
        _ => &[],
    }
}

fn cut(rows: u64) -> Option<String> {
    (rows > 0).then(|| {
        let verb = if rows == 1 { "is" } else { "are" };
        format!(
            "{rows} {} {verb} longer than the context: the model saw only their end.",
            things(rows, "row")
        )
    })
}

async fn labelled(
    reader: &mut CpuDecoder,
    files: &TokenizerFiles,
    (labels, context): (&[String], usize),
    rows: &[Row],
    on_progress: OnProgress<'_>,
) -> Result<Vec<Result<Given, String>>> {
    let (yielder, mut given) = (Yielder::new(), Vec::with_capacity(rows.len()));
    for (at, row) in rows.iter().enumerate() {
        on_progress("classifying texts", at as u64, rows.len() as u64);
        yielder.maybe_yield().await;
        let text = row.messages.first().map_or("", |message| message.content.as_str());
        let mut tokens = text_tokens(&files.tokenizer, text)?;
        // As in training, only the beginning of a long text is read.
        tokens.truncate(context);
        if tokens.is_empty() {
            given.push(Err("`text`: the vocabulary has none of its characters".to_owned()));
            continue;
        }
        let shares: Vec<f32> =
            sampler::probabilities(&reader.logits(&tokens)?).into_iter().map(|share| share as f32).collect();
        let answer = likeliest(labels, &shares).map(|(label, _)| label.to_owned()).unwrap_or_default();
        given.push(Ok(Given { answer, chosen: None }));
    }
    Ok(given)
}

/// Results of baselines and external models on the answered rows.
async fn beside(
    asked: &Asked,
    all: &AllGiven<'_>,
    measured: &AnswerMeasures,
    (names, bootstrap): (&[String], &Bootstrap),
) -> Result<Vec<TaskBaseline>> {
    let mut beside = Vec::new();
    let accuracy = |metric: &glasshouse_protocol::evaluation::Metric| metric.name == "acc";
    if let Some((name, about, worth)) = given::simplest(&all.rows)
        && let Some(at) = measured.metrics.iter().position(accuracy)
    {
        let simple = AnswerMeasures::from_accuracy(worth, bootstrap);
        let differences = measured.difference(at, &simple, 0, bootstrap).into_iter().collect();
        let (name, metrics) = (name.to_owned(), simple.metrics);
        beside.push(TaskBaseline { name, about, metrics, differences, broken: Vec::new() });
    }
    for (name, bytes) in &asked.results {
        let theirs = AllGiven::read(name, bytes, &asked.file)?;
        let other = asked.measures.measure(&theirs.rows, names, bootstrap).await;
        // Paired only if both answered the same rows.
        let same = theirs.rows.iter().map(|(row, _)| row.line).eq(all.rows.iter().map(|(row, _)| row.line));
        let pairs = measured.metrics.iter().enumerate().filter_map(|(at, metric)| {
            let place = other.metrics.iter().position(|theirs| theirs.name == metric.name)?;
            measured.difference(at, &other, place, bootstrap)
        });
        let differences = if same { pairs.collect() } else { Vec::new() };
        beside.push(TaskBaseline {
            name: name.clone(),
            about: format!("Imported results, {} of them.", counted(theirs.rows.len() as u64, "row")),
            metrics: other.metrics,
            differences,
            broken: theirs.broken.into_iter().take(LISTED).collect(),
        });
    }
    Ok(beside)
}
