//! `glasshouse import`: a pretrained model into a project.

use super::arguments::ImportArguments;
use super::driver::drive;
use super::fetch::Shown;
use super::output::bytes;
use super::trained;
use anyhow::Result;
use glasshouse_corpus::catalogue::Length;
use glasshouse_engine::protocol::quantity::{counted, whole};
use glasshouse_engine::protocol::{Command, Event, FetchProgress, ModelSource};
use glasshouse_engine::session;

/// Whether it is in the network, and no path.
fn is_address(text: &str) -> bool {
    ["https://", "http://", "huggingface.co/"].iter().any(|start| text.starts_with(start))
}

pub(super) fn import(arguments: &ImportArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, true).await?;
        let address = arguments.from.to_str().filter(|text| is_address(text));
        let from = match address {
            Some(address) => ModelSource::Address { address: address.to_owned() },
            None => ModelSource::Path { path: std::path::absolute(&arguments.from)? },
        };
        let command = Command::ImportModel { from, context_length: arguments.context };
        let mut imported = false;
        // As long as files are on their way; then the weights are read, which is soon done.
        let mut fetching: Option<Shown> = None;
        let show = |event| {
            match event {
                Event::ModelListed { host, files, bytes: total } => {
                    let size = total.map_or("of unknown size".to_owned(), bytes);
                    tell!("fetching {}, {size}, from {host}", counted(files.len() as u64, "file"));
                    fetching = Some(Shown::new(total.map(Length::Exact), false));
                }
                Event::ImportProgress { done: 0, total } => {
                    if let Some(fetched) = fetching.take() {
                        fetched.clear();
                    }
                    tell!("reading {} of weights", bytes(total));
                }
                Event::ImportProgress { done, total } => {
                    if let Some(fetching) = &mut fetching {
                        fetching.show(FetchProgress::Receiving { done, total });
                    }
                }
                Event::ModelImported { run, class, parameters, shape } => {
                    imported = true;
                    say!("{run}: {class}, {} parameters, {shape}", whole(parameters))?;
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask_until_signal(command, "stopping", show).await?;
        if imported {
            let project = arguments.project.display();
            say!("try it: glasshouse generate --project {project} --prompt \"...\"")?;
            say!("train it on: glasshouse train --from latest --project {project} --data my-text.txt")?;
        }
        Ok(())
    })
}
