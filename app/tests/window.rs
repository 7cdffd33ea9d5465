//! The real application with a scripted engine: commands, display, and the cost of a frame.

use crate::support;
use crate::support::{answer, forget, full, in_training, is_chosen, press, send, sent, window};
use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{App, AppOptions};
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse_protocol::{
    Command, DocumentSummary, ErrorKind, ErrorReport, Event, GuardAction, GuardDocument, GuardKind,
    GuardReport, GuardSeverity, LearnsFrom, Precision, ProjectChange, ProjectSummary, RunLaunch, RunState,
    Steer, TrainEvent, TrainingState, answer as answers,
};

fn last_sent(window: &mut Harness<'_, App>) -> Option<Command> {
    sent(window.state_mut()).pop()
}

#[test]
fn every_page_opens_without_a_project_with_an_empty_one_and_with_a_full_one() {
    for page in PageName::ALL {
        let mut untold = support::app("dark");
        untold.open(page);
        window(untold, 1000.0, 700.0);

        let mut none = support::app("light");
        let no_projects = Event::Projects { projects: Vec::new(), storage: support::storage() };
        send(&mut none, [support::ready(), no_projects]);
        none.open(page);
        window(none, 1000.0, 700.0);

        let mut empty = support::app("dark");
        send(
            &mut empty,
            [support::ready(), support::projects(), support::opened("recipes", "Recipes", vec![])],
        );
        empty.open(page);
        window(empty, 700.0, 700.0);

        let mut with_runs = support::full_app("light");
        send(&mut with_runs, in_training(TrainingState::Paused));
        with_runs.open(page);
        let opened = window(with_runs, 420.0, 700.0);
        let entry = opened.get_by_role_and_label(Role::Tab, page.entry().title());
        assert!(is_chosen(&entry), "{page:?} is not open");
    }
}

#[test]
fn the_first_step_makes_a_project_and_trains_in_it() {
    let mut app = support::app("dark");
    let no_projects = Event::Projects { projects: Vec::new(), storage: support::storage() };
    send(&mut app, [support::ready(), no_projects]);
    let mut window = window(app, 1200.0, 800.0);
    forget(window.state_mut());
    press(&mut window, "Grow your first model");
    let sent = sent(window.state_mut());
    let grows = |command: &Command| matches!(command, Command::TrainFirst { project, seconds } if project == "My first model" && *seconds > 60.0);
    assert!(grows(&sent[0]), "{sent:?}");
    let train = window.get_by_role_and_label(Role::Tab, "Train");
    assert!(is_chosen(&train));
}

#[test]
fn the_first_step_asks_nothing_of_the_project_that_it_leaves() {
    let mut app = support::app("dark");
    let sample = vec![support::run("1-sample-stories", RunState::Finished, 600, 600)];
    send(&mut app, [support::ready(), support::projects(), support::opened("sample", "Sample", sample)]);
    app.open(PageName::Home);
    let mut window = window(app, 1200.0, 800.0);
    forget(window.state_mut());
    press(&mut window, "Grow your first model");
    // Train is open, and nothing has arrived from the new project yet.
    window.run_steps(3);
    let asks = |sent: &[Command]| -> Vec<String> {
        found!(sent.iter(), Command::ReadRun { run: Some(run), .. } => run.clone()).collect()
    };
    assert_eq!(asks(&sent(window.state_mut())), Vec::<String>::new());
    let grows = |command: &Command| matches!(command, Command::TrainFirst { .. });
    answer(window.state_mut(), grows, [support::opened("first", "My first model", vec![])]);
    let run = support::run("1-first-stories", RunState::Running, 0, 600);
    let device = Box::new(support::device());
    let began = Event::TrainingStarted { run, device, step: 0, folder: None, estimated_seconds: None };
    // Preparation ends with the first step, though the request continues.
    let prepares = Event::Underway { work: "preparing the run".to_owned(), share: None };
    answer(window.state_mut(), grows, [prepares]);
    assert_eq!(window.state().state().underway.len(), 1);
    answer(window.state_mut(), grows, [began]);
    assert!(window.state().state().underway.is_empty(), "{:?}", window.state().state().underway);
    window.run_steps(3);
    assert_eq!(asks(&sent(window.state_mut())), ["1-first-stories"], "the new project's run is asked for");
}

