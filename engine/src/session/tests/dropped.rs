//! Listing the documents dropped by a cleaning.

use super::{after, ended, play, underway};
use crate::protocol::{Command, ErrorKind, Event};

#[test]
fn a_long_list_of_dropped_documents_is_given_up_in_the_midst_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    play(&shelf, vec![after(Command::create("p"))]);
    let cleaned = shelf.join("p/cleaned");
    std::fs::create_dir_all(&cleaned).unwrap();
    let line = r#"{"id":"a.txt","source":"a","rule":"length","reason":"short","words":1,"bytes":4,"excerpt":"Owls"}"#;
    std::fs::write(cleaned.join("dropped.jsonl"), format!("{line}\n").repeat(800_000)).unwrap();
    let heard = play(
        &shelf,
        vec![
            after(Command::OpenProject { id: "p".to_owned() }),
            after(Command::ListDropped { stage: None, offset: 0, count: 10 }),
            (Some(underway), Command::Cancel { request: 3 }),
        ],
    );
    assert_eq!((ended(&heard, 3), ended(&heard, 4)), (Some(ErrorKind::Cancelled), None));
    assert!(heard.iter().all(|report| !matches!(report.event, Event::Dropped { .. })));
}
