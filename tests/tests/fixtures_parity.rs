//! Every executor against PyTorch: logits, loss, every gradient, and ten AdamW steps of four tiny models.
//!
//! The bounds are relative to a tensor's largest entry. PyTorch's own float32 lies up to 5e-7 (logits), 2e-7 (loss), 2e-6
//! (gradients) and 5e-7 (final weights) from the float64 that the fixtures hold, and another order of summation may cost a few
//! times that. Final weights get more room than logits: a step of Adam divides a gradient by its own size, so that ten steps
//! carry the relative error of each weight's own, perhaps tiny, gradient and no longer that of the tensor's largest.

mod common;

use common::{Fixture, deviation};
use glasshouse_engine::executor::update::Optimizer;
use glasshouse_engine::executor::{ArenaState, Data, MicroBatch};
use glasshouse_engine::graph::{Input, Origin, ParameterId};
use glasshouse_engine::model::{self, Purpose};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::reference::{self, Device, ReferenceExecutor};

const LOSS: f64 = 3e-6;
const LOGITS: f64 = 5e-5;
const GRADIENT: f64 = 5e-5;
const FINAL: f64 = 1e-4;

/// What is compared, and how far it lies apart.
struct Findings {
    device: &'static str,
    fixture: &'static str,
    lines: Vec<(String, f64, f64)>,
}

impl Findings {
    fn compare(&mut self, what: String, got: &[f32], expected: &[f32], bound: f64) {
        self.lines.push((what, deviation(got, expected), bound));
    }

    fn check(self) {
        let wrong: Vec<String> = self
            .lines
            .iter()
            .filter(|(_, apart, bound)| apart > bound)
            .map(|(what, apart, bound)| format!("{what}: {apart:.1e} > {bound:.0e}"))
            .collect();
        let worst = self.lines.iter().max_by(|left, right| (left.1 / left.2).total_cmp(&(right.1 / right.2)));
        println!("{} {}: worst {:?}", self.device, self.fixture, worst);
        assert!(wrong.is_empty(), "{} {}:\n{}", self.device, self.fixture, wrong.join("\n"));
    }
}

fn check(name: &'static str) {
    let fixture = Fixture::load(name);
    let (model, train) = (&fixture.run.model, &fixture.run.train);
    let graphs = model::training_graphs(model, train).expect("graphs");
    let layout = ArenaLayout::of(&graphs.train);
    let names: Vec<String> = graphs.train.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let purpose = Purpose::Loss {
        batch: train.batch,
        time: model.context,
        dropout: false,
        label_smoothing: train.label_smoothing,
        ignore_index: train.ignore_index,
    };
    let forward = model::build(model, purpose).expect("a model");
    let mut inputs: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let id = forward.graph.find(Origin::Parameter(ParameterId(number as u32))).expect("a parameter");
            (id, Data::F32(fixture.floats(&format!("initial.{name}")).to_vec()))
        })
        .collect();
    for (input, name) in [(Input::Tokens, "tokens"), (Input::Targets, "targets")] {
        let id = forward.graph.find(Origin::Input(input)).expect("an input");
        inputs.push((id, Data::U32(fixture.ids(name).to_vec())));
    }

    let mut findings = Findings { device: "reference", fixture: name, lines: Vec::new() };
    let device = Device::flex();
    let read = reference::run_graph(&forward.graph, &inputs, &[forward.logits], &device).expect("a run");
    let [Data::F32(logits)] = &read[..] else { panic!("logits are floats") };
    findings.compare("logits".to_owned(), logits, fixture.floats("logits"), LOGITS);

    let mut executor = ReferenceExecutor::new(&graphs, Optimizer::of(train), device).expect("an executor");
    let parameters = fixture.arena("initial", &names, &layout);
    executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).expect("a state");
    let steps = fixture.steps();
    let (loss, gradients) = executor.gradients(&steps[0]).expect("gradients");
    findings.compare("loss".to_owned(), &[loss], fixture.floats("loss"), LOSS);
    let entries = |arena: &[f32], number: usize| arena[layout.range(ParameterId(number as u32))].to_vec();
    for (number, name) in names.iter().enumerate() {
        let expected = fixture.floats(&format!("gradient.{name}"));
        let got = entries(&gradients, number);
        // A part whose gradient is exactly 0 (key biases) is compared on the scale of its neighbours.
        findings.compare(format!("gradient of {name}"), &got, expected, GRADIENT);
    }
    if train.label_smoothing == 0.0 {
        let batch = MicroBatch {
            tokens: fixture.ids("tokens").to_vec(),
            targets: fixture.ids("targets").to_vec(),
            seed: [0, 0],
        };
        let evaluated = executor.evaluate(&[batch]).expect("an evaluation");
        findings.compare("evaluated loss".to_owned(), &[evaluated[0].0], fixture.floats("loss"), LOSS);
    }
    let reports = executor.train(&steps).expect("steps");
    let losses: Vec<f32> = reports.iter().map(|report| report.loss).collect();
    let norms: Vec<f32> = reports.iter().map(|report| report.gradient_norm).collect();
    findings.compare("losses of ten steps".to_owned(), &losses, fixture.floats("steps.loss"), 10.0 * LOSS);
    findings.compare(
        "norms of ten steps".to_owned(),
        &norms,
        fixture.floats("steps.gradient_norm"),
        GRADIENT,
    );
    let state = executor.state().expect("a state");
    for (number, name) in names.iter().enumerate() {
        let got = fixture.determined(name, &entries(&state.parameters, number));
        let expected = fixture.determined(name, fixture.floats(&format!("final.{name}")));
        findings.compare(format!("final {name}"), &got, &expected, FINAL);
    }
    findings.check();
}

#[test]
fn gpt() {
    check("gpt");
}

#[test]
fn llama() {
    check("llama");
}

#[test]
fn post() {
    check("post");
}

#[test]
fn geglu() {
    check("geglu");
}
