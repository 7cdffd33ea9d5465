//! Range tests and sweeps.

use super::*;
use crate::project::Project;
use crate::protocol::{
    Ablate, Ablation, DraftOf, EvaluateSettings, Objective, RangeTest, Start, SweepState, SweepSummary,
};
use glasshouse_corpus::recipe::Recipe;
use std::cell::Cell;
use std::path::Path;

/// Rates of which the middle one trains best.
const RATES: &str = "name = \"rates\"\n[settings]\ntrain.learning_rate = [1e-5, 3e-3, 1e-4]\n";
const HALVING: &str = "[stop]\nrule = \"halving\"\nrungs = [10]\n";

fn make() -> (Option<Trigger>, Command) {
    after(Command::create("p"))
}

fn sweep(text: &str, steps: u64) -> Command {
    let launch = RunLaunch { sweep: Some(text.to_owned()), ..RunLaunch::default() };
    Command::Train { config: Box::new(tiny(steps)), launch }
}

fn last(heard: &[Report]) -> SweepSummary {
    told!(heard, Event::Sweep { sweep } => (**sweep).clone()).last().unwrap()
}

/// Steps of each training that ended.
fn ended(heard: &[Report]) -> Vec<u64> {
    told!(heard, Event::TrainingEnded { run } => run.step).collect()
}

#[test]
fn a_range_test_suggests_a_rate_and_leaves_no_run() {
    let shelf = tempfile::tempdir().unwrap();
    let fit = |steps| {
        let test = RangeTest { lowest: 1e-5, highest: 10.0, steps, noise: true };
        after(Fit::LearningRate { config: Box::new(tiny(20)), test })
    };
    let heard = play(shelf.path(), vec![make(), fit(60), fit(1), after(Command::ListRuns)]);
    let curve = told!(heard, Event::RangeTested { curve } => curve.clone()).last().unwrap();
    assert!(curve.points.len() > 20, "{curve:?}");
    assert!(
        (curve.points[0].rate / 1e-5 - 1.0).abs() < 1e-6,
        "the rates are those of the test, not of the schedule"
    );
    assert!(curve.points.windows(2).all(|pair| pair[0].rate < pair[1].rate));
    let rate = curve.suggestion.unwrap();
    assert!((1e-5..10.0).contains(&rate), "{rate}");
    assert!(
        curve.noise.is_none_or(|noise| noise.windows > 0.0 && noise.batch == tiny(20).train.batch_size),
        "{curve:?}"
    );
    assert!(failures(&heard)[0].contains("20 to 2000 steps"), "{:?}", failures(&heard));
    let runs = told!(heard, Event::Runs { runs } => runs.len()).last();
    assert_eq!(runs, Some(0));
    let project = std::fs::read_dir(shelf.path())
        .unwrap()
        .filter_map(Result::ok)
        .find(|entry| entry.path().join("runs").is_dir());
    let left = std::fs::read_dir(project.unwrap().path().join("runs")).unwrap().filter_map(Result::ok);
    assert_eq!(left.filter(|entry| entry.path().is_dir()).count(), 0);
}

#[test]
fn halving_trains_the_best_run_to_the_end_and_a_finished_sweep_trains_nothing() {
    let shelf = tempfile::tempdir().unwrap();
    let text = [RATES, HALVING].concat();
    let heard = play(
        shelf.path(),
        vec![make(), after(sweep(&text, 20)), after(sweep(&text, 20)), after(Command::ListRuns)],
    );
    assert_eq!(ended(&heard), [10, 10, 10, 20]);
    let summary = last(&heard);
    assert!(summary.complete && summary.current.is_none());
    let states: Vec<SweepState> = summary.rows.iter().map(|row| row.state).collect();
    assert_eq!(states, [SweepState::Dropped, SweepState::Finished, SweepState::Dropped]);
    assert_eq!(summary.best, Some(1));
    let best = &summary.rows[1];
    let ([low, high], loss) = (best.interval.unwrap(), best.loss.unwrap());
    assert!(low < loss && loss < high && best.losses.iter().any(|(_, other)| *other == loss), "{best:?}");
    let runs = told!(heard, Event::Runs { runs } => runs.clone()).last().unwrap();
    assert!(runs.len() == 3 && runs.iter().all(|run| run.tags == ["rates"]), "{runs:?}");
}

