//! An application with a scripted engine, its window, and made-up events, which tests send by hand.

use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{App, AppOptions};
use glasshouse::link::Link;
use glasshouse::pages::PageName;
use glasshouse::preferences::{Preferences, ThemeChoice};
use glasshouse::theme;
use glasshouse_protocol::{
    CheckpointSummary, Command, DeviceSummary, DeviceType, DocumentSummary, DocumentsOverview, Drafts,
    Envelope, Event, Forecast, MemoryKind, OpenedProject, PlanSummary, ProfileEntry, ProfileMethod,
    ProjectSummary, Report, RunState, RunSummary, StorageSummary, TokenizerSummary, TrainEvent,
    TrainingState, answer, presets,
};
use std::path::PathBuf;

/// When the made-up projects were changed, in seconds since 1970; long ago, so that pictures show a date.
pub const THEN: u64 = 1_763_000_000;

pub fn theme_of(name: &str) -> ThemeChoice {
    match name {
        "dark" => ThemeChoice::Dark,
        "light" => ThemeChoice::Light,
        _ => panic!("no theme is called {name}"),
    }
}

/// An application without an engine, before any event.
pub fn app(theme: &str) -> App {
    app_with(theme, AppOptions::default())
}

pub fn app_with(theme: &str, start: AppOptions) -> App {
    let preferences = Preferences { theme: theme_of(theme), ..Preferences::default() };
    App::new(Link::script(), preferences, start).unwrap()
}

/// Sends an application events, one by one.
pub fn send(app: &mut App, events: impl IntoIterator<Item: Into<Event>>) {
    if let Link::Script { reports, .. } = app.link() {
        let report = |event| Envelope::plain(Report { request: None, event });
        reports.extend(events.into_iter().map(Into::into).map(report));
    }
    app.receive();
}

/// Answers the latest request of a kind.
pub fn answer(app: &mut App, is: impl Fn(&Command) -> bool, events: impl IntoIterator<Item: Into<Event>>) {
    if let Link::Script { sent, reports } = app.link() {
        let request =
            sent.iter().rev().find(|envelope| is(&envelope.body.command)).map(|envelope| envelope.body.id);
        assert!(request.is_some(), "nothing of the kind was asked");
        let report = |event| Envelope::plain(Report { request, event });
        reports.extend(events.into_iter().map(Into::into).map(report));
    }
    app.receive();
}

/// The commands sent so far, oldest first.
pub fn sent(app: &mut App) -> Vec<Command> {
    match app.link() {
        Link::Script { sent, .. } => sent.iter().map(|envelope| envelope.body.command.clone()).collect(),
        Link::Engine(_) => Vec::new(),
    }
}

/// Forgets the sent commands.
pub fn forget(app: &mut App) {
    if let Link::Script { sent, .. } = app.link() {
        sent.clear();
    }
}

/// Draws a frame without the margin that the harness has and a real window lacks.
pub fn draw(ui: &mut egui::Ui, app: &mut App) {
    app.receive();
    let whole = egui::UiBuilder::new().max_rect(ui.ctx().content_rect());
    let mut ui = ui.new_child(whole);
    ui.set_clip_rect(ui.ctx().content_rect());
    app.ui(&mut ui);
}

/// Saves a picture of a window if an environment variable names a folder.
pub fn picture(window: &mut Harness<'_, App>, variable: &str, name: &str) {
    let Some(folder) = std::env::var_os(variable).map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    window.render().unwrap().save(folder.join(format!("{name}.png"))).unwrap();
}

/// A window around an application. Frames are only drawn on request.
pub fn window(mut app: App, width: f32, height: f32) -> Harness<'static, App> {
    let preferences = app.preferences().clone();
    let builder = Harness::builder().with_size(egui::vec2(width, height)).with_max_steps(16);
    let mut prepared = false;
    let mut harness = builder.build_ui_state(
        move |ui, app: &mut App| {
            // The harness draws a frame at once, which is too early for the fonts.
            if std::mem::replace(&mut prepared, true) {
                draw(ui, app);
            } else {
                theme::prepare(ui.ctx(), &preferences);
            }
        },
        app,
    );
    harness.run_steps(3);
    harness
}

