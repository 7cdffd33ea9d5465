//! A text that can be looked into: the token that was chosen, what the model had in mind there, and how undecided it was at every
//! other.

use super::explain::{self, Explained, explain_ui};
use super::paper::Paper;
use super::sources::source_name;
use super::text::{Shown, text_ui};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{Debounce, caption};
use crate::state::{Distribution, State, Text};
use crate::theme::Palette;
use egui::Ui;
use glasshouse_protocol::{Command, GenerateConfig, WrittenToken};
use std::collections::BTreeMap;

/// Likeliest tokens that are listed.
const CANDIDATES: usize = 10;

/// What is known of a text's tokens, and which one is looked into.
#[derive(Debug, Default)]
pub(in crate::pages) struct Look {
    paper: Paper,
    /// The token that is looked into, among the prompt's and the written ones.
    chosen: Option<usize>,
    explaining: Debounce<(u64, usize, GenerateConfig)>,
    /// The request that explains a token, and which.
    explained: Option<(u64, usize)>,
    /// What was answered last, to be shown until the next answer comes.
    answered: Option<(usize, Distribution)>,
    /// Bits of entropy at the tokens that were looked into.
    entropies: BTreeMap<usize, f32>,
    /// All tokens are looked into, one after another; the request under way and its token.
    survey: Option<Option<(u64, usize)>>,
}

/// A text's tokens, the prompt's first.
pub(in crate::pages) fn all_tokens(text: &Text) -> impl Iterator<Item = &WrittenToken> {
    text.prompt_tokens.iter().chain(&text.tokens)
}

/// Whose weights wrote a text: what was current when it was asked for, which need not be so any more.
pub(in crate::pages) fn source_of(text: &Text, state: &State) -> String {
    match (&text.run, text.step) {
        (Some(run), Some(step)) => format!("{run}, in training, step {}", format::whole(step)),
        (Some(run), None) => format!("{run}, best checkpoint"),
        (None, _) => source_name(&text.source, state),
    }
}

impl Look {
    /// Looks into all tokens, or stops doing so.
    pub(in crate::pages) fn toggle_survey(&mut self) {
        self.survey = if self.survey.is_some() { None } else { Some(None) };
    }

    /// Takes in answers about the text of a request, and asks about the chosen token when it or the settings changed and have rested.
    pub(in crate::pages) fn ask(
        &mut self,
        ui: &Ui,
        context: &mut Context<'_>,
        (request, text): (u64, &Text),
        config: &GenerateConfig,
    ) {
        // Where moderation hides words, candidates would tell them.
        if text.config.moderation.mode.hides() {
            return;
        }
        if let Some((id, place)) = self.explained
            && let Some(distribution) = context.state.writing.distributions.get(&id)
        {
            self.entropies.insert(place, distribution.entropy_bits);
            self.answered = Some((place, distribution.clone()));
            self.explained = None;
        }
        if let Some(place) = self.chosen.filter(|place| *place > 0)
            && self.explaining.due(ui, &(request, place, config.clone()))
        {
            self.explained = explain(context, text, place, config.clone(), CANDIDATES).map(|id| (id, place));
        }
        self.survey_next(context, text);
    }

    /// Looks into the next token whose entropy is not known, when the last one was answered.
    fn survey_next(&mut self, context: &mut Context<'_>, text: &Text) {
        let Some(under_way) = self.survey else { return };
        if let Some((id, place)) = under_way {
            match context.state.writing.distributions.get(&id) {
                Some(distribution) => {
                    self.entropies.insert(place, distribution.entropy_bits);
                }
                None if context.state.waiting.contains_key(&id) => return,
                // It failed: the message says why, and there is no sense in asking for the rest.
                None => {
                    self.survey = None;
                    return;
                }
            }
        }
        let first = text.prompt_tokens.len().max(1);
        let last = text.prompt_tokens.len() + text.tokens.len();
        let next = (first..last).find(|place| !self.entropies.contains_key(place));
        // Its own frame notes the request, before the answer is looked for.
        self.survey = next.and_then(|place| {
            explain(context, text, place, text.config.clone(), 1).map(|id| Some((id, place)))
        });
    }

    /// Draws the text, which is called `name`; each of its tokens can be chosen.
    pub(in crate::pages) fn text_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        name: &str,
        (request, text): (u64, &Text),
    ) {
        let shown = Shown { name, request, text, entropies: &self.entropies };
        text_ui(ui, palette, &mut self.paper, &mut self.chosen, shown);
    }

    /// Draws what the model had in mind at the chosen token. Where a text `branches`, what comes back is one to write on from.
    pub(in crate::pages) fn explain_ui(
        &self,
        ui: &mut Ui,
        context: &Context<'_>,
        text: &Text,
        branches: bool,
    ) -> Option<String> {
        let place = self.chosen?;
        let token = all_tokens(text).nth(place)?;
        if text.config.moderation.mode.hides() {
            caption(ui, "Moderation hides words here, so the probabilities are hidden too.");
            return None;
        }
        let answered = self.answered.as_ref().filter(|(answered, _)| *answered == place);
        let distribution = answered.map(|(_, distribution)| distribution);
        let current = context.state.current_run().map(|run| run.name.as_str());
        let moved_on = text.step.is_some_and(|step| step != context.state.training.step)
            || text.run.as_deref().is_some_and(|run| Some(run) != current);
        let explained = Explained { token, place, distribution, moved_on, branches };
        let pressed = explain_ui(ui, context.palette, &explained)?;
        let before: String = all_tokens(text).take(place).map(|token| token.text.as_str()).collect();
        Some(before + &pressed)
    }
}

/// Asks what the model thought at a place: the tokens before it go along. The first token has nothing before it.
fn explain(
    context: &mut Context<'_>,
    text: &Text,
    place: usize,
    config: GenerateConfig,
    count: usize,
) -> Option<u64> {
    let (tokens, chosen) = explain::prefix(text, place)?;
    let source = text.source.clone();
    Some(context.outbox.send(Command::Explain { source, tokens, chosen: Some(chosen), config, count }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{CheckpointSummary, RunSummary, WeightSource};

    #[test]
    fn a_text_keeps_the_name_of_the_run_that_wrote_it() {
        let run = |name: &str| RunSummary {
            name: name.to_owned(),
            checkpoints: vec![CheckpointSummary {
                file: "best.safetensors".to_owned(),
                step: 400,
                val_loss: Some(1.5),
                best: true,
                resumable: true,
                bytes: 1,
            }],
            ..RunSummary::default()
        };
        let mut state = State::default();
        state.runs.list = vec![run("1-owls")];
        let command = Command::Generate {
            source: WeightSource::Current,
            prompt: "Once".to_owned(),
            config: GenerateConfig::default(),
        };
        state.sent(4, &command);
        // A later run is the latest one, and wrote nothing yet.
        state.runs.list.push(run("2-foxes"));
        state.sent(5, &command);
        let writers = [4, 5].map(|id| source_of(&state.writing.texts[&id], &state));
        assert_eq!(writers, ["1-owls, best checkpoint", "2-foxes, best checkpoint"]);
    }
}
