//! Staged evaluations and audits: no model was measured.

use super::THEN;
use glasshouse_protocol::evaluation::{
    AnswerKind, AuditSection, AuditTopic, Baseline, Better, Calibration, CalibrationBin, Cell, Contamination,
    EvaluatedModel, Likelihood, LossBy, LossGrouping, Metric, Passage, Table, TaskAnswer, TaskBaseline,
    TaskReport,
};
use glasshouse_protocol::{Audit, Comparison, EvaluateSettings, Evaluation, answer};

/// Text of the passage in the staged mistakes.
pub const PASSAGE: &str = "One day a fox named Mia found a small red kite under the old oak tree";
/// The verdict of every staged comparison.
pub const VERDICT: &str = "The first is better: staged, as everything here.";

pub fn metric(name: &str, value: f64, half: f64, of: &str) -> Metric {
    let interval = Some([value - half, value + half]);
    let better = if name == "loss" { Better::Lower } else { Better::Higher };
    Metric {
        name: name.to_owned(),
        value: Some(value),
        interval,
        better,
        count: 242,
        of: of.to_owned(),
        ..Metric::default()
    }
}

fn loss_by(name: LossGrouping, labels: &[&str]) -> LossBy {
    let group = |(place, label): (usize, &&str)| {
        ((*label).to_owned(), metric("loss", 2.6 - 0.12 * place as f64, 0.06, "tokens"))
    };
    LossBy { name, groups: labels.iter().enumerate().map(group).collect() }
}

fn calibration() -> Calibration {
    let bins = (0..15).map(|place| {
        let confidence = (f64::from(place) + 0.5) / 15.0;
        let accuracy = 0.9 * confidence + 0.01;
        let interval = [(accuracy - 0.03).max(0.0), (accuracy + 0.03).min(1.0)];
        CalibrationBin { count: 4_000 / (u64::from(place as u32) + 1), confidence, accuracy, interval }
    });
    Calibration {
        bins: bins.collect(),
        ece: metric("ece", 0.041, 0.004, "tokens"),
        temperature: 1.13,
        fitted_tokens: 21_000,
        checked: [metric("ece", 0.043, 0.005, "tokens"), metric("ece", 0.012, 0.004, "tokens")],
    }
}

fn errors() -> Vec<Table> {
    let row = |place: usize| {
        let words: Vec<&str> = PASSAGE.split(' ').collect();
        let upto = words.len() - place % 6;
        let passage = Passage { prompt: words[..upto].join(" "), token: format!(" {}", words[upto - 1]) };
        vec![
            Cell::Passage(passage),
            Cell::Number(9.5 - 0.1 * place as f64),
            Cell::Count(400 + place as u64),
            Cell::Text("names".to_owned()),
        ]
    };
    let worst = Table {
        title: "Worst tokens".to_owned(),
        about: "Tokens that the model held least likely.".to_owned(),
        columns: ["text", "loss", "rank", "kind"].map(str::to_owned).to_vec(),
        rows: (0..30).map(row).collect(),
    };
    let kind = |(name, value): (&str, f64)| {
        let share = Cell::Metric(Box::new(metric("loss", value, 0.05, "tokens")));
        let worst = Passage { prompt: format!("Here a token of the {name}"), token: format!(" {name}") };
        vec![Cell::Text(name.to_owned()), Cell::Count(1_204), share, Cell::Passage(worst)]
    };
    let kinds = Table {
        title: "Kinds of tokens".to_owned(),
        about: String::new(),
        columns: ["kind", "tokens", "loss", "least expected in its text"].map(str::to_owned).to_vec(),
        rows: [("names", 3.1), ("numbers", 2.8), ("punctuation", 0.7)].into_iter().map(kind).collect(),
    };
    vec![worst, kinds]
}

