//! A run in training: its control, its reports, and its stop.

use super::*;

#[test]
fn a_run_is_paused_stepped_written_with_changed_and_stopped() {
    // Paused right after the evaluation before its first step, where nothing else is due.
    let mut endless = tiny(100_000);
    (endless.train.sample_interval, endless.train.accumulate) = (0, 2);
    let heard = play_trained(
        endless,
        vec![
            (Some(TRAINS), Command::Steer(Steer::Pause)),
            (
                Some(|event| matches!(event, Event::TrainingState { state: TrainingState::Paused, .. })),
                Command::Steer(Steer::StepOnce),
            ),
            after(generate("A")),
            (Some(|event| matches!(event, Event::Completed { .. })), Command::Steer(Steer::Continue)),
            after(generate("B")),
            (
                Some(|event| matches!(event, Event::Completed { .. })),
                Command::Steer(Steer::Change { learning_rate: Some(5e-4), steps: None }),
            ),
            after(Steer::Profile),
            after(Command::OpenProject { id: "p".to_owned() }),
            after(Command::OpenProject { id: "another".to_owned() }),
            after(Steer::Stop),
        ],
    );
    let failed = failures(&heard);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("is training"), "{failed:?}");
    // Opening the open project again tells of its run.
    let told = |report: &Report| {
        report.request == Some(11) && matches!(report.event, Event::TrainingStarted { step, .. } if step > 0)
    };
    assert!(heard.iter().any(told));
    // Both micro-batches count.
    let whole = |entries: &[crate::protocol::ProfileEntry]| {
        let (rest, timed): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry.scope == "rest of the step");
        rest.len() <= 1 && !timed.is_empty() && timed.iter().all(|entry| entry.count % 2 == 0)
    };
    has!(heard, Event::Profile { entries, .. } if whole(entries));
    has!(heard, Event::TrainingEnded { run } if run.state == RunState::Stopped && run.step > 0);
    // While paused, a run does exactly the one requested step.
    let at = |wanted: fn(&Event) -> bool| heard.iter().position(|report| wanted(&report.event)).unwrap();
    let stepped =
        heard.iter().position(|report| report.request == Some(5) && report.event == Event::Finished).unwrap();
    let continued = at(|event| matches!(event, Event::TrainingState { state: TrainingState::Running, .. }));
    assert!(stepped < continued);
    assert_eq!(losses(&heard[stepped..continued]).len(), 1);
}

#[test]
fn a_stopped_run_continues_with_the_losses_of_an_uninterrupted_one() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let create = || after(Command::create("p"));
    let whole = losses(&play(one.path(), vec![create(), after(train(tiny(30), None))]));
    let mut parts = losses(&play(two.path(), vec![create(), after(train(tiny(30), Some(13)))]));
    let open = Command::OpenProject { id: "p".to_owned() };
    let resume = Command::Resume { run: None, launch: RunLaunch::default() };
    parts.extend(losses(&play(two.path(), vec![after(open), after(resume)])));
    assert_eq!(whole.len(), 30);
    assert_eq!(parts, whole);
}

#[test]
fn a_sample_under_way_is_held_and_given_up_when_that_is_asked_for() {
    let shelf = tempfile::tempdir().unwrap();
    let mut config = tiny(10);
    // Too long to wait for its end; a byte text in one piece has no end token.
    (config.train.sample_interval, config.train.sample_tokens) = (1, 1 << 20);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    let text = shelf.path().join("owls.txt");
    std::fs::write(&text, "The owl sat in the oak and sang. ".repeat(200)).unwrap();
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(train(config, None)),
            (
                Some(|event| matches!(event, Event::Underway { work, .. } if work == "writing a sample")),
                Command::Steer(Steer::Pause),
            ),
            after(generate("A")),
            (Some(|event| matches!(event, Event::Completed { .. })), Command::Steer(Steer::StepOnce)),
            (
                Some(|event| matches!(event, Event::Underway { work, .. } if work == "writing a sample")),
                Command::Steer(Steer::Stop),
            ),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let ended = told!(heard, Event::TrainingEnded { run } => run).next();
    let run = ended.unwrap();
    // The first sample is of the untrained weights.
    assert_eq!((run.state, run.step), (RunState::Stopped, 0));
    assert!(run.checkpoints.iter().any(|checkpoint| checkpoint.resumable && checkpoint.step == 0));
}

