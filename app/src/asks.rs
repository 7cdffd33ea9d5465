//! Requests of pages to the window, in addition to commands to the engine.

use crate::format;
use crate::link::Wish;
use crate::preferences::ChosenServing;
use egui::{Rect, Ui};
use glasshouse_protocol::{
    Command, Compression, Drafts, Event, ExportFormat, Moderated, Report, WeightSource,
};

/// Note when a part of the window is saved that is not entirely visible.
pub const IN_SIGHT: &str = "The picture shows only the visible part: enlarge the window to show more";

/// Requests of the pages, which the app carries out after drawing.
#[derive(Debug, Default)]
pub struct Asks {
    /// A file dialog to open.
    pub wish: Option<Wish>,
    /// A line in the strip of messages for ten seconds. Set `shown_at` to `None`.
    pub toast: Option<Toast>,
    /// Toasts to show once their request succeeds; a failed request has an error message.
    pub promised: Vec<(u64, Toast)>,
    /// A file to save for the person: name and bytes.
    pub save: Option<(String, Vec<u8>)>,
    /// Start a new run: Train shows memory and time, and asks for confirmation.
    pub new_run: bool,
    /// Weights to open on Write or Chat.
    pub weights: Option<WeightSource>,
    /// Export a run's model; the Runs page asks for the format.
    pub export: Option<(String, ExportFormat)>,
    /// Compress a run, or measure its frontier (`None`); the Runs page asks for the settings.
    pub compress: Option<(String, Option<Compression>)>,
    /// Remove a file of the project; the Data page offers to undo it.
    pub remove: Option<String>,
    /// Open the first document that contains these words on the Data page.
    pub document: Option<String>,
    pub capture: Option<Capture>,
    /// The draft was replaced as a whole in this frame, in words; the app offers to undo it.
    pub replaced: Option<String>,
    /// Numbers of dismissed messages.
    pub dismissed: Vec<u64>,
    /// Start or stop the server.
    pub serve: Option<bool>,
    pub serving: Serving,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Serving {
    /// The base URL for clients; `None` if off.
    pub address: Option<String>,
    /// The server is starting.
    pub starting: bool,
    /// The settings it was started with.
    pub chosen: ChosenServing,
    /// Why the server could not start.
    pub refused: Option<String>,
    /// Moderation hits in its answers so far.
    pub moderated: Moderated,
}

impl Serving {
    /// Whether the server runs or starts.
    pub fn is_on(&self) -> bool {
        self.starting || self.address.is_some()
    }
}

/// A line in the strip of messages about a completed action, with an optional undo.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toast {
    pub text: String,
    pub undo: Option<Undo>,
    /// When it was first shown, in seconds of egui's clock.
    pub shown_at: Option<f64>,
}

/// A part of the window to save as a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    pub rect: Rect,
    pub name: String,
}

impl Asks {
    pub fn show_toast(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), ..Toast::default() });
    }

    /// Says that the draft was replaced as a whole.
    pub fn replaced(&mut self, text: impl Into<String>) {
        self.replaced = Some(text.into());
    }

    /// Shows a toast that leads back to the draft before.
    pub fn undoable(&mut self, text: impl Into<String>, before: Drafts) {
        let undo = Some(Undo::Drafts(Box::new(before)));
        self.toast = Some(Toast { text: text.into(), undo, shown_at: None });
    }

    /// Shares a run's model; the Runs page asks how.
    pub fn share(&mut self, run: &str) {
        self.export = Some((run.to_owned(), ExportFormat::PAGE));
    }

    /// Saves a part of the page as a picture. What is scrolled away is not drawn, and other content may cover it.
    pub fn picture(&mut self, ui: &Ui, rect: Rect, title: &str) {
        let seen = rect.intersect(ui.clip_rect());
        if seen.height() < rect.height() - 1.0 {
            self.show_toast(IN_SIGHT);
        }
        self.capture = Some(Capture { rect: seen, name: format::file_name(title, "png") });
    }

    /// Shows a toast, with an optional undo command, once a request succeeded.
    pub fn toast_when_done(&mut self, request: u64, text: impl Into<String>, undo: Option<Command>) {
        let undo = undo.map(|command| Undo::Command(Box::new(command)));
        self.promised.push((request, Toast { text: text.into(), undo, shown_at: None }));
    }

    /// Shows the promised toast when its request succeeds.
    pub fn receive(&mut self, report: &Report) {
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

#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    Command(Box<Command>),
    /// Cancels the removal of a document's file that is still pending on the Data page.
    Removal,
    /// Restores the cleared conversation on the Chat page.
    Conversation,
    /// Restores the draft before it was replaced as a whole.
    Drafts(Box<Drafts>),
}
