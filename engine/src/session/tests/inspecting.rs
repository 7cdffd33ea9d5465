//! Looking inside a model beside its training.

use super::{Trigger, after, failures, play, tiny, train};
use crate::protocol::{Command, Event, Inspection, View, WeightSource};

/// Alone nothing waits for an answer; a run in training does, and is told for how long.
#[test]
fn an_answer_says_how_long_it_held_a_runs_training() {
    let shelf = tempfile::tempdir().unwrap();
    let look = || Command::Inspect {
        source: WeightSource::Current,
        prompt: "One day".to_owned(),
        views: vec![View::Tokens, View::Positions],
        settings: Box::default(),
    };
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
    let answers = heard.iter().filter_map(|report| match &report.event {
        Event::Inspected { inspection } => Some(&**inspection),
        _ => None,
    });
    let answers: Vec<&Inspection> = answers.collect();
    let [alone, beside] = answers[..] else { panic!("{answers:?}") };
    assert_eq!(alone.held_training_ms, None);
    let took: f64 = beside.views.iter().map(|view| view.ms).sum();
    assert!(beside.held_training_ms.is_some_and(|held| held >= took && took > 0.0), "{beside:?}");
    assert_ne!(alone.run, beside.run);
}
