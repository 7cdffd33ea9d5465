//! Sweeps: the form, the file as text, and the runs as a table and small multiples.

use super::*;

const EXAMPLE: &str = r#"name = "rates"
# runs = 20        # random combinations instead of all of them

[settings]
train.learning_rate = [3e-4, 1e-3, 3e-3, 1e-2]
model.layers = [2, 4]

[stop]
rule = "never"     # or "halving" or "median", with rungs = [100, 300]
"#;

const LADDER: &str = r#"name = "scale"

[ladder]
sizes = 5
tokens_per_parameter = 20
minutes = 10       # or largest = 1000000, in parameters
"#;

const ABLATION: &str = r#"name = "ablate"

[ablate]
recipe = "fineweb" # or gopher, c4, light; empty for the recipe of the page Data
seeds = 3          # fewer give no verdict
# only = ["gopher-quality", "raw"]
# tokenizers = ["byte", "bpe:1024"]
# weights = { stories = [0, 2] } # of sources
"#;

/// Maximum small multiples; those of the lowest losses.
const MULTIPLES: usize = 24;
const MULTIPLE: Vec2 = Vec2::new(150.0, 48.0);

#[derive(Debug, Default)]
pub struct SweepForm {
    /// The file and base checked last, with the sweep and its runs or the error. An ablation's runs depend on the text.
    checked: Option<(String, RunConfig, Checked)>,
    wanted: search::WantedBase,
    /// Values being typed, by path of their setting.
    typed: BTreeMap<String, String>,
    /// By number of reports.
    table: Kept<u64, Section>,
}

type Checked = Result<(Sweep, Vec<RunConfig>), String>;

fn check(text: &str, base: &RunConfig) -> Checked {
    let sweep = Sweep::from_toml(text)?;
    let runs = sweep.points(base)?.into_iter().map(|(_, config)| config).collect();
    Ok((sweep, runs))
}

impl SweepForm {
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| self.form_ui(ui, context));
        let Some(sweep) = &context.state.lab.sweep else { return };
        let table = self.table.get(context.state.lab.reports, || table(sweep));
        ui.add_space(space::LARGE);
        section_ui(ui, context, "lab", table, |_, _| ());
        if let Some(scaling) = &sweep.scaling {
            ui.add_space(space::LARGE);
            let laws = Section::new("Scaling", scaling.blocks());
            section_ui(ui, context, "lab", &laws, |ui, context| {
                scaling_ui(ui, context, sweep, scaling);
            });
        }
        if let Some(ablation) = &sweep.ablation {
            ui.add_space(space::LARGE);
            let rules = Section::new("Gain of each rule", ablation.blocks());
            section_ui(ui, context, "lab", &rules, |_, _| ());
            return;
        }
        ui.add_space(space::LARGE);
        let each = Section::new("Validation loss of each run", []);
        section_ui(ui, context, "lab", &each, |ui, context| multiples_ui(ui, context, sweep));
    }

    fn form_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        section(ui, "Sweep");
        caption(
            ui,
            "Trains a run for each combination of the values below, with the base settings for everything else. The runs have the sweep's \
             name as a tag. A stopped sweep continues when it is started again. A ladder trains models of growing size and predicts the largest. An ablation measures the effect of each cleaning rule and source, by runs on your text without it.",
        );
        let last = state.lab.sweep.as_ref().map(|sweep| sweep.toml.as_str());
        let mut written =
            context.drafts.search.toml.clone().unwrap_or_else(|| last.unwrap_or(EXAMPLE).to_owned());
        if !self.checked.as_ref().is_some_and(|(text, base, _)| *text == written && base == context.draft) {
            let checked = check(&written, context.draft);
            self.checked = Some((written.clone(), context.draft.clone(), checked));
        }
        let checked = self.checked.as_ref().map(|(.., checked)| checked);
        let parsed = Sweep::from_toml(&written).ok();
        ui.add_space(space::SMALL);
        search::base_ui(ui, context, &mut self.wanted, parsed.as_ref());
        if let Some(sweep) = parsed.as_ref().filter(|sweep| !sweep.is_in_order()) {
            ui.add_space(space::SMALL);
            let changed = search::settings_ui(ui, context.draft, &written, sweep, &mut self.typed);
            if let Some(changed) = changed {
                context.drafts.search.toml = Some(changed.clone());
                written = changed;
            }
        }
        let broken = matches!(checked, Some(Err(_)));
        fold(ui, context.preferences, "lab:file", ("As a file", "TOML"), broken, |ui, _| {
            let field =
                TextEdit::multiline(&mut written).font(TextStyle::Monospace).desired_width(f32::INFINITY);
            if ui.add(field.desired_rows(10)).accessible_name("Sweep file").changed() {
                context.drafts.search.toml = Some(written.clone());
            }
        });
        match checked {
            Some(Err(reason)) => hint_line(ui, reason),
            Some(Ok((sweep, _))) if sweep.ablate.is_some() => {
                quiet_text(ui, "A run for each rule that changes the text");
            }
            Some(Ok((sweep, runs))) => {
                let count = sweep.ladder.as_ref().map_or(runs.len(), |ladder| ladder.sizes);
                let seconds = search::seconds(context, runs).filter(|_| sweep.ladder.is_none());
                let limit = if sweep.stop.rule == StopRule::Never { "about" } else { "at most about" };
                let time =
                    seconds.map(|seconds| format!(", {limit} {} on this device", format::duration(seconds)));
                quiet_text(
                    ui,
                    format!("{}{}", format::counted(count as u64, "run"), time.unwrap_or_default()),
                );
            }
            None => {}
        }
        let ready = matches!(checked, Some(Ok(_)));
        ui.horizontal_wrapped(|ui| {
            if sweeps(state) {
                if plain(ui, icons::ICON_STOP, "Stop the sweep").clicked() {
                    context.outbox.send(Steer::Stop);
                }
                return quiet_text(ui, &state.lab.work);
            }
            let goes_on =
                state.lab.sweep.as_ref().is_some_and(|sweep| !sweep.complete && sweep.toml == written);
            let idle = state.training.state == TrainingState::Idle;
            let (ready, verb) = (idle && ready, if goes_on { "Resume" } else { "Start" });
            if enabled(ui, ready, &format!("{verb} the sweep")) {
                let launch = RunLaunch { sweep: Some(written.clone()), ..RunLaunch::default() };
                context.outbox.send(Command::Train { config: Box::new(context.draft.clone()), launch });
            }
            let examples = [
                (icons::ICON_STAIRS, "Scaling ladder", LADDER),
                (icons::ICON_CLEANING_SERVICES, "Cleaning rules", ABLATION),
                (icons::ICON_TUNE, "Settings", EXAMPLE),
            ];
            let needs_example = parsed.as_ref().is_none_or(glasshouse_protocol::Sweep::is_in_order);
            for (icon, words, file) in examples {
                if (file != EXAMPLE || needs_example) && quiet(ui, icon, words).clicked() {
                    context.drafts.search.toml = Some(file.to_owned());
                    context.asks.replaced(format!("The sweep is an example: {words}"));
                }
            }
            if !idle {
                quiet_text(ui, "A run is training. Stop it first; it can be resumed.");
            }
        });
    }
}

