//! Nothing is lost or replaced by a click: changes stay with their project, files are replaced only when asked, remedies are buttons,
//! replaced settings come back, and what appears moves nothing.

use crate::support::{
    self, answer, contains, forget, full_app, is_shown, on, press, send, sent, type_into, wait, window,
};
use egui::{Key, Role, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::link::{Answer, Chosen, Link, NoFiles, Wish};
use glasshouse::pages::PageName;
use glasshouse_protocol::{
    Command, DocumentsChange, Envelope, ErrorKind, ErrorReport, Event, Hint, Report, Request, RunChange,
    RunLaunch, TrainingState, answer,
};
use std::path::PathBuf;

fn requests(window: &mut Harness<'_, App>) -> Vec<Request> {
    match window.state_mut().link() {
        Link::Script { sent, .. } => sent.iter().map(|envelope| envelope.body.clone()).collect(),
        Link::Engine(_) => Vec::new(),
    }
}

/// The saved drafts: the number of the opening, and the sample prompt.
fn drafts(window: &mut Harness<'_, App>) -> Vec<(Option<u64>, String)> {
    let draft = |request: Request| match request.command {
        Command::SaveDrafts { drafts } => Some((request.opening, drafts.train.train.sample_prompt)),
        _ => None,
    };
    requests(window).into_iter().filter_map(draft).collect()
}

/// Fails the latest request of a kind, returning these bytes.
fn refuse(
    window: &mut Harness<'_, App>,
    is: impl Fn(&Command) -> bool,
    error: ErrorReport,
    bytes: Vec<Vec<u8>>,
) {
    let request = requests(window).into_iter().rev().find(|request| is(&request.command)).unwrap().id;
    if let Link::Script { reports, .. } = window.state_mut().link() {
        let body = Report { request: Some(request), event: Event::Failed { error } };
        reports.push_back(Envelope { body, bytes });
    }
    window.run_steps(2);
}

fn stale() -> ErrorReport {
    ErrorReport::new(ErrorKind::Stale, "the changed settings were meant for A, which is no longer open")
}

fn saves(command: &Command) -> bool {
    matches!(command, Command::SaveDrafts { .. })
}

/// A project without runs on the Train page, opened with the number 1, with its sample prompt changed a moment ago.
fn changed() -> Harness<'static, App> {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects(), support::numbered(1, "first", "A", vec![])]);
    app.open(PageName::Train);
    let mut window = window(app, 1200.0, 900.0);
    forget(window.state_mut());
    type_into(&mut window, "Sample prompt", "An owl");
    assert_eq!(drafts(&mut window), [], "it is saved once the typing rests");
    window
}

fn open_other(window: &mut Harness<'_, App>) {
    support::open_page(window, PageName::Home);
    press(window, "Open Recipes");
    assert!(sent(window.state_mut()).contains(&Command::OpenProject { id: "recipes".to_owned() }));
}

#[test]
fn settings_changed_just_before_another_project_is_opened_stay_with_theirs() {
    let mut window = changed();
    open_other(&mut window);
    let place = |window: &mut Harness<'_, App>, is: fn(&Command) -> bool| {
        requests(window).iter().position(|request| is(&request.command)).unwrap()
    };
    let saved = drafts(&mut window);
    assert!(saved.len() == 1 && saved[0].0 == Some(1) && saved[0].1.contains("An owl"), "{saved:?}");
    let opens = |command: &Command| matches!(command, Command::OpenProject { .. });
    assert!(place(&mut window, saves) < place(&mut window, opens), "the other one opens first");
    send(window.state_mut(), [support::numbered(2, "recipes", "B", vec![])]);
    for _ in 0..4 {
        wait(&mut window, 1.0);
    }
    assert_eq!(drafts(&mut window).len(), 1, "B got settings of A");
    assert!(requests(&mut window).iter().any(|request| request.opening == Some(2)), "its pages ask for B");
}

#[test]
fn what_the_engine_refuses_as_stale_is_offered_and_never_applied() {
    let mut window = changed();
    wait(&mut window, 1.0);
    window.run_steps(2);
    assert_eq!(drafts(&mut window).len(), 1);
    send(window.state_mut(), [support::numbered(2, "recipes", "B", vec![])]);
    refuse(&mut window, saves, stale(), Vec::new());
    forget(window.state_mut());
    wait(&mut window, 60.0);
    assert!(is_shown(&window, "Apply here"), "a question does not end by itself");
    assert_eq!(drafts(&mut window), []);
    press(&mut window, "Apply here");
    wait(&mut window, 1.0);
    window.run_steps(2);
    let saved = drafts(&mut window);
    assert!(saved.len() == 1 && saved[0].0 == Some(2) && saved[0].1.contains("An owl"), "{saved:?}");
    assert!(!is_shown(&window, "Apply here"));
    // That can be undone, too.
    press(&mut window, "Undo");
    wait(&mut window, 1.0);
    window.run_steps(2);
    assert!(!drafts(&mut window)[1].1.contains("An owl"));
}

