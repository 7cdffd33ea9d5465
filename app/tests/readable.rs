//! Lists and forms that can be read: what distinguishes runs, folded columns and checkpoints, progress, and the rail by keyboard.

use crate::support::{
    self, answer, assert_within_sides, contains, forget, is_chosen, is_shown, press, run, send, sent,
};
use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::pages::PageName;
use glasshouse_protocol::{
    CheckpointSummary, Command, ErrorKind, ErrorReport, Event, Export, ExportFormat, RunState, RunSummary,
    Start,
};

type Window = Harness<'static, App>;

/// Five runs of a sweep that differ in a setting or in their width.
fn swept() -> Vec<RunSummary> {
    let settings = ["learning rate 0.0003", "learning rate 0.001", "learning rate 0.003", "", ""];
    let one = |(place, setting): (usize, &str)| {
        let changes = ["steps 300", setting].into_iter().filter(|change| !change.is_empty());
        let width = if place == 4 { 256 } else { 192 };
        RunSummary {
            changes: changes.map(str::to_owned).collect(),
            best_val_loss: Some(1.9 + 0.1 * place as f32),
            parameters: 3_000_000 + 500_000 * place as u64,
            shape: format!("6 layers · width {width} · context length 256"),
            ..run(&format!("{}-llama-tiny", place + 1), RunState::Finished, 300, 300)
        }
    };
    settings.into_iter().enumerate().map(one).collect()
}

fn runs_at(theme: &str, [width, height]: [f32; 2], runs: Vec<RunSummary>) -> Window {
    let mut app = support::full_app(theme);
    send(&mut app, [Event::Runs { runs }]);
    app.open(PageName::Runs);
    support::window(app, width, height)
}

fn described(window: &Window, row: &str) -> String {
    let row = window.get_by_role_and_label(Role::Row, row);
    row.accesskit_node().description().unwrap_or_default()
}

#[test]
fn runs_say_first_what_distinguishes_them() {
    let window = runs_at("dark", [1280.0, 900.0], swept());
    let starts = |row: &str, words: &str| {
        let described = described(&window, row);
        assert!(described.starts_with(words), "{row}: {described}");
    };
    starts("1-llama-tiny", "learning rate 0.0003 · ");
    starts("3-llama-tiny", "learning rate 0.003 · ");
    starts("5-llama-tiny", "width 256 · ");
}

#[test]
fn columns_fold_from_the_least_important_at_every_width() {
    let titles = ["Run", "Validation", "State", "Parameters", "Steps", "Made", "Time", "Device"];
    let mut before = 0;
    for width in [360.0, 390.0, 600.0, 768.0, 900.0, 1024.0, 1280.0, 2560.0] {
        let window = runs_at("light", [width, 900.0], swept());
        assert_within_sides(&window, &format!("runs at {width}"));
        let head = |title: &str| {
            let name = format!("Sort by {title}");
            window.query_by_role_and_label(Role::ColumnHeader, &name).is_some()
        };
        let shown: Vec<&str> = titles.into_iter().filter(|title| head(title)).collect();
        assert!(shown.starts_with(&["Run", "Validation"]), "{width}: {shown:?}");
        // The state keeps its icon when its title goes.
        let rest = |titles: &[&'static str]| -> Vec<&str> {
            titles.iter().copied().filter(|title| *title != "State").collect()
        };
        let important = rest(&titles);
        let shown = rest(&shown);
        assert_eq!(shown, important[..shown.len()], "{width}");
        assert!(shown.len() >= before, "{width}: {shown:?}");
        before = shown.len();
    }
    assert_eq!(before, titles.len() - 1, "a wide window shows all columns");
}

#[test]
fn a_state_is_never_cut_and_what_distinguishes_a_run_only_without_room() {
    let start = Some(Start::best_of("1-llama-tiny"));
    let changes = ["learning rate 0.0005", "batch size 24"].map(str::to_owned).to_vec();
    let tuned = RunSummary { start, changes, ..swept().remove(0) };
    let tuned = RunSummary { name: "6-llama-tiny".to_owned(), state: RunState::Interrupted, ..tuned };
    for width in [1280.0, 2560.0] {
        let mut window =
            runs_at("light", [width, 900.0], swept().into_iter().chain([tuned.clone()]).collect());
        support::picture(&mut window, "GLASSHOUSE_SCREENSHOTS", &format!("runs-{width}"));
        let painted: Vec<_> = found!(support::painted(&window).into_iter(), egui::Shape::Text(text) => {
            let shown: String = text.galley.rows.iter().flat_map(|row| row.glyphs.iter().map(|glyph| glyph.chr)).collect();
            (shown, text.galley.elided)
        })
        .collect();
        assert!(painted.contains(&("interrupted".to_owned(), false)), "{width}: {painted:?}");
        let line = painted.iter().find(|(shown, _)| shown.starts_with("from 1-llama-tiny")).unwrap();
        assert!(line.0.contains("learning rate 0.0005 · batch size 24"), "{width}: {line:?}");
        assert!(width < 2000.0 || !line.1, "{line:?} beside empty space");
    }
}

