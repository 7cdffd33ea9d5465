//! The Learn page: lessons match their files, and one is worked through from start to check.

use crate::support;
use crate::support::engine::Engine;
use crate::support::repository;
use crate::support::scene::Scene;
use crate::support::session::Session;
use egui::Role;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::{Address, AppOptions};
use glasshouse::pages::PageName;
use glasshouse::pages::learn::{BUILT_IN, Library};
use glasshouse_protocol::features::{DictionarySettings, FeatureQuery, GraphQuery};
use glasshouse_protocol::{
    Command, Event, LessonProgress, RunState, TrainingState, View, WeightSource, answer,
};
use std::time::Duration;

const WIDE: [f32; 2] = [1280.0, 1400.0];
const PHONE: [f32; 2] = [360.0, 860.0];

#[test]
fn every_lesson_names_code_and_kernels_that_are_there() {
    let root = repository();
    for lesson in Library::of(&[]).lessons {
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
    assert!(BUILT_IN.len() >= 16);
    for (file, text) in BUILT_IN {
        let body = text.rsplit("+++\n").next().unwrap();
        let words = body.split_whitespace().count();
        assert!((200..=350).contains(&words), "{file} has {words} words");
        assert!(body.contains("## Try it"), "{file}");
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(!text.contains('\t') && longest < 260, "{file}");
    }
}

fn progress(scene: &mut Scene, lesson: &str) -> LessonProgress {
    scene.harness.state_mut().state().lessons.progress[lesson].clone()
}

#[test]
fn a_lesson_is_done_from_its_start_to_its_check() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 1: Text and tokens, not begun");
    assert!(scene.says("Where tokens come from"), "its text is there");
    assert!(scene.harness.query_by_label("Measure").is_none(), "nothing is measured before a prediction");
    let (text, question) = ("Text to tokenize", "How many characters of this sentence");
    let [shown, asked] =
        [text, question].map(|words| scene.harness.get_by_label_contains(words).rect().top());
    assert!(shown < asked && scene.says(" · id "), "the sentence and its tokens come before the question");
    assert!(scene.says("68 characters") && !scene.says("tokens for 68 characters"), "but not their number");
    scene.press_last("Between one and three: pieces of words");
    scene.press_last("Predict");
    assert!(scene.says("Your prediction: Between one and three"));
    assert!(!scene.says("characters per token."), "the measurement comes only when it is asked for");
    scene.press_last("Measure");
    assert!(scene.says("The text has"), "what was measured is said");
    let measured = progress(&mut scene, "01-text-and-tokens").measurement.unwrap();
    assert_eq!(measured.held, (1.3..3.0).contains(&measured.value), "{measured:?}");
    assert!(scene.says(if measured.held {
        "Your prediction held."
    } else {
        "Your prediction did not hold."
    }));
    scene.picture("learn-lesson");
    scene.press_last("All lessons");
    assert!(
        scene.says("Lesson 1: Text and tokens, done") && scene.says(&format!("1 of {} done", BUILT_IN.len()))
    );
}

#[test]
fn a_lesson_never_shows_the_tokens_of_another_pages_text() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 1: Text and tokens, not begun");
    assert!(scene.says("68 characters"));
    let tokens = answer::Tokens {
        text: "A late answer".to_owned(),
        tokens: Vec::new(),
        lost: String::new(),
        merges: None,
    };
    support::send(scene.harness.state_mut(), [Event::Tokens(tokens)]);
    scene.harness.run_steps(1);
    assert!(!scene.says("13 characters"));
    scene.settle();
    assert!(scene.says("68 characters"), "its own are requested again");
}

