//! Looking inside a model beside its training.

use super::{Trigger, after, failures, play, tiny, train};
use crate::protocol::inspect::{Detail, Edit};
use crate::protocol::{Command, Event, InspectSettings, Inspection, Report, View, WeightSource};

fn look(views: &[View], settings: InspectSettings) -> Command {
    Command::Inspect {
        source: WeightSource::Current,
        prompt: "One day".to_owned(),
        views: views.to_vec(),
        settings: Box::new(settings),
    }
}

fn answers(heard: &[Report]) -> Vec<&Inspection> {
    let answers = heard.iter().filter_map(|report| match &report.event {
        Event::Inspected { inspection } => Some(&**inspection),
        _ => None,
    });
    answers.collect()
}

/// Alone nothing waits for an answer; a run in training does, and is told for how long.
#[test]
fn an_answer_says_how_long_it_held_a_runs_training() {
    let shelf = tempfile::tempdir().unwrap();
    let look = || look(&[View::Tokens, View::Positions], InspectSettings::default());
    let trains: Trigger = |event| matches!(event, Event::Training { .. });
    let seen: Trigger = |event| matches!(event, Event::Inspected { .. });
    let mut long = tiny(1_000_000);
    (long.train.eval_interval, long.train.sample_interval) = (0, 0);
    let heard = play(
        shelf.path(),
        vec![
            after(Command::CreateProject { name: "p".to_owned() }),
            after(train(tiny(3), None)),
            after(look()),
            after(train(long, None)),
            (Some(trains), look()),
            (Some(seen), Command::StopTraining),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let answers = answers(&heard);
    let [alone, beside] = answers[..] else { panic!("{answers:?}") };
    assert_eq!(alone.held_training_ms, None);
    let took: f64 = beside.views.iter().map(|view| view.ms).sum();
    assert!(beside.held_training_ms.is_some_and(|held| held >= took && took > 0.0), "{beside:?}");
    assert_ne!(alone.run, beside.run);
}

/// A request that fails midway, or another device, leaves what texts are found in.
#[test]
fn a_refused_request_costs_the_next_one_nothing() {
    let shelf = tempfile::tempdir().unwrap();
    let provenance = || after(look(&[View::Provenance], InspectSettings::default()));
    // A patch from no other prompt.
    let edits = vec![Edit::Patch { layer: 0, position: 0 }];
    let refused = InspectSettings { edits, ..InspectSettings::default() };
    let heard = play(
        shelf.path(),
        vec![
            after(Command::CreateProject { name: "p".to_owned() }),
            after(train(tiny(3), None)),
            provenance(),
            after(look(&[View::WhatIf], refused)),
            provenance(),
            after(Command::ChooseDevice { device: "cpu".to_owned() }),
            provenance(),
        ],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("another prompt"), "{failed:?}");
    let took: Vec<f64> = answers(&heard)
        .into_iter()
        .flat_map(|answer| &answer.views[0].details)
        .filter_map(|detail| match detail {
            Detail::Matches { build_ms, .. } => Some(*build_ms),
            _ => None,
        })
        .collect();
    assert!(took.len() == 3 && took[0] > 0.0 && took[1..] == [0.0, 0.0], "{took:?}");
}

/// A map is turned to another's where that can be read, and shown as it is where it cannot; no other view asks for it.
#[test]
fn a_reference_that_is_gone_is_told_of_and_no_more() {
    let shelf = tempfile::tempdir().unwrap();
    let gone = WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: "milestone-99".to_owned() };
    let settings = || InspectSettings { reference: Some(gone.clone()), ..InspectSettings::default() };
    let heard = play(
        shelf.path(),
        vec![
            after(Command::CreateProject { name: "p".to_owned() }),
            after(train(tiny(3), None)),
            after(look(&[View::Tokens, View::Embeddings], settings())),
            after(look(&[View::Positions], settings())),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let answers = answers(&heard);
    let notices = |at: usize, view: usize| answers[at].views[view].notices.join(" ");
    assert!(notices(0, 1).contains("not aligned"), "{}", notices(0, 1));
    assert!(!notices(0, 0).contains("aligned") && !notices(1, 0).contains("aligned"));
}