#[test]
fn pickers_name_a_runs_loss_and_size() {
    let mut app = support::full_app("dark");
    send(&mut app, [Event::Runs { runs: swept() }]);
    app.open(PageName::Evaluate);
    let window = support::window(app, 1280.0, 900.0);
    let name = "2-llama-tiny · validation 2.000 · 3.50 M";
    assert!(window.query_by_role_and_label(Role::CheckBox, name).is_some());
    let mut app = support::full_app("dark");
    send(&mut app, [Event::Runs { runs: swept() }]);
    app.open(PageName::Tune);
    let mut window = support::window(app, 1280.0, 900.0);
    window.get_by_role_and_label(Role::ComboBox, "Base model").click_accesskit();
    window.run_steps(3);
    assert!(is_shown(&window, name));
}

#[test]
fn checkpoints_fold_to_those_that_matter() {
    let checkpoint = |step: u64| CheckpointSummary {
        file: format!("step-{step}.safetensors"),
        step,
        val_loss: Some(3.0 - 0.001 * step as f32),
        best: step == 225,
        resumable: step == 300,
        bytes: 38_900_000,
    };
    let steps = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 23, 29, 36, 44, 55, 75, 98, 150, 190, 225, 300];
    let mut runs = swept();
    runs[0].checkpoints = steps.map(checkpoint).into_iter().collect();
    // The weights of the last step are also in a file of their own, which comes before the checkpoint.
    let milestone =
        CheckpointSummary { file: "milestone-300".to_owned(), resumable: false, ..checkpoint(300) };
    runs[0].checkpoints.insert(steps.len() - 1, milestone);
    let mut window = runs_at("dark", [1280.0, 1600.0], runs);
    window.get_by_role_and_label(Role::Row, "1-llama-tiny").click();
    window.run_steps(3);
    let rows = |window: &Window| window.query_all_by_role_and_label(Role::Button, "Restore").count();
    assert_eq!(rows(&window), 5, "the first, the best, the latest, and milestones between them");
    assert_eq!(window.query_all_by_label("300").count(), 1, "a row for each step");
    window.get_by_label("All 24 checkpoints").click();
    window.run_steps(3);
    assert_eq!(rows(&window), 24);
}

#[test]
fn an_export_shows_its_progress_until_it_ends_or_is_put_in_the_background() {
    let exports = |command: &Command| matches!(command, Command::Export { .. });
    let exported = || {
        let mut app = support::full_app("dark");
        app.open(PageName::Runs);
        let mut window = support::window(app, 1280.0, 900.0);
        window.get_by_role_and_label(Role::Row, "2-llama-tiny").click();
        window.run_steps(3);
        press(&mut window, "Export model");
        let wish = glasshouse::link::Wish::ExportModel {
            run: "2-llama-tiny".to_owned(),
            format: ExportFormat::default(),
        };
        press(&mut window, "Cancel");
        let place = glasshouse::link::Chosen { name: "/models".to_owned(), bytes: None };
        window.state_mut().answer(glasshouse::link::Answer { wish, files: Ok(vec![place]) });
        window.run_steps(3);
        window
    };
    let work = "Exporting the model";
    let mut window = exported();
    let asked = sent(window.state_mut());
    assert!(
        asked.iter().any(|command| matches!(command, Command::Export { what: Export::Model { .. }, .. }))
    );
    assert!(is_shown(&window, work), "at once, before the engine says anything");
    let underway = Event::Underway { work: "exporting the model".to_owned(), share: Some(0.4) };
    answer(window.state_mut(), exports, [underway]);
    window.run_steps(3);
    assert!(contains(&window, "40 %"));
    answer(window.state_mut(), exports, [Event::Finished]);
    window.run_steps(3);
    assert!(!is_shown(&window, work));

    let mut window = exported();
    press(&mut window, "Continue in the background");
    assert!(!is_shown(&window, work));
    forget(window.state_mut());

    let mut window = exported();
    press(&mut window, "Cancel");
    assert!(matches!(sent(window.state_mut()).last(), Some(Command::Cancel { .. })));
    assert!(!is_shown(&window, work));

    let mut window = exported();
    let error = ErrorReport::new(ErrorKind::Io, "/models is full");
    answer(window.state_mut(), exports, [Event::Failed { error }]);
    window.run_steps(3);
    assert!(!is_shown(&window, work) && contains(&window, "/models is full"));
}

