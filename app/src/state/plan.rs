//! Needs and forecasts of the settings at hand.

use glasshouse_protocol::{Command, ErrorReport, Event, PlanSummary, RunConfig};

/// What is known about settings before they are trained.
#[derive(Debug, Default)]
pub struct Planning {
    /// The last plan, and the settings it is of.
    pub plan: Option<(RunConfig, PlanSummary)>,
    /// Why the last settings have no plan: a rule that they break.
    pub refused: Option<ErrorReport>,
    /// The last measurement.
    pub measured: Option<Measured>,
    /// Settings that fit the device, and what was changed for it.
    pub fitted: Option<(RunConfig, Vec<String>)>,
}

/// How fast the device trains some settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The settings; `None` where the request is not known any more.
    pub config: Option<RunConfig>,
    /// Milliseconds per step.
    pub ms_per_step: f64,
    /// Training tokens per second.
    pub tokens_per_s: f64,
    /// FLOP/s reached.
    pub flops_per_s: f64,
    /// The device's name.
    pub device: String,
    /// Seconds that the whole run would take.
    pub run_seconds: f64,
}

impl Planning {
    pub(super) fn sent(&mut self, command: &Command) {
        if matches!(command, Command::FitToDevice { .. }) {
            self.fitted = None;
        }
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match (event, asked) {
            (Event::Planned { plan }, Some(Command::Plan { config })) => {
                self.plan = Some(((**config).clone(), (**plan).clone()));
                self.refused = None;
            }
            (Event::Failed { error }, Some(Command::Plan { .. })) if error.kind != "cancelled" => {
                // What was planned before is not of these settings.
                (self.plan, self.refused) = (None, Some(error.clone()));
            }
            // The settings of another project have nothing to do with what is known here.
            (Event::ProjectOpened { .. } | Event::ProjectClosed, _) => {
                (self.plan, self.refused, self.fitted) = (None, None, None);
            }
            (Event::Measured { ms_per_step, tokens_per_s, flops_per_s, device, run_seconds }, _) => {
                let config = match asked {
                    Some(Command::Measure { config }) => Some((**config).clone()),
                    _ => None,
                };
                self.measured = Some(Measured {
                    config,
                    ms_per_step: *ms_per_step,
                    tokens_per_s: *tokens_per_s,
                    flops_per_s: *flops_per_s,
                    device: device.clone(),
                    run_seconds: *run_seconds,
                });
            }
            (Event::Fitted { config, changes }, _) => {
                self.fitted = Some(((**config).clone(), changes.clone()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    fn plan() -> PlanSummary {
        PlanSummary {
            parameters: 1000,
            parameters_by_part: Default::default(),
            tensors: Vec::new(),
            bytes_by_kind: Default::default(),
            bytes: 4000,
            largest_binding: 4000,
            dispatches_per_step: 10,
            flops_per_token: 6000.0,
            tokens_per_step: 64,
            flops_by_scope: Default::default(),
            fits: None,
            run_seconds: None,
        }
    }

    #[test]
    fn a_plan_belongs_to_the_settings_that_were_asked_about() {
        let config = presets::preset("llama-tiny").unwrap();
        let asked = Command::Plan { config: Box::new(config.clone()) };
        let mut planning = Planning { plan: Some((config.clone(), plan())), ..Planning::default() };
        let error =
            ErrorReport { kind: "too_large".to_owned(), message: "too large".to_owned(), field: None };
        let cancelled = ErrorReport { kind: "cancelled".to_owned(), ..error.clone() };
        planning.apply(Some(&asked), &Event::Failed { error: cancelled });
        assert!(planning.plan.is_some() && planning.refused.is_none(), "whoever cancels it learns nothing");
        planning.apply(Some(&asked), &Event::Failed { error: error.clone() });
        assert_eq!((&planning.plan, &planning.refused), (&None, &Some(error.clone())));
        planning.apply(Some(&asked), &Event::Planned { plan: Box::new(plan()) });
        assert!(planning.plan.is_some() && planning.refused.is_none(), "mended settings train again");
        planning.apply(None, &Event::ProjectClosed);
        assert!(planning.plan.is_none());
        // What fails otherwise says nothing about the settings.
        planning.refused = None;
        planning.apply(Some(&Command::ListRuns), &Event::Failed { error });
        assert_eq!(planning.refused, None);
        let measured = Event::Measured {
            ms_per_step: 1.0,
            tokens_per_s: 2.0,
            flops_per_s: 3.0,
            device: "CPU".to_owned(),
            run_seconds: 4.0,
        };
        planning.apply(Some(&Command::Measure { config: Box::new(config.clone()) }), &measured);
        assert_eq!(planning.measured.and_then(|measured| measured.config), Some(config));
    }
}
