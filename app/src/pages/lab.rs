//! Lab: experiments that choose settings. A range test of learning rates, and sweeps with their table and curves.

mod search;
mod sweep;

use crate::pages::prelude::*;

pub const WHAT: &str = "Find the settings that train best on your text by experiment. Test a range of learning rates in a minute, or sweep any \
    settings: train a run for each combination, stop the worst ones early, and compare all of them.";

#[derive(Debug, Default)]
pub struct LabPage {
    test: RangeTest,
    sweep: sweep::SweepForm,
}

impl Page for LabPage {
    fn needs(&self) -> Needs {
        Needs::Project("Experiments train on the text of a project.")
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| self.rate_ui(ui, context));
        ui.add_space(space::LARGE);
        self.sweep.ui(ui, context);
    }

    fn for_project(self, is_same: bool) -> Self {
        if is_same { Self { test: self.test, ..Self::default() } } else { Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Next
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        (testing(state).is_some() || sweeps(state)).then_some(Dot::Running)
    }
}

/// The request of a range test in progress.
fn testing(state: &State) -> Option<u64> {
    let is_test = |command: &Command| matches!(command, Command::Fit(Fit::LearningRate { .. }));
    state.waiting.iter().find(|(_, command)| is_test(command)).map(|(id, _)| *id)
}

/// Whether a sweep is in progress.
fn sweeps(state: &State) -> bool {
    state.is_waiting(|command| matches!(command, Command::Train { launch, .. } if launch.sweep.is_some()))
}

impl LabPage {
    fn rate_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        section(ui, "Learning rate");
        caption(
            ui,
            "Trains a model with the base settings of the sweep below and a rate that rises exponentially, and discards it. Good rates are somewhat above the \
             one where the loss falls fastest.",
        );
        ui.add_space(space::SMALL);
        let Self { test, .. } = self;
        ui.horizontal_wrapped(|ui| {
            let rates = Setting::at("train.learning_rate");
            let numbers: [(&str, Option<&Setting>, &mut dyn Number); 3] = [
                ("From", rates.as_ref(), &mut test.lowest),
                ("To", rates.as_ref(), &mut test.highest),
                ("Steps", None, &mut test.steps),
            ];
            for (name, setting, number) in numbers {
                ui.label(name);
                ui.add(drag(setting, number)).accessible_name(format!("{name} of the range test"));
            }
            ui.checkbox(&mut test.noise, "Gradient noise scale");
        });
        let refused = test.check().err();
        if let Some(reason) = &refused {
            hint_line(ui, reason);
        }
        let curve = context.state.lab.curve.as_ref();
        if let Some(request) = testing(context.state) {
            let done = curve.map_or(0.0, |curve| curve.points.len() as f32 / curve.test.steps.max(1) as f32);
            let share = Some(done).filter(|done| *done < 1.0);
            if working(ui, "Testing learning rates", share, Some("Cancel")) {
                context.outbox.send(Command::Cancel { request });
            }
        } else {
            let idle = context.state.training.state == TrainingState::Idle;
            let ready = idle && refused.is_none();
            if enabled(ui, ready, "Test learning rates") {
                let config = Box::new(context.draft.clone());
                context.outbox.send(Fit::LearningRate { config, test: self.test });
            }
        }
        if let Some(curve) = curve {
            curve_ui(ui, context, curve);
        }
    }
}

/// A start button; returns whether it was pressed.
fn enabled(ui: &mut Ui, ready: bool, text: &str) -> bool {
    pressed(ui, ready, |ui| primary(ui, icons::ICON_PLAY_ARROW, text))
}

fn curve_ui(ui: &mut Ui, context: &mut Context<'_>, curve: &RangeCurve) {
    let [training, smoothed, ..] = context.palette.series;
    let line = |name: &str, colour, width, value: fn(&RangePoint) -> f64| Curve {
        width,
        ..Curve::new(name, colour, line_of(curve, value))
    };
    let curves = [
        line("loss", training.gamma_multiply(0.5), 1.0, |point| point.loss),
        line("smoothed loss", smoothed, 2.5, |point| point.smoothed),
    ];
    let mark = |rate: f64| Mark {
        at: rate.log10(),
        colour: context.palette.accent,
        name: "suggestion",
        text: format!("Suggested learning rate: {}", format::scientific(rate)),
    };
    let marks: Vec<Mark> = curve.suggestion.map(mark).into_iter().collect();
    ui.add_space(space::SMALL);
    let write = |value| format::loss(value as f32);
    let plot = CurvePlot { id: "range test", axis: Axis::Rate, height: 240.0, log: false, write };
    plot.ui(ui, &curves, &marks);
    if let Some(rate) = curve.suggestion {
        ui.horizontal_wrapped(|ui| {
            let value = format::scientific(rate);
            let exact = "4.7 times the rate at which the fall of the loss slows to 0.65 of its steepest";
            stat(ui, 180.0, Stat { name: "Suggested learning rate", value: &value, exact });
            if primary(ui, icons::ICON_CHECK, "Use it for the next run").clicked() {
                context.drafts.train.set_learning_rate(rate);
                context.asks.replaced("The next run has this learning rate");
            }
        });
    }
    curve.notes().iter().for_each(|note| quiet_text(ui, note));
}

/// A line of the test's plot, without its end after which the loss stays high: that would flatten the rest.
fn line_of(curve: &RangeCurve, value: fn(&RangePoint) -> f64) -> Vec<[f64; 2]> {
    let most = curve.points.first().map_or(f64::INFINITY, |first| 1.5 * first.loss);
    let last = curve.points.iter().rposition(|point| value(point) <= most);
    let shown = curve.points.iter().take(last.map_or(0, |last| last + 1));
    shown.map(|point| [point.rate.log10(), value(point)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_range_test_ends_where_the_loss_stays_high() {
        let point = |(rate, loss)| RangePoint { rate, loss, smoothed: 2.0 };
        let points = [(1e-3, 2.0), (1e-2, 3.5), (1e-1, 1.0), (1.0, 4.0), (10.0, f64::INFINITY)].map(point);
        let curve = RangeCurve { points: points.to_vec(), ..RangeCurve::default() };
        assert_eq!(line_of(&curve, |point| point.loss), [[-3.0, 2.0], [-2.0, 3.5], [-1.0, 1.0]]);
        assert_eq!(line_of(&curve, |point| point.smoothed).len(), 5);
        assert!(line_of(&RangeCurve::default(), |point| point.loss).is_empty());
    }
}
