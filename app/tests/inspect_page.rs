//! The Inspect page in the real application, with a scripted engine whose answers have real tensors.

use crate::support::scene::Scene;
use crate::support::{
    self,
    engine::{self, Engine},
};
use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;
use glasshouse::pages::PageName;
use glasshouse_protocol::evaluation::LossUnit;
use glasshouse_protocol::{Command, Event, InspectSettings, TrainingState, View, WeightSource};

const WIDE: [f32; 2] = [1280.0, 2400.0];
const PHONE: [f32; 2] = [360.0, 2400.0];

fn inspects(command: &Command) -> bool {
    matches!(command, Command::Inspect { .. })
}

/// A window on the page with only these views open.
fn scene(engine: Engine, size: [f32; 2], views: &[View]) -> Scene {
    let mut scene = Scene::new(engine, PageName::Home, size, "dark");
    let app = scene.harness.state_mut();
    for view in View::ALL {
        app.preferences().folds.insert(format!("inspect:{view}"), views.contains(&view));
    }
    app.open(PageName::Inspect);
    scene.settle();
    scene
}

/// The requested inspections: weights, prompt, views, settings.
fn asked(scene: &mut Scene) -> Vec<(WeightSource, String, Vec<View>, InspectSettings)> {
    let of = |command| match command {
        Command::Inspect { source, prompt, views, settings, .. } => Some((source, prompt, views, *settings)),
        _ => None,
    };
    scene.sent_of(inspects).into_iter().filter_map(of).collect()
}

fn last(scene: &mut Scene) -> (WeightSource, String, Vec<View>, InspectSettings) {
    asked(scene).pop().expect("something was asked")
}

/// Presses the second head of the second layer.
fn choose_head(scene: &mut Scene) {
    let name = "Layer 1, head 1, previous token 0.83, choose cells";
    scene.harness.get_by_label_contains(name).click_accesskit();
    scene.settle();
}

fn at_step(step: u64) -> WeightSource {
    let checkpoint = format!("step-{step}.safetensors").into();
    WeightSource::Checkpoint { run: "2-first-stories".to_owned(), checkpoint }
}

#[test]
fn what_is_open_is_asked_once_and_a_keystroke_asks_again() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Tokens, View::Attention]);
    let first = asked(&mut scene);
    let (source, prompt, views, _) = first.last().unwrap();
    assert_eq!((source, views.as_slice()), (&WeightSource::Current, &[View::Attention, View::Tokens][..]));
    assert!(prompt.starts_with("Once upon a time"), "{prompt}");
    scene.settle();
    assert_eq!(asked(&mut scene).len(), first.len(), "nothing has changed");
    scene.type_into("Prompt", "!");
    scene.settle();
    let (_, typed, ..) = last(&mut scene);
    assert!(typed.contains('!') && asked(&mut scene).len() == first.len() + 1, "{typed}");
}

#[test]
fn at_most_one_question_is_under_way() {
    let mut scene = scene(Engine { silent: inspects, ..Engine::full() }, WIDE, &[View::Tokens]);
    let before = asked(&mut scene).len();
    assert_eq!(before, 1);
    scene.harness.get_by_label("Prompt").focus();
    scene.frame();
    for letter in ["a", "b", "c"] {
        scene.harness.get_by_label("Prompt").type_text(letter);
        scene.frame();
    }
    assert_eq!(asked(&mut scene).len(), before, "the newest is asked when the last was answered");
}

#[test]
fn a_token_says_how_likely_it_was_and_is_looked_at_when_pressed() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Tokens, View::Embeddings]);
    assert!(scene.says("% likely, rank 2, surprise"), "the third token's rank");
    let prompt = last(&mut scene).1;
    let tokens = engine::tokens(&prompt);
    assert!(tokens.len() > 3);
    assert!(scene.says("Position 0: Once") && scene.says("no context"));
    scene.harness.get_all_by_label_contains("Position 2: ").last().unwrap().click();
    scene.settle();
    let (_, _, views, settings) = last(&mut scene);
    assert_eq!(
        (views.as_slice(), settings.position),
        (&[View::Embeddings][..], Some(2)),
        "tokens stay as they are"
    );
    // The neighbours of a neighbour.
    scene.click("·word1");
    assert_eq!(last(&mut scene).3.token, Some(1));
    scene.type_into("Find a token", "word17");
    scene.settle();
    scene.click("·word17");
    assert_eq!(last(&mut scene).3.token, Some(17));
    scene.picture("inspect-tokens");
}

