//! The pages, in the order of the work. Each is a struct of what a person chose on it, and draws the engine's state.

pub mod data;
pub mod home;
pub mod model;
pub mod runs;
pub mod settings;
pub mod tokenizer;
pub mod train;
pub mod write;

use crate::link::Outbox;
use crate::state::State;
use crate::theme::Palette;
use glasshouse_protocol::RunConfig;

/// Names of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PageName {
    /// Projects and the first step.
    #[default]
    Home,
    /// Documents.
    Data,
    /// Text to tokens.
    Tokenizer,
    /// The decoder and its size.
    Model,
    /// Training.
    Train,
    /// Generation.
    Write,
    /// Past runs.
    Runs,
    /// Device, theme, text size.
    Settings,
}

/// What a page draws with.
pub struct Context<'a> {
    /// The engine's state.
    pub state: &'a State,
    /// Colours of the theme in use.
    pub palette: &'a Palette,
    /// Settings of the next run: one draft that Tokenizer, Model, Data and Train edit together.
    pub draft: &'a mut RunConfig,
    /// Commands to send.
    pub outbox: &'a mut Outbox,
    /// A page to go to after this frame.
    pub go: &'a mut Option<PageName>,
    /// What the person prefers: remembered across starts.
    pub preferences: &'a mut crate::app::Preferences,
}
