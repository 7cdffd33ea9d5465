//! The strip of messages below the top bar: errors and notices with their remedies, and what was done, with its undo; and the page of a
//! lost engine.

use super::remedies::remedies;
use super::*;
use crate::pages::prelude::*;
use crate::state::Message;
use crate::theme::mix;
use egui::{Align, UiBuilder};
use std::time::Duration;

/// Height of the strip in points. Its room is kept without a message, too, so that nothing moves when one comes or goes.
const STRIP: f32 = 34.0;
/// Height of the strip with two lines of text, in points.
const NARROW_STRIP: f32 = 44.0;
/// Width of the whole message, which a click opens, in points.
const WHOLE_WIDTH: f32 = 440.0;
const NOTICE_SECONDS: f64 = 8.0;
/// Seconds that an error is shown: long enough to read it twice.
const ERROR_SECONDS: f64 = 40.0;
const TOAST_SECONDS: f64 = 10.0;

/// When a message arrived, in seconds of egui's clock, and how long it will still be shown, in seconds.
#[derive(Debug)]
pub(super) struct Shown {
    since: f64,
    left: f64,
}

/// The entry in the strip.
struct Entry<'a> {
    icon: MaterialIcon,
    colour: Color32,
    role: Role,
    /// The page that it comes from.
    page: Option<PageName>,
    text: &'a str,
    buttons: Vec<&'static str>,
    /// Number of further messages.
    more: usize,
}

/// What was pressed in the strip.
#[derive(Default)]
struct Pressed {
    button: Option<usize>,
    dismissed: bool,
    hovered: bool,
}

impl App {
    /// The newest message or toast; the others wait. Each goes after a while in which the pointer does not rest on it, except for a
    /// question. If it is not `reserved`, the strip takes room only for a message.
    pub(super) fn strip_ui(&mut self, ui: &mut Ui, reserved: bool) {
        let now = ui.input(|input| input.time);
        let passed = now - std::mem::replace(&mut self.ticked, now);
        // The Train page itself shows why its run ended.
        let run = self.state.training.run.as_ref().filter(|_| self.page == PageName::Train);
        let ended_by = run.and_then(|run| run.error.as_ref());
        let messages: Vec<&Message> =
            self.state.messages.iter().filter(|message| Some(&message.error.message) != ended_by).collect();
        self.shown.retain(|number, _| messages.iter().any(|message| message.number == *number));
        for message in &messages {
            let left = match message.error.kind {
                ErrorKind::Notice => NOTICE_SECONDS,
                ErrorKind::Stale => f64::INFINITY,
                _ => ERROR_SECONDS,
            };
            self.shown.entry(message.number).or_insert(Shown { since: now, left });
        }
        let toasted = self.asks.toast.as_mut().map(|toast| *toast.shown_at.get_or_insert(now));
        if toasted.is_some_and(|since| since + TOAST_SECONDS <= now) {
            self.asks.toast = None;
        }
        let newest = messages.last().copied();
        let since =
            newest.and_then(|message| self.shown.get(&message.number)).map_or(0.0, |shown| shown.since);
        let is_error = newest.is_some_and(|message| message.error.kind != ErrorKind::Notice);
        let toast = self.asks.toast.as_ref();
        let toast = toast.filter(|_| toasted.is_some_and(|at| at > since || at == since && !is_error));
        let palette = Palette::of(ui);
        let mut offered = Vec::new();
        let entry = match (toast, newest) {
            (Some(Toast { text, undo, .. }), _) => Entry {
                icon: icons::ICON_CHECK,
                colour: palette.accent,
                role: Role::Status,
                page: None,
                text,
                buttons: undo.iter().map(|_| "Undo").collect(),
                more: messages.len(),
            },
            (None, Some(message)) => {
                offered = remedies(message, &self.state);
                Entry {
                    icon: if is_error { icons::ICON_ERROR } else { icons::ICON_INFO },
                    colour: if is_error { palette.failure } else { palette.accent },
                    role: if is_error { Role::Alert } else { Role::Status },
                    page: message.page,
                    text: &message.error.message,
                    buttons: offered.iter().map(|(words, _)| *words).collect(),
                    more: messages.len() - 1,
                }
            }
            (None, None) if !reserved => return,
            (None, None) => {
                ui.allocate_space(vec2(ui.available_width(), strip_height(ui)));
                return;
            }
        };
        let pressed = entry_ui(ui, &entry);
        if let (Some(_), Some(at)) = (toast, toasted) {
            ui.ctx().request_repaint_after(Duration::from_secs_f64((at + TOAST_SECONDS - now).max(0.0)));
            if pressed.button.is_some() || pressed.dismissed {
                let undo = self.asks.toast.take().and_then(|toast| toast.undo);
                self.undo(undo.filter(|_| pressed.button.is_some()));
            }
            return;
        }
        let Some(number) = newest.map(|message| message.number) else { return };
        let mut dismissed = pressed.dismissed || pressed.button.is_some();
        if let Some(shown) = self.shown.get_mut(&number) {
            shown.left -= if pressed.hovered || shown.since >= now { 0.0 } else { passed };
            dismissed |= shown.left <= 0.0;
            if shown.left.is_finite() {
                ui.ctx().request_repaint_after(Duration::from_secs_f64(shown.left.max(0.0)));
            }
        }
        if let Some(at) = pressed.button
            && at < offered.len()
        {
            let bytes = self.state.messages.iter().find(|message| message.number == number);
            let bytes = bytes.map_or_else(Vec::new, |message| message.bytes.clone());
            self.remedy(offered.swap_remove(at).1, bytes);
        }
        if dismissed {
            self.asks.dismissed.push(number);
            ui.ctx().request_repaint();
        }
    }

