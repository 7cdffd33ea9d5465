//! The tokenizer's kind, settings and training.

use crate::pages::prelude::*;

/// A name with its size, such as `BPE 1,024`.
pub fn full_name(config: &TokenizerConfig) -> String {
    let name = config.kind.title();
    if config.kind.is_trained() {
        format!("{name} {}", format::whole(config.vocabulary as u64))
    } else {
        name.to_owned()
    }
}

pub fn settings_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    card(ui, |ui| {
        head(ui, "Tokenizer settings");
        ui.spacing_mut().item_spacing.y = space::TIGHT;
        for (kind, text) in TokenizerKind::ALL.into_iter().zip(TokenizerKind::TEXTS) {
            if radio(ui, context.draft.tokenizer.kind == kind, text.title, &text.help()) {
                context.draft.tokenizer.kind = kind;
            }
        }
        ui.add_space(space::TIGHT);
        // Always shown, so that the layout does not jump for kinds without these settings.
        let sized = context.draft.tokenizer.kind.is_trained();
        let names = ["vocabulary", "min_frequency", "pre_tokenizer"];
        ui.add_enabled_ui(sized, |ui| form_ui(ui, context.draft, None, "tokenizer", &names));
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
        if is_of_another_text(state) {
            caption(ui, "Of the text before its change:");
        }
        let whole = |count: usize| format::whole(count as u64);
        let share = format::percent(summary.unused as f64 / summary.vocabulary.max(1) as f64);
        let bytes = summary.bytes_per_token;
        let [training, validation] = [summary.train_tokens, summary.validation_tokens];
        for (name, value, exact) in [
            ("Vocabulary", whole(summary.vocabulary), String::new()),
            ("Unused entries", whole(summary.unused), format!("{share} of the vocabulary")),
            ("Bytes per token", format!("{bytes:.2}"), bytes.to_string()),
            ("Training tokens", format::count(training), format::whole(training)),
            ("Validation tokens", format::count(validation), format::whole(validation)),
        ] {
            stat_row(ui, name, &value, &exact);
        }
    });
}

fn is_of_another_text(state: &State) -> bool {
    state.tokenizer.of_text != state.documents.changes
}

fn train_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    if let Some((stage, done, total)) = &state.tokenizer.preparing {
        let share = (*total > 0).then(|| *done as f32 / *total as f32);
        let doing = format::capitalized(stage.map_or("starting", |stage| stage.title()));
        let amount = match total {
            0 => String::new(),
            total => format!(" · {} of {}", format::bytes(*done), format::bytes(*total)),
        };
        progress_bar(ui, share.unwrap_or(0.0), ui.available_width());
        return caption(ui, format!("{doing}{amount}"));
    }
    let known = state.tokenizer.summary.as_ref();
    let current =
        known.is_some_and(|summary| summary.config == context.draft.tokenizer) && !is_of_another_text(state);
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
        (Some(_), false) if is_of_another_text(state) => {
            "The text has changed. The next run trains the tokenizer again on the new text; models trained before keep theirs."
        }
        (Some(_), false) => {
            "Models trained with the current tokenizer cannot use a new one: existing runs keep theirs."
        }
        (None, _) => "Trains on the project's text, in seconds.",
    };
    caption(ui, line);
}
