//! The Evaluate page in the real application, with a scripted engine and staged evaluations.

use crate::support::engine::Engine;
use crate::support::scene::Scene;
use crate::support::{self, evaluation};
use egui::Key;
use egui::accesskit::{Role, Toggled};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::format;
use glasshouse::link::{Answer, Chosen, Link, Wish};
use glasshouse::pages::PageName;
use glasshouse::state::State;
use glasshouse_protocol::evaluation::DocumentLoss;
use glasshouse_protocol::{Command, Envelope, Event, Export, Report, RunState, View, WeightSource, answer};
use std::path::PathBuf;

/// High enough that nothing is scrolled away.
const TALL: f32 = 6_200.0;

fn evaluated(size: [f32; 2], theme: &str) -> Scene {
    Scene::new(Engine { evaluated: true, audited: true, ..Engine::full() }, PageName::Evaluate, size, theme)
}

fn press(scene: &mut Scene, name: &str) {
    scene.press_role(Role::Button, name);
}

fn choose(scene: &mut Scene, name: &str) {
    scene.press_role(Role::CheckBox, name);
}

fn is_checked(scene: &Scene, name: &str) -> bool {
    let label = support::entry_label(&scene.harness, Some(Role::CheckBox), name);
    let node = scene.harness.get_by_role_and_label(Role::CheckBox, &label);
    node.accesskit_node().toggled() == Some(Toggled::True)
}

fn reads(scene: &mut Scene) -> Vec<Vec<String>> {
    let sent = scene.sent_of(|command| matches!(command, Command::ReadEvaluations { .. }));
    let runs = sent.into_iter().map(|command| match command {
        Command::ReadEvaluations { runs } => runs,
        other => panic!("{other:?}"),
    });
    runs.collect()
}

#[test]
fn what_is_kept_is_shown_at_once_within_the_edges_of_every_width_in_both_themes() {
    for theme in ["dark", "light"] {
        for width in [390.0, 800.0, 1280.0, 1920.0] {
            let mut scene = evaluated([width, TALL], theme);
            assert_eq!(reads(&mut scene), [["2-first-stories"]], "the latest run, and once");
            for words in [
                "1.6800",
                "Perplexity",
                "share 13 words in a row with the training text",
                "5-gram",
                "By the position in the window",
                "Reliability diagram",
                "Fitted temperature",
                "Worst tokens",
                "who.jsonl",
                "Line 7: it has no answer",
                "Each prompt is staged.",
                "Instruction tasks by family",
                "t5-staged: Staged answers of another model.",
                "Audit: Bias",
                "Of a staged sample of 200.",
                "What Memorisation cannot show is staged as well.",
                "No canaries were planted in this run.",
                "Everything here is staged.",
            ] {
                assert!(scene.says(words), "{words:?} is missing at {width}, {theme}");
            }
            // The text and a task were evaluated earlier, as the page states.
            for days in [40, 80] {
                let date = format::date_time(support::THEN - days * 86_400);
                let kept = format!("Kept from an evaluation of {date}.");
                assert!(scene.says(&kept), "{kept:?} is missing at {width}, {theme}");
            }
            scene.check_edges();
            scene.picture(&format!("evaluate-{theme}-{width}"));
        }
    }
}

#[test]
fn runs_that_are_chosen_stand_side_by_side_with_their_paired_differences() {
    for width in [390.0, 1280.0] {
        let mut scene = evaluated([width, TALL], "light");
        assert!(!scene.says("Side by side"));
        choose(&mut scene, "1-first-stories");
        let both = ["1-first-stories", "2-first-stories"].map(str::to_owned).to_vec();
        assert_eq!(reads(&mut scene).last(), Some(&both));
        assert!(scene.says("Side by side") && scene.says("Paired differences"));
        assert!(scene.says("Loss in nats per token: 1-first-stories minus 2-first-stories"));
        assert!(scene.says("−0.1000 (−0.1400 to −0.0600)") && scene.says(evaluation::VERDICT));
        scene.check_edges();
        scene.picture(&format!("evaluate-two-{width}"));
        choose(&mut scene, "2-first-stories");
        assert_eq!(reads(&mut scene).last(), Some(&vec!["1-first-stories".to_owned()]));
        choose(&mut scene, "1-first-stories");
        assert!(is_checked(&scene, "1-first-stories"), "one run stays");
    }
}

