//! A run has the same numbers on every page, whether it trains or has ended.

use crate::support::{self, contains, is_shown, open_page, send, window};
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::pages::PageName;
use glasshouse_protocol::evaluation::LossUnit;
use glasshouse_protocol::{
    Command, Event, HeldOut, Objective, ProjectSummary, RunState, RunSummary, SweepRow, SweepSummary,
    TrainEvent, TrainingState,
};

const STEPS: u64 = 650;

fn shown(window: &Harness<'_, App>, label: &str) -> usize {
    window.query_all_by_label(label).count()
}

fn card(window: &Harness<'_, App>, project: &str) -> String {
    let label = format!("Open {project}");
    let card = window.get_by_role_and_label(Role::Button, &label);
    card.accesskit_node().value().unwrap_or_default()
}

fn begin(run: RunSummary) -> Event {
    Event::TrainingStarted {
        run,
        device: Box::new(support::device()),
        step: 0,
        folder: None,
        estimated_seconds: Some(124.0),
    }
}

fn fresh(name: &str) -> RunSummary {
    RunSummary { seconds: 0.0, checkpoints: Vec::new(), ..support::run(name, RunState::Running, 0, STEPS) }
}

/// Checks every page of a project with this one run.
fn check(window: &mut Harness<'_, App>, run: &RunSummary, trains: bool) {
    let state = window.state().state();
    assert_eq!(state.runs.list.iter().find(|own| own.name == run.name), Some(run));
    assert_eq!(state.training.run.as_ref(), Some(run));
    let at = run.step;
    let progress = format!("{at} / {STEPS}");
    let loss = run.validation().map(|shown| format!("{:.3}", shown.loss));
    let seconds = glasshouse::format::duration(run.seconds);
    // The chip of a run in training is in the header of all pages.
    let chip = usize::from(trains);
    open_page(window, PageName::Train);
    assert_eq!(shown(window, &progress), chip + 1, "Train at {at}");
    assert!(loss.iter().all(|loss| is_shown(window, loss)), "{loss:?} is the number on Train at {at}");
    assert!(is_shown(window, &seconds) && is_shown(window, &run.device), "Train at {at}");
    open_page(window, PageName::Runs);
    assert_eq!(shown(window, &progress), chip + 2, "row and card at {at}");
    assert!(shown(window, &seconds) >= 2, "row and card at {at}");
    if let Some((loss, shown_at)) = loss.as_ref().zip(run.validation().map(|shown| shown.at())) {
        assert_eq!(shown(window, loss), 1, "the row at {at}");
        assert_eq!(shown(window, &format!("{loss}, {shown_at}")), 1, "the card at {at}");
    }
    open_page(window, PageName::Lab);
    let cell = |words: String| window.query_all_by_value(&words).next().is_some();
    assert!(cell(format!("{at}/{STEPS}")), "Lab at {at}");
    assert!(run.best_val_loss.is_none_or(|best| cell(format!("{best:.4}"))), "Lab at {at}");
    open_page(window, PageName::Evaluate);
    if let Some(loss) = loss.as_ref().filter(|_| trains) {
        assert!(contains(window, &format!("{} · validation {loss} · ", run.name)), "Evaluate at {at}");
    }
    open_page(window, PageName::Home);
    assert_eq!(shown(window, &progress), chip, "the header at {at}");
    let told = card(window, "Recipes");
    match &loss {
        Some(loss) => assert!(told.starts_with(&format!("validation {loss} ")), "{told} at {at}"),
        None => assert!(!told.contains("validation"), "{told} at {at}"),
    }
}

#[test]
fn a_training_has_the_same_numbers_on_all_pages_at_every_step() {
    let mut window = window(support::without_runs(PageName::Train), 1600.0, 1400.0);
    let mut run = fresh("1-llama-tiny");
    let row = SweepRow { run: Some(run.name.clone()), steps: STEPS, ..SweepRow::default() };
    let sweep = SweepSummary { rows: vec![row], ..SweepSummary::default() };
    send(window.state_mut(), [begin(run.clone()), Event::Sweep { sweep: Box::new(sweep) }]);
    window.run_steps(2);
    open_page(&mut window, PageName::Runs);
    window.get_by_role_and_label(Role::Row, "1-llama-tiny").click();
    window.run_steps(3);
    check(&mut window, &run, true);
    let mut from = 0;
    for (until, seconds) in [(1, 0.4), (99, 6.0), (100, 7.0), (150, 9.0), (250, 15.0), (STEPS, 61.0)] {
        // The evaluation of step 200 is worse than the best.
        let worse = |event: TrainEvent| match event {
            TrainEvent::Eval { step: 200, train_loss, preference, .. } => {
                TrainEvent::Eval { step: 200, train_loss, val_loss: 9.25, best: false, preference }
            }
            TrainEvent::Eval { step: 0, train_loss, val_loss, preference, .. } => {
                TrainEvent::Eval { step: 0, train_loss, val_loss, best: false, preference }
            }
            event => event,
        };
        let events: Vec<TrainEvent> = support::steps(from, until, STEPS).into_iter().map(worse).collect();
        events.iter().for_each(|event| run.follow(event));
        run.seconds = seconds;
        send(window.state_mut(), [Event::Training { events, seconds: Some((seconds, 90.0)) }]);
        // The engine's record lags behind.
        send(window.state_mut(), [Event::Runs { runs: vec![fresh("1-llama-tiny")] }]);
        window.run_steps(2);
        assert_eq!(run.step, until);
        check(&mut window, &run, true);
        from = until + 1;
    }
    assert_eq!(run.best_step, Some(600));
    run.state = RunState::Finished;
    let state = Event::TrainingState { state: TrainingState::Idle, step: STEPS, steps: STEPS };
    send(window.state_mut(), [state, Event::TrainingEnded { run: run.clone() }]);
    window.run_steps(2);
    check(&mut window, &run, false);
}

