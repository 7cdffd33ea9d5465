//! Changes to a run while it trains, which are recorded in its file.

use crate::pages::prelude::*;

/// New values that are not sent yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    learning_rate: f64,
    steps: u64,
}

pub fn fold_ui(ui: &mut Ui, context: &mut Context<'_>, training: &Training, change: &mut Option<Change>) {
    let run = training.run.as_ref().map(|run| run.name.clone()).unwrap_or_default();
    let config = context.state.runs.histories.get(&run).map(|history| &*history.config);
    let now =
        config.map(|config| Change { learning_rate: config.train.learning_rate, steps: training.steps() });
    let outbox = &mut *context.outbox;
    let head = ("Change while it trains", "");
    fold(ui, context.preferences, "train:change", head, false, |ui, _| {
        let Some(now) = now else { return quiet_text(ui, "Reading the run's settings…") };
        let values = change.get_or_insert(now);
        term(ui, "Peak learning rate", None);
        let [rate, steps] = ["train.learning_rate", "train.steps"].map(Setting::at);
        ui.add(drag(rate.as_ref(), &mut values.learning_rate)).accessible_name("Peak learning rate");
        term(ui, "Steps", None);
        let most = steps.map_or(f64::INFINITY, |steps| steps.limits[1]);
        let steps = drag(steps.as_ref(), &mut values.steps).range(training.step().max(1) as f64..=most);
        ui.add(steps).accessible_name("Steps");
        let changed = *values != now;
        if pressed(ui, changed, |ui| plain(ui, None, "Apply")) {
            let rate = (values.learning_rate != now.learning_rate).then_some(values.learning_rate);
            let steps = (values.steps != now.steps).then_some(values.steps);
            outbox.send(Steer::Change { learning_rate: rate, steps });
            *change = None;
        }
    });
}
