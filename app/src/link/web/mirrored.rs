//! The page's elements that stand for what is drawn: egui's accessibility tree goes out with each frame, and what was done to an
//! element comes in with the next.

use super::boot::boot;
use crate::link::mirror::Mirror;
use egui::{Context, Event, FullOutput, Plugin, RawInput};
use std::sync::{Mutex, PoisonError};

/// An element's name, what was done to it, and a value.
type Act = (String, String, Option<String>);

/// What was done since the last frame.
static ACTS: Mutex<Vec<Act>> = Mutex::new(Vec::new());

/// Has a context tell the page's elements.
pub(crate) fn keep(context: &Context) {
    context.enable_accesskit();
    context.add_plugin(Mirrored::default());
}

/// Something was done to an element.
pub(crate) fn act(context: &Context, act: Act) {
    ACTS.lock().unwrap_or_else(PoisonError::into_inner).push(act);
    context.request_repaint();
}

#[derive(Default)]
struct Mirrored(Mirror);

impl Plugin for Mirrored {
    fn debug_name(&self) -> &'static str {
        "elements of the page"
    }

    fn input_hook(&mut self, _context: &Context, input: &mut RawInput) {
        let acts = std::mem::take(&mut *ACTS.lock().unwrap_or_else(PoisonError::into_inner));
        let requests =
            acts.into_iter().filter_map(|(element, action, value)| self.0.act(&element, &action, value));
        input.events.extend(requests.map(Event::AccessKitActionRequest));
    }

    fn output_hook(&mut self, context: &Context, output: &mut FullOutput) {
        let Some(update) = output.platform_output.accesskit_update.take() else { return };
        if let Some(change) = self.0.take(&update, context.zoom_factor())
            && let Ok(change) = serde_json::to_string(&change)
        {
            boot().mirror(&change);
        }
    }
}