/// Presses the last button of that name, wherever it is scrolled to.
pub fn press(window: &mut Harness<'_, App>, button: &str) {
    let nodes: Vec<_> = window.query_all_by_role_and_label(Role::Button, button).collect();
    assert!(!nodes.is_empty(), "no button {button}");
    nodes.last().unwrap().click_accesskit();
    drop(nodes);
    window.run_steps(3);
}

/// The label of the widget of that name. In a picker, a run's name is followed by its loss and size.
pub fn entry_label(window: &Harness<'_, App>, role: Option<Role>, name: &str) -> String {
    let nodes = window.root().children_recursive();
    let of_role = nodes.filter(|node| role.is_none_or(|role| node.accesskit_node().role() == role));
    let labels: Vec<String> = of_role.filter_map(|node| node.accesskit_node().label()).collect();
    let followed = format!("{name} · validation ");
    let is_meant = |label: &&String| *label == name || label.starts_with(&followed);
    // The name itself comes before an entry.
    let found = labels.iter().filter(is_meant).min_by_key(|label| label.len());
    found.map_or_else(|| name.to_owned(), Clone::clone)
}

/// Whether something has that label.
pub fn is_shown(window: &Harness<'_, App>, label: &str) -> bool {
    window.query_all_by_label(label).next().is_some()
}

/// Whether a label contains these words.
pub fn contains(window: &Harness<'_, App>, part: &str) -> bool {
    window.query_all_by_label_contains(part).next().is_some()
}

pub fn open_page(window: &mut Harness<'_, App>, page: PageName) {
    let entry = page.entry();
    window.get_by_role_and_label(Role::Tab, entry.title()).click();
    window.run_steps(2);
    if page != entry {
        window.get_by_role_and_label(Role::Tab, page.tab()).click();
        window.run_steps(2);
    }
}

/// Advances the clock.
pub fn wait(window: &mut Harness<'_, App>, seconds: f64) {
    let now = window.ctx.input(|input| input.time);
    window.input_mut().time = Some(now + seconds);
    window.run_steps(2);
}

/// A page of a project with runs.
pub fn on(page: PageName, size: [f32; 2]) -> Harness<'static, App> {
    let mut app = full_app("dark");
    app.open(page);
    window(app, size[0], size[1])
}

/// Checks that all named widgets lie between the left and right edges of the window.
pub fn assert_within_sides(window: &Harness<'_, App>, what: &str) {
    check_sides(window, what, |label| !label.is_empty());
}

/// Checks that the widgets whose label counts lie between the left and right edges of the window.
pub fn check_sides(window: &Harness<'_, App>, what: &str, counts: impl Fn(&str) -> bool) {
    let right = f64::from(window.ctx.content_rect().right());
    for node in window.root().children_recursive() {
        let node = node.accesskit_node();
        let label = node.label().unwrap_or_default();
        let Some(place) = node.bounding_box().filter(|_| counts(&label)) else { continue };
        let inside = place.x0 >= -1.0 && place.x1 <= right + 1.0;
        assert!(inside, "{what}: {:?} {label:?} at {place:?}", node.role());
    }
}

/// The text that a button copies.
pub fn copied(window: &mut Harness<'_, App>, button: &str) -> String {
    window.get_by_role_and_label(Role::Button, button).click_accesskit();
    for _ in 0..4 {
        window.step();
        for command in &window.output().platform_output.commands {
            if let egui::OutputCommand::CopyText(text) = command {
                return text.clone();
            }
        }
    }
    panic!("{button} copies nothing")
}

/// Whether a widget is switched on or selected.
pub fn is_chosen(node: &egui_kittest::Node<'_>) -> bool {
    node.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
}

/// Types into a text field, and leaves the focus in it.
pub fn type_into(window: &mut Harness<'_, App>, field: &str, text: &str) {
    window.get_by_role_and_label(Role::TextInput, field).focus();
    window.run_steps(2);
    window.get_by_role_and_label(Role::TextInput, field).type_text(text);
    window.run_steps(2);
}

