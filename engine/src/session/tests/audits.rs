//! Audits between other work.

use super::evaluation::endless;
use super::{TRAINS, Trigger, after, ended, failures, play_trained, tiny, train};
use crate::protocol::evaluation::AuditTopic::{self, Bias, Canaries, Personal};
use crate::protocol::{
    Audit, AuditSettings, CheckpointChoice, Command, ErrorKind, Event, Report, Steer, WeightSource, answer,
};

const EVALUATING: Trigger = |event| matches!(event, Event::Progress { .. });

fn audits(heard: &[Report]) -> Vec<&Audit> {
    told!(heard, Event::Evaluations(answer::Evaluations { audits, .. }) => audits).flatten().collect()
}

fn audit(sections: &[AuditTopic], samples: usize) -> Command {
    let sections = sections.to_vec();
    let settings = AuditSettings { sections, samples, ..AuditSettings::default() };
    Command::Audit { source: WeightSource::Current, settings: Box::new(settings) }
}

/// `Hello` is request 1, the first audit 4.
#[test]
fn an_audit_says_how_far_it_is_is_cancelled_and_is_made_again() {
    let mut planted = tiny(3);
    planted.data.canaries = 2;
    let evaluating: Trigger = |event| matches!(event, Event::Progress { done, .. } if *done > 0);
    let heard = play_trained(
        planted,
        vec![
            after(audit(&[], 10_000)),
            (Some(evaluating), Command::Cancel { request: 4 }),
            after(audit(&[Personal, Canaries], 3)),
            after(audit(&[], 0)),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Cancelled));
    let audits = audits(&heard);
    let [made] = audits[..] else { panic!("{audits:?}") };
    let topics: Vec<AuditTopic> = made.sections.iter().map(|section| section.name).collect();
    assert_eq!(topics, [Canaries, Personal]);
    assert!(made.sections.iter().all(|section| section.skipped.is_none()), "{made:?}");
    assert!(made.step == 3 && made.weights_crc32c != 0 && made.device == "cpu", "{made:?}");
    let canaries = &made.sections[0];
    assert!(canaries.sample.starts_with("2 canaries and 4 that were not planted"), "{canaries:?}");
    // Untrained weights rank a secret randomly.
    let exposure = canaries.metrics[0].value.unwrap();
    assert!((0.0..=10.0).contains(&exposure), "{canaries:?}");
    let failures = failures(&heard);
    assert!(failures.len() == 2 && failures[1].contains("must be between 1 and 10000"), "{failures:?}");
}

/// `Hello` is request 1, the audits are 4 and 6: one alone, the same next to another run's steps.
#[test]
fn a_run_goes_on_while_a_model_is_audited_and_the_findings_are_those_of_one_alone() {
    let first = || {
        let mut command = audit(&[Bias, Personal], 20);
        if let Command::Audit { source, .. } = &mut command {
            *source = WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: CheckpointChoice::Latest };
        }
        command
    };
    let audited: Trigger = |event| matches!(event, Event::Evaluations { .. });
    let heard = play_trained(
        tiny(3),
        vec![
            after(first()),
            after(train(endless(), None)),
            (Some(TRAINS), first()),
            (Some(audited), Command::Steer(Steer::Stop)),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let audits = audits(&heard);
    let [alone, beside] = audits[..] else { panic!("{audits:?}") };
    assert!(beside.sections == alone.sections && beside.weights_crc32c == alone.weights_crc32c);
    // Steps occur during the audit.
    let place = |of: fn(&Event) -> bool| {
        heard.iter().position(|report| report.request == Some(6) && of(&report.event))
    };
    let (begun, ended) = (place(EVALUATING).unwrap(), place(audited).unwrap());
    assert!(heard[begun..ended].iter().any(|report| TRAINS(&report.event)), "{begun} {ended}");
}

/// A stopping run does not wait for an audit, which continues afterwards.
#[test]
fn a_run_stops_while_its_model_is_audited() {
    let stopped: Trigger = |event| matches!(event, Event::TrainingEnded { .. });
    let heard = play_trained(
        endless(),
        vec![
            (Some(TRAINS), audit(&[Personal], 10_000)),
            (Some(EVALUATING), Command::Steer(Steer::Stop)),
            (Some(stopped), Command::Cancel { request: 4 }),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Cancelled));
    assert_eq!(failures(&heard).len(), 1);
}
