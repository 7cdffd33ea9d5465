//! Imports of nearly every page: `use crate::pages::prelude::*`.

// The button that may be disabled, rather than that of the widgets.
pub use super::parts::icon_button;
pub use super::parts::*;
pub use super::{Context, Dot, Models, Needs, Page, PageName};
pub use crate::link::{FOLDERS, Wish};
pub use crate::state::{History, InspectionAnswer, State, Tensor, Text, Training, ViewData};
pub use crate::widgets::{self, prelude::*};
// The accessible role, rather than that of the protocol.
pub use egui::Role;
pub use glasshouse_protocol::blocks::{Block, Fact, Section};
pub use glasshouse_protocol::cleaning::RecipeSummary;
pub use glasshouse_protocol::cleaning::report::{CleaningReport, Group};
pub use glasshouse_protocol::config::PreferenceLoss;
pub use glasshouse_protocol::evaluation::{
    Cell, Likelihood, LossUnit, Metric, Passage, TaskReport, metric_title,
};
pub use glasshouse_protocol::inspect::Detail;
pub use glasshouse_protocol::recipes::TuningRecipe;
pub use glasshouse_protocol::setting::{Choice as _, Number, Setting, Settings as _};
pub use glasshouse_protocol::*;
pub use std::collections::{BTreeMap, BTreeSet};
pub use std::ops::Range;
pub use std::sync::Arc;
