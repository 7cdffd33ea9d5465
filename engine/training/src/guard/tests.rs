use super::activations::Activations;
use super::*;
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{Objective, presets};

fn config(mode: GuardMode, precision: Precision) -> RunConfig {
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.train.guard.mode = mode;
    config.train.precision = precision;
    config
}

fn guard(mode: GuardMode) -> Guard {
    Guard::new(&config(mode, Precision::F32), None)
}

/// An approximately normally distributed number: the sum of twelve uniform ones minus six.
fn normal(seed: u64, step: u64) -> f32 {
    let even = |at: u64| (nth(seed, step, at) >> 40) as f32 / (1 << 24) as f32;
    (0..12).map(even).sum::<f32>() - 6.0
}

/// Reports of a healthy run: a loss that falls quickly, then slowly, with noise around its mean; a gradient norm that is
/// occasionally larger.
fn healthy(seed: u64, step: u64) -> StepReport {
    let loss = 1.8 + 2.4 * (-(step as f32) / 150.0).exp() + 0.08 * normal(seed, step);
    let gradient_norm = 0.6 * (0.25 * normal(seed ^ 1, step)).exp() + 2.0 * (-(step as f32) / 90.0).exp();
    StepReport { loss, gradient_norm, skipped: false, preference: None }
}

/// The findings of a range of steps, each with its step.
fn watch(
    guard: &mut Guard,
    steps: std::ops::RangeInclusive<u64>,
    report: impl Fn(u64) -> StepReport,
) -> Vec<(u64, Finding)> {
    steps
        .flat_map(|step| guard.step(step, &report(step)).0.into_iter().map(move |found| (step, found)))
        .collect()
}

#[test]
fn ten_healthy_runs_raise_no_alarm_that_acts() {
    for seed in 0..10 {
        let found = watch(&mut guard(GuardMode::Act), 1..=3000, |step| healthy(seed, step));
        let critical: Vec<_> =
            found.iter().filter(|(_, found)| found.severity == GuardSeverity::Critical).collect();
        assert!(critical.is_empty(), "{critical:?}");
    }
}

/// Reports of a fine-tuning run that memorises its text: a loss of 0.000, except for occasional batches, sometimes several in a
/// row, with wrongly predicted tokens.
fn by_heart(seed: u64, step: u64) -> StepReport {
    let falls = (-(step as f32) / 60.0).exp();
    let is_odd = nth(seed, step, 100).is_multiple_of(150)
        || (step % 900 > 890 && nth(seed, step, 101).is_multiple_of(2));
    let wrong = if is_odd { 0.04 + 0.02 * normal(seed, step).abs() } else { 0.0 };
    StepReport {
        loss: 9.6 * falls * (1.0 + 0.02 * normal(seed, step)) + 0.0005 + wrong,
        gradient_norm: 3.0 * falls + 0.004 * (0.25 * normal(seed ^ 1, step)).exp() + 5.0 * wrong,
        skipped: false,
        preference: None,
    }
}

#[test]
fn ten_runs_that_end_at_a_loss_of_nothing_raise_no_alarm() {
    for seed in 0..10 {
        let found = watch(&mut guard(GuardMode::Act), 1..=2400, |step| by_heart(seed, step));
        let told: Vec<_> = found.iter().filter(|(_, found)| found.severity != GuardSeverity::Info).collect();
        assert!(told.is_empty(), "{told:?}");
    }
    // Garbage is still detected.
    let report = |step| StepReport {
        loss: if step == 2000 { 7.5 } else { by_heart(3, step).loss },
        ..by_heart(3, step)
    };
    let found = watch(&mut guard(GuardMode::Act), 1..=2400, report);
    let critical: Vec<_> =
        found.iter().filter(|(_, found)| found.severity == GuardSeverity::Critical).collect();
    let [(2000, spike)] = &critical[..] else { panic!("{critical:?}") };
    assert_eq!(spike.kind, GuardKind::LossSpike);
}

#[test]
fn a_batch_of_garbage_is_seen_at_its_step() {
    let report =
        |step| StepReport { loss: if step == 700 { 7.5 } else { healthy(3, step).loss }, ..healthy(3, step) };
    let found = watch(&mut guard(GuardMode::Note), 1..=900, report);
    let [(700, spike)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (spike.kind, spike.severity, spike.since),
        (GuardKind::LossSpike, GuardSeverity::Critical, 700)
    );
    assert!(spike.value > 10.0 && spike.text.starts_with("The loss of step 700 is 7.500, "), "{spike:?}");
}

