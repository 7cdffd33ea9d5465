//! Evaluate: a model's quality compared with other models and simple baselines, its mistakes, and its safety. Results are stored
//! with the run and shown at once.

mod asking;
mod cards;
mod choosing;
mod compare;
mod progress;
mod tasks;
mod text;

pub use text::WHAT;

use super::inspect;
use super::written::source_at;
use crate::pages::prelude::*;
use crate::state::own_runs;
use asking::Asking;
use glasshouse_protocol::evaluation::{Results, blocks};

const MAX_RUNS: usize = 4;
/// Width in points from which results have two columns.
const TWO_COLUMNS: f32 = 1000.0;

#[derive(Debug, Default)]
pub struct EvaluatePage {
    /// Names of runs, in list order.
    chosen: Vec<String>,
    /// The person chose the runs, so they do not follow the latest.
    by_hand: bool,
    /// The choice lists all runs, not only the latest.
    all_runs: bool,
    detail: Option<String>,
    /// The last read: change count, run names.
    read: Option<(u64, Vec<String>)>,
    asking: Asking,
    answers: BTreeMap<String, tasks::Filter>,
    dismissed: BTreeSet<u64>,
    /// The results in a unit, by their number of changes.
    results: Kept<(u64, LossUnit), Results>,
    /// The report of the run shown, by number of changes of results, its name, and names and titles of all runs shown.
    report: Kept<ReportOf, EvaluationBlocks>,
}

type ReportOf = (u64, LossUnit, String, Vec<(String, String)>);

/// The results of a run as blocks.
#[derive(Debug, Default)]
struct EvaluationBlocks {
    /// In two columns if there is room.
    predicted: Vec<Block>,
    errors: Vec<Block>,
    suite: Option<Block>,
    tasks: Vec<Section>,
    audited: Vec<Block>,
    about: Option<Block>,
}

impl Page for EvaluatePage {
    fn needs(&self) -> Needs {
        Needs::Project(text::NO_PROJECT)
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let runs = with_weights(context.state);
        if runs.is_empty() {
            return untrained_ui(ui, context, PageName::Evaluate.icon(), text::NO_MODEL);
        }
        self.follow(&runs);
        self.want(context);
        self.choosing_ui(ui, context, &runs);
        ui.add_space(space::TIGHT);
        self.failures_ui(ui, context);
        progress::working_ui(ui, context);
        self.found_ui(ui, context, &runs);
    }

    fn for_project(self, is_same: bool) -> Self {
        if is_same { Self { asking: self.asking, ..Self::default() } } else { Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Weights(self.chosen.iter().map(String::as_str).collect())
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        (!state.evaluation.under_way.is_empty()).then_some(Dot::Running)
    }
}

impl EvaluatePage {
    /// Selects the latest run until the person chooses, and deselects deleted runs.
    fn follow(&mut self, runs: &[&RunSummary]) {
        self.chosen.retain(|name| runs.iter().any(|run| run.name == *name));
        if self.chosen.is_empty() {
            self.by_hand = false;
        }
        if !self.by_hand {
            let latest = own_runs(runs.iter().copied()).next().or(runs.last().copied());
            self.chosen = latest.map(|run| run.name.clone()).into_iter().collect();
        }
    }

    /// Reads the stored results of the chosen runs, once per choice and after each change.
    fn want(&mut self, context: &mut Context<'_>) {
        let wanted = (context.state.evaluation.revision, self.chosen.clone());
        if self.read.as_ref() != Some(&wanted) {
            context.outbox.send(Command::ReadEvaluations { runs: self.chosen.clone() });
            self.read = Some(wanted);
        }
    }

