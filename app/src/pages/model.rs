//! Model: a diagram of the next run's decoder, its settings, and its memory and time on the device.

mod about;
mod boxes;
mod decoder;
mod diagram;
mod forecast;
mod settings;

use crate::pages::prelude::*;
use decoder::Component;

pub const WHAT: &str = "A decoder predicts the next token: an embedding, a stack of identical blocks, and a head. More layers and a larger width learn \
    more and take longer. Point at a part to see its cost; press it to open its settings.";

#[derive(Debug)]
pub struct ModelPage {
    /// The drawn block is expanded.
    open: bool,
    /// The component under the pointer or with the keyboard focus.
    pointed: Option<Component>,
    chosen: Option<Component>,
    /// The chosen component's settings still have to be opened.
    reveal: bool,
}

impl Default for ModelPage {
    fn default() -> Self {
        Self { open: true, pointed: None, chosen: None, reveal: false }
    }
}

struct Draft {
    /// A copy, since the settings change while it is drawn.
    config: RunConfig,
    /// The rule it breaks, if any.
    refused: Option<ErrorReport>,
}

impl Page for ModelPage {
    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        take_vocabulary(context);
        let draft = draft(context);
        let width = ui.available_width();
        let gap = space::LARGE;
        match Breakpoint::of(width) {
            Breakpoint::Phone => {
                self.dial_ui(ui, context);
                self.forecast_ui(ui, context, &draft);
                self.diagram_ui(ui, context, &draft);
                self.settings_ui(ui, context, &draft);
            }
            Breakpoint::Tablet => {
                let left = ((width - gap) * 0.46).floor();
                columns_ui(ui, gap, &[left, width - left - gap], |ui, place| match place {
                    0 => self.diagram_ui(ui, context, &draft),
                    _ => {
                        self.dial_ui(ui, context);
                        self.settings_ui(ui, context, &draft);
                    }
                });
                self.forecast_ui(ui, context, &draft);
            }
            Breakpoint::Desktop => {
                let rest = width - 2.0 * gap;
                let (left, middle) = ((rest * 0.32).floor(), (rest * 0.36).floor());
                columns_ui(ui, gap, &[left, middle, rest - left - middle], |ui, place| match place {
                    0 => self.diagram_ui(ui, context, &draft),
                    1 => {
                        self.dial_ui(ui, context);
                        self.settings_ui(ui, context, &draft);
                    }
                    _ => {
                        self.forecast_ui(ui, context, &draft);
                    }
                });
            }
        }
    }

    fn for_project(self, _: bool) -> Self {
        Self { open: self.open, ..Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Next
    }
}

fn draft(context: &Context<'_>) -> Draft {
    let config = context.draft.clone();
    let refused = config.validate().err().map(ErrorReport::from);
    // Settings that the engine refuses beyond the rules checked here, such as a vocabulary too large for a kernel.
    let beyond = || context.state.planning.refused.clone().filter(|error| error.kind != ErrorKind::Invalid);
    Draft { config, refused: refused.or_else(beyond) }
}

impl Draft {
    /// The plan and whether it matches these settings: an outdated one is shown greyed until the new one arrives.
    fn plan<'a>(&self, context: &Context<'a>) -> Option<(&'a PlanSummary, bool)> {
        let (config, plan) = context.state.planning.plan.as_ref()?;
        Some((plan, *config == self.config))
    }
}
