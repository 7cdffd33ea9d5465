//! Settings of a form: each row has a title with an explanation, and a control with an accessible name. If `refused` names the row's path, the
//! broken rule is shown below.

use crate::pages::prelude::*;
use glasshouse_protocol::setting::{Choice, Chosen, Number, Setting, Value};

/// Rows for the settings with these names `under` a path, without those that the run lacks.
pub fn form_ui(ui: &mut Ui, run: &mut RunConfig, refused: Option<&ErrorReport>, under: &str, names: &[&str]) {
    for name in names {
        let path = format!("{under}.{name}");
        if let Some(value) = run.value(&path) {
            setting_ui(ui, &path, value, refused);
        }
    }
}

/// A row for the setting of a run at this path, with its value.
fn setting_ui(ui: &mut Ui, path: &str, value: Value<'_>, refused: Option<&ErrorReport>) {
    let Some(setting) = Setting::at(path) else { return };
    let title = setting.title;
    field(ui, title, path, refused, |ui| match value {
        Value::Number(number) => ui.add(drag(Some(&setting), number)).accessible_name(title),
        Value::Switch(on) => ui.checkbox(on, "").accessible_name(title),
        Value::Text(text) => {
            let room = ui.available_width().min(220.0);
            line_edit(ui, title, "", room, text)
        }
        Value::Choice(choice) => {
            let width = ui.available_width().clamp(80.0, 180.0);
            choice_ui(ui, title, choice, Some(width)).on_hover_text(choice.text().help())
        }
    });
}

/// A list of choices, with the explanation of the current one below.
pub fn described_ui(ui: &mut Ui, name: &str, choice: &mut dyn Chosen) {
    choice_ui(ui, name, choice, None);
    caption(ui, choice.text().help());
}

/// Choices side by side, with the explanation of the current one below. Returns whether it changed.
pub fn segments_ui<T: Choice>(ui: &mut Ui, value: &mut T) -> bool {
    let choices: Vec<_> = T::ALL.iter().zip(T::TEXTS).map(|(choice, text)| (*choice, text.title)).collect();
    let has_changed = segmented(ui, value, &choices);
    quiet_text(ui, value.text().help());
    has_changed
}

fn choice_ui(ui: &mut Ui, name: &str, choice: &mut dyn Chosen, width: Option<f32>) -> Response {
    let mut title = choice.text().title;
    let titles: Vec<_> = choice.texts().iter().map(|text| (text.title, text.title)).collect();
    let shown = widgets::choice(ui, name, &mut title, width, &titles);
    choice.choose(title);
    shown
}

/// A list of variants of a type, of which some have fields: those with the same `kind` are one choice.
pub fn variant_ui<T: Clone, K: PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    choices: &[(&str, T)],
    kind: impl Fn(&T) -> K,
) {
    let before = choices.iter().position(|(_, choice)| kind(choice) == kind(value)).unwrap_or(usize::MAX);
    let mut chosen = before;
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).enumerate().collect();
    widgets::choice(ui, name, &mut chosen, None, &names);
    if let Some((_, choice)) = choices.get(chosen).filter(|_| chosen != before) {
        value.clone_from(choice);
    }
}

/// A row for a number of a run.
pub fn number(ui: &mut Ui, path: &str, number: &mut dyn Number, refused: Option<&ErrorReport>) {
    setting_ui(ui, path, Value::Number(number), refused);
}

/// The control of a number, from 0 unless its setting has other limits: whole numbers are grouped, learning rates are written as `3.0e-4`.
pub fn drag<'a>(setting: Option<&Setting>, number: &'a mut dyn Number) -> DragValue<'a> {
    let (value, is_whole) = (number.get().abs(), number.is_whole());
    let [least, most] = setting.map_or([0.0, f64::INFINITY], |setting| setting.limits);
    let drag = DragValue::from_get_set(move |changed| {
        if let Some(changed) = changed {
            number.set(changed);
        }
        number.get()
    });
    let drag = drag.range(least..=most).clamp_existing_to_range(false);
    // Dragging across the screen covers the range, whatever the value's size.
    match (is_whole, setting.is_some_and(|setting| setting.is_scientific)) {
        (true, _) => grouped(drag).speed((value / 80.0).max(0.05)),
        (false, false) => drag.speed((value / 80.0).max(0.001)),
        (false, true) => drag
            .speed((value / 100.0).max(1e-7))
            .custom_formatter(|value, _| format::scientific(value))
            .custom_parser(|text| text.trim().parse().ok()),
    }
}

/// A row for a number of other settings than a run's.
pub fn own_number_ui(ui: &mut Ui, setting: Option<Setting>, number: &mut dyn Number) {
    let Some(setting) = setting else { return };
    let title = setting.title;
    field(ui, title, "", None, |ui| ui.add(drag(Some(&setting), number)).accessible_name(title));
}

/// Check boxes for some of `all`. None means all, so the last one stays selected.
pub fn some_ui<T: Copy + PartialEq>(
    ui: &mut Ui,
    chosen: &mut Vec<T>,
    all: &[T],
    title: fn(T) -> &'static str,
) {
    for one in all {
        let mut on = chosen.is_empty() || chosen.contains(one);
        let is_last = on && chosen.len() == 1;
        if ui.add_enabled(!is_last, Checkbox::new(&mut on, title(*one))).changed() {
            if chosen.is_empty() {
                chosen.extend(all);
            }
            match on {
                true => chosen.push(*one),
                false => chosen.retain(|other| other != one),
            }
            if chosen.len() == all.len() {
                chosen.clear();
            }
        }
    }
}
