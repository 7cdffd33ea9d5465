//! Model: the decoder of the next run, drawn as it is, beside the settings that shape it; what it takes of the device's memory and
//! time; and how earlier forecasts came true.

mod decoder;
mod diagram;
mod forecast;
mod numbers;
mod settings;

use super::Context;
use super::parts::{Debounce, Room, column, failure_ui};
use crate::theme::space;
use crate::widgets::{self, what_is_this};
use decoder::Part;
use egui::Ui;
use glasshouse_protocol::{Command, ErrorReport, PlanSummary, RunConfig, TokenizerKind};

const WHAT: &str = "A decoder turns tokens into a guess of the next one: an embedding, a stack of equal blocks, and a head. More layers and channels \
     can learn more and take longer. Point at a part to see what it costs; press it to find its settings.";

/// What a person chose on the page.
#[derive(Debug)]
pub struct ModelPage {
    /// The drawn block is open.
    open: bool,
    /// The part that was pressed last.
    chosen: Option<Part>,
    /// The chosen part's settings have yet to be opened.
    reveal: bool,
    planning: Debounce<(RunConfig, String)>,
    /// The draft before it was replaced as a whole, and by what.
    before: Option<(RunConfig, String)>,
}

impl Default for ModelPage {
    fn default() -> Self {
        Self { open: true, chosen: None, reveal: false, planning: Debounce::default(), before: None }
    }
}

/// The draft as it is drawn and planned.
struct Draft {
    /// With the vocabulary that the tokenizer gives.
    config: RunConfig,
    /// The rule that it breaks.
    refused: Option<ErrorReport>,
}

impl ModelPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let draft = draft(context);
        let device = context.state.engine.as_ref().map(|engine| engine.device.request.clone());
        if draft.refused.is_none()
            && let Some(device) = device
            && self.planning.due(ui, &(draft.config.clone(), device))
        {
            context.outbox.send(Command::Plan { config: Box::new(draft.config.clone()) });
        }
        widgets::page(ui, "model", |ui| {
            what_is_this(ui, context.preferences, "model", WHAT);
            failure_ui(ui, context, "model", |command| {
                matches!(command, Command::Measure { .. } | Command::FitToDevice { .. })
            });
            let width = ui.available_width();
            let gap = space::LARGE;
            match Room::of(width) {
                Room::Phone => {
                    self.dial_ui(ui, context);
                    self.forecast_ui(ui, context, &draft);
                    self.diagram_ui(ui, context, &draft);
                    self.settings_ui(ui, context, &draft);
                }
                Room::Tablet => {
                    let left = ((width - gap) * 0.46).floor();
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = gap;
                        column(ui, left, |ui| self.diagram_ui(ui, context, &draft));
                        column(ui, width - left - gap, |ui| {
                            self.dial_ui(ui, context);
                            self.settings_ui(ui, context, &draft);
                        });
                    });
                    self.forecast_ui(ui, context, &draft);
                }
                Room::Desk => {
                    let rest = width - 2.0 * gap;
                    let (left, middle) = ((rest * 0.32).floor(), (rest * 0.36).floor());
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = gap;
                        column(ui, left, |ui| self.diagram_ui(ui, context, &draft));
                        column(ui, middle, |ui| {
                            self.dial_ui(ui, context);
                            self.settings_ui(ui, context, &draft);
                        });
                        column(ui, rest - left - middle, |ui| self.forecast_ui(ui, context, &draft));
                    });
                }
            }
        });
    }

    /// Replaces the draft as a whole; it can be had back.
    fn replace(&mut self, context: &mut Context<'_>, config: RunConfig, by: &str) {
        self.before = Some((std::mem::replace(context.draft, config), by.to_owned()));
    }
}

/// The draft with its vocabulary, checked.
fn draft(context: &Context<'_>) -> Draft {
    let mut config = context.draft.clone();
    let tokenizer = &config.tokenizer;
    let trained = context.state.tokenizer.summary.as_ref().filter(|summary| summary.config == *tokenizer);
    config.model.vocabulary = match (trained, tokenizer.kind) {
        (Some(summary), _) => summary.vocabulary,
        // 256 bytes and the end of a text.
        (None, TokenizerKind::Byte) => 257,
        // As many as the text has characters; before it was counted, as many as English prose has.
        (None, TokenizerKind::Char) => {
            let overview = context.state.documents.overview.as_ref();
            overview.map_or(96, |overview| overview.distinct_characters + 1)
        }
        (None, _) => tokenizer.vocabulary,
    };
    let refused = config.validate().err().map(|invalid| ErrorReport {
        kind: "invalid".to_owned(),
        message: invalid.to_string(),
        field: Some(invalid.field),
    });
    // What the engine refuses beyond the rules that are checked here.
    let refused = refused.or_else(|| context.state.planning.refused.clone());
    Draft { config, refused }
}

impl Draft {
    /// The plan of these very settings, and whether it is of them: an older one is shown, greyed, until the new one comes.
    fn plan<'a>(&self, context: &Context<'a>) -> Option<(&'a PlanSummary, bool)> {
        let (config, plan) = context.state.planning.plan.as_ref()?;
        Some((plan, *config == self.config))
    }
}