#[test]
fn a_pressed_head_is_the_one_whose_arithmetic_is_shown() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Attention, View::Head]);
    assert!(scene.says("previous token 0.83"), "the second head of each layer");
    assert!(scene.says("mixed"), "the first one of each");
    choose_head(&mut scene);
    let (_, _, views, settings) = last(&mut scene);
    assert_eq!((views.as_slice(), settings.layer, settings.head), (&[View::Head][..], Some(1), Some(1)));
    assert!(scene.says("Layer 1, head 1, at"));
    assert!(scene.says("Layer 1, head 1, previous token 0.83, chosen"), "it is said which one is chosen");
    assert!(scene.says("q·k / √4"), "the arithmetic with its numbers");
    assert!(scene.says("Key of 0 Once: score"));
    scene.picture("inspect-head");
}

#[test]
fn the_key_that_a_head_reads_from_most_is_in_sight_however_long_the_prompt_is() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Head]);
    scene.harness.get_by_label("Prompt").focus();
    scene.frame();
    let more = " and a fox ran up the hill at night to see the moon in the sky with all its stars";
    scene.harness.get_by_label("Prompt").type_text(more);
    scene.settle();
    scene.settle();
    // Each token attends most to itself, so the last key has the largest weight, below the visible ones.
    let key = engine::tokens(&last(&mut scene).1).len() - 1;
    assert!(key > 15, "{key}");
    assert!(scene.says(&format!("Key of {key} ")) && !scene.says("Key of 0 "));
    assert!(scene.says(&format!("Against {key} ")), "whose arithmetic is written out");
    assert!(scene.says("Token, Score, Share"), "what the columns are");
}

#[test]
fn arrow_keys_read_the_cells_of_a_head() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Attention]);
    let name = "Attention of the head, choose cells with the arrow keys";
    scene.harness.get_by_label(name).focus();
    scene.settle();
    scene.harness.key_press(Key::ArrowDown);
    scene.settle();
    let node = scene.harness.get_by_label(name);
    let said = egui_kittest::kittest::NodeT::accesskit_node(&node).value().unwrap_or_default();
    assert!(said.contains("reads 0.333 from 0 Once"), "{said}");
}

#[test]
fn attention_comes_first_with_its_tokens_on_both_axes() {
    for (size, name) in [(WIDE, "wide"), (PHONE, "phone")] {
        for theme in ["dark", "light"] {
            let mut scene = scene(Engine::full(), size, &[View::Attention, View::Positions]);
            scene.harness.state_mut().preferences().theme = support::theme_of(theme);
            scene.settle();
            let top = |name| scene.harness.get_by_role_and_label(Role::DisclosureTriangle, name).rect().top();
            assert!(View::ALL[1..].iter().all(|view| top(view.title()) > top("Attention")));
            scene.check_edges();
            scene.picture(&format!("inspect-attention-{name}-{theme}"));
        }
    }
}

#[test]
fn a_walk_goes_from_text_to_the_next_token_and_opens_to_its_numbers() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Walk]);
    for title in
        ["Token ids", "Embedding", "Shares of attention", "Residual stream", "Logits", "What comes next"]
    {
        assert!(scene.says(title), "no {title}");
    }
    assert!(scene.says("q = RoPE(RMSNorm(x)·W_Q, t)"), "as this model has its queries");
    scene.click("Embedding in numbers");
    assert!(scene.says("Embedding of all tokens") && scene.says("length "));
    scene.click("Previous block");
    assert_eq!(last(&mut scene).3.layer, Some(1), "of layers 0 to 2");
    assert!(scene.says("Block 1 (0 to 2)"));
    scene.picture("inspect-walk");
}

