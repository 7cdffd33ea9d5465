//! Evaluations next to a run in training.

use super::{TRAINS, Trigger, after, ended, failures, inspection, play, play_trained, tiny, train};
use crate::data::recipes::write_own;
use crate::protocol::evaluation::TaskRequest;
use crate::protocol::recipes::recipe;
use crate::protocol::{
    CheckpointChoice, Command, ErrorKind, EvaluateSettings, Evaluation, Event, Objective, Report, RunChange,
    RunConfig, Start, Steer, WeightSource, answer,
};
use std::path::Path;

fn evaluate(folder: &Path, source: WeightSource) -> Command {
    evaluate_rows(folder, source, 40)
}

/// An evaluation long enough to be still in progress when it is cancelled, however slow the steps next to it.
fn evaluate_long(folder: &Path, source: WeightSource) -> Command {
    evaluate_rows(folder, source, 50_000)
}

fn evaluate_rows(folder: &Path, source: WeightSource, rows: usize) -> Command {
    let file = folder.join(format!("qa-{rows}.jsonl"));
    let row = "{\"prompt\":\"One day\",\"choices\":[\" a boy\",\" a girl\"],\"answer\":0}\n";
    std::fs::write(&file, row.repeat(rows)).unwrap();
    let task = TaskRequest { file: file.display().to_string(), ..TaskRequest::default() };
    let settings = EvaluateSettings { tasks: vec![task], resamples: 200, ..EvaluateSettings::default() };
    Command::Evaluate { source, settings: Box::new(settings) }
}

/// A run that trains until it is stopped.
pub(super) fn endless() -> RunConfig {
    let mut config = tiny(1_000_000);
    (config.train.eval_interval, config.train.sample_interval) = (0, 0);
    config
}

fn of(heard: &[Report], of: impl Fn(&Event) -> bool) -> Vec<usize> {
    (0..heard.len()).filter(|at| of(&heard[*at].event)).collect()
}

fn found(heard: &[Report]) -> Vec<&Evaluation> {
    told!(heard, Event::Evaluations(answer::Evaluations { evaluations, .. }) => evaluations)
        .flatten()
        .collect()
}

#[test]
fn more_resamples_than_memory_holds_are_refused_before_a_model_is_read() {
    let settings = EvaluateSettings { resamples: u32::MAX, ..EvaluateSettings::default() };
    let source = WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: CheckpointChoice::Latest };
    let heard =
        play_trained(tiny(1), vec![after(Command::Evaluate { source, settings: Box::new(settings) })]);
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Invalid));
    assert_eq!(failures(&heard), ["resamples = 4294967295 must be at most 1000000"]);
}

/// `Hello` is request 1; the evaluations are 4 (alone) and 6 (next to another run's steps).
#[test]
fn a_run_goes_on_while_a_model_is_evaluated_and_the_figures_are_those_of_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = || WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: CheckpointChoice::Latest };
    let heard = play_trained(
        tiny(3),
        vec![
            after(evaluate(folder.path(), first())),
            after(train(endless(), None)),
            (Some(TRAINS), evaluate(folder.path(), first())),
            (Some(|event| matches!(event, Event::Evaluations { .. })), Command::Steer(Steer::Stop)),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let found = found(&heard);
    let [alone, beside] = found[..] else { panic!("{found:?}") };
    let figures = |one: &Evaluation| {
        (one.likelihood.as_ref().unwrap().metrics.clone(), one.tasks.clone(), one.baselines.clone())
    };
    assert_eq!(figures(beside), figures(alone));
    assert_eq!(alone.held_training_ms, None);
    let speed = |one: &Evaluation| one.likelihood.as_ref().unwrap().tokens_per_s;
    assert!(speed(alone).is_some() && speed(beside).is_none());
    assert!(beside.held_training_ms.unwrap() > 0.0, "{beside:?}");
    // Steps occur during the evaluation, not only after it.
    let evaluating = of(&heard, |event| matches!(event, Event::Progress { .. }));
    let evaluated = *of(&heard, |event| matches!(event, Event::Evaluations { .. })).last().unwrap();
    let begun = *evaluating.iter().find(|at| heard[**at].request == Some(6)).unwrap();
    let steps = of(&heard, TRAINS);
    assert!(steps.iter().any(|at| (begun..evaluated).contains(at)), "{begun} {evaluated} {steps:?}");
}

/// Weights in training are evaluated at their current step, a second evaluation waits for the first, and a cancelled one reports
/// it while the run continues.
#[test]
fn an_evaluation_beside_a_run_is_cancelled_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let long = || evaluate_long(folder.path(), WeightSource::Current);
    let evaluating: Trigger = |event| matches!(event, Event::Progress { .. });
    let cancelled: Trigger = |event| matches!(event, Event::Failed { .. });
    let heard = play_trained(
        endless(),
        vec![
            (Some(TRAINS), long()),
            (Some(evaluating), long()),
            (Some(TRAINS), Command::Cancel { request: 4 }),
            (Some(cancelled), Command::Cancel { request: 5 }),
            (Some(cancelled), evaluate(folder.path(), WeightSource::Current)),
            (Some(|event| matches!(event, Event::Evaluations { .. })), Command::Steer(Steer::Stop)),
        ],
    );
    assert_eq!(
        (ended(&heard, 4), ended(&heard, 5)),
        (Some(ErrorKind::Cancelled), Some(ErrorKind::Cancelled))
    );
    assert!(failures(&heard).iter().all(|reason| reason.contains("evaluating the model")));
    let found = found(&heard);
    let [made] = found[..] else { panic!("{found:?}") };
    assert!(made.checkpoint == "current" && made.step > 0 && made.held_training_ms.is_some(), "{made:?}");
    // A cancelled evaluation reports nothing more.
    let last = *of(&heard, |event| matches!(event, Event::Failed { .. })).last().unwrap();
    assert!(heard[last..].iter().all(|report| {
        report.request != Some(4) && report.request != Some(5)
            || !matches!(report.event, Event::Progress { .. })
    }));
}