#[test]
fn the_importance_of_settings_is_told_once_enough_runs_are_finished() {
    let shelf = tempfile::tempdir().unwrap();
    let text = "[settings]\nseed = [1, 2]\ntrain.learning_rate = [1e-6, 1e-4, 1e-3, 3e-3]\n";
    let heard = play(shelf.path(), vec![make(), after(sweep(text, 20))]);
    let before = told!(heard, Event::Sweep { sweep } => sweep.clone()).filter(|sweep| !sweep.complete);
    assert!(before.into_iter().all(|sweep| sweep.importance.is_empty()));
    let importance = last(&heard).importance;
    let names: Vec<&str> = importance.iter().map(|share| share.name.as_str()).collect();
    assert_eq!(names, ["seed", "train.learning_rate"]);
    assert!(importance[1].value > Some(0.8) && importance[0].value < Some(0.2), "{importance:?}");
    assert!(importance.iter().all(|share| share.count == 8), "{importance:?}");
}

#[test]
fn a_stopped_sweep_continues_and_ends_with_the_same_losses() {
    let whole = tempfile::tempdir().unwrap();
    let undisturbed = last(&play(whole.path(), vec![make(), after(sweep(RATES, 20))]));
    let shelf = tempfile::tempdir().unwrap();
    let stopped =
        vec![make(), after(sweep(RATES, 20)), (Some(TRAINS), Steer::Stop.into()), after(Command::ListRuns)];
    let heard = play(shelf.path(), stopped);
    let summary = last(&heard);
    assert!(!summary.complete && summary.rows[2].run.is_none(), "{summary:?}");
    let project =
        told!(heard, Event::Project { opened: Some(opened) } => opened.project.id.clone()).last().unwrap();
    let heard =
        play(shelf.path(), vec![after(Command::OpenProject { id: project }), after(sweep(RATES, 20))]);
    let opened = told!(heard, Event::Sweep { sweep } => sweep.clone()).next().unwrap();
    assert_eq!((opened.toml.as_str(), opened.complete), (RATES, false), "a project is opened with its sweep");
    let summary = last(&heard);
    assert!(summary.complete);
    let losses = |summary: &SweepSummary| summary.rows.iter().map(|row| row.loss).collect::<Vec<_>>();
    assert_eq!(losses(&summary), losses(&undisturbed));
}

#[test]
fn a_sweep_stopped_while_another_worker_begins_it_is_idle() {
    let shelf = tempfile::tempdir().unwrap();
    play(shelf.path(), vec![make()]);
    let project = Project::open(&shelf.path().join("p")).unwrap();
    let claim = project.claim_of_sweep("rates", "begin").unwrap();
    assert!(claim.is_some());
    let open = Command::OpenProject { id: "p".to_owned() };
    let steps = vec![
        after(open),
        after(sweep(RATES, 20)),
        (Some(underway), Steer::Stop.into()),
        after(Command::ListRuns),
    ];
    let heard = play(shelf.path(), steps);
    assert_eq!(super::ended(&heard, 3), None, "the sweep ends without an error");
    let state = told!(heard, Event::TrainingState { state, .. } => *state).last();
    assert_eq!(state, Some(TrainingState::Idle));
    has!(heard, Event::Runs { runs } if runs.is_empty());
}

#[test]
fn settings_are_kept_with_the_first_run_until_all_runs_are_deleted() {
    let shelf = tempfile::tempdir().unwrap();
    let one = "name = \"rates\"\n[settings]\ntrain.learning_rate = [1e-3]\n";
    let other = one.replace("1e-3", "2e-3");
    let folder = shelf.path().to_owned();
    let is_kept = Rc::new(Cell::new(false));
    let seen = is_kept.clone();
    let on_report = move |report: &Envelope<Report>| {
        if let Event::TrainingStarted { .. } = report.body.event {
            let mut projects = std::fs::read_dir(&folder).unwrap().filter_map(Result::ok);
            seen.set(projects.any(|project| project.path().join("sweeps/rates.json").is_file()));
        }
    };
    let steps = vec![
        make(),
        after(sweep(one, 20)),
        after(sweep(&other, 20)),
        after(RunChange::Delete.to("1")),
        after(sweep(&other, 20)),
    ];
    let heard = play_with(shelf.path(), steps, on_report);
    assert!(is_kept.get(), "a killed first run is that of the kept settings");
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("another sweep called rates"), "{failed:?}");
    let summary = last(&heard);
    assert!(summary.complete && summary.rows[0].values[0].1 == "0.002", "{summary:?}");
}

