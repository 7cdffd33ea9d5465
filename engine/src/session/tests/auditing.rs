//! Audits between other work.

use super::{Trigger, after, ended, failures, play, tiny, train};
use crate::protocol::{Audit, AuditSettings, Command, ErrorKind, Event, WeightSource};

fn audit(sections: &[&str], samples: usize) -> Command {
    let sections = sections.iter().map(|name| (*name).to_owned()).collect();
    let settings = AuditSettings { sections, samples, ..AuditSettings::default() };
    Command::Audit { source: WeightSource::Current, settings: Box::new(settings) }
}

/// `Hello` is 1, the first audit 4.
#[test]
fn an_audit_says_how_far_it_is_is_cancelled_and_is_made_again() {
    let shelf = tempfile::tempdir().unwrap();
    let mut planted = tiny(3);
    planted.data.canaries = 2;
    let evaluating: Trigger = |event| matches!(event, Event::Evaluating { done, .. } if *done > 0);
    let heard = play(
        shelf.path(),
        vec![
            after(Command::CreateProject { name: "p".to_owned() }),
            after(train(planted, None)),
            after(audit(&[], 10_000)),
            (Some(evaluating), Command::Cancel { request: 4 }),
            after(audit(&["personal", "canaries"], 3)),
            after(audit(&["nothing"], 3)),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Cancelled));
    let audits: Vec<&Audit> = heard
        .iter()
        .filter_map(|report| match &report.event {
            Event::Audited { audit } => Some(&**audit),
            _ => None,
        })
        .collect();
    let [made] = audits[..] else { panic!("{audits:?}") };
    let names: Vec<&str> = made.sections.iter().map(|section| section.name.as_str()).collect();
    assert_eq!(names, ["canaries", "personal"]);
    assert!(made.sections.iter().all(|section| section.skipped.is_none()), "{made:?}");
    assert!(made.step == 3 && made.weights_crc32c != 0 && made.device == "cpu", "{made:?}");
    let canaries = &made.sections[0];
    assert!(canaries.sample.starts_with("2 canaries and 4 that were not planted"), "{canaries:?}");
    // Weights that have learned nothing put a secret anywhere.
    let exposure = canaries.metrics[0].value.unwrap();
    assert!((0.0..=10.0).contains(&exposure), "{canaries:?}");
    let failures = failures(&heard);
    assert!(
        failures.len() == 2 && failures[1].contains("unknown section of an audit `nothing`"),
        "{failures:?}"
    );
}

/// A run that is to stop does not wait for an audit, which begins anew behind it.
#[test]
fn a_run_stops_while_its_model_is_audited() {
    let shelf = tempfile::tempdir().unwrap();
    let mut endless = tiny(1_000_000);
    (endless.train.eval_interval, endless.train.sample_interval) = (0, 0);
    let trains: Trigger = |event| matches!(event, Event::Training { .. });
    let evaluating: Trigger = |event| matches!(event, Event::Evaluating { .. });
    let stopped: Trigger = |event| matches!(event, Event::TrainingEnded { .. });
    let heard = play(
        shelf.path(),
        vec![
            after(Command::CreateProject { name: "p".to_owned() }),
            after(train(endless, None)),
            (Some(trains), audit(&["personal"], 10_000)),
            (Some(evaluating), Command::StopTraining),
            (Some(stopped), Command::Cancel { request: 4 }),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Cancelled));
    assert_eq!(failures(&heard).len(), 1);
}