    fn found_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[&RunSummary]) {
        let state = context.state;
        let found = &state.evaluation;
        let known = |name: &String| found.evaluations.contains_key(name) || found.audits.contains_key(name);
        let shown: Vec<&RunSummary> =
            runs.iter().copied().filter(|run| self.chosen.contains(&run.name)).collect();
        let details: Vec<&RunSummary> = shown.iter().copied().filter(|run| known(&run.name)).collect();
        if details.is_empty() {
            let waits = state.is_waiting(|command| matches!(command, Command::ReadEvaluations { .. }));
            if waits {
                quiet_text(ui, "Reading earlier evaluations…");
            } else if found.under_way.is_empty() {
                empty(ui, PageName::Evaluate.icon(), "Not evaluated yet", text::NOTHING_YET, "");
            }
            return;
        }
        // Nats per token of different tokenizers are not comparable.
        let differ = compare::differ(&compare::evaluated(&found.evaluations, &shown));
        let unit = if differ { LossUnit::Bits } else { format::loss_unit() };
        let results = self
            .results
            .get((found.changes, unit), || Results::in_unit(unit, &found.evaluations, &found.comparisons));
        verdict_ui(ui, context, results, &shown);
        cards::cards_ui(ui, context, results, &shown);
        if shown.len() > 1 {
            compare::compare_ui(ui, context, results, &shown);
        }
        let chosen = details.iter().find(|run| Some(&run.name) == self.detail.as_ref());
        let Some(run) = chosen.or(details.last()).copied() else { return };
        if details.len() > 1 {
            ui.add_space(space::SMALL);
            ui.horizontal_wrapped(|ui| {
                for other in &details {
                    if tab(ui, other.name == run.name, &called(other)).clicked() {
                        self.detail = Some(other.name.clone());
                    }
                }
            });
            ui.add_space(space::TIGHT);
        }
        let (evaluation, audit) = (results.evaluations.get(&run.name), found.audits.get(&run.name));
        let titles = shown.iter().map(|run| (run.name.clone(), called(run))).collect();
        let report = self.report.get((found.changes, unit, run.name.clone(), titles), || EvaluationBlocks {
            predicted: evaluation.map(|own| predicted(results, own, &shown)).unwrap_or_default(),
            errors: evaluation.map(errors).unwrap_or_default(),
            suite: evaluation.and_then(|own| blocks::suite(&own.tasks)?.block()),
            tasks: evaluation.map(tasks::sections).unwrap_or_default(),
            audited: audit.map(audited).unwrap_or_default(),
            about: evaluation.and_then(|own| blocks::about(own, &date).block()),
        });
        let answers = &mut self.answers;
        ui.push_id(&run.name, |ui| {
            if let Some(evaluation) = evaluation {
                in_columns_ui(ui, context, &report.predicted);
                let pressed = report_ui(ui, context, "evaluate", &report.errors);
                look(context, &evaluation.run, &evaluation.checkpoint, pressed);
                report_ui(ui, context, "evaluate", &report.suite);
                tasks::tasks_ui(ui, context, evaluation, &report.tasks, answers);
            }
            if let Some(audit) = audit {
                let pressed = report_ui(ui, context, "evaluate", &report.audited);
                look(context, &audit.run, &audit.checkpoint, pressed);
            }
            report_ui(ui, context, "evaluate", &report.about);
        });
    }
}

/// The verdict on one run, or on several compared, and what speaks against the numbers.
fn verdict_ui(ui: &mut Ui, context: &mut Context<'_>, results: &Results, shown: &[&RunSummary]) {
    let evaluated = compare::evaluated(&results.evaluations, shown);
    let verdict = match &evaluated[..] {
        [] => return,
        [(_, one)] => blocks::verdict(one),
        several => compare::verdict(several, &results.comparisons),
    };
    let mut warnings: Vec<Block> = Vec::new();
    for warning in evaluated.iter().flat_map(|(_, own)| blocks::warnings(own)) {
        // Several runs may share one.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    card(ui, |ui| {
        if let Some(verdict) = verdict {
            ui.add(Label::new(RichText::new(verdict).text_style(theme::section())).wrap());
        }
        blocks_ui(ui, context, "evaluate:verdict", &warnings);
    });
    ui.add_space(space::TIGHT);
}

/// Draws sections in two columns if there is room, the left a little wider for its tables.
fn in_columns_ui(ui: &mut Ui, context: &mut Context<'_>, sections: &[Block]) {
    let width = ui.available_width();
    if width < TWO_COLUMNS {
        report_ui(ui, context, "evaluate", sections);
        return;
    }
    let left = (0.55 * width).floor();
    columns_ui(ui, space::MEDIUM, &[left, width - left - space::MEDIUM], |ui, column| {
        report_ui(ui, context, "evaluate", sections.iter().skip(column).step_by(2));
    });
}

