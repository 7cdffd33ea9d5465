//! Trains on the oracle: the same steps as our executors, in burn's own operations.

use super::Device;
use super::interpret::{InterpretedValue, Run, expect_count, host};
use crate::device::DeviceKind;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::ops::REPORTED;
use glasshouse_compiler::graph::{Graph, Input, Op, Origin, ParameterId, ValueId};
use glasshouse_compiler::model::{TrainingGraphs, loss_form};
use glasshouse_compiler::muon::{self, Matrix};
use glasshouse_compiler::optimizer::{Optimizer, Rate};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{ArenaState, Data, MicroBatch, StepInput, StepReport};
use glasshouse_platform::{Error, OrInternal, Result};
use glasshouse_protocol::{OptimizerKind, PreferenceMetrics};

/// Trains the model of [`TrainingGraphs`], executing only the forward parts. Weights and moments stay on the device.
pub struct OracleExecutor {
    graphs: TrainingGraphs,
    layout: ArenaLayout,
    optimizer: Optimizer,
    device: Device,
    /// By [`ParameterId`], as matrices.
    parameters: Vec<Tensor<2>>,
    /// By [`ParameterId`]; unused for frozen parameters or if the optimizer has none.
    first_moments: Vec<Tensor<2>>,
    second_moments: Vec<Tensor<2>>,
}

/// Result of a step: loss, averaged gradients (by [`ParameterId`]; `None` for frozen or unused parameters), and preference metrics.
struct Pass {
    loss: f32,
    gradients: Vec<Option<Tensor<2>>>,
    preference: Option<PreferenceMetrics>,
}

impl OracleExecutor {
    /// An executor with zero weights until [`Self::set_state`].
    pub fn new(graphs: &TrainingGraphs, optimizer: Optimizer, device: Device) -> Result<Self> {
        graphs.expect_full(&optimizer, "burn's executor")?;
        let layout = ArenaLayout::new(&graphs.train);
        let mut executor = Self {
            graphs: graphs.clone(),
            layout,
            optimizer,
            device,
            parameters: Vec::new(),
            first_moments: Vec::new(),
            second_moments: Vec::new(),
        };
        executor.set_state(&ArenaState::from_weights(vec![0.0; executor.layout.length]))?;
        Ok(executor)
    }

    pub fn kind(&self) -> DeviceKind {
        self.device.kind()
    }

    pub fn train(&mut self, steps: &[StepInput]) -> Result<Vec<StepReport>> {
        steps.iter().map(|step| self.step(step)).collect()
    }

    /// (mean loss, number of counted rows) of each batch, without dropout.
    pub fn evaluate(&mut self, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        let (graph, loss) = (&self.graphs.evaluate, self.graphs.evaluate_loss);
        let device = self.device.without_autodiff();
        batches
            .iter()
            .map(|batch| {
                let mut run = self.run(graph, batch, &[loss], &self.parameters, &device)?;
                match host::<f32>(run.floats(loss)?)?[..] {
                    [mean, count] => Ok((mean, count)),
                    _ => Err(Error::Internal("a loss has two entries".to_owned())),
                }
            })
            .collect()
    }

    /// The loss of each target of each batch, without dropout; 0 for ignored ones.
    pub fn token_losses(&mut self, batches: &[MicroBatch]) -> Result<Vec<Vec<f32>>> {
        let (graph, loss) = (&self.graphs.evaluate, self.graphs.evaluate_loss);
        let rows = self.graphs.evaluate_rows.or_internal("a graph whose tokens' losses are not kept")?;
        let device = self.device.without_autodiff();
        let of = |batch| {
            let mut run = self.run(graph, batch, &[loss], &self.parameters, &device)?;
            host::<f32>(run.floats(rows)?.narrow(1, 1, 1))
        };
        batches.iter().map(of).collect()
    }

    /// Mean loss of a step's micro-batches and its unclipped gradient in arena layout; the weights stay unchanged.
    pub fn gradients(&mut self, step: &StepInput) -> Result<(f32, Vec<f32>)> {
        let pass = self.pass(step)?;
        let mut arena = vec![0.0; self.layout.trained_end];
        for (number, gradient) in pass.gradients.into_iter().enumerate() {
            if let Some(gradient) = gradient {
                arena[self.layout.range(ParameterId(number as u32))].copy_from_slice(&host::<f32>(gradient)?);
            }
        }
        Ok((pass.loss, arena))
    }