#[test]
fn start_pause_step_and_continue_send_their_commands() {
    let app = support::without_runs(PageName::Train);
    let mut window = window(app, 1200.0, 800.0);
    forget(window.state_mut());
    press(&mut window, "Train");
    assert!(matches!(last_sent(&mut window), Some(Command::Train { .. })));
    assert!(window.query_by_label("Ready to train").is_none(), "the run is on its way");
    send(window.state_mut(), in_training(TrainingState::Running));
    window.run_steps(2);
    press(&mut window, "Pause");
    assert_eq!(last_sent(&mut window), Some(Command::Steer(Steer::Pause)));
    let paused = Event::TrainingState { state: TrainingState::Paused, step: 1201, steps: 2000 };
    send(window.state_mut(), [paused]);
    window.run_steps(2);
    press(&mut window, "Step");
    assert_eq!(last_sent(&mut window), Some(Command::Steer(Steer::StepOnce)));
    press(&mut window, "Continue");
    assert_eq!(last_sent(&mut window), Some(Command::Steer(Steer::Continue)));
    window.key_press(Key::P);
    window.run_steps(2);
    assert_eq!(last_sent(&mut window), Some(Command::Steer(Steer::Continue)), "P continues what is paused");
    press(&mut window, "Stop");
    assert_eq!(last_sent(&mut window), Some(Command::Steer(Steer::Stop)));
    let stopped = Event::TrainingEnded { run: support::run("3-llama-tiny", RunState::Stopped, 1201, 2000) };
    answer(
        window.state_mut(),
        |command| matches!(command, Command::Train { .. }),
        [stopped, Event::Finished],
    );
    window.run_steps(2);
    press(&mut window, "Resume");
    let resume = Command::Resume { run: Some("3-llama-tiny".to_owned()), launch: RunLaunch::default() };
    assert_eq!(last_sent(&mut window), Some(resume));
}

#[test]
fn a_finished_run_goes_on_for_more_steps() {
    let app = support::without_runs(PageName::Train);
    let mut window = window(app, 1280.0, 900.0);
    press(&mut window, "Train");
    send(window.state_mut(), in_training(TrainingState::Running));
    let trains = |command: &Command| matches!(command, Command::Train { .. });
    let ended = Event::TrainingEnded { run: support::run("3-llama-tiny", RunState::Finished, 2000, 2000) };
    answer(window.state_mut(), trains, [ended, Event::Finished]);
    window.run_steps(2);
    let resume = |steps| Command::Resume {
        run: Some("3-llama-tiny".to_owned()),
        launch: RunLaunch { steps: Some(steps), ..RunLaunch::default() },
    };
    press(&mut window, "More");
    press(&mut window, "Train longer");
    assert_eq!(last_sent(&mut window), Some(resume(4000)));
    let refused = Event::Failed { error: ErrorReport::new(ErrorKind::Refused, "the device is gone") };
    answer(window.state_mut(), |command| matches!(command, Command::Resume { .. }), [refused]);
    window.run_steps(3);
    press(&mut window, "More");
    window.get_by_role_and_label(Role::SpinButton, "Steps in all").set_value_accesskit(2500.0);
    window.run_steps(3);
    press(&mut window, "Train longer");
    assert_eq!(last_sent(&mut window), Some(resume(2500)));
}

#[test]
fn pause_is_on_screen_on_every_page_and_width() {
    for page in PageName::ALL {
        for width in [1280.0, 800.0, 420.0] {
            let window = window(support::training_on(page), width, 800.0);
            let mut pauses = window.query_all_by_role_and_label(Role::Button, "Pause");
            let seen = pauses.any(|pause| {
                let rect = pause.rect();
                rect.left() >= 0.0 && rect.right() <= width && rect.top() >= 0.0 && rect.bottom() <= 100.0
            });
            assert!(seen, "no Pause in the top bar of {page:?} at {width}");
        }
    }
}

