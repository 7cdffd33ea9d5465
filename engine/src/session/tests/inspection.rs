//! Inspecting a model while it trains.

use super::{TRAINS, Trigger, after, evaluation, failures, play_trained, play_with, tiny, train};
use crate::protocol::inspect::{Detail, Edit};
use crate::protocol::{
    Command, Event, InspectSettings, Inspection, Report, RunConfig, Steer, TokenizerKind, TrainingState,
    View, WeightSource,
};
use std::cell::RefCell;
use std::rc::Rc;

fn look(views: &[View], settings: InspectSettings) -> Command {
    Command::Inspect {
        source: WeightSource::Current,
        prompt: "One day".to_owned(),
        further: Vec::new(),
        views: views.to_vec(),
        settings: Box::new(settings),
    }
}

/// A run with a character vocabulary that trains until it is stopped.
pub(super) fn endless() -> RunConfig {
    let mut config = evaluation::endless();
    config.tokenizer.kind = TokenizerKind::Char;
    config
}

/// An inspection that sends an event before its answer: the prompt has a character that the vocabulary lacks.
pub(super) fn look_slowly() -> Command {
    let mut command = look(&[View::Tokens, View::Residual, View::Attention], InspectSettings::default());
    if let Command::Inspect { prompt, .. } = &mut command {
        prompt.push('ß');
    }
    command
}

/// Index of the first event that matches.
fn place(heard: &[Report], wanted: impl Fn(&Report) -> bool) -> usize {
    heard.iter().position(wanted).unwrap_or_else(|| panic!("not in {heard:#?}"))
}

fn answers(heard: &[Report]) -> Vec<&Inspection> {
    told!(heard, Event::Inspected { inspection } => &**inspection).collect()
}

