//! The pages, in workflow order. Each is a struct of the person's choices, and draws the engine's state.

pub mod chat;
pub mod data;
pub mod evaluate;
pub mod home;
pub mod inspect;
pub mod learn;
pub mod model;
pub mod runs;
pub mod settings;
pub mod tokenizer;
pub mod train;
pub mod tune;
pub mod write;

mod parts;
mod written;

use crate::asks::Asks;
use crate::link::Outbox;
use crate::state::State;
use crate::theme::Palette;
use egui_material_icons::{MaterialIcon, icons};
use glasshouse_protocol::RunConfig;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PageName {
    /// Projects and the first step.
    #[default]
    Home,
    /// Documents and their cleaning.
    Data,
    Tokenizer,
    /// The decoder and its size.
    Model,
    Train,
    Tune,
    Write,
    /// Conversations, and feedback on replies.
    Chat,
    Inspect,
    Runs,
    /// Quality and safety of models.
    Evaluate,
    Learn,
    /// Device, theme, text size.
    Settings,
}

impl PageName {
    /// All pages in the rail's order.
    pub const ALL: [Self; 13] = [
        Self::Home,
        Self::Data,
        Self::Tokenizer,
        Self::Model,
        Self::Train,
        Self::Tune,
        Self::Write,
        Self::Chat,
        Self::Inspect,
        Self::Runs,
        Self::Evaluate,
        Self::Learn,
        Self::Settings,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Data => "Data",
            Self::Tokenizer => "Tokenizer",
            Self::Model => "Model",
            Self::Train => "Train",
            Self::Tune => "Tune",
            Self::Write => "Write",
            Self::Chat => "Chat",
            Self::Inspect => "Inspect",
            Self::Runs => "Runs",
            Self::Evaluate => "Evaluate",
            Self::Learn => "Learn",
            Self::Settings => "Settings",
        }
    }

    /// The name in preferences and addresses.
    pub fn key(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Data => "data",
            Self::Tokenizer => "tokenizer",
            Self::Model => "model",
            Self::Train => "train",
            Self::Tune => "tune",
            Self::Write => "write",
            Self::Chat => "chat",
            Self::Inspect => "inspect",
            Self::Runs => "runs",
            Self::Evaluate => "evaluate",
            Self::Learn => "learn",
            Self::Settings => "settings",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.key() == key)
    }

    pub fn icon(self) -> MaterialIcon {
        match self {
            Self::Home => icons::ICON_HOME,
            Self::Data => icons::ICON_DESCRIPTION,
            Self::Tokenizer => icons::ICON_SEGMENT,
            Self::Model => icons::ICON_LAYERS,
            Self::Train => icons::ICON_MONITORING,
            Self::Tune => icons::ICON_SCHOOL,
            Self::Write => icons::ICON_EDIT_NOTE,
            Self::Chat => icons::ICON_FORUM,
            Self::Inspect => icons::ICON_BIOTECH,
            Self::Runs => icons::ICON_TABLE_ROWS,
            Self::Evaluate => icons::ICON_FACT_CHECK,
            Self::Learn => icons::ICON_MENU_BOOK,
            Self::Settings => icons::ICON_SETTINGS,
        }
    }
}

/// What a page reads and writes while it draws.
pub struct Context<'a> {
    pub state: &'a State,
    pub palette: &'a Palette,
    /// Settings of the next run: one draft that Tokenizer, Model, Data and Train edit together. The app keeps
    /// [`Planning::plan`](crate::state::Planning::plan) up to date with it.
    pub draft: &'a mut RunConfig,
    pub outbox: &'a mut Outbox,
    /// The page to open after this frame.
    pub go: &'a mut Option<PageName>,
    /// A request to the Inspect page after this frame.
    pub look: &'a mut Option<inspect::Wish>,
    pub preferences: &'a mut crate::preferences::Preferences,
    /// Requests to the window: choosing or saving files, toasts.
    pub asks: &'a mut Asks,
}
