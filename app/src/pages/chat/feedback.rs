//! Feedback on replies as rows: list, edit, remove, export, and train on them.

use super::*;
use crate::pages::train::busy;
use crate::state::{MIN_ROWS, Said};
use glasshouse_protocol::Role;

const ROWS: usize = 8;

/// A run's objective, and its loss over pairs.
type Learns = (Objective, PreferenceLoss);

#[derive(Debug, Default)]
pub struct FeedbackRows {
    /// Whether the project's rows were requested.
    asked: bool,
    /// Number of newest rows skipped.
    passed: usize,
    /// The edited row: index in the file, original, and edited version.
    edited: Option<(usize, Feedback, Feedback)>,
}

impl FeedbackRows {
    /// Requests a project's rows once.
    pub fn want(&mut self, context: &mut Context<'_>) {
        if !std::mem::replace(&mut self.asked, true) {
            context.outbox.send(Command::ListFeedback);
        }
    }

    /// Draws the rows. Returns what a run is to learn from them, if one is requested: answers for a model that `writes`,
    /// otherwise labels.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, writes: bool) -> Option<Learns> {
        let state = context.state;
        let rows: &[Feedback] = state.feedback.rows.as_deref().unwrap_or_default();
        let (waits, free) = (busy(context), !keeps(state));
        let mut again = false;
        let count = rows.len().to_string();
        let head = ("Feedback", if rows.is_empty() { "" } else { count.as_str() });
        let mut wanted = None;
        let shown = card(ui, |ui| {
            fold(ui, context.preferences, "chat:feedback", head, true, |ui, _| {
                if state.feedback.rows.is_none() {
                    again = unread_ui(ui, state);
                    return None;
                }
                if rows.is_empty() {
                    let words = match writes {
                        true => "Each thumb, better reply or comparison becomes a training row.",
                        false => "Each labelled text becomes a training row.",
                    };
                    quiet_text(ui, words);
                    return None;
                }
                self.passed = self.passed.min(rows.len().saturating_sub(1) / ROWS * ROWS);
                for (at, row) in rows.iter().enumerate().rev().skip(self.passed).take(ROWS) {
                    let pressed = ui.push_id(("row", at), |ui| row_ui(ui, row, at + 1, free)).inner;
                    wanted = pressed.map(|pressed| (at, pressed)).or(wanted.take());
                }
                self.pages_ui(ui, rows.len());
                let mut trains = None;
                let Said { learned, pairs, judged, labelled, .. } = state.feedback;
                let (pair, kto) = (PreferenceLoss::default(), PreferenceLoss::Kto);
                let of_replies = [
                    ("Train on feedback", (Objective::Chat, pair), learned, "good or rewritten replies"),
                    ("Train on thumbs", (Objective::Preference, kto), judged, "rated replies"),
                    ("Train on pairs", (Objective::Preference, pair), pairs, "pairs of replies"),
                ];
                let classes = (Objective::Classify, pair);
                let of_texts = [("Train on labels", classes, labelled, "texts with different labels")];
                let runs = if writes { &of_replies[..] } else { &of_texts };
                let mut buttons = |ui: &mut Ui| {
                    for &(name, learns, count, _) in runs {
                        let ready = !waits && count >= MIN_ROWS;
                        if pressed(ui, ready, |ui| primary(ui, icons::ICON_SCHOOL, name)) {
                            trains = Some(learns);
                        }
                    }
                    for (name, one, means) in [
                        ("Export", false, "One file per TRL trainer: chat, preferences, labels"),
                        ("Export as one file", true, "The rows in the project's own format"),
                    ] {
                        if plain(ui, icons::ICON_DOWNLOAD, name).on_hover_text(means).clicked() {
                            context.asks.wish = Some(Wish::ExportFeedback { one });
                        }
                    }
                };
                // A vertical layout keeps buttons from moving to another line.
                match ui.available_width() < 680.0 {
                    true => ui.vertical(&mut buttons),
                    false => ui.horizontal_wrapped(&mut buttons),
                };
                for (name, _, _, what) in runs.iter().filter(|(_, _, count, _)| *count < MIN_ROWS) {
                    caption(ui, format!("{name} needs at least two {what}; the last is held out."));
                }
                trains
            })
        });
        if again {
            context.outbox.send(Command::ListFeedback);
        }
        match wanted {
            Some((at, Pressed::Edit)) => self.edited = rows.get(at).map(|row| (at, row.clone(), row.clone())),
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
            if pressed(ui, self.passed > 0, |ui| quiet(ui, icons::ICON_CHEVRON_LEFT, "Newer rows")) {
                self.passed = self.passed.saturating_sub(ROWS);
            }
            let last = (self.passed + ROWS).min(count);
            caption(ui, format!("{} to {last} of {count}", self.passed + 1));
            if pressed(ui, last < count, |ui| quiet(ui, icons::ICON_CHEVRON_RIGHT, "Older rows")) {
                self.passed += ROWS;
            }
        });
    }

    fn edit_ui(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let (free, edited) = (!keeps(context.state), &mut self.edited);
        let decision = question(ui.ctx(), "edit feedback", 520.0, edited, |ui, (at, _, row)| {
            section(ui, &format!("Feedback, row {}", *at + 1));
            fields_ui(ui, row);
            let refused = row.kind().err();
            if let Some(reason) = &refused {
                hint_line(ui, &format!("{}.", format::capitalized(reason)));
            }
            (None, "Save", refused.is_none() && free)
        });
        if let Some(((at, before, row), true)) = decision {
            let (at, expected, rows) = (Some(at), vec![before], vec![row]);
            context.outbox.send(Command::SpliceFeedback { at, removed: 1, expected, rows });
        }
    }
}

