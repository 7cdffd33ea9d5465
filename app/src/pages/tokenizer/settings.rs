//! The tokenizer's kind, settings and training.

use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, form_ui, head};
use crate::theme::{self, space};
use crate::widgets::{Stat, card, primary, progress_bar, stat_row};
use egui::accesskit::Role;
use egui::{RichText, Sense, Ui, WidgetInfo, vec2};
use egui_material_icons::icons;
use glasshouse_protocol::setting::Choice as _;
use glasshouse_protocol::{Command, TokenizerConfig, TokenizerKind, TrainingState};

/// A name with its size, such as `BPE 1,024`.
pub(super) fn full_name(config: &TokenizerConfig) -> String {
    let name = config.kind.title();
    if config.kind.is_trained() {
        format!("{name} {}", format::whole(config.vocabulary as u64))
    } else {
        name.to_owned()
    }
}

pub(super) fn settings_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    card(ui, |ui| {
        head(ui, "Tokenizer settings");
        ui.spacing_mut().item_spacing.y = space::TIGHT;
        for (kind, text) in TokenizerKind::ALL.into_iter().zip(TokenizerKind::TEXTS) {
            if kind_ui(ui, context.draft.tokenizer.kind == kind, text.title, &text.help()) {
                context.draft.tokenizer.kind = kind;
            }
        }
        ui.add_space(space::TIGHT);
        // Always shown, so that the layout does not jump for kinds without these settings.
        let sized = context.draft.tokenizer.kind.is_trained();
        ui.add_enabled_ui(sized, |ui| {
            let paths = ["tokenizer.vocabulary", "tokenizer.min_frequency"];
            form_ui(ui, context.draft, None, &paths);
        });
        if !sized {
            caption(ui, "The vocabulary size follows from the text.");
        }
        ui.add_space(space::SMALL);
        train_ui(ui, context);
    });
    let Some(summary) = &state.tokenizer.summary else { return };
    card(ui, |ui| {
        head(ui, &full_name(&summary.config));
        ui.spacing_mut().item_spacing.y = 2.0;
        let row =
            |ui: &mut Ui, name: &str, value: &str, exact: &str| stat_row(ui, Stat { name, value, exact });
        let whole = |count: u64| format::whole(count);
        row(ui, "Vocabulary", &whole(summary.vocabulary as u64), "");
        let share = summary.unused as f64 / summary.vocabulary.max(1) as f64;
        row(
            ui,
            "Unused entries",
            &whole(summary.unused as u64),
            &format!("{} of the vocabulary", format::percent(share)),
        );
        row(
            ui,
            "Bytes per token",
            &format!("{:.2}", summary.bytes_per_token),
            &summary.bytes_per_token.to_string(),
        );
        row(ui, "Training tokens", &format::count(summary.train_tokens), &whole(summary.train_tokens));
        row(
            ui,
            "Validation tokens",
            &format::count(summary.validation_tokens),
            &whole(summary.validation_tokens),
        );
    });
}

/// A kind to choose. Returns whether it was clicked.
fn kind_ui(ui: &mut Ui, chosen: bool, name: &str, sentence: &str) -> bool {
    let palette = theme::Palette::of(ui);
    let width = ui.available_width();
    let title =
        ui.painter().layout_no_wrap(name.to_owned(), theme::strong().resolve(ui.style()), palette.text);
    let font = theme::caption().resolve(ui.style());
    let below = ui.painter().layout(sentence.to_owned(), font, palette.quiet, width - 44.0);
    let height = title.size().y + below.size().y + 14.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, name));
    let fill = match (chosen, response.hovered() || response.has_focus()) {
        (true, _) => palette.chosen(),
        (false, true) => palette.lit(),
        (false, false) => palette.panel,
    };
    let painter = ui.painter();
    painter.rect_filled(rect, theme::CONTROL_CORNER, fill);
    if response.has_focus() {
        painter.rect_stroke(rect, theme::CONTROL_CORNER, (1.5, palette.accent), egui::StrokeKind::Inside);
    }
    let mark = rect.left_top() + vec2(18.0, 7.0 + title.size().y / 2.0);
    let colour = if chosen { palette.accent } else { palette.quiet };
    painter.circle_stroke(mark, 6.0, (1.5, colour));
    if chosen {
        painter.circle_filled(mark, 3.0, colour);
    }
    let at = rect.left_top() + vec2(34.0, 6.0);
    let lower = at + vec2(0.0, title.size().y + 2.0);
    painter.galley(at, title, palette.text);
    painter.galley(lower, below, palette.quiet);
    response.clicked()
}

fn train_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    if let Some((stage, done, total)) = &state.tokenizer.preparing {
        let share = (*total > 0).then(|| *done as f32 / *total as f32);
        let doing = format::capitalized(stage.map_or("starting", |stage| stage.words()));
        let amount = match total {
            0 => String::new(),
            total => format!(" · {} of {}", format::bytes(*done), format::bytes(*total)),
        };
        progress_bar(ui, share.unwrap_or(0.0), ui.available_width());
        caption(ui, format!("{doing}{amount}"));
        return;
    }
    let current =
        state.tokenizer.summary.as_ref().is_some_and(|summary| summary.config == context.draft.tokenizer);
    let name = if state.tokenizer.summary.is_some() { "Train again" } else { "Train tokenizer" };
    let training = state.training.state != TrainingState::Idle;
    let pressed = ui
        .add_enabled_ui(!current && !training, |ui| primary(ui, icons::ICON_PLAY_ARROW, name).clicked())
        .inner;
    if pressed {
        context.outbox.send(Command::TrainTokenizer {
            tokenizer: context.draft.tokenizer.clone(),
            validation: context.draft.data.validation,
        });
    }
    let line = match (&state.tokenizer.summary, current) {
        (_, false) if training => {
            "A run is training with the current tokenizer; train a new one after it has ended."
        }
        (Some(_), true) => "This is the project's tokenizer.",
        (Some(_), false) => {
            "Models trained with the current tokenizer cannot use a new one: existing runs keep theirs."
        }
        (None, _) => "Trains on the project's text, in seconds.",
    };
    ui.add(
        egui::Label::new(RichText::new(line).text_style(theme::caption()).color(context.palette.quiet))
            .wrap(),
    );
}
