//! Confirmation of a new run, with its memory and time.

use super::*;

/// The dialog between "New run" and its start, while requested.
pub fn confirm_ui(ui: &Ui, context: &mut Context<'_>) {
    let (mut asked, mut changes, page) = (context.asks.new_run.then_some(()), false, *context.go);
    let decision = question(ui.ctx(), "new run", 440.0, &mut asked, |ui, ()| {
        section(ui, "Start a new run");
        ui.add_space(space::TIGHT);
        ui.spacing_mut().item_spacing.y = space::TIGHT;
        rows_ui(ui, context);
        proportions_ui(ui, context);
        let refused = &context.state.planning.refused;
        if let Some(error) = refused {
            hint_line(ui, &error.message);
        }
        let waits = busy(context);
        if waits {
            quiet_text(ui, "A run is training. Stop it first; it can be resumed.");
        }
        changes = quiet(ui, icons::ICON_TUNE, "Change settings").clicked();
        (Some(icons::ICON_PLAY_ARROW), "Start", !waits && refused.is_none())
    });
    if changes {
        context.preferences.folds.insert(form::FOLD.to_owned(), true);
    }
    if let Some(((), true)) = decision {
        train(context);
    }
    // A button in the dialog may lead to another page.
    context.asks.new_run = asked.is_some() && !changes && *context.go == page;
}

/// A warning about a run that the device's memory cannot hold.
pub fn fits_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let Some(plan) = context.state.planning.plan_of(context.draft).filter(|plan| plan.fits == Some(false))
    else {
        return;
    };
    let limit = context.state.engine.as_ref().and_then(|engine| engine.device.memory);
    let limit = limit.map_or_else(String::new, |limit| format!(", which has {}", format::bytes(limit)));
    let words = format!("This run needs {} and does not fit the device{limit}.", format::bytes(plan.bytes));
    hint_line(ui, &words);
    if context.draft.start.is_none() && plain(ui, PageName::Model.icon(), "Choose a smaller model").clicked()
    {
        *context.go = Some(PageName::Model);
    }
}

/// Warnings about settings out of proportion to the device or the text, or too little text.
pub fn proportions_ui(ui: &mut Ui, context: &mut Context<'_>) {
    fits_ui(ui, context);
    if let Some(short) = too_short(context) {
        return hint_line(ui, &short);
    }
    let plan = context.state.planning.plan_of(context.draft);
    for sentence in plan.iter().flat_map(|plan| &plan.proportions) {
        hint_line(ui, sentence);
    }
}

/// The draft's run with its memory and time.
pub fn rows_ui(ui: &mut Ui, context: &Context<'_>) {
    let draft = &*context.draft;
    let plan = context.state.planning.plan_of(draft);
    let planned = |name: &str, value: fn(&PlanSummary) -> Option<String>| {
        Fact::new(name, plan.and_then(value).unwrap_or_else(|| "estimating".to_owned()))
    };
    let steps = plan.map_or(draft.train.steps, |plan| plan.steps);
    let tokens = draft.tokens_per_step() as f64 * steps as f64;
    let device = context.state.engine.as_ref().map(|engine| Fact::new("Device", &engine.device.name));
    let weights = draft.start.as_ref().map_or_else(|| "random weights".to_owned(), Start::to_string);
    let name = next_name(&draft.preset, &context.state.runs.list);
    let title = presets::title_of(draft).filter(|_| draft.start.is_none());
    let named = RunSummary { name, title: title.unwrap_or_default(), ..RunSummary::default() };
    let facts = [
        Fact::new("Name", called(&named)),
        Fact::new("Preset", preset_name(draft)),
        Fact::new("Model", draft.model.shape()),
        planned("Parameters", |plan| Some(format::count(plan.parameters))),
        Fact::new("Initial weights", weights),
        Fact::new("Trains", trained(draft, plan)),
        Fact::new("Steps", format::whole(steps)),
        Fact::new("Tokens", format::quantity(tokens)),
        planned("Memory", |plan| Some(format::bytes(plan.bytes))),
        planned("On disk", |plan| Some(plan.disk())),
        planned("Estimated time", |plan| plan.run_seconds.map(format::duration))
            .exact(plan.map_or_else(String::new, |plan| format!("By {}", plan.speed_from.title()))),
        Fact::new("Seed", draft.seed.to_string()),
    ];
    let energy = plan.and_then(|plan| plan.energy.as_ref()).map(EnergyUse::facts).unwrap_or_default();
    facts_ui(ui, &facts.into_iter().chain(energy).chain(device).collect::<Vec<_>>());
}

/// The preset's name, and whether settings were changed since.
pub fn preset_name(draft: &RunConfig) -> String {
    match (draft.preset.as_str(), presets::title_of(draft)) {
        ("", _) => "your own settings".to_owned(),
        (name, None) => name.to_owned(),
        (name, Some(_)) => format!("{name}, modified"),
    }
}

/// The trainable parameters, with their number if known.
fn trained(draft: &RunConfig, plan: Option<&PlanSummary>) -> String {
    match (draft.train.trains(), plan) {
        (_, _) if draft.train.trainable == Trainable::All && draft.train.adapter.is_none() => {
            "all parameters".to_owned()
        }
        (some, None) => some,
        (some, Some(plan)) => format!("{} ({some})", format::count(plan.trained_parameters)),
    }
}

/// The name the engine will give the next run: the next number, and the preset.
fn next_name(preset: &str, runs: &[RunSummary]) -> String {
    let number = |run: &RunSummary| run.name.split('-').next().and_then(|digits| digits.parse::<u64>().ok());
    let next = runs.iter().filter_map(number).max().unwrap_or(0) + 1;
    let preset = if preset.is_empty() { "run" } else { preset };
    format!("{next}-{preset}")
}
