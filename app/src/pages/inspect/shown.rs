//! What a view draws.

use super::weights;
use crate::format;
use crate::pages::parts::visible;
use crate::state::ViewData;
use crate::theme::Palette;
use glasshouse_protocol::{InspectSettings, Inspection};

/// An answer of the engine for one view.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The run, its step, the prompt's tokens, how many layers and heads there are.
    pub(super) inspection: &'a Inspection,
    /// The view's numbers.
    pub(super) data: &'a ViewData,
    /// What was asked for.
    pub(super) settings: &'a InspectSettings,
    /// The column that it stands in: 0, or 1 beside another model.
    pub(super) column: usize,
    /// Colours of the theme in use.
    pub(super) palette: &'a Palette,
}

impl Shown<'_> {
    /// The text of a token of the prompt, with what cannot be seen made visible.
    pub(super) fn token(&self, place: usize) -> String {
        self.inspection.tokens.get(place).map_or_else(String::new, |token| visible(&token.text))
    }

    /// A token of the prompt behind its place: `3 ·upon`.
    pub(super) fn place(&self, place: usize) -> String {
        format!("{place} {}", self.token(place))
    }

    /// What a place along an axis stands for: a token of the prompt, a part, a parameter; the number itself where it has no name.
    pub(super) fn along(&self, axis: &str, at: usize) -> String {
        let (names, steps) = weights::parameters(self.data).unwrap_or_default();
        let known = match axis {
            "T" => Some(self.place(at)),
            "P" => names.get(at).cloned(),
            "M" => steps.get(at).map(|step| format!("step {}", format::whole(*step))),
            _ => self.data.view.place_name(axis, at),
        };
        known.unwrap_or_else(|| at.to_string())
    }

    /// The text of an id that stands in a tensor, with what cannot be seen made visible; the id itself where it is not known.
    pub(super) fn text(&self, id: u32) -> String {
        let of_prompt = || self.inspection.tokens.iter().find(|token| token.id == id);
        let known = self.data.text_of(id).or_else(|| of_prompt().map(|token| token.text.as_str()));
        known.map_or_else(|| format!("#{id}"), visible)
    }

    /// The position that is looked at.
    pub(super) fn position(&self) -> usize {
        self.settings.position.unwrap_or(self.inspection.position)
    }

    /// The layer that is looked at, where a view has one.
    pub(super) fn layer(&self) -> usize {
        self.settings.layer.unwrap_or(self.inspection.layers.saturating_sub(1))
    }

    /// The head that is looked at.
    pub(super) fn head(&self) -> usize {
        self.settings.head.unwrap_or(0)
    }
}
