//! A session's commands in this process, as a window sends them.

use glasshouse_engine::session;
use glasshouse_protocol::{Command, Envelope, Event, Report, Request};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A session on two threads of the CPU.
pub fn options(shelf: &Path) -> session::Options {
    session::Options {
        shelf: shelf.to_owned(),
        device: "cpu".to_owned(),
        threads: Some(2),
        ..session::Options::default()
    }
}

/// Sends commands one after another. Returns the events, or the first error message.
pub fn play(shelf: &Path, commands: Vec<Command>) -> Result<Vec<Event>, String> {
    play_with(shelf, commands.into_iter().map(|command| (command, Vec::new())).collect())
}

/// Like `play`, with bytes for each command.
pub fn play_with(shelf: &Path, commands: Vec<(Command, Vec<Vec<u8>>)>) -> Result<Vec<Event>, String> {
    let (requests, inbox) = async_channel::unbounded();
    let mut commands = commands
        .into_iter()
        .enumerate()
        .map(|(number, (command, bytes))| Envelope { body: Request::new(number as u64 + 1, command), bytes });
    requests.try_send(commands.next().unwrap()).unwrap();
    let received = Rc::new(RefCell::new((Vec::new(), None)));
    let sink = received.clone();
    let (left, open) = (RefCell::new(commands.collect::<Vec<_>>().into_iter()), requests);
    let receive = move |envelope: Envelope<Report>| {
        let (events, failed) = &mut *sink.borrow_mut();
        match envelope.body.event {
            Event::Failed { error } => {
                *failed = Some(error.message);
                open.close();
            }
            Event::Finished => match left.borrow_mut().next() {
                Some(next) => open.try_send(next).unwrap(),
                None => {
                    open.close();
                }
            },
            event => events.push(event),
        }
    };
    pollster::block_on(session::run(options(shelf), inbox, receive));
    let (events, failed) = received.take();
    failed.map_or(Ok(events), Err)
}

pub fn use_project(folder: PathBuf, make: bool) -> Command {
    Command::UseProject { folder, make }
}