/// An application with the project `recipes`, which has no runs, on a page.
pub fn without_runs(page: PageName) -> App {
    let mut app = app("dark");
    send(&mut app, [ready(), projects(), opened("recipes", "Recipes", vec![])]);
    app.open(page);
    app
}

/// An application with a project whose run trains, on a page.
pub fn training_on(page: PageName) -> App {
    let mut app = full_app("dark");
    send(&mut app, in_training(TrainingState::Running));
    app.open(page);
    app
}

pub fn device() -> DeviceSummary {
    DeviceSummary {
        request: "example".to_owned(),
        // Staged: no device of that name exists, so that no test picture is mistaken for a measurement.
        name: "Example GPU".to_owned(),
        kind: DeviceType::Gpu,
        details: "Vulkan · example driver · f16, subgroups, timestamps".to_owned(),
        why: "The only real GPU of this machine.".to_owned(),
        memory: Some(8_600_000_000),
        binding: Some(4_294_967_292),
        buffer: Some(4_294_967_292),
        timestamps: true,
        mixed_precision: true,
        ..DeviceSummary::default()
    }
}

pub fn cpu() -> DeviceSummary {
    DeviceSummary {
        request: "cpu".to_owned(),
        name: "Example CPU".to_owned(),
        kind: DeviceType::Cpu,
        details: "16 threads · AVX2".to_owned(),
        memory: Some(31_000_000_000),
        ..DeviceSummary::default()
    }
}

pub fn storage() -> StorageSummary {
    StorageSummary {
        place: "/home/mia/Glasshouse".to_owned(),
        lasting: true,
        used: Some(312_000_000),
        quota: Some(40_000_000_000),
    }
}

pub fn ready() -> Event {
    Event::Ready(answer::Ready {
        version: 1,
        app_version: "0.1.0".to_owned(),
        device: device(),
        automatic: true,
        storage: storage(),
    })
}

pub fn devices() -> Event {
    Event::Devices { devices: vec![cpu(), device()] }
}

/// A typical falling loss, with reproducible noise.
pub fn loss_at(step: u64, start: f32, end: f32) -> f32 {
    let noise = ((step.wrapping_mul(2_654_435_761) >> 7) % 1000) as f32 / 1000.0 - 0.5;
    end + (start - end) * (-(step as f32) / 320.0).exp() + 0.16 * noise
}

pub fn project(id: &str, name: &str, runs: usize) -> ProjectSummary {
    let trained = runs > 0;
    ProjectSummary {
        id: id.to_owned(),
        name: name.to_owned(),
        updated: THEN,
        bytes: 41_200_000,
        runs,
        val_loss: trained.then_some(1.842),
        curve: if trained { (0..60).map(|at| loss_at(at * 33, 6.2, 1.8)).collect() } else { Vec::new() },
        sample: match trained {
            true => {
                "One day, a little girl named Mia found a shiny key in the garden. She showed it to her mum."
                    .to_owned()
            }
            false => String::new(),
        },
        ..ProjectSummary::default()
    }
}

pub fn projects() -> Event {
    let projects = vec![
        project("first", "My first model", 3),
        project("letters", "Grandmother's letters", 1),
        project("recipes", "Recipes", 0),
    ];
    Event::Projects { projects, storage: storage() }
}

pub fn run(name: &str, state: RunState, step: u64, steps: u64) -> RunSummary {
    let checkpoint = |file: &str, step: u64, loss: f32, best| CheckpointSummary {
        file: file.to_owned(),
        step,
        val_loss: Some(loss),
        best,
        resumable: step > 0,
        bytes: 38_900_000,
    };
    RunSummary {
        name: name.to_owned(),
        state,
        step,
        steps,
        parameters: 3_214_592,
        val_loss: (step > 0).then_some(1.8421),
        best_val_loss: (step > 0).then_some(1.8407),
        seconds: 130.4,
        created: THEN,
        device: "Example GPU".to_owned(),
        error: None,
        notes: String::new(),
        shape: "6 layers · width 192 · context length 256".to_owned(),
        checkpoints: vec![
            checkpoint("step-0.safetensors", 0, 6.91, false),
            checkpoint("step-500.safetensors", 500, 2.31, false),
            checkpoint("step-1000.safetensors", 1000, 1.9, false),
            checkpoint("best.safetensors", 1150, 1.8407, true),
        ],
        estimated_seconds: Some(124.0),
        ..RunSummary::default()
    }
}