/// The verdict comes first, and numbers that are not comparable do not stand next to each other.
#[test]
fn the_verdict_comes_first_and_refuses_to_compare_different_texts() {
    let mut scene = evaluated([1280.0, TALL], "light");
    let first = |scene: &Scene, words: &str| {
        scene.harness.query_all_by_label_contains(words).next().unwrap_or_else(|| panic!("{words}")).rect()
    };
    let top = |scene: &Scene, words: &str| first(scene, words).top();
    assert!(top(&scene, "The model beats every baseline; the best is 5-gram") < top(&scene, "Perplexity"));
    let [left, right] = ["Staged: 5-gram.", "Reliability diagram"].map(|words| first(&scene, words).left());
    assert!(right > left + 300.0, "the right half is used");
    choose(&mut scene, "1-first-stories");
    assert!(top(&scene, "1-first-stories predicts the text best: 1.6800") < top(&scene, "Side by side"));
    assert!(scene.says("1.7800"));
    let runs = ["1-first-stories", "2-first-stories"].map(str::to_owned);
    let mut kept = evaluation::kept(&runs, false);
    let likelihood = kept.evaluations[0].likelihood.as_mut().unwrap();
    likelihood.tokens = 8;
    likelihood.by_document = vec![DocumentLoss { text_crc32c: 5, ..DocumentLoss::default() }];
    kept.comparisons.clear();
    // What is told stays: the page reads it again, without an answer.
    scene.engine.silent = |command| matches!(command, Command::ReadEvaluations { .. });
    support::send(scene.harness.state_mut(), [kept]);
    scene.settle();
    assert!(scene.says("Not comparable: the runs were evaluated on different texts"));
    assert!(scene.says("1-first-stories on 8 tokens and 2-first-stories on 64,000 tokens"));
    // Apart from the names of the runs, which have their own loss.
    let alone = |loss: &str| scene.harness.query_all_by_value(loss).next().is_some();
    assert!(alone("1.7800") && !alone("1.6800"), "the loss over 8 tokens is not put beside the other");
    scene.picture("evaluate-refused");
}

#[test]
fn four_runs_are_compared_at_most() {
    let mut app = support::full_app("dark");
    let runs = (1..=12).map(|number| support::run(&format!("{number}-a"), RunState::Finished, 2000, 2000));
    support::send(&mut app, [Event::Runs { runs: runs.collect() }]);
    app.open(PageName::Evaluate);
    let mut window = support::window(app, 1280.0, 900.0);
    let offered = |window: &_, name| support::entry_label(window, Some(Role::CheckBox), name);
    let older = offered(&window, "4-a");
    assert!(window.query_by_role_and_label(Role::CheckBox, &older).is_none(), "the latest eight");
    window.get_by_role_and_label(Role::Button, "All 12 runs").click_accesskit();
    window.run_steps(2);
    for name in ["4-a", "1-a", "10-a"] {
        let name = offered(&window, name);
        window.get_by_role_and_label(Role::CheckBox, &name).click_accesskit();
        window.run_steps(2);
    }
    let fifth = offered(&window, "11-a");
    assert!(window.get_by_role_and_label(Role::CheckBox, &fifth).accesskit_node().is_disabled());
    let sent = support::sent(window.state_mut());
    let runs = ["1-a", "4-a", "10-a", "12-a"].map(str::to_owned).to_vec();
    let read = sent.iter().rfind(|command| matches!(command, Command::ReadEvaluations { .. }));
    assert_eq!(read, Some(&Command::ReadEvaluations { runs }));
}