#[test]
fn the_same_test_is_taken_before_and_after_a_lesson() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "light");
    scene.press_last("Lesson 1: Text and tokens, not begun");
    let test = Library::of(&[]).lessons[0].head.test.clone();
    let choice = |question: usize, number: usize| test[question].choices[number].clone();
    scene.press_last("Answer 5 questions");
    assert!(scene.is_disabled("Hand in"));
    (0..5).for_each(|question| scene.press_role(Role::RadioButton, &choice(question, 0)));
    scene.press("Hand in");
    let before = progress(&mut scene, "01-text-and-tokens").before;
    assert_eq!(before, (0..5).map(|question| choice(question, 0)).collect::<Vec<_>>());
    assert!(scene.says("The test is submitted") && !scene.says("Your test"));
    scene.press("Between one and three: pieces of words");
    scene.press("Predict");
    scene.press("Measure");
    // Before the lesson, answers are not told to be right or wrong.
    scene.press("Answer 5 questions");
    (0..5).for_each(|question| {
        scene.press_role(Role::RadioButton, &choice(question, test[question].right - 1));
    });
    scene.press("Hand in");
    assert!(scene.says("Before the lesson: 1 of 5 right. After it: 5 of 5 right."));
    scene.press("Predict again");
    let kept = progress(&mut scene, "01-text-and-tokens");
    assert!(kept.before == before && kept.after.is_empty() && kept.measurement.is_none());
}

#[test]
fn a_view_is_asked_for_once_a_prediction_was_made_and_measured_at_the_best_checkpoint() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "light");
    scene.press_last("Lesson 3: Attention by hand, not begun");
    let asked = |scene: &mut Scene| {
        scene
            .sent_of(|command| matches!(command, Command::Inspect { views, .. } if *views == [View::Head]))
            .len()
    };
    assert_eq!(asked(&mut scene), 0, "what the view shows is the answer");
    assert!(scene.says("Predict first to see the measurement"));
    let prompt = scene.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").value();
    assert_eq!(prompt.as_deref(), Some("Mia had a red ball. Mia"), "but the question's text is there");
    let head = scene.harness.query_all_by_label("Head").next();
    assert!(scene.says("Position 0: ") && head.is_some(), "with its tokens and the head that is asked about");
    scene.press_last("Between a quarter and three quarters");
    scene.press_last("Predict");
    assert!(asked(&mut scene) > 0, "the instrument asks");
    // The instrument fills the window, and the button is below it.
    scene.press("Measure");
    assert!(scene.says("attends most to"), "what was measured is said");
    let measured = progress(&mut scene, "03-attention-by-hand").measurement.unwrap();
    assert_eq!((measured.run.as_deref(), measured.step), (Some("2-first-stories"), Some(1150)));
}

#[test]
fn a_lesson_that_asks_otherwise_by_now_asks_again() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 1: Text and tokens, not begun");
    scene.press_last("Between one and three: pieces of words");
    scene.press_last("Predict");
    assert!(scene.says("Your prediction:"));
    for progress in scene.engine.lessons.values_mut() {
        progress.question.push_str(" Or not?");
    }
    for press in ["All lessons", "Read lessons again", "Lesson 1: Text and tokens, not begun"] {
        scene.press_last(press);
    }
    assert!(!scene.says("Your prediction:") && scene.says("Predict first to see the measurement"));
}

#[test]
fn a_lessons_button_opens_the_view_as_it_stands_in_the_lesson() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 4: Heads, not begun");
    scene.press_last("30 to 70 %: a head does so partly");
    scene.press_last("Predict");
    scene.press_last("Show the calculation");
    let asked = scene.sent_of(|command| match command {
        Command::Inspect { prompt, views, settings, .. } => {
            let of_lesson = prompt == "Once upon a time there was a cat. Once upon a time";
            of_lesson && views.contains(&View::Head) && settings.layer == Some(2)
        }
        _ => false,
    });
    assert!(!asked.is_empty());
}

#[test]
fn a_lesson_trains_what_it_offers() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 11: Scaling, not begun");
    scene.press_last("4 layers");
    let (config, _) = scene.started();
    assert_eq!((config.model.layers, config.seed, config.train.steps), (4, 1, 120));
}

#[test]
fn a_lesson_trains_all_that_it_offers_one_after_another() {
    let silent = Engine { silent: is_training, ..Engine::full() };
    let failing = Engine { failing: is_training, ..Engine::full() };
    let ends = |state: RunState| Engine { trains: Some(state), ..Engine::full() };
    // The queue does not continue before the first run is finished, nor after one that was stopped, failed or never began.
    for (engine, trained, follow) in [
        (ends(RunState::Finished), &[1, 2, 4, 8][..], false),
        (ends(RunState::Stopped), &[1][..], false),
        (ends(RunState::Failed), &[1][..], false),
        (failing, &[1][..], false),
        (silent, &[1][..], true),
    ] {
        let mut scene = Scene::new(engine, PageName::Learn, WIDE, "dark");
        train_all(&mut scene);
        scene.settle();
        assert_eq!(layers(&mut scene), trained);
        assert_eq!(scene.says("3 runs queued"), follow);
    }
}

