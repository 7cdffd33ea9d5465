//! Runs that go to many GPUs, and come back.

use super::Session;
use crate::error::Result;
use crate::interchange::handover::{HandOver, bring_back, hand_over_in_turns};
use crate::platform::{self, Turns};
use crate::project::archive;
use crate::protocol::Event;
use crate::storage::Staging;
use std::path::PathBuf;

impl Session {
    /// Writes a bundle: to a folder, or packed beside the answer.
    pub(super) async fn hand_over(
        &mut self,
        id: u64,
        (name, device, steps): (Option<&str>, Option<String>, u64),
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let run = self.run_or_latest(name)?;
        let chosen = || Some(self.device.request.clone()).filter(|request| !request.is_empty());
        let device = device.or_else(chosen).unwrap_or_else(|| "auto".to_owned());
        let request = HandOver { run: &run, device: &device, threads: self.options.threads, steps };
        let (turns, outlet) = (Turns::new(), self.outlet.clone());
        let mut progress = |done, total| outlet.progress(done, total);
        let name = format!("{}-bundle", run.name());
        match to {
            Some(to) => {
                let files = hand_over_in_turns(&request, &to, !keep, &turns, &mut progress).await?;
                let files = files.iter().map(|file| file.display().to_string()).collect();
                let path = Some(to.display().to_string());
                self.outlet.answer(id, Event::Exported { name, path, files });
            }
            None => {
                let staging = Staging::inside(run.folder())?;
                let folder = staging.path().join("bundle");
                hand_over_in_turns(&request, &folder, true, &turns, &mut progress).await?;
                let (packed, _) = archive::pack_folder(&folder, &turns).await?;
                let event = Event::Exported { name: format!("{name}.zip"), path: None, files: Vec::new() };
                self.outlet.answer_with(id, event, vec![packed]);
            }
        }
        Ok(())
    }

    /// Makes a run of what was trained with a bundle.
    pub(super) async fn bring_back(&mut self, id: u64, from: PathBuf) -> Result<()> {
        let project = self.opened()?.project.clone();
        let run = platform::aside(move || bring_back(&project, &from)).await??.put()?;
        self.outlet.answer(id, Event::BroughtBack { run: run.summary()? });
        self.list_runs(id)
    }
}