#[test]
fn every_view_can_be_read_as_a_table() {
    let views = [View::Tokens, View::Positions];
    let mut scene = scene(Engine::full(), WIDE, &views);
    for view in views {
        scene.harness.get_by_label(&format!("{} as a table", view.title())).click();
        scene.settle();
    }
    scene.harness.get_by_role_and_label(Role::Row, "0, 0, 0");
    scene.harness.get_by_role_and_label(Role::Row, "0 Once, 0 ·word0");
    scene.picture("inspect-tables");
}

#[test]
fn what_is_of_another_prompt_says_so_until_the_answer_is_there() {
    let is_new =
        |command: &Command| matches!(command, Command::Inspect { prompt, .. } if prompt.contains('!'));
    let views = [View::Tokens, View::Positions];
    let on_its_way = Engine { silent: is_new, ..Engine::full() };
    let refused = Engine { failing: is_new, ..Engine::full() };
    for (engine, words) in
        [(on_its_way, "the new answer is being computed"), (refused, "the new request failed")]
    {
        let mut scene = scene(engine, WIDE, &views);
        assert!(!scene.says("Shown for"));
        scene.type_into("Prompt", "!");
        scene.settle();
        scene.settle();
        assert!(scene.says(&format!("step 2,400: {words}")));
    }
}

#[test]
fn what_is_refused_stands_in_its_section_and_is_not_asked_again() {
    let refuses =
        |command: &Command| matches!(command, Command::Inspect { views, .. } if views.contains(&View::Head));
    let mut scene =
        scene(Engine { failing: refuses, ..Engine::full() }, WIDE, &[View::Walk, View::Tokens, View::Head]);
    assert!(scene.says("the disk is full"));
    assert!(scene.harness.state().state().messages.is_empty(), "it stands beside the view alone");
    assert!(scene.says("Block 2 (0 to 2)") && scene.says("Perplexity"), "what can be had is there");
    let before = asked(&mut scene).len();
    scene.settle();
    scene.settle();
    assert_eq!(asked(&mut scene).len(), before, "what failed would be asked again and again");
}

#[test]
fn a_run_is_scrubbed_and_played_from_its_first_weights_to_its_last() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Tokens, View::Embeddings]);
    scene.set(Role::Slider, "Step of the run", 1.0);
    let (source, _, _, settings) = last(&mut scene);
    assert_eq!(source, at_step(500));
    let best = "best.safetensors".into();
    let reference = WeightSource::Checkpoint { run: "2-first-stories".to_owned(), checkpoint: best };
    assert_eq!(settings.reference.as_ref(), Some(&reference), "maps are turned towards the last");
    assert!(scene.says("step 500"));
    scene.set(Role::Slider, "Step of the run", 0.0);
    let before = asked(&mut scene).len();
    scene.harness.get_by_label("Go through the run").click();
    for _ in 0..4 {
        scene.settle();
    }
    let sources: Vec<WeightSource> =
        asked(&mut scene).into_iter().skip(before).map(|(source, ..)| source).collect();
    assert_eq!(sources, [at_step(500), at_step(1000), reference]);
    assert!(scene.says("Go through the run"), "it has come to its end");
}

#[test]
fn the_top_says_what_the_last_answer_is_of() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Walk, View::Tokens]);
    scene.harness.state_mut().preferences().folds.insert(format!("inspect:{}", View::Walk), false);
    scene.set(Role::Slider, "Step of the run", 1.0);
    assert!(scene.says("2-first-stories · step 500 · example"), "not what the folded view was asked before");
}

#[test]
fn weights_in_training_are_looked_at_again_as_they_move_on_and_at_most_every_two_seconds() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Tokens]);
    support::send(scene.harness.state_mut(), support::in_training(TrainingState::Running));
    scene.settle();
    let before = asked(&mut scene).len();
    let moved = Event::Training { events: support::steps(1201, 1210, 2000), seconds: None };
    support::send(scene.harness.state_mut(), [moved]);
    for _ in 0..5 {
        scene.frame();
    }
    assert_eq!(asked(&mut scene).len(), before, "it would be asked at every step");
    scene.settle();
    scene.settle();
    assert_eq!(asked(&mut scene).len(), before + 1);
    assert_eq!(last(&mut scene).0, WeightSource::Current);
}

