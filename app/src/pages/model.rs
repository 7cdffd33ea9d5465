//! Model: the decoder of the next run, drawn as it is, beside the settings that shape it; what it takes of the device's memory and
//! time; and how earlier forecasts came true.

mod about;
mod beyond;
mod boxes;
mod decoder;
mod diagram;
mod forecast;
mod numbers;
mod settings;

use super::Context;
use super::parts::{Breakpoint, column, take_vocabulary};
use crate::theme::space;
use crate::widgets::{self, what_is_this};
use decoder::Component;
use egui::Ui;
use forecast::past_ui;
use glasshouse_protocol::cluster::ClusterRequest;
use glasshouse_protocol::{ErrorKind, ErrorReport, PlanSummary, RunConfig};

const WHAT: &str = "A decoder predicts the next token: an embedding, a stack of identical blocks, and a head. More layers and a larger width learn \
    more and take longer. Point at a part to see its cost; press it to open its settings.";

/// What a person chose on the page.
#[derive(Debug)]
pub struct ModelPage {
    /// The drawn block is open.
    open: bool,
    /// The part under the pointer or the keyboard's focus.
    pointed: Option<Component>,
    /// The part that was pressed last.
    chosen: Option<Component>,
    /// The chosen part's settings have yet to be opened.
    reveal: bool,
    /// The draft before it was replaced as a whole, and by what.
    before: Option<(RunConfig, String)>,
    /// What is asked about GPUs elsewhere.
    beyond: ClusterRequest,
    opening: u64,
}

impl Default for ModelPage {
    fn default() -> Self {
        let beyond = ClusterRequest::default();
        Self { open: true, pointed: None, chosen: None, reveal: false, before: None, beyond, opening: 0 }
    }
}

/// The draft as it is drawn and planned.
struct Draft {
    /// A copy, since the settings change while it is drawn.
    config: RunConfig,
    /// The rule that it breaks.
    refused: Option<ErrorReport>,
}

impl ModelPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let opening = context.state.projects.open.as_ref().map_or(0, |open| open.opening);
        if self.opening != opening {
            // Another project's settings are no way back.
            *self = Self { opening, open: self.open, ..Self::default() };
        }
        take_vocabulary(context);
        let draft = draft(context);
        widgets::page(ui, "model", |ui| {
            what_is_this(ui, context.preferences, "model", WHAT);
            let width = ui.available_width();
            let gap = space::LARGE;
            match Breakpoint::of(width) {
                Breakpoint::Phone => {
                    self.dial_ui(ui, context);
                    self.forecast_ui(ui, context, &draft);
                    self.beyond_ui(ui, context, &draft);
                    past_ui(ui, context);
                    self.diagram_ui(ui, context, &draft);
                    self.settings_ui(ui, context, &draft);
                }
                Breakpoint::Tablet => {
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
                    self.beyond_ui(ui, context, &draft);
                    past_ui(ui, context);
                }
                Breakpoint::Desktop => {
                    let rest = width - 2.0 * gap;
                    let (left, middle) = ((rest * 0.32).floor(), (rest * 0.36).floor());
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = gap;
                        column(ui, left, |ui| self.diagram_ui(ui, context, &draft));
                        column(ui, middle, |ui| {
                            self.dial_ui(ui, context);
                            self.settings_ui(ui, context, &draft);
                        });
                        column(ui, rest - left - middle, |ui| {
                            self.forecast_ui(ui, context, &draft);
                            past_ui(ui, context);
                        });
                    });
                    // It is long where it is open: below the columns it makes none of them longer than the others.
                    self.beyond_ui(ui, context, &draft);
                }
            }
        });
    }

    /// Replaces the draft as a whole; it can be had back.
    fn replace(&mut self, context: &mut Context<'_>, config: RunConfig, by: &str) {
        self.before = Some((std::mem::replace(context.draft, config), by.to_owned()));
    }
}

/// The draft, checked.
fn draft(context: &Context<'_>) -> Draft {
    let config = context.draft.clone();
    let refused = config.validate().err().map(ErrorReport::from);
    // What the engine refuses beyond the rules that are checked here, as a vocabulary that a kernel cannot reach.
    let beyond = || context.state.planning.refused.clone().filter(|error| error.kind != ErrorKind::Invalid);
    Draft { config, refused: refused.or_else(beyond) }
}

impl Draft {
    /// The plan of these very settings, and whether it is of them: an older one is shown, greyed, until the new one comes.
    fn plan<'a>(&self, context: &Context<'a>) -> Option<(&'a PlanSummary, bool)> {
        let (config, plan) = context.state.planning.plan.as_ref()?;
        Some((plan, *config == self.config))
    }
}