/// Runs that have weights, oldest first.
fn with_weights(state: &State) -> Vec<&RunSummary> {
    let runs = state.runs.list.iter();
    runs.filter(|run| !run.checkpoints.is_empty() || is_in_training(state, run)).collect()
}

fn is_in_training(state: &State, run: &RunSummary) -> bool {
    let training = &state.training;
    let trains = !matches!(training.state, TrainingState::Idle | TrainingState::Preparing);
    trains && training.run.as_ref().is_some_and(|in_training| in_training.name == run.name)
}

fn checkpoint_of(run: &RunSummary) -> Option<&CheckpointSummary> {
    run.checkpoints.iter().find(|checkpoint| checkpoint.best).or(run.checkpoints.last())
}

/// A run's weights: those in training, else its checkpoint.
fn source_of(state: &State, run: &RunSummary) -> WeightSource {
    match checkpoint_of(run).filter(|_| !is_in_training(state, run)) {
        Some(checkpoint) => source_at(run, checkpoint),
        None => WeightSource::Current,
    }
}

fn source_evaluated(state: &State, run: &str, checkpoint: &str) -> WeightSource {
    let recorded = WeightSource::recorded(run, checkpoint);
    let known = state.runs.list.iter().find(|known| known.name == run);
    // The current weights may have changed since.
    match known.filter(|_| recorded == WeightSource::Current) {
        Some(run) => source_of(state, run),
        None => recorded,
    }
}

/// Whether two models were evaluated on the same text, so that their numbers are comparable.
fn same_text(one: &Likelihood, other: &Likelihood) -> bool {
    fn texts(of: &Likelihood) -> impl Iterator<Item = u32> {
        of.by_document.iter().map(|document| document.text_crc32c)
    }
    texts(one).eq(texts(other))
}

/// Prediction of the text: compared with the other shown runs and with baselines, by token properties, and calibration.
fn predicted(results: &Results, evaluation: &Evaluation, shown: &[&RunSummary]) -> Vec<Block> {
    let Some(own) = &evaluation.likelihood else { return Vec::new() };
    let models = shown.iter().filter_map(|run| {
        let likelihood = results.evaluations.get(&run.name)?.likelihood.as_ref()?;
        same_text(own, likelihood).then(|| (called(run), likelihood))
    });
    let models: Vec<_> = models.collect();
    let seen = evaluation.contamination.as_ref();
    let sections = [
        blocks::baselines(evaluation, &models, &date),
        blocks::calibration(own),
        Some(blocks::losses(own)),
        seen.map(|seen| Section::new("Contamination", blocks::contamination(own.unit(), seen))),
    ];
    sections.into_iter().flatten().filter_map(Section::block).collect()
}

/// The worst mistakes, whose tables need the whole width.
fn errors(evaluation: &Evaluation) -> Vec<Block> {
    let own = evaluation.likelihood.iter();
    own.flat_map(blocks::errors).filter_map(Section::block).collect()
}

fn audited(audit: &Audit) -> Vec<Block> {
    let made = format!("step {} · {}", format::whole(audit.step), date(audit.made));
    let section = |own| {
        let section = blocks::audit(own);
        let note = if section.note.is_empty() { made.clone() } else { section.note.clone() };
        Section { title: format!("Audit: {}", section.title), note, ..section }.block()
    };
    audit.sections.iter().filter_map(section).collect()
}

fn date(seconds: f64) -> String {
    format::date_time(seconds.max(0.0) as u64)
}

/// Opens a clicked passage and the evaluated weights on the Inspect page.
fn look(context: &mut Context<'_>, run: &str, checkpoint: &str, passage: Option<Passage>) {
    let Some(passage) = passage else { return };
    let source = Some(source_evaluated(context.state, run, checkpoint));
    let (view, prompt) = (Some(View::Tokens), Some(passage.prompt));
    *context.look = Some(inspect::Wish { view, prompt, source, ..inspect::Wish::default() });
    *context.go = Some(PageName::Inspect);
}