#[test]
fn runs_that_diverge_or_are_deleted_do_not_end_a_sweep() {
    let shelf = tempfile::tempdir().unwrap();
    let text = "[settings]\ntrain.learning_rate = [1e30, 1e-3]\n[stop]\nrule = \"halving\"\nrungs = [30]\nfactor = 2\n";
    let mut config = tiny(40);
    (config.train.gradient_clipping, config.train.warmup_steps) = (0.0, 0);
    config.train.guard.mode = crate::protocol::GuardMode::Off;
    let launch = RunLaunch { sweep: Some(text.to_owned()), ..RunLaunch::default() };
    let command = Command::Train { config: Box::new(config), launch };
    let heard = play(shelf.path(), vec![make(), after(command.clone()), after(command)]);
    let summary = last(&heard);
    assert!(summary.complete, "{summary:?}");
    let states: Vec<SweepState> = summary.rows.iter().map(|row| row.state).collect();
    assert_eq!((states, summary.best), (vec![SweepState::Failed, SweepState::Finished], Some(1)));
    assert!(summary.rows[0].error.as_ref().unwrap().contains("diverged"));
    assert_eq!(ended(&heard).len(), 3, "the second time, nothing is trained");
    assert_eq!(failures(&heard), Vec::<String>::new());
}

#[test]
fn a_sweep_that_cannot_work_is_refused_before_anything_is_trained() {
    let shelf = tempfile::tempdir().unwrap();
    let (unknown, other) = (RATES.replace("learning_rate", "learning_rat"), RATES.replace("1e-4", "2e-4"));
    let steps = vec![make(), after(sweep(&unknown, 20)), after(sweep(RATES, 20)), after(sweep(&other, 20))];
    let heard = play(shelf.path(), steps);
    let [first, second] = &failures(&heard)[..] else { panic!("{:?}", failures(&heard)) };
    assert!(first.contains("learning_rate"), "{first}");
    assert!(second.contains("another sweep called rates"), "{second}");
    assert_eq!(ended(&heard).len(), 3);
}

/// An ablation of these rules of the recipe `light`, without its near duplicates, which would be removed in place of exact ones.
fn rules(only: &[&str]) -> String {
    let mut recipe = Recipe::published("light").unwrap();
    recipe.duplicates.near.enabled = false;
    let (recipe, only) = (recipe.to_toml().unwrap(), only.iter().map(|name| (*name).to_owned()).collect());
    Ablate { recipe, only, seeds: 1, ..Ablate::default() }.to_toml("rules").unwrap()
}

const RULES: [&str; 4] = ["length", "exact-duplicates", "perplexity", "raw"];

/// Stories, copies of some of them, and texts too short to keep; and a project beside them.
fn ablation(folder: &Path, text: &str) -> [(Option<Trigger>, Command); 2] {
    let stories: Vec<String> =
        crate::data::stories::up_to(60_000, 1).filter(|story| story.len() > 200).take(60).collect();
    assert_eq!(stories.len(), 60);
    let short = (0..10).map(|number| format!("Page {number}"));
    let all = stories.iter().chain(&stories[..20]).cloned().chain(short);
    let lines: String = all.map(|text| serde_json::json!({ "text": text }).to_string() + "\n").collect();
    let path = folder.join("raw.jsonl");
    std::fs::write(&path, lines).unwrap();
    let mut config = tiny(12);
    config.data.paths = vec![path.display().to_string()];
    let launch = RunLaunch { sweep: Some(text.to_owned()), ..RunLaunch::default() };
    let make = Command::UseProject { folder: folder.join("project"), make: true };
    [after(make), after(Command::Train { config: Box::new(config), launch })]
}

