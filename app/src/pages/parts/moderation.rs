//! Moderation of offensive text: one setting for the Chat and Write pages and the window's server.

use crate::pages::prelude::*;

/// Draws the mode, and the categories if it is on.
pub fn moderation_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let settings = &mut context.preferences.moderation;
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
    let has_classifier = context.state.projects.has_classifier();
    let mut classifies = settings.classifier && has_classifier;
    let choice = Checkbox::new(&mut classifies, "Also by the project's classifier");
    if ui.add_enabled(has_classifier, choice).changed() {
        settings.classifier = classifies;
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
