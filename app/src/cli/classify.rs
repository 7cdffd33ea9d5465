//! `glasshouse evaluate classify`: labels texts with a classifier, or scores them with a reward model.

use super::prelude::*;
use glasshouse_engine::data::read::{LabelledText, Problems, RowLocation, find_sources, labelled_texts};

const AT_ONCE: usize = 64;

pub(super) fn classify(arguments: &ClassifyArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        let (mut rows, mut right, mut labelled) = (rows(arguments)?, 0, 0);
        loop {
            let some = rows.by_ref().take(AT_ONCE).collect::<Result<Vec<_>>>()?;
            if some.is_empty() {
                break;
            }
            let texts = some.iter().map(|row| row.text.clone()).collect();
            let command = Command::Classify { source: source.clone(), texts };
            let answer::Classified { labels, probabilities } = engine.ask_for(command).await?;
            for (row, own) in some.iter().zip(&probabilities) {
                let found = print(&row.text, &labels, own, arguments.json)?;
                if let (Some(label), Some(found)) = (row.label.as_deref(), found) {
                    labelled += 1;
                    right += u64::from(label == found);
                }
            }
        }
        let accuracy = right as f64 / labelled as f64;
        match arguments.json {
            _ if labelled == 0 => {}
            true => {
                say!(
                    "{}",
                    json!({ "event": "accuracy", "rows": labelled, "right": right, "acc": accuracy })
                )?;
            }
            false => say!("{right} of {} right ({})", counted(labelled, "text"), percent(accuracy))?,
        }
        Ok(())
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

/// Prints a text's label, or its score, which is unbounded and has no label.
fn print<'a>(text: &str, labels: &'a [String], probabilities: &[f32], json: bool) -> Result<Option<&'a str>> {
    let line = text.trim().replace('\n', " ");
    if let ([_], [score]) = (labels, probabilities) {
        match json {
            true => say!("{}", json!({ "event": "score", "text": text, "score": score }))?,
            false => say!("{score:.4}: {line}")?,
        }
        return Ok(None);
    }
    let (label, probability) = likeliest(labels, probabilities).context("the model has no labels")?;
    if json {
        let each = labels.iter().zip(probabilities).map(|(label, share)| (label.clone(), json!(share)));
        let each: Map<String, Value> = each.collect();
        say!("{}", json!({ "event": "label", "text": text, "label": label, "probabilities": each }))?;
    } else {
        say!("{label} ({}): {line}", percent(probability))?;
    }
    Ok(Some(label))
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
