//! Whose weights can write: those in training, and every checkpoint of every run.

use crate::format;
use crate::state::State;
use glasshouse_protocol::{CheckpointSummary, RunSummary, TrainingState, WeightSource};

/// A source's name.
pub(super) fn source_name(source: &WeightSource, state: &State) -> String {
    match source {
        WeightSource::Current if state.training.state == TrainingState::Idle => {
            "Latest run, best checkpoint".to_owned()
        }
        WeightSource::Current => format!("In training now, step {}", format::whole(state.training.step)),
        WeightSource::Checkpoint { run, checkpoint } => {
            let known = state.runs.list.iter().find(|known| known.name == *run);
            let found = known.and_then(|run| run.checkpoints.iter().find(|known| known.file == *checkpoint));
            match found {
                Some(found) => format!("{run}, {}", checkpoint_name(found)),
                None => format!("{run}, {checkpoint}"),
            }
        }
    }
}

fn checkpoint_name(checkpoint: &CheckpointSummary) -> String {
    let loss = checkpoint.val_loss.map_or_else(String::new, |loss| format!(" · loss {}", format::loss(loss)));
    let best = if checkpoint.best { " · best" } else { "" };
    format!("step {}{loss}{best}", format::whole(checkpoint.step))
}

/// Every source, newest first, with its name.
pub(super) fn sources(state: &State) -> Vec<(WeightSource, String)> {
    let of_run = |run: &RunSummary| -> Vec<WeightSource> {
        let source = |checkpoint: &CheckpointSummary| WeightSource::Checkpoint {
            run: run.name.clone(),
            checkpoint: checkpoint.file.clone(),
        };
        run.checkpoints.iter().rev().map(source).collect()
    };
    let all = std::iter::once(WeightSource::Current).chain(state.runs.list.iter().rev().flat_map(of_run));
    all.map(|source| (source.clone(), source_name(&source, state))).collect()
}
