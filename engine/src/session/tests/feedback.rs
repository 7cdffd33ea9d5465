//! What is said of replies, kept and learned from.

use super::{after, failures, play, tiny, train};
use crate::protocol::{
    ChatMessage, Command, Event, Feedback, Launch, LearnsFrom, Objective, Role, RunConfig, RunState, Start,
};

fn asked(text: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(Role::User, text)]
}

fn add(rows: Vec<Feedback>) -> Command {
    Command::SpliceFeedback { at: None, removed: 0, rows }
}

fn lists(heard: &[crate::protocol::Report]) -> Vec<Vec<Feedback>> {
    let rows = heard.iter().filter_map(|report| match &report.event {
        Event::Feedback { rows } => Some(rows.clone()),
        _ => None,
    });
    rows.collect()
}

#[test]
fn rows_are_kept_changed_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let row =
        |good| Feedback { run: "1-a".to_owned(), when: 7, ..Feedback::thumb(asked("Who?"), "Ada.", good) };
    let to = folder.path().join("out");
    let heard = play(
        &folder.path().join("shelf"),
        vec![
            after(Command::CreateProject { name: "Said".to_owned() }),
            after(Command::ListFeedback),
            after(add(vec![row(true), Feedback::default()])),
            after(add(vec![row(true), Feedback::better(asked("Who?"), "Eva.")])),
            after(Command::SpliceFeedback { at: Some(0), removed: 1, rows: vec![row(false)] }),
            after(Command::ExportFeedback { to: Some(to.clone()), one: false, keep: true }),
            after(Command::SpliceFeedback { at: Some(0), removed: 1, rows: Vec::new() }),
            after(Command::ExportFeedback { to: None, one: true, keep: false }),
        ],
    );
    let lists = lists(&heard);
    let counts: Vec<usize> = lists.iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 2, 2, 1], "a row that says nothing takes those beside it with it");
    assert_eq!(lists[2][0], row(false));
    assert!(lists[1][1].when > 7, "what says no time is from now");
    let refused = failures(&heard);
    assert!(refused.len() == 1 && refused[0].contains("`messages`"), "{refused:?}");
    let text = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
    assert_eq!((text("labels.jsonl").lines().count(), text("chat.jsonl").lines().count()), (1, 1));
    let packed = heard.iter().any(
        |report| matches!(&report.event, Event::Exported { name, path: None, .. } if name == "feedback.zip"),
    );
    assert!(packed, "without a place it is packed");
}

#[test]
fn a_run_goes_on_from_another_and_learns_what_was_approved() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    let mut config = tiny(4);
    config.model.context_length = 64;
    let mut tuned = RunConfig { start: Some(Start::best_of("1-first-stories")), ..config.clone() };
    tuned.set_objective(Objective::Chat);
    let learn = || Command::Train {
        config: Box::new(tuned.clone()),
        launch: Launch { learns_from: LearnsFrom::Feedback, ..Launch::default() },
    };
    let tasks = Command::Train {
        config: Box::new(tuned.clone()),
        launch: Launch { learns_from: LearnsFrom::Tasks, ..Launch::default() },
    };
    let thumbs = |count: usize| {
        (0..count)
            .map(|at| Feedback::thumb(asked(&format!("Who has {at}?")), "Mia has.", at % 4 != 3))
            .collect()
    };
    let heard = play(
        &shelf,
        vec![
            after(Command::CreateProject { name: "Said".to_owned() }),
            after(train(config, None)),
            after(learn()),
            after(add(thumbs(24))),
            after(learn()),
            after(tasks),
            after(Command::ReadSettings { run: None }),
            after(Command::ListDocuments { search: String::new(), offset: 0, count: 1, validation: 0.1 }),
        ],
    );
    let refused = failures(&heard);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("no reply that you found good"), "{refused:?}");
    assert!(refused[1].contains("instruction tasks are not made here"), "{refused:?}");
    let ended: Vec<_> = heard
        .iter()
        .filter_map(|report| match &report.event {
            Event::TrainingEnded { run } => Some((run.state, run.step)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(RunState::Finished, 4), (RunState::Finished, 4)]);
    let settings = heard.iter().find_map(|report| match &report.event {
        Event::Settings { config, .. } => Some(config.clone()),
        _ => None,
    });
    let settings = settings.unwrap();
    let path = std::path::Path::new(&settings.data.paths[0]);
    assert!(path.ends_with("feedback/chat.jsonl"), "{path:?}");
    // Three of four had a thumb up.
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 18);
    let embedded = heard.iter().rev().find_map(|report| match &report.event {
        Event::Documents { overview, .. } => Some(overview.embedded),
        _ => None,
    });
    assert_eq!(embedded, Some(true), "the project's text is what it was");
}
