//! Everyday interaction with the window: typed paths without dialogs, messages that come and go, comparison of runs, the next
//! step.

use crate::support;
use crate::support::{
    answer, contains, copied, forget, in_training, is_chosen, is_shown, on, open_page, press, send, sent,
    type_into, wait, window,
};
use egui::{Key, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::link::{Answer, NoFiles, Wish};
use glasshouse::pages::PageName;
use glasshouse::theme;
use glasshouse_protocol::{
    Command, Completion, CorpusSummary, DocumentsChange, ErrorKind, ErrorReport, Event, FetchProgress,
    Forecast, Objective, RunChange, RunState, RunSummary, Start, Steer, TrainEvent, TrainingState,
    WeightSource, WrittenToken,
};

fn failed(message: &str) -> Event {
    let error = ErrorReport::new(ErrorKind::Io, message.to_owned());
    Event::Failed { error }
}

#[test]
fn where_there_is_no_file_dialog_a_path_can_be_typed() {
    let mut window = on(PageName::Data, [1200.0, 800.0]);
    let lack = || Answer { wish: Wish::AddDocuments, files: Err(NoFiles::NoDialog("No dialog".to_owned())) };
    window.state_mut().answer(lack());
    window.run_steps(2);
    assert!(contains(&window, "No dialog"), "nothing says why no dialog came");
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(!contains(&window, "No dialog"), "Escape does not close it");

    window.state_mut().answer(lack());
    window.run_steps(2);
    forget(window.state_mut());
    let field = window.get_by_role_and_label(Role::TextInput, "Choose documents");
    assert!(field.is_focused(), "one has to press the field before typing");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.txt").display().to_string();
    field.type_text(&path);
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert!(is_shown(&window, "There is no file here.") && is_shown(&window, "Choose documents"));
    let makes = |command: &Command| {
        matches!(
            command,
            Command::CreateProject { .. } | Command::ChangeDocuments(DocumentsChange::Add { .. })
        )
    };
    assert!(!sent(window.state_mut()).iter().any(makes), "something was made for what is not there");

    std::fs::write(&path, "Dear Mia").unwrap();
    press(&mut window, "Use this path");
    let names = vec![path];
    assert!(sent(window.state_mut()).contains(&Command::ChangeDocuments(DocumentsChange::Add { names })));
    assert!(!is_shown(&window, "Choose documents"));
}

#[test]
fn another_project_does_not_show_the_parameters_of_the_one_before() {
    let mut window = on(PageName::Tokenizer, [1280.0, 800.0]);
    assert!(contains(&window, "3.21 M"), "the plan of the first project");
    send(window.state_mut(), [support::opened("recipes", "Recipes", vec![])]);
    window.run_steps(2);
    assert!(!contains(&window, "3.21 M"), "the parameters of the project before");
}

#[test]
fn the_bar_names_the_run_that_is_looked_at_or_says_that_it_is_the_next() {
    let mut window = on(PageName::Runs, [1400.0, 900.0]);
    let line = |run: &str| format!("{run} · 6 layers · width 192 · context length 256 · 3.21 M");
    let (first, latest) = (line("1-first-stories"), line("2-llama-tiny"));
    assert!(is_shown(&window, &latest), "the latest, where none is chosen");
    window.get_by_role_and_label(Role::Row, "1-first-stories").click();
    window.run_steps(3);
    assert!(is_shown(&window, &first) && !is_shown(&window, &latest), "the chosen one");
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
    window.run_steps(3);
    assert!(is_shown(&window, "2 runs"), "two are chosen");
    assert!(!is_shown(&window, &first) && !is_shown(&window, &latest), "one of two");
    open_page(&mut window, PageName::Data);
    assert!(is_shown(&window, &latest), "the latest, on another page");
    open_page(&mut window, PageName::Model);
    assert!(
        contains(&window, "new run from random weights · ") && !is_shown(&window, &latest),
        "a draft as if it were a run"
    );

    // The latest run was stopped before it had weights, so pages that compute with a model use the one before.
    let bare =
        RunSummary { checkpoints: Vec::new(), ..support::run("2-llama-tiny", RunState::Stopped, 0, 2000) };
    let runs = vec![support::run("1-first-stories", RunState::Finished, 2000, 2000), bare];
    send(window.state_mut(), [support::opened("recipes", "Recipes", runs)]);
    for page in [PageName::Write, PageName::Chat, PageName::Inspect, PageName::Evaluate] {
        open_page(&mut window, page);
        assert!(is_shown(&window, &first) && !is_shown(&window, &latest), "{page:?}");
    }
    open_page(&mut window, PageName::Data);
    assert!(is_shown(&window, &latest), "it is the latest all the same");
}

#[test]
fn a_projects_card_knows_of_the_run_in_training() {
    let app = support::without_runs(PageName::Home);
    let mut window = window(app, 1280.0, 800.0);
    let card = |window: &Harness<'_, App>| {
        window.get_by_role_and_label(Role::Button, "Open Recipes").accesskit_node().value()
    };
    assert_eq!(card(&window).as_deref(), Some("no runs yet"));
    send(window.state_mut(), in_training(TrainingState::Running));
    window.run_steps(2);
    let told = card(&window).unwrap();
    assert!(told.starts_with("validation ") && told.ends_with("· 1 run"), "{told}");
}