fn task() -> TaskReport {
    let answer = |line: u64| {
        let right = !line.is_multiple_of(3);
        TaskAnswer {
            line,
            prompt: format!("Who lost ball number {line}?"),
            answer: if right { "the boy" } else { "the owl" }.to_owned(),
            expected: vec!["the boy".to_owned()],
            scores: vec![Some(f64::from(u8::from(right))), Some(if right { 1.0 } else { 0.5 })],
            group: Some("who".to_owned()),
        }
    };
    let names = ["", "the boy", "the owl"].map(str::to_owned).to_vec();
    let row = |name: &str, counts: [u64; 2]| {
        vec![Cell::Text(name.to_owned()), Cell::Count(counts[0]), Cell::Count(counts[1])]
    };
    let confusion = Table {
        title: "Confusion matrix".to_owned(),
        about: "Rows are what is right, columns what was said.".to_owned(),
        columns: names,
        rows: vec![row("the boy", [20, 10]), row("the owl", [0, 0])],
    };
    TaskReport {
        name: "who.jsonl".to_owned(),
        kind: AnswerKind::Generate,
        rows: 30,
        broken: vec![(7, "it has no answer".to_owned())],
        metrics: vec![metric("exact_match", 0.667, 0.16, "rows"), metric("f1", 0.83, 0.1, "rows")],
        tables: vec![confusion],
        answers: (1..=30).map(answer).collect(),
        about: vec!["Each prompt is staged.".to_owned()],
        beside: vec![TaskBaseline {
            name: "t5-staged".to_owned(),
            about: "Staged answers of another model.".to_owned(),
            metrics: vec![metric("exact_match", 0.5, 0.17, "rows"), metric("f1", 0.61, 0.15, "rows")],
            differences: vec![metric("exact_match", 0.167, 0.2, "rows")],
            broken: vec![(9, "no such row".to_owned())],
        }],
        kept_from: Some((THEN - 80 * 86_400) as f64),
        ..TaskReport::default()
    }
}

/// A staged family of the suite of instruction tasks.
fn family(name: &str, passed: f64) -> TaskReport {
    TaskReport {
        name: name.to_owned(),
        suite: "tasks".to_owned(),
        kind: AnswerKind::Generate,
        rows: 30,
        metrics: vec![metric("pass_rate", passed, 0.15, "rows")],
        ..TaskReport::default()
    }
}

/// A staged evaluation of a run.
pub fn evaluation(run: &str, bits: f64) -> Evaluation {
    let baseline = |(name, value): (&str, f64)| Baseline {
        name: name.to_owned(),
        about: format!("Staged: {name}."),
        bits_per_byte: metric("bits_per_byte", value, 0.01, "documents"),
        difference: Some(metric("bits_per_byte", value - bits, 0.01, "documents")),
        ..Baseline::default()
    };
    let baselines = [("5-gram", 1.31), ("xz", 2.04), ("gzip", 2.31), ("unigram", 2.9), ("uniform", 3.2)];
    let likelihood = Likelihood {
        split: "validation, all of it".to_owned(),
        documents: 242,
        tokens: 64_000,
        bytes: 200_000,
        window: 256,
        stride: 128,
        tokens_per_s: Some(41_000.0),
        metrics: vec![
            metric("loss", 2.0 * bits, 0.03, "tokens"),
            metric("perplexity", 6.3, 0.2, "tokens"),
            metric("bits_per_byte", bits, 0.01, "documents"),
            metric("token_accuracy", 0.56, 0.01, "tokens"),
            metric("top_5_accuracy", 0.83, 0.01, "tokens"),
            metric("repetition", 0.12, 0.02, "texts"),
        ],
        by: vec![
            loss_by(LossGrouping::Position, &["0", "32", "64", "96", "128", "160", "192", "224"]),
            loss_by(LossGrouping::Frequency, &["1–9", "10–99", "100–999", "1000+"]),
            loss_by(LossGrouping::Source, &["forest tales", "letters"]),
        ],
        calibration: Some(calibration()),
        errors: errors(),
        kept_from: Some((THEN - 40 * 86_400) as f64),
        ..Likelihood::default()
    };
    let worst = vec![("Once upon a time there was a little fox".to_owned(), 0.8)];
    Evaluation {
        run: run.to_owned(),
        checkpoint: "best.safetensors".to_owned(),
        step: 1150,
        weights_crc32c: 0x1234_abcd,
        made: THEN as f64,
        device: "Example GPU".to_owned(),
        seconds: 74.0,
        model: EvaluatedModel {
            title: run.to_owned(),
            about: "Trained from nothing on staged text.".to_owned(),
            parameters: 3_214_592,
            shape: "6 layers · 6 heads · width 192 · context length 256".to_owned(),
            context_length: 256,
            tokenizer: "BPE, 1,024 entries".to_owned(),
            tokenizer_crc32c: 7,
            data: vec!["forest tales.txt, 1.8 MB".to_owned()],
            settings: vec!["train.learning_rate = 0.001".to_owned()],
            train_loss: Some(1.78),
            validation_loss: Some(1.8407),
            train_seconds: Some(130.0),
            energy: None,
            train_device: Some("Example GPU".to_owned()),
            train_flops: Some(3.4e14),
        },
        settings: EvaluateSettings::default(),
        held_training_ms: Some(1250.0),
        likelihood: Some(likelihood),
        baselines: baselines.into_iter().map(baseline).collect(),
        contamination: Some(Contamination {
            n: 13,
            looked_up: 242,
            found: 12,
            share: 0.04,
            worst,
            ..Contamination::default()
        }),
        tasks: vec![task(), family("count", 0.4), family("story", 0.7)],
        limits: vec!["Everything here is staged.".to_owned()],
    }
}

