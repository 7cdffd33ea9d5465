//! What pages want of the window beside commands to the engine.

use crate::link::Wish;
use egui::Rect;
use glasshouse_protocol::{Command, Event, ExportFormat, Moderated, Report};

/// What is said where a part of the window is to be saved that is not all in sight.
pub const IN_SIGHT: &str = "The picture shows only the visible part: enlarge the window to show more";

/// What pages want; the app sees to it after drawing.
#[derive(Debug, Default)]
pub struct Asks {
    /// Files to be picked.
    pub wish: Option<Wish>,
    /// A line at the bottom for ten seconds. Set `shown_at` to `None`.
    pub toast: Option<Toast>,
    /// Lines that wait until a request is answered: one that fails says so by itself.
    pub promised: Vec<(u64, Toast)>,
    /// A file to give to the person: its name and bytes.
    pub save: Option<(String, Vec<u8>)>,
    /// A new run is to be begun: Train says what it takes, and asks.
    pub new_run: bool,
    /// A run's model is to be written: Runs asks as what.
    pub export: Option<(String, ExportFormat)>,
    /// A document is to be read: Data opens the first that has these words.
    pub document: Option<String>,
    /// A part of the window to save as a picture.
    pub capture: Option<Capture>,
    /// Numbers of messages that were put away.
    pub dismissed: Vec<u64>,
    /// The server is to be switched on or off.
    pub serve: Option<bool>,
    /// How the server is.
    pub serving: Serving,
}

/// How the server for other programs is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Serving {
    /// Where it listens, as clients take it; none where it is off.
    pub address: Option<String>,
    /// Why it could not be switched on.
    pub refused: Option<String>,
    /// What moderation found in its answers so far.
    pub moderated: Moderated,
}

/// A line that says what was done, and may undo it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toast {
    /// What was done.
    pub text: String,
    /// What undoes it.
    pub undo: Option<Undo>,
    /// Seconds of egui's clock at which it was first shown.
    pub shown_at: Option<f64>,
}

/// A part of the window to save as a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Where, in points.
    pub rect: Rect,
    /// The file's name.
    pub name: String,
}

impl Asks {
    /// Says what was done.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), ..Toast::default() });
    }

    /// Says what a request did, and what would undo it, once it has done that.
    pub fn tell_when_done(&mut self, request: u64, text: impl Into<String>, undo: Option<Command>) {
        let undo = undo.map(Undo::Command);
        self.promised.push((request, Toast { text: text.into(), undo, shown_at: None }));
    }

    /// Takes in an event: a request that is done has its line shown.
    pub fn hear(&mut self, report: &Report) {
        let done = match report.event {
            Event::Finished => true,
            Event::Failed { .. } => false,
            _ => return,
        };
        let of_it = |(request, _): &(u64, Toast)| Some(*request) == report.request;
        if let Some(place) = self.promised.iter().position(of_it) {
            let (_, toast) = self.promised.swap_remove(place);
            if done {
                self.toast = Some(toast);
            }
        }
    }
}

/// A way back.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// A command.
    Command(Command),
    /// The removal of a document's file, which the Data page has not carried out yet, is called off.
    Removal,
    /// The conversation that was put away on Chat is there again.
    Conversation,
}