#[test]
fn a_projects_card_says_that_its_run_was_interrupted() {
    let mut app = support::app("dark");
    let mut listed = support::projects();
    let Event::Projects { projects, .. } = &mut listed else { panic!("no projects") };
    (projects[0].name, projects[0].interrupted) = ("Cut off".to_owned(), Some((1_200, 5_000)));
    send(&mut app, [support::ready(), listed]);
    app.open(PageName::Home);
    let window = window(app, 1280.0, 800.0);
    let told = window.get_by_role_and_label(Role::Button, "Open Cut off").accesskit_node().value();
    assert_eq!(told.as_deref(), Some("validation 1.842 · interrupted at step 1,200 of 5,000"));
}

#[test]
fn home_resumes_the_run_that_was_interrupted() {
    let mut window = on(PageName::Home, [1280.0, 800.0]);
    assert!(window.query_by_role_and_label(Role::Button, "Resume").is_none(), "nothing was interrupted");
    let runs = vec![support::run("7-cut-off", RunState::Interrupted, 230, 650)];
    send(window.state_mut(), [support::opened("letters", "Letters", runs)]);
    window.run_steps(2);
    assert!(contains(&window, "7-cut-off was interrupted at step 230 of 650"));
    let accent =
        if window.ctx.global_style().visuals.dark_mode { theme::DARK.accent } else { theme::LIGHT.accent };
    let main = support::painted(&window).into_iter();
    let main: Vec<_> = found!(main, egui::Shape::Rect(shape) if shape.fill == accent => shape.rect).collect();
    let resume = window.get_by_role_and_label(Role::Button, "Resume").rect();
    assert!(matches!(&main[..], [only] if only.intersects(resume)), "one main action: {main:?}");
    forget(window.state_mut());
    press(&mut window, "Resume");
    let resumed =
        |command: &Command| matches!(command, Command::Resume { run: Some(run), .. } if run == "7-cut-off");
    assert!(sent(window.state_mut()).iter().any(resumed));
    assert_eq!(window.state().summary()["page"], "train");
    open_page(&mut window, PageName::Home);
    assert!(window.query_by_role_and_label(Role::Button, "Resume").is_none(), "it was resumed already");
}

#[test]
fn another_projects_page_begins_at_its_top() {
    let mut window = on(PageName::Train, [1000.0, 320.0]);
    send(window.state_mut(), [support::opened("first", "A first project", Vec::new())]);
    window.run_steps(3);
    let top = |window: &Harness<'_, App>| window.get_by_label("Settings of the next run").rect().top();
    let before = top(&window);
    window.hover_at(egui::pos2(500.0, 300.0));
    for _ in 0..4 {
        window.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -120.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
        window.run_steps(2);
    }
    assert!(top(&window) < before - 50.0, "nothing was scrolled");
    send(window.state_mut(), [support::opened("letters", "Grandmother's letters", Vec::new())]);
    window.run_steps(3);
    assert!(top(&window) > before - 20.0, "the scroll position is the one of the project before");
}

