//! Imports of nearly every page: `use crate::pages::prelude::*`.

// The button that may be disabled, rather than that of the widgets.
pub use super::parts::icon_button;
pub use super::parts::*;
pub use super::{Context, Dot, ENTRIES, Models, Needs, Page, PageName};
pub use crate::link::Wish;
pub use crate::state::{History, InspectionAnswer, State, Tensor, Text, Training, ViewData};
pub use crate::widgets::{self, prelude::*};
pub use glasshouse_protocol::{
    CheckpointSummary, Command, ErrorReport, GenerateConfig, InspectSettings, LearnsFrom, Objective,
    RunConfig, RunLaunch, RunState, RunSummary, Start, Steer, TokenizerKind, TrainEvent, TrainingState, View,
    WeightSource, answer,
};
