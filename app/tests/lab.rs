//! The page Lab with a scripted engine.

use crate::support::engine::Engine;
use crate::support::scene::Scene;
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
    scene.harness.get_by_label("Sweep file").focus();
    scene.frame();
    scene.harness.get_by_label("Sweep file").type_text("\nserch = 1");
    scene.settle();
    assert!(scene.is_disabled("Start the sweep"));
    assert!(scene.says("the sweep:"));
}