pub fn opened(id: &str, name: &str, runs: Vec<RunSummary>) -> Event {
    numbered(1, id, name, runs)
}

/// As [`opened`], with the engine's number of the opening.
pub fn numbered(opening: u64, id: &str, name: &str, runs: Vec<RunSummary>) -> Event {
    let mut config = presets::preset("llama-tiny").unwrap();
    config.train.sample_interval = 200;
    let trained = !runs.is_empty();
    let (project, tokenizer) = (project(id, name, runs.len()), trained.then(tokenizer));
    let drafts = Drafts::new(config);
    Event::Project { opened: Some(Box::new(OpenedProject { opening, project, drafts, tokenizer, runs })) }
}

pub fn tokenizer() -> TokenizerSummary {
    TokenizerSummary {
        config: presets::preset("first-stories").unwrap().tokenizer,
        vocabulary: 1024,
        train_tokens: 712_345,
        validation_tokens: 79_150,
        bytes_per_token: 3.12,
        unused: 7,
        merges: true,
    }
}

pub fn documents() -> Event {
    let documents = (0..40).map(|number| DocumentSummary {
        number,
        id: None,
        file: "stories.txt".to_owned(),
        characters: 640 + number * 13,
        preview: "One day, a little girl named Mia found a shiny key in the garden.".to_owned(),
        validation: number > 35,
    });
    Event::Documents {
        overview: DocumentsOverview {
            cleaned: false,
            embedded: true,
            documents: 2412,
            bytes: 2_000_000,
            characters: 1_990_412,
            train: (2170, 1_800_000),
            validation: (242, 200_000),
            lengths: vec![(256, 40), (512, 610), (1024, 1402), (2048, 360)],
            distinct_characters: 71,
            ..DocumentsOverview::default()
        },
        search: String::new(),
        offset: 0,
        found: 2412,
        documents: documents.collect(),
    }
}

pub fn plan() -> PlanSummary {
    let of = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    PlanSummary {
        parameters: 3_214_592,
        parameters_by_part: of(&[
            ("embedding", 786_432),
            ("attention", 884_736),
            ("mlp", 1_540_000),
            ("norms", 3_424),
        ]),
        tensors: vec![("embedding.weight".to_owned(), vec![1024, 192])],
        bytes_by_kind: [
            (MemoryKind::Weights, 12_858_368),
            (MemoryKind::Gradients, 12_858_368),
            (MemoryKind::OptimizerState, 25_716_736),
            (MemoryKind::Activations, 212_000_000),
        ]
        .into(),
        bytes: 263_433_472,
        largest_binding: 50_331_648,
        dispatches_per_step: 214,
        flops_per_token: 2.1e7,
        tokens_per_step: 8192,
        flops_by_scope: [("blocks.0.attention", 0.06), ("blocks.0.mlp", 0.1), ("head", 0.05)]
            .into_iter()
            .map(|(scope, share)| (scope.to_owned(), share))
            .collect(),
        fits: Some(true),
        text_tokens: 712_345,
        run_seconds: Some(124.0),
        ..PlanSummary::default()
    }
}

const SAMPLES: [(u64, &str); 5] = [
    (0, "Once upon a time q§ ew the the xx,hrooo ll b. ab e tt"),
    (200, "Once upon a time the the was a the day and to the the she was and. He the day"),
    (
        400,
        "Once upon a time there was a little boy who had a ball. He was very and the ball was a big and he said the park.",
    ),
    (
        800,
        "Once upon a time there was a little girl named Mia. She liked to play in the garden. One day she found a big red ball and she wanted to play with it.",
    ),
    (
        1200,
        "Once upon a time, Mia found a shiny key under the old apple tree. She asked her mum what it was for. \"Maybe it opens the little door in the wall,\" said her mum. So they took a lamp and went to look, and the key turned without a sound.",
    ),
];

