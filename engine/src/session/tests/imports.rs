//! Importing projects.

use super::{after, ended, generate, options, play, run, tiny, train};
use crate::project::{Project, RunRecord};
use crate::protocol::{Command, Envelope, ErrorKind, Event, Export, Request, TokenizerKind};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};

#[test]
fn an_import_that_is_given_up_while_its_text_is_checked_leaves_no_project() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.glasshouse");
    let mut config = tiny(3);
    (config.data.corpus_bytes, config.tokenizer.kind) = (2_000_000, TokenizerKind::Char);
    play(
        &folder.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(train(config, None)),
            after(Export::Project { id: "p".to_owned() }.to(Some(file.clone()), false)),
        ],
    );
    // The check may end before this thread looks again; then retry.
    for attempt in 0..20 {
        let shelf = folder.path().join(attempt.to_string());
        let (requests, inbox) = async_channel::unbounded();
        let send = |id, command| requests.try_send(Envelope::plain(Request::new(id, command))).unwrap();
        send(1, Command::ImportProject { name: None, from: Some(file.display().to_string()) });
        let heard = Rc::new(RefCell::new(Vec::new()));
        let told = heard.clone();
        let mut session = run(options(&shelf), inbox, move |report| told.borrow_mut().push(report.body));
        let mut context = Context::from_waker(Waker::noop());
        while !shelf.join("p").exists() {
            assert!(session.as_mut().poll(&mut context).is_pending());
        }
        send(2, Command::Cancel { request: 1 });
        requests.close();
        pollster::block_on(session);
        if ended(&heard.borrow(), 1) == Some(ErrorKind::Cancelled) {
            assert!(!shelf.join("p").exists());
            return;
        }
    }
    panic!("no import was caught in the midst of it");
}

#[test]
fn a_project_of_models_to_compare_with_alone_says_which_of_them_can_be_named() {
    let shelf = tempfile::tempdir().unwrap();
    let made = after(Command::create("p"));
    play(shelf.path(), vec![made, after(train(tiny(3), None))]);
    let project = Project::open(&shelf.path().join("p")).unwrap();
    let other = project.latest_run().unwrap();
    other.save_record(&RunRecord { for_comparison: true, ..other.record().unwrap() }).unwrap();
    let asked = vec![after(Command::OpenProject { id: "p".to_owned() }), after(generate("One day"))];
    let heard = play(shelf.path(), asked);
    let told = told!(heard, Event::Failed { error } => error.message.as_str()).next();
    assert_eq!(told, Some(project.latest_run().unwrap_err().to_string().as_str()));
}