    pub fn state(&mut self) -> Result<ArenaState> {
        let arena = |tensors: &[Tensor<2>], length: usize| -> Result<Vec<f32>> {
            let mut arena = vec![0.0; length];
            for (number, tensor) in tensors.iter().enumerate() {
                let range = self.layout.range(ParameterId(number as u32));
                if range.end <= length {
                    arena[range].copy_from_slice(&host::<f32>(tensor.clone())?);
                }
            }
            Ok(arena)
        };
        let moments = |has: bool, tensors: &[Tensor<2>]| {
            if has { arena(tensors, self.layout.trained_end) } else { Ok(Vec::new()) }
        };
        Ok(ArenaState {
            parameters: arena(&self.parameters, self.layout.length)?.into(),
            first_moments: moments(self.optimizer.first_moments(), &self.first_moments)?,
            second_moments: moments(self.optimizer.second_moments(), &self.second_moments)?,
            ..ArenaState::default()
        })
    }

    /// Sets weights and moments; empty moments mean zeros.
    pub fn set_state(&mut self, state: &ArenaState) -> Result<()> {
        let device = self.device.without_autodiff();
        let weights = self.layout.all_floats(state.parameters.to_vec(), &state.stored);
        let tensors = |arena: &[f32], length: usize| -> Result<Vec<Tensor<2>>> {
            if !arena.is_empty() && arena.len() != length {
                return Err(Error::Internal(format!("an arena of {} floats for {length}", arena.len())));
            }
            let parameters = self.graphs.train.parameters.iter().enumerate();
            let tensor = |(number, parameter): (usize, &glasshouse_compiler::graph::Parameter)| {
                let range = self.layout.range(ParameterId(number as u32));
                let zeros = || vec![0.0; range.len()];
                let numbers = arena.get(range.clone()).map_or_else(zeros, <[f32]>::to_vec);
                device.tensor(TensorData::new(numbers, [parameter.ty.rows(), parameter.ty.columns()]))
            };
            Ok(parameters.map(tensor).collect())
        };
        let (parameters, first, second) = (
            tensors(&weights, self.layout.length)?,
            tensors(&state.first_moments, self.layout.trained_end)?,
            tensors(&state.second_moments, self.layout.trained_end)?,
        );
        (self.parameters, self.first_moments, self.second_moments) = (parameters, first, second);
        Ok(())
    }

