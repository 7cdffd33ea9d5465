//! The input of a view's drawing.

use crate::pages::prelude::*;
use glasshouse_protocol::Inspection;
use glasshouse_protocol::inspect::Axis;

/// The engine's answer for one view.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The run, its step, the prompt's tokens, and the numbers of layers and heads.
    pub inspection: &'a Inspection,
    pub data: &'a ViewData,
    pub settings: &'a InspectSettings,
    /// Index of the column: 0, or 1 for the second model.
    pub column: usize,
    pub palette: &'a Palette,
}

impl<'a> Shown<'a> {
    pub fn new(
        InspectionAnswer { inspection, settings, .. }: &'a InspectionAnswer,
        data: &'a ViewData,
        column: usize,
        palette: &'a Palette,
    ) -> Self {
        Self { inspection, data, settings, column, palette }
    }
}

impl Shown<'_> {
    /// The text of a prompt token, with whitespace made visible.
    pub fn token(&self, place: usize) -> String {
        self.inspection.tokens.get(place).map_or_else(String::new, |token| visible(&token.text))
    }

    /// A prompt token after its position: `3 ·upon`.
    pub fn place(&self, place: usize) -> String {
        format!("{place} {}", self.token(place))
    }

    /// Label of an index along an axis: a prompt token, a component, a parameter, or the index itself.
    pub fn along(&self, axis: &Axis, at: usize) -> String {
        match axis.name.as_str() {
            "T" => self.place(at),
            _ => axis.labels.get(at).cloned().unwrap_or_else(|| at.to_string()),
        }
    }

    /// The text of a token id in a tensor, with whitespace made visible, or the id if the text is unknown.
    pub fn text(&self, id: u32) -> String {
        let of_prompt = || self.inspection.tokens.iter().find(|token| token.id == id);
        let known = self.data.text_of(id).or_else(|| of_prompt().map(|token| token.text.as_str()));
        known.map_or_else(|| format!("#{id}"), visible)
    }

    pub fn position(&self) -> usize {
        self.settings.position.unwrap_or(self.inspection.position)
    }

    /// The inspected layer, for single-layer views.
    pub fn layer(&self) -> usize {
        self.settings.layer.unwrap_or(self.inspection.layers.saturating_sub(1))
    }

    pub fn head(&self) -> usize {
        self.settings.head.unwrap_or(0)
    }
}
