//! Runs based on others, and runs moved to other machines, in the window.

use crate::support;
use crate::support::{answer, contains, is_shown, on, press, sent, tell};
use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse_protocol::cluster::ClusterPlan;
use glasshouse_protocol::{
    Command, Event, Forecast, ModelSource, PlanSummary, RunState, RunSummary, Start, TokenizerKind,
};

#[test]
fn a_run_is_begun_from_another_and_may_begin_with_random_weights_after_all() {
    let mut window = on(PageName::Runs, [1280.0, 900.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    tell(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
    window.run_steps(3);
    press(&mut window, "Use as base model");
    assert!(contains(&window, "2-llama-tiny (best)"), "the dialog names the base model");
    press(&mut window, "Start");
    let started = sent(window.state_mut()).into_iter().find_map(|command| match command {
        Command::Train { config, .. } => Some(*config),
        _ => None,
    });
    assert_eq!(started.unwrap().start, Some(Start::best_of("2-llama-tiny")));
}

#[test]
fn settings_that_begin_with_an_imported_model_get_a_tokenizer_of_their_own_without_it() {
    let mut window = on(PageName::Runs, [1280.0, 900.0]);
    let imported = RunSummary { steps: 0, ..support::run("4-smollm2", RunState::Imported, 0, 0) };
    let runs = vec![support::run("2-llama-tiny", RunState::Finished, 9, 9), imported];
    tell(window.state_mut(), [Event::Runs { runs }]);
    window.run_steps(2);
    window.get_by_role_and_label(Role::Row, "4-smollm2").click_accesskit();
    let Event::History { run: _, mut config, events, checkpoints } = support::history("4-smollm2", 1e-3)
    else {
        panic!("no history")
    };
    config.tokenizer.kind = TokenizerKind::Imported;
    tell(window.state_mut(), [Event::History { run: "4-smollm2".to_owned(), config, events, checkpoints }]);
    window.run_steps(3);
    press(&mut window, "Use as base model");
    press(&mut window, "Change settings");
    assert!(contains(&window, "Starts from the weights, tokenizer and shape of 4-smollm2"));
    press(&mut window, "Train from scratch");
    assert!(!contains(&window, "Starts from the weights"));
    press(&mut window, "New run");
    press(&mut window, "Start");
    let started = sent(window.state_mut()).into_iter().find_map(|command| match command {
        Command::Train { config, .. } => Some(*config),
        _ => None,
    });
    let started = started.unwrap();
    assert_eq!((started.start, started.tokenizer.kind), (None, TokenizerKind::Bpe));
}

#[test]
fn a_plan_beyond_this_machine_is_asked_for_and_shown_with_what_it_assumes() {
    let mut window = on(PageName::Model, [1400.0, 1400.0]);
    window.get_by_label("Beyond this machine").click_accesskit();
    window.run_steps(3);
    let asked = |command: &Command| matches!(command, Command::PlanCluster { .. });
    assert!(sent(window.state_mut()).iter().any(asked), "an open fold asks");
    let plan = ClusterPlan {
        gpus: 4,
        fewest: Some(4),
        memory: vec![("weights".to_owned(), 1_000_000_000), ("gathered weights".to_owned(), 0)],
        bytes: 2_000_000_000,
        available: 80_000_000_000,
        fits: true,
        windows: 8,
        accumulate: 2,
        seconds: 7200.0,
        dollars: 20.5,
        assumptions: vec!["training reaches 40 % of that peak".to_owned()],
        ..ClusterPlan::default()
    };
    answer(
        window.state_mut(),
        asked,
        [Event::Planned(Forecast::Cluster { plan: Box::new(plan) }), Event::Finished],
    );
    window.run_steps(3);
    assert!(contains(&window, "training reaches 40 % of that peak"));
    assert!(!contains(&window, "Gathered weights"), "what takes no memory is not listed");
    assert!(is_shown(&window, "Export a bundle"));
}

#[test]
fn a_run_that_does_not_fit_the_device_is_offered_to_many_gpus() {
    for fits in [true, false] {
        let mut app = support::app("dark");
        tell(&mut app, [support::ready(), support::projects(), support::opened("owls", "Owls", vec![])]);
        let plan = PlanSummary { fits: Some(fits), ..support::plan() };
        let planned = Event::Planned(Forecast::Run { plan: Box::new(plan) });
        answer(&mut app, |command| matches!(command, Command::Plan { .. }), [planned, Event::Finished]);
        app.open(PageName::Model);
        let mut window = support::window(app, 1400.0, 1400.0);
        window.run_steps(3);
        assert_eq!(contains(&window, "This does not fit the device."), !fits);
        assert_eq!(is_shown(&window, "Export a bundle"), !fits, "the fold stands open where it is needed");
        let asked = |command: &Command| matches!(command, Command::PlanCluster { .. });
        assert_eq!(sent(window.state_mut()).iter().any(asked), !fits);
    }
}

#[test]
fn a_stopped_run_can_be_exported_as_a_bundle() {
    let mut window = on(PageName::Runs, [1280.0, 900.0]);
    let stopped = support::run("2-llama-tiny", RunState::Stopped, 1200, 2000);
    tell(
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
    tell(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
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
