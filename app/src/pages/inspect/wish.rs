//! What an address, a lesson, or a page around an embedded one asks to see.

use super::{Context, InspectPage, scrub};
use crate::pages::written::run_of;
use glasshouse_protocol::{View, WeightSource};

/// What is asked for; what is not stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The view.
    pub view: Option<View>,
    /// The text that the model works on.
    pub prompt: Option<String>,
    /// The layer.
    pub layer: Option<usize>,
    /// The head.
    pub head: Option<usize>,
    /// The position; no address has one.
    pub position: Option<usize>,
    /// The step of the checkpoint or milestone; the nearest that the run kept is taken.
    pub step: Option<u64>,
    /// The weights; no address has them.
    pub source: Option<WeightSource>,
}

impl InspectPage {
    /// A page that begins with what is asked for. In an `embedded` one the view stands alone.
    pub fn beginning_with(wish: Wish, embedded: bool) -> Self {
        let mut page = Self { embedded, ..Self::default() };
        page.wish(wish);
        page
    }

    /// Looks at what is asked for, as soon as there is a model.
    pub fn wish(&mut self, wish: Wish) {
        if wish == Wish::default() {
            return;
        }
        self.alone = wish.view.filter(|_| self.embedded).or(self.alone);
        self.wished = Some(wish);
    }

    /// Takes over what was asked for.
    pub(super) fn take_wish(&mut self, context: &Context<'_>) {
        let Some(Wish { view, prompt, layer, head, position, step, source }) = self.wished.take() else {
            return;
        };
        let chosen = &mut self.chosen;
        chosen.source = source.unwrap_or(chosen.source.clone());
        if let Some(prompt) = prompt {
            chosen.another_prompt();
            chosen.prompt = prompt;
            self.typed = true;
        }
        chosen.layer = layer.or(chosen.layer);
        chosen.head = head.or(chosen.head);
        chosen.position = position.or(chosen.position);
        chosen.go = view.or(chosen.go);
        let run = run_of(&chosen.source, context.state);
        if let Some(source) = step.zip(run).and_then(|(step, run)| scrub::nearest(run, step)) {
            chosen.source = source;
        }
    }
}