#[test]
fn numbers_open_pages_unless_a_text_is_written() {
    let app = support::full_app("dark");
    let mut window = window(app, 1200.0, 800.0);
    window.key_press(Key::Num4);
    window.run_steps(2);
    let is_open =
        |window: &Harness<'_, App>, page: &str| is_chosen(&window.get_by_role_and_label(Role::Tab, page));
    assert!(is_open(&window, "Train"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
    window.run_steps(2);
    assert!(is_open(&window, "Write"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    window.run_steps(2);
    assert!(is_open(&window, "Settings"));
    window.key_press(Key::Num6);
    window.run_steps(2);
    assert!(is_open(&window, "Inspect"));
    window.key_press(Key::Num8);
    window.run_steps(2);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
    window.run_steps(2);
    window.get_by_label("Note").focus();
    window.run_steps(2);
    window.key_press(Key::Num1);
    window.run_steps(2);
    assert!(is_open(&window, "Runs"), "a digit in a note opened a page");
    // A project without runs has fewer pages in the rail.
    let mut window = support::window(support::without_runs(PageName::Home), 1200.0, 800.0);
    window.key_press(Key::Num3);
    window.run_steps(2);
    assert!(is_open(&window, "Train"), "the third that is shown");
}

#[test]
fn a_control_is_reached_with_tab_and_pressed_with_the_keyboard() {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects()]);
    let mut window = window(app, 1200.0, 800.0);
    forget(window.state_mut());
    for _ in 0..60 {
        window.key_press(Key::Tab);
        window.run_steps(1);
        let focused =
            window.query_by(|node| node.is_focused() && node.label().as_deref() == Some("Open Recipes"));
        if focused.is_some() {
            break;
        }
    }
    window.key_press(Key::Enter);
    window.run_steps(2);
    let opens = |command: &Command| matches!(command, Command::OpenProject { id } if id == "recipes");
    assert!(sent(window.state_mut()).iter().any(opens), "Tab and Enter did not open the project");
}

/// A dropped file as the windowing system passes it.
#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

fn drop_file(window: &mut Harness<'_, App>, path: &str) {
    window.input_mut().dropped_files = vec![std::sync::Arc::new(Dropped(path.into()))];
    window.run_steps(3);
}

#[test]
fn what_is_dropped_is_taken_or_refused_in_one_sentence() {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects()]);
    let mut window = window(app, 1200.0, 800.0);
    forget(window.state_mut());
    drop_file(&mut window, "/photos/cat.jpg");
    assert_eq!(sent(window.state_mut()), []);
    let sentence = format!("cat.jpg was not added. {}", glasshouse::app::ACCEPTED);
    assert!(window.query_by_label(&sentence).is_some());
    let photos = ["/photos/cat.jpg", "/photos/dog.jpg", "/photos/owl.jpg"];
    for (count, names) in [(2, "cat.jpg and dog.jpg"), (3, "cat.jpg and 2 more files")] {
        let dropped = photos.iter().take(count).map(|path| std::sync::Arc::new(Dropped((*path).into())) as _);
        window.input_mut().dropped_files = dropped.collect();
        window.run_steps(3);
        let sentence = format!("{names} were not added. {}", glasshouse::app::ACCEPTED);
        assert!(window.query_by_label(&sentence).is_some(), "{sentence}");
    }

    drop_file(&mut window, "/texts/Letters.txt");
    let files = vec!["/texts/Letters.txt".to_owned()];
    assert_eq!(sent(window.state_mut())[0], Command::CreateProject { name: "Letters".to_owned(), files });

    forget(window.state_mut());
    drop_file(&mut window, "/texts/old.glasshouse");
    let from = Some("/texts/old.glasshouse".to_owned());
    assert_eq!(sent(window.state_mut())[0], Command::ImportProject { name: None, from });
}

