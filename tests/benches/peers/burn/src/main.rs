//! burn on the speed table's training benchmark: training steps of a model with nanoGPT's shape, using burn's own modules and
//! its AdamW.
//!
//! ```text
//! peer-burn flex|wgpu PROBLEM HEADS REPEATS      PROBLEM: weights, tokens and targets (../problem.py)
//! ```
//!
//! Prints one JSON line: the device, and the loss (before the update) and milliseconds of every step, including the warm-up.
//! `CUBECL_WGPU_DEFAULT_DEVICE` overrides burn's choice of adapter. burn clips each parameter's gradient separately, so the
//! norm of all gradients is computed here, on the device to avoid waiting for it.

mod model;

use anyhow::{Context, Result, bail};
use burn::module::ParamGroup;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use model::{Model, Problem};
use serde_json::json;
use std::time::Instant;

/// Steps before the measurement starts; the runner drops the same number.
const WARM_UP: usize = 3;
/// If a step takes longer than this, only a few are measured.
const SLOW_MS: f64 = 5000.0;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [backend, path, heads, repeats] = &arguments[..] else {
        bail!("usage: peer-burn flex|wgpu PROBLEM HEADS REPEATS");
    };
    let (device, name) = device(backend)?;
    let device = device.autodiff();
    let problem = Problem::read(path)?;
    let ids = |name: &str| {
        let (ids, shape) = problem.ids(name)?;
        anyhow::Ok(Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &device))
    };
    let (tokens, targets) = (ids("tokens")?, ids("targets")?.flatten::<1>(0, 1));
    let mut model = Model::new(&problem, heads.parse()?, &device)?;
    let mut optimizer = optimizer(&model);
    let (mut losses, mut milliseconds) = (Vec::new(), Vec::new());
    let mut steps = (WARM_UP + repeats.parse::<usize>()?).max(21);
    while losses.len() < steps {
        let began = Instant::now();
        let loss = model.loss(tokens.clone(), targets.clone());
        let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
        clip(&mut gradients, &model);
        model = optimizer.step(1e-3, model, gradients);
        losses.push(loss.into_scalar::<f32>());
        device.sync().context("the device stopped")?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
        if losses.len() == 2 && milliseconds.last().is_some_and(|&last| last > SLOW_MS) {
            steps = 4;
        }
    }
    println!("{}", json!({ "device": name, "losses": losses, "milliseconds": milliseconds }));
    Ok(())
}

fn device(backend: &str) -> Result<(Device, &'static str)> {
    match backend {
        "flex" => Ok((Device::flex(), "cpu")),
        #[cfg(feature = "wgpu")]
        "wgpu" => {
            let device =
                Device::wgpu_options().init().context("burn-wgpu finds no adapter that it can use")?;
            Ok((device, "burn's default adapter"))
        }
        other => {
            bail!("{other} is no backend of this build; flex is, and wgpu with the feature of that name")
        }
    }
}

/// AdamW with weight decay on matrices only.
fn optimizer(model: &Model) -> ModuleOptimizer {
    let settings = |decay| AdamWConfig::new().with_beta_2(0.99).with_epsilon(1e-8).with_weight_decay(decay);
    let vectors = ParamGroup::from_ids(model.vectors().iter().map(|parameter| parameter.id).collect());
    settings(0.1).init().with_group(vectors, settings(0.0).build(), None)
}

/// Scales all gradients so that their joint norm is at most 1.
fn clip(gradients: &mut GradientsParams, model: &Model) {
    let mut matrices = Vec::new();
    for parameter in model.matrices() {
        matrices.extend(gradients.remove::<2>(parameter.id).map(|gradient| (parameter.id, gradient)));
    }
    let mut vectors = Vec::new();
    for parameter in model.vectors() {
        vectors.extend(gradients.remove::<1>(parameter.id).map(|gradient| (parameter.id, gradient)));
    }
    let of_matrices = matrices.iter().map(|(_, gradient)| (gradient.clone() * gradient.clone()).sum());
    let of_vectors = vectors.iter().map(|(_, gradient)| (gradient.clone() * gradient.clone()).sum());
    let Some(squares) = of_matrices.chain(of_vectors).reduce(|sum, square| sum + square) else { return };
    let scale = (squares.sqrt() + 1e-6).recip().clamp_max(1.0);
    for (id, gradient) in matrices {
        gradients.register(id, gradient * scale.clone().unsqueeze::<2>());
    }
    for (id, gradient) in vectors {
        gradients.register(id, gradient * scale.clone());
    }
}
