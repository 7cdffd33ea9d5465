//! What pages want of the window beside commands to the engine.

use crate::link::Wish;
use egui::Rect;
use glasshouse_protocol::Command;

/// What pages want; the app sees to it after drawing.
#[derive(Debug, Default)]
pub struct Asks {
    /// Files to be picked.
    pub wish: Option<Wish>,
    /// A line at the bottom for ten seconds. Set `shown_at` to `None`.
    pub toast: Option<Toast>,
    /// A file to give to the person: its name and bytes.
    pub save: Option<(String, Vec<u8>)>,
    /// A part of the window to save as a picture.
    pub capture: Option<Capture>,
    /// Numbers of messages that were put away.
    pub dismissed: Vec<u64>,
}

/// A line that says what was done, and may undo it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toast {
    /// What was done.
    pub text: String,
    /// Commands that undo it.
    pub undo: Vec<Command>,
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
        self.tell_with_undo(text, Vec::new());
    }

    /// The same with a way back.
    pub fn tell_with_undo(&mut self, text: impl Into<String>, undo: Vec<Command>) {
        self.toast = Some(Toast { text: text.into(), undo, shown_at: None });
    }
}