#[test]
fn what_each_rule_bought_is_measured_on_text_that_no_run_learned() {
    let folder = tempfile::tempdir().unwrap();
    let heard = play(&folder.path().join("shelf"), ablation(folder.path(), &rules(&RULES)).to_vec());
    assert_eq!(failures(&heard), Vec::<String>::new());
    let summary = last(&heard);
    assert!(summary.complete, "{summary:?}");
    let Ablation { text, whole, effects } = summary.ablation.unwrap();
    assert!(text.held_out_documents >= 16 && whole.is_some(), "{text:?}");
    let seen: Vec<_> = effects
        .iter()
        .map(|own| (own.version.name.as_str(), own.version.acted, own.bought.is_some()))
        .collect();
    let expected = [
        ("length", true, true),
        ("perplexity", false, false),
        ("exact-duplicates", true, true),
        ("raw", true, true),
    ];
    assert_eq!(seen, expected);
    assert!(effects.iter().filter_map(|own| own.bought.as_ref()).all(|bought| bought.interval.is_some()));
    let more: Vec<i64> = effects.iter().map(|own| own.version.documents).collect();
    // Copies of held-out documents are not learned either.
    assert!(more[0] == 10 && (1..20).contains(&more[2]) && more[3] >= more[0] + more[2], "{more:?}");
    // The twins have the same held-out tokens and tokenizer.
    let folders = std::fs::read_dir(folder.path().join("project/data")).unwrap();
    let index = |entry: std::fs::DirEntry| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(entry.path().join("index.json")).unwrap()).unwrap()
    };
    let indices: Vec<_> = folders.map(|entry| index(entry.unwrap())).collect();
    assert_eq!(indices.len(), 4);
    for value in ["/tokenizer_crc32c", "/validation/tokens"] {
        let first = indices[0].pointer(value).unwrap();
        assert!(indices.iter().all(|index| index.pointer(value) == Some(first)), "{value}");
    }
}

#[test]
fn a_stopped_ablation_continues_with_the_same_texts_and_results() {
    let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let shelf = |folder: &tempfile::TempDir| folder.path().join("shelf");
    let heard = play(&shelf(&whole), ablation(whole.path(), &rules(&RULES)).to_vec());
    let undisturbed = last(&heard).ablation.unwrap();
    let commands = ablation(stopped.path(), &rules(&RULES));
    let mut first = commands.to_vec();
    first.push((Some(TRAINS), Steer::Stop.into()));
    let heard = play(&shelf(&stopped), first);
    assert!(!last(&heard).complete);
    let summary = last(&play(&shelf(&stopped), commands.to_vec()));
    assert!(summary.complete);
    let found = summary.ablation.unwrap();
    assert_eq!(found.text, undisturbed.text);
    let bought =
        |ablation: &Ablation| -> Vec<_> { ablation.effects.iter().map(|own| own.bought.clone()).collect() };
    assert_eq!(bought(&found), bought(&undisturbed));
}

#[test]
fn another_tokenizer_is_compared_by_bytes_on_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[ablate]\nrecipe = \"raw\"\ntokenizers = [\"byte\"]\nseeds = 2\n";
    let heard = play(&folder.path().join("shelf"), ablation(folder.path(), text).to_vec());
    assert_eq!(failures(&heard), Vec::<String>::new());
    let summary = last(&heard);
    assert!(summary.complete && summary.rows.len() == 4, "{summary:?}");
    let [byte] = &summary.ablation.unwrap().effects[..] else { panic!("{heard:?}") };
    let bought = byte.bought.as_ref().unwrap();
    assert!(bought.count == 2 && bought.interval.is_some(), "{bought:?}");
    let vocabularies = told!(heard, Event::RunOpened { opened } => opened.config.model.vocabulary);
    let vocabularies: Vec<usize> = vocabularies.collect();
    assert!(vocabularies[0] == vocabularies[2] && vocabularies[1] == vocabularies[3], "{vocabularies:?}");
    assert!(vocabularies[0] != vocabularies[1], "{vocabularies:?}");
}

#[test]
fn sources_left_out_and_repeated_are_compared_on_the_same_documents() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[ablate]\nrecipe = \"raw\"\nseeds = 1\nweights = { \"a/b\" = [0, 2], other = [0.001] }\n";
    let commands = ablation(folder.path(), text);
    let path = folder.path().join("raw.jsonl");
    let sourced = |(at, line): (usize, &str)| {
        let source = if at % 2 == 0 { "a/b" } else { "other" };
        line.replacen('{', &format!("{{\"source\": \"{source}\", "), 1) + "\n"
    };
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, lines.lines().enumerate().map(sourced).collect::<String>()).unwrap();
    let heard = play(&folder.path().join("shelf"), commands.to_vec());
    assert_eq!(failures(&heard), Vec::<String>::new());
    let summary = last(&heard);
    assert!(summary.complete && summary.rows.len() == 4, "{summary:?}");
    let effects = summary.ablation.unwrap().effects;
    let names: Vec<&str> = effects.iter().map(|own| own.version.name.as_str()).collect();
    assert_eq!(names, ["a/b=0", "a/b=2", "other=0.001"]);
    let own = |at: usize| (effects[at].version.documents, effects[at].version.bytes);
    assert!(own(0).0 < 0 && own(1) == (-own(0).0, -own(0).1) && own(2).0 < 0, "{effects:?}");
    assert!(effects.iter().all(|own| own.bought.as_ref().is_some_and(|bought| bought.interval.is_some())));
}