    /// Executes the graph's forward part.
    fn run<'run>(
        &self,
        graph: &'run Graph,
        batch: &MicroBatch,
        read: &[ValueId],
        parameters: &[Tensor<2>],
        device: &'run Device,
    ) -> Result<Run<'run>> {
        let mut run = Run::new(graph, device, batch.seed, read);
        let time = graph.find(Origin::Input(Input::Starts)).map(|starts| graph.ty(starts).columns());
        let scores = graph.find(Origin::Input(Input::Scores));
        batch.check(time, scores.map(|scores| graph.ty(scores).count()))?;
        let given = [(Input::Tokens, &batch.tokens), (Input::Targets, &batch.targets)];
        for (input, ids) in
            given.into_iter().chain(batch.document_starts.as_ref().map(|starts| (Input::Starts, starts)))
        {
            if let Some(id) = graph.find(Origin::Input(input)) {
                expect_count(graph, id, ids.len())?;
                run.bind(id, run.value_from_data(id, &Data::U32(ids.clone()))?);
            }
        }
        if let Some(id) = graph.find(Origin::Input(Input::Shares)) {
            let time = graph.find(Origin::Input(Input::Targets)).map_or(1, |ids| graph.ty(ids).columns());
            let ignored = graph.loss_targets().and_then(|targets| targets.ignored);
            run.bind(id, run.value_from_data(id, &Data::F32(batch.shares(time, ignored)))?);
        }
        if let (Some(id), Some(scores)) = (scores, &batch.scores) {
            run.bind(id, run.value_from_data(id, &Data::F32(scores.clone()))?);
        }
        for (number, tensor) in parameters.iter().enumerate() {
            if let Some(id) = graph.find(Origin::Parameter(ParameterId(number as u32))) {
                run.bind(id, InterpretedValue::Floats(tensor.clone()));
            }
        }
        run.forward()?;
        Ok(run)
    }

    fn pass(&self, step: &StepInput) -> Result<Pass> {
        let (graph, loss) = (&self.graphs.train, self.graphs.train_loss);
        let each = 1.0 / step.micro_batches.len() as f64;
        // Without those that the backward pass recomputes.
        let forward = match graph.values[loss.index()].origin {
            Origin::Node(last) => &graph.nodes[..last.index()],
            _ => &[],
        };
        let routers = forward.iter().filter(|node| matches!(node.op, Op::RouterLoss(_)));
        let router_losses: Vec<ValueId> = routers.filter_map(|node| node.outputs.first().copied()).collect();
        let read = [&[loss], &router_losses[..]].concat();
        let preference = loss_form(&self.graphs.spec.train, &self.graphs.spec.model).preference();
        let mut reports = Vec::new();
        let (mut total, mut sums) = (0.0, vec![None; self.parameters.len()]);
        for batch in &step.micro_batches {
            let leaf = |(number, tensor): (usize, &Tensor<2>)| {
                let leaf = tensor.clone().autodiff();
                if graph.parameters[number].trainable { leaf.require_grad() } else { leaf }
            };
            let leaves: Vec<Tensor<2>> = self.parameters.iter().enumerate().map(leaf).collect();
            let mut run = self.run(graph, batch, &read, &leaves, &self.device)?;
            let both = run.floats(loss)?;
            if preference.is_some() {
                let numbers = host::<f32>(both.clone())?;
                reports.extend(numbers.last_chunk::<REPORTED>().copied());
            }
            let mean = both.clone().narrow(1, 0, 1);
            let share = match batch.loss_denominator {
                // The mean of the loss is its sum divided by the requested count.
                Some(denominator) => {
                    each * host::<f64>(both.narrow(1, 1, 1))?.iter().sum::<f64>() / f64::from(denominator)
                }
                None => each,
            };
            let mut objective = mean.clone() * share;
            for rows in &router_losses {
                objective = objective + run.floats(*rows)?.sum_dim(1) * each;
            }
            let mut gradients = objective.backward();
            total += host::<f64>(mean)?.iter().sum::<f64>() * share;
            for (sum, leaf) in sums.iter_mut().zip(&leaves) {
                if let Some(gradient) = leaf.grad_remove(&mut gradients) {
                    *sum = Some(match sum.take() {
                        Some(before) => before + gradient,
                        None => gradient,
                    });
                }
            }
        }
        let preference = preference.and_then(|op| op.of_reports(&reports));
        Ok(Pass { loss: total as f32, gradients: sums, preference })
    }

    fn step(&mut self, step: &StepInput) -> Result<StepReport> {
        let pass = self.pass(step)?;
        let squares: Vec<Tensor<1>> = pass
            .gradients
            .iter()
            .flatten()
            .map(|gradient| (gradient.clone() * gradient.clone()).sum())
            .collect();
        let norm = if squares.is_empty() {
            0.0
        } else {
            host::<f64>(Tensor::cat(squares, 0).unsqueeze::<2>())?.iter().sum::<f64>().sqrt() as f32
        };
        let report =
            StepReport { loss: pass.loss, gradient_norm: norm, skipped: false, preference: pass.preference };
        let Some(scale) = self.optimizer.gradient_scale(norm) else {
            return Ok(StepReport { skipped: true, ..report });
        };
        let (first_correction, second_correction) = self.optimizer.corrections(step.step);
        let rate = Rate { learning_rate: step.learning_rate, first_correction, second_correction };
        for (number, gradient) in pass.gradients.into_iter().enumerate() {
            let parameter = &self.graphs.train.parameters[number];
            if parameter.trainable {
                let decay = if parameter.decayed { self.optimizer.weight_decay } else { 0.0 };
                let gradient = gradient.unwrap_or_else(|| self.parameters[number].zeros_like());
                self.update(number, gradient * f64::from(scale), &rate, f64::from(decay));
            }
        }
        Ok(report)
    }

    /// [`glasshouse_compiler::optimizer::entry`] for a whole parameter, with the already scaled `gradient`.
    fn update(&mut self, number: usize, gradient: Tensor<2>, rate: &Rate, decay: f64) {
        let matrix = Matrix::of(&self.graphs.train.parameters[number], 0);
        let keeps = self.optimizer.keeps_zeros && matrix.is_some();
        let kept = keeps.then(|| self.parameters[number].clone().equal_elem(0.0));
        match matrix.as_ref().filter(|_| self.optimizer.kind == OptimizerKind::Muon) {
            Some(matrix) => {
                self.update_matrix(number, matrix, gradient, f64::from(rate.learning_rate), decay);
            }
            None => {
                let scale = if matrix.is_some() { self.optimizer.step_scale } else { 1.0 };
                self.update_entries(number, gradient, rate, decay, f64::from(scale));
            }
        }
        if let Some(kept) = kept {
            let parameter = &mut self.parameters[number];
            *parameter = parameter.clone().mask_fill(kept, 0.0);
        }
    }

    /// Every optimizer but Muon.
    fn update_entries(&mut self, number: usize, gradient: Tensor<2>, rate: &Rate, decay: f64, scale: f64) {
        let Optimizer { kind, beta1, beta2, eps, .. } = self.optimizer;
        let (beta1, beta2, eps) = (f64::from(beta1), f64::from(beta2), f64::from(eps));
        let learning_rate = f64::from(rate.learning_rate);
        let (first_correction, second_correction) =
            (f64::from(rate.first_correction), f64::from(rate.second_correction));
        let first = &mut self.first_moments[number];
        let second = &mut self.second_moments[number];
        if kind != OptimizerKind::Sgd {
            *second = second.clone() * beta2 + gradient.clone() * gradient.clone() * (1.0 - beta2);
        }
        let step = match kind {
            OptimizerKind::Adamw | OptimizerKind::Adam | OptimizerKind::Muon => {
                *first = first.clone() * beta1 + gradient * ((1.0 - beta1) * scale);
                (first.clone() / first_correction) / ((second.clone() / second_correction).sqrt() + eps)
            }
            OptimizerKind::Sgd => {
                *first = first.clone() * beta1 + gradient;
                first.clone()
            }
            OptimizerKind::Rmsprop => gradient / (second.clone().sqrt() + eps),
        };
        let parameter = &mut self.parameters[number];
        *parameter = parameter.clone() * (1.0 - learning_rate * decay) - step * learning_rate;
    }

    /// Muon's update of a matrix; see [`glasshouse_compiler::muon`].
    fn update_matrix(
        &mut self,
        number: usize,
        matrix: &Matrix,
        gradient: Tensor<2>,
        learning_rate: f64,
        decay: f64,
    ) {
        let momentum = f64::from(muon::MOMENTUM);
        let gradient = gradient * (1.0 - momentum);
        let first = &mut self.first_moments[number];
        *first = first.clone() * momentum + gradient.clone();
        let update = first.clone() * momentum + gradient;
        let steps = matrix.parts().into_iter().map(|part| {
            let rows = part.start / part.columns;
            let x = orthogonalised(&part, update.clone().narrow(0, rows, part.rows));
            x * (learning_rate * f64::from(part.rate()))
        });
        let step = Tensor::cat(steps.collect(), 0);
        let parameter = &mut self.parameters[number];
        *parameter = parameter.clone() * (1.0 - learning_rate * decay) - step;
    }
}

fn orthogonalised(matrix: &Matrix, update: Tensor<2>) -> Tensor<2> {
    let norm = (update.clone() * update.clone()).sum().sqrt().clamp_min(muon::EPS);
    let mut x = update / norm.unsqueeze::<2>();
    if matrix.is_tall() {
        x = x.transpose();
    }
    let [a, b, c] = muon::COEFFICIENTS.map(f64::from);
    for _ in 0..muon::ITERATIONS {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + polynomial.matmul(x);
    }
    if matrix.is_tall() { x.transpose() } else { x }
}
