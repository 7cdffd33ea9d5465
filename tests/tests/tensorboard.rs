//! Our event files, read by TensorBoard itself.

use crate::runs::{config, create, project, session, session_until, store};
use glasshouse_engine::project::metrics;
use glasshouse_engine::training::{Options, TrainEvent};
use glasshouse_tests::{output_of, python};
use serde_json::Value;

/// A run that crashed and was resumed: TensorBoard must show the resumed curve, with each step once.
#[test]
fn python_tensorboard_reads_every_scalar_of_a_resumed_run() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session_until(&run, &store, "cpu", Options::default(), |event| event.step() == Some(27)).unwrap();
    session(&run, &store, "cpu", Options::default()).unwrap();
    assert_eq!(std::fs::read_dir(run.tensorboard_folder()).unwrap().count(), 2);
    let told = output_of(python("read_tensorboard.py").arg(run.tensorboard_folder()));
    let scalars: Value = serde_json::from_slice(&told).unwrap();
    let read = |tag: &str| -> Vec<(u64, f32)> {
        let points = scalars[tag].as_array().unwrap_or_else(|| panic!("no {tag} in {scalars}"));
        points.iter().map(|point| (point[0].as_u64().unwrap(), point[1].as_f64().unwrap() as f32)).collect()
    };
    let recorded = metrics::read(&run.metrics_path()).unwrap();
    let steps: Vec<(u64, f32, f32, f32)> = recorded
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Step { step, loss, lr, grad_norm, .. } => {
                Some((*step, *loss, *lr as f32, *grad_norm))
            }
            _ => None,
        })
        .collect();
    assert_eq!(steps.len(), 60);
    assert_eq!(read("loss/train"), steps.iter().map(|step| (step.0, step.1)).collect::<Vec<_>>());
    assert_eq!(read("learning_rate"), steps.iter().map(|step| (step.0, step.2)).collect::<Vec<_>>());
    assert_eq!(read("gradient_norm"), steps.iter().map(|step| (step.0, step.3)).collect::<Vec<_>>());
    assert_eq!(read("tokens_per_second").len(), 60);
    let validation: Vec<(u64, f32)> =
        found!(recorded.iter(), TrainEvent::Eval { step, val_loss, .. } => (*step, *val_loss)).collect();
    assert_eq!(read("loss/validation"), validation);
}