#[test]
fn an_evaluation_says_how_far_it_is_and_is_cancelled() {
    let silent = |command: &Command| matches!(command, Command::Evaluate { .. });
    let mut scene =
        Scene::new(Engine { silent, ..Engine::full() }, PageName::Evaluate, [1280.0, 900.0], "dark");
    assert!(scene.says("Not evaluated yet"));
    press(&mut scene, "Evaluate");
    let asked = scene.sent().into_iter().find(|sent| silent(&sent.command)).unwrap();
    let Command::Evaluate { source, settings } = &asked.command else { panic!("{asked:?}") };
    let best = ("2-first-stories".to_owned(), "best.safetensors".into());
    assert_eq!(*source, WeightSource::Checkpoint { run: best.0, checkpoint: best.1 });
    assert!(settings.likelihood && settings.baselines && settings.keep && settings.documents.is_none());
    let node = scene.harness.get_by_role_and_label(Role::Button, "Evaluate");
    assert!(node.accesskit_node().is_disabled(), "one at a time");
    let event = Event::Progress { what: "reading the text".to_owned(), done: 16_000, total: 64_000 };
    support::answer(scene.harness.state_mut(), silent, [event]);
    scene.settle();
    assert!(scene.says("Evaluating 2-first-stories: reading the text, 16,000 of 64,000 · 25 %"));
    press(&mut scene, "Cancel");
    let cancelled = scene.sent_of(|command| matches!(command, Command::Cancel { .. }));
    assert_eq!(cancelled, [Command::Cancel { request: asked.id }]);
    assert!(scene.says("stopping…"));
}

#[test]
fn while_a_run_trains_models_are_evaluated_and_audited() {
    let window = support::window(support::training_on(PageName::Evaluate), 1280.0, 900.0);
    let is_disabled =
        |name: &str| window.get_by_role_and_label(Role::Button, name).accesskit_node().is_disabled();
    assert!(!is_disabled("Evaluate") && !is_disabled("Audit"));
    assert!(window.query_all_by_label_contains("alternates with its steps").next().is_some());
}

#[test]
fn what_was_evaluated_and_audited_is_there_when_it_is_done() {
    let mut scene = Scene::new(Engine::full(), PageName::Evaluate, [1280.0, TALL], "dark");
    press(&mut scene, "Evaluate");
    assert!(scene.says("1.6800") && !scene.says("starting…"));
    assert_eq!(reads(&mut scene).len(), 2, "what is kept is read again");
    assert!(!scene.says("Audit: Bias"));
    press(&mut scene, "Audit");
    assert!(scene.says("Audit: Bias"));
}

/// The first table of an audit's topic is open; the others open on a click.
#[test]
fn where_an_audits_figures_come_from_is_opened_by_hand() {
    let mut scene = evaluated([1280.0, TALL], "dark");
    assert!(scene.says("Which of two sentences is more likely."));
    assert!(!scene.says("How often staged words stand near each other."));
    let fold = "Associations in the training text";
    scene.harness.get_by_role_and_label(Role::DisclosureTriangle, fold).click_accesskit();
    scene.settle();
    assert!(scene.says("How often staged words stand near each other."));
}

#[test]
fn what_could_not_be_evaluated_says_why_and_is_tried_again() {
    let failing = |command: &Command| matches!(command, Command::Evaluate { .. });
    let mut scene =
        Scene::new(Engine { failing, ..Engine::full() }, PageName::Evaluate, [1280.0, 1200.0], "light");
    press(&mut scene, "Evaluate");
    assert!(scene.says("the disk is full"));
    assert_eq!(scene.harness.query_all_by_label_contains("disk is full").count(), 1, "on the page alone");
    scene.engine.failing = |_| false;
    press(&mut scene, "Try again");
    assert!(!scene.says("the disk is full") && scene.says("1.6800"));
}