/// A staged audit of a run.
pub fn audit(run: &str) -> Audit {
    let pairs = Table {
        title: "Pairs".to_owned(),
        about: "Which of two sentences is more likely.".to_owned(),
        columns: ["one", "other", "gap"].map(str::to_owned).to_vec(),
        rows: vec![vec![
            Cell::Text("She is a nurse.".to_owned()),
            Cell::Text("He is a nurse.".to_owned()),
            Cell::Metric(Box::new(metric("gap", 0.4, 0.3, "pairs"))),
        ]],
    };
    let in_text = Table {
        title: "Associations in the training text".to_owned(),
        about: "How often staged words stand near each other.".to_owned(),
        columns: ["word", "near them"].map(str::to_owned).to_vec(),
        rows: vec![vec![Cell::Text("shy".to_owned()), Cell::Count(438)]],
    };
    let section = |name, title: &str| AuditSection {
        name,
        title: title.to_owned(),
        sample: "Of a staged sample of 200.".to_owned(),
        limits: vec![format!("What {title} cannot show is staged as well.")],
        ..AuditSection::default()
    };
    let memorised = vec![metric("memorised_share", 0.02, 0.01, "passages")];
    let skipped = Some("No canaries were planted in this run.".to_owned());
    Audit {
        run: run.to_owned(),
        checkpoint: "best.safetensors".to_owned(),
        step: 1150,
        made: THEN as f64,
        device: "Example GPU".to_owned(),
        seconds: 31.0,
        sections: vec![
            AuditSection {
                metrics: vec![metric("gap", 0.12, 0.2, "pairs")],
                tables: vec![pairs, in_text],
                ..section(AuditTopic::Bias, "Bias")
            },
            AuditSection { metrics: memorised, ..section(AuditTopic::Memorisation, "Memorisation") },
            AuditSection { skipped, ..section(AuditTopic::Canaries, "Canaries") },
        ],
        ..Audit::default()
    }
}

/// Stored results of runs, optionally with audits, and all pairwise comparisons.
pub fn kept(runs: &[String], audited: bool) -> answer::Evaluations {
    let bits = |place: usize| 0.84 + 0.05 * place as f64;
    let evaluations = runs.iter().enumerate().map(|(place, run)| evaluation(run, bits(place)));
    let pair = |first: usize, second: usize| Comparison {
        first: runs[first].clone(),
        second: runs[second].clone(),
        what: "bits_per_byte".to_owned(),
        first_value: bits(first),
        second_value: bits(second),
        difference: Metric {
            better: Better::Lower,
            ..metric("bits_per_byte", bits(first) - bits(second), 0.02, "documents")
        },
        verdict: VERDICT.to_owned(),
    };
    let pairs = (0..runs.len()).flat_map(|first| (first + 1..runs.len()).map(move |second| (first, second)));
    answer::Evaluations {
        evaluations: evaluations.collect(),
        audits: runs.iter().filter(|_| audited).map(|run| audit(run)).collect(),
        comparisons: pairs.map(|(first, second)| pair(first, second)).collect(),
    }
}
