//! The card of a feature, and steering with it.

use super::{FeaturesPage, awaited_ui, busy};
use crate::pages::inspect::{largest, shaded_tokens};
use crate::pages::prelude::*;
use glasshouse_protocol::features::{self, FeatureCard};

/// Choices of a steered text.
#[derive(Debug)]
pub(super) struct Steering {
    /// `None` for the feature's largest activation.
    by: Option<f32>,
    clamp: bool,
    prompt: String,
}

impl Default for Steering {
    fn default() -> Self {
        Self { by: None, clamp: false, prompt: "Once upon a time".to_owned() }
    }
}

impl FeaturesPage {
    pub(super) fn card_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, own: &answer::Dictionary) {
        let Some(feature) = self.feature else { return };
        let state = context.state;
        let is_own = |found: &&answer::Features| {
            found.run == own.run
                && found.dictionary == own.number
                && found.card.as_ref().is_some_and(|card| card.feature == feature)
        };
        let found = state.dictionaries.card.as_ref().filter(is_own);
        let Some((found, described)) = found.and_then(|found| Some((found, found.card.as_ref()?))) else {
            return awaited_ui(ui, state, &format!("Reading feature {feature}…"));
        };
        card(ui, |ui| {
            head(ui, &format!("Feature {feature}"));
            let saved = described.name.clone().unwrap_or_default();
            let typed = committed(ui, "Name of the feature", &saved, |ui, draft| {
                line_edit(ui, "Name of the feature", "A name of your own", ui.available_width(), draft)
            });
            if let Some(name) = typed {
                let (run, dictionary) = (own.run.clone(), Some(own.number));
                context.outbox.send(Command::NameFeature { run, dictionary, feature, name });
            }
            blocks_ui(ui, context, "features:card", &found.card_blocks(described));
            if described.history.is_empty() && quiet(ui, None, "Over the training").clicked() {
                self.history = Some(feature);
            }
            caption(ui, "Features of similar directions, with the cosine");
            ui.horizontal_wrapped(|ui| {
                for (other, cosine) in &described.neighbours {
                    if quiet(ui, None, &format!("Feature {other} ({cosine:.2})")).clicked() {
                        self.feature = Some(*other);
                    }
                }
            });
        });
        ui.add_space(space::SMALL);
        card(ui, |ui| self.steering_ui(ui, context, own, described));
        ui.add_space(space::SMALL);
        if described.passages.is_empty() {
            return;
        }
        card(ui, |ui| {
            head(ui, "Strongest activations");
            let most = largest(described.passages.iter().flat_map(|passage| &passage.activations));
            for (number, passage) in described.passages.iter().enumerate() {
                let strongest = passage.activations.get(passage.peak).copied().unwrap_or(f32::NAN);
                let (tokens, values) = (&passage.tokens, &passage.activations);
                let pieces = shaded_tokens(context.palette, tokens, values, most, passage.peak);
                let name = format!("Passage {}, up to {strongest:.2}", number + 1);
                caption(ui, &name);
                shaded_text(ui, &name, &pieces, false, None);
            }
        });
    }

    fn steering_ui(
        &mut self,
        ui: &mut Ui,
        context: &mut Context<'_>,
        own: &answer::Dictionary,
        described: &FeatureCard,
    ) {
        let (state, feature) = (context.state, described.feature);
        let Steering { by, clamp, prompt } = &mut self.steering;
        head(ui, "Steering");
        composer(ui, "Prompt to steer", "A prompt", false, prompt);
        segmented(ui, clamp, &[(false, "Add"), (true, "Clamp")]);
        caption(
            ui,
            match clamp {
                false => "Adds the feature's direction at every position, times this number.",
                true => "Sets the feature's activation to this number at every position.",
            },
        );
        let mut strength = by.unwrap_or((100.0 * described.max).round() / 100.0);
        let value = ui.add(DragValue::new(&mut strength).speed(0.1).max_decimals(2));
        if value.accessible_name("Strength").changed() {
            *by = Some(strength);
        }
        let waits = state.is_waiting(|command| matches!(command, Command::SteerFeature { .. }));
        let ready = busy(state).is_none() && !waits && !prompt.trim().is_empty();
        if pressed(ui, ready, |ui| plain(ui, icons::ICON_EDIT_NOTE, "Write with and without it")) {
            let config = GenerateConfig { max_tokens: 60, ..GenerateConfig::default() };
            let steering =
                features::Steering { feature, by: strength, clamp: *clamp, prompt: prompt.clone(), config };
            let (run, dictionary) = (own.run.clone(), Some(own.number));
            context.outbox.send(Command::SteerFeature { run, dictionary, steering: Box::new(steering) });
        }
        if waits {
            spinning(ui, "Writing…");
        }
        let Some(found) = state.dictionaries.steered.as_ref().filter(|found| found.feature == feature) else {
            return;
        };
        let how = if found.clamp { "at" } else { "by" };
        halves(ui, space::MEDIUM, |ui, column| {
            let (title, text) = match column {
                0 => ("Plain".to_owned(), &found.plain),
                _ => (format!("Feature {feature} {how} {}", found.by), &found.steered),
            };
            head(ui, &title);
            ui.add(Label::new(format!("{}{text}", found.prompt)).wrap());
        });
    }
}