#[test]
fn digits_typed_while_a_field_loses_the_keyboard_open_no_page() {
    let mut window = on(PageName::Runs, [1200.0, 900.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
    window.run_steps(2);
    window.get_by_label("Note").focus();
    window.run_steps(2);
    let shown = |window: &Harness<'_, App>| is_shown(window, "Checkpoints");
    // At once, however many frames it takes.
    wait(&mut window, 0.0);
    window.key_press(Key::Tab);
    window.key_press(Key::Num1);
    window.run_steps(1);
    window.key_press(Key::Num4);
    window.run_steps(1);
    assert!(shown(&window), "a digit meant for the note opened a page");
    wait(&mut window, 2.0);
    window.key_press(Key::Num1);
    window.run_steps(2);
    assert!(!shown(&window), "the shortcut does not come back");
}

#[test]
fn the_headline_is_always_the_validation_loss() {
    let mut window = window(support::training_on(PageName::Train), 1280.0, 900.0);
    let is_headline = |window: &Harness<'_, App>| {
        is_shown(window, "validation loss")
            && is_shown(window, "1.935")
            && is_shown(window, "best, step 1,200")
    };
    assert!(is_headline(&window));
    let step = TrainEvent::Step {
        step: 1201,
        loss: 1.234,
        lr: 1e-3,
        grad_norm: 1.0,
        tokens_per_s: 38_000.0,
        skipped: false,
    };
    send(window.state_mut(), [Event::Training { events: vec![step], seconds: None }]);
    window.run_steps(2);
    assert!(is_headline(&window));
    assert_eq!(window.query_all_by_label("1.234").count(), 1, "the training loss has a row");
}

#[test]
fn time_left_and_total_are_told_before_the_first_step() {
    let mut app = support::full_app("dark");
    send(&mut app, in_training(TrainingState::Running).into_iter().take(1));
    app.open(PageName::Train);
    let window = window(app, 1280.0, 900.0);
    assert!(is_shown(&window, "Estimated total"));
    assert_eq!(window.query_all_by_label("2 min 4 s").count(), 2, "left, and in all");
}

#[test]
fn the_scales_of_the_curves_leave_room_for_their_tabs() {
    for width in [1100.0, 1200.0, 1240.0, 1280.0, 1600.0] {
        let window = window(support::training_on(PageName::Train), width, 820.0);
        let tab = window.get_by_label("Tokens/s").rect();
        for scale in ["Smooth", "Log"] {
            for node in window.query_all_by_label(scale) {
                assert!(!node.rect().intersects(tab), "{scale} lies on a tab at {width}");
            }
        }
    }
}

#[test]
fn one_pointer_reads_every_curve_at_a_step_or_a_time() {
    let mut window = window(support::training_on(PageName::Train), 1280.0, 900.0);
    let legend = window.get_by_label("training").rect();
    let place = legend.left_bottom() + egui::vec2(400.0, 120.0);
    for (axis, words, of_another) in [("Steps", "step ", " (step "), ("Time", " s", " s)")] {
        window.get_by_role_and_label(Role::RadioButton, axis).click_accesskit();
        window.run_steps(2);
        window.hover_at(place);
        window.run_steps(6);
        assert_eq!(
            window.query_all_by_label("training").count(),
            2,
            "in the legend and under the pointer, by {axis}"
        );
        assert_eq!(
            window.query_all_by_label("validation").count(),
            2,
            "in the legend and under the pointer, by {axis}"
        );
        assert!(contains(&window, words), "the place on the axis, by {axis}");
        assert!(contains(&window, of_another), "the evaluation is as old as it is, by {axis}");
        window.remove_cursor();
        window.run_steps(4);
    }
}

/// Seeds, sources and temperatures of the requested texts.
fn texts(window: &mut Harness<'_, App>) -> Vec<(u64, WeightSource, f32)> {
    let of = |command| match command {
        Command::Generate { source, config, .. } => Some((config.seed, source, config.temperature)),
        _ => None,
    };
    sent(window.state_mut()).into_iter().filter_map(of).collect()
}

fn written(window: &mut Harness<'_, App>, text: &str) {
    let tokens = vec![WrittenToken { id: 1, text: text.to_owned() }];
    let completion = Completion { text: text.to_owned(), ..Completion::default() };
    let ended = Event::Completed { completion: Box::new(completion) };
    let events = [Event::Written { tokens, prompt: false, text: text.to_owned() }, ended, Event::Finished];
    answer(window.state_mut(), |command| matches!(command, Command::Generate { .. }), events);
    window.run_steps(2);
}

#[test]
fn each_text_draws_a_new_seed_unless_it_is_kept() {
    let mut window = on(PageName::Write, [1280.0, 900.0]);
    for text in [" in a town", " in a wood"] {
        press(&mut window, "Write");
        written(&mut window, text);
    }
    let drawn = texts(&mut window);
    assert_ne!(drawn[0].0, drawn[1].0, "two texts by one seed");
    assert!(contains(&window, &format!("seed {}", drawn[1].0)), "the seed is not shown");
    press(&mut window, "Keep this seed");
    press(&mut window, "Write");
    written(&mut window, " in a wood");
    assert_eq!(texts(&mut window)[2].0, drawn[1].0, "the kept seed");
}

#[test]
fn comparing_begins_with_columns_that_differ() {
    let mut window = on(PageName::Write, [1280.0, 900.0]);
    press(&mut window, "Compare");
    press(&mut window, "Write");
    let both = texts(&mut window);
    assert_eq!(both.len(), 2);
    assert_eq!(both[0].0, both[1].0, "one seed, so that what differs is what was chosen to");
    assert_ne!((&both[0].1, both[0].2), (&both[1].1, both[1].2), "both columns write the same");
}

#[test]
fn a_text_leads_to_its_training() {
    let mut window = on(PageName::Data, [1280.0, 900.0]);
    press(&mut window, "Train on these stories");
    assert!(is_shown(&window, "Start a new run"), "a project with runs is asked before another one starts");
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects(), support::opened("recipes", "Recipes", vec![])]);
    send(&mut app, [support::bench::documents(false)]);
    app.open(PageName::Data);
    let mut window = support::window(app, 1280.0, 900.0);
    press(&mut window, "Train on this text");
    assert!(is_shown(&window, "Ready to train") && !contains(&window, "too short"));

    let Event::Documents { mut overview, search, offset, found, documents } =
        support::bench::documents(false)
    else {
        panic!("no documents")
    };
    (overview.train, overview.validation) = ((1, 16), (1, 2));
    send(window.state_mut(), [Event::Documents { overview, search, offset, found, documents }]);
    window.run_steps(2);
    assert!(contains(&window, "is too short for context length 256"));
    open_page(&mut window, PageName::Data);
    assert!(contains(&window, "is too short for context length 256"));
    assert!(!contains(&window, "Your text is ready"));
}

