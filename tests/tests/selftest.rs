//! The self-test passes on all executors, and fails if an executor computes something else.

use glasshouse_engine::selftest::recorded::{RECORDED, of_oracle};
use glasshouse_engine::selftest::{self, Report, SelfTestRow};

fn passes(device: &str) {
    let report = pollster::block_on(selftest::run(device, None)).expect("a device");
    println!("{report}");
    assert!(report.passed(), "{report}");
    assert_eq!(report.rows.len(), 28, "seven comparisons of four models");
    // Bit-identical results everywhere would mean that the device was compared with itself.
    assert!(report.rows.iter().any(|row| row.deviation > 0.0), "the device was compared with itself");
}

#[test]
fn cpu() {
    passes("cpu");
}

#[test]
fn gpu() {
    passes(&crate::common::adapter());
}

#[test]
fn what_is_recorded_is_what_burn_gives() {
    let given = pollster::block_on(of_oracle()).expect("the oracle");
    let near = |left: f32, right: f32, bound: f32| (left - right).abs() <= bound * right.abs();
    let close = |left, right| near(left, right, 1e-6);
    let equal = given.len() == RECORDED.len()
        && given.iter().zip(RECORDED.iter()).all(|(given, recorded)| {
            let steps = given.steps.iter().zip(&recorded.steps);
            given.model == recorded.model
                && close(given.loss, recorded.loss)
                && given.evaluations.iter().zip(recorded.evaluations).all(|(left, right)| close(*left, right))
                && steps
                    .into_iter()
                    .all(|(left, right)| close(left.0, right.0) && near(left.1, right.1, 1e-5))
        });
    let given = serde_json::to_string(&given).unwrap();
    assert!(equal, "engine/src/selftest/recorded.json should say:\n{given}");
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let error = pollster::block_on(selftest::run("no such adapter", None)).expect_err("no device");
    assert!(error.to_string().contains("no such adapter"), "{error}");
}

#[test]
fn one_deviation_fails_the_report_and_is_named() {
    let row = |deviation| SelfTestRow { model: "gpt", what: "gradient".to_owned(), deviation, bound: 5e-5 };
    let good = Report { device: "a device".to_owned(), reference: "another", rows: vec![row(1e-6)] };
    assert!(good.passed() && good.to_string().contains("passed"));
    for deviation in [1e-4, f64::INFINITY, f64::NAN] {
        let bad = Report { rows: vec![row(1e-6), row(deviation)], ..good.clone() };
        assert!(!bad.passed());
        assert!(bad.to_string().contains("FAILED") && bad.to_string().contains("TOO FAR"));
    }
}