fn table(sweep: &SweepSummary) -> Section {
    let ended = |row: &&SweepRow| row.is_over() || row.state == SweepState::Dropped;
    let done = sweep.rows.iter().filter(ended).count();
    let title = format!("{}: {done} of {} runs", sweep.name, sweep.rows.len());
    let current = |(at, until): (usize, u64)| match &sweep.rows[at] {
        row if row.is_elsewhere() => "waits for runs trained elsewhere".to_owned(),
        _ => format!("run {} trains to step {}", at + 1, format::whole(until)),
    };
    let note = sweep.current.map(current).unwrap_or_default();
    Section { key: "sweep".to_owned(), ..Section::new(title, sweep.blocks()).note(note) }
}

/// Final losses by size, their law and the prediction of the largest.
fn scaling_ui(ui: &mut Ui, context: &Context<'_>, sweep: &SweepSummary, scaling: &Scaling) {
    let sizes = || sweep.rows.iter().filter_map(|row| Some((row.size?.of(LawOf::Parameters), row)));
    let [runs, law, predicted, ..] = context.palette.series;
    let curve = |name, colour, points: Vec<[f64; 2]>, marks: bool| {
        let curve = Curve::new(name, colour, points);
        Curve { width: 1.5, dashed: !marks, marks, ..curve }
    };
    let measured = sizes().filter(|(_, row)| row.state == SweepState::Finished);
    let measured = measured.filter_map(|(size, row)| Some([size.log10(), f64::from(row.loss?)]));
    let mut curves = vec![curve("final validation loss (nats)", runs, measured.collect(), true)];
    if let Some(fitted) = scaling.laws.iter().find(|law| law.of == LawOf::Parameters) {
        let points = sizes().map(|(size, _)| [size.log10(), fitted.loss(size)]).collect();
        curves.push(curve("law", law, points, false));
    }
    if let (Some(prediction), Some((size, _))) = (&scaling.prediction, sizes().next_back()) {
        let [low, high] = prediction.interval;
        let points = [low, prediction.loss, high].map(|loss| [size.log10(), loss]).to_vec();
        curves.push(curve("prediction with interval", predicted, points, true));
    }
    let write = |value| format::loss(value as f32);
    let plot = CurvePlot { id: "scaling", axis: Axis::Parameters, height: 240.0, log: false, write };
    plot.ui(ui, &curves, &[]);
}

/// The validation losses of each run.
fn multiples_ui(ui: &mut Ui, context: &Context<'_>, sweep: &SweepSummary) {
    let shown: Vec<&SweepRow> =
        sweep.by_loss().into_iter().filter(|row| !row.losses.is_empty()).take(MULTIPLES).collect();
    let (columns, width) = columns_fit(ui.available_width(), MULTIPLE.x, space::MEDIUM, MULTIPLES);
    let palette = context.palette;
    grid_ui(ui, (columns, width), space::MEDIUM, &shown, |ui, row| {
        let losses: Vec<f32> = row.losses.iter().map(|(_, loss)| *loss).collect();
        let is_best = sweep.best_row() == Some(*row);
        let colour = if is_best { palette.accent } else { palette.series[1] };
        sparkline(ui, &losses, Vec2::new(width, MULTIPLE.y), colour);
        let values = row.values.iter().map(|(_, value)| value.as_str());
        // In nats, as in the table and the laws.
        let loss = row.loss.map(format::loss).unwrap_or_default();
        let words = values.chain([loss.as_str()]).collect::<Vec<_>>().join(" · ");
        let text = RichText::new(words).text_style(theme::caption()).color(palette.quiet);
        ui.add(Label::new(text).truncate());
        ui.add_space(space::SMALL);
    });
}