#[test]
fn a_new_run_says_what_it_takes_before_it_starts() {
    let mut window = on(PageName::Train, [1280.0, 900.0]);
    send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
    window.run_steps(2);
    let started = |window: &mut Harness<'_, App>| {
        sent(window.state_mut()).iter().filter(|command| matches!(command, Command::Train { .. })).count()
    };
    press(&mut window, "New run");
    assert_eq!(started(&mut window), 0, "it started without asking");
    for words in ["Start a new run", "3-llama-tiny", "llama-tiny", "263 MB", "2 min 4 s"] {
        assert!(is_shown(&window, words), "{words} is not said");
    }
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(!is_shown(&window, "Start a new run"), "Escape does not close it");
    press(&mut window, "New run");
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert_eq!(started(&mut window), 1, "Enter does not start it");
}

#[test]
fn messages_move_nothing_go_by_themselves_and_belong_to_a_project() {
    let mut window = on(PageName::Runs, [1280.0, 800.0]);
    let top =
        |window: &Harness<'_, App>| window.get_by_role_and_label(Role::Row, "2-llama-tiny").rect().top();
    let before = top(&window);
    send(window.state_mut(), [failed("the disk is full")]);
    window.run_steps(2);
    assert!(is_shown(&window, "the disk is full"));
    assert_eq!(top(&window), before, "the page moved");
    wait(&mut window, 30.0);
    assert!(is_shown(&window, "the disk is full"), "gone before it was read");
    wait(&mut window, 15.0);
    window.run_steps(2);
    assert!(!is_shown(&window, "the disk is full"), "it never goes");

    send(window.state_mut(), [failed("this text cannot be read")]);
    window.run_steps(2);
    assert!(is_shown(&window, "this text cannot be read"));
    send(window.state_mut(), [support::opened("recipes", "Recipes", vec![])]);
    window.run_steps(2);
    assert!(!is_shown(&window, "this text cannot be read"), "it is about the project before");
}

