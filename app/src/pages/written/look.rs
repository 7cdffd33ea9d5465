//! Token inspection of a text: the selected token, and the model's distribution there.

use super::explain::{Explained, explain_ui};
use super::paper::Paper;
use super::text::text_ui;
use super::*;
use crate::state::Distribution;

const CANDIDATES: usize = 10;

/// The selected token of a text, and its details.
#[derive(Debug, Default)]
pub struct Look {
    paper: Paper,
    /// The selected token, counted over prompt and completion.
    chosen: Option<usize>,
    explaining: Debounce<(u64, usize, GenerateConfig)>,
    /// The pending request for a token's distribution, and the token.
    explained: Option<(u64, usize)>,
    /// The last answer, shown until the next one arrives.
    answered: Option<(usize, Distribution)>,
}

/// A text's tokens, the prompt's first.
pub fn all_tokens(text: &Text) -> impl Iterator<Item = &WrittenToken> {
    text.prompt_tokens.iter().chain(&text.tokens)
}

/// The weights that wrote a text, which may no longer be the current ones.
pub fn source_of(text: &Text, state: &State) -> String {
    match (&text.run, text.step) {
        (Some(run), Some(step)) => format!("{run}, in training, step {}", format::whole(step)),
        (Some(run), None) => format!("{run}, best checkpoint"),
        (None, _) => source_name(&text.source, state),
    }
}

impl Look {
    /// Takes in answers about the text of a request, and requests the selected token's distribution once selection and settings
    /// have settled.
    pub fn ask(
        &mut self,
        ui: &Ui,
        context: &mut Context<'_>,
        (request, text): (u64, &Text),
        config: &GenerateConfig,
    ) {
        // Candidates would reveal words that moderation hides.
        if text.config.moderation.mode.hides() {
            return;
        }
        if let Some((id, place)) = self.explained
            && let Some(distribution) = context.state.writing.distributions.get(&id)
        {
            self.answered = Some((place, distribution.clone()));
            self.explained = None;
        }
        if let Some(place) = self.chosen.filter(|place| *place > 0)
            && self.explaining.due(ui, &(request, place, config.clone()))
        {
            self.explained = explain(context, text, place, config.clone()).map(|id| (id, place));
        }
    }

    /// Draws the text, named `name`, with selectable tokens.
    pub fn text_ui(&mut self, ui: &mut Ui, palette: &Palette, name: &str, (request, text): (u64, &Text)) {
        text_ui(ui, palette, &mut self.paper, &mut self.chosen, (name, request, text));
    }

    /// Draws the model's distribution at the selected token. If `branch` is set, it may return a text to continue from.
    pub fn explain_ui(&self, ui: &mut Ui, context: &Context<'_>, of: &Text, branch: bool) -> Option<String> {
        let place = self.chosen?;
        let token = all_tokens(of).nth(place)?;
        if of.config.moderation.mode.hides() {
            caption(ui, "Moderation hides words here, so the probabilities are hidden too.");
            return None;
        }
        let answered = self.answered.as_ref().filter(|(answered, _)| *answered == place);
        let distribution = answered.map(|(_, distribution)| distribution);
        let current = context.state.current_run().map(|run| run.name.as_str());
        let moved_on = of.step.is_some_and(|step| step != context.state.training.step())
            || of.run.as_deref().is_some_and(|run| Some(run) != current);
        let explained = Explained { token, place, distribution, moved_on, branches: branch };
        let pressed = explain_ui(ui, context.palette, &explained)?;
        let before: String = all_tokens(of).take(place).map(|token| token.text.as_str()).collect();
        Some(before + &pressed)
    }
}

/// Requests the distribution at a token, given the tokens before it. `None` for the first token.
fn explain(context: &mut Context<'_>, text: &Text, place: usize, config: GenerateConfig) -> Option<u64> {
    let (tokens, chosen) = explain::prefix(text, place)?;
    let (source, chosen, count) = (text.source.clone(), Some(chosen), CANDIDATES);
    Some(context.outbox.send(Command::Explain { source, tokens, chosen, config, count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_the_name_of_the_run_that_wrote_it() {
        let run = |name: &str| RunSummary {
            name: name.to_owned(),
            checkpoints: vec![CheckpointSummary { step: 400, best: true, ..Default::default() }],
            ..RunSummary::default()
        };
        let mut state = State::default();
        state.runs.list = vec![run("1-owls")];
        let command = Command::Generate {
            source: WeightSource::Current,
            prompt: "Once".into(),
            config: GenerateConfig::default(),
            output: Output::Tokens,
        };
        state.sent(4, &command);
        // A later run is now the latest one.
        state.runs.list.push(run("2-foxes"));
        state.sent(5, &command);
        let writers = [4, 5].map(|id| source_of(&state.writing.texts[&id], &state));
        assert_eq!(writers, ["1-owls, best checkpoint", "2-foxes, best checkpoint"]);
    }
}