/// Why the rows could not be read. Returns whether to retry.
fn unread_ui(ui: &mut Ui, state: &State) -> bool {
    match &state.feedback.failed {
        Some(reason) if !state.is_waiting(|command| *command == Command::ListFeedback) => {
            hint_line(ui, &format!("The feedback could not be read: {}.", reason.trim_end_matches('.')));
            plain(ui, icons::ICON_REFRESH, "Read again").clicked()
        }
        _ => {
            quiet_text(ui, "Reading the feedback…");
            false
        }
    }
}

enum Pressed {
    Edit,
    Remove,
}

fn row_ui(ui: &mut Ui, row: &Feedback, number: usize, free: bool) -> Option<Pressed> {
    let right = |ui: &mut Ui| {
        let remove = icon_button(ui, free, icons::ICON_DELETE, &format!("Remove feedback {number}"));
        let edit = icon_button(ui, free, icons::ICON_EDIT, &format!("Edit feedback {number}"));
        (edit, remove)
    };
    let kind = row.kind().ok();
    let icon = match kind {
        Some(FeedbackKind::Good) => icons::ICON_THUMB_UP,
        Some(FeedbackKind::Bad) => icons::ICON_THUMB_DOWN,
        Some(FeedbackKind::Pair) => icons::ICON_COMPARE,
        Some(FeedbackKind::Labelled) => icons::ICON_LABEL,
        Some(FeedbackKind::Better) | None => icons::ICON_EDIT_NOTE,
    };
    let pressed = line_ui(ui, right, |ui| {
        ui.label(icon.rich_text().size(16.0).color(theme::Palette::of(ui).quiet));
        let words = format::capitalized(kind.map_or("", FeedbackKind::title));
        ui.label(RichText::new(words).text_style(theme::strong()));
        ui.add(Label::new(format::in_one_line(row.asked())).truncate());
    });
    let replies: Vec<String> = row.replies().into_iter().map(format::in_one_line).collect();
    ui.add(Label::new(replies.join("  over  ")).truncate());
    caption(ui, format!("{} · {}", row.run, format::date_time(row.when)));
    ui.add_space(space::TIGHT);
    match pressed {
        (true, _) => Some(Pressed::Edit),
        (_, true) => Some(Pressed::Remove),
        _ => None,
    }
}

fn remove(context: &mut Context<'_>, rows: &[Feedback], at: usize) {
    let Some(row) = rows.get(at) else { return };
    let (at, own, none) = (Some(at), vec![row.clone()], Vec::new);
    let gone = Command::SpliceFeedback { at, removed: 1, expected: own.clone(), rows: none() };
    let sent = context.outbox.send(gone);
    let back = Command::SpliceFeedback { at, removed: 0, expected: none(), rows: own };
    context.asks.toast_when_done(sent, "Removed a feedback row", Some(back));
}

fn fields_ui(ui: &mut Ui, row: &mut Feedback) {
    let conversation = if row.messages.is_empty() { &mut row.prompt } else { &mut row.messages };
    let asked = conversation.iter_mut().rev().find(|message| message.role == Role::User);
    let field = |ui: &mut Ui, name: &str, text: &mut String| {
        caption(ui, name);
        ui.add(text_area(name, "", 2, text)).accessible_name(name);
    };
    if let Some(asked) = asked {
        field(ui, "Prompt", &mut asked.content);
    }
    let told_apart = !row.text.is_empty();
    if told_apart {
        field(ui, "Text", &mut row.text);
    }
    let names: &[&str] = match (told_apart, row.chosen.is_empty()) {
        (true, _) => &["Label"],
        (false, true) => &["Reply"],
        (false, false) => &["Better reply", "Worse reply"],
    };
    for (name, text) in names.iter().zip(row.replies_mut()) {
        field(ui, name, text);
    }
    if let Some(good) = &mut row.label {
        segmented(ui, good, &[(true, "Good"), (false, "Bad")]);
    }
}