#[test]
fn a_model_to_import_is_read_behind_a_spinner() {
    let mut app = support::full_app("light");
    let files = vec![glasshouse::link::Chosen { name: "/models/owl.gguf".to_owned(), bytes: None }];
    app.answer(glasshouse::link::Answer { wish: glasshouse::link::Wish::ImportModel, files: Ok(files) });
    let mut window = support::window(app, 1280.0, 900.0);
    assert!(is_shown(&window, "Reading the model"));
    let looks = |command: &Command| matches!(command, Command::LookAtModel { .. });
    answer(window.state_mut(), looks, [Event::Finished]);
    window.run_steps(3);
    assert!(!is_shown(&window, "Reading the model"));
}

/// The page whose entry in the rail has the focus.
fn focused_entry(window: &Window) -> Option<String> {
    let tabs = window.query_all_by_role(Role::Tab);
    tabs.filter(egui_kittest::Node::is_focused).find_map(|tab| tab.accesskit_node().label())
}

#[test]
fn the_rail_is_one_tab_stop_with_arrow_keys() {
    for width in [1280.0, 800.0, 390.0] {
        let mut window = support::on(PageName::Runs, [width, 900.0]);
        let mut stops = Vec::new();
        for _ in 0..60 {
            window.key_press(Key::Tab);
            window.run_steps(2);
            stops.extend(focused_entry(&window));
        }
        assert!(!stops.is_empty() && stops.iter().all(|stop| stop == "Runs"), "{width}: {stops:?}");
        while focused_entry(&window).is_none() {
            window.key_press_modifiers(Modifiers::SHIFT, Key::Tab);
            window.run_steps(2);
        }
        for (key, page) in
            [(Key::ArrowLeft, "Evaluate"), (Key::ArrowLeft, "Inspect"), (Key::ArrowRight, "Evaluate")]
        {
            window.key_press(key);
            window.run_steps(3);
            assert_eq!(focused_entry(&window).as_deref(), Some(page), "{width}");
        }
        let open = |window: &Window, page: &str| {
            let mut tabs = window.query_all_by_role_and_label(Role::Tab, page);
            tabs.any(|tab| is_chosen(&tab))
        };
        assert!(open(&window, "Runs"), "arrows only move the focus");
        window.key_press(Key::Enter);
        window.run_steps(3);
        assert!(open(&window, "Evaluate"));
    }
}

#[test]
fn a_length_by_steps_says_that_epochs_are_not_set() {
    let mut app = support::without_runs(PageName::Train);
    app.preferences().folds.insert("train:settings".to_owned(), true);
    let window = support::window(app, 1280.0, 1600.0);
    let epochs = window.get_by_role_and_label(Role::SpinButton, "Epochs");
    assert_eq!(epochs.accesskit_node().value().as_deref(), Some("not set"));
}

#[test]
fn what_can_be_edited_or_ticked_is_outlined() {
    let outlines = |window: &Window, rect: egui::Rect| {
        let shapes = support::painted(window).into_iter();
        let drawn = |shape: &egui::epaint::RectShape| {
            let edge = shape.stroke;
            edge.width > 0.0 && edge.color.a() > 0 && rect.expand(2.0).contains_rect(shape.rect)
        };
        let outlines =
            found!(shapes, egui::Shape::Rect(shape) if drawn(&shape) => (shape.fill, shape.stroke.color));
        outlines.collect::<Vec<_>>()
    };
    for theme in ["dark", "light"] {
        let mut app = support::full_app(theme);
        send(&mut app, [Event::Runs { runs: swept() }]);
        app.open(PageName::Evaluate);
        let window = support::window(app, 1280.0, 900.0);
        let boxes = window.get_all_by_role(Role::CheckBox).filter(|tick| !is_chosen(tick));
        let boxes: Vec<_> = boxes.map(|tick| outlines(&window, tick.rect())).collect();
        assert!(boxes.len() > 2, "{theme}: {boxes:?}");
        for drawn in boxes {
            assert!(matches!(drawn[..], [(egui::Color32::TRANSPARENT, _)]), "{theme}: {drawn:?}");
        }

        let mut app = support::full_app(theme);
        app.open(PageName::Model);
        let window = support::window(app, 1280.0, 900.0);
        let field = window.get_by_role_and_label(Role::SpinButton, "Width").rect();
        let drawn = outlines(&window, field);
        assert!(matches!(drawn[..], [(fill, edge)] if fill != edge), "{theme}: {drawn:?}");

        let mut app = support::full_app(theme);
        app.open(PageName::Learn);
        let window = support::window(app, 1280.0, 900.0);
        let discs = found!(support::painted(&window).into_iter(), egui::Shape::Text(text) => text.galley)
            .filter(|galley| galley.text().contains('\u{e836}'));
        assert!(discs.count() > 2, "{theme}: the outline of a disc for each lesson that was not begun");
    }
}
