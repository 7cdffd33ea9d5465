//! Every file of a project damaged in turn: it is opened, listed, written with and resumed. Whatever the damage, no thread panics, no
//! error reports a bug, and every loss and every generated text is that of the intact project, or refused.

use super::mutation::damage;
use super::project::{
    RUN, SAVED, Sample, check_errors, check_losses, command, generate, losses, opened, play, restore, resume,
    text,
};
use super::{Campaign, survive};
use glasshouse_protocol::{Command, Event, Report, RunSummary};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

fn look(project: &Path) -> Vec<Command> {
    vec![
        opened(project),
        Command::ListRuns,
        command(json!({"command": "read_run", "run": null, "points": 50})),
        Command::ListConversations,
        command(json!({"command": "read_conversation", "id": 7})),
        Command::ListFeedback,
        Command::ListLessons,
        Command::ShowRecipe,
        command(
            json!({"command": "list_documents", "search": "", "offset": 0, "count": 5, "validation": 0.1}),
        ),
        command(json!({"command": "read_evaluations", "runs": [RUN]})),
        command(json!({"command": "read_features", "run": RUN, "dictionary": null})),
        generate(),
        resume(),
    ]
}

/// The figures of the listed runs.
fn figures(heard: &[Report]) -> Vec<[Option<f64>; 5]> {
    let runs = heard.iter().find_map(|report| match &report.event {
        Event::Runs { runs } => Some(runs),
        _ => None,
    });
    let of = |run: &RunSummary| {
        let [train, held_out, best] =
            [run.train_loss, run.val_loss, run.best_val_loss].map(|loss| loss.map(f64::from));
        [train, held_out, best, Some(run.seconds), Some(run.parameters as f64)]
    };
    runs.into_iter().flatten().filter(|run| run.error.is_none()).map(of).collect()
}

/// Whether a session said anything about the damage.
fn is_told(heard: &[Report]) -> bool {
    heard.iter().any(|report| match &report.event {
        Event::Failed { .. } | Event::Notice { .. } => true,
        Event::Training { events, .. } => {
            events.iter().any(|event| matches!(event, glasshouse_protocol::TrainEvent::Notice { .. }))
        }
        _ => false,
    })
}

#[test]
fn bytes() {
    let sample = Sample::new();
    let project = sample.project();
    // The text of each checkpoint.
    let heard = play(look(&project));
    let (whole, listed) = (text(&heard), figures(&heard));
    restore(&project, &sample.files);
    let newest = sample.files.keys().filter(|name| name.to_string_lossy().contains("step-")).max().unwrap();
    std::fs::write(project.join(newest), "").unwrap();
    let before = text(&play(look(&project)));
    assert_eq!((whole.0, before.0), (Some(SAVED[1]), Some(SAVED[0])));

    let names: Vec<_> =
        sample.files.keys().filter(|name| !name.to_string_lossy().ends_with("lock")).cloned().collect();
    let all: Vec<Vec<u8>> = sample.files.values().cloned().collect();
    let mut damaged = BTreeSet::new();
    let mut campaign = Campaign::new("bytes", 200);
    while let Some(mut draw) = campaign.next_trial() {
        restore(&project, &sample.files);
        let name = draw.of(&names);
        let (what, bytes) = damage(&mut draw, &sample.files[&name], &all);
        match &bytes {
            Some(bytes) => std::fs::write(project.join(&name), bytes).unwrap(),
            None => std::fs::remove_file(project.join(&name)).unwrap(),
        }
        damaged.insert(name.clone());
        let began = std::time::Instant::now();
        let outcome = survive(|| play(look(&project))).and_then(|heard| {
            check_errors(&heard)?;
            let resumed = losses(&heard);
            let is_setting = name.ends_with("run.toml") && is_told(&heard);
            if !is_setting {
                // A person may edit the settings, and is told that losses differ.
                check_losses(&resumed, &sample.losses)?;
            }
            // A state is lost only with its own file.
            let reached = if name == *newest { SAVED[0] } else { SAVED[1] };
            if let Some(((step, _), _)) = resumed.first_key_value().filter(|((step, _), _)| *step < reached) {
                return Err(format!("a finished checkpoint was lost: the run went on with step {step}"));
            }
            match text(&heard) {
                (_, None) if !is_told(&heard) => Err("nothing was generated, without a word".to_owned()),
                found if is_setting || found.1.is_none() || found == whole => Ok(()),
                found if name == *newest && found == before => Ok(()),
                found => Err(format!("other text: {found:?}")),
            }?;
            let found = figures(&heard);
            if !found.is_empty() && found != listed {
                return Err(format!("other figures are listed: {found:?}"));
            }
            if began.elapsed().as_secs() > 60 {
                return Err(format!("it took {} s", began.elapsed().as_secs()));
            }
            Ok(())
        });
        campaign.judge(&draw, outcome.map_err(|reason| format!("{} {what}: {reason}", name.display())));
    }
    println!("bytes: {} of {} files were damaged", damaged.len(), names.len());
    campaign.end();
}
