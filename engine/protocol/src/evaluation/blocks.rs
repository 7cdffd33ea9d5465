//! Evaluations, audits and comparisons as blocks.

use super::{
    AnswerKind, Audit, AuditSection, Baseline, Calibration, Cell, Comparison, Contamination, Evaluation,
    Likelihood, LossGrouping, LossUnit, Metric, Table, TaskAnswer, TaskBaseline, TaskReport, metric_text,
    metric_title,
};
use crate::blocks::{Block, Excerpt, Fact, Section, Series};
use crate::cleaning::table::Unit;
use crate::energy::EnergyUse;
use crate::order;
use crate::quantity::{
    NOTHING, bytes, counted, duration, figures, percent, scientific, tokens_per_second, whole,
};

/// Formats a Unix time in seconds: in local time, or in UTC for a page that is read elsewhere.
pub type Date<'a> = &'a dyn Fn(f64) -> String;

/// Fewer evaluated tokens are no basis for a verdict.
const FEW_TOKENS: u64 = 1000;
/// Maximum lines that could not be evaluated, and answers.
const BROKEN: usize = 10;
const ANSWERS: usize = 8;

/// A whole evaluation, with the run's audit and with other evaluations and the comparisons with them.
pub fn blocks(
    evaluation: &Evaluation,
    audit: Option<&Audit>,
    beside: &[(&Evaluation, Vec<Comparison>)],
    date: Date<'_>,
) -> Vec<Block> {
    let likelihood = evaluation.likelihood.as_ref();
    let own: Vec<_> = likelihood.map(|own| ("this model".to_owned(), own)).into_iter().collect();
    let sections = [
        likelihood.map(|own| text(own, date)),
        baselines(evaluation, &own, date),
        likelihood.map(losses),
        likelihood.and_then(calibration),
        suite(&evaluation.tasks),
    ];
    let tasks = evaluation.tasks.iter().map(|own| {
        let mut section = task(own, date);
        section.blocks.extend(answers(own).block());
        section
    });
    let seen = evaluation.contamination.as_ref().map(|own| {
        let one = likelihood.map_or("document", Likelihood::unit);
        Section::new("Contamination", contamination(one, own))
    });
    let compared =
        beside.iter().map(|(other, pairs)| compared(format!("Comparison with {}", name(other)), pairs));
    let errors = likelihood.into_iter().flat_map(errors);
    let sections = sections.into_iter().flatten().chain(errors).chain(tasks).chain(compared).chain(seen);
    let sections = sections.chain(audit.into_iter().flat_map(|audit| audits(evaluation, audit)));
    let last = sections.chain([about(evaluation, date)]).filter_map(Section::block);
    let first = verdict(evaluation).map(Block::Text).into_iter().chain(warnings(evaluation));
    first.chain([Block::Figures(headline(evaluation))]).chain(last).collect()
}

/// One sentence: how well the model predicts the text compared with the best baseline, or its first task; `None` without either.
pub fn verdict(evaluation: &Evaluation) -> Option<String> {
    let likelihood = evaluation.likelihood.as_ref();
    let leading = likelihood.and_then(|own| {
        let (unit, loss) = LossUnit::leading(&own.metrics)?;
        Some((own, unit.name(), loss.value.filter(|loss| loss.is_finite())?))
    });
    let Some((own, unit, ours)) = leading else {
        let task = evaluation.tasks.first()?;
        let first = task.metrics.first()?;
        return Some(format!("{}: {} {}.", task.name, metric_title(&first.name), first.with_interval()));
    };
    if own.tokens < FEW_TOKENS {
        let few = counted(own.tokens, "token");
        return Some(format!(
            "{few} were evaluated, too few to judge the model: evaluate it on a longer text."
        ));
    }
    let known = |own: &&Baseline| own.bits_per_byte.value.is_some_and(f64::is_finite);
    let value = |own: &Baseline| own.bits_per_byte.value.unwrap_or(f64::INFINITY);
    let best =
        evaluation.baselines.iter().filter(known).min_by(|one, other| value(one).total_cmp(&value(other)));
    let Some(best) = best else {
        let ours = figures(ours);
        return Some(format!("The model needs {ours} {unit}; with baselines, this says how good that is."));
    };
    let (name, theirs) = (&best.name, value(best));
    let interval = best.difference.as_ref().and_then(|difference| difference.interval);
    let numbers = format!("{} {unit} against {}", figures(ours), figures(theirs));
    Some(match interval {
        Some([low, high]) if low <= 0.0 && high >= 0.0 => {
            format!("The model is as good as the best baseline, {name}, within the noise: {numbers}.")
        }
        _ if ours < theirs => format!("The model beats every baseline; the best is {name}: {numbers}."),
        _ => format!("The model does not beat {name}, the best baseline: {numbers}."),
    })
}