#[test]
fn a_page_or_a_lesson_that_was_left_trains_no_more_on_the_way_back() {
    for to_another_page in [true, false] {
        let engine = Engine { silent: is_training, ..Engine::full() };
        let mut scene = Scene::new(engine, PageName::Learn, WIDE, "dark");
        train_all(&mut scene);
        assert!(scene.says("3 runs queued"));
        if to_another_page {
            scene.open(PageName::Home);
            scene.open(PageName::Learn);
        } else {
            scene.press_last("All lessons");
            scene.press_last("Lesson 11: Scaling, not begun");
        }
        scene.settle();
        assert!(scene.says("Train for this lesson") && !scene.says("to follow"));
        assert_eq!(layers(&mut scene), [1]);
    }
}

fn is_training(command: &Command) -> bool {
    matches!(command, Command::Train { .. })
}

/// Trains all runs offered by the lesson on scaling.
fn train_all(scene: &mut Scene) {
    scene.press_last("Lesson 11: Scaling, not begun");
    scene.press_last("All 4, one after another");
}

/// Numbers of layers of the requested runs.
fn layers(scene: &mut Scene) -> Vec<usize> {
    let of = |command: Command| match command {
        Command::Train { config, .. } => Some(config.model.layers),
        _ => None,
    };
    scene.sent_of(is_training).into_iter().filter_map(of).collect()
}

#[test]
fn no_lesson_stands_beyond_the_edge_of_a_phone_or_of_a_window() {
    for (size, theme) in [(WIDE, "light"), (PHONE, "dark")] {
        let mut scene = Scene::new(Engine::full(), PageName::Learn, size, theme);
        scene.check_edges();
        scene.picture(&format!("learn-{}-{theme}", size[0]));
        scene.press_last("Lesson 1: Text and tokens, not begun");
        for number in 1..BUILT_IN.len() {
            scene.check_edges();
            scene.picture(&format!("learn-{number}-{}-{theme}", size[0]));
            scene.press_last("Next lesson");
        }
        assert!(scene.harness.query_by_label("Next lesson").is_none(), "it is the last");
    }
}

#[test]
fn home_knows_which_lessons_are_done() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 1: Text and tokens, not begun");
    for press in ["Between one and three: pieces of words", "Predict", "Measure"] {
        scene.press(press);
    }
    // Home asks on its own: here, Learn was never opened.
    let mut scene = Scene::new(scene.engine, PageName::Home, WIDE, "light");
    assert!(scene.says(&format!("1 of {} done", BUILT_IN.len())));
    assert!(scene.says("Lesson 2: ") && !scene.says("Lesson 1: "));
    scene.picture("home-lessons");
}

