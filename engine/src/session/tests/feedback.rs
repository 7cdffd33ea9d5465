//! Tests of storing feedback and training on it.

use super::{Trigger, after, failures, play, tiny, train};
use crate::protocol::{
    ChatMessage, Command, Event, Export, Feedback, LearnsFrom, Objective, ProposalSettings, Report, Role,
    RunConfig, RunLaunch, RunState, Start, Uncertainty, WeightSource, answer,
};
use std::path::Path;

fn asked(text: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(Role::User, text)]
}

fn add(rows: Vec<Feedback>) -> Command {
    Command::SpliceFeedback { at: None, removed: 0, expected: Vec::new(), rows }
}

fn splice(expected: Vec<Feedback>, rows: Vec<Feedback>) -> Command {
    Command::SpliceFeedback { at: Some(0), removed: 1, expected, rows }
}

fn lists(heard: &[Report]) -> Vec<Vec<Feedback>> {
    told!(heard, Event::Feedback { rows } => rows.clone()).collect()
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
            after(Command::create("Said")),
            after(Command::ListFeedback),
            after(add(vec![row(true), Feedback::default()])),
            after(add(vec![row(true), Feedback::better(asked("Who?"), "Eva.")])),
            after(splice(vec![row(true)], vec![row(false)])),
            after(Export::Feedback { one: false }.to(Some(to.clone()), true)),
            after(splice(Vec::new(), Vec::new())),
            after(Export::Feedback { one: true }.to(None, false)),
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
        |report| matches!(&report.event, Event::Exported(answer::Exported { name, path: None, .. }) if name == "feedback.zip"),
    );
    assert!(packed, "without a place it is packed");
}

fn settings(heard: &[Report]) -> RunConfig {
    let found =
        told!(heard, Event::History(answer::History { config, .. }) => (**config).clone()).next_back();
    found.unwrap()
}

/// Trains a run in a new project, after another command if there is one. Returns the command that opens the project again, and
/// settings that start from the run.
fn begun(shelf: &Path, name: &str, more: Option<Command>) -> ((Option<Trigger>, Command), RunConfig) {
    let mut config = tiny(4);
    config.model.context_length = 64;
    let steps = [Command::create(name), train(config, None)].into_iter();
    let heard = play(shelf, steps.chain(more).chain([read_settings()]).map(after).collect());
    let id =
        told!(heard, Event::Project { opened: Some(opened) } => opened.project.id.clone()).next().unwrap();
    let tuned = RunConfig { start: Some(Start::best_of("1-first-stories")), ..settings(&heard) };
    (after(Command::OpenProject { id }), tuned)
}

fn read_settings() -> Command {
    Command::ReadRun { run: None, points: 0 }
}

#[test]
fn a_run_goes_on_from_another_and_learns_what_was_approved() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    let (opened, mut tuned) = begun(&shelf, "Said", None);
    tuned.set_objective(Objective::Chat);
    let learn = |learns_from| {
        let launch = RunLaunch { learns_from, ..RunLaunch::default() };
        after(Command::Train { config: Box::new(tuned.clone()), launch })
    };
    // Three of four have a thumb up.
    let thumb = |at: usize| Feedback::thumb(asked(&format!("Who has {at}?")), "Mia has.", at % 4 != 3);
    let heard = play(
        &shelf,
        vec![
            opened,
            learn(LearnsFrom::Feedback),
            after(add((0..24).map(thumb).collect())),
            learn(LearnsFrom::Feedback),
            after(read_settings()),
            after(Command::ListDocuments { search: String::new(), offset: 0, count: 1, validation: 0.1 }),
        ],
    );
    let refused = failures(&heard);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("no reply rated good"), "{refused:?}");
    let ended = told!(heard, Event::TrainingEnded { run } => (run.state, run.step, run.learns_from));
    assert_eq!(ended.collect::<Vec<_>>(), [(RunState::Finished, 4, LearnsFrom::Feedback)]);
    let paths = settings(&heard).data.paths;
    let path = Path::new(&paths[0]);
    assert!(path.ends_with("feedback/chat.jsonl"), "{path:?}");
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 18);
    let embedded = told!(heard, Event::Documents { overview, .. } => overview.embedded).next_back();
    assert_eq!(embedded, Some(true), "the project's text is what it was");
}

#[test]
fn labels_that_were_given_are_learned_and_other_texts_are_proposed() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    let (opened, mut tuned) = begun(&shelf, "Feedback", None);
    tuned.set_objective(Objective::Classify);
    let text = |at: usize| format!("Mia saw {at} birds.");
    let label = |at: usize| Feedback::labelled(&text(at), if at.is_multiple_of(2) { "even" } else { "odd" });
    let launch = || RunLaunch { learns_from: LearnsFrom::Feedback, ..RunLaunch::default() };
    let learn = || after(Command::Train { config: Box::new(tuned.clone()), launch: launch() });
    // Two of the texts are labelled by then.
    let pool = folder.path().join("pool.jsonl");
    let lines = (10..16).map(|at| format!("{{\"text\":\"{}\"}}\n", text(at)));
    std::fs::write(&pool, lines.collect::<String>()).unwrap();
    let propose = || {
        let settings = ProposalSettings { count: 3, ..ProposalSettings::default() };
        after(Command::Propose { source: WeightSource::Current, from: pool.display().to_string(), settings })
    };
    let heard = play(
        &shelf,
        vec![
            opened,
            learn(),
            after(add((0..12).map(label).collect())),
            learn(),
            propose(),
            after(Command::ListRuns),
        ],
    );
    let refused = failures(&heard);
    assert!(refused.len() == 1 && refused[0].contains("no text with a label"), "{refused:?}");
    let proposed = told!(heard, Event::Proposed(answer) => answer).next().unwrap();
    let answer::Proposed { run, measure, labels, rows, considered } = proposed;
    assert_eq!((run.as_str(), *measure, *considered), ("2-first-stories", Uncertainty::Margin, 4));
    assert_eq!(*labels, ["even", "odd"]);
    let given: Vec<String> = (0..12).map(text).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| !given.contains(&row.text)), "{rows:?}");
    let notice = |report: &Report| match &report.event {
        Event::Notice { text, .. } => text.contains("2 texts were left out: 2 labelled already"),
        _ => false,
    };
    assert!(heard.iter().any(notice));
    let listed = heard.iter().rev().find_map(|report| match &report.event {
        Event::Runs { runs } => runs.last().map(|run| run.labels.clone()),
        _ => None,
    });
    assert_eq!(listed, Some(labels.clone()));
}
