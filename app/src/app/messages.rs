//! Messages of the app itself: floating errors and notices, a toast with an undo, and the page of a lost engine.

use super::App;
use crate::asks::Undo;
use crate::pages::prelude::*;
use crate::state::Message;
use glasshouse_protocol::ErrorKind;
use std::time::Duration;

/// Maximum number of floating messages.
const SHOWN: usize = 2;
const MESSAGE_WIDTH: f32 = 440.0;
/// Height of the top bar, which messages do not cover, in points.
const TOP_BAR: f32 = 60.0;
const NOTICE_SECONDS: f64 = 8.0;
/// Seconds that an error stays: long enough to read it twice.
const ERROR_SECONDS: f64 = 40.0;
const TOAST_SECONDS: f64 = 10.0;

impl App {
    /// Errors and notices, newest first. They float above the page, so that nothing moves, and disappear after a while unless the
    /// pointer rests on them.
    pub(super) fn messages_ui(&mut self, context: &egui::Context) {
        let now = context.input(|input| input.time);
        // The Train page itself shows why its run ended.
        let run = self.state.training.run.as_ref().filter(|_| self.page == PageName::Train);
        let ended_by = run.and_then(|run| run.error.as_ref());
        let messages: Vec<&Message> =
            self.state.messages.iter().filter(|message| Some(&message.error.message) != ended_by).collect();
        self.shown.retain(|number, _| messages.iter().any(|message| message.number == *number));
        if messages.is_empty() {
            return;
        }
        let narrow = context.content_rect().width() < theme::NARROW_WIDTH;
        let room = context.content_rect().width() - if narrow { 2.0 } else { 3.5 } * space::LARGE;
        let width = room.min(MESSAGE_WIDTH);
        let offset = Vec2::new(if narrow { -space::LARGE } else { -28.0 }, TOP_BAR);
        let mut dismissed = Vec::new();
        let area = egui::Area::new(egui::Id::unique("messages")).anchor(Align2::RIGHT_TOP, offset);
        area.show(context, |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = space::SMALL;
            for message in messages.iter().rev().take(SHOWN) {
                let shown = ui.push_id(message.number, |ui| banner(ui, &message.error));
                let seconds =
                    if message.error.kind == ErrorKind::Notice { NOTICE_SECONDS } else { ERROR_SECONDS };
                let since = self.shown.entry(message.number).or_insert(now);
                if shown.response.contains_pointer() {
                    *since = now;
                }
                let left = *since + seconds - now;
                if shown.inner || left <= 0.0 {
                    dismissed.push(message.number);
                } else {
                    context.request_repaint_after(Duration::from_secs_f64(left));
                }
            }
            let more = messages.len().saturating_sub(SHOWN);
            if more > 0 && plain(ui, None, &format!("Dismiss all ({more} more)")).clicked() {
                dismissed.extend(messages.iter().map(|message| message.number));
            }
        });
        self.asks.dismissed.extend(dismissed);
    }

    /// The toast about the last action, with its undo.
    pub(super) fn toast_ui(&mut self, context: &egui::Context) {
        let Some(toast) = &mut self.asks.toast else { return };
        let now = context.input(|input| input.time);
        let shown_at = *toast.shown_at.get_or_insert(now);
        let left = shown_at + TOAST_SECONDS - now;
        if left <= 0.0 {
            self.asks.toast = None;
            return;
        }
        context.request_repaint_after(Duration::from_secs_f64(left));
        let mut undo = None;
        let mut gone = false;
        let narrow = context.content_rect().width() < theme::NARROW_WIDTH;
        let offset = Vec2::new(0.0, if narrow { -108.0 } else { -space::SECTION });
        egui::Area::new(egui::Id::unique("toast")).anchor(Align2::CENTER_BOTTOM, offset).show(
            context,
            |ui| {
                let palette = Palette::of(ui);
                Frame::new()
                    .fill(palette.text)
                    .corner_radius(theme::CARD_CORNER)
                    .inner_margin(Margin::symmetric(14, 6))
                    .show(ui, |ui| {
                        ui.horizontal(|ui| {
                            let text = with_code(ui, &toast.text, |words| words.color(palette.ground));
                            ui.label(text);
                            if toast.undo.is_some() {
                                let accent = if palette.dark { &theme::LIGHT } else { &theme::DARK }.accent;
                                let words = RichText::new("Undo").text_style(theme::strong()).color(accent);
                                let button = ui.add(egui::Button::new(words).fill(Color32::TRANSPARENT));
                                if button.clicked() {
                                    undo = toast.undo.take();
                                }
                            }
                            let close = icons::ICON_CLOSE.rich_text().color(palette.ground);
                            let button = ui.add(egui::Button::new(close).fill(Color32::TRANSPARENT));
                            let name = || WidgetInfo::labeled(Role::Button, true, "Close");
                            button.widget_info(name);
                            gone = button.clicked();
                        });
                    });
            },
        );
        match undo {
            Some(Undo::Command(command)) => _ = self.outbox.send(*command),
            Some(Undo::Removal) => self.pages.data.keep_file(),
            Some(Undo::Conversation) => self.pages.chat.put_back(),
            None if !gone => return,
            None => {}
        }
        self.asks.toast = None;
    }

    /// The page of a lost engine: what happened, what is saved, what to do.
    pub(super) fn lost_ui(&mut self, ui: &mut Ui, reason: &str) {
        Frame::new().fill(Palette::of(ui).ground).inner_margin(Margin::same(24)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.vertical_centered(|ui| {
                ui.set_max_width(ui.available_width().min(theme::PROSE + 80.0));
                ui.add_space(space::PAGE);
                section(ui, "The engine stopped");
                ui.add_space(space::SMALL);
                let (safe, next) = advice(ErrorKind::EngineLost);
                let what = with_code(ui, reason, |words| words);
                prose(ui, what);
                quiet_text(ui, safe);
                quiet_text(ui, next);
                ui.add_space(space::SMALL);
                if primary(ui, None, "Start the engine again").clicked() {
                    self.restart();
                }
                ui.add_space(space::SMALL);
                if plain(ui, icons::ICON_CONTENT_COPY, "Copy report").clicked() {
                    ui.ctx().copy_text(self.report(reason));
                    self.asks.tell("Copied");
                }
            });
        });
        self.toast_ui(ui.ctx());
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

fn command_name(command: &Command) -> String {
    let value = serde_json::to_value(command).ok();
    let name = value.as_ref().and_then(|value| value.get("command")?.as_str());
    name.unwrap_or("a command").to_owned()
}