#[test]
fn an_ablation_measures_its_runs_again_after_another_evaluation_and_refuses_changed_text() {
    let folder = tempfile::tempdir().unwrap();
    let [make, train] = ablation(folder.path(), &rules(&["length"]));
    let source = WeightSource::Checkpoint { run: "1".to_owned(), checkpoint: CheckpointChoice::Latest };
    let settings = EvaluateSettings { documents: Some(3), ..EvaluateSettings::default() };
    let other = Command::Evaluate { source, settings: Box::new(settings) };
    let heard =
        play(&folder.path().join("shelf"), vec![make.clone(), train.clone(), after(other), train.clone()]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let found: Vec<_> = told!(heard, Event::Sweep { sweep } => sweep.clone())
        .filter(|sweep| sweep.complete)
        .map(|sweep| sweep.ablation.unwrap().effects[0].bought.clone())
        .collect();
    assert!(found.len() >= 2 && found[0].is_some() && found.first() == found.last(), "{found:?}");
    let path = folder.path().join("raw.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.clone() + "{\"text\": \"Another page\"}\n").unwrap();
    let failed = failures(&play(&folder.path().join("shelf"), vec![make.clone(), train.clone()]));
    assert!(failed.len() == 1 && failed[0].contains("changed since"), "{failed:?}");
    std::fs::write(&path, text).unwrap();
    assert_eq!(failures(&play(&folder.path().join("shelf"), vec![make, train])), Vec::<String>::new());
}

#[test]
fn a_diverged_seed_of_the_whole_recipe_ends_its_twins_and_the_last_one_the_ablation() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[ablate]\nrecipe = \"raw\"\ntokenizers = [\"byte\"]\nseeds = 2\n";
    let [make, (trigger, command)] = ablation(folder.path(), text);
    let Command::Train { mut config, launch } = command else { panic!() };
    config.set("train.steps=40").unwrap();
    (config.train.learning_rate, config.train.gradient_clipping, config.train.warmup_steps) = (1e30, 0.0, 0);
    config.train.guard.mode = crate::protocol::GuardMode::Off;
    let heard = play(&folder.path().join("shelf"), vec![make, (trigger, Command::Train { config, launch })]);
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("left to compare"), "{failed:?}");
    let rows = last(&heard).rows;
    assert_eq!([0, 1].map(|at| rows[at].state), [SweepState::Failed; 2]);
    assert!(rows[1].run.is_none() && rows[1].error.as_ref().unwrap().contains("complete recipe"), "{rows:?}");
}

