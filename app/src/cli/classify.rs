//! `glasshouse classify`: labels texts with a classifier, or scores them with a reward model.

use super::arguments::ModelArguments;
use super::driver::{Engine, drive};
use super::trained;
use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use glasshouse_engine::data::read::{LabelledText, Problems, RowLocation, find_sources, labelled_texts};
use glasshouse_engine::protocol::quantity::{counted, percent};
use glasshouse_engine::protocol::{Command, Event, WeightSource, likeliest};
use glasshouse_engine::session;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Number of texts per request.
const AT_ONCE: usize = 64;

pub(super) fn classify(arguments: &ClassifyArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        let mut told = ClassificationOutput { json: arguments.json, right: 0, labelled: 0 };
        let mut waiting = Vec::new();
        for row in rows(arguments)? {
            waiting.push(row?);
            if waiting.len() == AT_ONCE {
                ask(engine, &source, std::mem::take(&mut waiting), &mut told).await?;
            }
        }
        if !waiting.is_empty() {
            ask(engine, &source, waiting, &mut told).await?;
        }
        told.end()
    })
}

fn rows(arguments: &ClassifyArguments) -> Result<Box<dyn Iterator<Item = Result<LabelledText>>>> {
    let Some(file) = &arguments.file else {
        let of = |text: String| {
            Ok(LabelledText { text, label: None, place: RowLocation::Line(0), unread: Vec::new() })
        };
        return Ok(Box::new(arguments.text.clone().into_iter().map(of)));
    };
    let sources = find_sources(&[file], &Problems::default())?;
    let source = sources.into_iter().next().with_context(|| format!("{} is not a file", file.display()))?;
    let name = file.display().to_string();
    let rows = labelled_texts(&source)?;
    Ok(Box::new(rows.map(move |row| row?.map_err(|reason| anyhow!("{name} {reason}")))))
}

async fn ask(
    engine: &mut Engine,
    source: &WeightSource,
    rows: Vec<LabelledText>,
    told: &mut ClassificationOutput,
) -> Result<()> {
    let texts = rows.iter().map(|row| row.text.clone()).collect();
    let command = Command::Classify { source: source.clone(), texts };
    let show = |event| {
        match event {
            Event::Classified { labels, probabilities } => {
                for (row, probabilities) in rows.iter().zip(&probabilities) {
                    told.row(row, &labels, probabilities)?;
                }
            }
            event => trained::note(&event),
        }
        Ok(())
    };
    engine.ask(command, show).await
}

struct ClassificationOutput {
    json: bool,
    right: u64,
    labelled: u64,
}

impl ClassificationOutput {
    fn row(&mut self, row: &LabelledText, labels: &[String], probabilities: &[f32]) -> Result<()> {
        if let ([_], [score]) = (labels, probabilities) {
            return self.score(row, *score);
        }
        let (label, probability) = likeliest(labels, probabilities).context("the model has no labels")?;
        self.labelled += u64::from(row.label.is_some());
        self.right += u64::from(row.label.as_deref() == Some(label));
        if self.json {
            let each = labels.iter().zip(probabilities).map(|(label, share)| (label.clone(), json!(share)));
            let each: Map<String, Value> = each.collect();
            let line = json!({ "event": "label", "text": row.text, "label": label, "probabilities": each });
            say!("{line}")?;
        } else {
            say!("{label} ({}): {}", percent(probability), row.text.trim().replace('\n', " "))?;
        }
        Ok(())
    }

    /// A score, which is unbounded and has no label.
    fn score(&self, row: &LabelledText, score: f32) -> Result<()> {
        if self.json {
            say!("{}", json!({ "event": "score", "text": row.text, "score": score }))?;
        } else {
            say!("{score:.4}: {}", row.text.trim().replace('\n', " "))?;
        }
        Ok(())
    }

    /// Prints the accuracy, if labels were given.
    fn end(&self) -> Result<()> {
        let Self { json, right, labelled } = *self;
        if labelled == 0 {
            return Ok(());
        }
        let accuracy = right as f64 / labelled as f64;
        if json {
            say!("{}", json!({ "event": "accuracy", "rows": labelled, "right": right, "acc": accuracy }))?;
        } else {
            say!("{right} of {} right ({})", counted(labelled, "text"), percent(accuracy))?;
        }
        Ok(())
    }
}

#[derive(Args, Debug)]
pub struct ClassifyArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Text to classify; may be repeated
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    pub text: Vec<String>,
    /// File of texts: JSON Lines with a field `text`, or a table (.csv) with that column
    ///
    /// If the file has labels, the accuracy is printed.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub file: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}
