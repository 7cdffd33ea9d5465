//! A column: whose weights write in it and how, what was written, and the token that is looked into.

use super::explain::{self, explain_ui};
use super::paper::Paper;
use super::sources::source_name;
use super::text::{Shown, ending, text_ui};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{Debounce, caption, icon_button, line_ui};
use crate::state::{Distribution, State, Text};
use crate::widgets::{card, quiet_text};
use egui::Ui;
use egui_material_icons::icons;
use glasshouse_protocol::{Command, ErrorReport, GenerateConfig, WeightSource, WrittenToken};
use std::collections::BTreeMap;

/// Likeliest tokens that are listed.
const CANDIDATES: usize = 10;

/// What a person chose in a column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) source: WeightSource,
    pub(super) config: GenerateConfig,
    /// Stop strings as they are typed, one a line.
    pub(super) stop: String,
    /// The request whose text is shown.
    pub(super) request: Option<u64>,
    paper: Paper,
    /// The token that is looked into, among the prompt's and the written ones.
    pub(super) chosen: Option<usize>,
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

impl Default for Column {
    fn default() -> Self {
        Self {
            source: WeightSource::Current,
            config: GenerateConfig::default(),
            stop: String::new(),
            request: None,
            paper: Paper::default(),
            chosen: None,
            explaining: Debounce::default(),
            explained: None,
            answered: None,
            entropies: BTreeMap::new(),
            survey: None,
        }
    }
}

/// A text's tokens, the prompt's first.
pub(super) fn all_tokens(text: &Text) -> impl Iterator<Item = &WrittenToken> {
    text.prompt_tokens.iter().chain(&text.tokens)
}

impl Column {
    /// An empty column with the same source and settings.
    pub(super) fn like(&self) -> Self {
        let (source, config, stop) = (self.source.clone(), self.config.clone(), self.stop.clone());
        Self { source, config, stop, ..Self::default() }
    }

    /// The settings with the stop strings, and in the second column with the first one's seed.
    fn settings(&self, seed: u64) -> GenerateConfig {
        let stop =
            self.stop.lines().filter(|line| !line.is_empty()).map(|line| line.replace("\\n", "\n")).collect();
        GenerateConfig { seed, stop, ..self.config.clone() }
    }

    /// The rule that the settings break.
    pub(super) fn refused(&self, columns: &[Self; 2]) -> Option<ErrorReport> {
        self.settings(columns[0].config.seed).validate().err().map(ErrorReport::from)
    }

    pub(super) fn is_writing(&self, state: &State) -> bool {
        self.text(state).is_some_and(|text| text.ending.is_none())
    }

    fn text<'a>(&self, state: &'a State) -> Option<&'a Text> {
        self.request.and_then(|request| state.writing.texts.get(&request))
    }

    pub(super) fn write(&mut self, context: &mut Context<'_>, prompt: &str, seed: u64) {
        let config = self.settings(seed);
        let command = Command::Generate { source: self.source.clone(), prompt: prompt.to_owned(), config };
        self.request = Some(context.outbox.send(command));
        self.forget();
    }

    /// Shows a text that was written before.
    pub(super) fn show(&mut self, request: u64, text: &Text) {
        (self.source, self.config) = (text.source.clone(), text.config.clone());
        let typed = |stop: &String| stop.replace('\n', "\\n");
        self.stop = text.config.stop.iter().map(typed).collect::<Vec<_>>().join("\n");
        self.request = Some(request);
        self.forget();
    }

    /// Forgets what was asked about the text before.
    fn forget(&mut self) {
        self.chosen = None;
        self.explained = None;
        self.answered = None;
        self.entropies.clear();
        self.survey = None;
    }

    /// Takes in answers, and asks about the chosen token when it or the settings changed and have rested.
    pub(super) fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let state = context.state;
        let Some((request, text)) = self.request.zip(self.text(state)) else { return };
        if let Some((id, place)) = self.explained
            && let Some(distribution) = state.writing.distributions.get(&id)
        {
            self.entropies.insert(place, distribution.entropy_bits);
            self.answered = Some((place, distribution.clone()));
            self.explained = None;
        }
        if let Some(place) = self.chosen.filter(|place| *place > 0)
            && self.explaining.due(ui, &(request, place, self.config.clone()))
        {
            let config = self.settings(text.config.seed);
            self.explained = explain(context, text, place, config, CANDIDATES).map(|id| (id, place));
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

    /// Draws the column. What comes back is a text to write on from.
    pub(super) fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, name: &str) -> Option<String> {
        let state = context.state;
        card(ui, |ui| {
            let text = self.text(state);
            let title = text.map_or_else(|| source_name(&self.source, state), |text| writer(text, state));
            let (copy, survey) = line_ui(
                ui,
                |ui| {
                    let copy = icon_button(ui, text.is_some(), icons::ICON_CONTENT_COPY, "Copy the text");
                    let ready = text.is_some_and(|text| text.ending.is_some());
                    let survey = icon_button(
                        ui,
                        ready,
                        icons::ICON_SHOW_CHART,
                        "Show how undecided the model was at every token",
                    );
                    (copy, survey)
                },
                |ui| {
                    quiet_text(ui, title);
                },
            );
            let Some((request, text)) = self.request.zip(text) else {
                ui.set_min_height(180.0);
                quiet_text(ui, "What the model writes appears here.");
                return;
            };
            if copy {
                ui.ctx().copy_text(all_tokens(text).map(|token| token.text.as_str()).collect());
            }
            if survey {
                self.survey = if self.survey.is_some() { None } else { Some(None) };
            }
            ui.scope(|ui| {
                ui.set_min_height(180.0);
                let shown = Shown { name, request, text, entropies: &self.entropies };
                text_ui(ui, context.palette, &mut self.paper, &mut self.chosen, shown);
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
        });
        let text = self.text(state)?;
        let place = self.chosen?;
        let token = all_tokens(text).nth(place)?;
        let answered = self
            .answered
            .as_ref()
            .filter(|(answered, _)| *answered == place)
            .map(|(_, distribution)| distribution);
        let moved_on = text.step.is_some_and(|step| step != state.training.step);
        let pressed = explain_ui(ui, context.palette, token, place, answered, moved_on)?;
        let before: String = all_tokens(text).take(place).map(|token| token.text.as_str()).collect();
        Some(before + &pressed)
    }
}

/// Whose weights wrote a text.
pub(super) fn writer(text: &Text, state: &State) -> String {
    match text.step {
        Some(step) => format!("In training, as of step {}", format::whole(step)),
        None => source_name(&text.source, state),
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