#[test]
fn refused_documents_are_added_with_their_bytes_and_what_names_a_run_is_not_offered() {
    let mut window = on(PageName::Data, [1200.0, 800.0]);
    let files = vec![Chosen { name: "owls.txt".to_owned(), bytes: Some(b"An owl.".to_vec()) }];
    window.state_mut().answer(Answer { wish: Wish::AddDocuments, files: Ok(files) });
    window.run_steps(2);
    let adds = |command: &Command| matches!(command, Command::ChangeDocuments(DocumentsChange::Add { .. }));
    send(window.state_mut(), [support::numbered(2, "recipes", "B", vec![])]);
    refuse(&mut window, adds, stale(), vec![b"An owl.".to_vec()]);
    forget(window.state_mut());
    press(&mut window, "Apply here");
    let Link::Script { sent, .. } = window.state_mut().link() else { panic!() };
    let again: Vec<_> = sent.iter().filter(|envelope| adds(&envelope.body.command)).collect();
    assert_eq!((again.len(), again[0].body.opening, &again[0].bytes[0][..]), (1, Some(2), &b"An owl."[..]));

    // Run 1 of another project is another run; a list is only read again.
    let error = stale();
    window.state_mut().link().send(Envelope::plain(Request::new(900, RunChange::Delete.to("1"))));
    let mut state = glasshouse::state::State::default();
    for (id, command) in [(1, RunChange::Delete.to("1")), (2, Command::ListRuns)] {
        state.sent(id, &command);
        let event = Event::Failed { error: error.clone() };
        state.apply(Envelope::plain(Report { request: Some(id), event }));
    }
    assert_eq!(state.messages.len(), 1);
    assert!(!RunChange::Delete.to("1").is_portable());
}

fn exported(window: &mut Harness<'_, App>) -> Vec<(Option<PathBuf>, bool)> {
    let export = |command: Command| match command {
        Command::Export { to, keep, .. } => Some((to, keep)),
        _ => None,
    };
    sent(window.state_mut()).into_iter().filter_map(export).collect()
}

#[test]
fn a_file_that_exists_is_replaced_only_by_a_button_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.txt");
    std::fs::write(&path, "Dear Mia").unwrap();
    let mut window = on(PageName::Home, [1200.0, 800.0]);
    let wish = || Wish::ExportProject { id: "first".to_owned(), name: "A".to_owned() };
    window.state_mut().answer(Answer { wish: wish(), files: Err(NoFiles::NoDialog("No dialog".to_owned())) });
    window.run_steps(2);
    window.get_by_role_and_label(Role::TextInput, "Save the project").type_text(&path.display().to_string());
    window.run_steps(2);
    // A click outside keeps what is typed.
    window.event(egui::Event::PointerMoved(egui::pos2(5.0, 5.0)));
    for pressed in [true, false] {
        let (pos, button, modifiers) =
            (egui::pos2(5.0, 5.0), egui::PointerButton::Primary, egui::Modifiers::NONE);
        window.event(egui::Event::PointerButton { pos, button, pressed, modifiers });
    }
    window.run_steps(3);
    assert!(contains(&window, "No dialog"), "a click outside dropped the path");
    press(&mut window, "Use this path");
    assert_eq!(exported(&mut window), [(Some(path.clone()), true)]);

    let exports = |command: &Command| matches!(command, Command::Export { .. });
    let mut error = ErrorReport::new(ErrorKind::BadFile, "letters.txt: it already exists");
    error.hints = vec![Hint::Replace];
    refuse(&mut window, exports, error, Vec::new());
    assert!(is_shown(&window, "Choose another place"));
    press(&mut window, "Replace");
    assert_eq!(exported(&mut window)[1], (Some(path), false));
    let done = Event::Exported(answer::Exported {
        name: "A.glasshouse".to_owned(),
        path: Some("/there/A.glasshouse".to_owned()),
        packed: 3,
        bytes: 1_460_000,
        ..answer::Exported::default()
    });
    answer(window.state_mut(), exports, [done, Event::Finished]);
    window.run_steps(2);
    assert!(contains(&window, "/there/A.glasshouse, 1.5 MB"), "nothing says that it is done");

    // A system's dialog asked about its file already; in a folder, nothing was asked.
    forget(window.state_mut());
    let chosen = |name: PathBuf| Ok(vec![Chosen { name: name.display().to_string(), bytes: None }]);
    window.state_mut().answer(Answer { wish: wish(), files: chosen(folder.path().join("letters.txt")) });
    window.state_mut().answer(Answer { wish: wish(), files: chosen(folder.path().join("new.glasshouse")) });
    let bundle = Wish::ExportBundle { run: "1".to_owned() };
    window.state_mut().answer(Answer { wish: bundle, files: chosen(folder.path().to_owned()) });
    window.run_steps(2);
    assert_eq!(
        exported(&mut window).into_iter().map(|(_, keep)| keep).collect::<Vec<_>>(),
        [false, true, true]
    );
}