#[test]
fn a_project_keeps_the_card_of_its_best_text_run_while_a_fine_tune_trains() {
    let mut app = support::app("dark");
    let mut listed = support::projects();
    let Event::Projects { projects, .. } = &mut listed else { panic!("no projects") };
    projects[0].run = "1-first-stories".to_owned();
    let sentence = projects[0].sample.clone();
    let base = support::run("1-first-stories", RunState::Finished, 2000, 2000);
    send(&mut app, [support::ready(), listed, support::opened("first", "My first model", vec![base])]);
    let tuned = RunSummary { objective: Objective::Chat, ..fresh("2-llama-tiny") };
    let evaluation = |val_loss| TrainEvent::Eval {
        step: 10,
        train_loss: val_loss,
        val_loss,
        best: true,
        preference: None,
    };
    let sample = TrainEvent::Sample { step: 10, text: "Who?\n> Ada.".to_owned() };
    let events = vec![evaluation(0.125), sample];
    send(&mut app, [begin(tuned), Event::Training { events, seconds: None }]);
    app.open(PageName::Home);
    let mut window = window(app, 1280.0, 900.0);
    assert!(
        card(&window, "My first model").starts_with("validation 1.841 "),
        "{}",
        card(&window, "My first model")
    );
    let last = sentence.rsplit_once(". ").map_or("", |(_, last)| last);
    assert!(contains(&window, last) && !contains(&window, "Ada."));
    // A better run on a text takes its place with loss and sentence.
    let better = fresh("3-llama-tiny");
    let sample = TrainEvent::Sample { step: 10, text: "An owl sat in a tree.".to_owned() };
    let events = vec![
        TrainEvent::Step { step: 10, loss: 1.0, lr: 1e-3, grad_norm: 1.0, tokens_per_s: 1.0, skipped: false },
        evaluation(1.5),
        sample,
    ];
    let ended = Event::TrainingState { state: TrainingState::Idle, step: 10, steps: STEPS };
    send(window.state_mut(), [ended, begin(better), Event::Training { events, seconds: None }]);
    window.run_steps(2);
    assert!(card(&window, "My first model").starts_with("validation 1.500 "));
    // Other projects have the former sentence.
    assert!(contains(&window, "An owl sat in a tree."));
}

#[test]
fn all_pages_have_one_unit_of_losses() {
    let mut app = support::app("dark");
    let bits = |bits: f32| bits * std::f32::consts::LN_2 * 2.0;
    let run = RunSummary {
        bytes_per_token: Some(2.0),
        best_val_loss: Some(bits(1.25)),
        best_step: Some(1150),
        ..support::run("1-first-stories", RunState::Finished, 2000, 2000)
    };
    send(
        &mut app,
        [support::ready(), support::projects(), support::opened("first", "My first model", vec![run])],
    );
    app.open(PageName::Settings);
    let mut window = window(app, 1600.0, 1200.0);
    window.get_by_role_and_label(Role::RadioButton, "Bits per byte").click();
    window.run_steps(2);
    assert_eq!(window.state_mut().preferences().loss_unit, LossUnit::Bits);
    send(window.state_mut(), [support::history("1-first-stories", 1e-3)]);
    open_page(&mut window, PageName::Train);
    assert!(is_shown(&window, "1.250") && is_shown(&window, "best, step 1,150"));
    open_page(&mut window, PageName::Runs);
    assert!(is_shown(&window, "1.250"));
    window.get_by_role_and_label(Role::Row, "1-first-stories").click();
    window.run_steps(3);
    assert!(is_shown(&window, "1.250, best, step 1,150"));
    send(window.state_mut(), [support::evaluation::kept(&["1-first-stories".to_owned()], false)]);
    for (unit, mine, other) in
        [("Bits per byte", "bits per byte", "nats per token"), ("Nats", "nats per token", "bits per byte")]
    {
        open_page(&mut window, PageName::Settings);
        window.get_by_role_and_label(Role::RadioButton, unit).click();
        window.run_steps(2);
        open_page(&mut window, PageName::Evaluate);
        window.run_steps(2);
        let said = |words: &str| {
            contains(&window, words) || contains(&window, &glasshouse::format::capitalized(words))
        };
        assert!(said(mine) && !said(other), "Evaluate in {unit}");
        open_page(&mut window, PageName::Inspect);
    }
}