    fn undo(&mut self, undo: Option<Undo>) {
        match undo {
            Some(Undo::Command(command)) => _ = self.outbox.send(*command),
            Some(Undo::Removal) => self.pages.data.keep_file(),
            Some(Undo::Conversation) => self.pages.chat.put_back(),
            Some(Undo::Drafts(drafts)) => self.drafts = *drafts,
            None => {}
        }
    }

    /// The page of a lost engine: what happened, what is saved, what to do.
    pub(super) fn lost_ui(&mut self, ui: &mut Ui, reason: &str) {
        self.strip_ui(ui, false);
        Frame::new().fill(Palette::of(ui).ground).inner_margin(Margin::same(24)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.vertical_centered(|ui| {
                ui.set_max_width(ui.available_width().min(theme::PROSE + 80.0));
                ui.add_space(space::PAGE);
                section(ui, "The engine stopped");
                ui.add_space(space::SMALL);
                let what = with_code(ui, reason, |words| words);
                prose(ui, what);
                quiet_text(ui, "Every step up to the last checkpoint is safe.");
                let next = "Start the engine again, then resume the run; if it happens again, please send us the report.";
                quiet_text(ui, next);
                ui.add_space(space::SMALL);
                if primary(ui, None, "Start the engine again").clicked() {
                    self.restart();
                }
                ui.add_space(space::SMALL);
                if plain(ui, icons::ICON_CONTENT_COPY, "Copy report").clicked() {
                    ui.ctx().copy_text(self.report(reason));
                    self.asks.show_toast("Copied");
                }
            });
        });
    }

    /// The contents of a bug report, without any of the person's text.
    fn report(&self, reason: &str) -> String {
        let engine = self.state.engine.as_ref();
        let device = engine.map_or("not known", |engine| engine.device.details.as_str());
        let waiting: Vec<String> =
            self.state.waiting.values().map(|command| command_name(command).to_owned()).collect();
        format!(
            "Glasshouse {}\n{reason}\ndevice: {device}\nbusy with: {}\nwaiting: {}\n",
            env!("CARGO_PKG_VERSION"),
            self.state.busy,
            waiting.join(", "),
        )
    }

    fn restart(&mut self) {
        match self.link.restart() {
            Ok(()) => {
                // Reconnect the server to the new engine.
                if self.asks.serving.is_on() {
                    self.asks.serve = Some(true);
                }
                let openings = self.state.projects.openings;
                self.state = Default::default();
                self.state.projects.openings = openings;
                self.taken = 0;
                self.greet();
            }
            Err(reason) => self.state.lost = Some(reason),
        }
    }
}

