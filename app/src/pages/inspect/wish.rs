//! Requests to the Inspect page from an address, a lesson, or an embedding page.

use super::{Context, InspectPage, scrub};
use crate::pages::written::run_of;
use glasshouse_protocol::{View, WeightSource};

/// A request; `None` leaves a setting unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub view: Option<View>,
    pub prompt: Option<String>,
    pub layer: Option<usize>,
    pub head: Option<usize>,
    /// Not available in addresses.
    pub position: Option<usize>,
    /// The step of a checkpoint or milestone; the nearest stored one is used.
    pub step: Option<u64>,
    /// The weights; not available in addresses.
    pub source: Option<WeightSource>,
    /// Weights to compare; not available in addresses.
    pub beside: Option<WeightSource>,
}

impl InspectPage {
    /// A page with an initial request. If `embedded`, only the requested view is shown.
    pub fn beginning_with(wish: Wish, embedded: bool) -> Self {
        let mut page = Self { embedded, ..Self::default() };
        page.wish(wish);
        page
    }

    pub fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// Requests something, applied once there is a model.
    pub fn wish(&mut self, wish: Wish) {
        if wish == Wish::default() {
            return;
        }
        self.alone = wish.view.filter(|_| self.embedded).or(self.alone);
        self.wished = Some(wish);
    }

    pub(super) fn take_wish(&mut self, context: &Context<'_>) {
        let Some(wish) = self.wished.take() else { return };
        let Wish { view, prompt, layer, head, position, step, source, beside } = wish;
        let chosen = &mut self.chosen;
        chosen.source = source.unwrap_or(chosen.source.clone());
        chosen.beside = beside.or(chosen.beside.take());
        if let Some(prompt) = prompt {
            chosen.another_prompt();
            chosen.prompt = prompt;
            self.typed = true;
        }
        chosen.set.layer = layer.or(chosen.set.layer);
        chosen.set.head = head.or(chosen.set.head);
        chosen.set.position = position.or(chosen.set.position);
        chosen.go = view.or(chosen.go);
        let run = run_of(&chosen.source, context.state);
        if let Some(source) = step.zip(run).and_then(|(step, run)| scrub::nearest(run, step)) {
            chosen.source = source;
        }
    }
}