#[test]
fn files_without_an_ending_are_taken_where_they_are_text() {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects()]);
    let mut window = window(app, 1200.0, 800.0);
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (program, readme) = (put("program", b"\x7fELF\x02\x01\0"), put("README", b"An owl."));
    let key = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n";
    let private = format!("It is {}.", glasshouse_protocol::file_kind::PRIVATE_KEY);
    for (path, reason) in [
        (&program, glasshouse::app::ACCEPTED),
        (&put("id_rsa", key), private.as_str()),
        (&put("key.txt", key), private.as_str()),
    ] {
        let name = path.rsplit(['/', '\\']).next().unwrap();
        let sentence = format!("{name} was not added. {reason}");
        forget(window.state_mut());
        drop_file(&mut window, path);
        assert_eq!(sent(window.state_mut()), [], "a project was made for nothing");
        assert!(window.query_by_label(&sentence).is_some(), "{sentence}");
    }

    window.input_mut().dropped_files = vec![
        std::sync::Arc::new(Dropped(readme.clone().into())),
        std::sync::Arc::new(Dropped(program.into())),
    ];
    window.run_steps(3);
    let create = Command::CreateProject { name: "README".to_owned(), files: vec![readme] };
    assert_eq!(sent(window.state_mut())[0], create);

    // As a browser passes them, with their bytes.
    forget(window.state_mut());
    let file = |name: &str, bytes: &[u8]| Chosen { name: name.to_owned(), bytes: Some(bytes.to_vec()) };
    let files = vec![file("program.", b"\x01\x02\0"), file("notes.", b"An owl."), file("a.txt", b"\0")];
    window.state_mut().answer(Answer { wish: Wish::Dropped, files: Ok(files) });
    window.run_steps(2);
    let files = ["notes.", "a.txt"].map(str::to_owned).to_vec();
    assert!(sent(window.state_mut()).contains(&Command::CreateProject { name: "notes".to_owned(), files }));
}

#[test]
fn nothing_is_drawn_again_while_nothing_happens() {
    for page in PageName::ALL {
        let mut window = window(support::training_on(page), 1200.0, 800.0);
        let frames = window.run_ok();
        assert!(frames.is_some_and(|frames| frames <= 4), "{page:?} asks for frame after frame: {frames:?}");
    }
}

#[test]
fn a_deleted_project_can_be_had_back_once_it_is_deleted() {
    let deletes =
        |command: &Command| matches!(command, Command::ChangeProject { change: ProjectChange::Delete, .. });
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects()]);
    let mut window = window(app, 1200.0, 800.0);
    // By pointer: a menu opens where it is.
    let point = |window: &mut Harness<'_, App>, button: &str| {
        window.query_all_by_role_and_label(Role::Button, button).last().unwrap().click();
        window.run_steps(3);
    };
    for works in [false, true] {
        point(&mut window, "More about Recipes");
        point(&mut window, "Delete");
        assert_eq!(
            last_sent(&mut window),
            Some(Command::ChangeProject { id: "recipes".to_owned(), change: ProjectChange::Delete })
        );
        assert!(window.query_by_label("Undo").is_none(), "nothing is deleted yet");
        let error = ErrorReport::new(ErrorKind::Busy, "a run is training".to_owned());
        let end = if works { Event::Finished } else { Event::Failed { error } };
        answer(window.state_mut(), deletes, [end]);
        window.run_steps(2);
        assert_eq!(window.query_by_label("Undo").is_some(), works);
    }
    press(&mut window, "Undo");
    assert_eq!(
        last_sent(&mut window),
        Some(Command::ChangeProject { id: "recipes".to_owned(), change: ProjectChange::Restore })
    );
    assert!(window.query_by_label("Undo").is_none());
}

#[test]
fn projects_are_listed_again_when_a_person_comes_back() {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects()]);
    answer(&mut app, |command| matches!(command, Command::ListProjects), [Event::Finished]);
    let mut window = window(app, 1200.0, 800.0);
    let lists = |window: &mut Harness<'_, App>| {
        let context = window.ctx.clone();
        window.state_mut().watch(&context);
        sent(window.state_mut()).iter().filter(|command| **command == Command::ListProjects).count()
    };
    let before = lists(&mut window);
    window.input_mut().focused = false;
    window.run_steps(2);
    assert_eq!(lists(&mut window), before);
    window.input_mut().focused = true;
    window.run_steps(2);
    assert_eq!(lists(&mut window), before + 1);
    assert_eq!(lists(&mut window), before + 1);
}

