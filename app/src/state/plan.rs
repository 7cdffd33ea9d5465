//! Plans and forecasts of the current settings.

use glasshouse_protocol::{
    Command, ErrorKind, ErrorReport, Event, Fit, Forecast, PlanSummary, RunConfig, answer,
};

/// Everything known about settings before they are trained.
#[derive(Debug, Default)]
pub struct Planning {
    /// The pending plan request; answers to older ones are ignored.
    pub asked: Option<u64>,
    pub plan: Option<(RunConfig, PlanSummary)>,
    /// Why the last settings have no plan: a rule they break.
    pub refused: Option<ErrorReport>,
    /// The last measured speed, and its settings; `None` if the request is no longer known.
    pub measured: Option<(Option<RunConfig>, answer::Speed)>,
    /// Settings that fit the device, and the changes made for that.
    pub fitted: Option<answer::Fitted>,
}

impl Planning {
    /// The plan, if it is that of these settings.
    pub fn plan_of(&self, config: &RunConfig) -> Option<&PlanSummary> {
        self.plan.as_ref().filter(|(own, _)| own == config).map(|(_, plan)| plan)
    }

    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        match command {
            Command::Fit(Fit::ToDevice { .. }) => self.fitted = None,
            Command::Plan { .. } => self.asked = Some(id),
            _ => {}
        }
    }

    pub(super) fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event) {
        let newest = request.is_some() && request == self.asked;
        match (event, asked) {
            (Event::Project { .. }, _) => *self = Self::default(),
            (Event::Planned(Forecast::Run { plan }), Some(Command::Plan { config })) if newest => {
                self.plan = Some(((**config).clone(), (**plan).clone()));
                self.refused = None;
            }
            (Event::Failed { error }, Some(Command::Plan { .. })) if newest => {
                self.asked = None;
                if error.kind != ErrorKind::Cancelled {
                    // The earlier plan does not belong to these settings.
                    (self.plan, self.refused) = (None, Some(error.clone()));
                }
            }
            (Event::Finished, Some(Command::Plan { .. })) if newest => self.asked = None,
            (Event::Planned(Forecast::Speed(speed)), _) => {
                let config = asked.and_then(picked!(Command::Measure { config } => (**config).clone()));
                self.measured = Some((config, speed.clone()));
            }
            (Event::Fitted(fitted), _) => self.fitted = Some(fitted.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    fn plan() -> PlanSummary {
        PlanSummary { parameters: 1000, bytes: 4000, ..PlanSummary::default() }
    }

    #[test]
    fn a_plan_belongs_to_the_settings_that_were_asked_about() {
        let config = presets::preset("llama-tiny").unwrap();
        let asked = Command::Plan { config: Box::new(config.clone()) };
        let mut planning = Planning { plan: Some((config.clone(), plan())), ..Planning::default() };
        let failed = |kind| Event::Failed { error: ErrorReport::new(kind, "too large") };
        let mut answered = |id, event: &Event| {
            planning.sent(id, &asked);
            planning.apply(Some(id), Some(&asked), event);
            (planning.plan.is_some(), planning.refused.is_some())
        };
        assert_eq!(answered(1, &failed(ErrorKind::Cancelled)), (true, false), "it says nothing of them");
        assert_eq!(answered(1, &failed(ErrorKind::TooLarge)), (false, true));
        let planned = Event::Planned(Forecast::Run { plan: Box::new(plan()) });
        assert_eq!(answered(2, &planned), (true, false), "mended settings train again");
        planning.apply(Some(2), Some(&Command::ListRuns), &failed(ErrorKind::TooLarge));
        assert_eq!(planning.refused, None, "it is about something else");
        planning.sent(3, &asked);
        planning.apply(None, None, &Event::Project { opened: None });
        planning.apply(Some(3), Some(&asked), &failed(ErrorKind::TooLarge));
        assert!(planning.refused.is_none() && planning.asked.is_none(), "the last project's question");
        let (device, [ms_per_step, tokens_per_s]) = ("CPU".to_owned(), [1.0, 2.0]);
        let speed = answer::Speed { ms_per_step, tokens_per_s, flops_per_s: 3.0, device, run_seconds: 4.0 };
        let measure = Command::Measure { config: Box::new(config.clone()) };
        planning.apply(Some(3), Some(&measure), &Event::Planned(Forecast::Speed(speed)));
        assert_eq!(planning.measured.and_then(|(config, _)| config), Some(config));
    }
}