/// Whether the message in the strip names its page.
fn names(window: &Harness<'_, App>, page: PageName) -> bool {
    let strip = window.get_by_label("Dismiss").rect();
    window.query_all_by_label(page.title()).any(|node| strip.y_range().contains(node.rect().center().y))
}

#[test]
fn messages_name_the_page_that_they_are_about_on_other_pages_too() {
    let mut window = on(PageName::Data, [1280.0, 1400.0]);
    let file = Chosen { name: "empty.txt".to_owned(), bytes: Some(Vec::new()) };
    window.state_mut().answer(Answer { wish: Wish::AddDocuments, files: Ok(vec![file]) });
    support::open_page(&mut window, PageName::Runs);
    assert!(contains(&window, "empty.txt was not added") && names(&window, PageName::Data));
    press(&mut window, "Dismiss");
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
    window.run_steps(3);
    press(&mut window, "Use as base model");
    press(&mut window, "Tune");
    let notice = Event::Notice { text: "3 epochs".to_owned(), hints: Vec::new(), problems: Vec::new() };
    answer(window.state_mut(), |command| matches!(command, Command::Train { .. }), [notice, Event::Finished]);
    support::open_page(&mut window, PageName::Evaluate);
    assert!(is_shown(&window, "3 epochs") && names(&window, PageName::Tune));
    assert_eq!(PageName::Tune.title(), "Fine-tune", "the words of its tab");
}

#[test]
fn remedies_are_buttons_and_say_where_the_error_comes_from() {
    let error =
        |kind, hints: &[Hint]| ErrorReport { hints: hints.to_vec(), ..ErrorReport::new(kind, "it failed") };
    let trains = |command: &Command| matches!(command, Command::Train { .. });
    let launched = |window: &mut Harness<'_, App>| -> Vec<RunLaunch> {
        let launch = |command| match command {
            Command::Train { launch, .. } => Some(launch),
            _ => None,
        };
        sent(window.state_mut()).into_iter().filter_map(launch).collect()
    };
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects(), support::opened("first", "A", vec![])]);
    app.open(PageName::Train);
    let mut window = window(app, 1280.0, 900.0);
    press(&mut window, "Train");
    refuse(&mut window, trains, error(ErrorKind::TooLarge, &[]), Vec::new());
    assert!(is_shown(&window, "Fit to my device"));
    support::picture(&mut window, "GLASSHOUSE_SCREENSHOTS", "strip-remedies");
    assert!(window.query_by_role(Role::Alert).is_some());
    assert!(names(&window, PageName::Train), "the message does not name its page");
    press(&mut window, "Train on the CPU");
    let launches = launched(&mut window);
    assert_eq!((launches.len(), launches[1].device.as_deref()), (2, Some("cpu")));

    refuse(&mut window, trains, error(ErrorKind::Refused, &[Hint::F32]), Vec::new());
    press(&mut window, "Train in 32 bits");
    assert_eq!(launched(&mut window).len(), 3);
    refuse(&mut window, trains, error(ErrorKind::StorageFull, &[]), Vec::new());
    press(&mut window, "Free space");
    assert!(is_shown(&window, "Open Recipes"), "projects to delete are on Home");

    // A hint without a button is advice only.
    send(
        window.state_mut(),
        [Event::Notice {
            text: "Shorter".to_owned(),
            hints: vec![Hint::ContextLength],
            problems: Vec::new(),
        }],
    );
    window.run_steps(2);
    assert!(window.query_by_role(Role::Status).is_some() && is_shown(&window, "Shorter"));
}