/// A slow disk: the checkpoint is written to a pipe that is read only after the pause was acknowledged.
#[test]
#[cfg(unix)]
fn a_pause_is_acknowledged_while_a_checkpoint_is_being_written() {
    let shelf = tempfile::tempdir().unwrap();
    let pipe = shelf.path().join("p/runs/1-first-stories/checkpoints/step-00000010-000001.safetensors");
    let (requests, inbox) = async_channel::unbounded();
    let mut config = tiny(20);
    (config.train.eval_interval, config.train.sample_interval) = (0, 0);
    for (id, command) in [(1, Command::create("p")), (2, train(config, None))] {
        requests.try_send(Envelope::plain(Request::new(id, command))).unwrap();
    }
    let (acknowledge, acknowledged) = std::sync::mpsc::channel();
    let place = pipe.clone();
    // Started once the pipe exists.
    let reader = RefCell::new(Some(move || {
        std::thread::spawn(move || {
            // Opening waits for the writer, whose first bytes fill the pipe and block it.
            let mut file = std::fs::File::open(&place).unwrap();
            requests.try_send(Envelope::plain(Request::new(3, Steer::Pause.into()))).unwrap();
            let heard = acknowledged.recv_timeout(std::time::Duration::from_secs(60));
            std::io::copy(&mut file, &mut std::io::sink()).unwrap();
            heard
        })
    }));
    let reading = Rc::new(RefCell::new(None));
    let started = reading.clone();
    pollster::block_on(run(options(shelf.path()), inbox, move |report| match report.body.event {
        Event::TrainingStarted { .. } => {
            std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            *started.borrow_mut() = reader.borrow_mut().take().map(|read| read());
        }
        Event::TrainingState { state: TrainingState::Paused, .. } => acknowledge.send(()).unwrap(),
        _ => {}
    }));
    let reading = reading.borrow_mut().take().unwrap();
    assert!(reading.join().unwrap().is_ok(), "the pause waited for the checkpoint");
}

#[test]
fn the_first_sample_and_the_time_left_come_by_the_clock() {
    let mut config = tiny(1_000_000);
    (config.train.sample_interval, config.train.eval_interval) = (1_000_000, 0);
    let written: Trigger = |event| match event {
        Event::Training { events, .. } => {
            events.iter().any(|event| matches!(event, TrainEvent::Sample { step, .. } if *step > 0))
        }
        _ => false,
    };
    let heard = play_trained(config, vec![(Some(written), Command::Steer(Steer::Stop))]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let samples: Vec<u64> = told!(heard, Event::Training { events, .. } => events)
        .flatten()
        .filter_map(|event| match event {
            TrainEvent::Sample { step, .. } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(samples.len(), 2, "before the first step, and once by the clock: {samples:?}");
    assert!(samples[0] == 0 && (1..1_000_000).contains(&samples[1]), "{samples:?}");
    let told = heard.iter().any(|report| {
        matches!(report.event, Event::Training { seconds: Some((seconds, seconds_left)), .. } if seconds > 0.0 && seconds_left > 0.0)
    });
    assert!(told, "nobody is told how long it takes");
}

/// However fast the steps are, so that no queue of reports precedes the answer to a request.
#[test]
fn steps_are_reported_five_times_a_second() {
    let mut config = tiny(1000);
    let train = &mut config.train;
    (train.eval_interval, train.sample_interval, train.checkpoint_interval) = (0, 0, 1000);
    let begun = std::time::Instant::now();
    let heard = play_trained(config, Vec::new());
    let most = 5.0 * begun.elapsed().as_secs_f64() + 1.0;
    let last = told!(heard, Event::Training { events, .. } => events.last());
    let of_steps = last.filter(|last| matches!(last, Some(TrainEvent::Step { .. }))).count();
    assert!(of_steps as f64 <= most, "{of_steps} reports");
}

#[test]
fn a_stop_is_heard_in_the_midst_of_a_long_step_and_of_a_long_evaluation() {
    for eval_interval in [0, 1] {
        let shelf = tempfile::tempdir().unwrap();
        let mut config = slow(1000);
        config.train.eval_interval = eval_interval;
        let heard = play(
            shelf.path(),
            vec![
                after(Command::create("p")),
                after(train(config, None)),
                (Some(|event| matches!(event, Event::TrainingStarted { .. })), Command::Steer(Steer::Stop)),
            ],
        );
        assert_eq!(failures(&heard), Vec::<String>::new());
        let run = told!(heard, Event::TrainingEnded { run } => run).next();
        assert_eq!(run.map(|run| (run.state, run.step)), Some((RunState::Stopped, 0)));
        assert!(run.unwrap().checkpoints.iter().any(|checkpoint| checkpoint.resumable));
    }
}

#[test]
fn another_first_model_is_refused_while_a_run_trains_and_the_run_goes_on() {
    let shelf = tempfile::tempdir().unwrap();
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(train(tiny(100_000), None)),
            (
                Some(|event| matches!(event, Event::Training { .. })),
                Command::TrainFirst { project: "First".to_owned(), seconds: 1.0 },
            ),
            after(Steer::Pause),
            after(Command::ListProjects),
            after(Steer::Stop),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Busy));
    assert!(failures(&heard)[0].contains("1-first-stories is training; stop it first"));
    let projects = told!(heard, Event::Projects { projects, .. } => projects.len()).next_back();
    assert_eq!(projects, Some(1));
    assert!(
        heard
            .iter()
            .any(|report| matches!(report.event, Event::TrainingState { state: TrainingState::Paused, .. }))
    );
}
