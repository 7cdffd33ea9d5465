//! Projects that are brought in.

use super::{after, ended, options, play, run, tiny, train};
use crate::protocol::{Command, ErrorKind, Parcel, Request, TokenizerKind};
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
            after(Command::CreateProject { name: "p".to_owned() }),
            after(train(config, None)),
            after(Command::ExportProject { id: "p".to_owned(), to: Some(file.clone()), keep: false }),
        ],
    );
    // The text may have been checked before this thread looks again; then it is tried anew.
    for attempt in 0..20 {
        let shelf = folder.path().join(attempt.to_string());
        let (requests, inbox) = async_channel::unbounded();
        let send = |id, command| requests.try_send(Parcel::plain(Request { id, command })).unwrap();
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
