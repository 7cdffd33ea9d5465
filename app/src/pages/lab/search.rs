//! The form of a search: its base settings, and the settings and values that it varies, chosen from lists.

use crate::pages::prelude::*;
use crate::pages::tokenizer::full_name;
use crate::pages::train::{Awaited, await_history, confirm};
use egui::Button;

/// A run chosen as the base, until its settings are known, and the request for them.
pub type WantedBase = Option<(String, Option<u64>)>;

/// The choice of the base settings, and those that do not vary.
pub fn base_ui(ui: &mut Ui, context: &mut Context<'_>, wanted: &mut WantedBase, sweep: Option<&Sweep>) {
    if let Some((name, request)) = wanted {
        match await_history(context, request, name) {
            Awaited::Waits => {}
            Awaited::Failed => *wanted = None,
            Awaited::Here(history) => {
                context.drafts.search.base = Some((name.clone(), (*history.config).clone()));
                *wanted = None;
            }
        }
    }
    let kept = context.drafts.search.base.as_ref().map(|(name, _)| name.clone());
    let before = wanted.as_ref().map(|(name, _)| name.clone()).or(kept);
    let mut base = before.clone();
    let runs = context.state.runs.own().filter(|run| run.state != RunState::Imported);
    let runs = runs.map(|run| (Some(run.name.clone()), offered(run)));
    let choices: Vec<_> = [(None, "The next new run".to_owned())].into_iter().chain(runs).collect();
    let shown = base.clone().unwrap_or_default();
    field(ui, "Base settings", "", None, |ui| {
        let width = ui.available_width().min(320.0);
        choice_or(ui, ("Base settings", &shown), &mut base, Some(width), &choices);
    });
    if base != before {
        *wanted = base.map(|name| (name, None));
        if wanted.is_none() {
            context.drafts.search.base = None;
        }
    }
    let facts = inherited(context, sweep);
    let note = format!("{} · {}", context.draft.beginning(), context.draft.model.shape());
    fold(ui, context.preferences, "lab:base", ("Inherited settings", &note), false, |ui, _| {
        facts_ui(ui, &facts);
    });
}

/// The base's main settings, without those that the search varies.
fn inherited(context: &Context<'_>, sweep: Option<&Sweep>) -> Vec<Fact> {
    let base = &*context.draft;
    let varied = sweep.map(|sweep| sweep.varied(base)).unwrap_or_default();
    let train = &base.train;
    let facts = [
        ("start", Fact::new("Begins as", base.beginning())),
        ("train.objective", Fact::new("Objective", train.objective.title())),
        ("preset", Fact::new("Preset", confirm::preset_name(base))),
        ("tokenizer.", Fact::new("Tokenizer", full_name(&base.tokenizer))),
        ("model.layers", Fact::new("Layers", base.model.layers.to_string())),
        ("model.width", Fact::new("Width", format::whole(base.model.width as u64))),
        (
            "model.context_length",
            Fact::new("Context length", format::whole(base.model.context_length as u64)),
        ),
        ("train.steps", Fact::new("Length", train.length())),
        ("train.batch_size", Fact::new("Batch size", format::whole(train.batch_size as u64))),
        ("train.learning_rate", Fact::new("Learning rate", format::scientific(train.learning_rate))),
        ("train.optimizer", Fact::new("Optimizer", train.optimizer.title())),
        ("train.weight_decay", Fact::new("Weight decay", train.weight_decay.to_string())),
        ("data.validation", Fact::new("Held out", format::percent(base.data.validation))),
        ("seed", Fact::new("Seed", base.seed.to_string())),
    ];
    let is_varied = |path: &str| varied.iter().any(|(varied, _)| varied.starts_with(path));
    facts.into_iter().filter(|(path, _)| !is_varied(path)).map(|(_, fact)| fact).collect()
}

