//! The length, time and device that a run is planned with.

use super::*;

#[test]
fn a_run_is_as_long_as_its_epochs_and_goes_on_to_more_steps() {
    let shelf = tempfile::tempdir().unwrap();
    let mut config = tiny(20);
    config.train.epochs = Some(0.02);
    let more = |steps| {
        let launch = RunLaunch { steps: Some(steps), ..RunLaunch::default() };
        after(Command::Resume { run: None, launch })
    };
    let made = Command::create("Epochs");
    let heard = play(shelf.path(), vec![after(made), after(train(config, None)), more(30), more(5)]);
    let tokens = told!(heard, Event::TokenizerReady { tokenizer } => tokenizer.train_tokens).next();
    let ended = told!(heard, Event::TrainingEnded { run } => (run.state, run.step, run.steps));
    let settled = (0.02 * tokens.unwrap() as f64 / 64.0).ceil() as u64;
    assert!(settled > 5 && settled < 20, "{settled}");
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended, [(RunState::Finished, settled, settled), (RunState::Finished, 30, 30)]);
    let refused = failures(&heard);
    assert!(refused.len() == 1 && refused[0].contains("has already completed 30 steps"), "{refused:?}");
}

#[test]
fn the_epochs_of_packed_rows_are_planned_as_they_are_trained() {
    let shelf = tempfile::tempdir().unwrap();
    let [talks, held_out] = ["talks.jsonl", "held.jsonl"].map(|name| shelf.path().join(name));
    let row = |at: usize| {
        let owls = "An owl. ".repeat(5 + at % 40);
        format!("{{\"prompt\": \"Who is {at}?\", \"completion\": \"{owls}\"}}\n")
    };
    std::fs::write(&talks, (0..1200).map(row).collect::<String>()).unwrap();
    std::fs::write(&held_out, (1200..1700).map(row).collect::<String>()).unwrap();
    let mut base = tiny(1);
    base.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    (base.model.context_length, base.model.vocabulary, base.train.eval_interval) = (512, 257, 1000);
    (base.train.checkpoint_interval, base.train.sample_interval) = (1000, 0);
    let mut config = RunConfig { start: Some(Start::best_of("1-first-stories")), ..base.clone() };
    config.data.validation_files = vec!["held.jsonl".to_owned()];
    config.set_objective(Objective::Chat);
    config.train.epochs = Some(1.0);
    let steps = [false, true].map(|packing| {
        config.train.chat.packing = packing;
        let made = Command::create("Talks");
        let names = [&talks, &held_out].map(|path| path.display().to_string()).to_vec();
        let add = DocumentsChange::Add { names };
        let plan = Command::Plan { config: Box::new(config.clone()) };
        let train = train(config.clone(), Some(1));
        let text = self::train(base.clone(), None);
        let steps = vec![after(made), after(text), after(add), after(plan), after(train)];
        let heard = play(shelf.path(), steps);
        assert_eq!(failures(&heard), Vec::<String>::new());
        let planned = told!(heard, Event::Planned(Forecast::Run { plan }) => plan.steps).next_back();
        let trained = told!(heard, Event::TrainingEnded { run } => run.steps).next_back();
        (planned.unwrap(), trained.unwrap())
    });
    assert!(2 * steps[0].1 > 3 * steps[1].1, "packing takes fewer steps: {steps:?}");
    for (planned, trained) in steps {
        assert!(planned.abs_diff(trained) <= trained / 6, "{steps:?}");
    }
}