#[test]
fn a_change_of_a_run_begins_with_the_runs_own_rate() {
    let mut app = support::full_app("dark");
    app.preferences().folds.insert("train:change".to_owned(), true);
    send(&mut app, in_training(TrainingState::Running));
    app.open(PageName::Train);
    let mut window = window(app, 1200.0, 1400.0);
    let rate = |window: &Harness<'_, App>| {
        let mut fields = window.query_all_by_role_and_label(Role::SpinButton, "Peak learning rate");
        fields.next().map(|field| field.accesskit_node().value())
    };
    assert_eq!(rate(&window), None, "the draft's rate says nothing of the run");
    send(window.state_mut(), [support::history("3-llama-tiny", 7e-4)]);
    window.run_steps(3);
    assert_eq!(rate(&window).flatten().as_deref(), Some("7e-4"));
}

#[test]
fn a_seed_of_an_address_holds_without_a_preset() {
    let mut app = support::app_with("dark", AppOptions { seed: Some(77), ..AppOptions::default() });
    full(&mut app);
    let plans = sent(&mut app).into_iter().rev();
    let seed = found!(plans.into_iter(), Command::Plan { config } => config.seed).next();
    assert_eq!(seed, Some(77));
}

#[test]
fn a_projects_folder_can_be_opened_from_home() {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects()]);
    let window = window(app, 1200.0, 800.0);
    assert!(window.query_by_role_and_label(Role::Button, "Open a project folder").is_some());
}

#[test]
fn every_named_error_is_shown_and_can_be_put_away() {
    // A cancellation by the person shows no message.
    for kind in ErrorKind::ALL.into_iter().filter(|kind| *kind != ErrorKind::Cancelled) {
        let mut app = support::app("light");
        send(&mut app, [support::ready(), support::projects()]);
        let message = format!("something of kind {kind:?} happened");
        let error = ErrorReport::new(kind, message.clone());
        send(&mut app, [Event::Failed { error }]);
        let mut window = window(app, 900.0, 700.0);
        assert!(window.query_by_label(&message).is_some(), "{kind:?} is not shown");
        press(&mut window, "Dismiss");
        assert!(window.query_by_label(&message).is_none(), "{kind:?} cannot be put away");
    }
}

#[test]
fn a_broken_rule_stands_beside_its_field_and_not_above_the_page() {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects(), support::opened("recipes", "Recipes", vec![])]);
    app.preferences().folds.insert("train:settings".to_owned(), true);
    app.open(PageName::Train);
    let mut window = window(app, 1200.0, 1400.0);
    let rule = "train.batch_size = 0 must be at least 1";
    let field = Some("train.batch_size".to_owned());
    let error = ErrorReport { field, ..ErrorReport::new(ErrorKind::Invalid, rule) };
    answer(window.state_mut(), |command| matches!(command, Command::Plan { .. }), [Event::Failed { error }]);
    window.run_steps(2);
    assert!(window.state().state().messages.is_empty());
    let field = window.get_by_label(rule).rect();
    let batch = window.get_all_by_label("Batch size").next().unwrap().rect();
    assert!((field.top() - batch.bottom()).abs() < 40.0, "{field:?} is far from {batch:?}");
}

#[test]
fn the_device_of_the_engine_is_shown_whoever_chose_it() {
    let mut window = support::on(PageName::Settings, [1000.0, 1600.0]);
    let chosen = |window: &Harness<'_, App>| {
        ["Example CPU", "Example GPU"]
            .map(|name| is_chosen(&window.get_by_role_and_label(Role::RadioButton, name)))
    };
    assert_eq!(chosen(&window), [false, false], "the engine chose");
    // Another browser of a remote window chose the CPU.
    let Event::Ready(ready) = support::ready() else { panic!("ready") };
    let ready = answers::Ready { device: support::cpu(), automatic: false, ..ready };
    send(window.state_mut(), [Event::Ready(ready)]);
    window.run_steps(2);
    assert_eq!(chosen(&window), [true, false]);
}