#[test]
fn the_runs_of_a_plot_are_named_before_their_curves_are_drawn() {
    let mut scene = Scene::new(Engine::full(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 7: The loss and the first step, not begun");
    assert!(scene.says("2-first-stories") && !scene.says("validation"));
}

#[test]
fn an_early_curve_of_the_loss_begins_at_that_of_guessing() {
    let mut scene = Scene::new(Engine::full(), PageName::Train, WIDE, "dark");
    let mut events = support::in_training(TrainingState::Running);
    events[1] = Event::Training { events: support::steps(0, 20, 2000), seconds: None };
    events[2] = Event::TrainingState { state: TrainingState::Running, step: 20, steps: 2000 };
    support::send(scene.harness.state_mut(), events);
    scene.settle();
    assert!(scene.says("from guessing (ln V)"));
    scene.picture("train-early");
    support::send(
        scene.harness.state_mut(),
        [Event::Training { events: support::steps(21, 200, 2000), seconds: None }],
    );
    scene.settle();
    assert!(!scene.says("from guessing (ln V)"), "a longer curve shows the fall itself");
}

#[test]
fn without_a_project_a_lesson_can_be_read() {
    let mut scene = Scene::new(Engine::empty(), PageName::Learn, WIDE, "dark");
    scene.press_last("Lesson 7: The loss and the first step, not begun");
    assert!(scene.says("Choose a project") && scene.says("What a step does"));
    // An address may name a lesson that there is not.
    let address = Address::read(|name| (name == "lesson").then(|| "99".to_owned()));
    scene.harness.state_mut().follow(&address);
    scene.settle();
    let told = format!("There is no lesson 99; the nearest is {} (1 to {0}).", BUILT_IN.len());
    assert!(scene.says(&told));
    scene.press_last("Previous lesson");
    assert!(!scene.says("There is no lesson 99"), "it was read");
}

/// The real sample and the real engine: without any training, every lesson can take its measurement.
#[test]
fn every_lesson_is_done_on_the_sample_project_without_any_training() {
    let work = tempfile::tempdir().unwrap();
    let pause = Duration::from_millis(10);
    let (start, patience) = (AppOptions::default(), Duration::from_secs(240));
    let mut session = Session::open(work.path(), &work.path().join("pictures"), start, pause, patience);
    session.window.set_size(WIDE.into());
    session.until("the engine", |state| state.engine.is_some() && state.projects.listed);
    let sample = repository().join("app/assets/sample.glasshouse").display().to_string();
    session.ask(Command::ImportProject { name: None, from: Some(sample) });
    let runs = session.state().runs.list.clone();
    let latest = runs.last().unwrap();
    assert!(latest.writes() && !latest.checkpoints.is_empty(), "the latest run is the one that pages show");

    // Two lessons are about dictionaries, which the sample does not include.
    for at in ["blocks.1.mlp.output", "blocks.*.mlp"] {
        let settings = DictionarySettings {
            at: at.to_owned(),
            width: 64,
            k: 4,
            tokens: 10_000,
            ..DictionarySettings::default()
        };
        session.ask(Command::TrainDictionary { source: WeightSource::Current, settings: Box::new(settings) });
    }
    let (run, query) = (latest.name.clone(), FeatureQuery::default());
    session.ask(Command::ReadFeatures { run: run.clone(), dictionary: Some(1), query });
    let query = Box::new(GraphQuery { prompt: "Once, a girl named".to_owned(), ..GraphQuery::default() });
    session.ask(Command::GraphFeatures { run, query });

    let press = |session: &mut Session, name: &str| {
        session.window.get_all_by_label(name).last().unwrap().click_accesskit();
        session.turn();
        session.turn();
    };
    for (number, lesson) in Library::of(&[]).lessons.iter().enumerate() {
        if lesson.head.instrument.preset.is_some() {
            continue; // It trains this preset.
        }
        let asked = Address::read(|name| (name == "lesson").then(|| (number + 1).to_string()));
        session.window.state_mut().follow(&asked);
        session.settle();
        if let Some(choice) = lesson.head.prediction.choices.first() {
            press(&mut session, &choice.text);
        }
        press(&mut session, "Predict");
        let kept = |state: &glasshouse::state::State| state.lessons.progress.get(&lesson.name).cloned();
        session.until(&format!("the prediction of {}", lesson.name), |state| kept(state).is_some());
        session.settle();
        press(&mut session, "Measure");
        let measured = |state: &glasshouse::state::State| {
            kept(state).is_some_and(|progress| progress.measurement.is_some())
        };
        session.until(&format!("the measurement of {}", lesson.name), measured);
        let measurement = kept(session.state()).unwrap().measurement.unwrap();
        assert_eq!(measurement.measure, lesson.head.check.measure);
        assert!(measurement.value.is_finite() && measurement.sentence.ends_with('.'), "{measurement:?}");
        if measurement.measure == "depth_loss_ratio" {
            assert!(measurement.sentence.contains("with 8 layers"), "{measurement:?}");
            assert!(measurement.sentence.contains("came with the sample project"), "{measurement:?}");
        }
    }
    assert_eq!(session.state().runs.list.len(), runs.len(), "nothing was trained");
}
