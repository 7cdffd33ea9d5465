//! The page Lab with a scripted engine.

use crate::support::engine::Engine;
use crate::support::scene::Scene;
use egui::Role;
use egui_kittest::kittest::Queryable as _;
use glasshouse::pages::PageName;
use glasshouse_protocol::{Command, Fit};

const WIDE: [f32; 2] = [1280.0, 1600.0];

#[test]
fn a_suggested_rate_becomes_that_of_the_next_run() {
    let mut scene = Scene::new(Engine::full(), PageName::Lab, WIDE, "dark");
    scene.click("Test learning rates");
    let asked = scene.sent_of(|command| matches!(command, Command::Fit(Fit::LearningRate { .. })));
    assert_eq!(asked.len(), 1);
    scene.picture("lab-rate");
    scene.click("Use it for the next run");
    let train = scene.planned().train;
    assert!((train.learning_rate - 2.5e-3).abs() < 1e-12, "{}", train.learning_rate);
    assert!(train.min_learning_rate < train.learning_rate);
}

#[test]
fn a_sweep_is_started_from_its_file_and_shown() {
    for size in [WIDE, [420.0, 1600.0]] {
        let mut scene = Scene::new(Engine::full(), PageName::Lab, size, "light");
        assert!(scene.says("8 runs"), "the example is counted");
        scene.press("Start the sweep");
        let (_, launch) = scene.started();
        assert!(launch.sweep.unwrap().contains("train.learning_rate"));
        assert!(scene.says("rates: 1 of 2 runs"), "its table is shown");
        scene.press("Resume the sweep");
        let started = scene.sent_of(|command| matches!(command, Command::Train { .. }));
        assert_eq!(started.len(), 2);
        scene.check_edges();
        scene.picture("lab-sweep");
    }
}

#[test]
fn a_sweep_is_chosen_from_lists_and_its_base_is_named() {
    for size in [WIDE, [420.0, 2000.0]] {
        let mut scene = Scene::new(Engine::full(), PageName::Lab, size, "light");
        assert!(size != WIDE || scene.says("search: settings of the next new run"), "in the header");
        scene.press_role(Role::CheckBox, "Layers 2");
        assert!(scene.says("4 runs"), "one of two values is left");
        assert!(scene.is_disabled("Layers 4"), "a varied setting keeps a value");
        scene.press("Do not vary Layers");
        scene.type_into("Another value of Learning rate", "0.5");
        scene.harness.key_press(egui::Key::Enter);
        scene.settle();
        assert!(scene.says("5 runs, about"), "with the time");
        scene.press("Inherited settings");
        assert!(scene.says("Weight decay") && !scene.says("of the next new run, fine-tunes"));
        scene.check_edges();
        scene.picture("lab-lists");
        scene.press("Start the sweep");
        let (config, launch) = scene.started();
        let text = launch.sweep.unwrap();
        assert!(text.contains("0.5") && !text.contains("model.layers"), "{text}");
        assert_eq!(config.start, None);
    }
}

/// The search draft is that of the project: other pages neither change it nor are changed by it.
#[test]
fn a_search_may_vary_the_settings_of_a_run() {
    let mut scene = Scene::new(Engine::full(), PageName::Lab, WIDE, "dark");
    let before = scene.planned();
    scene.press_role(Role::ComboBox, "Base settings");
    let run = "1-first-stories".to_owned();
    scene.harness.get_by_label_contains(&format!("{run} · validation ")).click_accesskit();
    scene.settle();
    let saved = scene.sent_of(|command| matches!(command, Command::SaveDrafts { .. })).pop();
    let Some(Command::SaveDrafts { drafts }) = saved else { panic!("not saved") };
    assert_eq!(drafts.search.base.as_ref().map(|(name, _)| name), Some(&run));
    assert_eq!(drafts.train, before, "the next new run is as it was");
    assert_eq!(drafts.tune, None);
    scene.press("Start the sweep");
    let (config, _) = scene.started();
    let base = &drafts.search.base.as_ref().unwrap().1;
    assert_eq!(config.train, base.train);
    assert_eq!(config.tokenizer, before.tokenizer, "the project's");
}

#[test]
fn a_ladder_shows_its_prediction_before_the_largest_model_is_trained() {
    for size in [WIDE, [420.0, 1600.0]] {
        let mut scene = Scene::new(Engine::full(), PageName::Lab, size, "dark");
        scene.press("Scaling ladder");
        assert!(scene.says("5 runs"));
        scene.press("Start the sweep");
        let (_, launch) = scene.started();
        assert!(launch.sweep.unwrap().contains("[ladder]"));
        assert!(scene.says("Predicted") && scene.says("1.0500 (0.9800 to 1.1300)"));
        assert!(!scene.says("Measured"));
        scene.check_edges();
        scene.picture("lab-scale");
    }
}

#[test]
fn cleaning_rules_are_measured_and_their_intervals_are_put_in_words() {
    for size in [WIDE, [420.0, 1600.0]] {
        let mut scene = Scene::new(Engine::full(), PageName::Lab, size, "light");
        scene.press("Cleaning rules");
        assert!(scene.says("A run for each rule that changes the text"));
        scene.press("Start the sweep");
        let (_, launch) = scene.started();
        assert!(launch.sweep.unwrap().contains("[ablate]"));
        assert!(scene.says("Gopher quality") && scene.says("helps") && scene.says("the interval contains 0"));
        scene.check_edges();
        scene.picture("lab-ablation");
    }
}

#[test]
fn a_sweep_file_that_cannot_be_used_says_why_and_does_not_start() {
    let mut scene = Scene::new(Engine::full(), PageName::Lab, WIDE, "dark");
    scene.press("As a file");
    scene.harness.get_by_label("Sweep file").focus();
    scene.frame();
    scene.harness.get_by_label("Sweep file").type_text("\nserch = 1");
    scene.settle();
    assert!(scene.is_disabled("Start the sweep"));
    assert!(scene.says("the sweep:"));
}