#[test]
fn a_precision_that_the_device_offers_is_chosen_for_new_runs_and_projects() {
    let app = support::without_runs(PageName::Settings);
    let mut window = window(app, 1000.0, 1600.0);
    window.get_by_role_and_label(Role::RadioButton, "Mixed").click_accesskit();
    let kept = |window: &mut Harness<'_, App>| {
        forget(window.state_mut());
        window.run_steps(12);
        let sent = sent(window.state_mut());
        let draft = found!(sent.into_iter(), Command::SaveDrafts { drafts } => drafts.train).next();
        draft.map(|config| (config.preset, config.train.precision))
    };
    let mixed = Some(("llama-tiny".to_owned(), Precision::Mixed));
    assert_eq!(kept(&mut window), mixed);
    assert!(is_chosen(&window.get_by_role_and_label(Role::RadioButton, "Mixed")));
    send(window.state_mut(), [support::opened("poems", "Poems", vec![])]);
    assert_eq!(kept(&mut window), mixed);
    // A project that has trained keeps its settings.
    let trained = vec![support::run("1-llama-tiny", RunState::Finished, 2000, 2000)];
    send(window.state_mut(), [support::opened("plays", "Plays", trained)]);
    assert_eq!(kept(&mut window), None);
    assert!(is_chosen(&window.get_by_role_and_label(Role::RadioButton, "32 bits")));
}

#[test]
fn a_run_that_failed_offers_its_checkpoint() {
    let mut app = support::full_app("dark");
    send(&mut app, in_training(TrainingState::Running));
    let mut failed = support::run("3-llama-tiny", RunState::Failed, 1200, 2000);
    failed.error = Some("the device was lost".to_owned());
    let error = ErrorReport::new(ErrorKind::DeviceLost, "the device was lost".to_owned());
    send(&mut app, [Event::TrainingEnded { run: failed }, Event::Failed { error }]);
    app.open(PageName::Train);
    let mut window = window(app, 1200.0, 900.0);
    assert!(window.query_all_by_label("the device was lost").count() == 1, "the failure is told twice");
    press(&mut window, "Resume from checkpoint");
    let resume = Command::Resume { run: Some("3-llama-tiny".to_owned()), launch: RunLaunch::default() };
    assert_eq!(last_sent(&mut window), Some(resume));
}

#[test]
fn a_resumed_run_keeps_its_past_whenever_that_arrives() {
    let resumed = || {
        let app = support::full_app("dark");
        let run = support::run("2-llama-tiny", RunState::Running, 900, 2000);
        let began = Event::TrainingStarted {
            run,
            device: Box::new(support::device()),
            step: 900,
            folder: None,
            estimated_seconds: None,
        };
        (app, [began, Event::Training { events: support::steps(901, 950, 2000), seconds: None }])
    };
    let steps =
        |app: &App| -> Vec<u64> { app.state().training.points.iter().map(|point| point.step).collect() };
    let history = || support::history("2-llama-tiny", 1e-3);

    let (mut before, session) = resumed();
    send(&mut before, [history()]);
    send(&mut before, session);
    let (mut after, session) = resumed();
    send(&mut after, session);
    after.open(PageName::Train);
    let mut after = window(after, 1200.0, 800.0);
    let reads = Command::ReadRun { run: Some("2-llama-tiny".to_owned()), points: 2000 };
    assert!(sent(after.state_mut()).contains(&reads), "the past was not asked for");
    send(after.state_mut(), [history(), history()]);

    let all: Vec<u64> = (1..=950).collect();
    assert_eq!(steps(&before), all);
    assert_eq!(steps(after.state()), all);
    let samples = |app: &App| app.state().training.samples.len();
    assert_eq!((samples(&before), samples(after.state())), (4, 4));
}

const SPIKE: &str =
    "The loss of step 1,150 is 7.91, 10.4 standard deviations above the mean of the last 128 steps.";