pub fn name(evaluation: &Evaluation) -> &str {
    let title = evaluation.model.title.trim();
    if title.is_empty() { &evaluation.run } else { title }
}

/// Warns of much evaluated text seen in training.
pub fn warnings(evaluation: &Evaluation) -> impl Iterator<Item = Block> {
    let of_text = evaluation.contamination.iter().map(|own| ("the evaluated text".to_owned(), own));
    let of_tasks = evaluation.tasks.iter();
    let of_tasks =
        of_tasks.filter_map(|task| Some((format!("the task {}", task.name), task.contamination.as_ref()?)));
    of_text.chain(of_tasks).filter(|(_, own)| own.is_high()).map(|(what, own)| {
        Block::Warning(format!(
            "Contaminated: of {what}, {} of {} texts share {} words in a row with the training text. These results are better than on unseen text.",
            whole(own.found),
            whole(own.looked_up),
            own.n
        ))
    })
}

/// The most important metrics: of the text, or else of the tasks.
fn headline(evaluation: &Evaluation) -> Vec<Fact> {
    let of_text = evaluation.likelihood.iter().flat_map(|likelihood| &likelihood.metrics);
    let wanted = ["bits_per_byte", "perplexity", "token_accuracy"];
    let mut own: Vec<&Metric> =
        wanted.iter().filter_map(|name| of_text.clone().find(|metric| metric.name == *name)).collect();
    if own.is_empty() {
        own = evaluation.tasks.iter().filter_map(|task| task.metrics.first()).take(3).collect();
    }
    let fact = |metric: &Metric| {
        let of = format!("{} {}", whole(metric.count), metric.of);
        let note = metric.between().map_or(of.clone(), |between| format!("{between}, {of}"));
        Fact::new(metric_title(&metric.name), metric.text()).note(note)
    };
    own.into_iter().map(fact).collect()
}

fn metric<'a>(metrics: &'a [Metric], name: &str) -> Option<&'a Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

fn cell(metric: Option<&Metric>) -> Cell {
    metric.map_or_else(|| NOTHING.into(), Cell::from)
}

fn kept(from: Option<f64>, date: Date<'_>) -> Option<Block> {
    from.map(|from| Block::Note(format!("Kept from an evaluation of {}.", date(from))))
}

impl Likelihood {
    /// All metrics, including calibration if available.
    pub fn all_metrics(&self) -> impl Iterator<Item = &Metric> {
        let error = self.calibration.iter().map(|own| &own.ece);
        self.metrics.iter().chain(error.filter(|own| own.value.is_some()))
    }

    /// The evaluated text and the method.
    pub fn about(&self) -> String {
        format!(
            "{} · {} · windows of {} tokens, stride {}",
            counted(self.documents, "document"),
            counted(self.tokens, "token"),
            whole(self.window as u64),
            whole(self.stride as u64)
        )
    }
}

fn text(own: &Likelihood, date: Date<'_>) -> Section {
    let about = format!("Held-out text ({}): {} · {}", own.split, own.about(), bytes(own.bytes));
    let metrics = Block::Metrics(own.all_metrics().cloned().collect());
    Section::new(
        "Prediction",
        [Block::Note(about)].into_iter().chain(kept(own.kept_from, date)).chain([metrics]),
    )
}

