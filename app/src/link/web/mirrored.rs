//! The page's elements that mirror the interface: egui's accessibility tree is sent with each frame, and actions on elements
//! arrive with the next.

use super::boot::boot;
use crate::link::mirror::Mirror;
use egui::{Context, Event, FullOutput, Plugin, RawInput};
use std::sync::{Mutex, PoisonError};

/// An element's name, the action, and its value.
type Act = (String, String, Option<String>);

/// Actions since the last frame.
static ACTS: Mutex<Vec<Act>> = Mutex::new(Vec::new());

/// Mirrors a context as elements of the page.
pub(crate) fn keep(context: &Context) {
    context.enable_accesskit();
    context.add_plugin(Mirrored::default());
}

/// Queues an action on an element.
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
