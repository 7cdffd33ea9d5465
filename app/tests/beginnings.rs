//! Runs based on others, and runs moved to other machines, in the window.

use crate::support;
use crate::support::{answer, contains, is_shown, on, press, send, sent};
use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse_protocol::{
    Command, Drafts, ErrorKind, ErrorReport, Event, Forecast, ModelSource, Objective, PlanSummary, RunState,
    RunSummary, Start, TokenizerKind, presets,
};

#[test]
fn a_fine_tune_is_begun_from_a_run_and_leaves_the_next_new_run_alone() {
    let mut window = on(PageName::Runs, [1280.0, 1400.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    let mut history = support::history("2-llama-tiny", 1e-3);
    history.config.tokenizer.kind = TokenizerKind::Imported;
    send(window.state_mut(), [history]);
    window.run_steps(3);
    press(&mut window, "Use as base model");
    assert!(contains(&window, "fine-tunes 2-llama-tiny (best)"), "the header names what the page begins");
    press(&mut window, "Tune");
    let started = |window: &mut egui_kittest::Harness<'_, glasshouse::app::App>| {
        let mut sent = sent(window.state_mut()).into_iter().rev();
        sent.find_map(|command| match command {
            Command::Train { config, .. } => Some(*config),
            _ => None,
        })
        .unwrap()
    };
    assert_eq!(started(&mut window).start, Some(Start::best_of("2-llama-tiny")));
    answer(
        window.state_mut(),
        |command| matches!(command, Command::Train { .. }),
        [Event::Failed { error: ErrorReport::new(ErrorKind::Refused, "not now".to_owned()) }],
    );
    support::open_page(&mut window, PageName::Model);
    assert!(contains(&window, "new run from random weights · "));
    support::open_page(&mut window, PageName::Train);
    press(&mut window, "New run");
    press(&mut window, "Start");
    let config = started(&mut window);
    assert_eq!((config.start, config.tokenizer.kind), (None, TokenizerKind::Bpe));
    assert_eq!(config.train.objective, Objective::Text);
}

#[test]
fn train_says_at_its_button_that_a_run_does_not_fit() {
    for fits in [true, false] {
        let mut app = support::app("light");
        send(&mut app, [support::ready(), support::projects(), support::opened("owls", "Owls", vec![])]);
        let plan = PlanSummary { fits: Some(fits), ..support::plan() };
        let planned = Event::Planned(Forecast::Run { plan: Box::new(plan) });
        answer(&mut app, |command| matches!(command, Command::Plan { .. }), [planned, Event::Finished]);
        app.open(PageName::Train);
        let mut window = support::window(app, 1280.0, 900.0);
        window.run_steps(3);
        assert_eq!(contains(&window, "does not fit the device"), !fits);
        if !fits {
            press(&mut window, "Choose a smaller model");
            assert!(is_shown(&window, "Fit to my device"));
        }
    }
}

#[test]
fn the_length_of_the_next_new_run_follows_the_text_until_it_is_chosen() {
    let mut app = support::app("light");
    let preset = presets::preset("llama-tiny").unwrap();
    let mut opened = support::opened("owls", "Owls", vec![]);
    if let Event::Project { opened: Some(own) } = &mut opened {
        own.drafts = Drafts::new(preset.clone());
    }
    send(&mut app, [support::ready(), support::projects(), opened]);
    app.open(PageName::Train);
    let mut window = support::window(app, 1280.0, 900.0);
    // The steps of the draft on a text of so many tokens.
    let mut steps = |bytes: u64, text_tokens: u64| {
        let mut text = support::documents();
        if let Event::Documents { overview, .. } = &mut text {
            overview.bytes = bytes;
        }
        send(window.state_mut(), [text]);
        window.run_steps(2);
        // The second answer is that of the changed text.
        for _ in 0..2 {
            let plan = PlanSummary { text_tokens, ..support::plan() };
            let planned = Event::Planned(Forecast::Run { plan: Box::new(plan) });
            let is_plan = |command: &Command| matches!(command, Command::Plan { .. });
            answer(window.state_mut(), is_plan, [planned, Event::Finished]);
            window.run_steps(2);
        }
        let mut plans =
            found!(sent(window.state_mut()).into_iter(), Command::Plan { config } => config.train.steps);
        plans.next_back().unwrap()
    };
    let whole = preset.train.steps;
    assert_eq!(steps(1_000, 0), whole, "nothing is known of the text");
    let short = steps(12_800, 4_000);
    assert!(short < whole / 10, "{short}");
    assert_eq!(steps(90_000_000, 30_000_000), whole);
}

#[test]
fn an_empty_file_is_refused_as_a_binary_one_is() {
    let mut window = on(PageName::Data, [1280.0, 800.0]);
    let before = sent(window.state_mut());
    for (name, bytes) in [("empty.txt", ""), ("blank.md", " \n\n"), ("owl.exe", "\u{0}\u{1}")] {
        let file = Chosen { name: name.to_owned(), bytes: Some(bytes.as_bytes().to_vec()) };
        window.state_mut().answer(Answer { wish: Wish::AddDocuments, files: Ok(vec![file]) });
        window.run_steps(2);
        assert!(contains(&window, &format!("{name} was not added")), "{name}");
    }
    assert_eq!(sent(window.state_mut()), before, "nothing is sent, and the text stays");
}

#[test]
fn a_file_that_is_refused_on_home_is_named_in_the_new_project() {
    let mut window = on(PageName::Home, [1280.0, 800.0]);
    let file =
        |(name, text): (&str, &str)| Chosen { name: name.to_owned(), bytes: Some(text.as_bytes().to_vec()) };
    let files = Ok([("letters.txt", "Dear Mia"), ("none.txt", "")].map(file).to_vec());
    window.state_mut().answer(Answer { wish: Wish::Dropped, files });
    send(window.state_mut(), [support::numbered(9, "letters", "letters", Vec::new())]);
    window.run_steps(2);
    assert!(contains(&window, "none.txt was not added"));
}

#[test]
fn a_stopped_run_can_be_exported_as_a_bundle() {
    let mut window = on(PageName::Runs, [1280.0, 900.0]);
    let stopped = support::run("2-llama-tiny", RunState::Stopped, 1200, 2000);
    send(
        window.state_mut(),
        [Event::Runs {
            runs: vec![
                stopped.clone(),
                RunSummary {
                    name: "3-llama-tiny".to_owned(),
                    start: Some(Start::best_of("2-llama-tiny")),
                    ..stopped
                },
            ],
        }],
    );
    window.run_steps(2);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
    window.run_steps(3);
    assert!(is_shown(&window, "Import a bundle"));
    let export = window.get_by_role_and_label(Role::Button, "Export a bundle");
    assert!(!export.accesskit_node().is_disabled());
}

#[test]
fn files_of_a_model_that_are_dropped_are_looked_at_together() {
    let mut window = on(PageName::Data, [1280.0, 800.0]);
    let file = |name: &str| Chosen { name: name.to_owned(), bytes: Some(name.as_bytes().to_vec()) };
    let names = ["config.json", "model.safetensors", "tokenizer.json"];
    let files = Ok(names.map(file).to_vec());
    window.state_mut().answer(Answer { wish: Wish::Dropped, files });
    window.run_steps(2);
    let names = names.map(str::to_owned).to_vec();
    let command = Command::LookAtModel { from: Some(ModelSource::Files { names }) };
    assert!(sent(window.state_mut()).contains(&command));
    // Natively by path; for the weights of a model folder, the folder is meant.
    for (dropped, from) in
        [("/models/owl/model.safetensors", "/models/owl"), ("/models/owl.gguf", "/models/owl.gguf")]
    {
        let files = Ok(vec![Chosen { name: dropped.to_owned(), bytes: None }]);
        window.state_mut().answer(Answer { wish: Wish::Dropped, files });
        window.run_steps(2);
        let command = Command::LookAtModel { from: Some(ModelSource::Path { path: from.into() }) };
        assert!(sent(window.state_mut()).contains(&command), "{dropped}");
    }
}
