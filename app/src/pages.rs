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

macro_rules! pages {
    ($($page:ident = $key:literal, $icon:ident;)+) => {
        impl PageName {
            /// In the rail's order.
            pub const ALL: [Self; [$($key),+].len()] = [$(Self::$page),+];

            pub fn title(self) -> &'static str {
                match self { $(Self::$page => stringify!($page)),+ }
            }

            /// The name in preferences and addresses.
            pub fn key(self) -> &'static str {
                match self { $(Self::$page => $key),+ }
            }

            pub fn icon(self) -> MaterialIcon {
                match self { $(Self::$page => icons::$icon),+ }
            }
        }
    };
}

pages! {
    Home = "home", ICON_HOME;
    Data = "data", ICON_DESCRIPTION;
    Tokenizer = "tokenizer", ICON_SEGMENT;
    Model = "model", ICON_LAYERS;
    Train = "train", ICON_MONITORING;
    Tune = "tune", ICON_SCHOOL;
    Write = "write", ICON_EDIT_NOTE;
    Chat = "chat", ICON_FORUM;
    Inspect = "inspect", ICON_BIOTECH;
    Runs = "runs", ICON_TABLE_ROWS;
    Evaluate = "evaluate", ICON_FACT_CHECK;
    Learn = "learn", ICON_MENU_BOOK;
    Settings = "settings", ICON_SETTINGS;
}

impl PageName {
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.key() == key)
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
