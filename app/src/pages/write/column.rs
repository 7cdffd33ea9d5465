//! A column: source and settings, the generated text, and the selected token.

use crate::pages::prelude::*;
use crate::pages::written::{Look, Sampling, all_tokens, ending, silence, source_name, source_of};

#[derive(Debug, Default)]
pub struct Column {
    pub sampling: Sampling,
    pub request: Option<u64>,
    look: Look,
}

impl Column {
    /// An empty column with the same source and settings.
    pub fn like(&self) -> Self {
        Self { sampling: self.sampling.clone(), ..Self::default() }
    }

    pub fn is_writing(&self, state: &State) -> bool {
        self.text(state).is_some_and(|text| text.ending.is_none())
    }

    fn text<'a>(&self, state: &'a State) -> Option<&'a Text> {
        self.request.and_then(|request| state.writing.texts.get(&request))
    }

    pub fn write(&mut self, context: &mut Context<'_>, prompt: &str, seed: u64) {
        let config = self.sampling.moderated(context, seed);
        let source = self.sampling.source.clone();
        let command = Command::Generate { source, prompt: prompt.into(), config, output: Output::Tokens };
        self.request = Some(context.outbox.send(command));
        self.look = Look::default();
    }

    /// Takes in answers about the text, and requests details of the selected token.
    pub fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let state = context.state;
        let Some((request, text)) = self.request.zip(self.text(state)) else { return };
        let config = self.sampling.settings(text.config.seed);
        self.look.ask(ui, context, (request, text), &config);
    }

    /// Draws the column. Returns a text to continue from.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, name: &str) -> Option<String> {
        let state = context.state;
        card(ui, |ui| {
            let text = self.text(state);
            let title =
                text.map_or_else(|| source_name(&self.sampling.source, state), |text| source_of(text, state));
            let copy = line_ui(
                ui,
                |ui| icon_button(ui, text.is_some(), icons::ICON_CONTENT_COPY, "Copy the text"),
                |ui| quiet_text(ui, title),
            );
            let silence = silence(&self.sampling.source, state);
            if let Some(words) = &silence {
                quiet_text(ui, words);
            }
            let Some((request, text)) = self.request.zip(text) else {
                ui.set_min_height(180.0);
                if silence.is_none() {
                    quiet_text(ui, "The model's text appears here.");
                }
                return;
            };
            if copy {
                ui.ctx().copy_text(all_tokens(text).map(|token| token.text.as_str()).collect());
            }
            ui.scope(|ui| {
                ui.set_min_height(180.0);
                let name = format!("Text of the {name} column");
                self.look.text_ui(ui, context.palette, &name, (request, text));
            });
            let count = format::counted(text.tokens.len() as u64, "token");
            let speed = format::tokens_per_second(text.tokens_per_s);
            let line = match &text.ending {
                None => format!("Writing… {count} · seed {}", text.config.seed),
                Some(why) => {
                    format!("{count} · {speed} · {} · seed {}", ending(*why), text.config.seed)
                }
            };
            caption(ui, line);
            if let Some(words) = moderation_of(text) {
                hint_line(ui, &words);
            }
        });
        self.look.explain_ui(ui, context, self.text(state)?, true)
    }
}
