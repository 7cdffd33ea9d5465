//! Going on by itself after a GPU was lost, as drivers lose them when a kernel hangs, a cable comes loose or the machine sleeps: the
//! device is opened again, and the run goes on from its latest checkpoint.

use crate::error::{Error, Result};
use crate::executor::update::Optimizer;
use crate::executor::{Executor, Opened, TrainingGraphs};
use crate::gpu::Tuning;
use crate::platform;
use crate::project::Run;
use crate::train::checkpoint::Checkpoints;

/// So many losses in a row, without a checkpoint between them, are the device's end.
const MOST: u32 = 3;
/// A driver that starts again takes a moment: so often it is asked, so many seconds apart.
const TRIES: u32 = 6;
const PAUSE: f64 = 0.5;

/// What a session knows of the losses of its device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    losses: u32,
    /// Step of the latest checkpoint at the last of them, where there was one.
    saved: Option<Option<u64>>,
}

impl Recovery {
    /// Opens the device of a run again after an error that says that it was lost, with the kernels that it had; `None` where the
    /// error was another, or the device does not come back. To be called once the lost executor was dropped.
    ///
    /// # Errors
    /// The run's records cannot be read.
    pub async fn reopen(
        &mut self,
        error: &Error,
        run: &Run,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
    ) -> Result<Option<Executor>> {
        let record = run.record()?;
        let Some(device) = record.device.filter(|_| error.is_lost_device()) else { return Ok(None) };
        let checkpoints = Checkpoints::new(run.checkpoints_folder()).list();
        let saved = checkpoints
            .iter()
            .filter(|checkpoint| checkpoint.resumable)
            .map(|checkpoint| checkpoint.step)
            .max();
        self.losses = if self.saved == Some(saved) { self.losses + 1 } else { 1 };
        self.saved = Some(saved);
        if self.losses > MOST {
            return Ok(None);
        }
        let tuning = Tuning::Pinned(device.clone());
        for _ in 0..TRIES {
            platform::pause(PAUSE).await?;
            let opened = Executor::open_tuned(device.request(), graphs, optimizer, threads, &tuning).await;
            if let Ok(Opened { executor, .. }) = opened {
                return Ok(Some(executor));
            }
        }
        Ok(None)
    }
}