/// Models and baselines on the same text, best first.
pub fn baselines<'a>(
    evaluation: &'a Evaluation,
    models: &[(String, &'a Likelihood)],
    date: Date<'_>,
) -> Option<Section> {
    let first = evaluation.baselines.first()?;
    let unit = LossUnit::leading([&first.bits_per_byte]).map_or(LossUnit::Bits, |(unit, _)| unit);
    let loss = |own: &'a Likelihood| LossUnit::leading(&own.metrics).map(|(_, loss)| loss);
    let models = models.iter().filter_map(|(name, own)| {
        let bits = loss(own)?;
        let perplexity = metric(&own.metrics, "perplexity");
        Some((bits, [name.as_str().into(), bits.into(), cell(perplexity), NOTHING.into()]))
    });
    let simpler = evaluation.baselines.iter().map(|own| {
        let perplexity = own.perplexity.map_or_else(|| NOTHING.into(), Cell::Number);
        let difference = cell(own.difference.as_ref());
        (&own.bits_per_byte, [own.name.as_str().into(), (&own.bits_per_byte).into(), perplexity, difference])
    });
    let mut rows: Vec<(&Metric, [Cell; 4])> = models.chain(simpler).collect();
    let value = |metric: &Metric| metric.value.unwrap_or(f64::INFINITY);
    order::sort_by(&mut rows, |(one, _), (other, _)| value(one).total_cmp(&value(other)));
    let rows = rows.into_iter().map(|(_, row)| row);
    let table = Table::new("", ["model", unit.name(), "perplexity", "minus the model's"], rows);
    let ours = evaluation.likelihood.as_ref().and_then(|own| loss(own)?.value);
    let beaten = |theirs: &Metric| theirs.value.zip(ours).is_none_or(|(theirs, ours)| theirs > ours);
    let better: Vec<&str> = evaluation
        .baselines
        .iter()
        .filter(|own| !beaten(&own.bits_per_byte))
        .map(|own| own.name.as_str())
        .collect();
    let better = (!better.is_empty())
        .then(|| Block::Warning(format!("The model does not beat {}.", better.join(", "))));
    let about = format!(
        "{} of the same text: lower is better. A useful model beats the compressors and the n-grams.",
        metric_title(unit.metric())
    );
    let mut abouts: Vec<(&str, Vec<&str>)> = Vec::new();
    for own in evaluation.baselines.iter().filter(|own| !own.about.is_empty()) {
        match abouts.iter_mut().find(|(about, _)| *about == own.about) {
            Some((_, names)) => names.push(&own.name),
            None => abouts.push((&own.about, vec![&own.name])),
        }
    }
    let abouts = abouts.into_iter().map(|(about, names)| format!("{}: {about}", names.join(", ")));
    let abouts = Block::List(abouts.collect());
    let blocks = [Block::Note(about)].into_iter().chain(kept(first.kept_from, date));
    let blocks = blocks.chain([Block::Table(table)]).chain(better).chain([abouts]);
    Some(Section::new("Compared with baselines", blocks).note(unit.name()))
}

/// The loss by groups of tokens.
pub fn losses(own: &Likelihood) -> Section {
    let groups = own.by.iter().flat_map(|by| &by.groups).map(|(_, metric)| metric);
    let unit = LossUnit::leading(groups).map_or(LossUnit::Nats, |(unit, _)| unit);
    let mean = metric(&own.metrics, unit.metric()).and_then(|metric| metric.value);
    let series = own.by.iter().filter(|by| !by.groups.is_empty()).map(|by| {
        let (title, axis) = match by.name {
            LossGrouping::Position => {
                ("By the position in the window: more context, lower loss", Some("position in the window"))
            }
            LossGrouping::Frequency => {
                ("By the token's frequency in the training text", Some("times seen in the training text"))
            }
            LossGrouping::Source => ("By source", None),
        };
        let axis = axis.map(str::to_owned);
        Block::Series(Series { title: title.to_owned(), axis, groups: by.groups.clone(), mean })
    });
    let about = format!("Mean loss in {}, with 95 % intervals.", unit.name());
    let shown = if own.by.is_empty() { 0 } else { usize::MAX };
    let blocks = [Block::Note(about)].into_iter().chain(series).take(shown);
    Section::new("Loss by token", blocks).note(own.about())
}

pub fn calibration(own: &Likelihood) -> Option<Section> {
    let Calibration { bins, ece, temperature, fitted_tokens, checked: [without, with] } =
        own.calibration.as_ref()?;
    let about = "Accuracy of tokens by their confidence (Guo et al. 2017). On the diagonal the model is calibrated; below it, overconfident. Bins of \
                 fewer than 10 tokens are not shown.";
    let fact = |name: &str, metric: &Metric| Fact::new(name, metric.with_interval()).exact(metric.exactly());
    let fitted = match fitted_tokens {
        0 => "fitted on a sample of half of the text".to_owned(),
        tokens => format!("fitted on half of the text, {}", counted(*tokens, "token")),
    };
    let other = format!("of {}", counted(without.count, "token"));
    let facts = vec![
        fact("ECE", ece),
        Fact::new("Fitted temperature", figures(*temperature)).exact(temperature.to_string()).note(fitted),
        fact("ECE of the other half", without).note(other),
        fact("The same, with that temperature", with),
    ];
    let verdict = match temperature {
        _ if without.value.zip(with.value).is_some_and(|(before, after)| after >= before) => {
            "The fitted temperature does not improve calibration on the other half of the text."
        }
        hot if *hot > 1.02 => "The model is overconfident: a higher temperature calibrates it.",
        cold if *cold < 0.98 => "The model is underconfident: a lower temperature calibrates it.",
        _ => "The model is well calibrated.",
    };
    let blocks = [Block::Note(about.to_owned()), Block::Reliability(bins.clone()), Block::Facts(facts)];
    let blocks = blocks.into_iter().chain([Block::Text(verdict.to_owned())]);
    Some(Section::new("Calibration", blocks).note(format!("ECE {}", ece.text())))
}

/// Worst documents and tokens, and kinds of tokens.
pub fn errors(own: &Likelihood) -> impl Iterator<Item = Section> {
    own.errors.iter().map(of_table)
}

fn of_table(table: &Table) -> Section {
    let untitled = Table { title: String::new(), ..table.clone() };
    Section::new(&table.title, [Block::Table(untitled)]).note(counted(table.rows.len() as u64, "row"))
}

/// How much of some texts, each called `one`, occurs in the training text.
pub fn contamination(one: &str, own: &Contamination) -> Vec<Block> {
    let Contamination { n, looked_up, found, share, worst, about } = own;
    let all = counted(*looked_up, one);
    let text = match (looked_up, found) {
        (0, _) => format!("Every {one} was too short to look up in the training text."),
        (_, 0) => format!("None of {all} shares {n} words in a row with the training text."),
        _ => format!(
            "{} of {all} ({}) share {n} words in a row with the training text ({} of all such passages){}.",
            whole(*found),
            percent(*found as f64 / *looked_up as f64),
            percent(*share),
            if own.is_high() { ": the results are better than on unseen text" } else { "" }
        ),
    };
    let text = if own.is_high() { Block::Warning(text) } else { Block::Note(text) };
    let about = (*found > 0 && !about.is_empty()).then(|| Block::Note(about.clone()));
    let rows =
        worst.iter().map(|(text, share)| [text.as_str().into(), Cell::Corpus((*share).into(), Unit::Share)]);
    let worst = Block::Table(Table::new("", ["Most contaminated", "Share of its passages"], rows));
    [text].into_iter().chain(about).chain([worst]).collect()
}

/// The families of a suite of tasks, worst first by the first metric; `None` without any.
pub fn suite(tasks: &[TaskReport]) -> Option<Section> {
    let mut families: Vec<&TaskReport> = tasks.iter().filter(|task| !task.suite.is_empty()).collect();
    let worth = |task: &TaskReport| task.metrics.first().and_then(|metric| metric.value).unwrap_or_default();
    order::sort_by(&mut families, |one, other| worth(one).total_cmp(&worth(other)));
    let mut names: Vec<&str> = Vec::new();
    for metric in families.iter().flat_map(|task| &task.metrics) {
        if !names.contains(&metric.name.as_str()) {
            names.push(&metric.name);
        }
    }
    let row = |task: &&TaskReport| {
        let metrics = names.iter().map(|name| cell(metric(&task.metrics, name)));
        [task.name.as_str().into(), task.rows.into()].into_iter().chain(metrics).collect()
    };
    let rows: Vec<Vec<Cell>> = families.iter().map(row).collect();
    let titles = names.iter().map(|name| metric_title(name));
    let columns = ["family", "rows"].map(str::to_owned).into_iter().chain(titles).collect();
    let all = families.iter().map(|task| task.rows).sum();
    let note = format!(
        "{} · {}",
        counted(rows.len() as u64, "family").replace("familys", "families"),
        counted(all, "row")
    );
    let about = "Each task family on held-out wordings, the worst first. The answers to each are below.";
    let is_any = !rows.is_empty();
    let table = Table { columns, rows, ..Table::default() };
    let blocks = [Block::Note(about.to_owned()), Block::Table(table)];
    is_any.then(|| Section::new("Instruction tasks by family", blocks).note(note))
}

/// A task without its answers.
pub fn task(task: &TaskReport, date: Date<'_>) -> Section {
    let does = match task.kind {
        AnswerKind::Generate => "writes answers",
        AnswerKind::Choose => "chooses among answers by likelihood",
        AnswerKind::Classify => "predicts labels",
        AnswerKind::Tag => "predicts a tag for each word",
        AnswerKind::Continue => "scores continuations",
    };
    let about = task.about.iter().cloned().map(Block::Note);
    let mut blocks: Vec<Block> = kept(task.kept_from, date).into_iter().chain(about).collect();
    blocks.push(Block::Metrics(task.metrics.clone()));
    if !task.broken.is_empty() {
        let count = task.broken.len() as u64;
        let were = if count == 1 { "was" } else { "were" };
        let all = counted(count, "line");
        blocks.push(Block::Warning(format!("{all} {were} left out; the others were evaluated.")));
        let lines =
            task.broken.iter().take(BROKEN).map(|(line, why)| format!("Line {}: {why}", whole(*line)));
        let more = count.saturating_sub(BROKEN as u64);
        let more = (more > 0).then(|| format!("and {} more", whole(more)));
        blocks.push(Block::List(lines.chain(more).collect()));
    }
    blocks.extend(task_baselines(task).map(Block::Table));
    for other in &task.beside {
        if !other.about.is_empty() {
            blocks.push(Block::Note(format!("{}: {}", other.name, other.about)));
        }
        if let Some((line, why)) = other.broken.first() {
            let count = counted(other.broken.len() as u64, "line");
            let line = whole(*line);
            let lost = format!("{count} of {} had no result for a row; line {line}: {why}", other.name);
            blocks.push(Block::Note(lost));
        }
    }
    blocks.extend(task.contamination.iter().flat_map(|own| contamination("row", own)));
    blocks.extend(task.tables.iter().cloned().map(Block::Table));
    // Verbatim, to compare with the package's own output.
    let reports = task.reports.iter().filter_map(|(title, text)| {
        Section::new(format!("{title}, as text"), [Block::Code(text.clone())]).closed().block()
    });
    blocks.extend(reports);
    let note = format!("{} · {does}", counted(task.rows, "row"));
    Section::new(format!("Task {}", task.name), blocks).note(note)
}

/// The model and its baselines: first the metrics they share, then the model's others. `None` without baselines.
fn task_baselines(task: &TaskReport) -> Option<Table> {
    let has = |name: &str| task.beside.iter().any(|other| metric(&other.metrics, name).is_some());
    let metrics: Vec<&Metric> = task.metrics.iter().filter(|metric| has(&metric.name)).collect();
    let mut columns = vec!["model".to_owned()];
    let mut own = vec![Cell::from("this model")];
    for &metric in &metrics {
        columns.extend([metric_title(&metric.name), "this model minus it".to_owned()]);
        own.extend([metric.into(), NOTHING.into()]);
    }
    let row = |other: &TaskBaseline| {
        let mut row = vec![Cell::from(other.name.as_str())];
        for own in &metrics {
            row.push(cell(metric(&other.metrics, &own.name)));
            // Differences have a range of their own.
            let name = format!("difference_{}", own.name);
            let difference = metric(&other.differences, &own.name);
            row.push(cell(difference.map(|metric| Metric { name, ..metric.clone() }).as_ref()));
        }
        row
    };
    let rows = std::iter::once(own).chain(task.beside.iter().map(row)).collect();
    let title = "Baselines on the same rows".to_owned();
    (!metrics.is_empty()).then_some(Table { title, columns, rows, ..Table::default() })
}

/// Sample answers, wrong ones first because they are more informative.
fn answers(task: &TaskReport) -> Section {
    let is_right = |answer: &TaskAnswer| answer.scores.iter().flatten().all(|score| *score >= 1.0);
    let (right, wrong): (Vec<&TaskAnswer>, Vec<&TaskAnswer>) =
        task.answers.iter().partition(|answer| is_right(answer));
    let answers = wrong.into_iter().chain(right).take(ANSWERS).map(|answer| {
        let group = answer.group.iter().map(|group| format!(", {group}")).collect::<String>();
        let expected = answer.expected.join(" | ");
        let told = format!("answer: {}; expected: {expected}", answer.answer);
        let (note, reason) = if is_right(answer) { (told, String::new()) } else { (String::new(), told) };
        let excerpt = Excerpt::new(format!("Line {}{group}", whole(answer.line)), note, &answer.prompt);
        Block::Excerpt(Excerpt { reason, ..excerpt })
    });
    Section::new("Answers", answers).closed()
}

pub fn compared(title: impl Into<String>, pairs: &[Comparison]) -> Section {
    let about = "The first model minus the second, on the documents or rows that both were evaluated on. If the interval includes 0, the \
                 difference may be chance.";
    let about = (!pairs.is_empty()).then(|| Block::Note(about.to_owned()));
    let section = Section::new(title, about.into_iter().chain(comparisons(pairs)));
    section.note(counted(pairs.len() as u64, "comparison"))
}

pub fn comparisons(comparisons: &[Comparison]) -> Vec<Block> {
    if comparisons.is_empty() {
        return vec![Block::Note(
            "The models have no evaluated text or rows in common; evaluate them on the same ones.".to_owned(),
        )];
    }
    let fact = |one: &Comparison| {
        let Comparison { first, second, first_value, second_value, difference, verdict, .. } = one;
        let [own, other] = [*first_value, *second_value].map(|value| metric_text(&difference.name, value));
        let exact =
            format!("{first_value} and {second_value}, of {} {}", whole(difference.count), difference.of);
        let fact = Fact::new(format!("{}: {first} minus {second}", one.title()), one.signed())
            .exact(exact)
            .note(format!("{first} {own}, {second} {other}. {verdict}"));
        Fact { difference: Some(difference.clone()), ..fact }
    };
    vec![Block::Facts(comparisons.iter().map(fact).collect())]
}

fn audits(evaluation: &Evaluation, audit: &Audit) -> Vec<Section> {
    let mut sections: Vec<Section> = audit.sections.iter().map(self::audit).collect();
    if let Some(first) = sections.first_mut().filter(|_| audit.weights_crc32c != evaluation.weights_crc32c) {
        let (checkpoint, step) = (&audit.checkpoint, whole(audit.step));
        let other = format!(
            "The audit and the evaluation have different weights of the run: the audit has {checkpoint}, step {step}."
        );
        first.blocks.insert(0, Block::Warning(other));
    }
    sections
}

/// A part of an audit. The first table has the result; tables about its origin start folded.
pub fn audit(own: &AuditSection) -> Section {
    let AuditSection { name, title, sample, metrics, tables, limits, skipped } = own;
    let title = if title.is_empty() { metric_title(name.name()) } else { title.clone() };
    if let Some(reason) = skipped {
        return Section::new(title, [Block::Note(format!("Skipped: {reason}."))]).note("skipped");
    }
    let sample = (!sample.is_empty()).then(|| Block::Note(sample.clone()));
    let tables = tables
        .iter()
        .enumerate()
        .filter_map(|(place, table)| Section { is_closed: place > 0, ..of_table(table) }.block());
    let metrics = Block::Metrics(metrics.clone());
    Section::new(title, sample.into_iter().chain([metrics]).chain(tables).chain(limitations(limits)))
}

fn limitations(limits: &[String]) -> Option<Block> {
    Section::new("Limitations", (!limits.is_empty()).then(|| Block::List(limits.to_vec()))).block()
}

/// The model, its training, and how the evaluation was made.
pub fn about(evaluation: &Evaluation, date: Date<'_>) -> Section {
    let model = &evaluation.model;
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<(String, String)>| {
        let value = value.filter(|(value, _)| !value.is_empty());
        facts.extend(value.map(|(value, exact)| Fact::new(name, value).exact(exact)));
    };
    let plain = |text: &str| Some((text.to_owned(), String::new()));
    let number = |number: f64| (figures(number), number.to_string());
    let time = |seconds: f64| (duration(seconds), format!("{seconds} s"));
    add("Run", plain(&evaluation.run));
    let weights = format!("CRC-32C {:08x}", evaluation.weights_crc32c);
    let checkpoint = format!("{}, step {}, {weights}", evaluation.checkpoint, whole(evaluation.step));
    add("Checkpoint", plain(&checkpoint));
    add("Parameters", (model.parameters > 0).then(|| (whole(model.parameters), String::new())));
    add("Shape", plain(&model.shape));
    let context = model.context_length as u64;
    add("Context", (context > 0).then(|| (counted(context, "token"), String::new())));
    add("Tokenizer", plain(&model.tokenizer));
    add("Training loss", model.train_loss.map(number));
    add("Best validation loss", model.validation_loss.map(number));
    add("Training time", model.train_seconds.map(time));
    add("Training device", model.train_device.as_deref().and_then(plain));
    let flops = model.train_flops.filter(|flops| flops.is_finite() && *flops > 0.0);
    add("FLOPs", flops.map(|flops| (scientific(flops), flops.to_string())));
    let speed = evaluation.likelihood.as_ref().and_then(|own| own.tokens_per_s);
    add("Evaluation speed", speed.map(|speed| (tokens_per_second(speed), speed.to_string())));
    add("Training paused for", evaluation.held_training_ms.map(|ms| time(ms / 1e3)));
    let (made, device) = (date(evaluation.made.max(0.0)), &evaluation.device);
    add("Evaluated", plain(&format!("{made} on {device} in {}", duration(evaluation.seconds))));
    let resamples = whole(u64::from(evaluation.settings.resamples));
    add("Intervals", plain(&format!("from {resamples} resamples, seed {}", evaluation.settings.seed)));
    let settings = if model.is_from_preset() { "Settings that differ from the preset" } else { "Settings" };
    let lists = [("Trained on", &model.data), (settings, &model.settings)].into_iter().filter_map(
        |(title, lines)| {
            Section::new(title, (!lines.is_empty()).then(|| Block::Code(lines.join("\n")))).block()
        },
    );
    let energy = model.energy.iter().flat_map(EnergyUse::facts);
    facts.extend(energy.map(|fact| Fact::new(fact.name, fact.value).note(fact.exact)));
    let unmeasured = "Energy was not measured, and a device's rated power does not determine it. Multiply the time by a power reading from \
                      your own meter.";
    let unmeasured = model.energy.is_none().then(|| Block::Note(unmeasured.to_owned()));
    let sentence = (!model.about.is_empty()).then(|| Block::Text(model.about.clone()));
    let blocks = sentence.into_iter().chain([Block::Facts(facts)]).chain(unmeasured);
    let unknown = model.data.is_empty().then(|| Block::Note("The training data is not recorded.".to_owned()));
    let blocks = blocks.chain(unknown).chain(lists).chain(limitations(&evaluation.limits));
    Section::new("Model and limitations", blocks).note(counted(model.parameters, "parameter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(metrics: &[(&str, f64)]) -> Vec<Metric> {
        let metric = |(name, value): &(&str, f64)| Metric {
            name: (*name).to_owned(),
            value: Some(*value),
            interval: Some([value - 0.1, value + 0.1]),
            ..Metric::default()
        };
        metrics.iter().map(metric).collect()
    }

    fn table(section: &Section) -> &Table {
        let table = section.blocks.iter().find_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        });
        table.unwrap()
    }

    #[test]
    fn families_are_listed_the_worst_first_and_own_files_apart() {
        let task = |name: &str, suite: &str, own: &[(&str, f64)]| TaskReport {
            name: name.to_owned(),
            suite: suite.to_owned(),
            rows: 7,
            metrics: metrics(own),
            ..TaskReport::default()
        };
        let own = task("qa.jsonl", "", &[("exact_match", 0.1)]);
        assert_eq!(suite(std::slice::from_ref(&own)), None);
        let tasks = [
            task("count", "tasks", &[("pass_rate", 0.75)]),
            own,
            task("story", "tasks", &[("pass_rate", 0.5), ("score", 0.625)]),
        ];
        let section = suite(&tasks).unwrap();
        let table = table(&section);
        assert_eq!(table.columns, ["family", "rows", "Pass rate", "Mean score by the rule"]);
        assert_eq!(table.rows[0][..2], ["story".into(), 7.into()]);
        assert_eq!(table.rows[0][3].text(), "0.6250 (0.5250 to 0.7250)");
        assert_eq!(table.rows[1][3].text(), NOTHING);
    }

    #[test]
    fn the_verdict_is_of_the_best_baseline_and_refuses_little_text() {
        let baseline = |name: &str, bits: f64, difference: f64| Baseline {
            name: name.to_owned(),
            bits_per_byte: metrics(&[("bits_per_byte", bits)]).remove(0),
            difference: Some(metrics(&[("bits_per_byte", difference)]).remove(0)),
            ..Baseline::default()
        };
        let said = |bits: f64, tokens: u64, baselines: Vec<Baseline>| {
            let metrics = metrics(&[("bits_per_byte", bits)]);
            let likelihood = Some(Likelihood { tokens, metrics, ..Likelihood::default() });
            verdict(&Evaluation { likelihood, baselines, ..Evaluation::default() }).unwrap()
        };
        let both = || vec![baseline("gzip", 2.0, 1.5), baseline("3-gram", 0.9, 0.4)];
        let beats = said(0.5, 59_232, both());
        assert!(beats.contains("beats every baseline") && beats.contains("3-gram"), "{beats}");
        assert!(said(1.2, 59_232, vec![baseline("3-gram", 0.9, -0.3)]).contains("does not beat 3-gram"));
        assert!(said(0.9, 59_232, vec![baseline("3-gram", 0.95, 0.05)]).contains("within the noise"));
        assert!(said(0.5, 8, both()).starts_with("8 tokens were evaluated, too few"));
        assert_eq!(verdict(&Evaluation::default()), None);
    }

    #[test]
    fn baselines_are_listed_with_the_metrics_that_they_share() {
        let mut task =
            TaskReport { metrics: metrics(&[("acc", 0.5), ("f1_macro", 0.4)]), ..TaskReport::default() };
        assert!(task_baselines(&task).is_none());
        task.beside.push(TaskBaseline {
            name: "majority".to_owned(),
            metrics: metrics(&[("acc", 0.25)]),
            differences: metrics(&[("acc", 0.25)]),
            ..TaskBaseline::default()
        });
        let table = task_baselines(&task).unwrap();
        assert_eq!(table.columns, ["model", "Accuracy", "this model minus it"]);
        let texts = |row: &[Cell]| row.iter().map(Cell::text).collect::<Vec<_>>();
        assert_eq!(texts(&table.rows[0]), ["this model", "50.0 % (40.0 % to 60.0 %)", NOTHING]);
        assert_eq!(texts(&table.rows[1])[..2], ["majority", "25.0 % (15.0 % to 35.0 %)"]);
    }

    #[test]
    fn an_evaluation_without_results_has_a_section_about_the_model_only() {
        let blocks = blocks(&Evaluation::default(), None, &[], &|_| String::new());
        let is_about =
            |block: &Block| matches!(block, Block::Section(own) if own.title == "Model and limitations");
        assert!(blocks.len() == 2 && is_about(&blocks[1]), "{blocks:?}");
    }

    #[test]
    fn the_first_table_of_an_audit_is_open_and_a_skipped_part_says_why() {
        let tables = ["One", "Two"].map(|title| Table::new(title, ["word"], [["a".into()]]));
        let section = audit(&AuditSection { tables: tables.into(), ..AuditSection::default() });
        let closed = section.blocks.iter().filter_map(|block| match block {
            Block::Section(own) => Some((own.title.as_str(), own.is_closed)),
            _ => None,
        });
        assert_eq!(closed.collect::<Vec<_>>(), [("One", false), ("Two", true)]);
        let skipped = audit(&AuditSection { skipped: Some("no text".to_owned()), ..AuditSection::default() });
        assert_eq!(skipped.blocks, [Block::Note("Skipped: no text.".to_owned())]);
    }

    #[test]
    fn few_documents_are_looked_up_by_passages() {
        let own = Contamination { n: 13, looked_up: 64, found: 2, share: 0.01, ..Contamination::default() };
        let Block::Note(text) = &contamination("passage", &own)[0] else {
            unreachable!("a small share is no warning")
        };
        assert!(text.starts_with("2 of 64 passages (3.1 %) share 13 words in a row"), "{text}");
        let high = Contamination { share: 0.2, ..own };
        assert!(matches!(contamination("row", &high)[0], Block::Warning(_)));
    }
}