#[test]
fn a_device_has_one_name_on_all_pages() {
    let mut app = support::app("dark");
    let device = "cpu (2 threads, avx512)".to_owned();
    let run = support::run("1-first-stories", RunState::Finished, 2000, 2000);
    let run = RunSummary { device: device.clone(), ..run };
    send(&mut app, [support::ready(), support::projects(), support::opened("first", "A", vec![run])]);
    let mut evaluated = support::evaluation::kept(&["1-first-stories".to_owned()], false);
    evaluated.evaluations[0].device = device;
    send(&mut app, [evaluated]);
    app.open(PageName::Train);
    let mut window = window(app, 1600.0, 1600.0);
    send(window.state_mut(), [support::history("1-first-stories", 1e-3)]);
    window.run_steps(2);
    assert!(is_shown(&window, "CPU") && !contains(&window, "avx512"));
    open_page(&mut window, PageName::Runs);
    window.get_by_role_and_label(Role::Row, "1-first-stories").click();
    window.run_steps(3);
    assert!(shown(&window, "CPU") == 2 && !contains(&window, "avx512"), "the row and its details");
    open_page(&mut window, PageName::Evaluate);
    assert!(contains(&window, " · CPU"));
}

#[test]
fn a_validation_set_that_is_too_small_is_named() {
    let mut app = support::without_runs(PageName::Train);
    let run = RunSummary { held_out: Some(HeldOut { rows: 1, tokens: 8 }), ..fresh("1-llama-tiny") };
    send(
        &mut app,
        [begin(run.clone()), Event::Training { events: support::steps(0, 100, STEPS), seconds: None }],
    );
    let mut window = window(app, 1280.0, 1000.0);
    assert!(contains(&window, "8 held-out tokens, 1 row"));
    let enough = RunSummary { held_out: Some(HeldOut { rows: 50, tokens: 4000 }), ..run };
    send(window.state_mut(), [begin(enough)]);
    window.run_steps(2);
    assert!(!contains(&window, "held-out tokens"));
}

#[test]
fn the_size_slider_proposes_no_more_steps_than_a_small_text_is_worth() {
    let mut app = support::full_app("dark");
    app.open(PageName::Model);
    let mut window = window(app, 1400.0, 1000.0);
    let slider = window.get_by_role_and_label(Role::Slider, "Size by layers");
    slider.focus();
    window.run_steps(2);
    for _ in 0..6 {
        window.key_press(egui::Key::ArrowRight);
        window.run_steps(1);
    }
    window.run_steps(2);
    let draft = support::sent(window.state_mut()).into_iter().rev().find_map(|command| match command {
        glasshouse_protocol::Command::Plan { config } => Some(config),
        _ => None,
    });
    let draft = draft.unwrap();
    assert!(draft.preset.starts_with("layers-") && draft.model.layers > 6, "{}", draft.preset);
    // A larger vocabulary than that of the project makes fewer tokens of its text.
    let epochs =
        draft.train.steps as f64 * draft.tokens_per_step() as f64 / support::plan().text_tokens as f64;
    assert!((8.0..=16.1).contains(&epochs), "{} steps are {epochs} epochs", draft.train.steps);
    assert!(contains(&window, &draft.preset) && !contains(&window, "modified"));
}

#[test]
fn the_card_of_a_project_shows_its_best_text_run_after_a_fine_tune() {
    let mut window = window(support::without_runs(PageName::Train), 1600.0, 1400.0);
    let lists = |window: &mut Harness<'_, App>| {
        support::sent(window.state_mut()).iter().filter(|command| **command == Command::ListProjects).count()
    };
    let before = lists(&mut window);
    let text = support::run("1-llama-tiny", RunState::Finished, STEPS, STEPS);
    let chat = RunSummary {
        objective: Objective::Chat,
        ..support::run("2-llama-tiny", RunState::Finished, STEPS, STEPS)
    };
    for run in [&text, &chat] {
        let ended = Event::TrainingEnded { run: run.clone() };
        send(window.state_mut(), [begin(fresh(&run.name)), ended]);
    }
    open_page(&mut window, PageName::Home);
    window.run_steps(3);
    assert_eq!(lists(&mut window), before + 1, "the list predates the runs");
    let listed = ProjectSummary { run: text.name.clone(), ..support::project("recipes", "Recipes", 2) };
    send(window.state_mut(), [Event::Projects { projects: vec![listed], storage: support::storage() }]);
    window.run_steps(3);
    assert!(card(&window, "Recipes").starts_with("validation 1.84"), "{}", card(&window, "Recipes"));
    assert_eq!(lists(&mut window), before + 1);
}