#[test]
fn an_ablation_that_cannot_work_says_why_and_trains_nothing() {
    for (text, why) in [
        ("[ablate]\nrecipe = \"raw\"", "no rules to leave out"),
        ("[ablate]\nrecipe = \"lihgt\"", "did you mean `light`"),
        (&rules(&["perplexty"]), "did you mean `perplexity`"),
        (&rules(&["perplexity"]), "nothing to compare"),
        (&rules(&["whole"]), "nothing to compare"),
        (
            "[ablate]\nrecipe = \"raw\"\nweights = { pages = [0] }",
            "unknown source of the cleaned text `pages`. Known: raw",
        ),
        ("[ablate]\nrecipe = \"raw\"\nweights = { raw = [0] }", "no text is left"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let heard = play(&folder.path().join("shelf"), ablation(folder.path(), text).to_vec());
        let failed = failures(&heard);
        assert!(failed.len() == 1 && failed[0].contains(why), "{failed:?}");
        assert!(ended(&heard).is_empty());
    }
}

#[test]
fn a_run_on_generated_rows_leaves_the_settings_of_the_project() {
    let shelf = tempfile::tempdir().unwrap();
    let own = Command::Train { config: Box::new(tiny(10)), launch: RunLaunch::default() };
    let mut rows = crate::protocol::presets::preset("parentheses").unwrap();
    (rows.train.steps, rows.train.batch_size, rows.train.eval_interval, rows.train.eval_batches) =
        (2, 4, 2, 1);
    let rows = Command::Train { config: Box::new(rows), launch: RunLaunch::default() };
    let open = || after(Command::OpenProject { id: "p".to_owned() });
    let heard =
        play(shelf.path(), vec![make(), after(own), after(rows), after(Command::CloseProject), open()]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    assert_eq!(ended(&heard), [10, 2]);
    let opened = told!(heard, Event::Project { opened: Some(opened) } => (**opened).clone()).last().unwrap();
    let (tiny, config) = (tiny(10), opened.drafts.train);
    assert_eq!((config.model.width, config.train.steps), (tiny.model.width, tiny.train.steps));
    assert!(config.data.synthetic.is_none());
    assert_eq!(opened.tokenizer.unwrap().config, config.tokenizer);
}

/// Chat rows, a fine-tune of them and a sweep: each begins with settings of its own, and is no model for the next run.
#[test]
fn a_sweep_after_a_fine_tune_trains_new_runs_and_leaves_the_drafts() {
    let shelf = tempfile::tempdir().unwrap();
    let mut base = tiny(10);
    (base.model.context_length, base.model.vocabulary) = (64, 300);
    let mut tuned = RunConfig { start: Some(Start::best_of("1-first-stories")), ..base.clone() };
    tuned.set_objective(Objective::Chat);
    (tuned.train.batch_size, tuned.train.learning_rate, tuned.train.eval_interval) = (2, 0.05, 1);
    tuned.set_steps(4);
    let row = |at: usize| format!("{{\"prompt\": \"Who is {at}?\", \"completion\": \"The owl {at}.\"}}\n");
    let rows: String = (0..20).map(row).collect();
    let drafts = Drafts { tune: Some(tuned.clone()), ..Drafts::new(base.clone()) };
    let launch = RunLaunch { sweep: Some(RATES.to_owned()), ..RunLaunch::default() };
    let search = Command::Train { config: Box::new(drafts.of(DraftOf::Search)), launch };
    let open = || after(Command::OpenProject { id: "p".to_owned() });
    let heard = play(shelf.path(), vec![make(), after(train(base.clone(), None))]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let text = told!(heard, Event::TokenizerReady { tokenizer } => tokenizer.clone()).last().unwrap();
    let place = shelf.path().join("rows.jsonl");
    std::fs::write(&place, rows).unwrap();
    let add = DocumentsChange::Add { names: vec![place.display().to_string()] };
    let saved = Command::SaveDrafts { drafts: Box::new(drafts.clone()) };
    let heard = play(
        shelf.path(),
        vec![open(), after(add), after(saved), after(train(tuned.clone(), None)), after(search), open()],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    assert_eq!(ended(&heard), [4, 10, 10, 10]);
    // Two held-out rows cannot tell which checkpoint is best, so that it is the latest.
    let evaluations = told!(heard, Event::Training { events, .. } => events.clone()).flatten();
    let few: Vec<(f32, bool)> = evaluations
        .filter_map(|event| match event {
            TrainEvent::Eval { step: 1..=4, val_loss, best, .. } => Some((val_loss, best)),
            _ => None,
        })
        .collect();
    assert!(few.len() == 4 && few.iter().all(|(_, best)| *best), "{few:?}");
    assert!(!few.is_sorted_by(|(before, _), (after, _)| before > after), "it only fell: {few:?}");
    let runs = |heard: &[Report]| {
        let mut opened = told!(heard, Event::Project { opened: Some(opened) } => (**opened).clone());
        opened.next_back().unwrap()
    };
    for heard in [heard, play(shelf.path(), vec![open()])] {
        let opened = runs(&heard);
        let starts: Vec<bool> = opened.runs.iter().map(|run| run.start.is_some()).collect();
        assert_eq!(starts, [false, true, false, false, false]);
        assert_eq!(opened.drafts.train.train.learning_rate, base.train.learning_rate, "not the sweep's");
        assert_eq!(opened.drafts.train.train.objective, Objective::Text);
        let tune = opened.drafts.tune.unwrap();
        assert_eq!(
            (tune.train.objective, tune.start.unwrap().run.as_str()),
            (Objective::Chat, "1-first-stories")
        );
        assert_eq!(opened.tokenizer.unwrap().train_tokens, text.train_tokens, "not the chat rows'");
    }
    // Without saved drafts, each kind begins with the settings of its latest run.
    std::fs::remove_file(shelf.path().join("p/next.json")).unwrap();
    let opened = runs(&play(shelf.path(), vec![open()]));
    assert_eq!(opened.drafts.train.train.learning_rate, base.train.learning_rate);
    let tune = opened.drafts.tune.unwrap();
    assert_eq!((tune.train.objective, tune.train.steps), (Objective::Chat, 4));
}