/// The varied settings with their values. Returns the file of the changed search.
pub fn settings_ui(
    ui: &mut Ui,
    base: &RunConfig,
    text: &str,
    sweep: &Sweep,
    typed: &mut BTreeMap<String, String>,
) -> Option<String> {
    let mut change: Option<(String, Vec<String>)> = None;
    let varied = sweep.varied(base);
    for (path, values) in &varied {
        let title = title(path);
        ui.push_id(path, |ui| {
            let remove = format!("Do not vary {title}");
            let removed = line_ui(
                ui,
                |ui| icon_button(ui, true, icons::ICON_CLOSE, &remove),
                |ui| ui.label(RichText::new(&title).text_style(theme::strong())).on_hover_text(path),
            );
            if removed {
                change = Some((path.clone(), Vec::new()));
            }
            ui.horizontal_wrapped(|ui| {
                for value in shown(values, Sweep::suggested(base, path)) {
                    let chosen = values.contains(&value);
                    // A setting without values would not vary.
                    let entry =
                        ui.add_enabled(!chosen || values.len() > 1, Button::selectable(chosen, &value));
                    entry.widget_info(|| {
                        WidgetInfo::selected(Role::CheckBox, true, chosen, format!("{title} {value}"))
                    });
                    if entry.clicked() {
                        let others = values.iter().filter(|other| **other != value).cloned();
                        let added = (!chosen).then(|| value.clone());
                        change = Some((path.clone(), sorted(others.chain(added).collect())));
                    }
                }
                let other = typed.entry(path.clone()).or_default();
                let field = line_edit(ui, &format!("Another value of {title}"), "other", 72.0, other);
                let value = other.trim().to_owned();
                if field.lost_focus() && !value.is_empty() && !values.contains(&value) {
                    other.clear();
                    change = Some((path.clone(), sorted(values.iter().cloned().chain([value]).collect())));
                }
            });
        });
    }
    let mut added = None;
    let free = |path: &&str| {
        varied.iter().all(|(known, _)| known != path) && !Sweep::suggested(base, path).is_empty()
    };
    let free: Vec<_> = SWEPT.into_iter().filter(free).map(|path| (Some(path), title(path))).collect();
    choice_or(ui, ("Vary another setting", "Vary another setting"), &mut added, Some(200.0), &free);
    if let Some(path) = added {
        let suggested = Sweep::suggested(base, path);
        // All of a choice; of numbers, the base's and its neighbours.
        let middle = suggested.len() > 3 && suggested.iter().all(|value| value.parse::<f64>().is_ok());
        let values = if middle { suggested[1..suggested.len() - 1].to_vec() } else { suggested };
        change = Some((path.to_owned(), values));
    }
    let (path, values) = change?;
    Sweep::with_values(text, &path, &values).ok()
}

fn title(path: &str) -> String {
    Setting::at(path).map_or_else(|| path.to_owned(), |setting| setting.title.to_owned())
}

/// Chosen and suggested values, in order.
fn shown(chosen: &[String], suggested: Vec<String>) -> Vec<String> {
    let same = |one: &str, other: &str| {
        one == other || one.parse::<f64>().ok().is_some_and(|one| other.parse() == Ok(one))
    };
    let new = suggested.into_iter().filter(|value| !chosen.iter().any(|known| same(known, value)));
    sorted(chosen.iter().cloned().chain(new).collect())
}

/// Numbers by size; other values keep their order.
fn sorted(mut values: Vec<String>) -> Vec<String> {
    let number = |value: &String| value.parse::<f64>().ok();
    if values.iter().all(|value| number(value).is_some()) {
        values.sort_by(|one, other| {
            number(one).partial_cmp(&number(other)).unwrap_or(std::cmp::Ordering::Equal)
        });
    }
    values
}

/// Seconds of all runs, from the base's: their work grows with tokens and parameters.
pub fn seconds(context: &Context<'_>, runs: &[RunConfig]) -> Option<f64> {
    let base = &*context.draft;
    let whole = context.state.planning.plan_of(base)?.run_seconds?;
    Some(runs.iter().map(work).sum::<f64>() / work(base) * whole)
}

fn work(config: &RunConfig) -> f64 {
    let model = &config.model;
    let width = model.width as f64;
    let block = width * (4.0 * width + 3.0 * model.mlp.hidden as f64);
    let parameters = model.layers as f64 * block + width * model.vocabulary as f64;
    config.tokens_per_step() as f64 * config.train.steps as f64 * parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_once_and_by_size() {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        assert_eq!(shown(&owned(&["0.003", "1e-3"]), owned(&["0.001", "0.01"])), ["1e-3", "0.003", "0.01"]);
        assert_eq!(shown(&owned(&["muon"]), owned(&["adamw", "muon"])), ["muon", "adamw"]);
    }
}
