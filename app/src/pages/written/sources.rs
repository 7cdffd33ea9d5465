//! Sources of weights: the run in training, and every checkpoint of every run.

use crate::pages::prelude::*;

pub fn source_name(source: &WeightSource, state: &State) -> String {
    match source {
        WeightSource::Current if state.training.state == TrainingState::Idle => {
            "Latest run, best checkpoint".to_owned()
        }
        WeightSource::Current => format!("In training now, step {}", format::whole(state.training.step())),
        WeightSource::Checkpoint { run, checkpoint } => {
            let Some(run) = state.runs.list.iter().find(|known| known.name == *run) else {
                return format!("{run}, {checkpoint}");
            };
            let is_meant = |own: &&CheckpointSummary| checkpoint.file() == Some(own.file.as_str());
            let found = run.checkpoints.iter().find(is_meant);
            let step =
                found.map_or_else(|| checkpoint.to_string(), |found| checkpoint_name(Some(run), found));
            let size = (run.parameters > 0).then(|| format!(" · {}", format::count(run.parameters)));
            format!("{}, {step}{}", called(run), size.unwrap_or_default())
        }
    }
}

/// The run named by a source; `None` for the current weights.
pub fn named_run(source: &WeightSource) -> Option<&str> {
    match source {
        WeightSource::Current => None,
        WeightSource::Checkpoint { run, .. } => Some(run),
    }
}

/// The start settings of a run based on these weights.
pub fn start_of(source: &WeightSource, state: &State) -> Option<Start> {
    if let WeightSource::Checkpoint { run, checkpoint } = source {
        return Some(Start { checkpoint: checkpoint.clone(), ..Start::best_of(run) });
    }
    state.current_run().map(|run| Start::best_of(&run.name))
}

pub fn run_of<'a>(source: &WeightSource, state: &'a State) -> Option<&'a RunSummary> {
    let run = start_of(source, state)?.run;
    state.runs.list.iter().find(|listed| listed.name == run)
}

/// Why a model cannot generate text; `None` if it can.
pub fn silence(source: &WeightSource, state: &State) -> Option<String> {
    let run = run_of(source, state).filter(|run| !run.writes())?;
    Some(if run.scores() {
        "It scores replies and generates no text.".to_owned()
    } else {
        format!("It classifies texts and generates none: {}", run.labels.join(", "))
    })
}

fn checkpoint_name(run: Option<&RunSummary>, checkpoint: &CheckpointSummary) -> String {
    let of_run = run.and_then(|run| run.bytes_per_token);
    let loss = checkpoint.val_loss.map(|loss| format!(" · validation {}", format::loss_in(of_run, loss)));
    let loss = loss.unwrap_or_default();
    let best = if checkpoint.best { " · best" } else { "" };
    format!("step {}{loss}{best}", format::whole(checkpoint.step))
}

/// The weights of a run's checkpoint.
pub fn source_at(run: &RunSummary, checkpoint: &CheckpointSummary) -> WeightSource {
    WeightSource::Checkpoint { run: run.name.clone(), checkpoint: checkpoint.choice() }
}

/// Weights for a comparison: the best of the previous run, or the earliest trained ones of the same run.
pub fn another_source(source: &WeightSource, state: &State) -> Option<WeightSource> {
    let trained = |run: &&RunSummary| !run.checkpoints.is_empty();
    let latest = state.runs.own().find(trained);
    let run = match source {
        WeightSource::Current => latest.map(|run| run.name.as_str()),
        WeightSource::Checkpoint { run, .. } => Some(run.as_str()),
    };
    let mut others = state.runs.list.iter().rev().filter(|other| Some(other.name.as_str()) != run);
    let best = others.find(trained).and_then(|other| {
        let best = other.checkpoints.iter().find(|checkpoint| checkpoint.best);
        Some(source_at(other, best.or(other.checkpoints.last())?))
    });
    best.or_else(|| {
        let own = state.runs.list.iter().find(|own| Some(own.name.as_str()) == run)?;
        let shown = |checkpoint: &&CheckpointSummary| source_at(own, checkpoint) == *source;
        let mut earlier = own.checkpoints.iter().filter(|checkpoint| checkpoint.step > 0);
        // The default is the run's best or newest checkpoint.
        earlier
            .find(|checkpoint| !shown(checkpoint) && !checkpoint.best)
            .map(|checkpoint| source_at(own, checkpoint))
    })
}

/// A list to choose a source from, over the available width.
pub fn source_ui(ui: &mut Ui, state: &State, name: &str, source: &mut WeightSource) {
    let (shown, width) = (source_name(source, state), ui.available_width());
    choice_or(ui, (name, &shown), source, Some(width), &sources(state));
}

/// Every source with its name, newest first.
pub fn sources(state: &State) -> Vec<(WeightSource, String)> {
    let of_run = |run: &RunSummary| -> Vec<WeightSource> {
        run.checkpoints.iter().rev().map(|checkpoint| source_at(run, checkpoint)).collect()
    };
    let all = std::iter::once(WeightSource::Current).chain(state.runs.list.iter().rev().flat_map(of_run));
    all.map(|source| (source.clone(), source_name(&source, state))).collect()
}
