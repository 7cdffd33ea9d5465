//! What was said of replies, as rows: looked at, edited, removed, exported, and trained on.

use crate::format;
use crate::link::Wish;
use crate::pages::Context;
use crate::pages::parts::{caption, icon_button, line_ui};
use crate::pages::train::busy;
use crate::theme::{self, space};
use crate::widgets::{self, card, fold, hint_line, plain, primary, quiet, quiet_text, segmented};
use egui::{Key, Label, RichText, TextEdit, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{Command, Feedback, FeedbackKind, Objective, Role};

/// Rows that are shown at a time.
const ROWS: usize = 8;

/// What a person looks at in the rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The opening of the project whose rows were asked for.
    asked: u64,
    /// Rows that are passed over, of the newest.
    passed: usize,
    /// The row that is edited, by its place in the file.
    edited: Option<(usize, Feedback)>,
}

impl Rows {
    /// Asks for the rows of a project, once.
    pub(super) fn want(&mut self, context: &mut Context<'_>, opening: u64) {
        if self.asked != opening {
            *self = Self { asked: opening, ..Self::default() };
            context.outbox.send(Command::ListFeedback);
        }
    }

    /// Draws them. What a run is to learn of them, where one is to be trained.
    pub(super) fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) -> Option<Objective> {
        let state = context.state;
        let rows: &[Feedback] = state.feedback.as_deref().unwrap_or_default();
        let waits = busy(context);
        let count = rows.len().to_string();
        let head = ("Feedback", if rows.is_empty() { "" } else { count.as_str() });
        let mut wanted = None;
        let shown = card(ui, |ui| {
            fold(ui, context.preferences, "chat:feedback", head, true, |ui, _| {
                if rows.is_empty() {
                    quiet_text(ui, "A thumb, a better reply or a comparison becomes a row to train on.");
                    return None;
                }
                self.passed = self.passed.min(rows.len().saturating_sub(1) / ROWS * ROWS);
                for (at, row) in rows.iter().enumerate().rev().skip(self.passed).take(ROWS) {
                    let pressed = ui.push_id(("row", at), |ui| row_ui(ui, row, at + 1)).inner;
                    wanted = pressed.map(|pressed| (at, pressed)).or(wanted.take());
                }
                self.pages_ui(ui, rows.len());
                let mut trains = None;
                let learned = rows.iter().any(|row| row.learned().is_some());
                let pairs = rows.iter().any(|row| !row.chosen.is_empty());
                ui.horizontal_wrapped(|ui| {
                    for (name, objective, there) in [
                        ("Train on feedback", Objective::Chat, learned),
                        ("Train on pairs", Objective::Preference, pairs),
                    ] {
                        let train = |ui: &mut Ui| primary(ui, icons::ICON_SCHOOL, name).clicked();
                        if there && ui.add_enabled_ui(!waits, train).inner {
                            trains = Some(objective);
                        }
                    }
                    for (name, one, means) in [
                        ("Export", false, "A file for each of TRL's trainers: chat, preferences, labels"),
                        ("Export as one file", true, "The rows as the project has them"),
                    ] {
                        if plain(ui, icons::ICON_DOWNLOAD, name).on_hover_text(means).clicked() {
                            context.asks.wish = Some(Wish::ExportFeedback { one });
                        }
                    }
                });
                trains
            })
        });
        match wanted {
            Some((at, Pressed::Edit)) => self.edited = rows.get(at).map(|row| (at, row.clone())),
            Some((at, Pressed::Remove)) => remove(context, rows, at),
            None => {}
        }
        self.edit_ui(ui, context);
        shown.flatten()
    }

    fn pages_ui(&mut self, ui: &mut Ui, count: usize) {
        if count <= ROWS {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            ui.add_enabled_ui(self.passed > 0, |ui| {
                if quiet(ui, icons::ICON_CHEVRON_LEFT, "Newer rows").clicked() {
                    self.passed = self.passed.saturating_sub(ROWS);
                }
            });
            let last = (self.passed + ROWS).min(count);
            caption(ui, format!("{} to {last} of {count}", self.passed + 1));
            ui.add_enabled_ui(last < count, |ui| {
                if quiet(ui, icons::ICON_CHEVRON_RIGHT, "Older rows").clicked() {
                    self.passed += ROWS;
                }
            });
        });
    }

    /// The row that is edited, above the page.
    fn edit_ui(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let Some((at, mut row)) = self.edited.take() else { return };
        let (mut saved, mut closed) = (false, false);
        let shown = widgets::dialog(ui.ctx(), "edit feedback").show(ui.ctx(), |ui| {
            ui.set_width((ui.ctx().content_rect().width() - 64.0).min(520.0));
            widgets::section(ui, &format!("Feedback, row {}", at + 1));
            fields_ui(ui, &mut row);
            let refused = row.kind().err();
            if let Some(reason) = &refused {
                hint_line(ui, &format!("{}.", format::capitalized(reason)));
            }
            ui.add_space(space::SMALL);
            ui.horizontal_wrapped(|ui| {
                let ready = refused.is_none();
                saved = ui.add_enabled_ui(ready, |ui| primary(ui, None, "Save").clicked()).inner;
                closed = plain(ui, None, "Cancel").clicked();
            });
        });
        if saved {
            let rows = vec![row];
            context.outbox.send(Command::SpliceFeedback { at: Some(at), removed: 1, rows });
        } else if !closed && !shown.should_close() && !ui.input(|input| input.key_pressed(Key::Escape)) {
            self.edited = Some((at, row));
        }
    }
}