#[test]
fn task_files_go_with_an_evaluation() {
    let mut scene = Scene::new(Engine::full(), PageName::Evaluate, [1280.0, 1400.0], "dark");
    let app = scene.harness.state_mut();
    app.preferences().folds.insert("evaluate:options".to_owned(), true);
    let file = |name: &str, bytes: &[u8]| Chosen { name: name.to_owned(), bytes: Some(bytes.to_vec()) };
    let files = vec![file("qa.jsonl", b"one"), file("other.jsonl", b"two")];
    app.answer(Answer { wish: Wish::TaskFiles, files: Ok(files) });
    scene.settle();
    scene.type_into("Metrics of qa.jsonl", "exact_match, F1");
    scene.settle();
    press(&mut scene, "Leave out other.jsonl");
    choose(&mut scene, "Prediction of the validation split");
    press(&mut scene, "Evaluate");
    let Link::Script { sent, .. } = scene.harness.state_mut().link() else { unreachable!("a script") };
    let evaluate =
        sent.iter().find(|envelope| matches!(envelope.body.command, Command::Evaluate { .. })).unwrap();
    let Command::Evaluate { settings, .. } = &evaluate.body.command else { unreachable!("it is one") };
    assert_eq!((settings.tasks.len(), settings.likelihood, settings.baselines), (1, false, false));
    assert_eq!(
        (settings.tasks[0].file.as_str(), &settings.tasks[0].metrics[..]),
        ("qa.jsonl", &["exact_match".to_owned(), "f1".to_owned()][..])
    );
    assert_eq!(evaluate.bytes, [b"one".to_vec()]);
    press(&mut scene, "Leave out qa.jsonl");
    let node = scene.harness.get_by_role_and_label(Role::Button, "Evaluate");
    assert!(node.accesskit_node().is_disabled() && scene.says("Choose at least one evaluation"));
}

#[test]
fn the_suite_of_tasks_goes_with_an_evaluation() {
    let mut scene = Scene::new(Engine::full(), PageName::Evaluate, [1280.0, TALL], "dark");
    let app = scene.harness.state_mut();
    app.preferences().folds.insert("evaluate:options".to_owned(), true);
    scene.settle();
    assert!(!scene.says("Rows per family"));
    choose(&mut scene, "Instruction tasks: every family, in held-out wordings");
    assert!(scene.says("Rows per family"));
    press(&mut scene, "Evaluate");
    let asked = scene.sent_of(|command| matches!(command, Command::Evaluate { .. }));
    let [Command::Evaluate { settings, .. }] = &asked[..] else { panic!("{asked:?}") };
    assert!(settings.suite && settings.suite_rows.is_none());
}