/// A spike after which the run was rolled back, with two documents, the second of which is quoted.
fn spike() -> GuardReport {
    GuardReport {
        step: 1000,
        seen: 1150,
        since: 1150,
        kind: GuardKind::LossSpike,
        severity: GuardSeverity::Critical,
        text: SPIKE.to_owned(),
        action: GuardAction::Skip,
        value: Some(10.4),
        threshold: Some(6.0),
        documents: vec![
            GuardDocument { number: 12, source: None, words: None },
            GuardDocument {
                number: 1040,
                source: Some("web".to_owned()),
                words: Some("Buy seven cheap".to_owned()),
            },
        ],
    }
}

/// A run that was rolled back has one curve, a mark, and the sentence in a list, on Train and on Runs.
#[test]
fn what_the_guard_saw_is_read_below_the_curves() {
    let mut app = support::full_app("dark");
    send(&mut app, in_training(TrainingState::Running));
    send(&mut app, [Event::Training { events: vec![TrainEvent::Guard(spike())], seconds: None }]);
    assert_eq!(app.state().training.step(), 1000);
    assert!(app.state().training.points.iter().all(|point| point.step <= 1000));
    app.open(PageName::Train);
    let mut window = window(app, 1200.0, 2400.0);
    window.run_steps(2);
    window.get_by_label("Step 1,150: loss spike");
    // The legend of the dotted line.
    window.get_by_label("guard: critical");
    window.get_by_label(SPIKE);
    window.get_by_label("The batch contains parts of these documents of the training text: 12, 1,040 (web)");
    // A click searches for the document on Data, and opens the first hit.
    forget(window.state_mut());
    window.get_by_label("1,040 (web): Buy seven cheap");
    press(&mut window, "Read document 1,040 (web) on Data");
    let searches = |command: &Command| matches!(command, Command::ListDocuments { search, offset: 0, .. } if search == "Buy seven cheap");
    for _ in 0..60 {
        window.run_steps(1);
        if sent(window.state_mut()).iter().any(searches) {
            break;
        }
    }
    assert!(sent(window.state_mut()).iter().any(searches), "{:?}", sent(window.state_mut()));
    let document = DocumentSummary {
        number: 1051,
        id: None,
        file: "web".to_owned(),
        characters: 400,
        preview: "Buy seven cheap".to_owned(),
        validation: false,
    };
    let overview = window.state().state().documents.overview.clone().expect("documents were listed");
    send(
        window.state_mut(),
        [Event::Documents {
            overview,
            search: "Buy seven cheap".to_owned(),
            offset: 0,
            found: 1,
            documents: vec![document],
        }],
    );
    window.run_steps(2);
    let read = |command: &Command| matches!(command, Command::ReadDocument { number: 1051 });
    assert!(sent(window.state_mut()).iter().any(read));
}

/// Rows that Data does not list cannot be opened there, and the reason is shown.
#[test]
fn what_the_guard_saw_in_rows_that_are_no_documents_is_not_opened_on_data() {
    for (learns_from, reason) in [
        (LearnsFrom::Documents, None),
        (LearnsFrom::Feedback, Some("They are rows of feedback, which are listed on Chat, not on Data.")),
        (LearnsFrom::Tasks, Some("They are instruction tasks or rows of a recipe, not documents on Data.")),
    ] {
        let mut app = support::full_app("dark");
        let mut events = in_training(TrainingState::Running);
        let Some(Event::TrainingStarted { run, .. }) = events.first_mut() else { panic!("{events:?}") };
        run.learns_from = learns_from;
        send(&mut app, events);
        send(&mut app, [Event::Training { events: vec![TrainEvent::Guard(spike())], seconds: None }]);
        app.open(PageName::Train);
        let mut window = window(app, 1200.0, 2400.0);
        window.run_steps(2);
        let button = window.get_by_label("Read document 1,040 (web) on Data");
        assert_eq!(button.accesskit_node().is_disabled(), reason.is_some(), "{learns_from:?}");
        assert!(reason.is_none_or(|reason| window.query_by_label(reason).is_some()), "{learns_from:?}");
        window.get_by_label("1,040 (web): Buy seven cheap");
    }
}

