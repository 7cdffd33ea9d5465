//! `glasshouse feedback --propose`: proposes what to answer or label next.

use super::arguments::{FeedbackArguments, ProposeArguments};
use super::driver::drive;
use super::feedback::short;
use super::settings::session_options;
use super::{bar, trained};
use anyhow::{Context as _, Result};
use glasshouse_engine::protocol::quantity::percent;
use glasshouse_engine::protocol::{
    ChatMessage, Command, Event, Proposal, ProposalSettings, Role, Uncertainty, WeightSource,
};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Steps of the progress bar.
const PARTS: u64 = 1000;

pub(super) fn propose(pool: &Path, arguments: &FeedbackArguments) -> Result<()> {
    let ProposeArguments { count, measure, samples, max_tokens, run, checkpoint, device, to } =
        &arguments.proposing;
    let (count, samples) = (*count as usize, *samples as usize);
    let settings = ProposalSettings { measure: *measure, count, samples, max_tokens: *max_tokens };
    let options = session_options(device, None, false)?;
    drive(options, async |engine| {
        trained::use_project(engine, &arguments.project, false).await?;
        let (run, _) = trained::settings_of(engine, run.clone()).await?;
        let source = WeightSource::Checkpoint { run, checkpoint: checkpoint.clone() };
        // Fail before the work rather than after it.
        let mut file = to.as_deref().map(new_file).transpose()?;
        let mut proposed = false;
        let bar = bar::bar(PARTS, "{bar:30} {percent} % searched");
        let command = Command::Propose { source, from: pool.display().to_string(), settings };
        let show = |event| {
            match event {
                Event::Underway { share: Some(share), .. } => {
                    bar.set_position((share * PARTS as f64) as u64);
                }
                Event::Proposed { run, measure, labels, rows, considered } => {
                    bar.finish_and_clear();
                    if let Some(file) = &mut file {
                        rows.iter().try_for_each(|row| writeln!(file, "{}", to_be_answered(row)))?;
                    }
                    proposed = true;
                    for (number, row) in (1..).zip(&rows) {
                        tell_row(number, row, measure, arguments.json)?;
                    }
                    if arguments.json {
                        let measure = measure.name();
                        let said = json!({ "event": "proposed", "run": run, "measure": measure, "labels": labels,
                            "considered": considered });
                        say!("{said}")?;
                    } else {
                        say!("{} of {considered}, by {}, as {run} sees them", rows.len(), measure.name())?;
                    }
                }
                event => bar::above(|| trained::note(&event)),
            }
            Ok(())
        };
        let asked = engine.ask_until_signal(command, "cancelling", show).await;
        if let (false, Some(to)) = (proposed, to) {
            // Remove a file that is empty or incomplete.
            drop(file);
            std::fs::remove_file(to).ok();
        }
        asked
    })
}

/// Creates a new file. Overwriting one could lose a person's labels.
fn new_file(path: &Path) -> Result<File> {
    File::create_new(path)
        .with_context(|| format!("cannot create {}; name a file that does not exist", path.display()))
}

fn tell_row(number: usize, row: &Proposal, measure: Uncertainty, json: bool) -> Result<()> {
    if json {
        let mut line = serde_json::to_value(row)?;
        line["event"] = json!("proposal");
        return Ok(say!("{line}")?);
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