/// The events of a run between two steps.
pub fn steps(from: u64, to: u64, steps: u64) -> Vec<TrainEvent> {
    let mut events = Vec::new();
    for step in from..=to {
        if step > 0 {
            let share = step as f64 / steps as f64;
            events.push(TrainEvent::Step {
                step,
                loss: loss_at(step, 6.9, 1.78),
                lr: 1e-3
                    * (0.1 + 0.9 * 0.5 * (1.0 + (share * std::f64::consts::PI).cos()))
                    * (step as f64 / 100.0).min(1.0),
                grad_norm: 0.6 + 2.0 * (-(step as f32) / 90.0).exp() + loss_at(step, 0.3, 0.1),
                tokens_per_s: 38_100.0 + f64::from(loss_at(step, 0.0, 0.0)) * 9_000.0,
                skipped: false,
            });
        }
        if step.is_multiple_of(100) {
            events.push(TrainEvent::Eval {
                step,
                train_loss: loss_at(step, 6.9, 1.8),
                val_loss: 1.842 + 5.06 * (-(step as f32) / 300.0).exp(),
                best: true,
                preference: None,
            });
        }
        if let Some((_, text)) = SAMPLES.iter().find(|(at, _)| *at == step) {
            events.push(TrainEvent::Sample { step, text: (*text).to_owned() });
        }
    }
    events
}

/// The events of a run in the middle of its training.
pub fn in_training(state: TrainingState) -> Vec<Event> {
    vec![
        Event::TrainingStarted {
            run: run("3-llama-tiny", RunState::Running, 0, 2000),
            device: Box::new(device()),
            step: 0,
            folder: None,
            estimated_seconds: Some(124.0),
        },
        Event::Training { events: steps(0, 1200, 2000), seconds: None },
        Event::TrainingState { state, step: 1200, steps: 2000 },
    ]
}

pub fn profile() -> Event {
    let mut entries = Vec::new();
    for block in 0..6 {
        for (part, ms) in [("attention", 1.4), ("mlp", 2.1), ("norms", 0.2)] {
            entries.push(ProfileEntry {
                scope: format!("blocks.{block}.{part}"),
                kernel: "linear".to_owned(),
                count: 6,
                ms: ms + f64::from(block) * 0.03,
            });
        }
    }
    entries.push(ProfileEntry { scope: "head".to_owned(), kernel: "loss".to_owned(), count: 2, ms: 3.3 });
    entries.push(ProfileEntry {
        scope: "optimizer".to_owned(),
        kernel: "adamw".to_owned(),
        count: 3,
        ms: 0.9,
    });
    Event::Profile { entries, step_ms: 27.4, launch_overhead_ms: 1.9, method: ProfileMethod::Timestamps }
}

/// Opens and lists a project with runs.
pub fn full(app: &mut App) {
    let mut stopped = run("2-llama-tiny", RunState::Stopped, 900, 2000);
    stopped.notes = "Learning rate halved.".to_owned();
    let runs = vec![run("1-first-stories", RunState::Finished, 2000, 2000), stopped];
    send(app, [ready(), projects(), opened("first", "My first model", runs), documents(), devices()]);
    let planned = Event::Planned(Forecast::Run { plan: Box::new(plan()) });
    answer(app, |command| matches!(command, Command::Plan { .. }), [planned, Event::Finished]);
}

pub fn full_app(theme: &str) -> App {
    let mut app = app(theme);
    full(&mut app);
    app
}

/// A run's history event.
pub fn history(name: &str, learning_rate: f64) -> answer::History {
    let mut config = presets::preset("llama-tiny").unwrap();
    config.train.learning_rate = learning_rate;
    answer::History {
        run: name.to_owned(),
        config: Box::new(config),
        events: steps(0, 900, 2000),
        checkpoints: run(name, RunState::Stopped, 900, 2000).checkpoints,
    }
}

/// All shapes drawn in the last frame, without their groups.
pub fn painted<T>(window: &Harness<'_, T>) -> Vec<egui::Shape> {
    fn flat(shape: &egui::Shape, found: &mut Vec<egui::Shape>) {
        match shape {
            egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| flat(shape, found)),
            shape => found.push(shape.clone()),
        }
    }
    let mut found = Vec::new();
    window.output().shapes.iter().for_each(|clipped| flat(&clipped.shape, &mut found));
    found
}