#[test]
fn a_loss_that_climbs_is_seen_within_32_steps_and_once_in_a_window() {
    let climbs = |step: u64| StepReport {
        loss: healthy(4, step).loss + step.saturating_sub(500).min(100) as f32 * 0.03,
        ..healthy(4, step)
    };
    let found = watch(&mut guard(GuardMode::Note), 1..=600, climbs);
    let risen: Vec<u64> =
        found.iter().filter(|(_, found)| found.kind == GuardKind::LossRise).map(|(step, _)| *step).collect();
    assert!((501..=532).contains(&risen[0]), "{risen:?}");
    assert_eq!(risen.len(), 1);
}

#[test]
fn a_long_gradient_is_told_of_and_not_acted_on_unless_asked() {
    let report =
        |step| StepReport { gradient_norm: if step == 400 { 60.0 } else { 0.5 }, ..healthy(5, step) };
    let mut guard = guard(GuardMode::Act);
    let found = watch(&mut guard, 1..=500, report);
    let [(400, spike)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((spike.kind, guard.action(spike, 400)), (GuardKind::GradientSpike, GuardAction::Note));
    assert_eq!(spike.severity, GuardSeverity::Warning);
    // A gradient too short to be clipped is no warning if the loss is near 0.
    let report =
        |step| StepReport { gradient_norm: if step == 400 { 0.6 } else { 0.01 }, ..healthy(5, step) };
    let learned = |step| StepReport { loss: 0.001, ..report(step) };
    let of = |report: &dyn Fn(u64) -> StepReport| {
        let found = watch(&mut self::guard(GuardMode::Act), 1..=500, report);
        let [(400, spike)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(spike.kind, GuardKind::GradientSpike);
        assert!(
            spike.text.contains("It is not above 1, the norm that gradients are clipped to"),
            "{spike:?}"
        );
        spike.severity
    };
    assert_eq!([of(&report), of(&learned)], [GuardSeverity::Warning, GuardSeverity::Info]);
}

/// A batch with two anomalies is one event.
#[test]
fn two_findings_of_one_step_lower_the_rate_once() {
    let mut config = config(GuardMode::Act, Precision::F32);
    (config.train.guard.on_spike, config.train.guard.on_gradient_spike) =
        (GuardAction::Lower, GuardAction::Lower);
    let mut guard = Guard::new(&config, None);
    let (loss, gradient) = (finding(GuardKind::LossSpike, 500), finding(GuardKind::GradientSpike, 500));
    assert_eq!(guard.action(&loss, 500), GuardAction::Lower);
    guard.intervene(guard.intervention(&loss, GuardAction::Lower, 500, 501));
    assert_eq!(guard.action(&gradient, 500), GuardAction::Note);
    assert_eq!(guard.action(&gradient, 520), GuardAction::Lower);
    config.train.guard.on_gradient_spike = GuardAction::Skip;
    let mut guard = Guard::new(&config, None);
    guard.intervene(guard.intervention(&loss, GuardAction::Lower, 500, 501));
    assert_eq!(guard.action(&gradient, 500), GuardAction::Skip, "it has not come back");
}

#[test]
fn each_kind_has_an_action_of_its_own() {
    let mut config = config(GuardMode::Act, Precision::F32);
    let kinds = [
        (GuardKind::GradientSpike, "on_gradient_spike", GuardAction::Skip),
        (GuardKind::ExplodingLayer, "on_exploding_layer", GuardAction::GoBack),
        (GuardKind::DeadLayer, "on_dead_layer", GuardAction::GoBack),
        (GuardKind::ExplodingActivations, "on_exploding_activations", GuardAction::GoBack),
        (GuardKind::SilentPart, "on_silent_part", GuardAction::GoBack),
        (GuardKind::Overfitting, "on_overfitting", GuardAction::Lower),
        (GuardKind::Plateau, "on_plateau", GuardAction::Lower),
        (GuardKind::Repetition, "on_repetition", GuardAction::Lower),
    ];
    for (kind, key, action) in kinds {
        // Whatever the severity, the settings decide the action.
        let found = Finding { severity: GuardSeverity::Info, ..finding(kind, 500) };
        assert_eq!(Guard::new(&config, None).action(&found, 500), GuardAction::Note);
        config.set(&format!("train.guard.{key}={}", action.name())).unwrap();
        assert_eq!(Guard::new(&config, None).action(&found, 500), action);
        let notes = RunConfig {
            train: TrainConfig {
                guard: GuardSettings { mode: GuardMode::Note, ..config.train.guard.clone() },
                ..config.train.clone()
            },
            ..config.clone()
        };
        assert_eq!(Guard::new(&notes, None).action(&found, 500), GuardAction::Note);
    }
    // They count towards the retries. A plateau does not make a later finding a recurrence.
    let mut guard = Guard::new(&config, None);
    for seen in [500, 510, 520] {
        let plateau = finding(GuardKind::Plateau, seen);
        assert_eq!(guard.action(&finding(GuardKind::GradientSpike, seen), seen), GuardAction::Skip);
        assert_eq!(guard.action(&plateau, seen), GuardAction::Lower);
        guard.intervene(guard.intervention(&plateau, GuardAction::Lower, seen, seen + 32));
    }
    let plateau = finding(GuardKind::Plateau, 900);
    assert_eq!(
        (guard.asked(&plateau, 900), guard.action(&plateau, 900)),
        (GuardAction::Lower, GuardAction::Note)
    );
}

#[test]
fn an_overflow_of_half_precision_is_the_loss_scale_at_work_until_it_is_not() {
    let overflows =
        |step| StepReport { loss: 2.0, gradient_norm: f32::INFINITY, skipped: step > 200, preference: None };
    let seen = |precision, until| {
        let mut guard = Guard::new(&config(GuardMode::Act, precision), None);
        let found = watch(&mut guard, 1..=until, overflows);
        found.into_iter().map(|(step, found)| (step, found.kind, found.since)).collect::<Vec<_>>()
    };
    // In 32 bits three in a row are too many; in mixed precision, sixteen halvings of the initial scale come first.
    assert_eq!(seen(Precision::F32, 300), [(203, GuardKind::NonFinite, 201)]);
    assert_eq!(seen(Precision::Mixed, 216), []);
    assert_eq!(seen(Precision::Mixed, 300), [(219, GuardKind::NonFinite, 201)]);
    // One halving was enough.
    let once = |step| StepReport { loss: 2.0, gradient_norm: 1.0, skipped: step % 50 == 0, preference: None };
    let found = watch(&mut Guard::new(&config(GuardMode::Act, Precision::Mixed), None), 1..=1000, once);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_is_no_number_is_counted_where_nobody_looks_and_told_where_somebody_does() {
    let nan = |_| StepReport { loss: f32::NAN, gradient_norm: f32::NAN, skipped: true, preference: None };
    let mut off = guard(GuardMode::Off);
    assert_eq!(watch(&mut off, 1..=5, nan), []);
    assert_eq!((off.state.bad_steps, off.remembered()), (5, None));
    let mut note = guard(GuardMode::Note);
    let found = watch(&mut note, 1..=5, nan);
    assert_eq!((found.len(), note.action(&found[0].1, 5)), (1, GuardAction::Note));
}

#[test]
fn an_interrupted_guard_goes_on_to_the_bit() {
    let report = |step| StepReport {
        loss: if step % 300 == 7 { 6.0 } else { healthy(6, step).loss },
        ..healthy(6, step)
    };
    let config = config(GuardMode::Act, Precision::F32);
    let mut straight = Guard::new(&config, None);
    let all = watch(&mut straight, 1..=1000, report);
    let mut first = Guard::new(&config, None);
    let mut parts = watch(&mut first, 1..=431, report);
    let text = serde_json::to_string(&first.remembered().unwrap()).unwrap();
    let mut second = Guard::new(&config, Some(serde_json::from_str(&text).unwrap()));
    parts.extend(watch(&mut second, 432..=1000, report));
    assert_eq!(parts, all);
    assert!(!all.is_empty());
    assert_eq!(second.remembered(), straight.remembered());
}

/// Checks the activations of two parts every hundred steps.
fn look(guard: &mut Guard, scales: &[[f32; 2]], silent: &[&str]) -> Vec<(u64, GuardKind)> {
    let looks = (1_u64..).map(|at| 100 * at).zip(scales);
    let found = looks.flat_map(|(step, scales)| {
        let parts = ["embedding", "blocks.0.attention"].map(str::to_owned);
        let scales = parts.into_iter().zip(*scales).collect();
        let silent = silent.iter().map(|part| (*part).to_owned()).collect();
        assert!(guard.wants_activations(step));
        let found = guard.activations(&Activations { scales, silent }, step, step > 100);
        assert!(!guard.wants_activations(step), "it is known now");
        found.into_iter().map(move |found| (step, found.kind))
    });
    found.collect()
}

#[test]
fn activations_that_explode_are_told_of_when_they_do() {
    let explodes = GuardKind::ExplodingActivations;
    let mut note = guard(GuardMode::Note);
    let all = [[1.0, 2.0], [1.0, 3.0], [1.5, 40.0], [1.5, 50.0], [1.5, f32::INFINITY], [1.0, f32::NAN]];
    assert_eq!(look(&mut note, &all, &[]), [(300, explodes), (500, explodes)]);
    // The state survives a round trip through a checkpoint.
    let state = note.remembered().unwrap();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<GuardState>(&text).unwrap(), state);
    assert_eq!(state.activations.last(), Some(&(600, vec![1.0, 0.0])));
    assert!(!note.wants_activations(650) && note.wants_activations(700));
    // Only the last checks are remembered, and this finding never triggers an action.
    let mut act = guard(GuardMode::Act);
    assert_eq!(look(&mut act, &[[1.0, 1.0]; 20], &[]), []);
    assert_eq!(act.remembered().unwrap().activations.len(), 8);
    assert_eq!(act.action(&finding(explodes, 500), 500), GuardAction::Note);
}

#[test]
fn a_silent_part_is_told_of_once() {
    let mut note = guard(GuardMode::Note);
    let told = look(&mut note, &[[1.0, 1.0]; 4], &["blocks.0.attention"]);
    assert_eq!(told, [(200, GuardKind::SilentPart)], "not before the run is settled");
}

#[test]
fn layers_that_explode_or_learn_nothing_are_told_of_when_they_begin_to() {
    let part = |name: &str, update: f64, is_finite: bool| layers::LayerUpdate {
        name: name.to_owned(),
        update: Some(update),
        is_finite,
    };
    let of = |update: f64, is_finite: bool, dead: &[&str]| layers::Layers {
        parts: vec![part("embedding", 1e-3, true), part("blocks.1", update, is_finite)],
        dead: dead.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut note = guard(GuardMode::Note);
    let mut look = |step: u64, layers: &layers::Layers, is_settled: bool| {
        let found = note.layers(layers, step, is_settled);
        found.into_iter().map(|found| (found.kind, found.text)).collect::<Vec<_>>()
    };
    let (healthy, large) = (of(2e-3, true, &[]), of(0.45, true, &[]));
    assert_eq!(look(100, &large, false), [], "a warm-up's updates are large");
    let told = look(200, &large, true);
    let [(GuardKind::ExplodingLayer, text)] = &told[..] else { panic!("{told:?}") };
    assert!(text.starts_with("An update at step 200 changed the weights of blocks.1 by 45.0 %"), "{text}");
    // Reported once until it recovers; non-finite values are reported at any time.
    assert_eq!((look(300, &large, true), look(400, &healthy, true)), (Vec::new(), Vec::new()));
    let told = look(500, &of(2e-3, false, &[]), false);
    let [(GuardKind::ExplodingLayer, text)] = &told[..] else { panic!("{told:?}") };
    assert!(text.starts_with("Weights of blocks.1 are not finite at step 500."), "{text}");
    let dead = of(2e-3, true, &["blocks.1.mlp.up.weight", "blocks.1.mlp.down.weight"]);
    let told = look(600, &dead, true);
    let [(GuardKind::DeadLayer, text)] = &told[..] else { panic!("{told:?}") };
    let wanted = "No gradient reaches blocks.1.mlp.up.weight and 1 more at step 600";
    assert!(text.starts_with(wanted), "{text}");
    assert_eq!(look(700, &dead, true), []);
    assert_eq!(guard(GuardMode::Off).layers(&large, 200, true), []);
}

#[test]
fn activations_are_not_looked_at_where_nobody_asks() {
    assert!(!guard(GuardMode::Off).wants_activations(100));
    let mut never = config(GuardMode::Note, Precision::F32);
    never.train.guard.activation_interval = 0;
    assert!(!Guard::new(&never, None).wants_activations(100));
    let mut rewards = config(GuardMode::Note, Precision::F32);
    rewards.train.objective = Objective::Reward;
    assert!(!Guard::new(&rewards, None).wants_activations(100));
    assert!(guard(GuardMode::Note).wants_activations(100) && !guard(GuardMode::Note).wants_activations(0));
}

fn finding(kind: GuardKind, since: u64) -> Finding {
    let (severity, text) = (GuardSeverity::Critical, String::new());
    Finding { kind, severity, since, text, value: 9.0, threshold: 6.0 }
}

#[test]
fn what_comes_back_was_not_the_batch_and_retries_are_bounded() {
    let mut guard = guard(GuardMode::Act);
    let spike = finding(GuardKind::LossSpike, 500);
    assert_eq!(guard.action(&spike, 500), GuardAction::Skip);
    guard.intervene(guard.intervention(&spike, GuardAction::Skip, 500, 499));
    assert_eq!(guard.action(&spike, 560), GuardAction::GoBack, "soon after");
    assert_eq!(guard.action(&spike, 900), GuardAction::Skip, "long after");
    guard.intervene(guard.intervention(&spike, GuardAction::GoBack, 560, 400));
    // The last reduction was not enough either; a plateau is not a recurrence.
    let factor = |kind, seen| guard.intervention(&finding(kind, seen), GuardAction::Lower, seen, 400).factor;
    assert_eq!((factor(GuardKind::LossRise, 570), factor(GuardKind::LossRise, 900)), (0.25, 0.5));
    assert_eq!(factor(GuardKind::Plateau, 570), 0.5);
    // The last rollback did not help, so go further back.
    assert_eq!(guard.candidates(&[200, 400], &finding(GuardKind::LossSpike, 570), 570), [200]);
    assert_eq!(guard.candidates(&[400], &finding(GuardKind::LossSpike, 570), 570), [400]);
    assert_eq!(guard.candidates(&[200, 400], &finding(GuardKind::LossSpike, 900), 900), [400, 200]);
    guard.intervene(guard.intervention(&spike, GuardAction::Lower, 700, 732));
    assert_eq!(guard.action(&spike, 2000), GuardAction::Note);
    let [skip, back, lower] = &guard.state.interventions[..] else { panic!() };
    assert_eq!((skip.factor, back.factor, back.until, lower.from), (1.0, 0.5, None, 732));
}

#[test]
fn a_good_state_is_from_before_the_trouble() {
    let guard = guard(GuardMode::Act);
    let at = |kind, since| guard.candidates(&[100, 200], &finding(kind, since), since);
    assert_eq!(at(GuardKind::LossSpike, 201), [200, 100]);
    assert_eq!(at(GuardKind::LossSpike, 200), [100], "its state is the step's own");
    assert_eq!(at(GuardKind::LossRise, 210), [100], "a rise began before it was seen to");
    assert_eq!(at(GuardKind::NonFinite, 50), [0; 0]);
    assert_eq!(at(GuardKind::ExplodingLayer, 201), [200, 100], "both were looked at");
    assert_eq!(at(GuardKind::DeadLayer, 250), [100], "moments fade");
    // Activations were healthy at the last periodic check.
    let mut guard = self::guard(GuardMode::Act);
    look(&mut guard, &[[1.0, 2.0]; 2], &[]);
    assert_eq!(guard.candidates(&[0, 100, 150], &finding(GuardKind::SilentPart, 200), 200), [100, 0]);
}

#[test]
fn a_pair_that_stands_out_is_told_of_and_never_acted_on() {
    let mut config = config(GuardMode::Act, Precision::F32);
    config.train.objective = Objective::Preference;
    let report =
        |step| StepReport { loss: if step == 700 { 7.5 } else { healthy(3, step).loss }, ..healthy(3, step) };
    let mut guard = Guard::new(&config, None);
    let found = watch(&mut guard, 1..=900, report);
    let [(700, spike)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((spike.kind, spike.severity), (GuardKind::LossSpike, GuardSeverity::Info));
    assert_eq!(guard.action(spike, 700), GuardAction::Note);
}

#[test]
fn a_run_of_rewards_is_never_taken_back() {
    let mut config = config(GuardMode::Act, Precision::F32);
    config.train.objective = Objective::Reward;
    let guard = Guard::new(&config, None);
    assert_eq!(guard.action(&finding(GuardKind::NonFinite, 50), 52), GuardAction::Lower);
    assert!(!guard.keeps(0, &config.train));
}

#[test]
fn states_are_kept_by_steps_and_not_in_the_midst_of_trouble() {
    let config = config(GuardMode::Act, Precision::F32);
    let (mut guard, interval) = (Guard::new(&config, None), config.train.checkpoint_interval);
    let kept = |guard: &Guard| [0, interval, interval + 1].map(|step| guard.keeps(step, &config.train));
    assert_eq!(kept(&guard), [true, true, false]);
    guard
        .step(interval, &StepReport { loss: f32::NAN, gradient_norm: 1.0, skipped: false, preference: None });
    assert_eq!(kept(&guard), [false; 3]);
    assert!(!self::guard(GuardMode::Note).keeps(0, &config.train));
}

#[test]
fn overfitting_is_told_when_it_begins() {
    let mut guard = guard(GuardMode::Note);
    let train = [4.0, 2.0, 1.5, 1.2, 1.0, 0.9, 0.8, 0.7];
    let validation = [4.0, 2.1, 1.9, 1.95, 2.0, 2.1, 2.2, 2.3];
    let mut told = Vec::new();
    for (at, (train, validation)) in (0..).zip(train.into_iter().zip(validation)) {
        let losses = (250 * at, train, validation);
        told.extend(
            guard.evaluation(losses, 1.0, 2000).into_iter().map(|found| (losses.0, found.kind, found.since)),
        );
        // Repeated after an interruption.
        assert_eq!(guard.evaluation(losses, 1.0, 2000), []);
    }
    assert_eq!(told, [(1250, GuardKind::Overfitting, 500)]);
}

#[test]
fn a_model_that_is_made_worse_is_told_of_at_the_next_evaluation() {
    let mut guard = guard(GuardMode::Note);
    let losses = [(0, 2.20), (5, 27.5), (10, 8.8), (15, 2.1), (20, 5.64)];
    let told: Vec<_> = losses
        .into_iter()
        .flat_map(|(step, loss)| guard.evaluation((step, loss, loss), 1.0, 20))
        .map(|found| (found.kind, found.value, found.threshold))
        .collect();
    let worse = |value| (GuardKind::WorseThanStart, value, 2.20);
    assert_eq!(told, [worse(27.5), worse(5.64)]);
}

#[test]
fn a_held_out_text_of_another_kind_is_not_blamed_on_the_learning_rate() {
    let blames_rate = |losses: [(f32, f32); 2]| {
        let mut guard = guard(GuardMode::Note);
        let found = (0..)
            .zip(losses)
            .flat_map(|(at, (train, validation))| guard.evaluation((100 * at, train, validation), 1.0, 2000));
        let found: Vec<_> = found.filter(|found| found.kind == GuardKind::WorseThanStart).collect();
        let [worse] = &found[..] else { panic!("{} findings", found.len()) };
        worse.text.contains("learning rate")
    };
    assert!(!blames_rate([(5.5, 5.5), (1.2, 7.0)]));
    assert!(blames_rate([(5.5, 5.5), (7.1, 7.0)]));
    assert!(blames_rate([(5.5, 5.5), (5.5, 7.0)]));
}

#[test]
fn a_plateau_at_the_end_of_a_schedule_is_none() {
    let told = |rate, steps| {
        let mut guard = guard(GuardMode::Note);
        let losses = [4.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0];
        let found =
            (0..).zip(losses).flat_map(|(at, loss)| guard.evaluation((100 * at, loss, loss), rate, steps));
        found.map(|found| (found.kind, found.since)).collect::<Vec<_>>()
    };
    assert_eq!(told(1.0, 2000), [(GuardKind::Plateau, 100)]);
    // A cosine schedule to a tenth of the peak ends here.
    assert_eq!(told(0.1, 2000), []);
    // Too short a part of a long run.
    assert_eq!(told(1.0, 20_000), []);
}

#[test]
fn two_samples_in_circles_are_told_of_once() {
    let (mut guard, circles) = (guard(GuardMode::Note), "round and round it goes ".repeat(20));
    let plain: String = (0..60).map(|word| format!("word{word} ")).collect();
    let told = [&circles, &plain, &circles, &circles, &circles, &plain, &circles, &circles]
        .map(|text| guard.sample(100, text).is_some());
    assert_eq!(told, [false, false, false, true, false, false, false, true]);
}
