//! Keyboard shortcuts: digits open pages, the command key with a comma the settings, P pauses. Everything else works
//! with Tab and Space or Enter.

use super::App;
use crate::pages::PageName;
use egui::{Context, Key, KeyboardShortcut, Modifiers};
use glasshouse_protocol::{Command, Steer, TrainingState};

/// Seconds after a text field lost the focus during which letters and digits are not shortcuts.
const STILL_WRITING: f64 = 1.0;

/// The digit row of a keyboard, for the rail as shown, from the top. A comma opens Settings.
const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

impl App {
    pub(super) fn keys(&mut self, context: &Context) {
        context.options_mut(|options| options.zoom_with_keyboard = false);
        // Typing continues for a moment after a field lost the focus through Enter or a click.
        let now = context.input(|input| input.time);
        if context.text_edit_focused() {
            self.wrote_at = now;
        }
        let writing = now - self.wrote_at < STILL_WRITING || !self.preferences.single_keys;
        if !context.memory(|memory| memory.top_modal_layer().is_some()) {
            self.page_keys(context, writing);
        }
        let steps: [(Key, f32); 3] = [(Key::Plus, 0.1), (Key::Equals, 0.1), (Key::Minus, -0.1)];
        for (key, step) in steps {
            let shortcut = KeyboardShortcut::new(Modifiers::COMMAND, key);
            if context.input_mut(|input| input.consume_shortcut(&shortcut)) {
                self.preferences.scale =
                    ((self.preferences.scale + step).clamp(0.8, 2.0) * 10.0).round() / 10.0;
            }
        }
        let as_designed = KeyboardShortcut::new(Modifiers::COMMAND, Key::Num0);
        if context.input_mut(|input| input.consume_shortcut(&as_designed)) {
            self.preferences.scale = 1.0;
        }
    }

    /// Keys that open a page or pause a run; ignored while a dialog is open.
    fn page_keys(&mut self, context: &Context, writing: bool) {
        for (key, page) in NUMBERS.into_iter().zip(self.entries()) {
            let pressed = context.input_mut(|input| {
                input.consume_shortcut(&KeyboardShortcut::new(Modifiers::COMMAND, key))
                    || (!writing && input.consume_key(Modifiers::NONE, key))
            });
            if pressed {
                self.page = page;
            }
        }
        let comma = KeyboardShortcut::new(Modifiers::COMMAND, Key::Comma);
        if context.input_mut(|input| input.consume_shortcut(&comma)) {
            self.page = PageName::Settings;
        }
        if !writing && context.input_mut(|input| input.consume_key(Modifiers::NONE, Key::P)) {
            match self.state.training.state {
                TrainingState::Running => self.outbox.send(Steer::Pause),
                TrainingState::Paused => self.outbox.send(Steer::Continue),
                _ => 0,
            };
        }
    }

    /// Tells the engine whether the window is visible: then submissions must be short, so as not to block the desktop. Lists
    /// projects again when the person returns to the window.
    pub fn watch(&mut self, context: &Context) {
        let visible = context.input(|input| input.viewport().visible()).unwrap_or(true);
        if visible != self.visible {
            self.visible = visible;
            self.outbox.send(Command::Visible { visible });
            self.send();
        }
        // Another window or tab may have created projects meanwhile.
        let focused = context.input(|input| input.focused);
        let was_here = std::mem::replace(&mut self.focused, focused);
        let came_back = focused && !was_here;
        let lists = || self.state.is_waiting(|command| matches!(command, Command::ListProjects));
        if came_back && self.state.projects.listed && !lists() {
            self.outbox.send(Command::ListProjects);
            self.send();
        }
    }
}