#[test]
fn the_sample_opens_where_the_shelf_is_empty_and_only_there() {
    let start = || AppOptions { sample: Some(vec![80, 75]), ..AppOptions::default() };
    let mut app = support::app_with("dark", start());
    let no_projects = Event::Projects { projects: Vec::new(), storage: support::storage() };
    send(&mut app, [support::ready(), no_projects]);
    let imports = |command: &Command| matches!(command, Command::ImportProject { .. });
    assert_eq!(sent(&mut app).iter().filter(|command| imports(command)).count(), 1);

    let mut app = support::app_with("dark", start());
    send(&mut app, [support::ready(), support::projects()]);
    let sent = sent(&mut app);
    assert!(!sent.iter().any(imports));
    assert!(sent.iter().any(|command| matches!(command, Command::OpenProject { id } if id == "first")));
}

#[test]
fn a_sample_that_comes_late_opens_over_nothing_that_was_begun() {
    let imports = |command: &Command| matches!(command, Command::ImportProject { .. });
    for grown in [false, true] {
        let mut app = support::app("dark");
        let no_projects = Event::Projects { projects: Vec::new(), storage: support::storage() };
        send(&mut app, [support::ready(), no_projects]);
        app.open(PageName::Home);
        let mut window = window(app, 1200.0, 800.0);
        window.run_steps(2);
        if grown {
            press(&mut window, "Grow your first model");
        }
        window.state_mut().offer_sample(vec![80, 75]);
        window.run_steps(2);
        assert_eq!(sent(window.state_mut()).iter().any(imports), !grown);
    }
}

#[test]
fn a_sample_that_was_stored_in_part_is_opened_anew() {
    let imports = |command: &Command| matches!(command, Command::ImportProject { .. });
    let part = ProjectSummary { problem: Some("no project.json".to_owned()), ..ProjectSummary::default() };
    let mut app = support::app("dark");
    let listed = Event::Projects { projects: vec![part], storage: support::storage() };
    send(&mut app, [support::ready(), listed]);
    app.open(PageName::Home);
    let mut window = window(app, 1200.0, 800.0);
    window.run_steps(2);
    window.state_mut().offer_sample(vec![80, 75]);
    window.run_steps(2);
    let sent = sent(window.state_mut());
    assert!(sent.iter().any(imports));
    assert!(!sent.iter().any(|command| matches!(command, Command::OpenProject { .. })), "{sent:?}");
}

#[test]
fn two_runs_are_compared_by_what_sets_them_apart() {
    let mut window = support::on(PageName::Runs, [1280.0, 1200.0]);
    for run in ["1-first-stories", "2-llama-tiny"] {
        window.get_by_role_and_label(Role::Row, run).click();
        window.run_steps(2);
    }
    let asked = |command: &Command| matches!(command, Command::ReadRun { .. });
    assert_eq!(sent(window.state_mut()).iter().filter(|command| asked(command)).count(), 2);
    let histories = [support::history("1-first-stories", 1e-3), support::history("2-llama-tiny", 5e-4)];
    send(window.state_mut(), histories);
    window.run_steps(2);
    let labels = window.query_all_by_role(Role::Row).filter_map(|row| row.accesskit_node().label());
    let settings: Vec<String> = labels.filter(|label| label.starts_with("Learning rate")).collect();
    assert_eq!(settings.len(), 1, "{settings:?}");
}

#[test]
fn typed_text_survives_a_reopening_of_its_project_only() {
    let mut window = support::on(PageName::Chat, [1280.0, 900.0]);
    window.get_by_label("Message").focus();
    window.run_steps(2);
    window.get_by_label("Message").type_text("Hello");
    window.run_steps(2);
    for (id, name, text) in [("first", "My first model", "Hello"), ("recipes", "Recipes", "")] {
        let runs = vec![support::run("1-first-stories", RunState::Finished, 2000, 2000)];
        send(window.state_mut(), [support::opened(id, name, runs)]);
        window.run_steps(3);
        let typed = window.get_by_label("Message").accesskit_node().value().unwrap_or_default();
        assert_eq!(typed, text, "{name}");
    }
}