#[test]
fn a_passage_opens_the_page_inspect_with_the_weights_that_were_evaluated() {
    let mut scene = evaluated([1280.0, TALL], "dark");
    choose(&mut scene, "1-first-stories");
    choose(&mut scene, "2-first-stories");
    let row = scene.harness.query_all_by_role(Role::Row).find(|row| {
        let label = row.accesskit_node().label().unwrap_or_default();
        label.starts_with(evaluation::PASSAGE) && label.contains("9.500")
    });
    row.expect("the worst token").click_accesskit();
    scene.settle();
    let asked = scene.sent_of(|command| matches!(command, Command::Inspect { .. }));
    let Some(Command::Inspect { source, prompt, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(prompt, evaluation::PASSAGE);
    let (run, checkpoint) = ("1-first-stories".to_owned(), "best.safetensors".into());
    assert_eq!(*source, WeightSource::Checkpoint { run, checkpoint });
    let views = |command: &Command| matches!(command, Command::Inspect { views, .. } if views.contains(&View::Tokens));
    assert!(asked.iter().any(views));
}

#[test]
fn wrong_answers_are_looked_through_and_opened() {
    let mut scene = evaluated([1280.0, TALL], "light");
    assert!(scene.says("10 of 30 answers"));
    choose(&mut scene, "Wrong ones only of who.jsonl");
    assert!(scene.says("30 of 30 answers"));
    scene.type_into("Search answers of who.jsonl", "number 12?");
    scene.settle();
    assert!(scene.says("1 of 30 answers"));
    let line = "Line 12: the owl, expected the boy";
    scene.harness.get_by_role_and_label(Role::Row, line).click_accesskit();
    scene.settle();
    assert!(scene.says("Exact match 0 % · Token F1 50.0 % · group who"));
    press(&mut scene, "Look inside");
    let asked = scene.sent_of(|command| matches!(command, Command::Inspect { .. }));
    assert!(
        matches!(asked.last(), Some(Command::Inspect { prompt, .. }) if prompt == "Who lost ball number 12?")
    );
}

#[test]
fn a_card_goes_where_it_is_wanted() {
    let silent = |command: &Command| matches!(command, Command::Export { .. });
    let engine = Engine { silent, evaluated: true, ..Engine::full() };
    let mut scene = Scene::new(engine, PageName::Evaluate, [1280.0, 900.0], "dark");
    let wish = Wish::WriteCard { run: "2-first-stories".to_owned() };
    let to = "/cards/two.html";
    let files = vec![Chosen { name: to.to_owned(), bytes: None }];
    scene.harness.state_mut().answer(Answer { wish, files: Ok(files) });
    scene.frame();
    let (run, keep) = ("2-first-stories".to_owned(), true);
    let write = Export::Card { run }.to(Some(PathBuf::from(to)), keep);
    assert_eq!(
        scene.sent_of(|command| matches!(command, Command::Export { what: Export::Card { .. }, .. })),
        [write]
    );
    let exported = |path: Option<&str>| answer::Exported {
        name: "2-first-stories card.html".to_owned(),
        path: path.map(str::to_owned),
        bytes: 1_460_000,
        ..answer::Exported::default()
    };
    support::answer(scene.harness.state_mut(), silent, [exported(Some(to))]);
    scene.settle();
    assert!(scene.says("Saved as /cards/two.html, 1.5 MB"));

    // In a browser it arrives as bytes, and is saved under the run's name.
    let mut state = State::default();
    state.sent(4, &Export::Card { run: "2-first-stories".to_owned() }.to(None, keep));
    let report = Report { request: Some(4), event: exported(None).into() };
    state.apply(Envelope { body: report, bytes: vec![b"<html>".to_vec()] });
    assert_eq!(state.downloads, [("2-first-stories card.html".to_owned(), b"<html>".to_vec())]);
}

#[test]
fn the_keyboard_alone_opens_the_page_and_evaluates() {
    let mut scene = Scene::new(Engine::full(), PageName::Home, [1280.0, 900.0], "dark");
    scene.harness.key_press(Key::Num7);
    scene.settle();
    let entry = scene.harness.get_by_role_and_label(Role::Tab, "Evaluate");
    assert_eq!(entry.accesskit_node().toggled(), Some(Toggled::True));
    for _ in 0..60 {
        scene.harness.key_press(Key::Tab);
        scene.frame();
        let is_button = scene.harness.get_by_role_and_label(Role::Button, "Evaluate").is_focused();
        if is_button {
            break;
        }
    }
    scene.harness.key_press(Key::Space);
    scene.settle();
    let sent = scene.sent_of(|command| matches!(command, Command::Evaluate { .. }));
    assert_eq!(sent.len(), 1, "Tab and Space did not evaluate");
}

#[test]
fn without_a_project_or_a_model_the_page_says_where_to_go() {
    let scene = Scene::new(Engine::empty(), PageName::Evaluate, [1000.0, 700.0], "light");
    assert!(scene.says("No project is open") && scene.says("Choose a project"));
    let mut scene = Scene::new(Engine::fresh(), PageName::Evaluate, [1000.0, 700.0], "dark");
    assert!(scene.says("Nothing has been trained yet"));
    assert!(reads(&mut scene).is_empty());
    press(&mut scene, "Go to training");
    let train = scene.harness.get_by_role_and_label(Role::Tab, "Train");
    assert_eq!(train.accesskit_node().toggled(), Some(Toggled::True));
}