fn strip_height(ui: &Ui) -> f32 {
    if is_narrow(ui) { NARROW_STRIP } else { STRIP }
}

/// Draws an entry. A click on its text opens the whole message.
fn entry_ui(ui: &mut Ui, entry: &Entry<'_>) -> Pressed {
    let (palette, narrow) = (Palette::of(ui), is_narrow(ui));
    let side = if narrow { 8.0 } else { 28.0 };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), strip_height(ui)), Sense::hover());
    let rect = rect.shrink2(vec2(side, 1.0));
    let fill = mix(palette.panel, entry.colour, 0.10);
    let stroke = Stroke::new(1.0, mix(palette.hairline, entry.colour, 0.4));
    ui.painter().rect(rect, f32::from(theme::CONTROL_CORNER), fill, stroke, StrokeKind::Inside);
    let inside = rect.shrink2(vec2(8.0, 0.0));
    let builder = UiBuilder::new().max_rect(inside).layout(Layout::right_to_left(Align::Center));
    let mut pressed = Pressed { hovered: ui.rect_contains_pointer(rect), ..Pressed::default() };
    // A child, so that a high button does not enlarge the strip.
    let ui = &mut ui.new_child(builder);
    // Screen readers announce it when it appears.
    ui.ctx().accesskit_node_builder(ui.unique_id(), |node| node.set_role(entry.role));
    ui.spacing_mut().interact_size.y = theme::CONTROL;
    ui.spacing_mut().item_spacing.x = space::SMALL;
    pressed.dismissed = widgets::icon_button(ui, icons::ICON_CLOSE, "Dismiss").clicked();
    if entry.more > 0 {
        caption(ui, format!("{} more", entry.more));
    }
    // Laid out from the right: the first button is the leftmost one.
    let shown = if narrow { 1 } else { entry.buttons.len() };
    for (at, words) in entry.buttons.iter().enumerate().take(shown).rev() {
        if plain(ui, None, words).clicked() {
            pressed.button = Some(at);
        }
    }
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.label(entry.icon.rich_text().size(18.0).color(entry.colour));
        if let Some(page) = entry.page.filter(|_| !narrow) {
            ui.label(RichText::new(page.title()).text_style(theme::quiet_strong()).color(palette.quiet));
        }
        let look = |words: RichText| if narrow { words.text_style(theme::caption()) } else { words };
        let words = with_code(ui, &entry.text.replace('\n', "; "), look);
        let mut job =
            (*words.into_layout_job(ui.style(), egui::FontSelection::Default, Align::Center)).clone();
        job.wrap.max_rows = if narrow { 2 } else { 1 };
        let label = Label::new(job).wrap().sense(Sense::click());
        let label = ui.add(label).on_hover_cursor(egui::CursorIcon::PointingHand);
        Popup::menu(&label)
            .width(WHOLE_WIDTH.min(rect.width()))
            .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
            .show(|ui| {
                caption(ui, entry.page.map_or("", PageName::title));
                let whole = with_code(ui, entry.text, |words| words);
                ui.add(Label::new(whole).wrap().selectable(true));
                ui.horizontal_wrapped(|ui| {
                    for (at, words) in entry.buttons.iter().enumerate().skip(shown) {
                        if plain(ui, None, words).clicked() {
                            pressed.button = Some(at);
                        }
                    }
                });
            });
    });
    pressed
}

fn command_name(command: &Command) -> String {
    let value = serde_json::to_value(command).ok();
    let name = value.as_ref().and_then(|value| value.get("command")?.as_str());
    name.unwrap_or("a command").to_owned()
}
