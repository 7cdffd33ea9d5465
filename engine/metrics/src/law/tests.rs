use super::*;
use glasshouse_protocol::LadderSize;

/// E + A·x^−α at sizes a factor 2 apart, with normal noise of this relative size.
fn planted(irreducible: f64, exponent: f64, count: i32, noise: f64, seed: u64) -> Vec<Point> {
    let mut normal = normals(1_000_000 + seed);
    let at = |power: i32| {
        let x = 1e4 * 2_f64.powi(power);
        let loss = (irreducible + 40.0 * x.powf(-exponent)) * (noise * normal()).exp();
        Point { x, loss, error: 0.0 }
    };
    (0..count).map(at).collect()
}

#[test]
fn an_exact_law_is_recovered() {
    let law = Fit::new(&planted(0.0, 0.3, 4, 0.0, 0)).unwrap().law(LawOf::Parameters);
    assert!((law.exponent - 0.3).abs() < 1e-6 && (law.coefficient / 40.0 - 1.0).abs() < 1e-4, "{law:?}");
    assert_eq!(law.irreducible, None);
    let fit = Fit::new(&planted(1.5, 0.35, 7, 0.0, 0)).unwrap();
    let law = fit.law(LawOf::Parameters);
    assert!((law.exponent - 0.35).abs() < 0.01 && (law.irreducible.unwrap() - 1.5).abs() < 0.03, "{law:?}");
    let (loss, _) = fit.predict(1e7);
    assert!((loss / (1.5 + 40.0 * 1e7_f64.powf(-0.35)) - 1.0).abs() < 0.01, "{loss}");
}

/// Losses of five runs whose residuals are beyond Huber's limit, where the steps are small.
#[test]
fn the_fit_is_at_its_minimum() {
    let runs = [(8304.0, 4.3784876), (14952.0, 4.1194496), (32760.0, 3.6006927), (72048.0, 2.9051604)];
    let runs = [&runs[..], &[(95704.0, 2.7561758)]].concat();
    let points: Vec<(f64, f64)> =
        runs.iter().map(|(size, loss)| (libm::log(size / 30000.0), libm::log(*loss))).collect();
    for points in [&points[..4], &points[..]] {
        let (fitted, objective) = Curve::fitted(0.0, points);
        let around = |scale: f64, exponent: f64| {
            let curve = Curve { irreducible: 0.0, scale, exponent };
            points.iter().map(|(u, log)| huber(log - curve.log_loss(*u))).sum::<f64>()
        };
        // A fine grid around it finds no lower one, and the exponent is that of least loss.
        for (at, of) in (-100..=100).flat_map(|at| (-100..=100).map(move |of| (f64::from(at), f64::from(of))))
        {
            let other = around(fitted.scale + 2e-4 * at, fitted.exponent + 2e-4 * of);
            assert!(objective <= other * (1.0 + 1e-9), "{objective} {other} {fitted:?}");
        }
    }
    assert!((Curve::fitted(0.0, &points).0.exponent - 0.2161).abs() < 1e-4);
}

/// A 95 % interval misses sometimes; over these seeds it must hold the truth most of the time.
#[test]
fn intervals_hold_the_planted_exponent_and_the_next_loss() {
    for (irreducible, count) in [(0.0, 4), (1.0, 6)] {
        let (mut exponents, mut losses) = (0, 0);
        for seed in 0..20 {
            let points = planted(irreducible, 0.3, count + 1, 0.01, seed);
            let (last, others) = points.split_last().unwrap();
            let fit = Fit::new(others).unwrap();
            let law = fit.law(LawOf::Parameters);
            let holds = |[low, high]: [f64; 2], value: f64| low <= value && value <= high;
            exponents += u32::from(holds(law.exponent_interval, 0.3));
            losses += u32::from(holds(fit.predict(last.x).1, last.loss));
        }
        assert!(exponents >= 16 && losses >= 16, "{irreducible}: {exponents} and {losses} of 20");
    }
}

#[test]
fn more_noise_and_fewer_points_widen_the_interval() {
    let width = |count, noise| {
        let fit = Fit::new(&planted(0.0, 0.3, count, noise, 3)).unwrap();
        let [low, high] = fit.law(LawOf::Tokens).exponent_interval;
        high - low
    };
    assert!(width(4, 0.02) > 2.0 * width(4, 0.002));
    let noisy =
        planted(0.0, 0.3, 4, 0.0, 0).into_iter().map(|point| Point { error: 0.02 * point.loss, ..point });
    let [low, high] = Fit::new(&noisy.collect::<Vec<_>>()).unwrap().predict(1e6).1;
    assert!(high / low > 1.04, "evaluation noise counts where the residuals are 0: {low} to {high}");
}

#[test]
fn too_few_points_are_refused_with_the_number_needed() {
    let error = Fit::new(&planted(0.0, 0.3, 2, 0.0, 0)).unwrap_err();
    assert!(error.contains("at least 3") && error.contains("2 so far"), "{error}");
    let same = vec![Point { x: 1.0, loss: 2.0, error: 0.0 }; 9];
    assert!(Fit::new(&same).unwrap_err().contains("1 so far"));
    let broken =
        [f64::NAN, f64::INFINITY, 0.0, -1.0].map(|loss| Point { x: 1.0 + loss.abs(), loss, error: 0.0 });
    assert!(Fit::new(&broken).is_err());
}

#[test]
fn the_largest_run_is_predicted_before_it_is_trained_and_compared_afterwards() {
    let row = |(at, point): (usize, Point)| SweepRow {
        size: Some(LadderSize {
            parameters: point.x as u64,
            tokens: 20 * point.x as u64,
            flops: 120.0 * point.x.powi(2),
        }),
        state: if at < 4 { SweepState::Finished } else { SweepState::Waiting },
        loss: (at < 4).then_some(point.loss as f32),
        ..SweepRow::default()
    };
    let points = planted(0.0, 0.3, 5, 0.005, 1);
    let mut rows: Vec<SweepRow> = points.iter().copied().enumerate().map(row).collect();
    let before = scaling(&rows).prediction.unwrap();
    assert!(before.measured.is_none() && before.runs == 4);
    (rows[4].state, rows[4].loss) = (SweepState::Finished, Some(points[4].loss as f32));
    let after = scaling(&rows);
    let prediction = after.prediction.unwrap();
    assert_eq!(
        (prediction.loss, prediction.interval),
        (before.loss, before.interval),
        "the last run changes nothing"
    );
    assert!(prediction.error.unwrap().abs() < 0.05, "{prediction:?}");
    let [parameters, tokens, flops] = &after.laws[..] else { panic!("{:?}", after.laws) };
    assert!((parameters.exponent - tokens.exponent).abs() < 1e-3);
    assert!((parameters.exponent / flops.exponent - 2.0).abs() < 0.05, "{parameters:?} {flops:?}");
    rows[0].state = SweepState::Begun;
    assert_eq!(scaling(&rows).prediction, None, "not all smaller runs have ended");
}
