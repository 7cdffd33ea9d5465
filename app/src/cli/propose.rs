//! `glasshouse feedback --propose`: proposes what to answer or label next.

use super::feedback::{FeedbackArguments, short};
use super::prelude::*;
use glasshouse_engine::storage;

pub(super) fn propose(pool: &Path, arguments: &FeedbackArguments) -> Result<()> {
    let ProposeArguments { count, measure, samples, max_tokens, run, checkpoint, device, to } =
        &arguments.proposing;
    let (count, samples, max_tokens) = (*count, *samples, *max_tokens);
    let settings = ProposalSettings { measure: *measure, count, samples, max_tokens };
    let options = session::Options { device: device.clone(), ..session::Options::default() };
    // Fail before the work rather than after it.
    to.iter().try_for_each(|to| check_new_file(to, None, "another file"))?;
    drive(options, async |engine| {
        let of = RunArguments { project: arguments.project.clone(), run: run.clone() };
        let (run, _) = trained::settings_of(engine, &of).await?;
        let source = WeightSource::Checkpoint { run, checkpoint: checkpoint.clone() };
        let command = Command::Propose { source, from: pool.display().to_string(), settings };
        let proposed = engine.ask_for_until_signal(command, "cancelling").await?;
        let Some(answer::Proposed { run, measure, labels, rows, considered }) = proposed else {
            return Ok(());
        };
        if let Some(to) = to {
            // Overwriting a file that was created meanwhile could lose labels.
            check_new_file(to, None, "another file")?;
            let lines: String = rows.iter().map(|row| format!("{}\n", to_be_answered(row))).collect();
            storage::write_atomically(to, lines.as_bytes())?;
        }
        for (number, row) in (1..).zip(&rows) {
            print_row(number, row, measure, arguments.json)?;
        }
        let name = measure.name();
        if arguments.json {
            let line = json!({ "event": "proposed", "run": run, "measure": name, "labels": labels, "considered": considered });
            return Ok(say!("{line}")?);
        }
        Ok(say!("{} of {considered}, by {name}, as {run} sees them", rows.len())?)
    })
}

fn print_row(number: usize, row: &Proposal, measure: Uncertainty, json: bool) -> Result<()> {
    if json {
        return say_event("proposal", row);
    }
    let said = match row.share {
        Some(share) if measure == Uncertainty::Disagreement => {
            format!("{} ({} of the answers)", short(&row.said), percent(share))
        }
        Some(share) => format!("{} ({})", short(&row.said), percent(share)),
        None => short(&row.said),
    };
    Ok(say!("{number:>4}  {:>6.3}  {}  →  {said}", row.uncertainty, short(row.asked()))?)
}

/// A row to fill in: a conversation for `train --objective chat` with an empty last reply, or a text for `classify` without a
/// label, together with the model's answer.
fn to_be_answered(row: &Proposal) -> Value {
    let Proposal { prompt, text, uncertainty, said, share } = row;
    if prompt.is_empty() {
        return json!({ "text": text, "label": null, "said": said, "share": share, "uncertainty": uncertainty });
    }
    let messages = [&prompt[..], &[ChatMessage::new(Role::Assistant, "")]].concat();
    json!({ "messages": messages, "said": said, "share": share, "uncertainty": uncertainty })
}

/// Options of `feedback --propose`.
#[derive(Args, Debug)]
pub struct ProposeArguments {
    #[arg(long, value_name = "N", help = help(ProposalSettings::setting("count")), default_value_t = 20, value_parser = at_least(1), requires = "propose")]
    pub count: usize,
    /// Uncertainty measure [default: margin for a run with labels, else entropy]
    ///
    /// entropy of the answer's tokens (on the CPU), disagreement of several answers, or margin between the most likely labels
    #[arg(long, value_name = "MEASURE", value_parser = choice::<Uncertainty>(), requires = "propose")]
    pub measure: Option<Uncertainty>,
    #[arg(long, value_name = "N", help = help(ProposalSettings::setting("samples")), default_value_t = 8, value_parser = within(2..=64), requires = "propose")]
    pub samples: usize,
    #[arg(long, value_name = "N", help = help(ProposalSettings::setting("max_tokens")), default_value_t = 64, requires = "propose")]
    pub max_tokens: usize,
    /// Run: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN", requires = "propose")]
    pub run: Option<String>,
    /// Checkpoint: best, latest, or the path of a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "best", requires = "propose")]
    pub checkpoint: CheckpointChoice,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name, default_value = "auto", requires = "propose")]
    pub device: String,
    /// Write the proposals to a new file, to be answered or labelled and trained on
    #[arg(long, value_name = "FILE", requires = "propose")]
    pub to: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_to_fill_in() {
        let asked = vec![ChatMessage::new(Role::User, "Who?")];
        let row = Proposal { prompt: asked, said: "Ada.".to_owned(), ..Proposal::default() };
        let line = to_be_answered(&row);
        assert_eq!(line["messages"].as_array().map(Vec::len), Some(2));
        assert_eq!(line["messages"][1], json!({ "role": "assistant", "content": "" }));
        let line = to_be_answered(&Proposal { text: "Snow fell.".to_owned(), ..Proposal::default() });
        assert_eq!((&line["text"], &line["label"]), (&json!("Snow fell."), &Value::Null));
        assert!(line.get("messages").is_none());
    }
}
