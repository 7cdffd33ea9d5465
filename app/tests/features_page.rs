//! The Features page in the real application, with a scripted engine.

use crate::support;
use crate::support::dictionaries;
use crate::support::engine::Engine;
use crate::support::scene::Scene;
use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::Address;
use glasshouse::pages::PageName;
use glasshouse_protocol::features::{DictionaryPoint, DictionarySettings};
use glasshouse_protocol::{Command, ErrorKind, ErrorReport, Event, TrainingState, answer};

fn settings() -> DictionarySettings {
    DictionarySettings { at: "blocks.1.mlp.output".to_owned(), ..DictionarySettings::default() }
}

fn scene(kept: u64, size: [f32; 2], theme: &str) -> Scene {
    let dictionaries = (1..=kept).map(|number| dictionaries::trained(number, &settings())).collect();
    Scene::new(Engine { dictionaries, ..Engine::full() }, PageName::Features, size, theme)
}

/// The line beside the title of a fold.
fn note(scene: &Scene, fold: &str) -> String {
    scene.harness.get_by_label(fold).accesskit_node().description().unwrap_or_default()
}

fn is_disabled(scene: &Scene, name: &str) -> bool {
    scene.harness.get_by_role_and_label(Role::Button, name).accesskit_node().is_disabled()
}

#[test]
fn everything_is_within_the_edges_of_every_width_in_both_themes() {
    for theme in ["dark", "light"] {
        for width in [390.0, 1280.0] {
            let mut scene = scene(2, [width, 4_000.0], theme);
            scene.press("Feature 0  \" named\" 87.5 %, 25.0 %");
            scene.press("Write with and without it");
            scene.press("Why did it write this?");
            scene.press_role(Role::Button, "Tokens and features");
            for words in [
                "32,768 held-out tokens",
                "Strongest activations",
                "precision 87.5 %",
                "a boy named Tom",
                "Plain",
                "rank correlation",
            ] {
                assert!(scene.says(words), "{words:?} is missing at {width}, {theme}");
            }
            assert!(note(&scene, "Quality").starts_with("90.9 % of the loss recovered"));
            scene.check_edges();
            scene.picture(&format!("features-{theme}-{width}"));
        }
    }
}