#[test]
fn a_wide_window_is_used_up_to_a_maximum() {
    for (page, [width, least, most]) in PageName::ALL
        .into_iter()
        .flat_map(|page| [(page, [1920.0, 1560.0, 1920.0]), (page, [2560.0, 1560.0, 2000.0])])
    {
        let window = window(support::training_on(page), width, 1080.0);
        let right = window
            .root()
            .children_recursive()
            .map(|node| node.accesskit_node())
            .filter(|node| node.label().is_some() || node.value().is_some())
            .filter_map(|node| node.bounding_box())
            .filter(|place| place.y0 > 90.0)
            .map(|place| place.x1)
            .fold(0.0, f64::max);
        assert!((f64::from(least)..=f64::from(most)).contains(&right), "{page:?} ends at {right} of {width}");
    }
}

#[test]
fn an_introduction_folds_once_its_page_was_left_and_comes_back_on_asking() {
    let mut window = on(PageName::Train, [1200.0, 900.0]);
    let introduction = "In each step, the model predicts every next token";
    assert!(contains(&window, introduction));
    open_page(&mut window, PageName::Home);
    open_page(&mut window, PageName::Train);
    assert!(!contains(&window, introduction), "it stands there at every visit");
    press(&mut window, "What is this?");
    assert!(contains(&window, introduction));
}

#[test]
fn a_new_project_stands_beside_the_first_step_once_there_are_projects() {
    let mut app = support::app("dark");
    let none = Event::Projects { projects: Vec::new(), storage: support::storage() };
    send(&mut app, [support::ready(), none]);
    let mut window = window(app, 1200.0, 800.0);
    assert!(!is_shown(&window, "New project"));
    send(window.state_mut(), [support::projects()]);
    window.run_steps(2);
    let grow = window.get_by_role_and_label(Role::Button, "Grow your first model").rect();
    let new = window.get_by_role_and_label(Role::Button, "New project").rect();
    assert!((grow.top() - new.top()).abs() < 2.0 && new.left() > grow.right(), "{grow:?} and {new:?}");
    press(&mut window, "New project");
    let creates = |command: &Command| matches!(command, Command::CreateProject { .. });
    assert!(!sent(window.state_mut()).iter().any(creates), "it asks for a name");
    support::type_into(&mut window, "Project name", "Owls");
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert!(sent(window.state_mut()).contains(&Command::create("Owls")));
    answer(
        window.state_mut(),
        |command| matches!(command, Command::CreateProject { .. }),
        [support::opened("my-project", "My project", vec![]), Event::Finished],
    );
    window.run_steps(2);
    assert!(is_shown(&window, "Public corpora"), "Data opens, where text is added");
}

#[test]
fn a_phone_shows_the_losses_of_runs() {
    let mut app = support::full_app("light");
    send(&mut app, in_training(TrainingState::Running));
    app.open(PageName::Runs);
    let window = window(app, 390.0, 844.0);
    let losses: Vec<_> = window.query_all_by_label("1.841").map(|node| node.rect()).collect();
    assert!(losses.len() >= 2, "no losses");
    assert!(losses.iter().all(|place| place.left() >= 0.0 && place.right() <= 390.0), "{losses:?}");
}

#[test]
fn public_corpora_are_listed_with_their_licence_and_fetched() {
    let mut window = on(PageName::Data, [1280.0, 1200.0]);
    press(&mut window, "Public corpora");
    assert!(sent(window.state_mut()).contains(&Command::ListCorpora));
    let corpus = CorpusSummary {
        name: "plays".to_owned(),
        title: "Plays".to_owned(),
        sentence: "Some plays.".to_owned(),
        format: "plain text".to_owned(),
        bytes: 1_115_394,
        exact: true,
        licence: "public domain".to_owned(),
        ..CorpusSummary::default()
    };
    let others = (2..12).map(|number| CorpusSummary { title: format!("Plays {number}"), ..corpus.clone() });
    let listed = Event::Corpora { corpora: std::iter::once(corpus.clone()).chain(others).collect() };
    answer(window.state_mut(), |command| *command == Command::ListCorpora, [listed, Event::Finished]);
    window.run_steps(2);
    assert!(is_shown(&window, "Some plays.") && contains(&window, "public domain"));
    let dialog = window.ctx.memory(|memory| memory.area_rect(egui::Id::unique("public corpora"))).unwrap();
    assert!(dialog.height() > 0.6 * 1200.0, "the list is shown through a slit of {dialog:?}");
    press(&mut window, "Add Plays");
    let fetch = Command::FetchCorpus { name: "plays".to_owned(), to: None, add: true };
    assert!(sent(window.state_mut()).contains(&fetch));
    answer(
        window.state_mut(),
        |command| *command == fetch,
        [Event::Fetching { progress: FetchProgress::Receiving { done: 400_000, total: 1_115_394 } }],
    );
    window.run_steps(2);
    assert!(contains(&window, "Fetching Plays: 400 kB of 1.1 MB"));
    press(&mut window, "Stop fetching");
    let request = window.state_mut().state().catalogue.fetching.as_ref().unwrap().request;
    assert!(sent(window.state_mut()).contains(&Command::Cancel { request }));
}