#[test]
fn a_forecast_is_the_work_divided_by_the_speed_that_the_device_last_had() {
    let shelf = tempfile::tempdir().unwrap();
    let forecast = || {
        let plan = Command::Plan { config: Box::new(tiny(1000)) };
        let made = Command::create("Owls");
        let heard = play(shelf.path(), vec![after(made), after(plan)]);
        let mut plans = told!(heard, Event::Planned(Forecast::Run { plan }) => plan.clone());
        let plan = plans.next_back().unwrap();
        (plan.run_seconds.unwrap(), plan.speed_from)
    };
    let (typical, from) = forecast();
    assert!(typical > 0.0 && from == SpeedFrom::Class, "a forecast before anything was measured");
    let stored = |flops_per_s: f64, upkeep: f64| {
        let speed = serde_json::json!({"flops_per_s": flops_per_s, "upkeep": upkeep, "from": "run"});
        let speeds = serde_json::json!({"CPU": speed, "another device": speed});
        std::fs::create_dir_all(shelf.path().join(".cache")).unwrap();
        std::fs::write(shelf.path().join(".cache/speeds.json"), speeds.to_string()).unwrap();
        forecast()
    };
    let (one, from) = stored(1e9, 1.0);
    assert_eq!(from, SpeedFrom::Run);
    let (other, _) = stored(1e9, 1.5);
    assert!((other / one - 1.5).abs() < 1e-6, "{one} {other}");
    std::fs::write(shelf.path().join(".cache/speeds.json"), "{").unwrap();
    assert_eq!(forecast().1, SpeedFrom::Class, "damaged speeds are measured again");
}

#[test]
fn a_first_run_is_measured_on_its_own_device_if_none_was_chosen() {
    let shelf = tempfile::tempdir().unwrap();
    let options = Options { device: String::new(), ..options(shelf.path()) };
    let heard = play_without_hello(options, vec![after(Fit::First { seconds: 1.0 })], |_| {});
    assert!(heard.iter().any(|report| matches!(report.event, Event::Fitted { .. })), "{heard:?}");
    // The run's device is `auto`, which is never a software adapter.
    let notices = heard.iter().filter(|report| matches!(report.event, Event::Notice { .. }));
    assert_eq!(notices.count(), 0, "{heard:?}");
}

#[test]
fn rows_that_are_longer_than_the_context_are_warned_of_before_the_run() {
    let shelf = tempfile::tempdir().unwrap();
    let talks = shelf.path().join("talks.jsonl");
    let row = |at: usize| format!("{{\"prompt\": \"Who is the owl {at}?\", \"completion\": \"An owl.\"}}\n");
    std::fs::write(&talks, (0..40).map(row).collect::<String>()).unwrap();
    let base = tiny(4);
    let mut config = base.clone();
    config.set_objective(Objective::Chat);
    config.model.vocabulary = config.tokenizer.vocabulary;
    config.start = Some(crate::protocol::Start {
        run: "1-first-stories".to_owned(),
        checkpoint: crate::protocol::CheckpointChoice::Latest,
        project: None,
    });
    let add = DocumentsChange::Add { names: vec![talks.display().to_string()] };
    let plan = Command::Plan { config: Box::new(config) };
    let made = after(Command::create("Talks"));
    let heard = play(shelf.path(), vec![made, after(train(base, None)), after(add), after(plan)]);
    let proportions: Vec<String> =
        told!(heard, Event::Planned(Forecast::Run { plan }) => plan.proportions.clone()).flatten().collect();
    let wanted = "About 36 of 36 rows are longer than the 16 tokens that the model reads";
    assert!(
        proportions.iter().any(|said| said.starts_with(wanted)),
        "{proportions:?}: {:?}",
        failures(&heard)
    );
}

#[test]
fn the_memory_of_a_run_is_that_of_its_plan() {
    let shelf = tempfile::tempdir().unwrap();
    let mut config = tiny(2);
    config.model.vocabulary = 999;
    let plan = Command::Plan { config: Box::new(config.clone()) };
    let run = || after(train(config.clone(), None));
    let heard = play(shelf.path(), vec![after(Command::create("Owls")), run(), after(plan), run()]);
    let planned = told!(heard, Event::Planned(Forecast::Run { plan }) => plan.bytes).next_back();
    let recorded: Vec<_> = told!(heard, Event::TrainingEnded { run } => run.bytes).collect();
    assert_eq!(recorded, [planned; 2]);
}
