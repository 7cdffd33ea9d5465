//! Imports of nearly every widget: `use super::prelude::*`. The prelude of the pages includes them.

pub use super::*;
pub use crate::format;
pub use crate::theme::{self, Palette, space};
pub use egui::text::LayoutJob;
pub use egui::{
    Align2, Checkbox, Color32, ComboBox, DragValue, FontId, Frame, Galley, Key, Label, Layout, Margin, Popup,
    Pos2, Rect, Response, RichText, Role, ScrollArea, Sense, Shape, Slider, Stroke, StrokeKind, TextEdit,
    TextFormat, TextStyle, Ui, Vec2, WidgetInfo, pos2, vec2,
};
pub use egui_material_icons::{MaterialIcon, icons};