#[test]
fn a_dictionary_is_planned_and_trained_and_then_read() {
    let mut scene = scene(0, [1280.0, 2_000.0], "dark");
    assert!(scene.says("about 1 min 32 s") && !scene.says("Strongest activations"));
    scene.set(Role::SpinButton, "Features", 8192.0);
    assert!(scene.says("lower the width") && is_disabled(&scene, "Train dictionary"));
    scene.set(Role::SpinButton, "Features", 512.0);
    scene.press_role(Role::Button, "Train dictionary");
    let sent = scene.sent_of(|command| matches!(command, Command::TrainDictionary { .. }));
    let [Command::TrainDictionary { settings: sent, .. }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((sent.at.as_str(), sent.width), ("blocks.1.mlp.output", 512));
    assert!(scene.says("512 features at") && scene.says("Feature 0"), "its features are listed");
}

#[test]
fn a_training_shows_its_measurements_and_keeps_them_when_cancelled() {
    let silent = |command: &Command| matches!(command, Command::TrainDictionary { .. });
    let mut scene =
        Scene::new(Engine { silent, ..Engine::full() }, PageName::Features, [1280.0, 2_000.0], "dark");
    scene.press_role(Role::Button, "Train dictionary");
    let asked = scene.sent().into_iter().find(|sent| silent(&sent.command)).unwrap();
    let point = DictionaryPoint {
        tokens: 250_000,
        explained_variance: 0.7,
        l0: 12.0,
        dead: 1.0,
        ..DictionaryPoint::default()
    };
    let record =
        answer::Dictionary { curve: vec![point], recovery: None, ..dictionaries::trained(1, &settings()) };
    support::answer(scene.harness.state_mut(), silent, [Event::Dictionary(record.clone())]);
    scene.settle();
    // All features are dead.
    for words in ["250,000 of 1,000,000 tokens", "Explained variance", "100 %"] {
        assert!(scene.says(words), "{words}");
    }
    scene.press("Cancel");
    assert_eq!(
        scene.sent_of(|command| matches!(command, Command::Cancel { .. })),
        [Command::Cancel { request: asked.id }]
    );
    assert!(scene.says("Stopping"));
    scene.engine.dictionaries.push(record);
    let error = ErrorReport::new(ErrorKind::Cancelled, "it was cancelled");
    support::answer(scene.harness.state_mut(), silent, [Event::Failed { error }]);
    scene.settle();
    assert_eq!(note(&scene, "Quality"), "stopped after 250,000 tokens");
}

#[test]
fn a_feature_is_found_by_text_named_and_steered() {
    let mut scene = scene(1, [1280.0, 3_000.0], "light");
    scene.type_into("Text to find features in", "the red kite");
    scene.settle();
    let texts = |scene: &mut Scene| {
        let sent = scene.sent_of(|command| matches!(command, Command::ReadFeatures { .. }));
        sent.into_iter()
            .filter_map(|sent| match sent {
                Command::ReadFeatures { query, .. } => query.text,
                _ => None,
            })
            .next_back()
    };
    assert_eq!(texts(&mut scene).as_deref(), Some("the red kite"));
    scene.press("Feature 1  \" said\" 87.5 %, 2.5000");
    scene.type_into("Name of the feature", "speech");
    scene.harness.key_press(Key::Enter);
    scene.settle();
    scene.press_role(Role::RadioButton, "Clamp");
    let named = scene.sent_of(|command| matches!(command, Command::NameFeature { .. }));
    let wanted = Command::NameFeature {
        run: dictionaries::RUN.to_owned(),
        dictionary: Some(1),
        feature: 1,
        name: "speech".to_owned(),
    };
    assert_eq!(named, [wanted]);
    assert!(scene.says("Feature 1  speech"), "the list is read again");
    scene.set(Role::SpinButton, "Strength", 4.0);
    scene.press("Write with and without it");
    let steered = scene.sent_of(|command| matches!(command, Command::SteerFeature { .. }));
    let [Command::SteerFeature { steering, .. }] = &steered[..] else { panic!("{steered:?}") };
    assert_eq!((steering.feature, steering.by, steering.clamp), (1, 4.0, true));
    assert!(scene.says("Feature 1 at 4"));
    // A neighbour that is never active.
    scene.press("Feature 9 (0.92)");
    assert!(scene.says("It is not active in the held-out text."));
}

#[test]
fn a_next_token_leads_to_its_features_and_a_completion_to_its_passages() {
    let mut scene = scene(1, [1280.0, 4_000.0], "dark");
    scene.press("Why did it write this?");
    assert!(is_disabled(&scene, "Training passages"), "without a text after the prompt");
    scene.type_into("Prompt to explain", " a boy named");
    scene.type_into("Text after the prompt", " Tom");
    scene.press_role(Role::Button, "Tokens and features");
    scene.press_role(Role::Button, "Training passages");
    let sent = scene.sent_of(|command| matches!(command, Command::GraphFeatures { .. }));
    let [Command::GraphFeatures { query, .. }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(query.token.as_deref(), Some(" Tom"));
    assert!(scene.says("More likely because of") && scene.says("A boy named Tom ran."));
    scene.press_role(Role::Button, "block 1, feature 3 at \" boy\" (2): raises \" Mia\"");
    assert!(scene.says("Strongest activations"), "its card is open");
}

#[test]
fn an_address_opens_a_feature_and_draws_the_graph_behind_a_token() {
    let mut scene = scene(1, [1280.0, 4_000.0], "dark");
    let pairs = [("page", "features"), ("feature", "0"), ("prompt", " a boy named"), ("completion", " Tom")];
    let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    scene.harness.state_mut().follow(&Address::read(value));
    scene.settle();
    assert!(scene.says("Strongest activations") && scene.says("rank correlation"));
    let sent = scene.sent_of(|command| matches!(command, Command::GraphFeatures { .. }));
    let [Command::GraphFeatures { query, .. }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((query.prompt.as_str(), query.token.as_deref()), (" a boy named", Some(" Tom")));
}

#[test]
fn features_that_cannot_be_read_leave_no_spinner() {
    let failing = |command: &Command| matches!(command, Command::ReadFeatures { .. });
    let dictionaries = vec![dictionaries::trained(1, &settings())];
    let engine = Engine { failing, dictionaries, ..Engine::full() };
    let mut scene = Scene::new(engine, PageName::Features, [1280.0, 1_200.0], "dark");
    assert!(scene.says("The features could not be read."));
    let asked = scene.sent_of(failing).len();
    scene.settle();
    assert_eq!(scene.sent_of(failing).len(), asked, "asked once");
}

#[test]
fn nothing_is_asked_while_a_run_trains_and_the_tab_needs_a_run() {
    let mut app = support::full_app("dark");
    support::send(&mut app, support::in_training(TrainingState::Running));
    app.open(PageName::Features);
    let mut window = support::window(app, 1280.0, 900.0);
    assert!(window.query_all_by_label_contains("A run is in training").next().is_some());
    let sent = support::sent(window.state_mut());
    let asks = |command: &Command| {
        matches!(command, Command::ReadDictionaries { .. } | Command::ReadFeatures { .. })
    };
    assert!(!sent.iter().any(asks));
    let scene =
        Scene::new(Engine { runs: false, ..Engine::full() }, PageName::Features, [1280.0, 900.0], "dark");
    assert!(!scene.says("Train dictionary"));
}