/// Cancellation works during another answer, next to a run in training and after its end.
#[test]
fn an_evaluation_is_cancelled_while_its_model_is_looked_at() {
    let evaluating: Trigger = |event| matches!(event, Event::Progress { .. });
    let looks: Trigger = |event| matches!(event, Event::CharactersLost { .. });
    let seen: Trigger = |event| matches!(event, Event::Inspected { .. });
    let stopped: Trigger = |event| matches!(event, Event::TrainingEnded { .. });
    for beside in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut steps = vec![
            (Some(TRAINS), evaluate_long(folder.path(), WeightSource::Current)),
            (Some(evaluating), inspection::look_slowly()),
            (Some(looks), Command::Cancel { request: 4 }),
            (Some(seen), Command::Steer(Steer::Stop)),
        ];
        if !beside {
            steps.insert(1, (Some(evaluating), Command::Steer(Steer::Stop)));
            (steps[2].0, steps[4].1) = (Some(stopped), Command::ListRuns);
        }
        let heard = play_trained(inspection::endless(), steps);
        assert_eq!((ended(&heard, 4), failures(&heard).len()), (Some(ErrorKind::Cancelled), 1));
        let cancelled = of(&heard, |event| matches!(event, Event::Failed { .. }))[0];
        assert!(cancelled < of(&heard, seen)[0], "beside a run in training: {beside}");
    }
}

/// Deleting a run cancels its evaluation, and the run in training continues.
#[test]
fn a_deleted_run_is_evaluated_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let first = WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: CheckpointChoice::Latest };
    let heard = play_trained(
        tiny(3),
        vec![
            after(train(endless(), None)),
            (Some(TRAINS), evaluate_long(folder.path(), first)),
            (Some(|event| matches!(event, Event::Progress { .. })), RunChange::Delete.to("1")),
            (Some(TRAINS), Command::Steer(Steer::Stop)),
        ],
    );
    assert_eq!(ended(&heard, 5), Some(ErrorKind::Cancelled));
    assert!(found(&heard).is_empty(), "{heard:?}");
}

/// Weights in training and those of their checkpoint are evaluated on the same rows: those held out by the run.
#[test]
fn a_run_in_training_is_measured_by_the_rows_that_it_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let [shelf, project] = ["shelf", "p"].map(|name| folder.path().join(name));
    let open = || after(Command::UseProject { folder: project.clone(), make: true });
    let mut config = tiny(4);
    config.model.context_length = 64;
    let heard = play(
        &shelf,
        vec![open(), after(train(config, None)), after(Command::ReadRun { run: None, points: 0 })],
    );
    let settings =
        told!(heard, Event::History(answer::History { config, .. }) => (**config).clone()).next_back();
    let answer = recipe("answer").unwrap();
    let row = |at: usize| {
        let messages = format!(
            "[{{\"role\":\"user\",\"content\":\"Who has {at}?\"}},{{\"role\":\"assistant\",\"content\":\"Mia has.\"}}]"
        );
        format!("{{\"messages\":{messages}}}")
    };
    let rows = write_own(answer, &project, &(0..24).map(row).collect::<Vec<_>>()).unwrap();
    let mut tuned = RunConfig { start: Some(Start::best_of("1-first-stories")), ..settings.unwrap() };
    tuned.set_objective(Objective::Chat);
    tuned.set_steps(1_000_000);
    tuned.data.paths = vec![rows.display().to_string()];
    (tuned.train.eval_interval, tuned.train.sample_interval) = (0, 0);
    let measure = |source| {
        let settings = EvaluateSettings {
            likelihood: false,
            baselines: false,
            tasks: answer.task().into_iter().collect(),
            keep: false,
            ..EvaluateSettings::default()
        };
        Command::Evaluate { source, settings: Box::new(settings) }
    };
    let kept = WeightSource::Checkpoint { run: "2".to_owned(), checkpoint: CheckpointChoice::Latest };
    let heard = play(
        &shelf,
        vec![
            open(),
            after(train(tuned, None)),
            (Some(TRAINS), measure(WeightSource::Current)),
            (Some(|event| matches!(event, Event::Evaluations { .. })), Command::Steer(Steer::Stop)),
            (Some(|event| matches!(event, Event::TrainingEnded { .. })), measure(kept)),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let found = found(&heard);
    let asked = |one: &Evaluation| -> Vec<String> {
        one.tasks[0].answers.iter().map(|answer| answer.prompt.clone()).collect()
    };
    let [current, kept] = found[..] else { panic!("{found:?}") };
    let held_out = std::fs::read_to_string(rows.with_file_name("held-out.jsonl")).unwrap();
    let questions = held_out.lines().map(|line| line.split('"').find(|part| part.ends_with('?')).unwrap());
    assert_eq!((current.checkpoint.as_str(), asked(current).len()), ("current", questions.clone().count()));
    assert!(asked(current).iter().zip(questions).all(|(asked, own)| asked.contains(own)), "{held_out}");
    assert_eq!(asked(current), asked(kept));
    assert_eq!(current.tasks[0].file_crc32c, kept.tasks[0].file_crc32c);
}