#[test]
fn messages_queue_in_a_strip_that_covers_nothing() {
    for (page, size) in [(PageName::Runs, [1280.0, 800.0]), (PageName::Data, [390.0, 800.0])] {
        let mut window = on(page, size);
        let places = |window: &Harness<'_, App>| -> Vec<_> {
            let nodes = window.root().children_recursive().map(|node| node.accesskit_node());
            let nodes = nodes.filter(|node| node.role() == Role::Button || node.role() == Role::Row);
            nodes.filter_map(|node| Some((node.label()?, node.bounding_box()?))).collect()
        };
        let before = places(&window);
        let failed = |text: &str| Event::Failed { error: ErrorReport::new(ErrorKind::Io, text) };
        send(window.state_mut(), [failed("the first error")]);
        window.run_steps(2);
        assert!(window.query_by_role(Role::Alert).is_some());
        let strip = window.get_by_label("Dismiss").accesskit_node().bounding_box().unwrap();
        for (name, place) in &before {
            assert!(places(&window).contains(&(name.clone(), *place)), "{name} moved");
            assert!(
                place.y1 <= strip.y0 + 4.0 || place.y0 + 4.0 >= strip.y1 || place.x1 <= 184.0,
                "{name} is covered"
            );
        }
        send(window.state_mut(), [failed("the second error")]);
        window.run_steps(2);
        assert!(is_shown(&window, "the second error") && !is_shown(&window, "the first error"));
        assert!(is_shown(&window, "1 more"));
        support::picture(&mut window, "GLASSHOUSE_SCREENSHOTS", &format!("strip-{}", size[0]));
        // Those that wait are shown for their full time.
        wait(&mut window, 30.0);
        press(&mut window, "Dismiss");
        wait(&mut window, 30.0);
        assert!(is_shown(&window, "the first error"), "its time passed while it was not shown");
        wait(&mut window, 15.0);
        window.run_steps(2);
        assert!(window.query_by_role(Role::Alert).is_none());
    }
}

#[test]
fn replaced_settings_and_changed_notes_come_back() {
    let mut window = on(PageName::Model, [1280.0, 1000.0]);
    let layers = |window: &mut Harness<'_, App>| {
        let plan = |command| match command {
            Command::Plan { config } => Some(config.model.layers),
            _ => None,
        };
        sent(window.state_mut()).into_iter().filter_map(plan).next_back().unwrap()
    };
    let planned = |command: &Command| matches!(command, Command::Plan { .. });
    let before = layers(&mut window);
    let top = window.get_by_role_and_label(Role::Slider, "Size by layers").rect();
    window.get_by_role_and_label(Role::Slider, "Size by layers").set_value_accesskit(3.0);
    window.run_steps(3);
    assert_eq!(layers(&mut window), 3);
    assert_eq!(
        window.get_by_role_and_label(Role::Slider, "Size by layers").rect(),
        top,
        "the button for it moved it"
    );
    answer(window.state_mut(), planned, [Event::Finished]);
    press(&mut window, "Undo");
    window.run_steps(2);
    assert_eq!(layers(&mut window), before);

    support::open_page(&mut window, PageName::Runs);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
    window.run_steps(3);
    window.get_by_label("Note").focus();
    window.run_steps(1);
    window.get_by_label("Note").type_text("Twice. ");
    window.run_steps(2);
    // Closing the window saves what is half typed.
    forget(window.state_mut());
    window.input_mut().viewports.entry(ViewportId::ROOT).or_default().events.push(ViewportEvent::Close);
    window.run_steps(2);
    window.input_mut().viewports.entry(ViewportId::ROOT).or_default().events.clear();
    let changes = |command: &Command| matches!(command, Command::ChangeRun { .. });
    let note = sent(window.state_mut()).into_iter().find(changes).unwrap();
    let Command::ChangeRun { change: RunChange::Notes(note), .. } = note else { panic!("{note:?}") };
    assert!(note.contains("Twice. "), "{note}");
    answer(window.state_mut(), changes, [Event::Finished]);
    window.run_steps(2);
    press(&mut window, "Undo");
    let back = RunChange::Notes("Learning rate halved.".to_owned()).to("2-llama-tiny");
    assert!(sent(window.state_mut()).contains(&back));

    // In another project there is nothing of this one to undo.
    support::open_page(&mut window, PageName::Model);
    window.get_by_role_and_label(Role::Slider, "Size by layers").set_value_accesskit(4.0);
    window.run_steps(3);
    assert!(is_shown(&window, "Undo"));
    let runs = window.state().state().runs.list.clone();
    send(window.state_mut(), [support::numbered(2, "recipes", "B", runs)]);
    window.run_steps(2);
    assert!(!is_shown(&window, "Undo"), "B would get settings of A");
}

#[test]
fn single_keys_can_be_switched_off() {
    let mut window = window(full_app("dark"), 1200.0, 800.0);
    send(window.state_mut(), support::in_training(TrainingState::Running));
    support::open_page(&mut window, PageName::Settings);
    window.get_all_by_label("Single keys open pages and pause training").next().unwrap().click_accesskit();
    window.run_steps(2);
    forget(window.state_mut());
    wait(&mut window, 3.0);
    for key in [Key::P, Key::Num2] {
        window.key_press(key);
        window.run_steps(2);
    }
    assert!(is_shown(&window, "Storage"), "a digit left the page");
    assert_eq!(sent(window.state_mut()), []);
    window.key_press_modifiers(egui::Modifiers::COMMAND, Key::Num2);
    window.run_steps(2);
    assert!(!is_shown(&window, "Storage"), "with Ctrl it still works");
}
