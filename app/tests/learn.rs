//! The page Learn: lessons are what their files say, and one is done from its start to its check.

use crate::support::engine::Engine;
use crate::support::repository;
use crate::support::scene::Scene;
use egui_kittest::kittest::Queryable as _;
use glasshouse::pages::PageName;
use glasshouse::pages::learn::{BUILT_IN, Library};
use glasshouse_protocol::{Command, View};

const WIDE: [f32; 2] = [1280.0, 1400.0];
const PHONE: [f32; 2] = [390.0, 860.0];

#[test]
fn every_lesson_names_code_and_kernels_that_are_there() {
    let root = repository();
    for lesson in Library::of(Vec::new()).lessons {
        assert!(!lesson.head.code.is_empty(), "{}", lesson.name);
        for code in &lesson.head.code {
            assert!(root.join(&code.file).is_file(), "{} names {}", lesson.name, code.file);
            if let Some(kernel) = &code.kernel {
                let file = format!("shaders/kernels/{kernel}.wgsl");
                assert!(root.join(&file).is_file(), "{} names {file}", lesson.name);
            }
        }
    }
}

#[test]
fn every_lesson_is_two_minutes_of_text_with_something_to_try() {
    assert_eq!(BUILT_IN.len(), 12);
    for (file, text) in BUILT_IN {
        let body = text.rsplit("+++\n").next().unwrap();
        let words = body.split_whitespace().count();
        assert!((200..=350).contains(&words), "{file} has {words} words");
        assert!(body.contains("## Try it"), "{file}");
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(!text.contains('\t') && longest < 260, "{file}");
    }
}

fn named(scene: &Scene, words: &str) -> bool {
    scene.harness.query_all_by_label_contains(words).next().is_some()
}

#[test]
fn a_lesson_is_done_from_its_start_to_its_check() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 1: Text and tokens, not begun");
    scene.settle();
    assert!(named(&scene, "Where tokens come from"), "its text is there");
    assert!(scene.harness.query_by_label("Measure").is_none(), "nothing is measured before a prediction");
    scene.press_last("Between one and three: pieces of words");
    scene.settle();
    scene.press_last("Predict");
    scene.settle();
    assert!(named(&scene, "Your prediction: Between one and three"));
    assert!(!named(&scene, "characters per token."), "the measurement comes only when it is asked for");
    scene.press_last("Measure");
    scene.settle();
    assert!(named(&scene, "The text has"), "what was measured is said");
    let progress = scene.harness.state_mut().preferences().lessons["01-text-and-tokens"].clone();
    let measured = progress.measurement.unwrap();
    assert_eq!(measured.held, (1.3..3.0).contains(&measured.value), "{measured:?}");
    assert!(named(
        &scene,
        if measured.held { "Your prediction held." } else { "Your prediction did not hold." }
    ));
    scene.picture("learn-lesson");
    scene.press_last("All lessons");
    scene.settle();
    assert!(named(&scene, "Lesson 1: Text and tokens, done") && named(&scene, "1 of 12 done"));
}

#[test]
fn a_view_is_asked_for_as_the_lesson_declares_it_and_its_silence_is_said() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "light");
    scene.press_last("Lesson 3: Attention by hand, not begun");
    scene.settle();
    let asked = |scene: &mut Scene| {
        scene
            .sent_of(|command| matches!(command, Command::Inspect { views, .. } if *views == [View::Head]))
            .len()
    };
    let before = asked(&mut scene);
    assert!(before > 0, "the instrument asks");
    scene.press_last("Between a quarter and three quarters");
    scene.settle();
    scene.press_last("Predict");
    scene.settle();
    scene.press_last("Measure");
    scene.settle();
    assert!(asked(&mut scene) > before, "the check asks for the lesson's own settings");
    assert!(named(&scene, "without the number"), "an answer without numbers is no measurement");
    assert!(scene.harness.state_mut().preferences().lessons["03-attention-by-hand"].measurement.is_none());
}

#[test]
fn a_lesson_trains_what_it_offers() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 11: Scaling, not begun");
    scene.settle();
    scene.press_last("4 layers");
    scene.settle();
    let sent = scene.sent_of(|command| matches!(command, Command::Train { .. }));
    let [Command::Train { config, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((config.model.layers, config.seed, config.train.steps), (4, 1, 120));
}

#[test]
fn no_lesson_stands_beyond_the_edge_of_a_phone_or_of_a_window() {
    for (size, theme) in [(WIDE, "light"), (PHONE, "dark")] {
        let mut scene = Scene::new(Engine::full(), PageName::Learn, size, theme);
        scene.check_edges(size[0]);
        scene.picture(&format!("learn-{}-{theme}", size[0]));
        scene.press_last("Lesson 1: Text and tokens, not begun");
        scene.settle();
        for _ in 0..11 {
            scene.check_edges(size[0]);
            scene.press_last("Next lesson");
            scene.settle();
        }
        assert!(scene.harness.query_by_label("Next lesson").is_none(), "it is the last");
    }
}

#[test]
fn without_a_project_a_lesson_can_be_read() {
    let mut scene = Scene::new(Engine::empty(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 7: The loss and the first step, not begun");
    scene.settle();
    assert!(named(&scene, "Choose a project") && named(&scene, "What a step does"));
}
