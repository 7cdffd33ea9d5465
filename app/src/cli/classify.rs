//! `glasshouse classify`: labels texts with a classifier, or scores them with a reward model.

use super::prelude::*;
use glasshouse_engine::data::read::{LabelledText, Problems, RowLocation, find_sources, labelled_texts};
use glasshouse_engine::protocol::likeliest;

/// Number of texts per request.
const AT_ONCE: usize = 64;

pub(super) fn classify(arguments: &ClassifyArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        let mut output = ClassificationOutput { json: arguments.json, right: 0, labelled: 0 };
        let mut rows = rows(arguments)?;
        loop {
            let some = rows.by_ref().take(AT_ONCE).collect::<Result<Vec<_>>>()?;
            if some.is_empty() {
                return output.end();
            }
            ask(engine, &source, &some, &mut output).await?;
        }
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
    rows: &[LabelledText],
    output: &mut ClassificationOutput,
) -> Result<()> {
    let texts = rows.iter().map(|row| row.text.clone()).collect();
    let command = Command::Classify { source: source.clone(), texts };
    let pick = picked!(Event::Classified { labels, probabilities } => (labels, probabilities));
    let (labels, probabilities) = engine.ask_for(command, pick).await?;
    rows.iter().zip(&probabilities).try_for_each(|(row, own)| output.row(row, &labels, own))
}

struct ClassificationOutput {
    json: bool,
    right: u64,
    labelled: u64,
}

impl ClassificationOutput {
    fn row(&mut self, row: &LabelledText, labels: &[String], probabilities: &[f32]) -> Result<()> {
        let text = row.text.trim().replace('\n', " ");
        // A score is unbounded and has no label.
        if let ([_], [score]) = (labels, probabilities) {
            return match self.json {
                true => Ok(say!("{}", json!({ "event": "score", "text": row.text, "score": score }))?),
                false => Ok(say!("{score:.4}: {text}")?),
            };
        }
        let (label, probability) = likeliest(labels, probabilities).context("the model has no labels")?;
        self.labelled += u64::from(row.label.is_some());
        self.right += u64::from(row.label.as_deref() == Some(label));
        if !self.json {
            return Ok(say!("{label} ({}): {text}", percent(probability))?);
        }
        let each = labels.iter().zip(probabilities).map(|(label, share)| (label.clone(), json!(share)));
        let each: Map<String, Value> = each.collect();
        let line = json!({ "event": "label", "text": row.text, "label": label, "probabilities": each });
        Ok(say!("{line}")?)
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
