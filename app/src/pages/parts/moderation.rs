//! Moderation of offensive text: one setting for the Chat and Write pages and the window's server.

use crate::pages::prelude::*;

/// Draws the mode, and the categories if it is on.
pub fn moderation_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let chosen = &mut context.preferences.moderation;
    let settings = &mut chosen.settings;
    ui.label("Moderation");
    described_ui(ui, "Moderation", &mut settings.mode);
    if settings.mode == ModerationMode::Off {
        return;
    }
    ui.label("From severity");
    described_ui(ui, "From severity", &mut settings.severity);
    ui.label("Categories");
    let mut categories = settings.categories.iter().copied().collect();
    ui.horizontal_wrapped(|ui| some_ui(ui, &mut categories, &Category::ALL, Category::title));
    settings.categories = categories.into_iter().collect();
    let rules = chosen.rules_of.as_ref().map(|file| format!("those in {file}"));
    let rules = rules.unwrap_or_else(|| "the project's (moderation.jsonl)".to_owned());
    caption(ui, format!("With Glasshouse's own rules and {rules}."));
    ui.horizontal_wrapped(|ui| {
        if plain(ui, icons::ICON_UPLOAD_FILE, "Choose rules").clicked() {
            context.asks.wish = Some(Wish::ModerationRules);
        }
        if chosen.rules_of.is_some() && quiet(ui, icons::ICON_CLOSE, "Without these rules").clicked() {
            (chosen.settings.rules, chosen.rules_of) = (None, None);
        }
    });
    let has_classifier = context.state.projects.has_classifier();
    let mut classifies = chosen.settings.classifier && has_classifier;
    let choice = Checkbox::new(&mut classifies, "Also by the project's classifier");
    if ui.add_enabled(has_classifier, choice).changed() {
        chosen.settings.classifier = classifies;
    }
    caption(
        ui,
        if has_classifier {
            "Finds harmful sentences, independent of severity and categories."
        } else {
            "The project has no classifier; train one on labelled rows with `glasshouse evaluate moderate --train`."
        },
    );
    ui.add_space(space::TIGHT);
}

/// Moderation hits in a text, and their treatment; `None` without hits.
pub fn moderation_of(text: &Text) -> Option<String> {
    let did = match text.config.moderation.mode {
        ModerationMode::Off => return None,
        ModerationMode::Note => "found and left unchanged",
        ModerationMode::Filter => "left out",
        ModerationMode::Replace => "replaced",
        ModerationMode::Stop => "ended the text before",
    };
    let found = format::moderated(&text.moderated);
    (!found.is_empty()).then(|| format!("Moderation {did}: {found}."))
}
