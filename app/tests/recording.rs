//! A real session: the real application with the real engine on the CPU, from "Grow your first model" to a comparison of runs and
//! a cleaned corpus. It produces the README's pictures.
//!
//! If `docs/record` sets `GLASSHOUSE_RECORD` to a folder, the session is complete: pictures and their descriptions
//! (`recording.json`) are stored there, and projects in `GLASSHOUSE_RECORD_WORK`. Otherwise the session is
//! brief, but must complete and draw the same pictures.

mod lens;

use crate::serving_window;
use crate::support::session::{LOOK, SIZE, Session};
use crate::support::{self, theme_of};
use egui::{Key, Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{Address, AppOptions};
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse::state::State;
use glasshouse::theme::space;
use glasshouse_engine::data::tasks::{TaskKind, TaskOptions, TaskSplit};
use glasshouse_engine::project::Project;
use glasshouse_protocol::{
    AuditSettings, CheckpointChoice, Command, DocumentsChange, Drafts, EvaluateSettings, Export,
    ExportFormat, Fit, GuardMode, LearnsFrom, Objective, RangeTest, RunConfig, RunLaunch, RunState, Start,
    Steer, TrainingState, View, WeightFormat, WeightSource, presets,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

struct Extent {
    /// Seconds of the first model's training.
    first: f64,
    /// Steps of the two runs on Shakespeare.
    steps: [u64; 2],
    /// The step at which a third run's learning rate is raised, and the one at which that run is stopped.
    raised: [u64; 2],
    /// Steps of the first model's chat fine-tuning.
    answers: u64,
    /// Steps of each run of a sweep.
    tried: u64,
    /// Number of evaluated documents (`None` for all), and samples of an audit.
    evaluated: (Option<usize>, usize),
    /// Pause between two frames while a page settles.
    pause: Duration,
    /// Maximum seconds of any wait.
    patience: u64,
}

const WHOLE: Extent = Extent {
    first: 180.0,
    steps: [2000, 600],
    raised: [200, 450],
    answers: 2400,
    tried: 200,
    evaluated: (None, 200),
    pause: LOOK,
    patience: 900,
};
const BRIEF: Extent = Extent {
    first: 1.0,
    steps: [12, 6],
    raised: [1, 6],
    answers: 8,
    tried: 4,
    evaluated: (Some(20), 10),
    // These pictures are discarded, and pages count frames while they wait.
    pause: Duration::from_millis(10),
    // A frontier takes 50 seconds on two idle cores.
    patience: 500,
};

/// Prompt of the Inspect page. Its story starts again, so that there is something to repeat.
const LOOKED_AT: &str = "One day, Tom and Mia saw a red kite. Tom and Mia saw a red";

/// Height at which a page is measured, and maximum height of its picture: an audit must not be cut.
const TALL: f32 = 6000.0;
const MAX_HEIGHT: f32 = 3600.0;

/// Fold keys of the parts of the Evaluate page.
const PARTS: [&str; 14] = [
    "side-by-side",
    "paired-differences",
    "compared-with-baselines",
    "loss-by-token",
    "calibration",
    "worst-documents",
    "worst-tokens",
    "kinds-of-tokens",
    "bias",
    "moderation",
    "memorisation",
    "canaries",
    "personal-data",
    "model-and-limitations",
];

/// The CPU's name, if the system reports it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map(|(_, name)| name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Time and machine of a recording.
fn surroundings(session: &Session) -> Value {
    let engine = session.state().engine.as_ref().unwrap();
    json!({
        "date": chrono::Local::now().format("%-d %B %Y").to_string(),
        "program": engine.app_version,
        "device": engine.device.name,
        "processor": processor(),
        "system": std::env::consts::OS,
    })
}

/// A session's folders for work and pictures, named `name` within those of `docs/record` or in its `own` folder, and whether it
/// is a complete session.
fn places(own: &Path, name: &str) -> (PathBuf, PathBuf, bool) {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let kept = named("GLASSHOUSE_RECORD");
    let whole = kept.is_some();
    let work = named("GLASSHOUSE_RECORD_WORK").unwrap_or_else(|| own.join("work")).join(name);
    let pictures = kept.unwrap_or_else(|| own.join("pictures")).join(name);
    std::fs::create_dir_all(&work).unwrap();
    (work, pictures, whole)
}

fn shakespeare() -> Option<PathBuf> {
    let shared = std::env::var_os("GLASSHOUSE_SHARED")
        .map_or_else(|| support::repository().join("../shared"), PathBuf::from);
    Some(shared.join("data/tinyshakespeare.txt")).filter(|file| file.is_file())
}

/// The repository's own texts: pages, chapters, sources.
fn own_pages(whole: bool) -> Vec<String> {
    let repository = std::fs::canonicalize(support::repository()).unwrap();
    let all = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "shaders",
        "web",
        "tests/benches/README.md",
        "engine/training/src",
        "engine/executors/src",
        "engine/compiler",
    ];
    let count = if whole { all.len() } else { 3 };
    all[..count].iter().map(|name| repository.join(name).display().to_string()).collect()
}

/// Makes the first of these runs smaller, exports it as a GGUF file, and imports a pretrained model: the one that `docs/record` found, or else that
/// file.
fn out_and_in(session: &mut Session, names: &[String], work: &Path) {
    for name in &names[1..] {
        session.window.get_by_role_and_label(Role::Row, name).click();
        session.settle();
    }
    smaller(session, &names[0]);
    session.press("Export model");
    session.press("GGUF file");
    session.picture("export", &format!("exporting {} for llama.cpp", names[0]));
    session.press("Cancel");
    session.press("Share");
    session.picture("share", &format!("sharing {} as a web page", names[0]));
    session.press("Cancel");
    let to = work.join("shakespeare.gguf");
    let (run, format) = (names[0].clone(), ExportFormat::Gguf { quantization: Some(WeightFormat::Q8_0) });
    session.ask(Export::Model { run, checkpoint: None, format }.to(Some(to.clone()), true));
    let model = std::env::var_os("GLASSHOUSE_RECORD_MODEL").map_or(to, PathBuf::from);
    let chosen = Chosen { name: model.display().to_string(), bytes: None };
    session.window.state_mut().answer(Answer { wish: Wish::ImportModelFile, files: Ok(vec![chosen]) });
    session.until("a look at the model", |state| state.importing.is_some());
    session.settle();
    let file = model.file_name().unwrap().to_string_lossy().into_owned();
    session.picture("import", &format!("{file}, inspected before the import"));
    session.press("Import");
    session.until("the imported model", |state| {
        state.runs.list.iter().any(|run| run.state == RunState::Imported)
    });
}

/// Measures what fewer bits, zeros and removed parts cost the selected run.
fn smaller(session: &mut Session, run: &str) {
    // It may be below the window's end.
    session.window.get_all_by_label("Compress").last().unwrap().click_accesskit();
    session.settle();
    session.picture("compress", &format!("making {run} smaller"));
    session.press("Compare");
    session.press("Measure");
    session.until("a frontier", |state| {
        state.runs.frontiers.contains_key(run)
            && !state.is_waiting(|command| matches!(command, Command::ChangeRun { .. }))
    });
    fit(session);
    let shows = format!("size, speed and loss of {run} in fewer bits, pruned, and with parts removed");
    both_themes(session, "frontier", &shows);
    session.window.set_size(SIZE.into());
    session.settle();
}

/// A range test of learning rates and a sweep.
fn experimented(session: &mut Session, mut config: RunConfig, steps: u64) {
    config.set_steps(steps);
    (config.train.eval_interval, config.train.checkpoint_interval) = (steps.div_ceil(4), steps);
    session.ask(Command::SaveDrafts { drafts: Box::new(Drafts::new(config.clone())) });
    let id = session.state().projects.open.as_ref().unwrap().summary.id.clone();
    session.ask(Command::OpenProject { id });
    session.show(PageName::Lab, "dark");
    let test = RangeTest { steps: steps.max(20), ..RangeTest::default() };
    session.ask(Fit::LearningRate { config: Box::new(config.clone()), test });
    let sweep = r#"name = "rates"

[settings]
train.learning_rate = [3e-4, 1e-3, 3e-3, 1e-2]
model.layers = [2, 4]
"#;
    let launch = RunLaunch { sweep: Some(sweep.to_owned()), ..RunLaunch::default() };
    session.ask(Command::Train { config: Box::new(config), launch });
    fit(session);
    let shows = format!(
        "a range test of learning rates, and a sweep of {} runs of nanogpt-cpu with {steps} steps each",
        session.state().lab.sweep.as_ref().unwrap().rows.len()
    );
    both_themes(session, "lab", &shows);
    session.window.set_size(SIZE.into());
}

/// The first model's heads on the Inspect page, and a lesson about them.
fn looked_into(session: &mut Session) {
    session.ask(Command::ListRuns);
    let run = session.state().runs.list.last().unwrap();
    let last = run.checkpoints.iter().map(|kept| kept.step).max().unwrap();
    session.show(PageName::Inspect, "light");
    look(session, View::Attention, last);
    both_themes(session, "inspect", &format!("attention heads of the first model at step {last}"));
    session.window.state_mut().follow(&Address::read(|name| (name == "lesson").then(|| "4".to_owned())));
    session.settle();
    // The instrument shows the model after a prediction.
    session.press("30 to 70 %: a head does so partly");
    session.press("Predict");
    session.picture("learn", "a lesson on attention heads, run on the first model");
}

/// Opens a single view at a step of the run.
fn look(session: &mut Session, view: View, step: u64) {
    look_at(session, view, step, LOOKED_AT);
}

/// Like `look`, for a prompt.
fn look_at(session: &mut Session, view: View, step: u64, prompt: &str) {
    for other in View::ALL {
        session.window.state_mut().preferences().folds.insert(format!("inspect:{other}"), other == view);
    }
    let address = Address::read(|name| match name {
        "page" => Some("inspect".to_owned()),
        "view" => Some(view.name().to_owned()),
        "prompt" => Some(prompt.to_owned()),
        "step" => Some(step.to_string()),
        _ => None,
    });
    session.window.state_mut().follow(&address);
    session.settle();
    session.settle();
}

/// The first model learns to translate words into the language of the tasks, and is asked in a held-out wording.
fn tuned(session: &mut Session, extent: &Extent, work: &Path) {
    let tasks = TaskOptions { kinds: vec![TaskKind::Translation], level: 1, ..TaskOptions::default() };
    let first = session.state().training.run.clone().unwrap();
    let id = session.state().projects.open.as_ref().unwrap().summary.id.clone();
    let project = Project::open(&work.join("shelf").join(id)).unwrap();
    let mut config = project.run(&first.name).unwrap().config().unwrap();
    config.start = Some(Start { run: first.name, checkpoint: CheckpointChoice::Latest, project: None });
    config.set_objective(Objective::Chat);
    config.set_steps(extent.answers);
    config.train.eval_interval = (extent.answers / 6).max(2);
    let launch = RunLaunch {
        learns_from: LearnsFrom::Tasks,
        recipe: Some("translate".to_owned()),
        ..RunLaunch::default()
    };
    session.send(Command::Train { config: Box::new(config), launch });
    let goes_on = |state: &State| state.training.run.as_ref().is_some_and(|run| run.start.is_some());
    session.until("the tuning", goes_on);
    session.trained();
    session.show(PageName::Tune, "light");
    session.window.set_size(egui::vec2(SIZE[0], 1100.0));
    session.settle();
    both_themes(
        session,
        "tune",
        &format!(
            "the first model after {} steps of fine-tuning on translations into a constructed language",
            extent.answers
        ),
    );
    session.window.set_size(SIZE.into());

    session.show(PageName::Chat, "dark");
    session.until("the model's template", |state| state.writing.opened.is_some());
    session.settle();
    // A short one: together with the template and a reply, it has to fit into the context.
    let held_out = tasks.tasks(TaskSplit::HeldOut).take(200);
    let task =
        held_out.min_by_key(|task| task.prompt().iter().map(|message| message.content.len()).sum::<usize>());
    let question = task.unwrap().prompt().last().unwrap().content.clone();
    session.window.get_by_label("Message").focus();
    session.settle();
    session.window.get_by_label("Message").type_text(&question);
    session.settle();
    let before = session.state().writing.texts.len();
    session.press("Send");
    session.until("the reply", |state| {
        let texts = &state.writing.texts;
        texts.len() > before && texts.values().all(|text| text.ending.is_some())
    });
    session.settle();
    both_themes(session, "chat", "the fine-tuned model's reply to a question in a held-out wording");
}

/// Evaluates the first model and its fine-tune on the stories, where fine-tuning may have cost accuracy, and audits the first
/// one. The page shows one model, both side by side, and the audit.
fn evaluated(session: &mut Session, extent: &Extent) {
    let names: Vec<String> = session.state().runs.list.iter().map(|run| run.name.clone()).collect();
    let [first, .., tuned] = names.as_slice() else { panic!("{names:?}") };
    let (documents, samples) = extent.evaluated;
    for run in [first, tuned] {
        let settings =
            EvaluateSettings { text_of: Some(first.clone()), documents, ..EvaluateSettings::default() };
        session.ask(Command::Evaluate { source: best(run), settings: Box::new(settings) });
    }
    let settings = AuditSettings { samples, ..AuditSettings::default() };
    session.ask(Command::Audit { source: best(first), settings: Box::new(settings) });

    session.show(PageName::Evaluate, "dark");
    // The latest is selected initially.
    choose(session, first);
    parts(session, &["side-by-side", "paired-differences"]);
    both_themes(
        session,
        "evaluate-compared",
        "the first model before and after fine-tuning, on the same stories",
    );
    choose(session, tuned);
    parts(session, &["compared-with-baselines", "calibration"]);
    let shows = "the first model on held-out stories: loss, n-gram and compressor baselines, calibration";
    both_themes(session, "evaluate", shows);
    parts(session, &["bias", "moderation", "memorisation", "canaries", "personal-data"]);
    both_themes(
        session,
        "audit",
        "an audit of the first model: bias, moderation, memorised passages, canaries, personal data",
    );
    session.window.set_size(SIZE.into());
}

/// Evaluates two runs on the same validation split, for the intervals of their differences.
fn paired(session: &mut Session, extent: &Extent, names: &[String], shows: &str) {
    let (documents, _) = extent.evaluated;
    for run in names {
        let settings = EvaluateSettings {
            baselines: false,
            documents,
            // The only document is long: a brief session reads each token once.
            stride: documents.map(|_| presets::preset("nanogpt-cpu").unwrap().model.context_length),
            ..EvaluateSettings::default()
        };
        session.ask(Command::Evaluate { source: best(run), settings: Box::new(settings) });
    }
    session.show(PageName::Evaluate, "dark");
    choose(session, &names[0]);
    parts(session, &["side-by-side", "paired-differences"]);
    both_themes(session, "evaluate-paired", shows);
    session.window.set_size(SIZE.into());
}

fn best(run: &str) -> WeightSource {
    WeightSource::best_of(run)
}

/// Raises a run's learning rate tenfold during training, to show the guard's reaction.
fn guarded(session: &mut Session, mut config: RunConfig, [raised, ends]: [u64; 2]) {
    config.train.checkpoint_interval = 100;
    config.train.guard.mode = GuardMode::Act;
    let (rate, window) = (config.train.learning_rate, config.train.guard.window as u64);
    session.train(config);
    session.until("steps to look back on", |state| {
        state.training.state == TrainingState::Running && state.training.step() >= raised
    });
    session.ask(Steer::Change { learning_rate: Some(10.0 * rate), steps: None });
    session.until("what comes of it", |state| state.training.step() >= ends);
    session.send(Steer::Stop);
    session.until("the end of training", |state| state.training.state == TrainingState::Idle);
    session.show(PageName::Train, "light");
    let training = &session.state().training;
    // There are no alarms before there is a window to compare with.
    assert!(
        raised < window || !training.guard.is_empty(),
        "the guard saw nothing: {:?}",
        training.points.last()
    );
    let notice = training.notices.iter().find(|notice| notice.starts_with("from step ")).unwrap();
    let changed = notice.split(", ").next().unwrap();
    let shows = format!("the guard's findings and actions in a run of nanogpt-cpu ({changed})");
    fit(session);
    // In a lower window the curves are lower.
    let height = height(session);
    session.window.set_size(egui::vec2(SIZE[0], height));
    session.settle();
    both_themes(session, "guard", &shows);
    session.window.set_size(SIZE.into());
}

/// The server's switch; the server uses the session's engine.
fn served(session: &mut Session) {
    session.show(PageName::Settings, "dark");
    session.window.set_size(egui::vec2(SIZE[0], TALL));
    session.settle();
    session.directly(serving_window::press);
    session.settle();
    let port = serving_window::port(&session.window).unwrap();
    let models = ureq::get(format!("http://127.0.0.1:{port}/v1/models")).call();
    let models = models.unwrap().body_mut().read_to_string().unwrap();
    assert!(models.contains("1-nanogpt-cpu"), "{models}");
    // The picture ends before the next card, which contains local paths.
    let below = session.window.get_all_by_label("Storage").last().unwrap();
    let below = below.accesskit_node().bounding_box().unwrap().y0 as f32;
    session.window.set_size(egui::vec2(SIZE[0], below - 1.5 * space::LARGE));
    session.settle();
    both_themes(session, "serve", "the server switch on the Settings page");
    serving_window::press(&mut session.window);
    session.window.set_size(SIZE.into());
    session.settle();
}

/// Toggles a run on the Evaluate page.
fn choose(session: &mut Session, run: &str) {
    let run = support::entry_label(&session.window, Some(Role::CheckBox), run);
    session.window.get_by_role_and_label(Role::CheckBox, &run).click_accesskit();
    session.settle();
}

/// Folds all parts of the Evaluate page except some, and fits the window's height.
fn parts(session: &mut Session, open: &[&str]) {
    for part in PARTS {
        let is_open = open.contains(&part);
        session.window.state_mut().preferences().folds.insert(format!("evaluate:{part}"), is_open);
    }
    fit(session);
}

/// Fits the window's height to the page.
fn fit(session: &mut Session) {
    session.window.set_size(egui::vec2(SIZE[0], TALL));
    session.settle();
    // Notices float at the bottom.
    session.clear();
    let height = height(session);
    session.window.set_size(egui::vec2(SIZE[0], height));
    session.settle();
}

/// The height of the page's content.
fn height(session: &Session) -> f32 {
    let nodes = session.window.root().children_recursive();
    // The rail is not part of the page. A diagram may end below all text.
    let is_content = |role| matches!(role, Role::Label | Role::Figure);
    let bottoms = nodes.filter_map(|node| {
        let node = node.accesskit_node();
        let place = node.bounding_box().filter(|place| is_content(node.role()) && place.x0 > 200.0)?;
        Some(place.y1 as f32)
    });
    (bottoms.fold(SIZE[1], f32::max) + 32.0).min(MAX_HEIGHT)
}

/// A picture, and one in the other theme, whose name says which.
fn both_themes(session: &mut Session, name: &str, shows: &str) {
    session.picture(name, shows);
    let own = session.window.state_mut().preferences().theme;
    let other = if own == theme_of("dark") { "light" } else { "dark" };
    session.window.state_mut().preferences().theme = theme_of(other);
    session.settle();
    session.picture(&format!("{name}-{other}"), &format!("{shows}, in the {other} theme"));
    session.window.state_mut().preferences().theme = own;
    session.settle();
}

#[test]
fn slow_whole_session_of_the_pages() {
    let own = tempfile::tempdir().unwrap();
    let (work, folder, whole) = places(own.path(), "pages");
    let extent = if whole { WHOLE } else { BRIEF };
    let (start, patience) = (AppOptions::default(), Duration::from_secs(extent.patience));
    let mut session = Session::open(&work, &folder, start, extent.pause, patience);
    session.until("the engine", |state| state.engine.is_some() && state.projects.listed);

    // The first model, as on a first visit.
    session.show(PageName::Home, "light");
    session.send(Command::TrainFirst { project: "My first model".to_owned(), seconds: extent.first });
    // On a busy machine its end may arrive in the same turn.
    session.until("the first steps", |state| {
        state.training.state == TrainingState::Running || state.training.run.is_some()
    });
    let share = if whole { 0.6 } else { 0.0 };
    session.until("a good part of the steps", |state| {
        let training = &state.training;
        training.step() as f64 >= share * training.steps() as f64
            || training.state == TrainingState::Idle && training.run.is_some()
    });
    session.show(PageName::Train, "dark");
    let training = &session.state().training;
    let shows = format!(
        "\"Grow your first model\" at step {} of {} on the built-in stories",
        training.step(),
        training.steps()
    );
    session.picture("train-first", &shows);
    session.trained();
    session.show(PageName::Write, "dark");
    session.press("Write");
    let written = |state: &State| state.writing.texts.values().any(|text| text.ending.is_some());
    session.until("a text", written);
    session.window.get_by_label_contains("Text of the first column").focus();
    session.settle();
    for _ in 0..4 {
        session.window.key_press(Key::ArrowRight);
        session.settle();
    }
    session.picture("write", "text written by the first model, with the candidates for one token");
    session.show(PageName::Tokenizer, "dark");
    session.picture("tokenizer", "the vocabulary trained on the stories");
    looked_into(&mut session);
    tuned(&mut session, &extent, &work);
    evaluated(&mut session, &extent);

    // nanoGPT's run for a CPU, and a shorter one to compare.
    session.ask(Command::create("Shakespeare"));
    if let Some(file) = shakespeare() {
        session.ask(DocumentsChange::Add { names: vec![file.display().to_string()] });
    }
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    let mut faster = config.clone();
    faster.train.learning_rate = 3e-3;
    let raised = faster.clone();
    for (config, steps) in [(&mut config, extent.steps[0]), (&mut faster, extent.steps[1])] {
        let shorter =
            if whole { String::new() } else { ["train.eval_interval=4", "train.eval_batches=2"].join(" ") };
        for setting in shorter.split_whitespace() {
            config.set(setting).unwrap();
        }
        config.train.steps = steps;
        config.train.decay_steps = config.train.decay_steps.min(steps);
        config.train.warmup_steps = config.train.warmup_steps.min(steps / 10);
        session.train(config.clone());
        session.until("steps", |state| state.training.state == TrainingState::Running);
        session.trained();
        if steps == extent.steps[0] {
            session.show(PageName::Train, "light");
            let evaluation = session.state().training.evaluations.last().map(|last| last.val_loss);
            let loss = evaluation.map(|loss| format!(", validation loss {loss:.3}")).unwrap_or_default();
            session.picture(
                "train",
                &format!("a run of nanogpt-cpu on tinyshakespeare after {steps} steps{loss}"),
            );
            session.show(PageName::Model, "light");
            session.picture("model", "the model described by the settings of the next run, and its memory");
        }
    }
    session.ask(Command::ListRuns);
    let names: Vec<String> = session.state().runs.list.iter().map(|run| run.name.clone()).collect();
    let [steps, fewer] = extent.steps;
    let shows = format!(
        "paired differences between two runs of nanogpt-cpu on tinyshakespeare: {steps} steps, and {fewer} steps at three times the learning rate"
    );
    paired(&mut session, &extent, &names, &shows);
    session.show(PageName::Runs, "dark");
    for name in &names {
        session.window.get_by_role_and_label(Role::Row, name).click();
        session.settle();
    }
    session.picture("runs", &format!("{} compared", names.join(" and ")));
    out_and_in(&mut session, &names, &work);
    experimented(&mut session, presets::preset("nanogpt-cpu").unwrap(), extent.tried);
    guarded(&mut session, raised, extent.raised);
    served(&mut session);

    // A corpus: the project's own pages and sources.
    session.ask(Command::create("Glasshouse's own pages"));
    session.ask(DocumentsChange::Add { names: own_pages(whole) });
    session.show(PageName::Data, "light");
    session.ask(Command::Clean);
    session.until("the cleaning", |state| state.cleaning.report.is_some());
    session.settle();
    let report = session.state().cleaning.report.as_ref().unwrap();
    let shows = format!(
        "this repository's docs and sources after cleaning: {} of {} documents kept",
        report.kept.documents, report.raw.documents
    );
    session.picture("data", &shows);
    session.show(PageName::Home, "light");
    session.picture("home", "the projects of this session");

    let runs: Vec<Value> = session
        .state()
        .projects
        .list
        .iter()
        .map(|project| json!({ "project": project.name, "runs": project.runs }))
        .collect();
    let mut recording = surroundings(&session);
    recording["projects"] = json!(runs);
    recording["pictures"] = json!(session.pictures);
    let text = serde_json::to_string_pretty(&recording).unwrap();
    std::fs::write(folder.join("recording.json"), text + "\n").unwrap();
    assert!(session.pictures.iter().all(|picture| folder.join(picture["file"].as_str().unwrap()).is_file()));
    assert!(runs.len() == 3, "{runs:?}");
}