#[test]
fn another_run_begins_with_its_own_layer_and_head() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Attention, View::Head]);
    let head = |scene: &mut Scene| {
        let of_head = asked(scene).into_iter().rev().find(|(_, _, views, _)| views.contains(&View::Head));
        of_head.map(|(.., settings)| (settings.layer, settings.head)).expect("the head is open")
    };
    choose_head(&mut scene);
    assert_eq!(head(&mut scene), (Some(1), Some(1)));
    support::send(scene.harness.state_mut(), support::in_training(TrainingState::Running));
    scene.settle();
    assert_eq!(head(&mut scene), (None, None), "the run in training may have fewer");
}

#[test]
fn two_models_stand_beside_each_other() {
    let mut scene = scene(Engine::full(), WIDE, &[View::Tokens, View::Embeddings]);
    scene.click("Compare");
    let (source, ..) = last(&mut scene);
    assert!(
        matches!(&source, WeightSource::Checkpoint { run, .. } if run == "1-first-stories"),
        "{source:?}"
    );
    assert!(scene.says("2-first-stories, step 2,400") && scene.says("1-first-stories, step 1,150"));
    scene.picture("inspect-beside");
    scene.click("One model");
    assert!(!scene.says("1-first-stories, step 1,150"));
}

#[test]
fn what_changed_is_asked_of_the_second_model_and_once() {
    let mut scene = scene(Engine::full(), WIDE, &[]);
    scene.harness.state_mut().preferences().folds.insert("inspect:diff".to_owned(), true);
    let diffs = |scene: &mut Scene| -> Vec<_> {
        asked(scene).into_iter().filter(|(_, _, views, _)| views == &[View::Diff]).collect()
    };
    assert!(diffs(&mut scene).is_empty(), "there is one model");
    scene.click("Compare");
    let found = diffs(&mut scene);
    let [(source, _, _, settings)] = &found[..] else { panic!("{found:?}") };
    assert!(matches!(source, WeightSource::Checkpoint { run, .. } if run == "1-first-stories"), "{source:?}");
    assert_eq!((&settings.reference, settings.unit), (&Some(WeightSource::Current), Some(LossUnit::Nats)));
    assert!(scene.says("What changed"));
    scene.picture("inspect-diff");
    let top = |words: &str| {
        scene
            .harness
            .query_all_by_label_contains(words)
            .next()
            .unwrap_or_else(|| panic!("{words}"))
            .rect()
            .top()
    };
    let parts = ["1-first-stories went", "predicts this text better", "Held-out text instead"].map(top);
    assert!(parts.is_sorted(), "two texts, the verdict, and then the numbers: {parts:?}");
    scene.harness.state_mut().preferences().loss_unit = LossUnit::Bits;
    scene.settle();
    assert_eq!(diffs(&mut scene).last().map(|(.., settings)| settings.unit), Some(Some(LossUnit::Bits)));
    scene.click("One model");
    assert!(!scene.says("What changed"));
}

#[test]
fn changes_beside_another_model_are_made_in_the_first_column() {
    let mut scene = scene(Engine::full(), WIDE, &[View::WhatIf]);
    scene.click("Compare");
    assert_eq!(scene.harness.query_all_by_label_contains("No changes yet").count(), 1);
    assert!(scene.says("Same changes as in the other model."));
}

#[test]
fn nothing_stands_beyond_the_edge_of_a_phone() {
    for theme in ["dark", "light"] {
        let views =
            [View::Walk, View::Tokens, View::Embeddings, View::Positions, View::Attention, View::Head];
        let mut scene = scene(Engine::full(), PHONE, &views);
        scene.harness.state_mut().preferences().theme = support::theme_of(theme);
        scene.settle();
        assert!(scene.says("All heads"));
        scene.picture(&format!("inspect-360-{theme}"));
        scene.check_edges();
        scene.click("Compare");
        scene.check_edges();
    }
}

#[test]
fn what_is_missing_is_said_with_the_way_to_it() {
    for (engine, button) in [(Engine::empty(), "Choose a project"), (Engine::fresh(), "Go to training")] {
        let mut scene = scene(engine, WIDE, &[View::Tokens]);
        assert!(scene.says(button));
        assert!(asked(&mut scene).is_empty(), "there is nothing to look into");
    }
}
