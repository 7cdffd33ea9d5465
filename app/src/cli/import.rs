//! `glasshouse import`: imports a pretrained model into a project.

use super::fetch::DownloadProgress;
use super::prelude::*;
use glasshouse_documents::catalogue::Length;

/// Whether it is a network address rather than a path.
pub(super) fn is_address(text: &str) -> bool {
    ["https://", "http://", "huggingface.co/"].iter().any(|start| text.starts_with(start))
}

/// Whether the text is a place of a pretrained model rather than a run's name: an address, a path with a folder, a GGUF file, or
/// a folder with a `config.json`.
pub(super) fn is_place(text: &str) -> bool {
    let has_folder = text.contains(['/', '\\']) || text == "." || text == "..";
    let is_model = || Path::new(text).join("config.json").is_file();
    is_address(text) || has_folder || text.to_ascii_lowercase().ends_with(".gguf") || is_model()
}

pub(super) fn import(arguments: &ImportArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, true).await?;
        let imported = import_from(engine, &arguments.from, arguments.context_length, false).await?;
        if let Some((run, about)) = imported {
            let project = arguments.project.display();
            say!("{run}: {about}")?;
            say!("try it: glasshouse generate --project {project} --prompt \"...\"")?;
            say!("train it further: glasshouse train --from latest --project {project} --data my-text.txt")?;
        }
        Ok(())
    })
}

/// Imports a model into the open project, as its latest run or only for comparison; returns the run and a description of a few words.
/// Files that were imported before give the same run. `None` if interrupted.
pub(super) async fn import_from(
    engine: &mut Engine,
    place: &Path,
    context_length: Option<usize>,
    for_comparison: bool,
) -> Result<Option<(String, String)>> {
    let from = match place.to_str().filter(|text| is_address(text)) {
        Some(address) => ModelSource::Address { address: address.to_owned() },
        None => ModelSource::Path { path: std::path::absolute(place)? },
    };
    let mut imported = None;
    // Only while files are fetched; reading the weights is fast.
    let mut fetching: Option<DownloadProgress> = None;
    let show = |event| {
        match event {
            Event::Importing(ImportStep::Listed { host, files, bytes: total }) => {
                let size = total.map_or("of unknown size".to_owned(), bytes);
                report!("fetching {}, {size}, from {host}", counted(files.len() as u64, "file"));
                fetching = Some(DownloadProgress::new(total.map(Length::Exact), false));
            }
            Event::Progress { done: 0, total, .. } => {
                fetching = None;
                report!("reading {} of weights", bytes(total));
            }
            Event::Progress { done, total, .. } => {
                if let Some(fetching) = &mut fetching {
                    fetching.show(FetchProgress::Receiving { done, total });
                }
            }
            Event::RunAdded(added) => imported = Some((added.run.name, added.about)),
            event => trained::note(&event),
        }
        Ok(())
    };
    let command = Command::ImportModel { from, context_length, for_comparison };
    engine.ask_until_signal(command, "stopping", show).await?;
    Ok(imported)
}

#[derive(Args, Debug)]
pub struct ImportArguments {
    /// Model to import: a Hugging Face folder, a GGUF file, or the URL of either
    ///
    /// A folder has config.json, model.safetensors (or its shards) and tokenizer.json. A URL may be written as huggingface.co/OWNER/NAME.
    #[arg(value_name = "DIR|FILE.gguf|URL")]
    pub from: PathBuf,
    /// Project folder; created if missing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Context length to keep [default: 2048, or the model's own]
    #[arg(long, value_name = "TOKENS")]
    pub context_length: Option<usize>,
}