#[test]
fn a_run_is_given_a_title_and_tags_found_by_them_and_deleted_with_a_way_back() {
    let mut window = on(PageName::Runs, [1280.0, 1000.0]);
    let mut owls = support::run("2-llama-tiny", RunState::Stopped, 900, 2000);
    let plain = |name: &str| support::run(name, RunState::Finished, 2000, 2000);
    let others = || vec![plain("1-first-stories"), plain("3-nanogpt-cpu"), plain("4-nanogpt-cpu")];
    send(window.state_mut(), [Event::Runs { runs: [others(), vec![owls.clone()]].concat() }]);
    window.run_steps(2);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
    window.run_steps(2);
    for (field, text) in [("Title", "Owls by night"), ("Tags", "birds, small ")] {
        type_into(&mut window, field, text);
        window.key_press(Key::Tab);
        window.run_steps(2);
    }
    let run = || "2-llama-tiny".to_owned();
    let asked = sent(window.state_mut());
    assert!(asked.contains(&RunChange::Title("Owls by night".to_owned()).to(run())), "{asked:?}");
    let tags = || vec!["birds".to_owned(), "small".to_owned()];
    assert!(asked.contains(&RunChange::Tags(tags()).to(run())), "{asked:?}");

    (owls.title, owls.tags) = ("Owls by night".to_owned(), tags());
    send(window.state_mut(), [Event::Runs { runs: [others(), vec![owls]].concat() }]);
    window.run_steps(2);
    let row =
        |window: &Harness<'_, App>, name: &str| window.query_by_role_and_label(Role::Row, name).is_some();
    assert!(row(&window, "2 · Owls by night") && row(&window, "3-nanogpt-cpu"));
    type_into(&mut window, "Search the runs", "bird owls");
    window.run_steps(1);
    assert!(row(&window, "2 · Owls by night") && !row(&window, "3-nanogpt-cpu"), "the search finds no tags");

    press(&mut window, "Delete");
    let deletes = |command: &Command| *command == RunChange::Delete.to("2-llama-tiny");
    assert!(!is_shown(&window, "Undo"), "nothing is deleted yet");
    answer(window.state_mut(), deletes, [Event::Runs { runs: others() }, Event::Finished]);
    window.run_steps(3);
    assert!(is_shown(&window, "Deleted 2 · Owls by night") && !row(&window, "2 · Owls by night"));
    press(&mut window, "Undo");
    assert!(sent(window.state_mut()).contains(&RunChange::Restore.to(run())));
}

