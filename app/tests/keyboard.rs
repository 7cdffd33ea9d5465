//! Everything is accessible by keyboard: on every page, Tab reaches each control that can be clicked or changed.

use crate::support;
use egui::accesskit::Action;
use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::pages::PageName;
use glasshouse_protocol::{Command, Steer, TrainingState};
use std::collections::BTreeMap;

/// Active controls: the name of each, by a unique key.
fn controls(window: &Harness<'_, App>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for node in window.root().children_recursive() {
        let node = node.accesskit_node();
        let acts =
            node.data().supports_action(Action::Click) || node.data().supports_action(Action::SetValue);
        // Selectable text is not a control, and scroll bars follow the focus.
        let is_control = !matches!(node.role(), Role::ScrollBar | Role::Label);
        // The rail is one stop, from which the arrow keys lead on; its first line leads to Home.
        let is_in_rail = node.role() == Role::Tab
            && PageName::entries().any(|page| node.label().as_deref() == Some(page.title()))
            || node.label().is_some_and(|label| label.starts_with("Project "));
        if acts && is_control && !is_in_rail && !node.is_disabled() {
            found.insert(format!("{:?}", node.id()), format!("{:?} {:?}", node.role(), node.label()));
        }
    }
    found
}

fn assert_reached(window: &mut Harness<'_, App>, page: PageName) {
    let wanted = controls(window);
    assert!(!wanted.is_empty(), "{page:?} has no controls");
    let mut missing = wanted.clone();
    for _ in 0..2 * wanted.len() + 20 {
        window.key_press(Key::Tab);
        window.run_steps(1);
        for node in window.root().children_recursive() {
            if node.is_focused() {
                missing.remove(&format!("{:?}", node.accesskit_node().id()));
            }
        }
        if missing.is_empty() {
            return;
        }
    }
    let names: Vec<&String> = missing.values().collect();
    panic!("Tab does not reach on {page:?}: {names:#?}");
}

fn assert_page(page: PageName, width: f32) {
    let mut app = support::full_app("dark");
    support::send(&mut app, [support::bench::recipe()]);
    support::send(&mut app, support::in_training(TrainingState::Paused));
    for fold in ["train:settings", "train:change", "train:profile"] {
        app.preferences().folds.insert(fold.to_owned(), true);
    }
    app.open(page);
    assert_reached(&mut support::window(app, width, 900.0), page);
}

/// A test for each page.
macro_rules! pages {
    ($($name:ident: $page:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            assert_page(PageName::$page, 1280.0);
        }
    )*};
}

pages! {
    tab_reaches_every_control_of_home: Home,
    tab_reaches_every_control_of_data: Data,
    tab_reaches_every_control_of_tokenizer: Tokenizer,
    tab_reaches_every_control_of_model: Model,
    tab_reaches_every_control_of_train: Train,
    tab_reaches_every_control_of_write: Write,
    tab_reaches_every_control_of_tune: Tune,
    tab_reaches_every_control_of_chat: Chat,
    tab_reaches_every_control_of_inspect: Inspect,
    tab_reaches_every_control_of_runs: Runs,
    tab_reaches_every_control_of_evaluate: Evaluate,
    tab_reaches_every_control_of_lab: Lab,
    tab_reaches_every_control_of_settings: Settings,
}

#[test]
fn tab_reaches_every_control_of_what_an_evaluation_found() {
    let mut app = support::full_app("light");
    support::send(&mut app, [support::evaluation::kept(&["2-llama-tiny".to_owned()], true)]);
    for fold in ["evaluate:options", "evaluate:audit options"] {
        app.preferences().folds.insert(fold.to_owned(), true);
    }
    app.open(PageName::Evaluate);
    assert_reached(&mut support::window(app, 1280.0, 4_000.0), PageName::Evaluate);
}

#[test]
fn tab_reaches_every_control_on_a_phone() {
    for page in PageName::ALL {
        assert_page(page, 390.0);
    }
}

#[test]
fn keys_change_nothing_behind_a_dialog() {
    let mut window = support::window(support::training_on(PageName::Data), 1280.0, 900.0);
    window.get_by_role_and_label(Role::Button, "Paste text").click_accesskit();
    window.run_steps(3);
    assert!(window.get_by_label("Text of the document").is_focused(), "one has to press the field");

    // Nothing has the focus any more, nor had it recently.
    window.ctx.memory_mut(egui::Memory::stop_text_input);
    let now = window.ctx.input(|input| input.time);
    window.input_mut().time = Some(now + 5.0);
    window.run_steps(2);
    support::forget(window.state_mut());
    for key in [Key::Num1, Key::Num8, Key::P] {
        window.key_press(key);
        window.run_steps(2);
    }
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    window.run_steps(2);
    let title = "Add text as a document";
    assert!(window.query_by_label(title).is_some(), "the page behind it changed");
    assert!(!support::sent(window.state_mut()).contains(&Command::Steer(Steer::Pause)));

    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label(title).is_none());
    window.key_press(Key::P);
    window.run_steps(2);
    assert!(support::sent(window.state_mut()).contains(&Command::Steer(Steer::Pause)));
}
