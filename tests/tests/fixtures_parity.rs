//! Every executor against PyTorch: logits, loss, every gradient, and ten steps of AdamW, or AdamW and Muon, of ten tiny models.
//!
//! The bounds are relative to a tensor's largest entry. PyTorch's own float32 deviates by up to 5e-7 (logits), 2e-7 (loss),
//! 2e-6 (gradients) and 5e-7 (final weights) from the float64 in the fixtures, and a different summation order may cost a few
//! times that. Final weights have a wider bound than logits: a step of Adam divides a gradient by its own magnitude, so after
//! ten steps each weight carries the relative error of its own, possibly tiny, gradient rather than that of the tensor's
//! largest.

use crate::common;
use crate::common::{Fixture, deviation};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::graph::{Graph, Input, Origin, ParameterId, ValueId};
use glasshouse_engine::model::{self, LossForm, Purpose, TrainingGraphs};
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::oracle::{self, Device, OracleExecutor};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::step::{ArenaState, Data, MicroBatch};
use glasshouse_engine::{cpu, gpu};
use pollster::block_on;

const LOSS: f64 = 3e-6;
const LOGITS: f64 = 5e-5;
const GRADIENT: f64 = 5e-5;
const FINAL: f64 = 1e-4;

/// The executor that is compared with PyTorch.
#[derive(Clone, Copy, Debug)]
enum Who {
    Oracle,
    Cpu,
    Gpu,
}

impl Who {
    fn open(self, graphs: &TrainingGraphs, optimizer: Optimizer) -> Executor {
        let open = |name: &str| block_on(Executor::open(name, graphs, optimizer, None)).expect("a device").0;
        match self {
            Self::Oracle => {
                let executor = OracleExecutor::new(graphs, optimizer, Device::flex());
                Executor::Oracle(Box::new(executor.expect("the reference")))
            }
            Self::Cpu => open("cpu"),
            Self::Gpu => open(&common::adapter()),
        }
    }

    fn run(self, graph: &Graph, inputs: &[(ValueId, Data)], read: &[ValueId]) -> Vec<Data> {
        let data = match self {
            Self::Oracle => oracle::run_graph(graph, inputs, read, &Device::flex()),
            Self::Cpu => cpu::run_graph(graph, inputs, read),
            Self::Gpu => block_on(async {
                let device = gpu::Gpu::open(&common::adapter()).await?;
                gpu::run_graph(&device, graph, inputs, read).await
            }),
        };
        data.expect("a run")
    }
}

/// The comparisons so far: name, deviation and bound.
struct Findings {
    who: Who,
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
        println!("{:?} {}: worst {:?}", self.who, self.fixture, worst);
        assert!(wrong.is_empty(), "{:?} {}:\n{}", self.who, self.fixture, wrong.join("\n"));
    }
}

fn check(name: &'static str, who: Who) {
    let fixture = Fixture::load(name);
    let (model, train) = (&fixture.run.model, &fixture.run.train);
    let graphs = model::training_graphs(model, train).expect("graphs");
    let layout = ArenaLayout::new(&graphs.train);
    let names: Vec<String> = graphs.train.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let purpose = Purpose::Loss {
        batch: train.batch_size,
        time: model.context_length,
        dropout: false,
        label_smoothing: train.label_smoothing,
        ignore_index: train.ignore_index,
        documents: false,
        form: LossForm::CrossEntropy,
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

    let mut findings = Findings { who, fixture: name, lines: Vec::new() };
    let read = who.run(&forward.graph, &inputs, &[forward.logits]);
    let [Data::F32(logits)] = &read[..] else { panic!("logits are floats") };
    findings.compare("logits".to_owned(), logits, fixture.floats("logits"), LOGITS);

    let mut executor = who.open(&graphs, Optimizer::new(train));
    let parameters = fixture.arena("initial", &names, &layout);
    block_on(executor.set_state(&ArenaState::from_weights(parameters))).expect("a state");
    let steps = fixture.steps();
    let (loss, gradients) = block_on(executor.gradients(&steps[0])).expect("gradients");
    findings.compare("loss".to_owned(), &[loss], fixture.floats("loss"), LOSS);
    let entries = |arena: &[f32], number: usize| arena[layout.range(ParameterId(number as u32))].to_vec();
    for (number, name) in names.iter().enumerate() {
        let expected = fixture.floats(&format!("gradient.{name}"));
        let got = entries(&gradients, number);
        // A parameter whose gradient is exactly 0 (key biases) is compared on the scale of its neighbours.
        findings.compare(format!("gradient of {name}"), &got, expected, GRADIENT);
    }
    if train.label_smoothing == 0.0 {
        let batch = MicroBatch {
            tokens: fixture.ids("tokens").to_vec(),
            targets: fixture.ids("targets").to_vec(),
            ..MicroBatch::default()
        };
        let evaluated = block_on(executor.evaluate(&[batch])).expect("an evaluation");
        findings.compare("evaluated loss".to_owned(), &[evaluated[0].0], fixture.floats("loss"), LOSS);
    }
    let reports = block_on(executor.train(&steps)).expect("steps");
    let losses: Vec<f32> = reports.iter().map(|report| report.loss).collect();
    let norms: Vec<f32> = reports.iter().map(|report| report.gradient_norm).collect();
    findings.compare("losses of ten steps".to_owned(), &losses, fixture.floats("steps.loss"), 10.0 * LOSS);
    findings.compare(
        "norms of ten steps".to_owned(),
        &norms,
        fixture.floats("steps.gradient_norm"),
        GRADIENT,
    );
    let state = block_on(executor.state()).expect("a state");
    for (number, name) in names.iter().enumerate() {
        let got = fixture.determined(name, &entries(&state.parameters, number));
        let expected = fixture.determined(name, fixture.floats(&format!("final.{name}")));
        findings.compare(format!("final {name}"), &got, &expected, FINAL);
    }
    findings.check();
}

/// Tests all three executors on every fixture.
macro_rules! fixtures {
    ($($name:ident)*) => {$(
        mod $name {
            use super::{Who, check};

            #[test]
            fn on_the_reference() {
                check(stringify!($name), Who::Oracle);
            }

            #[test]
            fn on_cpu() {
                check(stringify!($name), Who::Cpu);
            }

            #[test]
            fn on_gpu() {
                check(stringify!($name), Who::Gpu);
            }
        }
    )*};
}

fixtures! { gpt llama post geglu neox window output sandwich dynamic muon }