#[test]
fn a_run_is_copied_as_a_command_line() {
    let mut window = on(PageName::Runs, [1280.0, 1000.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
    send(window.state_mut(), [support::history("2-llama-tiny", 1e-4)]);
    window.run_steps(3);
    let line = copied(&mut window, "Copy as a command line");
    assert!(
        line.starts_with("glasshouse train --preset llama-tiny") && line.contains("learning_rate"),
        "{line}"
    );
}

#[test]
fn a_run_out_of_proportion_to_its_text_says_so_before_it_starts() {
    let sentence = "The run sees its text about 82 times";
    let planned = |window: &mut Harness<'_, App>| {
        let mut plan = support::plan();
        plan.proportions = vec![sentence.to_owned()];
        let planned = Event::Planned(Forecast::Run { plan: Box::new(plan) });
        answer(
            window.state_mut(),
            |command| matches!(command, Command::Plan { .. }),
            [planned, Event::Finished],
        );
        window.run_steps(3);
    };
    let app = support::without_runs(PageName::Train);
    let mut window = support::window(app, 1280.0, 900.0);
    assert!(!is_shown(&window, sentence));
    planned(&mut window);
    assert!(is_shown(&window, "Ready to train") && is_shown(&window, sentence));
    // Not in the rail of an empty project; links lead there.
    window.state_mut().open(PageName::Model);
    window.run_steps(2);
    assert!(is_shown(&window, sentence), "beside the forecast");

    let mut window = on(PageName::Train, [1280.0, 900.0]);
    send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
    window.run_steps(2);
    // A changed text requests a new plan.
    send(window.state_mut(), [support::documents()]);
    let mut more = support::documents();
    if let Event::Documents { overview, .. } = &mut more {
        overview.bytes *= 2;
    }
    forget(window.state_mut());
    send(window.state_mut(), [more]);
    window.run_steps(2);
    planned(&mut window);
    press(&mut window, "New run");
    assert!(is_shown(&window, "Start a new run") && is_shown(&window, sentence));
}

#[test]
fn long_work_shows_itself_once_and_is_cancelled_where_it_shows() {
    let mut window = on(PageName::Model, [1280.0, 900.0]);
    press(&mut window, "Measure speed");
    let measure = |command: &Command| matches!(command, Command::Measure { .. });
    let underway = |work: &str| Event::Underway { work: work.to_owned(), share: Some(0.5) };
    answer(window.state_mut(), measure, [underway("measuring the speed")]);
    window.run_steps(2);
    for page in PageName::ALL {
        open_page(&mut window, page);
        assert!(contains(&window, "Measuring the speed · 50 %"), "{page:?} says nothing");
    }
    press(&mut window, "Cancel: measuring the speed");
    assert!(
        sent(window.state_mut())
            .iter()
            .any(|command| matches!(command, Command::Cancel { request } if *request > 0))
    );
    let error = ErrorReport::new(ErrorKind::Cancelled, "given up".to_owned());
    answer(window.state_mut(), measure, [Event::Failed { error }]);
    window.run_steps(2);
    assert!(!contains(&window, "Measuring the speed") && !is_shown(&window, "given up"));

    // Tasks with a button on the page have no second one in the top bar.
    open_page(&mut window, PageName::Home);
    press(&mut window, "Grow your first model");
    let grow = |command: &Command| matches!(command, Command::TrainFirst { .. });
    answer(window.state_mut(), grow, [underway("measuring the speed")]);
    window.run_steps(2);
    assert!(is_shown(&window, "Cancel") && !is_shown(&window, "Cancel: measuring the speed"), "two for one");
    open_page(&mut window, PageName::Data);
    assert!(is_shown(&window, "Cancel: measuring the speed"));
}

#[test]
fn a_first_model_that_is_refused_leaves_the_run_in_training_as_it_is() {
    let mut window = window(support::training_on(PageName::Home), 1280.0, 900.0);
    press(&mut window, "Grow your first model");
    assert!(!contains(&window, "Preparing the text"), "it would stand there for good");
    assert!(is_shown(&window, "Pause"));
    let message = "3-llama-tiny is training; stop it first".to_owned();
    let run = Some("3-llama-tiny".to_owned());
    let error = ErrorReport { run, ..ErrorReport::new(ErrorKind::Busy, message.clone()) };
    answer(
        window.state_mut(),
        |command| matches!(command, Command::TrainFirst { .. }),
        [Event::Failed { error }],
    );
    window.run_steps(2);
    assert!(is_shown(&window, &message) && is_shown(&window, "Pause"));
    assert!(!sent(window.state_mut()).contains(&Command::Steer(Steer::Stop)));
    assert_eq!(window.state().state().training.state, TrainingState::Running);

    send(
        window.state_mut(),
        [Event::TrainingEnded { run: support::run("3-llama-tiny", RunState::Stopped, 1201, 2000) }],
    );
    window.run_steps(2);
    assert!(!is_shown(&window, &message), "nothing has to be stopped any more");
}

#[test]
fn a_run_and_its_checkpoints_stand_beside_each_other() {
    let mut window = on(PageName::Runs, [1280.0, 900.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
    window.run_steps(3);
    let end = |name: &str| -> f32 {
        let found = window.query_all_by_role_and_label(Role::Button, name).map(|node| node.rect().right());
        found.reduce(f32::max).unwrap_or_else(|| panic!("no button {name}"))
    };
    for name in ["Resume", "Export model", "Use its settings", "Copy as a command line", "Delete"] {
        assert!(end(name) < 740.0, "{name} ends at {}", end(name));
    }
    assert!(end("Restore") < 1280.0, "the checkpoints end at {}", end("Restore"));
}

#[test]
fn the_time_left_is_the_one_that_the_engine_tells() {
    let mut app = support::full_app("dark");
    send(&mut app, in_training(TrainingState::Running));
    send(&mut app, [Event::Training { events: Vec::new(), seconds: Some((30.0, 3570.0)) }]);
    app.open(PageName::Train);
    let window = window(app, 1280.0, 900.0);
    assert!(is_shown(&window, "59 min 30 s") && is_shown(&window, "1 h 0 min"), "left, and in all");
}

#[test]
fn a_phone_says_below_each_icon_which_page_it_is() {
    let app = support::full_app("light");
    let window = window(app, 390.0, 844.0);
    let painted: Vec<_> = found!(support::painted(&window).into_iter(), egui::Shape::Text(text) => {
        (text.galley.text().to_owned(), text.visual_bounding_rect())
    })
    .collect();
    // They are in two lines.
    let (mut end, mut line) = (0.0, 0.0);
    for page in PageName::entries() {
        let below = |(words, place): &&(String, egui::Rect)| words == page.title() && place.top() > 740.0;
        let found = painted.iter().find(below);
        let (_, place) = found.unwrap_or_else(|| panic!("{page:?} is an icon alone: {painted:?}"));
        if place.top() > line + 20.0 {
            (end, line) = (0.0, place.top());
        }
        assert!(place.left() >= end && place.right() <= 390.0, "{page:?} at {place:?} after {end}");
        end = place.right();
    }
}

#[test]
fn a_tuning_on_conversations_ends_in_one_button_to_talk_with() {
    let mut window = on(PageName::Tune, [1280.0, 900.0]);
    let name = "3-talks";
    let run = RunSummary {
        start: Some(Start::best_of("1-first-stories")),
        ..support::run(name, RunState::Finished, 2000, 2000)
    };
    let began = Event::TrainingStarted {
        run: run.clone(),
        device: Box::new(support::device()),
        step: 0,
        folder: None,
        estimated_seconds: None,
    };
    send(window.state_mut(), [began, Event::TrainingEnded { run }]);
    window.run_steps(2);
    let mut history = support::history(name, 1e-3);
    history.config.train.objective = Objective::Chat;
    let asks = |command: &Command| matches!(command, Command::ReadRun { run: Some(run), .. } if run == name);
    answer(window.state_mut(), asks, [history]);
    window.run_steps(2);
    let buttons = |label: &str| window.query_all_by_role_and_label(Role::Button, label).count();
    assert_eq!((buttons("Talk to it"), buttons("Write with it")), (1, 0));
    press(&mut window, "Talk to it");
    assert!(is_chosen(&window.get_by_role_and_label(Role::Tab, "Chat")));
    let opened = sent(window.state_mut()).into_iter().rev().find_map(|command| match command {
        Command::OpenModel { source, .. } => Some(source),
        _ => None,
    });
    assert_eq!(opened, Some(WeightSource::best_of(name)), "the weights whose sample was shown");
}

#[test]
fn an_ended_run_shows_what_it_wrote_first_and_last_with_its_model() {
    let mut window = on(PageName::Train, [1280.0, 1400.0]);
    send(window.state_mut(), support::in_training(TrainingState::Running));
    window.run_steps(2);
    assert!(!is_shown(&window, "Before and after"), "it still trains");
    let run =
        RunSummary { best_step: Some(800), ..support::run("3-llama-tiny", RunState::Finished, 2000, 2000) };
    send(window.state_mut(), [Event::TrainingEnded { run: run.clone() }]);
    window.run_steps(2);
    assert!(is_shown(&window, "Before, step 0"));
    assert!(is_shown(&window, "After, step 800"), "of the weights that are used");
    let about = format!("{} · {} parameters", run.shape, glasshouse::format::count(run.parameters));
    assert!(contains(&window, &about) && contains(&window, &run.device));
    window.get_by_role_and_label(Role::Button, "Save as a picture");
}

#[test]
fn the_head_of_a_runs_settings_names_each_of_its_numbers() {
    let window = on(PageName::Train, [1280.0, 900.0]);
    let head = window.get_by_label("Settings of the next run");
    let told = head.accesskit_node().description().unwrap_or_default();
    assert!(told.contains("batch size ") && told.contains("learning rate "), "{told}");
}