/// What was pressed in a row.
enum Pressed {
    Edit,
    Remove,
}

fn row_ui(ui: &mut Ui, row: &Feedback, number: usize) -> Option<Pressed> {
    let right = |ui: &mut Ui| {
        let remove = icon_button(ui, true, icons::ICON_DELETE, &format!("Remove feedback {number}"));
        let edit = icon_button(ui, true, icons::ICON_EDIT, &format!("Edit feedback {number}"));
        (edit, remove)
    };
    let kind = row.kind().ok();
    let icon = match kind {
        Some(FeedbackKind::Good) => icons::ICON_THUMB_UP,
        Some(FeedbackKind::Bad) => icons::ICON_THUMB_DOWN,
        Some(FeedbackKind::Pair) => icons::ICON_COMPARE,
        Some(FeedbackKind::Better) | None => icons::ICON_EDIT_NOTE,
    };
    let pressed = line_ui(ui, right, |ui| {
        ui.label(icon.rich_text().size(16.0).color(theme::Palette::of(ui).quiet));
        let words = format::capitalized(kind.map_or("", FeedbackKind::words));
        ui.label(RichText::new(words).text_style(theme::strong()));
        ui.add(Label::new(in_one_line(row.asked())).truncate());
    });
    let replies: Vec<String> = row.replies().into_iter().map(in_one_line).collect();
    ui.add(Label::new(replies.join("  over  ")).truncate());
    caption(ui, format!("{} · {}", row.run, format::date_time(row.when)));
    ui.add_space(space::TIGHT);
    match pressed {
        (true, _) => Some(Pressed::Edit),
        (_, true) => Some(Pressed::Remove),
        _ => None,
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn remove(context: &mut Context<'_>, rows: &[Feedback], at: usize) {
    let Some(row) = rows.get(at) else { return };
    let place = Some(at);
    let sent = context.outbox.send(Command::SpliceFeedback { at: place, removed: 1, rows: Vec::new() });
    let back = Command::SpliceFeedback { at: place, removed: 0, rows: vec![row.clone()] };
    context.asks.tell_when_done(sent, "Removed a row of feedback", Some(back));
}

/// What of a row can be put in other words.
fn fields_ui(ui: &mut Ui, row: &mut Feedback) {
    let conversation = if row.messages.is_empty() { &mut row.prompt } else { &mut row.messages };
    let asked = conversation.iter_mut().rev().find(|message| message.role == Role::User);
    let field = |ui: &mut Ui, name: &str, text: &mut String| {
        caption(ui, name);
        let edit = TextEdit::multiline(text).desired_rows(2).desired_width(f32::INFINITY);
        ui.add(edit.id_salt(name)).accessible_name(name);
    };
    if let Some(asked) = asked {
        field(ui, "What was asked", &mut asked.content);
    }
    let names: &[&str] = if row.chosen.is_empty() { &["Reply"] } else { &["Better reply", "Worse reply"] };
    for (name, text) in names.iter().zip(row.replies_mut()) {
        field(ui, name, text);
    }
    if let Some(good) = &mut row.label {
        segmented(ui, good, &[(true, "Good"), (false, "Bad")]);
    }
}
