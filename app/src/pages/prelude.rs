//! What nearly every page draws with: `use crate::pages::prelude::*`.

// The button that may be disabled, rather than that of the widgets.
pub use super::parts::icon_button;
pub use super::parts::*;
pub use super::{Context, Dot, Models, Needs, Page, PageName};
pub use crate::format;
pub use crate::link::Wish;
pub use crate::state::{History, InspectionAnswer, State, Tensor, Text, Training, ViewData};
pub use crate::theme::{self, Palette, space};
pub use crate::widgets::{self, *};
pub use egui::text::LayoutJob;
pub use egui::{
    Align2, Checkbox, Color32, ComboBox, DragValue, FontId, Frame, Galley, Key, Label, Layout, Margin, Popup,
    Pos2, Rect, Response, RichText, Role, ScrollArea, Sense, Shape, Slider, Stroke, TextEdit, TextFormat,
    TextStyle, Ui, Vec2, WidgetInfo, pos2, vec2,
};
pub use egui_material_icons::{MaterialIcon, icons};
pub use glasshouse_protocol::{
    CheckpointSummary, Command, ErrorReport, GenerateConfig, InspectSettings, LearnsFrom, Objective,
    RunConfig, RunLaunch, RunState, RunSummary, Start, Steer, TokenizerKind, TrainEvent, TrainingState, View,
    WeightSource,
};