/// Without a run, nothing waits for the answer; a run in training does, and the time is reported.
#[test]
fn an_answer_says_how_long_it_held_a_runs_training() {
    let look = || look(&[View::Tokens, View::Positions], InspectSettings::default());
    let seen: Trigger = |event| matches!(event, Event::Inspected { .. });
    let heard = play_trained(
        tiny(3),
        vec![
            after(look()),
            after(train(endless(), None)),
            (Some(TRAINS), look()),
            (Some(seen), Command::Steer(Steer::Stop)),
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

/// A pause takes effect during an inspection, which continues.
#[test]
fn a_run_pauses_while_its_model_is_looked_at() {
    let looks: Trigger = |event| matches!(event, Event::CharactersLost { .. });
    let seen: Trigger = |event| matches!(event, Event::Inspected { .. });
    let heard = play_trained(
        endless(),
        vec![
            (Some(TRAINS), look_slowly()),
            (Some(looks), Command::Steer(Steer::Pause)),
            (Some(seen), Command::Steer(Steer::Stop)),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let paused =
        |report: &Report| matches!(report.event, Event::TrainingState { state: TrainingState::Paused, .. });
    let paused = place(&heard, paused);
    let answered = place(&heard, |report| seen(&report.event));
    assert!(paused < answered, "paused at {paused}, answered at {answered}");
    assert!(answers(&heard)[0].held_training_ms.is_some());
}

/// A stopping run does not wait for an inspection: it is postponed and uses the run's final weights.
#[test]
fn a_run_stops_while_its_model_is_looked_at() {
    let looks: Trigger = |event| matches!(event, Event::CharactersLost { .. });
    let seen: Trigger = |event| matches!(event, Event::Inspected { .. });
    let heard = play_trained(
        endless(),
        vec![
            (Some(TRAINS), look_slowly()),
            (Some(looks), Command::Steer(Steer::Stop)),
            (Some(seen), Command::ListRuns),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let stopping =
        |report: &Report| matches!(report.event, Event::TrainingState { state: TrainingState::Stopping, .. });
    let (stopping, ended, answered) = (
        place(&heard, stopping),
        place(&heard, |report| matches!(report.event, Event::TrainingEnded { .. })),
        place(&heard, |report| seen(&report.event)),
    );
    assert!(stopping < ended && ended < answered, "{stopping}, {ended}, {answered}");
    let [answer] = answers(&heard)[..] else { panic!("{heard:#?}") };
    assert_eq!((answer.views.len(), answer.held_training_ms), (3, None));
}

/// Each of several prompts gets the same numbers as alone; an invalid one does not cause partial answers.
#[test]
fn several_prompts_are_answered_as_each_alone_is() {
    let shelf = tempfile::tempdir().unwrap();
    let of = |prompt: &str, further: &[&str]| Command::Inspect {
        source: WeightSource::Current,
        prompt: prompt.to_owned(),
        further: further.iter().map(|prompt| (*prompt).to_owned()).collect(),
        views: vec![View::Tokens, View::LogitLens],
        settings: Box::default(),
    };
    let bytes = Rc::new(RefCell::new(Vec::new()));
    let taken = bytes.clone();
    let heard = play_with(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(train(tiny(3), None)),
            after(of("One day", &["The fox sat"])),
            after(of("One day", &[])),
            after(of("The fox sat", &[])),
        ],
        move |envelope| {
            if let Event::Inspected { .. } = envelope.body.event {
                taken.borrow_mut().push(envelope.bytes.clone());
            }
        },
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let (answers, bytes) = (answers(&heard), bytes.borrow());
    let prompts: Vec<&str> = answers.iter().map(|answer| answer.prompt.as_str()).collect();
    assert_eq!(prompts, ["One day", "The fox sat", "One day", "The fox sat"]);
    assert_eq!((&bytes[0], &bytes[1]), (&bytes[2], &bytes[3]));
    assert!(!bytes[0].is_empty() && bytes[0] != bytes[1]);
    assert_eq!(answers[0].tokens, answers[2].tokens);
}

/// Neither a request that fails midway nor a change of the device drops the text indices.
#[test]
fn a_refused_request_costs_the_next_one_nothing() {
    let provenance = || after(look(&[View::Provenance], InspectSettings::default()));
    // A patch without another prompt.
    let edits = vec![Edit::Patch { layer: 0, position: 0 }];
    let refused = InspectSettings { edits, ..InspectSettings::default() };
    let heard = play_trained(
        tiny(3),
        vec![
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

/// Characters that the vocabulary lacks are reported for the patch's prompt too.
#[test]
fn characters_that_the_vocabulary_lacks_are_told_of_the_other_prompt_too() {
    let mut config = tiny(3);
    config.tokenizer.kind = TokenizerKind::Char;
    let (edits, other_prompt) = (vec![Edit::Patch { layer: 0, position: 0 }], "Two ß".to_owned());
    let settings = InspectSettings { edits, other_prompt, ..InspectSettings::default() };
    let heard = play_trained(config, vec![after(look(&[View::WhatIf], settings))]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let lost = told!(heard, Event::CharactersLost { characters } => characters.as_str()).next();
    assert_eq!(lost, Some("ß"));
}

/// A map is aligned with the reference if it can be read, and shown unaligned otherwise; other views ignore it.
#[test]
fn a_reference_that_is_gone_is_told_of_and_no_more() {
    let gone = WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: "milestone-99".into() };
    let settings = || InspectSettings { reference: Some(gone.clone()), ..InspectSettings::default() };
    let heard = play_trained(
        tiny(3),
        vec![
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

#[test]
fn what_changed_between_two_checkpoints_is_told_of_held_out_text() {
    let of =
        |checkpoint: &str| WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: checkpoint.into() };
    let diff = |reference: Option<WeightSource>| {
        let settings = InspectSettings { reference, held_out: true, ..InspectSettings::default() };
        let mut command = look(&[View::Diff], settings);
        if let Command::Inspect { source, prompt, .. } = &mut command {
            (*source, *prompt) = (of("latest"), String::new());
        }
        command
    };
    let heard = play_trained(
        tiny(12),
        vec![after(diff(Some(of("best")))), after(diff(Some(of("latest")))), after(diff(None))],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && !failed[0].is_empty(), "one model alone: {failed:?}");
    let answers = answers(&heard);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].prompt, answers[1].prompt);
    assert!(answers[0].prompt.len() > 100, "{:?}", answers[0].prompt);
    for answer in answers {
        let names: Vec<&str> = answer.views[0].tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        for name in ["divergence", "change", "weights", "activations", "effect"] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        let text = answer.views[0].tensors.iter().find(|tensor| tensor.name == "divergence").unwrap();
        // The held-out text is longer than the context of 16.
        assert!(text.count() > 16, "{text:?}");
    }
}
